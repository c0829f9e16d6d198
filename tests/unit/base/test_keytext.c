/* SPDX-License-Identifier: MIT */
/* test_keytext.c: API keys in text. */
#include "base/keytext.h"

#include "../check.h"

#include <string.h>

/* The words of a text as "line:word|line:word". */
static void words_are(const char *text, bool comments, const char *wanted)
{
    struct keytext k = {.text = text, .n = strlen(text), .line = 1, .comments = comments};
    struct buf got = {0};
    size_t n;
    for (const char *word; (word = keytext_next(&k, &n)) != NULL;)
        buf_printf(&got, "%s%d:%.*s", got.n > 0 ? "|" : "", k.line, (int)n, word);
    CHECK_STR(buf_str(&got), wanted);
    buf_free(&got);
}

static void words_lie_between_blanks_commas_and_lines(void)
{
    words_are("", true, "");
    words_are(" ,\n\r\n\t", true, "");
    words_are("a", true, "1:a");
    words_are("\xef\xbb\xbf" "a,b c\r\nd\n\n,e", true, "1:a|1:b|1:c|2:d|4:e");
    words_are("a#b\n#c d\ne # f\ng", true, "1:a|3:e|4:g");
    words_are("a#b\n#c", false, "1:a#b|2:#c");
    words_are("a\n# the end", true, "1:a");
}

static void reason_is(const char *word, const char *wanted)
{
    struct buf why = {0};
    keytext_judge(word, strlen(word), &why);
    CHECK_STR(buf_str(&why), wanted);
    buf_free(&why);
}

static void a_key_has_its_length_and_its_letters(void)
{
    char long_one[258];
    memset(long_one, 'x', sizeof long_one);
    long_one[256] = '\0';
    reason_is("AIza-._0123456789abc", "");
    reason_is(long_one, "");
    long_one[256] = 'x';
    long_one[257] = '\0';
    reason_is(long_one, "too long (257): a key has 20 to 256 characters");
    reason_is("AIza", "too short (4): a key has 20 to 256 characters");
    reason_is("AIza$", "`$` is in no key");
    reason_is("AIza\xc3\xa4", "byte 0xc3 is in no key");
}

static void a_masked_word_cannot_be_used(void)
{
    struct buf out = {0};
    keytext_mask("AIzaSyD0123456789", 17, &out);
    keytext_mask("12345678", 8, &out);
    keytext_mask("short", 5, &out);
    CHECK_STR(buf_str(&out), "AIza***12******");
    buf_free(&out);
}

static void lines_are(const char *text, const char *wanted)
{
    struct buf once = {0}, twice = {0};
    keytext_lines(text, strlen(text), &once);
    CHECK_STR(buf_str(&once), wanted);
    keytext_lines(buf_str(&once), once.n, &twice);
    CHECK_STR(buf_str(&twice), wanted);
    buf_free(&once);
    buf_free(&twice);
}

static void one_word_a_line_and_nothing_is_lost(void)
{
    lines_are("", "");
    lines_are("a", "a\n");
    lines_are("a\nb\n", "a\nb\n");
    lines_are("a b,c\td", "a\nb\nc\nd\n");
    lines_are("a, b # two of them\nc#one\n", "# two of them\na\nb\nc #one\n");
    lines_are("# head\n\n  # indented\na  \n", "# head\n\n  # indented\na\n");
    lines_are("\xef\xbb\xbf" "a\r\nb c\r\n", "a\nb\nc\n");
    lines_are("a,,b ,\n,\n", "a\nb\n,\n");
    lines_are("no-key!  key", "no-key!\nkey\n");
    lines_are("a # b, c", "a # b, c\n");
}

int main(void)
{
    RUN(words_lie_between_blanks_commas_and_lines);
    RUN(a_key_has_its_length_and_its_letters);
    RUN(a_masked_word_cannot_be_used);
    RUN(one_word_a_line_and_nothing_is_lost);
    return check_end();
}
