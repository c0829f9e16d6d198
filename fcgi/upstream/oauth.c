/* SPDX-License-Identifier: MIT */
/* oauth.c: Google's OAuth 2.0 endpoints; see oauth.h. */
#include "upstream/oauth.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "upstream/upstream.h"

#include <string.h>

enum { CALL_MS = 30 * 1000, CONNECT_MS = 10000, FIRST_MS = 20 * 1000, ANSWER_MAX = 1024 * 1024, EXPIRES_MOST_S = 30 * 24 * 3600 };

/* What an installed application asks for when it is to use Google's cloud in somebody's name. */
static const char scopes[] = "https://www.googleapis.com/auth/cloud-platform "
                             "https://www.googleapis.com/auth/userinfo.email "
                             "https://www.googleapis.com/auth/userinfo.profile openid";

/* A buffer that held a secret. */
static void forget(struct buf *b)
{
    if (b->p != NULL)
        explicit_bzero(b->p, b->cap);
    buf_free(b);
}
#define auto_forget __attribute__((cleanup(forget))) struct buf

void oauth_tokens_free(struct oauth_tokens *t)
{
    forget(&t->access);
    forget(&t->refresh);
    buf_free(&t->scopes);
}

/* ------------------------------------------------------------------ words */

static void set_says(char says[static OAUTH_SAYS_MAX], const char *text)
{
    auto_buf masked = {0};
    log_redact(&masked, text, strnlen(text, 2000));
    size_t n = utf8_whole(buf_str(&masked), masked.n < OAUTH_SAYS_MAX - 1 ? masked.n : OAUTH_SAYS_MAX - 1);
    for (size_t i = 0; i < n; i++)
        says[i] = (unsigned char)masked.p[i] < 0x20 || masked.p[i] == 0x7f ? ' ' : masked.p[i];
    says[n] = '\0';
}

/* A value of a form or query: everything but letters, digits and -._~ becomes %XX. */
static void form_value(struct buf *out, const char *name, const char *value)
{
    if (out->n > 0)
        buf_putc(out, '&');
    buf_printf(out, "%s=", name);
    for (const char *p = value; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL;
        if (plain)
            buf_putc(out, *p);
        else
            buf_printf(out, "%%%02X", c);
    }
}

char *oauth_url(const char *client_id, const char *redirect_uri, const char *state, const char *challenge)
{
    auto_buf query = {0}, url = {0};
    form_value(&query, "response_type", "code");
    form_value(&query, "client_id", client_id);
    form_value(&query, "redirect_uri", redirect_uri);
    form_value(&query, "scope", scopes);
    form_value(&query, "access_type", "offline");
    form_value(&query, "prompt", "consent"); /* otherwise a second login brings no refresh token */
    form_value(&query, "state", state);
    form_value(&query, "code_challenge", challenge);
    form_value(&query, "code_challenge_method", "S256");
    buf_printf(&url, "%s?%s", conf.oauth_auth_url, buf_str(&query));
    return buf_take(&url);
}

/* ------------------------------------------------------------------ calls */

static bool collect(void *ctx, const char *bytes, size_t n)
{
    struct buf *answer = ctx;
    if (answer->n + n > ANSWER_MAX)
        return false;
    buf_add(answer, bytes, n);
    return true;
}

int oauth_call(const char *url, const char *proxy, const char *bearer, const char *type, const char *body, struct buf *answer,
               char says[static OAUTH_SAYS_MAX])
{
    struct upstream_call c = {
        .method = body != NULL ? "POST" : "GET",
        .url = url,
        .proxy = proxy != NULL && *proxy != '\0' ? proxy : conf.proxy,
        .body = body,
        .body_n = body != NULL ? strlen(body) : 0,
        .connect_ms = CONNECT_MS,
        .first_byte_ms = FIRST_MS,
        .idle_ms = FIRST_MS,
        .deadline_ms = clock_ms() + CALL_MS,
        .on_data = collect,
        .ctx = answer,
    };
    upstream_header_add(&c, "User-Agent", "pollux/" POLLUX_VERSION);
    upstream_header_add(&c, "Accept", "application/json");
    if (body != NULL)
        upstream_header_add(&c, "Content-Type", type);
    auto_forget authorization = {0};
    if (*bearer != '\0') {
        buf_printf(&authorization, "Bearer %s", bearer);
        upstream_header_add(&c, "Authorization", buf_str(&authorization));
    }
    enum upstream_end end = upstream_perform(&c);
    int status = end == UPSTREAM_DONE ? c.status : 0;
    if (status == 0)
        set_says(says, *c.error != '\0' ? c.error : "Google did not answer");
    forget(&c.headers);
    upstream_call_free(&c);
    return status;
}

/* Which kind of failure an OAuth error is (RFC 6749, 5.2, and Google's own). */
static enum oauth_end end_of(int status, const char *error)
{
    static const char *const client[] = {"invalid_client", "unauthorized_client", "redirect_uri_mismatch",
                                         "deleted_client", "disabled_client", "org_internal", NULL};
    if (strcmp(error, "invalid_grant") == 0)
        return OAUTH_REVOKED;
    for (const char *const *one = client; *one != NULL; one++)
        if (strcmp(error, *one) == 0)
            return OAUTH_CLIENT;
    if (status == 429 || status >= 500 || status == 408 || strcmp(error, "internal_failure") == 0 ||
        strcmp(error, "temporarily_unavailable") == 0 || *error == '\0')
        return OAUTH_AGAIN;
    return OAUTH_REFUSED;
}

/* {"error": "invalid_grant", "error_description": "...", "error_subtype": "..."}, or {"error": {...}}. */
static enum oauth_end failure(int status, const json_t *answer, char says[static OAUTH_SAYS_MAX])
{
    const json_t *error = json_object_get(answer, "error");
    const char *word = json_is_string(error) ? json_string_value(error) : json_text_at(error, "status");
    const char *text = json_is_string(error) ? json_text_at(answer, "error_description") : json_text_at(error, "message");
    const char *subtype = json_text_at(answer, "error_subtype");
    auto_buf words = {0};
    buf_printf(&words, "%d %s", status, *word != '\0' ? word : "without an error code");
    if (*text != '\0')
        buf_printf(&words, ": %s", text);
    if (*subtype != '\0')
        buf_printf(&words, " (%s)", subtype);
    set_says(says, buf_str(&words));
    return end_of(status, word);
}

/* The payload of a JWT lies between its dots, in base64url. */
void oauth_email_of_id_token(const char *id_token, char email[static OAUTH_EMAIL_MAX])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    *email = '\0';
    const char *at = strchr(id_token, '.');
    auto_buf payload = {0};
    unsigned bits = 0, have = 0;
    for (at = at != NULL ? at + 1 : ""; *at != '\0' && *at != '.'; at++) {
        const char *digit = strchr(digits, *at);
        if (digit == NULL)
            return;
        bits = (bits << 6 | (unsigned)(digit - digits)) & 0xffff;
        have += 6;
        if (have >= 8)
            buf_putc(&payload, (char)(bits >> (have -= 8) & 0xff));
    }
    json_auto_t *claims = json_read(buf_str(&payload), payload.n);
    const char *said = json_text_at(claims, "email");
    if (strchr(said, '@') != NULL && strlen(said) < OAUTH_EMAIL_MAX)
        strcpy(email, said);
}

static enum oauth_end read_tokens(const json_t *answer, struct oauth_tokens *ret, char says[static OAUTH_SAYS_MAX])
{
    const char *access = json_text_at(answer, "access_token"), *refresh = json_text_at(answer, "refresh_token");
    const json_t *expires = json_object_get(answer, "expires_in");
    int64_t seconds = json_is_string(expires) ? strtoll(json_string_value(expires), NULL, 10)
                                              : (int64_t)json_number_value(expires);
    if (*access == '\0') {
        set_says(says, "Google's answer holds no access token");
        return OAUTH_AGAIN;
    }
    buf_puts(&ret->access, access);
    buf_puts(&ret->refresh, refresh);
    buf_puts(&ret->scopes, json_text_at(answer, "scope"));
    ret->expires_s = seconds <= 0 ? 3600 : seconds > EXPIRES_MOST_S ? EXPIRES_MOST_S : seconds;
    oauth_email_of_id_token(json_text_at(answer, "id_token"), ret->email);
    return OAUTH_OK;
}

static enum oauth_end ask(const char *proxy, const struct buf *form, struct oauth_tokens *ret, char says[static OAUTH_SAYS_MAX])
{
    auto_forget text = {0};
    *says = '\0';
    int status = oauth_call(conf.oauth_token_url, proxy, "", "application/x-www-form-urlencoded", buf_str(form), &text, says);
    if (status == 0)
        return OAUTH_AGAIN;
    json_auto_t *answer = json_read(buf_str(&text), text.n);
    return status == 200 ? read_tokens(answer, ret, says) : failure(status, answer, says);
}

enum oauth_end oauth_exchange(const struct oauth_client *c, const char *code, const char *redirect_uri,
                              const char *verifier, struct oauth_tokens *ret, char says[static OAUTH_SAYS_MAX])
{
    auto_forget form = {0};
    form_value(&form, "grant_type", "authorization_code");
    form_value(&form, "code", code);
    form_value(&form, "client_id", c->id);
    form_value(&form, "client_secret", c->secret);
    form_value(&form, "redirect_uri", redirect_uri);
    form_value(&form, "code_verifier", verifier);
    return ask(c->proxy, &form, ret, says);
}

enum oauth_end oauth_refresh(const struct oauth_client *c, const char *refresh_token, struct oauth_tokens *ret,
                             char says[static OAUTH_SAYS_MAX])
{
    auto_forget form = {0};
    form_value(&form, "grant_type", "refresh_token");
    form_value(&form, "refresh_token", refresh_token);
    form_value(&form, "client_id", c->id);
    form_value(&form, "client_secret", c->secret);
    return ask(c->proxy, &form, ret, says);
}

enum oauth_end oauth_email(const char *access_token, char email[static OAUTH_EMAIL_MAX],
                           char says[static OAUTH_SAYS_MAX])
{
    auto_buf text = {0};
    *says = *email = '\0';
    int status = oauth_call(conf.oauth_userinfo_url, NULL, access_token, NULL, NULL, &text, says);
    if (status == 0)
        return OAUTH_AGAIN;
    json_auto_t *answer = json_read(buf_str(&text), text.n);
    if (status != 200)
        return failure(status, answer, says);
    const char *said = json_text_at(answer, "email");
    if (strchr(said, '@') != NULL && strlen(said) < OAUTH_EMAIL_MAX)
        strcpy(email, said);
    return OAUTH_OK;
}
