/* SPDX-License-Identifier: MIT */
/* side.c: connections for people and their scripts; see side.h. */
#include "db/side.h"
#include "base/auto.h"
#include "base/clock.h"

#include <errno.h>
#include <string.h>

enum {
    SIDES = 3,
    WAIT_MS = 8000,
    AGAIN = 5, /* times that a call is made again after a deadlock */
    ANSWER_MS = 120 * 1000, /* the server's statement_timeout is shorter, where the role has one */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    char *conninfo;
    struct db *idle[SIDES];
    int idle_n;
    int more; /* connections that may still be made */
} side = {.lock = PTHREAD_MUTEX_INITIALIZER};

void side_start(const char *conninfo)
{
    clock_condition(&side.freed);
    auto_lock(&side.lock);
    side.conninfo = xstrdup(conninfo);
    side.more = SIDES;
}

void side_stop(void)
{
    auto_lock(&side.lock);
    while (side.idle_n > 0)
        db_free(side.idle[--side.idle_n]);
    free(side.conninfo);
    side.conninfo = NULL;
    side.more = 0;
}

static struct db *take(struct fault *f)
{
    struct timespec until = clock_in(WAIT_MS);
    auto_lock(&side.lock);
    while (side.idle_n == 0 && side.more == 0)
        if (pthread_cond_timedwait(&side.freed, &side.lock, &until) == ETIMEDOUT) {
            fault_set(f, FAULT_UNAVAILABLE, "too many reports are being made at the same time");
            fault_hint(f, "try again shortly, or ask for a shorter span of time");
            f->retry_after_ms = 2000;
            return NULL;
        }
    if (side.idle_n > 0)
        return side.idle[--side.idle_n];
    side.more--;
    struct db *db = db_new(side.conninfo);
    db_patience(db, ANSWER_MS);
    return db;
}

static void give(struct db *db)
{
    auto_lock(&side.lock);
    side.idle[side.idle_n++] = db;
    pthread_cond_signal(&side.freed);
}

/* Two changes that wait for each other: PostgreSQL ended one of them, as if it had never begun. */
static bool stood_in_the_way(const struct db *db)
{
    return strcmp(db_sqlstate(db), "40P01") == 0 || strcmp(db_sqlstate(db), "40001") == 0;
}

/* Makes a call, again when it and another one stood in each other's way. */
static bool ask(struct db *db, bool repeat, json_t **ret, struct fault *f, const char *sql, int n,
                const char *const *params)
{
    for (int left = AGAIN; ; left--) {
        struct fault problem = {0};
        bool ok = repeat ? db_json_repeat(db, ret, &problem, sql, n, params) : db_json(db, ret, &problem, sql, n, params);
        if (ok || left == 0 || !stood_in_the_way(db)) {
            if (!ok)
                *f = problem;
            return ok;
        }
    }
}

bool side_change(json_t **ret, struct fault *f, const char *sql, int n, const char *const *params)
{
    struct db *db = take(f);
    if (db == NULL)
        return false;
    struct fault stale = {0};
    db_none(db, &stale, "select 1", 0, NULL); /* a connection that broke while it was idle is noticed here */
    bool ok = db_ready(db, f) && ask(db, false, ret, f, sql, n, params);
    give(db);
    return ok;
}

bool side_read(json_t **ret, struct fault *f, const char *sql, int n, const char *const *params)
{
    struct db *db = take(f);
    if (db == NULL)
        return false;
    bool ok = ask(db, true, ret, f, sql, n, params);
    give(db);
    return ok;
}

bool side_enter(const char *token_hash, const char *least, json_t **ret, struct fault *f)
{
    const char *const params[] = {token_hash, least};
    return side_read(ret, f, "select api.admin_enter($1, $2)", 2, params);
}

bool side_script(const char *token_hash, const char *name, const char *params, const char *from, bool changes,
                 json_t **ret, struct fault *f)
{
    static const char sql[] = "select api.script($1, $2, $3::jsonb, $4::jsonb)";
    const char *const values[] = {token_hash, name, params, from};
    return changes ? side_change(ret, f, sql, 4, values) : side_read(ret, f, sql, 4, values);
}
