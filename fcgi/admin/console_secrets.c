/* SPDX-License-Identifier: MIT */
/*
 * console_secrets.c: what is made or sealed before the database is asked.
 *
 * The database never sees an API key, a password or a token: keys go to it
 * sealed, of tokens and passwords a hash. Each function here is the `prepare` of
 * some rows of console_routes.c.
 */
#include "account/seal.h"
#include "admin/console_own.h"
#include "base/auto.h"
#include "base/keytext.h"
#include "base/proxy.h"
#include "db/console_calls.h"
#include "vault/vault.h"

#include <stdio.h>
#include <string.h>

enum { MALFORMED_SHOWN = 20, KEYS_MOST = 5000 };

/* ------------------------------------------------------------------ API keys */

/* What came of reading a list of keys. */
struct reading {
    const char *proxy;      /* of all these keys, or NULL; borrowed */
    json_t *sealed;         /* [{"fingerprint", "sealed", "hint"}] */
    json_t *malformed;      /* [{"text" (masked), "reason"}], the first of them */
    json_int_t malformed_n;
};

/* A proxy as the database keeps it of a credential: new. */
static json_t *seal_proxy(const char *url, const char *fingerprint)
{
    auto_buf sealed = {0}, shown = {0};
    vault_proxy_seal(url, fingerprint, &sealed);
    proxy_shown(url, &shown);
    return json_pack("{s:s,s:s}", "sealed", buf_str(&sealed), "hint", buf_str(&shown));
}

static void seal_key(struct reading *k, const char *word, size_t n)
{
    char fingerprint[VAULT_HEX_MAX];
    auto_buf sealed = {0};
    vault_credential_seal(word, n, fingerprint, &sealed);
    json_t *key = json_pack("{s:s,s:s,s:s%}", "fingerprint", fingerprint, "sealed", buf_str(&sealed), "hint",
                            word + n - 4, (size_t)4);
    if (k->proxy != NULL)
        json_object_set_new(key, "proxy", seal_proxy(k->proxy, fingerprint));
    json_array_append_new(k->sealed, key);
}

static void read_word(struct reading *k, const char *word, size_t n)
{
    auto_buf why = {0}, masked = {0};
    keytext_judge(word, n, &why);
    if (why.n == 0) {
        seal_key(k, word, n);
        return;
    }
    if (++k->malformed_n > MALFORMED_SHOWN)
        return;
    keytext_mask(word, n, &masked);
    json_array_append_new(k->malformed, json_pack("{s:s,s:s}", "text", buf_str(&masked), "reason", buf_str(&why)));
}

static void read_text(struct reading *k, const char *text)
{
    struct keytext t = {.text = text, .n = strlen(text), .line = 1};
    const char *word;
    size_t n;
    while ((word = keytext_next(&t, &n)) != NULL)
        read_word(k, word, n);
}

/* "keys" is a text, or an array of texts. */
static bool read_keys(struct call *c, struct reading *k)
{
    json_t *keys = json_object_get(c->params, "keys"), *one;
    size_t i;
    if (json_is_string(keys))
        read_text(k, json_string_value(keys));
    else if (!json_is_array(keys))
        return fault_param(&c->fault, "keys", "\"keys\" must be a list of API keys");
    json_array_foreach(keys, i, one) {
        if (!json_is_string(one))
            return fault_param(&c->fault, "keys", "\"keys\" must be a list of API keys");
        read_text(k, json_string_value(one));
        if (json_array_size(k->sealed) > KEYS_MOST)
            break;
    }
    if (json_array_size(k->sealed) <= KEYS_MOST)
        return true;
    return fault_param(&c->fault, "keys", "more than %d keys in one call: send them in parts", KEYS_MOST);
}

/* An address, if there is one: borrowed from the params, in which it stays. */
static bool read_proxy(struct call *c, const char **ret)
{
    const json_t *given = json_object_get(c->params, "proxy");
    *ret = NULL;
    if (given == NULL || json_is_null(given))
        return true;
    if (!json_is_string(given))
        return fault_param(&c->fault, "proxy", "\"proxy\" must be an address such as socks5h://127.0.0.1:1080");
    if (*json_string_value(given) == '\0')
        return true;
    *ret = json_string_value(given);
    if (proxy_check("the proxy", *ret, &c->fault))
        return true;
    snprintf(c->fault.param, sizeof c->fault.param, "proxy");
    return false;
}

bool secrets_keys(struct call *c)
{
    struct reading k = {.sealed = json_array(), .malformed = json_array()};
    bool ok = read_proxy(c, &k.proxy) && read_keys(c, &k);
    json_object_del(c->params, "keys");
    json_object_del(c->params, "proxy");
    json_object_set_new(c->params, "sealed", k.sealed);
    c->shown = json_pack("{s:o,s:I}", "malformed", k.malformed, "malformed_count", k.malformed_n);
    return ok;
}

/* ------------------------------------------------------------------ a proxy of its own */

bool secrets_proxy(struct call *c)
{
    const char *url, *id = json_string_value(json_object_get(c->params, "id"));
    json_auto_t *fingerprint = NULL;
    if (json_object_get(c->params, "proxy") == NULL)
        return true;
    if (!read_proxy(c, &url))
        return false;
    if (url == NULL)
        return json_object_set_new(c->params, "proxy", json_null()) == 0;
    if (!console_fingerprint(c->session, id, &fingerprint, &c->fault))
        return false;
    if (!json_is_string(fingerprint))
        return fault_set(&c->fault, FAULT_NOT_FOUND, "there is no credential with this id");
    return json_object_set_new(c->params, "proxy", seal_proxy(url, json_string_value(fingerprint))) == 0;
}

/* ------------------------------------------------------------------ tokens */

/* Its hash goes to the database, the token itself into the answer; it is wiped here. */
static bool hand_out(struct call *c, char token[static VAULT_TOKEN_MAX])
{
    char hash[VAULT_HEX_MAX];
    vault_token_hash_hex(token, hash);
    json_object_set_new(c->params, "_hash", json_string(hash));
    json_object_set_new(c->params, "_hint", json_string(token + strlen(token) - 4));
    c->shown = json_pack("{s:s}", "token", token);
    vault_wipe(token, VAULT_TOKEN_MAX);
    return true;
}

bool secrets_client_token(struct call *c)
{
    char token[VAULT_TOKEN_MAX];
    vault_token_new(token);
    return hand_out(c, token);
}

bool secrets_admin_token(struct call *c)
{
    char token[VAULT_TOKEN_MAX];
    vault_admin_token_new(token);
    return hand_out(c, token);
}

/* ------------------------------------------------------------------ an OAuth client */

bool secrets_oauth_client(struct call *c)
{
    const char *id = console_text(c, "client_id"), *secret = console_text(c, "secret");
    if (c->fault.kind != FAULT_NONE)
        return false;
    json_object_set_new(c->params, "_secret", seal(SEAL_CLIENT, id, secret));
    json_object_del(c->params, "secret");
    return true;
}

/* ------------------------------------------------------------------ passwords */

bool secrets_password(struct call *c)
{
    auto_buf sealed = {0};
    const char *password = console_text(c, "password");
    if (c->fault.kind != FAULT_NONE || !vault_password_seal(password, &sealed, &c->fault))
        return false;
    json_object_set_new(c->params, "password", json_loads(buf_str(&sealed), 0, NULL));
    return true;
}

bool secrets_new_password(struct call *c)
{
    char password[VAULT_PASSWORD_MADE];
    if (json_object_get(c->params, "password") != NULL)
        return secrets_password(c);
    vault_password_make(password);
    json_object_set_new(c->params, "password", json_string(password));
    c->shown = json_pack("{s:s}", "password", password);
    vault_wipe(password, sizeof password);
    return secrets_password(c);
}
