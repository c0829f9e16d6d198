/* SPDX-License-Identifier: MIT */
/*
 * link.h: how this room connects to PostgreSQL, and waits for its answers. Only for files of db/: it shows libpq.
 *
 * A machine or a network that goes silent closes nothing: without a limit of its own a thread that waits for an
 * answer would wait for ever.
 */
#ifndef POLLUX_DB_LINK_H
#define POLLUX_DB_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* A connection by this connection string, good or bad as PQstatus() says: free with PQfinish(). `name` is the
 * application's unless the string has one. What has been silent for a minute is looked after (keepalives), and what
 * was sent is acknowledged within 15 s or the connection breaks; the string may say otherwise. */
PGconn *link_open(const char *conninfo, const char *name);

/* Waits for all results of what was just sent: the last of them, for PQclear(). After `ms` milliseconds (0: no limit)
 * without the end of them NULL, with *late set: the connection is of no use any more. NULL with PQerrorMessage()
 * also if nothing could be sent or the connection broke. */
PGresult *link_answer(PGconn *conn, int64_t ms, bool *late);

#endif
