/* SPDX-License-Identifier: MIT */
/* model.c: pollux model list, set, remove, alias. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"

#include <string.h>

static const struct cli_column columns[] = {
    {.title = "NAME", .field = "name"},
    {.title = "UPSTREAM", .field = "upstream_name", .absent = "same"},
    {.title = "ALIASES", .field = "aliases", .format = CLI_LIST},
    {.title = "RPM", .field = "rpm", .format = CLI_NUMBER},
    {.title = "TPM", .field = "tpm", .format = CLI_NUMBER},
    {.title = "RPD", .field = "rpd", .format = CLI_NUMBER},
    {.title = "CONCURRENCY", .field = "max_concurrency", .format = CLI_NUMBER},
    {.title = "WAIT (MS)", .field = "wait_limit_ms", .format = CLI_NUMBER},
    {.title = "THINKING BUDGET", .field = "thinking_budget", .format = CLI_NUMBER},
    {.title = "THINKING LEVEL", .field = "thinking_level"},
    {.title = "THOUGHTS", .field = "include_thoughts"},
    {.title = "STREAM", .field = "stream_policy"},
    {.title = "FALLBACK", .field = "fallback", .format = CLI_LIST},
    {.title = "PRICE INPUT", .field = "price_input", .format = CLI_NUMBER},
    {.title = "PRICE CACHED", .field = "price_cached", .format = CLI_NUMBER},
    {.title = "PRICE OUTPUT", .field = "price_output", .format = CLI_NUMBER},
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
    {.title = "STREAM", .field = "stream_policy"},
    {.title = "FALLBACK", .field = "fallback", .format = CLI_LIST},
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

static int print_model(const struct cli *cli, const json_t *model)
{
    if (json_is_null(model))
        return cli_failure("there is no configured model `%s`: `pollux model list` shows them",
                           cli->arguments[0]);
    if (cli->json)
        cli_json(model);
    else
        cli_object(columns, model);
    return CLI_OK;
}

/* -1 is a budget too. */
static bool read_budget(struct cli *cli, json_t *patch)
{
    const char *text = cli_option(cli, "thinking-budget");
    if (text == NULL || strcmp(text, "-1") != 0)
        return cli_limit(cli, "thinking-budget", patch, "thinking_budget");
    json_object_set_new(patch, "thinking_budget", json_integer(-1));
    return true;
}

static bool read_numbers(struct cli *cli, json_t *patch)
{
    return cli_limit(cli, "rpm", patch, "rpm") && cli_limit(cli, "tpm", patch, "tpm")
           && cli_limit(cli, "rpd", patch, "rpd") && cli_limit(cli, "max-concurrency", patch, "max_concurrency")
           && cli_limit(cli, "wait-limit-ms", patch, "wait_limit_ms") && read_budget(cli, patch)
           && cli_price(cli, "price-input", patch, "price_input")
           && cli_price(cli, "price-cached", patch, "price_cached")
           && cli_price(cli, "price-output", patch, "price_output");
}

static bool read_patch(struct cli *cli, json_t *patch)
{
    json_auto_t *aliases = NULL, *fallback = NULL;
    if (!cli_list(cli, "alias", &aliases) || !cli_list(cli, "fallback", &fallback))
        return false;
    if (aliases != NULL)
        json_object_set(patch, "aliases", aliases);
    if (fallback != NULL)
        json_object_set(patch, "fallback", fallback);
    const char *upstream = cli_option(cli, "upstream");
    if (upstream != NULL)
        json_object_set_new(patch, "upstream_name",
                            strcmp(upstream, "none") == 0 ? json_null() : json_string(upstream));
    cli_word(cli, "thinking-level", patch, "thinking_level");
    cli_word(cli, "include-thoughts", patch, "include_thoughts");
    cli_word(cli, "stream-policy", patch, "stream_policy");
    return read_numbers(cli, patch);
}

int model_set(struct cli *cli)
{
    json_auto_t *patch = json_object(), *model = NULL;
    if (!read_patch(cli, patch))
        return CLI_WRONG;
    auto_str text = json_dumps(patch, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (cli_db(cli) == NULL || !admin_model_set(cli->db, &model, &cli->fault, cli->arguments[0], text))
        return cli_failed(cli);
    return print_model(cli, model);
}

int model_remove(struct cli *cli)
{
    json_auto_t *model = NULL;
    if (cli_db(cli) == NULL || !admin_model_remove(cli->db, &model, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    return print_model(cli, model);
}

int model_alias(struct cli *cli)
{
    json_auto_t *names = json_array(), *model = NULL;
    for (int i = 1; i < cli->count; i++)
        json_array_append_new(names, json_string(cli->arguments[i]));
    auto_str text = json_dumps(names, JSON_COMPACT);
    if (json_array_size(names) + 1 != (size_t)cli->count || text == NULL)
        return cli_wrong(cli, "names are written in UTF-8");
    if (cli_db(cli) == NULL || !admin_model_alias(cli->db, &model, &cli->fault, cli->arguments[0], text,
                                                  cli_flag(cli, "remove")))
        return cli_failed(cli);
    return print_model(cli, model);
}
