/* SPDX-License-Identifier: MIT */
/* test_proxy.c: what is a proxy's address, and what may be shown of it. */
#include "base/proxy.h"

#include "../check.h"

static void addresses(void)
{
    static const struct {
        const char *url, *shown; /* NULL: refused */
    } rows[] = {
        {"http://proxy:3128", "http://proxy:3128"},
        {"https://proxy.example", "https://proxy.example"},
        {"socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"},
        {"socks5h://user:pass@proxy:1080", "socks5h://proxy:1080"},
        {"http://user@proxy/", "http://proxy/"},
        {"http://us%40er:p@ss@proxy:1", "http://proxy:1"},
        {"http://[::1]:8080", "http://[::1]:8080"},
        {"http://u:p@[2001:db8::1]", "http://[2001:db8::1]"},
        {"", NULL},
        {"proxy:3128", NULL},
        {"ftp://proxy", NULL},
        {"socks4://proxy", NULL},
        {"http://", NULL},
        {"http://user:pass@", NULL},
        {"http://proxy:0", NULL},
        {"http://proxy:65536", NULL},
        {"http://proxy:", NULL},
        {"http://proxy:80/path", NULL},
        {"http://proxy:80?x", NULL},
        {"http://pro xy", NULL},
        {"http://proxy\r\nX: y", NULL},
        {"http://[::1", NULL},
        {"http://[]:80", NULL},
        {"http://[::1]80", NULL},
        {"HTTP://proxy", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fault f = {0};
        struct buf shown = {0};
        check_note(rows[i].url);
        bool good = proxy_check("X", rows[i].url, &f);
        if (good)
            proxy_shown(rows[i].url, &shown);
        CHECK_STR(good ? buf_str(&shown) : NULL, rows[i].shown);
        CHECK(strstr(f.said, "pass") == NULL || strstr(f.said, "user:password@") != NULL);
        buf_free(&shown);
    }
    check_note(NULL);
}

static void a_long_one_is_refused(void)
{
    char url[2000] = "http://";
    struct fault f = {0};
    memset(url + 7, 'a', 1000);
    CHECK(!proxy_check("X", url, &f));
}

int main(void)
{
    RUN(addresses);
    RUN(a_long_one_is_refused);
    return check_end();
}
