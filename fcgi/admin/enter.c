/* SPDX-License-Identifier: MIT */
/* enter.c: the door of the administration; see enter.h. */
#include "admin/enter.h"
#include "admin/console_own.h"
#include "base/auto.h"
#include "db/console_calls.h"
#include "db/side.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_LEAST = 20, TOKEN_MOST = 200 };

/* The only Authorization header; NULL when there is none or several, which web servers would read
 * differently. */
static const char *authorization(const struct request *r)
{
    const char *found = NULL;
    for (size_t i = 0; i < r->headers_n; i++)
        if (strcmp(r->headers[i].name, "authorization") == 0) {
            if (found != NULL)
                return NULL;
            found = r->headers[i].value;
        }
    return found;
}

/* What stands behind "Bearer" if it may be a token: letters, digits, _ and -. NULL otherwise. */
static const char *bearer(const struct request *r)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    const char *value = authorization(r);
    if (value == NULL || strncasecmp(value, "Bearer ", 7) != 0)
        return NULL;
    value += 7 + strspn(value + 7, " ");
    size_t n = strlen(value);
    return n >= TOKEN_LEAST && n <= TOKEN_MOST && strspn(value, letters) == n ? value : NULL;
}

bool admin_token_hash(const struct request *r, char hash[static VAULT_HEX_MAX], struct fault *f)
{
    const char *token = bearer(r);
    if (token != NULL) {
        vault_token_hash_hex(token, hash);
        return true;
    }
    hash[0] = '\0';
    fault_set(f, FAULT_UNAUTHENTICATED,
              "this needs an admin token: send it as Authorization: Bearer plxa_...");
    fault_hint(f, "make one: pollux admin token add NAME --role viewer");
    return false;
}

static void copy(char *to, size_t room, const json_t *who, const char *field)
{
    const char *text = json_string_value(json_object_get(who, field));
    snprintf(to, room, "%s", text != NULL ? text : "");
}

/* A browser that is signed in to the console: what changes something needs Origin and CSRF token besides. */
static bool enter_session(const struct request *r, const char *least, json_t **ret, struct fault *f)
{
    struct call c = {.r = (struct request *)r};
    bool changes = strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;
    auto_str from = session_from(r);
    char action[32];
    snprintf(action, sizeof action, "enter_%s", least);
    session_read(&c);
    const struct console_call call = {.session = c.session, .action = action, .params = "{}", .from = from,
                                      .changes = changes};
    bool ok = (!changes || (session_origin_ok(r, f) && session_csrf_ok(&c, f))) && console_call(&call, ret, f);
    vault_wipe(c.token, sizeof c.token);
    return ok;
}

/* Without a token the cookie counts. */
static bool has_session(const struct request *r)
{
    struct call c = {.r = (struct request *)r};
    if (request_header(r, "authorization") == NULL)
        session_read(&c);
    bool has = c.session[0] != '\0';
    vault_wipe(c.token, sizeof c.token);
    return has;
}

bool admin_enter(const struct request *r, const char *least, struct actor *ret, struct fault *f)
{
    char hash[VAULT_HEX_MAX];
    json_auto_t *who = NULL;
    if (has_session(r)) {
        if (!enter_session(r, least, &who, f))
            return false;
    } else if (!admin_token_hash(r, hash, f) || !side_enter(hash, least, &who, f)) {
        return false;
    }
    copy(ret->kind, sizeof ret->kind, who, "kind");
    size_t n = strcmp(ret->kind, "token") == 0 ? (size_t)snprintf(ret->name, sizeof ret->name, "token ") : 0;
    copy(ret->name + n, sizeof ret->name - n, who, "name");
    copy(ret->role, sizeof ret->role, who, "role");
    return true;
}
