/* SPDX-License-Identifier: MIT */
/* setting.c: pollux setting list, set, reset: what an operator changes while Pollux runs. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"

static const struct cli_column columns[] = {
    {.title = "NAME", .field = "name"},
    {.title = "VALUE", .field = "value"},
    {.title = "DEFAULT", .field = "default"},
    {.title = "UNIT", .field = "unit"},
    {.title = "WHAT IT IS", .field = "help"},
    {0},
};

int setting_list(struct cli *cli)
{
    json_auto_t *rows = NULL;
    if (cli_db(cli) == NULL || !admin_setting_list(cli->db, &rows, &cli->fault))
        return cli_failed(cli);
    return cli_rows(cli, columns, rows, "There are no settings.");
}

static int changed(struct cli *cli, bool ok, const json_t *setting)
{
    if (!ok)
        return cli_failed(cli);
    if (json_is_null(setting))
        return cli_failure("there is no setting `%s`: `pollux setting list` shows them", cli->arguments[0]);
    if (cli->json)
        cli_json(setting);
    else
        cli_object(columns, setting);
    return CLI_OK;
}

int setting_set(struct cli *cli)
{
    json_auto_t *setting = NULL;
    bool ok = cli_db(cli) != NULL
              && admin_setting_set(cli->db, &setting, &cli->fault, cli->arguments[0], cli->arguments[1]);
    return changed(cli, ok, setting);
}

int setting_reset(struct cli *cli)
{
    json_auto_t *setting = NULL;
    bool ok = cli_db(cli) != NULL && admin_setting_reset(cli->db, &setting, &cli->fault, cli->arguments[0]);
    return changed(cli, ok, setting);
}
