/* SPDX-License-Identifier: MIT */
/*
 * side.h: connections for people and their scripts.
 *
 * A report may take seconds. It never takes one of the ledger's connections, by
 * which requests are admitted: each worker has a few of its own for it, made
 * when they are first needed. Everything here lives between ledger_start() and
 * ledger_stop().
 */
#ifndef POLLUX_DB_SIDE_H
#define POLLUX_DB_SIDE_H

#include "db/db.h"

/* For ledger.c: remembers where the database is; closes what was opened. */
void side_start(const char *conninfo);
void side_stop(void);

/* db_json() on one of these connections; FAULT_UNAVAILABLE when none came free in a few seconds. A call that
 * only reads is repeated once when its connection turns out to be broken. */
bool side_read(json_t **ret, struct fault *f, const char *sql, int n, const char *const *params);

/* The same for a call that changes something: it is repeated only if it cannot have been executed. */
bool side_change(json_t **ret, struct fault *f, const char *sql, int n, const char *const *params);

/* What an administrator's token (its SHA-256 in hexadecimal) is worth: {"kind", "id", "name", "role"} if it
 * is at least of role `least`. FAULT_UNAUTHENTICATED or FAULT_FORBIDDEN, with a hint, otherwise. */
bool side_enter(const char *token_hash, const char *least, json_t **ret, struct fault *f);

/* api.script(): a call of a program. `token_hash` as above; `params` and `from` are JSON text. *ret is json
 * null when there is no such thing. `changes` says whether it does more than look. */
bool side_script(const char *token_hash, const char *name, const char *params, const char *from, bool changes,
                 json_t **ret, struct fault *f);

#endif
