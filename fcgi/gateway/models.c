/* SPDX-License-Identifier: MIT */
/* models.c: the list of models, in both dialects; see models.h. */
#include "gateway/models.h"
#include "gateway/gateway.h"
#include "base/auto.h"
#include "base/clock.h"
#include "db/calls.h"
#include "translate/error.h"
#include "translate/models.h"

#include <string.h>

enum { PAGES = 20, PAGE_SIZE = 50, PAGE_SIZE_MAX = 1000 };

bool models_is_listing(const struct uri_call *call)
{
    if (call->upload || *call->verb != '\0')
        return false;
    return strcmp(call->resource, "models") == 0 ||
           (*call->model != '\0' && strncmp(call->resource, "models/", 7) == 0 &&
            strchr(call->resource + 7, '/') == NULL);
}

/* ------------------------------------------------------------------ asking a project for its list */

static bool prepare_page(struct journey *j, struct buf *url, struct fault *f)
{
    (void)f;
    const char *page = j->prepare_ctx;
    buf_puts(url, "/v1beta/models?pageSize=1000");
    if (*page != '\0')
        buf_printf(url, "&pageToken=%s", page);
    return true;
}

static bool token_ok(const char *token)
{
    return token != NULL && *token != '\0' && strlen(token) < 500 &&
           strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789-_.~=+/%") == strlen(token);
}

/* All pages of the list of one project (that of j->credential, or any): an array of models, new. NULL with
 * j->fault. */
static json_t *all_pages(struct journey *j)
{
    char token[600] = "";
    json_auto_t *models = json_array();
    j->prepare_ctx = token;
    for (int n = 0; n < PAGES; n++) {
        if (!gateway_run(j))
            return NULL;
        json_auto_t *page = gemini_parse(buf_str(&j->answer), j->answer.n);
        if (j->judged.kind != OUTCOME_OK || !json_is_array(json_object_get(page, "models"))) {
            if (!error_from_upstream(page, j->answer_status, &j->fault))
                fault_set(&j->fault, FAULT_UPSTREAM, "the upstream's list of models could not be read");
            return NULL;
        }
        json_array_extend(models, json_object_get(page, "models"));
        j->credential = j->permit.credential_id; /* its next page is nobody else's */
        const char *next = json_string_value(json_object_get(page, "nextPageToken"));
        if (!token_ok(next))
            break;
        snprintf(token, sizeof token, "%s", next);
    }
    return json_incref(models);
}

/* Asks with this credential (0: any). The model and what is asked for otherwise stay as they are. */
static bool ask(struct journey *j, int64_t credential)
{
    auto_str model = xstrdup(j->model);
    const struct {
        enum answer_mode mode;
        int64_t credential;
        bool (*prepare)(struct journey *j, struct buf *path, struct fault *f);
        void *ctx;
    } was = {j->mode, j->credential, j->prepare, j->prepare_ctx};
    *j->model = '\0';
    j->mode = ANSWER_WHOLE;
    j->credential = credential;
    j->prepare = prepare_page;
    json_auto_t *models = all_pages(j);
    struct fault ignored = {0};
    calls_models_offered(models != NULL ? j->permit.project_id : 0, models, &ignored);
    snprintf(j->model, sizeof j->model, "%s", model);
    j->mode = was.mode;
    j->credential = was.credential;
    j->prepare = was.prepare;
    j->prepare_ctx = was.ctx;
    return models != NULL;
}

/* Was it the client who may not have a list? */
static bool is_clients(const struct fault *f)
{
    return f->kind == FAULT_UNAUTHENTICATED || f->kind == FAULT_RATE_LIMITED || f->kind == FAULT_BUDGET ||
           f->kind == FAULT_CLIENT_GONE;
}

/* Asks the projects whose turn it is, or any if nothing is known yet and others are being asked. Why that
 * failed, if it did for one of them, is in j->fault. */
static void refresh(struct journey *j)
{
    json_auto_t *due = NULL;
    json_t *id;
    size_t i;
    if (!calls_models_due(&due, &j->fault))
        return;
    if (json_is_null(due))
        ask(j, 0);
    json_array_foreach(due, i, id) {
        struct fault last = j->fault;
        j->fault = (struct fault){0};
        if (ask(j, json_integer_value(id)))
            j->fault = last;
        else if (is_clients(&j->fault))
            return;
    }
}

/* The list for this client, who is authenticated: new. NULL with j->fault. A list that is as old as the last
 * time will do when the upstream cannot be asked. */
static json_t *catalogue(struct journey *j)
{
    json_t *list = NULL;
    if (!journey_authenticate(j, false))
        return NULL;
    refresh(j);
    struct fault problem = {0};
    if (!is_clients(&j->fault) && calls_models(&list, j->client_id, &problem) &&
        (json_array_size(list) > 0 || j->fault.kind == FAULT_NONE)) {
        j->fault = (struct fault){0};
        j->judged = (struct outcome){.kind = OUTCOME_OK, .status = 200};
        return list;
    }
    json_decref(list);
    if (j->fault.kind == FAULT_NONE)
        j->fault = problem;
    return NULL;
}

/* A list costs its client one request; if upstream calls were made for it, they were that. */
static bool charge(struct journey *j)
{
    return j->attempts.n > 0 || journey_authenticate(j, true);
}

/* The model of this name: borrowed, NULL if it is not in the list. */
static const json_t *find(const json_t *list, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        const char *its = json_string_value(json_object_get(one, "name"));
        if (its != NULL && strcmp(its + strlen("models/"), name) == 0)
            return one;
    }
    return NULL;
}

/* ------------------------------------------------------------------ Gemini's words */

static void leave(struct journey *j, json_t *answer)
{
    auto_str text = json_dumps(answer, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_decref(answer);
    buf_clear(&j->answer);
    buf_puts(&j->answer, text != NULL ? text : "{}");
    j->answer_ours = true;
    j->answer_status = 200;
}

static size_t page_size(const struct journey *j)
{
    auto_buf text = {0};
    uri_query_get(buf_str(&j->uri->query), "pageSize", &text);
    long size = strtol(buf_str(&text), NULL, 10);
    return size < 1 ? PAGE_SIZE : size > PAGE_SIZE_MAX ? PAGE_SIZE_MAX : (size_t)size;
}

/* A page begins behind the model whose name the token is. */
static json_t *page_of(const struct journey *j, const json_t *list)
{
    auto_buf token = {0};
    size_t i, size = page_size(j);
    json_t *one, *page = json_object(), *models = json_array();
    const char *last = NULL;
    uri_query_get(buf_str(&j->uri->query), "pageToken", &token);
    json_object_set_new(page, "models", models);
    json_array_foreach(list, i, one) {
        const char *name = json_string_value(json_object_get(one, "name")) + strlen("models/");
        if (token.n > 0 && strcmp(name, buf_str(&token)) <= 0)
            continue;
        if (json_array_size(models) == size) {
            json_object_set_new(page, "nextPageToken", json_string(last));
            break;
        }
        json_array_append(models, one);
        last = name;
    }
    return page;
}

bool models_get(struct journey *j, const struct uri_call *call)
{
    json_auto_t *list = catalogue(j);
    if (list == NULL)
        return false;
    const json_t *one = find(list, call->model);
    if (*call->model != '\0' && one == NULL)
        return gateway_run(j); /* a model that no list has may exist nevertheless: the upstream knows */
    if (!charge(j))
        return false;
    leave(j, one != NULL ? json_deep_copy(one) : page_of(j, list));
    return true;
}

/* ------------------------------------------------------------------ OpenAI's words */

static bool prepare_one(struct journey *j, struct buf *url, struct fault *f)
{
    (void)f;
    buf_puts(url, "/v1beta/models/");
    uri_path_encode(url, j->permit.upstream_model);
    return true;
}

static void answer_list(struct journey *j)
{
    json_auto_t *list = catalogue(j);
    if (list != NULL && charge(j))
        answer_json(j, 200, models_to_openai(list));
}

/* A model that is not in the list. */
static json_t *ask_for_one(struct journey *j)
{
    j->prepare = prepare_one;
    if (!gateway_run(j))
        return NULL;
    json_auto_t *answer = gemini_parse(buf_str(&j->answer), j->answer.n);
    json_t *one = j->judged.kind == OUTCOME_OK ? model_to_openai(answer) : NULL;
    if (one == NULL && !error_from_upstream(answer, j->answer_status, &j->fault))
        fault_set(&j->fault, FAULT_MODEL_NOT_FOUND, "there is no model %s", j->model);
    return one;
}

static void answer_one(struct journey *j)
{
    json_auto_t *list = catalogue(j);
    if (list == NULL)
        return;
    const json_t *known = find(list, j->model);
    if (known != NULL && !charge(j))
        return;
    json_t *one = known != NULL ? model_to_openai(known) : ask_for_one(j);
    if (one == NULL)
        return;
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
    if (journey_open(&j, r, u, DIALECT_OPENAI)) {
        const char *id = path + (is_compat ? sizeof compat : sizeof list) - 1;
        id += *id == '/';
        if (strncmp(id, "models/", 7) == 0)
            id += 7;
        if (*id == '\0') {
            answer_list(&j);
        } else if (!uri_model_ok(id) || strlen(id) >= sizeof j.model) {
            fault_set(&j.fault, FAULT_MODEL_NOT_FOUND, "there is no such model");
        } else {
            snprintf(j.model, sizeof j.model, "%s", id);
            answer_one(&j);
        }
    }
    journey_close(&j);
}
