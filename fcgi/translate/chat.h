/* SPDX-License-Identifier: MIT */
/*
 * chat.h: OpenAI Chat Completions on one side, Gemini generateContent on the other.
 *
 * One `struct chat` per request: it keeps the caller's options, the map of
 * tool names that had to be changed, and the state of the stream. Everything
 * here is pure: JSON in, JSON out; no I/O, no clock, no globals.
 *
 *     struct chat *c = chat_new("chatcmpl-...", now, "gemini-2.5-flash");
 *     json_t *request = chat_request(c, body, "gemini-2.5-flash", 0, &fault);
 *     ... send it; after a 400 ask chat_adjust() and call chat_request() again ...
 *     whole answer:  json_t *completion = chat_answer(c, gemini, &fault);
 *     stream:        chat_event() per event, chat_end() at the end of the stream.
 *
 * Requests and answers may share values (by reference count) with what they
 * were made from: treat them as read-only, serialise them, drop them.
 * json_write() of base/json.h writes their numbers without noise and without loss.
 */
#ifndef POLLUX_TRANSLATE_CHAT_H
#define POLLUX_TRANSLATE_CHAT_H

#include "base/fault.h"
#include "translate/traits.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chat;

/* Forms that a request can be sent in when the usual one was refused: bits for chat_request(). */
enum chat_adjustment {
    CHAT_CLEAN_SCHEMA = 1 << 0,    /* `parameters`/`responseSchema` instead of the JSON Schema fields */
    CHAT_NO_PENALTIES = 1 << 1,    /* without presencePenalty and frequencyPenalty */
    CHAT_JSON_AS_TEXT = 1 << 2,    /* the wanted JSON described in the system text instead of JSON mode */
    CHAT_NO_THINKING = 1 << 3,     /* without thinkingConfig */
    CHAT_SKIP_SIGNATURES = 1 << 4, /* every thought signature replaced by the bypass value */
    CHAT_END_WITH_USER = 1 << 5,   /* a user turn after a closing model turn */
    CHAT_NO_RESOLUTION = 1 << 6,   /* without mediaResolution */
    CHAT_NO_BUILTIN_TOOLS = 1 << 7, /* functions alone, without search and the like */
    CHAT_SYSTEM_AS_USER = 1 << 8,   /* the system text as the first user text (Gemma) */
    CHAT_LOOSE_SCHEMA = 1 << 9,     /* cleaned schemas without sizes and ranges ("too many states") */
};

/* The wanted model, without `models/`, `google/` or `gemini/` in front: new, for free().
 * NULL and a fault when it is missing or holds characters that cannot stand in a path. */
char *chat_model(const json_t *body, struct fault *f);

/* A new chat. `id` ("chatcmpl-" and random characters) also makes tool call ids unique; `created` in
 * seconds since 1970; `model` as the caller shall read it in the answer. The texts are copied. */
struct chat *chat_new(const char *id, int64_t created, const char *model);

/* Frees it; NULL is fine. */
void chat_free(struct chat *c);

/* Reads and checks the caller's options (stream, n, tools...). chat_request() does this too; call it
 * first to know chat_stream_wanted() before anything is reserved. False and a fault when wrong. */
bool chat_options(struct chat *c, const json_t *body, struct fault *f);

/* Whether the caller wants a stream: known after chat_options() or chat_request(). */
bool chat_stream_wanted(const struct chat *c);

/* What the operator said about the model: the next chat_request() works it in. */
void chat_traits(struct chat *c, const struct traits *traits);

/* The http(s) URLs of images, files and videos in the messages that nobody but us could fetch: a new
 * array of {"param":"messages[0].content[1].image_url","url":"https://..."}, each URL once. Files API
 * URIs and YouTube addresses are not among them. Any URL still there in chat_request() is a 400. */
json_t *chat_urls(const json_t *body);

/* Puts `data_url` in place of `url` wherever it stands in the messages of `body` (changed in place). */
void chat_url_set(json_t *body, const char *url, const char *data_url);

/* The Gemini request: new, or NULL with a fault (FAULT_BAD_REQUEST with the param's path).
 * `upstream_model` decides about thinking, signatures and schemas; `adjust` is 0 or what
 * chat_adjust() said. May be called again with another model or another `adjust`. */
json_t *chat_request(struct chat *c, const json_t *body, const char *upstream_model, unsigned adjust,
                     struct fault *f);

/* After the upstream refused the last chat_request() with a 400: the `adjust` that is worth another
 * try (always more bits than `adjust_so_far`, so a loop ends), or 0 for none. The error may be NULL. */
unsigned chat_adjust(const struct chat *c, const json_t *upstream_error, unsigned adjust_so_far);

/* The chat.completion object for a whole answer: new. NULL with a fault when the answer is an error
 * object or holds neither a candidate nor a block reason. A blocked prompt is a completion with
 * finish_reason "content_filter" and the reason in `refusal`.
 * Beyond OpenAI's fields: message.reasoning_content (thoughts), message.images (pictures, as
 * {"type":"image_url","image_url":{"url":"data:..."}}), extra_content.google.thought_signature on the
 * message or the tool call. Audio is message.audio, as WAV unless pcm16 was asked for. */
json_t *chat_answer(struct chat *c, const json_t *gemini, struct fault *f);

/* The chat.completion.chunk objects that one upstream event makes: a new array, possibly empty (also
 * for an error event: look with gemini_look() first). Audio deltas are raw PCM. */
json_t *chat_event(struct chat *c, const json_t *gemini_event);

/* The last chunks: a new array with text that was held back, one finish_reason per choice and, if asked
 * for, the usage chunk.
 * `complete` = false (the stream broke; the caller is told by an error event) gives an empty array. */
json_t *chat_end(struct chat *c, bool complete);

/* Whether the stream said its end: every candidate seen gave a finish reason, or the prompt was
 * blocked. End of file without it is truncation. */
bool chat_finished(const struct chat *c);

#endif
