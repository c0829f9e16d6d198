/* SPDX-License-Identifier: MIT */
/*
 * native.c: the Gemini dialect. Bodies pass untouched in both directions; what
 * is read of them is read beside, never written back. The one exception is what
 * the operator configured (a variant with search, thinking, an alias that the
 * body repeats): then edit.c puts in the few bytes that it takes.
 */
#include "gateway/gateway.h"
#include "gateway/journey.h"
#include "gateway/models.h"
#include "base/auto.h"
#include "base/conf.h"
#include "base/log.h"
#include "db/calls.h"
#include "translate/edit.h"
#include "translate/error.h"

#include <string.h>

enum { REDIRECTS = 5 };

/* What is special about a verb of a model; any other verb is passed on and not counted. */
static const struct verb {
    const char *name;
    bool metered, generates;
    enum answer_mode mode;
} verbs[] = {
    {"generateContent", true, true, ANSWER_WHOLE}, {"streamGenerateContent", true, true, ANSWER_STREAM},
    {"embedContent", true, false, ANSWER_WHOLE},   {"batchEmbedContents", true, false, ANSWER_WHOLE},
    {"predict", true, false, ANSWER_WHOLE},        {"predictLongRunning", true, false, ANSWER_WHOLE},
    {"generateAnswer", true, false, ANSWER_WHOLE}, {"countTokens", false, false, ANSWER_WHOLE},
};

static const struct verb *verb_of(const char *name)
{
    static const struct verb other = {"", false, false, ANSWER_PASS};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return &other;
}

/* The body as the client wrote it, with what the operator wants otherwise. */
static void prepare_body(struct journey *j)
{
    if (j->body.n == 0 || *j->model == '\0' || journey_prepared(j, j->permit.upstream_model, j->permit.traits))
        return;
    auto_buf edited = {0};
    struct edit e = {.traits = j->generates ? &j->traits : NULL,
                     .model = j->permit.upstream_model,
                     .asked = j->model};
    bool changed = edit_native(buf_str(&j->body), j->body.n, &e, &edited);
    free(j->sending_owned);
    j->sending_owned = NULL;
    j->sending = buf_str(&j->body);
    j->sending_n = j->body.n;
    if (!changed)
        return;
    j->sending_n = edited.n;
    j->sending = j->sending_owned = buf_take(&edited);
}

/* Whether the upstream is asked for the other form of answer than the client asked for. */
static bool asks_otherwise(const struct journey *j)
{
    return j->generates && j->asks_stream != (j->mode == ANSWER_STREAM);
}

static void prepare_query(const struct journey *j, struct buf *url)
{
    static const char *const alt[] = {"alt", "$alt", NULL};
    auto_buf query = {0}, rest = {0};
    uri_query_without(buf_str(&j->uri->query), uri_credential_names, &query);
    if (asks_otherwise(j)) {
        uri_query_without(buf_str(&query), alt, &rest);
        buf_clear(&query);
        buf_printf(&query, "%s%s%s", buf_str(&rest), rest.n > 0 && j->asks_stream ? "&" : "",
                   j->asks_stream ? "alt=sse" : "");
    }
    if (query.n > 0)
        buf_printf(url, "?%s", buf_str(&query));
}

/* The path as the client wrote it, with the model that an alias stands for, and the query without
 * credentials. */
static bool prepare(struct journey *j, struct buf *url, struct fault *f)
{
    (void)f;
    struct uri_call call = *(const struct uri_call *)j->prepare_ctx;
    if (*call.model != '\0' && strcmp(j->permit.upstream_model, j->model) != 0 && *j->permit.upstream_model) {
        auto_buf resource = {0};
        uri_model_resource(&resource, j->permit.upstream_model);
        snprintf(call.resource, sizeof call.resource, "%s", buf_str(&resource));
    }
    if (asks_otherwise(j))
        snprintf(call.verb, sizeof call.verb, "%s",
                 j->asks_stream ? "streamGenerateContent" : "generateContent");
    uri_call_path(url, &call);
    prepare_query(j, url);
    prepare_body(j);
    return true;
}

/* "fileSearchStores/a/documents/b" belongs where itself or "fileSearchStores/a" belongs. */
static void resources_of_path(struct journey *j, const struct uri_call *call)
{
    auto_str name = xstrdup(call->resource);
    size_t slashes = 0;
    for (char *p = name; *p != '\0'; p++) {
        slashes += *p == '/';
        if (*p == '/' && slashes % 2 == 0) {
            *p = '\0';
            journey_resource(j, name);
            *p = '/';
        }
    }
    if (slashes % 2 == 1)
        journey_resource(j, name);
    else
        j->prefer_own = true; /* a list, or something new: where this client's other things are */
}

static bool has_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

/* Appends the form that the client wants of the answer: "sse", "json", "media", "proto"; nothing if it does not say. */
static void alt_of(const struct journey *j, struct buf *alt)
{
    if (uri_query_get(buf_str(&j->uri->query), "alt", alt) == 0)
        uri_query_get(buf_str(&j->uri->query), "$alt", alt);
}

static bool wants_events(const struct journey *j)
{
    auto_buf alt = {0};
    alt_of(j, &alt);
    return strcmp(buf_str(&alt), "sse") == 0;
}

/* Whether the answer will not be JSON, nor events where a stream was asked for. */
static bool is_other_form(const struct journey *j)
{
    auto_buf alt = {0};
    alt_of(j, &alt);
    return alt.n > 0 && strcmp(buf_str(&alt), "json") != 0 && !j->wants_events;
}

/* Whether the client wants to see only some members of the answer. */
static bool is_masked(const struct journey *j)
{
    const char *query = buf_str(&j->uri->query);
    return uri_query_get(query, "fields", NULL) > 0 || uri_query_get(query, "$fields", NULL) > 0 ||
           request_header(j->req, "x-goog-fieldmask") != NULL || request_header(j->req, "x-goog-field-mask") != NULL;
}

/* Caches, interactions and some others name their model in the body: it is one that the client has to be
 * allowed, and may be an alias. */
static void model_of_body(struct journey *j)
{
    auto_buf given = {0};
    char name[URI_MODEL_MAX];
    if (edit_model(buf_str(&j->body), j->body.n, &given) && uri_model_name(buf_str(&given), name))
        snprintf(j->model, sizeof j->model, "%s", name);
}

static bool read_native(struct journey *j, struct uri_call *call)
{
    if (!uri_call_parse(buf_str(&j->uri->path), call, &j->fault))
        return false;
    const struct verb *v = verb_of(*call->model != '\0' ? call->verb : "");
    snprintf(j->verb, sizeof j->verb, "%s", call->verb);
    snprintf(j->model, sizeof j->model, "%s", call->model);
    j->metered = v->metered;
    j->generates = v->generates;
    j->mode = v->mode;
    j->stream = v->mode == ANSWER_STREAM;
    j->wants_events = j->stream && wants_events(j);
    j->opaque = is_masked(j) || is_other_form(j);
    if (j->stream && is_other_form(j))
        j->mode = ANSWER_PASS;
    j->bearer = strncmp(call->resource, "openai/", 7) == 0;
    bool of_model = *call->model != '\0' && *call->verb != '\0' && strcmp(j->method, "POST") == 0;
    bool lists = strcmp(j->method, "GET") == 0 && models_is_listing(call);
    if (!of_model && !lists && !journey_needs_token(j))
        return false;
    bool below_model =
        *call->model != '\0' && strchr(call->resource + strcspn(call->resource, "/") + 1, '/') != NULL;
    bool tuned = strncmp(call->model, "tunedModels/", 12) == 0;
    if (*call->model == '\0' || below_model || tuned) /* models/x/operations/y, say, is somebody's */
        resources_of_path(j, call);
    if (!has_body(j->method))
        return true;
    if (!journey_body(j, (size_t)conf.body_max))
        return false;
    j->sending = buf_str(&j->body);
    j->sending_n = j->body.n;
    affinity_of_request(j);
    if (*j->model == '\0')
        model_of_body(j);
    return true;
}

/* An error of the upstream may quote the key it was asked with. */
static void mask_answer(struct journey *j)
{
    auto_buf masked = {0};
    log_redact(&masked, buf_str(&j->answer), j->answer.n);
    buf_free(&j->answer);
    j->answer = masked;
    masked = (struct buf){0};
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Large media lie at signed addresses elsewhere: they are fetched from there, without the credential, and
 * only by https unless the upstream itself is not. */
static void follow_redirects(struct journey *j)
{
    const char *scheme = strncmp(conf.upstream, "https://", 8) == 0 ? "https://" : "http";
    for (int hops = 0; hops < REDIRECTS && is_redirect(j->answer_status) && !j->committed; hops++) {
        auto_buf target = {0};
        upstream_header_get(&j->call, "Location", &target);
        if (strncmp(buf_str(&target), scheme, strlen(scheme)) != 0)
            break;
        j->url = buf_str(&target);
        j->keyless = true;
        attempt_make(j);
        j->url = NULL;
    }
    bool failed = j->judged.kind != OUTCOME_OK && j->judged.kind != OUTCOME_CALLER;
    if (!j->committed && (failed || is_redirect(j->answer_status)))
        fault_set(&j->fault, FAULT_UPSTREAM, "the upstream's media could not be fetched from where they lie");
}

FAULT_APART static void forget(const char *resource)
{
    struct fault ignored = {0};
    calls_forget(resource, &ignored);
}

static void answer_native(struct journey *j, const struct uri_call *call)
{
    if (is_redirect(j->answer_status))
        follow_redirects(j);
    if (j->fault.kind != FAULT_NONE)
        return;
    if (j->committed)
        return;
    if (response_begun(j->req)) { /* by a heartbeat: what the upstream refused is told within the stream */
        json_auto_t *error = gemini_parse(buf_str(&j->answer), j->answer.n);
        if (!error_from_upstream(error, j->answer_status, &j->fault))
            fault_set(&j->fault, FAULT_UPSTREAM, "the upstream's answer could not be read");
        return;
    }
    if (j->answer_status >= 400) {
        mask_answer(j);
    } else if (!j->metered && strcmp(call->verb, "countTokens") != 0) {
        if (strcmp(j->method, "DELETE") == 0 && j->resources_n > 0)
            forget(j->resources[j->resources_n - 1]);
        else
            affinity_remember(j, buf_str(&j->answer), j->answer.n);
    } else if (strcmp(call->verb, "predictLongRunning") == 0) {
        affinity_remember(j, buf_str(&j->answer), j->answer.n);
    }
    answer_pass(j);
}

/* What the upstream said last is a better answer than our own words for it. */
static bool has_words(const struct journey *j)
{
    return (j->judged.kind == OUTCOME_OVERLOADED || j->judged.kind == OUTCOME_RULE) && j->answer.n > 0 && !response_begun(j->req);
}

void gateway_native(struct request *r, const struct uri *u)
{
    struct journey j;
    struct uri_call call;
    if (journey_open(&j, r, u, DIALECT_NATIVE) && read_native(&j, &call)) {
        j.prepare = prepare;
        j.prepare_ctx = &call;
        bool listing = strcmp(r->method, "GET") == 0 && models_is_listing(&call);
        bool ok = listing ? models_get(&j, &call) : gateway_run(&j);
        if (!ok && has_words(&j)) {
            j.fault = (struct fault){0};
            ok = true;
        }
        if (ok)
            answer_native(&j, &call);
    }
    journey_close(&j);
}
