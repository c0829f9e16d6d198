/* SPDX-License-Identifier: MIT */
/* test_utf8.c: UTF-8, character by character. */
#include "base/utf8.h"

#include "../check.h"

static size_t encode(unsigned point, char to[static 4])
{
    if (point < 0x80)
        return to[0] = (char)point, 1;
    if (point < 0x800)
        return to[0] = (char)(0xc0 | point >> 6), to[1] = (char)(0x80 | (point & 0x3f)), 2;
    size_t n = point < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)((n == 3 ? 0xe0 : 0xf0) | point);
    return n;
}

static void every_character_has_its_length(void)
{
    for (unsigned point = 0; point < 0x120000; point++) {
        char s[4];
        size_t n = encode(point, s);
        bool good = (point < 0xd800 || point > 0xdfff) && point <= 0x10ffff;
        if (utf8_length(s, n) != (good ? n : 0) || utf8_length(s, n - 1) != 0)
            CHECK_INT(point, -1);
    }
    CHECK(utf8_length("", 0) == 0);
}

static void broken_sequences_have_none(void)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc2"
        "a",
        "\xe4\xb8"
        "a",
        "\xe4"
        "ab",
        "\xf0\x9f\x98"
        "a",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(utf8_length(bad[i], strlen(bad[i])) == 0);
}

static void what_was_cut_is_cut_between_characters(void)
{
    static const char text[] = "a\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80";
    static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
    for (size_t n = 0; n < sizeof whole / sizeof *whole; n++)
        CHECK_INT((long long)utf8_whole(text, n), (long long)whole[n]);
    CHECK(utf8_whole("\x80\x80\x80\x80\x80", 5) == 5);
}

int main(void)
{
    RUN(every_character_has_its_length);
    RUN(broken_sequences_have_none);
    RUN(what_was_cut_is_cut_between_characters);
    return check_end();
}
