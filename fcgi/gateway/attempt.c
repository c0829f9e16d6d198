/* SPDX-License-Identifier: MIT */
/*
 * attempt.c: one upstream call with a reserved credential, and what comes back.
 *
 * A stream is held back until its first meaningful event; from then on every
 * event goes to the client as soon as it is complete: natively the very bytes
 * that came, in the OpenAI dialect translated. Answers that are no streams are
 * collected and judged before anything is sent.
 */
#include "gateway/journey.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "translate/edit.h"
#include "translate/error.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LOOK_MS = 100 }; /* how often is looked whether the client is still there, or waits too long */

/* ------------------------------------------------------------------ headers */

/* Request headers that go upstream; everything else is the client's own business. */
static const char *const forwarded[] = {
    "accept",
    "accept-language",
    "if-none-match",
    "range",
    "x-goog-api-client",
    "x-goog-field-mask",
    "x-goog-fieldmask",
    "x-goog-upload-command",
    "x-goog-upload-offset",
    "x-goog-upload-protocol",
    "x-goog-upload-file-name",
    "x-goog-upload-header-content-length",
    "x-goog-upload-header-content-type",
    "x-server-timeout",
};

/* Answer headers that reach the client. */
static const char *const returned[] = {
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "X-Gemini-Service-Tier",
    "X-Goog-Upload-Chunk-Granularity",
    "X-Goog-Upload-Size-Received",
    "X-Goog-Upload-Status",
};

static void add_headers(struct journey *j)
{
    struct upstream_call *c = &j->call;
    bool native = j->dialect == DIALECT_NATIVE && j->wrapped == CODEASSIST_NONE;
    for (size_t i = 0; native && i < sizeof forwarded / sizeof *forwarded; i++) {
        const char *value = request_header(j->req, forwarded[i]);
        if (value != NULL)
            upstream_header_add(c, forwarded[i], value);
    }
    upstream_header_add(c, "User-Agent", "pollux/" POLLUX_VERSION);
    bool json = !native || *j->req->content_type == '\0';
    if (c->body != NULL || j->once)
        upstream_header_add(c, "Content-Type", json ? "application/json" : j->req->content_type);
}

static bool add_credential(struct journey *j)
{
    auto_secret key = {0};
    struct fault f = {0};
    if (!vault_credential_unseal(j->permit.sealed, j->permit.fingerprint, &key, &f)) {
        fault_set(&j->fault, FAULT_UNAVAILABLE,
                  "the gateway cannot read its credentials; the operator runs `pollux check`");
        fault_meant(&j->fault, "credential %lld: %s %s", (long long)j->permit.credential_id, f.said, f.meant);
        return false;
    }
    if (!j->bearer) {
        upstream_header_add(&j->call, "x-goog-api-key", buf_str(&key));
        return true;
    }
    auto_secret value = {0};
    buf_printf(&value, "Bearer %s", buf_str(&key));
    upstream_header_add(&j->call, "Authorization", buf_str(&value));
    return true;
}

void answer_header(struct journey *j, const char *name)
{
    auto_buf value = {0};
    if (upstream_header_get(&j->call, name, &value))
        response_header(j->req, name, buf_str(&value));
}

static void answer_headers(struct journey *j)
{
    if (j->answer_ours)
        response_header(j->req, "Content-Type", "application/json; charset=UTF-8");
    else
        answer_header(j, "Content-Type");
    for (size_t i = 0; i < sizeof returned / sizeof *returned; i++)
        answer_header(j, returned[i]);
}

/* ------------------------------------------------------------------ towards the client */

static bool judge(struct journey *j, struct outcome o)
{
    if (!j->judged_set)
        j->judged = o;
    j->judged_set = true;
    return false;
}

static bool judge_gone(struct journey *j)
{
    struct outcome o;
    outcome_of_transport(UPSTREAM_ABORTED, &o);
    return judge(j, o);
}

/* Bytes of a stream: as an event stream, or as the array that a caller without alt=sse gets. */
static bool emit(struct journey *j, const char *bytes, size_t n)
{
    if (j->first_byte_at == 0)
        j->first_byte_at = clock_ms();
    if (j->events.form == EVENTS_SSE)
        return sse_raw(&j->sse, bytes, n) || judge_gone(j);
    if (!response_begun(j->req)) {
        response_begin(j->req, j->call.status);
        answer_headers(j);
    }
    return (response_write(j->req, bytes, n) && response_flush(j->req)) || judge_gone(j);
}

static bool emit_chunks(struct journey *j, json_t *chunks)
{
    bool ok = true;
    size_t i;
    json_t *chunk;
    json_array_foreach (chunks, i, chunk) {
        auto_str text = json_write(chunk);
        ok = ok && text != NULL && (sse_event(&j->sse, text, strlen(text)) || judge_gone(j));
    }
    if (json_array_size(chunks) > 0 && j->first_byte_at == 0)
        j->first_byte_at = clock_ms();
    json_decref(chunks);
    return ok;
}

void attempt_fault_event(struct journey *j, const struct fault *f)
{
    json_auto_t *error = j->dialect == DIALECT_OPENAI ? error_openai(f) : error_gemini(f);
    auto_str text = json_dumps(error, JSON_COMPACT);
    if (text == NULL)
        return;
    if (j->dialect == DIALECT_OPENAI || j->events.form == EVENTS_SSE) {
        sse_event(&j->sse, text, strlen(text));
        return;
    }
    auto_buf tail = {0};
    buf_printf(&tail, ",\r\n%s]", text);
    if (response_write(j->req, tail.p, tail.n))
        response_flush(j->req);
}

/* ------------------------------------------------------------------ a stream */

static bool commit(struct journey *j)
{
    j->committed = true;
    journey_tell_model(j);
    if (j->mode == ANSWER_STREAM) {
        bool ok = emit(j, buf_str(&j->held), j->held.n);
        buf_free(&j->held);
        return ok;
    }
    bool ok = true;
    size_t i;
    json_t *event;
    json_array_foreach (j->held_events, i, event)
        ok = ok && emit_chunks(j, chat_event(j->chat, event));
    json_array_clear(j->held_events);
    return ok;
}

/* Adds an event to the answer that the stream becomes, as long as that is not too large. */
static bool collect(struct journey *j, const struct event *e, const json_t *event)
{
    j->collected_n += e->json_n;
    if (j->collected_n <= (size_t)conf.answer_max) {
        collect_add(j->collected, event);
        return true;
    }
    struct outcome o;
    outcome_of_transport(UPSTREAM_TOO_LARGE, &o);
    return judge(j, o);
}

/* Passes an event on, or keeps it back while nothing meaningful has come. `event` is NULL for bytes that
 * carry none. */
static bool forward(struct journey *j, const struct event *e, json_t *event)
{
    bool native = j->mode == ANSWER_STREAM;
    if (j->committed && native) {
        if (e->kind != EVENT_CLOSE && j->held.n == 0)
            return emit(j, e->raw, e->raw_n);
        buf_add(&j->held, e->raw, e->raw_n); /* the array's end, until it is clear that all went well */
        return true;
    }
    if (j->committed)
        return event == NULL || emit_chunks(j, chat_event(j->chat, event));
    if (native)
        buf_add(&j->held, e->raw, e->raw_n);
    else if (event != NULL)
        json_array_append(j->held_events, event);
    bool worth = gemini_meaningful(j->seen) || (j->seen & GEMINI_THOUGHTS) != 0;
    worth |= j->opaque && event != NULL;
    return worth ? commit(j) : true;
}

/* An error where an event should be: hidden by a retry while that can be, passed on otherwise. */
static bool on_error_event(struct journey *j, const struct event *e, const json_t *event)
{
    struct outcome o = {0};
    if (!outcome_of_error_object(event, strcmp(j->permit.kind, "account") == 0, &o))
        outcome_of_empty(&o); /* an "error" that says nothing */
    judge(j, o);
    if (!j->committed) {
        buf_clear(&j->answer);
        buf_add(&j->answer, e->json, e->json_n);
    } else if (j->mode == ANSWER_STREAM) {
        emit(j, e->raw, e->raw_n);
    } else {
        struct fault f = {0};
        error_from_upstream(event, o.status, &f);
        attempt_fault_event(j, &f);
    }
    return false;
}

/* An event that cannot be read: natively it goes on as it came, and behind the end it does not matter; else nothing
 * can be made of the stream any more. */
static bool on_garbled_event(struct journey *j, const struct event *e)
{
    if (j->mode == ANSWER_STREAM || gemini_ended(j->seen))
        return j->collected != NULL || forward(j, e, NULL);
    struct outcome o;
    outcome_of_truncated(&o);
    snprintf(o.error, sizeof o.error, "an event of the stream is no JSON");
    return judge(j, o);
}

static bool on_event(struct journey *j, struct event *e)
{
    if (e->kind != EVENT_DATA && e->kind != EVENT_BARE)
        return j->collected != NULL || forward(j, e, NULL);
    auto_buf unwrapped = {0};
    json_auto_t *event = gemini_parse(e->json, e->json_n);
    if (event == NULL)
        return on_garbled_event(j, e);
    if (j->wrapped != CODEASSIST_NONE)
        event = accounts_event(j, e, event, &unwrapped);
    enum gemini_content look = gemini_look(event);
    if (look & GEMINI_ERROR)
        return on_error_event(j, e, event);
    if (gemini_usage(event, &j->usage))
        j->usage_known = true;
    j->seen |= look;
    return j->collected != NULL ? collect(j, e, event) : forward(j, e, event);
}

static bool on_stream_data(struct journey *j, const char *bytes, size_t n)
{
    events_feed(&j->events, bytes, n);
    for (struct event e; events_next(&j->events, &e);)
        if (!on_event(j, &e))
            return false;
    if (!j->events.failed)
        return true;
    struct outcome o;
    outcome_of_transport(UPSTREAM_TOO_LARGE, &o);
    return judge(j, o);
}

/* An answer of nothing. When it names a reason of its own for its end (a malformed function call, say), the prompt is
 * as likely at fault as the upstream: nobody rests for it. */
static void judge_empty(const struct journey *j, struct outcome *o)
{
    outcome_of_empty(o);
    if ((j->seen & GEMINI_ODD) == 0)
        return;
    o->scope = SCOPE_NONE;
    o->rest = REST_NONE;
}

static bool stream_ended(const struct journey *j)
{
    return j->mode == ANSWER_CHAT_STREAM && j->committed ? chat_finished(j->chat) : gemini_ended(j->seen);
}

/* The last bytes of a chat stream that ended well. */
static void end_chat(struct journey *j)
{
    if (emit_chunks(j, chat_end(j->chat, true)))
        sse_event(&j->sse, "[DONE]", 6);
}

/* The events are all there: are they an answer? */
static void finish_collected(struct journey *j)
{
    struct outcome o = {.kind = OUTCOME_OK, .status = j->call.status};
    if (!gemini_ended(j->seen))
        outcome_of_truncated(&o);
    else if (!gemini_meaningful(j->seen))
        judge_empty(j, &o);
    judge(j, o);
    json_auto_t *answer = collect_answer(j->collected);
    auto_str text = json_write(answer);
    buf_clear(&j->answer);
    buf_puts(&j->answer, text != NULL ? text : "{}");
    j->answer_ours = true;
}

/* The upstream closed the stream: was that its end? */
static void finish_stream(struct journey *j)
{
    struct event rest;
    if (events_rest(&j->events, &rest) && rest.kind != EVENT_PARTIAL && !on_event(j, &rest))
        return;
    if (j->collected != NULL) {
        finish_collected(j);
        return;
    }
    struct outcome o = {.kind = OUTCOME_OK, .status = j->call.status};
    if (!stream_ended(j) && !(j->opaque && j->committed))
        outcome_of_truncated(&o);
    if (!j->committed && (o.kind == OUTCOME_OK || j->seen == GEMINI_NOTHING))
        judge_empty(j, &o);
    judge(j, o);
    if (o.kind != OUTCOME_OK)
        return;
    if (j->mode == ANSWER_CHAT_STREAM)
        end_chat(j);
    else if (j->held.n > 0)
        emit(j, buf_str(&j->held), j->held.n);
}

/* A whole answer for who wants a stream: natively one event, or an array of one. */
static void release_whole(struct journey *j)
{
    j->committed = true;
    journey_tell_model(j);
    if (j->mode == ANSWER_CHAT_STREAM) {
        json_auto_t *answer = gemini_parse(buf_str(&j->answer), j->answer.n);
        if (emit_chunks(j, chat_event(j->chat, answer)))
            end_chat(j);
        return;
    }
    auto_buf line = {0};
    j->first_byte_at = clock_ms();
    if (j->wants_events) {
        edit_compact(buf_str(&j->answer), j->answer.n, &line);
        if (!sse_event(&j->sse, buf_str(&line), line.n))
            judge_gone(j);
        return;
    }
    buf_putc(&line, '[');
    buf_add(&line, buf_str(&j->answer), j->answer.n);
    buf_puts(&line, "]\n");
    response_begin(j->req, 200);
    answer_headers(j);
    if (!response_write(j->req, line.p, line.n))
        judge_gone(j);
}

static bool wants_stream(const struct journey *j)
{
    return j->mode == ANSWER_STREAM || j->mode == ANSWER_CHAT_STREAM;
}

void attempt_release(struct journey *j)
{
    j->judged = (struct outcome){.kind = OUTCOME_OK, .status = 200};
    if (wants_stream(j) && !j->streaming)
        release_whole(j);
    if (!j->streaming || j->collected != NULL)
        return;
    commit(j);
    if (j->mode == ANSWER_CHAT_STREAM)
        end_chat(j);
}

/* ------------------------------------------------------------------ callbacks of the call */

static bool type_is(const struct journey *j, const char *type)
{
    return strncasecmp(j->answer_type, type, strlen(type)) == 0;
}

/* What came compressed has been inflated: it is longer than its header says. */
static bool tells_length(const struct journey *j)
{
    auto_buf encoding = {0};
    return !upstream_header_get(&j->call, "Content-Encoding", &encoding);
}

static void begin_passing(struct journey *j)
{
    j->passing = j->committed = true;
    journey_tell_model(j);
    j->first_byte_at = clock_ms();
    response_begin(j->req, j->call.status);
    answer_headers(j);
    if (tells_length(j))
        answer_header(j, "Content-Length");
    response_header(j->req, "X-Accel-Buffering", "no");
}

static bool on_head(void *ctx, int status)
{
    struct journey *j = ctx;
    auto_buf type = {0};
    upstream_header_get(&j->call, "Content-Type", &type);
    snprintf(j->answer_type, sizeof j->answer_type, "%s", buf_str(&type));
    bool good = status >= 200 && status < 300;
    if (good && j->asks_stream) {
        j->streaming = true;
        j->collected = wants_stream(j) ? NULL : collect_new();
        events_init(&j->events, type_is(j, "text/event-stream") ? EVENTS_SSE : EVENTS_ARRAY);
        j->events.cap = (size_t)conf.answer_max;
    }
    return true;
}

/* Bytes that nobody here reads. Asked when the first of them come: an answer without any is an ordinary one.
 */
static bool is_to_pass(const struct journey *j)
{
    return j->mode == ANSWER_PASS && j->call.status >= 200 && j->call.status < 300 &&
           !type_is(j, "application/json");
}

static bool on_data(void *ctx, const char *bytes, size_t n)
{
    struct journey *j = ctx;
    if (j->capture != NULL)
        capture_data(j, bytes, n);
    if (!j->passing && is_to_pass(j))
        begin_passing(j);
    if (j->passing)
        return (response_write(j->req, bytes, n) && response_flush(j->req)) || judge_gone(j);
    if (j->streaming)
        return on_stream_data(j, bytes, n);
    if (j->answer.n + n > (size_t)conf.answer_max) {
        struct outcome o;
        outcome_of_transport(UPSTREAM_TOO_LARGE, &o);
        return judge(j, o);
    }
    buf_add(&j->answer, bytes, n);
    return true;
}

static bool beats(const struct journey *j)
{
    if (j->mode == ANSWER_CHAT_STREAM)
        return true;
    /* After the end nothing would complete the beginning of an event that a native heartbeat is. */
    bool events = j->streaming ? j->events.form == EVENTS_SSE : j->wants_events;
    return j->mode == ANSWER_STREAM && events && !gemini_ended(j->seen);
}

/* A heartbeat may be the beginning of the answer: if it is clear who serves, it is said now. */
static bool beat(struct journey *j)
{
    if (!beats(j))
        return true;
    if (!journey_has_stand_in(j))
        journey_tell_model(j);
    return sse_beat(&j->sse, conf.heartbeat * 1000);
}

/* An answer that may run for long needs what was asked no more; a capture does, at its end. */
static void let_go(struct journey *j)
{
    if (!j->committed || j->call.body == NULL || j->call.sent < (int64_t)j->call.body_n || j->capture != NULL)
        return;
    j->call.body = NULL;
    j->call.body_n = 0;
    journey_body_free(j);
}

static bool on_tick(void *ctx)
{
    struct journey *j = ctx;
    int64_t now = clock_ms();
    if (now - j->looked_ms < LOOK_MS)
        return true;
    j->looked_ms = now;
    if (request_gone(j->req))
        return judge_gone(j);
    let_go(j);
    bool silent = !j->committed && (j->collected == NULL || j->seen == GEMINI_NOTHING);
    if (silent && now - j->call.sent_at > j->call.first_byte_ms) {
        struct outcome o;
        outcome_of_transport(UPSTREAM_FIRST_BYTE_TIMEOUT, &o);
        return judge(j, o);
    }
    return beat(j) || judge_gone(j);
}

bool attempt_pause(struct journey *j, int64_t ms)
{
    for (int64_t end = clock_ms() + ms, left; (left = end - clock_ms()) > 0;) {
        if (clock_ms() >= j->deadline_ms)
            return false;
        if (request_gone(j->req) || !beat(j))
            return fault_set(&j->fault, FAULT_CLIENT_GONE,
                             "the client left while its request was about to be repeated");
        usleep((useconds_t)(left < LOOK_MS ? left : LOOK_MS) * 1000);
    }
    return true;
}

/* ------------------------------------------------------------------ judging */

/* A whole answer of a model: is there anything in it? */
static void judge_generated(struct journey *j)
{
    json_auto_t *answer = gemini_parse(buf_str(&j->answer), j->answer.n);
    struct outcome o = j->judged;
    if (outcome_of_error_object(answer, strcmp(j->permit.kind, "account") == 0, &o)) {
        j->judged = o;
        return;
    }
    if (gemini_usage(answer, &j->usage))
        j->usage_known = true;
    j->seen = gemini_look(answer);
    if (!gemini_meaningful(j->seen))
        judge_empty(j, &j->judged);
}

/* What happens on the way through a credential's own proxy is no fault of the credential, and another one goes
 * another way. */
static void judge_proxy(struct journey *j, enum upstream_end end)
{
    struct outcome *o = &j->judged;
    if (j->proxy.n == 0 || (end != UPSTREAM_CONNECT_FAILED && end != UPSTREAM_TLS && end != UPSTREAM_RESET))
        return;
    char error[sizeof o->error];
    snprintf(error, sizeof error, "through its own proxy: %.150s", o->error);
    snprintf(o->error, sizeof o->error, "%s", error);
    o->scope = SCOPE_NONE;
    o->rest = REST_NONE;
    o->another = true;
}

static void judge_call(struct journey *j, enum upstream_end end)
{
    if (j->judged_set)
        return;
    bool good = j->call.status >= 200 && j->call.status < 300;
    bool fetches = strcmp(j->call.method, "GET") == 0 || strcmp(j->call.method, "HEAD") == 0;
    bool elsewhere = j->mode == ANSWER_PASS && fetches && j->call.status / 100 == 3;
    if (end != UPSTREAM_DONE && !(j->streaming && stream_ended(j))) {
        outcome_of_transport(end, &j->judged);
        if (*j->call.error != '\0')
            snprintf(j->judged.error, sizeof j->judged.error, "%s", j->call.error);
        judge_proxy(j, end);
    } else if (good && j->streaming) {
        finish_stream(j);
    } else if ((good && j->passing) || elsewhere) {
        j->judged = (struct outcome){.kind = OUTCOME_OK, .status = j->call.status};
    } else {
        bool account = strcmp(j->permit.kind, "account") == 0;
        if (good && j->wrapped != CODEASSIST_NONE)
            accounts_whole(j);
        outcome_of_answer(j->call.status, buf_str(&j->answer), j->answer.n, account, &j->judged);
        if (!good)
            outcome_retry_after(&j->judged, upstream_retry_after_ms(&j->call));
        if (j->judged.kind == OUTCOME_OK && j->generates && !j->opaque)
            judge_generated(j);
    }
}

/* A stream that began and broke: the client is told in its own dialect, and never a made-up end. Bytes that only pass
 * have no words for it: they end as a broken connection does. */
static void tell_of_break(struct journey *j)
{
    const struct outcome *o = &j->judged;
    bool told = o->kind == OUTCOME_OK || o->kind == OUTCOME_CLIENT_GONE || !j->streaming;
    bool upstream_said = o->status >= 400; /* its own error event was passed on */
    if (j->passing && o->kind != OUTCOME_OK && o->kind != OUTCOME_CLIENT_GONE)
        response_cut(j->req);
    if (!j->committed || told)
        return;
    if (upstream_said) {
        if (j->mode == ANSWER_STREAM && j->events.form == EVENTS_ARRAY)
            emit(j, "]", 1);
        return;
    }
    struct fault f = {0};
    bool late = o->kind == OUTCOME_TIMEOUT_IDLE || o->kind == OUTCOME_TIMEOUT_TOTAL;
    fault_set(&f, late ? FAULT_TIMEOUT : FAULT_UPSTREAM,
              late ? "the upstream fell silent in the middle of its answer"
                   : "the upstream broke off in the middle of its answer");
    attempt_fault_event(j, &f);
}

/* ------------------------------------------------------------------ the attempt */

static void forget_last_attempt(struct journey *j)
{
    upstream_call_free(&j->call);
    buf_clear(&j->answer);
    buf_clear(&j->held);
    events_free(&j->events);
    json_array_clear(j->held_events);
    j->call = (struct upstream_call){0};
    j->seen = GEMINI_NOTHING;
    j->judged = (struct outcome){0};
    j->judged_set = j->streaming = j->passing = j->answer_ours = false;
    collect_free(j->collected);
    j->collected = NULL;
    j->collected_n = 0;
    j->wrapped = CODEASSIST_NONE;
    j->usage = (struct usage){0};
    j->usage_known = false;
    *j->answer_type = '\0';
    j->attempt_began = j->looked_ms = clock_ms();
}

static long read_body(void *ctx, char *to, size_t n)
{
    struct journey *j = ctx;
    return request_read(j->req, to, n);
}

static void fill_call(struct journey *j, const char *url)
{
    struct upstream_call *c = &j->call;
    c->method = j->method;
    c->url = url;
    c->proxy = j->proxy.n > 0 ? buf_str(&j->proxy) : conf.proxy;
    c->trickles = j->asks_stream;
    c->body = j->sending;
    c->body_n = j->sending_n;
    if (j->wrapped != CODEASSIST_NONE) {
        c->method = "POST";
        c->body = j->wrapped_body;
        c->body_n = strlen(j->wrapped_body);
    }
    if (j->once) {
        c->body_read = read_body;
        c->body_length = j->req->content_length;
    }
    c->connect_ms = ledger_setting("connect_timeout_ms", 10000);
    c->first_byte_ms = ledger_setting("first_byte_timeout_ms", 120000);
    c->idle_ms = ledger_setting("idle_timeout_ms", 300000);
    c->deadline_ms = j->deadline_ms;
    c->on_head = on_head;
    c->on_data = on_data;
    c->on_tick = on_tick;
    c->ctx = j;
}

/* The way out: a credential with a proxy of its own keeps to it. */
static bool find_proxy(struct journey *j)
{
    struct fault f = {0};
    vault_wipe_buf(&j->proxy);
    if (*j->permit.proxy == '\0' || vault_proxy_unseal(j->permit.proxy, j->permit.fingerprint, &j->proxy, &f))
        return true;
    fault_set(&j->fault, FAULT_UNAVAILABLE,
              "the gateway cannot read its credentials; the operator runs `pollux check`");
    fault_meant(&j->fault, "proxy of credential %lld: %s %s", (long long)j->permit.credential_id, f.said, f.meant);
    return false;
}

/* Where the call goes: a whole URL that was given, or the upstream with what the handler makes of the permit.
 */
static bool address(struct journey *j, struct buf *url)
{
    buf_puts(url, j->url != NULL ? j->url : conf.upstream);
    return j->url != NULL || j->prepare(j, url, &j->fault);
}

/* What the operator said about the model decides how the upstream is asked. */
static void take_traits(struct journey *j)
{
    traits_read(&j->traits, j->permit.traits);
    j->asks_stream = wants_stream(j);
    if (!j->generates || j->opaque)
        return;
    if (j->traits.stream == STREAM_COLLECT && j->mode == ANSWER_WHOLE)
        j->asks_stream = true;
    if (j->traits.stream == STREAM_WHOLE)
        j->asks_stream = false;
}

/* Everything that is known before the call; false with j->judged when there is nothing to call with. */
static bool make_ready(struct journey *j, struct buf *url, int64_t rejected)
{
    take_traits(j);
    bool ok = find_proxy(j) && address(j, url) && (j->keyless || accounts_used(j) || add_credential(j));
    if (!ok) {
        j->judged = (struct outcome){.kind = OUTCOME_CALLER, .status = fault_status(j->fault.kind)};
        return false;
    }
    if (!accounts_used(j))
        return true;
    if (!accounts_open(j, rejected) || !accounts_wrap(j, url))
        return false;
    accounts_headers(j);
    return true;
}

static void call_once(struct journey *j, int64_t rejected)
{
    auto_buf url = {0};
    forget_last_attempt(j);
    if (!make_ready(j, &url, rejected))
        return;
    fill_call(j, buf_str(&url));
    add_headers(j);
    enum upstream_end end = upstream_perform(&j->call);
    if (j->capture != NULL)
        capture_call(j);
    vault_wipe_buf(&j->call.headers);
    judge_call(j, end);
    if (j->judged.kind == OUTCOME_OK && wants_stream(j) && !j->streaming)
        release_whole(j);
}

/* An access token may be refused although it has not expired: it is refreshed once, and this is still the same
 * attempt, since Google has counted nothing. */
void attempt_make(struct journey *j)
{
    int64_t began = clock_ms();
    call_once(j, -1);
    bool refused = j->judged.kind == OUTCOME_AUTH_EXPIRED && j->call.status == 401 && accounts_used(j);
    if (refused && !j->committed && !j->once)
        call_once(j, j->account.version);
    j->attempt_began = began;
    if (accounts_used(j))
        accounts_judged(j);
    tell_of_break(j);
    j->answer_status = j->call.status;
    if (j->first_byte_at == 0 && j->judged.kind == OUTCOME_OK)
        j->first_byte_at = j->call.first_byte_at;
}

/* ------------------------------------------------------------------ the record */

void usage_member(struct buf *out, const struct journey *j)
{
    const struct usage *u = &j->usage;
    if (!j->usage_known) {
        json_member_raw(out, "usage", NULL);
        return;
    }
    buf_puts(out, "\"usage\":");
    json_open(out);
    json_member_number(out, "prompt", u->prompt);
    json_member_number(out, "cached", u->cached);
    json_member_number(out, "candidates", u->candidates);
    json_member_number(out, "thoughts", u->thoughts);
    json_member_number(out, "tool", u->tool);
    json_member_number(out, "total", u->total);
    json_close(out);
    buf_putc(out, ',');
}

void attempt_record(struct journey *j)
{
    const struct permit *p = &j->permit;
    const struct outcome *o = &j->judged;
    struct buf *out = &j->attempts;
    json_auto_t *penalty = outcome_penalty_json(o);
    auto_str penalty_text = penalty != NULL ? json_dumps(penalty, JSON_COMPACT) : NULL;
    int64_t first = j->call.first_byte_at;
    if (out->n == 0)
        snprintf(j->first_started_at, sizeof j->first_started_at, "%s", p->started_at);
    j->last_attempt = out->n;
    json_open(out);
    json_member_number(out, "n", j->attempt);
    json_member_number(out, "credential_id", p->credential_id);
    json_member_number(out, "project_id", p->project_id);
    json_member_text(out, "model", p->model);
    json_member_text(out, "started_at", p->started_at);
    if (first > 0)
        json_member_number(out, "first_byte_ms", first - j->attempt_began);
    json_member_number(out, "duration_ms", clock_ms() - j->attempt_began);
    json_member_number(out, "status", j->call.status);
    json_member_text(out, "outcome", outcome_name(o->kind));
    json_member_text(out, "error", *o->error != '\0' ? o->error : NULL);
    json_member_number(out, "est_tokens", j->est_tokens);
    usage_member(out, j);
    json_member_raw(out, "penalty", penalty_text);
    json_close(out);
    buf_putc(out, ',');
}

void answer_pass(struct journey *j)
{
    if (response_begun(j->req))
        return;
    response_begin(j->req, j->answer_status);
    answer_headers(j);
    char length[24];
    snprintf(length, sizeof length, "%zu", j->answer.n);
    response_header(j->req, "Content-Length", length);
    bool head = strcmp(j->req->method, "HEAD") == 0;
    response_write(j->req, buf_str(&j->answer), head ? 0 : j->answer.n);
}
