/* SPDX-License-Identifier: MIT */
/* link.c: connecting to PostgreSQL, and waiting for its answers; see link.h. */
#include "db/link.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>

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

/* Waits until the socket is ready for `events`. False when `until` (0: never) has passed first. */
static bool ready(PGconn *conn, short events, int64_t until)
{
    struct pollfd p = {.fd = PQsocket(conn), .events = events};
    for (;;) {
        int64_t left = until > 0 ? until - clock_ms() : -1;
        if (until > 0 && left <= 0)
            return false;
        int n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true; /* a socket that is none: libpq finds out */
    }
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
