/* SPDX-License-Identifier: MIT */
/*
 * credential.h: finds the token by which a client says who it is.
 *
 * lighttpd hands over two headers where Apache merges them to "a, b": here both
 * are the same, so a request means the same behind every web server. More than
 * one credential is fine only while all say the same.
 */
#ifndef POLLUX_HTTP_CREDENTIAL_H
#define POLLUX_HTTP_CREDENTIAL_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

enum { CREDENTIAL_MAX = 300, CREDENTIAL_VALUES = 4 };

/* Where a client may put its token, as the web server handed it over. */
enum credential_place { CREDENTIAL_AUTHORIZATION, CREDENTIAL_X_GOOG_API_KEY, CREDENTIAL_X_API_KEY };

struct credential_source {
    struct {
        const char *value[CREDENTIAL_VALUES]; /* raw header values, borrowed */
        size_t n;      /* how many there were, also beyond those kept */
    } header[3];       /* by enum credential_place */
    const char *query; /* the raw query string, for ?key=; NULL or "" if none */
};

/* Notes one more header value, borrowed; an empty one is as if the header were not there. */
void credential_add(struct credential_source *src, enum credential_place place, const char *raw);

/* Finds the client's token in Authorization (Bearer, or Basic with the token as the password),
 * x-goog-api-key, x-api-key and ?key=. None, or one that cannot be a token, is FAULT_UNAUTHENTICATED; two
 * that differ are FAULT_BAD_REQUEST. `token` is "" on failure. */
bool credential_parse(const struct credential_source *src, char token[static CREDENTIAL_MAX],
                      struct fault *f);

/* Whether the request holds no credential at all, not even one that cannot be a token. */
bool credential_absent(const struct credential_source *src);

#endif
