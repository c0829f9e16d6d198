/* SPDX-License-Identifier: MIT */
/*
 * embed.h: OpenAI /v1/embeddings by way of batchEmbedContents.
 *
 * The upstream takes at most EMBED_BATCH inputs in a call:
 *
 *     size_t total = embed_inputs(body, &f);          0 and a fault when the body is wrong
 *     for (size_t from = 0, n; from < total; from += n) {
 *         json_t *request = embed_request(body, model, from, &n, &f);
 *         ... call models/MODEL:batchEmbedContents, append the answer to `answers` ...
 *     }
 *     json_t *list = embed_answer(body, model, answers, &f);
 */
#ifndef POLLUX_TRANSLATE_EMBED_H
#define POLLUX_TRANSLATE_EMBED_H

#include "base/fault.h"

#include <jansson.h>
#include <stddef.h>

#define EMBED_BATCH 100

/* Checks the body; the number of inputs, or 0 with a fault. */
size_t embed_inputs(const json_t *body, struct fault *f);

/* The batchEmbedContents request for the inputs from number `from` on: new, `*count` of them.
 * NULL with a fault when the body is wrong or `from` is past the end. */
json_t *embed_request(const json_t *body, const char *upstream_model, size_t from, size_t *count,
                      struct fault *f);

/* The embeddings list: new. `answers` is the array of upstream answers in the order of the calls,
 * `model` the name that the caller shall read. Vectors are base64 or numbers as the caller asked, of
 * length 1 when `dimensions` was given. NULL with FAULT_UPSTREAM when vectors are missing. */
json_t *embed_answer(const json_t *body, const char *model, const json_t *answers, struct fault *f);

#endif
