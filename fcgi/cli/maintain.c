/* SPDX-License-Identifier: MIT */
/* maintain.c: pollux maintain: what pg_cron does every minute, where it cannot be had; and the jobs of workers, where
 * none runs (plain CGI on shared hosting). */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "db/admin_calls.h"
#include "jobs/jobs.h"

/* The next run comes in a minute, and takes what is left. */
enum { JOBS_MS = 45 * 1000, ASK_MS = 300 };

static const struct cli_column columns[] = {
    {.title = "JOB", .field = "name"},
    {.title = "MS", .field = "ms", .format = CLI_NUMBER},
    {.title = "RESULT", .field = "result"},
    {0},
};

/* Says on stderr what failed, also to those who throw the table away. */
static int failures(const json_t *jobs)
{
    int code = CLI_OK;
    size_t i;
    json_t *job;
    json_array_foreach(jobs, i, job)
        if (json_is_true(json_object_get(job, "failed")))
            code = cli_failure("%s failed: %s", json_string_value(json_object_get(job, "name")),
                               json_string_value(json_object_get(job, "result")));
    return code;
}

/* Jobs that are due while no worker lives. */
struct waiting {
    struct cli *cli;   /* borrowed */
    const char *place; /* of this host's folder with keys, or "" */
    int64_t began, looked;
    json_int_t first, left;
};

static bool look(struct waiting *w)
{
    json_auto_t *left = NULL;
    w->looked = clock_ms();
    if (!admin_jobs_left(w->cli->db, &left, &w->cli->fault, w->place))
        return false;
    w->left = json_integer_value(left);
    return true;
}

static bool nothing_left(void *ctx)
{
    struct waiting *w = ctx;
    if (clock_ms() - w->looked < ASK_MS)
        return false;
    return !look(w) || w->left == 0 || clock_ms() - w->began > JOBS_MS;
}

/* Adds a row to `done` if there was something to do. */
static bool do_jobs(struct cli *cli, json_t *done)
{
    auto_buf place = {0}, result = {0};
    if (*conf.keys_dir != '\0')
        jobs_place(conf.keys_dir, &place);
    struct waiting w = {.cli = cli, .place = buf_str(&place), .began = clock_ms()};
    if (!look(&w))
        return false;
    if (w.left == 0)
        return true;
    w.first = w.left;
    if (!cli_do_jobs(cli, nothing_left, &w))
        return false;
    buf_printf(&result, "no worker runs; due: %lld, left: %lld", (long long)w.first, (long long)w.left);
    json_array_append_new(done, json_pack("{s:s, s:s, s:b, s:I}", "name", "jobs", "result", buf_str(&result), "failed",
                                          0, "ms", (json_int_t)(clock_ms() - w.began)));
    return true;
}

int maintain_run(struct cli *cli)
{
    json_auto_t *jobs = NULL;
    if (cli_db(cli) == NULL || !admin_maintain(cli->db, &jobs, &cli->fault) || !do_jobs(cli, jobs))
        return cli_failed(cli);
    int code = cli_rows(cli, columns, jobs, "Nothing is due.");
    return code == CLI_OK ? failures(jobs) : code;
}
