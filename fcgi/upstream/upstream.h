/* SPDX-License-Identifier: MIT */
/*
 * upstream.h: one HTTP call to the upstream, on the calling thread.
 *
 * Hot connections are reused: handles wait in a last-in-first-out pool, each
 * with its open connections; DNS answers and TLS sessions are shared by all.
 * Certificates are always checked, redirects are never followed with a
 * credential, only http and https are spoken, nothing is ever printed.
 */
#ifndef POLLUX_UPSTREAM_UPSTREAM_H
#define POLLUX_UPSTREAM_UPSTREAM_H

#include "base/buf.h"
#include "upstream/ends.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct upstream_call {
    /* what is asked */
    const char *method;
    const char *url;    /* whole and encoded, without any credential */
    struct buf headers; /* "Name: value" lines, each ended by a NUL: upstream_header_add() */
    const char *proxy;  /* "" for none */
    const char *body;   /* the whole body, or NULL */
    size_t body_n;
    long (*body_read)(void *ctx, char *to,
                      size_t n); /* or its source: bytes, 0 at the end, -1 to break off */
    int64_t body_length;         /* of that source; -1 unknown */
    int64_t connect_ms, first_byte_ms, idle_ms;
    int64_t deadline_ms; /* clock_ms() by which it must be over */
    bool trickles;       /* the answer comes in small pieces over a long time: smaller buffers */

    /* what happens meanwhile; each false ends the call as UPSTREAM_ABORTED. May be NULL. */
    bool (*on_head)(void *ctx, int status); /* at the end of the head */
    bool (*on_data)(void *ctx, const char *bytes, size_t n);
    bool (*on_tick)(void *ctx); /* at least once a second */
    void *ctx;

    /* what came of it */
    int status;            /* 0 if there was no answer */
    int64_t sent_at;       /* clock_ms() of the last byte of the request so far; from then on the answer is waited for */
    int64_t sent;          /* bytes of the body that have gone */
    int64_t first_byte_at; /* clock_ms() of the first byte of the body, or of an end without one; 0 if none */
    char error[160];       /* the network's words; hold no secret */

    /* private */
    struct buf head;     /* header lines of the final answer */
    int64_t last;        /* clock_ms() of the last bytes either way */
    bool head_told, stopped;
    enum upstream_end why; /* why a callback stopped it */
};

/* Once per process, before any thread. */
void upstream_init(void);
void upstream_end_all(void);

/* Adds a request header. Control characters in the value are dropped. */
void upstream_header_add(struct upstream_call *c, const char *name, const char *value);

/* Performs the call; fills in what came of it. */
enum upstream_end upstream_perform(struct upstream_call *c);

/* The value of a header of the answer by its name (any case): appended to `value`. False if it is not there.
 */
bool upstream_header_get(const struct upstream_call *c, const char *name, struct buf *value);

/* How long the answer's Retry-After says to wait, in ms; 0 when it does not say. A date counts from the answer's own
 * Date, whatever the clock here shows. */
int64_t upstream_retry_after_ms(const struct upstream_call *c);

/* Frees what the call holds; not the caller's body. */
void upstream_call_free(struct upstream_call *c);

#endif
