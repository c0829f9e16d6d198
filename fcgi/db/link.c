/* SPDX-License-Identifier: MIT */
/* link.c: connecting to PostgreSQL, and waiting for its answers; see link.h. */
#include "db/link.h"
#include "base/clock.h"

#include <poll.h>
#include <stddef.h>

enum { PATIENT_MS = 60 * 1000, TLS_LOOK_MS = 10 };

PGconn *link_open(const char *conninfo, const char *name)
{
    /* Those before dbname are defaults, which the connection string may overrule. */
    const char *const names[] = {"keepalives_idle",  "keepalives_interval", "keepalives_count",
                                 "tcp_user_timeout", "dbname",              "fallback_application_name",
                                 "connect_timeout",  NULL};
    const char *const texts[] = {"30", "10", "3", "15000", conninfo, name, "5", NULL};
    PGconn *conn = PQconnectdbParams(names, texts, 1);
    if (PQstatus(conn) == CONNECTION_OK)
        PQsetnonblocking(conn, 1); /* also what is sent shall not be waited for without a limit */
    return conn;
}

/* Waits until the socket may be ready for `events`. False when `until` (0: never) has passed first. TLS may hold bytes
 * that have left the socket already, of which poll() knows nothing: libpq is asked again after a short while. */
static bool ready(PGconn *conn, short events, int64_t until)
{
    struct pollfd p = {.fd = PQsocket(conn), .events = events};
    int64_t left = until > 0 ? until - clock_ms() : PATIENT_MS;
    int64_t most = PQsslInUse(conn) ? TLS_LOOK_MS : PATIENT_MS;
    if (left <= 0)
        return false;
    poll(&p, 1, (int)(left < most ? left : most));
    return true; /* nothing there after all: libpq finds out, and one comes again */
}

/* Sends what is still to be sent; the server may have to be listened to meanwhile. False when it is too late. */
static bool sent(PGconn *conn, int64_t until)
{
    while (PQflush(conn) > 0) {
        if (!ready(conn, POLLIN | POLLOUT, until))
            return false;
        PQconsumeInput(conn);
    }
    return true;
}

PGresult *link_answer(PGconn *conn, int64_t ms, bool *late)
{
    int64_t until = ms > 0 ? clock_ms() + ms : 0;
    PGresult *last = NULL;
    *late = !sent(conn, until);
    while (!*late) {
        while (PQisBusy(conn) && !(*late = !ready(conn, POLLIN, until)))
            if (!PQconsumeInput(conn))
                break; /* PQgetResult() tells what happened */
        PGresult *r = *late ? NULL : PQgetResult(conn);
        if (r == NULL)
            break;
        PQclear(last);
        last = r;
    }
    if (!*late)
        return last;
    PQclear(last);
    return NULL;
}
