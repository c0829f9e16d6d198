/* SPDX-License-Identifier: MIT */
/*
 * admin_calls.h: the functions of SQL schema `admin`, one C function each, of the same name.
 *
 * For the command line and the console, not for requests. Each answers one
 * JSON value in *ret (new; json null for SQL NULL, which is "no such thing"),
 * or false with the fault set. A text that is NULL is SQL NULL. Numbers are
 * passed as text: the database checks them.
 */
#ifndef POLLUX_DB_ADMIN_CALLS_H
#define POLLUX_DB_ADMIN_CALLS_H

#include "db/db.h"

/* Stores credentials. `keys` is the JSON text of an array of {"fingerprint", "sealed", "hint"}, the first two
 * in hexadecimal. Without a project each becomes its own. *ret: {"new", "known", "ids"}. */
bool admin_credential_add(struct db *db, json_t **ret, struct fault *f, const char *project,
                          const char *label, const char *priority, const char *keys);

/* Up to `limit` credentials with an id above `after`, in the order of their ids: an array. */
bool admin_credential_list(struct db *db, json_t **ret, struct fault *f, int limit, long long after);

/* The credential as it is afterwards. Enabling also forgets why and how long it had been resting. */
bool admin_credential_set_enabled(struct db *db, json_t **ret, struct fault *f, const char *id, bool enabled);

/* The credential as it was. */
bool admin_credential_remove(struct db *db, json_t **ret, struct fault *f, const char *id);

/* The archive, in pages like admin_credential_list(); and out of it: the credential as it is afterwards. */
bool admin_credential_archive(struct db *db, json_t **ret, struct fault *f, int limit, long long after);
bool admin_credential_restore(struct db *db, json_t **ret, struct fault *f, const char *id);

/* Has one key, or (NULL) all keys, probed at once; `model` may be NULL. *ret: an array of {"id", "job"}, json null if
 * there is no such key. */
bool admin_test(struct db *db, json_t **ret, struct fault *f, const char *id, const char *model);

/* Has a keys folder ("host:/path") read at once: the id of the job. */
bool admin_keys_folder_sync(struct db *db, json_t **ret, struct fault *f, const char *place);

/* All keys folders; and one that is no more: {"place", "gone"}, json null if it is unknown. */
bool admin_keys_folder_list(struct db *db, json_t **ret, struct fault *f);
bool admin_keys_folder_forget(struct db *db, json_t **ret, struct fault *f, const char *place);

/* A job as it is: {"state", "result", ...}. */
bool admin_job_get(struct db *db, json_t **ret, struct fault *f, const char *id);

/* Of these jobs (an array as PostgreSQL writes it: "{1,2}"): how many are not done; what came of them. */
bool admin_jobs_open(struct db *db, json_t **ret, struct fault *f, const char *jobs);
bool admin_credential_test_results(struct db *db, json_t **ret, struct fault *f, const char *jobs);

/* How many jobs are due and have no worker to do them; `place` is this host's folder with keys, or "". */
bool admin_jobs_left(struct db *db, json_t **ret, struct fault *f, const char *place);

/* Ends what is automatic: of a credential (*ret: as it is afterwards), of a model ({"model", "projects"}), or, when both
 * are NULL, all of it ({"credentials", "rows"}). Json null: there is no such thing. */
bool admin_reset(struct db *db, json_t **ret, struct fault *f, const char *credential, const char *model);

struct admin_client {
    const char *name;
    const char *hash; /* of the token, SHA-256 in hexadecimal */
    const char *hint; /* how the token ends */
    const char *rpm, *tpm, *daily_tokens;
    const char *models;     /* JSON text of an array of names; NULL: all */
    const char *expires;    /* a time */
    const char *expires_in; /* or how long from now ("30 days"), by the database's clock */
};

/* The client as stored: {"id", "name", ...}. */
bool admin_client_add(struct db *db, json_t **ret, struct fault *f, const struct admin_client *client);

bool admin_client_list(struct db *db, json_t **ret, struct fault *f);

/* By id or name: the client as it is afterwards. `patch` is JSON text: {"rpm", "tpm", "daily_tokens", "models",
 * "expires_at" or "expires_in"}; null clears, what is absent stays. */
bool admin_client_set(struct db *db, json_t **ret, struct fault *f, const char *id_or_name,
                      const char *patch);

/* By id or name: the client as it is afterwards. */
bool admin_client_revoke(struct db *db, json_t **ret, struct fault *f, const char *id_or_name);

/* An administrator's token by its hash (SHA-256 in hexadecimal) and how it ends. `expires` and `expires_in` as in
 * struct admin_client. The token as stored: {"id", "name", "role", ...}. */
bool admin_token_add(struct db *db, json_t **ret, struct fault *f, const char *name, const char *hash,
                           const char *hint, const char *role, const char *expires, const char *expires_in);

bool admin_token_list(struct db *db, json_t **ret, struct fault *f);

/* By id or name: the token as it is afterwards. */
bool admin_token_revoke(struct db *db, json_t **ret, struct fault *f, const char *id_or_name);

bool admin_model_list(struct db *db, json_t **ret, struct fault *f);

/* `patch` is JSON text: {"rpm", ...} as told at SQL's admin.model_set; null clears, what is absent stays. The model
 * as it is afterwards; an unknown one is made. */
bool admin_model_set(struct db *db, json_t **ret, struct fault *f, const char *name, const char *patch);

/* The model as it was. */
bool admin_model_remove(struct db *db, json_t **ret, struct fault *f, const char *name);

/* Gives it these aliases (JSON text of an array) besides those it has, or takes them away. The model as it is
 * afterwards. */
bool admin_model_alias(struct db *db, json_t **ret, struct fault *f, const char *name, const char *aliases,
                       bool away);

bool admin_setting_list(struct db *db, json_t **ret, struct fault *f);
bool admin_setting_set(struct db *db, json_t **ret, struct fault *f, const char *name, const char *value);
bool admin_setting_reset(struct db *db, json_t **ret, struct fault *f, const char *name);

/* Administrators of the console. `password` is JSON text from vault_password_seal(); `role` and `enabled`
 * ("true", "false") may be NULL, which leaves them. Each answers the administrator. */
bool admin_admin_list(struct db *db, json_t **ret, struct fault *f);
bool admin_admin_add(struct db *db, json_t **ret, struct fault *f, const char *name, const char *role,
                     const char *password);
bool admin_admin_passwd(struct db *db, json_t **ret, struct fault *f, const char *id_or_name,
                        const char *password);
bool admin_admin_set(struct db *db, json_t **ret, struct fault *f, const char *id_or_name, const char *role,
                     const char *enabled);
bool admin_admin_remove(struct db *db, json_t **ret, struct fault *f, const char *id_or_name);

/* The rules about errors of the upstream, in their order. `rule` and `patch` are JSON text: {"position",
 * "status_from", "status_to", "text", "action", "scope", "rest_ms", "note", "enabled"}. */
bool admin_policy_list(struct db *db, json_t **ret, struct fault *f);
bool admin_policy_add(struct db *db, json_t **ret, struct fault *f, const char *rule);
bool admin_policy_set(struct db *db, json_t **ret, struct fault *f, const char *id, const char *patch);

/* The rule as it was. */
bool admin_policy_remove(struct db *db, json_t **ret, struct fault *f, const char *id);

/* Changes a credential: `patch` is JSON text, {"label", "priority", "project", "proxy": {"sealed", "hint"}}. The
 * credential as it is afterwards. */
bool admin_credential_set(struct db *db, json_t **ret, struct fault *f, const char *id, const char *patch);

/* The fingerprint under whose name a credential's proxy is sealed: a string, null if there is none. */
bool admin_credential_fingerprint(struct db *db, json_t **ret, struct fault *f, const char *id);

/* Bans in force, by network: up to `limit` after network `after` (NULL: from the first), an array. */
bool admin_ban_list(struct db *db, json_t **ret, struct fault *f, int limit, const char *after);

/* Bans an address or network until then (both NULL: for a day): the ban. */
bool admin_ban_add(struct db *db, json_t **ret, struct fault *f, const char *net, const char *reason,
                   const char *ends, const char *ends_in);

/* The ban as it was. */
bool admin_ban_lift(struct db *db, json_t **ret, struct fault *f, const char *net);

/* For the rotation of the master key, see sql/functions/master_key.sql. What is not sealed under `key`, up to `limit`
 * values not in `except` (JSON text of an array of "place id"): an array of {"place", "id", "name", "sealed"}. */
bool admin_sealed_list(struct db *db, json_t **ret, struct fault *f, const char *key, int limit, const char *except);

/* Values sealed anew, JSON text of an array of {"place", "id", "was", "now"}: how many were put. */
bool admin_sealed_put(struct db *db, json_t **ret, struct fault *f, const char *values);

/* {key id: how many values}. */
bool admin_sealed_count(struct db *db, json_t **ret, struct fault *f);

/* Hosts with living workers that do not know, or do not seal with, this key: an array. */
bool admin_master_key_workers(struct db *db, json_t **ret, struct fault *f, const char *key, bool seals);

/* Nothing is sealed with `keys` (JSON text of an array) any more, but with `keep`: the transaction as a string. And
 * whether all transactions before that one are over. */
bool admin_master_key_retire(struct db *db, json_t **ret, struct fault *f, const char *keep, const char *keys);
bool admin_master_key_settled(struct db *db, json_t **ret, struct fault *f, const char *transaction);

/* Writes the rotation down. */
bool admin_master_key_rotated(struct db *db, struct fault *f, const char *key, long long count);

bool admin_status(struct db *db, json_t **ret, struct fault *f);

/* Does the maintenance that is due: an array of {"name", "result", "failed", "ms"}. */
bool admin_maintain(struct db *db, json_t **ret, struct fault *f);

/* A moment: `at` is a time, or `ago` an interval before now by the database's clock, or both are NULL. */
struct admin_moment {
    const char *at, *ago;
};

/* `by` is the JSON text of an array of "client", "credential", "model", "day", "hour"; `after` the "next" of the page
 * before, "0" for the first. {"items": up to `limit` sums, "next"}. */
bool admin_usage(struct db *db, json_t **ret, struct fault *f, struct admin_moment from,
                 struct admin_moment to, const char *by, const char *limit, const char *after);

#endif
