/* SPDX-License-Identifier: MIT */
/* client.c: pollux client add, list, set, revoke. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"
#include "vault/vault.h"

#include <string.h>

static const struct cli_column columns[] = {
    {.title = "ID", .field = "id", .format = CLI_NUMBER},
    {.title = "NAME", .field = "name"},
    {.title = "TOKEN", .field = "hint"},
    {.title = "RPM", .field = "rpm", .format = CLI_NUMBER},
    {.title = "TPM", .field = "tpm", .format = CLI_NUMBER},
    {.title = "DAILY TOKENS", .field = "daily_tokens", .format = CLI_NUMBER},
    {.title = "MODELS", .field = "models", .format = CLI_LIST, .absent = "all"},
    {.title = "EXPIRES", .field = "expires_at", .format = CLI_TIME, .absent = "never"},
    {.title = "STATE", .field = "state"},
    {.title = "TODAY", .field = "tokens_today", .format = CLI_NUMBER, .absent = "0"},
    {0},
};

/* The options as the database takes them. What points into `m` and `models` lives as long as they do. */
static bool read_client(struct cli *cli, struct admin_client *c, struct cli_moment *m, struct buf *models)
{
    if (!cli_number(cli, "rpm", &c->rpm) || !cli_number(cli, "tpm", &c->tpm)
        || !cli_number(cli, "daily-tokens", &c->daily_tokens) || !cli_moment(cli, "expires", m))
        return false;
    json_auto_t *list = NULL;
    if (!cli_list(cli, "models", &list))
        return false;
    if (json_array_size(list) > 0) {
        auto_str text = json_dumps(list, JSON_COMPACT);
        buf_puts(models, text);
        c->models = buf_str(models);
    }
    c->name = cli->arguments[0];
    c->expires = m->at;
    c->expires_in = m->away;
    return true;
}

static int print_added(const struct cli *cli, json_t *client, const char *token)
{
    json_object_set_new(client, "token", json_string(token));
    if (cli->json) {
        cli_json(client);
        return CLI_OK;
    }
    printf("Client %s (id %lld)\nToken: %s\n", cli->arguments[0],
           (long long)json_integer_value(json_object_get(client, "id")), token);
    fflush(stdout);
    fputs("Keep the token now: only its hash is stored, it cannot be shown again.\n", stderr);
    return CLI_OK;
}

int client_add(struct cli *cli)
{
    struct admin_client c = {0};
    struct cli_moment expires;
    auto_buf models = {0};
    char token[VAULT_TOKEN_MAX], hash[VAULT_HEX_MAX];
    json_auto_t *client = NULL;
    if (!read_client(cli, &c, &expires, &models))
        return CLI_WRONG;
    if (cli_db(cli) == NULL)
        return cli_failed(cli);
    vault_token_new(token);
    vault_token_hash_hex(token, hash);
    c.hash = hash;
    c.hint = token + strlen(token) - 4;
    int code = admin_client_add(cli->db, &client, &cli->fault, &c) ? print_added(cli, client, token)
                                                                   : cli_failed(cli);
    vault_wipe(token, sizeof token);
    return code;
}

int client_list(struct cli *cli)
{
    json_auto_t *rows = NULL;
    if (cli_db(cli) == NULL || !admin_client_list(cli->db, &rows, &cli->fault))
        return cli_failed(cli);
    return cli_rows(cli, columns, rows, "There are no clients yet: `pollux client add NAME`.");
}

static bool read_patch(struct cli *cli, json_t *patch)
{
    struct cli_moment m;
    json_auto_t *models = NULL;
    if (!cli_list(cli, "models", &models))
        return false;
    if (models != NULL)
        json_object_set(patch, "models", models);
    if (!cli_limit(cli, "rpm", patch, "rpm") || !cli_limit(cli, "tpm", patch, "tpm")
        || !cli_limit(cli, "daily-tokens", patch, "daily_tokens") || !cli_moment(cli, "expires", &m))
        return false;
    if (m.away != NULL)
        json_object_set_new(patch, "expires_in", json_string(m.away));
    else if (cli_option(cli, "expires") != NULL)
        json_object_set_new(patch, "expires_at", m.at != NULL ? json_string(m.at) : json_null());
    return true;
}

int client_set(struct cli *cli)
{
    json_auto_t *patch = json_object(), *client = NULL;
    if (!read_patch(cli, patch))
        return CLI_WRONG;
    auto_str text = json_dumps(patch, JSON_COMPACT);
    if (cli_db(cli) == NULL || !admin_client_set(cli->db, &client, &cli->fault, cli->arguments[0], text))
        return cli_failed(cli);
    if (json_is_null(client))
        return cli_failure("there is no client `%s`: `pollux client list` shows them", cli->arguments[0]);
    if (cli->json)
        cli_json(client);
    else
        cli_object(columns, client);
    return CLI_OK;
}

int client_revoke(struct cli *cli)
{
    json_auto_t *client = NULL;
    if (cli_db(cli) == NULL || !admin_client_revoke(cli->db, &client, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    if (json_is_null(client))
        return cli_failure("there is no client `%s`: `pollux client list` shows them", cli->arguments[0]);
    if (cli->json)
        cli_json(client);
    else {
        puts("Revoked: its token is no longer accepted.");
        cli_object(columns, client);
    }
    return CLI_OK;
}
