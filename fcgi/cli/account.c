/* SPDX-License-Identifier: MIT */
/* account.c: pollux account client, login, import, list, show what they are, enable, disable, refresh, remove, map. */
#include "cli/cli.h"

#include "account/import.h"
#include "account/seal.h"
#include "account/token.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "db/account_calls.h"
#include "upstream/upstream.h"
#include "vault/vault.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MOST = 1024 * 1024, REFRESH_MS = 180 * 1000 };

static const struct cli_column columns[] = {
    {.title = "ID", .field = "id", .format = CLI_NUMBER, .least = 6},
    {.title = "E-MAIL", .field = "email", .least = 20},
    {.title = "UPSTREAM", .field = "upstream", .least = 11},
    {.title = "PROJECT", .field = "google_project", .least = 12},
    {.title = "TIER", .field = "tier"},
    {.title = "STATE", .field = "state", .least = 8},
    {.title = "ACCOUNT", .field = "account", .least = 8},
    {.title = "TOKEN UNTIL", .field = "expires_at", .format = CLI_TIME, .least = 19},
    {.title = "REASON", .field = "reason"},
    {.title = "LINK", .field = "link"},
    {.title = "LABEL", .field = "label"},
    {0},
};

static const struct cli_column client_columns[] = {
    {.title = "OAUTH CLIENT", .field = "client_id"},
    {.title = "ACCOUNTS", .field = "accounts", .format = CLI_NUMBER},
    {.title = "CHANGED", .field = "changed_at", .format = CLI_TIME},
    {0},
};

static const struct cli_column map_columns[] = {
    {.title = "E-MAIL", .field = "email"},
    {.title = "PROJECT", .field = "google_project"},
    {0},
};

static bool ready(struct cli *cli)
{
    if (!vault_open(conf.master_key_file, &cli->fault) || cli_db(cli) == NULL)
        return false;
    upstream_init();
    return true;
}

static int print(const struct cli *cli, const struct cli_column *what, const json_t *value)
{
    if (cli->json)
        cli_json(value);
    else
        cli_object(what, value);
    return CLI_OK;
}

static struct account_wish wish_of(const struct cli *cli)
{
    return (struct account_wish){
        .upstream = cli_option(cli, "upstream"),
        .project = cli_option(cli, "project"),
        .label = cli_option(cli, "label"),
    };
}

/* ---- what is read ---- */

static bool read_all(struct cli *cli, int fd, const char *name, struct buf *text)
{
    for (;;) {
        buf_reserve(text, 4096);
        ssize_t got = read(fd, text->p + text->n, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_set(&cli->fault, FAULT_BAD_REQUEST, "cannot read %s: %s", name, strerror(errno));
        if (got == 0)
            break;
        text->n += (size_t)got;
        if (text->n > TEXT_MOST)
            return fault_set(&cli->fault, FAULT_BAD_REQUEST, "%s is larger than 1 MB, which is no file of an account",
                             name);
    }
    text->p[text->n] = '\0';
    return true;
}

static bool read_file(struct cli *cli, const char *path, struct buf *text)
{
    if (strcmp(path, "-") == 0)
        return read_all(cli, STDIN_FILENO, "standard input", text);
    auto_file in = fopen(path, "re");
    if (in == NULL)
        return fault_set(&cli->fault, FAULT_BAD_REQUEST, "cannot read %s: %s", path, strerror(errno));
    return read_all(cli, fileno(in), path, text);
}

/* One line of standard input without blanks around it. */
static bool read_line(struct cli *cli, const char *prompt, struct buf *line)
{
    char c;
    ssize_t got;
    if (isatty(STDIN_FILENO))
        cli_say("%s", prompt);
    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n' && line->n < 8192)
        if (line->n > 0 || (c != ' ' && c != '\t'))
            buf_putc(line, c);
    while (line->n > 0 && strchr(" \t\r", line->p[line->n - 1]) != NULL)
        line->p[--line->n] = '\0';
    return line->n > 0 || fault_set(&cli->fault, FAULT_BAD_REQUEST, "nothing came on standard input");
}

/* ---- the OAuth client ---- */

static int set_client(struct cli *cli, const char *id)
{
    auto_secret secret = {0};
    json_auto_t *sealed = NULL, *client = NULL;
    if (!read_line(cli, "the secret of this OAuth client, on one line:", &secret))
        return cli_failed(cli);
    sealed = seal(SEAL_CLIENT, id, buf_str(&secret));
    if (!account_calls_client_set(cli->db, &client, &cli->fault, id, json_string_value(sealed)))
        return cli_failed(cli);
    return print(cli, client_columns, client);
}

int account_client(struct cli *cli)
{
    json_auto_t *client = NULL;
    bool removing = cli_flag(cli, "remove");
    if (!ready(cli))
        return cli_failed(cli);
    if (cli->count == 1 && !removing)
        return set_client(cli, cli->arguments[0]);
    if (removing ? !account_calls_client_remove(cli->db, &client, &cli->fault)
                 : !account_calls_client_show(cli->db, &client, &cli->fault))
        return cli_failed(cli);
    if (json_is_null(client) && !cli->json)
        return cli_failure("no OAuth client is configured: accounts are off; `pollux account client --help`");
    return print(cli, client_columns, client);
}

/* ---- in ---- */

int account_import_files(struct cli *cli)
{
    json_auto_t *all = json_array();
    const struct account_wish wish = wish_of(cli);
    int failures = 0;
    if (!ready(cli))
        return cli_failed(cli);
    for (int i = 0; i < cli->count; i++) {
        auto_secret text = {0};
        json_t *account = NULL;
        cli->fault = (struct fault){0};
        if (read_file(cli, cli->arguments[i], &text) &&
            account_import(cli->db, buf_str(&text), text.n, &wish, &account, &cli->fault)) {
            json_array_append_new(all, account);
            continue;
        }
        cli_say("%s:", cli->arguments[i]);
        cli_failed(cli);
        failures++;
    }
    if (cli->json)
        cli_json(all);
    else if (json_array_size(all) > 0)
        cli_rows(cli, columns, all, "");
    return failures > 0 ? CLI_FAILED : CLI_OK;
}

/* What was pasted, or what Google sends to a redirect address of Pollux itself, which ends the login there. */
int account_login(struct cli *cli)
{
    json_auto_t *begun = NULL, *account = NULL;
    auto_secret line = {0};
    const struct account_login login = {
        .wish = wish_of(cli), .redirect_uri = cli_option(cli, "redirect"), .redirect = ACCOUNT_REDIRECT_LOOPBACK};
    if (!ready(cli) || !account_login_begin(cli->db, &login, &begun, &cli->fault))
        return cli_failed(cli);
    fprintf(stderr, "Open this address in a browser, log in and agree:\n\n%s\n\n",
            json_string_value(json_object_get(begun, "url")));
    fprintf(stderr, "The browser then fails to open %s...\nCopy that whole address from its address bar and paste it "
                    "here (the code alone will do, too):\n",
            json_string_value(json_object_get(begun, "redirect_uri")));
    if (!read_line(cli, "the address:", &line))
        return cli_failed(cli);
    auto_str state = NULL;
    auto_str code = NULL;
    auto_str error = NULL;
    account_read_pasted(buf_str(&line), &state, &code, &error);
    const struct account_answer answer = {.session = json_string_value(json_object_get(begun, "session")),
                                          .state = state,
                                          .code = code,
                                          .error = error};
    bool ok = account_login_end(cli->db, &answer, &account, &cli->fault);
    return ok ? print(cli, columns, account) : cli_failed(cli);
}

/* ---- what there is ---- */

static bool account_page(struct cli *cli, json_t **rows, const json_t *last)
{
    return account_calls_list(cli->db, rows, &cli->fault, CLI_PAGE, json_integer_value(json_object_get(last, "id")));
}

int account_list(struct cli *cli)
{
    return cli_pages(cli, columns, "There are no accounts yet: `pollux account login` or `pollux account import FILE`.",
                     account_page);
}

/* ---- one of them ---- */

static int changed(struct cli *cli, bool ok, const json_t *account)
{
    if (!ok)
        return cli_failed(cli);
    if (json_is_null(account))
        return cli_failure("there is no account with the id %s: `pollux account list` shows them",
                           cli->arguments[0]);
    return print(cli, columns, account);
}

static int set_enabled(struct cli *cli, bool on)
{
    int code;
    json_auto_t *account = NULL;
    if (!cli_ready(cli, "account", &code))
        return code;
    bool ok = account_calls_set_enabled(cli->db, &account, &cli->fault, cli->arguments[0], on);
    return changed(cli, ok, account);
}

int account_enable(struct cli *cli)
{
    return set_enabled(cli, true);
}

int account_disable(struct cli *cli)
{
    return set_enabled(cli, false);
}

int account_remove(struct cli *cli)
{
    int code;
    json_auto_t *account = NULL;
    if (!cli_ready(cli, "account", &code))
        return code;
    bool ok = account_calls_remove(cli->db, &account, &cli->fault, cli->arguments[0]);
    return changed(cli, ok, account);
}

/* Asks Google now: a new access token, and with Code Assist tier and project. */
int account_refresh_one(struct cli *cli)
{
    int code;
    json_auto_t *account = NULL;
    if (!cli_ready(cli, "account", &code))
        return code;
    if (!ready(cli))
        return cli_failed(cli);
    bool known = account_calls_show(cli->db, &account, &cli->fault, cli->arguments[0]);
    if (!known || json_is_null(account))
        return changed(cli, known, account);
    struct fault f = {0};
    enum account_trouble trouble =
        account_refresh(cli->db, strtoll(cli->arguments[0], NULL, 10), clock_ms() + REFRESH_MS, &f);
    json_auto_t *now = NULL;
    bool ok = account_calls_show(cli->db, &now, &cli->fault, cli->arguments[0]);
    code = changed(cli, ok, now);
    if (trouble == ACCOUNT_FINE || code != CLI_OK)
        return code;
    const char *says = json_string_value(json_object_get(now, "says"));
    return cli_failure("the account cannot be used: %s", says != NULL ? says : *f.meant != '\0' ? f.meant : f.said);
}

int account_map(struct cli *cli)
{
    json_auto_t *rows = NULL;
    const char *email = cli->count > 0 ? cli->arguments[0] : NULL;
    const char *project = cli->count > 1 && strcmp(cli->arguments[1], "none") != 0 ? cli->arguments[1] : NULL;
    if (cli->count == 1)
        return cli_wrong(cli, "give the project too, or `none` to forget it");
    if (cli_db(cli) == NULL || !account_calls_map(cli->db, &rows, &cli->fault, email, project))
        return cli_failed(cli);
    return cli_rows(cli, map_columns, rows, "No e-mail address has a project of its own.");
}
