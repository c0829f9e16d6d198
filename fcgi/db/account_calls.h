/* SPDX-License-Identifier: MIT */
/*
 * account_calls.h: the SQL functions for OAuth accounts, one C function each, of the same name.
 *
 * Their shapes stand in sql/functions/account.sql. Each answers one JSON value
 * in *ret (new; json null for SQL NULL). `db` is a connection of the caller's
 * own (the command line's), or NULL for one of the ledger's pool (a worker's).
 * A call that found its connection broken is done once more: all of them may be
 * repeated.
 */
#ifndef POLLUX_DB_ACCOUNT_CALLS_H
#define POLLUX_DB_ACCOUNT_CALLS_H

#include "db/db.h"

#include <stdint.h>

/* A configured OAuth client: NULL for the one that new logins are made with. */
bool account_calls_client(struct db *db, json_t **ret, struct fault *f, const char *client_id);

/* What to do for an access token. `rejected`: version of a token that Google refused, -1: none; `wish`: "use",
 * "refresh" or "revive". */
bool account_calls_open(struct db *db, json_t **ret, struct fault *f, int64_t credential, const char *lease,
                        int64_t rejected, const char *wish);

/* What came of a refresh. `version` is that of the token that was to be replaced. */
bool account_calls_refreshed(struct db *db, json_t **ret, struct fault *f, int64_t credential, int64_t version,
                             const json_t *token);
bool account_calls_failed(struct db *db, struct fault *f, int64_t credential, const char *lease, const char *says);
bool account_calls_refused(struct db *db, struct fault *f, int64_t credential, int64_t version, const json_t *why);

/* Code Assist has set the account up, or has to be asked again. */
bool account_calls_ready(struct db *db, struct fault *f, int64_t credential, const json_t *setup);
bool account_calls_again(struct db *db, struct fault *f, int64_t credential);

/* Stores an account. */
bool account_calls_add(struct db *db, json_t **ret, struct fault *f, const json_t *account);

/* An account by its id. */
bool account_calls_show(struct db *db, json_t **ret, struct fault *f, const char *id);

/* Projects that only Code Assist serves: an array of ids. */
bool account_calls_wrapped(json_t **ret, struct fault *f);

/* Logins under way. */
bool account_calls_login_start(struct db *db, json_t **ret, struct fault *f, const json_t *login);
bool account_calls_login_take(struct db *db, json_t **ret, struct fault *f, const char *id, const char *state_hash,
                              const char *browser_hash);
bool account_calls_login_end(struct db *db, json_t **ret, struct fault *f, const char *id, int64_t credential,
                             const char *says);
bool account_calls_login_status(struct db *db, json_t **ret, struct fault *f, const char *id);

/* For the command line alone. */
bool account_calls_client_set(struct db *db, json_t **ret, struct fault *f, const char *client_id, const char *secret);
bool account_calls_client_show(struct db *db, json_t **ret, struct fault *f);
bool account_calls_client_remove(struct db *db, json_t **ret, struct fault *f);
bool account_calls_list(struct db *db, json_t **ret, struct fault *f, int limit, long long after);
bool account_calls_set_enabled(struct db *db, json_t **ret, struct fault *f, const char *id, bool enabled);
bool account_calls_remove(struct db *db, json_t **ret, struct fault *f, const char *id);
bool account_calls_map(struct db *db, json_t **ret, struct fault *f, const char *email, const char *project);

#endif
