/* SPDX-License-Identifier: MIT */
/* health.c: GET /health: can anything be served? No secret, no token needed. */
#include "gateway/gateway.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/calls.h"

#include <string.h>

enum { FRESH_MS = 1000 };

/* Asked of the database at most once a second, however often somebody looks, and by one thread: also while it is away,
 * when every question takes long. */
static struct {
    pthread_mutex_t lock;
    json_t *health;     /* NULL: the last question had no answer, */
    struct fault fault; /* for this reason */
    int64_t made_ms;    /* 0: not asked yet */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static json_t *look(struct fault *f)
{
    auto_lock(&cache.lock);
    if (cache.made_ms == 0 || clock_ms() - cache.made_ms >= FRESH_MS) {
        json_decref(cache.health);
        cache.health = NULL;
        cache.fault = (struct fault){0};
        calls_health(&cache.health, &cache.fault);
        cache.made_ms = clock_ms();
    }
    *f = cache.fault;
    return json_incref(cache.health);
}

/* Fewer credentials work than the operator wants (setting credentials_minimum). */
static bool too_few(const json_t *credentials, struct buf *words)
{
    json_int_t working = json_integer_value(json_object_get(credentials, "ready")) +
                         json_integer_value(json_object_get(credentials, "resting"));
    json_int_t minimum = json_integer_value(json_object_get(credentials, "minimum"));
    if (working >= minimum)
        return false;
    buf_printf(words, "%lld credentials work, at least %lld should (setting credentials_minimum)",
               (long long)working, (long long)minimum);
    return true;
}

void gateway_warn(void)
{
    struct fault f = {0};
    auto_buf words = {0};
    json_auto_t *credentials = look(&f);
    if (too_few(credentials, &words))
        log_warn("%s: `pollux key list` and `pollux account list` say why", buf_str(&words));
}

void gateway_health(struct request *r, const struct uri *u)
{
    (void)u;
    struct fault f = {0};
    json_auto_t *credentials = look(&f);
    json_int_t ready = json_integer_value(json_object_get(credentials, "ready"));
    json_int_t resting = json_integer_value(json_object_get(credentials, "resting"));
    const char *status = credentials == NULL ? "the database is away"
                         : ready > 0         ? "ok"
                         : resting > 0       ? "every credential is resting"
                                             : "no working credential";
    json_auto_t *health =
        json_pack("{s:s, s:s, s:s, s:O?}", "status", status, "version", POLLUX_VERSION, "database",
                  credentials != NULL ? "ok" : "away", "credentials", credentials);
    auto_buf warning = {0};
    if (too_few(credentials, &warning))
        json_object_set_new(health, "warning", json_string(buf_str(&warning)));
    auto_str text = json_dumps(health, JSON_COMPACT);
    response_begin(r, ready > 0 || resting > 0 ? 200 : 503);
    response_header(r, "Content-Type", "application/json");
    response_header(r, "Cache-Control", "no-store");
    if (text != NULL)
        response_write(r, text, strcmp(r->method, "HEAD") == 0 ? 0 : strlen(text));
}
