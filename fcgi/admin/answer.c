/* SPDX-License-Identifier: MIT */
/* answer.c: how the administration speaks; see answer.h. */
#include "admin/answer.h"
#include "base/auto.h"
#include "base/log.h"

#include <string.h>

static const char *const codes[] = {
    [FAULT_NONE] = "internal",
    [FAULT_BAD_REQUEST] = "bad_request",
    [FAULT_UNAUTHENTICATED] = "unauthenticated",
    [FAULT_FORBIDDEN] = "forbidden",
    [FAULT_NOT_FOUND] = "not_found",
    [FAULT_MODEL_NOT_FOUND] = "not_found",
    [FAULT_METHOD] = "method_not_allowed",
    [FAULT_CONFLICT] = "conflict",
    [FAULT_TOO_LARGE] = "too_large",
    [FAULT_MEDIA_TYPE] = "unsupported_media_type",
    [FAULT_RATE_LIMITED] = "too_many_requests",
    [FAULT_BUDGET] = "too_many_requests",
    [FAULT_EXHAUSTED] = "too_many_requests",
    [FAULT_CLIENT_GONE] = "client_gone",
    [FAULT_INTERNAL] = "internal",
    [FAULT_UPSTREAM] = "upstream",
    [FAULT_UNAVAILABLE] = "unavailable",
    [FAULT_TIMEOUT] = "timeout",
};

static void send_json(struct request *r, int status, const char *text)
{
    size_t n = strlen(text);
    char length[24];
    snprintf(length, sizeof length, "%zu", n);
    response_begin(r, status);
    response_header(r, "Content-Type", "application/json");
    response_header(r, "Content-Length", length);
    response_header(r, "Cache-Control", "no-store");
    response_header(r, "X-Content-Type-Options", "nosniff");
    response_header(r, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    response_write(r, text, strcmp(r->method, "HEAD") == 0 ? 0 : n);
}

void admin_answer(struct request *r, int status, json_t *value)
{
    auto_str text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    json_decref(value);
    if (text != NULL) {
        send_json(r, status, text);
        return;
    }
    struct fault f = {0};
    fault_set(&f, FAULT_INTERNAL, "internal error: the answer could not be written as JSON");
    admin_refuse(r, &f);
}

/* A text that may be none: null then; text from outside may be broken UTF-8. */
static json_t *text_or_null(const char *text)
{
    json_t *string = *text != '\0' ? json_string(text) : NULL;
    return string != NULL ? string : json_null();
}

void admin_refuse(struct request *r, const struct fault *f)
{
    if (*f->meant != '\0')
        log_warn("%s %s: %s", r->method, codes[f->kind], f->meant);
    json_t *error = json_pack("{s:s, s:o, s:o}", "code", codes[f->kind], "message", text_or_null(f->said),
                              "hint", text_or_null(f->hint));
    if (*f->param != '\0')
        json_object_set_new(error, "field", text_or_null(f->param));
    if (f->kind == FAULT_UNAUTHENTICATED)
        buf_puts(&r->always, "WWW-Authenticate: Bearer realm=\"pollux admin\"\r\n");
    if (f->retry_after_ms > 0)
        buf_printf(&r->always, "Retry-After: %lld\r\n", (long long)(f->retry_after_ms + 999) / 1000);
    json_auto_t *body = json_pack("{s:o}", "error", error);
    auto_str text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15));
    send_json(r, fault_status(f->kind), text != NULL ? text : "{}");
}
