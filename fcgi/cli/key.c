/* SPDX-License-Identifier: MIT */
/* key.c: pollux key add, import, list, enable, disable, remove, restore. */
#include "cli/keys.h"

#include "base/auto.h"
#include "base/conf.h"
#include "db/admin_calls.h"
#include "vault/vault.h"

#include <string.h>

static const struct cli_column columns[] = {
    {.title = "ID", .field = "id", .format = CLI_NUMBER, .least = 6},
    {.title = "PROJECT", .field = "project", .least = 12},
    {.title = "KIND", .field = "kind"},
    {.title = "KEY", .field = "hint"},
    {.title = "PRIORITY", .field = "priority", .format = CLI_NUMBER},
    {.title = "STATE", .field = "state", .least = 8},
    {.title = "REASON", .field = "reason", .least = 15},
    {.title = "UNTIL", .field = "until", .format = CLI_TIME, .least = 19},
    {.title = "LAST USED", .field = "last_used_at", .format = CLI_TIME, .absent = "never",
     .least = 19},
    {.title = "TODAY", .field = "requests_today", .format = CLI_NUMBER, .absent = "0"},
    {.title = "LABEL", .field = "label"},
    {.title = "PROXY", .field = "proxy"},
    {0},
};

static const struct cli_column archived[] = {
    {.title = "ID", .field = "id", .format = CLI_NUMBER, .least = 6},
    {.title = "PROJECT", .field = "project", .least = 12},
    {.title = "KIND", .field = "kind"},
    {.title = "KEY", .field = "hint"},
    {.title = "REASON", .field = "reason", .least = 15},
    {.title = "DEAD SINCE", .field = "dead_at", .format = CLI_TIME, .least = 19},
    {.title = "ARCHIVED", .field = "archived_at", .format = CLI_TIME, .least = 19},
    {.title = "KEPT UNTIL", .field = "until", .format = CLI_TIME, .absent = "always", .least = 19},
    {.title = "LABEL", .field = "label"},
    {0},
};

/* The word `take` for each argument, then the report. */
static int each_argument(struct cli *cli, bool (*take)(struct keys *, const char *))
{
    static const char *const standard_input[] = {"-"};
    const char *const *argument = cli->count > 0 ? cli->arguments : (const char *const *)standard_input;
    int n = cli->count > 0 ? cli->count : 1;
    const char *priority;
    if (!cli_number(cli, "priority", &priority))
        return CLI_WRONG;
    struct keys *k = keys_begin(cli);
    if (k == NULL)
        return cli_failed(cli);
    bool ok = true;
    for (int i = 0; ok && i < n; i++)
        ok = take(k, argument[i]);
    int code = keys_end(k, ok);
    keys_free(k);
    return code;
}

static bool take_key(struct keys *k, const char *argument)
{
    return strcmp(argument, "-") == 0 ? keys_file(k, "-") : keys_text(k, NULL, argument, strlen(argument));
}

/* Keys on a command line can be seen by everybody (ps) for as long as they stand there: not for long. */
static void hide_arguments(struct cli *cli)
{
    for (int i = 0; i < cli->count; i++) {
        if (strcmp(cli->arguments[i], "-") == 0)
            continue;
        char *shown = (char *)cli->arguments[i]; /* argv is ours to write */
        cli->arguments[i] = xstrdup(shown);
        memset(shown, '*', strlen(shown));
    }
}

static void wipe_arguments(struct cli *cli)
{
    for (int i = 0; i < cli->count; i++) {
        if (strcmp(cli->arguments[i], "-") == 0)
            continue;
        char *copy = (char *)cli->arguments[i];
        vault_wipe(copy, strlen(copy));
        free(copy);
    }
    cli->count = 0;
}

int key_add(struct cli *cli)
{
    hide_arguments(cli);
    int code = each_argument(cli, take_key);
    wipe_arguments(cli);
    return code;
}

int key_import(struct cli *cli)
{
    return each_argument(cli, keys_file);
}

static bool key_page(struct cli *cli, json_t **rows, const json_t *last)
{
    bool archive = cli_flag(cli, "archived");
    return (archive ? admin_credential_archive : admin_credential_list)(
        cli->db, rows, &cli->fault, CLI_PAGE, json_integer_value(json_object_get(last, "id")));
}

int key_list(struct cli *cli)
{
    if (cli_flag(cli, "archived"))
        return cli_pages(cli, archived, "The archive is empty.", key_page);
    return cli_pages(cli, columns, "There are no keys yet: `pollux key add KEY` or `pollux key import FILE`.", key_page);
}

int key_changed(struct cli *cli, const json_t *credential, const char *what)
{
    if (json_is_null(credential))
        return cli_failure("there is no key with the id %s: `pollux key list` shows them", cli->arguments[0]);
    if (cli->json)
        cli_json(credential);
    else {
        printf("Key %s %s.\n", cli->arguments[0], what);
        cli_object(columns, credential);
    }
    return CLI_OK;
}

static int set_enabled(struct cli *cli, bool on)
{
    int code;
    json_auto_t *credential = NULL;
    if (!cli_ready(cli, "key", &code))
        return code;
    if (!admin_credential_set_enabled(cli->db, &credential, &cli->fault, cli->arguments[0], on))
        return cli_failed(cli);
    return key_changed(cli, credential, on ? "enabled" : "disabled");
}

int key_enable(struct cli *cli)
{
    return set_enabled(cli, true);
}

int key_disable(struct cli *cli)
{
    return set_enabled(cli, false);
}

/* ---- set ---- */

/* {"sealed", "hint"} under the name of the credential: new; json null if the id is unknown, NULL with cli->fault. */
static json_t *seal_proxy(struct cli *cli)
{
    auto_secret url = {0};
    json_auto_t *fingerprint = NULL;
    if (!keys_proxy(cli, &url) || !vault_open(conf.master_key_file, &cli->fault))
        return NULL;
    if (!admin_credential_fingerprint(cli->db, &fingerprint, &cli->fault, cli->arguments[0]))
        return NULL;
    return json_is_string(fingerprint) ? keys_proxy_seal(buf_str(&url), json_string_value(fingerprint)) : json_null();
}

static bool read_changes(struct cli *cli, json_t *patch)
{
    const char *label = cli_option(cli, "label"), *project = cli_option(cli, "project"), *notes = cli_option(cli, "notes");
    json_auto_t *tags = NULL;
    if (!cli_list(cli, "tags", &tags))
        return false;
    if (tags != NULL)
        json_object_set(patch, "tags", tags);
    if (label != NULL)
        json_object_set_new(patch, "label", strcmp(label, "none") == 0 ? json_null() : json_string(label));
    if (notes != NULL)
        json_object_set_new(patch, "notes", strcmp(notes, "none") == 0 ? json_null() : json_string(notes));
    if (project != NULL)
        json_object_set_new(patch, "project", json_string(project));
    return cli_limit(cli, "priority", patch, "priority");
}

int key_set(struct cli *cli)
{
    int code;
    json_auto_t *patch = json_object(), *credential = NULL;
    const char *proxy = cli_option(cli, "proxy");
    if (!read_changes(cli, patch))
        return CLI_WRONG;
    if (!cli_ready(cli, "key", &code))
        return code;
    if (proxy != NULL)
        json_object_set_new(patch, "proxy", strcmp(proxy, "none") == 0 ? json_null() : seal_proxy(cli));
    auto_str text = json_dumps(patch, JSON_COMPACT);
    if (cli->fault.kind != FAULT_NONE)
        return cli_failed(cli);
    if (!admin_credential_set(cli->db, &credential, &cli->fault, cli->arguments[0], text))
        return cli_failed(cli);
    return key_changed(cli, credential, "changed");
}

int key_remove(struct cli *cli)
{
    int code;
    json_auto_t *credential = NULL;
    if (!cli_ready(cli, "key", &code))
        return code;
    if (!admin_credential_remove(cli->db, &credential, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    return key_changed(cli, credential, "removed");
}

int key_restore(struct cli *cli)
{
    int code;
    json_auto_t *credential = NULL;
    if (!cli_ready(cli, "key", &code))
        return code;
    if (!admin_credential_restore(cli->db, &credential, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    if (json_is_null(credential))
        return cli_failure("there is no key with the id %s in the archive: `pollux key list --archived` shows it",
                           cli->arguments[0]);
    return key_changed(cli, credential, "restored");
}
