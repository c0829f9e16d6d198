/* SPDX-License-Identifier: MIT */
/* json.c: reads JSON that came from outside, writes what goes to the ledger; see json.h. */
#include "base/json.h"
#include "base/auto.h"
#include "base/utf8.h"

#include <stdio.h>
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

static json_t *load(const char *text, size_t n, json_error_t *error)
{
    if (!json_depth_ok(text, n))
        return NULL;
    json_t *value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
    if (value == NULL)
        value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, error);
    return value;
}

json_t *json_read_exact(const char *text, size_t n)
{
    return json_depth_ok(text, n) ? json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
}

json_t *json_read(const char *text, size_t n)
{
    return load(text, n, NULL);
}

json_t *json_read_where(const char *text, size_t n, char where[static JSON_WHERE])
{
    json_error_t error = {.line = -1};
    json_t *value = load(text, n, &error);
    *where = '\0';
    if (value == NULL && error.line >= 0)
        snprintf(where, JSON_WHERE, "line %d, column %d", error.line, error.column);
    return value;
}

const char *json_text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* ------------------------------------------------------------------ mending */

/* The unit that "\uXXXX" at `s` (with `n` bytes left) stands for, -1 if it is no such thing. */
static int escaped_unit(const char *s, size_t n)
{
    int unit = 0;
    if (n < 6 || s[0] != '\\' || s[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        const char *hex = "0123456789abcdef", *digit = strchr(hex, s[i] | (s[i] >= 'A' ? 0x20 : 0));
        if (digit == NULL || *digit == '\0')
            return -1;
        unit = unit * 16 + (int)(digit - hex);
    }
    return unit;
}

/* How many bytes at `s` can stay as they are: an escape, a pair of them, or a character; 0 if none can. */
static size_t sound_run(const char *s, size_t n)
{
    if (s[0] != '\\')
        return utf8_length(s, n);
    int unit = escaped_unit(s, n);
    if (unit < 0)
        return n < 2 ? n : 2;
    int next = unit >= 0xd800 && unit < 0xdc00 ? escaped_unit(s + 6, n - 6) : -1;
    if (next >= 0xdc00 && next < 0xe000)
        return 12;
    return unit >= 0xd800 && unit < 0xe000 ? 0 : 6;
}

static void mend(const char *text, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n;) {
        size_t run = sound_run(text + i, n - i);
        if (run > 0)
            buf_add(out, text + i, run);
        else
            buf_puts(out, "\xef\xbf\xbd");
        i += run > 0 ? run : text[i] == '\\' ? 6 : 1;
    }
}

json_t *json_read_mended(const char *text, size_t n)
{
    json_t *value = json_read(text, n);
    if (value != NULL || n == 0)
        return value;
    auto_buf mended = {0};
    mend(text, n, &mended);
    return json_read(buf_str(&mended), mended.n);
}

/* ------------------------------------------------------------------ writing */

enum { NUMBER_MAX = 32 };

/* Writes the number with so many digits, as Jansson would. */
static size_t format_real(char out[static NUMBER_MAX], int digits, double value)
{
    int n = snprintf(out, NUMBER_MAX, "%.*g", digits, value);
    char *e = strchr(out, 'e');
    if (e == NULL && strchr(out, '.') == NULL)
        return (size_t)(n + snprintf(out + n, NUMBER_MAX - (size_t)n, ".0"));
    if (e != NULL) {
        char *from = e + 1 + (e[1] == '+' || e[1] == '-'), *to = e + 1 + (e[1] == '-');
        from += strspn(from, "0");
        memmove(to, from, strlen(from) + 1);
    }
    return strlen(out);
}

/* Puts the n characters of a number as few as will do; how many that is. */
static size_t shorten_real(char *number, size_t n)
{
    char given[NUMBER_MAX] = "", out[NUMBER_MAX];
    if (n >= sizeof given)
        return n;
    memcpy(given, number, n);
    double value = strtod(given, NULL);
    for (int digits = 15; digits < 17; digits++) {
        size_t length = format_real(out, digits, value);
        if (length >= n || strtod(out, NULL) != value)
            continue;
        memcpy(number, out, length);
        return length;
    }
    return n;
}

/* The length of the string that begins at `at`, both quotes included. */
static size_t string_length(const char *at)
{
    size_t n = 1;
    while (at[n += strcspn(at + n, "\"\\")] == '\\')
        n += 2;
    return n + 1;
}

/* In place: nothing gets longer. `text` is what Jansson wrote. */
static void shorten_reals(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0';) {
        size_t keep = strcspn(at, "\"-0123456789");
        if (at[keep] == '"')
            keep += string_length(at + keep);
        size_t n = strspn(at + keep, "+-.0123456789eE");
        bool noisy = n > 15 && strcspn(at + keep, ".eE") < n;
        if (to != at)
            memmove(to, at, keep + n);
        at += keep + n;
        to += keep + (noisy ? shorten_real(to + keep, n) : n);
    }
    *to = '\0';
}

char *json_write(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (text != NULL)
        shorten_reals(text);
    return text;
}

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
