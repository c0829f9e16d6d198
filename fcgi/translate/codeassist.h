/* SPDX-License-Identifier: MIT */
/*
 * codeassist.h: Gemini's requests in the envelope of Code Assist, and its answers out of it.
 *
 * Code Assist serves few calls of a model: generate, stream, count, and what its
 * quota says about models. What is inside the envelope is Gemini's own, with
 * some strictness of Vertex: every content has a role, thoughts are not sent
 * back. Nothing else is changed.
 */
#ifndef POLLUX_TRANSLATE_CODEASSIST_H
#define POLLUX_TRANSLATE_CODEASSIST_H

#include <jansson.h>

enum codeassist_call {
    CODEASSIST_NONE, /* not possible there */
    CODEASSIST_GENERATE,
    CODEASSIST_STREAM,
    CODEASSIST_COUNT,
    CODEASSIST_MODELS, /* the list of models */
    CODEASSIST_MODEL,  /* one of them */
};

/* What a native call is there. `path` is "/v1beta/models/x:verb" or what else follows the host, without a
 * query. */
enum codeassist_call codeassist_call_of(const char *method, const char *path);

/* What follows the base URL for a call. */
const char *codeassist_path(enum codeassist_call call);

/* The request of a call: new. `request` is the native one (NULL for lists), `id` tells this prompt from others.
 * NULL when the native request is no JSON object. */
json_t *codeassist_request(enum codeassist_call call, const json_t *request, const char *model,
                           const char *project, const char *id);

/* The native answer, or event, that an answer of that call holds: new. Errors stay as they are. A model that is
 * not in the list gives NULL. */
json_t *codeassist_answer(enum codeassist_call call, const json_t *answer, const char *model);

#endif
