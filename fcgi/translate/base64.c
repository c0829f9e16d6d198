/* SPDX-License-Identifier: MIT */
/* base64.c: base64 both ways; see base64.h. */
#include "translate/base64.h"
#include "base/auto.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *bytes, size_t n)
{
    const unsigned char *in = bytes;
    buf_reserve(out, (n + 2) / 3 * 4);
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t three = (uint32_t)in[i] << 16;
        three |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        three |= left > 2 ? (uint32_t)in[i + 2] : 0;
        char four[4] = {alphabet[three >> 18], alphabet[three >> 12 & 63],
                        left > 1 ? alphabet[three >> 6 & 63] : '=',
                        left > 2 ? alphabet[three & 63] : '='};
        buf_add(out, four, sizeof four);
    }
}

/* The value of a character of either alphabet, -1 if it has none. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool base64_is_plain(const char *text, size_t n)
{
    if (n % 4 != 0)
        return false;
    size_t used = n;
    while (used > 0 && n - used < 2 && text[used - 1] == '=')
        used--;
    for (size_t i = 0; i < used; i++)
        if (value_of(text[i]) < 0 || text[i] == '-' || text[i] == '_')
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool base64_plain(struct buf *out, const char *text, size_t n)
{
    size_t length = 0, padding = 0;
    buf_reserve(out, n + 3);
    for (size_t i = 0; i < n; i++) {
        if (is_blank(text[i]))
            continue;
        if (text[i] == '=') {
            padding++;
            continue;
        }
        int value = value_of(text[i]);
        if (value < 0 || padding > 0)
            return false;
        buf_putc(out, alphabet[value]);
        length++;
    }
    if (padding > 2 || length % 4 == 1)
        return false;
    for (; length % 4 != 0; length++)
        buf_putc(out, '=');
    return true;
}

bool base64_decode(struct buf *out, const char *text, size_t n)
{
    auto_buf plain = {0};
    if (!base64_plain(&plain, text, n))
        return false;
    buf_reserve(out, plain.n / 4 * 3);
    for (size_t i = 0; i < plain.n; i += 4) {
        uint32_t bits = 0;
        size_t bytes = 3;
        for (size_t k = 0; k < 4; k++) {
            char c = plain.p[i + k];
            bytes -= c == '=';
            bits = bits << 6 | (c == '=' ? 0 : (uint32_t)value_of(c));
        }
        unsigned char three[3] = {bits >> 16 & 255, bits >> 8 & 255, bits & 255};
        buf_add(out, three, bytes);
    }
    return true;
}
