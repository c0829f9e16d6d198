/* SPDX-License-Identifier: MIT */
/*
 * import.h: how accounts come into the pool: a file of another program, or a login.
 *
 * Either way the refresh token is tried before it is stored, and an account for
 * Code Assist is set up. What can be known is known at once; what could not be
 * done yet (Google was away) is done later by a job.
 */
#ifndef POLLUX_ACCOUNT_IMPORT_H
#define POLLUX_ACCOUNT_IMPORT_H

#include "base/fault.h"
#include "db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What the operator wants of a new account. All may be NULL. */
struct account_wish {
    const char *upstream; /* "gemini" (NULL too) or "code_assist" */
    const char *project;  /* Google Cloud project; NULL: from the file, the map, or Code Assist */
    const char *label;
    const char *actor;    /* who asks, for the audit; NULL: the command line */
    const char *remote;   /* from which address; NULL with actor */
};

/* Takes an account out of a file: oauth_creds.json, authorized_user, or {"token": {...}, "project_id", "email"}.
 * *ret is the account as api.account_show() gives it, with "new". `db` as in account_calls.h. Blocks for up to
 * three minutes. */
bool account_import(struct db *db, const char *text, size_t n, const struct account_wish *wish, json_t **ret,
                    struct fault *f);

/* Where Google sends the browser when it is to come to nobody: the address that it then shows is pasted. */
#define ACCOUNT_LOOPBACK "http://127.0.0.1:8765/oauth2callback"

/* Where else: to Pollux itself, when the OAuth client is one for the web. */
enum account_redirect {
    ACCOUNT_REDIRECT_AUTO, /* there if the operator configured the public address, else the dead end */
    ACCOUNT_REDIRECT_LOOPBACK,
    ACCOUNT_REDIRECT_WEB,
};

struct account_login {
    struct account_wish wish;
    const char *redirect_uri; /* exactly this; or NULL: */
    enum account_redirect redirect;
    const char *base;         /* address of Pollux as the request saw it, unless one is configured */
    const char *path;         /* of the callback below it */
    const char *browser_hash; /* SHA-256 of the browser's cookie, hexadecimal; NULL: not bound to a browser */
};

/* Begins a login: *ret is {"session", "url" (to be opened in a browser), "redirect_uri", "expires_at"}. */
bool account_login_begin(struct db *db, const struct account_login *login, json_t **ret, struct fault *f);

/* What Google sent back. */
struct account_answer {
    const char *session;      /* of somebody who was let in; NULL: the state has to do */
    const char *state, *code; /* NULL: not given */
    const char *error;        /* instead of a code: "access_denied" */
    const char *browser_hash; /* of the browser that came back, or NULL */
    const char *remote;       /* the address that it came from, for the audit; NULL: the command line */
};

/* Ends a login: *ret is the account, as for account_import(). A login can be ended once. */
bool account_login_end(struct db *db, const struct account_answer *a, json_t **ret, struct fault *f);

/* Takes apart what was pasted: the address that the browser showed in vain, or the code alone. The texts are
 * new, NULL if they are not in it. */
void account_read_pasted(const char *pasted, char **state, char **code, char **error);

#endif
