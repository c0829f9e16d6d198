/* SPDX-License-Identifier: MIT */
/*
 * accounts.c: what is different when the credential of an attempt is an OAuth account.
 *
 * Its secret is an access token (account/token.h), presented as a Bearer token.
 * With the Gemini API that is all; with Code Assist the request goes into an
 * envelope and the answer comes out of one, event by event, so that the client
 * notices nothing. Calls that Code Assist does not have go to other credentials.
 */
#include "gateway/journey.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "db/account_calls.h"
#include "translate/codeassist.h"
#include "translate/error.h"

#include <string.h>

enum { REFRESH_MS = 60 * 1000 }; /* how long a request waits for an account's token at the most */

bool accounts_used(const struct journey *j)
{
    return strcmp(j->permit.kind, "account") == 0 && !j->keyless;
}

static bool judge(struct journey *j, struct outcome o, const char *error)
{
    snprintf(o.error, sizeof o.error, "%.199s", error);
    j->judged = o;
    j->judged_set = true;
    return false;
}

/* ------------------------------------------------------------------ the token */

/* Another credential is tried; one whose refresh fails at the moment rests meanwhile. */
static bool no_token(struct journey *j, enum account_trouble trouble, const struct fault *f)
{
    const char *why = *f->meant != '\0' ? f->meant : f->said;
    if (trouble == ACCOUNT_DEAD)
        return judge(j, (struct outcome){.kind = OUTCOME_CREDENTIAL_DEAD, .another = true}, why);
    struct outcome tired = {.kind = OUTCOME_AUTH_EXPIRED, .another = true};
    if (trouble == ACCOUNT_TIRED) {
        tired.scope = SCOPE_QUOTA;
        tired.rest = REST_BACKOFF;
        snprintf(tired.reason, sizeof tired.reason, "no_token");
    }
    return judge(j, tired, why);
}

bool accounts_open(struct journey *j, int64_t rejected)
{
    struct fault f = {0};
    int64_t until = clock_ms() + REFRESH_MS;
    enum account_trouble trouble = account_token(NULL, j->permit.credential_id, rejected,
                                                 until < j->deadline_ms ? until : j->deadline_ms, &j->account, &f);
    return trouble == ACCOUNT_FINE || no_token(j, trouble, &f);
}

void accounts_headers(struct journey *j)
{
    auto_secret value = {0};
    buf_printf(&value, "Bearer %s", buf_str(&j->account.access));
    upstream_header_add(&j->call, "Authorization", buf_str(&value));
    if (j->wrapped == CODEASSIST_NONE && *j->account.project != '\0')
        upstream_header_add(&j->call, "x-goog-user-project", j->account.project);
}

/* ------------------------------------------------------------------ into the envelope */

/* Code Assist cannot do this, and no project that it serves has to be tried. */
static bool not_there(struct journey *j)
{
    struct fault ignored = {0};
    json_auto_t *projects = NULL;
    size_t i;
    json_t *project;
    if (account_calls_wrapped(&projects, &ignored))
        json_array_foreach (projects, i, project)
            journey_tried(j, json_integer_value(project), true);
    struct outcome o = {.kind = OUTCOME_QUOTA_NEVER, .another = true, .reason = ACCOUNTS_NOT_THERE};
    return judge(j, o, "Code Assist has no such call");
}

/* The native body in its envelope becomes what is sent. */
static bool wrap_body(struct journey *j)
{
    json_auto_t *native = j->sending != NULL ? gemini_parse(j->sending, j->sending_n) : NULL;
    json_auto_t *request = codeassist_request(j->wrapped, native, j->permit.upstream_model, j->account.project,
                                              j->req->id);
    free(j->wrapped_body);
    j->wrapped_body = request != NULL ? json_write(request) : NULL;
    if (j->wrapped_body != NULL)
        return true;
    fault_set(&j->fault, FAULT_BAD_REQUEST, "the request body is not a JSON object");
    return judge(j, (struct outcome){.kind = OUTCOME_CALLER, .status = 400}, j->fault.said);
}

bool accounts_wrap(struct journey *j, struct buf *url)
{
    size_t host = strlen(conf.upstream);
    if (j->account.upstream != ACCOUNT_CODE_ASSIST)
        return true;
    const char *path = j->url == NULL && url->n > host ? url->p + host : "";
    const char *query = path + strcspn(path, "?");
    auto_str bare = xstrndup(path, (size_t)(query - path));
    j->wrapped = codeassist_call_of(j->method, bare);
    if (j->wrapped == CODEASSIST_NONE)
        return not_there(j);
    auto_buf alt = {0};
    bool events = *query == '?' && uri_query_get(query + 1, "alt", &alt) > 0 && strcmp(buf_str(&alt), "sse") == 0;
    buf_clear(url);
    buf_printf(url, "%s%s%s", conf.code_assist, codeassist_path(j->wrapped), events ? "?alt=sse" : "");
    return wrap_body(j);
}

/* ------------------------------------------------------------------ out of it */

/* The bytes of a unit with other JSON in the place of its own. */
static void replace(struct buf *raw, const struct event *e, const char *json)
{
    bool inside = e->json >= e->raw && e->json + e->json_n <= e->raw + e->raw_n;
    if (!inside) { /* it came on several lines */
        buf_printf(raw, "data: %s\r\n\r\n", json);
        return;
    }
    buf_add(raw, e->raw, (size_t)(e->json - e->raw));
    buf_puts(raw, json);
    buf_add(raw, e->json + e->json_n, (size_t)(e->raw + e->raw_n - e->json - e->json_n));
}

json_t *accounts_event(const struct journey *j, struct event *e, json_t *event, struct buf *raw)
{
    if (event == NULL || json_object_get(event, "response") == NULL)
        return event;
    json_t *plain = codeassist_answer(j->wrapped, event, "");
    auto_str text = json_write(plain);
    json_decref(event);
    if (text != NULL) {
        replace(raw, e, text);
        e->raw = raw->p;
        e->raw_n = raw->n;
    }
    return plain;
}

void accounts_whole(struct journey *j)
{
    json_auto_t *answer = gemini_parse(buf_str(&j->answer), j->answer.n);
    if (answer == NULL)
        return;
    const char *model = *j->permit.upstream_model != '\0' ? j->permit.upstream_model : j->model;
    json_auto_t *plain = codeassist_answer(j->wrapped, answer, model);
    auto_str text = plain != NULL ? json_write(plain) : NULL;
    buf_clear(&j->answer);
    if (text != NULL) {
        buf_puts(&j->answer, text);
        return;
    }
    struct fault f = {0};
    fault_set(&f, FAULT_MODEL_NOT_FOUND, "models/%s is not found for this account", model);
    json_auto_t *error = error_gemini(&f);
    auto_str words = json_dumps(error, JSON_COMPACT);
    buf_puts(&j->answer, words != NULL ? words : "{}");
    j->call.status = fault_status(f.kind);
}

/* ------------------------------------------------------------------ what an answer says about the account */

void accounts_judged(struct journey *j)
{
    struct outcome *o = &j->judged;
    struct fault ignored = {0};
    if (o->kind == OUTCOME_CREDENTIAL_DEAD && j->call.status != 0) {
        json_auto_t *answer = gemini_parse(buf_str(&j->answer), j->answer.n);
        account_refused(j->permit.credential_id, answer);
    } else if (o->kind == OUTCOME_AUTH_EXPIRED && j->call.status != 0) { /* also with a new token */
        o->scope = SCOPE_QUOTA;
        o->rest = REST_BACKOFF;
        o->again = false;
        snprintf(o->reason, sizeof o->reason, "unauthenticated");
    } else if (j->wrapped != CODEASSIST_NONE && (o->status == 403 || o->status == 404)) {
        account_calls_again(NULL, &ignored, j->permit.credential_id);
    }
}
