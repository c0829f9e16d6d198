/* SPDX-License-Identifier: MIT */
/* utf8.c: UTF-8 in text from outside; see utf8.h. */
#include "base/utf8.h"

#include <stdbool.h>

/* What the first byte says; 0 if no character begins with it. */
static size_t promised_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t utf8_length(const char *s, size_t n)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = n > 0 ? promised_length((unsigned char)s[0]) : 0;
    if (length <= 1 || length > n)
        return length <= n ? length : 0;
    unsigned point = (unsigned char)s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | ((unsigned char)s[i] & 0x3fu);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < least[length] || surrogate || point > 0x10ffff ? 0 : length;
}

size_t utf8_whole(const char *s, size_t n)
{
    size_t at = n;
    while (at > 0 && n - at < 3 && ((unsigned char)s[at - 1] & 0xc0) == 0x80)
        at--;
    if (at == 0 || promised_length((unsigned char)s[at - 1]) <= n - (at - 1))
        return n;
    return at - 1;
}
