/* SPDX-License-Identifier: MIT */
/*
 * gateway.c: the story of a request, and the only retry loop.
 *
 *   1 read         routes.c and the handler: method, path, body
 *   2 route        routes.c: one table
 *   3 reserve      authenticate, limit, resolve the model, choose a credential: one exchange with the ledger
 *   4 translate    chat.c, in the OpenAI dialect only
 *   5 call         attempt.c: the upstream, with the reserved credential
 *   6 hold back    attempt.c: until the first meaningful event; until then any failure can still be hidden
 *   7 answer       attempt.c for streams, the handler for whole answers
 *   8 settle       journey.c: always
 *
 * A model that is exhausted or overloaded may have stand-ins (its fallbacks, as
 * the operator configured them): they are asked one after another, each as if
 * the client had named it.
 *
 * A request is repeated only before a meaningful byte has gone to the client,
 * never on a project that answered with a quota failure, with each model as
 * often as setting `retries` says (keys that turn out to be dead not counted),
 * at the pace of retry.h, within one deadline, and not once the client has left.
 */
#include "gateway/journey.h"
#include "gateway/retry.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "translate/error.h"

#include <string.h>

enum {
    BARE_STOPS = 5, /* so often a STOP without content is tried elsewhere; then it is the answer */
    ODD_ENDS = 2,   /* and so often an end for another reason, as a malformed function call is */
    DEAD_ENDS = 100, /* so many credentials that turn out to be dead cost no try: each is met by one request only */
    OVERLOADS = 2,  /* failures of a model after which its stand-in is asked, if it has one */
    TWICE = 2,      /* what follows the request to a second project, or keeps us from connecting at all, is nobody's
                       fault there */
};

static bool client_gone(void *ctx)
{
    struct journey *j = ctx;
    return request_gone(j->req);
}

static bool is_quota(enum outcome_kind kind)
{
    return kind == OUTCOME_QUOTA_MINUTE || kind == OUTCOME_QUOTA_DAY || kind == OUTCOME_QUOTA_TOKENS ||
           kind == OUTCOME_QUOTA_BARE || kind == OUTCOME_QUOTA_NEVER;
}

/* Code Assist has no such call: nothing was sent. */
static bool is_not_there(const struct journey *j)
{
    return j->judged.kind == OUTCOME_QUOTA_NEVER && strcmp(j->judged.reason, ACCOUNTS_NOT_THERE) == 0;
}

static struct wish wish_of(struct journey *j, size_t exclude_n, const char *failed)
{
    return (struct wish){
        .id = j->req->id,
        .attempt = j->attempt,
        .token_hash = j->token_hash[0] ? j->token_hash : NULL,
        .dialect = j->dialect == DIALECT_OPENAI ? "openai" : "native",
        .verb = j->verb,
        .model = *j->stand_in != '\0' ? j->stand_in : j->model,
        .fallback = *j->stand_in != '\0',
        .hurried = journey_has_stand_in(j),
        .stream = j->stream,
        .est_tokens = j->est_tokens,
        .exclude = j->tried,
        .exclude_n = exclude_n,
        .resources = (const char *const *)j->resources,
        .resources_n = j->resources_n,
        .prefer_own = j->prefer_own,
        .credential = j->credential,
        .remote = j->req->remote,
        .failed = failed,
        .deadline_ms = j->deadline_ms,
        .gone = client_gone,
        .gone_ctx = j,
    };
}

static void note_client(struct journey *j)
{
    if (j->permit.client_id != 0)
        j->client_id = j->permit.client_id;
    if (*j->permit.model != '\0')
        snprintf(j->logged_model, sizeof j->logged_model, "%s", j->permit.model);
    j->waited_ms += j->permit.waited_ms;
    if (j->stand_ins == NULL && *j->permit.traits != '\0')
        j->stand_ins = traits_fallback(j->permit.traits);
}

static bool reserve_once(struct journey *j, bool avoid_others, const char *failed, struct fault *f)
{
    bool avoids = avoid_others && j->tried_n > j->spent_n;
    struct wish w = wish_of(j, avoids ? j->tried_n : j->spent_n, failed);
    w.no_waiting = avoids;
    permit_free(&j->permit);
    bool ok = ledger_reserve(&w, &j->permit, f);
    note_client(j);
    return ok;
}

/* A credential for the next attempt: with this model the first or another one (`again`); `untold`: the database
 * has not heard of the last one yet. Projects that failed for reasons other than quota are avoided as long as
 * there are others, and used again (after their rest) when there are none. */
static bool reserve(struct journey *j, bool again, bool untold)
{
    struct fault f = {0};
    size_t n = j->attempts.n;
    auto_str failed = untold ? xstrndup(j->attempts.p + j->last_attempt, n - j->last_attempt - 1) : NULL;
    if (reserve_once(j, true, failed, &f))
        return true;
    if (j->tried_n > j->spent_n && (f.kind == FAULT_EXHAUSTED || f.kind == FAULT_UNAVAILABLE)) {
        f = (struct fault){0};
        if (reserve_once(j, false, failed, &f))
            return true;
    }
    if (!again || f.kind == FAULT_CLIENT_GONE || (is_quota(j->judged.kind) && !is_not_there(j)))
        j->fault = f; /* it knows the earliest recovery; other failures are told as they were */
    return false;
}

/* After a 400 in the OpenAI dialect: is there another form of the request worth trying? */
static bool adjust_chat(struct journey *j)
{
    if (j->chat == NULL || j->judged.kind != OUTCOME_CALLER || j->judged.status != 400)
        return false;
    json_auto_t *error = gemini_parse(buf_str(&j->answer), j->answer.n);
    unsigned adjust = chat_adjust(j->chat, error, j->adjust);
    if (adjust == 0)
        return false;
    j->adjust = adjust;
    return true;
}

/* Has the project of this attempt failed this request before? Then there is no other one left. */
static bool failed_before(const struct journey *j)
{
    for (size_t i = j->spent_n; i < j->tried_n; i++)
        if (j->tried[i] == j->permit.project_id)
            return true;
    return false;
}

/* A STOP without content may be the honest answer to an odd request: it is not chased for ever. */
static bool accept_bare_stop(struct journey *j)
{
    if (j->judged.kind != OUTCOME_EMPTY || !gemini_ended(j->seen))
        return false;
    int most = (j->seen & GEMINI_ODD) != 0 ? ODD_ENDS : BARE_STOPS;
    bool twice = ++j->bare_stops > 1 && failed_before(j);
    return twice || j->bare_stops >= most || j->bare_stops > j->retries;
}

/* Failures of the model or the network: another key may fare better, but need not. */
static bool is_trouble(const struct outcome *o)
{
    switch (o->kind) {
    case OUTCOME_RULE:
        return o->status >= 500;
    case OUTCOME_OVERLOADED:
    case OUTCOME_ERROR_IN_200:
    case OUTCOME_TIMEOUT_FIRST_BYTE:
    case OUTCOME_TIMEOUT_IDLE:
    case OUTCOME_RESET:
        return true;
    default:
        return false;
    }
}

static bool may_try_again(struct journey *j)
{
    if (j->committed || j->judged.final || (j->once && !is_not_there(j)) || request_gone(j->req))
        return false;
    if (clock_ms() >= j->deadline_ms)
        return false;
    bool unconnected = j->judged.kind == OUTCOME_CONNECT && !j->judged.another; /* else: only this key's own way */
    bool follows = unconnected || (j->judged.kind == OUTCOME_CALLER && j->judged.another);
    if (follows && ++j->followed >= TWICE)
        return false;
    return adjust_chat(j) || j->judged.another || j->judged.again;
}

/* Lets the ledger know of the failure now: while this request pauses, others shall go by it. */
static void report_failure(struct journey *j)
{
    size_t n = j->attempts.n;
    auto_str failed = xstrndup(j->attempts.p + j->last_attempt, n - j->last_attempt - 1);
    struct wish w = wish_of(j, 0, failed);
    w.auth_only = true;
    w.attempt = 0;
    struct permit ignored;
    struct fault f = {0};
    ledger_reserve(&w, &ignored, &f);
    permit_free(&ignored);
}

/* The pause that is due, with heartbeats. False when there was none left, or no time, or no client. */
static bool pause_once(struct journey *j, bool *reported)
{
    int64_t ms = retry_pause_ms(j->pauses++);
    j->paused_ms += ms;
    if (j->paused_ms > ledger_setting("wait_limit_ms", 30000) || clock_ms() + ms >= j->deadline_ms)
        return false;
    if (!*reported)
        report_failure(j);
    *reported = true;
    return attempt_pause(j, ms);
}

/* Waits until the next call may be made. A failure that is the credential's own costs neither time nor budget;
 * with the others the first call elsewhere is made at once, as far as the budget goes. */
static bool pace(struct journey *j)
{
    const struct outcome *o = &j->judged;
    bool reported = false;
    if (is_quota(o->kind) || o->kind == OUTCOME_CREDENTIAL_DEAD || o->kind == OUTCOME_AUTH_EXPIRED ||
        o->kind == OUTCOME_CALLER)
        return true;
    if (is_trouble(o) && ++j->troubles > 1 && !pause_once(j, &reported))
        return false;
    while (!retry_take(clock_ms(), ledger_setting("retry_budget_percent", 20),
                       ledger_setting("retry_budget_floor", 100)))
        if (!pause_once(j, &reported))
            return false;
    return true;
}

/* What the client is told when the last attempt failed and nothing was sent. */
static void fault_of_attempt(struct journey *j)
{
    const struct outcome *o = &j->judged;
    json_auto_t *error = gemini_parse(buf_str(&j->answer), j->answer.n);
    struct fault *f = &j->fault;
    if (o->kind == OUTCOME_CLIENT_GONE)
        fault_set(f, FAULT_CLIENT_GONE, "the client left");
    else if (is_not_there(j))
        fault_set(f, FAULT_UNAVAILABLE,
                  "Code Assist has no such call, and no API key is free for it: the operator adds one with "
                  "`pollux key add`");
    else if (is_quota(o->kind))
        fault_set(f, FAULT_EXHAUSTED, "all upstream credentials have reached their limits for this model");
    else if (o->kind == OUTCOME_CREDENTIAL_DEAD || o->kind == OUTCOME_AUTH_EXPIRED)
        fault_set(f, FAULT_UNAVAILABLE, "%s", ERROR_UPSTREAM_AUTH);
    else if (o->kind == OUTCOME_LOCATION)
        fault_set(
            f, FAULT_UNAVAILABLE,
            "the upstream does not serve the location of this gateway; the operator may set POLLUX_PROXY");
    else if (o->kind == OUTCOME_TIMEOUT_FIRST_BYTE || o->kind == OUTCOME_TIMEOUT_IDLE ||
             o->kind == OUTCOME_TIMEOUT_TOTAL)
        fault_set(f, FAULT_TIMEOUT, "the upstream did not answer in time");
    else if (o->kind == OUTCOME_EMPTY)
        fault_set(f, FAULT_UPSTREAM, "the upstream answered without any content");
    else if (o->status == 0 || !error_from_upstream(error, o->status, f))
        fault_set(f, FAULT_UPSTREAM, "the upstream could not be reached or broke off; try again");
    fault_meant(f, "%s: %s", outcome_name(o->kind), o->error);
    if (f->retry_after_ms == 0 && o->retry_after_ms != 0)
        f->retry_after_ms = o->retry_after_ms;
}

/* ------------------------------------------------------------------ stand-ins */

static bool is_overload(enum outcome_kind kind)
{
    return kind == OUTCOME_OVERLOADED || kind == OUTCOME_ERROR_IN_200 || kind == OUTCOME_TIMEOUT_FIRST_BYTE;
}

/* Whether another model might do what this one could not. What is bound to a model cannot be moved, and vectors
 * of two models do not belong together. */
static bool another_model_helps(const struct journey *j)
{
    bool moveable = j->generates && !j->committed && !j->once && j->credential == 0;
    if (!moveable || clock_ms() >= j->deadline_ms || request_gone(j->req))
        return false;
    for (size_t i = 0; i < j->resources_n; i++)
        if (strncmp(j->resources[i], "cachedContents/", 15) == 0)
            return false;
    if (j->fault.kind != FAULT_NONE)
        return j->fault.kind == FAULT_EXHAUSTED ||
               (*j->stand_in != '\0' &&
                (j->fault.kind == FAULT_FORBIDDEN || j->fault.kind == FAULT_MODEL_NOT_FOUND));
    return is_quota(j->judged.kind) || is_overload(j->judged.kind);
}

/* Goes on with the next stand-in. A client that may not use it gets what it would have got without one. */
static bool stand_in(struct journey *j)
{
    bool refused = j->fault.kind == FAULT_FORBIDDEN || j->fault.kind == FAULT_MODEL_NOT_FOUND;
    bool more = journey_has_stand_in(j) && another_model_helps(j);
    if (refused && j->kept != NULL)
        j->fault = *j->kept;
    if (!more)
        return false;
    if (j->fault.kind == FAULT_NONE)
        fault_of_attempt(j);
    snprintf(j->stand_in, sizeof j->stand_in, "%s",
             json_string_value(json_array_get(j->stand_ins, j->stand_ins_at++)));
    log_info("%s cannot serve (%s): %s is asked", j->logged_model, j->fault.said, j->stand_in);
    if (j->kept == NULL)
        j->kept = xmalloc(sizeof *j->kept);
    *j->kept = j->fault;
    j->fault = (struct fault){0};
    j->spent_n = j->tried_n = 0;
    j->overloads = j->dead_ends = j->followed = j->bare_stops = j->troubles = 0;
    j->adjust = 0;
    return true;
}

/* ------------------------------------------------------------------ the story */

/* Names of models are stored and shown: nobody's token shall be among them. */
static bool is_model_name(struct journey *j)
{
    auto_buf shown = {0};
    log_redact(&shown, j->model, strlen(j->model));
    if (strcmp(buf_str(&shown), j->model) == 0)
        return true;
    *j->model = '\0';
    return fault_set(&j->fault, FAULT_MODEL_NOT_FOUND,
                     "what stands in the model's place looks like a key or a token");
}

static void make_attempt(struct journey *j)
{
    attempt_make(j);
    if (accept_bare_stop(j))
        attempt_release(j);
    attempt_record(j);
    if (j->judged.kind != OUTCOME_OK)
        log_info("attempt %d: %s %s (credential %lld, project %lld)", j->attempt,
                 outcome_name(j->judged.kind), j->judged.error, (long long)j->permit.credential_id,
                 (long long)j->permit.project_id);
}

/* After a failure, `tries` of this model so far: once more with it? */
static bool go_on(struct journey *j, int tries)
{
    j->overloads += is_overload(j->judged.kind);
    j->dead_ends += j->judged.kind == OUTCOME_CREDENTIAL_DEAD;
    int spared = j->retries == 0 ? 0 : j->dead_ends < DEAD_ENDS ? j->dead_ends : DEAD_ENDS;
    if (tries - spared > j->retries)
        return false;
    if ((j->overloads >= OVERLOADS && journey_has_stand_in(j)) || !may_try_again(j) || !pace(j))
        return false;
    if (j->judged.another)
        journey_tried(j, j->permit.project_id, is_quota(j->judged.kind));
    return true;
}

bool gateway_run(struct journey *j)
{
    if (!is_model_name(j))
        return false;
    int before = j->attempt; /* the model that is asked now */
    bool untold = false;
    j->dead_ends = 0;
    j->retries = (int)ledger_setting("retries", 7);
    retry_note_request(clock_ms());
    j->est_tokens = j->metered ? estimate_tokens(&j->body) : 0;
    for (;;) {
        j->attempt++;
        if (!reserve(j, j->attempt > before + 1, untold)) {
            j->attempt--;
            untold = false;
        } else {
            make_attempt(j);
            untold = true;
            if (j->fault.kind != FAULT_NONE || j->judged.kind == OUTCOME_OK)
                break;
            if (go_on(j, j->attempt - before))
                continue;
        }
        if (!stand_in(j))
            break;
        before = j->attempt;
    }
    if (j->fault.kind != FAULT_NONE)
        return false;
    if (j->judged.kind == OUTCOME_CALLER && (j->judged.status < 400 || j->judged.status > 599))
        return fault_set(&j->fault, FAULT_UPSTREAM,
                         "the upstream answered with status %d, as Google never does: the operator checks "
                         "POLLUX_UPSTREAM",
                         j->judged.status);
    if (j->committed || j->judged.kind == OUTCOME_OK || j->judged.kind == OUTCOME_CALLER) {
        journey_tell_model(j);
        return true; /* an answer, be it the caller's own mistake */
    }
    fault_of_attempt(j);
    return false;
}
