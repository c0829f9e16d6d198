/* SPDX-License-Identifier: MIT */
/*
 * test_corpus.c: recorded real answers through the translators.
 *
 * The recordings are not part of this project: they are looked for in
 * $POLLUX_CORPUS or ../shared/corpus, and skipped with a word when absent.
 * Streams (files with "data: " lines) go through chat_event(), the rest
 * through chat_answer(); what the recording says (texts, calls, tokens, finish
 * reasons) is read from it by this test itself and compared.
 */
#include "base/auto.h"
#include "base/json.h"
#include "../check.h"
#include "translate/chat.h"
#include "translate/error.h"
#include "translate/native.h"
#include "translate/shape.h"

#include <dirent.h>

/* What a recording holds, counted here without the code under test. */
struct truth {
    struct buf text;
    size_t calls, images, citations;
    int64_t prompt, completion;
    char finish[64];
    bool candidates, error, blocked;
};

static void read_part(const json_t *part, struct truth *t)
{
    const json_t *text = json_object_get(part, "text");
    bool thought = json_is_true(json_object_get(part, "thought"));
    if (json_is_string(text) && !thought)
        buf_add(&t->text, json_string_value(text), json_string_length(text));
    t->calls += json_object_get(part, "functionCall") != NULL;
    t->images += json_object_get(part, "inlineData") != NULL;
}

/* The references to chunks that have an address. */
static void read_grounding(const json_t *grounding, struct truth *t)
{
    static const char *const kinds[] = {"web", "maps", "retrievedContext"};
    size_t i, k;
    json_t *support, *index;
    json_array_foreach(json_object_get(grounding, "groundingSupports"), i, support) {
        json_array_foreach(json_object_get(support, "groundingChunkIndices"), k, index) {
            const json_t *chunk = json_array_get(json_object_get(grounding, "groundingChunks"),
                                                 (size_t)json_integer_value(index));
            for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++)
                t->citations += shape_text(json_object_get(chunk, kinds[n]), "uri") != NULL;
        }
    }
}

static int64_t tokens(const json_t *usage, const char *key)
{
    return json_integer_value(json_object_get(usage, key));
}

static void read_event(const json_t *event, struct truth *t)
{
    size_t i, k;
    json_t *candidate, *part;
    json_array_foreach(json_object_get(event, "candidates"), i, candidate) {
        json_array_foreach(json_object_get(json_object_get(candidate, "content"), "parts"), k, part) {
            read_part(part, t);
        }
        const char *reason = shape_text(candidate, "finishReason");
        if (reason != NULL)
            snprintf(t->finish, sizeof t->finish, "%s", reason);
        read_grounding(json_object_get(candidate, "groundingMetadata"), t);
        t->candidates = true;
    }
    t->blocked |= shape_text(json_object_get(event, "promptFeedback"), "blockReason") != NULL ||
                  shape_text(json_object_get(event, "promptFeedback"), "blockReasonMessage") != NULL;
    t->error |= json_object_get(event, "error") != NULL;
    const json_t *u = json_object_get(event, "usageMetadata");
    if (u != NULL) {
        t->prompt = tokens(u, "promptTokenCount") + tokens(u, "toolUsePromptTokenCount");
        t->completion = tokens(u, "totalTokenCount") - t->prompt;
    }
}

/* What OpenAI's finish_reason must be. */
static const char *finish_of(const struct truth *t)
{
    if (t->calls > 0)
        return "tool_calls";
    if (strcmp(t->finish, "STOP") == 0 || strcmp(t->finish, "OTHER") == 0)
        return "stop";
    return strcmp(t->finish, "MAX_TOKENS") == 0 ? "length" : "content_filter";
}

/* What code execution adds to the text is fenced; those recordings only have to contain the rest. */
static void check_content(const char *content, const struct truth *t, const char *raw)
{
    if (strstr(raw, "executableCode") != NULL)
        CHECK(content != NULL && strstr(content, "```python\n") != NULL);
    else if (t->text.n > 0)
        CHECK_STR(content, buf_str(&t->text));
    else
        CHECK(content == NULL || *content == '\0');
}

static void check_tokens(const json_t *usage, const struct truth *t)
{
    CHECK_INT(json_integer_value(json_object_get(usage, "prompt_tokens")), t->prompt);
    CHECK_INT(json_integer_value(json_object_get(usage, "completion_tokens")), t->completion);
    CHECK_INT(json_integer_value(json_object_get(usage, "total_tokens")), t->prompt + t->completion);
}

/* --- whole answers ---------------------------------------------------------------------------- */

static void check_whole(const json_t *answer, const struct truth *t, const char *raw)
{
    struct fault f = {0};
    struct chat *c = chat_new("chatcmpl-1", 1, "m");
    json_auto_t *completion = chat_answer(c, answer, &f);
    chat_free(c);
    if (t->error || (!t->candidates && !t->blocked)) {
        CHECK(completion == NULL && f.kind != FAULT_NONE && f.said[0] != '\0');
        CHECK(!t->error || error_from_upstream(answer, 400, &(struct fault){0}));
        return;
    }
    const json_t *choice = json_array_get(json_object_get(completion, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    CHECK_STR(shape_text(choice, "finish_reason"), finish_of(t));
    check_content(shape_text(message, "content"), t, raw);
    CHECK_INT((long long)json_array_size(json_object_get(message, "tool_calls")), (long long)t->calls);
    check_tokens(json_object_get(completion, "usage"), t);
    CHECK_INT((long long)json_array_size(json_object_get(message, "annotations")),
              (long long)t->citations);
}

/* --- streams ---------------------------------------------------------------------------------- */

/* What a client puts together from the chunks. */
struct heard {
    struct buf text;
    size_t roles, calls, images, finishes;
    char finish[32];
    json_t *usage; /* owned */
};

static void hear(const json_t *chunk, struct heard *h)
{
    const json_t *choice = json_array_get(json_object_get(chunk, "choices"), 0);
    const json_t *delta = json_object_get(choice, "delta"), *text = json_object_get(delta, "content");
    const char *reason = shape_text(choice, "finish_reason");
    CHECK_STR(shape_text(chunk, "object"), "chat.completion.chunk");
    h->roles += json_object_get(delta, "role") != NULL;
    if (json_is_string(text))
        buf_add(&h->text, json_string_value(text), json_string_length(text));
    h->calls += shape_text(json_array_get(json_object_get(delta, "tool_calls"), 0), "id") != NULL;
    h->images += json_array_size(json_object_get(delta, "images"));
    h->finishes += reason != NULL;
    if (reason != NULL)
        snprintf(h->finish, sizeof h->finish, "%s", reason);
    if (json_is_object(json_object_get(chunk, "usage"))) {
        json_decref(h->usage);
        h->usage = json_incref(json_object_get(chunk, "usage"));
    }
}

static void hear_all(json_t *chunks, struct heard *h)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(chunks, i, chunk) {
        hear(chunk, h);
    }
    json_decref(chunks);
}

static void check_stream(const json_t *events, const struct truth *t, const char *raw)
{
    struct fault f = {0};
    struct heard h = {0};
    struct chat *c = chat_new("chatcmpl-1", 1, "m");
    json_auto_t *body = json_pack("{s:[{s:s,s:s}], s:{s:b}}", "messages", "role", "user", "content", "x",
                                  "stream_options", "include_usage", 1);
    CHECK(chat_options(c, body, &f));
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event) {
        hear_all(chat_event(c, event), &h);
    }
    CHECK(chat_finished(c));
    CHECK_INT((long long)h.finishes, 0);
    hear_all(chat_end(c, true), &h);
    CHECK_INT((long long)h.roles, 1);
    CHECK_INT((long long)h.finishes, 1);
    CHECK_STR(h.finish, finish_of(t));
    check_content(buf_str(&h.text), t, raw);
    CHECK_INT((long long)h.calls, (long long)t->calls);
    CHECK_INT((long long)h.images, (long long)t->images);
    check_tokens(h.usage, t);
    json_decref(h.usage);
    buf_free(&h.text);
    chat_free(c);
}

/* --- files ------------------------------------------------------------------------------------ */

/* The JSON texts of the file's "data: " lines: a new array, empty if it is no stream. */
static json_t *events_of(const char *raw)
{
    json_t *events = json_array();
    for (const char *at = raw; at != NULL && *at != '\0';) {
        const char *end = strchr(at, '\n');
        size_t n = end != NULL ? (size_t)(end - at) : strlen(at);
        if (n > 6 && strncmp(at, "data: ", 6) == 0)
            json_array_append_new(events, json_read(at + 6, n - 6));
        at = end != NULL ? end + 1 : NULL;
    }
    return events;
}

static bool read_text(const char *path, struct buf *out)
{
    auto_file file = fopen(path, "rb");
    char chunk[4096];
    for (size_t n; file != NULL && (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(out, chunk, n);
    return file != NULL;
}

static size_t answers_seen, streams_seen;

static void check_file(const char *path)
{
    auto_buf raw = {0};
    struct truth t = {0};
    size_t i;
    json_t *event;
    if (!CHECK(read_text(path, &raw)))
        return;
    check_note(path);
    json_auto_t *events = events_of(buf_str(&raw));
    json_auto_t *answer = json_read(buf_str(&raw), raw.n);
    json_array_foreach(events, i, event) {
        read_event(event, &t);
    }
    if (json_array_size(events) > 0) {
        streams_seen++;
        check_stream(events, &t, buf_str(&raw));
    } else if (answer != NULL) {
        answers_seen++;
        read_event(answer, &t);
        check_whole(answer, &t, buf_str(&raw));
    }
    buf_free(&t.text);
}

static const char *folder;

static void check_folder(const char *name)
{
    auto_buf path = {0};
    buf_printf(&path, "%s/%s", folder, name);
    DIR *dir = opendir(path.p);
    if (!CHECK(dir != NULL))
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        auto_buf file = {0};
        buf_printf(&file, "%s/%s", path.p, entry->d_name);
        if (strstr(entry->d_name, ".json") != NULL || strstr(entry->d_name, ".txt") != NULL)
            check_file(file.p);
    }
    closedir(dir);
}

static void recorded_answers_of_googleai_translate(void)
{
    check_folder("googleai");
    CHECK(streams_seen > 10 && answers_seen > 20);
}

static void recorded_answers_of_the_cookbook_translate(void)
{
    check_folder("cookbook-rest");
}

int main(void)
{
    const char *chosen = getenv("POLLUX_CORPUS");
    folder = chosen != NULL && *chosen != '\0' ? chosen : "../shared/corpus";
    DIR *there = opendir(folder);
    if (there == NULL) {
        printf("skipped: there are no recorded answers in %s\n0 passed, 0 failed\n", folder);
        return 0;
    }
    closedir(there);
    RUN(recorded_answers_of_googleai_translate);
    RUN(recorded_answers_of_the_cookbook_translate);
    return check_end();
}
