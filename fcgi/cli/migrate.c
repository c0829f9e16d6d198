/* SPDX-License-Identifier: MIT */
/*
 * migrate.c: brings the schema up to date from the files in sql/.
 *
 *   roles.sql                 as far as the role of the connection may do it
 *   migrations/NNNN-name.sql  each once, in order, with its checksum recorded
 *   functions/, views, grants every time: they say how things are, not how they came about
 *   search.sql, cron.sql      if pg_trgm and pg_cron are there
 *
 * The middle two are one transaction under an advisory lock: of two instances
 * that start at once the second waits and then finds nothing to do, and a
 * failure leaves the schema as it was.
 */
#include "cli/migrate.h"

#include "base/auto.h"
#include "base/conf.h"
#include "cli/cli.h"
#include "vault/vault.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define LOCK "select pg_advisory_xact_lock(hashtext('pollux migrate'))"

/* ---- files ---- */

static char *sql_path(const char *below)
{
    const char *from = getenv("POLLUX_SQL");
    auto_str folder = from != NULL && *from != '\0' ? xstrdup(from) : conf_install_path("sql");
    auto_buf path = {0};
    buf_printf(&path, "%s/%s", folder, below);
    return buf_take(&path);
}

static bool read_sql(const char *below, struct buf *text, struct fault *f)
{
    auto_str path = sql_path(below);
    auto_file in = fopen(path, "re");
    if (in == NULL)
        return fault_set(f, FAULT_UNAVAILABLE, "cannot read %s: %s (POLLUX_SQL may name the folder sql/)",
                         path, strerror(errno));
    for (;;) {
        buf_reserve(text, 65536);
        size_t got = fread(text->p + text->n, 1, 65536, in);
        text->n += got;
        text->p[text->n] = '\0';
        if (got == 0)
            break;
    }
    if (ferror(in))
        return fault_set(f, FAULT_UNAVAILABLE, "cannot read %s: %s", path, strerror(errno));
    if (strlen(text->p) != text->n)
        return fault_set(f, FAULT_UNAVAILABLE, "%s is no text: it holds a NUL", path);
    return true;
}

static int is_sql(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return e->d_name[0] != '.' && n > 4 && strcmp(e->d_name + n - 4, ".sql") == 0;
}

/* Their order is that of their names byte by byte, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* The names of the .sql files of a folder, each with the folder before it: new. NULL with the fault set. */
static json_t *list_sql(const char *folder, struct fault *f)
{
    struct dirent **entry = NULL;
    auto_str path = sql_path(folder);
    int n = scandir(path, &entry, is_sql, by_name);
    if (n < 0) {
        fault_set(f, FAULT_UNAVAILABLE, "cannot read %s: %s (POLLUX_SQL may name the folder sql/)", path,
                  strerror(errno));
        return NULL;
    }
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        json_array_append_new(list, json_sprintf("%s/%s", folder, entry[i]->d_name));
        free(entry[i]);
    }
    free(entry);
    return list;
}

/* ---- what is there ---- */

/* {"number", "name", "file", "sha256"} of migrations/0012-name.sql: new. NULL with the fault set. */
static json_t *describe(const char *file, struct fault *f)
{
    auto_buf text = {0};
    unsigned char hash[32];
    char hex[VAULT_HEX_MAX], *end;
    const char *base = strrchr(file, '/') + 1;
    long number = strtol(base, &end, 10);
    if (end - base != 4 || *end != '-' || number <= 0) {
        fault_set(f, FAULT_UNAVAILABLE, "%s is not named like 0001-what-it-does.sql", file);
        return NULL;
    }
    if (!read_sql(file, &text, f))
        return NULL;
    vault_sha256(text.p, text.n, hash);
    vault_hex(hash, sizeof hash, hex);
    return json_pack("{s:i,s:s#,s:s,s:s}", "number", (int)number, "name", end + 1, (int)strlen(end + 1) - 4,
                     "file", file, "sha256", hex);
}

/* Migrations recorded in the database, {"number": "sha256"}; an empty object if there is no such table. */
static bool recorded(struct db *db, json_t **ret, struct fault *f)
{
    json_auto_t *there = NULL;
    if (!db_json(db, &there, f, "select to_json(to_regclass('pollux.migration') is not null)", 0, NULL))
        return false;
    if (!json_is_true(there)) {
        *ret = json_object();
        return true;
    }
    return db_json(db, ret, f, "select coalesce(json_object_agg(number, sha256), '{}') from pollux.migration",
                   0, NULL);
}

/* Notes in `migration` whether it was applied, and crosses it off `known`. */
static bool match(json_t *migration, json_t *known, struct fault *f)
{
    char number[16];
    snprintf(number, sizeof number, "%d", (int)json_integer_value(json_object_get(migration, "number")));
    const json_t *then = json_object_get(known, number);
    const char *now = json_string_value(json_object_get(migration, "sha256"));
    json_object_set_new(migration, "applied", json_boolean(then != NULL));
    if (then == NULL)
        return true;
    if (json_is_string(then) && strcmp(json_string_value(then), now) != 0)
        return fault_set(f, FAULT_UNAVAILABLE,
                         "sql/%s was changed after it had been applied to this database: put the old text "
                         "back and write the change as a new migration",
                         json_string_value(json_object_get(migration, "file")));
    json_object_del(known, number);
    return true;
}

static bool check_order(const json_t *list, const json_t *migration, struct fault *f)
{
    const json_t *last = json_array_get(list, json_array_size(list) - 1);
    if (last == NULL || json_integer_value(json_object_get(last, "number"))
                            < json_integer_value(json_object_get(migration, "number")))
        return true;
    return fault_set(f, FAULT_UNAVAILABLE, "sql/%s has the number of the one before it",
                     json_string_value(json_object_get(migration, "file")));
}

bool migrate_compare(struct db *db, json_t **ret, struct fault *f)
{
    json_auto_t *known = NULL, *files = list_sql("migrations", f), *list = json_array();
    if (files == NULL || !recorded(db, &known, f))
        return false;
    size_t i;
    json_t *file;
    json_array_foreach(files, i, file) {
        json_auto_t *migration = describe(json_string_value(file), f);
        if (migration == NULL || !check_order(list, migration, f) || !match(migration, known, f))
            return false;
        json_array_append(list, migration);
    }
    if (json_object_size(known) > 0)
        return fault_set(f, FAULT_UNAVAILABLE,
                         "the database was migrated by a newer Pollux (migration %s is not in "
                         "sql/migrations): install that one",
                         json_object_iter_key(json_object_iter(known)));
    *ret = json_incref(list);
    return true;
}

/* ---- applying ---- */

/* Runs a file; its failure names the file and, where the server knows it, the line. */
static bool run_file(struct db *db, const char *file, struct fault *f)
{
    struct fault why = {0};
    auto_buf text = {0};
    if (!read_sql(file, &text, f))
        return false;
    if (db_script(db, buf_str(&text), &why))
        return true;
    return fault_set(f, FAULT_UNAVAILABLE, "sql/%s %s", file, *why.meant ? why.meant : why.said);
}

static bool run_files(struct db *db, const char *folder, struct fault *f)
{
    json_auto_t *files = list_sql(folder, f);
    size_t i;
    json_t *file;
    if (files == NULL)
        return false;
    json_array_foreach(files, i, file)
        if (!run_file(db, json_string_value(file), f))
            return false;
    return true;
}

static bool apply(struct db *db, const json_t *migration, struct fault *f)
{
    char number[16];
    snprintf(number, sizeof number, "%d", (int)json_integer_value(json_object_get(migration, "number")));
    const char *const row[] = {number, json_string_value(json_object_get(migration, "name")),
                               json_string_value(json_object_get(migration, "sha256"))};
    return run_file(db, json_string_value(json_object_get(migration, "file")), f)
           && db_none(db, f, "insert into pollux.migration (number, name, sha256) values ($1::int, $2, $3)",
                      3, row);
}

/* A transaction of our own: everything or nothing, and one instance after the other. */
static bool begin(struct db *db, struct fault *f)
{
    return db_none(db, f, "begin", 0, NULL) && db_none(db, f, LOCK, 0, NULL);
}

static bool end(struct db *db, bool ok, struct fault *f)
{
    if (ok && db_none(db, f, "commit", 0, NULL))
        return true;
    struct fault ignored = {0};
    if (!db_lost(db))
        db_none(db, &ignored, "rollback", 0, NULL);
    return false;
}

static bool apply_new(struct db *db, json_t **ret, struct fault *f)
{
    size_t i;
    json_t *migration;
    if (!begin(db, f) || !migrate_compare(db, ret, f))
        return false;
    json_array_foreach(*ret, i, migration)
        if (!json_is_true(json_object_get(migration, "applied")) && !apply(db, migration, f))
            return false;
    return run_files(db, "functions", f) && run_file(db, "views.sql", f) && run_file(db, "grants.sql", f);
}

/* Files that may fail for want of rights or of an extension: the reason becomes a notice. */
static void run_tolerant(struct db *db, const char *file, json_t *notices)
{
    struct fault why = {0};
    bool ok = begin(db, &why) && run_file(db, file, &why);
    if (!end(db, ok, &why))
        json_array_append_new(notices, json_sprintf("%s (left out)", *why.meant ? why.meant : why.said));
}

/* ---- the command ---- */

static json_t *names_of_new(const json_t *migrations)
{
    size_t i;
    json_t *m, *names = json_array();
    json_array_foreach(migrations, i, m)
        if (!json_is_true(json_object_get(m, "applied")))
            json_array_append(names, json_object_get(m, "file"));
    return names;
}

static int report(const struct cli *cli, const json_t *migrations, json_t *notices)
{
    size_t i;
    json_t *item;
    json_auto_t *fresh = names_of_new(migrations);
    if (cli->json) {
        json_auto_t *all = json_pack("{s:i,s:O,s:O}", "migrations", (int)json_array_size(migrations),
                                     "applied", fresh, "notices", notices);
        cli_json(all);
        return CLI_OK;
    }
    json_array_foreach(fresh, i, item)
        printf("applied sql/%s\n", json_string_value(item));
    printf("The schema is current: %zu migrations, %zu of them new.\n", json_array_size(migrations),
           json_array_size(fresh));
    json_array_foreach(notices, i, item)
        cli_say("%s", json_string_value(item));
    return CLI_OK;
}

int migrate_run(struct cli *cli)
{
    json_auto_t *migrations = NULL, *notices = json_array();
    if (cli_db(cli) == NULL)
        return cli_failed(cli);
    run_tolerant(cli->db, "roles.sql", notices);
    bool ok = apply_new(cli->db, &migrations, &cli->fault);
    if (!end(cli->db, ok, &cli->fault))
        return cli_failed(cli);
    run_tolerant(cli->db, "search.sql", notices);
    run_tolerant(cli->db, "cron.sql", notices);
    return report(cli, migrations, notices);
}
