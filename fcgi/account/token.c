/* SPDX-License-Identifier: MIT */
/*
 * token.c: the access token of an account; see token.h.
 *
 * The rules of who refreshes stand in sql/functions/account.sql. Here is what
 * follows from its answers (obtain), the refresh itself, and what a process
 * keeps: a slot per account, taken by hash, and the accounts that one of its
 * threads is asking about right now.
 */
#include "account/token.h"
#include "account/seal.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "db/account_calls.h"
#include "upstream/codeassist.h"
#include "upstream/oauth.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum {
    SLOTS = 1024,
    PAUSE_MS = 100,        /* between two looks while another process refreshes */
    STORE_MS = 120 * 1000, /* how long a new refresh token waits for a database that is away: it may be the only
                              one that Google still takes */
    STORE_PAUSE_MS = 200,
    ROUNDS = 3, /* refreshes that one question may cost */
};

/* A token as a process keeps it. */
struct kept {
    int64_t credential; /* 0: the slot is free */
    int64_t version;
    int64_t good_until_ms; /* clock_ms() until which the database need not be asked */
    enum account_upstream upstream;
    bool setup_due;
    char project[128];
    char fingerprint[VAULT_HEX_MAX];
    char *sealed, *proxy; /* owned; the proxy is "" when it has none of its own */
};

static void kept_free(struct kept *k)
{
    free(k->sealed);
    free(k->proxy);
}

/* An account that a thread of this process is asking about. */
struct flight {
    int64_t credential;
    struct flight *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_once_t once;
    pthread_cond_t landed;
    struct flight *flights;
    struct kept slots[SLOTS];
} tokens = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

/* One question, and how far it has come. */
struct question {
    struct db *db; /* NULL in a worker */
    int64_t credential, rejected, deadline_ms;
    const char *wish;
    int refreshes;
};

static int64_t number_at(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static bool true_at(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* ------------------------------------------------------------------ the refresh */

/* Until it is stored, or there is no use in waiting any longer. */
static bool store(const struct question *q, int64_t version, const json_t *token, bool rotated, struct fault *f)
{
    int64_t until = rotated ? clock_ms() + STORE_MS : q->deadline_ms;
    for (;;) {
        struct fault problem = {0};
        json_auto_t *stored = NULL;
        if (account_calls_refreshed(q->db, &stored, &problem, q->credential, version, token))
            return true;
        if (problem.kind != FAULT_UNAVAILABLE || clock_ms() > until) {
            *f = problem;
            return false;
        }
        usleep(STORE_PAUSE_MS * 1000);
    }
}

static enum account_trouble keep_tokens(const struct question *q, const json_t *order, const struct oauth_tokens *t,
                                        struct fault *f)
{
    const char *fingerprint = json_text_at(order, "fingerprint");
    json_auto_t *token = json_pack("{s:o, s:I, s:s}", "access", seal(SEAL_ACCESS, fingerprint, buf_str(&t->access)),
                                   "expires_s", (json_int_t)t->expires_s, "scopes", buf_str(&t->scopes));
    if (t->refresh.n > 0)
        json_object_set_new(token, "sealed", seal(SEAL_REFRESH, fingerprint, buf_str(&t->refresh)));
    return store(q, number_at(order, "version"), token, t->refresh.n > 0, f) ? ACCOUNT_FINE : ACCOUNT_OURS;
}

static enum account_trouble revoked(const struct question *q, const json_t *order, const char *says, struct fault *f)
{
    json_auto_t *why = json_pack("{s:s, s:s}", "state", "revoked", "says", says);
    return account_calls_refused(q->db, f, q->credential, number_at(order, "version"), why) ? ACCOUNT_DEAD
                                                                                             : ACCOUNT_OURS;
}

/* What came from Google, written down. */
static enum account_trouble conclude(const struct question *q, const json_t *order, enum oauth_end end,
                                     const struct oauth_tokens *t, const char *says, struct fault *f)
{
    if (end == OAUTH_OK)
        return keep_tokens(q, order, t, f);
    if (end == OAUTH_REVOKED)
        return revoked(q, order, says, f);
    auto_buf words = {0};
    buf_printf(&words, "%s%s", end == OAUTH_CLIENT ? "the OAuth client is not right (`pollux account client`): " : "",
               says);
    return account_calls_failed(q->db, f, q->credential, json_text_at(order, "lease"), buf_str(&words)) ? ACCOUNT_TIRED
                                                                                                   : ACCOUNT_OURS;
}

/* The lease is ours: asks Google. */
static enum account_trouble refresh(const struct question *q, const json_t *order, struct fault *f)
{
    auto_secret refresh_token = {0}, secret = {0}, proxy = {0};
    const char *client = json_text_at(order, "client_id"), *own = json_text_at(order, "proxy");
    char says[OAUTH_SAYS_MAX];
    if (!unseal(SEAL_REFRESH, json_text_at(order, "fingerprint"), json_text_at(order, "sealed"), &refresh_token, f) ||
        !unseal(SEAL_CLIENT, client, json_text_at(order, "client_secret"), &secret, f) ||
        (*own != '\0' && !vault_proxy_unseal(own, json_text_at(order, "fingerprint"), &proxy, f))) {
        struct fault ignored = {0};
        account_calls_failed(q->db, &ignored, q->credential, json_text_at(order, "lease"),
                             "its secret cannot be read with this master key");
        return ACCOUNT_OURS;
    }
    struct oauth_tokens t = {0};
    const struct oauth_client c = {.id = client, .secret = buf_str(&secret), .proxy = buf_str(&proxy)};
    enum oauth_end end = oauth_refresh(&c, buf_str(&refresh_token), &t, says);
    enum account_trouble trouble = conclude(q, order, end, &t, says, f);
    oauth_tokens_free(&t);
    return trouble;
}

/* ------------------------------------------------------------------ asking the database */

static void fill(struct kept *k, int64_t credential, const json_t *answer)
{
    bool wrapped = strcmp(json_text_at(answer, "upstream"), "code_assist") == 0;
    *k = (struct kept){
        .credential = credential,
        .version = number_at(answer, "version"),
        .good_until_ms = clock_ms() + number_at(answer, "good_ms"),
        .upstream = wrapped ? ACCOUNT_CODE_ASSIST : ACCOUNT_GEMINI,
        .setup_due = true_at(answer, "setup_due"),
        .sealed = xstrdup(json_text_at(answer, "access")),
        .proxy = xstrdup(json_text_at(answer, "proxy")),
    };
    snprintf(k->project, sizeof k->project, "%s", json_text_at(answer, "google_project"));
    snprintf(k->fingerprint, sizeof k->fingerprint, "%s", json_text_at(answer, "fingerprint"));
}

static enum account_trouble refused(const json_t *answer, struct fault *f)
{
    bool dead = true_at(answer, "dead");
    fault_set(f, FAULT_UNAVAILABLE, "an account of the gateway cannot be used at the moment");
    fault_meant(f, "%s", json_text_at(answer, "says"));
    f->retry_after_ms = number_at(answer, "retry_ms");
    return dead ? ACCOUNT_DEAD : ACCOUNT_TIRED;
}

/* A lease was given: refreshes. From then on what there is will do. */
static enum account_trouble on_refresh(struct question *q, const json_t *order, struct fault *f)
{
    if (++q->refreshes > ROUNDS) {
        fault_set(f, FAULT_UNAVAILABLE, "an account of the gateway cannot be used at the moment");
        return ACCOUNT_TIRED;
    }
    enum account_trouble trouble = refresh(q, order, f);
    if (strcmp(q->wish, "refresh") == 0)
        q->wish = "use";
    if (strcmp(q->wish, "revive") == 0)
        q->wish = "look";
    return trouble;
}

/* Asks until there is a token, or none to be had. */
static enum account_trouble obtain(struct question *q, struct kept *ret, struct fault *f)
{
    char lease[VAULT_UUID_MAX];
    vault_uuid7(lease);
    for (;;) {
        json_auto_t *answer = NULL;
        if (!account_calls_open(q->db, &answer, f, q->credential, lease, q->rejected, q->wish))
            return ACCOUNT_OURS;
        const char *what = json_text_at(answer, "do");
        if (strcmp(what, "use") == 0) {
            fill(ret, q->credential, answer);
            return ACCOUNT_FINE;
        }
        if (strcmp(what, "no") == 0)
            return refused(answer, f);
        if (strcmp(what, "refresh") == 0) {
            bool forced = strcmp(q->wish, "use") != 0;
            enum account_trouble trouble = on_refresh(q, answer, f);
            if (trouble == ACCOUNT_OURS || (trouble != ACCOUNT_FINE && forced))
                return trouble;
        } else if (clock_ms() + PAUSE_MS > q->deadline_ms) {
            fault_set(f, FAULT_TIMEOUT, "an account of the gateway could not be refreshed in time");
            return ACCOUNT_TIRED;
        } else {
            usleep(PAUSE_MS * 1000);
        }
    }
}

/* ------------------------------------------------------------------ what the process keeps */

static void make_condition(void)
{
    clock_condition(&tokens.landed);
}

static struct kept *slot_of(int64_t credential)
{
    return &tokens.slots[(uint64_t)credential % SLOTS];
}

/* With the lock held. */
static bool is_asked(int64_t credential)
{
    const struct flight *fl = tokens.flights;
    while (fl != NULL && fl->credential != credential)
        fl = fl->next;
    return fl != NULL;
}

/* With the lock held: a copy of what is kept, if it will do. */
static bool look(const struct question *q, struct kept *ret)
{
    const struct kept *k = slot_of(q->credential);
    if (k->credential != q->credential || k->version == q->rejected || clock_ms() >= k->good_until_ms)
        return false;
    *ret = *k;
    ret->sealed = xstrdup(k->sealed);
    ret->proxy = xstrdup(k->proxy);
    return true;
}

/* With the lock held. */
static void put(const struct kept *k)
{
    struct kept *slot = slot_of(k->credential);
    kept_free(slot);
    *slot = *k;
    slot->sealed = xstrdup(k->sealed);
    slot->proxy = xstrdup(k->proxy);
}

/* With the lock held. */
static void leave(struct flight *self)
{
    struct flight **at = &tokens.flights;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    pthread_cond_broadcast(&tokens.landed);
}

/* One thread of the process asks, the others wait for what he is told. */
static enum account_trouble obtain_together(struct question *q, struct kept *ret, struct fault *f)
{
    struct flight self = {.credential = q->credential};
    pthread_mutex_lock(&tokens.lock);
    bool found = look(q, ret);
    while (!found && is_asked(q->credential) && clock_ms() < q->deadline_ms) {
        struct timespec until = clock_in(q->deadline_ms - clock_ms());
        pthread_cond_timedwait(&tokens.landed, &tokens.lock, &until);
        found = look(q, ret);
    }
    if (found) {
        pthread_mutex_unlock(&tokens.lock);
        return ACCOUNT_FINE;
    }
    self.next = tokens.flights;
    tokens.flights = &self;
    pthread_mutex_unlock(&tokens.lock);
    enum account_trouble trouble = obtain(q, ret, f);
    pthread_mutex_lock(&tokens.lock);
    if (trouble == ACCOUNT_FINE)
        put(ret);
    leave(&self);
    pthread_mutex_unlock(&tokens.lock);
    return trouble;
}

/* ------------------------------------------------------------------ the questions */

static enum account_trouble open_kept(const struct kept *k, struct account_token *ret, struct fault *f)
{
    ret->version = k->version;
    ret->upstream = k->upstream;
    snprintf(ret->project, sizeof ret->project, "%s", k->project);
    bool ok = unseal(SEAL_ACCESS, k->fingerprint, k->sealed, &ret->access, f) &&
              (*k->proxy == '\0' || vault_proxy_unseal(k->proxy, k->fingerprint, &ret->proxy, f));
    return ok ? ACCOUNT_FINE : ACCOUNT_OURS;
}

void account_token_free(struct account_token *t)
{
    vault_wipe_buf(&t->access);
    vault_wipe_buf(&t->proxy);
}

enum account_trouble account_token(struct db *db, int64_t credential, int64_t rejected, int64_t deadline_ms,
                                   struct account_token *ret, struct fault *f)
{
    pthread_once(&tokens.once, make_condition);
    struct question q = {.db = db, .credential = credential, .rejected = rejected, .deadline_ms = deadline_ms,
                         .wish = "use"};
    struct kept k = {0};
    account_token_free(ret);
    enum account_trouble trouble = obtain_together(&q, &k, f);
    if (trouble == ACCOUNT_FINE)
        trouble = open_kept(&k, ret, f);
    kept_free(&k);
    return trouble;
}

/* Asks Code Assist for tier and project, and writes down what came of it. */
static enum account_trouble set_up(const struct question *q, const struct account_token *t, struct fault *f)
{
    struct codeassist c;
    struct fault problem = {0};
    enum codeassist_end end = codeassist_setup(buf_str(&t->access), t->project, buf_str(&t->proxy), q->deadline_ms, &c);
    if (end == CODEASSIST_READY) {
        json_auto_t *setup = json_pack("{s:s, s:s}", "google_project", c.project, "tier", c.tier);
        return account_calls_ready(q->db, f, q->credential, setup) ? ACCOUNT_FINE : ACCOUNT_OURS;
    }
    if (end == CODEASSIST_REFUSED) {
        json_auto_t *why = json_pack("{s:s, s:s, s:s*}", "state", c.state, "says", c.says, "link",
                                     *c.link != '\0' ? c.link : NULL);
        if (!account_calls_refused(q->db, f, q->credential, -1, why))
            return ACCOUNT_OURS;
    }
    fault_set(&problem, FAULT_UPSTREAM, "%s", *c.says != '\0' ? c.says : "Code Assist does not take its token");
    *f = problem;
    return end == CODEASSIST_REFUSED ? ACCOUNT_DEAD : ACCOUNT_TIRED;
}

static enum account_trouble refresh_and_set_up(struct question *q, bool force, struct fault *f)
{
    struct kept k = {0};
    auto_token t = {0};
    enum account_trouble trouble = obtain(q, &k, f);
    if (trouble == ACCOUNT_FINE)
        trouble = open_kept(&k, &t, f);
    bool due = k.setup_due || force;
    kept_free(&k);
    if (trouble != ACCOUNT_FINE || !due)
        return trouble;
    if (t.upstream == ACCOUNT_CODE_ASSIST)
        return set_up(q, &t, f);
    json_auto_t *nothing = json_object();
    return account_calls_ready(q->db, f, q->credential, nothing) ? ACCOUNT_FINE : ACCOUNT_OURS;
}

enum account_trouble account_refresh(struct db *db, int64_t credential, int64_t deadline_ms, struct fault *f)
{
    struct question q = {.db = db, .credential = credential, .rejected = -1, .deadline_ms = deadline_ms,
                         .wish = "revive"};
    return refresh_and_set_up(&q, true, f);
}

enum account_trouble account_tend(struct db *db, int64_t credential, int64_t deadline_ms, struct fault *f)
{
    struct question q = {.db = db, .credential = credential, .rejected = -1, .deadline_ms = deadline_ms,
                         .wish = "look"};
    return refresh_and_set_up(&q, false, f);
}

void account_refused(int64_t credential, const json_t *answer)
{
    struct codeassist c = {0};
    struct fault ignored = {0};
    if (!codeassist_refusal(answer, &c))
        return;
    json_auto_t *why = json_pack("{s:s, s:s, s:s*}", "state", c.state, "says", c.says, "link",
                                 *c.link != '\0' ? c.link : NULL);
    account_calls_refused(NULL, &ignored, credential, -1, why);
}
