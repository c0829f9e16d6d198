/* SPDX-License-Identifier: MIT */
/*
 * chores.c: maintenance of the database, while neither pg_cron nor a timer does it.
 *
 * Whether it is up to the workers, and what is due, the database knows
 * (sql/functions/chore.sql). A chore may take minutes after a long outage: it has
 * a thread and a connection of its own while it lasts, so that neither heartbeats
 * nor leases wait for it.
 */
#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/db.h"
#include "jobs/jobs_own.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
    LEAVE_MS = 5000,
    CHORE_MS = 11 * 60 * 1000, /* its statement_timeout, see below, and a little */
    CALL_MS = 20 * 1000,       /* how often is looked whether pg_cron has to be called */
    CALLED_MS = 75 * 1000,     /* and how long it gets to come then: it does so every minute */
};

/* The role of the workers has a statement_timeout that is meant for requests. */
static const char one_chore[] =
    "begin; set local statement_timeout = '10min'; select api.chore(); commit";

static struct {
    char *conninfo;
    pthread_t thread;
    bool started;
    atomic_bool busy;
    int64_t call_at;
    bool called; /* the last look found that it had to be, and that was logged */
} chores;

static void *chores_main(void *arg)
{
    (void)arg;
    struct fault f = {0};
    struct db *db = db_new(chores.conninfo);
    db_patience(db, CHORE_MS);
    if (!db_script(db, one_chore, &f))
        log_warn("maintenance: %s %s", f.said, f.meant);
    db_free(db);
    atomic_store(&chores.busy, false);
    return NULL;
}

static bool wanted(void)
{
    json_auto_t *answer = NULL;
    struct fault f = {0};
    return jobs_call(&answer, &f, "select to_jsonb(api.chore_wanted())", 0, NULL) && json_is_true(answer);
}

/* pg_cron may not have heard of its job: sql/functions/chore.sql tells why. */
static void call_cron(void)
{
    json_auto_t *answer = NULL;
    struct fault f = {0};
    if (clock_ms() < chores.call_at)
        return;
    jobs_call(&answer, &f, "select to_jsonb(api.cron_call())", 0, NULL);
    bool call = json_is_true(answer);
    chores.call_at = clock_ms() + (call ? CALLED_MS : CALL_MS);
    if (call && !chores.called)
        log_info("maintenance: pg_cron has not come by; its job was announced again");
    chores.called = call;
}

void chores_look(const char *conninfo)
{
    call_cron();
    if (atomic_load(&chores.busy) || !wanted())
        return;
    if (chores.started)
        pthread_join(chores.thread, NULL);
    if (chores.conninfo == NULL)
        chores.conninfo = xstrdup(conninfo);
    atomic_store(&chores.busy, true);
    chores.started = pthread_create(&chores.thread, NULL, chores_main, NULL) == 0;
    if (!chores.started)
        atomic_store(&chores.busy, false);
}

void chores_leave(void)
{
    int64_t limit = clock_ms() + LEAVE_MS;
    while (atomic_load(&chores.busy) && clock_ms() < limit)
        usleep(20 * 1000);
    if (!chores.started)
        return;
    if (atomic_load(&chores.busy)) {
        pthread_detach(chores.thread);
        return;
    }
    pthread_join(chores.thread, NULL);
    chores.started = false;
    free(chores.conninfo);
    chores.conninfo = NULL;
}
