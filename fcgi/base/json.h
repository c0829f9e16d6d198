/* SPDX-License-Identifier: MIT */
/*
 * json.h: reads JSON that came from outside.
 *
 * Jansson parses by recursion and allows a nesting of 2048, which is more than
 * the small stack of a request thread can hold. Whatever comes from a client or
 * an upstream is read here, where the nesting is measured first.
 *
 * What is only written (for the ledger, on every request) is written as text at
 * once, member by member, without a tree in between.
 */
#ifndef POLLUX_BASE_JSON_H
#define POLLUX_BASE_JSON_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The deepest nesting that is read; a request thread's stack holds several times as much. */
#define JSON_DEPTH_MAX 200

/* Whether the text nests no deeper than JSON_DEPTH_MAX. Needs no valid JSON. */
bool json_depth_ok(const char *text, size_t n);

/* Parses any JSON value: new, or NULL when it is none, or nests too deeply. NUL characters in strings are
 * accepted, and integers beyond 64 bits become reals. */
json_t *json_read(const char *text, size_t n);

/* The same, but NULL also when an integer is beyond 64 bits. */
json_t *json_read_exact(const char *text, size_t n);

/* The same, and where it is no JSON, in words: "line 1, column 7". `where` is "" when it nests too deeply. */
enum { JSON_WHERE = 48 };
json_t *json_read_where(const char *text, size_t n, char where[static JSON_WHERE]);

/* The same for what an upstream said, which nobody can be asked to say again: bytes that are no UTF-8 and halves
 * of surrogate pairs become U+FFFD. */
json_t *json_read_mended(const char *text, size_t n);

/* A member's text: borrowed, "" if it is absent or no string. */
const char *json_text_at(const json_t *object, const char *name);

/* Compact JSON of any value, each real number by the fewest digits that read back as the same: new, for free();
 * NULL when it holds text that is not valid UTF-8. */
char *json_write(const json_t *value);

/* Members of an object, each followed by a comma: begin with json_open(), end with json_close(), which takes
 * the last comma back. Names are written as they are. NULL texts become null; broken UTF-8 becomes U+FFFD. */
void json_open(struct buf *out);
void json_close(struct buf *out);
void json_member_text(struct buf *out, const char *name, const char *text);
void json_member_number(struct buf *out, const char *name, int64_t number);
void json_member_bool(struct buf *out, const char *name, bool yes);
void json_member_raw(struct buf *out, const char *name, const char *json); /* NULL or "" is null */

/* One text in quotes. */
void json_quote(struct buf *out, const char *text);

#endif
