/* SPDX-License-Identifier: MIT */
/* model.c: pollux model list, set. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"

#include <string.h>

static const struct cli_column columns[] = {
    {.title = "NAME", .field = "name"},
    {.title = "UPSTREAM", .field = "upstream_name", .absent = "same"},
    {.title = "RPM", .field = "rpm", .format = CLI_NUMBER},
    {.title = "TPM", .field = "tpm", .format = CLI_NUMBER},
    {.title = "RPD", .field = "rpd", .format = CLI_NUMBER},
    {.title = "CONCURRENCY", .field = "max_concurrency", .format = CLI_NUMBER},
    {.title = "ALIASES", .field = "aliases", .format = CLI_LIST},
    {0},
};

static const struct cli_column list_columns[] = {
    {.title = "NAME", .field = "name"},
    {.title = "RPM", .field = "rpm", .format = CLI_NUMBER},
    {.title = "TPM", .field = "tpm", .format = CLI_NUMBER},
    {.title = "RPD", .field = "rpd", .format = CLI_NUMBER},
    {.title = "CONCURRENCY", .field = "max_concurrency", .format = CLI_NUMBER},
    {.title = "PROJECTS", .field = "projects", .format = CLI_NUMBER},
    {.title = "READY", .field = "ready", .format = CLI_NUMBER},
    {.title = "TODAY", .field = "requests_today", .format = CLI_NUMBER},
    {.title = "UPSTREAM", .field = "upstream_name", .absent = "same"},
    {.title = "ALIASES", .field = "aliases", .format = CLI_LIST},
    {0},
};

int model_list(struct cli *cli)
{
    json_auto_t *rows = NULL;
    if (cli_db(cli) == NULL || !admin_model_list(cli->db, &rows, &cli->fault))
        return cli_failed(cli);
    return cli_rows(cli, list_columns, rows,
                    "No model is configured: all are forwarded, limits are learned from the upstream.");
}

static bool read_patch(struct cli *cli, json_t *patch)
{
    const char *upstream = cli_option(cli, "upstream");
    json_t *aliases = cli_list(cli, "alias");
    if (aliases != NULL)
        json_object_set_new(patch, "aliases", aliases);
    if (upstream != NULL)
        json_object_set_new(patch, "upstream_name",
                            strcmp(upstream, "none") == 0 ? json_null() : json_string(upstream));
    return cli_limit(cli, "rpm", patch, "rpm") && cli_limit(cli, "tpm", patch, "tpm")
           && cli_limit(cli, "rpd", patch, "rpd")
           && cli_limit(cli, "max-concurrency", patch, "max_concurrency");
}

int model_set(struct cli *cli)
{
    json_auto_t *patch = json_object(), *model = NULL;
    const char *name = cli->arguments[0];
    if (!read_patch(cli, patch))
        return CLI_WRONG;
    if (strncmp(name, "models/", 7) == 0)
        name += 7;
    auto_str text = json_dumps(patch, JSON_COMPACT);
    if (text == NULL)
        return cli_wrong(cli, "names are written in UTF-8");
    if (cli_db(cli) == NULL || !admin_model_set(cli->db, &model, &cli->fault, name, text))
        return cli_failed(cli);
    if (cli->json)
        cli_json(model);
    else
        cli_object(columns, model);
    return CLI_OK;
}
