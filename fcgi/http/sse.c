/* SPDX-License-Identifier: MIT */
/* sse.c: an answer that is a stream of events; see sse.h. */
#include "http/sse.h"
#include "base/auto.h"
#include "base/clock.h"

#include <string.h>

static const char prefix[] = "data: ";
enum { PREFIX_N = sizeof prefix - 1 };

void sse_init(struct sse *s, struct request *r, bool native)
{
    *s = (struct sse){.r = r, .native = native, .last_ms = clock_ms()};
}

void sse_open(struct sse *s)
{
    if (response_begun(s->r))
        return;
    response_begin(s->r, 200);
    response_header(s->r, "Content-Type",
                    s->native ? "text/event-stream" : "text/event-stream; charset=utf-8");
    response_header(s->r, "Cache-Control", "no-cache");
    response_header(s->r, "X-Accel-Buffering", "no");
}

static bool put(struct sse *s, const char *bytes, size_t n)
{
    s->last_ms = clock_ms();
    return response_write(s->r, bytes, n) && response_flush(s->r);
}

/* Where the first data line begins, `n` if there is none. */
static size_t data_line(const char *bytes, size_t n)
{
    for (size_t at = 0; at + 5 <= n; at++) {
        bool begins = at == 0 || bytes[at - 1] == '\n' || bytes[at - 1] == '\r';
        if (begins && memcmp(bytes + at, prefix, 5) == 0)
            return at;
    }
    return n;
}

/* The prefix has gone already: what follows is the rest of the first data line. Comments, blank lines and other
 * fields that stand before it can no longer be sent. */
static bool complete(struct sse *s, const char *bytes, size_t n)
{
    size_t at = data_line(bytes, n);
    if (at == n)
        return true;
    s->pending = false;
    at += at + 5 < n && bytes[at + 5] == ' ' ? PREFIX_N : 5;
    return put(s, bytes + at, n - at);
}

/* JSON outside of data lines, as some errors come. */
static bool is_bare(const char *bytes, size_t n)
{
    return n > 0 && (bytes[0] == '{' || bytes[0] == '[');
}

bool sse_raw(struct sse *s, const char *bytes, size_t n)
{
    sse_open(s);
    if (!s->pending)
        return put(s, bytes, n);
    if (!is_bare(bytes, n))
        return complete(s, bytes, n);
    s->pending = false;
    return put(s, bytes, n) && put(s, "\r\n\r\n", 4);
}

bool sse_event(struct sse *s, const char *payload, size_t n)
{
    auto_buf line = {0};
    buf_add(&line, prefix, PREFIX_N);
    buf_add(&line, payload, n);
    buf_puts(&line, s->native ? "\r\n\r\n" : "\n\n");
    return sse_raw(s, line.p, line.n);
}

bool sse_beat(struct sse *s, int64_t every_ms)
{
    if (every_ms <= 0 || clock_ms() - s->last_ms < every_ms)
        return true;
    sse_open(s);
    if (!s->native)
        return put(s, ": keep-alive\n\n", 14);
    bool first = !s->pending;
    s->pending = true;
    return first ? put(s, prefix, PREFIX_N) : put(s, " ", 1);
}
