/* SPDX-License-Identifier: MIT */
/* calls.c: the api.* functions that are not part of the exchange; see calls.h. */
#include "db/calls.h"
#include "db/db.h"
#include "db/ledger.h"
#include "base/auto.h"

enum { NUMBER_MAX = 24 };

/* One call that may be repeated when the connection turns out to be broken. */
static bool call(json_t **ret, struct fault *f, const char *sql, int n, const char *const *params)
{
    struct db *db = ledger_take(f);
    if (db == NULL)
        return false;
    bool ok = db_json_repeat(db, ret, f, sql, n, params);
    ledger_give(db);
    return ok;
}

static bool call_void(struct fault *f, const char *sql, int n, const char *const *params)
{
    json_auto_t *ignored = NULL;
    return call(&ignored, f, sql, n, params);
}

/* The number as text, NULL for 0: ids that are not known are SQL NULL. */
static const char *id_text(int64_t v, char to[static NUMBER_MAX])
{
    snprintf(to, NUMBER_MAX, "%lld", (long long)v);
    return v != 0 ? to : NULL;
}

bool calls_remember(json_t *resources, int64_t project, int64_t credential, int64_t client, int64_t hours,
                    struct fault *f)
{
    char p[NUMBER_MAX], c[NUMBER_MAX], cl[NUMBER_MAX], h[NUMBER_MAX];
    auto_str names = json_dumps(resources, JSON_COMPACT);
    const char *const params[] = {names, id_text(project, p), id_text(credential, c), id_text(client, cl),
                                  id_text(hours, h)};
    return call_void(
        f,
        "select to_jsonb(1) from api.remember(array(select jsonb_array_elements_text($1::jsonb)), "
        "$2::bigint, $3::bigint, $4::bigint, $5::int)",
        5, params);
}

bool calls_forget(const char *resource, struct fault *f)
{
    const char *const params[] = {resource};
    return call_void(f, "select to_jsonb(1) from api.forget($1)", 1, params);
}

bool calls_upload_open(const char *hash, const char *url, int64_t project, int64_t credential, int64_t client,
                       int64_t hours, struct fault *f)
{
    char p[NUMBER_MAX], c[NUMBER_MAX], cl[NUMBER_MAX], h[NUMBER_MAX];
    const char *const params[] = {
        hash, url, id_text(project, p), id_text(credential, c), id_text(client, cl), id_text(hours, h)};
    return call_void(f,
                     "select to_jsonb(1) from api.upload_open(decode($1, 'hex'), $2, $3::bigint, $4::bigint, "
                     "$5::bigint, $6::int)",
                     6, params);
}

bool calls_upload_find(const char *hash, json_t **ret, struct fault *f)
{
    const char *const params[] = {hash};
    return call(ret, f, "select (select to_jsonb(u) from api.upload_find(decode($1, 'hex')) as u)", 1,
                params);
}

bool calls_upload_done(const char *hash, struct fault *f)
{
    const char *const params[] = {hash};
    return call_void(f, "select to_jsonb(1) from api.upload_done(decode($1, 'hex'))", 1, params);
}

bool calls_health(json_t **ret, struct fault *f)
{
    return call(ret, f, "select api.health()", 0, NULL);
}

bool calls_models(json_t **ret, int64_t client, struct fault *f)
{
    char c[NUMBER_MAX];
    const char *const params[] = {id_text(client, c)};
    return call(ret, f, "select api.models($1::bigint)", 1, params);
}

bool calls_models_due(json_t **ret, struct fault *f)
{
    return call(ret, f, "select api.models_due()", 0, NULL);
}

bool calls_models_offered(int64_t project, const json_t *models, struct fault *f)
{
    char p[NUMBER_MAX];
    auto_str text = models != NULL ? json_dumps(models, JSON_COMPACT) : NULL;
    const char *const params[] = {id_text(project, p), text};
    return call_void(f, "select to_jsonb(api.models_offered($1::bigint, $2::jsonb))", 2, params);
}
