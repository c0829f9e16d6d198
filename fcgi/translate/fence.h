/* SPDX-License-Identifier: MIT */
/*
 * fence.h: takes the Markdown fence off JSON that a model was asked for in words.
 *
 * Some models write ```json ... ``` around it whatever they are told. Text is
 * fed as it comes; only what may belong to a fence is held back. Text that does
 * not begin with a fence passes unchanged.
 */
#ifndef POLLUX_TRANSLATE_FENCE_H
#define POLLUX_TRANSLATE_FENCE_H

#include "base/buf.h"

#include <stdbool.h>

/* A fence of zeros is ready; free `held` at the end. */
struct fence {
    bool decided;    /* the beginning was seen */
    bool inside;     /* it began with a fence: its end is to be taken off as well */
    struct buf held; /* may belong to a fence */
};

/* Appends to `out` what of the text so far is certain. */
void fence_feed(struct fence *f, const char *text, size_t n, struct buf *out);

/* Appends what is left when the text is at its end. */
void fence_end(struct fence *f, struct buf *out);

#endif
