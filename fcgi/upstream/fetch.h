/* SPDX-License-Identifier: MIT */
/*
 * fetch.h: gets an image from an address that a client named, without being
 * used against the network it runs in.
 *
 * Only http and https; no user or password in the URL; no privileged port but
 * 80 and 443; the address is checked at the moment the socket is opened, so
 * what was checked is what is connected to; redirects (3 at most, never from
 * https to http) go through the same door; no proxy; size, time and type are
 * bounded. Only what begins like an image comes back.
 */
#ifndef POLLUX_UPSTREAM_FETCH_H
#define POLLUX_UPSTREAM_FETCH_H

#include "base/buf.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

struct sockaddr;

struct fetch_rules {
    size_t max_bytes;
    int timeout_s;  /* for everything together, redirects included */
    bool loopback;  /* for tests only: 127.0.0.0/8 and ::1 are allowed */
    bool (*room)(void *ctx, size_t n); /* whether n bytes more may be held, asked as they come; if not, it has set the
                                          fault of fetch_url(). NULL: always */
    void *ctx;
};

/* Fetches `url` into `body` (emptied first, and on failure) and names its type ("image/png"). On failure
 * false and a fault that is the client's. Blocks for at most rules->timeout_s. */
bool fetch_url(const char *url, const struct fetch_rules *rules, struct buf *body, char mime[static 64],
               struct fault *f);

/* Is this a global unicast address? What is private, local, shared, mapped, translated, reserved, multicast
 * or of another family is not. */
bool fetch_address_ok(const struct sockaddr *address);

#endif
