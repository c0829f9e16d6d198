/* SPDX-License-Identifier: MIT */
/*
 * journey.h: everything about one request on its way through the gateway
 * (private to this room).
 *
 * A handler opens a journey, says what to ask of the upstream, lets
 * gateway_run() do it, answers, and closes it; closing settles, whatever
 * happened.
 */
#ifndef POLLUX_GATEWAY_JOURNEY_H
#define POLLUX_GATEWAY_JOURNEY_H

#include "account/token.h"
#include "base/buf.h"
#include "base/fault.h"
#include "db/ledger.h"
#include "http/credential.h"
#include "http/request.h"
#include "http/sse.h"
#include "http/uri.h"
#include "translate/chat.h"
#include "translate/codeassist.h"
#include "translate/collect.h"
#include "translate/native.h"
#include "translate/traits.h"
#include "upstream/events.h"
#include "upstream/outcome.h"
#include "upstream/upstream.h"
#include "vault/vault.h"

#include <jansson.h>

enum dialect { DIALECT_NATIVE, DIALECT_OPENAI };

/* How the upstream's answer is treated. */
enum answer_mode {
    ANSWER_WHOLE,       /* collected, judged, and left in `answer` for the handler */
    ANSWER_STREAM,      /* a native stream, passed on event by event */
    ANSWER_CHAT_STREAM, /* the same, translated */
    ANSWER_PASS,        /* like WHOLE if it is an error or small JSON, otherwise passed through as it comes */
};

enum { RESOURCES_MAX = 64, TRIED_MAX = 512, MODEL_MAX = 256 };

struct capture;

struct journey {
    struct request *req;
    const struct uri *uri;
    enum dialect dialect;

    /* who asks */
    char token_hash[VAULT_HEX_MAX]; /* "" when no token came */
    bool open;                      /* none came, and the operator lets such requests in (open access) */
    struct buf body;                /* the request body, when it is held */
    int64_t body_counted;           /* bytes taken from the body budget */

    /* what is asked; set by the handler before gateway_run() */
    const char *method;
    char model[MODEL_MAX]; /* as the client named it; "" if the call has none */
    char verb[64];
    bool metered;       /* counts against the model's quota */
    int64_t est_tokens; /* of the prompt; 0 when not metered */
    bool wants_events;  /* a native stream was asked for as events (alt=sse) */
    bool generates;     /* an answer without content is worth another try */
    bool opaque;        /* but here it cannot be known: the client masks the answer, or wants it in another form */
    bool stream;        /* for the log */
    enum answer_mode mode;
    char *resources[RESOURCES_MAX]; /* owned */
    size_t resources_n;
    bool prefer_own;
    int64_t credential; /* exactly this one, 0: any */
    bool once;          /* the body is a stream that cannot be sent twice */
    bool keyless;       /* the URL itself is the permission (upload sessions) */
    bool bearer;        /* Google's OpenAI layer takes the key as a Bearer token */
    /* Writes the upstream's path and query into `path` and the body into j->sending, for this permit. */
    bool (*prepare)(struct journey *j, struct buf *path, struct fault *f);
    void *prepare_ctx;
    const char *url;     /* a whole URL instead of path and query (upload sessions), or NULL */
    struct chat *chat;   /* OpenAI chat only; owned */
    json_t *chat_body;   /* owned */
    unsigned adjust;     /* forms of the chat request that the upstream refused */
    const char *sending; /* the body to send: borrowed */
    size_t sending_n;
    char *sending_owned;
    char *prepared_for; /* what `sending` was made for: journey_prepared(); owned */

    /* when the credential is an OAuth account (accounts.c) */
    struct account_token account;
    enum codeassist_call wrapped; /* NONE: nothing is wrapped */
    char *wrapped_body;           /* owned */

    /* on the way */
    struct permit permit;
    struct upstream_call call;
    struct buf proxy; /* the credential's own proxy; secret */
    int attempt;
    int64_t attempt_began;
    int64_t looked_ms;         /* when was last looked after client and time-outs */
    struct traits traits;      /* what the operator said about the permit's model */
    bool asks_stream;          /* this attempt asks the upstream for a stream, whatever the client wanted */
    json_t *stand_ins;         /* models that may serve in place of the client's; owned, NULL: not known yet */
    size_t stand_ins_at;       /* how many of them were asked */
    char stand_in[MODEL_MAX];  /* the one that is asked now, "" for the client's own */
    int overloads;             /* failures of the model that is asked now, */
    int dead_ends;             /* and of its credentials: out for good */
    struct fault *kept;        /* why the model before it could not serve; owned, NULL: there was none */
    struct buf attempts;       /* attempt objects for the ledger, as JSON text, a comma after each */
    size_t last_attempt;       /* where the latest of them begins */
    char first_started_at[40]; /* when the first of them was granted */
    int64_t *tried;            /* projects not to be used again: the first `spent_n`; rather not: the others; owned */
    size_t spent_n, tried_n;
    int64_t deadline_ms;

    /* the answer on its way back */
    struct sse sse;
    struct events events;
    bool streaming;           /* the answer is a stream of events */
    struct buf held;          /* bytes of a native stream held back until something meaningful comes */
    json_t *held_events;      /* the same for a chat stream: parsed events */
    struct collect *collected; /* a stream that becomes one answer */
    size_t collected_n;        /* bytes of its events */
    bool committed;           /* meaningful bytes have gone to the client: no more retries */
    bool passing;             /* ANSWER_PASS: bytes go straight through */
    enum gemini_content seen; /* of this attempt */
    struct outcome judged;    /* of this attempt */
    bool judged_set;
    int followed;   /* failures that look like the request's or the network's own */
    int troubles;   /* failures of the model or the network so far */
    int pauses;     /* made before tries */
    int64_t paused_ms;
    int retries;    /* setting: how often it may be tried again */
    int bare_stops; /* answers with a STOP and nothing in them so far */

    /* what came of it */
    struct buf answer; /* the body of a whole answer */
    int answer_status;
    char answer_type[128];
    bool answer_ours;  /* `answer` was put together here: it is JSON, whatever the upstream's header says */
    bool model_told;   /* x-pollux-model was set */
    struct usage usage;
    bool usage_known;
    int64_t first_byte_at; /* clock_ms(), 0 if nothing went out */
    int64_t waited_ms;
    const char *outcome; /* for the ledger; NULL: from the fault */
    struct fault fault;
    int64_t client_id;
    char logged_model[MODEL_MAX];

    struct capture *capture; /* NULL unless this exchange is captured for debugging */
};

/* Begins a journey: request id, client token. False with j->fault when there is no credential (and no open
 * access), one that cannot be a token, or two that differ. */
bool journey_open(struct journey *j, struct request *req, const struct uri *uri, enum dialect dialect);

/* Ends it: answers with j->fault if there is one and nothing was sent, settles, frees. */
void journey_close(struct journey *j);

/* Asks the database who the client is, without reserving anything; `counts` against the client's own limits
 * if this is all that the request costs. False with j->fault. */
bool journey_authenticate(struct journey *j, bool counts);

/* Open access is for models: what belongs to somebody (files, caches, jobs) needs a token. False with
 * j->fault unless this request has one. */
bool journey_needs_token(struct journey *j);

/* Reads the body into j->body, within the request's and the worker's limits. */
bool journey_body(struct journey *j, size_t max);

/* Counts `n` bytes more that are held for this request, until journey_body_free(). False with j->fault when the worker
 * holds too many (POLLUX_BODY_BUDGET). */
bool journey_hold(struct journey *j, int64_t n);

/* What the request was made of can go: it has been sent, and will not be sent again. */
void journey_body_free(struct journey *j);

/* Notes a resource whose project has to serve ("files/abc"). */
void journey_resource(struct journey *j, const char *name);

/* Notes a project that has failed this request: `spent` is one that must not be asked for this model again. */
void journey_tried(struct journey *j, int64_t project, bool spent);

/* Whether `sending` was made for this very permit, and the same form of the request, already; if not, it is
 * from now on. */
bool journey_prepared(struct journey *j, const char *model, const char *traits);

/* Says in a header of the answer which model serves; of no effect once the answer has begun. */
void journey_tell_model(struct journey *j);

/* Whether another model could still be asked. */
bool journey_has_stand_in(const struct journey *j);

/* Steps 3 to 6 of a request: reserve, call, hold back, retry. True when an answer is in j->answer or has been
 * streamed; false with j->fault otherwise. (gateway.c) */
bool gateway_run(struct journey *j);

/* One upstream call with the credential of j->permit; j->judged says what it means. (attempt.c) */
void attempt_make(struct journey *j);

/* Waits before the next call, with heartbeats where the client waits for a stream. False when the client left
 * or the request's time is up. (attempt.c) */
bool attempt_pause(struct journey *j, int64_t ms);

/* Sends what a stream held back although nothing in it was meaningful, and ends it. (attempt.c) */
void attempt_release(struct journey *j);

/* Tells the client within a stream that has begun that it ends badly. (attempt.c) */
void attempt_fault_event(struct journey *j, const struct fault *f);

/* Adds the attempt object of the call just made to j->attempts. (attempt.c) */
void attempt_record(struct journey *j);

/* Whether the credential of j->permit is an OAuth account. (accounts.c, as the following) */
bool accounts_used(const struct journey *j);

/* Gets its access token, another one than `rejected` (-1: any). False with j->judged. */
bool accounts_open(struct journey *j, int64_t rejected);

/* Turns URL and body into those of Code Assist if the account is for that. False with j->judged, reason
 * ACCOUNTS_NOT_THERE when there is no such call. */
bool accounts_wrap(struct journey *j, struct buf *url);
#define ACCOUNTS_NOT_THERE "code_assist"

/* Adds what says who we are. */
void accounts_headers(struct journey *j);

/* An event of Code Assist becomes a native one: takes `event`, answers the new one; *e then has its bytes,
 * which lie in `raw`. */
json_t *accounts_event(const struct journey *j, struct event *e, json_t *event, struct buf *raw);

/* A whole answer of Code Assist becomes a native one. */
void accounts_whole(struct journey *j);

/* What j->judged says about the account itself is written down. */
void accounts_judged(struct journey *j);

/* Writes a member for tokens used. (attempt.c) */
void usage_member(struct buf *out, const struct journey *j);

/* Sends j->answer as it came: status, type, safe headers, bytes. (attempt.c) */
void answer_pass(struct journey *j);

/* Passes on a header of the upstream's answer if it has it. */
void answer_header(struct journey *j, const char *name);

/* Sends the failure in the journey's dialect. */
void answer_fault(struct request *r, enum dialect dialect, const struct fault *f);

/* Sends a JSON value: new reference taken. */
void answer_json(struct journey *j, int status, json_t *value);

/* The exchange is captured: whether it shall be, when the request has come and its token is known ("" if it has
 * none); a piece of the upstream's answer; a call that has ended; the end, with the outcome in the log. Only
 * the first may be called without j->capture. (capture.c) */
void capture_begin(struct journey *j, const char *token);
void capture_data(struct journey *j, const char *bytes, size_t n);
void capture_call(struct journey *j);
void capture_end(struct journey *j, const char *outcome);

/* Names of resources in the body to be sent whose project must serve it. (affinity.c) */
void affinity_of_request(struct journey *j);

/* Names of resources that an answer brought into being or showed: remembered for the project of the permit,
 * before the client hears of them. (affinity.c) */
void affinity_remember(struct journey *j, const char *body, size_t n);

/* An estimate of the prompt's tokens. (affinity.c) */
int64_t estimate_tokens(const struct buf *body);

#endif
