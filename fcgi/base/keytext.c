/* SPDX-License-Identifier: MIT */
/* keytext.c: API keys in text; see keytext.h. */
#include "base/keytext.h"

#include <string.h>

enum { KEY_LEAST = 20, KEY_MOST = 256 };

static bool key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool between(char c)
{
    return c == '\n' || c == ' ' || c == ',' || c == '\r' || c == '\t' || c == '\v' || c == '\f';
}

static void pass_over(struct keytext *k)
{
    if (k->at == 0 && k->n >= 3 && memcmp(k->text, "\xef\xbb\xbf", 3) == 0)
        k->at = 3;
    while (k->at < k->n)
        if (between(k->text[k->at]))
            k->line += k->text[k->at++] == '\n';
        else if (k->comments && k->text[k->at] == '#')
            while (k->at < k->n && k->text[k->at] != '\n')
                k->at++;
        else
            break;
}

const char *keytext_next(struct keytext *k, size_t *n)
{
    pass_over(k);
    size_t from = k->at;
    while (k->at < k->n && !between(k->text[k->at]) && !(k->comments && k->text[k->at] == '#'))
        k->at++;
    *n = k->at - from;
    return *n > 0 ? k->text + from : NULL;
}

void keytext_judge(const char *word, size_t n, struct buf *why)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)word[i];
        if (key_char(word[i]))
            continue;
        if (c > 0x20 && c < 0x7f)
            buf_printf(why, "`%c` is in no key", c);
        else
            buf_printf(why, "byte 0x%02x is in no key", c);
        return;
    }
    if (n < KEY_LEAST)
        buf_printf(why, "too short (%zu): a key has %d to %d characters", n, KEY_LEAST, KEY_MOST);
    if (n > KEY_MOST)
        buf_printf(why, "too long (%zu): a key has %d to %d characters", n, KEY_LEAST, KEY_MOST);
}

void keytext_mask(const char *word, size_t n, struct buf *out)
{
    size_t keep = n >= 16 ? 4 : n >= 8 ? 2 : 0;
    for (size_t i = 0; i < keep; i++)
        buf_putc(out, word[i] > 0x20 && word[i] < 0x7f ? word[i] : '?');
    buf_puts(out, "***");
}

static size_t words_in(const char *line, size_t n)
{
    struct keytext k = {.text = line, .n = n, .comments = true};
    size_t words = 0, m;
    while (keytext_next(&k, &m) != NULL)
        words++;
    return words;
}

/* One line, without its end. */
static void put_line(const char *line, size_t n, struct buf *out)
{
    const char *hash = memchr(line, '#', n);
    size_t comment_n = hash != NULL ? (size_t)(line + n - hash) : 0, words = words_in(line, n), m;
    struct keytext k = {.text = line, .n = n, .comments = true};
    if (words == 0)
        buf_add(out, line, n);
    if (words > 1 && comment_n > 0) {
        buf_add(out, hash, comment_n);
        buf_putc(out, '\n');
    }
    for (const char *word, *sep = ""; (word = keytext_next(&k, &m)) != NULL; sep = "\n") {
        buf_puts(out, sep);
        buf_add(out, word, m);
    }
    if (words == 1 && comment_n > 0) {
        buf_putc(out, ' ');
        buf_add(out, hash, comment_n);
    }
    buf_putc(out, '\n');
}

void keytext_lines(const char *text, size_t n, struct buf *out)
{
    size_t at = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < n) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end != NULL ? (size_t)(end - (text + at)) : n - at;
        bool cr = length > 0 && text[at + length - 1] == '\r';
        put_line(text + at, length - cr, out);
        at += length + 1;
    }
}
