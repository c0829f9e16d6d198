/* SPDX-License-Identifier: MIT */
/* test_json.c: JSON from outside. */
#include "base/auto.h"
#include "base/json.h"

#include "../check.h"

static void nested(struct buf *out, size_t depth, const char *open, const char *close)
{
    for (size_t i = 0; i < depth; i++)
        buf_puts(out, open);
    buf_puts(out, "1");
    for (size_t i = 0; i < depth; i++)
        buf_puts(out, close);
}

static void deep_nesting_is_refused_before_it_is_parsed(void)
{
    static const char *const pairs[][2] = {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"]\":", "}]"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t levels = i == 2 ? 2 : 1;
        auto_buf fits = {0}, deep = {0}, endless = {0};
        nested(&fits, JSON_DEPTH_MAX / levels, pairs[i][0], pairs[i][1]);
        nested(&deep, JSON_DEPTH_MAX / levels + 1, pairs[i][0], pairs[i][1]);
        nested(&endless, 1000000, pairs[i][0], "");
        json_auto_t *good = json_read(fits.p, fits.n), *bad = json_read(deep.p, deep.n);
        json_auto_t *worse = json_read(endless.p, endless.n);
        CHECK(good != NULL && bad == NULL && worse == NULL);
    }
}

static void brackets_in_strings_do_not_count(void)
{
    auto_buf text = {0};
    buf_puts(&text, "[\"");
    for (int i = 0; i < 1000; i++)
        buf_puts(&text, "[{\\\"\\\\");
    buf_puts(&text, "\"]");
    json_auto_t *value = json_read(text.p, text.n);
    CHECK(json_array_size(value) == 1);
}

static void odd_values_are_read(void)
{
    static const char *const texts[] = {"1",
                                        "\"x\"",
                                        "null",
                                        "{\"a\":\"\\u0000b\"}",
                                        "123456789012345678901234567890",
                                        "{\"a\":1,\"a\":2}",
                                        " [ ] "};
    static const char *const bad[] = {"",         "{",       "[1,]",        "1 2", "1e999",
                                      "\"\xff\"", "{'a':1}", "\"\\ud800\"", "NaN"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_auto_t *value = json_read(texts[i], strlen(texts[i]));
        check_note(texts[i]);
        CHECK(value != NULL);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_auto_t *value = json_read(bad[i], strlen(bad[i]));
        check_note(bad[i]);
        CHECK(value == NULL);
    }
}

int main(void)
{
    RUN(deep_nesting_is_refused_before_it_is_parsed);
    RUN(brackets_in_strings_do_not_count);
    RUN(odd_values_are_read);
    return check_end();
}
