/* SPDX-License-Identifier: MIT */
/*
 * collect.h: the events of a Gemini stream put together to one answer.
 *
 * What comes out is what generateContent would have answered: per candidate
 * (by index) the parts in their order, pieces of text joined. Thoughts and
 * answer are never joined with one another, nor is a part that bears a
 * signature or anything else besides its text: signatures have to come back in
 * the very part that bore them. Of everything else the last that was said
 * counts, but for log probabilities and citations, which add up.
 */
#ifndef POLLUX_TRANSLATE_COLLECT_H
#define POLLUX_TRANSLATE_COLLECT_H

#include <jansson.h>

struct collect;

/* An empty collection: new, for collect_free(). */
struct collect *collect_new(void);

/* Adds an event, or an array of them; what is no object is passed over. */
void collect_add(struct collect *c, const json_t *event);

/* The answer so far: new. {} when nothing was added. */
json_t *collect_answer(const struct collect *c);

/* NULL is fine. */
void collect_free(struct collect *c);

#endif
