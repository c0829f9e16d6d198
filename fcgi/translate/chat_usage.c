/* SPDX-License-Identifier: MIT */
/*
 * chat_usage.c: tokens in OpenAI's sums, and blocked prompts.
 *
 * OpenAI counts reasoning inside completion_tokens and what tools read inside
 * prompt_tokens; so total = prompt + completion holds as it does for Gemini's
 * four parts. candidatesTokenCount may be missing: then the total tells it.
 */
#include "base/auto.h"
#include "translate/chat_own.h"
#include "translate/shape.h"

#include <string.h>

/* The tokens of one modality in a ...TokensDetails array. */
static void count_modality(const json_t *details, const char *modality, int64_t *count)
{
    size_t i;
    json_t *one;
    json_array_foreach(details, i, one) {
        const char *name = shape_text(one, "modality");
        if (name != NULL && strcmp(name, modality) == 0)
            shape_count(one, "tokenCount", count);
    }
}

void chat_count(struct chat *c, const json_t *answer)
{
    const json_t *given = json_object_get(answer, "usageMetadata");
    gemini_usage(answer, &c->usage);
    count_modality(json_object_get(given, "promptTokensDetails"), "AUDIO", &c->audio_in);
    count_modality(json_object_get(given, "candidatesTokensDetails"), "AUDIO", &c->audio_out);
}

json_t *chat_usage(const struct chat *c)
{
    const struct usage *u = &c->usage;
    const int64_t sane = (int64_t)1 << 50; /* sums of them are exact in every client's numbers, whatever was sent */
    if (u->prompt > sane || u->tool > sane || u->candidates > sane || u->thoughts > sane ||
        u->total > sane)
        return json_pack("{s:i, s:i, s:i}", "prompt_tokens", 0, "completion_tokens", 0, "total_tokens",
                         0);
    int64_t prompt = u->prompt + u->tool, candidates = u->candidates;
    if (candidates == 0 && u->total > prompt + u->thoughts)
        candidates = u->total - prompt - u->thoughts;
    int64_t completion = candidates + u->thoughts;
    return json_pack("{s:I, s:I, s:I, s:{s:I, s:I}, s:{s:I, s:I, s:i, s:i}}", "prompt_tokens",
                     (json_int_t)prompt, "completion_tokens", (json_int_t)completion, "total_tokens",
                     (json_int_t)(prompt + completion), "prompt_tokens_details", "cached_tokens",
                     (json_int_t)u->cached, "audio_tokens", (json_int_t)c->audio_in,
                     "completion_tokens_details", "reasoning_tokens", (json_int_t)u->thoughts,
                     "audio_tokens", (json_int_t)c->audio_out, "accepted_prediction_tokens", 0,
                     "rejected_prediction_tokens", 0);
}

bool chat_note_block(struct chat *c, const json_t *answer)
{
    const json_t *feedback = json_object_get(answer, "promptFeedback");
    const char *reason = shape_text(feedback, "blockReason"),
               *words = shape_text(feedback, "blockReasonMessage");
    if (reason == NULL && words == NULL)
        return false;
    if (c->blocked != NULL)
        return true;
    auto_buf said = {0};
    buf_puts(&said, "The prompt was blocked");
    if (reason != NULL)
        buf_printf(&said, " (%s)", reason);
    if (words != NULL && *words != '\0')
        buf_printf(&said, ": %s", words);
    else
        buf_putc(&said, '.');
    c->blocked = buf_take(&said);
    return true;
}
