/* SPDX-License-Identifier: MIT */
/* policy.c: pollux policy list, add, set, remove, test: rules about errors of the upstream. */
#include "cli/cli.h"

#include "base/auto.h"
#include "db/admin_calls.h"
#include "upstream/outcome.h"
#include "upstream/rules.h"

#include <string.h>

enum { BODY_MAX = 16 * 1024 * 1024 };

static const struct cli_column columns[] = {
    {.title = "ID", .field = "id", .format = CLI_NUMBER},
    {.title = "POSITION", .field = "position", .format = CLI_NUMBER},
    {.title = "STATUS", .field = "status_from", .format = CLI_NUMBER},
    {.title = "TO", .field = "status_to", .format = CLI_NUMBER},
    {.title = "TEXT", .field = "text", .absent = "any"},
    {.title = "ACTION", .field = "action"},
    {.title = "RESTS", .field = "scope"},
    {.title = "MS", .field = "rest_ms", .format = CLI_NUMBER},
    {.title = "IN USE", .field = "shown_enabled"},
    {.title = "NOTE", .field = "note"},
    {0},
};

static void show_enabled(json_t *rule)
{
    json_object_set_new(rule, "shown_enabled",
                        json_string(json_is_true(json_object_get(rule, "enabled")) ? "yes" : "no"));
}

int policy_list(struct cli *cli)
{
    json_auto_t *rows = NULL;
    if (cli_db(cli) == NULL || !admin_policy_list(cli->db, &rows, &cli->fault))
        return cli_failed(cli);
    size_t i;
    json_t *row;
    if (!cli->json)
        json_array_foreach(rows, i, row)
            show_enabled(row);
    return cli_rows(cli, columns, rows, "There are no rules of your own: errors mean what Pollux knows of them.");
}

/* "30s" in milliseconds; -1 if it is none. */
static json_int_t read_time(const char *text)
{
    static const struct {
        const char *unit;
        json_int_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(text + digits, units[i].unit) == 0)
            return atoll(text) * units[i].ms;
    return -1;
}

static bool read_rest(struct cli *cli, json_t *patch)
{
    const char *text = cli_option(cli, "for");
    if (text == NULL)
        return true;
    json_int_t ms = read_time(text);
    if (ms < 0)
        return cli_wrong(cli, "--for is a time such as 30s, 10m, 2h or 1d, not `%s`", text) == CLI_OK;
    json_object_set_new(patch, "rest_ms", json_integer(ms));
    return true;
}

static bool read_status(struct cli *cli, json_t *patch)
{
    const char *text = cli_option(cli, "status");
    int from, to, n = 0;
    if (text == NULL)
        return true;
    int fields = sscanf(text, "%3d%n-%3d%n", &from, &n, &to, &n);
    if (fields < 1 || text[n] != '\0')
        return cli_wrong(cli, "--status is a status such as 429 or a range such as 500-599, not `%s`", text) == CLI_OK;
    json_object_set_new(patch, "status_from", json_integer(from));
    json_object_set_new(patch, "status_to", json_integer(fields == 2 ? to : from));
    return true;
}

/* The options as {"status_from", ...}; false after saying what is wrong. */
static bool read_patch(struct cli *cli, json_t *patch)
{
    static const char *const texts[][2] = {{"text", "text"}, {"action", "action"}, {"rest", "scope"}, {"note", "note"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *value = cli_option(cli, texts[i][0]);
        bool none = value != NULL && strcmp(value, "none") == 0 && strcmp(texts[i][0], "rest") != 0;
        if (value != NULL)
            json_object_set_new(patch, texts[i][1], none ? json_null() : json_string(value));
    }
    const char *enabled = cli_option(cli, "enabled");
    bool yes = enabled != NULL && strcmp(enabled, "yes") == 0;
    if (enabled != NULL && !yes && strcmp(enabled, "no") != 0)
        return cli_wrong(cli, "--enabled is yes or no") == CLI_OK;
    if (enabled != NULL)
        json_object_set_new(patch, "enabled", json_boolean(yes));
    return read_status(cli, patch) && read_rest(cli, patch) && cli_limit(cli, "position", patch, "position");
}

static int changed(struct cli *cli, json_t *rule)
{
    if (json_is_null(rule))
        return cli_failure("there is no rule %s: `pollux policy list` shows them", cli->arguments[0]);
    if (cli->json) {
        cli_json(rule);
        return CLI_OK;
    }
    show_enabled(rule);
    cli_object(columns, rule);
    return CLI_OK;
}

int policy_add(struct cli *cli)
{
    json_auto_t *rule = json_object(), *added = NULL;
    if (!read_patch(cli, rule))
        return CLI_WRONG;
    auto_str text = json_dumps(rule, JSON_COMPACT);
    if (cli_db(cli) == NULL || !admin_policy_add(cli->db, &added, &cli->fault, text))
        return cli_failed(cli);
    return changed(cli, added);
}

static bool is_id(struct cli *cli)
{
    const char *id = cli->arguments[0];
    if (*id != '\0' && strlen(id) <= 18 && strspn(id, "0123456789") == strlen(id))
        return true;
    return cli_wrong(cli, "an ID is a number, as `pollux policy list` shows it") == CLI_OK;
}

int policy_set(struct cli *cli)
{
    json_auto_t *patch = json_object(), *rule = NULL;
    if (!is_id(cli) || !read_patch(cli, patch))
        return CLI_WRONG;
    auto_str text = json_dumps(patch, JSON_COMPACT);
    if (cli_db(cli) == NULL || !admin_policy_set(cli->db, &rule, &cli->fault, cli->arguments[0], text))
        return cli_failed(cli);
    return changed(cli, rule);
}

int policy_remove(struct cli *cli)
{
    json_auto_t *rule = NULL;
    if (!is_id(cli))
        return CLI_WRONG;
    if (cli_db(cli) == NULL || !admin_policy_remove(cli->db, &rule, &cli->fault, cli->arguments[0]))
        return cli_failed(cli);
    return changed(cli, rule);
}

/* ---- the dry run ---- */

static bool read_body(struct cli *cli, struct buf *body)
{
    const char *given = cli->count > 1 ? cli->arguments[1] : "-";
    if (strcmp(given, "-") != 0) {
        buf_puts(body, given);
        return true;
    }
    char some[65536];
    for (size_t n; (n = fread(some, 1, sizeof some, stdin)) > 0;) {
        buf_add(body, some, n);
        if (body->n > BODY_MAX)
            return cli_wrong(cli, "that is no error body: it is too long") == CLI_OK;
    }
    return true;
}

static json_t *verdict_of(const struct outcome *o)
{
    json_auto_t *penalty = outcome_penalty_json(o);
    const char *rest = json_string_value(json_object_get(penalty, "rest"));
    const char *scope = json_string_value(json_object_get(penalty, "scope"));
    const char *next = o->kind == OUTCOME_OK ? "answer" : o->another ? "another" : o->again ? "again" : "answer";
    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "rule", o->rule != 0 ? json_integer(o->rule) : json_null(),
                     "outcome", outcome_name(o->kind), "next", next, "scope", scope != NULL ? scope : "none", "rest",
                     rest != NULL ? rest : "none", "rest_ms", (json_int_t)o->rest_ms, "reason", o->reason, "says",
                     o->error);
}

static void print_verdict(const json_t *verdict)
{
    static const struct cli_column lines[] = {
        {.title = "RULE", .field = "rule", .format = CLI_NUMBER, .absent = "none of yours: what is built in"},
        {.title = "OUTCOME", .field = "outcome"},
        {.title = "NEXT", .field = "next"},
        {.title = "RESTS", .field = "scope"},
        {.title = "HOW LONG", .field = "rest"},
        {.title = "MS", .field = "rest_ms", .format = CLI_NUMBER},
        {.title = "REASON", .field = "reason"},
        {.title = "SAYS", .field = "says"},
        {0},
    };
    cli_object(lines, verdict);
}

int policy_test(struct cli *cli)
{
    const char *status = cli->arguments[0];
    auto_buf body = {0};
    json_auto_t *rules = NULL;
    struct outcome o;
    if (strlen(status) != 3 || strspn(status, "0123456789") != 3 || atoi(status) < 100)
        return cli_wrong(cli, "STATUS is a number from 100 to 999");
    if (!read_body(cli, &body))
        return CLI_WRONG;
    if (cli_db(cli) == NULL || !admin_policy_list(cli->db, &rules, &cli->fault))
        return cli_failed(cli);
    rules_set(rules);
    outcome_of_answer(atoi(status), buf_str(&body), body.n, cli_flag(cli, "account"), &o);
    json_auto_t *verdict = verdict_of(&o);
    if (cli->json)
        cli_json(verdict);
    else
        print_verdict(verdict);
    return CLI_OK;
}
