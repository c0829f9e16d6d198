/* SPDX-License-Identifier: MIT */
/*
 * chat_stream.c: Gemini stream events as chat.completion.chunk objects.
 *
 * The role goes out once per choice, before its first delta. finish_reason is
 * held back until chat_end(): Gemini may send more text after a finishReason,
 * and tool calls in an earlier event than the STOP that ends them.
 */
#include "base/auto.h"
#include "translate/chat_own.h"
#include "translate/shape.h"

#include <string.h>

/* A chunk with these choices (taken). */
static json_t *chunk_of(const struct chat *c, json_t *choices, json_t *usage)
{
    json_t *chunk =
        json_pack("{s:o, s:s, s:I, s:o, s:n, s:o}", "id", shape_string(c->id, strlen(c->id)), "object",
                  "chat.completion.chunk", "created", (json_int_t)c->created, "model",
                  shape_string(c->model, strlen(c->model)), "system_fingerprint", "choices", choices);
    if (c->include_usage)
        json_object_set_new(chunk, "usage", usage != NULL ? usage : json_null());
    return chunk;
}

/* Appends a chunk with one delta (taken) of one choice. */
static void emit(const struct chat *c, json_t *out, const struct choice *choice, json_t *delta,
                 json_t *logprobs, const char *reason)
{
    json_t *one =
        json_pack("[{s:I, s:o, s:o, s:s?}]", "index", (json_int_t)(choice - c->choices), "delta", delta,
                  "logprobs", logprobs != NULL ? logprobs : json_null(), "finish_reason", reason);
    json_array_append_new(out, chunk_of(c, one, NULL));
}

static void open_choice(const struct chat *c, json_t *out, struct choice *choice)
{
    if (choice->opened)
        return;
    choice->opened = true;
    emit(c, out, choice, json_pack("{s:s, s:s, s:n}", "role", "assistant", "content", "", "refusal"),
         NULL, NULL);
}

/* --- deltas ----------------------------------------------------------------------------------- */

/* First who is called and by what id, then with what: so that no client loses either. */
static void emit_call(const struct chat *c, json_t *out, const struct choice *choice, json_t *call,
                      size_t index)
{
    const json_t *function = json_object_get(call, "function");
    json_t *name = json_object_get(function, "name"), *arguments = json_object_get(function, "arguments");
    if (c->legacy) {
        emit(c, out, choice, json_pack("{s:{s:O, s:s}}", "function_call", "name", name, "arguments", ""),
             NULL, NULL);
        emit(c, out, choice, json_pack("{s:{s:O}}", "function_call", "arguments", arguments), NULL, NULL);
        return;
    }
    json_t *first = json_pack("{s:I, s:O, s:s, s:{s:O, s:s}}", "index", (json_int_t)index, "id",
                              json_object_get(call, "id"), "type", "function", "function", "name", name,
                              "arguments", "");
    shape_share(first, "extra_content", json_object_get(call, "extra_content"));
    emit(c, out, choice, json_pack("{s:[o]}", "tool_calls", first), NULL, NULL);
    json_t *second =
        json_pack("{s:I, s:{s:O}}", "index", (json_int_t)index, "function", "arguments", arguments);
    emit(c, out, choice, json_pack("{s:[o]}", "tool_calls", second), NULL, NULL);
}

static void emit_calls(const struct chat *c, json_t *out, const struct choice *choice,
                       const struct said *said)
{
    size_t n = json_array_size(said->calls);
    for (size_t i = 0; i < n; i++)
        emit_call(c, out, choice, json_array_get(said->calls, i), choice->calls - n + i);
}

/* The answer's text; its signature and logprobs go with it, or alone when there is no text. */
static void emit_text(const struct chat *c, json_t *out, const struct choice *choice,
                      const struct said *said, const json_t *candidate)
{
    json_t *logprobs = chat_logprobs(candidate);
    if (said->text.n == 0 && said->signature == NULL && json_is_null(logprobs))
        return;
    json_t *delta = json_object();
    if (said->text.n > 0)
        json_object_set_new(delta, "content", shape_string(said->text.p, said->text.n));
    chat_set_signature(delta, said->signature);
    emit(c, out, choice, delta, logprobs, NULL);
}

/* Sound as it comes: raw PCM in base64, each delta complete in itself. */
static void emit_audio(const struct chat *c, json_t *out, const struct choice *choice,
                       const struct said *said)
{
    size_t i;
    json_t *piece;
    json_array_foreach(said->audio, i, piece) {
        auto_buf id = {0};
        buf_printf(&id, "audio_%s", c->id);
        json_t *delta = json_pack("{s:{s:o, s:O}}", "audio", "id", shape_string(id.p, id.n), "data",
                                  json_object_get(piece, "data"));
        emit(c, out, choice, delta, NULL, NULL);
    }
}

/* Citations refer to the text so far, of which only a grounded answer is kept. */
static void emit_annotations(const struct chat *c, json_t *out, struct choice *choice,
                             const struct said *said, const json_t *candidate)
{
    if (c->cites && said->text.n > 0)
        buf_add(&choice->text, said->text.p, said->text.n);
    if (json_object_get(candidate, "groundingMetadata") == NULL)
        return;
    json_t *annotations = chat_annotations(candidate, &choice->text, NULL, 0);
    if (json_array_size(annotations) > 0)
        emit(c, out, choice, json_pack("{s:O}", "annotations", annotations), NULL, NULL);
    json_decref(annotations);
}

/* JSON that was asked for in words: without the fence that may be around it. */
static void take_off_fence(struct choice *choice, struct said *said)
{
    struct buf bare = {0};
    fence_feed(&choice->fence, buf_str(&said->text), said->text.n, &bare);
    buf_free(&said->text);
    said->text = bare;
}

static void emit_candidate(struct chat *c, json_t *out, const json_t *candidate)
{
    struct choice *choice = chat_choice(c, candidate, 0);
    if (choice == NULL)
        return;
    struct said said;
    open_choice(c, out, choice);
    chat_said(c, choice, candidate, &said);
    if (c->fenced)
        take_off_fence(choice, &said);
    if (said.thoughts.n > 0)
        emit(c, out, choice,
             json_pack("{s:o}", "reasoning_content", shape_string(said.thoughts.p, said.thoughts.n)),
             NULL, NULL);
    emit_text(c, out, choice, &said, candidate);
    emit_calls(c, out, choice, &said);
    if (json_array_size(said.images) > 0)
        emit(c, out, choice, json_pack("{s:O}", "images", said.images), NULL, NULL);
    emit_audio(c, out, choice, &said);
    emit_annotations(c, out, choice, &said, candidate);
    chat_said_free(&said);
}

/* --- events ----------------------------------------------------------------------------------- */

static void emit_block(struct chat *c, json_t *out, const json_t *event)
{
    bool known = c->blocked != NULL;
    if (!chat_note_block(c, event) || known)
        return;
    struct choice *choice = &c->choices[0];
    open_choice(c, out, choice);
    emit(c, out, choice, json_pack("{s:o}", "refusal", shape_string(c->blocked, strlen(c->blocked))),
         NULL, NULL);
}

static void emit_event(struct chat *c, json_t *out, const json_t *event)
{
    size_t i;
    json_t *candidate;
    chat_count(c, event);
    json_array_foreach(json_object_get(event, "candidates"), i, candidate) {
        emit_candidate(c, out, candidate);
    }
    emit_block(c, out, event);
}

json_t *chat_event(struct chat *c, const json_t *gemini_event)
{
    json_t *out = json_array(), *one;
    size_t i;
    if (!json_is_array(gemini_event)) {
        emit_event(c, out, gemini_event);
        return out;
    }
    json_array_foreach(gemini_event, i, one) {
        emit_event(c, out, one);
    }
    return out;
}

static void end_choice(const struct chat *c, json_t *out, struct choice *choice)
{
    auto_buf rest = {0};
    fence_end(&choice->fence, &rest);
    if (rest.n > 0)
        emit(c, out, choice, json_pack("{s:o}", "content", shape_string(rest.p, rest.n)), NULL, NULL);
    emit(c, out, choice, json_object(), NULL, chat_finish_reason(c, choice));
}

json_t *chat_end(struct chat *c, bool complete)
{
    json_t *out = json_array();
    if (!complete)
        return out;
    for (size_t i = 0; i < CHAT_CHOICES_MAX; i++)
        if (c->choices[i].opened)
            end_choice(c, out, &c->choices[i]);
    if (c->include_usage)
        json_array_append_new(out, chunk_of(c, json_array(), chat_usage(c)));
    return out;
}

bool chat_finished(const struct chat *c)
{
    bool any = false;
    for (size_t i = 0; i < CHAT_CHOICES_MAX; i++) {
        any |= c->choices[i].opened;
        if (c->choices[i].opened && c->choices[i].finish[0] == '\0' && c->blocked == NULL)
            return false;
    }
    return any;
}
