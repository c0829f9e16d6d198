/* SPDX-License-Identifier: MIT */
/*
 * console_own.h: what the files of the console share among themselves.
 */
#ifndef POLLUX_ADMIN_CONSOLE_OWN_H
#define POLLUX_ADMIN_CONSOLE_OWN_H

#include "base/fault.h"
#include "http/request.h"
#include "vault/vault.h"

#include <jansson.h>
#include <stdbool.h>

struct console_route;

/* One call under way. */
struct call {
    struct request *r;
    const struct console_route *route;
    char token[VAULT_TOKEN_MAX]; /* the session's cookie, "" if there is none */
    char session[VAULT_HEX_MAX]; /* its hash; "" if there is none */
    json_t *params;              /* owned */
    json_t *shown;               /* owned: members to add to the answer (a new token, shown once); or NULL */
    struct fault fault;
};

struct console_route {
    const char *method, *path;         /* the path below /admin/api; {x} is one segment */
    const char *action;                /* admin.console_<action>; NULL: serve does it all */
    bool (*prepare)(struct call *c);   /* makes what the database may not see, before the action; or NULL */
    void (*serve)(struct call *c);     /* instead of an action */
    size_t body_max;                   /* bytes; 0: BODY_MAX */
};

/* The row of a method and path (below /admin/api), its {words} put into `words`, a JSON object. NULL with
 * FAULT_NOT_FOUND or FAULT_METHOD; then `allow` names the methods that the path takes. */
const struct console_route *console_route_find(const char *method, const char *path, json_t *words,
                                               struct buf *allow, struct fault *f);

bool console_route_changes(const struct console_route *route);

/* ---- session.c ---- */

/* Reads the cookie into the call. */
void session_read(struct call *c);

/* {"remote", "user_agent", "idle"} as JSON text: new. */
char *session_from(const struct request *r);

/* Is this request one that our own page made? False with FAULT_FORBIDDEN. The second also asks for the CSRF
 * token of the call's session. */
bool session_origin_ok(const struct request *r, struct fault *f);
bool session_csrf_ok(const struct call *c, struct fault *f);

/* Adds what the browser's page needs to know of its session beyond what the database says. */
void session_complete(json_t *session, const char *token);

/* Header lines: sets the cookie, or takes it away. */
void session_cookie_set(struct request *r, const char *token);
void session_cookie_drop(struct request *r);

/* Handlers of the table. */
void session_login(struct call *c);
void session_get(struct call *c);
void session_logout(struct call *c);
void session_password(struct call *c);

/* ---- console_secrets.c: each takes members of the params away and puts others in ---- */

/* "keys" (a text, or an array of texts) becomes "sealed"; what is no key is told in the answer. */
bool secrets_keys(struct call *c);

/* "proxy" (an address, or empty for none) becomes what the database keeps of it: {"sealed", "hint"} or null. */
bool secrets_proxy(struct call *c);

/* Makes a client token: "_hash" and "_hint"; the token itself is shown in the answer. The second: a token for
 * programs that administer. */
bool secrets_client_token(struct call *c);
bool secrets_admin_token(struct call *c);

/* "secret" of an OAuth client, whose "client_id" stands beside it, becomes what the database keeps of it. */
bool secrets_oauth_client(struct call *c);

/* "password" becomes what the database keeps of it; the second makes one, and shows it, when there is none. */
bool secrets_password(struct call *c);
bool secrets_new_password(struct call *c);

/* ---- console_policy.c ---- */

void console_policy_test(struct call *c);

/* ---- console_check.c ---- */

void console_check(struct call *c);

/* ---- console.c ---- */

/* Runs the action of the call: *ret is new. False with the call's fault, also for json null: not there. */
bool console_run(struct call *c, const char *action, json_t **ret);

/* Serves a table as CSV: the action answers it piece by piece, {"text", "next"}. */
void console_csv(struct call *c);

/* A needed text member of the params, "" with the fault set when it is missing or not one. */
const char *console_text(struct call *c, const char *name);

#endif
