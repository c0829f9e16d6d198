/* SPDX-License-Identifier: MIT */
/* oauth.c: logins of OAuth accounts, for scripts and browsers; see oauth.h. */
#include "admin/oauth.h"
#include "account/import.h"
#include "admin/answer.h"
#include "admin/enter.h"
#include "base/auto.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "db/account_calls.h"
#include "db/side.h"
#include "http/credential.h"
#include "vault/vault.h"

#include <string.h>

enum { BODY_MAX = 1024 * 1024, COOKIE_SECONDS = 24 * 3600 };
#define COOKIE "pollux_login"

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && *text != '\0' ? text : NULL;
}

static void refuse_or_answer(struct request *r, const struct fault *f, json_t *value)
{
    if (f->kind == FAULT_NONE)
        admin_answer(r, 200, value);
    else
        admin_refuse(r, f);
}

/* ------------------------------------------------------------------ who, and from where */

/* The address of Pollux as the browser wrote it; a Host that is none is as if there were no Host. */
static void own_address(const struct request *r, struct buf *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]";
    bool good = r->host != NULL && *r->host != '\0' && strspn(r->host, letters) == strlen(r->host);
    buf_printf(out, "%s://%s%s", r->https ? "https" : "http", good ? r->host : "127.0.0.1", conf.prefix);
}

/* The cookie that binds a login to its browser; `path` is where it is needed again. */
static void set_cookie(struct request *r, const char *path, char hash[static VAULT_HEX_MAX])
{
    char token[VAULT_TOKEN_MAX];
    vault_token_new(token);
    vault_token_hash_hex(token, hash);
    buf_printf(&r->always, "Set-Cookie: " COOKIE "=%s; Path=%s%s; HttpOnly; SameSite=Lax; Max-Age=%d%s\r\n", token,
               conf.prefix, path, COOKIE_SECONDS, r->https ? "; Secure" : "");
    vault_wipe(token, sizeof token);
}

/* The hash of that cookie, NULL when the browser has none. */
static const char *cookie_hash(const struct request *r, char hash[static VAULT_HEX_MAX])
{
    const char *cookies = request_header(r, "cookie");
    for (const char *p = cookies; p != NULL && *p != '\0'; p = strchr(p, ';')) {
        p += strspn(p, "; \t");
        if (strncmp(p, COOKIE "=", sizeof COOKIE) != 0)
            continue;
        auto_str value = xstrndup(p + sizeof COOKIE, strcspn(p + sizeof COOKIE, "; \t\""));
        vault_token_hash_hex(value, hash);
        return hash;
    }
    return NULL;
}

/* A browser cannot send a Bearer token of itself: it asks its user, and the token is the password. */
static bool enter_by_password(const struct request *r, struct actor *ret, struct fault *f)
{
    struct credential_source source = {.query = ""};
    char token[CREDENTIAL_MAX], hash[VAULT_HEX_MAX];
    const char *given = request_header(r, "authorization");
    json_auto_t *who = NULL;
    if (given == NULL)
        return fault_set(f, FAULT_UNAUTHENTICATED, "log in with an admin token as the password, and any name");
    credential_add(&source, CREDENTIAL_AUTHORIZATION, given);
    if (!credential_parse(&source, token, f))
        return false;
    vault_token_hash_hex(token, hash);
    vault_wipe(token, sizeof token);
    if (!side_enter(hash, "operator", &who, f))
        return false;
    const char *name = text_at(who, "name");
    snprintf(ret->name, sizeof ret->name, "token %s", name != NULL ? name : "");
    return true;
}

/* ------------------------------------------------------------------ the beginning */

static bool read_body(struct request *r, json_t **ret, struct buf *text, struct fault *f)
{
    if (!request_body(r, text, BODY_MAX, f))
        return false;
    *ret = text->n > 0 ? json_read(text->p, text->n) : json_object();
    return json_is_object(*ret) || fault_set(f, FAULT_BAD_REQUEST, "the body must be a JSON object");
}

static bool redirect_of(const json_t *body, enum account_redirect *ret, struct fault *f)
{
    const char *word = text_at(body, "redirect");
    *ret = word == NULL ? ACCOUNT_REDIRECT_AUTO
                        : strcmp(word, "web") == 0 ? ACCOUNT_REDIRECT_WEB : ACCOUNT_REDIRECT_LOOPBACK;
    if (word == NULL || strcmp(word, "web") == 0 || strcmp(word, "loopback") == 0)
        return true;
    return fault_param(f, "redirect", "\"redirect\" is web or loopback");
}

static bool start(struct request *r, const char *actor, const json_t *body, json_t **ret, struct fault *f)
{
    auto_buf base = {0};
    char hash[VAULT_HEX_MAX];
    bool browser = request_header(r, "sec-fetch-site") != NULL;
    own_address(r, &base);
    struct account_login login = {
        .wish = {.upstream = text_at(body, "upstream"),
                 .project = text_at(body, "project"),
                 .label = text_at(body, "label"),
                 .actor = actor},
        .base = buf_str(&base),
        .path = "/admin/cli-auth/callback",
    };
    if (!redirect_of(body, &login.redirect, f))
        return false;
    if (browser) {
        set_cookie(r, "/admin/cli-auth", hash);
        login.browser_hash = hash;
    }
    if (!account_login_begin(NULL, &login, ret, f))
        return false;
    log_info("an account's login begins: redirect to %s", json_string_value(json_object_get(*ret, "redirect_uri")));
    return true;
}

void oauth_start(struct request *r, const struct uri *u)
{
    (void)u;
    struct fault f = {0};
    struct actor who = {{0}, {0}, {0}};
    auto_buf text = {0};
    json_auto_t *body = NULL;
    json_t *begun = NULL;
    if (admin_enter(r, "operator", &who, &f) && read_body(r, &body, &text, &f))
        start(r, who.name, body, &begun, &f);
    refuse_or_answer(r, &f, begun);
}

void oauth_status(struct request *r, const struct uri *u)
{
    struct fault f = {0};
    struct actor who;
    json_t *status = NULL;
    auto_buf session = {0};
    uri_query_get(buf_str(&u->query), "session", &session);
    if (admin_enter(r, "viewer", &who, &f) &&
        account_calls_login_status(NULL, &status, &f, session.n > 0 ? buf_str(&session) : NULL) &&
        json_is_null(status)) {
        fault_set(&f, FAULT_NOT_FOUND, "there is no such login");
        fault_hint(&f, "begin one: POST /admin/cli-auth/start");
    }
    refuse_or_answer(r, &f, status);
}

/* ------------------------------------------------------------------ the end */

static bool end_by_hand(const struct request *r, const json_t *body, json_t **ret, struct fault *f)
{
    const char *pasted = text_at(body, "url") != NULL ? text_at(body, "url") : text_at(body, "code");
    auto_str state = NULL;
    auto_str code = NULL;
    auto_str error = NULL;
    account_read_pasted(pasted, &state, &code, &error);
    const struct account_answer answer = {
        .session = text_at(body, "session"), .state = state, .code = code, .error = error, .remote = r->remote};
    return account_login_end(NULL, &answer, ret, f);
}

/* The file may be the body itself, or a member of it, as text or as it is. */
static bool import(const struct request *r, const char *actor, const json_t *body, const struct buf *text, json_t **ret, struct fault *f)
{
    const json_t *file = json_object_get(body, "credentials");
    const struct account_wish wish = {.upstream = text_at(body, "upstream"),
                                      .project = text_at(body, "project"),
                                      .label = text_at(body, "label"),
                                      .actor = actor,
                                      .remote = r->remote};
    if (file == NULL)
        return account_import(NULL, buf_str(text), text->n, &wish, ret, f);
    auto_secret copy = {0};
    char *dumped = json_is_string(file) ? xstrdup(json_string_value(file)) : json_dumps(file, JSON_COMPACT);
    buf_puts(&copy, dumped != NULL ? dumped : "");
    if (dumped != NULL)
        vault_wipe(dumped, strlen(dumped));
    free(dumped);
    return account_import(NULL, buf_str(&copy), copy.n, &wish, ret, f);
}

void oauth_import(struct request *r, const struct uri *u)
{
    (void)u;
    struct fault f = {0};
    struct actor who;
    auto_secret text = {0};
    json_auto_t *body = NULL;
    json_t *account = NULL;
    if (admin_enter(r, "operator", &who, &f) && read_body(r, &body, &text, &f)) {
        bool by_hand = text_at(body, "url") != NULL || text_at(body, "code") != NULL;
        if (by_hand)
            end_by_hand(r, body, &account, &f);
        else
            import(r, who.name, body, &text, &account, &f);
    }
    refuse_or_answer(r, &f, account);
}

/* ------------------------------------------------------------------ pages for a browser */

static void add_html(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("&<>\"'", *text) != NULL)
            buf_printf(out, "&#%d;", *text);
        else
            buf_putc(out, *text);
    }
}

/* In the console's clothes, colours and language, if that is installed beside us; readable without. */
static void page(struct request *r, int status, const char *title, const char *text, const char *more)
{
    auto_buf html = {0};
    buf_printf(&html,
               "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Pollux</title>"
               "<link rel=\"icon\" href=\"%s/admin/icon.svg\"><link rel=\"stylesheet\" href=\"%s/admin/style.css\">"
               "<script src=\"%s/admin/theme.js\"></script><script type=\"module\" src=\"%s/admin/said.js\"></script>"
               "<div class=\"door\"><main class=\"card stack\"><h1>",
               conf.prefix, conf.prefix, conf.prefix, conf.prefix);
    add_html(&html, title);
    buf_puts(&html, "</h1><p>");
    add_html(&html, text);
    buf_puts(&html, "</p><p class=\"muted\">");
    add_html(&html, more);
    buf_printf(&html, "</p><p><a class=\"btn\" href=\"%s/admin/accounts.html\">Accounts</a></p></main></div></html>\n",
               conf.prefix);
    char length[24];
    snprintf(length, sizeof length, "%zu", html.n);
    response_begin(r, status);
    response_header(r, "Content-Type", "text/html; charset=utf-8");
    response_header(r, "Content-Length", length);
    response_header(r, "Cache-Control", "no-store");
    response_header(r, "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-ancestors 'none'");
    response_header(r, "X-Content-Type-Options", "nosniff");
    response_header(r, "Referrer-Policy", "no-referrer");
    response_write(r, html.p, html.n);
}

static void failure_page(struct request *r, const struct fault *f)
{
    if (*f->meant != '\0')
        log_warn("an account's login failed: %s", f->meant);
    if (f->kind == FAULT_UNAUTHENTICATED)
        buf_puts(&r->always, "WWW-Authenticate: Basic realm=\"pollux admin\", charset=\"UTF-8\"\r\n");
    page(r, fault_status(f->kind), "The account is not logged in", f->said, f->hint);
}

void oauth_login(struct request *r, const struct uri *u)
{
    struct fault f = {0}, other = {0};
    struct actor who = {{0}, {0}, {0}};
    auto_buf base = {0}, upstream = {0}, project = {0};
    char hash[VAULT_HEX_MAX];
    json_auto_t *begun = NULL;
    uri_query_get(buf_str(&u->query), "upstream", &upstream);
    uri_query_get(buf_str(&u->query), "project", &project);
    if (!admin_enter(r, "operator", &who, &other) && !enter_by_password(r, &who, &f)) {
        failure_page(r, &f);
        return;
    }
    own_address(r, &base);
    set_cookie(r, "/oauth2", hash);
    const struct account_login login = {
        .wish = {.upstream = upstream.n > 0 ? buf_str(&upstream) : NULL,
                 .project = project.n > 0 ? buf_str(&project) : NULL,
                 .actor = who.name},
        .redirect = ACCOUNT_REDIRECT_WEB,
        .base = buf_str(&base),
        .path = "/oauth2/callback",
        .browser_hash = hash,
    };
    if (!account_login_begin(NULL, &login, &begun, &f)) {
        failure_page(r, &f);
        return;
    }
    log_info("an account's login begins: redirect to %s", json_string_value(json_object_get(begun, "redirect_uri")));
    response_begin(r, 302);
    response_header(r, "Location", json_string_value(json_object_get(begun, "url")));
    response_header(r, "Cache-Control", "no-store");
    response_header(r, "Referrer-Policy", "no-referrer");
    response_flush(r);
}

static const char *given(const struct uri *u, const char *name, struct buf *value)
{
    return uri_query_get(buf_str(&u->query), name, value) > 0 && value->n > 0 ? buf_str(value) : NULL;
}

void oauth_callback(struct request *r, const struct uri *u)
{
    struct fault f = {0};
    auto_secret state = {0}, code = {0};
    auto_buf error = {0};
    char hash[VAULT_HEX_MAX];
    json_auto_t *account = NULL;
    const struct account_answer answer = {.state = given(u, "state", &state),
                                          .code = given(u, "code", &code),
                                          .error = given(u, "error", &error),
                                          .browser_hash = cookie_hash(r, hash),
                                          .remote = r->remote};
    if (!account_login_end(NULL, &answer, &account, &f)) {
        failure_page(r, &f);
        return;
    }
    const char *email = text_at(account, "email"), *reason = text_at(account, "reason");
    auto_buf text = {0};
    buf_printf(&text, "%s is logged in. You may close this page.", email != NULL ? email : "The account");
    page(r, 200, "The account is logged in", buf_str(&text), reason != NULL ? reason : "");
}
