/* SPDX-License-Identifier: MIT */
/*
 * error.h: failures in the words of each dialect.
 *
 * The HTTP status is fault_status(f->kind). OpenAI's `code` is not carried in
 * the fault: error_code() derives it from the kind, the param and, for what
 * came from the upstream, from the words (a full context, a refused key).
 */
#ifndef POLLUX_TRANSLATE_ERROR_H
#define POLLUX_TRANSLATE_ERROR_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>

/* What the caller reads when it was the upstream credential that was refused; means code "upstream_auth". */
#define ERROR_UPSTREAM_AUTH "The upstream refused the gateway's credential."

/* {"error":{"message","type","param","code"}}: new. */
json_t *error_openai(const struct fault *f);

/* {"error":{"code","message","status","details"?}}: new; RetryInfo is there when the wait is known. */
json_t *error_gemini(const struct fault *f);

/* OpenAI's error.type and error.code; the code is NULL when there is none. Static texts. */
const char *error_type(const struct fault *f);
const char *error_code(const struct fault *f);

/* Fills `f` from an upstream answer: its parsed body (an object, array-wrapped, or NULL when it was no
 * JSON) and the HTTP status (an error inside a 200 brings its own). The words are redacted; the
 * credential's faults never become a 401 or 403. False if this is no error at all. */
bool error_from_upstream(const json_t *answer, int status, struct fault *f);

#endif
