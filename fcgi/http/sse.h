/* SPDX-License-Identifier: MIT */
/*
 * sse.h: an answer that is a stream of events, flushed one by one.
 *
 * Silence is bridged by heartbeats. The OpenAI dialect gets an SSE comment. In
 * the native dialect comments and bare newlines break Google's own SDKs, so the
 * `data: ` of the next event is sent early and followed by single spaces until
 * the event comes: all of them tolerate that.
 */
#ifndef POLLUX_HTTP_SSE_H
#define POLLUX_HTTP_SSE_H

#include "http/request.h"

struct sse {
    struct request *r; /* borrowed */
    bool native;       /* heartbeats by an early prefix instead of comments */
    bool pending;      /* an early `data: ` waits for its event */
    int64_t last_ms;   /* when bytes last went to the client */
};

/* Prepares; nothing is sent yet. */
void sse_init(struct sse *s, struct request *r, bool native);

/* Sends the response head (200, text/event-stream) unless it has gone already. */
void sse_open(struct sse *s);

/* Sends one event, given as the exact bytes that shall appear ("data: ...\r\n\r\n"), and flushes.
 * False when the client is gone. */
bool sse_raw(struct sse *s, const char *bytes, size_t n);

/* Sends one event of this payload (one line), ended by LF LF or, natively, CR LF CR LF. */
bool sse_event(struct sse *s, const char *payload, size_t n);

/* Sends a heartbeat if nothing has been sent for `every_ms` (0: never). False when the client is gone. */
bool sse_beat(struct sse *s, int64_t every_ms);

#endif
