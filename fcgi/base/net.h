/* SPDX-License-Identifier: MIT */
/*
 * net.h: IP addresses and networks as texts.
 *
 * All are kept as 16 bytes, IPv4 within IPv6 (::ffff:a.b.c.d), so that an
 * address means the same however it was written.
 */
#ifndef POLLUX_BASE_NET_H
#define POLLUX_BASE_NET_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

enum { NET_TEXT_MAX = 46, NET_LIST_MAX = 64 };

struct address {
    unsigned char bytes[16];
};

struct network {
    struct address address;
    int bits; /* 0 to 128 */
};

struct network_list {
    struct network networks[NET_LIST_MAX];
    size_t n;
};

/* Reads the `n` bytes at `text`: an address and nothing else (no port, no brackets, no zone). */
bool address_parse(const char *text, size_t n, struct address *ret);

/* "192.0.2.1" or "2001:db8::1": the one way in which an address is written. */
void address_print(const struct address *a, char to[static NET_TEXT_MAX]);

/* Is it this machine (127.0.0.0/8, ::1)? */
bool address_is_loopback(const struct address *a);

bool network_holds(const struct network *n, const struct address *a);
bool network_list_holds(const struct network_list *l, const struct address *a);

/* Reads networks ("10.0.0.0/8") and addresses, separated by commas or blanks. False with the fault, which
 * calls the list `name`, when one of them is neither. */
bool network_list_parse(const char *name, const char *text, struct network_list *ret, struct fault *f);

#endif
