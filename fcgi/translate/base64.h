/* SPDX-License-Identifier: MIT */
/*
 * base64.h: the standard alphabet out, every usual spelling in.
 */
#ifndef POLLUX_TRANSLATE_BASE64_H
#define POLLUX_TRANSLATE_BASE64_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the encoding of n bytes. */
void base64_encode(struct buf *out, const void *bytes, size_t n);

/* Whether the text is standard base64 already: no blanks, right alphabet, padded. */
bool base64_is_plain(const char *text, size_t n);

/* Appends the text as standard base64: blanks dropped, the URL-safe alphabet replaced, padding mended.
 * False when there is any other character, or no such length. */
bool base64_plain(struct buf *out, const char *text, size_t n);

/* Appends the bytes that the text stands for; accepts what base64_plain() accepts. */
bool base64_decode(struct buf *out, const char *text, size_t n);

#endif
