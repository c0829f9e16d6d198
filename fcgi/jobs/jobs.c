/* SPDX-License-Identifier: MIT */
/*
 * jobs.c: takes jobs and has them done; see jobs.h.
 *
 * The loop: clear away what is over, take as many as there are free places,
 * prolong the leases of those that run, wait until something happens. Taking and
 * its lease are told in sql/functions/job.sql.
 */
#include "jobs/jobs.h"
#include "jobs/jobs_own.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "db/db.h"
#include "db/ears.h"
#include "db/ledger.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum {
    PLACES = 50,    /* the most that jobs_at_once may be */
    LOOK_MS = 2000, /* how often is looked for what nobody announced */
    HELP_MS = 500,
    HOLD_MS = 5000, /* how often leases are prolonged, which last 20 s */
    STACK = 512 * 1024,
    ANSWER_MS = 12 * 1000, /* leases have to be prolonged */
    HTTP_MS = 60 * 1000, /* the longest that one call may take */
    BODY_MAX = 1024 * 1024,
};

/* Every kind of job there is. */
static const struct kind {
    const char *name;
    job_function *run;
} kinds[] = {
    {"probe", probe_run},
    {"keep_alive", keep_alive_run},
    {"refresh", refresh_run},
    {"keys_folder", keys_folder_run},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

enum channel { CHANNEL_JOB, CHANNEL_SETTING };
static const char *const channels[] = {
    [CHANNEL_JOB] = "pollux_job",
    [CHANNEL_SETTING] = "pollux_setting",
};

/* One job that is being done. */
struct place {
    enum { FREE, BUSY, OVER } state; /* BUSY is left by the job's own thread, with the lock held */
    pthread_t thread;
    json_t *job; /* as api.job_take() gave it; owned */
};

static struct {
    pthread_mutex_t lock; /* of places[].state */
    struct place places[PLACES];
    pthread_mutex_t db_lock;
    struct db *db;
    struct ears *ears;
    const char *conninfo;
    const char *worker;
    char *places_here; /* the folders with keys that are on this host, as an array of PostgreSQL; owned */
    int at_once;
    bool (*leaving)(void);
    pthread_t thread;
    bool started;
    atomic_bool ending;
} jobs = {.lock = PTHREAD_MUTEX_INITIALIZER, .db_lock = PTHREAD_MUTEX_INITIALIZER};

/* ------------------------------------------------------------------ for the kinds */

bool jobs_call(json_t **ret, struct fault *f, const char *sql, int n, const char *const *params)
{
    auto_lock(&jobs.db_lock);
    return db_json_repeat(jobs.db, ret, f, sql, n, params);
}

const char *jobs_worker(void)
{
    return jobs.worker;
}

bool jobs_ending(void)
{
    return atomic_load(&jobs.ending);
}

static bool go_on(void *ctx)
{
    (void)ctx;
    return !jobs_ending();
}

static bool collect(void *ctx, const char *bytes, size_t n)
{
    struct buf *body = ctx;
    buf_add(body, bytes, body->n + n <= BODY_MAX ? n : BODY_MAX - body->n);
    return body->n < BODY_MAX;
}

enum upstream_end jobs_http(struct upstream_call *call, struct buf *body)
{
    call->connect_ms = ledger_setting("connect_timeout_ms", 10000);
    call->first_byte_ms = call->idle_ms = HTTP_MS / 2;
    call->deadline_ms = clock_ms() + HTTP_MS;
    call->on_data = collect;
    call->on_tick = go_on;
    call->ctx = body;
    return upstream_perform(call);
}

/* ------------------------------------------------------------------ one job */

static job_function *function_of(const char *kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].name, kind) == 0)
            return kinds[i].run;
    return NULL;
}

/* Tells the database how it went. A failure to do so is told by the lease, which runs out. */
static void close_job(const struct job *job, bool ok)
{
    auto_str result = json_dumps(job->result, JSON_COMPACT);
    const char *const params[] = {jobs.worker, job->id_text, job->attempt_text, ok ? "true" : "false",
                                  result};
    json_auto_t *ignored = NULL;
    struct fault f = {0};
    if (!jobs_call(&ignored, &f,
                   "select to_jsonb(api.job_done($1::uuid, $2::bigint, $3::int, $4::boolean, $5::jsonb))", 5,
                   params))
        log_warn("job %s could not be closed: %s %s", job->id_text, f.said, f.meant);
}

static void note_failure(struct job *job, const char *kind, const struct fault *f)
{
    auto_buf text = {0}, masked = {0};
    buf_printf(&text, "%s%s%s", f->said, *f->meant ? ": " : "", f->meant);
    log_redact(&masked, buf_str(&text), text.n);
    json_object_set_new(job->result, "error", json_string(buf_str(&masked)));
    log_warn("job %s (%s %s) could not be done: %s", job->id_text, kind, job->subject, buf_str(&masked));
}

static void do_job(const json_t *given)
{
    char id[24], attempt[16];
    struct job job = {
        .id = json_integer_value(json_object_get(given, "id")),
        .attempt = (int)json_integer_value(json_object_get(given, "attempt")),
        .subject = json_text_at(given, "subject"),
        .detail = json_object_get(given, "detail"),
        .id_text = id,
        .attempt_text = attempt,
        .result = json_object(),
    };
    snprintf(id, sizeof id, "%lld", (long long)job.id);
    snprintf(attempt, sizeof attempt, "%d", job.attempt);
    const char *kind = json_text_at(given, "kind");
    struct fault f = {0};
    bool ok = function_of(kind)(&job, &f);
    if (!ok && !jobs_ending())
        note_failure(&job, kind, &f);
    if (!job.closed && !(jobs_ending() && !ok))
        close_job(&job, ok);
    json_decref(job.result);
}

static void *place_main(void *arg)
{
    struct place *p = arg;
    do_job(p->job);
    auto_lock(&jobs.lock);
    p->state = OVER;
    ears_wake(jobs.ears);
    return NULL;
}

/* ------------------------------------------------------------------ the loop */

static void clear_away(void)
{
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &jobs.places[i];
        pthread_mutex_lock(&jobs.lock);
        bool over = p->state == OVER;
        pthread_mutex_unlock(&jobs.lock);
        if (!over)
            continue;
        pthread_join(p->thread, NULL);
        json_decref(p->job);
        *p = (struct place){0};
    }
}

static int busy_places(void)
{
    auto_lock(&jobs.lock);
    int n = 0;
    for (int i = 0; i < PLACES; i++)
        n += jobs.places[i].state != FREE;
    return n;
}

static bool start_job(json_t *job)
{
    auto_lock(&jobs.lock);
    struct place *p = jobs.places;
    while (p < jobs.places + PLACES && p->state != FREE)
        p++;
    if (p == jobs.places + PLACES)
        return false;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    p->job = json_incref(job);
    bool ok = pthread_create(&p->thread, &attr, place_main, p) == 0;
    pthread_attr_destroy(&attr);
    if (ok) {
        p->state = BUSY;
        return true;
    }
    json_decref(p->job); /* its lease runs out, and it is taken again */
    *p = (struct place){0};
    return false;
}

static void add_array(struct buf *to, const char *text)
{
    buf_puts(to, to->n == 0 ? "{" : ",");
    buf_puts(to, text);
}

/* Takes up to `most` jobs. False when the database could not be asked. */
static bool take_jobs(int most)
{
    auto_buf names = {0};
    for (size_t i = 0; i < KINDS; i++)
        add_array(&names, kinds[i].name);
    buf_putc(&names, '}');
    char most_text[16];
    snprintf(most_text, sizeof most_text, "%d", most);
    const char *const params[] = {jobs.worker, buf_str(&names), jobs.places_here, most_text};
    json_auto_t *taken = NULL;
    struct fault f = {0};
    if (!jobs_call(&taken, &f, "select api.job_take($1::uuid, $2::text[], $3::text[], $4::int)", 4, params)) {
        log_debug("no jobs: %s %s", f.said, f.meant);
        return false;
    }
    size_t i;
    json_t *job;
    json_array_foreach (taken, i, job)
        start_job(job);
    return true;
}

static void hold_jobs(void)
{
    auto_buf ids = {0};
    for (int i = 0; i < PLACES; i++)
        if (jobs.places[i].job != NULL) {
            char id[24];
            snprintf(id, sizeof id, "%lld",
                     (long long)json_integer_value(json_object_get(jobs.places[i].job, "id")));
            add_array(&ids, id);
        }
    if (ids.n == 0)
        return;
    buf_putc(&ids, '}');
    const char *const params[] = {jobs.worker, buf_str(&ids)};
    json_auto_t *ignored = NULL;
    struct fault f = {0};
    jobs_call(&ignored, &f, "select to_jsonb(1) from api.job_hold($1::uuid, $2::bigint[])", 2, params);
}

static void leave_jobs(void)
{
    const char *const params[] = {jobs.worker};
    json_auto_t *ignored = NULL;
    struct fault f = {0};
    jobs_call(&ignored, &f, "select to_jsonb(1) from api.job_leave($1::uuid)", 1, params);
}

static void heard(void *ctx, size_t channel)
{
    (void)ctx;
    if (channel == CHANNEL_SETTING && jobs.at_once == 0) /* else there is no ledger */
        ledger_refresh();
}

static int places_allowed(void)
{
    int64_t n = jobs.at_once > 0 ? jobs.at_once : ledger_setting("jobs_at_once", 2);
    return n < 1 ? 1 : n > PLACES ? PLACES : (int)n;
}

/* Until jobs_stop(), or until `enough` says so. */
static void work(bool (*enough)(void *ctx), void *ctx)
{
    int64_t held = clock_ms();
    while (!jobs_ending() && (enough == NULL || !enough(ctx))) {
        clear_away();
        int free_n = places_allowed() - busy_places();
        if (free_n > 0 && (jobs.leaving == NULL || !jobs.leaving()))
            take_jobs(free_n);
        if (jobs.at_once == 0 && (jobs.leaving == NULL || !jobs.leaving()))
            chores_look(jobs.conninfo);
        if (clock_ms() - held > HOLD_MS) {
            hold_jobs();
            held = clock_ms();
        }
        ears_wait(jobs.ears, enough != NULL ? HELP_MS : LOOK_MS, heard, NULL);
    }
    atomic_store(&jobs.ending, true);
    while (busy_places() > 0) {
        clear_away();
        ears_wait(jobs.ears, 100, heard, NULL);
    }
    chores_leave();
    leave_jobs();
}

static void *jobs_main(void *arg)
{
    (void)arg;
    work(NULL, NULL);
    return NULL;
}

/* ------------------------------------------------------------------ begin and end */

void jobs_place(const char *keys_dir, struct buf *place)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    auto_str real = realpath(keys_dir, NULL);
    buf_printf(place, "%s:%s", host, real != NULL ? real : keys_dir);
}

static char *places_here(const char *keys_dir)
{
    auto_buf array = {0}, place = {0};
    buf_putc(&array, '{');
    if (keys_dir != NULL && *keys_dir != '\0') {
        jobs_place(keys_dir, &place);
        json_quote(&array, buf_str(&place)); /* arrays quote as JSON does, but for control characters */
    }
    buf_putc(&array, '}');
    return buf_take(&array);
}

static void begin(const struct jobs_options *o)
{
    jobs.conninfo = o->conninfo;
    jobs.places_here = places_here(o->keys_dir);
    jobs.worker = o->worker_id;
    jobs.at_once = o->at_once;
    jobs.leaving = o->leaving;
    jobs.db = db_new(o->conninfo);
    db_patience(jobs.db, ANSWER_MS);
    jobs.ears = ears_new(o->conninfo, channels, sizeof channels / sizeof *channels);
    atomic_store(&jobs.ending, false);
}

static void end(void)
{
    ears_free(jobs.ears);
    db_free(jobs.db);
    free(jobs.places_here);
    jobs.ears = NULL;
    jobs.db = NULL;
}

bool jobs_start(const struct jobs_options *o, struct fault *f)
{
    begin(o);
    jobs.started = pthread_create(&jobs.thread, NULL, jobs_main, NULL) == 0;
    if (!jobs.started) {
        end();
        return fault_set(f, FAULT_UNAVAILABLE, "cannot make a thread: %s", strerror(errno));
    }
    return true;
}

void jobs_stop(void)
{
    if (!jobs.started)
        return;
    atomic_store(&jobs.ending, true);
    ears_wake(jobs.ears);
    pthread_join(jobs.thread, NULL);
    jobs.started = false;
    end();
}

void jobs_help(const struct jobs_options *o, bool (*enough)(void *ctx), void *ctx)
{
    begin(o);
    work(enough, ctx);
    end();
}
