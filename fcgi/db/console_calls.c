/* SPDX-License-Identifier: MIT */
/* console_calls.c: the calls of the console; see console_calls.h. */
#include "db/console_calls.h"
#include "db/side.h"

bool console_call(const struct console_call *c, json_t **ret, struct fault *f)
{
    static const char sql[] = "select api.console($1, $2, $3::jsonb, $4::jsonb)";
    const char *const params[] = {c->session, c->action, c->params, c->from};
    return c->changes ? side_change(ret, f, sql, 4, params) : side_read(ret, f, sql, 4, params);
}

bool console_may(const char *session, const char *action, struct fault *f)
{
    json_auto_t *ignored = NULL;
    const char *const params[] = {session, action};
    return side_read(&ignored, f, "select api.console_may($1, $2)", 2, params);
}

bool console_fingerprint(const char *session, const char *credential, json_t **ret, struct fault *f)
{
    const char *const params[] = {session, credential};
    return side_read(ret, f, "select api.console_fingerprint($1, $2)", 2, params);
}

bool console_login_begin(const char *name, const char *from, json_t **ret, struct fault *f)
{
    const char *const params[] = {name, from};
    return side_change(ret, f, "select api.console_login_begin($1, $2::jsonb)", 2, params);
}

bool console_login_end(const char *name, const char *password_hash, const char *session, const char *from,
                       json_t **ret, struct fault *f)
{
    const char *const params[] = {name, password_hash, session, from};
    return side_change(ret, f, "select api.console_login_end($1, $2, $3, $4::jsonb)", 4, params);
}
