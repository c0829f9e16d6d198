/* SPDX-License-Identifier: MIT */
/* admin_calls.c: the functions of SQL schema `admin`, one C function each; see admin_calls.h. */
#include "db/admin_calls.h"

#include <stdio.h>

#define CALL(db, ret, f, sql, ...)                                                              \
    db_json(db, ret, f, sql, (int)(sizeof(const char *[]){__VA_ARGS__} / sizeof(const char *)), \
            (const char *const[]){__VA_ARGS__})

/* An array of text out of JSON text; SQL NULL stays NULL. */
#define TEXTS(n) "(select array_agg(w) from jsonb_array_elements_text($" #n "::jsonb) w)"

bool admin_credential_add(struct db *db, json_t **ret, struct fault *f, const char *project,
                          const char *label, const char *priority, const char *keys)
{
    return CALL(db, ret, f, "select admin.credential_add($1, $2, $3::int, $4::jsonb)", project, label,
                priority, keys);
}

bool admin_credential_list(struct db *db, json_t **ret, struct fault *f, int limit, long long after)
{
    char limit_text[16], after_text[32];
    snprintf(limit_text, sizeof limit_text, "%d", limit);
    snprintf(after_text, sizeof after_text, "%lld", after);
    return CALL(db, ret, f, "select admin.credential_list($1::int, $2::bigint)", limit_text, after_text);
}

bool admin_credential_archive(struct db *db, json_t **ret, struct fault *f, int limit, long long after)
{
    char limit_text[16], after_text[32];
    snprintf(limit_text, sizeof limit_text, "%d", limit);
    snprintf(after_text, sizeof after_text, "%lld", after);
    return CALL(db, ret, f, "select admin.credential_archive($1::int, $2::bigint)", limit_text, after_text);
}

bool admin_credential_restore(struct db *db, json_t **ret, struct fault *f, const char *id)
{
    return CALL(db, ret, f, "select admin.credential_restore($1::bigint)", id);
}

bool admin_credential_set_enabled(struct db *db, json_t **ret, struct fault *f, const char *id, bool enabled)
{
    return CALL(db, ret, f,
                enabled ? "select admin.credential_enable($1::bigint)"
                        : "select admin.credential_set_enabled($1::bigint, false)", id);
}

bool admin_credential_remove(struct db *db, json_t **ret, struct fault *f, const char *id)
{
    return CALL(db, ret, f, "select admin.credential_remove($1::bigint)", id);
}

bool admin_test(struct db *db, json_t **ret, struct fault *f, const char *id, const char *model)
{
    return CALL(db, ret, f, "select admin.test($1::bigint, $2)", id, model);
}

bool admin_keys_folder_sync(struct db *db, json_t **ret, struct fault *f, const char *place)
{
    return CALL(db, ret, f, "select admin.keys_folder_sync($1)", place);
}

bool admin_keys_folder_list(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.keys_folder_list()", 0, NULL);
}

bool admin_keys_folder_forget(struct db *db, json_t **ret, struct fault *f, const char *place)
{
    return CALL(db, ret, f, "select admin.keys_folder_forget($1)", place);
}

bool admin_job_get(struct db *db, json_t **ret, struct fault *f, const char *id)
{
    return CALL(db, ret, f, "select admin.job_get($1::bigint)", id);
}

bool admin_jobs_open(struct db *db, json_t **ret, struct fault *f, const char *jobs)
{
    return CALL(db, ret, f, "select admin.jobs_open($1::bigint[])", jobs);
}

bool admin_jobs_left(struct db *db, json_t **ret, struct fault *f, const char *place)
{
    return CALL(db, ret, f, "select admin.jobs_left($1)", place);
}

bool admin_credential_test_results(struct db *db, json_t **ret, struct fault *f, const char *jobs)
{
    return CALL(db, ret, f, "select admin.credential_test_results($1::bigint[])", jobs);
}

bool admin_reset(struct db *db, json_t **ret, struct fault *f, const char *credential, const char *model)
{
    return CALL(db, ret, f, "select admin.reset($1::bigint, $2)", credential, model);
}

bool admin_client_add(struct db *db, json_t **ret, struct fault *f, const struct admin_client *c)
{
    static const char sql[] = "select admin.client_add($1, $2, $3, $4::bigint, $5::bigint, $6::bigint, " TEXTS(
        7) ", coalesce($8::timestamptz, pollux.now() + $9::interval))";
    return CALL(db, ret, f, sql, c->name, c->hash, c->hint, c->rpm, c->tpm, c->daily_tokens, c->models,
                c->expires, c->expires_in);
}

bool admin_client_list(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.client_list()", 0, NULL);
}

bool admin_client_set(struct db *db, json_t **ret, struct fault *f, const char *id_or_name, const char *patch)
{
    return CALL(db, ret, f, "select admin.client_set($1, $2::jsonb)", id_or_name, patch);
}

bool admin_client_revoke(struct db *db, json_t **ret, struct fault *f, const char *id_or_name)
{
    return CALL(db, ret, f, "select admin.client_revoke($1)", id_or_name);
}

bool admin_token_add(struct db *db, json_t **ret, struct fault *f, const char *name, const char *hash,
                           const char *hint, const char *role, const char *expires, const char *expires_in)
{
    return CALL(db, ret, f,
                "select admin.token_add($1, $2, $3, $4, coalesce($5::timestamptz, pollux.now() + $6::interval))",
                name, hash, hint, role, expires, expires_in);
}

bool admin_token_list(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.token_list()", 0, NULL);
}

bool admin_token_revoke(struct db *db, json_t **ret, struct fault *f, const char *id_or_name)
{
    return CALL(db, ret, f, "select admin.token_revoke($1)", id_or_name);
}

bool admin_model_list(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.model_list()", 0, NULL);
}

bool admin_model_set(struct db *db, json_t **ret, struct fault *f, const char *name, const char *patch)
{
    return CALL(db, ret, f, "select admin.model_set($1, $2::jsonb)", name, patch);
}

bool admin_model_remove(struct db *db, json_t **ret, struct fault *f, const char *name)
{
    return CALL(db, ret, f, "select admin.model_remove($1)", name);
}

bool admin_model_alias(struct db *db, json_t **ret, struct fault *f, const char *name, const char *aliases,
                       bool away)
{
    return CALL(db, ret, f, "select admin.model_alias($1, $2::jsonb, $3::boolean)", name, aliases,
                away ? "true" : "false");
}

bool admin_setting_list(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.setting_list()", 0, NULL);
}

bool admin_setting_set(struct db *db, json_t **ret, struct fault *f, const char *name, const char *value)
{
    return CALL(db, ret, f, "select admin.setting_set($1, $2)", name, value);
}

bool admin_setting_reset(struct db *db, json_t **ret, struct fault *f, const char *name)
{
    return CALL(db, ret, f, "select admin.setting_reset($1)", name);
}

bool admin_admin_list(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.admin_list()", 0, NULL);
}

bool admin_admin_add(struct db *db, json_t **ret, struct fault *f, const char *name, const char *role,
                     const char *password)
{
    return CALL(db, ret, f, "select admin.admin_add($1, $2, $3::jsonb)", name, role, password);
}

bool admin_admin_passwd(struct db *db, json_t **ret, struct fault *f, const char *id_or_name,
                        const char *password)
{
    return CALL(db, ret, f, "select admin.admin_passwd($1, $2::jsonb)", id_or_name, password);
}

bool admin_admin_set(struct db *db, json_t **ret, struct fault *f, const char *id_or_name, const char *role,
                     const char *enabled)
{
    return CALL(db, ret, f, "select admin.admin_set($1, $2, $3::boolean)", id_or_name, role, enabled);
}

bool admin_admin_remove(struct db *db, json_t **ret, struct fault *f, const char *id_or_name)
{
    return CALL(db, ret, f, "select admin.admin_remove($1)", id_or_name);
}

/* A procedure with transactions of its own cannot be in schema admin, whose functions run as the owner. */
bool admin_maintain(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "call pollux.maintain('pollux maintain')", 0, NULL);
}

bool admin_policy_list(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.policy_list()", 0, NULL);
}

bool admin_policy_add(struct db *db, json_t **ret, struct fault *f, const char *rule)
{
    return CALL(db, ret, f, "select admin.policy_add($1::jsonb)", rule);
}

bool admin_policy_set(struct db *db, json_t **ret, struct fault *f, const char *id, const char *patch)
{
    return CALL(db, ret, f, "select admin.policy_set($1::bigint, $2::jsonb)", id, patch);
}

bool admin_policy_remove(struct db *db, json_t **ret, struct fault *f, const char *id)
{
    return CALL(db, ret, f, "select admin.policy_remove($1::bigint)", id);
}

bool admin_credential_set(struct db *db, json_t **ret, struct fault *f, const char *id, const char *patch)
{
    return CALL(db, ret, f, "select admin.credential_set($1::bigint, $2::jsonb)", id, patch);
}

bool admin_credential_fingerprint(struct db *db, json_t **ret, struct fault *f, const char *id)
{
    return CALL(db, ret, f, "select admin.credential_fingerprint($1::bigint)", id);
}

bool admin_ban_list(struct db *db, json_t **ret, struct fault *f, int limit, const char *after)
{
    char limit_text[16];
    snprintf(limit_text, sizeof limit_text, "%d", limit);
    return CALL(db, ret, f, "select admin.ban_list($1::int, $2)", limit_text, after);
}

bool admin_ban_add(struct db *db, json_t **ret, struct fault *f, const char *net, const char *reason,
                   const char *ends, const char *ends_in)
{
    return CALL(db, ret, f,
                "select admin.ban_add($1, $2, coalesce($3::timestamptz, pollux.now() + $4::interval))", net,
                reason, ends, ends_in);
}

bool admin_ban_lift(struct db *db, json_t **ret, struct fault *f, const char *net)
{
    return CALL(db, ret, f, "select admin.ban_lift($1)", net);
}

bool admin_sealed_list(struct db *db, json_t **ret, struct fault *f, const char *key, int limit, const char *except)
{
    char limit_text[16];
    snprintf(limit_text, sizeof limit_text, "%d", limit);
    return CALL(db, ret, f, "select admin.sealed_list($1, $2::int, $3::jsonb)", key, limit_text, except);
}

bool admin_sealed_put(struct db *db, json_t **ret, struct fault *f, const char *values)
{
    return CALL(db, ret, f, "select admin.sealed_put($1::jsonb)", values);
}

bool admin_sealed_count(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.sealed_count()", 0, NULL);
}

bool admin_master_key_workers(struct db *db, json_t **ret, struct fault *f, const char *key, bool seals)
{
    return CALL(db, ret, f, "select admin.master_key_workers($1, $2::boolean)", key, seals ? "true" : "false");
}

bool admin_master_key_retire(struct db *db, json_t **ret, struct fault *f, const char *keep, const char *keys)
{
    return CALL(db, ret, f, "select admin.master_key_retire($1, $2::jsonb)", keep, keys);
}

bool admin_master_key_settled(struct db *db, json_t **ret, struct fault *f, const char *transaction)
{
    return CALL(db, ret, f, "select admin.master_key_settled($1)", transaction);
}

bool admin_master_key_rotated(struct db *db, struct fault *f, const char *key, long long count)
{
    char count_text[24];
    snprintf(count_text, sizeof count_text, "%lld", count);
    const char *const params[] = {key, count_text};
    return db_none(db, f, "select admin.master_key_rotated($1, $2::bigint)", 2, params);
}

bool admin_status(struct db *db, json_t **ret, struct fault *f)
{
    return db_json(db, ret, f, "select admin.status()", 0, NULL);
}

bool admin_usage(struct db *db, json_t **ret, struct fault *f, struct admin_moment from,
                 struct admin_moment to, const char *by, const char *limit, const char *after)
{
    return CALL(db, ret, f,
                "select admin.usage(coalesce($1::timestamptz, pollux.now() - $2::interval), "
                "coalesce($3::timestamptz, pollux.now() - $4::interval), " TEXTS(5) ", $6::int, $7::bigint)",
                from.at, from.ago, to.at, to.ago, by, limit, after);
}
