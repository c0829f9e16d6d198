/* SPDX-License-Identifier: MIT */
/*
 * keytext.h: API keys in text, wherever somebody writes a list of them.
 *
 * Whatever lies between newlines, blanks and commas is a word; a word is a key
 * if it is 20 to 256 characters of `A-Z a-z 0-9 . _ -`. Its beginning is not
 * looked at: Google changes that.
 */
#ifndef POLLUX_BASE_KEYTEXT_H
#define POLLUX_BASE_KEYTEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Where the reading of a text is. Start with text, n and line = 1. */
struct keytext {
    const char *text;
    size_t n;      /* bytes of it */
    size_t at;     /* how far it was read */
    bool comments; /* `#` begins a comment to the end of the line */
    int line;      /* of the last word */
};

/* The next word, not ended by a NUL, and its length; NULL at the end. A byte order mark at the beginning is
 * passed over. */
const char *keytext_next(struct keytext *k, size_t *n);

/* Appends the text with one word a line. Comments and empty lines stay; where several words share a line with a
 * comment, it stands before them. Nothing else is changed, so that a second time nothing changes. */
void keytext_lines(const char *text, size_t n, struct buf *out);

/* Appends why a word is no key; nothing if it is one. */
void keytext_judge(const char *word, size_t n, struct buf *why);

/* Appends enough of a word to find it again, not enough to use it: it may be a key with a typing error. */
void keytext_mask(const char *word, size_t n, struct buf *out);

#endif
