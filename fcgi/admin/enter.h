/* SPDX-License-Identifier: MIT */
/*
 * enter.h: the door of the administration (private to this room).
 *
 * Scripts come with an admin token, `Authorization: Bearer plxa_...`, made by
 * `pollux admin token add`. A client token opens nothing here, and an admin
 * token nothing there. Roles, each including those before it:
 *
 *     metrics    may read /metrics and /status.txt
 *     viewer     may read everything that holds no secret
 *     operator   may change what concerns the pool, models and clients
 *     owner      may do everything, administrators and tokens included
 *
 * Browsers come with the session of the console (console.h); what changes
 * something has to bring its CSRF token as well.
 *
 * Who may do what is decided in SQL (pollux.actor_must), in the same call that
 * does it wherever there is one.
 */
#ifndef POLLUX_ADMIN_ENTER_H
#define POLLUX_ADMIN_ENTER_H

#include "base/fault.h"
#include "http/request.h"
#include "vault/vault.h"

#include <stdbool.h>

struct actor {
    char kind[16];  /* "token", "session" */
    char name[128]; /* as it stands in the audit */
    char role[16];
};

/* Lets somebody in who has at least the role `least` (viewer or operator): *ret says who.
 * FAULT_UNAUTHENTICATED without a valid admin token or session, FAULT_FORBIDDEN for a client token, for too
 * low a role, and for a browser's change without CSRF token; all say what to do. */
bool admin_enter(const struct request *r, const char *least, struct actor *ret, struct fault *f);

/* The admin token of a request as the database knows it (hexadecimal SHA-256), for calls that check it
 * themselves. FAULT_UNAUTHENTICATED when there is none or it cannot be one. */
bool admin_token_hash(const struct request *r, char hash[static VAULT_HEX_MAX], struct fault *f);

#endif
