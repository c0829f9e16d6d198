/* SPDX-License-Identifier: MIT */
/* test_buf.c: the byte buffer. */
#include "base/auto.h"
#include "base/buf.h"

#include "../check.h"

static void zeros_are_an_empty_buffer(void)
{
    auto_buf b = {0};
    CHECK_STR(buf_str(&b), "");
    buf_clear(&b);
    buf_drop(&b, 5);
    buf_add(&b, NULL, 0);
    CHECK_INT((long long)b.n, 0);
    CHECK_STR(b.p, "");
    buf_free(NULL);
    auto_buf reserved = {0};
    buf_reserve(&reserved, 10);
    CHECK_STR(buf_str(&reserved), "");
}

static void text_is_always_terminated(void)
{
    auto_buf b = {0};
    for (int i = 0; i < 3000; i++) {
        buf_putc(&b, (char)('a' + i % 26));
        CHECK(b.n == (size_t)i + 1 && b.cap > b.n && b.p[b.n] == '\0');
    }
    buf_puts(&b, "end");
    CHECK_STR(b.p + 3000, "end");
    buf_add(&b, "\0x", 2);
    CHECK(b.n == 3005 && b.p[3003] == '\0' && b.p[3004] == 'x' && b.p[3005] == '\0');
}

static void formatted_text_of_any_length_fits(void)
{
    char wide[2000];
    memset(wide, 'x', sizeof wide - 1);
    for (size_t n = 0; n < sizeof wide; n += 1 + n / 7) {
        auto_buf b = {0};
        wide[sizeof wide - 1] = '\0';
        buf_puts(&b, "<");
        buf_printf(&b, "%.*s|%d", (int)n, wide, 7);
        CHECK(b.n == n + 3 && b.p[0] == '<' && strcmp(b.p + n + 1, "|7") == 0);
        CHECK(strspn(b.p + 1, "x") == n);
    }
    auto_buf empty = {0};
    buf_printf(&empty, "%s", "");
    CHECK_STR(empty.p, "");
}

static void dropping_keeps_the_rest(void)
{
    auto_buf b = {0};
    buf_puts(&b, "abcdef");
    buf_drop(&b, 0);
    CHECK_STR(b.p, "abcdef");
    buf_drop(&b, 2);
    CHECK_STR(b.p, "cdef");
    CHECK_INT((long long)b.n, 4);
    buf_drop(&b, 4);
    CHECK_STR(buf_str(&b), "");
    buf_puts(&b, "x");
    buf_drop(&b, 99);
    CHECK_INT((long long)b.n, 0);
}

static void clearing_keeps_small_memory_and_frees_large(void)
{
    auto_buf b = {0};
    buf_puts(&b, "small");
    char *before = b.p;
    buf_clear(&b);
    CHECK(b.p == before && b.n == 0 && b.p[0] == '\0');
    buf_reserve(&b, 100 * 1024);
    CHECK(b.cap > 100 * 1024);
    buf_clear(&b);
    CHECK(b.p == NULL && b.cap == 0);
}

static void taking_leaves_an_empty_buffer(void)
{
    struct buf b = {0};
    auto_str nothing = buf_take(&b);
    CHECK_STR(nothing, "");
    buf_puts(&b, "mine");
    auto_str text = buf_take(&b);
    CHECK_STR(text, "mine");
    CHECK(b.p == NULL && b.n == 0 && b.cap == 0);
}

static void copies_of_strings(void)
{
    auto_str whole = xstrdup("abc");
    auto_str part = xstrndup("abc", 2);
    auto_str more = xstrndup("abc", 9);
    auto_str none = xmalloc(0);
    auto_str zeros = xcalloc(0, 0);
    CHECK_STR(whole, "abc");
    CHECK_STR(part, "ab");
    CHECK_STR(more, "abc");
    CHECK(none != NULL && zeros != NULL);
}

int main(void)
{
    RUN(zeros_are_an_empty_buffer);
    RUN(text_is_always_terminated);
    RUN(formatted_text_of_any_length_fits);
    RUN(dropping_keeps_the_rest);
    RUN(clearing_keeps_small_memory_and_frees_large);
    RUN(taking_leaves_an_empty_buffer);
    RUN(copies_of_strings);
    return check_end();
}
