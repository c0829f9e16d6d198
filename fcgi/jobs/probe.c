/* SPDX-License-Identifier: MIT */
/*
 * probe.c: one cheap request that finds out whether a credential works.
 *
 * Which credential, which model, and whether tokens are counted (no quota) or
 * one is generated is decided in sql/functions/probe.sql; the answer is judged
 * by the same table as any other (upstream/outcome.c), and the database lets it
 * have the effects that an attempt has.
 */
#include "jobs/jobs_own.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "upstream/outcome.h"
#include "vault/vault.h"

#include <string.h>

static const char count_body[] = "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}]}";
static const char generate_body[] = "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}],"
                                    "\"generationConfig\":{\"maxOutputTokens\":1}}";
static const char embed_body[] = "{\"content\":{\"parts\":[{\"text\":\"Hello\"}]}}";

/* How a probe asks. */
struct way {
    const char *verb, *body;
    const char *const *proofs; /* members, one of which a good answer has */
};

static struct way way_of(const char *with, const char *model)
{
    static const char *const counted[] = {"totalTokens", NULL};
    static const char *const generated[] = {"candidates", "promptFeedback", "usageMetadata", NULL};
    static const char *const embedded[] = {"embedding", NULL};
    if (strcmp(with, "generate") != 0)
        return (struct way){"countTokens", count_body, counted};
    if (strstr(model, "embedding") != NULL)
        return (struct way){"embedContent", embed_body, embedded};
    return (struct way){"generateContent", generate_body, generated};
}

/* Models were named by clients: whatever is no plain character of a path is encoded. */
static void put_url(struct buf *url, const char *model, const char *verb)
{
    bool whole = strncmp(model, "models/", 7) == 0 || strncmp(model, "tunedModels/", 12) == 0;
    buf_printf(url, "%s/v1beta/%s", conf.upstream, whole ? "" : "models/");
    for (const char *p = model; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~/@", c) != NULL;
        if (plain)
            buf_putc(url, (char)c);
        else
            buf_printf(url, "%%%02X", c);
    }
    buf_printf(url, ":%s", verb);
}

/* A 200 that is no answer of the API (a page of a proxy, say) proves nothing. */
static bool proves(const struct buf *body, const char *const *members)
{
    json_auto_t *answer = json_read(buf_str(body), body->n);
    for (; *members != NULL; members++)
        if (json_object_get(answer, *members) != NULL)
            return true;
    return false;
}

static void judge(enum upstream_end end, const struct upstream_call *call, const struct buf *body,
                  const struct way *way, struct outcome *o)
{
    if (end != UPSTREAM_DONE) {
        outcome_of_transport(end, o);
        if (*call->error != '\0')
            snprintf(o->error, sizeof o->error, "%s", call->error);
        return;
    }
    outcome_of_answer(call->status, buf_str(body), body->n, false, o);
    if (o->kind == OUTCOME_OK && !proves(body, way->proofs))
        outcome_of_empty(o);
}

/* The result object that api.probe_end() wants. */
static void describe(struct job *job, const struct outcome *o, int status, int64_t ms)
{
    json_t *penalty = outcome_penalty_json(o);
    json_object_set_new(job->result, "status", json_integer(status));
    json_object_set_new(job->result, "outcome", json_string(outcome_name(o->kind)));
    json_object_set_new(job->result, "duration_ms", json_integer(ms));
    json_object_set_new(job->result, "penalty", penalty != NULL ? penalty : json_null());
    if (*o->error != '\0')
        json_object_set_new(job->result, "error", json_string(o->error));
}

static bool report(struct job *job, struct fault *f)
{
    auto_str result = json_dumps(job->result, JSON_COMPACT);
    const char *const params[] = {jobs_worker(), job->id_text, job->attempt_text, result};
    json_auto_t *said = NULL;
    if (!jobs_call(&said, f, "select api.probe_end($1::uuid, $2::bigint, $3::int, $4::jsonb)", 4, params))
        return false;
    job->closed = true;
    log_info("probe of credential %s: %lld %s (%s)", job->subject,
             (long long)json_integer_value(json_object_get(job->result, "status")),
             json_text_at(job->result, "outcome"), json_is_null(said) ? "too late" : json_text_at(said, "state"));
    return true;
}

static bool ask(struct job *job, const json_t *about, struct fault *f)
{
    auto_secret key = {0}, proxy = {0};
    auto_buf url = {0}, body = {0};
    struct way way = way_of(json_text_at(about, "with"), json_text_at(about, "upstream_model"));
    if (!vault_credential_unseal(json_text_at(about, "sealed"), json_text_at(about, "fingerprint"), &key, f))
        return false;
    const char *own = json_text_at(about, "proxy");
    if (*own != '\0' && !vault_proxy_unseal(own, json_text_at(about, "fingerprint"), &proxy, f))
        return false;
    put_url(&url, json_text_at(about, "upstream_model"), way.verb);
    struct upstream_call call = {.method = "POST",
                                 .url = buf_str(&url),
                                 .proxy = *own != '\0' ? buf_str(&proxy) : conf.proxy,
                                 .body = way.body,
                                 .body_n = strlen(way.body)};
    upstream_header_add(&call, "x-goog-api-key", buf_str(&key));
    upstream_header_add(&call, "Content-Type", "application/json");
    upstream_header_add(&call, "User-Agent", "pollux/" POLLUX_VERSION);
    int64_t began = clock_ms();
    enum upstream_end end = jobs_http(&call, &body);
    vault_wipe_buf(&call.headers);
    struct outcome o;
    judge(end, &call, &body, &way, &o);
    if (*own != '\0' && end != UPSTREAM_DONE) { /* what happens on its own way out is no fault of the key */
        o.scope = SCOPE_NONE;
        o.rest = REST_NONE;
    }
    describe(job, &o, call.status, clock_ms() - began);
    upstream_call_free(&call);
    return !(jobs_ending() && end != UPSTREAM_DONE);
}

bool probe_run(struct job *job, struct fault *f)
{
    const char *const params[] = {job->id_text, job->attempt_text};
    json_auto_t *about = NULL;
    if (!jobs_call(&about, f, "select api.probe_begin($1::bigint, $2::int)", 2, params))
        return false;
    if (json_is_null(about)) {
        json_object_set_new(job->result, "skipped", json_true());
        return true;
    }
    return ask(job, about, f) && report(job, f);
}
