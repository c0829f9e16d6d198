/* SPDX-License-Identifier: MIT */
/* run.c: the database of a command, and how a failure is told; see cli.h. */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/conf.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db *cli_db(struct cli *cli)
{
    if (cli->db == NULL) {
        setenv("PGTZ", "UTC", 0); /* times are shown without their zone then */
        cli->db = db_open(conf.database_owner, &cli->fault);
    }
    return cli->db;
}

#define MOMENT "write a moment like 2027-01-31, or 2027-01-31T12:00:00Z"

/* PostgreSQL's own hint on these is about a setting of its sessions. */
static bool is_bad_moment(const struct cli *cli)
{
    return cli->db != NULL
           && (strcmp(db_sqlstate(cli->db), "22007") == 0 || strcmp(db_sqlstate(cli->db), "22008") == 0);
}

/* What to do about it, by the server's own code; "" when the message says it. */
static const char *advice(const struct cli *cli)
{
    static const char lost[] = "is it running (`make start`), and is POLLUX_HOME or POLLUX_DATABASE that of "
                               "this instance? `pollux check` tells more";
    static const struct {
        const char *state, *advice;
    } known[] = {
        {"3F000", "the database has no Pollux schema yet: run `pollux migrate`"},
        {"42883", "the database is older than this program: run `pollux migrate`"},
        {"42P01", "the database is older than this program: run `pollux migrate`"},
        {"42703", "the database is older than this program: run `pollux migrate`"},
        {"22007", MOMENT},
        {"22008", MOMENT},
        {"42501", "the role of POLLUX_DATABASE_OWNER may not do this: give that of the owner (pollux_owner)"},
    };
    if (cli->db == NULL)
        return cli->fault.retry_after_ms > 0 ? lost : "";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(db_sqlstate(cli->db), known[i].state) == 0)
            return known[i].advice;
    return "";
}

static void say(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static void say(const char *fmt, va_list ap)
{
    auto_buf text = {0}, masked = {0};
    buf_vprintf(&text, fmt, ap);
    log_redact(&masked, buf_str(&text), text.n);
    fflush(stdout);
    fprintf(stderr, "pollux: %s\n", buf_str(&masked));
}

void cli_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

int cli_failure(const char *why, ...)
{
    va_list ap;
    va_start(ap, why);
    say(why, ap);
    va_end(ap);
    return CLI_FAILED;
}

int cli_failed(struct cli *cli)
{
    cli_say("%s", cli->fault.meant[0] != '\0' ? cli->fault.meant : cli->fault.said);
    const char *what = cli->fault.hint[0] != '\0' && !is_bad_moment(cli) ? cli->fault.hint : advice(cli);
    if (*what != '\0')
        cli_say("%s", what);
    return CLI_FAILED;
}

bool cli_ready(struct cli *cli, const char *noun, int *code)
{
    const char *id = cli->arguments[0];
    if (strspn(id, "0123456789") != strlen(id) || strlen(id) > 18 || *id == '\0') {
        *code = cli_wrong(cli, "an ID is a number, as `pollux %s list` shows it", noun);
        return false;
    }
    *code = cli_db(cli) != NULL ? CLI_OK : cli_failed(cli);
    return *code == CLI_OK;
}
