/* SPDX-License-Identifier: MIT */
/*
 * session.c: signing in and out, the cookie, the CSRF token; see console.h.
 *
 * The cookie holds 256 random bits; the database keeps their hash. The CSRF
 * token is another hash of the same bits, so a page that can read one answer of
 * its own session has it, and nobody else can make it.
 */
#include "admin/answer.h"
#include "admin/console_own.h"
#include "base/auto.h"
#include "base/conf.h"
#include "base/json.h"
#include "db/console_calls.h"
#include "db/ledger.h"

#include <string.h>
#include <strings.h>

#define COOKIE "pollux_session"

/* ------------------------------------------------------------------ the cookie */

/* The value of our cookie: the first that has the shape of a token. */
static void cookie_value(const char *header, char out[static VAULT_TOKEN_MAX])
{
    for (const char *p = header; p != NULL && *p != '\0'; p = strchr(p, ';')) {
        p += strspn(p, "; \t");
        size_t name = strlen(COOKIE "=");
        if (strncmp(p, COOKIE "=", name) != 0)
            continue;
        size_t n = strcspn(p + name, "; \t\"");
        if (n == 0 || n >= VAULT_TOKEN_MAX)
            continue;
        memcpy(out, p + name, n);
        out[n] = '\0';
        return;
    }
}

void session_read(struct call *c)
{
    cookie_value(request_header(c->r, "cookie"), c->token);
    if (c->token[0] != '\0')
        vault_token_hash_hex(c->token, c->session);
}

/* The browser itself says how it reached us: in front of the web server there may be one that ends TLS. */
static bool is_https(const struct request *r)
{
    const char *origin = request_header(r, "origin");
    return r->https || (origin != NULL && strncmp(origin, "https://", 8) == 0);
}

static void cookie_line(struct request *r, const char *value, const char *more)
{
    buf_printf(&r->always, "Set-Cookie: " COOKIE "=%s; Path=%s/admin; HttpOnly; SameSite=Strict%s%s\r\n", value,
               conf.prefix, is_https(r) ? "; Secure" : "", more);
}

void session_cookie_set(struct request *r, const char *token)
{
    cookie_line(r, token, "");
}

void session_cookie_drop(struct request *r)
{
    cookie_line(r, "", "; Max-Age=0");
}

/* ------------------------------------------------------------------ whose request is it? */

char *session_from(const struct request *r)
{
    auto_buf json = {0};
    json_open(&json);
    json_member_text(&json, "remote", r->remote);
    json_member_text(&json, "user_agent", request_header(r, "user-agent"));
    json_member_bool(&json, "idle", request_header(r, "x-pollux-idle") != NULL);
    json_close(&json);
    return buf_take(&json);
}

/* "https://host:port" against our Host: the same host and port, and no http page for an https server. */
static bool same_origin(const struct request *r, const char *origin)
{
    bool https = strncasecmp(origin, "https://", 8) == 0;
    if (!https && (r->https || strncasecmp(origin, "http://", 7) != 0))
        return false;
    return strcasecmp(origin + (https ? 8 : 7), r->host) == 0;
}

bool session_origin_ok(const struct request *r, struct fault *f)
{
    const char *origin = request_header(r, "origin"), *site = request_header(r, "sec-fetch-site");
    if ((origin == NULL || same_origin(r, origin)) && (site == NULL || strcmp(site, "same-origin") == 0))
        return true;
    fault_set(f, FAULT_FORBIDDEN, "this request comes from a page of another site");
    fault_hint(f, "Open the console by its own address. If a proxy stands in front, it has to pass the Host "
                  "header on.");
    return false;
}

static void csrf_of(const char *token, char out[static VAULT_HEX_MAX])
{
    auto_secret text = {0};
    buf_reserve(&text, 128);
    buf_printf(&text, "pollux csrf|%s", token);
    vault_token_hash_hex(buf_str(&text), out);
}

bool session_csrf_ok(const struct call *c, struct fault *f)
{
    char csrf[VAULT_HEX_MAX];
    const char *given = request_header(c->r, "x-csrf-token");
    csrf_of(c->token, csrf);
    if (given != NULL && vault_same(given, csrf))
        return true;
    fault_set(f, FAULT_FORBIDDEN, "the CSRF token is missing or not that of this session");
    fault_hint(f, "Reload the page. Programs send the \"csrf\" of GET /admin/api/session as X-CSRF-Token.");
    return false;
}

void session_complete(json_t *session, const char *token)
{
    char csrf[VAULT_HEX_MAX];
    auto_str zone = ledger_setting_text("time_zone", "UTC");
    csrf_of(token, csrf);
    json_object_set_new(session, "csrf", json_string(csrf));
    json_object_set_new(session, "version", json_string(POLLUX_VERSION));
    json_object_set_new(session, "time_zone", json_string(zone));
}

/* ------------------------------------------------------------------ signing in */

/* What argon2id makes of a password with the salt that the database gave for this name. */
static bool hash_for(struct call *c, const char *name, const char *password, const char *from,
                     char out[static VAULT_HEX_MAX])
{
    json_auto_t *how = NULL;
    if (!console_login_begin(name, from, &how, &c->fault))
        return false;
    json_int_t retry = json_integer_value(json_object_get(how, "retry_s"));
    if (retry > 0) {
        c->fault.retry_after_ms = retry * 1000;
        return fault_set(&c->fault, FAULT_RATE_LIMITED,
                         "too many attempts to sign in; the next one is looked at in %lld s", (long long)retry);
    }
    auto_buf salt = {0};
    struct vault_password p = {
        .ops = (unsigned long long)json_integer_value(json_object_get(how, "ops")),
        .mem = (size_t)json_integer_value(json_object_get(how, "mem")),
    };
    const char *hex = json_string_value(json_object_get(how, "salt"));
    if (hex == NULL || !vault_unhex(hex, &salt) || salt.n != VAULT_SALT)
        return fault_set(&c->fault, FAULT_INTERNAL, "internal error");
    memcpy(p.salt, salt.p, VAULT_SALT);
    return vault_password_hash(password, &p, out, &c->fault);
}

static void answer_session(struct call *c, json_t *session, const char *token)
{
    session_complete(session, token);
    session_cookie_set(c->r, token);
    admin_answer(c->r, 200, json_incref(session));
}

/* Who signs in where somebody is signed in has no use for that session any more, and nobody could end it later. */
static void leave_old(const char *old, const char *from)
{
    json_auto_t *ignored = NULL;
    struct fault gone = {0};
    const struct console_call call = {
        .session = old, .action = "session_logout", .params = "{}", .from = from, .changes = true};
    if (*old != '\0')
        console_call(&call, &ignored, &gone);
}

void session_login(struct call *c)
{
    const char *name = console_text(c, "name"), *password = console_text(c, "password");
    char hash[VAULT_HEX_MAX], session[VAULT_HEX_MAX];
    auto_str from = session_from(c->r);
    json_auto_t *opened = NULL;
    if (c->fault.kind != FAULT_NONE)
        return;
    if (strlen(password) > VAULT_PASSWORD_MOST || strlen(name) > VAULT_PASSWORD_MOST) {
        fault_set(&c->fault, FAULT_UNAUTHENTICATED, "name or password is wrong");
        return;
    }
    if (!hash_for(c, name, password, from, hash))
        return;
    session_read(c);
    vault_token_new(c->token);
    vault_token_hash_hex(c->token, session);
    if (!console_login_end(name, hash, session, from, &opened, &c->fault))
        return;
    if (json_is_object(opened)) {
        leave_old(c->session, from);
        answer_session(c, opened, c->token);
        return;
    }
    c->token[0] = '\0';
    fault_set(&c->fault, FAULT_UNAUTHENTICATED, "name or password is wrong");
    fault_hint(&c->fault, "On the server, `pollux admin passwd NAME` sets a new password.");
}

void session_get(struct call *c)
{
    json_t *session = NULL;
    if (!console_run(c, "session_get", &session))
        return;
    session_complete(session, c->token);
    admin_answer(c->r, 200, session);
}

void session_logout(struct call *c)
{
    json_t *answer = NULL;
    if (!console_run(c, c->route->action, &answer))
        return;
    session_cookie_drop(c->r);
    admin_answer(c->r, 200, answer);
}

/* ------------------------------------------------------------------ passwords */

/* Who is signed in: their name, new; NULL with the call's fault. */
static char *own_name(struct call *c)
{
    json_auto_t *session = NULL;
    if (!console_run(c, "session_get", &session))
        return NULL;
    const char *name = json_string_value(json_object_get(session, "name"));
    return xstrdup(name != NULL ? name : "");
}

/* The current password is asked for as at the door, with its limits: a stolen cookie is no way to guess it. */
static bool check_current(struct call *c)
{
    const char *current = console_text(c, "current");
    auto_str from = session_from(c->r);
    char hash[VAULT_HEX_MAX];
    if (c->fault.kind != FAULT_NONE)
        return false;
    if (strlen(current) > VAULT_PASSWORD_MOST)
        return fault_param(&c->fault, "current", "the current password is wrong");
    auto_str name = own_name(c);
    if (name == NULL || !hash_for(c, name, current, from, hash))
        return false;
    json_object_set_new(c->params, "current_hash", json_string(hash));
    json_object_del(c->params, "current");
    return true;
}

void session_password(struct call *c)
{
    char token[VAULT_TOKEN_MAX], session[VAULT_HEX_MAX];
    json_auto_t *opened = NULL;
    if (!secrets_password(c) || !check_current(c))
        return;
    vault_token_new(token);
    vault_token_hash_hex(token, session);
    json_object_set_new(c->params, "session", json_string(session));
    if (console_run(c, "session_password", &opened))
        answer_session(c, opened, token);
    vault_wipe(token, sizeof token);
}
