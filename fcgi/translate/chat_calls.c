/* SPDX-License-Identifier: MIT */
/*
 * chat_calls.c: tool calls of the past and their results.
 *
 * Gemini wants each function call answered, once, in the content that follows
 * directly, in the order of the calls. OpenAI's clients send one message per
 * result, in any order, sometimes late, sometimes not at all. So the calls of
 * a model turn are collected first, then their results are looked for among
 * the messages up to the next model turn with calls.
 */
#include "base/auto.h"
#include "base/json.h"
#include "translate/chat_own.h"
#include "translate/shape.h"

#include <string.h>

/* How the ids begin that we made for calls that came without; the upstream never sees them. */
#define OWN_ID "call_plx"
/* Some gateways hide the signature in the id: "call_x__thought__SIGNATURE". */
#define ID_SIGNATURE "__thought__"

enum { RESULT_DEPTH_MAX = 64 };

/* --- signatures ------------------------------------------------------------------------------- */

static const char *google_signature(const json_t *holder)
{
    const json_t *google = json_object_get(json_object_get(holder, "extra_content"), "google");
    return shape_text(google, "thought_signature");
}

const char *chat_signature(const json_t *holder)
{
    const char *places[] = {
        google_signature(holder),
        google_signature(json_object_get(holder, "function")),
        shape_text(holder, "thoughtSignature"),
        shape_text(holder, "thought_signature"),
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i] != NULL && *places[i] != '\0')
            return places[i];
    const char *id = shape_text(holder, "id");
    const char *hidden = id != NULL ? strstr(id, ID_SIGNATURE) : NULL;
    return hidden != NULL && hidden[strlen(ID_SIGNATURE)] != '\0' ? hidden + strlen(ID_SIGNATURE) : NULL;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* The arguments as an object: new. Clients send JSON text, sometimes empty or broken, sometimes an object. */
static json_t *arguments_of(const json_t *given)
{
    if (json_is_object(given))
        return json_incref((json_t *)given);
    if (!json_is_string(given) || json_string_length(given) == 0)
        return json_object();
    json_t *parsed = gemini_parse(json_string_value(given), json_string_length(given));
    if (json_is_object(parsed))
        return parsed;
    if (json_is_null(parsed)) {
        json_decref(parsed);
        return json_object();
    }
    return json_pack("{s:o}", "arguments", parsed != NULL ? parsed : json_incref((json_t *)given));
}

/* The id as the upstream gave it: new, NULL if it gave none or does not want it. */
static json_t *upstream_id(const struct draft *d, const char *id)
{
    if (id == NULL || !d->family.signs || strncmp(id, OWN_ID, strlen(OWN_ID)) == 0)
        return NULL;
    const char *hidden = strstr(id, ID_SIGNATURE);
    size_t n = hidden != NULL ? (size_t)(hidden - id) : strlen(id);
    return n > 0 ? shape_string(id, n) : NULL;
}

static void set_call_signature(struct draft *d, json_t *part, const json_t *call, bool first)
{
    const char *signature = chat_signature(call);
    if (signature != NULL)
        d->c->adjustable |= CHAT_SKIP_SIGNATURES;
    if (signature != NULL && (d->adjust & CHAT_SKIP_SIGNATURES) != 0)
        signature = CHAT_NO_SIGNATURE;
    if (signature == NULL && first && d->family.signs)
        signature = CHAT_NO_SIGNATURE;
    if (signature != NULL)
        json_object_set_new(part, "thoughtSignature", json_string(signature));
}

static bool draft_call(struct draft *d, const json_t *call, const json_t *function, const char *path,
                       json_t *parts, json_t *calls)
{
    const char *name = shape_text(function, "name"), *id = shape_text(call, "id");
    if (name == NULL || *name == '\0')
        return chat_wrong(d->f, path, ".function.name", "'%s.function.name' must be a string.", path);
    const char *wire = chat_wire_name(d->c, name);
    json_auto_t *their_id = upstream_id(d, id);
    json_t *made = json_pack("{s:s, s:o}", "name", wire, "args",
                             arguments_of(json_object_get(function, "arguments")));
    shape_share(made, "id", their_id);
    json_t *part = json_pack("{s:o}", "functionCall", made);
    set_call_signature(d, part, call, json_array_size(calls) == 0);
    json_array_append_new(parts, part);
    json_t *pending = json_pack("{s:s, s:s}", "name", wire, "id", id != NULL ? id : "");
    shape_share(pending, "upstream", their_id);
    json_array_append_new(calls, pending);
    return true;
}

bool chat_draft_calls(struct draft *d, const json_t *message, const char *path, json_t *parts,
                      json_t *calls)
{
    size_t i;
    json_t *call;
    const json_t *list = shape_given(message, "tool_calls"),
                 *legacy = shape_given(message, "function_call");
    if (list != NULL && !json_is_array(list))
        return chat_wrong(d->f, path, ".tool_calls", "'%s.tool_calls' must be an array.", path);
    json_array_foreach(list, i, call) {
        char below[CHAT_PATH_MAX];
        snprintf(below, sizeof below, "%.40s.tool_calls[%zu]", path, i);
        const char *type = shape_text(call, "type");
        if (type != NULL && strcmp(type, "function") != 0)
            return chat_wrong(d->f, below, ".type", "Tool calls of type '%.40s' are not supported.",
                              type);
        if (!draft_call(d, call, json_object_get(call, "function"), below, parts, calls))
            return false;
    }
    return legacy == NULL || list != NULL || draft_call(d, NULL, legacy, path, parts, calls);
}

/* --- results ---------------------------------------------------------------------------------- */

/* A copy without keys that Gemini refuses inside a response ("$ref", "$defs"), and not deeper than it
 * could want it: new. */
static json_t *response_copy(const json_t *value, int depth)
{
    if (!json_is_object(value) && !json_is_array(value))
        return json_incref((json_t *)value);
    if (depth > RESULT_DEPTH_MAX) {
        auto_str text = json_write(value);
        return text != NULL ? shape_string(text, strlen(text)) : json_null();
    }
    size_t i;
    const char *key;
    json_t *one, *copy = json_is_array(value) ? json_array() : json_object();
    json_array_foreach(value, i, one) {
        json_array_append_new(copy, response_copy(one, depth + 1));
    }
    json_object_foreach((json_t *)value, key, one) {
        bool refused = strcmp(key, "$ref") == 0 || strcmp(key, "$defs") == 0;
        json_object_set_new(copy, refused ? key + 1 : key, response_copy(one, depth + 1));
    }
    return copy;
}

/* The response object for a result's value. */
static json_t *response_of(const json_t *value)
{
    json_t *copy = response_copy(value, 0);
    return json_is_object(copy) ? copy : json_pack("{s:o}", "result", copy);
}

/* The response object for a result's text: a JSON object as it is, everything else as {"result":...}; as text what holds
 * numbers that could not be read exactly. */
static json_t *response_of_text(const char *text, size_t n)
{
    json_auto_t *parsed = json_read_exact(text, n);
    if (parsed != NULL)
        return response_of(parsed);
    return json_pack("{s:o}", "result", shape_string(text, n));
}

/* Splits a result's content parts into its text and, as Gemini parts, its media. */
static bool split_content(struct draft *d, const json_t *content, const char *path, struct buf *text,
                          json_t *media)
{
    size_t i;
    json_t *one;
    json_array_foreach(content, i, one) {
        char below[CHAT_PATH_MAX];
        snprintf(below, sizeof below, "%.40s.content[%zu]", path, i);
        json_auto_t *part = chat_part(d, one, below);
        if (part == NULL && d->f->kind != FAULT_NONE)
            return false;
        const json_t *words = json_object_get(part, "text");
        if (words != NULL)
            buf_add(text, json_string_value(words), json_string_length(words));
        else if (part != NULL)
            json_array_append(media, part);
    }
    return true;
}

/* The response object for a tool message; its media goes to `media`. NULL with a fault. */
static json_t *response_of_message(struct draft *d, const json_t *message, const char *path,
                                   json_t *media)
{
    const json_t *content = shape_given(message, "content");
    if (json_is_string(content))
        return response_of_text(json_string_value(content), json_string_length(content));
    if (!json_is_array(content))
        return content != NULL ? response_of(content) : json_pack("{s:s}", "result", "");
    auto_buf text = {0};
    if (!split_content(d, content, path, &text, media))
        return NULL;
    return response_of_text(buf_str(&text), text.n);
}

/* Which of messages[from..to) answer which call: by id, each id a queue, and those without an id in order. */
struct results {
    const json_t *messages;
    json_t *first; /* id -> position of its next unused message, -1 when none is left; owned */
    size_t *next;  /* by position: the next message of the same id + 1, 0 for none; owned */
    size_t from;
};

static bool is_result(const json_t *message)
{
    const char *role = shape_text(message, "role");
    return role != NULL && (strcmp(role, "tool") == 0 || strcmp(role, "function") == 0);
}

static const char *result_id(const json_t *message)
{
    const char *id = shape_text(message, "tool_call_id");
    return id != NULL ? id : "";
}

/* Backwards, so that each id leads to its first message. */
static void collect_results(struct results *r, size_t to)
{
    for (size_t i = to; i-- > r->from;) {
        const json_t *message = json_array_get(r->messages, i);
        if (!is_result(message))
            continue;
        const json_t *later = json_object_get(r->first, result_id(message));
        r->next[i - r->from] = later != NULL ? (size_t)json_integer_value(later) + 1 : 0;
        json_object_set_new(r->first, result_id(message), json_integer((json_int_t)i));
    }
}

/* Takes the next message with that id; its position + 1, 0 when there is none. */
static size_t take_result(struct results *r, const char *id)
{
    const json_t *at = json_object_get(r->first, id);
    if (at == NULL)
        return 0;
    size_t i = (size_t)json_integer_value(at), after = r->next[i - r->from];
    if (after > 0)
        json_object_set_new(r->first, id, json_integer((json_int_t)after - 1));
    else
        json_object_del(r->first, id);
    return i + 1;
}

/* Media of a result: inside the functionResponse where the model knows that, beside it elsewhere. */
static void place_media(const struct draft *d, json_t *response, json_t *media, json_t *beside)
{
    if (json_array_size(media) == 0)
        return;
    if (d->family.signs)
        json_object_set(response, "parts", media);
    else
        json_array_extend(beside, media);
}

static json_t *draft_result(struct draft *d, const json_t *call, const json_t *message, size_t at,
                            json_t *beside)
{
    char path[CHAT_PATH_MAX];
    snprintf(path, sizeof path, "messages[%zu]", at);
    json_auto_t *media = json_array();
    json_t *value = message != NULL ? response_of_message(d, message, path, media)
                                    : json_pack("{s:s}", "error", "no result");
    if (value == NULL)
        return NULL;
    json_t *response = json_pack("{s:O, s:o}", "name", json_object_get(call, "name"), "response", value);
    shape_share(response, "id", json_object_get(call, "upstream"));
    place_media(d, response, media, beside);
    return json_pack("{s:o}", "functionResponse", response);
}

json_t *chat_draft_results(struct draft *d, json_t *calls, size_t from, size_t to)
{
    auto_str memory = xcalloc(to > from ? to - from : 1, sizeof(size_t));
    json_auto_t *first = json_object(), *beside = json_array();
    struct results r = {.messages = json_object_get(d->body, "messages"),
                        .first = first,
                        .next = (size_t *)(void *)memory,
                        .from = from};
    collect_results(&r, to);
    json_auto_t *parts = json_array();
    size_t i;
    json_t *call;
    json_array_foreach(calls, i, call) {
        const char *id = shape_text(call, "id");
        size_t at = take_result(&r, id);
        if (at == 0 && *id != '\0') /* a client that sends no ids with its results */
            at = take_result(&r, "");
        const json_t *message = at > 0 ? json_array_get(r.messages, at - 1) : NULL;
        json_t *part = draft_result(d, call, message, at > 0 ? at - 1 : 0, beside);
        if (part == NULL)
            return NULL;
        json_array_append_new(parts, part);
    }
    json_array_extend(parts, beside);
    return json_pack("{s:s, s:O}", "role", "user", "parts", parts);
}
