/* SPDX-License-Identifier: MIT */
/*
 * schema.h: JSON Schema cut down to what Gemini's own Schema type accepts.
 *
 * Only for the fields `parameters` and `responseSchema`: everything unknown
 * there is a 400. References are written out, so depth and size are bounded.
 */
#ifndef POLLUX_TRANSLATE_SCHEMA_H
#define POLLUX_TRANSLATE_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

/* The cleaned schema: new, never NULL. `loose` leaves out sizes, ranges and patterns as well. */
json_t *schema_clean(const json_t *schema, bool loose);

/* Whether it asks for nothing: no object, or an object type without any property or rule. */
bool schema_is_empty(const json_t *schema);

/* Whether it is a choice of strings at the root, which has a MIME type of its own (text/x.enum). */
bool schema_is_choice(const json_t *schema);

#endif
