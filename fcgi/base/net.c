/* SPDX-License-Identifier: MIT */
/* net.c: IP addresses and networks as texts; see net.h. */
#include "base/net.h"

#include <arpa/inet.h>
#include <string.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct address *a)
{
    return memcmp(a->bytes, mapped, sizeof mapped) == 0;
}

bool address_parse(const char *text, size_t n, struct address *ret)
{
    char copy[NET_TEXT_MAX];
    if (n == 0 || n >= sizeof copy || memchr(text, '\0', n) != NULL)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    memcpy(ret->bytes, mapped, sizeof mapped);
    return inet_pton(AF_INET, copy, ret->bytes + sizeof mapped) == 1 ||
           inet_pton(AF_INET6, copy, ret->bytes) == 1;
}

void address_print(const struct address *a, char to[static NET_TEXT_MAX])
{
    if (is_v4(a))
        inet_ntop(AF_INET, a->bytes + sizeof mapped, to, NET_TEXT_MAX);
    else
        inet_ntop(AF_INET6, a->bytes, to, NET_TEXT_MAX);
}

bool address_is_loopback(const struct address *a)
{
    static const struct address one = {{[15] = 1}};
    return is_v4(a) ? a->bytes[12] == 127 : memcmp(a, &one, sizeof one) == 0;
}

bool network_holds(const struct network *n, const struct address *a)
{
    size_t whole = (size_t)n->bits / 8;
    int rest = n->bits % 8;
    if (memcmp(n->address.bytes, a->bytes, whole) != 0)
        return false;
    return rest == 0 || (n->address.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}

bool network_list_holds(const struct network_list *l, const struct address *a)
{
    for (size_t i = 0; i < l->n; i++)
        if (network_holds(&l->networks[i], a))
            return true;
    return false;
}

/* The bits after the slash: -1 unless it is a number from 0 to `most`. */
static int parse_bits(const char *text, size_t n, int most)
{
    int bits = 0;
    if (n == 0 || n > 3)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        bits = 10 * bits + (text[i] - '0');
    }
    return bits <= most ? bits : -1;
}

static bool network_parse(const char *text, size_t n, struct network *ret)
{
    const char *slash = memchr(text, '/', n);
    size_t address_n = slash != NULL ? (size_t)(slash - text) : n;
    if (!address_parse(text, address_n, &ret->address))
        return false;
    bool v4 = memchr(text, ':', address_n) == NULL;
    ret->bits = 128;
    if (slash != NULL)
        ret->bits = parse_bits(slash + 1, n - address_n - 1, v4 ? 32 : 128) + (v4 ? 96 : 0);
    return slash == NULL || ret->bits >= (v4 ? 96 : 0);
}

bool network_list_parse(const char *name, const char *text, struct network_list *ret, struct fault *f)
{
    ret->n = 0;
    for (const char *p = text + strspn(text, ", \t"); *p != '\0'; p += strspn(p, ", \t")) {
        size_t n = strcspn(p, ", \t");
        if (ret->n == NET_LIST_MAX)
            return fault_set(f, FAULT_BAD_REQUEST, "%s: more than %d networks; name larger ones", name,
                             NET_LIST_MAX);
        if (!network_parse(p, n, &ret->networks[ret->n]))
            return fault_set(f, FAULT_BAD_REQUEST,
                             "%s: '%.*s' is no address or network; write 192.0.2.7, 10.0.0.0/8 or fd00::/8",
                             name, (int)(n < 60 ? n : 60), p);
        ret->n++;
        p += n;
    }
    return true;
}
