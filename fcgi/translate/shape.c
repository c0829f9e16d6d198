/* SPDX-License-Identifier: MIT */
/* shape.c: small readers of JSON values; see shape.h. */
#include "translate/shape.h"
#include "base/auto.h"
#include "base/utf8.h"

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

json_t *shape_string(const char *text, size_t n)
{
    json_t *string = json_stringn(text, n);
    if (string != NULL)
        return string;
    auto_buf clean = {0};
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length(text + i, n - i);
        if (length > 0)
            buf_add(&clean, text + i, length);
        else
            buf_puts(&clean, "\xef\xbf\xbd"); /* U+FFFD */
        i += length > 0 ? length : 1;
    }
    return json_stringn_nocheck(buf_str(&clean), clean.n);
}
