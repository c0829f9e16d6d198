/* SPDX-License-Identifier: MIT */
/*
 * cli.h: what the commands of `pollux` share: their arguments, their database, their output.
 *
 * A command is one row of the table in cli.c and one function here or in its
 * noun's file. It gets its arguments checked and split, prints its result on
 * stdout (a table for people, one JSON value with --json) and what went wrong
 * on stderr, and returns the exit code.
 *
 * The JSON is an interface: objects gain fields, they do not lose or rename
 * them. Lists are arrays of objects with `id` (models, settings and usage have
 * `name` or their groups instead); a command that changes something prints the
 * object as it is afterwards.
 */
#ifndef POLLUX_CLI_CLI_H
#define POLLUX_CLI_CLI_H

#include "base/fault.h"
#include "db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_WRONG = 2 };

enum { CLI_OPTIONS_MAX = 20, CLI_GIVEN_MAX = 64 };

struct cli_option {
    const char *name;   /* without the dashes */
    const char *value;  /* what stands for its value in the help; NULL: it has none */
    const char *help;
};

struct cli;

struct cli_command {
    const char *noun, *verb;                     /* verb NULL: the noun alone is the command; or two words */
    int (*run)(struct cli *);                    /* returns an enum cli_exit */
    const char *arguments;                       /* as the usage line shows them; NULL: none */
    int least, most;                             /* how many arguments; most -1: any number */
    struct cli_option options[CLI_OPTIONS_MAX];  /* ends at the first without a name */
    const char *summary;                         /* half a line for the list of commands */
    const char *help;                            /* what else there is to say, with its JSON */
    bool bare;                                   /* needs no setting and no database */
    bool unsettled;                              /* runs although a setting is wrong: cli->fault says so */
};

/* One run of one command. */
struct cli {
    const struct cli_command *command;
    const char **arguments;    /* borrowed from main's argv */
    int count;
    struct {
        const struct cli_option *option;
        const char *value;     /* borrowed; NULL for a flag */
    } given[CLI_GIVEN_MAX];    /* in the order of the command line */
    int given_count;
    bool json, help;
    struct db *db;             /* from cli_db(), closed by main */
    struct fault fault;        /* what cli_failed() tells */
};

/* ---- arguments (args.c) ---- */

/* Splits the command line after noun and verb. False after saying on stderr what is wrong with it. */
bool cli_parse(struct cli *cli, int argc, char **argv);

/* The value of the option, the last one if given several times; NULL when it was not given. */
const char *cli_option(const struct cli *cli, const char *name);

bool cli_flag(const struct cli *cli, const char *name);

/* Puts a numeric option into `patch` under `field`: a whole number, or JSON null for `none`. Not given:
 * nothing happens. False after saying what is wrong. */
bool cli_limit(struct cli *cli, const char *name, json_t *patch, const char *field);

/* Like cli_limit() but as text for a statement: *ret stays NULL for `none` and when it was not given. */
bool cli_number(struct cli *cli, const char *name, const char **ret);

/* Puts a number that may have a fraction into `patch` under `field`, or JSON null for `none`. */
bool cli_price(struct cli *cli, const char *name, json_t *patch, const char *field);

/* Puts a word into `patch` under `field`, JSON null for `none`; on and off become true and false. */
void cli_word(struct cli *cli, const char *name, json_t *patch, const char *field);

/* All values of an option, split at commas, as an array of strings: *ret is new; NULL when it was not given, an empty
 * array for `none`. False after saying what is wrong: an empty value, which is a slip and must not lift a limit. */
bool cli_list(struct cli *cli, const char *name, json_t **ret);

/* A moment as an option says it, for the database to work out. */
struct cli_moment {
    char text[64], span[32];
    const char *at;    /* `text`: a time, UTC unless it names its zone; or NULL */
    const char *away;  /* `span`: how far from now, as "30 days"; or NULL */
};

/* Reads `2027-01-01`, `2027-01-01T12:00` or `30d` (h, d, w); both pointers are NULL for `none` and when the
 * option was not given. False after saying what is wrong. */
bool cli_moment(struct cli *cli, const char *name, struct cli_moment *m);

/* The best of `n` words to offer for a mistyped one, NULL when none is near. The words lie `stride` bytes
 * apart, as in a table of structs; NULL words are passed over. */
const char *cli_nearest(const char *typed, const char *const *words, size_t n, size_t stride);

/* "usage: pollux key add [--project NAME] ... KEY..." on stderr after the reason; returns CLI_WRONG. */
int cli_wrong(const struct cli *cli, const char *why, ...) __attribute__((format(printf, 2, 3)));

void cli_usage(const struct cli_command *c, FILE *out);

/* ---- database and failures (run.c) ---- */

/* The owner's connection, made at first use; NULL with cli->fault set. */
struct db *cli_db(struct cli *cli);

/* Does jobs as a worker does (jobs/jobs.h) until `enough` says so; false with cli->fault set (do_jobs.c). */
bool cli_do_jobs(struct cli *cli, bool (*enough)(void *ctx), void *ctx);

/* Says cli->fault on stderr, with what to do about it; returns CLI_FAILED. */
int cli_failed(struct cli *cli);

/* Says anything else on stderr and returns CLI_FAILED. */
int cli_failure(const char *why, ...) __attribute__((format(printf, 1, 2)));

/* A line on stderr, "pollux: ...", with what looks like a secret masked. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- output (print.c) ---- */

enum cli_format { CLI_TEXT, CLI_NUMBER, CLI_TIME, CLI_LIST };

struct cli_column {
    const char *title;
    const char *field;       /* of the JSON object */
    enum cli_format format;
    const char *absent;      /* what stands for null and for a missing field; NULL: "-" */
    size_t least;            /* width in a table of several pages, whose later rows are not known yet */
};

/* A table that may come in several pages: the first page settles the widths. Start with zeros. */
struct cli_table {
    size_t width[16];
    bool begun;
    bool pages;              /* more will come after the first page */
};

/* Prints rows (an array of objects) below each other; `columns` ends at the first without a title, 16 at
 * the most. */
void cli_table(struct cli_table *t, const struct cli_column *columns, const json_t *rows);

/* The same for one object, one column a line. */
void cli_object(const struct cli_column *columns, const json_t *object);

/* One JSON value and a newline. An array of objects is printed one object a line. */
void cli_json(const json_t *value);

/* The parts of an array that comes in pages: open, pages, close. */
void cli_json_open(struct cli_table *t);
void cli_json_rows(struct cli_table *t, const json_t *rows);
void cli_json_close(struct cli_table *t);

/* The rows as CSV (RFC 4180), the first page under the names of their fields; null is empty. A text that a spreadsheet
 * would take for a formula gets a quotation mark in front. */
void cli_csv(struct cli_table *t, const struct cli_column *columns, const json_t *rows);

/* A list: the rows as JSON, or as a table, or `none` when there are no rows. */
int cli_rows(const struct cli *cli, const struct cli_column *columns, const json_t *rows, const char *none);

/* The same for a list that comes in pages: `page` gets up to CLI_PAGE rows behind `last`, the last row of the page
 * before (NULL for the first); false with cli->fault. What to return. */
enum { CLI_PAGE = 1000 };
int cli_pages(struct cli *cli, const struct cli_column *columns, const char *none,
              bool (*page)(struct cli *cli, json_t **rows, const json_t *last));

/* Checks that the first argument is an id, as `pollux NOUN list` shows it, and that there is a database to ask; else
 * *code is what to return. */
bool cli_ready(struct cli *cli, const char *noun, int *code);

/* ---- keys (key.c) ---- */

/* Prints a key that was changed; `what` says how ("enabled"). Null: there is none with that id. */
int key_changed(struct cli *cli, const json_t *credential, const char *what);

/* ---- commands, one file per noun ---- */

int key_add(struct cli *cli);
int key_import(struct cli *cli);
int key_list(struct cli *cli);
int key_enable(struct cli *cli);
int key_disable(struct cli *cli);
int key_remove(struct cli *cli);
int key_test(struct cli *cli);
int key_sync(struct cli *cli);
int key_reset(struct cli *cli);
int key_restore(struct cli *cli);
int key_folders(struct cli *cli);
int key_forget_folder(struct cli *cli);

int account_client(struct cli *cli);
int account_login(struct cli *cli);
int account_import_files(struct cli *cli);
int account_list(struct cli *cli);
int account_enable(struct cli *cli);
int account_disable(struct cli *cli);
int account_refresh_one(struct cli *cli);
int account_remove(struct cli *cli);
int account_map(struct cli *cli);

int client_add(struct cli *cli);
int client_list(struct cli *cli);
int client_set(struct cli *cli);
int client_revoke(struct cli *cli);

int key_set(struct cli *cli);

int policy_list(struct cli *cli);
int policy_add(struct cli *cli);
int policy_set(struct cli *cli);
int policy_remove(struct cli *cli);
int policy_test(struct cli *cli);

int ban_list(struct cli *cli);
int ban_add(struct cli *cli);
int ban_lift(struct cli *cli);

int model_list(struct cli *cli);
int model_set(struct cli *cli);
int model_reset(struct cli *cli);
int model_remove(struct cli *cli);
int model_alias(struct cli *cli);

int token_add(struct cli *cli);
int token_list(struct cli *cli);
int token_revoke(struct cli *cli);

int setting_list(struct cli *cli);
int setting_set(struct cli *cli);
int setting_reset(struct cli *cli);

int admin_add(struct cli *cli);
int admin_list(struct cli *cli);
int admin_passwd(struct cli *cli);
int admin_role(struct cli *cli);
int admin_enable(struct cli *cli);
int admin_disable(struct cli *cli);
int admin_remove(struct cli *cli);

int reset_all(struct cli *cli);

int status_show(struct cli *cli);
int usage_show(struct cli *cli);
int maintain_run(struct cli *cli);
int migrate_run(struct cli *cli);
int check_run(struct cli *cli);
int generate_key(struct cli *cli);
int rotate_key(struct cli *cli);

#endif
