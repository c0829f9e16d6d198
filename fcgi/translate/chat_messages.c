/* SPDX-License-Identifier: MIT */
/*
 * chat_messages.c: messages to contents.
 *
 * One walk over the messages. System texts are gathered apart. Neighbours of
 * one role become one content; a run of assistant messages becomes one model
 * turn, and when it called functions, the content with all their results
 * follows it at once, wherever the client put them (chat_calls.c).
 */
#include "base/auto.h"
#include "translate/chat_own.h"
#include "translate/media.h"
#include "translate/shape.h"

#include <stdlib.h>
#include <string.h>

enum role { ROLE_UNKNOWN, ROLE_SYSTEM, ROLE_USER, ROLE_MODEL, ROLE_RESULT };

static enum role role_of(const json_t *message)
{
    static const struct {
        const char *name;
        enum role role;
    } roles[] = {
        {"system", ROLE_SYSTEM},   {"developer", ROLE_SYSTEM}, {"user", ROLE_USER},
        {"assistant", ROLE_MODEL}, {"model", ROLE_MODEL},      {"tool", ROLE_RESULT},
        {"function", ROLE_RESULT},
    };
    const char *name = shape_text(message, "role");
    for (size_t i = 0; name != NULL && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].role;
    return ROLE_UNKNOWN;
}

/* Appends the Gemini parts of a message's content: a text, or an array of parts. */
static bool draft_content(struct draft *d, const json_t *content, const char *path, json_t *parts)
{
    if (content == NULL)
        return true;
    if (json_is_string(content)) {
        if (json_string_length(content) > 0)
            json_array_append_new(parts, json_pack("{s:O}", "text", content));
        return true;
    }
    if (!json_is_array(content))
        return chat_wrong(d->f, path, ".content", "'%s.content' must be a string or an array of parts.",
                          path);
    size_t i;
    json_t *one;
    json_array_foreach(content, i, one) {
        char below[CHAT_PATH_MAX];
        snprintf(below, sizeof below, "%.60s.content[%zu]", path, i);
        json_t *part = chat_part(d, one, below);
        if (part == NULL && d->f->kind != FAULT_NONE)
            return false;
        if (part != NULL)
            json_array_append_new(parts, part);
    }
    return true;
}

/* --- one message of each role ----------------------------------------------------------------- */

static bool draft_system(struct draft *d, const json_t *message, const char *path)
{
    json_auto_t *parts = json_array();
    if (!draft_content(d, shape_given(message, "content"), path, parts))
        return false;
    size_t i;
    json_t *part;
    json_array_foreach(parts, i, part) {
        if (json_object_get(part, "text") == NULL)
            return chat_wrong(d->f, path, ".content", "A system message can only hold text.");
        json_array_append(d->system, part);
    }
    return true;
}

/* Adds parts to the last content if it is of that role and no answer to calls, else as a new content. */
static void add_content(struct draft *d, const char *role, json_t *parts)
{
    size_t n = json_array_size(d->contents);
    const json_t *last = n > 0 ? json_array_get(d->contents, n - 1) : NULL;
    json_t *there = json_object_get(last, "parts");
    const char *last_role = shape_text(last, "role");
    bool answers = json_object_get(json_array_get(there, 0), "functionResponse") != NULL;
    if (json_array_size(parts) == 0)
        return;
    if (last_role != NULL && strcmp(last_role, role) == 0 && !answers)
        json_array_extend(there, parts);
    else
        json_array_append_new(d->contents, json_pack("{s:s, s:O}", "role", role, "parts", parts));
}

static bool draft_user(struct draft *d, const json_t *message, const char *path)
{
    json_auto_t *parts = json_array();
    if (!draft_content(d, shape_given(message, "content"), path, parts))
        return false;
    add_content(d, "user", parts);
    return true;
}

/* The pictures of an earlier answer, as chat_answer() gave them. */
static void draft_images(const json_t *message, json_t *parts)
{
    size_t i;
    json_t *image;
    json_array_foreach(json_object_get(message, "images"), i, image) {
        const json_t *url = json_object_get(json_object_get(image, "image_url"), "url");
        json_t *data = media_is_data_url(json_string_value(url))
                           ? media_from_data_url(json_string_value(url), json_string_length(url), NULL)
                           : NULL;
        if (data != NULL)
            json_array_append_new(parts, json_pack("{s:o}", "inlineData", data));
    }
}

/* The signature of a whole message belongs to its last text; without the right one there is none. */
static void sign_message(struct draft *d, const json_t *message, json_t *parts)
{
    const char *signature = chat_signature(message);
    if (signature == NULL)
        return;
    d->c->adjustable |= CHAT_SKIP_SIGNATURES;
    if ((d->adjust & CHAT_SKIP_SIGNATURES) != 0)
        return;
    for (size_t i = json_array_size(parts); i-- > 0;) {
        json_t *part = json_array_get(parts, i);
        const json_t *text = json_object_get(part, "text");
        if (text == NULL)
            continue;
        json_object_set_new(part, "thoughtSignature", json_string(signature));
        return;
    }
}

static bool draft_model(struct draft *d, const json_t *message, const char *path, json_t *parts,
                        json_t *calls)
{
    json_auto_t *own = json_array();
    const json_t *refusal = shape_given(message, "refusal");
    if (!draft_content(d, shape_given(message, "content"), path, own))
        return false;
    if (json_is_string(refusal) && json_string_length(refusal) > 0)
        json_array_append_new(own, json_pack("{s:O}", "text", refusal));
    sign_message(d, message, own);
    draft_images(message, own);
    if (!chat_draft_calls(d, message, path, own, calls))
        return false;
    json_array_extend(parts, own);
    return true;
}

/* --- the walk --------------------------------------------------------------------------------- */

static bool has_calls(const json_t *message)
{
    return role_of(message) == ROLE_MODEL &&
           (json_array_size(json_object_get(message, "tool_calls")) > 0 ||
            shape_given(message, "function_call") != NULL);
}

/* A run of assistant messages from number `i` on, and the results of what they called. The number of
 * the message after the run; 0 with a fault. */
static size_t draft_model_turn(struct draft *d, const json_t *messages, size_t i)
{
    json_auto_t *parts = json_array(), *calls = json_array();
    size_t n = json_array_size(messages);
    for (; i < n && role_of(json_array_get(messages, i)) == ROLE_MODEL; i++) {
        char path[CHAT_PATH_MAX];
        snprintf(path, sizeof path, "messages[%zu]", i);
        if (!draft_model(d, json_array_get(messages, i), path, parts, calls))
            return 0;
    }
    add_content(d, "model", parts);
    if (json_array_size(calls) == 0)
        return i;
    size_t to = i;
    while (to < n && !has_calls(json_array_get(messages, to)))
        to++;
    json_t *results = chat_draft_results(d, calls, i, to);
    if (results == NULL)
        return 0;
    json_array_append_new(d->contents, results);
    return i;
}

static bool draft_message(struct draft *d, const json_t *message, size_t i)
{
    char path[CHAT_PATH_MAX];
    snprintf(path, sizeof path, "messages[%zu]", i);
    if (!json_is_object(message))
        return chat_wrong(d->f, path, "", "'%s' must be an object.", path);
    switch (role_of(message)) {
    case ROLE_SYSTEM:
        return draft_system(d, message, path);
    case ROLE_USER:
        return draft_user(d, message, path);
    case ROLE_RESULT: /* taken by the turn it answers; an orphan is left out */
        return true;
    default:
        return chat_wrong(d->f, path, ".role",
                          "'%s.role' must be one of system, developer, user, assistant, tool, function.",
                          path);
    }
}

/* --- what Gemini wants of the whole ----------------------------------------------------------- */

static void put_user(struct draft *d, size_t at, json_t *parts)
{
    json_array_insert_new(d->contents, at, json_pack("{s:s, s:O}", "role", "user", "parts", parts));
}

static void put_user_text(struct draft *d, size_t at, const char *text)
{
    json_auto_t *parts = json_pack("[{s:s}]", "text", text);
    put_user(d, at, parts);
}

static bool has_part(const json_t *content, const char *kind)
{
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(content, "parts"), i, part) {
        if (json_object_get(part, kind) != NULL)
            return true;
    }
    return false;
}

static bool is_model_turn(const json_t *content)
{
    const char *role = shape_text(content, "role");
    return role != NULL && strcmp(role, "model") == 0;
}

/* A function call must come after a user turn; a closing model turn is refused by the newest models. */
static void mend_turns(struct draft *d)
{
    const json_t *first = json_array_get(d->contents, 0);
    if (is_model_turn(first) && has_part(first, "functionCall"))
        put_user_text(d, 0, " ");
    size_t n = json_array_size(d->contents);
    if (n == 0 || !is_model_turn(json_array_get(d->contents, n - 1)))
        return;
    d->c->adjustable |= CHAT_END_WITH_USER;
    if ((d->adjust & CHAT_END_WITH_USER) != 0)
        put_user_text(d, n, "Continue.");
}

void chat_place_system(struct draft *d)
{
    bool alone = json_array_size(d->contents) == 0;
    if (json_array_size(d->system) == 0)
        return;
    if (!alone && !d->family.gemma)
        d->c->adjustable |= CHAT_SYSTEM_AS_USER;
    if (alone || d->family.gemma || (d->adjust & CHAT_SYSTEM_AS_USER) != 0)
        put_user(d, 0, d->system);
    else
        json_object_set_new(d->request, "systemInstruction", json_pack("{s:O}", "parts", d->system));
}

bool chat_draft_messages(struct draft *d)
{
    const json_t *messages = json_object_get(d->body, "messages");
    size_t n = json_array_size(messages);
    for (size_t i = 0; i < n;) {
        const json_t *message = json_array_get(messages, i);
        if (role_of(message) != ROLE_MODEL) {
            if (!draft_message(d, message, i++))
                return false;
            continue;
        }
        i = draft_model_turn(d, messages, i);
        if (i == 0)
            return false;
    }
    mend_turns(d);
    if (json_array_size(d->contents) == 0 && json_array_size(d->system) == 0)
        return fault_param(d->f, "messages", "The messages hold no content.");
    return true;
}
