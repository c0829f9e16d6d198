/* SPDX-License-Identifier: MIT */
/* chat.c: POST /v1/chat/completions and /v1/embeddings: the OpenAI dialect, translated both ways. */
#include "gateway/gateway.h"
#include "gateway/journey.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "translate/base64.h"
#include "translate/embed.h"
#include "translate/error.h"
#include "upstream/fetch.h"

#include <string.h>

enum { FETCH_BYTES = 20 * 1024 * 1024, FETCH_SECONDS = 20, FETCH_ALL_MS = 60 * 1000, FETCH_URLS = 16 };

static bool read_json(struct journey *j)
{
    if (!journey_body(j, (size_t)conf.body_max))
        return false;
    char where[JSON_WHERE];
    j->chat_body = json_read_where(buf_str(&j->body), j->body.n, where);
    if (*where != '\0')
        return fault_set(&j->fault, FAULT_BAD_REQUEST, "the request body is not valid JSON (%s)", where);
    if (!json_is_object(j->chat_body))
        return fault_set(&j->fault, FAULT_BAD_REQUEST, "the request body is not a JSON object");
    auto_str model = chat_model(j->chat_body, &j->fault);
    if (model == NULL)
        return false;
    if (strlen(model) >= sizeof j->model)
        return fault_param(&j->fault, "model", "the model's name is too long");
    snprintf(j->model, sizeof j->model, "%s", model);
    if (strncmp(model, "tunedModels/", 12) == 0) /* it is somebody's */
        journey_resource(j, model);
    return true;
}

/* ------------------------------------------------------------------ images by URL */

static bool room_for_image(void *ctx, size_t n)
{
    return journey_hold(ctx, (int64_t)n);
}

static bool fetch_one(struct journey *j, int64_t until_ms, const char *url, const char *param)
{
    int64_t left_s = (until_ms - clock_ms()) / 1000;
    const struct fetch_rules rules = {.max_bytes = FETCH_BYTES,
                                      .timeout_s = left_s < FETCH_SECONDS ? (int)left_s : FETCH_SECONDS,
                                      .room = room_for_image,
                                      .ctx = j};
    auto_buf image = {0};
    char mime[64];
    if (request_gone(j->req))
        return fault_set(&j->fault, FAULT_CLIENT_GONE, "the client left while its images were being fetched");
    if (left_s <= 0)
        return fault_param(&j->fault, param, "the images did not all come within %d s", FETCH_ALL_MS / 1000);
    if (!fetch_url(url, &rules, &image, mime, &j->fault)) {
        snprintf(j->fault.param, sizeof j->fault.param, "%s", param);
        return false;
    }
    auto_buf data_url = {0};
    buf_printf(&data_url, "data:%s;base64,", mime);
    base64_encode(&data_url, image.p, image.n);
    chat_url_set(j->chat_body, url, buf_str(&data_url));
    return true;
}

/* Only for a client that has a token: an address is nobody else's to name, and nothing counts what is fetched. */
static bool fetch_images(struct journey *j)
{
    json_auto_t *urls = chat_urls(j->chat_body);
    if (!conf.fetch_urls || json_array_size(urls) == 0)
        return true; /* chat_request() refuses what is left */
    if (json_array_size(urls) > FETCH_URLS)
        return fault_param(&j->fault, "messages", "at most %d images may be given by URL", FETCH_URLS);
    if (j->open)
        return fault_param(&j->fault, "messages", "without a client token images are not fetched; send them as data: URLs");
    if (!journey_authenticate(j, false))
        return false;
    size_t i;
    json_t *one;
    int64_t until_ms = clock_ms() + FETCH_ALL_MS;
    json_array_foreach (urls, i, one)
        if (!fetch_one(j, until_ms, json_string_value(json_object_get(one, "url")),
                       json_string_value(json_object_get(one, "param"))))
            return false;
    return true;
}

/* ------------------------------------------------------------------ request */

static bool translate(struct journey *j, const char *upstream_model, struct fault *f)
{
    json_auto_t *request = chat_request(j->chat, j->chat_body, upstream_model, j->adjust, f);
    if (request == NULL)
        return false;
    free(j->sending_owned);
    j->sending_owned = json_write(request);
    j->sending = j->sending_owned;
    j->sending_n = j->sending != NULL ? strlen(j->sending) : 0;
    if (j->sending == NULL)
        return fault_set(f, FAULT_BAD_REQUEST, "the request holds text that is not valid UTF-8");
    return true;
}

static void put_model(struct buf *url, const char *model)
{
    auto_buf resource = {0};
    uri_model_resource(&resource, model);
    buf_puts(url, "/v1beta/");
    uri_path_encode(url, buf_str(&resource));
}

static bool prepare_chat(struct journey *j, struct buf *url, struct fault *f)
{
    const char *model = j->permit.upstream_model;
    chat_traits(j->chat, &j->traits);
    if (!journey_prepared(j, model, j->permit.traits) && !translate(j, model, f))
        return false;
    put_model(url, model);
    buf_puts(url, j->asks_stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
    return true;
}

static bool read_chat(struct journey *j)
{
    if (!read_json(j))
        return false;
    char id[VAULT_UUID_MAX + 16], hex[25];
    unsigned char random[12];
    vault_random(random, sizeof random);
    vault_hex(random, sizeof random, hex);
    snprintf(id, sizeof id, "chatcmpl-%s", hex);
    j->chat = chat_new(id, clock_unix(), j->model);
    if (!chat_options(j->chat, j->chat_body, &j->fault) || !fetch_images(j))
        return false;
    j->stream = chat_stream_wanted(j->chat);
    snprintf(j->verb, sizeof j->verb, "%s", j->stream ? "streamGenerateContent" : "generateContent");
    j->mode = j->stream ? ANSWER_CHAT_STREAM : ANSWER_WHOLE;
    j->method = "POST";
    j->metered = j->generates = true;
    j->prepare = prepare_chat;
    journey_prepared(j, j->model, "");
    if (!translate(j, j->model, &j->fault)) /* what is wrong is said before anything is reserved */
        return false;
    affinity_of_request(j);
    return true;
}

static void answer_chat(struct journey *j)
{
    if (j->committed)
        return;
    json_auto_t *answer = gemini_parse(buf_str(&j->answer), j->answer.n);
    if (j->answer_status < 200 || j->answer_status > 299) {
        if (!error_from_upstream(answer, j->answer_status, &j->fault))
            fault_set(&j->fault, FAULT_UPSTREAM, "the upstream's answer could not be read");
        return;
    }
    json_t *completion = chat_answer(j->chat, answer, &j->fault);
    if (completion != NULL)
        answer_json(j, 200, completion);
    else
        fault_set(&j->fault, FAULT_UPSTREAM, "the upstream's answer could not be read");
}

void gateway_chat(struct request *r, const struct uri *u)
{
    struct journey j;
    if (journey_open(&j, r, u, DIALECT_OPENAI) && read_chat(&j) && gateway_run(&j))
        answer_chat(&j);
    journey_close(&j);
}

/* ------------------------------------------------------------------ embeddings */

static bool prepare_embed(struct journey *j, struct buf *url, struct fault *f)
{
    const size_t *from = j->prepare_ctx;
    size_t n;
    json_auto_t *request = embed_request(j->chat_body, j->permit.upstream_model, *from, &n, f);
    if (request == NULL)
        return false;
    free(j->sending_owned);
    j->sending_owned = json_write(request);
    j->sending = j->sending_owned;
    j->sending_n = j->sending != NULL ? strlen(j->sending) : 0;
    put_model(url, j->permit.upstream_model);
    buf_puts(url, ":batchEmbedContents");
    return j->sending != NULL ||
           fault_set(f, FAULT_BAD_REQUEST, "the request holds text that is not valid UTF-8");
}

/* One upstream call for every EMBED_BATCH inputs; their answers in `answers`. */
static bool embed_all(struct journey *j, size_t *from, size_t total, json_t *answers)
{
    for (; *from < total; *from += EMBED_BATCH) {
        if (!gateway_run(j))
            return false;
        json_t *answer = gemini_parse(buf_str(&j->answer), j->answer.n);
        if (j->judged.kind != OUTCOME_OK || answer == NULL) {
            if (!error_from_upstream(answer, j->answer_status, &j->fault))
                fault_set(&j->fault, FAULT_UPSTREAM, "the upstream's answer could not be read");
            json_decref(answer);
            return false;
        }
        json_array_append_new(answers, answer);
    }
    return true;
}

void gateway_embeddings(struct request *r, const struct uri *u)
{
    struct journey j;
    if (journey_open(&j, r, u, DIALECT_OPENAI) && read_json(&j)) {
        snprintf(j.verb, sizeof j.verb, "batchEmbedContents");
        j.mode = ANSWER_WHOLE;
        j.method = "POST";
        j.metered = true;
        j.prepare = prepare_embed;
        size_t from = 0, total = embed_inputs(j.chat_body, &j.fault);
        j.prepare_ctx = &from;
        json_auto_t *answers = json_array();
        if (total > 0 && embed_all(&j, &from, total, answers)) {
            json_t *list = embed_answer(j.chat_body, j.model, answers, &j.fault);
            if (list != NULL)
                answer_json(&j, 200, list);
        }
    }
    journey_close(&j);
}
