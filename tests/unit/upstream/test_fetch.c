/* SPDX-License-Identifier: MIT */
/*
 * test_fetch.c: the guard of the image fetcher, address by address, and the
 * fetcher itself against a small server on 127.0.0.1 in a thread of this test.
 */
#include "upstream/fetch.h"

#include "../check.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool allowed(const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    check_note(address);
    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        return fetch_address_ok((struct sockaddr *)&in);
    CHECK(inet_pton(AF_INET6, address, &in6.sin6_addr) == 1);
    return fetch_address_ok((struct sockaddr *)&in6);
}

/* Each network: the address before it, its first, its last, and the one after it. */
static void closed_ipv4_networks_end_where_they_should(void)
{
    static const struct {
        const char *before, *first, *last, *after;
    } nets[] = {
        {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
        {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
        {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
        {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
        {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
        {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
        {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
        {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
        {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
        {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
        {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
        {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
        {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
        {"223.255.255.255", "224.0.0.0", "255.255.255.255", NULL},
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        CHECK(nets[i].before == NULL || allowed(nets[i].before));
        CHECK(!allowed(nets[i].first));
        CHECK(!allowed(nets[i].last));
        CHECK(nets[i].after == NULL || allowed(nets[i].after));
    }
    CHECK(!allowed("169.254.169.254"));
    CHECK(!allowed("240.0.0.1"));
    CHECK(allowed("8.8.8.8"));
}

static void ipv6_must_be_global_unicast_and_plain(void)
{
    static const char *const closed[] = {
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001::1",
        "2001:1ff:ffff::",
        "2001:20::1",
        "2001:db8::1",
        "2001:db8:ffff:ffff::",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff:ffff::",
        "4000::1",
        "1fff::1",
        "5f00::1",
    };
    static const char *const open[] = {
        "2000::1", "2001:200::1",     "2001:4860:4860::8888", "2001:db7:ffff::", "2001:db9::",
        "2003::1", "2606:4700::1111", "2a00:1450:4001::200e", "3ffe::1",         "3fff:1000::1",
    };
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        CHECK(!allowed(closed[i]));
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        CHECK(allowed(open[i]));
}

static void other_families_are_closed(void)
{
    struct sockaddr_storage any = {.ss_family = AF_UNIX};
    CHECK(!fetch_address_ok((struct sockaddr *)&any));
    any.ss_family = AF_UNSPEC;
    CHECK(!fetch_address_ok((struct sockaddr *)&any));
}

/* -------------------------------------------------------------- server ---- */

#define PNG "\x89PNG\r\n\x1a\nxxxx"

static int listener, port;
static int asked; /* requests that arrived */
static int poured; /* pieces of the last endless answer that went out */

static const struct {
    const char *path, *answer;
} pages[] = {
    {"/ok.png", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n" PNG},
    {"/octets", "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n\xff\xd8\xff\xe0 jpeg"},
    {"/none", "HTTP/1.1 200 OK\r\n\r\nGIF89a..."},
    {"/wrong", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n<html>secret</html>"},
    {"/html", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" PNG},
    {"/large", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 5000\r\n\r\n" PNG},
    {"/404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
    {"/to-ok", "HTTP/1.1 302 Found\r\nLocation: /ok.png\r\nContent-Length: 4\r\n\r\nmove"},
    {"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"},
    {"/to-file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"},
    {"/to-private", "HTTP/1.1 302 Found\r\nLocation: http://10.1.2.3/x\r\nContent-Length: 0\r\n\r\n"},
    {"/to-meta",
     "HTTP/1.1 301 Moved\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n"},
    {"/garbage", "no http at all"},
};

static void send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

/* What has no end: a body, a head. They stop when the fetcher hangs up. */
static void endless(int fd, const char *head, const char *more)
{
    send_all(fd, head, strlen(head));
    for (poured = 0; poured < 1000000 && send(fd, more, strlen(more), MSG_NOSIGNAL) > 0; poured++)
        ;
}

static void answer(int fd, const char *request)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        size_t n = strlen(pages[i].path);
        if (strncmp(request + 4, pages[i].path, n) == 0 && request[4 + n] == ' ')
            send_all(fd, pages[i].answer, strlen(pages[i].answer));
    }
    if (strncmp(request, "GET /body ", 10) == 0)
        endless(fd, "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" PNG,
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    if (strncmp(request, "GET /head ", 10) == 0)
        endless(fd, "HTTP/1.1 200 OK\r\n", "X-Much: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    if (strncmp(request, "GET /silent ", 12) == 0) {
        char byte;
        while (recv(fd, &byte, 1, 0) > 0)
            ;
    }
}

static void *serve(void *unused)
{
    (void)unused;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        char request[4096];
        ssize_t n = recv(fd, request, sizeof request - 1, 0);
        request[n > 0 ? n : 0] = '\0';
        __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);
        if (strcasestr(request, "authorization:") != NULL || strcasestr(request, "cookie:") != NULL)
            continue;
        answer(fd, request);
    }
    return NULL;
}

static void begin(pthread_t *thread)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 16) == 0);
    getsockname(listener, (struct sockaddr *)&at, &n);
    port = ntohs(at.sin_port);
    pthread_create(thread, NULL, serve, NULL);
}

/* ------------------------------------------------------------- fetches ---- */

/* Fetches and compares the type, or the beginning of the refusal. `url` may hold %d for the port. */
static void fetch(const char *url, bool loopback, const char *should)
{
    char full[9000];
    struct fetch_rules rules = {.max_bytes = 1000, .timeout_s = 2, .loopback = loopback};
    struct buf body = {0};
    struct fault f = {0};
    char mime[64];
    snprintf(full, sizeof full, "%s%d%s", url[0] == '/' ? "http://127.0.0.1:" : "", port, url);
    bool good = fetch_url(url[0] == '/' ? full : url, &rules, &body, mime, &f);
    check_note(url);
    CHECK_STR(good ? mime : f.said, should);
    CHECK(good ? body.n > 0 : body.p == NULL && mime[0] == '\0' && f.kind == FAULT_BAD_REQUEST);
    buf_free(&body);
}

#define NOT_PUBLIC "The image URL leads to an address that is not public."
#define NO_IMAGE   "What the image URL leads to is no image we know."

static void images_come_with_their_type(void)
{
    fetch("/ok.png", true, "image/png");
    fetch("/octets", true, "image/jpeg");
    fetch("/none", true, "image/gif");
    fetch("/to-ok", true, "image/png");
}

static void what_is_no_image_stays_where_it_is(void)
{
    fetch("/wrong", true, NO_IMAGE);
    fetch("/html", true, NO_IMAGE);
    fetch("/404", true, "The image could not be fetched: its server answered 404.");
    fetch("/garbage", true, "The image could not be fetched.");
    fetch("/large", true, "The image is larger than 1000 bytes.");
    fetch("/body", true, "The image is larger than 1000 bytes.");
    fetch("/head", true, "The image could not be fetched.");
    fetch("/404", true, "The image could not be fetched: its server answered 404.");
    /* The server has gone on to the next request, so this one was broken off. */
    CHECK(poured > 0 && poured < 500000);
    fetch("/silent", true, "The image did not come within 2 s.");
}

/* Takes 100 bytes; for more it says why not. */
static bool little_room(void *ctx, size_t n)
{
    struct fault *f = ctx;
    static size_t held;
    held += n;
    return held <= 100 || fault_set(f, FAULT_UNAVAILABLE, "no room");
}

static void whoever_has_no_room_stops_it_in_its_middle(void)
{
    char url[64];
    struct fault f = {0};
    struct buf body = {0};
    char mime[64];
    struct fetch_rules rules = {.max_bytes = 100000000, .timeout_s = 5, .loopback = true, .room = little_room, .ctx = &f};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/body", port);
    CHECK(!fetch_url(url, &rules, &body, mime, &f));
    CHECK_STR(f.said, "no room");
    CHECK(f.kind == FAULT_UNAVAILABLE && body.p == NULL);
}

static void nothing_private_is_even_connected_to(void)
{
    int before = __atomic_load_n(&asked, __ATOMIC_SEQ_CST);
    char odd[128];
    fetch("/ok.png", false, NOT_PUBLIC);
    snprintf(odd, sizeof odd, "http://localhost:%d/ok.png", port);
    fetch(odd, false, NOT_PUBLIC);
    snprintf(odd, sizeof odd, "http://2130706433:%d/ok.png", port);
    fetch(odd, false, NOT_PUBLIC);
    snprintf(odd, sizeof odd, "http://0x7f.1:%d/ok.png", port);
    fetch(odd, false, NOT_PUBLIC);
    snprintf(odd, sizeof odd, "http://[::ffff:127.0.0.1]:%d/ok.png", port);
    fetch(odd, false, NOT_PUBLIC);
    snprintf(odd, sizeof odd, "http://0:%d/ok.png", port);
    fetch(odd, false, NOT_PUBLIC);
    fetch("http://169.254.169.254/latest/meta-data", true, NOT_PUBLIC);
    fetch("http://[fe80::1]/", true, NOT_PUBLIC);
    CHECK_INT(__atomic_load_n(&asked, __ATOMIC_SEQ_CST), before);
}

static void redirects_go_through_the_same_door(void)
{
    int before = __atomic_load_n(&asked, __ATOMIC_SEQ_CST);
    fetch("/loop", true, "The image URL is redirected too often.");
    CHECK_INT(__atomic_load_n(&asked, __ATOMIC_SEQ_CST), before + 4);
    fetch("/to-file", true, "Images are fetched by http and https only.");
    fetch("/to-private", true, NOT_PUBLIC);
    fetch("/to-meta", true, NOT_PUBLIC);
}

static void urls_are_read_strictly(void)
{
    fetch("file:///etc/passwd", true, "Images are fetched by http and https only.");
    fetch("gopher://8.8.8.8/", true, "Images are fetched by http and https only.");
    fetch("ftp://8.8.8.8/x.png", true, "Images are fetched by http and https only.");
    fetch("http://user@127.0.0.1/x", true, "An image URL must not hold a user or password.");
    fetch("http://u:p@127.0.0.1/x", true, "An image URL must not hold a user or password.");
    fetch("http://8.8.8.8:25/x", true, "Images are not fetched from this port.");
    fetch("not a url", true, "The image URL is not a valid URL.");
    fetch("http://127.0.0.1/\r\nX: y", true, "The image URL is not a valid URL.");
    fetch("", true, "The image URL is not a valid URL.");
}

/* A proxy of the environment would resolve names for us, behind the guard. */
static void proxies_of_the_environment_are_ignored(void)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    fetch("/ok.png", true, "image/png");
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

int main(void)
{
    pthread_t thread;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    begin(&thread);
    RUN(closed_ipv4_networks_end_where_they_should);
    RUN(ipv6_must_be_global_unicast_and_plain);
    RUN(other_families_are_closed);
    RUN(images_come_with_their_type);
    RUN(what_is_no_image_stays_where_it_is);
    RUN(whoever_has_no_room_stops_it_in_its_middle);
    RUN(nothing_private_is_even_connected_to);
    RUN(redirects_go_through_the_same_door);
    RUN(urls_are_read_strictly);
    RUN(proxies_of_the_environment_are_ignored);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    curl_global_cleanup();
    return check_end();
}
