/* SPDX-License-Identifier: MIT */
/* shape.c: small readers of JSON values; see shape.h. */
#include "translate/shape.h"
#include "base/json.h"
#include "base/auto.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *shape_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

json_t *shape_get2(const json_t *object, const char *camel, const char *snake)
{
    json_t *value = shape_given(object, camel);
    return value != NULL ? value : shape_given(object, snake);
}

json_t *shape_given(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

bool shape_whole(const json_t *value, int64_t *whole)
{
    if (json_is_integer(value)) {
        *whole = json_integer_value(value);
        return true;
    }
    double real = json_real_value(value);
    if (!json_is_real(value) || real != floor(real) || fabs(real) > 9007199254740992.0)
        return false;
    *whole = (int64_t)real;
    return true;
}

/* int64 travels as a string in ProtoJSON. */
static bool whole_in_text(const char *text, int64_t *whole)
{
    if (text == NULL || *text == '\0')
        return false;
    char *end;
    errno = 0;
    *whole = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

bool shape_count(const json_t *object, const char *key, int64_t *count)
{
    const json_t *value = json_object_get(object, key);
    int64_t whole;
    if (!shape_whole(value, &whole) && !whole_in_text(json_string_value(value), &whole))
        return false;
    if (whole < 0)
        return false;
    *count = whole;
    return true;
}

void shape_share(json_t *object, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set(object, key, value);
}

/* The length of the well-formed UTF-8 sequence at `s`, 0 if there is none. */
static size_t utf8_sequence(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t length = forms[i].length;
        if (s[0] < forms[i].first_low || s[0] > forms[i].first_high)
            continue;
        if (n < length || (length > 1 && (s[1] < forms[i].second_low || s[1] > forms[i].second_high)))
            return 0;
        for (size_t k = 2; k < length; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        return length;
    }
    return 0;
}

json_t *shape_string(const char *text, size_t n)
{
    json_t *string = json_stringn(text, n);
    if (string != NULL)
        return string;
    auto_buf clean = {0};
    for (size_t i = 0; i < n;) {
        size_t length = utf8_sequence((const unsigned char *)text + i, n - i);
        if (length > 0)
            buf_add(&clean, text + i, length);
        else
            buf_puts(&clean, "\xef\xbf\xbd"); /* U+FFFD */
        i += length > 0 ? length : 1;
    }
    return json_stringn_nocheck(buf_str(&clean), clean.n);
}

static bool reads_back(const char *text, const json_t *value)
{
    json_auto_t *again = json_read(text, strlen(text));
    return again != NULL && json_equal(again, value);
}

char *shape_dump(const json_t *value)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    char *text = json_dumps(value, flags | JSON_REAL_PRECISION(15));
    if (text == NULL || strchr(text, '.') == NULL || reads_back(text, value))
        return text;
    free(text);
    return json_dumps(value, flags | JSON_REAL_PRECISION(17));
}
