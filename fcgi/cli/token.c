/* SPDX-License-Identifier: MIT */
/* token.c: pollux admin token add, list, revoke. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"
#include "vault/vault.h"

#include <string.h>

static const struct cli_column columns[] = {
    {.title = "ID", .field = "id", .format = CLI_NUMBER},
    {.title = "NAME", .field = "name"},
    {.title = "ROLE", .field = "role"},
    {.title = "TOKEN", .field = "hint"},
    {.title = "EXPIRES", .field = "expires_at", .format = CLI_TIME, .absent = "never"},
    {.title = "LAST USED", .field = "last_used_at", .format = CLI_TIME, .absent = "never"},
    {.title = "STATE", .field = "state"},
    {0},
};

static int print_added(const struct cli *cli, json_t *added, const char *token)
{
    json_object_set_new(added, "token", json_string(token));
    if (cli->json) {
        cli_json(added);
        return CLI_OK;
    }
    printf("Admin token %s (%s)\nToken: %s\n", cli->arguments[0],
           json_string_value(json_object_get(added, "role")), token);
    fflush(stdout);
    fputs("Keep the token now: only its hash is stored, it cannot be shown again.\n", stderr);
    return CLI_OK;
}

int token_add(struct cli *cli)
{
    struct cli_moment expires;
    char token[VAULT_TOKEN_MAX], hash[VAULT_HEX_MAX];
    const char *role = cli_option(cli, "role");
    json_auto_t *added = NULL;
    if (!cli_moment(cli, "expires", &expires))
        return CLI_WRONG;
    if (cli_db(cli) == NULL)
        return cli_failed(cli);
    vault_admin_token_new(token);
    vault_token_hash_hex(token, hash);
    bool ok = admin_token_add(cli->db, &added, &cli->fault, cli->arguments[0], hash, token + strlen(token) - 4,
                              role != NULL ? role : "viewer", expires.at, expires.away);
    int code = ok ? print_added(cli, added, token) : cli_failed(cli);
    vault_wipe(token, sizeof token);
    return code;
}

int token_list(struct cli *cli)
{
    json_auto_t *rows = NULL;
    if (cli_db(cli) == NULL || !admin_token_list(cli->db, &rows, &cli->fault))
        return cli_failed(cli);
    return cli_rows(cli, columns, rows, "There are no admin tokens: `pollux admin token add NAME`.");
}

int token_revoke(struct cli *cli)
{
    json_auto_t *token = NULL;
    if (cli_db(cli) == NULL || !admin_token_revoke(cli->db, &token, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    if (json_is_null(token))
        return cli_failure("there is no admin token `%s`: `pollux admin token list` shows them", cli->arguments[0]);
    if (cli->json)
        cli_json(token);
    else {
        puts("Revoked: it is no longer accepted.");
        cli_object(columns, token);
    }
    return CLI_OK;
}
