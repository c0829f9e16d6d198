/* SPDX-License-Identifier: MIT */
/*
 * edit.h: the smallest change of a native request body that does what the operator configured.
 *
 * Native bodies are passed on byte for byte. Where a search variant, a setting
 * about thinking or an alias asks for a change, text is put in or replaced at
 * the one place that it concerns; every other byte stays as it came. A body
 * that is no JSON object, or has something else where an object or an array
 * belongs, is left alone: the upstream says what is wrong with it.
 */
#ifndef POLLUX_TRANSLATE_EDIT_H
#define POLLUX_TRANSLATE_EDIT_H

#include "base/buf.h"
#include "translate/traits.h"

#include <stdbool.h>
#include <stddef.h>

struct edit {
    const struct traits *traits; /* search and thinking are worked in; NULL: neither */
    const char *model;           /* the upstream's name of the model, without "models/" */
    const char *asked;           /* the name in the client's path: where the body repeats it, it is replaced by
                                    `model` ("model" of the body itself, of generateContentRequest, batch and
                                    each of requests) */
};

/* Appends the changed body to `out`. False, and nothing appended, when there is nothing to change. */
bool edit_native(const char *body, size_t n, const struct edit *e, struct buf *out);

/* Appends the text of the body's own member "model". False if it has none, or a longer one than a name can
 * be. */
bool edit_model(const char *body, size_t n, struct buf *name);

/* Appends the JSON text without the blanks between its tokens: one line, whatever it was. */
void edit_compact(const char *json, size_t n, struct buf *out);

#endif
