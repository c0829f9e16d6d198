/* SPDX-License-Identifier: MIT */
/*
 * ends.h: how an upstream call ended, as far as the network is concerned.
 *
 * What the answer itself means (a 429, an error inside a 200) is outcome.h's business.
 */
#ifndef POLLUX_UPSTREAM_ENDS_H
#define POLLUX_UPSTREAM_ENDS_H

enum upstream_end {
    UPSTREAM_DONE,               /* the answer came whole */
    UPSTREAM_CONNECT_FAILED,     /* name not found, refused, unreachable, proxy down */
    UPSTREAM_TLS,                /* bad certificate or no common protocol */
    UPSTREAM_FIRST_BYTE_TIMEOUT, /* connected, but nothing came */
    UPSTREAM_IDLE_TIMEOUT,       /* silence in the middle of the answer */
    UPSTREAM_TOTAL_TIMEOUT,      /* the request's own deadline */
    UPSTREAM_RESET,              /* broken off: RST, GOAWAY, short body */
    UPSTREAM_ABORTED,            /* we broke it off, because the client had gone */
    UPSTREAM_TOO_LARGE,          /* more than we are willing to hold */
};

#endif
