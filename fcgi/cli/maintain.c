/* SPDX-License-Identifier: MIT */
/* maintain.c: pollux maintain: what pg_cron does every minute, where it cannot be had. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"

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

int maintain_run(struct cli *cli)
{
    json_auto_t *jobs = NULL;
    if (cli_db(cli) == NULL || !admin_maintain(cli->db, &jobs, &cli->fault))
        return cli_failed(cli);
    int code = cli_rows(cli, columns, jobs, "Nothing is due.");
    return code == CLI_OK ? failures(jobs) : code;
}
