/* SPDX-License-Identifier: MIT */
/* admin.c: pollux admin add, list, passwd, role, enable, disable, remove: who may enter the console. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"
#include "vault/vault.h"

#include <stdio.h>
#include <string.h>

static const struct cli_column columns[] = {
    {.title = "ID", .field = "id", .format = CLI_NUMBER},
    {.title = "NAME", .field = "name"},
    {.title = "ROLE", .field = "role"},
    {.title = "STATE", .field = "state"},
    {.title = "SESSIONS", .field = "sessions", .format = CLI_NUMBER},
    {.title = "LAST SIGN-IN", .field = "login_at", .format = CLI_TIME, .absent = "never"},
    {.title = "PASSWORD OF", .field = "password_at", .format = CLI_TIME},
    {0},
};

/* The first line of standard input. */
static bool read_password(struct cli *cli, struct buf *password)
{
    char line[VAULT_PASSWORD_MOST + 2];
    bool ok = fgets(line, sizeof line, stdin) != NULL;
    if (ok) {
        line[strcspn(line, "\r\n")] = '\0';
        buf_reserve(password, sizeof line);
        buf_puts(password, line);
    }
    vault_wipe(line, sizeof line);
    return ok || fault_set(&cli->fault, FAULT_BAD_REQUEST, "there is no password on standard input");
}

/* A password, given or made, and what the database keeps of it. */
static bool make_password(struct cli *cli, struct buf *password, struct buf *sealed)
{
    char made[VAULT_PASSWORD_MADE];
    if (cli_flag(cli, "stdin")) {
        if (!read_password(cli, password))
            return false;
    } else {
        vault_password_make(made);
        buf_reserve(password, sizeof made);
        buf_puts(password, made);
        vault_wipe(made, sizeof made);
    }
    return vault_password_seal(buf_str(password), sealed, &cli->fault);
}

static int changed(struct cli *cli, const json_t *admin, const char *what)
{
    if (json_is_null(admin))
        return cli_failure("there is no administrator `%s`: `pollux admin list` shows them", cli->arguments[0]);
    if (cli->json) {
        cli_json(admin);
        return CLI_OK;
    }
    puts(what);
    cli_object(columns, admin);
    return CLI_OK;
}

/* The same, with the password if it was made here. */
static int shown(struct cli *cli, json_t *admin, const char *password, const char *what)
{
    bool made = !cli_flag(cli, "stdin") && json_is_object(admin);
    if (made && cli->json)
        json_object_set_new(admin, "password", json_string(password));
    int code = changed(cli, admin, what);
    if (made && !cli->json) {
        printf("Password: %s\n", password);
        fflush(stdout);
        fputs("Keep it now: it cannot be shown again. It can be changed in the console.\n", stderr);
    }
    return code;
}

int admin_add(struct cli *cli)
{
    auto_secret password = {0};
    auto_buf sealed = {0};
    json_auto_t *admin = NULL;
    const char *role = cli_option(cli, "role");
    if (cli_db(cli) == NULL || !make_password(cli, &password, &sealed)
        || !admin_admin_add(cli->db, &admin, &cli->fault, cli->arguments[0], role != NULL ? role : "owner",
                            buf_str(&sealed)))
        return cli_failed(cli);
    return shown(cli, admin, buf_str(&password), "May enter the console from now on:");
}

int admin_passwd(struct cli *cli)
{
    auto_secret password = {0};
    auto_buf sealed = {0};
    json_auto_t *admin = NULL;
    if (cli_db(cli) == NULL || !make_password(cli, &password, &sealed)
        || !admin_admin_passwd(cli->db, &admin, &cli->fault, cli->arguments[0], buf_str(&sealed)))
        return cli_failed(cli);
    return shown(cli, admin, buf_str(&password), "Has a new password, and is signed out everywhere:");
}

int admin_list(struct cli *cli)
{
    json_auto_t *rows = NULL;
    if (cli_db(cli) == NULL || !admin_admin_list(cli->db, &rows, &cli->fault))
        return cli_failed(cli);
    return cli_rows(cli, columns, rows, "Nobody may enter the console yet: `pollux admin add NAME`.");
}

static int set(struct cli *cli, const char *role, const char *enabled, const char *what)
{
    json_auto_t *admin = NULL;
    if (cli_db(cli) == NULL
        || !admin_admin_set(cli->db, &admin, &cli->fault, cli->arguments[0], role, enabled))
        return cli_failed(cli);
    return changed(cli, admin, what);
}

int admin_role(struct cli *cli)
{
    return set(cli, cli->arguments[1], NULL, "Has another role now:");
}

int admin_enable(struct cli *cli)
{
    return set(cli, NULL, "true", "May sign in:");
}

int admin_disable(struct cli *cli)
{
    return set(cli, NULL, "false", "May not sign in any more, and is signed out everywhere:");
}

int admin_remove(struct cli *cli)
{
    json_auto_t *admin = NULL;
    if (cli_db(cli) == NULL || !admin_admin_remove(cli->db, &admin, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    return changed(cli, admin, "Removed:");
}
