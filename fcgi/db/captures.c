/* SPDX-License-Identifier: MIT */
/* captures.c: captured exchanges on their way into the database; see captures.h. */
#include "db/captures.h"
#include "db/db.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    QUEUE = 200,                    /* captures that wait at the most, */
    QUEUE_BYTES = 32 * 1024 * 1024, /* and their bytes */
    IDLE_MS = 30000,                /* without captures the connection is closed */
    STOP_MS = 2000,
    ANSWER_MS = 12000,
};

static atomic_bool on; /* all that is looked at while nothing is captured */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something was queued, or the end is near */
    pthread_t thread;
    bool started, stopping;
    struct capture_rules rules;
    char *conninfo;
    char *queue[QUEUE]; /* a ring: the oldest at `first` */
    size_t first, n, bytes;
    long lost; /* captures that found no room, or could not be stored, since it was last said */
} captures = {.lock = PTHREAD_MUTEX_INITIALIZER};

void captures_start(const char *conninfo)
{
    clock_condition(&captures.changed);
    captures.conninfo = xstrdup(conninfo);
}

/* ------------------------------------------------------------------ the rules */

void captures_rules_set(const json_t *rules)
{
    auto_lock(&captures.lock);
    const char *model = json_string_value(json_object_get(rules, "model"));
    captures.rules = (struct capture_rules){
        .share = json_number_value(json_object_get(rules, "share")),
        .client_id = json_integer_value(json_object_get(rules, "client_id")),
        .failures = json_is_true(json_object_get(rules, "failures")),
        .texts = json_is_true(json_object_get(rules, "texts")),
        .body_bytes = (size_t)json_integer_value(json_object_get(rules, "body_bytes")),
    };
    snprintf(captures.rules.model, sizeof captures.rules.model, "%s", model != NULL ? model : "");
    atomic_store(&on, captures.rules.share > 0);
}

static bool by_chance(double share)
{
    uint32_t dice = 0;
    return share >= 1 ||
           (getrandom(&dice, sizeof dice, GRND_NONBLOCK) == sizeof dice && dice < share * 4294967296.0);
}

bool captures_wanted(struct capture_rules *ret)
{
    if (!atomic_load_explicit(&on, memory_order_relaxed))
        return false;
    pthread_mutex_lock(&captures.lock);
    *ret = captures.rules;
    pthread_mutex_unlock(&captures.lock);
    return by_chance(ret->share);
}

/* ------------------------------------------------------------------ the thread */

/* The oldest of the queue; NULL after IDLE_MS without one, and at the end. */
static char *take(bool *stop)
{
    struct timespec until = clock_in(IDLE_MS);
    auto_lock(&captures.lock);
    while (captures.n == 0 && !captures.stopping)
        if (pthread_cond_timedwait(&captures.changed, &captures.lock, &until) != 0)
            break;
    *stop = captures.stopping && captures.n == 0;
    if (captures.n == 0)
        return NULL;
    char *capture = captures.queue[captures.first];
    captures.first = (captures.first + 1) % QUEUE;
    captures.n--;
    captures.bytes -= strlen(capture);
    return capture;
}

static bool store(struct db *db, const char *capture, struct fault *f)
{
    const char *const params[] = {capture};
    for (int tries = 0;; tries++) {
        *f = (struct fault){0};
        if (db_none(db, f, "select api.capture($1::jsonb)", 1, params))
            return true;
        if (!db_lost(db) || tries > 0)
            return false;
    }
}

/* Says now and then how many were lost. */
static void note_lost(const struct fault *f, int64_t *said_ms)
{
    auto_lock(&captures.lock);
    if (captures.lost == 0 || clock_ms() - *said_ms < 60000)
        return;
    log_warn("%ld captures were not kept: %s", captures.lost,
             f->kind == FAULT_NONE ? "the database could not take them so fast"
             : *f->meant           ? f->meant
                                   : f->said);
    captures.lost = 0;
    *said_ms = clock_ms();
}

static void *captures_main(void *arg)
{
    (void)arg;
    struct db *db = NULL;
    int64_t said_ms = -60000;
    for (bool stop = false; !stop;) {
        struct fault f = {0};
        auto_str capture = take(&stop);
        if (capture == NULL) {
            db_free(db);
            db = NULL;
            continue;
        }
        if (db == NULL)
            db_patience(db = db_new(captures.conninfo), ANSWER_MS);
        if (!store(db, capture, &f)) {
            auto_lock(&captures.lock);
            captures.lost++;
        }
        note_lost(&f, &said_ms);
    }
    db_free(db);
    return NULL;
}

void captures_put(char *capture)
{
    size_t n = strlen(capture);
    auto_lock(&captures.lock);
    if (!captures.started && !captures.stopping)
        captures.started = pthread_create(&captures.thread, NULL, captures_main, NULL) == 0;
    if (!captures.started || captures.n == QUEUE || captures.bytes + n > QUEUE_BYTES) {
        captures.lost++;
        free(capture);
        return;
    }
    captures.queue[(captures.first + captures.n++) % QUEUE] = capture;
    captures.bytes += n;
    pthread_cond_signal(&captures.changed);
}

void captures_stop(void)
{
    pthread_mutex_lock(&captures.lock);
    captures.stopping = true;
    atomic_store(&on, false);
    bool started = captures.started;
    pthread_cond_signal(&captures.changed);
    pthread_mutex_unlock(&captures.lock);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_MS / 1000;
    if (started && pthread_timedjoin_np(captures.thread, NULL, &until) != 0) {
        pthread_detach(captures.thread); /* the database hangs: what it still uses is left alone */
        return;
    }
    free(captures.conninfo);
    captures.conninfo = NULL;
}
