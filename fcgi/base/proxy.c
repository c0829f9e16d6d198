/* SPDX-License-Identifier: MIT */
/* proxy.c: addresses of proxies; see proxy.h. */
#include "base/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROXY_MAX = 500 };

static const char *after_scheme(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            return url + strlen(schemes[i]);
    return NULL;
}

/* Host and port behind user and password. */
static const char *host_of(const char *authority)
{
    const char *at = strrchr(authority, '@');
    return at != NULL ? at + 1 : authority;
}

static bool is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= 5 && text[n] == '\0' && atoi(text) >= 1 && atoi(text) <= 65535;
}

/* "host", "host:port", "[::1]:port", with a slash at the end or without. */
static bool host_ok(const char *host)
{
    char text[PROXY_MAX + 1];
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    snprintf(text, sizeof text, "%s", host);
    size_t n = strlen(text);
    if (n > 0 && text[n - 1] == '/')
        text[--n] = '\0';
    size_t name = text[0] == '[' ? strspn(text + 1, "0123456789abcdefABCDEF:.") + 2 : strspn(text, plain);
    if (name == 0 || name > n || (text[0] == '[' && (name < 4 || text[name - 1] != ']')))
        return false;
    return text[name] == '\0' || (text[name] == ':' && is_port(text + name + 1));
}

bool proxy_check(const char *name, const char *url, struct fault *f)
{
    const char *authority = after_scheme(url);
    bool plain = strlen(url) <= PROXY_MAX;
    for (const char *p = url; *p != '\0'; p++)
        plain &= (unsigned char)*p > 0x20 && (unsigned char)*p < 0x7f;
    if (plain && authority != NULL && host_ok(host_of(authority)))
        return true;
    return fault_set(f, FAULT_BAD_REQUEST,
                     "%s: write http://, https://, socks5:// or socks5h://, then [user:password@]host:port", name);
}

void proxy_shown(const char *url, struct buf *out)
{
    const char *authority = after_scheme(url);
    if (authority == NULL)
        return;
    buf_add(out, url, (size_t)(authority - url));
    buf_puts(out, host_of(authority));
}
