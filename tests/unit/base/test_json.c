/* SPDX-License-Identifier: MIT */
/* test_json.c: depth, tolerance and the writer of fcgi/base/json.c. */
#include "../check.h"
#include "base/auto.h"
#include "base/json.h"

#include <string.h>

static json_t *nested(int depth)
{
    auto_buf text = {0};
    for (int i = 0; i < depth; i++)
        buf_puts(&text, "[");
    for (int i = 0; i < depth; i++)
        buf_puts(&text, "]");
    return json_read(buf_str(&text), text.n);
}

static void nesting_is_bounded(void)
{
    json_auto_t *deep = nested(JSON_DEPTH_MAX), *deeper = nested(JSON_DEPTH_MAX + 1);
    CHECK(deep != NULL);
    CHECK(deeper == NULL);
    const char brackets[] = "{\"a\":\"[[[[\\\"[[[\"}";
    CHECK(json_depth_ok(brackets, sizeof brackets - 1));
}

static void odd_values_are_read(void)
{
    json_auto_t *big = json_read("123456789012345678901234567890", 30), *nul = json_read("\"a\\u0000b\"", 10);
    CHECK(json_is_real(big));
    CHECK(json_string_length(nul) == 3);
    CHECK(json_read("{\"a\":1", 6) == NULL);
}

static const char *mended(const char *text)
{
    static char said[64];
    json_auto_t *value = json_read_mended(text, strlen(text));
    snprintf(said, sizeof said, "%s", value != NULL ? json_string_value(value) : "NULL");
    return said;
}

static void halves_of_characters_are_mended_where_that_is_wanted(void)
{
    CHECK(json_read("\"a\\ud83c\"", 9) == NULL);
    CHECK_STR(mended("\"a\\ud83c\""), "a\xef\xbf\xbd");
    CHECK_STR(mended("\"\\uDF89b\""), "\xef\xbf\xbd" "b");
    CHECK_STR(mended("\"\\ud83c\\n\\ud83c\\udf89\\ud83c\\u0041\""), "\xef\xbf\xbd\n\xf0\x9f\x8e\x89\xef\xbf\xbd" "A");
    CHECK_STR(mended("\"\\\\ud83c \xff\xc3\""), "\\ud83c \xef\xbf\xbd\xef\xbf\xbd");
    CHECK_STR(mended("\"\\ud83c"), "NULL");
    CHECK_STR(mended("\"\\ud8"), "NULL");
    CHECK_STR(mended("\"\\"), "NULL");
    CHECK_STR(mended(""), "NULL");
}

static const char *rewritten(const char *text)
{
    static char said[256];
    json_auto_t *value = json_read(text, strlen(text));
    auto_str again = json_write(value);
    snprintf(said, sizeof said, "%s", again != NULL ? again : "NULL");
    return said;
}

static void numbers_are_written_without_noise_and_without_loss(void)
{
    CHECK_STR(rewritten("[0.1, 0.2, 3.0, -0.0, 1e21, 1e-7, -1.5e+300]"), "[0.1,0.2,3.0,-0.0,1e21,1e-7,-1.5e300]");
    CHECK_STR(rewritten("{\"a\": 0.30000000000000004, \"b\": 0.1}"), "{\"a\":0.30000000000000004,\"b\":0.1}");
    CHECK_STR(rewritten("[1732189123.1234567, 0.3333333333333333, 5e-324]"), "[1732189123.1234567,0.3333333333333333,4.94065645841247e-324]");
    CHECK_STR(rewritten("[12345678901234567, -9223372036854775808, true, null]"), "[12345678901234567,-9223372036854775808,true,null]");
    CHECK_STR(rewritten("[\"0.10000000000000001 \\\" 0.10000000000000001\\\\\", 0.1, \"\"]"),
              "[\"0.10000000000000001 \\\" 0.10000000000000001\\\\\",0.1,\"\"]");
    CHECK_STR(rewritten("0.1"), "0.1");
}

static void where_it_is_no_json_is_said(void)
{
    char where[JSON_WHERE];
    json_auto_t *good = json_read_where("[1]", 3, where);
    CHECK(good != NULL);
    CHECK_STR(where, "");
    CHECK(json_read_where("{\n\"a\": x}", 9, where) == NULL);
    CHECK_STR(where, "line 2, column 6");
}

static void what_is_written_reads_back(void)
{
    auto_buf out = {0};
    json_open(&out);
    json_member_text(&out, "text", "quote \" back \\ tab \t umlaut \xc3\xa4 end");
    json_member_text(&out, "broken", "a\xff" "b\xc3");
    json_member_text(&out, "none", NULL);
    json_member_number(&out, "least", INT64_MIN);
    json_member_number(&out, "zero", 0);
    json_member_bool(&out, "yes", true);
    json_member_raw(&out, "raw", "[1,2]");
    json_close(&out);
    json_auto_t *o = json_read(out.p, out.n);
    CHECK(o != NULL);
    CHECK_STR(json_string_value(json_object_get(o, "text")), "quote \" back \\ tab \t umlaut \xc3\xa4 end");
    CHECK_STR(json_string_value(json_object_get(o, "broken")), "a\xef\xbf\xbd" "b\xef\xbf\xbd");
    CHECK(json_is_null(json_object_get(o, "none")));
    CHECK(json_integer_value(json_object_get(o, "least")) == INT64_MIN);
    CHECK(json_integer_value(json_object_get(o, "zero")) == 0 && json_is_true(json_object_get(o, "yes")));
    CHECK(json_array_size(json_object_get(o, "raw")) == 2);
}

static void an_object_may_be_empty(void)
{
    auto_buf out = {0};
    json_open(&out);
    json_close(&out);
    CHECK_STR(buf_str(&out), "{}");
}

int main(void)
{
    RUN(nesting_is_bounded);
    RUN(odd_values_are_read);
    RUN(halves_of_characters_are_mended_where_that_is_wanted);
    RUN(numbers_are_written_without_noise_and_without_loss);
    RUN(where_it_is_no_json_is_said);
    RUN(what_is_written_reads_back);
    RUN(an_object_may_be_empty);
    return check_end();
}
