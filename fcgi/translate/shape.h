/* SPDX-License-Identifier: MIT */
/*
 * shape.h: small readers of JSON values, for this room alone.
 *
 * All of them accept NULL and values of the wrong type, and answer NULL, false
 * or the default: nothing that comes from outside is taken for granted.
 */
#ifndef POLLUX_TRANSLATE_SHAPE_H
#define POLLUX_TRANSLATE_SHAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The member's text, NULL if it is no string: borrowed. */
const char *shape_text(const json_t *object, const char *key);

/* The member under either of its two spellings (ProtoJSON accepts both): borrowed. */
json_t *shape_get2(const json_t *object, const char *camel, const char *snake);

/* The member, NULL if it is absent or null: borrowed. */
json_t *shape_given(const json_t *object, const char *key);

/* A whole number, from an integer or a real without a fraction; false if it is none. */
bool shape_whole(const json_t *value, int64_t *whole);

/* The member as a number of tokens or the like: a non-negative integer (also as digits in a string). */
bool shape_count(const json_t *object, const char *key, int64_t *count);

/* Sets the member to `value` (borrowed: one more reference is taken). NULL sets nothing. */
void shape_share(json_t *object, const char *key, json_t *value);

/* A string value of n bytes that may hold NUL, with invalid UTF-8 replaced: new, never NULL. */
json_t *shape_string(const char *text, size_t n);

#endif
