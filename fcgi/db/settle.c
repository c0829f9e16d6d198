/* SPDX-License-Identifier: MIT */
/*
 * settle.c: the thread that settles, beats and keeps the spool.
 *
 * The queue is bounded by itself: without the database nothing is admitted, so
 * only what was under way can still arrive. This thread has no caller to return
 * a fault to, so it logs.
 */
#include "db/settle.h"
#include "db/captures.h"
#include "db/db.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/vitals.h"

#include <jansson.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BATCH = 200,
    GATHER_MS = 20,
    BEAT_MS = 1000,
    FIRST_BEAT_MS = 1000,
    VITALS_EVERY = 5, /* heartbeats */
    REPLAY_MS = 5 * 1000,  /* how often is looked whether another worker had to leave something behind */
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 2000,
    STOP_MS = 3000,
    ANSWER_MS = 12000, /* as in ledger.c; shorter than it takes to be declared dead (pollux.worker_sweep) */
};

/* Settlements as JSON texts, each owned. */
struct batch {
    char **texts;
    size_t n, cap;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something was queued, or the end is near */
    pthread_t thread;
    bool stopping;
    bool refresh; /* the next heartbeat is due now */
    bool asked; /* the database was asked for the settings once, with success or without */
    struct batch queue; /* settlements, oldest first */
    json_t *settings;   /* object name -> value, from the last heartbeat */
    json_int_t errors;  /* version of the rules about errors that was given out; this thread's own */
    void (*on_errors)(const json_t *rules);
    unsigned beats;     /* heartbeats so far; this thread's own */
    const char *(*master_keys)(void);
    struct db *db;      /* this thread's own connection */
    char *worker_id, *spool_dir, *version;
    bool away; /* the database was away when last asked: said once */
} settle = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void batch_add(struct batch *b, char *text)
{
    if (b->n == b->cap) {
        b->cap = b->cap > 0 ? 2 * b->cap : 64;
        b->texts = xrealloc(b->texts, b->cap * sizeof *b->texts);
    }
    b->texts[b->n++] = text;
}

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->texts[i]);
    free(b->texts);
    *b = (struct batch){0};
}
#define auto_batch __attribute__((cleanup(batch_free))) struct batch

void settle_queue(char *settlement)
{
    auto_lock(&settle.lock);
    batch_add(&settle.queue, settlement);
    if (settle.queue.n == 1)
        pthread_cond_signal(&settle.changed);
}

void settle_refresh(void)
{
    auto_lock(&settle.lock);
    settle.refresh = true;
    pthread_cond_signal(&settle.changed);
}

int64_t settle_setting(const char *name, int64_t preset)
{
    auto_lock(&settle.lock);
    const json_t *v = json_object_get(settle.settings, name);
    if (json_is_integer(v))
        return json_integer_value(v);
    return json_is_string(v) ? strtoll(json_string_value(v), NULL, 10) : preset;
}

json_t *settle_setting_json(const char *name)
{
    auto_lock(&settle.lock);
    return json_deep_copy(json_object_get(settle.settings, name));
}

static void note_away(const struct fault *f)
{
    if (!settle.away)
        log_error("%s", *f->meant ? f->meant : f->said);
    settle.away = true;
}

static void note_back(void)
{
    if (settle.away)
        log_info("the database is back");
    settle.away = false;
}

/* ------------------------------------------------------------------ spool */

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* Opens a file to append to and holds it: whoever settles what is in it holds it too, and removes it then. */
static int open_spool(const char *path)
{
    for (;;) {
        struct stat st;
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0660);
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &st) != 0 || st.st_nlink > 0)
            return fd;
        close(fd); /* it was removed meanwhile */
    }
}

/* A line, or none: half of one would spoil the next. */
static bool spool_line(int fd, const char *text)
{
    auto_buf line = {0};
    off_t before = lseek(fd, 0, SEEK_END);
    buf_printf(&line, "%s\n", text);
    if (write_all(fd, buf_str(&line), line.n))
        return true;
    int why = errno;
    if (ftruncate(fd, before) != 0)
        log_error("half a line was left in the spool: %s", strerror(errno));
    errno = why;
    return false;
}

/* Appends settlements, a line each, to SPOOL/WORKER.jsonl (or .rejected) and syncs. */
static void spool(char *const *texts, size_t n, const char *suffix)
{
    auto_buf path = {0};
    size_t kept = 0;
    buf_printf(&path, "%s/%s.%s", settle.spool_dir, settle.worker_id, suffix);
    mkdir(settle.spool_dir, 0770);
    int fd = open_spool(buf_str(&path));
    while (fd >= 0 && kept < n && spool_line(fd, texts[kept]))
        kept++;
    if (kept < n || fsync(fd) != 0)
        log_error("cannot write %s: %s; %zu settlements are lost", buf_str(&path), strerror(errno), n - kept);
    if (kept > 0)
        log_warn("%zu settlements are kept in %s", kept, buf_str(&path));
    if (fd >= 0)
        close(fd);
}

/* ------------------------------------------------------------------ settling */

static bool exchange(char *const *texts, size_t n, struct fault *f)
{
    auto_buf all = {0};
    for (size_t i = 0; i < n; i++) {
        buf_putc(&all, i == 0 ? '[' : ',');
        buf_puts(&all, texts[i]);
    }
    buf_putc(&all, ']');
    const char *const params[] = {settle.worker_id, all.p};
    struct db_rows *refused =
        db_query_often(settle.db, f, "pollux settle " POLLUX_VERSION,
                       "select id, reason from api.exchange($1::uuid, $2::jsonb, '[]'::jsonb)", 2, params);
    for (int i = 0; refused != NULL && i < db_rows_count(refused); i++)
        log_error("the settlement of request %s was refused: %s", db_text(refused, i, 0),
                  db_text(refused, i, 1));
    db_rows_free(refused);
    return f->kind == FAULT_NONE;
}

/* Whether what failed will do later, as it is: the database is away, busy, full, or somebody holds a lock for long.
 * The same classes of errors as in pollux.exchange_again(). */
static bool will_do_later(void)
{
    static const char *const classes[] = {"08", "25", "40", "53", "55", "57", "58", "F0"};
    bool later = db_lost(settle.db);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        later |= strncmp(db_sqlstate(settle.db), classes[i], 2) == 0;
    return later;
}

/* Settles a batch that failed as a whole one by one; those that the database refuses are kept aside. */
static bool settle_singly(const struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct fault f = {0};
        if (exchange(&b->texts[i], 1, &f))
            continue;
        if (will_do_later()) {
            note_away(&f);
            return false;
        }
        log_error("a settlement was refused: %s", *f.meant ? f.meant : f.said);
        spool(&b->texts[i], 1, "rejected");
    }
    return true;
}

/* True when the batch is done with, false when it has to be tried again later. */
static bool settle_batch(const struct batch *b)
{
    struct fault f = {0};
    if (exchange(b->texts, b->n, &f)) {
        note_back();
        return true;
    }
    if (will_do_later()) {
        note_away(&f);
        return false;
    }
    note_back(); /* it has answered */
    return settle_singly(b);
}

/* Up to BATCH of the oldest. */
static void take_batch(struct batch *to)
{
    auto_lock(&settle.lock);
    struct batch *q = &settle.queue;
    size_t n = q->n < BATCH ? q->n : BATCH;
    for (size_t i = 0; i < n; i++)
        batch_add(to, q->texts[i]);
    q->n -= n;
    if (q->n > 0)
        memmove(q->texts, q->texts + n, q->n * sizeof *q->texts);
}

/* Puts a batch back before what has been queued since; it is empty then. */
static void put_back(struct batch *b)
{
    auto_lock(&settle.lock);
    for (size_t i = 0; i < settle.queue.n; i++)
        batch_add(b, settle.queue.texts[i]);
    free(settle.queue.texts);
    settle.queue = *b;
    *b = (struct batch){0};
}

/* ------------------------------------------------------------------ replay */

/* The next lines of a spool, up to BATCH; false at its end. */
static bool read_lines(FILE *in, struct batch *ret)
{
    auto_str line = NULL;
    size_t cap = 0;
    while (ret->n < BATCH && getline(&line, &cap, in) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        json_auto_t *whole = json_loads(line, 0, NULL);
        if (whole != NULL) /* else: the last line of a file that was being written when the machine went down */
            batch_add(ret, xstrdup(line));
    }
    return ret->n > 0;
}

/* Many at a time: heartbeats wait for this. */
static bool replay_lines(FILE *in)
{
    for (;;) {
        auto_batch lines = {0};
        if (!read_lines(in, &lines))
            return true;
        if (!settle_batch(&lines))
            return false;
    }
}

/* One worker takes a file; the lock vanishes with the process, and settling twice does no harm. A file that another has
 * removed meanwhile is left alone: by its name there may be a new one. */
static void replay_file(const char *path)
{
    struct stat st;
    auto_file in = fopen(path, "re");
    if (in == NULL || flock(fileno(in), LOCK_EX | LOCK_NB) != 0 || fstat(fileno(in), &st) != 0 || st.st_nlink == 0)
        return;
    if (replay_lines(in) && unlink(path) == 0)
        log_info("settled what was kept in %s", path);
}

/* What this or another worker of this host could not settle when it was stopped. */
static void replay(void)
{
    DIR *dir = opendir(settle.spool_dir);
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot == NULL || strcmp(dot, ".jsonl") != 0)
            continue;
        auto_buf path = {0};
        buf_printf(&path, "%s/%s", settle.spool_dir, e->d_name);
        replay_file(buf_str(&path));
    }
    closedir(dir);
}

/* ------------------------------------------------------------------ heartbeat */

/* The rules about errors, if there is another version of them. */
static void take_errors(const json_t *errors)
{
    if (!json_is_object(errors))
        return;
    settle.on_errors(json_object_get(errors, "rules"));
    settle.errors = json_integer_value(json_object_get(errors, "version"));
}

/* What this process and its machine use: new. */
static json_t *vitals(void)
{
    struct vitals v;
    vitals_read(&v);
    return json_pack("{s:I, s:I, s:I, s:f, s:I, s:I, s:I}", "cpu_ms", (json_int_t)v.cpu_ms, "memory_bytes",
                     (json_int_t)v.memory_bytes, "threads", (json_int_t)v.threads, "load", v.load, "cpus",
                     (json_int_t)v.cpus, "host_memory_bytes", (json_int_t)v.host_memory_bytes, "host_free_bytes",
                     (json_int_t)v.host_free_bytes);
}

static bool beat(void)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    json_auto_t *info = json_pack("{s:s, s:i, s:s, s:I, s:s}", "host", host, "pid", (int)getpid(), "version",
                                  settle.version, "errors", settle.errors, "master_keys", settle.master_keys());
    if (settle.beats++ % VITALS_EVERY == 0)
        json_object_set_new(info, "vitals", vitals());
    auto_str text = info != NULL ? json_dumps(info, JSON_COMPACT) : NULL;
    const char *const params[] = {settle.worker_id, text};
    json_auto_t *ret = NULL;
    struct fault f = {0};
    if (!db_json(settle.db, &ret, &f, "select api.beat($1::uuid, $2::jsonb)", 2, params)) {
        note_away(&f);
        return false;
    }
    note_back();
    take_errors(json_object_get(ret, "errors"));
    captures_rules_set(json_object_get(ret, "capture"));
    json_t *settings = json_object_get(ret, "settings");
    auto_lock(&settle.lock);
    if (json_is_object(settings)) {
        json_decref(settle.settings);
        settle.settings = json_incref(settings);
    }
    return true;
}

static bool take_refresh(void)
{
    auto_lock(&settle.lock);
    bool refresh = settle.refresh;
    settle.refresh = false;
    return refresh;
}

static void note_asked(void)
{
    auto_lock(&settle.lock);
    if (!settle.asked)
        pthread_cond_broadcast(&settle.changed);
    settle.asked = true;
}

/* The first requests are served by the settings in force, unless the database is away or slow. */
static void await_settings(void)
{
    struct timespec until = clock_in(FIRST_BEAT_MS);
    auto_lock(&settle.lock);
    while (!settle.asked)
        if (pthread_cond_timedwait(&settle.changed, &settle.lock, &until) != 0)
            break;
}

static void say_goodbye(void)
{
    const char *const params[] = {settle.worker_id};
    struct fault f = {0};
    db_none(settle.db, &f, "select api.bye($1::uuid)", 1, params);
}

/* ------------------------------------------------------------------ the thread */

/* Waits until there is something to settle, `ms` have passed, or the end has come. True at the end. */
static bool wait_for_work(int64_t ms)
{
    struct timespec until = clock_in(ms);
    auto_lock(&settle.lock);
    while (settle.queue.n == 0 && !settle.stopping && !settle.refresh)
        if (pthread_cond_timedwait(&settle.changed, &settle.lock, &until) != 0)
            break;
    return settle.stopping;
}

static bool pause_unless_stopping(int64_t ms)
{
    struct timespec until = clock_in(ms);
    auto_lock(&settle.lock);
    while (!settle.stopping && pthread_cond_timedwait(&settle.changed, &settle.lock, &until) == 0)
        continue;
    return settle.stopping;
}

/* Nobody waits for a settlement: a moment's patience makes one flush to the disk out of several. */
static void gather(void)
{
    const struct timespec moment = {.tv_nsec = GATHER_MS * 1000000L};
    nanosleep(&moment, NULL);
}

/* Settles everything, or spools it when the database does not come back in time. That it is silent is found out once,
 * not for each batch: whoever stops us may not wait for long. */
static void finish(void)
{
    int64_t limit = clock_ms() + STOP_MS;
    for (;;) {
        auto_batch batch = {0};
        take_batch(&batch);
        if (batch.n == 0)
            break;
        bool done = false;
        while (!done && !(settle.away && clock_ms() >= limit)) {
            done = settle_batch(&batch);
            if (!done)
                usleep(PAUSE_MIN_MS * 1000);
        }
        if (!done)
            spool(batch.texts, batch.n, "jsonl");
    }
    if (!settle.away)
        say_goodbye();
}

static void *settle_main(void *arg)
{
    (void)arg;
    int64_t next_beat = 0, next_replay = 0, pause = PAUSE_MIN_MS;
    for (bool stop = false; !stop;) {
        bool well = true;
        if (clock_ms() >= next_beat || take_refresh()) {
            well = beat();
            note_asked();
            next_beat = clock_ms() + BEAT_MS;
        }
        if (well && clock_ms() >= next_replay) {
            replay();
            next_replay = clock_ms() + REPLAY_MS;
        }
        auto_batch batch = {0};
        if (well)
            take_batch(&batch);
        if (batch.n > 0 && !settle_batch(&batch)) {
            put_back(&batch);
            well = false;
        }
        pause = well ? PAUSE_MIN_MS : pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
        if (!well)
            next_beat = 0;
        stop = well ? wait_for_work(next_beat - clock_ms()) : pause_unless_stopping(pause);
        if (!stop)
            gather();
    }
    finish();
    return NULL;
}

bool settle_start(const struct ledger_options *o, struct fault *f)
{
    settle.settings = json_object();
    settle.db = db_new(o->conninfo);
    db_patience(settle.db, ANSWER_MS);
    settle.worker_id = xstrdup(o->worker_id);
    settle.spool_dir = xstrdup(o->spool_dir);
    settle.version = xstrdup(o->version);
    settle.on_errors = o->on_errors;
    settle.master_keys = o->master_keys;
    if (mkdir(o->spool_dir, 0770) != 0 && errno != EEXIST)
        return fault_set(f, FAULT_UNAVAILABLE, "cannot make the directory %s: %s", o->spool_dir,
                         strerror(errno));
    clock_condition(&settle.changed);
    if (pthread_create(&settle.thread, NULL, settle_main, NULL) != 0)
        return fault_set(f, FAULT_UNAVAILABLE, "cannot make a thread: %s", strerror(errno));
    await_settings();
    return true;
}

void settle_stop(void)
{
    pthread_mutex_lock(&settle.lock);
    settle.stopping = true;
    pthread_cond_signal(&settle.changed);
    pthread_mutex_unlock(&settle.lock);
    pthread_join(settle.thread, NULL);
    db_free(settle.db);
    batch_free(&settle.queue);
    json_decref(settle.settings);
    free(settle.worker_id);
    free(settle.spool_dir);
    free(settle.version);
}
