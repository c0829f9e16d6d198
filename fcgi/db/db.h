/* SPDX-License-Identifier: MIT */
/*
 * db.h: one connection to PostgreSQL, and statements that name the shape they expect.
 *
 * Statements are parameterised and, but for those that can do without their
 * name, unnamed, so that a connection pooler in transaction mode may stand in
 * between. A connection is used by one thread at a time. When a statement fails because the connection broke, the
 * server is going down, or a demoted primary answered (SQLSTATE 25006), the
 * connection is closed and `db_lost()` says so: the caller may repeat an
 * idempotent unit after db_ready().
 */
#ifndef POLLUX_DB_DB_H
#define POLLUX_DB_DB_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>

struct db;

/* A handle for this connection string; connects at first use. New, never NULL. */
struct db *db_new(const char *conninfo);

/* Closes and frees; NULL is fine. */
void db_free(struct db *db);

/* db_new() and a first connection; NULL with a fault when the server cannot be reached. */
struct db *db_open(const char *conninfo, struct fault *f);

/* From now on an answer is waited for no longer than this, in milliseconds (0, as at first: without limit). What is
 * not answered by then counts as a lost connection: it may have been done, and may still be under way. */
void db_patience(struct db *db, int64_t ms);

/* Connects unless connected. False with FAULT_UNAVAILABLE and the reason in `meant`. */
bool db_ready(struct db *db, struct fault *f);

/* Whether there is a connection, as far as is known. */
bool db_connected(const struct db *db);

/* Whether the last statement failed because the connection was lost. */
bool db_lost(const struct db *db);

/* The SQLSTATE of the last failed statement, "" if none. */
const char *db_sqlstate(const struct db *db);

/* Runs one statement with `n` text parameters (NULL is SQL NULL) that answers one row with one column of
 * type json, jsonb or text holding JSON: *ret is new (json_null() for SQL NULL). False with a fault
 * otherwise; an exception raised by our own functions becomes a fault with its message as `said` and
 * its hint: SQLSTATE PXnnn the one of HTTP status nnn, P0002 and 42P02 FAULT_NOT_FOUND, 23505 FAULT_CONFLICT,
 * P0001 and the rest of 22xxx and 23xxx FAULT_BAD_REQUEST. */
bool db_json(struct db *db, json_t **ret, struct fault *f, const char *sql, int n, const char *const *params);

/* The same for a statement that may be done twice: once more when the connection turned out to be broken. On failure *f
 * is overwritten. */
bool db_json_repeat(struct db *db, json_t **ret, struct fault *f, const char *sql, int n, const char *const *params);

/* Runs one statement that answers rows: new, or NULL with a fault. Free with db_rows_free(). */
struct db_rows;
struct db_rows *db_query(struct db *db, struct fault *f, const char *sql, int n, const char *const *params);
void db_rows_free(struct db_rows *rows);

/* The same for the one statement that a connection runs again and again: it is prepared once under this name,
 * which saves the server reading and planning it each time. Another text, another name: behind a pooler the
 * connections of several processes share what was prepared (so the name holds the release, too). Where a
 * pooler does not keep prepared statements it is sent whole from then on. */
struct db_rows *db_query_often(struct db *db, struct fault *f, const char *name, const char *sql, int n,
                               const char *const *params);

/* How many rows there are; a field as text, borrowed, "" for SQL NULL; whether it is NULL; as a number, 0 for
 * NULL. Rows and columns count from 0. */
int db_rows_count(const struct db_rows *rows);
const char *db_text(const struct db_rows *rows, int row, int column);
bool db_null(const struct db_rows *rows, int row, int column);
int64_t db_number(const struct db_rows *rows, int row, int column);

/* Runs one statement whose answer does not matter. */
bool db_none(struct db *db, struct fault *f, const char *sql, int n, const char *const *params);

/* Runs a script of several statements (migrations only: no parameters, no formatted text). On failure `said`
 * holds the server's message and its line in the script. */
bool db_script(struct db *db, const char *script, struct fault *f);

#endif
