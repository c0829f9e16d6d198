/* SPDX-License-Identifier: MIT */
/* ledger.c: reservations, many in one exchange; see ledger.h. Settlements are in settle.c. */
#include "db/ledger.h"
#include "db/db.h"
#include "db/settle.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 200,      /* wishes in one exchange at the most */
    SECOND_MS = 25,   /* a second exchange begins beside one that has taken so long: one at a time makes
                               the largest batches, and one that hangs must not hold up the rest */
    OUTAGE_MS = 5000, /* how long a request waits for a database that is away */
    OUTAGE_PAUSE_MS = 200,
    TURN_MS = 1500, /* a waiting request asks at least this often: its place in the queue is a short lease */
    LOOK_MS = 250,  /* how often a waiting request looks whether its client is still there */
};

/* A wish in the queue; lives on the stack of the thread that waits for it. */
struct slot {
    const char *text;   /* the wish as JSON */
    json_t *answer;     /* new, when done */
    struct fault fault; /* or why there is none */
    bool done;
    pthread_cond_t changed; /* done, or this thread shall lead the next batch */
    struct slot *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a connection came back */
    struct db **dbs;      /* those not in use are dbs[0 .. free_n - 1], the latest used last */
    int free_n, all_n;
    int under_way;     /* exchanges that have not come back */
    int64_t latest_ms; /* when the latest of them began */
    struct slot *first, **last;
    char *worker_id;
} ledger = {.lock = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};

bool ledger_start(const struct ledger_options *o, struct fault *f)
{
    ledger.last = &ledger.first;
    ledger.worker_id = xstrdup(o->worker_id);
    ledger.all_n = ledger.free_n = o->connections;
    ledger.dbs = xcalloc((size_t)o->connections, sizeof *ledger.dbs);
    for (int i = 0; i < o->connections; i++)
        ledger.dbs[i] = db_new(o->conninfo);
    return settle_start(o, f);
}

void ledger_stop(void)
{
    settle_stop();
    auto_lock(&ledger.lock);
    for (int i = 0; i < ledger.free_n; i++)
        db_free(ledger.dbs[i]);
    ledger.free_n = 0;
    free(ledger.worker_id);
    ledger.worker_id = NULL;
}

void ledger_settle(char *settlement)
{
    settle_queue(settlement);
}

int64_t ledger_setting(const char *name, int64_t preset)
{
    return settle_setting(name, preset);
}

/* ------------------------------------------------------------------ connections */

struct db *ledger_take(struct fault *f)
{
    auto_lock(&ledger.lock);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += OUTAGE_MS / 1000;
    while (ledger.free_n == 0)
        if (pthread_cond_timedwait(&ledger.freed, &ledger.lock, &until) != 0) {
            fault_set(f, FAULT_UNAVAILABLE, "the database is too busy; try again shortly");
            return NULL;
        }
    return ledger.dbs[--ledger.free_n];
}

/* With the lock held. Somebody who waits for a connection, or the first in the queue, goes on with it. */
static void give_back(struct db *db)
{
    ledger.dbs[ledger.free_n++] = db;
    pthread_cond_signal(&ledger.freed);
    if (ledger.first != NULL)
        pthread_cond_signal(&ledger.first->changed);
}

void ledger_give(struct db *db)
{
    auto_lock(&ledger.lock);
    give_back(db);
}

/* ------------------------------------------------------------------ the queue */

static void enqueue(struct slot *s)
{
    s->next = NULL;
    *ledger.last = s;
    ledger.last = &s->next;
}

/* Takes up to BATCH slots off the queue, as a list. */
static struct slot *dequeue(void)
{
    struct slot *batch = ledger.first, *end = batch;
    for (int n = 1; n < BATCH && end->next != NULL; n++)
        end = end->next;
    ledger.first = end->next;
    if (ledger.first == NULL)
        ledger.last = &ledger.first;
    end->next = NULL;
    return batch;
}

static json_t *exchange(struct db *db, const struct slot *batch, struct fault *f)
{
    auto_buf wishes = {0};
    for (const struct slot *s = batch; s != NULL; s = s->next) {
        buf_putc(&wishes, s == batch ? '[' : ',');
        buf_puts(&wishes, s->text);
    }
    buf_putc(&wishes, ']');
    const char *const params[] = {ledger.worker_id, wishes.p};
    json_t *ret = NULL;
    if (!db_json(db, &ret, f, "select api.exchange($1::uuid, '[]'::jsonb, $2::jsonb)", 2, params))
        return NULL;
    return ret;
}

/* With the lock held. */
static void hand_out(struct slot *batch, json_t *answer, const struct fault *f)
{
    json_t *permits = json_object_get(answer, "permits");
    size_t i = 0;
    for (struct slot *s = batch, *next; s != NULL; s = next, i++) {
        next = s->next; /* the slot may vanish as soon as it is done */
        s->answer = json_incref(json_array_get(permits, i));
        if (s->answer == NULL && f->kind != FAULT_NONE)
            s->fault = *f;
        else if (s->answer == NULL)
            fault_set(&s->fault, FAULT_INTERNAL, "internal error: no answer from api.exchange");
        s->done = true;
        pthread_cond_signal(&s->changed);
    }
}

/* With the lock held: does one batch for everybody who is in the queue, this thread included or not. */
static void lead(void)
{
    struct slot *batch = dequeue();
    struct db *db = ledger.dbs[--ledger.free_n];
    ledger.under_way++;
    ledger.latest_ms = clock_ms();
    pthread_mutex_unlock(&ledger.lock);
    struct fault f = {0};
    json_auto_t *answer = exchange(db, batch, &f);
    pthread_mutex_lock(&ledger.lock);
    ledger.under_way--;
    hand_out(batch, answer, &f);
    give_back(db);
}

/* With the lock held: shall this thread do the next batch? */
static bool may_lead(void)
{
    if (ledger.free_n == 0 || ledger.first == NULL)
        return false;
    return ledger.under_way == 0 || clock_ms() - ledger.latest_ms >= SECOND_MS;
}

static void slot_init(struct slot *s)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
}

static json_t *ask(const char *text, struct fault *f)
{
    struct slot s = {.text = text};
    slot_init(&s);
    pthread_mutex_lock(&ledger.lock);
    enqueue(&s);
    while (!s.done) {
        struct timespec until = clock_in(SECOND_MS);
        if (may_lead())
            lead();
        else
            pthread_cond_timedwait(&s.changed, &ledger.lock, &until);
    }
    pthread_mutex_unlock(&ledger.lock);
    pthread_cond_destroy(&s.changed);
    if (s.answer == NULL)
        *f = s.fault;
    return s.answer;
}

/* ------------------------------------------------------------------ a wish in words */

static void add_exclude(struct buf *out, const struct wish *w)
{
    buf_puts(out, "\"exclude\":[");
    for (size_t i = 0; i < w->exclude_n; i++)
        buf_printf(out, "%s%lld", i > 0 ? "," : "", (long long)w->exclude[i]);
    buf_puts(out, "],");
}

static void add_resources(struct buf *out, const struct wish *w)
{
    buf_puts(out, "\"resources\":[");
    for (size_t i = 0; i < w->resources_n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_quote(out, w->resources[i]);
    }
    buf_puts(out, "],");
}

/* The JSON shape is documented above api.exchange() in sql/functions. */
static void write_wish(struct buf *out, const struct wish *w, int64_t since_ms, bool repeat, bool with_failed)
{
    buf_clear(out);
    json_open(out);
    json_member_text(out, "id", w->id);
    json_member_text(out, "kind", w->auth_only ? "auth" : "permit");
    json_member_number(out, "attempt", w->attempt);
    json_member_text(out, "token_hash", w->token_hash);
    json_member_text(out, "dialect", w->dialect);
    json_member_text(out, "verb", w->verb);
    json_member_text(out, "model", w->model);
    json_member_bool(out, "stream", w->stream);
    json_member_number(out, "est_tokens", w->est_tokens);
    json_member_number(out, "since_ms", since_ms);
    add_exclude(out, w);
    add_resources(out, w);
    json_member_bool(out, "prefer_own", w->prefer_own);
    json_member_bool(out, "repeat", repeat);
    json_member_text(out, "remote", w->remote);
    if (w->credential != 0)
        json_member_number(out, "credential", w->credential);
    if (with_failed)
        json_member_raw(out, "failed", w->failed);
    json_close(out);
}

/* ------------------------------------------------------------------ an answer in C */

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}

static int64_t number_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static void read_permit(struct permit *p, json_t *answer)
{
    p->json = answer;
    p->client_id = number_of(answer, "client_id");
    p->credential_id = number_of(answer, "credential_id");
    p->project_id = number_of(answer, "project_id");
    p->client = text_of(answer, "client");
    p->kind = text_of(answer, "kind");
    p->sealed = text_of(answer, "sealed");
    p->fingerprint = text_of(answer, "fingerprint");
    p->model = text_of(answer, "model");
    p->upstream_model = text_of(answer, "upstream_model");
    p->started_at = text_of(answer, "started_at");
}

void permit_free(struct permit *p)
{
    json_decref(p->json);
    *p = (struct permit){0};
}

static const struct refusal {
    const char *reason;
    enum fault_kind kind;
    const char *said;
} refusals[] = {
    {"unauthenticated", FAULT_UNAUTHENTICATED,
     "this client token is not valid: use one that `pollux client add` printed"},
    {"token_expired", FAULT_UNAUTHENTICATED, "this client token has expired: ask the operator for a new one"},
    {"token_revoked", FAULT_UNAUTHENTICATED, "this client token was revoked: ask the operator for a new one"},
    {"model_denied", FAULT_FORBIDDEN, "this client token may not use this model"},
    {"client_rpm", FAULT_RATE_LIMITED, "this client token has reached its requests per minute"},
    {"client_tpm", FAULT_RATE_LIMITED, "this client token has reached its tokens per minute"},
    {"client_budget", FAULT_BUDGET, "this client token has spent its tokens of today"},
    {"no_credentials", FAULT_UNAVAILABLE,
     "no working upstream credential is there: the operator adds one with `pollux key add`"},
    {"resource_conflict", FAULT_BAD_REQUEST,
     "the files or caches named in this request belong to different upstream projects: upload them again "
     "with "
     "one client token"},
    {"malformed", FAULT_BAD_REQUEST, "the request cannot be understood by the gateway"},
    {"model_unavailable", FAULT_EXHAUSTED, "no upstream project may use this model"},
    {"exhausted", FAULT_EXHAUSTED, "all upstream credentials have reached their limits for this model"},
};

static bool refuse(const json_t *answer, struct fault *f)
{
    const char *reason = text_of(answer, "reason");
    const struct refusal *r = refusals;
    const struct refusal *end = refusals + sizeof refusals / sizeof *refusals;
    while (r < end - 1 && strcmp(r->reason, reason) != 0)
        r++; /* a reason that is not in the table is taken as the last row */
    fault_set(f, r->kind, "%s", r->said);
    fault_meant(f, "refused: %s", reason);
    const json_t *in = json_object_get(answer, "retry_in_ms");
    f->retry_after_ms = json_is_integer(in) ? json_integer_value(in) : r->kind == FAULT_EXHAUSTED ? -1 : 0;
    return false;
}

/* ------------------------------------------------------------------ reserving */

static bool sleep_watching(const struct wish *w, int64_t ms, struct fault *f)
{
    for (int64_t end = clock_ms() + ms, left; (left = end - clock_ms()) > 0;) {
        if (w->gone != NULL && w->gone(w->gone_ctx))
            return fault_set(f, FAULT_CLIENT_GONE, "the client left while it waited for its turn");
        usleep((useconds_t)(left < LOOK_MS ? left : LOOK_MS) * 1000);
    }
    return true;
}

/* Whether it pays to wait `ms` more after having waited `waited_ms`; false with the refusal otherwise. */
static bool worth_waiting(const struct wish *w, const json_t *answer, int64_t waited_ms, struct fault *f)
{
    int64_t ms = number_of(answer, "retry_in_ms");
    int64_t limit = settle_setting("wait_limit_ms", 30000), left = w->deadline_ms - clock_ms();
    if (!w->no_waiting && waited_ms + ms <= limit && ms < left)
        return true;
    const char *reason = text_of(answer, "reason");
    if (strcmp(reason, "concurrency") == 0)
        fault_set(f, FAULT_EXHAUSTED, "too many requests for this model are being served at the same time");
    else
        fault_set(f, FAULT_EXHAUSTED, "all upstream credentials have reached their limits for this model");
    fault_meant(f, "waited %lld ms, next in %lld ms (%s)", (long long)waited_ms, (long long)ms, reason);
    f->retry_after_ms = ms > 0 ? ms : 1000;
    return false;
}

bool ledger_reserve(const struct wish *w, struct permit *ret, struct fault *f)
{
    *ret = (struct permit){.client = "",
                           .kind = "",
                           .sealed = "",
                           .fingerprint = "",
                           .model = "",
                           .upstream_model = "",
                           .started_at = ""};
    int64_t began = clock_ms(), down_since = 0;
    bool repeat = false, reported = false;
    auto_buf text = {0};
    for (;;) {
        write_wish(&text, w, clock_ms() - began, repeat, !reported);
        struct fault problem = {0};
        json_t *answer = ask(buf_str(&text), &problem);
        if (answer == NULL) {
            repeat = true;
            if (down_since == 0)
                down_since = clock_ms();
            if (problem.kind != FAULT_UNAVAILABLE || clock_ms() - down_since > OUTAGE_MS) {
                *f = problem;
                return false;
            }
            if (!sleep_watching(w, OUTAGE_PAUSE_MS, f))
                return false;
            continue;
        }
        down_since = 0;
        reported = true;
        repeat = false;
        permit_free(ret);
        read_permit(ret, answer);
        ret->waited_ms = clock_ms() - began;
        const char *verdict = text_of(answer, "verdict");
        if (strcmp(verdict, "go") == 0)
            return true;
        if (strcmp(verdict, "wait") != 0)
            return refuse(answer, f);
        if (!worth_waiting(w, answer, ret->waited_ms, f))
            return false;
        int64_t pause = number_of(answer, "retry_in_ms");
        if (!sleep_watching(w, pause < 5 ? 5 : pause > TURN_MS ? TURN_MS : pause, f))
            return false;
    }
}
