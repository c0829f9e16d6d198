/* SPDX-License-Identifier: MIT */
/* fault.c: a failure as a value; see fault.h. */
#include "base/fault.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *rpc; /* https://cloud.google.com/apis/design/errors */
} kinds[] = {
    [FAULT_NONE] = {200, "OK"},
    [FAULT_BAD_REQUEST] = {400, "INVALID_ARGUMENT"},
    [FAULT_UNAUTHENTICATED] = {401, "UNAUTHENTICATED"},
    [FAULT_FORBIDDEN] = {403, "PERMISSION_DENIED"},
    [FAULT_NOT_FOUND] = {404, "NOT_FOUND"},
    [FAULT_MODEL_NOT_FOUND] = {404, "NOT_FOUND"},
    [FAULT_METHOD] = {405, "INVALID_ARGUMENT"},
    [FAULT_CONFLICT] = {409, "ALREADY_EXISTS"},
    [FAULT_TOO_LARGE] = {413, "INVALID_ARGUMENT"},
    [FAULT_MEDIA_TYPE] = {415, "INVALID_ARGUMENT"},
    [FAULT_RATE_LIMITED] = {429, "RESOURCE_EXHAUSTED"},
    [FAULT_BUDGET] = {429, "RESOURCE_EXHAUSTED"},
    [FAULT_EXHAUSTED] = {429, "RESOURCE_EXHAUSTED"},
    [FAULT_CLIENT_GONE] = {499, "CANCELLED"},
    [FAULT_INTERNAL] = {500, "INTERNAL"},
    [FAULT_UPSTREAM] = {502, "UNAVAILABLE"},
    [FAULT_UNAVAILABLE] = {503, "UNAVAILABLE"},
    [FAULT_TIMEOUT] = {504, "DEADLINE_EXCEEDED"},
};

/* Formats into a field. What does not fit is cut between characters, so that it can stand in JSON. */
static void write_text(char *to, size_t room, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
static void write_text(char *to, size_t room, const char *fmt, va_list ap)
{
    int n = vsnprintf(to, room, fmt, ap);
    if (n >= 0 && (size_t)n >= room)
        to[utf8_whole(to, room - 1)] = '\0';
}

bool fault_set(struct fault *f, enum fault_kind kind, const char *said, ...)
{
    if (f->kind != FAULT_NONE)
        return false;
    f->kind = kind;
    va_list ap;
    va_start(ap, said);
    write_text(f->said, sizeof f->said, said, ap);
    va_end(ap);
    return false;
}

bool fault_param(struct fault *f, const char *param, const char *said, ...)
{
    if (f->kind != FAULT_NONE)
        return false;
    f->kind = FAULT_BAD_REQUEST;
    snprintf(f->param, sizeof f->param, "%s", param);
    f->param[utf8_whole(f->param, strlen(f->param))] = '\0';
    va_list ap;
    va_start(ap, said);
    write_text(f->said, sizeof f->said, said, ap);
    va_end(ap);
    return false;
}

void fault_hint(struct fault *f, const char *hint, ...)
{
    if (f->hint[0] != '\0')
        return;
    va_list ap;
    va_start(ap, hint);
    write_text(f->hint, sizeof f->hint, hint, ap);
    va_end(ap);
}

void fault_meant(struct fault *f, const char *meant, ...)
{
    if (f->meant[0] != '\0')
        return;
    va_list ap;
    va_start(ap, meant);
    write_text(f->meant, sizeof f->meant, meant, ap);
    va_end(ap);
}

enum fault_kind fault_of_status(int status)
{
    for (int kind = FAULT_BAD_REQUEST; kind <= FAULT_TIMEOUT; kind++)
        if (kinds[kind].status == status)
            return (enum fault_kind)kind;
    return FAULT_INTERNAL;
}

int fault_status(enum fault_kind kind)
{
    return kinds[kind].status;
}

const char *fault_rpc(enum fault_kind kind)
{
    return kinds[kind].rpc;
}
