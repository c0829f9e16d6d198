/* SPDX-License-Identifier: MIT */
/*
 * outcome.c: what an upstream's answer means; see outcome.h.
 *
 * Where no rule of the operator is about an error, `rules`, read from top to
 * bottom, decides everything but quota. Messages are
 * matched at their beginning, because further on they may repeat what a caller
 * wrote. Of a 429 every violation is looked at (quota.c), every limit it names
 * is learned, and the longest rest wins.
 */
#include "upstream/outcome.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "upstream/quota.h"
#include "upstream/rules.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

enum { MINUTE_MS = 60 * 1000, LONG_MS = 300 * 1000 };

static const char *const kind_names[] = {
    [OUTCOME_OK] = "ok",
    [OUTCOME_EMPTY] = "empty",
    [OUTCOME_CALLER] = "caller",
    [OUTCOME_QUOTA_MINUTE] = "quota_minute",
    [OUTCOME_QUOTA_DAY] = "quota_day",
    [OUTCOME_QUOTA_TOKENS] = "quota_tokens",
    [OUTCOME_QUOTA_BARE] = "quota_bare",
    [OUTCOME_QUOTA_NEVER] = "quota_never",
    [OUTCOME_CREDENTIAL_DEAD] = "credential_dead",
    [OUTCOME_LOCATION] = "location",
    [OUTCOME_OVERLOADED] = "overloaded",
    [OUTCOME_ERROR_IN_200] = "error_in_200",
    [OUTCOME_CONNECT] = "connect",
    [OUTCOME_TIMEOUT_FIRST_BYTE] = "timeout_first_byte",
    [OUTCOME_TIMEOUT_IDLE] = "timeout_idle",
    [OUTCOME_TIMEOUT_TOTAL] = "timeout_total",
    [OUTCOME_RESET] = "reset",
    [OUTCOME_TRUNCATED] = "truncated",
    [OUTCOME_CLIENT_GONE] = "client_gone",
    [OUTCOME_AUTH_EXPIRED] = "auth_expired",
    [OUTCOME_RULE] = "rule",
};

const char *outcome_name(enum outcome_kind kind)
{
    return kind_names[kind];
}

/* An error answer, taken apart. The texts are borrowed and never NULL. */
struct answer {
    int status;
    bool account;
    const char *rpc;     /* "RESOURCE_EXHAUSTED" */
    const char *reason;  /* of ErrorInfo, or of the older errors[] */
    const char *message;
    const json_t *details;
};

/* --------------------------------------------------------------- rules ---- */

/* What a matching answer means. A member that is absent matches everything. */
struct rule {
    int from, to;        /* HTTP status, inclusive; `to` absent: `from` alone */
    enum { ANYBODY, KEYS, ACCOUNTS } whose;
    const char *reason;  /* is */
    const char *begins;  /* the message, in any case */
    const char *holds;   /* the message; only where no caller's text can stand in it */
    enum outcome_kind kind;
    enum outcome_scope scope;
    enum outcome_rest rest;
    const char *word;
    bool another, again;
};

#define REASON(is) .from = 400, .to = 403, .reason = (is)
#define DEAD(why)                                                                                   \
    .kind = OUTCOME_CREDENTIAL_DEAD, .scope = SCOPE_CREDENTIAL, .rest = REST_DEAD, .word = (why),   \
    .another = true
#define TIRED(why) .scope = SCOPE_QUOTA, .rest = REST_BACKOFF, .word = (why), .another = true, .again = true
#define ABSENT(why)                                                                                    \
    .kind = OUTCOME_QUOTA_NEVER, .scope = SCOPE_QUOTA, .rest = REST_BACKOFF, .word = (why), .another = true
#define CALLER     .kind = OUTCOME_CALLER
#define LOCATION   .kind = OUTCOME_LOCATION
#define OVERLOADED .kind = OUTCOME_OVERLOADED

static const struct rule rules[] = {
    /* The credential: by reason. */
    {REASON("API_KEY_INVALID"), .begins = "API key expired", DEAD("expired")},
    {REASON("API_KEY_INVALID"), DEAD("API_KEY_INVALID")},
    {REASON("keyInvalid"), DEAD("API_KEY_INVALID")},
    {REASON("keyExpired"), DEAD("expired")},
    {REASON("API_KEY_SERVICE_BLOCKED"), DEAD("API_KEY_SERVICE_BLOCKED")},
    {REASON("API_KEY_HTTP_REFERRER_BLOCKED"), DEAD("API_KEY_HTTP_REFERRER_BLOCKED")},
    {REASON("API_KEY_IP_ADDRESS_BLOCKED"), DEAD("API_KEY_IP_ADDRESS_BLOCKED")},
    {REASON("API_KEY_ANDROID_APP_BLOCKED"), DEAD("API_KEY_ANDROID_APP_BLOCKED")},
    {REASON("API_KEY_IOS_APP_BLOCKED"), DEAD("API_KEY_IOS_APP_BLOCKED")},
    {REASON("CONSUMER_SUSPENDED"), DEAD("suspended")},
    {REASON("CONSUMER_INVALID"), DEAD("CONSUMER_INVALID")},
    {REASON("SERVICE_DISABLED"), DEAD("SERVICE_DISABLED")},
    {REASON("accessNotConfigured"), DEAD("SERVICE_DISABLED")},
    {REASON("BILLING_DISABLED"), DEAD("billing")},
    {REASON("USER_PROJECT_DENIED"), DEAD("denied")},
    {REASON("ACCOUNT_STATE_INVALID"), DEAD("ACCOUNT_STATE_INVALID")},
    {REASON("TOS_VIOLATION"), DEAD("TOS_VIOLATION")},
    {REASON("VALIDATION_REQUIRED"), DEAD("VALIDATION_REQUIRED")},
    {REASON("UNSUPPORTED_CLIENT"), DEAD("UNSUPPORTED_CLIENT")},

    /* The credential: by the beginning of the message, where Google sends no details. */
    {.from = 400, .begins = "API key not valid", DEAD("API_KEY_INVALID")},
    {.from = 400, .begins = "API key not found", DEAD("API_KEY_INVALID")},
    {.from = 400, .begins = "API key expired", DEAD("expired")},
    {.from = 400, .begins = "The Gemini API free tier is not available in your country", DEAD("billing")},
    {.from = 403, .begins = "Your API key was reported as leaked", DEAD("leaked")},
    {.from = 403, .begins = "Your project has been denied access", DEAD("denied")},
    {.from = 403, .begins = "Permission denied: Consumer '", .holds = "has been suspended",
     DEAD("suspended")},
    {.from = 403, .begins = "Generative Language API has not been used in project",
     DEAD("SERVICE_DISABLED")},
    {.from = 403, .begins = "Requests to this API ", .holds = " are blocked",
     DEAD("API_KEY_SERVICE_BLOCKED")},
    {.from = 402, DEAD("prepay")},

    /* The access token, or a key where Google wants another kind of credential. */
    {.from = 401, .whose = ACCOUNTS, .kind = OUTCOME_AUTH_EXPIRED, .another = true, .again = true},
    {.from = 401, .kind = OUTCOME_AUTH_EXPIRED, .scope = SCOPE_QUOTA, .rest = REST_BACKOFF,
     .word = "unauthenticated", .another = true},

    /* The host: its address is in the wrong place, or in bad repute. No other key would help. */
    {.from = 400, .begins = "User location is not supported", LOCATION, .word = "location"},
    {.from = 403, .to = 503, .begins = "<", .holds = "automated queries", LOCATION, .word = "ip"},
    {.from = 403, .to = 503, .begins = "<", .holds = "unusual traffic", LOCATION, .word = "ip"},

    /* What an account may not do, though others may: a model that it has not, a project that is not its own. */
    {.from = 404, .whose = ACCOUNTS, .begins = "Requested entity was not found", ABSENT("model_absent")},
    {.from = 403, .whose = ACCOUNTS, .begins = "The caller does not have permission", ABSENT("no_permission")},
    {.from = 403, .whose = ACCOUNTS, .begins = "Permission 'cloudaicompanion.", ABSENT("no_permission")},

    /* 403 that is about a thing, not about the key: a file or cache of another project, a model. */
    {.from = 403, .begins = "You do not have permission to access the ", CALLER},
    {.from = 403, .begins = "CachedContent not found", CALLER},
    {.from = 403, .begins = "<", CALLER},
    {.from = 403, .holds = "model", .kind = OUTCOME_QUOTA_NEVER, .scope = SCOPE_QUOTA, .rest = REST_BACKOFF,
     .word = "model_denied", .another = true},
    {.from = 403, CALLER, .another = true},

    /* The model or the network. */
    {.from = 429, .reason = "MODEL_CAPACITY_EXHAUSTED", OVERLOADED, TIRED("capacity")},
    {.from = 429, .reason = "MODEL_CAPACITY_EXCEEDED", OVERLOADED, TIRED("capacity")},
    {.from = 408, OVERLOADED, TIRED("overloaded")},
    {.from = 499, OVERLOADED, TIRED("overloaded")},
    {.from = 501, CALLER},
    {.from = 500, .to = 599, OVERLOADED, TIRED("overloaded")},

    /* The caller: everything else (429 has been dealt with before). */
    {.from = INT_MIN, .to = INT_MAX, CALLER},
};

static bool begins_with(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

static bool rule_matches(const struct rule *r, const struct answer *a)
{
    return a->status >= r->from && a->status <= (r->to != 0 ? r->to : r->from) &&
           (r->whose == ANYBODY || (r->whose == ACCOUNTS) == a->account) &&
           (r->reason == NULL || strcmp(a->reason, r->reason) == 0) &&
           (r->begins == NULL || begins_with(a->message, r->begins)) &&
           (r->holds == NULL || strcasestr(a->message, r->holds) != NULL);
}

static void set_reason(struct outcome *ret, const char *word)
{
    snprintf(ret->reason, sizeof ret->reason, "%s", word != NULL ? word : "");
}

static void apply_rule(const struct rule *r, struct outcome *ret)
{
    ret->kind = r->kind;
    ret->scope = r->scope;
    ret->rest = r->rest;
    ret->another = r->another;
    ret->again = r->again;
    set_reason(ret, r->word);
}

static void judge_by_rules(const struct answer *a, struct outcome *ret)
{
    const struct rule *r = rules;
    while (!rule_matches(r, a))
        r++;
    apply_rule(r, ret);
}

/* --------------------------------------------------------------- quota ---- */

static void set_quota(struct outcome *ret, enum outcome_kind kind, enum outcome_rest rest, const char *word)
{
    ret->kind = kind;
    ret->scope = SCOPE_QUOTA;
    ret->rest = rest;
    ret->another = true;
    set_reason(ret, word);
}

static void set_quota_ms(struct outcome *ret, enum outcome_kind kind, int64_t ms, const char *word)
{
    set_quota(ret, kind, REST_MS, word);
    ret->rest_ms = ret->retry_after_ms = ms;
}

/* From the longest rest to the shortest; what is not explained rests a little and then a little longer. */
static void judge_quota(const struct quota *q, struct outcome *ret)
{
    bool tokens = q->tokens && !q->requests;
    bool named = q->minute || q->tokens || q->requests;
    bool timed = q->minute || (q->delay_ms >= 0 && (named || !q->tool));
    if (q->zero) {
        set_quota(ret, OUTCOME_QUOTA_NEVER, REST_NEVER, "limit_0");
        ret->retry_after_ms = -1;
    } else if (q->day) {
        set_quota(ret, OUTCOME_QUOTA_DAY, REST_MIDNIGHT, tokens ? "tpd" : "rpd");
    } else if (q->exhausted && q->delay_ms < 0) {
        set_quota(ret, OUTCOME_QUOTA_DAY, REST_MIDNIGHT, "exhausted");
    } else if (q->exhausted) {
        set_quota_ms(ret, OUTCOME_QUOTA_DAY, q->delay_ms, "exhausted");
    } else if (q->zero_region) {
        set_quota(ret, OUTCOME_QUOTA_NEVER, REST_BACKOFF, "limit_0_here");
    } else if (timed && q->delay_ms > LONG_MS) {
        set_quota_ms(ret, OUTCOME_QUOTA_DAY, q->delay_ms, "long");
    } else if (timed) {
        const char *word = tokens ? "tpm" : named ? "rpm" : "retry_info";
        set_quota_ms(ret, tokens ? OUTCOME_QUOTA_TOKENS : OUTCOME_QUOTA_MINUTE,
                     q->delay_ms >= 0 ? q->delay_ms : MINUTE_MS, word);
    } else {
        set_quota(ret, OUTCOME_QUOTA_BARE, REST_BACKOFF, q->tool ? "tool" : "bare");
    }
    ret->rpm = q->rpm;
    ret->tpm = q->tpm;
    ret->rpd = q->rpd;
}

/* --------------------------------------------------------------- texts ---- */

/* Copies text from outside: secrets masked, control characters as blanks, cut between characters. */
static void copy_clean(char *to, size_t room, const char *text)
{
    auto_buf masked = {0};
    log_redact(&masked, text, strnlen(text, 4096));
    size_t n = utf8_whole(buf_str(&masked), masked.n < room - 1 ? masked.n : room - 1);
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)masked.p[i] < 0x20 || masked.p[i] == 0x7f ? ' ' : masked.p[i];
    to[n] = '\0';
}

/* "429 RESOURCE_EXHAUSTED rpm: You exceeded your current quota ..." */
static void set_error(struct outcome *ret)
{
    auto_buf line = {0};
    buf_printf(&line, "%d", ret->status);
    if (ret->rpc[0] != '\0')
        buf_printf(&line, " %s", ret->rpc);
    if (ret->reason[0] != '\0')
        buf_printf(&line, " %s", ret->reason);
    if (ret->message[0] != '\0')
        buf_printf(&line, ": %s", ret->message);
    copy_clean(ret->error, sizeof ret->error, buf_str(&line));
}

static void set_texts(const struct answer *a, struct outcome *ret)
{
    copy_clean(ret->message, sizeof ret->message, a->message[0] == '<' ? "an HTML page" : a->message);
    copy_clean(ret->rpc, sizeof ret->rpc, a->rpc);
    set_error(ret);
}

static void judge_built_in(const struct answer *a, struct outcome *ret)
{
    static const char *const quota_reasons[] = {
        "rateLimitExceeded",  "userRateLimitExceeded", "quotaExceeded",
        "dailyLimitExceeded", "RATE_LIMIT_EXCEEDED",
    };
    judge_by_rules(a, ret);
    bool quota = a->status == 429 && ret->kind == OUTCOME_CALLER;
    for (size_t i = 0; a->status == 403 && i < sizeof quota_reasons / sizeof *quota_reasons; i++)
        quota |= strcmp(a->reason, quota_reasons[i]) == 0;
    if (quota) {
        struct quota q;
        quota_read(a->details, a->message, &q);
        judge_quota(&q, ret);
    }
}

static void judge(const struct answer *a, struct outcome *ret)
{
    const struct rules_words words = {.message = a->message, .rpc = a->rpc, .reason = a->reason};
    *ret = (struct outcome){.status = a->status};
    if (!rules_judge(a->status, &words, ret))
        judge_built_in(a, ret);
    set_texts(a, ret);
}

/* ------------------------------------------------------------- answers ---- */

/* {"error":{..}}, [{"error":{..}}]: the inner object (or string), NULL if there is none. */
static const json_t *error_member(const json_t *root)
{
    if (json_is_array(root))
        root = json_array_get(root, 0);
    const json_t *error = json_object_get(root, "error");
    return json_is_object(error) || json_is_string(error) ? error : NULL;
}

/* The reason in ErrorInfo, or that of the older errors[]. */
static const char *reason_of(const json_t *error)
{
    size_t i;
    const json_t *detail;
    json_array_foreach(json_object_get(error, "details"), i, detail) {
        const char *type = strchr(json_text_at(detail, "@type"), '/');
        if (type != NULL && strcmp(type, "/google.rpc.ErrorInfo") == 0)
            return json_text_at(detail, "reason");
    }
    return json_text_at(json_array_get(json_object_get(error, "errors"), 0), "reason");
}

/* The HTTP status that an error inside a 200 stands for; 0 if it does not say. */
static int status_of(const json_t *error)
{
    static const struct {
        const char *name;
        int status;
    } names[] = {
        {"INVALID_ARGUMENT", 400},    {"FAILED_PRECONDITION", 400}, {"OUT_OF_RANGE", 400},
        {"UNAUTHENTICATED", 401},     {"PERMISSION_DENIED", 403},   {"NOT_FOUND", 404},
        {"ABORTED", 409},             {"ALREADY_EXISTS", 409},      {"RESOURCE_EXHAUSTED", 429},
        {"CANCELLED", 499},           {"INTERNAL", 500},            {"UNKNOWN", 500},
        {"UNIMPLEMENTED", 501},       {"UNAVAILABLE", 503},         {"DEADLINE_EXCEEDED", 504},
        {"invalid_request", 400},     {"not_found", 404},           {"permission_denied", 403},
        {"rate_limit_exceeded", 429}, {"resource_exhausted", 429},  {"quota_exceeded", 429},
    };
    json_int_t code = json_integer_value(json_object_get(error, "code"));
    if (code >= 400 && code <= 599)
        return (int)code;
    const char *name = json_text_at(error, "status");
    if (name[0] == '\0')
        name = json_text_at(error, "code"); /* the Interactions API has names here */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].status;
    return 0;
}

static struct answer answer_of(const json_t *error, int status, bool account)
{
    const char *message = json_is_string(error) ? json_string_value(error) : json_text_at(error, "message");
    return (struct answer){
        .status = status,
        .account = account,
        .rpc = json_text_at(error, "status"),
        .reason = reason_of(error),
        .message = message,
        .details = json_object_get(error, "details"),
    };
}

bool outcome_of_error_object(const json_t *root, bool account, struct outcome *ret)
{
    const json_t *error = error_member(root);
    if (error == NULL)
        return false;
    int status = status_of(error);
    struct answer a = answer_of(error, status != 0 ? status : 500, account);
    judge(&a, ret);
    if (ret->kind == OUTCOME_OVERLOADED) {
        ret->kind = OUTCOME_ERROR_IN_200;
        ret->status = status != 0 ? status : 200;
        set_reason(ret, "error_in_200");
        set_error(ret);
    }
    return true;
}

static size_t skip_blanks(const char *s, size_t n, size_t at, const char *also)
{
    while (at < n && s[at] != '\0' && (strchr(" \t\r\n", s[at]) != NULL || strchr(also, s[at]) != NULL))
        at++;
    return at;
}

/* Does the body begin like an error object? Others may have a member "error" too (an operation, a file), but
 * never as their first, and a large answer need not be parsed to know. */
static bool begins_like_error(const char *body, size_t n)
{
    static const char mark[] = "\"error\"";
    size_t at = skip_blanks(body, n, 0, "[{");
    return at > 0 && n - at > sizeof mark && memcmp(body + at, mark, sizeof mark - 1) == 0;
}

/* A body that is no JSON: its text, if it is plain. */
static void judge_text(int http_status, const char *body, size_t n, bool account, struct outcome *ret)
{
    auto_buf text = {0};
    size_t at = skip_blanks(body, n, 0, "");
    for (size_t end = n - at > 4096 ? at + 4096 : n; at < end; at++)
        buf_putc(&text, body[at] >= 0x20 && body[at] < 0x7f ? body[at] : ' ');
    struct answer a = {
        .status = http_status,
        .account = account,
        .rpc = "",
        .reason = "",
        .message = buf_str(&text),
    };
    judge(&a, ret);
}

void outcome_of_answer(int http_status, const char *body, size_t n, bool account, struct outcome *ret)
{
    bool good = http_status >= 200 && http_status <= 299;
    *ret = (struct outcome){.kind = OUTCOME_OK, .status = http_status};
    if (good && !begins_like_error(body, n))
        return;
    const size_t flags = JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL;
    json_auto_t *root = json_depth_ok(body, n) ? json_loadb(body, n, flags, NULL) : NULL;
    if (good) {
        outcome_of_error_object(root, account, ret);
        return;
    }
    const json_t *error = error_member(root);
    if (error == NULL) {
        judge_text(http_status, body, n, account, ret);
        return;
    }
    struct answer a = answer_of(error, http_status, account);
    judge(&a, ret);
}

void outcome_retry_after(struct outcome *o, int64_t ms)
{
    if (ms <= 0 || o->retry_after_ms != 0 || o->rule != 0)
        return;
    if (o->kind == OUTCOME_QUOTA_BARE && strcmp(o->reason, "bare") == 0) {
        set_quota_ms(o, ms > LONG_MS ? OUTCOME_QUOTA_DAY : OUTCOME_QUOTA_MINUTE, ms, "retry_info");
        set_error(o);
    } else if (o->kind == OUTCOME_OVERLOADED) {
        o->retry_after_ms = ms;
    }
}

/* ------------------------------------------------------ without answer ---- */

static void set_plain(struct outcome *ret, const struct rule *r, const char *error)
{
    *ret = (struct outcome){0};
    apply_rule(r, ret);
    snprintf(ret->error, sizeof ret->error, "%s", error);
}

void outcome_of_empty(struct outcome *ret)
{
    static const struct rule r = {.kind = OUTCOME_EMPTY, TIRED("empty")};
    set_plain(ret, &r, "200 but nothing in it");
    ret->status = 200;
}

void outcome_of_truncated(struct outcome *ret)
{
    static const struct rule r = {.kind = OUTCOME_TRUNCATED, TIRED("truncated")};
    set_plain(ret, &r, "the stream ended without a finish reason");
    ret->status = 200;
}

void outcome_of_transport(enum upstream_end end, struct outcome *ret)
{
    static const struct {
        struct rule rule;
        const char *error;
    } ends[] = {
        [UPSTREAM_DONE] = {{.kind = OUTCOME_OK}, ""},
        [UPSTREAM_CONNECT_FAILED] = {{.kind = OUTCOME_CONNECT, .again = true},
                                     "no connection to the upstream"},
        [UPSTREAM_TLS] = {{.kind = OUTCOME_CONNECT}, "no secure connection to the upstream"},
        [UPSTREAM_FIRST_BYTE_TIMEOUT] = {{.kind = OUTCOME_TIMEOUT_FIRST_BYTE, TIRED("timeout")},
                                         "nothing came within the first-byte time-out"},
        [UPSTREAM_IDLE_TIMEOUT] = {{.kind = OUTCOME_TIMEOUT_IDLE, TIRED("timeout")},
                                   "silence in the middle of the answer"},
        [UPSTREAM_TOTAL_TIMEOUT] = {{.kind = OUTCOME_TIMEOUT_TOTAL}, "the request's time was up"},
        [UPSTREAM_RESET] = {{.kind = OUTCOME_RESET, TIRED("reset")}, "the upstream broke the connection off"},
        [UPSTREAM_ABORTED] = {{.kind = OUTCOME_CLIENT_GONE}, "the client had gone"},
        [UPSTREAM_TOO_LARGE] = {{.kind = OUTCOME_TRUNCATED}, "the answer was larger than the limit"},
    };
    set_plain(ret, &ends[end].rule, ends[end].error);
}

/* -------------------------------------------------------------- ledger ---- */

static json_t *learned(const struct outcome *o)
{
    json_t *learn_these = json_object();
    if (o->rpm > 0)
        json_object_set_new(learn_these, "rpm", json_integer(o->rpm));
    if (o->tpm > 0)
        json_object_set_new(learn_these, "tpm", json_integer(o->tpm));
    if (o->rpd > 0)
        json_object_set_new(learn_these, "rpd", json_integer(o->rpd));
    return learn_these;
}

json_t *outcome_penalty_json(const struct outcome *o)
{
    static const char *const scopes[] = {"none", "credential", "quota", "model"};
    static const char *const rests[] = {"none", "backoff", "ms", "midnight", "never", "dead", "exact"};
    if (o->scope == SCOPE_NONE)
        return NULL;
    json_t *penalty = json_object();
    json_object_set_new(penalty, "scope", json_string(scopes[o->scope]));
    json_object_set_new(penalty, "rest", json_string(rests[o->rest]));
    json_object_set_new(penalty, "ms", json_integer(o->rest_ms));
    json_object_set_new(penalty, "reason", json_string(o->reason));
    json_t *limits = learned(o);
    if (json_object_size(limits) > 0)
        json_object_set(penalty, "learn", limits);
    json_decref(limits);
    return penalty;
}
