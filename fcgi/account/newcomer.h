/* SPDX-License-Identifier: MIT */
/* newcomer.h: what an import and a login have in common (private to this room). */
#ifndef POLLUX_ACCOUNT_NEWCOMER_H
#define POLLUX_ACCOUNT_NEWCOMER_H

#include "base/buf.h"
#include "base/fault.h"
#include "db/db.h"
#include "upstream/oauth.h"

#include <jansson.h>
#include <stdint.h>

struct newcomer_client {
    int64_t number; /* 0: it is not in the database */
    struct buf id, secret, public_url;
};

/* The configured OAuth client of this id, NULL: the preferred one. False with a fault that says what to do. */
bool newcomer_client(struct db *db, const char *client_id, struct newcomer_client *ret, struct fault *f);
void newcomer_client_free(struct newcomer_client *c);

/* An account whose tokens have just come from Google. The texts are borrowed. */
struct newcomer {
    const char *upstream, *project, *label, *actor, *remote, *email;
    const char *refresh, *access, *scopes;
    int64_t expires_s;
    const char *client_id;
    const char *client_secret; /* to be stored too; NULL: it is in the database */
};

/* Stores it, sets it up, and answers it as it is then. */
bool newcomer_store(struct db *db, const struct newcomer *n, json_t **ret, struct fault *f);

/* True for OAUTH_OK; otherwise the failure in words for the operator. */
bool newcomer_fault(enum oauth_end end, const char *says, struct fault *f);

#endif
