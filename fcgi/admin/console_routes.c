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

enum { KEYS_MAX = 8 * 1024 * 1024 }; /* bytes of a list of keys */

/* Exact paths before those with {words}. */
static const struct console_route routes[] = {
    {.method = "POST", .path = "/login", .serve = session_login},
    {.method = "GET", .path = "/session", .serve = session_get},
    {.method = "POST", .path = "/logout", .action = "session_logout", .serve = session_logout},
    {.method = "POST", .path = "/logout-all", .action = "session_logout_all", .serve = session_logout},
    {.method = "POST", .path = "/password", .action = "session_password", .serve = session_password},
    {.method = "GET", .path = "/sessions", .action = "session_list"},

    {.method = "GET", .path = "/overview", .action = "overview_get"},

    {.method = "GET", .path = "/credentials", .action = "credential_list"},
    {.method = "POST", .path = "/credentials", .action = "credential_add", .prepare = secrets_keys, .body_max = KEYS_MAX},
    {.method = "POST", .path = "/credentials/preview", .action = "credential_preview", .prepare = secrets_keys,
     .body_max = KEYS_MAX},
    {.method = "POST", .path = "/credentials/bulk", .action = "credential_bulk"},
    {.method = "GET", .path = "/credentials/export", .action = "credential_export", .serve = console_csv},
    {.method = "GET", .path = "/credentials/survival", .action = "credential_survival"},
    {.method = "GET", .path = "/credentials/{id}", .action = "credential_get"},
    {.method = "PATCH", .path = "/credentials/{id}", .action = "credential_set", .prepare = secrets_proxy},
    {.method = "DELETE", .path = "/credentials/{id}", .action = "credential_remove"},
    {.method = "GET", .path = "/credentials/{id}/attempts", .action = "credential_attempts"},
    {.method = "POST", .path = "/credentials/{id}/enable", .action = "credential_enable"},
    {.method = "POST", .path = "/credentials/{id}/disable", .action = "credential_disable"},
    {.method = "POST", .path = "/credentials/{id}/reset", .action = "credential_reset"},
    {.method = "POST", .path = "/credentials/{id}/test", .action = "credential_test"},
    {.method = "POST", .path = "/credentials/{id}/restore", .action = "credential_restore"},
    {.method = "POST", .path = "/credentials/{id}/purge", .action = "credential_purge"},
    {.method = "POST", .path = "/pool/reset", .action = "pool_reset"},

    {.method = "GET", .path = "/clients", .action = "client_list"},
    {.method = "POST", .path = "/clients", .action = "client_add", .prepare = secrets_client_token},
    {.method = "GET", .path = "/clients/{id}", .action = "client_get"},
    {.method = "PATCH", .path = "/clients/{id}", .action = "client_set"},
    {.method = "DELETE", .path = "/clients/{id}", .action = "client_revoke"},
    {.method = "POST", .path = "/playground", .action = "client_playground", .prepare = secrets_client_token},

    {.method = "GET", .path = "/models", .action = "model_list"},
    {.method = "POST", .path = "/models", .action = "model_set"},
    {.method = "GET", .path = "/model", .action = "model_get"}, /* ?name=: names may hold slashes */
    {.method = "POST", .path = "/models/remove", .action = "model_remove"},
    {.method = "POST", .path = "/models/reset", .action = "model_reset"},

    {.method = "GET", .path = "/requests", .action = "request_list"},
    {.method = "GET", .path = "/requests/export", .action = "request_export", .serve = console_csv},
    {.method = "GET", .path = "/requests/open", .action = "request_open"},
    {.method = "GET", .path = "/requests/{id}", .action = "request_get"},
    {.method = "GET", .path = "/requests/{id}/capture", .action = "capture_look"},

    {.method = "GET", .path = "/capture", .action = "capture_get"},
    {.method = "POST", .path = "/capture", .action = "capture_start"},
    {.method = "POST", .path = "/capture/stop", .action = "capture_stop"},
    {.method = "GET", .path = "/captures", .action = "capture_list"},
    {.method = "DELETE", .path = "/captures", .action = "capture_clear"},

    {.method = "GET", .path = "/usage", .action = "usage_list"},
    {.method = "GET", .path = "/usage/export", .action = "usage_export", .serve = console_csv},

    {.method = "GET", .path = "/jobs", .action = "job_list"},
    {.method = "POST", .path = "/jobs/{name}/run", .action = "job_run"},

    {.method = "GET", .path = "/bans", .action = "ban_list"},
    {.method = "POST", .path = "/bans", .action = "ban_add"},
    {.method = "POST", .path = "/bans/lift", .action = "ban_lift"},

    {.method = "GET", .path = "/administrators", .action = "admin_list"},
    {.method = "POST", .path = "/administrators", .action = "admin_add", .prepare = secrets_new_password},
    {.method = "PATCH", .path = "/administrators/{id}", .action = "admin_set"},
    {.method = "POST", .path = "/administrators/{id}/password", .action = "admin_password",
     .prepare = secrets_new_password},
    {.method = "DELETE", .path = "/administrators/{id}", .action = "admin_remove"},

    {.method = "GET", .path = "/tokens", .action = "token_list"},
    {.method = "POST", .path = "/tokens", .action = "token_add", .prepare = secrets_admin_token},
    {.method = "DELETE", .path = "/tokens/{id}", .action = "token_revoke"},

    {.method = "GET", .path = "/audit", .action = "audit_list"},
    {.method = "GET", .path = "/events", .action = "event_list"},
    {.method = "GET", .path = "/system", .action = "system_get"},
    {.method = "GET", .path = "/system/check", .action = "check_run", .serve = console_check},
    {.method = "POST", .path = "/folders/sync", .action = "folder_sync"},
    {.method = "POST", .path = "/folders/forget", .action = "folder_forget"},

    {.method = "GET", .path = "/accounts", .action = "account_list"}, /* logins: /admin/cli-auth/ */
    {.method = "POST", .path = "/accounts/client", .action = "oauth_client_set", .prepare = secrets_oauth_client},
    {.method = "DELETE", .path = "/accounts/client", .action = "oauth_client_remove"},
    {.method = "GET", .path = "/accounts/projects", .action = "account_map_list"},
    {.method = "POST", .path = "/accounts/projects", .action = "account_map_set"},
    {.method = "POST", .path = "/accounts/{id}/refresh", .action = "account_refresh"},

    {.method = "GET", .path = "/policy", .action = "policy_list"},
    {.method = "POST", .path = "/policy", .action = "policy_add"},
    {.method = "POST", .path = "/policy/test", .action = "policy_test", .serve = console_policy_test},
    {.method = "PATCH", .path = "/policy/{id}", .action = "policy_set"},
    {.method = "DELETE", .path = "/policy/{id}", .action = "policy_remove"},

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
