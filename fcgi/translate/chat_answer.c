/* SPDX-License-Identifier: MIT */
/*
 * chat_answer.c: a whole Gemini answer as a chat.completion.
 */
#include "base/auto.h"
#include "translate/chat_own.h"
#include "translate/error.h"
#include "translate/fence.h"
#include "translate/shape.h"

#include <string.h>

static void take_off_fence(struct buf *text)
{
    struct fence fence = {0};
    struct buf bare = {0};
    fence_feed(&fence, buf_str(text), text->n, &bare);
    fence_end(&fence, &bare);
    buf_free(text);
    *text = bare;
}

static void set_calls(const struct chat *c, json_t *message, const struct said *said)
{
    if (json_array_size(said->calls) == 0)
        return;
    json_t *first = json_array_get(said->calls, 0);
    if (c->legacy)
        json_object_set(message, "function_call", json_object_get(first, "function"));
    else
        json_object_set(message, "tool_calls", said->calls);
}

static json_t *message_of(struct chat *c, const json_t *candidate, struct said *said)
{
    json_t *annotations = chat_annotations(candidate, &said->text, said->starts,
                                           sizeof said->starts / sizeof *said->starts);
    if (c->fenced)
        take_off_fence(&said->text);
    bool only_calls = said->text.n == 0 && json_array_size(said->calls) > 0;
    json_t *content = only_calls ? json_null() : shape_string(buf_str(&said->text), said->text.n);
    json_t *message = json_pack("{s:s, s:o, s:n}", "role", "assistant", "content", content, "refusal");
    if (said->thoughts.n > 0)
        json_object_set_new(message, "reasoning_content",
                            shape_string(said->thoughts.p, said->thoughts.n));
    json_object_set_new(message, "annotations", annotations);
    set_calls(c, message, said);
    if (json_array_size(said->images) > 0)
        json_object_set(message, "images", said->images);
    if (json_array_size(said->audio) > 0)
        json_object_set_new(message, "audio", chat_audio(c, said->audio));
    chat_set_signature(message, said->signature);
    return message;
}

static json_t *choice_object(size_t index, json_t *message, json_t *logprobs, const char *reason)
{
    return json_pack("{s:I, s:o, s:o, s:s}", "index", (json_int_t)index, "message", message, "logprobs",
                     logprobs, "finish_reason", reason);
}

/* The candidate's choice, the next one that is free when another candidate has taken it; NULL when there is none. */
static struct choice *own_choice(struct chat *c, const json_t *candidate, size_t position)
{
    struct choice *choice = chat_choice(c, candidate, position);
    while (choice != NULL && choice->opened)
        choice = choice + 1 < c->choices + CHAT_CHOICES_MAX ? choice + 1 : NULL;
    if (choice != NULL)
        choice->opened = true;
    return choice;
}

static json_t *choice_of(struct chat *c, const json_t *candidate, size_t position)
{
    struct choice *choice = own_choice(c, candidate, position);
    if (choice == NULL)
        return NULL;
    struct said said;
    chat_said(c, choice, candidate, &said);
    json_t *message = message_of(c, candidate, &said);
    chat_said_free(&said);
    return choice_object((size_t)(choice - c->choices), message, chat_logprobs(candidate),
                         chat_finish_reason(c, choice));
}

static json_t *blocked_choice(const struct chat *c)
{
    json_t *message = json_pack("{s:s, s:s, s:o, s:[]}", "role", "assistant", "content", "", "refusal",
                                shape_string(c->blocked, strlen(c->blocked)), "annotations");
    return choice_object(0, message, json_null(), "content_filter");
}

/* One for each candidate, if they say anything at all; else one for a blocked prompt; else none. */
static json_t *choices_of(struct chat *c, const json_t *answer)
{
    json_t *choices = json_array(), *candidate;
    size_t i;
    bool blocked = chat_note_block(c, answer);
    bool said = (gemini_look(answer) & (GEMINI_CONTENT | GEMINI_THOUGHTS | GEMINI_FINISH)) != 0;
    json_array_foreach(json_object_get(answer, "candidates"), i, candidate) {
        json_t *choice = said ? choice_of(c, candidate, i) : NULL;
        if (choice != NULL)
            json_array_append_new(choices, choice);
    }
    if (json_array_size(choices) == 0 && blocked)
        json_array_append_new(choices, blocked_choice(c));
    return choices;
}

static json_t *completion(struct chat *c, const json_t *answer, json_t *choices)
{
    json_t *made = json_pack("{s:o, s:s, s:I, s:o, s:o, s:o, s:n}", "id",
                             shape_string(c->id, strlen(c->id)), "object", "chat.completion", "created",
                             (json_int_t)c->created, "model", shape_string(c->model, strlen(c->model)),
                             "choices", choices, "usage", chat_usage(c), "system_fingerprint");
    shape_share(made, "service_tier",
                json_object_get(json_object_get(answer, "usageMetadata"), "serviceTier"));
    return made;
}

json_t *chat_answer(struct chat *c, const json_t *gemini, struct fault *f)
{
    const json_t *answer = json_is_array(gemini) ? json_array_get(gemini, 0) : gemini;
    if (gemini_error(gemini) != NULL) {
        error_from_upstream(gemini, 200, f);
        return NULL;
    }
    chat_count(c, answer);
    json_t *choices = choices_of(c, answer);
    if (json_array_size(choices) == 0) {
        json_decref(choices);
        fault_set(f, FAULT_UPSTREAM, "The model gave an empty answer.");
        return NULL;
    }
    return completion(c, answer, choices);
}
