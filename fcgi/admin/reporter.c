/* SPDX-License-Identifier: MIT */
/*
 * reporter.c: the status file and the usage line in the log; see reporter.h.
 *
 * The status file is replaced as a whole: a reader sees the old one or the new
 * one. A failure is logged once, not at every turn.
 */
#include "admin/reporter.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "db/ledger.h"
#include "db/side.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURN_MS = 1000, FILE_SECONDS = 300, LINE_SECONDS = 300 };
#define STATUS_MOST "1000000"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool running, stopping;
} reporter = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What the thread knows. */
struct turn {
    int lock_fd;       /* -1 until this worker is the one that speaks */
    int64_t file_at;   /* clock_ms() of the last status file, 0: none yet */
    int64_t line_at;   /* clock_ms() up to which use was summed up */
    bool file_failing; /* that it cannot be written was said */
};

/* ------------------------------------------------------------------ the status file */

static bool write_whole(const char *path, const char *text, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return false;
    bool ok = true;
    while (ok && n > 0) {
        ssize_t done = write(fd, text, n);
        if (done < 0 && errno == EINTR)
            continue;
        ok = done > 0;
        text += ok ? done : 0;
        n -= ok ? (size_t)done : 0;
    }
    ok = ok && fsync(fd) == 0;
    return close(fd) == 0 && ok;
}

static bool replace_file(const char *path, const char *text, size_t n)
{
    auto_buf fresh = {0};
    buf_printf(&fresh, "%s.%d.new", path, (int)getpid());
    if (write_whole(buf_str(&fresh), text, n) && rename(buf_str(&fresh), path) == 0)
        return true;
    int why = errno;
    unlink(buf_str(&fresh));
    errno = why;
    return false;
}

static void write_status(struct turn *t)
{
    struct fault f = {0};
    json_auto_t *text = NULL;
    const char *const params[] = {STATUS_MOST};
    if (!side_read(&text, &f, "select to_jsonb(api.status_file($1::int))", 1, params))
        return; /* that the database is away is said elsewhere */
    bool ok = replace_file(conf.status_file, json_string_value(text), json_string_length(text));
    if (!ok && !t->file_failing)
        log_error("cannot write %s (POLLUX_STATUS_FILE): %s", conf.status_file, strerror(errno));
    t->file_failing = !ok;
}

/* ------------------------------------------------------------------ the usage line */

static long long number_at(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

static void log_usage(int64_t seconds)
{
    struct fault f = {0};
    json_auto_t *used = NULL;
    char text[24];
    const char *const params[] = {text};
    snprintf(text, sizeof text, "%lld", (long long)seconds);
    if (!side_read(&used, &f, "select api.usage_line($1::int)", 1, params) ||
        number_at(used, "requests") == 0)
        return;
    const json_t *pool = json_object_get(used, "pool");
    log_info(
        "usage of %lld s: %lld requests (%lld not ok) of %lld clients with %lld credentials; tokens: %lld in "
        "(%lld cached), %lld out; pool: %lld ready, %lld resting, %lld dead",
        (long long)seconds, number_at(used, "requests"), number_at(used, "errors"),
        number_at(used, "clients"), number_at(used, "credentials"), number_at(used, "prompt_tokens"),
        number_at(used, "cached_tokens"), number_at(used, "output_tokens"), number_at(pool, "ready"),
        number_at(pool, "resting"), number_at(pool, "dead"));
}

/* ------------------------------------------------------------------ the thread */

/* Whether this worker is the one of its machine that speaks. The lock vanishes with the process. */
static bool speaks(struct turn *t)
{
    if (t->lock_fd >= 0)
        return true;
    auto_buf path = {0};
    buf_printf(&path, "%s/reporter.lock", conf.home);
    int fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    if (fd < 0)
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return false;
    }
    t->lock_fd = fd;
    t->line_at = clock_ms();
    return true;
}

static void take_turn(struct turn *t)
{
    if (!speaks(t))
        return;
    int64_t now = clock_ms();
    int64_t file_ms = ledger_setting("status_file_seconds", FILE_SECONDS) * 1000;
    int64_t line_ms = ledger_setting("usage_log_seconds", LINE_SECONDS) * 1000;
    if (*conf.status_file != '\0' && (t->file_at == 0 || now - t->file_at >= file_ms)) {
        t->file_at = now;
        write_status(t);
    }
    if (line_ms == 0)
        t->line_at = now;
    else if (now - t->line_at >= line_ms) {
        log_usage((now - t->line_at) / 1000);
        t->line_at = now;
    }
}

static bool wait_turn(void)
{
    struct timespec until = clock_in(TURN_MS);
    auto_lock(&reporter.lock);
    while (!reporter.stopping && pthread_cond_timedwait(&reporter.changed, &reporter.lock, &until) == 0)
        continue;
    return !reporter.stopping;
}

static void *reporter_main(void *arg)
{
    (void)arg;
    struct turn t = {.lock_fd = -1};
    while (wait_turn())
        take_turn(&t);
    if (t.lock_fd >= 0)
        close(t.lock_fd);
    return NULL;
}

void reporter_start(void)
{
    clock_condition(&reporter.changed);
    reporter.running = pthread_create(&reporter.thread, NULL, reporter_main, NULL) == 0;
    if (!reporter.running)
        log_error("no thread for the status file and the usage line could be made");
}

void reporter_stop(void)
{
    if (!reporter.running)
        return;
    pthread_mutex_lock(&reporter.lock);
    reporter.stopping = true;
    pthread_cond_signal(&reporter.changed);
    pthread_mutex_unlock(&reporter.lock);
    pthread_join(reporter.thread, NULL);
}
