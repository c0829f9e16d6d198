/* SPDX-License-Identifier: MIT */
/* ban.c: pollux ban list, add, lift. */
#include "cli/cli.h"

#include "db/admin_calls.h"

static const struct cli_column columns[] = {
    {.title = "ADDRESS", .field = "net", .least = 20},
    {.title = "UNTIL", .field = "ends_at", .format = CLI_TIME, .least = 19},
    {.title = "SINCE", .field = "created_at", .format = CLI_TIME, .least = 19},
    {.title = "WHY", .field = "reason"},
    {0},
};

static bool ban_page(struct cli *cli, json_t **rows, const json_t *last)
{
    return admin_ban_list(cli->db, rows, &cli->fault, CLI_PAGE, json_string_value(json_object_get(last, "net")));
}

int ban_list(struct cli *cli)
{
    return cli_pages(cli, columns, "Nobody is banned.", ban_page);
}

int ban_add(struct cli *cli)
{
    struct cli_moment until;
    json_auto_t *ban = NULL;
    if (!cli_moment(cli, "until", &until))
        return CLI_WRONG;
    if (cli_db(cli) == NULL || !admin_ban_add(cli->db, &ban, &cli->fault, cli->arguments[0],
                                              cli_option(cli, "reason"), until.at, until.away))
        return cli_failed(cli);
    if (cli->json)
        cli_json(ban);
    else
        cli_object(columns, ban);
    return CLI_OK;
}

int ban_lift(struct cli *cli)
{
    json_auto_t *ban = NULL;
    if (cli_db(cli) == NULL || !admin_ban_lift(cli->db, &ban, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    if (json_is_null(ban))
        return cli_failure("there is no ban of `%s`: `pollux ban list` shows them", cli->arguments[0]);
    if (cli->json) {
        cli_json(ban);
        return CLI_OK;
    }
    puts("Lifted.");
    cli_object(columns, ban);
    return CLI_OK;
}
