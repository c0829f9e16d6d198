/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any JSON as a Gemini answer, and its elements as the events of a
 * stream. Completions and chunks must have the shape that clients rely on.
 */
#include "base/auto.h"
#include "base/json.h"
#include "translate/chat.h"
#include "translate/error.h"
#include "translate/models.h"
#include "translate/native.h"
#include "translate/shape.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static bool is_finish_reason(const char *reason)
{
    static const char *const known[] = {"stop", "length", "content_filter", "tool_calls",
                                        "function_call"};
    for (size_t i = 0; reason != NULL && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], reason) == 0)
            return true;
    return false;
}

static void check_usage(const json_t *usage)
{
    int64_t prompt = -1, completion = -1, total = -1;
    must(shape_count(usage, "prompt_tokens", &prompt) &&
         shape_count(usage, "completion_tokens", &completion));
    must(shape_count(usage, "total_tokens", &total) && total == prompt + completion);
}

static void check_completion(const json_t *completion)
{
    size_t i;
    json_t *choice;
    auto_str text = json_write(completion);
    must(text != NULL);
    must(json_array_size(json_object_get(completion, "choices")) > 0);
    json_array_foreach(json_object_get(completion, "choices"), i, choice) {
        const json_t *message = json_object_get(choice, "message"),
                     *content = json_object_get(message, "content");
        must(is_finish_reason(shape_text(choice, "finish_reason")));
        must(json_is_string(content) || json_is_null(content));
    }
    check_usage(json_object_get(completion, "usage"));
}

static void check_chunks(json_t *chunks, bool last)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(chunks, i, chunk) {
        auto_str text = json_write(chunk);
        must(text != NULL);
        const json_t *choice = json_array_get(json_object_get(chunk, "choices"), 0);
        const json_t *reason = json_object_get(choice, "finish_reason");
        bool held_text = json_object_get(json_object_get(choice, "delta"), "content") != NULL;
        if (choice != NULL)
            must(last && !held_text ? is_finish_reason(json_string_value(reason)) : json_is_null(reason));
        else
            check_usage(json_object_get(chunk, "usage"));
    }
    json_decref(chunks);
}

/* A chat with everything on that the answer's form depends on, or one with nothing. */
static struct chat *chat_of(bool everything)
{
    struct fault f = {0};
    struct chat *c = chat_new("chatcmpl-fuzz", 1, "asked");
    if (!everything)
        return c;
    json_auto_t *body =
        json_pack("{s:[{s:s,s:s}], s:{}, s:{s:s}, s:{s:b}, s:[{s:s}]}", "messages", "role", "user",
                  "content", "x", "web_search_options", "response_format", "type", "json_object",
                  "stream_options", "include_usage", 1, "functions", "name", "f/g");
    json_decref(chat_request(c, body, "gemini-2.5-flash", 0, &f));
    must(f.kind == FAULT_NONE);
    return c;
}

static void whole(const json_t *answer, bool everything)
{
    struct fault f = {0};
    struct chat *c = chat_of(everything);
    json_t *completion = chat_answer(c, answer, &f);
    must((completion == NULL) == (f.kind != FAULT_NONE));
    if (completion != NULL)
        check_completion(completion);
    json_decref(completion);
    chat_free(c);
}

static void stream(const json_t *events, bool everything)
{
    struct chat *c = chat_of(everything);
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event) {
        check_chunks(chat_event(c, event), false);
    }
    if (!json_is_array(events))
        check_chunks(chat_event(c, events), false);
    check_chunks(chat_end(c, chat_finished(c)), true);
    chat_free(c);
}

static void others(const json_t *answer)
{
    struct fault f = {0}, g = {0};
    struct usage u = {0};
    gemini_usage(answer, &u);
    bool error = (gemini_look(answer) & GEMINI_ERROR) != 0;
    must(error_from_upstream(answer, 200, &f) == error);
    error_from_upstream(answer, 400, &g);
    must(g.kind != FAULT_NONE);
    json_auto_t *openai = error_openai(&g), *gemini = error_gemini(&f),
                *models = models_to_openai(answer);
    must(openai != NULL && gemini != NULL && models != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *answer = json_read((const char *)data, size);
    if (answer == NULL)
        return 0;
    for (int everything = 0; everything < 2; everything++) {
        whole(answer, everything);
        stream(answer, everything);
    }
    others(answer);
    return 0;
}
