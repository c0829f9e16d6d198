/* SPDX-License-Identifier: MIT */
/* journey.c: beginning and end of every request through the gateway; see journey.h. */
#include "gateway/journey.h"
#include "gateway/gateway.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "translate/error.h"

#include <stdatomic.h>
#include <string.h>

static atomic_llong bodies_held; /* bytes of request bodies in this process */

/* ------------------------------------------------------------------ beginning */

static void gather_credentials(const struct request *r, const struct uri *uri, struct credential_source *src)
{
    static const struct {
        const char *name;
        enum credential_place place;
    } places[] = {
        {"authorization", CREDENTIAL_AUTHORIZATION},
        {"x-goog-api-key", CREDENTIAL_X_GOOG_API_KEY},
        {"x-api-key", CREDENTIAL_X_API_KEY},
    };
    src->query = buf_str(&uri->query);
    for (size_t i = 0; i < r->headers_n; i++)
        for (size_t k = 0; k < sizeof places / sizeof *places; k++)
            if (strcmp(r->headers[i].name, places[k].name) == 0)
                credential_add(src, places[k].place, r->headers[i].value);
}

/* Whether a request without any credential may try its luck; the database looks at it more closely. */
static bool open_access(const struct credential_source *src)
{
    return ledger_setting_on("open_access", false) && credential_absent(src);
}

bool journey_open(struct journey *j, struct request *req, const struct uri *uri, enum dialect dialect)
{
    *j = (struct journey){.req = req, .uri = uri, .dialect = dialect, .method = req->method};
    j->held_events = json_array();
    permit_init(&j->permit);
    j->deadline_ms = req->began_ms + ledger_setting("total_timeout_ms", 900000);
    sse_init(&j->sse, req, dialect == DIALECT_NATIVE);
    struct credential_source src = {0};
    gather_credentials(req, uri, &src);
    char token[CREDENTIAL_MAX];
    j->open = open_access(&src);
    if (j->open)
        snprintf(j->token_hash, sizeof j->token_hash, LEDGER_OPEN);
    else if (credential_parse(&src, token, &j->fault))
        vault_token_hash_hex(token, j->token_hash);
    capture_begin(j, j->open ? "" : token);
    vault_wipe(token, sizeof token);
    return j->fault.kind == FAULT_NONE;
}

bool journey_authenticate(struct journey *j, bool counts)
{
    struct wish w = {.id = j->req->id,
                     .auth_only = true,
                     .attempt = counts,
                     .token_hash = *j->token_hash ? j->token_hash : NULL,
                     .dialect = j->dialect == DIALECT_OPENAI ? "openai" : "native",
                     .verb = "",
                     .model = "",
                     .remote = j->req->remote,
                     .deadline_ms = j->deadline_ms};
    permit_free(&j->permit);
    bool ok = ledger_reserve(&w, &j->permit, &j->fault);
    j->client_id = j->permit.client_id;
    return ok;
}

bool journey_needs_token(struct journey *j)
{
    if (!j->open)
        return true;
    return fault_set(&j->fault, FAULT_UNAUTHENTICATED,
                     "without a client token only models may be called and listed: files, caches and jobs "
                     "belong to somebody");
}

bool journey_hold(struct journey *j, int64_t n)
{
    j->body_counted += n;
    if (atomic_fetch_add(&bodies_held, n) + n <= conf.body_budget)
        return true;
    j->fault.retry_after_ms = 2000;
    return fault_set(&j->fault, FAULT_UNAVAILABLE,
                     "too many large requests at the same time; try again shortly");
}

bool journey_body(struct journey *j, size_t max)
{
    if (j->req->content_length > (int64_t)max)
        return request_body(j->req, &j->body, max, &j->fault); /* refuses */
    /* It counts by its announced length before it is read, so that the budget cannot be overrun together. */
    bool room = journey_hold(j, j->req->content_length > 0 ? j->req->content_length : 0);
    return room && request_body(j->req, &j->body, max, &j->fault);
}

void journey_body_free(struct journey *j)
{
    atomic_fetch_sub(&bodies_held, j->body_counted);
    j->body_counted = 0;
    buf_free(&j->body);
    json_decref(j->chat_body);
    free(j->sending_owned);
    free(j->wrapped_body);
    j->chat_body = NULL;
    j->sending = j->sending_owned = j->wrapped_body = NULL;
    j->sending_n = 0;
}

void journey_resource(struct journey *j, const char *name)
{
    for (size_t i = 0; i < j->resources_n; i++)
        if (strcmp(j->resources[i], name) == 0)
            return;
    if (j->resources_n < RESOURCES_MAX && strlen(name) < 512)
        j->resources[j->resources_n++] = xstrdup(name);
}

void journey_tried(struct journey *j, int64_t project, bool spent)
{
    if (j->tried_n == TRIED_MAX)
        return;
    j->tried = xrealloc(j->tried, (j->tried_n + 1) * sizeof *j->tried);
    j->tried[j->tried_n++] = project;
    if (!spent)
        return;
    j->tried[j->tried_n - 1] = j->tried[j->spent_n];
    j->tried[j->spent_n++] = project;
}

bool journey_prepared(struct journey *j, const char *model, const char *traits)
{
    auto_buf key = {0};
    buf_printf(&key, "%s %u %s", model, j->adjust, traits);
    if (j->prepared_for != NULL && strcmp(j->prepared_for, buf_str(&key)) == 0)
        return true;
    free(j->prepared_for);
    j->prepared_for = buf_take(&key);
    return false;
}

bool journey_has_stand_in(const struct journey *j)
{
    return j->stand_ins_at < json_array_size(j->stand_ins);
}

void journey_tell_model(struct journey *j)
{
    if (j->model_told || response_begun(j->req) || *j->permit.model == '\0')
        return;
    j->model_told = true;
    buf_printf(&j->req->always, "X-Pollux-Model: %s\r\n", j->permit.model);
}

/* ------------------------------------------------------------------ failures in words */

/* OpenAI's SDKs sleep for whatever retry-after says: long waits are told by x-should-retry instead. */
static void retry_headers(struct request *r, enum dialect dialect, const struct fault *f)
{
    int64_t s = (f->retry_after_ms + 999) / 1000;
    bool wait = f->retry_after_ms > 0;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)s);
    if (wait && (dialect == DIALECT_NATIVE || s <= 60))
        response_header(r, "Retry-After", text);
    else if ((f->kind == FAULT_EXHAUSTED && f->retry_after_ms != 0) || f->kind == FAULT_BUDGET)
        response_header(r, "X-Should-Retry", "false");
}

void answer_fault(struct request *r, enum dialect dialect, const struct fault *f)
{
    json_auto_t *error = dialect == DIALECT_OPENAI ? error_openai(f) : error_gemini(f);
    auto_str text = json_dumps(error, JSON_COMPACT);
    if (text == NULL)
        text = xstrdup("{\"error\":{\"message\":\"the request holds text that is not valid UTF-8\"}}");
    response_begin(r, fault_status(f->kind));
    response_header(r, "Content-Type", "application/json; charset=UTF-8");
    if (f->kind == FAULT_UNAUTHENTICATED)
        response_header(r, "WWW-Authenticate", "Bearer realm=\"pollux\"");
    retry_headers(r, dialect, f);
    char length[24];
    snprintf(length, sizeof length, "%zu", strlen(text));
    response_header(r, "Content-Length", length);
    response_write(r, text, strcmp(r->method, "HEAD") == 0 ? 0 : strlen(text));
}

void answer_json(struct journey *j, int status, json_t *value)
{
    auto_str text = json_write(value);
    json_decref(value);
    if (text == NULL) {
        fault_set(&j->fault, FAULT_UPSTREAM, "the upstream's answer could not be translated");
        return;
    }
    response_whole(j->req, status, "application/json", text, strlen(text));
}

/* ------------------------------------------------------------------ end */

static const char *outcome_of_fault(enum fault_kind kind)
{
    switch (kind) {
    case FAULT_UNAUTHENTICATED:
    case FAULT_FORBIDDEN:
    case FAULT_RATE_LIMITED:
    case FAULT_BUDGET:
        return "refused";
    case FAULT_EXHAUSTED:
        return "exhausted";
    case FAULT_CLIENT_GONE:
        return "client_gone";
    case FAULT_UPSTREAM:
    case FAULT_TIMEOUT:
        return "upstream_error";
    case FAULT_UNAVAILABLE:
    case FAULT_INTERNAL:
        return "unavailable";
    default:
        return "caller";
    }
}

static const char *outcome_of(const struct journey *j)
{
    if (j->fault.kind != FAULT_NONE)
        return outcome_of_fault(j->fault.kind);
    if (j->attempts.n == 0)
        return "ok";
    switch (j->judged.kind) {
    case OUTCOME_OK:
        return j->req->broken ? "client_gone" : "ok";
    case OUTCOME_CALLER:
        return "caller";
    case OUTCOME_CLIENT_GONE:
        return "client_gone";
    case OUTCOME_TRUNCATED:
    case OUTCOME_RESET:
    case OUTCOME_TIMEOUT_IDLE:
    case OUTCOME_TIMEOUT_TOTAL:
        return "truncated";
    default:
        return "upstream_error";
    }
}

/* A member for text that came from outside: without what looks like a secret, cut, null when empty. */
static void outside_member(struct buf *out, const char *name, const char *text, size_t max)
{
    auto_buf masked = {0};
    if (text != NULL)
        log_redact(&masked, text, strlen(text));
    if (masked.n > max) {
        masked.n = utf8_whole(masked.p, max);
        masked.p[masked.n] = '\0';
    }
    json_member_text(out, name, masked.n > 0 ? masked.p : NULL);
}

/* The JSON shape is documented above api.exchange() in sql/functions. New. */
static char *settlement_of(const struct journey *j)
{
    const struct request *r = j->req;
    const char *model = *j->logged_model ? j->logged_model : j->model;
    const char *error = *j->fault.meant ? j->fault.meant : *j->fault.said ? j->fault.said : j->judged.error;
    auto_buf s = {0};
    json_open(&s);
    json_member_text(&s, "id", r->id);
    if (j->client_id != 0)
        json_member_number(&s, "client_id", j->client_id);
    json_member_text(&s, "dialect", j->dialect == DIALECT_OPENAI ? "openai" : "native");
    outside_member(&s, "verb", j->verb, 64);
    outside_member(&s, "model", model, MODEL_MAX - 1);
    outside_member(&s, "asked_model", j->model, MODEL_MAX - 1);
    json_member_bool(&s, "stream", j->stream);
    json_member_text(&s, "started_at", j->attempts.n > 0 ? j->first_started_at : NULL);
    json_member_number(&s, "status", r->broken && r->status == 0 ? 499 : r->status);
    json_member_text(&s, "outcome", outcome_of(j));
    outside_member(&s, "error", error, 400);
    json_member_number(&s, "duration_ms", clock_ms() - r->began_ms);
    if (j->first_byte_at > 0)
        json_member_number(&s, "first_byte_ms", j->first_byte_at - r->began_ms);
    json_member_number(&s, "waited_ms", j->waited_ms);
    usage_member(&s, j);
    json_member_number(&s, "bytes_in", r->bytes_in);
    json_member_number(&s, "bytes_out", r->bytes_out);
    outside_member(&s, "remote", r->remote, 64);
    outside_member(&s, "user_agent", request_header(r, "user-agent"), 200);
    buf_printf(&s, "\"attempts\":[%.*s]", (int)(j->attempts.n > 0 ? j->attempts.n - 1 : 0),
               buf_str(&j->attempts));
    json_close(&s);
    return buf_take(&s);
}

static void answer_if_needed(struct journey *j)
{
    if (j->fault.kind == FAULT_NONE || j->req->broken)
        return;
    if (!response_begun(j->req))
        answer_fault(j->req, j->dialect, &j->fault);
    else if (!j->committed && (j->mode == ANSWER_STREAM || j->mode == ANSWER_CHAT_STREAM))
        attempt_fault_event(j, &j->fault); /* a heartbeat has sent the head already */
}

void journey_close(struct journey *j)
{
    answer_if_needed(j);
    if (j->fault.kind != FAULT_NONE)
        log_info("%s %s: %d %s%s%s", j->req->method, buf_str(&j->uri->path), fault_status(j->fault.kind),
                 j->fault.said, *j->fault.meant ? ": " : "", j->fault.meant);
    ledger_settle(settlement_of(j));
    if (j->capture != NULL)
        capture_end(j, outcome_of(j));
    journey_body_free(j);
    for (size_t i = 0; i < j->resources_n; i++)
        free(j->resources[i]);
    permit_free(&j->permit);
    upstream_call_free(&j->call);
    vault_wipe_buf(&j->proxy);
    events_free(&j->events);
    collect_free(j->collected);
    json_decref(j->stand_ins);
    chat_free(j->chat);
    buf_free(&j->attempts);
    json_decref(j->held_events);
    free(j->prepared_for);
    free(j->tried);
    free(j->kept);
    account_token_free(&j->account);
    buf_free(&j->answer);
    buf_free(&j->held);
}

void gateway_refuse(struct request *r, const char *path, const struct fault *f)
{
    bool openai = strstr(path, "/v1/") != NULL || strstr(path, "/openai/") != NULL;
    log_info("%s: %d %s", r->method, fault_status(f->kind), f->said);
    answer_fault(r, openai ? DIALECT_OPENAI : DIALECT_NATIVE, f);
}
