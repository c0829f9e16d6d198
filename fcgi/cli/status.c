/* SPDX-License-Identifier: MIT */
/*
 * status.c: pollux status.
 *
 * What there is to tell is decided in SQL (admin.status): single values, groups
 * of values and lists. This file only lays it out, so that a new figure needs
 * no new code here.
 */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"

#include <ctype.h>
#include <string.h>

enum { COLUMNS = 15 };

/* database_size as "database size", or in capitals for the head of a table: new. */
static char *title_of(const char *field, bool capitals)
{
    char *title = xstrdup(field);
    for (char *c = title; *c != '\0'; c++)
        *c = (char)(*c == '_' ? ' ' : capitals ? toupper((unsigned char)*c) : *c);
    return title;
}

static enum cli_format format_of(const char *field, const json_t *value)
{
    size_t n = strlen(field);
    if ((n > 3 && strcmp(field + n - 3, "_at") == 0) || strcmp(field, "now") == 0)
        return CLI_TIME;
    return json_is_number(value) ? CLI_NUMBER : CLI_TEXT;
}

/* The fields of an object as columns; free_columns() frees their titles. */
static void columns_of(const json_t *object, bool capitals, struct cli_column columns[static COLUMNS + 1])
{
    size_t n = 0;
    const char *field;
    json_t *value;
    json_object_foreach((json_t *)object, field, value)
        if (n < COLUMNS)
            columns[n++] = (struct cli_column){.title = title_of(field, capitals), .field = field,
                                               .format = format_of(field, value)};
    columns[n] = (struct cli_column){0};
}

static void free_columns(struct cli_column *columns)
{
    for (; columns->title != NULL; columns++)
        free((char *)columns->title);
}

static void put_group(const char *name, const json_t *value)
{
    struct cli_column columns[COLUMNS + 1];
    struct cli_table t = {0};
    const json_t *first = json_is_array(value) ? json_array_get(value, 0) : value;
    auto_str title = title_of(name, false);
    printf("\n%s%s\n", title, first != NULL ? "" : ": none");
    if (!json_is_object(first))
        return;
    columns_of(first, json_is_array(value), columns);
    if (json_is_array(value))
        cli_table(&t, columns, value);
    else
        cli_object(columns, value);
    free_columns(columns);
}

/* Single values first, as one group, then the others in their order. */
static void put_status(json_t *status)
{
    struct cli_column columns[COLUMNS + 1];
    json_auto_t *single = json_object();
    const char *field;
    json_t *value;
    json_object_foreach(status, field, value)
        if (!json_is_object(value) && !json_is_array(value))
            json_object_set(single, field, value);
    columns_of(single, false, columns);
    cli_object(columns, single);
    free_columns(columns);
    json_object_foreach(status, field, value)
        if (json_is_object(value) || json_is_array(value))
            put_group(field, value);
}

int status_show(struct cli *cli)
{
    json_auto_t *status = NULL;
    if (cli_db(cli) == NULL || !admin_status(cli->db, &status, &cli->fault))
        return cli_failed(cli);
    if (cli->json)
        cli_json(status);
    else
        put_status(status);
    return CLI_OK;
}
