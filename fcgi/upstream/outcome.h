/* SPDX-License-Identifier: MIT */
/*
 * outcome.h: what an upstream's answer means, whose fault it was, what follows.
 *
 * No I/O, no clock. Rules of the operator (rules.h) go before what is built in.
 * A classification that is built in never depends on words that a caller
 * can put into an error message; those that decide are reasons in ErrorInfo,
 * quota ids, and beginnings of messages.
 */
#ifndef POLLUX_UPSTREAM_OUTCOME_H
#define POLLUX_UPSTREAM_OUTCOME_H

#include "upstream/ends.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome_kind {
    OUTCOME_OK,
    OUTCOME_EMPTY,              /* 2xx with nothing in it */
    OUTCOME_CALLER,             /* the caller's mistake: pass on */
    OUTCOME_QUOTA_MINUTE,       /* requests per minute */
    OUTCOME_QUOTA_DAY,          /* requests (or tokens) per day */
    OUTCOME_QUOTA_TOKENS,       /* tokens per minute */
    OUTCOME_QUOTA_BARE,         /* 429 that does not say which */
    OUTCOME_QUOTA_NEVER,        /* this project may not use this model */
    OUTCOME_CREDENTIAL_DEAD,    /* invalid, expired, suspended, leaked, denied, blocked, unpaid */
    OUTCOME_LOCATION,           /* Google refuses this host's address */
    OUTCOME_OVERLOADED,         /* 5xx */
    OUTCOME_ERROR_IN_200,       /* an error object where an answer should be, with no better name */
    OUTCOME_CONNECT,
    OUTCOME_TIMEOUT_FIRST_BYTE,
    OUTCOME_TIMEOUT_IDLE,
    OUTCOME_TIMEOUT_TOTAL,
    OUTCOME_RESET,
    OUTCOME_TRUNCATED,          /* a stream that ended without a finish reason; an answer too large to hold */
    OUTCOME_CLIENT_GONE,
    OUTCOME_AUTH_EXPIRED,       /* 401: an account's access token must be refreshed */
    OUTCOME_RULE,               /* a rule of the operator says: try another */
};

enum outcome_scope { SCOPE_NONE, SCOPE_CREDENTIAL, SCOPE_QUOTA, SCOPE_MODEL };
enum outcome_rest { REST_NONE, REST_BACKOFF, REST_MS, REST_MIDNIGHT, REST_NEVER, REST_DEAD, REST_EXACT };

struct outcome {
    enum outcome_kind kind;
    int status;                    /* HTTP status, or `code` of an error inside a 200; 0 without an answer */

    enum outcome_scope scope;      /* whom the penalty meets */
    enum outcome_rest rest;        /* how long */
    int64_t rest_ms;               /* for REST_MS, REST_EXACT */
    int64_t rule;                  /* the operator's rule that decided; 0: what is built in */
    char reason[48];               /* one word for the operator: "rpm", "suspended", ... */
    int64_t rpm, tpm, rpd;         /* limits that the answer named; 0 = not named */

    bool another;                  /* may another credential be tried (before anything was sent)? */
    bool final;                    /* a rule says that this is the answer */
    bool again;                    /* may the same one, after its rest? After a 401 only with a fresh token */
    int64_t retry_after_ms;        /* what the upstream said; 0 unknown, -1 never */

    char rpc[32];                  /* the error's status, "RESOURCE_EXHAUSTED", or "" */
    char message[512];             /* the upstream's message without secrets, or "" */
    char error[200];               /* one short line for the attempt's row, without secrets; "" when OK */
};

/* Judges a whole answer. `account`: the credential is an OAuth account, not an API key. A 2xx is OK unless
 * its body is an error object; whether it is empty the caller knows better (outcome_of_empty). */
void outcome_of_answer(int http_status, const char *body, size_t n, bool account, struct outcome *ret);

/* Judges an event or a body that may be an error: {"error":{..}}, also wrapped in an array. False, and `ret`
 * unchanged, if it is none. `root` is borrowed. */
bool outcome_of_error_object(const json_t *root, bool account, struct outcome *ret);

/* What the answer's header Retry-After says (upstream_retry_after_ms()): it counts where the body is silent about
 * time. Of no effect on what is neither a limit nor an overload. */
void outcome_retry_after(struct outcome *o, int64_t ms);

/* A 2xx without candidate, text, call or reason. */
void outcome_of_empty(struct outcome *ret);

/* A stream that ended by itself but without a finish reason. */
void outcome_of_truncated(struct outcome *ret);

/* A call that ended on the network; UPSTREAM_DONE is OK. */
void outcome_of_transport(enum upstream_end end, struct outcome *ret);

/* The penalty object for the ledger, {"scope","rest","ms","reason","learn"}: new; NULL if there is none. */
json_t *outcome_penalty_json(const struct outcome *o);

/* "quota_minute", ...: the name in the ledger and in the log. */
const char *outcome_name(enum outcome_kind kind);

#endif
