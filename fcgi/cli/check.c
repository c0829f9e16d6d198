/* SPDX-License-Identifier: MIT */
/*
 * check.c: pollux check: the doctor (fcgi/doctor/), and what only the command line sees: the master key file, the
 * schema's files, the role of the workers from outside.
 *
 * A check whose ground is missing (no database) is silent: the failure that took it away has been told.
 */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/conf.h"
#include "base/json.h"
#include "cli/migrate.h"
#include "doctor/doctor.h"
#include "upstream/upstream.h"
#include "vault/vault.h"

#include <string.h>

struct check {
    struct cli *cli;  /* borrowed */
    struct doctor doctor;
    bool vault;       /* the master keys could be read */
    bool schema;      /* the database is as new as this program */
};

static void check_master_key(struct check *c)
{
    struct fault f = {0};
    c->vault = vault_open(conf.master_key_file, &f);
    if (c->vault)
        doctor_found(&c->doctor, DOCTOR_OK, "master key", "", "{file}", json_pack("{s:s}", "file", conf.master_key_file));
    else
        doctor_failed(&c->doctor, DOCTOR_FAIL, "master key", "", &f);
}

/* The schema may not be there yet: this asks for nothing of ours. */
static void check_database(struct check *c)
{
    static const char sql[] =
        "select json_build_object('version', current_setting('server_version'), "
        "'number', current_setting('server_version_num')::int, 'role', current_user, "
        "'name', current_database(), 'standby', pg_is_in_recovery())";
    struct fault f = {0};
    json_auto_t *about = NULL;
    if (cli_db(c->cli) != NULL && db_json(c->cli->db, &about, &f, sql, 0, NULL))
        doctor_database(&c->doctor, about);
    else
        doctor_failed(&c->doctor, DOCTOR_FAIL, "database",
                      "`make start` starts the private one; else see POLLUX_DATABASE",
                      c->cli->db == NULL ? &c->cli->fault : &f);
}

static void check_clock(struct check *c)
{
    static const char sql[] = "select to_json(extract(epoch from clock_timestamp())::float8)";
    struct fault f = {0};
    json_auto_t *theirs = NULL;
    double before = doctor_time();
    if (c->cli->db != NULL && db_json(c->cli->db, &theirs, &f, sql, 0, NULL))
        doctor_clock(&c->doctor, json_number_value(theirs), before, doctor_time());
}

static void check_schema(struct check *c)
{
    struct fault f = {0};
    json_auto_t *list = NULL;
    if (c->cli->db == NULL)
        return;
    if (!migrate_compare(c->cli->db, &list, &f)) {
        doctor_failed(&c->doctor, DOCTOR_FAIL, "schema", "", &f);
        return;
    }
    size_t i;
    json_int_t missing = 0, all = (json_int_t)json_array_size(list);
    json_t *m;
    json_array_foreach(list, i, m)
        missing += !json_is_true(json_object_get(m, "applied"));
    c->schema = missing == 0;
    if (missing > 0)
        doctor_found(&c->doctor, DOCTOR_FAIL, "schema", "run `pollux migrate`",
                     "{missing} of {all} migrations have not been applied",
                     json_pack("{s:I, s:I}", "missing", missing, "all", all));
    else
        doctor_found(&c->doctor, DOCTOR_OK, "schema", "", "{all} migrations, all applied",
                     json_pack("{s:I}", "all", all));
}

/* What the workers connect as, and the first thing they ask. */
static void check_workers_door(struct check *c)
{
    struct fault f = {0};
    json_auto_t *health = NULL;
    struct db *db = db_open(conf.database, &f);
    if (db != NULL && db_json(db, &health, &f, "select api.health()", 0, NULL))
        doctor_keys(&c->doctor, health);
    else
        doctor_failed(&c->doctor, DOCTOR_FAIL, "workers' role", "see POLLUX_DATABASE", &f);
    db_free(db);
}

static void check_facts(struct check *c)
{
    struct fault f = {0};
    json_auto_t *facts = NULL;
    if (!db_json(c->cli->db, &facts, &f, "select admin.doctor()", 0, NULL)) {
        doctor_failed(&c->doctor, DOCTOR_FAIL, "roles", "run `pollux migrate`", &f);
        return;
    }
    doctor_facts(&c->doctor, facts);
    if (c->vault)
        doctor_sample(&c->doctor, json_object_get(facts, "sample"));
}

/* ---- the command ---- */

static int report(const struct check *c)
{
    size_t i;
    json_t *line;
    if (c->cli->json)
        cli_json(c->doctor.lines);
    json_array_foreach(c->doctor.lines, i, line) {
        const char *state = json_text_at(line, "state");
        if (c->cli->json)
            break;
        printf("%-4s  %-13s  %s\n", *state == 'f' ? "FAIL" : state, json_text_at(line, "check"), json_text_at(line, "detail"));
        if (*json_text_at(line, "advice") != '\0')
            printf("%21s-> %s\n", "", json_text_at(line, "advice"));
    }
    return c->doctor.worst == DOCTOR_FAIL ? CLI_FAILED : CLI_OK;
}

int check_run(struct cli *cli)
{
    json_auto_t *lines = json_array();
    struct check c = {.cli = cli, .doctor = {.lines = lines}};
    struct doctor *d = &c.doctor;
    if (cli->fault.kind != FAULT_NONE) {
        doctor_failed(d, DOCTOR_FAIL, "settings", "", &cli->fault);
        return report(&c);
    }
    upstream_init();
    doctor_settings(d);
    doctor_disk(d);
    doctor_open_files(d);
    check_master_key(&c);
    check_database(&c);
    check_clock(&c);
    check_schema(&c);
    if (c.schema) {
        check_workers_door(&c);
        check_facts(&c);
    }
    if (!cli_flag(cli, "offline"))
        doctor_upstream(d);
    doctor_web(d);
    upstream_end_all();
    return report(&c);
}
