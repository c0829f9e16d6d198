/* SPDX-License-Identifier: MIT */
/*
 * monitor.c: GET /metrics and GET /status.txt; see admin.h.
 *
 * Both are for programs that look at figures: with an admin token of any role,
 * or, unless the operator closes that door (setting metrics_local), without one
 * for callers on this machine. What counts is the web server's own peer. A
 * request that came through a proxy is never local, be the proxy or its header
 * trusted or not.
 */
#include "admin/admin.h"
#include "admin/answer.h"
#include "admin/enter.h"
#include "base/auto.h"
#include "db/side.h"

#include <string.h>

static bool was_forwarded(const struct request *r)
{
    static const char *const marks[] = {"forwarded", "x-forwarded-for",  "x-real-ip",
                                        "via",       "x-forwarded-host", "x-forwarded-proto"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (request_header(r, marks[i]) != NULL)
            return true;
    return false;
}

/* Calls `sql` with the caller's token, or whether it is local, and answers its text. */
static void answer_text(struct request *r, const char *sql, const char *type)
{
    struct fault f = {0};
    char hash[VAULT_HEX_MAX];
    const char *given = request_header(r, "authorization");
    bool anonymous = given == NULL || *given == '\0';
    json_auto_t *text = NULL;
    if (!anonymous && !admin_token_hash(r, hash, &f)) {
        admin_refuse(r, &f);
        return;
    }
    bool local = r->peer.local && !was_forwarded(r);
    const char *const params[] = {anonymous ? NULL : hash, local ? "true" : "false"};
    if (!side_read(&text, &f, sql, 2, params)) {
        admin_refuse(r, &f);
        return;
    }
    buf_puts(&r->always, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    response_whole(r, 200, type, json_string_value(text), json_string_length(text));
}

void admin_metrics(struct request *r, const struct uri *u)
{
    (void)u;
    answer_text(r, "select to_jsonb(api.metrics($1, $2::boolean))",
                "text/plain; version=0.0.4; charset=utf-8");
}

void admin_status_text(struct request *r, const struct uri *u)
{
    (void)u;
    answer_text(r, "select to_jsonb(api.status_text($1, $2::boolean, 1000000))", "text/plain; charset=utf-8");
}
