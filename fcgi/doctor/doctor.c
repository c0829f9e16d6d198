/* SPDX-License-Identifier: MIT */
/* doctor.c: lines, and what can be seen of this process and its machine; see doctor.h. */
#include "doctor/doctor.h"

#include "base/auto.h"
#include "base/conf.h"
#include "base/log.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>

/* ---- lines ---- */

static const char *const state_names[] = {"ok", "warn", "fail"};

static void add_value(struct buf *out, const json_t *value)
{
    if (json_is_integer(value))
        buf_printf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_string(value))
        buf_puts(out, json_string_value(value));
}

/* `text` with its {names} replaced. */
static void fill(struct buf *out, const char *text, const json_t *values)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "{"), m = text[n] == '{' ? strcspn(text + n, "}") : 0;
        buf_add(out, text, n);
        text += n;
        if (*text == '\0' || text[m] != '}')
            break;
        auto_str name = xstrndup(text + 1, m - 1);
        add_value(out, json_object_get(values, name));
        text += m + 1;
    }
    buf_puts(out, text);
}

/* The values with what looks like a secret masked: new. */
static json_t *masked(const json_t *values)
{
    json_t *out = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)values, name, value) {
        auto_buf text = {0};
        if (json_is_string(value)) {
            log_redact(&text, json_string_value(value), json_string_length(value));
            json_object_set_new(out, name, json_string(buf_str(&text)));
        } else {
            json_object_set(out, name, value);
        }
    }
    return out;
}

void doctor_found(struct doctor *d, enum doctor_state state, const char *check, const char *advice, const char *text,
                  json_t *values)
{
    json_auto_t *given = values, *shown = masked(given);
    auto_buf detail = {0};
    fill(&detail, text, shown);
    if (state > d->worst)
        d->worst = state;
    json_array_append_new(d->lines, json_pack("{s:s, s:s, s:s, s:s?, s:s, s:O}", "check", check, "state",
                                              state_names[state], "detail", buf_str(&detail), "advice",
                                              *advice != '\0' ? advice : NULL, "text", text, "values", shown));
}

void doctor_failed(struct doctor *d, enum doctor_state state, const char *check, const char *advice,
                   const struct fault *f)
{
    doctor_found(d, state, check, advice, "{why}", json_pack("{s:s}", "why", *f->meant != '\0' ? f->meant : f->said));
}

/* ---- this process and its machine ---- */

static bool is_local(const char *url)
{
    return strstr(url, "://127.") != NULL || strstr(url, "://localhost") != NULL || strstr(url, "://[::1]") != NULL;
}

void doctor_settings(struct doctor *d)
{
    if (strncmp(conf.upstream, "http://", 7) == 0 && !is_local(conf.upstream))
        doctor_found(d, DOCTOR_WARN, "settings", "write https:// in POLLUX_UPSTREAM",
                     "keys travel to {upstream} unencrypted", json_pack("{s:s}", "upstream", conf.upstream));
    else
        doctor_found(d, DOCTOR_OK, "settings", "", "{home}, upstream {upstream}",
                     json_pack("{s:s, s:s}", "home", conf.home, "upstream", conf.upstream));
}

void doctor_disk(struct doctor *d)
{
    struct statvfs fs;
    if (statvfs(conf.home, &fs) != 0) {
        doctor_found(d, DOCTOR_FAIL, "home", "start Pollux once (`make start`), or correct POLLUX_HOME",
                     "{home} is not there or cannot be entered", json_pack("{s:s}", "home", conf.home));
        return;
    }
    double mb = (double)fs.f_bavail * (double)fs.f_frsize / 1e6;
    char room[32];
    snprintf(room, sizeof room, mb < 1000 ? "%.0f MB" : "%.1f GB", mb < 1000 ? mb : mb / 1000);
    json_t *values = json_pack("{s:s, s:s}", "room", room, "home", conf.home);
    if (mb < 100)
        doctor_found(d, DOCTOR_FAIL, "disk", "make room: PostgreSQL stops when it is full", "{room} free in {home}",
                     values);
    else if (mb < 1000)
        doctor_found(d, DOCTOR_WARN, "disk", "make room, or lower the setting retention_days",
                     "{room} free in {home}", values);
    else
        doctor_found(d, DOCTOR_OK, "disk", "", "{room} free in {home}", values);
}

void doctor_open_files(struct doctor *d)
{
    struct rlimit limit;
    long long need = 2 * conf.threads + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_max != RLIM_INFINITY && (long long)limit.rlim_max < need)
        doctor_found(d, DOCTOR_FAIL, "files",
                     "raise the hard limit (`ulimit -Hn`, LimitNOFILE=) or lower POLLUX_THREADS",
                     "{limit} open files are allowed, POLLUX_THREADS={threads} may need {need}",
                     json_pack("{s:I, s:I, s:I}", "limit", (json_int_t)limit.rlim_max, "threads",
                               (json_int_t)conf.threads, "need", (json_int_t)need));
    else
        doctor_found(d, DOCTOR_OK, "files", "", "enough open files are allowed for POLLUX_THREADS={threads}",
                     json_pack("{s:I}", "threads", (json_int_t)conf.threads));
}

double doctor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void doctor_clock(struct doctor *d, double theirs, double before, double after)
{
    double off = theirs < before ? theirs - before : theirs > after ? theirs - after : 0;
    char said[32];
    snprintf(said, sizeof said, "%+.1f", off);
    if (fabs(off) > 2)
        doctor_found(d, DOCTOR_WARN, "clock", "let both machines keep their time by NTP",
                     "the database's clock is {seconds} s from this machine's", json_pack("{s:s}", "seconds", said));
    else
        doctor_found(d, DOCTOR_OK, "clock", "", "database and this machine differ by {ms} ms at the most",
                     json_pack("{s:I}", "ms", (json_int_t)ceil((fabs(off) + after - before) * 1000)));
}
