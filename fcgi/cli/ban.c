/* SPDX-License-Identifier: MIT */
/* ban.c: pollux ban list, add, lift. */
#include "cli/cli.h"

#include "db/admin_calls.h"

enum { PAGE = 1000 };

static const struct cli_column columns[] = {
    {.title = "ADDRESS", .field = "net", .least = 20},
    {.title = "UNTIL", .field = "ends_at", .format = CLI_TIME, .least = 19},
    {.title = "SINCE", .field = "created_at", .format = CLI_TIME, .least = 19},
    {.title = "WHY", .field = "reason"},
    {0},
};

/* One page, and the network it ended with as *last, borrowed from *page. False when there is no other. */
static bool list_page(struct cli *cli, struct cli_table *t, json_t **page, const char **last)
{
    json_auto_t *before = *page; /* *last lies in it */
    (void)before;
    *page = NULL;
    if (!admin_ban_list(cli->db, page, &cli->fault, PAGE, *last))
        return false;
    size_t n = json_array_size(*page);
    if (cli->json && *last == NULL)
        cli_json_open(t);
    if (cli->json)
        cli_json_rows(t, *page);
    t->pages = n == PAGE;
    if (!cli->json && n > 0)
        cli_table(t, columns, *page);
    if (n > 0)
        *last = json_string_value(json_object_get(json_array_get(*page, n - 1), "net"));
    return n == PAGE;
}

int ban_list(struct cli *cli)
{
    struct cli_table t = {0};
    json_auto_t *page = NULL;
    const char *last = NULL;
    if (cli_db(cli) == NULL)
        return cli_failed(cli);
    while (list_page(cli, &t, &page, &last))
        continue;
    if (cli->fault.kind != FAULT_NONE)
        return cli_failed(cli);
    if (cli->json)
        cli_json_close(&t);
    else if (!t.begun)
        puts("Nobody is banned.");
    return CLI_OK;
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
