/* SPDX-License-Identifier: MIT */
/*
 * test_limits.c: input that is too big, too deep or too clever, and the small
 * helpers (base64, UTF-8, numbers) at their edges.
 */
#include "base/auto.h"
#include "base/json.h"
#include "../check.h"
#include "translate/base64.h"
#include "translate/chat.h"
#include "translate/collect.h"
#include "translate/media.h"
#include "translate/schema.h"
#include "translate/shape.h"

/* --- helpers ---------------------------------------------------------------------------------- */

static void base64_of_every_length_comes_back(void)
{
    for (size_t n = 0; n < 70; n++) {
        char bytes[70];
        auto_buf text = {0}, back = {0};
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(i * 37 + n);
        base64_encode(&text, bytes, n);
        CHECK(base64_is_plain(buf_str(&text), text.n));
        CHECK(base64_decode(&back, buf_str(&text), text.n));
        CHECK(back.n == n && memcmp(buf_str(&back), bytes, n) == 0);
    }
}

static void base64_is_read_in_every_spelling(void)
{
    static const struct {
        const char *text, *plain; /* NULL: refused */
    } rows[] = {
        {"QUJD", "QUJD"},         {"QUI", "QUI="}, {"QQ", "QQ=="}, {"-_-_", "+/+/"},
        {" Q U\r\nJD\t", "QUJD"}, {"", ""},        {"Q", NULL},    {"QUI==", "QUI="},
        {"Q===", NULL},           {"QQ=A", NULL},  {"QU*D", NULL}, {"QUJD\x01", NULL},
        {"\xc3\xa9", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        auto_buf plain = {0};
        check_note(rows[i].text);
        bool good = base64_plain(&plain, rows[i].text, strlen(rows[i].text));
        CHECK(good == (rows[i].plain != NULL));
        if (good)
            CHECK_STR(buf_str(&plain), rows[i].plain);
    }
    CHECK(!base64_is_plain("QU-D", 4) && !base64_is_plain("QUI", 3) && !base64_is_plain("Q===", 4));
}

static void bytes_that_are_no_utf8_are_replaced(void)
{
    json_auto_t *cut = shape_string("a\xc3", 2), *bad = shape_string("\xff\xc3\xa9\xed\xa0\x80", 6);
    json_auto_t *nul = shape_string("a\0b", 3), *empty = shape_string("", 0);
    CHECK_STR(json_string_value(cut), "a\xef\xbf\xbd");
    CHECK_STR(json_string_value(bad), "\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    CHECK_INT((long long)json_string_length(nul), 3);
    CHECK_STR(json_string_value(empty), "");
}

static void numbers_are_written_as_short_as_they_read_back(void)
{
    json_auto_t *value = json_loads("{\"a\":0.1,\"b\":0.30000000000000004,\"c\":5}", 0, NULL);
    auto_str text = json_write(value);
    json_auto_t *again = json_loads(text, 0, NULL);
    CHECK(json_equal(value, again));
    json_auto_t *simple = json_real(0.1);
    auto_str short_text = json_write(simple);
    CHECK_STR(short_text, "0.1");
}

static void sound_types_are_recognised(void)
{
    unsigned rate = 0;
    CHECK(media_is_pcm("audio/L16;codec=pcm;rate=16000", &rate) && rate == 16000);
    CHECK(media_is_pcm("audio/pcm", &rate) && rate == 24000);
    CHECK(media_is_pcm("audio/L16;rate=99999999999999999999", &rate));
    CHECK(!media_is_pcm("audio/mp3", &rate) && !media_is_pcm(NULL, &rate));
}

/* --- requests --------------------------------------------------------------------------------- */

static json_t *read_body(const struct buf *text)
{
    json_t *body = json_read(buf_str(text), text->n);
    CHECK(body != NULL);
    return body;
}

static json_t *request_of(const json_t *body, const char *model, unsigned adjust, struct fault *f)
{
    struct chat *c = chat_new("chatcmpl-1", 1, "m");
    json_t *request = chat_request(c, body, model, adjust, f);
    chat_free(c);
    return request;
}

static void add_nested(struct buf *out, const char *open, const char *inner, const char *close, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_puts(out, open);
    buf_puts(out, inner);
    for (int i = 0; i < depth; i++)
        buf_puts(out, close);
}

static void a_schema_as_deep_as_can_be_read_is_cut(void)
{
    auto_buf text = {0};
    struct fault f = {0};
    buf_puts(&text,
             "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"function\","
             "\"function\":{\"name\":\"f\",\"parameters\":");
    add_nested(&text, "{\"properties\":{\"p\":", "{}", "}}", 90);
    buf_puts(&text, "}}]}");
    json_auto_t *body = read_body(&text);
    json_auto_t *request = request_of(body, "gemini-2.5-flash", CHAT_CLEAN_SCHEMA, &f);
    const json_t *schema = json_array_get(json_object_get(request, "tools"), 0);
    schema =
        json_object_get(json_array_get(json_object_get(schema, "functionDeclarations"), 0), "parameters");
    int depth = 0;
    for (; json_object_get(schema, "properties") != NULL; depth++)
        schema = json_object_get(json_object_get(schema, "properties"), "p");
    CHECK_INT(depth, 25);
}

static void a_tool_result_as_deep_as_can_be_read_is_cut(void)
{
    auto_buf text = {0}, content = {0};
    struct fault f = {0};
    add_nested(&content, "[", "1", "]", 190);
    buf_printf(
        &text,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\","
        "\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"%s\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"%s\"}]}",
        content.p, content.p);
    json_auto_t *body = read_body(&text);
    json_auto_t *request = request_of(body, "gemini-2.5-flash", 0, &f);
    CHECK(request != NULL);
    const json_t *result = json_array_get(json_object_get(request, "contents"), 2);
    result = json_object_get(json_array_get(json_object_get(result, "parts"), 0), "functionResponse");
    result = json_object_get(json_object_get(result, "response"), "result");
    int depth = 0;
    for (; json_is_array(result); depth++)
        result = json_array_get(result, 0);
    CHECK_INT(depth, 65);
    CHECK(json_is_string(result));
}

/* Each schema refers twice to the next one: 2^40 schemas if all were written out. */
static void references_that_multiply_are_cut(void)
{
    json_auto_t *schema = json_object(), *defs = json_object();
    for (int i = 0; i < 40; i++) {
        char name[16], ref[32];
        snprintf(name, sizeof name, "d%d", i);
        snprintf(ref, sizeof ref, "#/$defs/d%d", i + 1);
        json_object_set_new(defs, name,
                            json_pack("{s:s, s:{s:{s:s}, s:{s:s}}}", "type", "object", "properties", "a",
                                      "$ref", ref, "b", "$ref", ref));
    }
    json_object_set(schema, "$defs", defs);
    json_object_set_new(schema, "$ref", json_string("#/$defs/d0"));
    json_auto_t *clean = schema_clean(schema, false);
    auto_str text = json_dumps(clean, JSON_COMPACT);
    CHECK(text != NULL && strlen(text) < 4 * 1024 * 1024);
}

static void ten_thousand_tools_of_one_name_get_names_of_their_own(void)
{
    struct fault f = {0};
    json_auto_t *tools = json_array(), *seen = json_object();
    for (int i = 0; i < 10000; i++) {
        char name[96];
        snprintf(name, sizeof name, "%070d/%d", 0, i); /* they differ after the 64th character only */
        json_array_append_new(tools,
                              json_pack("{s:s, s:{s:s}}", "type", "function", "function", "name", name));
    }
    json_auto_t *body =
        json_pack("{s:[{s:s, s:s}], s:O}", "messages", "role", "user", "content", "x", "tools", tools);
    json_auto_t *request = request_of(body, "gemini-2.5-flash", 0, &f);
    size_t i;
    json_t *one;
    json_array_foreach(
        json_object_get(json_array_get(json_object_get(request, "tools"), 0), "functionDeclarations"), i,
        one) {
        const char *name = shape_text(one, "name");
        CHECK(name != NULL && strlen(name) <= 64 && json_object_get(seen, name) == NULL);
        json_object_set_new(seen, name, json_true());
    }
    CHECK_INT((long long)json_object_size(seen), 10000);
}

/* All of one message's calls, answered in the wrong order: looked up, not searched for. */
static void thousands_of_calls_find_their_results(void)
{
    enum { CALLS = 20000 };
    struct fault f = {0};
    json_auto_t *calls = json_array(),
                *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "x");
    json_array_append_new(messages, json_pack("{s:s, s:O}", "role", "assistant", "tool_calls", calls));
    for (int i = 0; i < CALLS; i++) {
        char id[16];
        snprintf(id, sizeof id, "c%d", i);
        json_array_append_new(calls, json_pack("{s:s, s:{s:s}}", "id", id, "function", "name", "f"));
        snprintf(id, sizeof id, "c%d", CALLS - 1 - i);
        json_array_append_new(
            messages, json_pack("{s:s, s:s, s:s}", "role", "tool", "tool_call_id", id, "content", id));
    }
    json_auto_t *body = json_pack("{s:O}", "messages", messages);
    json_auto_t *request = request_of(body, "gemini-2.5-flash", 0, &f);
    const json_t *parts =
        json_object_get(json_array_get(json_object_get(request, "contents"), 2), "parts");
    CHECK_INT((long long)json_array_size(parts), CALLS);
    const json_t *last = json_object_get(json_array_get(parts, CALLS - 1), "functionResponse");
    CHECK_STR(shape_text(json_object_get(last, "response"), "result"), "c19999");
}

static void a_path_too_long_for_the_fault_is_cut(void)
{
    struct fault f = {0};
    json_auto_t *body = json_pack(
        "{s:[{s:s, s:[{s:s}]}]}", "messages", "role", "user", "content", "type",
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4x\xc3\xa4");
    json_auto_t *request = request_of(body, "gemini-2.5-flash", 0, &f);
    CHECK(request == NULL);
    CHECK_STR(f.param, "messages[0].content[0].type");
}

/* A second chat_request() starts afresh, also for another family of models. */
static void a_request_can_be_made_again(void)
{
    struct fault f = {0};
    struct chat *c = chat_new("chatcmpl-1", 1, "m");
    json_auto_t *body =
        json_pack("{s:[{s:s, s:s}], s:[{s:s, s:{s:s}}], s:s}", "messages", "role", "user", "content", "x",
                  "tools", "type", "function", "function", "name", "a/b", "reasoning_effort", "low");
    json_auto_t *first = chat_request(c, body, "gemini-2.5-flash", 0, &f);
    json_auto_t *other = chat_request(c, body, "gemini-3.5-flash", CHAT_NO_THINKING, &f);
    json_auto_t *again = chat_request(c, body, "gemini-2.5-flash", 0, &f);
    CHECK(json_equal(first, again));
    CHECK(json_object_get(first, "generationConfig") != NULL &&
          json_object_get(other, "generationConfig") == NULL);
    chat_free(c);
}

static void the_stream_option_is_known_before_the_request(void)
{
    struct fault f = {0};
    struct chat *c = chat_new("chatcmpl-1", 1, "m");
    json_auto_t *body = json_pack("{s:[{}], s:b}", "messages", "stream", 1);
    CHECK(!chat_stream_wanted(c));
    CHECK(chat_options(c, body, &f) && chat_stream_wanted(c));
    chat_free(c);
    chat_free(NULL);
}

/* Each event is compared with what came before: that must not grow with the square of their number. */
static void citations_of_a_long_stream_are_bounded(void)
{
    struct collect *c = collect_new();
    for (int i = 0; i < 5000; i++) {
        json_auto_t *event = json_pack("{s:[{s:{s:[{s:o}]}}]}", "candidates", "citationMetadata", "citationSources", "uri",
                                       json_sprintf("https://example.org/%d", i));
        collect_add(c, event);
    }
    json_auto_t *answer = collect_answer(c);
    const json_t *candidate = json_array_get(json_object_get(answer, "candidates"), 0);
    CHECK_INT(json_array_size(json_object_get(json_object_get(candidate, "citationMetadata"), "citationSources")), 1000);
    collect_free(c);
}

int main(void)
{
    RUN(base64_of_every_length_comes_back);
    RUN(base64_is_read_in_every_spelling);
    RUN(bytes_that_are_no_utf8_are_replaced);
    RUN(numbers_are_written_as_short_as_they_read_back);
    RUN(sound_types_are_recognised);
    RUN(a_schema_as_deep_as_can_be_read_is_cut);
    RUN(a_tool_result_as_deep_as_can_be_read_is_cut);
    RUN(references_that_multiply_are_cut);
    RUN(ten_thousand_tools_of_one_name_get_names_of_their_own);
    RUN(thousands_of_calls_find_their_results);
    RUN(a_path_too_long_for_the_fault_is_cut);
    RUN(a_request_can_be_made_again);
    RUN(the_stream_option_is_known_before_the_request);
    RUN(citations_of_a_long_stream_are_bounded);
    return check_end();
}
