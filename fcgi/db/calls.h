/* SPDX-License-Identifier: MIT */
/*
 * calls.h: the api.* functions that are not part of the exchange, one C function each.
 *
 * All use a connection of the ledger's pool and fail with FAULT_UNAVAILABLE when
 * the database is away. They need the schema of sql/ and ledger_start().
 */
#ifndef POLLUX_DB_CALLS_H
#define POLLUX_DB_CALLS_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* api.remember: these resources ("files/abc") belong to this project, for `hours`. `client` may be 0. */
bool calls_remember(json_t *resources, int64_t project, int64_t credential, int64_t client, int64_t hours,
                    struct fault *f);

/* api.forget: the resource was deleted. */
bool calls_forget(const char *resource, struct fault *f);

/* api.upload_open: an upload session under the hash (hexadecimal SHA-256) of our own id for it. */
bool calls_upload_open(const char *hash, const char *url, int64_t project, int64_t credential, int64_t client,
                       int64_t hours, struct fault *f);

/* api.upload_find: the session as an object (new), json_null() if there is none. */
bool calls_upload_find(const char *hash, json_t **ret, struct fault *f);

/* api.upload_done: the session ended. */
bool calls_upload_done(const char *hash, struct fault *f);

/* api.health: {"credentials","ready","resting","dead","disabled"}: new. */
bool calls_health(json_t **ret, struct fault *f);

/* api.models: the models that this client (0: any) may ask for, an array of Gemini's model objects: new. */
bool calls_models(json_t **ret, int64_t client, struct fault *f);

/* api.models_due: ids of credentials whose lists of models are to be asked for now: new. */
bool calls_models_due(json_t **ret, struct fault *f);

/* api.models_offered: what a project's list says, an array of Gemini's model objects; NULL: it could not be
 * had. */
bool calls_models_offered(int64_t project, const json_t *models, struct fault *f);

#endif
