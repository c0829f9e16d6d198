/* SPDX-License-Identifier: MIT */
/*
 * trust.h: whose certificates are believed: those of the system.
 *
 * libcurl reads the system's whole bundle of root certificates for each
 * connection and keeps it as long as the connection lives: 30 ms of work and
 * 0.8 MB, which thousands of streams have each for themselves. Where the same
 * certificates also lie in a directory under the names by which OpenSSL finds
 * them, it reads the one that it needs instead.
 */
#ifndef POLLUX_UPSTREAM_TRUST_H
#define POLLUX_UPSTREAM_TRUST_H

#include <curl/curl.h>
#include <stdbool.h>

/* Looks once how the system keeps them; before any thread. */
void trust_init(void);

/* Tells the handle, also for a proxy that is reached by https. Without a directory libcurl's own preset stays. */
void trust_set(CURL *h);

/* Whether the directory has as many certificates under OpenSSL's names ("a94d09e5.0") as the bundle holds. */
bool trust_directory_ok(const char *directory, const char *bundle);

#endif
