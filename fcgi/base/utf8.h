/* SPDX-License-Identifier: MIT */
/*
 * utf8.h: UTF-8 in text that came from outside, or that was cut.
 */
#ifndef POLLUX_BASE_UTF8_H
#define POLLUX_BASE_UTF8_H

#include <stddef.h>

/* The length of the character at `s`, with `n` bytes left; 0 if it is overlong, a surrogate, beyond U+10FFFF,
 * broken, or if `n` is 0. */
size_t utf8_length(const char *s, size_t n);

/* `n`, less the beginning of a character whose end has been cut off. */
size_t utf8_whole(const char *s, size_t n);

#endif
