/* SPDX-License-Identifier: MIT */
/*
 * oauth.h: Google's OAuth 2.0 endpoints: codes and refresh tokens become access tokens.
 *
 * Wire format: RFC 6749 and 7636, and Google's "OAuth 2.0 for installed applications".
 * Secrets travel in request bodies and headers only. What Google says in an
 * error is kept as far as it is words; secrets in it are masked.
 */
#ifndef POLLUX_UPSTREAM_OAUTH_H
#define POLLUX_UPSTREAM_OAUTH_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum oauth_end {
    OAUTH_OK,
    OAUTH_REVOKED, /* invalid_grant: this code or refresh token is worth nothing any more */
    OAUTH_CLIENT,  /* the OAuth client is not right: its id, its secret, its redirect */
    OAUTH_REFUSED, /* anything else that will not get better by itself */
    OAUTH_AGAIN,   /* network, overload, rate: later */
};

enum { OAUTH_EMAIL_MAX = 256, OAUTH_SAYS_MAX = 400 };

struct oauth_client {
    const char *id, *secret; /* borrowed */
    const char *proxy;       /* of the account; NULL or "": that of all calls */
};

struct oauth_tokens {
    struct buf access;
    struct buf refresh; /* empty if none came: the old one stays good */
    int64_t expires_s;
    char email[OAUTH_EMAIL_MAX]; /* "" if it was not said */
    struct buf scopes;           /* separated by spaces */
};

/* Frees and overwrites. */
void oauth_tokens_free(struct oauth_tokens *t);

/* The address to open in a browser: new. `challenge` is the S256 challenge of the code verifier. */
char *oauth_url(const char *client_id, const char *redirect_uri, const char *state, const char *challenge);

/* A code becomes tokens. `says`: what went wrong, in Google's words as far as there are any. */
enum oauth_end oauth_exchange(const struct oauth_client *c, const char *code, const char *redirect_uri,
                              const char *verifier, struct oauth_tokens *ret, char says[static OAUTH_SAYS_MAX]);

/* A refresh token becomes an access token, and sometimes another refresh token. */
enum oauth_end oauth_refresh(const struct oauth_client *c, const char *refresh_token, struct oauth_tokens *ret,
                             char says[static OAUTH_SAYS_MAX]);

/* The e-mail address that an access token belongs to; false with `says`. */
enum oauth_end oauth_email(const char *access_token, char email[static OAUTH_EMAIL_MAX],
                           char says[static OAUTH_SAYS_MAX]);

/* The e-mail address inside an id_token that came from Google itself; "" if there is none. Its signature is
 * not looked at. */
void oauth_email_of_id_token(const char *id_token, char email[static OAUTH_EMAIL_MAX]);

/* One call with a Bearer token ("" for none) to Google and its answer, a mebibyte at the most. A body that is not
 * NULL is posted as `type`; `proxy` as in struct oauth_client. The HTTP status, 0 with `says` when there was none. */
int oauth_call(const char *url, const char *proxy, const char *bearer, const char *type, const char *body, struct buf *answer,
               char says[static OAUTH_SAYS_MAX]);

#endif
