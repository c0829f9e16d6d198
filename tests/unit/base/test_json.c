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
    RUN(what_is_written_reads_back);
    RUN(an_object_may_be_empty);
    return check_end();
}
