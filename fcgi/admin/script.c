/* SPDX-License-Identifier: MIT */
/*
 * script.c: what programs ask and change with an admin token; see admin.h.
 *
 * A request becomes one object: the members of the body, or the pairs of the
 * query, and the id in the path. Token, role, work and audit are one call of
 * api.script() (sql/functions/script.sql). The only thing done here is what the
 * database must not see: keys are sealed on the way.
 */
#include "admin/admin.h"
#include "admin/answer.h"
#include "admin/enter.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/keytext.h"
#include "db/side.h"

#include <string.h>

enum { BODY_MAX = 16 * 1024 * 1024, SHOWN = 10 };

struct script {
    struct request *r;
    char hash[VAULT_HEX_MAX]; /* of the admin token */
    json_t *params;           /* owned */
    json_t *malformed;        /* what is no key among those that were sent; NULL: nothing was looked for */
    struct fault fault;
};

/* ------------------------------------------------------------------ reading */

static bool read_query(struct script *s, const struct uri *u)
{
    const char *at = buf_str(&u->query);
    auto_buf name = {0}, value = {0};
    while (uri_query_next(&at, &name, &value))
        if (json_object_set_new(s->params, buf_str(&name), json_stringn(buf_str(&value), value.n)) != 0)
            return fault_set(&s->fault, FAULT_BAD_REQUEST, "the query is not UTF-8");
    return true;
}

static bool read_body(struct script *s)
{
    auto_secret body = {0};
    if (!request_body(s->r, &body, BODY_MAX, &s->fault))
        return false;
    json_t *value = body.n > 0 ? json_read(body.p, body.n) : json_object();
    if (!json_is_object(value)) {
        json_decref(value);
        fault_set(&s->fault, FAULT_BAD_REQUEST, "the body must be a JSON object");
        fault_hint(&s->fault, "send Content-Type: application/json and a body like {\"all\": true}");
        return false;
    }
    json_decref(s->params);
    s->params = value;
    return true;
}

/* What stands behind `prefix` in the path becomes "id". */
static bool read_id(struct script *s, const struct uri *u, const char *prefix)
{
    const char *id = buf_str(&u->path) + strlen(prefix);
    size_t n = strlen(id);
    if (n > 0 && n <= 18 && strspn(id, "0123456789") == n)
        return json_object_set_new(s->params, "id", json_string(id)) == 0;
    return fault_set(&s->fault, FAULT_NOT_FOUND, "a credential is named by its number");
}

/* ------------------------------------------------------------------ keys */

static void add_malformed(struct script *s, size_t index, const char *text, size_t n, const char *why)
{
    json_t *shown = json_object_get(s->malformed, "malformed_items");
    json_int_t count = json_integer_value(json_object_get(s->malformed, "malformed")) + 1;
    json_object_set_new(s->malformed, "malformed", json_integer(count));
    if (count > SHOWN)
        return;
    auto_buf masked = {0};
    keytext_mask(text, n, &masked);
    json_array_append_new(
        shown, json_pack("{s:i,s:s,s:s}", "index", (int)index, "text", buf_str(&masked), "reason", why));
}

/* Seals one item of "keys", or says why it is no key. */
static void seal_item(struct script *s, size_t index, const json_t *item, json_t *sealed)
{
    auto_buf why = {0}, secret = {0};
    const char *text = json_string_value(item);
    size_t n = json_string_length(item);
    if (text == NULL)
        buf_puts(&why, "not a text");
    else
        keytext_judge(text, n, &why);
    if (why.n > 0) {
        add_malformed(s, index, text != NULL ? text : "", n, buf_str(&why));
        return;
    }
    char fingerprint[VAULT_HEX_MAX];
    vault_credential_seal(text, n, fingerprint, &secret);
    json_array_append_new(sealed, json_pack("{s:s,s:s,s:s}", "fingerprint", fingerprint, "sealed",
                                            buf_str(&secret), "hint", text + n - 4));
}

/* Jansson's memory is not wiped when it is freed: overwrite the keys in place. */
static void wipe_text(json_t *item)
{
    if (json_is_string(item))
        vault_wipe((char *)json_string_value(item), json_string_length(item));
}

/* "key" or "keys" of the body become "sealed". False when there is no key at all. */
static bool seal_keys(struct script *s)
{
    json_auto_t *one = json_incref(json_object_get(s->params, "key"));
    json_auto_t *many = json_incref(json_object_get(s->params, "keys"));
    json_t *sealed = json_array();
    s->malformed = json_pack("{s:i,s:[]}", "malformed", 0, "malformed_items");
    json_object_del(s->params, "key");
    json_object_del(s->params, "keys");
    json_object_set_new(s->params, "sealed", sealed);
    if (one != NULL)
        seal_item(s, 0, one, sealed);
    wipe_text(one);
    size_t i;
    json_t *item;
    json_array_foreach (many, i, item) {
        seal_item(s, i, item, sealed);
        wipe_text(item);
    }
    if (json_array_size(sealed) > 0)
        return true;
    const json_t *first = json_array_get(json_object_get(s->malformed, "malformed_items"), 0);
    const char *reason = json_string_value(json_object_get(first, "reason"));
    fault_set(&s->fault, FAULT_BAD_REQUEST, "there is no key in the request%s%s", reason != NULL ? ": " : "",
              reason != NULL ? reason : "");
    fault_hint(&s->fault, "send {\"keys\": [\"AIza...\", ...], \"project\": \"name\"}");
    return false;
}

/* ------------------------------------------------------------------ calling */

/* Asked before a body is read: nobody else shall fill our memory. */
static bool may_change(struct script *s)
{
    json_auto_t *who = NULL;
    return side_enter(s->hash, "operator", &who, &s->fault);
}

static void call(struct script *s, const char *name, bool changes)
{
    json_t *value = NULL;
    json_auto_t *from = json_pack("{s:s}", "remote", s->r->remote);
    auto_str from_text = from != NULL ? json_dumps(from, JSON_COMPACT) : NULL;
    auto_str text = json_dumps(s->params, JSON_COMPACT);
    if (!side_script(s->hash, name, text, from_text != NULL ? from_text : "{}", changes, &value, &s->fault))
        return;
    if (json_is_null(value)) {
        fault_set(&s->fault, FAULT_NOT_FOUND, "there is no such thing");
        fault_hint(&s->fault, "GET /admin/credentials and GET /admin/stats list what there is");
        return;
    }
    if (s->malformed != NULL)
        json_object_update(value, s->malformed);
    admin_answer(s->r, 200, value);
}

static bool begin(struct script *s, struct request *r)
{
    *s = (struct script){.r = r, .params = json_object()};
    return admin_token_hash(r, s->hash, &s->fault);
}

static void end(struct script *s)
{
    if (s->fault.kind != FAULT_NONE)
        admin_refuse(s->r, &s->fault);
    json_decref(s->params);
    json_decref(s->malformed);
}

static void look(struct request *r, const struct uri *u, const char *name)
{
    struct script s;
    if (begin(&s, r) && read_query(&s, u))
        call(&s, name, false);
    end(&s);
}

void admin_stats(struct request *r, const struct uri *u)
{
    look(r, u, "stats");
}

void admin_status(struct request *r, const struct uri *u)
{
    look(r, u, "status");
}

void admin_credentials(struct request *r, const struct uri *u)
{
    look(r, u, "credentials");
}

void admin_usage_show(struct request *r, const struct uri *u)
{
    look(r, u, "usage");
}

void admin_credential(struct request *r, const struct uri *u)
{
    struct script s;
    if (begin(&s, r) && read_id(&s, u, "/admin/status/"))
        call(&s, "credential", false);
    end(&s);
}

void admin_reset(struct request *r, const struct uri *u)
{
    (void)u;
    struct script s;
    if (begin(&s, r) && may_change(&s) && read_body(&s))
        call(&s, "reset", true);
    end(&s);
}

void admin_keys_add(struct request *r, const struct uri *u)
{
    (void)u;
    struct script s;
    if (begin(&s, r) && may_change(&s) && read_body(&s) && seal_keys(&s))
        call(&s, "keys_add", true);
    end(&s);
}

void admin_key_remove(struct request *r, const struct uri *u)
{
    struct script s;
    if (begin(&s, r) && read_id(&s, u, "/admin/keys/"))
        call(&s, "key_remove", true);
    end(&s);
}
