/* SPDX-License-Identifier: MIT */
/*
 * traits.h: what the operator said about a model, as a reservation brings it along.
 *
 * The database works settings and models together and hands them over as JSON
 * text; its shape stands in sql/functions/trait.sql.
 */
#ifndef POLLUX_TRANSLATE_TRAITS_H
#define POLLUX_TRANSLATE_TRAITS_H

#include "translate/thinking.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum stream_policy {
    STREAM_AUTO,    /* the upstream is asked as the client asks */
    STREAM_COLLECT, /* always for a stream; who did not want one gets it collected */
    STREAM_WHOLE,   /* never for a stream; who wants one gets the whole answer as one */
};

struct traits {
    enum stream_policy stream;
    bool has_budget;
    int64_t budget;   /* tokens to think with, if has_budget */
    char level[12];   /* or a level, "" for none */
    bool has_thoughts;
    bool thoughts;    /* whether answers show thoughts, if has_thoughts */
    bool override;    /* that replaces what a request says about thinking */
    bool guess;       /* it was said of all models: not of those that cannot think */
    bool search;      /* the variant with Google Search was asked for */
};

/* Reads the JSON text; all zeros for "" and for what is no object. */
void traits_read(struct traits *t, const char *text);

/* The models that stand in, as an array of names: new, NULL if there are none. For a variant with search they
 * are variants with search. */
json_t *traits_fallback(const char *text);

/* What the operator wants about thinking of this family of models, as members of a thinkingConfig: new; an
 * empty object when nothing. At most one of thinkingBudget and thinkingLevel is among them. */
json_t *traits_thinking(const struct traits *t, const struct family *family);

#endif
