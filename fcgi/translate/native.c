/* SPDX-License-Identifier: MIT */
/* native.c: looking into Gemini answers; see native.h. */
#include "translate/native.h"
#include "base/json.h"
#include "translate/shape.h"

#include <string.h>

/* --- what is in it ---------------------------------------------------------------------------- */

/* Finish reasons that are the whole story even when not a word was said. */
static bool explains(const char *reason)
{
    static const char *const reasons[] = {
        "MAX_TOKENS",         "SAFETY",       "RECITATION", "BLOCKLIST",
        "PROHIBITED_CONTENT", "SPII",         "LANGUAGE",   "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",   "IMAGE_SAFETY", "NO_IMAGE",   "TOO_MANY_TOOL_CALLS",
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i], reason) == 0)
            return true;
    return false;
}

static unsigned look_at_part(const json_t *part)
{
    const json_t *text = json_object_get(part, "text");
    if (json_is_true(json_object_get(part, "thought")))
        return GEMINI_THOUGHTS;
    if (json_is_string(text) && json_string_length(text) > 0)
        return GEMINI_CONTENT;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)part, key, value) {
        if (json_is_object(value) && strcmp(key, "partMetadata") != 0 &&
            strcmp(key, "mediaResolution") != 0 && strcmp(key, "videoMetadata") != 0)
            return GEMINI_CONTENT; /* functionCall, inlineData, executableCode, whatever comes next */
    }
    return json_object_get(part, "thoughtSignature") != NULL ? GEMINI_THOUGHTS : GEMINI_NOTHING;
}

static unsigned look_at_candidate(const json_t *candidate)
{
    unsigned seen = GEMINI_NOTHING;
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(json_object_get(candidate, "content"), "parts"), i, part) {
        seen |= look_at_part(part);
    }
    const char *reason = shape_text(candidate, "finishReason");
    if (reason == NULL || *reason == '\0' || strcmp(reason, "FINISH_REASON_UNSPECIFIED") == 0)
        return seen;
    bool plain = strcmp(reason, "STOP") == 0;
    return seen | GEMINI_FINISH | (explains(reason) ? GEMINI_EXPLAINED : plain ? 0 : GEMINI_ODD);
}

static bool is_block(const json_t *feedback)
{
    return shape_text(feedback, "blockReason") != NULL ||
           shape_text(feedback, "blockReasonMessage") != NULL;
}

static unsigned look_at_one(const json_t *answer)
{
    unsigned seen = GEMINI_NOTHING;
    size_t i;
    json_t *candidate;
    json_array_foreach(json_object_get(answer, "candidates"), i, candidate) {
        seen |= look_at_candidate(candidate);
    }
    if (is_block(json_object_get(answer, "promptFeedback")))
        seen |= GEMINI_BLOCKED;
    if (json_is_object(json_object_get(answer, "usageMetadata")))
        seen |= GEMINI_USAGE;
    if (shape_given(answer, "error") != NULL)
        seen |= GEMINI_ERROR;
    return seen;
}

enum gemini_content gemini_look(const json_t *answer)
{
    unsigned seen = GEMINI_NOTHING;
    size_t i;
    json_t *one;
    if (!json_is_array(answer))
        return (enum gemini_content)look_at_one(answer);
    json_array_foreach(answer, i, one) {
        seen |= look_at_one(one);
    }
    return (enum gemini_content)seen;
}

bool gemini_meaningful(enum gemini_content seen)
{
    return (seen & GEMINI_ERROR) == 0 &&
           (seen & (GEMINI_CONTENT | GEMINI_EXPLAINED | GEMINI_BLOCKED)) != 0;
}

bool gemini_ended(enum gemini_content seen)
{
    return (seen & (GEMINI_FINISH | GEMINI_BLOCKED)) != 0;
}

const json_t *gemini_error(const json_t *answer)
{
    size_t i;
    json_t *one;
    if (!json_is_array(answer))
        return shape_given(answer, "error");
    json_array_foreach(answer, i, one) {
        const json_t *error = shape_given(one, "error");
        if (error != NULL)
            return error;
    }
    return NULL;
}

/* --- usage ------------------------------------------------------------------------------------ */

static bool merge_usage(const json_t *answer, struct usage *u)
{
    const json_t *given = json_object_get(answer, "usageMetadata");
    if (!json_is_object(given))
        return false;
    shape_count(given, "promptTokenCount", &u->prompt);
    shape_count(given, "cachedContentTokenCount", &u->cached);
    shape_count(given, "candidatesTokenCount", &u->candidates);
    shape_count(given, "thoughtsTokenCount", &u->thoughts);
    shape_count(given, "toolUsePromptTokenCount", &u->tool);
    shape_count(given, "totalTokenCount", &u->total);
    return true;
}

bool gemini_usage(const json_t *answer, struct usage *u)
{
    bool found = false;
    size_t i;
    json_t *one;
    if (!json_is_array(answer))
        return merge_usage(answer, u);
    json_array_foreach(answer, i, one) {
        found |= merge_usage(one, u);
    }
    return found;
}

/* --- parsing ---------------------------------------------------------------------------------- */

json_t *gemini_parse(const char *text, size_t n)
{
    return json_read_mended(text, n);
}
