/* SPDX-License-Identifier: MIT */
/*
 * console_check.c: `pollux check` in the browser. The worker that serves the call looks for itself, the database tells
 * what it knows, fcgi/doctor/ makes lines of it.
 */
#include "admin/answer.h"
#include "admin/console_own.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "doctor/doctor.h"

#include <pthread.h>
#include <unistd.h>

/* A check looks at many things: one at a time is enough for a worker. */
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

/* The key ring is in memory: what is left to see is whether the next start would find its file. */
static void master_key(struct doctor *d)
{
    json_t *values = json_pack("{s:s}", "file", conf.master_key_file);
    if (access(conf.master_key_file, R_OK) == 0)
        doctor_found(d, DOCTOR_OK, "master key", "", "{file}", values);
    else
        doctor_found(d, DOCTOR_FAIL, "master key", "put it back: the next start fails without it",
                     "{file} cannot be read any more", values);
}

static void look(struct doctor *d, const json_t *facts, double before, double after)
{
    const json_t *database = json_object_get(facts, "database");
    doctor_settings(d);
    doctor_disk(d);
    doctor_open_files(d);
    master_key(d);
    doctor_database(d, database);
    doctor_clock(d, json_number_value(json_object_get(database, "clock")), before, after);
    doctor_found(d, DOCTOR_OK, "schema", "", "{all} migrations were applied",
                 json_pack("{s:O}", "all", json_object_get(facts, "migrations")));
    doctor_keys(d, json_object_get(facts, "health"));
    doctor_facts(d, facts);
    doctor_sample(d, json_object_get(facts, "sample"));
    doctor_upstream(d);
    doctor_web(d);
}

static json_t *report(json_t *lines, enum doctor_state worst, int64_t took_ms)
{
    static const char *const states[] = {[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail"};
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    return json_pack("{s:O, s:s, s:s, s:i, s:I}", "items", lines, "state", states[worst], "host", host, "pid",
                     (int)getpid(), "took_ms", (json_int_t)took_ms);
}

static void check(struct call *c)
{
    json_auto_t *facts = NULL, *lines = json_array();
    struct doctor d = {.lines = lines};
    int64_t began = clock_ms();
    double before = doctor_time();
    if (!console_run(c, c->route->action, &facts))
        return;
    look(&d, facts, before, doctor_time());
    admin_answer(c->r, 200, report(lines, d.worst, clock_ms() - began));
}

void console_check(struct call *c)
{
    if (pthread_mutex_trylock(&one) != 0) {
        fault_set(&c->fault, FAULT_CONFLICT, "this worker is at a check already");
        fault_hint(&c->fault, "Try again in a moment.");
        return;
    }
    check(c);
    pthread_mutex_unlock(&one);
}
