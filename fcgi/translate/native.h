/* SPDX-License-Identifier: MIT */
/*
 * native.h: what the gateway wants to know of a Gemini answer or stream event.
 *
 * Every function takes parsed JSON: one GenerateContentResponse, one error
 * object, or an array of either (the form without alt=sse, and some errors).
 */
#ifndef POLLUX_TRANSLATE_NATIVE_H
#define POLLUX_TRANSLATE_NATIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tokens as usageMetadata counts them: `prompt` includes `cached`; `candidates` excludes `thoughts`. */
struct usage {
    int64_t prompt;
    int64_t cached;
    int64_t candidates;
    int64_t thoughts;
    int64_t tool;
    int64_t total;
};

/* What an answer holds: bits, several at once. */
enum gemini_content {
    GEMINI_NOTHING = 0,
    GEMINI_THOUGHTS = 1 << 0,  /* thought text or a signature */
    GEMINI_CONTENT = 1 << 1,   /* text, a function call, inline data, code... */
    GEMINI_FINISH = 1 << 2,    /* a finish reason, any */
    GEMINI_EXPLAINED = 1 << 3, /* a finish reason that explains an empty answer: SAFETY, MAX_TOKENS... */
    GEMINI_BLOCKED = 1 << 4,   /* the prompt was blocked */
    GEMINI_ERROR = 1 << 5,     /* an error object */
    GEMINI_USAGE = 1 << 6,     /* usageMetadata */
    GEMINI_ODD = 1 << 7,       /* a finish reason that is no STOP and explains nothing: MALFORMED_FUNCTION_CALL... */
};

/* What there is in one answer or event. */
enum gemini_content gemini_look(const json_t *answer);

/* Whether that is something to show the caller: content, a block, or a finish reason that explains
 * itself. Neither an error nor thoughts nor a bare STOP are. */
bool gemini_meaningful(enum gemini_content seen);

/* Whether that ends a stream properly: any finish reason, or a blocked prompt. */
bool gemini_ended(enum gemini_content seen);

/* Merges the answer's usageMetadata into `u`: the last value of each field wins, an absent one erases
 * nothing. False if there is none. */
bool gemini_usage(const json_t *answer, struct usage *u);

/* The error object of {"error":{...}} or [{"error":{...}}]: borrowed, NULL if there is none. */
const json_t *gemini_error(const json_t *answer);

/* json_read_mended() of base/json.h: new, or NULL. */
json_t *gemini_parse(const char *text, size_t n);

#endif
