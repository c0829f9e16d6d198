/* SPDX-License-Identifier: MIT */
/* facts.c: what the database knows (sql/functions/doctor.sql), as lines; see doctor.h. */
#include "doctor/doctor.h"

#include "base/auto.h"
#include "base/conf.h"
#include "base/json.h"
#include "jobs/jobs.h"
#include "vault/vault.h"

#include <string.h>

static json_int_t number_at(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

static bool true_at(const json_t *object, const char *field)
{
    return json_is_true(json_object_get(object, field));
}

/* ---- the database itself ---- */

void doctor_database(struct doctor *d, const json_t *about)
{
    json_t *values = json_pack("{s:s, s:s, s:s}", "version", json_text_at(about, "version"), "name",
                               json_text_at(about, "name"), "role", json_text_at(about, "role"));
    if (number_at(about, "number") < 150000)
        doctor_found(d, DOCTOR_WARN, "database", "Pollux is tested with PostgreSQL 15 and newer",
                     "PostgreSQL {version}", values);
    else if (true_at(about, "standby"))
        doctor_found(d, DOCTOR_FAIL, "database",
                     "name the primary in POLLUX_DATABASE, or all hosts with target_session_attrs=read-write",
                     "this is a standby: nothing can be written", values);
    else
        doctor_found(d, DOCTOR_OK, "database", "", "PostgreSQL {version}, database {name} as {role}", values);
}

static void roles(struct doctor *d, const json_t *r)
{
    if (number_at(r, "refused") > 0)
        doctor_found(d, DOCTOR_FAIL, "roles", "run `pollux migrate`",
                     "pollux_app may not execute all functions of schema api: {n} are refused",
                     json_pack("{s:I}", "n", number_at(r, "refused")));
    else if (true_at(r, "app_reads") || true_at(r, "reader_reads"))
        doctor_found(d, DOCTOR_FAIL, "roles", "run `pollux migrate`, or take back what was granted by hand",
                     "{role} can read the table of credentials",
                     json_pack("{s:s}", "role", true_at(r, "app_reads") ? "pollux_app" : "pollux_read"));
    else if ((!true_at(r, "app") || !true_at(r, "reader")) && true_at(r, "may"))
        doctor_found(d, DOCTOR_WARN, "roles", "run `pollux migrate` for separate roles",
                     "there is one role for everything: workers could read what only the owner should", NULL);
    else if (!true_at(r, "app") || !true_at(r, "reader"))
        doctor_found(d, DOCTOR_OK, "roles", "", "one role for everything; it has no right to make others (CREATEROLE)",
                     NULL);
    else
        doctor_found(d, DOCTOR_OK, "roles", "", "pollux_app runs functions only, pollux_read sees views only", NULL);
}

/* All workers of all hosts share them. */
static void connections(struct doctor *d, const json_t *c)
{
    json_int_t used = number_at(c, "used"), most = number_at(c, "most");
    json_t *values = json_pack("{s:I, s:I}", "used", used, "most", most);
    if (5 * used >= 4 * most)
        doctor_found(d, DOCTOR_WARN, "connections",
                     "raise max_connections of PostgreSQL, lower POLLUX_DB_CONNECTIONS, or put PgBouncer in between",
                     "{used} of {most} that the database has are in use", values);
    else
        doctor_found(d, DOCTOR_OK, "connections", "", "{used} of {most} that the database has are in use", values);
}

/* ---- who serves, with what, and whom ---- */

void doctor_keys(struct doctor *d, const json_t *health)
{
    json_int_t ready = number_at(health, "ready"), work = ready + number_at(health, "resting");
    json_t *values = json_pack("{s:I, s:I, s:I, s:I}", "ready", ready, "work", work, "all",
                               number_at(health, "credentials"), "least", number_at(health, "minimum"));
    if (work < number_at(health, "minimum"))
        doctor_found(d, DOCTOR_WARN, "keys",
                     "`pollux key list` and `pollux account list` say why; see the setting credentials_minimum",
                     "{work} of {all} work, at least {least} should", values);
    else if (ready > 0)
        doctor_found(d, DOCTOR_OK, "keys", "", "{ready} of {all} are ready", values);
    else if (number_at(health, "credentials") == 0)
        doctor_found(d, DOCTOR_WARN, "keys", "`pollux key add`", "there are no keys yet", values);
    else
        doctor_found(d, DOCTOR_WARN, "keys", "`pollux key list` says why", "none of {all} is ready", values);
}

static void workers(struct doctor *d, const json_t *facts)
{
    if (number_at(facts, "workers") == 0)
        doctor_found(d, DOCTOR_WARN, "workers",
                     "`make start`, or `systemctl start pollux`; a CGI program has none between requests",
                     "no worker is running", NULL);
    else
        doctor_found(d, DOCTOR_OK, "workers", "", "running: {n}", json_pack("{s:I}", "n", number_at(facts, "workers")));
    if (number_at(facts, "clients") == 0)
        doctor_found(d, DOCTOR_WARN, "clients", "`pollux client add NAME`", "there is no client whose token is valid",
                     NULL);
}

/* ---- what is done by itself ---- */

static void maintenance(struct doctor *d, const json_t *r)
{
    const char *by = json_text_at(r, "by"), *late = json_text_at(r, "late");
    json_t *values = json_pack("{s:s, s:s, s:s, s:s}", "by", by, "late", late, "job", json_text_at(r, "failed"), "result",
                               json_text_at(r, "result"));
    if (*json_text_at(r, "failed") != '\0')
        doctor_found(d, DOCTOR_WARN, "maintenance", "it is tried again; report.jobs tells more",
                     "{job} failed: {result}", values);
    else if (strcmp(by, "nobody") == 0 && *late != '\0')
        doctor_found(d, DOCTOR_WARN, "maintenance",
                     "`make start`, or a timer for `pollux maintain` (deploy/systemd, deploy/cron)",
                     "nobody does it; late: {late}", values);
    else if (strcmp(by, "nobody") == 0)
        doctor_found(d, DOCTOR_WARN, "maintenance",
                     "`make start`, or a timer for `pollux maintain` (deploy/systemd, deploy/cron)",
                     "nobody does it; nothing is late yet", values);
    else if (*late != '\0')
        doctor_found(d, DOCTOR_WARN, "maintenance", "report.jobs tells more", "by {by}, but late: {late}", values);
    else if (strcmp(by, "workers") == 0 && true_at(r, "cron") && true_at(r, "young"))
        doctor_found(d, DOCTOR_OK, "maintenance", "", "by the workers, until pg_cron comes by for the first time", values);
    else if (strcmp(by, "workers") == 0 && true_at(r, "cron"))
        doctor_found(d, DOCTOR_WARN, "maintenance", "restart PostgreSQL: the launcher of pg_cron does not run",
                     "by the workers, since pg_cron has not come by for five minutes", values);
    else if (strcmp(by, "workers") == 0)
        doctor_found(d, DOCTOR_OK, "maintenance", "", "by the workers; pg_cron is not in use", values);
    else
        doctor_found(d, DOCTOR_OK, "maintenance", "", "by {by}", values);
}

/* Jobs that nobody takes, and those that were given up. */
static void jobs(struct doctor *d, const json_t *r)
{
    json_t *values = json_pack("{s:I, s:I, s:s}", "waiting", number_at(r, "waiting"), "failed", number_at(r, "failed"),
                               "why", json_text_at(r, "why"));
    if (number_at(r, "waiting") > 0)
        doctor_found(d, DOCTOR_WARN, "jobs",
                     "are the workers running? `report.job_queue` shows them; setting jobs_at_once",
                     "waiting for more than five minutes: {waiting}", values);
    else if (number_at(r, "failed") > 0)
        doctor_found(d, DOCTOR_WARN, "jobs", "", "given up since yesterday: {failed}; the last: {why}", values);
    else
        doctor_found(d, DOCTOR_OK, "jobs", "", "none is late, none was given up", values);
}

/* Settings that each may have its value, but not together. */
static void timeouts(struct doctor *d, const json_t *longer)
{
    const char *first = json_string_value(json_array_get(longer, 0));
    if (first != NULL)
        doctor_found(d, DOCTOR_WARN, "time-outs",
                     "`pollux setting set total_timeout_ms` a longer time, or the other a shorter one",
                     "total_timeout_ms ends requests before {setting} can", json_pack("{s:s}", "setting", first));
}

/* ---- folders with keys ---- */

static void folder(struct doctor *d, const json_t *f)
{
    const json_t *error = json_array_get(json_object_get(f, "errors"), 0);
    json_t *values = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "place", json_text_at(f, "place"), "file",
                               json_text_at(error, "file"), "error", json_text_at(error, "error"), "at", json_text_at(f, "synced_at"),
                               "keys", number_at(f, "keys"), "files", number_at(f, "files"));
    if (error != NULL && number_at(f, "malformed") > 0)
        doctor_found(d, DOCTOR_WARN, "keys folder", "correct the file; `pollux key sync` reads the folder now",
                     "{file}: {error}, that word was left out", values);
    else if (error != NULL)
        doctor_found(d, DOCTOR_WARN, "keys folder", "correct the file; `pollux key sync` reads the folder now",
                     "{file}: {error}", values);
    else if (true_at(f, "late"))
        doctor_found(d, DOCTOR_WARN, "keys folder",
                     "are its workers running, and with this POLLUX_KEYS_DIR? else: `pollux key forget-folder`",
                     "{place} was last read at {at}", values);
    else
        doctor_found(d, DOCTOR_OK, "keys folder", "", "{place}: files {files}, keys {keys}", values);
}

static void folders(struct doctor *d, const json_t *list)
{
    auto_buf own = {0};
    bool seen = *conf.keys_dir == '\0';
    size_t i;
    json_t *one;
    if (!seen)
        jobs_place(conf.keys_dir, &own);
    json_array_foreach((json_t *)list, i, one) {
        seen = seen || strcmp(json_text_at(one, "place"), buf_str(&own)) == 0;
        folder(d, one);
    }
    if (!seen)
        doctor_found(d, DOCTOR_WARN, "keys folder", "`pollux key sync` reads it now", "{place} has never been read",
                     json_pack("{s:s}", "place", conf.keys_dir));
}

void doctor_facts(struct doctor *d, const json_t *facts)
{
    roles(d, json_object_get(facts, "roles"));
    connections(d, json_object_get(facts, "connections"));
    workers(d, facts);
    maintenance(d, json_object_get(facts, "maintenance"));
    jobs(d, json_object_get(facts, "jobs"));
    folders(d, json_object_get(facts, "folders"));
    timeouts(d, json_object_get(facts, "longer"));
}

/* ---- secrets ---- */

/* A key that is not in use, or more than one that is. */
static void rotation(struct doctor *d)
{
    struct vault_keys keys;
    vault_keys(&keys);
    if (keys.old_n > 0 || *keys.next != '\0')
        doctor_found(d, DOCTOR_WARN, "master key", "run `pollux rotate-key` again",
                     "the rotation of the master key has not ended", NULL);
}

void doctor_sample(struct doctor *d, const json_t *sample)
{
    rotation(d);
    struct fault f = {0};
    size_t i, bad = 0;
    json_t *row;
    json_array_foreach((json_t *)sample, i, row) {
        auto_secret key = {0};
        bad += !vault_credential_unseal(json_text_at(row, "sealed"), json_text_at(row, "fingerprint"), &key, &f);
    }
    if (bad > 0)
        doctor_found(d, DOCTOR_FAIL, "sealed keys",
                     "give the master key file that sealed them, or import the keys again",
                     "{bad} of {all} cannot be read: {why}",
                     json_pack("{s:I, s:I, s:s}", "bad", (json_int_t)bad, "all", (json_int_t)i, "why",
                               *f.meant != '\0' ? f.meant : f.said));
    else if (i > 0)
        doctor_found(d, DOCTOR_OK, "sealed keys", "", "tried: {n}; all can be read with the master key file",
                     json_pack("{s:I}", "n", (json_int_t)i));
}
