/* SPDX-License-Identifier: MIT */
/* ledger.c: reservations, many in one exchange; see ledger.h. Settlements are in settle.c. */
#include "db/ledger.h"
#include "db/captures.h"
#include "db/db.h"
#include "db/settle.h"
#include "db/side.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum {
    /* Wishes in one exchange at the most. */
    BATCH = 200,
    /* A second exchange begins beside one that has taken so long: one at a time makes the largest batches,
     * and one that hangs must not hold up the rest. */
    SECOND_MS = 25,
    /* After an exchange of at least CROWD wishes the next one begins no sooner than this after it: a larger
     * batch costs less per request than it delays. A request that comes alone is never held up. */
    PACE_MS = 10,
    CROWD = 4,
    /* How long a request waits for a database that is away, and how often it tries. */
    OUTAGE_MS = 5000,
    /* How long an answer of the database is waited for: somewhat longer than locks are (lock_timeout in roles.sql),
     * so that it is the server who gives up first, unless it is out of reach. */
    ANSWER_MS = 12000,
    OUTAGE_PAUSE_MS = 200,
    /* A waiting request asks at least this often: its place in the queue is a short lease. */
    TURN_MS = 1500,
    /* How often a waiting request looks whether its client is still there. */
    LOOK_MS = 250,
    /* The longest wait for a model that another one can stand in for. */
    HURRY_MS = 1000,
};

/* A wish in the queue; lives on the stack of the thread that waits for it. */
struct slot {
    const char *text;      /* the wish as JSON */
    struct permit *permit; /* filled in when done */
    struct fault fault;    /* or why it is not */
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
    int latest_n;      /* wishes in it */
    struct slot *first, **last;
    char *worker_id;
} ledger = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool ledger_start(const struct ledger_options *o, struct fault *f)
{
    side_start(o->conninfo);
    captures_start(o->conninfo);
    clock_condition(&ledger.freed);
    ledger.last = &ledger.first;
    ledger.worker_id = xstrdup(o->worker_id);
    ledger.all_n = ledger.free_n = o->connections;
    ledger.dbs = xcalloc((size_t)o->connections, sizeof *ledger.dbs);
    for (int i = 0; i < o->connections; i++)
        db_patience(ledger.dbs[i] = db_new(o->conninfo), ANSWER_MS);
    return settle_start(o, f);
}

void ledger_stop(void)
{
    settle_stop();
    captures_stop();
    side_stop();
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

void ledger_refresh(void)
{
    settle_refresh();
}

int64_t ledger_setting(const char *name, int64_t preset)
{
    return settle_setting(name, preset);
}

bool ledger_setting_on(const char *name, bool preset)
{
    json_auto_t *value = settle_setting_json(name);
    return value != NULL ? json_is_true(value) : preset;
}

char *ledger_setting_text(const char *name, const char *preset)
{
    json_auto_t *value = settle_setting_json(name);
    return xstrdup(json_is_string(value) ? json_string_value(value) : preset);
}

json_t *ledger_setting_list(const char *name)
{
    json_t *value = settle_setting_json(name);
    return value != NULL ? value : json_array();
}

/* ------------------------------------------------------------------ connections */

struct db *ledger_take(struct fault *f)
{
    struct timespec until = clock_in(OUTAGE_MS);
    auto_lock(&ledger.lock);
    while (ledger.free_n == 0)
        if (pthread_cond_timedwait(&ledger.freed, &ledger.lock, &until) != 0) {
            fault_set(f, FAULT_UNAVAILABLE, "the database is too busy; try again shortly");
            return NULL;
        }
    return ledger.dbs[--ledger.free_n];
}

/* With the lock held. Somebody who waits for a connection, or the first in the queue, goes on with it. One that could
 * not be made (the server may have no more to give) is the last that is tried again. */
static void give_back(struct db *db)
{
    int at = db_connected(db) ? ledger.free_n : 0;
    memmove(ledger.dbs + at + 1, ledger.dbs + at, (size_t)(ledger.free_n - at) * sizeof *ledger.dbs);
    ledger.dbs[at] = db;
    ledger.free_n++;
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
    for (ledger.latest_n = 1; ledger.latest_n < BATCH && end->next != NULL; ledger.latest_n++)
        end = end->next;
    ledger.first = end->next;
    if (ledger.first == NULL)
        ledger.last = &ledger.first;
    end->next = NULL;
    return batch;
}

/* Columns of api.permit. */
enum column {
    ID,
    VERDICT,
    REASON,
    RETRY_IN_MS,
    ATTEMPT,
    CLIENT_ID,
    CLIENT,
    CREDENTIAL_ID,
    PROJECT_ID,
    KIND,
    SEALED,
    FINGERPRINT,
    MODEL,
    UPSTREAM_MODEL,
    STARTED_AT,
    TRAITS,
    PROXY,
};

static struct db_rows *exchange(struct db *db, const struct slot *batch, struct fault *f)
{
    auto_buf wishes = {0};
    for (const struct slot *s = batch; s != NULL; s = s->next) {
        buf_putc(&wishes, s == batch ? '[' : ',');
        buf_puts(&wishes, s->text);
    }
    buf_putc(&wishes, ']');
    const char *const params[] = {ledger.worker_id, wishes.p};
    return db_query_often(db, f, "pollux reserve " POLLUX_VERSION,
                          "select * from api.exchange($1::uuid, '[]'::jsonb, $2::jsonb)", 2, params);
}

void permit_init(struct permit *p)
{
    *p = (struct permit){.verdict = "",
                         .reason = "",
                         .retry_in_ms = -1,
                         .client = "",
                         .kind = "",
                         .sealed = "",
                         .fingerprint = "",
                         .proxy = "",
                         .model = "",
                         .upstream_model = "",
                         .started_at = "",
                         .traits = ""};
}

/* Copies the texts of a row into one block of memory. */
static void read_permit(struct permit *p, const struct db_rows *rows, int row)
{
    const struct {
        enum column column;
        const char **to;
    } texts[] = {
        {VERDICT, &p->verdict},       {REASON, &p->reason},
        {CLIENT, &p->client},         {KIND, &p->kind},
        {SEALED, &p->sealed},         {FINGERPRINT, &p->fingerprint},
        {MODEL, &p->model},           {UPSTREAM_MODEL, &p->upstream_model},
        {STARTED_AT, &p->started_at}, {TRAITS, &p->traits},       {PROXY, &p->proxy},
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    size_t lengths[TEXTS], all = 0;
    for (int i = 0; i < TEXTS; i++)
        all += lengths[i] = strlen(db_text(rows, row, (int)texts[i].column)) + 1;
    char *at = p->texts = xmalloc(all);
    for (int i = 0; i < TEXTS; at += lengths[i++])
        *texts[i].to = memcpy(at, db_text(rows, row, (int)texts[i].column), lengths[i]);
    p->retry_in_ms = db_null(rows, row, RETRY_IN_MS) ? -1 : db_number(rows, row, RETRY_IN_MS);
    p->client_id = db_number(rows, row, CLIENT_ID);
    p->credential_id = db_number(rows, row, CREDENTIAL_ID);
    p->project_id = db_number(rows, row, PROJECT_ID);
}

void permit_free(struct permit *p)
{
    free(p->texts);
    permit_init(p);
}

/* With the lock held. */
static void hand_out(struct slot *batch, const struct db_rows *rows, const struct fault *f)
{
    int row = 0, rows_n = rows != NULL ? db_rows_count(rows) : 0;
    for (struct slot *s = batch, *next; s != NULL; s = next, row++) {
        next = s->next; /* the slot may vanish as soon as it is done */
        if (row < rows_n)
            read_permit(s->permit, rows, row);
        else if (f->kind != FAULT_NONE)
            s->fault = *f;
        else
            fault_set(&s->fault, FAULT_INTERNAL, "internal error: no answer from api.exchange");
        s->done = true;
        pthread_cond_signal(&s->changed);
    }
}

/* With the lock held: does one batch for everybody who is in the queue, this thread included or not. */
static void lead(void)
{
    struct slot *batch = dequeue();
    if (ledger.first != NULL)
        pthread_cond_signal(&ledger.first->changed);
    struct db *db = ledger.dbs[--ledger.free_n];
    ledger.under_way++;
    ledger.latest_ms = clock_ms();
    pthread_mutex_unlock(&ledger.lock);
    struct fault f = {0};
    struct db_rows *rows = exchange(db, batch, &f);
    pthread_mutex_lock(&ledger.lock);
    ledger.under_way--;
    hand_out(batch, rows, &f);
    db_rows_free(rows);
    give_back(db);
}

/* With the lock held: in how many ms this thread may do the next batch; 0: now. Only the first in the queue
 * leads; it is woken when it has become that, and when a connection comes back. */
static int64_t lead_in(const struct slot *self)
{
    int64_t since = clock_ms() - ledger.latest_ms;
    if (ledger.free_n == 0 || ledger.first != self)
        return LOOK_MS;
    if (ledger.under_way > 0)
        return since < SECOND_MS ? SECOND_MS - since : 0;
    return ledger.latest_n >= CROWD && since < PACE_MS ? PACE_MS - since : 0;
}

static bool ask(const char *text, struct permit *ret, struct fault *f)
{
    struct slot s = {.text = text, .permit = ret};
    clock_condition(&s.changed);
    pthread_mutex_lock(&ledger.lock);
    enqueue(&s);
    while (!s.done) {
        int64_t pause = lead_in(&s);
        struct timespec until = clock_in(pause);
        if (pause == 0)
            lead();
        else
            pthread_cond_timedwait(&s.changed, &ledger.lock, &until);
    }
    pthread_mutex_unlock(&ledger.lock);
    pthread_cond_destroy(&s.changed);
    if (s.fault.kind != FAULT_NONE)
        *f = s.fault;
    return s.fault.kind == FAULT_NONE;
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
    if (w->fallback)
        json_member_bool(out, "fallback", true);
    json_member_text(out, "remote", w->remote);
    if (w->credential != 0)
        json_member_number(out, "credential", w->credential);
    if (with_failed)
        json_member_raw(out, "failed", w->failed);
    json_close(out);
}

/* ------------------------------------------------------------------ refusals */

static const struct refusal {
    const char *reason;
    enum fault_kind kind;
    const char *said;
} refusals[] = {
    {"unauthenticated", FAULT_UNAUTHENTICATED,
     "this client token is not valid: use one that `pollux client add` printed"},
    {"token_expired", FAULT_UNAUTHENTICATED, "this client token has expired: ask the operator for a new one"},
    {"token_revoked", FAULT_UNAUTHENTICATED, "this client token was revoked: ask the operator for a new one"},
    {"open_access_off", FAULT_UNAUTHENTICATED,
     "No client token: send it as Authorization: Bearer, x-goog-api-key, x-api-key or ?key=."},
    {"banned", FAULT_FORBIDDEN,
     "this address is not served without a client token for a while: too many of its requests were refused, "
     "or the operator shut it out"},
    {"ip_minute", FAULT_RATE_LIMITED,
     "this address has reached its requests per minute without a client token"},
    {"ip_hour", FAULT_RATE_LIMITED, "this address has reached its requests per hour without a client token"},
    {"protected", FAULT_UNAVAILABLE,
     "few upstream credentials are ready: only some requests without a client token are served now; try again "
     "shortly, or use a token"},
    {"model_hidden", FAULT_MODEL_NOT_FOUND,
     "this gateway does not offer this model: GET /v1/models lists those that it does"},
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

static bool refuse(const struct permit *answer, struct fault *f)
{
    const struct refusal *r = refusals;
    const struct refusal *end = refusals + sizeof refusals / sizeof *refusals;
    while (r < end - 1 && strcmp(r->reason, answer->reason) != 0)
        r++; /* a reason that is not in the table is taken as the last row */
    fault_set(f, r->kind, "%s", r->said);
    fault_meant(f, "refused: %s", answer->reason);
    if (answer->retry_in_ms >= 0)
        f->retry_after_ms = answer->retry_in_ms;
    else
        f->retry_after_ms = r->kind == FAULT_EXHAUSTED ? -1 : 0;
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

/* How long this wish may wait in all: as its model says, or the settings. */
static int64_t wait_limit(const struct wish *w, const struct permit *answer)
{
    int64_t limit = settle_setting("wait_limit_ms", 30000);
    json_auto_t *traits = *answer->traits != '\0' ? json_read(answer->traits, strlen(answer->traits)) : NULL;
    const json_t *own = json_object_get(traits, "wait_ms");
    if (own != NULL)
        limit = json_integer_value(own);
    return w->hurried && limit > HURRY_MS ? HURRY_MS : limit;
}

/* Whether it pays to wait `ms` more after having waited `waited_ms`; false with the refusal otherwise. */
static bool worth_waiting(const struct wish *w, const struct permit *answer, int64_t waited_ms,
                          struct fault *f)
{
    int64_t ms = answer->retry_in_ms;
    int64_t limit = wait_limit(w, answer), left = w->deadline_ms - clock_ms();
    if (!w->no_waiting && waited_ms + ms <= limit && ms < left)
        return true;
    if (strcmp(answer->reason, "concurrency") == 0)
        fault_set(f, FAULT_EXHAUSTED, "too many requests for this model are being served at the same time");
    else
        fault_set(f, FAULT_EXHAUSTED, "all upstream credentials have reached their limits for this model");
    fault_meant(f, "waited %lld ms, next in %lld ms (%s)", (long long)waited_ms, (long long)ms,
                answer->reason);
    f->retry_after_ms = ms > 0 ? ms : 1000;
    return false;
}

/* Asks, and again for as long as the database is away and the request may wait for that. */
static bool ask_patiently(const struct wish *w, struct buf *text, int64_t since_ms, bool with_failed,
                          struct permit *ret, struct fault *f)
{
    int64_t began = clock_ms();
    for (bool repeat = false;; repeat = true) {
        struct fault problem = {0};
        write_wish(text, w, since_ms, repeat, with_failed);
        if (ask(buf_str(text), ret, &problem))
            return true;
        if (problem.kind != FAULT_UNAVAILABLE || clock_ms() - began > OUTAGE_MS) {
            *f = problem;
            return false;
        }
        if (!sleep_watching(w, OUTAGE_PAUSE_MS, f))
            return false;
    }
}

bool ledger_reserve(const struct wish *w, struct permit *ret, struct fault *f)
{
    permit_init(ret);
    int64_t began = clock_ms();
    auto_buf text = {0};
    for (bool first = true;; first = false) {
        permit_free(ret);
        if (!ask_patiently(w, &text, first ? 0 : clock_ms() - began, first, ret, f))
            return false;
        ret->waited_ms = clock_ms() - began;
        if (strcmp(ret->verdict, "go") == 0)
            return true;
        if (strcmp(ret->verdict, "wait") != 0)
            return refuse(ret, f);
        if (!worth_waiting(w, ret, ret->waited_ms, f))
            return false;
        int64_t pause = ret->retry_in_ms;
        if (!sleep_watching(w, pause < 5 ? 5 : pause > TURN_MS ? TURN_MS : pause, f))
            return false;
    }
}
