/* SPDX-License-Identifier: MIT */
/* ears.c: a connection that only listens; see ears.h. */
#include "db/ears.h"
#include "db/link.h"
#include "base/auto.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    AGAIN_MS = 5000,  /* attempts to connect are so far apart; a connection that held so long is made anew at once */
    LISTEN_MS = 3000, /* how long the server may take to say that we are heard */
};

struct ears {
    char *conninfo;
    const char *const *channels;
    size_t n;
    PGconn *conn;     /* NULL while there is none */
    int64_t again_at; /* clock_ms() before which no connection is tried */
    int wake;         /* an eventfd */
};

struct ears *ears_new(const char *conninfo, const char *const *channels, size_t n)
{
    struct ears *e = xcalloc(1, sizeof *e);
    e->conninfo = xstrdup(conninfo);
    e->channels = channels;
    e->n = n;
    e->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return e;
}

static void hang_up(struct ears *e)
{
    if (e->conn != NULL)
        PQfinish(e->conn);
    e->conn = NULL;
}

void ears_free(struct ears *e)
{
    if (e == NULL)
        return;
    hang_up(e);
    if (e->wake >= 0)
        close(e->wake);
    free(e->conninfo);
    free(e);
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static bool listen_on(struct ears *e, const char *channel)
{
    auto_buf sql = {0};
    buf_printf(&sql, "listen %s", channel);
    bool late = false;
    PGresult *r = PQsendQuery(e->conn, buf_str(&sql)) ? link_answer(e->conn, LISTEN_MS, &late) : NULL;
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    return ok;
}

static bool connect_now(struct ears *e)
{
    e->again_at = clock_ms() + AGAIN_MS;
    e->conn = link_open(e->conninfo, "pollux ears");
    bool ok = PQstatus(e->conn) == CONNECTION_OK;
    if (ok)
        PQsetNoticeReceiver(e->conn, ignore_notice, NULL);
    for (size_t i = 0; ok && i < e->n; i++)
        ok = listen_on(e, e->channels[i]);
    if (!ok)
        hang_up(e);
    return ok;
}

/* What has arrived; false when the connection is gone. */
static bool take_in(struct ears *e, void (*heard)(void *ctx, size_t channel), void *ctx)
{
    if (!PQconsumeInput(e->conn))
        return false;
    for (PGnotify *note; (note = PQnotifies(e->conn)) != NULL; PQfreemem(note))
        for (size_t i = 0; i < e->n; i++)
            if (strcmp(note->relname, e->channels[i]) == 0)
                heard(ctx, i);
    return true;
}

void ears_wait(struct ears *e, int64_t ms, void (*heard)(void *ctx, size_t channel), void *ctx)
{
    if (e->conn == NULL && clock_ms() >= e->again_at && connect_now(e)) {
        for (size_t i = 0; i < e->n; i++)
            heard(ctx, i);
        return;
    }
    struct pollfd fds[] = {{.fd = e->wake, .events = POLLIN},
                           {.fd = e->conn != NULL ? PQsocket(e->conn) : -1, .events = POLLIN}};
    if (poll(fds, 2, (int)ms) <= 0)
        return;
    uint64_t count;
    if (fds[0].revents != 0 && read(e->wake, &count, sizeof count) < 0 && errno != EAGAIN)
        return;
    if (fds[1].revents != 0 && !take_in(e, heard, ctx))
        hang_up(e);
}

void ears_wake(struct ears *e)
{
    const uint64_t one = 1;
    if (write(e->wake, &one, sizeof one) < 0)
        return; /* it is full of wakes already */
}
