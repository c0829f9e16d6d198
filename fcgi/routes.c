/* SPDX-License-Identifier: MIT */
/*
 * routes.c: one table of every route, exact paths before those that end in "*".
 *
 * Routing looks at the path that uri_parse() decoded and at nothing else. The
 * table says who may enter; the handlers see to it: those of the gateway
 * authenticate the client with the one exchange that also reserves, those of
 * the administration with the call that does what is asked for.
 * admin-html/openapi.json describes every row; tests/openapi.mjs holds that.
 */
#include "routes.h"
#include "admin/admin.h"
#include "admin/answer.h"
#include "admin/console.h"
#include "admin/oauth.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "http/uri.h"
#include "vault/vault.h"

#include <string.h>

enum door {
    DOOR_OPEN,   /* anybody */
    DOOR_CLIENT, /* a client token */
    DOOR_ADMIN,  /* an admin token */
    DOOR_CONSOLE /* a session of the console */
};

static const char *const door_names[] = {"open", "client", "admin", "console"};

static const struct route {
    const char *methods; /* separated by spaces; "*" for any */
    const char *path;    /* exact, or a prefix followed by "*" */
    enum door door;
    void (*serve)(struct request *r, const struct uri *u);
} routes[] = {
    {.methods = "GET HEAD", .path = "/health", .door = DOOR_OPEN, .serve = gateway_health},
    {.methods = "GET HEAD", .path = "/healthz", .door = DOOR_OPEN, .serve = gateway_health},
    {.methods = "GET HEAD", .path = "/wake", .door = DOOR_OPEN, .serve = gateway_health},

    {.methods = "POST", .path = "/v1/chat/completions", .door = DOOR_CLIENT, .serve = gateway_chat},
    {.methods = "POST", .path = "/v1/embeddings", .door = DOOR_CLIENT, .serve = gateway_embeddings},
    {.methods = "GET", .path = "/v1/models", .door = DOOR_CLIENT, .serve = gateway_models},
    {.methods = "POST", .path = "/v1beta/openai/chat/completions", .door = DOOR_CLIENT, .serve = gateway_chat},
    {.methods = "POST", .path = "/v1beta/openai/embeddings", .door = DOOR_CLIENT, .serve = gateway_embeddings},
    {.methods = "GET", .path = "/v1beta/openai/models", .door = DOOR_CLIENT, .serve = gateway_models},
    {.methods = "GET", .path = "/v1beta/openai/models/*", .door = DOOR_CLIENT, .serve = gateway_models},
    {.methods = "GET", .path = "/v1/models/*", .door = DOOR_CLIENT, .serve = gateway_models},
    {.methods = "POST", .path = "/v1/models/*", .door = DOOR_CLIENT, .serve = gateway_native},
    {.methods = "POST", .path = "/v1/tunedModels/*", .door = DOOR_CLIENT, .serve = gateway_native},
    {.methods = "*", .path = "/v1/*", .door = DOOR_CLIENT, .serve = gateway_rest},
    {.methods = "*", .path = "/v1beta/*", .door = DOOR_CLIENT, .serve = gateway_native},
    {.methods = "*", .path = "/v1alpha/*", .door = DOOR_CLIENT, .serve = gateway_native},
    {.methods = "*", .path = "/upload/*", .door = DOOR_CLIENT, .serve = gateway_upload},

    {.methods = "GET HEAD", .path = "/metrics", .door = DOOR_ADMIN, .serve = admin_metrics},
    {.methods = "GET HEAD", .path = "/status.txt", .door = DOOR_ADMIN, .serve = admin_status_text},

    {.methods = "GET HEAD", .path = "/admin", .door = DOOR_OPEN, .serve = admin_home},
    {.methods = "GET HEAD", .path = "/docs", .door = DOOR_OPEN, .serve = admin_docs},
    {.methods = "GET", .path = "/admin/stats", .door = DOOR_ADMIN, .serve = admin_stats},
    {.methods = "GET", .path = "/admin/status", .door = DOOR_ADMIN, .serve = admin_status},
    {.methods = "GET", .path = "/admin/status/*", .door = DOOR_ADMIN, .serve = admin_credential},
    {.methods = "GET", .path = "/admin/credentials", .door = DOOR_ADMIN, .serve = admin_credentials},
    {.methods = "GET", .path = "/admin/usage", .door = DOOR_ADMIN, .serve = admin_usage_show},
    {.methods = "POST", .path = "/admin/reset", .door = DOOR_ADMIN, .serve = admin_reset},
    {.methods = "POST", .path = "/admin/keys", .door = DOOR_ADMIN, .serve = admin_keys_add},
    {.methods = "DELETE", .path = "/admin/keys/*", .door = DOOR_ADMIN, .serve = admin_key_remove},
    {.methods = "*", .path = "/admin/api/*", .door = DOOR_CONSOLE, .serve = console_serve},
    {.methods = "POST", .path = "/admin/cli-auth/start", .door = DOOR_ADMIN, .serve = oauth_start},
    {.methods = "GET", .path = "/admin/cli-auth/status", .door = DOOR_ADMIN, .serve = oauth_status},
    {.methods = "POST", .path = "/admin/cli-auth/import", .door = DOOR_ADMIN, .serve = oauth_import},
    {.methods = "GET", .path = "/admin/cli-auth/callback", .door = DOOR_OPEN, .serve = oauth_callback},
    {.methods = "GET", .path = "/oauth2/login", .door = DOOR_ADMIN, .serve = oauth_login},
    {.methods = "GET", .path = "/oauth2/callback", .door = DOOR_OPEN, .serve = oauth_callback},
};

enum { ROUTES = sizeof routes / sizeof *routes };

static void print_row(FILE *out, const char *methods, const char *path, enum door door)
{
    fprintf(out, "  {\"methods\": \"%s\", \"path\": \"%s\", \"door\": \"%s\"},\n", methods, path, door_names[door]);
}

static void print_console(void *out, const char *method, const char *path, bool changes)
{
    (void)changes;
    print_row(out, method, path, DOOR_CONSOLE);
}

/* The console has a table of its own: its rows stand for the one here. */
void routes_print(FILE *out)
{
    fputs("[\n", out);
    for (size_t i = 0; i < ROUTES; i++)
        if (routes[i].door != DOOR_CONSOLE)
            print_row(out, routes[i].methods, routes[i].path, routes[i].door);
    console_routes_each(print_console, out);
    fprintf(out, "  {\"version\": \"" POLLUX_VERSION "\"}\n]\n");
}

static bool path_matches(const char *pattern, const char *path)
{
    size_t n = strlen(pattern);
    if (pattern[n - 1] == '*')
        return strncmp(pattern, path, n - 1) == 0;
    return strcmp(pattern, path) == 0;
}

static bool method_matches(const char *methods, const char *method)
{
    size_t n = strlen(method);
    if (strcmp(methods, "*") == 0)
        return n > 0;
    for (const char *p = methods; n > 0 && (p = strstr(p, method)) != NULL; p += n)
        if ((p == methods || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

/* ------------------------------------------------------------------ pages of other origins */

static bool origin_allowed(const char *origin)
{
    if (strcmp(conf.cors_origins, "*") == 0)
        return true;
    size_t n = strlen(origin);
    for (const char *p = conf.cors_origins; n > 0 && (p = strstr(p, origin)) != NULL; p += n)
        if ((p == conf.cors_origins || p[-1] == ',' || p[-1] == ' ') &&
            (p[n] == '\0' || p[n] == ',' || p[n] == ' '))
            return true;
    return false;
}

/* Never with credentials: a page has to know a client token. */
static void add_cors(struct request *r)
{
    const char *origin = request_header(r, "origin");
    if (origin == NULL || strpbrk(origin, "\r\n") != NULL || !origin_allowed(origin))
        return;
    bool any = strcmp(conf.cors_origins, "*") == 0;
    buf_printf(&r->always, "Access-Control-Allow-Origin: %s\r\n%s", any ? "*" : origin,
               any ? "" : "Vary: Origin\r\n");
    buf_puts(&r->always,
             "Access-Control-Expose-Headers: x-request-id, x-pollux-model, retry-after, x-goog-upload-url, "
             "x-goog-upload-status, x-goog-upload-chunk-granularity, x-goog-upload-size-received, "
             "x-goog-upload-control-url\r\n");
}

static void answer_preflight(struct request *r)
{
    const char *wanted = request_header(r, "access-control-request-headers");
    response_begin(r, 204);
    if (r->always.n > 0) {
        response_header(r, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
        response_header(r, "Access-Control-Allow-Headers",
                        wanted != NULL ? wanted : "authorization, content-type");
        response_header(r, "Access-Control-Max-Age", "86400");
    }
    response_flush(r);
}

/* ------------------------------------------------------------------ dispatch */

/* 405 has to say which methods the path takes. */
static void add_allow(struct request *r, const char *methods)
{
    buf_puts(&r->always, "Allow: ");
    for (const char *p = methods; *p != '\0'; p++)
        buf_puts(&r->always, *p == ' ' ? ", " : (char[]){*p, '\0'});
    buf_puts(&r->always, "\r\n");
}

/* Is this path one of the administration's? Those are for no page of another origin, and speak their own way. */
static bool is_admin(const char *path)
{
    return strcmp(path, "/admin") == 0 || strncmp(path, "/admin/", 7) == 0 || strcmp(path, "/metrics") == 0 ||
           strcmp(path, "/status.txt") == 0;
}

static void refuse(struct request *r, const char *path, const struct fault *f)
{
    if (is_admin(path))
        admin_refuse(r, f);
    else
        gateway_refuse(r, path, f);
}

/* Nothing serves this; `known` names the methods of the path, NULL if there is no such path. */
FAULT_APART static void refuse_route(struct request *r, const char *path, const char *known)
{
    struct fault f = {0};
    if (known != NULL) {
        add_allow(r, known);
        fault_set(&f, FAULT_METHOD, "this path does not take the method %.16s", r->method);
    } else {
        fault_set(&f, FAULT_NOT_FOUND,
                  "there is nothing at this path; the API is below /v1 (OpenAI) and /v1beta (Gemini)");
    }
    if (is_admin(path))
        fault_hint(&f, "/docs lists what there is");
    refuse(r, path, &f);
}

static void dispatch(struct request *r, const struct uri *u)
{
    const char *path = buf_str(&u->path);
    if (!is_admin(path))
        add_cors(r);
    const char *known = NULL; /* the methods of the path, if there is one */
    if (strcmp(r->method, "OPTIONS") == 0) {
        answer_preflight(r);
        return;
    }
    for (size_t i = 0; i < ROUTES; i++) {
        if (!path_matches(routes[i].path, path))
            continue;
        known = routes[i].methods;
        if (method_matches(routes[i].methods, r->method)) {
            routes[i].serve(r, u);
            return;
        }
        if (strcmp(routes[i].path, path) == 0)
            break; /* a path of its own: a wider one further down is not meant */
    }
    refuse_route(r, path, known);
}

FAULT_APART static bool parse(struct request *r, struct uri *u)
{
    struct fault f = {0};
    if (uri_parse(r->uri, conf.prefix, u, &f))
        return true;
    add_cors(r);
    gateway_refuse(r, r->uri, &f);
    return false;
}

/* A handler that answered nothing: our mistake. */
FAULT_APART static void refuse_silence(struct request *r, const char *path)
{
    struct fault f = {0};
    fault_set(&f, FAULT_INTERNAL, "internal error");
    refuse(r, path, &f);
}

void routes_serve(struct request *r)
{
    vault_uuid7(r->id);
    log_request_set(r->id);
    struct uri u = {0};
    if (parse(r, &u))
        dispatch(r, &u);
    if (!response_begun(r) && !r->broken)
        refuse_silence(r, buf_str(&u.path));
    log_debug("%s %s: %d, %lld ms", r->method, buf_str(&u.path), r->status,
              (long long)(clock_ms() - r->began_ms));
    uri_free(&u);
    log_request_set(NULL);
}
