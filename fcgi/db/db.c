/* SPDX-License-Identifier: MIT */
/* db.c: one connection to PostgreSQL; see db.h. */
#include "db/db.h"
#include "db/link.h"
#include "base/auto.h"

#include <string.h>

struct db {
    PGconn *conn; /* NULL while not connected */
    char *conninfo;
    int64_t patience_ms; /* how long an answer is waited for; 0: without limit */
    bool late;       /* the last statement was not answered in time */
    bool lost;       /* the last statement broke the connection */
    bool prepared;   /* this connection knows the statement of db_query_often() */
    bool unprepared; /* something in between does not keep prepared statements: they are sent whole */
    char sqlstate[6];
};

static inline void auto_clear_(PGresult **r)
{
    PQclear(*r);
}
#define auto_result __attribute__((cleanup(auto_clear_))) PGresult *

struct db *db_new(const char *conninfo)
{
    struct db *db = xcalloc(1, sizeof *db);
    db->conninfo = xstrdup(conninfo);
    return db;
}

void db_patience(struct db *db, int64_t ms)
{
    db->patience_ms = ms;
}

static void disconnect(struct db *db)
{
    if (db->conn != NULL)
        PQfinish(db->conn);
    db->conn = NULL;
    db->prepared = false;
}

void db_free(struct db *db)
{
    if (db == NULL)
        return;
    disconnect(db);
    free(db->conninfo);
    free(db);
}

struct db *db_open(const char *conninfo, struct fault *f)
{
    struct db *db = db_new(conninfo);
    if (db_ready(db, f))
        return db;
    db_free(db);
    return NULL;
}

/* libpq ends its messages with a newline, and some have several lines: one line is enough. */
static char *one_line(const char *message)
{
    size_t n = strlen(message);
    while (n > 0 && message[n - 1] == '\n')
        n--;
    char *line = xstrndup(message, n);
    for (char *p = line; *p != '\0'; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    return line;
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

bool db_ready(struct db *db, struct fault *f)
{
    if (db->conn != NULL && PQstatus(db->conn) == CONNECTION_OK)
        return true;
    disconnect(db);
    db->conn = link_open(db->conninfo, "pollux");
    if (PQstatus(db->conn) == CONNECTION_OK) {
        PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
        return true;
    }
    auto_str reason = one_line(PQerrorMessage(db->conn));
    fault_set(f, FAULT_UNAVAILABLE, "the database is not available; try again shortly");
    fault_meant(f, "cannot connect to the database (is it running? check POLLUX_DATABASE): %s", reason);
    f->retry_after_ms = 2000;
    disconnect(db);
    return false;
}

bool db_connected(const struct db *db)
{
    return db->conn != NULL;
}

bool db_lost(const struct db *db)
{
    return db->lost;
}

const char *db_sqlstate(const struct db *db)
{
    return db->sqlstate;
}

/* Connection failures, shutdowns, and a primary that became a standby: reconnect, maybe to another host. */
static bool means_lost(const PGconn *conn, const char *state)
{
    static const char *const states[] = {"57P01", "57P02", "57P03", "25006"};
    if (PQstatus(conn) != CONNECTION_OK || strncmp(state, "08", 2) == 0)
        return true;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(state, states[i]) == 0)
            return true;
    return false;
}

/* What the server refused, as the HTTP status of the caller's mistake; 0 when it is in trouble itself. Our own
 * functions raise PXnnn, which says it. */
static int means_refused(const char *state)
{
    if (strncmp(state, "PX", 2) == 0)
        return atoi(state + 2);
    if (strcmp(state, "P0002") == 0 || strcmp(state, "42P02") == 0) /* no_data_found, undefined_parameter */
        return 404;
    if (strcmp(state, "23505") == 0) /* unique_violation */
        return 409;
    bool ours = strcmp(state, "P0001") == 0 || strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0;
    return ours ? 400 : 0;
}

/* PostgreSQL's own words about a value speak of types and constraints: who asked is told in ours. False when one of our
 * functions raised the error, whose words are meant for people. */
static bool told_plainly(const PGresult *r, const char *state, enum fault_kind kind, const char *text, struct fault *f)
{
    const char *raised = PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);
    const char *from = strchr(text, '"'), *to = strrchr(text, '"');
    if (strcmp(state, "22P05") == 0) { /* untranslatable_character: of JSON, it can be no other */
        fault_set(f, kind, "a text holds the character NUL, which cannot be kept");
        return true;
    }
    if (raised == NULL || strcmp(raised, "exec_stmt_raise") == 0)
        return false;
    if (strcmp(state, "23505") == 0)
        fault_set(f, kind, "there is one of that name already");
    else if (strncmp(state, "22", 2) != 0)
        fault_set(f, kind, "that does not fit to what is stored");
    else if (from != NULL && to > from)
        fault_set(f, kind, "the value %.*s is not of the form that is asked for", (int)(to - from + 1), from);
    else
        fault_set(f, kind, "a value is not of the form that is asked for");
    if (strncmp(state, "22", 2) == 0)
        fault_hint(f, "Ids and limits are whole numbers, times are written as 2027-01-31T12:00:00Z, and what \"after\" takes "
                      "is the \"next\" of the page before.");
    fault_meant(f, "%s", text);
    return true;
}

static const char no_answer[] = "the database did not answer in time";

static bool fail(struct db *db, const PGresult *r, struct fault *f)
{
    const char *state = r != NULL ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    snprintf(db->sqlstate, sizeof db->sqlstate, "%s", state != NULL ? state : "");
    const char *primary = r != NULL ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    auto_str text = one_line(db->late ? no_answer : primary != NULL ? primary : PQerrorMessage(db->conn));
    db->lost = db->late || means_lost(db->conn, db->sqlstate);
    int refused = means_refused(db->sqlstate);
    const char *hint = r != NULL ? PQresultErrorField(r, PG_DIAG_MESSAGE_HINT) : NULL;
    if (!db->lost && refused > 0) {
        enum fault_kind kind = fault_of_status(refused);
        if (!told_plainly(r, db->sqlstate, kind, text, f)) {
            fault_set(f, kind, "%s", text);
            fault_hint(f, "%s", hint != NULL ? hint : "");
        }
    } else {
        fault_set(f, FAULT_UNAVAILABLE, "the database is not available; try again shortly");
        fault_meant(f, "database: %s%s%s", text, *db->sqlstate ? " SQLSTATE " : "", db->sqlstate);
        f->retry_after_ms = 2000;
    }
    if (db->lost)
        disconnect(db);
    return false;
}

static bool succeeded(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static bool begin(struct db *db, struct fault *f)
{
    db->sqlstate[0] = '\0';
    db->late = false;
    db->lost = !db_ready(db, f);
    return !db->lost;
}

static PGresult *finish(struct db *db, PGresult *r, struct fault *f)
{
    if (succeeded(r))
        return r;
    fail(db, r, f);
    PQclear(r);
    return NULL;
}

/* The answer to what was just sent (`ok`: it could be); NULL without one. */
static PGresult *answer(struct db *db, int ok)
{
    return ok ? link_answer(db->conn, db->patience_ms, &db->late) : NULL;
}

static PGresult *run(struct db *db, const char *sql, int n, const char *const *params, struct fault *f)
{
    if (!begin(db, f))
        return NULL;
    return finish(db, answer(db, PQsendQueryParams(db->conn, sql, n, NULL, params, NULL, NULL, 0)), f);
}

/* A pooler lost the statement (26000) or has another of that name (42P05), or its result has changed since it
 * was prepared (0A000): nothing was executed. */
static bool means_unprepared(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return state != NULL &&
           (strcmp(state, "26000") == 0 || strcmp(state, "42P05") == 0 || strcmp(state, "0A000") == 0);
}

/* The result of the prepared statement, good or bad; NULL if it has to be sent whole. */
static PGresult *run_prepared(struct db *db, const char *name, const char *sql, int n,
                              const char *const *params)
{
    PGresult *r = NULL;
    if (!db->prepared && !db->unprepared) {
        r = answer(db, PQsendPrepare(db->conn, name, sql, n, NULL));
        db->prepared = succeeded(r);
    }
    if (db->prepared) {
        PQclear(r);
        r = answer(db, PQsendQueryPrepared(db->conn, name, n, params, NULL, NULL, 0));
    }
    if (!db->unprepared && !means_unprepared(r))
        return r;
    PQclear(r);
    db->prepared = false;
    db->unprepared = true;
    return NULL;
}

bool db_json(struct db *db, json_t **ret, struct fault *f, const char *sql, int n, const char *const *params)
{
    auto_result r = run(db, sql, n, params, f);
    if (r == NULL)
        return false;
    if (PQntuples(r) != 1 || PQnfields(r) != 1) {
        fault_set(f, FAULT_INTERNAL, "internal error");
        fault_meant(f, "one value expected, %d x %d came: %s", PQntuples(r), PQnfields(r), sql);
        return false;
    }
    if (PQgetisnull(r, 0, 0)) {
        *ret = json_null();
        return true;
    }
    json_error_t e;
    json_t *value = json_loadb(PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0), JSON_DECODE_ANY, &e);
    if (value == NULL) {
        fault_set(f, FAULT_INTERNAL, "internal error");
        fault_meant(f, "not JSON (%s): %s", e.text, sql);
        return false;
    }
    *ret = value;
    return true;
}

bool db_json_repeat(struct db *db, json_t **ret, struct fault *f, const char *sql, int n, const char *const *params)
{
    struct fault problem = {0};
    bool ok = db_json(db, ret, &problem, sql, n, params);
    if (!ok && db_lost(db)) {
        problem = (struct fault){0};
        ok = db_json(db, ret, &problem, sql, n, params);
    }
    if (!ok)
        *f = problem;
    return ok;
}

/* A struct db_rows is libpq's result by another name: nothing has to be copied. */
struct db_rows *db_query(struct db *db, struct fault *f, const char *sql, int n, const char *const *params)
{
    return (struct db_rows *)run(db, sql, n, params, f);
}

struct db_rows *db_query_often(struct db *db, struct fault *f, const char *name, const char *sql, int n,
                               const char *const *params)
{
    if (!begin(db, f))
        return NULL;
    PGresult *r = run_prepared(db, name, sql, n, params);
    return r != NULL || db->late ? (struct db_rows *)finish(db, r, f) : db_query(db, f, sql, n, params);
}

static const PGresult *result_of(const struct db_rows *rows)
{
    return (const PGresult *)rows;
}

void db_rows_free(struct db_rows *rows)
{
    PQclear((PGresult *)rows);
}

int db_rows_count(const struct db_rows *rows)
{
    return PQntuples(result_of(rows));
}

const char *db_text(const struct db_rows *rows, int row, int column)
{
    return PQgetvalue(result_of(rows), row, column);
}

bool db_null(const struct db_rows *rows, int row, int column)
{
    return PQgetisnull(result_of(rows), row, column);
}

int64_t db_number(const struct db_rows *rows, int row, int column)
{
    return strtoll(db_text(rows, row, column), NULL, 10);
}

bool db_none(struct db *db, struct fault *f, const char *sql, int n, const char *const *params)
{
    auto_result r = run(db, sql, n, params, f);
    return r != NULL;
}

/* The server counts characters, not bytes. */
static int line_of(const char *script, const PGresult *r)
{
    const char *at = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
    int left = at != NULL ? atoi(at) - 1 : -1, line = left >= 0;
    for (const char *p = script; left > 0 && *p != '\0'; p++) {
        line += *p == '\n';
        left -= ((unsigned char)p[1] & 0xC0) != 0x80; /* not before a continuation byte */
    }
    return line;
}

bool db_script(struct db *db, const char *script, struct fault *f)
{
    if (!begin(db, f))
        return false;
    auto_result r = answer(db, PQsendQuery(db->conn, script));
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
        return true;
    auto_str text = one_line(db->late ? no_answer : PQerrorMessage(db->conn));
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (db->late)
        disconnect(db);
    snprintf(db->sqlstate, sizeof db->sqlstate, "%s", state != NULL ? state : "");
    int line = line_of(script, r);
    if (line > 0)
        return fault_set(f, FAULT_BAD_REQUEST, "line %d: %s", line, text);
    return fault_set(f, FAULT_BAD_REQUEST, "%s", text);
}
