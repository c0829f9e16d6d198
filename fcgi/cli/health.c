/* SPDX-License-Identifier: MIT */
/* health.c: pollux key test, sync, folders, forget-folder, reset, model reset, reset --all. */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "db/admin_calls.h"
#include "jobs/jobs.h"

enum { ASK_MS = 300 };

static const struct cli_column columns[] = {
    {.title = "ID", .field = "id", .format = CLI_NUMBER},
    {.title = "PROJECT", .field = "project"},
    {.title = "KEY", .field = "hint"},
    {.title = "MODEL", .field = "model"},
    {.title = "BY", .field = "with"},
    {.title = "STATUS", .field = "status", .format = CLI_NUMBER},
    {.title = "OUTCOME", .field = "outcome"},
    {.title = "STATE", .field = "state"},
    {.title = "MS", .field = "duration_ms", .format = CLI_NUMBER},
    {.title = "ERROR", .field = "error"},
    {0},
};

/* ---- testing ---- */

/* The probes that were asked for, and when was last looked whether they are done. */
struct tests {
    struct cli *cli;  /* borrowed */
    const char *jobs; /* their ids, as PostgreSQL writes an array */
    int64_t looked;
};

static bool all_done(void *ctx)
{
    struct tests *t = ctx;
    if (clock_ms() - t->looked < ASK_MS)
        return false;
    json_auto_t *open = NULL;
    bool ok = admin_jobs_open(t->cli->db, &open, &t->cli->fault, t->jobs);
    t->looked = clock_ms();
    return !ok || json_integer_value(open) == 0;
}

/* Workers do these jobs too; who asks for them helps, and needs none. */
static bool have_done(struct cli *cli, const char *jobs)
{
    struct tests t = {.cli = cli, .jobs = jobs};
    return cli_do_jobs(cli, all_done, &t);
}

static void write_ids(const json_t *asked, struct buf *ids)
{
    size_t i;
    json_t *one;
    buf_putc(ids, '{');
    json_array_foreach (asked, i, one)
        buf_printf(ids, "%s%lld", i > 0 ? "," : "",
                   (long long)json_integer_value(json_object_get(one, "job")));
    buf_putc(ids, '}');
}

static int test(struct cli *cli, const json_t *asked)
{
    auto_buf jobs = {0};
    json_auto_t *rows = NULL;
    write_ids(asked, &jobs);
    if (!have_done(cli, buf_str(&jobs)) ||
        !admin_credential_test_results(cli->db, &rows, &cli->fault, buf_str(&jobs)))
        return cli_failed(cli);
    return cli_rows(cli, columns, rows, "There are no keys yet.");
}

int key_test(struct cli *cli)
{
    int code;
    json_auto_t *asked = NULL;
    const char *model = cli_option(cli, "model");
    if (cli_flag(cli, "all") == (cli->count == 1))
        return cli_wrong(cli, "give an ID, or --all");
    const char *id = cli->count == 1 ? cli->arguments[0] : NULL;
    if (id != NULL && !cli_ready(cli, "key", &code))
        return code;
    if (cli_db(cli) == NULL || !admin_test(cli->db, &asked, &cli->fault, id, model))
        return cli_failed(cli);
    if (json_is_null(asked))
        return cli_failure("there is no key with the id %s: `pollux key list` shows them", id);
    return test(cli, asked);
}

/* ---- the keys folder ---- */

static const struct cli_column sync_columns[] = {
    {.title = "NEW", .field = "new", .format = CLI_NUMBER},
    {.title = "BACK", .field = "back", .format = CLI_NUMBER},
    {.title = "VANISHED", .field = "gone", .format = CLI_NUMBER},
    {.title = "KEYS", .field = "keys", .format = CLI_NUMBER},
    {.title = "FILES", .field = "files", .format = CLI_NUMBER},
    {.title = "MALFORMED", .field = "malformed", .format = CLI_NUMBER},
    {0},
};

static void say_errors(const json_t *errors)
{
    size_t i;
    json_t *e;
    json_array_foreach (errors, i, e) {
        const char *file = json_string_value(json_object_get(e, "file"));
        const char *text = json_string_value(json_object_get(e, "text"));
        const char *why = json_string_value(json_object_get(e, "error"));
        long long line = json_integer_value(json_object_get(e, "line"));
        if (line > 0)
            cli_say("%s line %lld: %s is no key: %s", file, line, text != NULL ? text : "", why);
        else
            cli_say("%s: %s", file != NULL ? file : conf.keys_dir, why);
    }
}

static int report_sync(struct cli *cli, const json_t *job)
{
    const json_t *result = json_object_get(job, "result");
    const char *error = json_string_value(json_object_get(result, "error"));
    if (error != NULL || !json_is_object(result))
        return cli_failure("%s could not be read: %s", conf.keys_dir,
                           error != NULL ? error : "nobody did it");
    if (cli->json)
        cli_json(result);
    else
        cli_object(sync_columns, result);
    say_errors(json_object_get(result, "errors"));
    if (json_is_true(json_object_get(result, "whole")))
        return CLI_OK;
    return cli_failure("not all of %s could be read: keys are not missed until it can be", conf.keys_dir);
}

int key_sync(struct cli *cli)
{
    auto_buf place = {0}, list = {0};
    json_auto_t *id = NULL, *job = NULL;
    if (*conf.keys_dir == '\0')
        return cli_failure("there is no folder with keys: set POLLUX_KEYS_DIR");
    jobs_place(conf.keys_dir, &place);
    if (cli_db(cli) == NULL || !admin_keys_folder_sync(cli->db, &id, &cli->fault, buf_str(&place)))
        return cli_failed(cli);
    buf_printf(&list, "{%lld}", (long long)json_integer_value(id));
    auto_str number = xstrndup(list.p + 1, list.n - 2);
    if (!have_done(cli, buf_str(&list)) || !admin_job_get(cli->db, &job, &cli->fault, number))
        return cli_failed(cli);
    return report_sync(cli, job);
}

static const struct cli_column folder_columns[] = {
    {.title = "PLACE", .field = "place"},
    {.title = "LAST READ", .field = "synced_at", .format = CLI_TIME, .absent = "never"},
    {.title = "FILES", .field = "files", .format = CLI_NUMBER},
    {.title = "KEYS", .field = "keys", .format = CLI_NUMBER},
    {.title = "MALFORMED", .field = "malformed", .format = CLI_NUMBER},
    {0},
};

int key_folders(struct cli *cli)
{
    json_auto_t *rows = NULL;
    if (cli_db(cli) == NULL || !admin_keys_folder_list(cli->db, &rows, &cli->fault))
        return cli_failed(cli);
    return cli_rows(cli, folder_columns, rows, "No folder with keys was ever read: see POLLUX_KEYS_DIR.");
}

int key_forget_folder(struct cli *cli)
{
    json_auto_t *done = NULL;
    if (cli_db(cli) == NULL || !admin_keys_folder_forget(cli->db, &done, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    if (json_is_null(done))
        return cli_failure("there is no folder `%s`: `pollux key folders` shows them", cli->arguments[0]);
    if (cli->json)
        cli_json(done);
    else
        printf("Forgotten; keys that were only there and are disabled now: %lld.\n",
               (long long)json_integer_value(json_object_get(done, "gone")));
    return CLI_OK;
}

/* ---- resetting ---- */

int key_reset(struct cli *cli)
{
    int code;
    json_auto_t *credential = NULL;
    if (!cli_ready(cli, "key", &code))
        return code;
    if (!admin_reset(cli->db, &credential, &cli->fault, cli->arguments[0], NULL))
        return cli_failed(cli);
    return key_changed(cli, credential, "reset");
}

int model_reset(struct cli *cli)
{
    json_auto_t *done = NULL;
    if (cli_db(cli) == NULL || !admin_reset(cli->db, &done, &cli->fault, NULL, cli->arguments[0]))
        return cli_failed(cli);
    if (json_is_null(done))
        return cli_failure("nobody has asked for the model %s yet: there is nothing to reset",
                           cli->arguments[0]);
    if (cli->json)
        cli_json(done);
    else
        printf("Model %s: %lld projects are ready for it again.\n",
               json_string_value(json_object_get(done, "model")),
               (long long)json_integer_value(json_object_get(done, "projects")));
    return CLI_OK;
}

int reset_all(struct cli *cli)
{
    json_auto_t *done = NULL;
    if (!cli_flag(cli, "all"))
        return cli_wrong(cli, "`pollux reset --all` resets everything; `key reset` and `model reset` a part");
    if (cli_db(cli) == NULL || !admin_reset(cli->db, &done, &cli->fault, NULL, NULL))
        return cli_failed(cli);
    if (cli->json)
        cli_json(done);
    else
        printf("%lld dead keys are in use again, %lld rests have ended.\n",
               (long long)json_integer_value(json_object_get(done, "credentials")),
               (long long)json_integer_value(json_object_get(done, "rows")));
    return CLI_OK;
}
