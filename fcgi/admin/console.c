/* SPDX-License-Identifier: MIT */
/*
 * console.c: from a request below /admin/api to a function of the database and back; see console.h.
 *
 *   1 find         the row of the table
 *   2 guard        cookie; for changes Origin, content type, CSRF token
 *   3 read         path, query and body become one object
 *   4 prepare      secrets are made or sealed here, where the database cannot see them
 *   5 call         session, role, work, audit: one transaction
 *   6 answer
 */
#include "admin/answer.h"
#include "admin/console.h"
#include "admin/console_own.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "db/console_calls.h"

#include <string.h>
#include <strings.h>

enum { BODY_MAX = 1024 * 1024 };

/* ------------------------------------------------------------------ reading */

const char *console_text(struct call *c, const char *name)
{
    const json_t *given = json_object_get(c->params, name);
    const char *text = json_string_value(given);
    if (text != NULL && strlen(text) != json_string_length(given))
        fault_set(&c->fault, FAULT_BAD_REQUEST, "\"%s\" holds the character NUL", name);
    if (text != NULL && *text != '\0')
        return text;
    fault_param(&c->fault, name, "\"%s\" is missing", name);
    return "";
}

static bool read_query(const char *query, json_t *params)
{
    auto_buf name = {0}, value = {0};
    while (uri_query_next(&query, &name, &value))
        if (json_object_set_new(params, buf_str(&name), json_stringn(buf_str(&value), value.n)) != 0)
            return false;
    return true;
}

static bool read_body(struct call *c)
{
    auto_secret body = {0};
    size_t max = c->route->body_max > 0 ? c->route->body_max : BODY_MAX;
    if (!request_body(c->r, &body, max, &c->fault))
        return false;
    if (body.n == 0)
        return true;
    json_decref(c->params);
    c->params = json_read(body.p, body.n);
    if (json_is_object(c->params))
        return true;
    fault_set(&c->fault, FAULT_BAD_REQUEST, "the body must be a JSON object");
    fault_hint(&c->fault, "Send something like {\"name\": \"value\"}, in UTF-8.");
    return false;
}

static bool read_params(struct call *c, const struct uri *u, json_t *words)
{
    c->params = json_object();
    if (console_route_changes(c->route) && !read_body(c))
        return false;
    if (!read_query(buf_str(&u->query), c->params))
        return fault_set(&c->fault, FAULT_BAD_REQUEST, "the query is not UTF-8");
    json_object_update(c->params, words);
    return true;
}

/* ------------------------------------------------------------------ guarding */

/* Only JSON: a form of another site cannot send that without asking first. */
static bool is_json(const struct request *r, struct fault *f)
{
    size_t n = strcspn(r->content_type, "; \t");
    if (n == strlen("application/json") && strncasecmp(r->content_type, "application/json", n) == 0)
        return true;
    return fault_set(f, FAULT_MEDIA_TYPE, "send JSON, with Content-Type: application/json");
}

static bool guard(struct call *c)
{
    bool changes = console_route_changes(c->route), signing_in = c->route->serve == session_login;
    if (changes && (!session_origin_ok(c->r, &c->fault) || !is_json(c->r, &c->fault)))
        return false;
    if (signing_in)
        return true;
    session_read(c);
    if (c->token[0] == '\0') {
        fault_set(&c->fault, FAULT_UNAUTHENTICATED, "you are not signed in, or no longer");
        fault_hint(&c->fault, "Sign in. Client tokens and admin tokens do not open the console.");
        return false;
    }
    return !changes || session_csrf_ok(c, &c->fault);
}

/* ------------------------------------------------------------------ calling */

bool console_run(struct call *c, const char *action, json_t **ret)
{
    auto_secret params = {0};
    auto_str from = session_from(c->r);
    char *text = json_dumps(c->params, JSON_COMPACT);
    buf_puts(&params, text != NULL ? text : "{}");
    if (text != NULL)
        vault_wipe(text, strlen(text));
    free(text);
    const struct console_call call = {
        .session = c->session,
        .action = action,
        .params = buf_str(&params),
        .from = from,
        .changes = console_route_changes(c->route),
    };
    if (!console_call(&call, ret, &c->fault))
        return false;
    return !json_is_null(*ret) || fault_set(&c->fault, FAULT_NOT_FOUND, "there is no such thing (any more)");
}

/* Sealing keys and hashing passwords is work: not for somebody who may not do it anyway. */
static bool prepare(struct call *c)
{
    return c->route->prepare == NULL ||
           (console_may(c->session, c->route->action, &c->fault) && c->route->prepare(c));
}

static void run(struct call *c)
{
    json_t *value = NULL;
    if (!prepare(c) || !console_run(c, c->route->action, &value))
        return;
    if (c->shown != NULL)
        json_object_update(value, c->shown);
    admin_answer(c->r, 200, value);
}

/* The first piece decides about the status; what fails later can only break the answer off. */
void console_csv(struct call *c)
{
    for (bool first = true;; first = false) {
        json_auto_t *piece = NULL;
        if (!console_run(c, c->route->action, &piece)) {
            if (!first) {
                log_warn("a table of %s was broken off: %s", c->route->action, c->fault.said);
                response_cut(c->r);
            }
            return;
        }
        if (first) {
            response_begin(c->r, 200);
            response_header(c->r, "Content-Type", "text/csv; charset=utf-8");
            response_header(c->r, "Cache-Control", "no-store");
            response_header(c->r, "X-Content-Type-Options", "nosniff");
        }
        const char *text = json_string_value(json_object_get(piece, "text"));
        json_t *next = json_object_get(piece, "next");
        if (text == NULL || !response_write(c->r, text, strlen(text)) || !response_flush(c->r) ||
            !json_is_string(next) || request_gone(c->r))
            return;
        json_object_set(c->params, "after", next);
    }
}

static void serve(struct call *c, const struct uri *u)
{
    json_auto_t *words = json_object();
    auto_buf allow = {0};
    const char *path = buf_str(&u->path) + strlen("/admin/api");
    c->route = console_route_find(c->r->method, path, words, &allow, &c->fault);
    if (allow.n > 0 && c->route == NULL)
        buf_printf(&c->r->always, "Allow: %s\r\n", buf_str(&allow));
    if (c->route == NULL || !guard(c) || !read_params(c, u, words))
        return;
    if (c->route->serve != NULL)
        c->route->serve(c);
    else
        run(c);
}

void console_serve(struct request *r, const struct uri *u)
{
    struct call c = {.r = r};
    serve(&c, u);
    if (c.fault.kind == FAULT_UNAUTHENTICATED && c.token[0] != '\0')
        session_cookie_drop(r);
    if (c.fault.kind != FAULT_NONE && !response_begun(r))
        admin_refuse(r, &c.fault);
    json_decref(c.params);
    json_decref(c.shown);
    vault_wipe(c.token, sizeof c.token);
}
