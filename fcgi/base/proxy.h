/* SPDX-License-Identifier: MIT */
/* proxy.h: addresses of proxies towards the upstream: scheme://[user[:password]@]host[:port]. */
#ifndef POLLUX_BASE_PROXY_H
#define POLLUX_BASE_PROXY_H

#include "base/buf.h"
#include "base/fault.h"

#include <stdbool.h>

/* Is it http, https, socks5 or socks5h (which lets the proxy look names up), with a host and nothing behind it? False
 * with a fault that calls it `name` and holds nothing of it. */
bool proxy_check(const char *name, const char *url, struct fault *f);

/* The same without user and password: what may be shown of a proxy that passed proxy_check(). */
void proxy_shown(const char *url, struct buf *out);

#endif
