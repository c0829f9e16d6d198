/* SPDX-License-Identifier: MIT */
/* json.c: reads JSON that came from outside, writes what goes to the ledger; see json.h. */
#include "base/json.h"
#include "base/utf8.h"

#include <string.h>

bool json_depth_ok(const char *text, size_t n)
{
    size_t depth = 0;
    bool string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (string && c == '\\')
            i++;
        else if (c == '"')
            string = !string;
        else if (!string && (c == '{' || c == '['))
            depth++;
        else if (!string && (c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return false;
    }
    return true;
}

json_t *json_read(const char *text, size_t n)
{
    if (!json_depth_ok(text, n))
        return NULL;
    json_t *value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (value == NULL)
        value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    return value;
}

/* ------------------------------------------------------------------ writing */

/* How many bytes from here on can be written as they are. */
static size_t plain_run(const char *text, size_t n)
{
    size_t i = 0;
    for (size_t len = 1; i < n; i += len) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        len = c < 0x80 ? 1 : utf8_length(text + i, n - i);
        if (len == 0)
            break;
    }
    return i;
}

void json_quote(struct buf *out, const char *text)
{
    size_t n = strlen(text);
    buf_reserve(out, n + 2);
    buf_putc(out, '"');
    for (size_t i = 0; i < n; i++) {
        size_t run = plain_run(text + i, n - i);
        buf_add(out, text + i, run);
        i += run;
        if (i == n)
            break;
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80)
            buf_puts(out, "\xef\xbf\xbd");
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_printf(out, "\\%c", c);
    }
    buf_putc(out, '"');
}

void json_open(struct buf *out)
{
    buf_putc(out, '{');
}

void json_close(struct buf *out)
{
    if (out->n > 0 && out->p[out->n - 1] == ',')
        out->n--;
    buf_putc(out, '}');
}

static void name(struct buf *out, const char *member)
{
    buf_putc(out, '"');
    buf_puts(out, member);
    buf_add(out, "\":", 2);
}

void json_member_text(struct buf *out, const char *member, const char *text)
{
    name(out, member);
    if (text != NULL)
        json_quote(out, text);
    else
        buf_add(out, "null", 4);
    buf_putc(out, ',');
}

void json_member_number(struct buf *out, const char *member, int64_t number)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do
        *--p = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        *--p = '-';
    name(out, member);
    buf_add(out, p, (size_t)(digits + sizeof digits - p));
    buf_putc(out, ',');
}

void json_member_bool(struct buf *out, const char *member, bool yes)
{
    json_member_raw(out, member, yes ? "true" : "false");
}

void json_member_raw(struct buf *out, const char *member, const char *json)
{
    name(out, member);
    buf_puts(out, json != NULL && *json != '\0' ? json : "null");
    buf_putc(out, ',');
}
