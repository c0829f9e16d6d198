/* SPDX-License-Identifier: MIT */
/* account_calls.c: the SQL functions for OAuth accounts, one C function each; see account_calls.h. */
#include "db/account_calls.h"
#include "db/ledger.h"
#include "base/auto.h"

#include <string.h>

enum { NUMBER_MAX = 24 };

/* A number as a parameter. */
struct number {
    char text[NUMBER_MAX];
};

static const char *number(struct number *n, int64_t v)
{
    snprintf(n->text, sizeof n->text, "%lld", (long long)v);
    return n->text;
}

static bool call(struct db *db, json_t **ret, struct fault *f, const char *sql, int n, const char *const *params)
{
    if (db != NULL)
        return db_json_repeat(db, ret, f, sql, n, params);
    struct db *taken = ledger_take(f);
    if (taken == NULL)
        return false;
    bool ok = db_json_repeat(taken, ret, f, sql, n, params);
    ledger_give(taken);
    return ok;
}

#define CALL(sql, ...)                                                                    \
    call(db, ret, f, sql, (int)(sizeof(const char *[]){__VA_ARGS__} / sizeof(const char *)), \
         (const char *const[]){__VA_ARGS__})

bool account_calls_client(struct db *db, json_t **ret, struct fault *f, const char *client_id)
{
    return CALL("select api.oauth_client($1)", client_id);
}

bool account_calls_open(struct db *db, json_t **ret, struct fault *f, int64_t credential, const char *lease,
                        int64_t rejected, const char *wish)
{
    struct number c, r;
    return CALL("select api.account_open($1::bigint, $2::uuid, $3::bigint, $4)", number(&c, credential), lease,
                rejected >= 0 ? number(&r, rejected) : NULL, wish);
}

bool account_calls_refreshed(struct db *db, json_t **ret, struct fault *f, int64_t credential, int64_t version,
                             const json_t *token)
{
    struct number c, v;
    auto_str text = json_dumps(token, JSON_COMPACT);
    return CALL("select api.account_refreshed($1::bigint, $2::bigint, $3::jsonb)", number(&c, credential),
                number(&v, version), text);
}

bool account_calls_failed(struct db *db, struct fault *f, int64_t credential, const char *lease, const char *says)
{
    struct number c;
    json_auto_t *answer = NULL;
    json_t **ret = &answer;
    return CALL("select api.account_failed($1::bigint, $2::uuid, $3)", number(&c, credential), lease, says);
}

bool account_calls_refused(struct db *db, struct fault *f, int64_t credential, int64_t version, const json_t *why)
{
    struct number c, v;
    json_auto_t *answer = NULL;
    json_t **ret = &answer;
    auto_str text = json_dumps(why, JSON_COMPACT);
    return CALL("select api.account_refused($1::bigint, $2::bigint, $3::jsonb)", number(&c, credential),
                version >= 0 ? number(&v, version) : NULL, text);
}

bool account_calls_ready(struct db *db, struct fault *f, int64_t credential, const json_t *setup)
{
    struct number c;
    json_auto_t *answer = NULL;
    json_t **ret = &answer;
    auto_str text = json_dumps(setup, JSON_COMPACT);
    return CALL("select api.account_ready($1::bigint, $2::jsonb)", number(&c, credential), text);
}

bool account_calls_again(struct db *db, struct fault *f, int64_t credential)
{
    struct number c;
    json_auto_t *answer = NULL;
    json_t **ret = &answer;
    return CALL("select api.account_again($1::bigint)", number(&c, credential));
}

bool account_calls_add(struct db *db, json_t **ret, struct fault *f, const json_t *account)
{
    auto_str text = json_dumps(account, JSON_COMPACT);
    return CALL("select api.account_add($1::jsonb)", text);
}

bool account_calls_wrapped(json_t **ret, struct fault *f)
{
    return call(NULL, ret, f, "select api.account_wrapped()", 0, NULL);
}

bool account_calls_login_start(struct db *db, json_t **ret, struct fault *f, const json_t *login)
{
    auto_str text = json_dumps(login, JSON_COMPACT);
    return CALL("select api.login_start($1::jsonb)", text);
}

/* Ids come from outside here: one that cannot be any is one that there is not. */
static const char *login_id(const char *id)
{
    static const char shape[] = "00000000-0000-0000-0000-000000000000";
    if (id == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == '0' ? id[i] == '\0' || strchr("0123456789abcdefABCDEF", id[i]) == NULL : id[i] != shape[i])
            return shape;
    return id;
}

bool account_calls_login_take(struct db *db, json_t **ret, struct fault *f, const char *id, const char *state_hash,
                              const char *browser_hash)
{
    return CALL("select api.login_take($1::uuid, $2, $3)", login_id(id), state_hash, browser_hash);
}

bool account_calls_login_end(struct db *db, json_t **ret, struct fault *f, const char *id, int64_t credential,
                             const char *says)
{
    struct number c;
    return CALL("select api.login_end($1::uuid, $2::bigint, $3)", id,
                credential != 0 ? number(&c, credential) : NULL, says);
}

bool account_calls_login_status(struct db *db, json_t **ret, struct fault *f, const char *id)
{
    return CALL("select api.login_status($1::uuid)", login_id(id));
}

bool account_calls_client_set(struct db *db, json_t **ret, struct fault *f, const char *client_id, const char *secret)
{
    return CALL("select admin.oauth_client_set($1, $2)", client_id, secret);
}

bool account_calls_client_show(struct db *db, json_t **ret, struct fault *f)
{
    return call(db, ret, f, "select admin.oauth_client_show()", 0, NULL);
}

bool account_calls_client_remove(struct db *db, json_t **ret, struct fault *f)
{
    return call(db, ret, f, "select admin.oauth_client_remove()", 0, NULL);
}

bool account_calls_list(struct db *db, json_t **ret, struct fault *f, int limit, long long after)
{
    struct number l, a;
    return CALL("select admin.account_list($1::int, $2::bigint)", number(&l, limit), number(&a, after));
}

bool account_calls_show(struct db *db, json_t **ret, struct fault *f, const char *id)
{
    return CALL("select api.account_show($1::bigint)", id);
}

bool account_calls_set_enabled(struct db *db, json_t **ret, struct fault *f, const char *id, bool enabled)
{
    return CALL("select admin.account_set_enabled($1::bigint, $2::boolean)", id, enabled ? "true" : "false");
}

bool account_calls_remove(struct db *db, json_t **ret, struct fault *f, const char *id)
{
    return CALL("select admin.account_remove($1::bigint)", id);
}

bool account_calls_map(struct db *db, json_t **ret, struct fault *f, const char *email, const char *project)
{
    return CALL("select admin.account_map($1, $2)", email, project);
}
