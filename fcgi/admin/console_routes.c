/* SPDX-License-Identifier: MIT */
/*
 * console_routes.c: what the console may ask for, one row each; see console.h.
 *
 * The least role of each action stands in sql/functions/console.sql.
 */
#include "admin/console.h"
#include "admin/console_own.h"
#include "base/auto.h"

#include <string.h>

static const struct console_route routes[] = {
    {.method = "POST", .path = "/login", .serve = session_login},
    {.method = "GET", .path = "/session", .serve = session_get},
    {.method = "POST", .path = "/logout", .action = "session_logout", .serve = session_logout},
    {.method = "POST", .path = "/logout-all", .action = "session_logout_all", .serve = session_logout},
    {.method = "POST", .path = "/password", .action = "session_password", .serve = session_password},
    {.method = "GET", .path = "/sessions", .action = "session_list"},

    {.method = "GET", .path = "/settings", .action = "setting_list"},
    {.method = "PATCH", .path = "/settings/{name}", .action = "setting_set"},
    {.method = "DELETE", .path = "/settings/{name}", .action = "setting_reset"},
};

enum { ROUTES = sizeof routes / sizeof *routes };

/* Compares a pattern and a path segment by segment; what stands for {x} goes into `words`. */
static bool path_matches(const char *pattern, const char *path, json_t *words)
{
    while (*pattern != '\0' && *path != '\0') {
        size_t n = 1 + strcspn(pattern + 1, "/"), m = 1 + strcspn(path + 1, "/");
        if (pattern[1] == '{' && m > 1) {
            auto_str name = xstrndup(pattern + 2, n - 3);
            json_object_set_new(words, name, json_stringn(path + 1, m - 1));
        } else if (n != m || strncmp(pattern, path, n) != 0) {
            return false;
        }
        pattern += n;
        path += m;
    }
    return *pattern == '\0' && *path == '\0';
}

const struct console_route *console_route_find(const char *method, const char *path, json_t *words,
                                               struct buf *allow, struct fault *f)
{
    for (size_t i = 0; i < ROUTES; i++) {
        json_object_clear(words);
        if (!path_matches(routes[i].path, path, words))
            continue;
        if (strcmp(routes[i].method, method) == 0)
            return &routes[i];
        buf_printf(allow, "%s%s", allow->n > 0 ? ", " : "", routes[i].method);
    }
    if (allow->n > 0)
        fault_set(f, FAULT_METHOD, "this path does not take the method %.16s", method);
    else
        fault_set(f, FAULT_NOT_FOUND, "the console has nothing at this path");
    return NULL;
}

bool console_route_changes(const struct console_route *route)
{
    return strcmp(route->method, "GET") != 0;
}

void console_routes_each(void (*see)(void *ctx, const char *method, const char *path, bool changes), void *ctx)
{
    for (size_t i = 0; i < ROUTES; i++) {
        auto_buf path = {0};
        buf_printf(&path, "/admin/api%s", routes[i].path);
        see(ctx, routes[i].method, buf_str(&path), console_route_changes(&routes[i]));
    }
}
