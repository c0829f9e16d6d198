/* SPDX-License-Identifier: MIT */
/*
 * gateway.h: the handlers of everything that leads to the upstream.
 *
 * Each takes a request whose URI was parsed and answers it completely, errors
 * included. routes.c says which path leads where.
 */
#ifndef POLLUX_GATEWAY_GATEWAY_H
#define POLLUX_GATEWAY_GATEWAY_H

#include "base/fault.h"
#include "http/request.h"
#include "http/uri.h"

#include <stdbool.h>

/* POST /v1/chat/completions. OpenAI dialect: wire format as in OpenAI's API reference. */
void gateway_chat(struct request *r, const struct uri *u);

/* POST /v1/embeddings */
void gateway_embeddings(struct request *r, const struct uri *u);

/* GET /v1/models and /v1/models/{id}: OpenAI objects, or Gemini's when the caller is a Gemini client. */
void gateway_models(struct request *r, const struct uri *u);

/* Everything below /v1beta, /v1alpha, /v1 that is native: bodies pass untouched in both directions. */
void gateway_native(struct request *r, const struct uri *u);

/* Whatever else is below /v1: native for a Gemini client (Google's SDKs use /v1 for everything), and nothing
 * in the OpenAI dialect. */
void gateway_rest(struct request *r, const struct uri *u);

/* Everything below /upload/: resumable and multipart uploads, streamed. */
void gateway_upload(struct request *r, const struct uri *u);

/* GET /health, /healthz, /wake: {"status","version","database","credentials"}, and "warning" when fewer
 * credentials work than should; 503 when nothing can be served. */
void gateway_health(struct request *r, const struct uri *u);

/* Says in the log, once at the start, when fewer credentials work than should. */
void gateway_warn(void);

/* Answers with a failure in the dialect that a client of this path expects. */
void gateway_refuse(struct request *r, const char *path, const struct fault *f);

#endif
