/* SPDX-License-Identifier: MIT */
/* models.c: the upstream's model lists, in both dialects; see models.h. */
#include "gateway/models.h"
#include "gateway/gateway.h"
#include "base/auto.h"
#include "base/clock.h"
#include "db/calls.h"
#include "translate/error.h"
#include "translate/models.h"

#include <string.h>

enum { FRESH_MS = 60000, ENTRIES = 64, PAGES = 20 };

/* Answers by path and query. A slot is taken by hash: an entry is overwritten by another, never looked for.
 */
static struct {
    pthread_mutex_t lock;
    struct entry {
        char *key;
        struct buf body;
        char type[128];
        int64_t made_ms;
    } entries[ENTRIES];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct entry *entry_of(const char *key)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (const char *p = key; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    return &cache.entries[h % ENTRIES];
}

static bool cache_get(struct journey *j, const char *key)
{
    auto_lock(&cache.lock);
    struct entry *e = entry_of(key);
    if (e->key == NULL || strcmp(e->key, key) != 0 || clock_ms() - e->made_ms > FRESH_MS)
        return false;
    buf_clear(&j->answer);
    buf_add(&j->answer, buf_str(&e->body), e->body.n);
    snprintf(j->answer_type, sizeof j->answer_type, "%s", e->type);
    j->answer_status = 200;
    return true;
}

static void cache_put(const struct journey *j, const char *key)
{
    auto_lock(&cache.lock);
    struct entry *e = entry_of(key);
    free(e->key);
    buf_free(&e->body);
    e->key = xstrdup(key);
    buf_add(&e->body, buf_str(&j->answer), j->answer.n);
    snprintf(e->type, sizeof e->type, "%s", j->answer_type);
    e->made_ms = clock_ms();
}

bool models_is_listing(const struct uri_call *call)
{
    if (call->upload || *call->verb != '\0')
        return false;
    return strcmp(call->resource, "models") == 0 ||
           (*call->model != '\0' && strncmp(call->resource, "models/", 7) == 0 &&
            strchr(call->resource + 7, '/') == NULL);
}

/* The answer from the cache or from the upstream. Either way the client is known afterwards, and has been
 * charged one request. */
static bool get(struct journey *j, const char *key)
{
    if (cache_get(j, key))
        return j->client_id != 0 || journey_authenticate(j, true);
    if (!gateway_run(j))
        return false;
    if (j->judged.kind == OUTCOME_OK)
        cache_put(j, key);
    return true;
}

bool models_get(struct journey *j, const struct uri_call *call)
{
    auto_buf key = {0};
    uri_call_path(&key, call);
    buf_putc(&key, '?');
    uri_query_without(buf_str(&j->uri->query), uri_credential_names, &key);
    return get(j, buf_str(&key));
}

/* ------------------------------------------------------------------ OpenAI's words */

struct openai_models {
    struct uri_call call;
    char page[600]; /* pageToken */
};

static bool prepare(struct journey *j, struct buf *url, struct fault *f)
{
    (void)f;
    struct openai_models *m = j->prepare_ctx;
    struct uri_call call = m->call;
    if (*call.model != '\0' && *j->permit.upstream_model != '\0')
        snprintf(call.resource, sizeof call.resource, "models/%s", j->permit.upstream_model);
    uri_call_path(url, &call);
    if (*call.model == '\0')
        buf_puts(url, "?pageSize=1000");
    if (*m->page != '\0')
        buf_printf(url, "&pageToken=%s", m->page);
    return true;
}

static bool token_ok(const char *token)
{
    return token != NULL && strlen(token) < 500 &&
           strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789-_.~=+/%") == strlen(token);
}

/* All pages, one after another, as an array: new. NULL with j->fault. */
static json_t *all_pages(struct journey *j, struct openai_models *m)
{
    json_auto_t *pages = json_array();
    for (int n = 0; n < PAGES; n++) {
        auto_buf key = {0};
        buf_printf(&key, "openai %s %s", m->call.resource, m->page);
        if (!get(j, buf_str(&key)))
            return NULL;
        json_t *page = gemini_parse(buf_str(&j->answer), j->answer.n);
        if (j->answer_status != 200 || page == NULL) {
            if (!error_from_upstream(page, j->answer_status, &j->fault))
                fault_set(&j->fault, FAULT_UPSTREAM, "the upstream's list of models could not be read");
            json_decref(page);
            return NULL;
        }
        json_array_append_new(pages, page);
        const char *next = json_string_value(json_object_get(page, "nextPageToken"));
        if (!token_ok(next) || *next == '\0')
            break;
        snprintf(m->page, sizeof m->page, "%s", next);
    }
    return json_incref(pages);
}

/* Aliases are models too, for those who ask. */
static void add_aliases(json_t *list)
{
    json_auto_t *configured = NULL;
    struct fault f = {0};
    if (!calls_models(&configured, &f))
        return;
    size_t i;
    json_t *row, *data = json_object_get(list, "data");
    json_array_foreach (configured, i, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name != NULL && json_is_string(json_object_get(row, "alias_of")))
            json_array_append_new(data, json_pack("{s:s, s:s, s:i, s:s}", "id", name, "object", "model",
                                                  "created", 0, "owned_by", "google"));
    }
}

static void answer_list(struct journey *j, struct openai_models *m)
{
    json_auto_t *pages = all_pages(j, m);
    if (pages == NULL)
        return;
    json_t *list = models_to_openai(pages);
    add_aliases(list);
    answer_json(j, 200, list);
}

static void answer_one(struct journey *j, struct openai_models *m)
{
    json_auto_t *pages = all_pages(j, m);
    if (pages == NULL)
        return;
    json_t *one = model_to_openai(json_array_get(pages, 0));
    if (one == NULL) {
        fault_set(&j->fault, FAULT_MODEL_NOT_FOUND, "there is no model %s", j->model);
        return;
    }
    json_object_set_new(one, "id", json_string(j->model));
    answer_json(j, 200, one);
}

/* A Gemini client shows itself by how it carries its key. */
static bool wants_native(const struct request *r, const struct uri *u)
{
    return request_header(r, "x-goog-api-key") != NULL || request_header(r, "x-goog-api-client") != NULL ||
           uri_query_get(buf_str(&u->query), "key", NULL) > 0;
}

void gateway_rest(struct request *r, const struct uri *u)
{
    if (wants_native(r, u)) {
        gateway_native(r, u);
        return;
    }
    struct fault f = {0};
    fault_set(&f, FAULT_NOT_FOUND,
              "there is nothing at this path of the OpenAI dialect; Gemini's own API is below /v1beta");
    gateway_refuse(r, buf_str(&u->path), &f);
}

void gateway_models(struct request *r, const struct uri *u)
{
    static const char list[] = "/v1/models", compat[] = "/v1beta/openai/models";
    const char *path = buf_str(&u->path);
    bool is_compat = strncmp(path, compat, sizeof compat - 1) == 0;
    if (!is_compat && wants_native(r, u)) {
        gateway_native(r, u);
        return;
    }
    struct journey j;
    struct openai_models m = {.call = {.version = "v1beta", .resource = "models"}};
    if (journey_open(&j, r, u, DIALECT_OPENAI)) {
        const char *id = path + (is_compat ? sizeof compat : sizeof list) - 1;
        id += *id == '/';
        if (strncmp(id, "models/", 7) == 0)
            id += 7;
        j.prepare = prepare;
        j.prepare_ctx = &m;
        if (*id == '\0') {
            answer_list(&j, &m);
        } else if (!uri_model_ok(id) || strlen(id) >= sizeof j.model) {
            fault_set(&j.fault, FAULT_MODEL_NOT_FOUND, "there is no such model");
        } else {
            snprintf(j.model, sizeof j.model, "%s", id);
            snprintf(m.call.model, sizeof m.call.model, "%s", id);
            snprintf(m.call.resource, sizeof m.call.resource, "models/%s", id);
            answer_one(&j, &m);
        }
    }
    journey_close(&j);
}
