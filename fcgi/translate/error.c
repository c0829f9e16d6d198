/* SPDX-License-Identifier: MIT */
/* error.c: failures in the words of each dialect; see error.h. */
#include "translate/error.h"
#include "base/auto.h"
#include "base/log.h"
#include "translate/native.h"
#include "translate/shape.h"

#include <stdlib.h>
#include <string.h>

/* A wait so long that the client should not try again by itself. */
#define LONG_WAIT_MS (60 * 60 * 1000)

static const struct {
    const char *type, *code;
} words[] = {
    [FAULT_NONE] = {"server_error", NULL},
    [FAULT_BAD_REQUEST] = {"invalid_request_error", NULL},
    [FAULT_UNAUTHENTICATED] = {"invalid_request_error", "invalid_api_key"},
    [FAULT_FORBIDDEN] = {"invalid_request_error", "permission_denied"},
    [FAULT_NOT_FOUND] = {"invalid_request_error", "unknown_url"},
    [FAULT_MODEL_NOT_FOUND] = {"invalid_request_error", "model_not_found"},
    [FAULT_METHOD] = {"invalid_request_error", "unknown_url"},
    [FAULT_CONFLICT] = {"invalid_request_error", NULL},
    [FAULT_TOO_LARGE] = {"invalid_request_error", NULL},
    [FAULT_MEDIA_TYPE] = {"invalid_request_error", NULL},
    [FAULT_RATE_LIMITED] = {"rate_limit_error", "rate_limit_exceeded"},
    [FAULT_BUDGET] = {"insufficient_quota", "insufficient_quota"},
    [FAULT_EXHAUSTED] = {"rate_limit_error", "rate_limit_exceeded"},
    [FAULT_CLIENT_GONE] = {"server_error", NULL},
    [FAULT_INTERNAL] = {"server_error", NULL},
    [FAULT_UPSTREAM] = {"server_error", NULL},
    [FAULT_UNAVAILABLE] = {"server_error", NULL},
    [FAULT_TIMEOUT] = {"server_error", NULL},
};

static bool is_long_exhaustion(const struct fault *f)
{
    return f->kind == FAULT_EXHAUSTED && (f->retry_after_ms < 0 || f->retry_after_ms > LONG_WAIT_MS);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

const char *error_type(const struct fault *f)
{
    return is_long_exhaustion(f) ? "insufficient_quota" : words[f->kind].type;
}

const char *error_code(const struct fault *f)
{
    if (f->kind == FAULT_BAD_REQUEST) {
        if (strcasestr(f->said, "exceeds the maximum number of tokens") != NULL ||
            strcasestr(f->said, "input token count") != NULL)
            return "context_length_exceeded";
        if (ends_with(f->param, "image_url"))
            return "invalid_image_url";
    }
    if (f->kind == FAULT_UNAVAILABLE && strcmp(f->said, ERROR_UPSTREAM_AUTH) == 0)
        return "upstream_auth";
    return is_long_exhaustion(f) ? "insufficient_quota" : words[f->kind].code;
}

static json_t *said_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? shape_string(text, strlen(text)) : json_null();
}

json_t *error_openai(const struct fault *f)
{
    const char *param = f->kind == FAULT_MODEL_NOT_FOUND && f->param[0] == '\0' ? "model" : f->param;
    return json_pack("{s:{s:o, s:s, s:o, s:o}}", "error", "message",
                     shape_string(f->said, strlen(f->said)), "type", error_type(f), "param",
                     said_or_null(param), "code", said_or_null(error_code(f)));
}

json_t *error_gemini(const struct fault *f)
{
    json_t *error = json_pack("{s:i, s:o, s:s}", "code", fault_status(f->kind), "message",
                              shape_string(f->said, strlen(f->said)), "status", fault_rpc(f->kind));
    if (f->retry_after_ms > 0) {
        char delay[32];
        snprintf(delay, sizeof delay, "%lld.%03llds", (long long)(f->retry_after_ms / 1000),
                 (long long)(f->retry_after_ms % 1000));
        json_object_set_new(error, "details",
                            json_pack("[{s:s, s:s}]", "@type", "type.googleapis.com/google.rpc.RetryInfo",
                                      "retryDelay", delay));
    }
    return json_pack("{s:o}", "error", error);
}

/* --- from the upstream ------------------------------------------------------------------------ */

static bool says(const char *message, const char *words_in_it)
{
    return strcasestr(message, words_in_it) != NULL;
}

static const json_t *detail(const json_t *error, const char *type)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(error, "details"), i, one) {
        const char *name = shape_text(one, "@type");
        if (name != NULL && ends_with(name, type))
            return one;
    }
    return NULL;
}

/* The upstream's own wait, 0 when it names none. */
static int64_t retry_delay_ms(const json_t *error)
{
    const char *delay = shape_text(detail(error, "google.rpc.RetryInfo"), "retryDelay");
    double seconds = delay != NULL ? strtod(delay, NULL) : 0;
    return seconds > 0 && seconds < 1e9 ? (int64_t)(seconds * 1000) : 0;
}

/* Whether a 400 is about the credential: by its reason, never by the status alone. */
static bool is_bad_key(const json_t *error, const char *message)
{
    const char *reason = shape_text(detail(error, "google.rpc.ErrorInfo"), "reason");
    if (reason != NULL && strncmp(reason, "API_KEY", 7) == 0)
        return true;
    return says(message, "API key not valid") || says(message, "API key expired");
}

/* A 403 that is about a file or cache of somebody else is the caller's, every other is the credential's. */
static bool is_callers_403(const char *message)
{
    return says(message, "access the File") || says(message, "CachedContent") ||
           says(message, "may not exist");
}

static enum fault_kind kind_of_400(const json_t *error, const char *message, const char *status)
{
    if (is_bad_key(error, message))
        return FAULT_UNAUTHENTICATED;
    if (strcmp(status, "FAILED_PRECONDITION") == 0 && says(message, "location"))
        return FAULT_UNAVAILABLE;
    return FAULT_BAD_REQUEST;
}

/* FAULT_UNAUTHENTICATED stands for the credential here; the caller hears something else. */
static enum fault_kind kind_of(const json_t *error, int code, const char *message)
{
    const char *status = shape_text(error, "status");
    switch (code) {
    case 400:
        return kind_of_400(error, message, status != NULL ? status : "");
    case 401:
        return FAULT_UNAUTHENTICATED;
    case 403:
        return is_callers_403(message) ? FAULT_FORBIDDEN : FAULT_UNAUTHENTICATED;
    case 404:
        return error == NULL || says(message, "models/") || says(message, "model") ? FAULT_MODEL_NOT_FOUND
                                                                                   : FAULT_NOT_FOUND;
    case 402:
    case 429:
        return FAULT_EXHAUSTED;
    case 409:
        return FAULT_CONFLICT;
    case 413:
        return FAULT_TOO_LARGE;
    case 500:
        return FAULT_INTERNAL;
    case 503:
        return FAULT_UNAVAILABLE;
    case 408:
    case 499:
    case 504:
        return FAULT_TIMEOUT;
    default:
        return code > 400 && code < 500 ? FAULT_BAD_REQUEST : FAULT_UPSTREAM;
    }
}

static int code_of(const json_t *error, int status)
{
    int64_t code;
    if (status < 400 && shape_count(error, "code", &code) && code >= 400 && code < 600)
        return (int)code;
    return status < 400 ? 502 : status;
}

bool error_from_upstream(const json_t *answer, int status, struct fault *f)
{
    const json_t *error = gemini_error(answer);
    if (error == NULL && status < 400)
        return false;
    int code = code_of(error, status);
    const char *message = json_is_string(error) ? json_string_value(error) : shape_text(error, "message");
    auto_buf redacted = {0};
    if (message != NULL && *message != '\0')
        log_redact(&redacted, message, strlen(message));
    else
        buf_printf(&redacted, "The upstream answered with status %d.", code);
    enum fault_kind kind = kind_of(error, code, message != NULL ? message : "");
    if (kind == FAULT_UNAUTHENTICATED)
        fault_set(f, FAULT_UNAVAILABLE, "%s", ERROR_UPSTREAM_AUTH);
    else
        fault_set(f, kind, "%s", redacted.p);
    fault_meant(f, "upstream %d: %s", code, redacted.p);
    if (f->retry_after_ms == 0)
        f->retry_after_ms = code == 402 ? -1 : retry_delay_ms(error);
    return true;
}
