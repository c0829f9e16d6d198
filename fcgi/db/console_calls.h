/* SPDX-License-Identifier: MIT */
/*
 * console_calls.h: the api.console* functions, one C function each, on the connections of side.h.
 */
#ifndef POLLUX_DB_CONSOLE_CALLS_H
#define POLLUX_DB_CONSOLE_CALLS_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>

/* Whose call it is, and what for. Texts are borrowed; `params` and `from` are JSON objects. */
struct console_call {
    const char *session; /* hexadecimal SHA-256 of the cookie, "" if there is none */
    const char *action;  /* "credential_list" */
    const char *params;
    const char *from;    /* {"remote", "user_agent"} */
    bool changes;        /* then it is not repeated when the connection breaks */
};

/* api.console: its answer (new); json null is "no such thing". */
bool console_call(const struct console_call *c, json_t **ret, struct fault *f);

/* api.console_may: whether console_call() would let the session do that action. */
bool console_may(const char *session, const char *action, struct fault *f);

/* api.console_fingerprint: under what a credential's proxy is sealed, as a JSON text (new); json null: no such. */
bool console_fingerprint(const char *session, const char *credential, json_t **ret, struct fault *f);

/* api.console_login_begin: {"salt", "ops", "mem"} or {"retry_s"}: new. */
bool console_login_begin(const char *name, const char *from, json_t **ret, struct fault *f);

/* api.console_login_end: the session, or json null: new. */
bool console_login_end(const char *name, const char *password_hash, const char *session, const char *from,
                       json_t **ret, struct fault *f);

#endif
