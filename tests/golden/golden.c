/* SPDX-License-Identifier: MIT */
/*
 * golden.c: runs the translation cases of tests/golden.
 *
 * A case is a folder tests/golden/<direction>/<name>/ with input.json,
 * expected.json and sometimes options.json; a new one needs no code. What each
 * direction does with them is said above its function. Two JSON texts are
 * equal when they mean the same.
 *
 *     golden [-v] [direction[/name]]   -v prints what came out of every case
 */
#include "base/auto.h"
#include "base/json.h"
#include "translate/chat.h"
#include "translate/codeassist.h"
#include "translate/collect.h"
#include "translate/edit.h"
#include "translate/embed.h"
#include "translate/error.h"
#include "translate/models.h"
#include "translate/native.h"
#include "translate/schema.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

#define FOLDER  "tests/golden"
#define ID      "chatcmpl-0123456789abcdefghijABCDEFGHI"
#define CREATED 1700000000

static const char *text_of(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : otherwise;
}

static unsigned number_of(const json_t *object, const char *key)
{
    return (unsigned)json_integer_value(json_object_get(object, key));
}

static json_t *fault_result(const struct fault *f)
{
    return json_pack("{s:i, s:o}", "status", fault_status(f->kind), "body", error_openai(f));
}

/* The chat that an answer belongs to: options.json may hold its request, the model asked for and sent. */
static struct chat *chat_for(const json_t *options)
{
    struct chat *c = chat_new(ID, CREATED, text_of(options, "asked", "gemini-2.5-flash"));
    const json_t *body = json_object_get(options, "request");
    struct fault f = {0};
    if (body != NULL)
        json_decref(chat_request(c, body, text_of(options, "model", "gemini-2.5-flash"),
                                 number_of(options, "adjust"), &f));
    if (f.kind != FAULT_NONE)
        printf("# the request in options.json is wrong: %s\n", f.said);
    return c;
}

/* What options.json says under "traits", as the database would hand it over. */
static struct traits traits_for(const json_t *options)
{
    struct traits t = {0};
    auto_str text = json_dumps(json_object_get(options, "traits"), JSON_COMPACT);
    traits_read(&t, text != NULL ? text : "");
    return t;
}

/* request: an OpenAI body becomes a Gemini one, or {"status","body"} of the error. */
static json_t *run_request(const json_t *input, const json_t *options)
{
    struct fault f = {0};
    struct traits traits = traits_for(options);
    struct chat *c = chat_new(ID, CREATED, "asked");
    chat_traits(c, &traits);
    json_t *out = chat_request(c, input, text_of(options, "model", "gemini-2.5-flash"),
                               number_of(options, "adjust"), &f);
    chat_free(c);
    return out != NULL ? out : fault_result(&f);
}

/* adjust: the request, and after each of the input's errors the next one, null when there is none. */
static json_t *run_adjust(const json_t *input, const json_t *options)
{
    struct fault f = {0};
    struct chat *c = chat_new(ID, CREATED, "asked");
    const char *model = text_of(options, "model", "gemini-2.5-flash");
    const json_t *body = json_object_get(input, "request");
    json_t *out = json_array(), *error;
    unsigned adjust = 0;
    size_t i;
    json_array_append_new(out, chat_request(c, body, model, adjust, &f));
    json_array_foreach(json_object_get(input, "errors"), i, error) {
        adjust = chat_adjust(c, error, adjust);
        json_array_append_new(out, adjust != 0 ? chat_request(c, body, model, adjust, &f) : json_null());
    }
    chat_free(c);
    return out;
}

/* answer: a Gemini answer becomes a chat.completion, or {"status","body"} of the error. */
static json_t *run_answer(const json_t *input, const json_t *options)
{
    struct fault f = {0};
    struct chat *c = chat_for(options);
    json_t *out = chat_answer(c, input, &f);
    chat_free(c);
    return out != NULL ? out : fault_result(&f);
}

/* What is the same in each chunk is checked once here and left out of the expected files. */
static void add_chunks(json_t *out, json_t *chunks, const char *model)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(chunks, i, chunk) {
        bool good = strcmp(text_of(chunk, "id", ""), ID) == 0 &&
                    strcmp(text_of(chunk, "object", ""), "chat.completion.chunk") == 0 &&
                    json_integer_value(json_object_get(chunk, "created")) == CREATED &&
                    strcmp(text_of(chunk, "model", ""), model) == 0 &&
                    json_is_null(json_object_get(chunk, "system_fingerprint"));
        json_array_append_new(out, good ? json_incref(chunk) : json_string("the envelope is wrong"));
        static const char *const same[] = {"id", "object", "created", "model", "system_fingerprint"};
        for (size_t k = 0; good && k < sizeof same / sizeof *same; k++)
            json_object_del(chunk, same[k]);
    }
    json_decref(chunks);
}

/* stream: an array of events becomes an array of chunks; "truncated" at the end if it did not end well. */
static json_t *run_stream(const json_t *input, const json_t *options)
{
    struct chat *c = chat_for(options);
    const char *model = text_of(options, "asked", "gemini-2.5-flash");
    json_t *out = json_array(), *event;
    size_t i;
    json_array_foreach(input, i, event) {
        add_chunks(out, chat_event(c, event), model);
    }
    if (!chat_finished(c))
        json_array_append_new(out, json_string("truncated"));
    add_chunks(out, chat_end(c, chat_finished(c)), model);
    chat_free(c);
    return out;
}

/* model: the name in a body, or the error. */
static json_t *run_model(const json_t *input, const json_t *options)
{
    (void)options;
    json_t *out = json_array(), *body;
    size_t i;
    json_array_foreach(input, i, body) {
        struct fault f = {0};
        auto_str name = chat_model(body, &f);
        json_array_append_new(out, name != NULL ? json_string(name) : fault_result(&f));
    }
    return out;
}

/* urls: which URLs a body wants fetched, and the body once each was replaced by "data:,N". */
static json_t *run_urls(const json_t *input, const json_t *options)
{
    (void)options;
    json_t *body = json_deep_copy(input), *urls = chat_urls(body), *one;
    size_t i;
    json_array_foreach(urls, i, one) {
        char data[32];
        snprintf(data, sizeof data, "data:,%zu", i);
        chat_url_set(body, text_of(one, "url", ""), data);
    }
    return json_pack("{s:o, s:o}", "urls", urls, "body", body);
}

/* schema: a JSON Schema becomes Gemini's, once as it should be and once loose. */
static json_t *run_schema(const json_t *input, const json_t *options)
{
    if (json_is_true(json_object_get(options, "loose")))
        return schema_clean(input, true);
    return schema_clean(input, false);
}

/* look: for each answer what is in it, and the usage so far. */
static json_t *run_look(const json_t *input, const json_t *options)
{
    static const char *const names[] = {"thoughts", "content", "finish", "explained",
                                        "blocked",  "error",   "usage",  "odd"};
    (void)options;
    struct usage u = {0};
    json_t *out = json_array(), *answer;
    size_t i;
    json_array_foreach(input, i, answer) {
        enum gemini_content seen = gemini_look(answer);
        json_t *words = json_array();
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (((unsigned)seen & 1U << k) != 0)
                json_array_append_new(words, json_string(names[k]));
        gemini_usage(answer, &u);
        json_array_append_new(
            out, json_pack("{s:o, s:b, s:b, s:[I,I,I,I,I,I]}", "seen", words, "meaningful",
                           gemini_meaningful(seen), "ended", gemini_ended(seen), "usage",
                           (json_int_t)u.prompt, (json_int_t)u.cached, (json_int_t)u.candidates,
                           (json_int_t)u.thoughts, (json_int_t)u.tool, (json_int_t)u.total));
    }
    return out;
}

/* error: {"status","answer"} of the upstream become the errors of both dialects. */
static json_t *run_error(const json_t *input, const json_t *options)
{
    (void)options;
    json_t *out = json_array(), *one;
    size_t i;
    json_array_foreach(input, i, one) {
        struct fault f = {0};
        bool is = error_from_upstream(json_object_get(one, "answer"), (int)number_of(one, "status"), &f);
        json_t *result = is ? fault_result(&f) : json_null();
        if (is)
            json_object_set_new(result, "native", error_gemini(&f));
        json_array_append_new(out, result);
    }
    return out;
}

/* embed: a body and the upstream's answers become the requests sent and the list. */
static json_t *run_embed(const json_t *input, const json_t *options)
{
    const json_t *body = json_object_get(input, "body");
    struct fault f = {0};
    json_t *requests = json_array();
    size_t total = embed_inputs(body, &f);
    for (size_t from = 0, n = 0; from < total; from += n) {
        json_t *request =
            embed_request(body, text_of(options, "model", "gemini-embedding-001"), from, &n, &f);
        if (request == NULL)
            break;
        json_array_append_new(requests, request);
    }
    json_t *list = embed_answer(body, "text-embedding", json_object_get(input, "answers"), &f);
    return json_pack("{s:o, s:o}", "requests", requests, "list", list != NULL ? list : fault_result(&f));
}

/* edit: native bodies, as texts, as they are sent; null where nothing is changed. */
static json_t *run_edit(const json_t *input, const json_t *options)
{
    struct traits traits = traits_for(options);
    struct edit e = {.traits = &traits,
                     .model = text_of(options, "model", "gemini-2.5-flash"),
                     .asked = text_of(options, "asked", NULL)};
    json_t *out = json_array(), *body;
    size_t i;
    json_array_foreach(input, i, body) {
        auto_buf edited = {0};
        bool changed = edit_native(json_string_value(body), json_string_length(body), &e, &edited);
        json_array_append_new(out, changed ? json_stringn(edited.p, edited.n) : json_null());
    }
    return out;
}

/* compact: JSON texts without blanks. */
static json_t *run_compact(const json_t *input, const json_t *options)
{
    (void)options;
    json_t *out = json_array(), *text;
    size_t i;
    json_array_foreach(input, i, text) {
        auto_buf line = {0};
        edit_compact(json_string_value(text), json_string_length(text), &line);
        json_array_append_new(out, json_string(buf_str(&line)));
    }
    return out;
}

/* collect: the events of a stream become one answer. */
static json_t *run_collect(const json_t *input, const json_t *options)
{
    (void)options;
    struct collect *c = collect_new();
    json_t *event;
    size_t i;
    json_array_foreach(input, i, event) {
        collect_add(c, event);
    }
    json_t *answer = collect_answer(c);
    collect_free(c);
    return answer;
}

/* models: a page, pages or a bare array of models become a list. */
static json_t *run_models(const json_t *input, const json_t *options)
{
    (void)options;
    return models_to_openai(input);
}

/* codeassist: a native call, and the answers of Code Assist to it, become the call there and native answers. */
static json_t *run_codeassist(const json_t *input, const json_t *options)
{
    (void)options;
    const char *model = text_of(input, "model", "gemini-2.5-flash");
    enum codeassist_call call = codeassist_call_of(text_of(input, "method", "POST"), text_of(input, "path", ""));
    json_t *out = json_pack("{s:s, s:o?}", "path", codeassist_path(call), "request",
                            codeassist_request(call, json_object_get(input, "request"), model,
                                               text_of(input, "project", "my-project"), "an-id"));
    json_t *answers = json_array(), *answer;
    size_t i;
    json_array_foreach(json_object_get(input, "answers"), i, answer) {
        json_t *plain = codeassist_answer(call, answer, model);
        json_array_append_new(answers, plain != NULL ? plain : json_null());
    }
    json_object_set_new(out, "answers", answers);
    return out;
}

static const struct direction {
    const char *name;
    json_t *(*run)(const json_t *input, const json_t *options);
} directions[] = {
    {"request", run_request}, {"adjust", run_adjust}, {"answer", run_answer}, {"stream", run_stream},
    {"model", run_model},     {"urls", run_urls},     {"schema", run_schema}, {"look", run_look},
    {"codeassist", run_codeassist}, {"error", run_error},     {"embed", run_embed},   {"models", run_models},
    {"edit", run_edit},       {"compact", run_compact}, {"collect", run_collect},
};

/* --- cases ------------------------------------------------------------------------------------ */

static int passed, failed;
static bool verbose;

/* A file of the case, read as the gateway reads bodies: new, NULL if it is not there. A file that is no
 * JSON ends the run. */
static json_t *read_file(const char *direction, const char *name, const char *file)
{
    auto_buf path = {0}, text = {0};
    buf_printf(&path, FOLDER "/%s/%s/%s", direction, name, file);
    auto_file in = fopen(path.p, "rb");
    char chunk[4096];
    for (size_t n; in != NULL && (n = fread(chunk, 1, sizeof chunk, in)) > 0;)
        buf_add(&text, chunk, n);
    json_t *value = json_read(buf_str(&text), text.n);
    if (in != NULL && value == NULL) {
        printf("%s is no JSON\n", path.p);
        exit(2);
    }
    return value;
}

static void print_json(const char *title, const json_t *value)
{
    auto_str text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    printf("# %s: ", title);
    for (const char *p = text != NULL ? text : ""; *p != '\0'; p++)
        printf(*p == '\n' ? "\n# " : "%c", *p);
    printf("\n");
}

/* What came out, as a client would read it: written and parsed again. */
static json_t *as_read(json_t *value)
{
    auto_str text = json_write(value);
    json_decref(value);
    return text != NULL ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
}

static void run_case(const struct direction *d, const char *name)
{
    json_auto_t *input = read_file(d->name, name, "input.json");
    json_auto_t *expected = read_file(d->name, name, "expected.json");
    json_auto_t *options = read_file(d->name, name, "options.json");
    json_auto_t *is = as_read(d->run(input, options));
    bool good = input != NULL && expected != NULL && is != NULL && json_equal(is, expected);
    if (!good)
        print_json("expected", expected);
    if (!good || verbose)
        print_json("came out", is);
    *(good ? &passed : &failed) += 1;
    printf("%s %d - %s/%s\n", good ? "ok" : "not ok", passed + failed, d->name, name);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void run_direction(const struct direction *d, const char *only)
{
    struct dirent **names;
    auto_buf path = {0};
    buf_printf(&path, FOLDER "/%s", d->name);
    int n = scandir(path.p, &names, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        auto_buf full = {0};
        buf_printf(&full, "%s/%s", d->name, names[i]->d_name);
        if (only == NULL || strncmp(full.p, only, strlen(only)) == 0)
            run_case(d, names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

int main(int argc, char **argv)
{
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    const char *only = argc > 1 + verbose ? argv[1 + verbose] : NULL;
    for (size_t i = 0; i < sizeof directions / sizeof *directions; i++)
        run_direction(&directions[i], only);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
