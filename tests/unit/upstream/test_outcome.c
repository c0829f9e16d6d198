/* SPDX-License-Identifier: MIT */
/*
 * test_outcome.c: the outcome table, row by row.
 *
 * An outcome is shown as one line, so that a test is an answer and a line:
 * kind, scope/rest, milliseconds, reason, "another" and "again" if allowed,
 * and the limits that were learned.
 */
#include "upstream/outcome.h"
#include "upstream/quota.h"
#include "base/auto.h"

#include "../check.h"

static void show(const struct outcome *o, struct buf *line)
{
    static const char *const scopes[] = {"-", "credential", "quota"};
    static const char *const rests[] = {"-", "backoff", "ms", "midnight", "never", "dead"};
    buf_printf(line, "%s %s/%s", outcome_name(o->kind), scopes[o->scope], rests[o->rest]);
    if (o->rest_ms > 0)
        buf_printf(line, " %lld", (long long)o->rest_ms);
    if (o->reason[0] != '\0')
        buf_printf(line, " %s", o->reason);
    buf_puts(line, o->another ? " another" : "");
    buf_puts(line, o->again ? " again" : "");
    if (o->rpm > 0)
        buf_printf(line, " rpm=%lld", (long long)o->rpm);
    if (o->tpm > 0)
        buf_printf(line, " tpm=%lld", (long long)o->tpm);
    if (o->rpd > 0)
        buf_printf(line, " rpd=%lld", (long long)o->rpd);
}

static void answer(bool account, int status, const char *body, const char *should)
{
    struct outcome o;
    auto_buf line = {0};
    check_note(body);
    outcome_of_answer(status, body, strlen(body), account, &o);
    show(&o, &line);
    CHECK_STR(buf_str(&line), should);
    CHECK((o.error[0] == '\0') == (o.kind == OUTCOME_OK));
}

#define KEY(status, body, should)     answer(false, status, body, should)
#define ACCOUNT(status, body, should) answer(true, status, body, should)

#define ERROR(code, rpc, message, details)                                                               \
    "{\"error\":{\"code\":" code ",\"message\":\"" message "\",\"status\":\"" rpc                        \
    "\",\"details\":[" details "]}}"
#define PLAIN(code, rpc, message)                                                                        \
    "{\"error\":{\"code\":" code ",\"message\":\"" message "\",\"status\":\"" rpc "\"}}"
#define INFO(reason)                                                                                     \
    "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"" reason "\","                 \
    "\"domain\":\"googleapis.com\",\"metadata\":{\"service\":\"generativelanguage.googleapis.com\"}}"
#define RETRY(delay)                                                                                     \
    "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"" delay "\"}"
#define HELP                                                                                             \
    "{\"@type\":\"type.googleapis.com/google.rpc.Help\",\"links\":[{\"description\":\"Learn more\"}]}"
#define FAILURE(violations)                                                                              \
    "{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[" violations "]}"
#define VIOLATION(metric, id, value)                                                                     \
    "{\"quotaMetric\":\"generativelanguage.googleapis.com/" metric "\",\"quotaId\":\"" id "\","          \
    "\"quotaDimensions\":{\"location\":\"global\",\"model\":\"gemini-2.5-pro\"},\"quotaValue\":\"" value \
    "\"}"
#define NO_VALUE(metric, id)                                                                             \
    "{\"quotaMetric\":\"generativelanguage.googleapis.com/" metric "\",\"quotaId\":\"" id "\","          \
    "\"quotaDimensions\":{\"location\":\"global\",\"model\":\"gemini-2.5-pro\"}}"
#define QUOTA(message, details) ERROR("429", "RESOURCE_EXHAUSTED", message, details)

#define EXCEEDED "You exceeded your current quota, please check your plan and billing details. "
#define RPM                                                                                              \
    VIOLATION("generate_content_free_tier_requests",                                                     \
              "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "2")
#define RPD                                                                                              \
    VIOLATION("generate_content_free_tier_requests",                                                     \
              "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "50")
#define TPM                                                                                              \
    VIOLATION("generate_content_free_tier_input_token_count",                                            \
              "GenerateContentInputTokensPerModelPerMinute-FreeTier", "125000")
#define TPD                                                                                              \
    VIOLATION("generate_content_free_tier_input_token_count",                                            \
              "GenerateContentInputTokensPerModelPerDay-FreeTier", "1000000")

static void good_answers_are_ok(void)
{
    KEY(200, "{\"candidates\":[]}", "ok -/-");
    KEY(200, "", "ok -/-");
    KEY(200, "{\"name\":\"operations/x\",\"error\":{\"code\":3}}", "ok -/-");
    KEY(204, "{}", "ok -/-");
}

static void a_bad_key_is_known_by_its_reason_not_by_400(void)
{
    KEY(400,
        ERROR("400", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
              INFO("API_KEY_INVALID")),
        "credential_dead credential/dead API_KEY_INVALID another");
    KEY(400,
        ERROR("400", "INVALID_ARGUMENT", "API key expired. Please renew the API key.",
              INFO("API_KEY_INVALID")),
        "credential_dead credential/dead expired another");
    KEY(400, PLAIN("400", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        "credential_dead credential/dead API_KEY_INVALID another");
    KEY(400, PLAIN("400", "INVALID_ARGUMENT", "Request contains an invalid argument."), "caller -/-");
    KEY(400,
        PLAIN("400", "INVALID_ARGUMENT",
              "Invalid JSON payload received. Unknown name \\\"API key not valid\\\""),
        "caller -/-");
    KEY(400,
        ERROR("400", "INVALID_ARGUMENT", "Unknown name \\\"API_KEY_INVALID\\\"",
              "{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"reason\":\"API_KEY_INVALID\"}"),
        "caller -/-");
    KEY(400,
        "{\"error\":{\"code\":400,\"message\":\"Bad Request\",\"errors\":[{\"reason\":\"keyInvalid\"}]}}",
        "credential_dead credential/dead API_KEY_INVALID another");
}

static void a_403_may_end_a_credential(void)
{
    KEY(403,
        ERROR("403", "PERMISSION_DENIED",
              "Permission denied: Consumer 'api_key:AIzaSyABCDEFGHIJKLMNOP' has been suspended.",
              INFO("CONSUMER_SUSPENDED")),
        "credential_dead credential/dead suspended another");
    KEY(403,
        PLAIN("403", "PERMISSION_DENIED",
              "Permission denied: Consumer 'api_key:AIzaSyABCDEFGHIJKLMNOP' has been suspended."),
        "credential_dead credential/dead suspended another");
    KEY(403,
        PLAIN("403", "PERMISSION_DENIED",
              "Your API key was reported as leaked. Please use another API key."),
        "credential_dead credential/dead leaked another");
    KEY(403,
        PLAIN("403", "PERMISSION_DENIED", "Your project has been denied access. Please contact support."),
        "credential_dead credential/dead denied another");
    KEY(403,
        ERROR("403", "PERMISSION_DENIED", "Generative Language API has not been used in project 1 before",
              HELP "," INFO("SERVICE_DISABLED")),
        "credential_dead credential/dead SERVICE_DISABLED another");
    KEY(403,
        ERROR("403", "PERMISSION_DENIED",
              "Requests to this API generativelanguage.googleapis.com method x are blocked.",
              INFO("API_KEY_SERVICE_BLOCKED")),
        "credential_dead credential/dead API_KEY_SERVICE_BLOCKED another");
    KEY(403, ERROR("403", "PERMISSION_DENIED", "x", INFO("API_KEY_IP_ADDRESS_BLOCKED")),
        "credential_dead credential/dead API_KEY_IP_ADDRESS_BLOCKED another");
    KEY(402, PLAIN("402", "RESOURCE_EXHAUSTED", "Your prepaid credit is depleted."),
        "credential_dead credential/dead prepay another");
    ACCOUNT(403, ERROR("403", "PERMISSION_DENIED", "x", INFO("TOS_VIOLATION")),
            "credential_dead credential/dead TOS_VIOLATION another");
}

static void a_403_about_a_thing_does_not_punish_the_key(void)
{
    KEY(403,
        PLAIN("403", "PERMISSION_DENIED",
              "You do not have permission to access the File abc or it may not exist."),
        "caller -/-");
    KEY(403, PLAIN("403", "PERMISSION_DENIED", "CachedContent not found (or permission denied)"),
        "caller -/-");
    KEY(403, PLAIN("403", "PERMISSION_DENIED", "The caller does not have permission"),
        "caller -/- another");
    KEY(403, PLAIN("403", "PERMISSION_DENIED", "Project 1 may not use model gemini-x."),
        "quota_never quota/backoff model_denied another");
    KEY(403, "<html><title>Error 403 (Forbidden)!!1</title> model", "caller -/-");
    KEY(404, PLAIN("404", "NOT_FOUND", "models/x is not found for API version v1beta"), "caller -/-");
    KEY(404, "<!DOCTYPE html><html lang=en>", "caller -/-");
    KEY(413, "", "caller -/-");
    KEY(409, PLAIN("409", "ABORTED", "x"), "caller -/-");
    KEY(501, PLAIN("501", "UNIMPLEMENTED", "x"), "caller -/-");
    KEY(302, "", "caller -/-");
}

static void the_host_may_be_at_fault(void)
{
    KEY(400, PLAIN("400", "FAILED_PRECONDITION", "User location is not supported for the API use."),
        "location -/- location");
    KEY(400,
        PLAIN("400", "FAILED_PRECONDITION",
              "The File abc is not in an ACTIVE state and usage is not allowed."),
        "caller -/-");
    KEY(429, "<html>We're sorry... but your computer or network may be sending automated queries.",
        "location -/- ip");
}

static void a_401_means_a_token_for_an_account(void)
{
    ACCOUNT(401, PLAIN("401", "UNAUTHENTICATED", "Request had invalid authentication credentials."),
            "auth_expired -/- another again");
    KEY(401,
        ERROR("401", "UNAUTHENTICATED", "API keys are not supported by this API.",
              INFO("CREDENTIALS_MISSING")),
        "auth_expired quota/backoff unauthenticated another");
    KEY(401, ERROR("401", "UNAUTHENTICATED", "x", INFO("API_KEY_INVALID")),
        "credential_dead credential/dead API_KEY_INVALID another");
}

static void a_429_is_read_violation_by_violation(void)
{
    KEY(429, QUOTA(EXCEEDED, HELP "," FAILURE(RPM) "," RETRY("56s")),
        "quota_minute quota/ms 56000 rpm another rpm=2");
    KEY(429, QUOTA(EXCEEDED, RETRY("0.5s") "," FAILURE(RPM)),
        "quota_minute quota/ms 500 rpm another rpm=2");
    KEY(429, QUOTA(EXCEEDED, FAILURE(RPM)), "quota_minute quota/ms 60000 rpm another rpm=2");
    KEY(429, QUOTA(EXCEEDED, FAILURE(TPM) "," RETRY("12.3s")),
        "quota_tokens quota/ms 12300 tpm another tpm=125000");
    KEY(429, QUOTA(EXCEEDED, FAILURE(RPD) "," RETRY("10s")),
        "quota_day quota/midnight rpd another rpd=50");
    KEY(429, QUOTA(EXCEEDED, FAILURE(TPD) "," RETRY("10s")), "quota_day quota/midnight tpd another");
    KEY(429, QUOTA(EXCEEDED, FAILURE(RPM "," TPM "," RPD) "," RETRY("10s")),
        "quota_day quota/midnight rpd another rpm=2 tpm=125000 rpd=50");
    KEY(429, QUOTA(EXCEEDED, FAILURE(RPM "," TPM) "," RETRY("10s")),
        "quota_minute quota/ms 10000 rpm another rpm=2 tpm=125000");
    KEY(429,
        QUOTA(EXCEEDED,
              FAILURE(VIOLATION("x", "GenerateContentPaidTierInputTokensPerModelPerMinute", "4000000"))),
        "quota_tokens quota/ms 60000 tpm another tpm=4000000");
    KEY(429,
        QUOTA(EXCEEDED,
              FAILURE(VIOLATION("x", "EmbedContentRequestsPerMinutePerUserPerProjectPerModel-FreeTier",
                                "100"))),
        "quota_minute quota/ms 60000 rpm another rpm=100");
    KEY(429,
        QUOTA(EXCEEDED, FAILURE(NO_VALUE("generate_requests_per_model_per_day", "")) "," RETRY("3s")),
        "quota_day quota/midnight rpd another");
    KEY(429,
        QUOTA(EXCEEDED, FAILURE(VIOLATION("x", "GenerateImageRequestsPerMinutePerProjectPerModel",
                                          "5")) "," RETRY("3s")),
        "quota_minute quota/ms 3000 rpm another");
    KEY(429,
        QUOTA(EXCEEDED,
              FAILURE(VIOLATION("x", "GenerateRequestsPerMinutePerProjectPerModel", "99999999999"))),
        "quota_minute quota/ms 60000 rpm another");
}

static void a_limit_of_zero_is_for_ever(void)
{
    KEY(429,
        QUOTA(EXCEEDED, FAILURE(VIOLATION("r", "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
                                          "0")) "," RETRY("9s")),
        "quota_never quota/never limit_0 another");
    KEY(429,
        QUOTA(
            EXCEEDED "\\n* Quota exceeded for metric: "
                     "generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, "
                     "model: gemini-x\\nPlease retry in 9s.",
            FAILURE(NO_VALUE("r", "GenerateRequestsPerDayPerProjectPerModel-FreeTier")) "," RETRY("9s")),
        "quota_never quota/never limit_0 another");
    KEY(429,
        PLAIN("429", "RESOURCE_EXHAUSTED", "* Quota exceeded for metric: x/free_tier_requests, limit: 0"),
        "quota_never quota/never limit_0 another");
    KEY(429,
        PLAIN("429", "RESOURCE_EXHAUSTED",
              "* Quota exceeded for metric: x/free_tier_requests, limit: 20, model: m"),
        "quota_bare quota/backoff bare another");
    KEY(429,
        QUOTA("x",
              "{\"@type\":\"type.googleapis.com/"
              "google.rpc.ErrorInfo\",\"reason\":\"RATE_LIMIT_EXCEEDED\",\"metadata\":{"
              "\"quota_limit\":\"GenerateContentRequestsPerMinutePerProjectPerRegion\",\"quota_limit_"
              "value\":\"0\",\"quota_location\":\"us-east2\"}}"),
        "quota_never quota/backoff limit_0_here another");
}

static void a_tools_limit_is_not_the_models(void)
{
    KEY(429,
        QUOTA(EXCEEDED,
              FAILURE(VIOLATION("g", "GroundingSearchRequestsPerDayPerProject", "500")) "," RETRY("40s")),
        "quota_bare quota/backoff tool another");
    KEY(429,
        QUOTA(EXCEEDED, FAILURE(VIOLATION("g", "GroundingSearchRequestsPerDayPerProject",
                                          "500") "," RPM) "," RETRY("4s")),
        "quota_minute quota/ms 4000 rpm another rpm=2");
}

static void delays_are_found_wherever_they_stand(void)
{
    KEY(429, PLAIN("429", "RESOURCE_EXHAUSTED", EXCEEDED "Please retry in 56.185908122s."),
        "quota_minute quota/ms 56186 retry_info another");
    KEY(429, PLAIN("429", "RESOURCE_EXHAUSTED", "Please retry in 250ms"),
        "quota_minute quota/ms 250 retry_info another");
    KEY(429, QUOTA("x", RETRY("301s")), "quota_day quota/ms 301000 long another");
    KEY(429, QUOTA("x", RETRY("1e300s")), "quota_day quota/ms 604800000 long another");
    KEY(429, QUOTA("x", RETRY("-5s")), "quota_bare quota/backoff bare another");
    KEY(429,
        QUOTA("x", "{\"@type\":\"type.googleapis.com/"
                   "google.rpc.RetryInfo\",\"retryDelay\":{\"seconds\":\"7\",\"nanos\":500000000}}"),
        "quota_minute quota/ms 7500 retry_info another");
    KEY(429,
        QUOTA("Quota exceeded for quota metric 'Requests' and limit 'x'",
              "{\"@type\":\"type.googleapis.com/"
              "google.rpc.ErrorInfo\",\"reason\":\"RATE_LIMIT_EXCEEDED\",\"metadata\":{"
              "\"quota_limit\":\"GenerateContentRequestsPerMinutePerProjectPerRegion\",\"quota_limit_"
              "value\":\"60\","
              "\"quota_location\":\"us-central1\",\"consumer\":\"projects/1\"}}"),
        "quota_minute quota/ms 60000 rpm another rpm=60");
    ACCOUNT(429,
            QUOTA("Your quota will reset after 19h14m47s.",
                  "{\"@type\":\"type.googleapis.com/"
                  "google.rpc.ErrorInfo\",\"reason\":\"QUOTA_EXHAUSTED\",\"metadata\":{"
                  "\"quotaResetDelay\":\"19h14m47.2s\"}}," RETRY("0.3s")),
            "quota_day quota/ms 69287200 exhausted another");
    ACCOUNT(429, QUOTA("Your quota will reset after 1h0m1s.", INFO("QUOTA_EXHAUSTED")),
            "quota_day quota/ms 3601000 exhausted another");
}

static void a_bare_429_rests_a_little(void)
{
    KEY(429, PLAIN("429", "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        "quota_bare quota/backoff bare another");
    KEY(429, QUOTA(EXCEEDED, HELP), "quota_bare quota/backoff bare another");
    KEY(429, "", "quota_bare quota/backoff bare another");
    KEY(429, "<html>429</html>", "quota_bare quota/backoff bare another");
    KEY(403, "{\"error\":{\"message\":\"x\",\"errors\":[{\"reason\":\"rateLimitExceeded\"}]}}",
        "quota_bare quota/backoff bare another");
    ACCOUNT(429, QUOTA("No capacity available", INFO("MODEL_CAPACITY_EXHAUSTED")),
            "overloaded quota/backoff capacity another again");
}

/* The answer's header Retry-After, in ms. */
static void after(int64_t ms, int status, const char *body, const char *should, int64_t told)
{
    struct outcome o;
    auto_buf line = {0};
    check_note(body);
    outcome_of_answer(status, body, strlen(body), false, &o);
    outcome_retry_after(&o, ms);
    show(&o, &line);
    CHECK_STR(buf_str(&line), should);
    CHECK(o.retry_after_ms == told);
}

static void a_retry_after_counts_where_the_body_is_silent(void)
{
    after(7000, 429, "", "quota_minute quota/ms 7000 retry_info another", 7000);
    after(3600000, 429, "<html>429</html>", "quota_day quota/ms 3600000 retry_info another", 3600000);
    after(0, 429, "", "quota_bare quota/backoff bare another", 0);
    after(7000, 429, QUOTA("x", RETRY("56s")), "quota_minute quota/ms 56000 retry_info another", 56000);
    after(7000, 503, "", "overloaded quota/backoff overloaded another again", 7000);
    after(7000, 400, "", "caller -/-", 0);
}

static void overload_is_the_models_fault(void)
{
    KEY(503, PLAIN("503", "UNAVAILABLE", "The model is overloaded."),
        "overloaded quota/backoff overloaded another again");
    KEY(500, "", "overloaded quota/backoff overloaded another again");
    KEY(502, "<html>502</html>", "overloaded quota/backoff overloaded another again");
    KEY(504, "[{\"error\":{\"code\":504}}]", "overloaded quota/backoff overloaded another again");
    KEY(499, PLAIN("499", "CANCELLED", "x"), "overloaded quota/backoff overloaded another again");
    KEY(503, ERROR("503", "UNAVAILABLE", "x", INFO("API_KEY_INVALID")),
        "overloaded quota/backoff overloaded another again");
}

static void an_error_inside_a_200_is_an_error(void)
{
    KEY(200, " [{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}]",
        "error_in_200 quota/backoff error_in_200 another again");
    KEY(200, "{\"error\":{\"message\":\"?\"}}", "error_in_200 quota/backoff error_in_200 another again");
    KEY(200, "{\"error\":\"what\"}", "error_in_200 quota/backoff error_in_200 another again");
    KEY(200, QUOTA(EXCEEDED, FAILURE(RPD)), "quota_day quota/midnight rpd another rpd=50");
    KEY(200, "{\"error\":{\"code\":8,\"status\":\"RESOURCE_EXHAUSTED\"}}",
        "quota_bare quota/backoff bare another");
    KEY(200, "{\"error\":{\"status\":\"RESOURCE_EXHAUSTED\"}}", "quota_bare quota/backoff bare another");
    KEY(200, PLAIN("400", "INVALID_ARGUMENT", "x"), "caller -/-");
    json_auto_t *event = json_loads(
        "{\"event_type\":\"error\",\"error\":{\"code\":\"invalid_request\",\"message\":\"m\"}}", 0, NULL);
    json_auto_t *none = json_loads("{\"candidates\":[],\"error\":null}", 0, NULL);
    struct outcome o = {.kind = OUTCOME_RESET};
    CHECK(!outcome_of_error_object(none, false, &o) && !outcome_of_error_object(NULL, false, &o));
    CHECK_INT(o.kind, OUTCOME_RESET);
    CHECK(outcome_of_error_object(event, false, &o));
    CHECK_INT(o.kind, OUTCOME_CALLER);
    CHECK_STR(o.message, "m");
}

static void texts_hold_no_secret_and_no_control_characters(void)
{
    struct outcome o;
    static const char body[] =
        ERROR("403", "PERMISSION_DENIED",
              "Permission denied: Consumer 'api_key:AIzaSyABCDEFGHIJKLMNOPQRST'\\n\\t has been "
              "suspended.\\u0000 \\u0007",
              INFO("CONSUMER_SUSPENDED"));
    outcome_of_answer(403, body, strlen(body), false, &o);
    CHECK(strstr(o.message, "AIzaSyABC") == NULL && strstr(o.error, "AIzaSyABC") == NULL);
    CHECK_STR(o.message, "Permission denied: Consumer 'api_key:***'   has been suspended.");
    CHECK_STR(
        o.error,
        "403 PERMISSION_DENIED suspended: Permission denied: Consumer 'api_key:***'   has been suspended.");
    outcome_of_answer(502, "<html>secret</html>", 19, false, &o);
    CHECK_STR(o.error, "502 overloaded: an HTML page");
    outcome_of_answer(500, "plain \xff\x01 words", 14, false, &o);
    CHECK_STR(o.message, "plain    words");
}

static void long_texts_are_cut_between_characters(void)
{
    for (int lead = 0; lead < 4; lead++) {
        auto_buf body = {0};
        struct outcome o;
        buf_puts(&body, "{\"error\":{\"message\":\"");
        for (int i = 0; i < lead; i++)
            buf_putc(&body, 'x');
        for (int i = 0; i < 2000; i++)
            buf_puts(&body, "\xf0\x9f\x98\x80");
        buf_puts(&body, "\"}}");
        outcome_of_answer(500, body.p, body.n, false, &o);
        json_auto_t *valid = json_string(o.message), *error = json_string(o.error);
        CHECK(valid != NULL && error != NULL);
        CHECK(strlen(o.message) > sizeof o.message - 5);
    }
}

static void the_network_has_outcomes_too(void)
{
    static const char *const lines[] = {
        [UPSTREAM_DONE] = "ok -/-",
        [UPSTREAM_CONNECT_FAILED] = "connect -/- again",
        [UPSTREAM_TLS] = "connect -/-",
        [UPSTREAM_FIRST_BYTE_TIMEOUT] = "timeout_first_byte quota/backoff timeout another again",
        [UPSTREAM_IDLE_TIMEOUT] = "timeout_idle quota/backoff timeout another again",
        [UPSTREAM_TOTAL_TIMEOUT] = "timeout_total -/-",
        [UPSTREAM_RESET] = "reset quota/backoff reset another again",
        [UPSTREAM_ABORTED] = "client_gone -/-",
        [UPSTREAM_TOO_LARGE] = "truncated -/-",
    };
    for (enum upstream_end end = UPSTREAM_DONE; end <= UPSTREAM_TOO_LARGE; end++) {
        auto_buf line = {0};
        struct outcome o;
        outcome_of_transport(end, &o);
        show(&o, &line);
        CHECK_STR(buf_str(&line), lines[end]);
    }
    auto_buf line = {0};
    struct outcome o;
    outcome_of_empty(&o);
    show(&o, &line);
    CHECK_STR(buf_str(&line), "empty quota/backoff empty another again");
    buf_clear(&line);
    outcome_of_truncated(&o);
    show(&o, &line);
    CHECK_STR(buf_str(&line), "truncated quota/backoff truncated another again");
}

static void penalty(int status, const char *body, const char *should)
{
    struct outcome o;
    outcome_of_answer(status, body, strlen(body), false, &o);
    json_auto_t *json = outcome_penalty_json(&o);
    auto_str text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    CHECK_STR(text, should);
}

static void the_penalty_is_what_the_ledger_reads(void)
{
    penalty(200, "{}", NULL);
    penalty(400, PLAIN("400", "INVALID_ARGUMENT", "x"), NULL);
    penalty(429, QUOTA(EXCEEDED, FAILURE(RPM "," RPD) "," RETRY("1s")),
            "{\"scope\":\"quota\",\"rest\":\"midnight\",\"ms\":0,\"reason\":\"rpd\",\"learn\":{\"rpm\":2,"
            "\"rpd\":50}}");
    penalty(429, QUOTA(EXCEEDED, RETRY("1s")),
            "{\"scope\":\"quota\",\"rest\":\"ms\",\"ms\":1000,\"reason\":\"retry_info\"}");
    penalty(403, ERROR("403", "x", "x", INFO("CONSUMER_SUSPENDED")),
            "{\"scope\":\"credential\",\"rest\":\"dead\",\"ms\":0,\"reason\":\"suspended\"}");
    penalty(503, "", "{\"scope\":\"quota\",\"rest\":\"backoff\",\"ms\":0,\"reason\":\"overloaded\"}");
}

static void durations(void)
{
    static const struct {
        const char *text;
        long long ms;
    } rows[] = {
        {"56s", 56000},
        {"0.5s", 500},
        {"56.185908122s", 56186},
        {"900ms", 900},
        {"0.2ms", 1},
        {"1h2m3.5s", 3723500},
        {"143h4m52.7s", 515092700},
        {"1.2e1s", 12000},
        {"0s", 0},
        {"999999999999s", 604800000},
        {"1e999s", 604800000},
        {"", -1},
        {"s", -1},
        {"5", -1},
        {"5 s", -1},
        {"-5s", -1},
        {"+5s", -1},
        {".5s", -1},
        {"infs", -1},
        {"nan", -1},
        {"0x10s", -1},
        {"5sx", -1},
        {"5s5", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_note(rows[i].text);
        CHECK_INT(quota_duration_ms(rows[i].text), rows[i].ms);
    }
}

static void every_kind_has_a_name(void)
{
    for (enum outcome_kind kind = OUTCOME_OK; kind <= OUTCOME_AUTH_EXPIRED; kind++)
        CHECK(outcome_name(kind) != NULL);
}

/* What Google really sent, where these recordings are at hand. */
static void recorded_failures(void)
{
    static const struct {
        const char *file;
        int status;
        const char *should;
    } rows[] = {
        {"unary-failure-api-key.json", 400, "credential_dead credential/dead API_KEY_INVALID another"},
        {"unary-failure-generativelanguage-api-not-enabled.json", 403,
         "credential_dead credential/dead SERVICE_DISABLED another"},
        {"unary-failure-unknown-model.json", 404, "caller -/-"},
        {"streaming-failure-image-rejected.txt", 400, "caller -/-"},
        {"unary-failure-only-prompt-feedback.json", 200, "ok -/-"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[256], body[8192];
        snprintf(path, sizeof path, "../shared/corpus/googleai/%s", rows[i].file);
        auto_file f = fopen(path, "rb");
        if (f == NULL) {
            printf("# skipped: no %s\n", path);
            continue;
        }
        body[fread(body, 1, sizeof body - 1, f)] = '\0';
        KEY(rows[i].status, body, rows[i].should);
    }
}

int main(void)
{
    RUN(good_answers_are_ok);
    RUN(a_bad_key_is_known_by_its_reason_not_by_400);
    RUN(a_403_may_end_a_credential);
    RUN(a_403_about_a_thing_does_not_punish_the_key);
    RUN(the_host_may_be_at_fault);
    RUN(a_401_means_a_token_for_an_account);
    RUN(a_429_is_read_violation_by_violation);
    RUN(a_limit_of_zero_is_for_ever);
    RUN(a_tools_limit_is_not_the_models);
    RUN(delays_are_found_wherever_they_stand);
    RUN(a_bare_429_rests_a_little);
    RUN(a_retry_after_counts_where_the_body_is_silent);
    RUN(overload_is_the_models_fault);
    RUN(an_error_inside_a_200_is_an_error);
    RUN(texts_hold_no_secret_and_no_control_characters);
    RUN(long_texts_are_cut_between_characters);
    RUN(the_network_has_outcomes_too);
    RUN(the_penalty_is_what_the_ledger_reads);
    RUN(durations);
    RUN(every_kind_has_a_name);
    RUN(recorded_failures);
    return check_end();
}
