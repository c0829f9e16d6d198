/* SPDX-License-Identifier: MIT */
/*
 * fault.h: a failure as a value, with two faces.
 *
 * `said` goes to the caller, `meant` to the log. The HTTP status and the JSON
 * shape of each dialect follow from `kind` alone. The first failure wins: a
 * fault that is set already is left as it is. A function either logs a failure
 * or returns it as a fault, never both.
 */
#ifndef POLLUX_BASE_FAULT_H
#define POLLUX_BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE = 0,
    FAULT_BAD_REQUEST,     /* 400: the caller's body, path or header is wrong */
    FAULT_UNAUTHENTICATED, /* 401: no client token, or one that is not (or no longer) valid */
    FAULT_FORBIDDEN,       /* 403: the client may not do this (a model it is not allowed) */
    FAULT_NOT_FOUND,       /* 404: no such route or resource */
    FAULT_MODEL_NOT_FOUND, /* 404: no such model */
    FAULT_METHOD,          /* 405 */
    FAULT_CONFLICT,        /* 409: it is there already, or was changed meanwhile (administration only) */
    FAULT_TOO_LARGE,       /* 413 */
    FAULT_MEDIA_TYPE,      /* 415: a compressed request body and the like */
    FAULT_RATE_LIMITED,    /* 429: the client's own limit */
    FAULT_BUDGET,          /* 429: the client's daily budget is spent */
    FAULT_EXHAUSTED,       /* 429: no credential has quota left within the wait limit */
    FAULT_CLIENT_GONE,     /* 499: nobody is there to hear it */
    FAULT_INTERNAL,        /* 500: our own mistake */
    FAULT_UPSTREAM,        /* 502: the upstream answered something that is no answer */
    FAULT_UNAVAILABLE,     /* 503: no database, no credential, overload */
    FAULT_TIMEOUT,         /* 504: the upstream did not answer in time */
};

struct fault {
    enum fault_kind kind;
    int64_t retry_after_ms; /* when trying again makes sense; -1 when it never does; 0 when unknown */
    char param[96];         /* the field of the request that is wrong, or "" (OpenAI's error.param) */
    char said[640];         /* for the caller; holds no secret */
    char hint[320];         /* for the caller: what to do next; "" when `said` says it */
    char meant[640];        /* for the log: what really happened; "" when `said` says it all */
};

/* For a function that holds a fault and is seldom called, below or beside what runs for long: inlined, it would add its
 * two kilobytes to the stack of every stream. */
#define FAULT_APART __attribute__((noinline))

/* Records the failure unless one is there already. Returns false, for `return fault_set(...)`. */
bool fault_set(struct fault *f, enum fault_kind kind, const char *said, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, naming the field at fault. */
bool fault_param(struct fault *f, const char *param, const char *said, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds what the caller can do about it, unless that was said already. */
void fault_hint(struct fault *f, const char *hint, ...) __attribute__((format(printf, 2, 3)));

/* Adds what only the log may know. */
void fault_meant(struct fault *f, const char *meant, ...) __attribute__((format(printf, 2, 3)));

/* The kind that stands for an HTTP status, FAULT_INTERNAL if none does. */
enum fault_kind fault_of_status(int status);

/* The HTTP status of a kind (200 for FAULT_NONE). */
int fault_status(enum fault_kind kind);

/* google.rpc.Code's name for a kind ("INVALID_ARGUMENT", ...). */
const char *fault_rpc(enum fault_kind kind);

#endif
