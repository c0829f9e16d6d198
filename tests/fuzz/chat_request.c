/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any body as a chat completion request, for models of several
 * families and in its adjusted forms. What comes out must be something that
 * Gemini's rules about turns allow, and must be writable as JSON.
 */
#include "base/auto.h"
#include "base/json.h"
#include "translate/chat.h"
#include "translate/shape.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static size_t count_parts(const json_t *content, const char *kind)
{
    size_t i, count = 0;
    json_t *part;
    json_array_foreach(json_object_get(content, "parts"), i, part) {
        count += json_object_get(part, kind) != NULL;
    }
    return count;
}

/* Every call is answered in the content right after it, and nothing else is an answer. */
static void check_turns(const json_t *contents)
{
    size_t i, calls = 0;
    json_t *content;
    must(json_array_size(contents) > 0);
    json_array_foreach(contents, i, content) {
        const char *role = shape_text(content, "role");
        must(role != NULL && (strcmp(role, "user") == 0 || strcmp(role, "model") == 0));
        must(json_array_size(json_object_get(content, "parts")) > 0);
        must(count_parts(content, "functionResponse") == calls);
        calls = count_parts(content, "functionCall");
        must(calls == 0 || (strcmp(role, "model") == 0 && i > 0));
    }
    must(calls == 0);
}

static void check_request(const json_t *request)
{
    auto_str text = json_write(request);
    must(text != NULL);
    check_turns(json_object_get(request, "contents"));
    const json_t *thinking =
        json_object_get(json_object_get(request, "generationConfig"), "thinkingConfig");
    must(json_object_get(thinking, "thinkingLevel") == NULL ||
         json_object_get(thinking, "thinkingBudget") == NULL);
}

static void translate(const json_t *body, const char *model, unsigned adjust)
{
    struct fault f = {0};
    struct chat *c = chat_new("chatcmpl-fuzz", 1, "asked");
    json_t *request = chat_request(c, body, model, adjust, &f);
    must((request == NULL) == (f.kind == FAULT_BAD_REQUEST));
    if (request != NULL)
        check_request(request);
    json_auto_t *error =
        json_pack("{s:{s:s}}", "error", "message", "schema signature thinking penalty model turn");
    unsigned next = chat_adjust(c, error, adjust);
    must(next == 0 || (next & ~adjust) != 0);
    json_decref(request);
    chat_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[] = {"gemini-2.5-flash", "gemini-3.1-pro-preview", "gemma-3",
                                         "gemini-flash-latest"};
    json_auto_t *body = json_read((const char *)data, size);
    if (body == NULL)
        return 0;
    struct fault f = {0};
    free(chat_model(body, &f));
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        translate(body, models[i], 0);
        translate(body, models[i], i % 2 == 0 ? ~0U : CHAT_CLEAN_SCHEMA | CHAT_END_WITH_USER);
    }
    json_auto_t *urls = chat_urls(body);
    size_t i;
    json_t *one;
    json_array_foreach(urls, i, one) {
        chat_url_set(body, shape_text(one, "url"), "data:image/png;base64,AAAA");
    }
    json_auto_t *left = chat_urls(body);
    must(json_array_size(left) == 0);
    translate(body, models[size % 4], (unsigned)size);
    return 0;
}
