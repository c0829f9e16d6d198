/* SPDX-License-Identifier: MIT */
/*
 * login.c: the login of an account in a browser; see import.h.
 *
 * The state is random, stored as a hash, and good for one time within the
 * setting login_minutes. The code verifier (PKCE, RFC 7636) never leaves us, so
 * a code that somebody else sees is of no use to him.
 */
#include "account/import.h"
#include "account/newcomer.h"
#include "account/seal.h"
#include "base/auto.h"
#include "base/json.h"
#include "db/account_calls.h"

#include <string.h>

enum { STATE_BYTES = 32, VERIFIER_BYTES = 48, WORD_MAX = 2 * VERIFIER_BYTES + 1 };

static void random_word(size_t bytes, char out[static WORD_MAX])
{
    unsigned char random[VERIFIER_BYTES];
    vault_random(random, bytes);
    vault_hex(random, bytes, out);
    vault_wipe(random, sizeof random);
}

/* base64url of the SHA-256, without padding: 43 characters. */
static void challenge_of(const char *verifier, char out[static 44])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char hash[33] = {0};
    vault_sha256(verifier, strlen(verifier), hash);
    for (size_t i = 0; i < 43; i++) {
        size_t bit = 6 * i, byte = bit / 8, shift = 10 - bit % 8;
        unsigned two = (unsigned)hash[byte] << 8 | hash[byte + 1];
        out[i] = digits[two >> shift & 63];
    }
    out[43] = '\0';
}

static json_t *login_of(const struct account_login *login, const struct newcomer_client *client, const char *id,
                        const char *state, const char *verifier, const char *redirect)
{
    char state_hash[VAULT_HEX_MAX];
    vault_token_hash_hex(state, state_hash);
    return json_pack("{s:s, s:s, s:s?, s:o, s:I, s:s, s:s?, s:s?, s:s?, s:s?}", "id", id, "state_hash", state_hash,
                     "browser_hash", login->browser_hash, "verifier", seal(SEAL_VERIFIER, id, verifier),
                     "oauth_client", (json_int_t)client->number, "redirect_uri", redirect, "upstream",
                     login->wish.upstream, "google_project", login->wish.project, "label", login->wish.label,
                     "actor", login->wish.actor);
}

/* Where Google shall send the browser. */
static void add_redirect(const struct account_login *login, const struct newcomer_client *client, struct buf *out)
{
    bool web = login->redirect == ACCOUNT_REDIRECT_WEB ||
               (login->redirect == ACCOUNT_REDIRECT_AUTO && login->path != NULL && client->public_url.n > 0);
    if (login->redirect_uri != NULL)
        buf_puts(out, login->redirect_uri);
    else if (web)
        buf_printf(out, "%s%s", client->public_url.n > 0 ? buf_str(&client->public_url) : login->base, login->path);
    else
        buf_puts(out, ACCOUNT_LOOPBACK);
}

static bool begin_with(struct db *db, const struct account_login *login, const struct newcomer_client *client,
                       json_t **ret, struct fault *f)
{
    char id[VAULT_UUID_MAX], state[WORD_MAX], verifier[WORD_MAX], challenge[44];
    auto_buf where = {0};
    add_redirect(login, client, &where);
    const char *redirect = buf_str(&where);
    vault_uuid7(id);
    random_word(STATE_BYTES, state);
    random_word(VERIFIER_BYTES, verifier);
    challenge_of(verifier, challenge);
    json_auto_t *row = login_of(login, client, id, state, verifier, redirect), *status = NULL;
    vault_wipe(verifier, sizeof verifier);
    if (!account_calls_login_start(db, &status, f, row))
        return false;
    auto_str url = oauth_url(buf_str(&client->id), redirect, state, challenge);
    *ret = json_pack("{s:s, s:s, s:s, s:O?}", "session", id, "url", url, "redirect_uri", redirect, "expires_at",
                     json_object_get(status, "expires_at"));
    return true;
}

bool account_login_begin(struct db *db, const struct account_login *login, json_t **ret, struct fault *f)
{
    struct newcomer_client client = {0};
    bool ok = newcomer_client(db, NULL, &client, f) && begin_with(db, login, &client, ret, f);
    newcomer_client_free(&client);
    return ok;
}

/* ------------------------------------------------------------------ the end */

static bool exchange(struct db *db, const json_t *login, const struct account_answer *a, json_t **ret,
                     struct fault *f)
{
    auto_secret verifier = {0}, secret = {0};
    char says[OAUTH_SAYS_MAX];
    const char *client_id = json_text_at(login, "client_id"), *project = json_text_at(login, "google_project");
    if (!unseal(SEAL_VERIFIER, json_text_at(login, "id"), json_text_at(login, "verifier"), &verifier, f) ||
        !unseal(SEAL_CLIENT, client_id, json_text_at(login, "client_secret"), &secret, f))
        return false;
    struct oauth_tokens t = {0};
    const struct oauth_client c = {.id = client_id, .secret = buf_str(&secret)};
    enum oauth_end end = oauth_exchange(&c, a->code, json_text_at(login, "redirect_uri"), buf_str(&verifier), &t, says);
    bool ok = newcomer_fault(end, says, f);
    if (ok && t.refresh.n == 0)
        ok = fault_set(f, FAULT_BAD_REQUEST, "Google gave no refresh token: remove this application's access in "
                                             "the Google account, then log in again");
    if (ok && *t.email == '\0' && oauth_email(buf_str(&t.access), t.email, says) == OAUTH_AGAIN)
        *t.email = '\0'; /* rather an account without a name than a login that is lost */
    const struct newcomer n = {
        .upstream = json_text_at(login, "upstream"),
        .project = *project != '\0' ? project : NULL,
        .label = json_text_at(login, "label"),
        .actor = json_text_at(login, "actor"),
        .remote = a->remote,
        .email = t.email,
        .refresh = buf_str(&t.refresh),
        .access = buf_str(&t.access),
        .expires_s = t.expires_s,
        .scopes = buf_str(&t.scopes),
        .client_id = client_id,
    };
    ok = ok && newcomer_store(db, &n, ret, f);
    oauth_tokens_free(&t);
    return ok;
}

static bool denied(const char *error, struct fault *f)
{
    if (strcmp(error, "access_denied") == 0)
        return fault_set(f, FAULT_BAD_REQUEST, "access was not granted in the browser: nothing was changed");
    return fault_set(f, FAULT_BAD_REQUEST, "Google answered with an error (%.60s): nothing was changed", error);
}

static bool end_login(struct db *db, const json_t *login, const struct account_answer *a, json_t **ret,
                      struct fault *f)
{
    if (a->error != NULL)
        return denied(a->error, f);
    if (a->code == NULL || *a->code == '\0' || strlen(a->code) > 2000)
        return fault_set(f, FAULT_BAD_REQUEST, "there is no code in it: paste the whole address, or the code alone");
    return exchange(db, login, a, ret, f);
}

bool account_login_end(struct db *db, const struct account_answer *a, json_t **ret, struct fault *f)
{
    char hash[VAULT_HEX_MAX];
    json_auto_t *login = NULL, *status = NULL;
    if (a->state != NULL)
        vault_token_hash_hex(a->state, hash);
    if (a->state == NULL && a->session == NULL)
        return fault_set(f, FAULT_BAD_REQUEST, "the answer names no login: it has no state");
    if (!account_calls_login_take(db, &login, f, a->session, a->state != NULL ? hash : NULL, a->browser_hash))
        return false;
    if (!json_is_object(login)) {
        fault_set(f, FAULT_BAD_REQUEST, "this login is not known, has expired, was ended before, or was begun in "
                                        "another browser");
        fault_hint(f, "begin again");
        return false;
    }
    struct fault ignored = {0};
    bool ok = end_login(db, login, a, ret, f);
    int64_t credential = ok ? json_integer_value(json_object_get(*ret, "id")) : 0;
    account_calls_login_end(db, &status, &ignored, json_text_at(login, "id"), credential, ok ? NULL : f->said);
    return ok;
}

/* ------------------------------------------------------------------ what was pasted */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The text up to a blank or the next parameter, decoded: new. */
static char *decoded(const char *at)
{
    auto_buf value = {0};
    for (; *at != '\0' && strchr("&# \t\r\n", *at) == NULL; at++) {
        int high = *at == '%' ? hex_digit(at[1]) : -1, low = high >= 0 ? hex_digit(at[2]) : -1;
        buf_putc(&value, low >= 0 ? (char)(high << 4 | low) : *at == '+' ? ' ' : *at);
        at += low >= 0 ? 2 : 0;
    }
    return xstrdup(buf_str(&value));
}

/* The value of a parameter of a query or fragment: new, NULL if it is not there. */
static char *parameter(const char *text, const char *name)
{
    size_t n = strlen(name);
    const char *at = text;
    while ((at = strstr(at, name)) != NULL && (at == text || strchr("?&#", at[-1]) == NULL || at[n] != '='))
        at++;
    return at != NULL ? decoded(at + n + 1) : NULL;
}

void account_read_pasted(const char *pasted, char **state, char **code, char **error)
{
    pasted += strspn(pasted, " \t\r\n");
    *state = *code = *error = NULL;
    if (strpbrk(pasted, "?=") != NULL) {
        *state = parameter(pasted, "state");
        *code = parameter(pasted, "code");
        *error = parameter(pasted, "error");
    } else if (*pasted != '\0') {
        *code = decoded(pasted);
    }
}
