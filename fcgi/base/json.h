/* SPDX-License-Identifier: MIT */
/*
 * json.h: reads JSON that came from outside.
 *
 * Jansson parses by recursion and allows a nesting of 2048, which is more than
 * the small stack of a request thread can hold. Whatever comes from a client or
 * an upstream is read here, where the nesting is measured first.
 */
#ifndef POLLUX_BASE_JSON_H
#define POLLUX_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The deepest nesting that is read; a request thread's stack holds several times as much. */
#define JSON_DEPTH_MAX 200

/* Whether the text nests no deeper than JSON_DEPTH_MAX. Needs no valid JSON. */
bool json_depth_ok(const char *text, size_t n);

/* Parses any JSON value: new, or NULL when it is none, or nests too deeply. NUL characters in strings are
 * accepted, and integers beyond 64 bits become reals. */
json_t *json_read(const char *text, size_t n);

#endif
