/* SPDX-License-Identifier: MIT */
/*
 * check.c: pollux check, the doctor.
 *
 * A column of checks, each of which adds one or more lines: ok, warn or fail,
 * what was found, and what to do about it. A check whose ground is missing
 * (no database) is silent: the failure that took it away has been told.
 */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "cli/migrate.h"
#include "jobs/jobs.h"
#include "upstream/upstream.h"
#include "vault/vault.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum state { OK, WARN, FAIL };

static const char *const state_names[] = {"ok", "warn", "fail"};

struct doctor {
    struct cli *cli;     /* borrowed */
    json_t *lines;       /* what was found so far */
    bool vault;          /* the master keys could be read */
    bool schema;         /* the database is as new as this program */
    enum state worst;
};

/* Adds a line. `advice` is "" when there is nothing to do. */
static void found(struct doctor *d, enum state state, const char *check, const char *advice, const char *fmt,
                  ...) __attribute__((format(printf, 5, 6)));
static void found(struct doctor *d, enum state state, const char *check, const char *advice, const char *fmt,
                  ...)
{
    auto_buf text = {0}, masked = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    log_redact(&masked, buf_str(&text), text.n);
    if (state > d->worst)
        d->worst = state;
    json_array_append_new(d->lines,
                          json_pack("{s:s,s:s,s:s,s:s?}", "check", check, "state", state_names[state],
                                    "detail", buf_str(&masked), "advice", *advice ? advice : NULL));
}

static const char *reason(const struct fault *f)
{
    return *f->meant != '\0' ? f->meant : f->said;
}

static long long number_at(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

static bool true_at(const json_t *object, const char *field)
{
    return json_is_true(json_object_get(object, field));
}

static const char *text_at(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    return text != NULL ? text : "";
}

/* ---- this machine ---- */

static bool is_local(const char *url)
{
    return strstr(url, "://127.") != NULL || strstr(url, "://localhost") != NULL
           || strstr(url, "://[::1]") != NULL;
}

static void check_settings(struct doctor *d)
{
    if (strncmp(conf.upstream, "http://", 7) == 0 && !is_local(conf.upstream))
        found(d, WARN, "settings", "write https:// in POLLUX_UPSTREAM",
              "keys travel to %s unencrypted", conf.upstream);
    else
        found(d, OK, "settings", "", "%s, upstream %s", conf.home, conf.upstream);
}

static void check_home(struct doctor *d)
{
    struct statvfs fs;
    if (statvfs(conf.home, &fs) != 0) {
        found(d, FAIL, "home", "start Pollux once (`make start`), or correct POLLUX_HOME",
              "%s is not there or cannot be entered", conf.home);
        return;
    }
    double free_mb = (double)fs.f_bavail * (double)fs.f_frsize / 1e6;
    if (free_mb < 100)
        found(d, FAIL, "disk", "make room: PostgreSQL stops when it is full", "%.0f MB free in %s", free_mb,
              conf.home);
    else if (free_mb < 1000)
        found(d, WARN, "disk", "make room, or lower the setting retention_days", "%.0f MB free in %s",
              free_mb, conf.home);
    else
        found(d, OK, "disk", "", "%.1f GB free in %s", free_mb / 1000, conf.home);
}

static void check_files(struct doctor *d)
{
    struct rlimit limit;
    long long need = 2 * conf.threads + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_max != RLIM_INFINITY && (long long)limit.rlim_max < need)
        found(d, FAIL, "files", "raise the hard limit (`ulimit -Hn`, LimitNOFILE=) or lower POLLUX_THREADS",
              "%lld open files are allowed, POLLUX_THREADS=%lld may need %lld", (long long)limit.rlim_max,
              conf.threads, need);
    else
        found(d, OK, "files", "", "enough open files are allowed for POLLUX_THREADS=%lld", conf.threads);
}

static void check_master_key(struct doctor *d)
{
    struct fault f = {0};
    d->vault = vault_open(conf.master_key_file, &f);
    if (d->vault)
        found(d, OK, "master key", "", "%s", conf.master_key_file);
    else
        found(d, FAIL, "master key", "", "%s", reason(&f));
}

/* ---- the database ---- */

static bool ask(struct doctor *d, json_t **ret, const char *sql, struct fault *f)
{
    return d->cli->db != NULL && db_json(d->cli->db, ret, f, sql, 0, NULL);
}

static void check_database(struct doctor *d)
{
    static const char sql[] =
        "select json_build_object('version', current_setting('server_version'), "
        "'number', current_setting('server_version_num')::int, 'role', current_user, "
        "'name', current_database(), 'standby', pg_is_in_recovery())";
    struct fault f = {0};
    json_auto_t *about = NULL;
    if (cli_db(d->cli) == NULL || !ask(d, &about, sql, &f)) {
        found(d, FAIL, "database", "`make start` starts the private one; else see POLLUX_DATABASE", "%s",
              reason(d->cli->db == NULL ? &d->cli->fault : &f));
        return;
    }
    if (number_at(about, "number") < 150000)
        found(d, WARN, "database", "Pollux is tested with PostgreSQL 15 and newer", "PostgreSQL %s",
              text_at(about, "version"));
    else if (true_at(about, "standby"))
        found(d, FAIL, "database", "name the primary in POLLUX_DATABASE, or all hosts with "
              "target_session_attrs=read-write", "this is a standby: nothing can be written");
    else
        found(d, OK, "database", "", "PostgreSQL %s, database %s as %s", text_at(about, "version"),
              text_at(about, "name"), text_at(about, "role"));
}

static double host_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check_clock(struct doctor *d)
{
    struct fault f = {0};
    json_auto_t *theirs = NULL;
    double before = host_time();
    if (!ask(d, &theirs, "select to_json(extract(epoch from clock_timestamp())::float8)", &f))
        return;
    double off = json_number_value(theirs) - (before + host_time()) / 2;
    if (fabs(off) > 2)
        found(d, WARN, "clock", "let both machines keep their time by NTP",
              "the database's clock is %+.1f s from this machine's", off);
    else
        found(d, OK, "clock", "", "database and this machine differ by %.0f ms", fabs(off) * 1000);
}

static void check_schema(struct doctor *d)
{
    struct fault f = {0};
    json_auto_t *list = NULL;
    if (d->cli->db == NULL)
        return;
    if (!migrate_compare(d->cli->db, &list, &f)) {
        found(d, FAIL, "schema", "", "%s", reason(&f));
        return;
    }
    size_t i, missing = 0;
    json_t *m;
    json_array_foreach(list, i, m)
        missing += !true_at(m, "applied");
    d->schema = missing == 0;
    if (missing > 0)
        found(d, FAIL, "schema", "run `pollux migrate`", "%zu of %zu migrations have not been applied",
              missing, json_array_size(list));
    else
        found(d, OK, "schema", "", "%zu migrations, all applied", json_array_size(list));
}

static void check_roles(struct doctor *d)
{
    static const char sql[] =
        "select json_build_object('app', app, 'reader', reader, "
        "'app_reads', app and has_table_privilege('pollux_app', 'pollux.credential', 'select'), "
        "'reader_reads', reader and has_table_privilege('pollux_read', 'pollux.credential', 'select'), "
        "'refused', (select count(*) from pg_proc where app and pronamespace = 'api'::regnamespace "
        "and not has_function_privilege('pollux_app', oid, 'execute'))) "
        "from (select to_regrole('pollux_app') is not null, to_regrole('pollux_read') is not null) "
        "r(app, reader)";
    struct fault f = {0};
    json_auto_t *r = NULL;
    if (!d->schema)
        return;
    if (!ask(d, &r, sql, &f))
        found(d, FAIL, "roles", "", "%s", reason(&f));
    else if (number_at(r, "refused") > 0)
        found(d, FAIL, "roles", "run `pollux migrate`",
              "pollux_app may not execute %lld functions of schema api", number_at(r, "refused"));
    else if (true_at(r, "app_reads") || true_at(r, "reader_reads"))
        found(d, FAIL, "roles", "run `pollux migrate`, or take back what was granted by hand",
              "%s can read the table of credentials", true_at(r, "app_reads") ? "pollux_app" : "pollux_read");
    else if (!true_at(r, "app") || !true_at(r, "reader"))
        found(d, WARN, "roles", "give the owner CREATEROLE and run `pollux migrate` for separate roles",
              "there is one role for everything: workers could read what only the owner should");
    else
        found(d, OK, "roles", "", "pollux_app runs functions only, pollux_read sees views only");
}

/* Who is there to serve, and whom. */
static void check_workers(struct doctor *d)
{
    static const char sql[] =
        "select json_build_object("
        "'workers', (select count(*) from pollux.worker "
        "where left_at is null and beat_at > clock_timestamp() - interval '15 s'), "
        "'clients', (select count(*) from pollux.client "
        "where revoked_at is null and coalesce(expires_at > clock_timestamp(), true)))";
    struct fault f = {0};
    json_auto_t *r = NULL;
    if (!d->schema)
        return;
    if (!ask(d, &r, sql, &f))
        found(d, FAIL, "workers", "", "%s", reason(&f));
    else if (number_at(r, "workers") == 0)
        found(d, WARN, "workers", "`make start`; their log is in log/ of POLLUX_HOME",
              "no worker is running");
    else
        found(d, OK, "workers", "", "%lld running", number_at(r, "workers"));
    if (r != NULL && number_at(r, "clients") == 0)
        found(d, WARN, "clients", "`pollux client add NAME`", "there is no client whose token is valid");
}

/* What the workers connect as, and the first thing they ask. */
static void check_workers_door(struct doctor *d)
{
    struct fault f = {0};
    json_auto_t *health = NULL;
    if (!d->schema)
        return;
    struct db *db = db_open(conf.database, &f);
    bool ok = db != NULL && db_json(db, &health, &f, "select api.health()", 0, NULL);
    db_free(db);
    if (!ok)
        found(d, FAIL, "workers' role", "see POLLUX_DATABASE", "%s", reason(&f));
    else if (number_at(health, "ready") + number_at(health, "resting") < number_at(health, "minimum"))
        found(d, WARN, "keys", "`pollux key list` and `pollux account list` say why; see the setting "
              "credentials_minimum", "%lld of %lld work, at least %lld should",
              number_at(health, "ready") + number_at(health, "resting"), number_at(health, "credentials"),
              number_at(health, "minimum"));
    else if (number_at(health, "ready") > 0)
        found(d, OK, "keys", "", "%lld of %lld are ready", number_at(health, "ready"),
              number_at(health, "credentials"));
    else if (number_at(health, "credentials") == 0)
        found(d, WARN, "keys", "`pollux key add`", "there are no keys yet");
    else
        found(d, WARN, "keys", "`pollux key list` says why", "none of %lld is ready",
              number_at(health, "credentials"));
}

static void check_maintenance(struct doctor *d)
{
    static const char sql[] =
        "select json_build_object('by', pollux.maintained_by(), 'cron', pollux.cron_scheduled(), "
        "'young', greatest(pg_postmaster_start_time(), (select max(applied_at) from pollux.migration))"
        " > pollux.now() - interval '5 minutes', "
        "'late', (select string_agg(name, ', ') from report.jobs where late), "
        "'failed', (select name || ' failed: ' || result from report.jobs where failed limit 1))";
    struct fault f = {0};
    json_auto_t *r = NULL;
    if (!d->schema)
        return;
    if (!ask(d, &r, sql, &f)) {
        found(d, FAIL, "maintenance", "", "%s", reason(&f));
        return;
    }
    const char *by = text_at(r, "by");
    bool workers = strcmp(by, "workers") == 0;
    if (*text_at(r, "failed") != '\0')
        found(d, WARN, "maintenance", "it is tried again; report.jobs tells more", "%s", text_at(r, "failed"));
    else if (strcmp(by, "nobody") == 0)
        found(d, WARN, "maintenance", "`make start`, or a timer for `pollux maintain` (deploy/systemd, deploy/cron)",
              "nobody does it; late: %s", *text_at(r, "late") != '\0' ? text_at(r, "late") : "nothing yet");
    else if (*text_at(r, "late") != '\0')
        found(d, WARN, "maintenance", "report.jobs tells more", "by %s, but late: %s", by, text_at(r, "late"));
    else if (workers && json_is_true(json_object_get(r, "cron")) && json_is_true(json_object_get(r, "young")))
        found(d, OK, "maintenance", "", "by the workers, until pg_cron comes by for the first time");
    else if (workers && json_is_true(json_object_get(r, "cron")))
        found(d, WARN, "maintenance", "restart PostgreSQL: the launcher of pg_cron does not run",
              "by the workers, since pg_cron has not come by for five minutes");
    else
        found(d, OK, "maintenance", "", workers ? "by the workers; pg_cron is not in use" : "by %s", by);
}

/* Settings that each may have its value, but not together. */
static void check_timeouts(struct doctor *d)
{
    static const char sql[] =
        "select to_json(array(select s.name || ' (' || s.value || ' ms)' from pollux.setting s, pollux.setting t "
        "where t.name = 'total_timeout_ms' and s.name in ('connect_timeout_ms', 'first_byte_timeout_ms') "
        "and s.value::bigint >= t.value::bigint))";
    struct fault f = {0};
    json_auto_t *longer = NULL;
    if (d->schema && ask(d, &longer, sql, &f) && json_array_size(longer) > 0)
        found(d, WARN, "time-outs", "`pollux setting set total_timeout_ms` a longer time, or the other a shorter one",
              "total_timeout_ms ends requests before %s can", json_string_value(json_array_get(longer, 0)));
}

/* Jobs that nobody takes, and those that were given up. */
static void check_jobs(struct doctor *d)
{
    static const char sql[] =
        "select json_build_object("
        "'waiting', (select count(*) from pollux.job where done_at is null "
        "and due_at < pollux.now() - interval '5 minutes' and coalesce(lease_until < pollux.now(), true)), "
        "'failed', (select count(*) from pollux.job where not ok and done_at > pollux.now() - interval '1 day'), "
        "'why', (select kind || ' ' || subject || ': ' || coalesce(result ->> 'error', '') from pollux.job "
        "where not ok and done_at > pollux.now() - interval '1 day' order by done_at desc limit 1))";
    struct fault f = {0};
    json_auto_t *r = NULL;
    if (!d->schema)
        return;
    if (!ask(d, &r, sql, &f))
        found(d, FAIL, "jobs", "", "%s", reason(&f));
    else if (number_at(r, "waiting") > 0)
        found(d, WARN, "jobs", "are the workers running? `report.job_queue` shows them; setting jobs_at_once",
              "%lld jobs have been waiting for more than five minutes", number_at(r, "waiting"));
    else if (number_at(r, "failed") > 0)
        found(d, WARN, "jobs", "", "%lld jobs were given up since yesterday: %s", number_at(r, "failed"),
              text_at(r, "why"));
    else
        found(d, OK, "jobs", "", "none is late, none was given up");
}

static void tell_folder(struct doctor *d, const json_t *folder)
{
    const json_t *error = json_array_get(json_object_get(folder, "errors"), 0);
    long long malformed = number_at(folder, "malformed");
    if (error != NULL)
        found(d, WARN, "keys folder", "correct the file; `pollux key sync` reads the folder now",
              "%s: %s%s%s", text_at(error, "file"), text_at(error, "error"),
              malformed > 0 ? ", " : "", malformed > 0 ? "that word was left out" : "");
    else if (true_at(folder, "late"))
        found(d, WARN, "keys folder", "are the workers running, and with this POLLUX_KEYS_DIR?",
              "%s was last read at %s", conf.keys_dir, text_at(folder, "synced_at"));
    else
        found(d, OK, "keys folder", "", "%lld keys in %lld files of %s", number_at(folder, "keys"),
              number_at(folder, "files"), conf.keys_dir);
}

static void check_keys_folder(struct doctor *d)
{
    static const char sql[] =
        "select to_jsonb(f) || jsonb_build_object('late', coalesce(synced_at, '-infinity') < pollux.now() "
        "- make_interval(secs => 3 * pollux.setting('keys_folder_s')::float8 + 60)) "
        "from pollux.keys_folder f where place = $1";
    if (!d->schema || *conf.keys_dir == '\0')
        return;
    auto_buf place = {0};
    jobs_place(conf.keys_dir, &place);
    const char *const params[] = {buf_str(&place)};
    struct fault f = {0};
    json_auto_t *folder = NULL;
    if (db_json(d->cli->db, &folder, &f, sql, 1, params))
        tell_folder(d, folder);
    else
        found(d, WARN, "keys folder", "`pollux key sync` reads it now", "%s has never been read", conf.keys_dir);
}

/* Opens some stored credentials: at most 50, by chance, and one for each master key in use. */
static void check_sample(struct doctor *d)
{
    static const char sql[] =
        "with c as (select id, fingerprint, sealed, row_number() over (partition by "
        "split_part(encode(substring(sealed for 40), 'escape'), '|', 2) order by random()) n "
        "from pollux.credential where sealed is not null) "
        "select coalesce(json_agg(json_build_object('fingerprint', encode(fingerprint, 'hex'), "
        "'sealed', encode(sealed, 'hex'))), '[]') from (select * from c order by n, random() limit 50) s";
    struct fault f = {0};
    json_auto_t *sample = NULL;
    if (!d->schema || !d->vault)
        return;
    if (!ask(d, &sample, sql, &f)) {
        found(d, WARN, "sealed keys", "", "%s", reason(&f));
        return;
    }
    size_t i, bad = 0;
    json_t *row;
    json_array_foreach(sample, i, row) {
        auto_secret key = {0};
        bad += !vault_credential_unseal(text_at(row, "sealed"), text_at(row, "fingerprint"), &key, &f);
    }
    if (bad > 0)
        found(d, FAIL, "sealed keys", "give the master key file that sealed them, or import the keys again",
              "%zu of %zu cannot be read: %s", bad, i, reason(&f));
    else if (i > 0)
        found(d, OK, "sealed keys", "", "%zu tried, all can be read with the master key file", i);
}

/* ---- the network ---- */

static bool collect(void *ctx, const char *bytes, size_t n)
{
    struct buf *body = ctx;
    if (body->n < 4096)
        buf_add(body, bytes, n < 4096 ? n : 4096);
    return true;
}

/* GET without any credential, ten seconds at the most. */
static enum upstream_end get(const char *url, const char *proxy, struct upstream_call *call, struct buf *body)
{
    *call = (struct upstream_call){.method = "GET",
                                   .url = url,
                                   .proxy = proxy,
                                   .connect_ms = 5000,
                                   .first_byte_ms = 10000,
                                   .idle_ms = 10000,
                                   .deadline_ms = clock_ms() + 10000,
                                   .on_data = collect,
                                   .ctx = body};
    return upstream_perform(call);
}

static void check_upstream(struct doctor *d)
{
    struct upstream_call call;
    auto_buf url = {0}, body = {0};
    if (cli_flag(d->cli, "offline"))
        return;
    buf_printf(&url, "%s/", conf.upstream);
    int64_t began = clock_ms();
    enum upstream_end end = get(buf_str(&url), conf.proxy, &call, &body);
    if (end == UPSTREAM_TLS)
        found(d, FAIL, "upstream",
              "install ca-certificates; a proxy that opens TLS needs its certificate there too", "%s: %s",
              conf.upstream, call.error);
    else if (call.status == 0)
        found(d, FAIL, "upstream", "see POLLUX_UPSTREAM, POLLUX_PROXY, the name service and the firewall",
              "%s: %s", conf.upstream, *call.error ? call.error : "no answer within ten seconds");
    else
        found(d, OK, "upstream", "", "%s answers in %lld ms", conf.upstream, (long long)(clock_ms() - began));
    upstream_call_free(&call);
}

/* The address at which this machine reaches what listens there. */
static void listen_url(struct buf *url)
{
    const char *at = conf.listen, *port = strrchr(at, ':');
    if (port == NULL)
        buf_printf(url, "http://127.0.0.1:%s", at);
    else if (strncmp(at, "0.0.0.0:", 8) == 0 || strncmp(at, "*:", 2) == 0)
        buf_printf(url, "http://127.0.0.1%s", port);
    else if (strncmp(at, "[::]:", 5) == 0)
        buf_printf(url, "http://[::1]%s", port);
    else
        buf_printf(url, "http://%s", at);
    buf_printf(url, "%s/health", conf.prefix);
}

static void check_web(struct doctor *d)
{
    struct upstream_call call;
    auto_buf url = {0}, body = {0};
    listen_url(&url);
    get(buf_str(&url), "", &call, &body);
    if (call.status == 200)
        found(d, OK, "web server", "", "%s answers", buf_str(&url));
    else if (call.status == 503)
        found(d, WARN, "web server", "the other lines say why", "%s says that nothing can be served now",
              buf_str(&url));
    else if (call.status != 0)
        found(d, WARN, "web server", "is POLLUX_LISTEN the address of this Pollux? are the workers running?",
              "%s answers with status %d", buf_str(&url), call.status);
    else
        found(d, WARN, "web server",
              "`make start`; with a web server of your own set POLLUX_LISTEN to its address", "%s: %s",
              buf_str(&url), *call.error ? call.error : "no answer");
    upstream_call_free(&call);
}

/* ---- the command ---- */

static int report(const struct doctor *d)
{
    static const char *const marks[] = {"ok  ", "warn", "FAIL"};
    size_t i;
    json_t *line;
    if (d->cli->json)
        cli_json(d->lines);
    json_array_foreach(d->lines, i, line) {
        const char *state = text_at(line, "state");
        int mark = *state == 'o' ? OK : *state == 'w' ? WARN : FAIL;
        if (d->cli->json)
            break;
        printf("%s  %-13s  %s\n", marks[mark], text_at(line, "check"), text_at(line, "detail"));
        if (*text_at(line, "advice") != '\0')
            printf("%21s-> %s\n", "", text_at(line, "advice"));
    }
    return d->worst == FAIL ? CLI_FAILED : CLI_OK;
}

int check_run(struct cli *cli)
{
    json_auto_t *lines = json_array();
    struct doctor d = {.cli = cli, .lines = lines};
    if (cli->fault.kind != FAULT_NONE) {
        found(&d, FAIL, "settings", "", "%s", reason(&cli->fault));
        return report(&d);
    }
    upstream_init();
    check_settings(&d);
    check_home(&d);
    check_files(&d);
    check_master_key(&d);
    check_database(&d);
    check_clock(&d);
    check_schema(&d);
    check_roles(&d);
    check_workers_door(&d);
    check_workers(&d);
    check_maintenance(&d);
    check_jobs(&d);
    check_keys_folder(&d);
    check_timeouts(&d);
    check_sample(&d);
    check_upstream(&d);
    check_web(&d);
    upstream_end_all();
    return report(&d);
}
