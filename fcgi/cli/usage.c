/* SPDX-License-Identifier: MIT */
/* usage.c: pollux usage: what was used, summed up. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"

#include <string.h>

enum { GROUPS = 5, SUMS = 11 };

#define PAGE "2000" /* rows asked of the database at a time */

static const struct cli_column groups[GROUPS] = {
    {.title = "DAY", .field = "day"},
    {.title = "HOUR", .field = "hour", .format = CLI_TIME},
    {.title = "CLIENT", .field = "client"},
    {.title = "CREDENTIAL", .field = "credential"},
    {.title = "MODEL", .field = "model"},
};

static const struct cli_column sums[SUMS] = {
    {.title = "REQUESTS", .field = "requests", .format = CLI_NUMBER, .absent = "0"},
    {.title = "ERRORS", .field = "errors", .format = CLI_NUMBER, .absent = "0"},
    {.title = "PROMPT", .field = "prompt_tokens", .format = CLI_NUMBER, .absent = "0"},
    {.title = "CACHED", .field = "cached_tokens", .format = CLI_NUMBER, .absent = "0"},
    {.title = "OUTPUT", .field = "output_tokens", .format = CLI_NUMBER, .absent = "0"},
    {.title = "THOUGHTS", .field = "thoughts_tokens", .format = CLI_NUMBER, .absent = "0"},
    {.title = "TOOL", .field = "tool_tokens", .format = CLI_NUMBER, .absent = "0"},
    {.title = "TOTAL", .field = "total_tokens", .format = CLI_NUMBER, .absent = "0"},
    {.title = "COST", .field = "cost", .format = CLI_NUMBER},
    {.title = "MEDIAN MS", .field = "median_ms", .format = CLI_NUMBER},
    {.title = "95 % MS", .field = "p95_ms", .format = CLI_NUMBER},
};

static bool has_word(const json_t *list, const char *word)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        if (strcmp(json_string_value(item), word) == 0)
            return true;
    return false;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (strcmp(groups[i].field, word) == 0)
            return true;
    return false;
}

/* The columns of the groups asked for, then the sums. */
static void columns_for(const json_t *by, struct cli_column columns[static GROUPS + SUMS + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < GROUPS; i++)
        if (has_word(by, groups[i].field))
            columns[n++] = groups[i];
    memcpy(columns + n, sums, sizeof sums);
    columns[n + SUMS] = (struct cli_column){0};
}

static bool groups_ok(const struct cli *cli, const json_t *by)
{
    size_t i;
    json_t *word;
    json_array_foreach(by, i, word)
        if (!is_group(json_string_value(word)))
            return cli_wrong(cli, "--by is made of client, credential, model, day and hour, not `%s`",
                             json_string_value(word)) == CLI_OK;
    return true;
}

/* --per hour or day is one more group. */
static bool add_period(const struct cli *cli, json_t *by)
{
    const char *per = cli_option(cli, "per");
    if (per == NULL)
        return true;
    if (strcmp(per, "hour") != 0 && strcmp(per, "day") != 0)
        return cli_wrong(cli, "--per is hour or day, not `%s`", per) == CLI_OK;
    if (!has_word(by, per))
        json_array_append_new(by, json_string(per));
    return true;
}

/* A moment by its name, or by the one that it had before. */
static bool read_moment(struct cli *cli, const char *name, const char *older, struct cli_moment *m)
{
    return cli_moment(cli, cli_option(cli, name) != NULL ? name : older, m);
}

static void put_page(const struct cli *cli, struct cli_table *t, const struct cli_column *columns, const json_t *rows)
{
    if (cli->json)
        cli_json_rows(t, rows);
    else if (cli_flag(cli, "csv"))
        cli_csv(t, columns, rows);
    else if (json_array_size(rows) > 0)
        cli_table(t, columns, rows);
}

/* With many credentials there may be a million sums: they come and are printed a page at a time. */
static bool put_pages(struct cli *cli, struct cli_table *t, const json_t *by, const struct cli_moment *since,
                      const struct cli_moment *until)
{
    struct cli_column columns[GROUPS + SUMS + 1];
    auto_str by_text = json_dumps(by, JSON_COMPACT);
    char after[24] = "0";
    columns_for(by, columns);
    for (bool first = true;; first = false) {
        json_auto_t *page = NULL;
        if (!admin_usage(cli->db, &page, &cli->fault, (struct admin_moment){since->at, since->away},
                         (struct admin_moment){until->at, until->away}, by_text, PAGE, after))
            return false;
        if (cli->json && first)
            cli_json_open(t);
        const json_t *next = json_object_get(page, "next");
        t->pages = json_is_integer(next);
        put_page(cli, t, columns, json_object_get(page, "items"));
        if (!t->pages)
            return true;
        snprintf(after, sizeof after, "%" JSON_INTEGER_FORMAT, json_integer_value(next));
    }
}

int usage_show(struct cli *cli)
{
    struct cli_moment since, until;
    struct cli_table t = {0};
    json_auto_t *by = NULL;
    if (!cli_list(cli, "by", &by))
        return CLI_WRONG;
    if (by == NULL)
        by = json_pack("[s,s,s]", "client", "credential", "model");
    if (!groups_ok(cli, by) || !add_period(cli, by) || !read_moment(cli, "since", "from", &since)
        || !read_moment(cli, "until", "to", &until))
        return CLI_WRONG;
    if (cli->json && cli_flag(cli, "csv"))
        return cli_wrong(cli, "it is either --json or --csv");
    if (cli_db(cli) == NULL)
        return cli_failed(cli);
    if (!put_pages(cli, &t, by, &since, &until))
        return cli_failed(cli);
    if (cli->json)
        cli_json_close(&t);
    else if (!t.begun)
        puts("Nothing was used in that time.");
    return CLI_OK;
}
