/* SPDX-License-Identifier: MIT */
/*
 * thinking.h: what a model's name tells about it, and reasoning effort in its terms.
 *
 * Names are only a guess, and new ones come every month: what is guessed wrong
 * is put right by chat_adjust() after the upstream has said so.
 */
#ifndef POLLUX_TRANSLATE_THINKING_H
#define POLLUX_TRANSLATE_THINKING_H

#include <jansson.h>
#include <stdbool.h>

struct family {
    int generation; /* ten times the version: 15, 20, 25, 30, 31, 35; 0 = not said (gemini-flash-latest) */
    bool gemma;     /* has neither JSON Schema nor JSON mode nor a system instruction */
    bool pro;
    bool thinks;    /* may be sent a thinkingConfig */
    bool levels;    /* thinkingLevel instead of thinkingBudget */
    bool signs;     /* insists on thought signatures and call ids (3.x, or not known) */
    bool old_tools; /* JSON mode and functions exclude one another (up to 2.x) */
};

/* The family of a model name without "models/". */
struct family family_of(const char *model);

/* Whether the word is an effort that OpenAI's clients may send ("none" to "max"). */
bool thinking_knows(const char *effort);

/* Adds thinkingLevel or thinkingBudget for the effort to `config`, as the family wants it. */
void thinking_effort(json_t *config, const struct family *family, const char *effort);

#endif
