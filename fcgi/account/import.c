/* SPDX-License-Identifier: MIT */
/* import.c: accounts out of files; see import.h. Logins are in login.c. */
#include "account/import.h"
#include "account/newcomer.h"
#include "account/seal.h"
#include "account/token.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "db/account_calls.h"

#include <string.h>
#include <unistd.h>

enum { SETUP_MS = 150 * 1000, STORE_MS = 30 * 1000, STORE_PAUSE_MS = 200 };

/* ------------------------------------------------------------------ the OAuth client */

static bool no_client(struct fault *f, const char *client_id)
{
    if (client_id != NULL)
        fault_set(f, FAULT_BAD_REQUEST, "the OAuth client of this file is not configured here");
    else
        fault_set(f, FAULT_BAD_REQUEST, "no OAuth client is configured: accounts are off");
    fault_hint(f, "make an OAuth client in the Google Cloud console and give it to `pollux account client ID`");
    return false;
}

bool newcomer_client(struct db *db, const char *client_id, struct newcomer_client *ret, struct fault *f)
{
    json_auto_t *client = NULL;
    if (!account_calls_client(db, &client, f, client_id))
        return false;
    if (!json_is_object(client))
        return no_client(f, client_id);
    ret->number = json_integer_value(json_object_get(client, "id"));
    buf_puts(&ret->id, json_text_at(client, "client_id"));
    buf_puts(&ret->public_url, json_text_at(client, "public_url"));
    return unseal(SEAL_CLIENT, buf_str(&ret->id), json_text_at(client, "secret"), &ret->secret, f);
}

void newcomer_client_free(struct newcomer_client *c)
{
    vault_wipe_buf(&c->secret);
    buf_free(&c->id);
    buf_free(&c->public_url);
}

/* ------------------------------------------------------------------ storing */

/* The account is who it is for and what for; without an e-mail address, its first refresh token. */
static void fingerprint_of(const struct newcomer *n, char hex[static VAULT_HEX_MAX])
{
    unsigned char print[32];
    auto_secret who = {0};
    buf_printf(&who, "account|%s|%s", n->upstream, *n->email != '\0' ? n->email : n->refresh);
    vault_fingerprint(who.p, who.n, print);
    vault_hex(print, sizeof print, hex);
}

static json_t *account_of(const struct newcomer *n)
{
    char print[VAULT_HEX_MAX];
    fingerprint_of(n, print);
    json_t *account = json_pack(
        "{s:s, s:o, s:o, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s?}", "fingerprint", print, "sealed",
        seal(SEAL_REFRESH, print, n->refresh), "access", seal(SEAL_ACCESS, print, n->access), "expires_s",
        (json_int_t)n->expires_s, "email", n->email, "upstream", n->upstream, "google_project",
        n->project != NULL ? n->project : "", "scopes", n->scopes, "label", n->label != NULL ? n->label : "",
        "client_id", n->client_id, "actor", n->actor, "remote", n->remote);
    if (n->client_secret != NULL)
        json_object_set_new(account, "client_secret", seal(SEAL_CLIENT, n->client_id, n->client_secret));
    return account;
}

/* The refresh token may be the only one that Google still takes: a database that is away is waited for. */
static bool store(struct db *db, const json_t *account, json_t **ret, struct fault *f)
{
    for (int64_t until = clock_ms() + STORE_MS;;) {
        struct fault problem = {0};
        if (account_calls_add(db, ret, &problem, account))
            return true;
        if (problem.kind != FAULT_UNAVAILABLE || clock_ms() > until) {
            *f = problem;
            return false;
        }
        usleep(STORE_PAUSE_MS * 1000);
    }
}

bool newcomer_store(struct db *db, const struct newcomer *n, json_t **ret, struct fault *f)
{
    json_auto_t *account = account_of(n), *stored = NULL;
    if (!store(db, account, &stored, f))
        return false;
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)json_integer_value(json_object_get(stored, "id")));
    if (strcmp(n->upstream, "code_assist") == 0) {
        struct fault told = {0}; /* it stands in the account */
        account_tend(db, strtoll(id, NULL, 10), clock_ms() + SETUP_MS, &told);
    }
    if (!account_calls_show(db, ret, f, id))
        return false;
    json_object_set(*ret, "new", json_object_get(stored, "new"));
    return true;
}

bool newcomer_fault(enum oauth_end end, const char *says, struct fault *f)
{
    switch (end) {
    case OAUTH_OK:
        return true;
    case OAUTH_REVOKED:
        fault_set(f, FAULT_BAD_REQUEST, "Google does not accept this login (any more): %s", says);
        fault_hint(f, "log in again: pollux account login");
        return false;
    case OAUTH_CLIENT:
        fault_set(f, FAULT_BAD_REQUEST, "Google does not accept the OAuth client: %s", says);
        fault_hint(f, "compare id, secret and redirect addresses with the Google Cloud console; see `pollux account "
                      "client`");
        return false;
    case OAUTH_REFUSED:
        return fault_set(f, FAULT_BAD_REQUEST, "Google refuses: %s", says);
    case OAUTH_AGAIN:
        break;
    }
    fault_set(f, FAULT_UNAVAILABLE, "Google cannot be asked at the moment: %s", says);
    fault_hint(f, "try again; nothing was changed");
    return false;
}

/* ------------------------------------------------------------------ files */

/* What a file says. The texts are borrowed from it. */
struct file {
    const char *refresh, *id_token, *email, *project, *client_id, *client_secret;
};

static const char *first_of(const json_t *a, const char *a_name, const json_t *b, const char *b_name)
{
    const char *text = json_text_at(a, a_name);
    return *text != '\0' ? text : json_text_at(b, b_name);
}

static bool read_file(const json_t *root, struct file *ret, struct fault *f)
{
    const json_t *token = json_object_get(root, "token"); /* some programs keep the tokens in a member */
    const char *type = json_text_at(root, "type");
    if (!json_is_object(root))
        return fault_set(f, FAULT_BAD_REQUEST,
                         "this is no file of an account: give oauth_creds.json or an authorized_user file");
    if (strcmp(type, "service_account") == 0)
        return fault_set(f, FAULT_BAD_REQUEST, "service accounts cannot be used: give the file of a user's login");
    if (json_is_object(json_object_get(root, "installed")) || json_is_object(json_object_get(root, "web"))) {
        fault_set(f, FAULT_BAD_REQUEST, "this is the file of an OAuth client, not of an account");
        fault_hint(f, "configure it with `pollux account client ID`, then `pollux account login`");
        return false;
    }
    *ret = (struct file){
        .refresh = first_of(root, "refresh_token", token, "refresh_token"),
        .id_token = first_of(root, "id_token", token, "id_token"),
        .email = first_of(root, "email", root, "account"),
        .project = first_of(root, "project_id", root, "quota_project_id"),
        .client_id = first_of(root, "client_id", token, "client_id"),
        .client_secret = first_of(root, "client_secret", token, "client_secret"),
    };
    if (*ret->refresh != '\0')
        return true;
    fault_set(f, FAULT_BAD_REQUEST, "the file holds no refresh_token: without it the login ends within the hour");
    fault_hint(f, "log in again with the program that made the file, or with `pollux account login`");
    return false;
}

/* The client that the file names, with its own secret if it has one; else the configured one. */
static bool client_of(struct db *db, const struct file *file, struct newcomer_client *ret, struct fault *f)
{
    if (*file->client_id == '\0' || *file->client_secret == '\0')
        return newcomer_client(db, *file->client_id != '\0' ? file->client_id : NULL, ret, f);
    buf_puts(&ret->id, file->client_id);
    buf_puts(&ret->secret, file->client_secret);
    return true;
}

/* Whose it is: Google's word before the file's. */
static bool find_email(const struct file *file, struct oauth_tokens *t, struct fault *f)
{
    char says[OAUTH_SAYS_MAX];
    if (*t->email != '\0')
        return true;
    oauth_email_of_id_token(file->id_token, t->email);
    if (*t->email == '\0' && strchr(file->email, '@') != NULL && strlen(file->email) < sizeof t->email)
        snprintf(t->email, sizeof t->email, "%s", file->email);
    if (*t->email != '\0')
        return true;
    enum oauth_end end = oauth_email(buf_str(&t->access), t->email, says);
    return end != OAUTH_AGAIN || newcomer_fault(end, says, f); /* one without the scope has no name, that is all */
}

static bool import_file(struct db *db, const struct file *file, const struct account_wish *wish,
                        const struct newcomer_client *client, json_t **ret, struct fault *f)
{
    char says[OAUTH_SAYS_MAX];
    struct oauth_tokens t = {0};
    const struct oauth_client c = {.id = buf_str(&client->id), .secret = buf_str(&client->secret)};
    enum oauth_end end = oauth_refresh(&c, file->refresh, &t, says);
    bool ok = newcomer_fault(end, says, f) && find_email(file, &t, f);
    const struct newcomer n = {
        .upstream = wish->upstream != NULL ? wish->upstream : "gemini",
        .project = wish->project != NULL ? wish->project : file->project,
        .label = wish->label,
        .actor = wish->actor,
        .remote = wish->remote,
        .email = t.email,
        .refresh = t.refresh.n > 0 ? buf_str(&t.refresh) : file->refresh,
        .access = buf_str(&t.access),
        .expires_s = t.expires_s,
        .scopes = buf_str(&t.scopes),
        .client_id = buf_str(&client->id),
        .client_secret = client->number == 0 ? buf_str(&client->secret) : NULL,
    };
    ok = ok && newcomer_store(db, &n, ret, f);
    oauth_tokens_free(&t);
    return ok;
}

bool account_import(struct db *db, const char *text, size_t n, const struct account_wish *wish, json_t **ret,
                    struct fault *f)
{
    json_auto_t *root = json_read(text, n);
    struct file file = {0};
    struct newcomer_client client = {0};
    bool ok = read_file(root, &file, f) && client_of(db, &file, &client, f) &&
              import_file(db, &file, wish, &client, ret, f);
    newcomer_client_free(&client);
    return ok;
}
