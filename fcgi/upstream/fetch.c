/* SPDX-License-Identifier: MIT */
/*
 * fetch.c: images from addresses that clients name; see fetch.h.
 *
 * The guard stands where curl opens a socket: it sees the address that is about
 * to be connected to, after the only resolution, so that neither a name that
 * resolves differently the second time nor an odd spelling of an address
 * ("http://2130706433/") gets around it.
 */
#include "upstream/fetch.h"
#include "base/auto.h"
#include "base/clock.h"
#include "upstream/trust.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { REDIRECTS = 3, URL_MAX = 8 * 1024, HEAD_MAX = 64 * 1024 };

/* ----------------------------------------------------------- addresses ---- */

/* IPv4 that is not global unicast (IANA's special-purpose registry, multicast, reserved). */
static const struct {
    uint32_t net;
    int bits;
} closed4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* carriers' shared space */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, and clouds' metadata */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

static bool ipv4_ok(uint32_t address)
{
    for (size_t i = 0; i < sizeof closed4 / sizeof *closed4; i++)
        if ((address ^ closed4[i].net) >> (32 - closed4[i].bits) == 0)
            return false;
    return true;
}

/* Global unicast is 2000::/3; all that maps, translates or tunnels IPv4 and all that is local lies outside of
 * it, but for these. */
static const struct {
    uint32_t net; /* the first 32 bits */
    int bits;
} closed6[] = {
    {0x20010000, 23}, /* protocol assignments: Teredo, ORCHID, benchmarks */
    {0x20010db8, 32}, /* documentation */
    {0x20020000, 16}, /* 6to4 */
    {0x3fff0000, 20}, /* documentation */
};

static bool ipv6_ok(const struct in6_addr *address)
{
    const unsigned char *b = address->s6_addr;
    uint32_t first = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    if (first >> 29 != 1)
        return false;
    for (size_t i = 0; i < sizeof closed6 / sizeof *closed6; i++)
        if ((first ^ closed6[i].net) >> (32 - closed6[i].bits) == 0)
            return false;
    return true;
}

bool fetch_address_ok(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ipv4_ok(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return ipv6_ok(&in6.sin6_addr);
    }
    return false;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 in6;
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(&in6, address, sizeof in6);
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* --------------------------------------------------------------- types ---- */

/* How images begin. Nothing else is accepted, whatever the server calls it: a page of somebody's intranet
 * does not begin like this. */
static const struct {
    size_t at;
    const char *bytes;
    size_t n;
    const char *mime;
} beginnings[] = {
    {0, "\x89PNG\r\n\x1a\n", 8, "image/png"},
    {0, "\xff\xd8\xff", 3, "image/jpeg"},
    {0, "GIF87a", 6, "image/gif"},
    {0, "GIF89a", 6, "image/gif"},
    {8, "WEBP", 4, "image/webp"},
    {4, "ftypheic", 8, "image/heic"},
    {4, "ftypheix", 8, "image/heic"},
    {4, "ftypmif1", 8, "image/heif"},
    {4, "ftypmsf1", 8, "image/heif"},
    {4, "ftypavif", 8, "image/avif"},
};

static const char *image_type(const struct buf *body)
{
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (body->n >= beginnings[i].at + beginnings[i].n &&
            memcmp(body->p + beginnings[i].at, beginnings[i].bytes, beginnings[i].n) == 0)
            return beginnings[i].mime;
    return NULL;
}

/* Does the server call it an image, or nothing in particular? */
static bool content_type_ok(const char *type)
{
    return type == NULL || type[0] == '\0' || strncasecmp(type, "image/", 6) == 0 ||
           strncasecmp(type, "application/octet-stream", 24) == 0 ||
           strncasecmp(type, "binary/octet-stream", 19) == 0;
}

/* ---------------------------------------------------------------- call ---- */

struct fetch {
    const struct fetch_rules *rules;
    CURL *curl;
    struct buf *body;
    size_t head;       /* bytes of header lines so far */
    bool closed;       /* an address was refused */
    bool large;
    bool full;         /* the caller had no room for more */
    bool was_secure;   /* the hop before was https */
    int64_t deadline;  /* on clock_ms() */
    struct fault *fault;
};

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *fetch = ctx;
    bool ok = fetch_address_ok(&address->addr) || (fetch->rules->loopback && is_loopback(&address->addr));
    if (purpose != CURLSOCKTYPE_IPCXN || !ok) {
        fetch->closed = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct fetch *fetch = ctx;
    (void)size;
    if (n > fetch->rules->max_bytes - fetch->body->n) {
        fetch->large = true;
        return 0;
    }
    if (fetch->rules->room != NULL && !fetch->rules->room(fetch->rules->ctx, n)) {
        fetch->full = true;
        return 0;
    }
    buf_add(fetch->body, bytes, n);
    return n;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct fetch *fetch = ctx;
    (void)bytes;
    (void)size;
    fetch->head += n;
    return fetch->head <= HEAD_MAX ? n : 0;
}

static bool port_ok(CURLU *url)
{
    char *text = NULL;
    if (curl_url_get(url, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return false;
    long port = strtol(text, NULL, 10);
    curl_free(text);
    return port == 80 || port == 443 || port >= 1024;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

/* Is this a URL we go to at all? curl is given the same parsed URL, so that nobody reads it differently. */
static bool check_url(struct fetch *fetch, CURLU *url, const char *text)
{
    if (strnlen(text, URL_MAX + 1) > URL_MAX || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        return fault_set(fetch->fault, FAULT_BAD_REQUEST, "The image URL is not a valid URL.");
    char *scheme = NULL;
    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    bool https = scheme != NULL && strcmp(scheme, "https") == 0;
    bool http = scheme != NULL && strcmp(scheme, "http") == 0;
    curl_free(scheme);
    if (!https && !http)
        return fault_set(fetch->fault, FAULT_BAD_REQUEST, "Images are fetched by http and https only.");
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return fault_set(fetch->fault, FAULT_BAD_REQUEST, "An image URL must not hold a user or password.");
    if (!port_ok(url))
        return fault_set(fetch->fault, FAULT_BAD_REQUEST, "Images are not fetched from this port.");
    if (fetch->was_secure && !https)
        return fault_set(fetch->fault, FAULT_BAD_REQUEST, "The image URL leads from https to http.");
    fetch->was_secure = https;
    return true;
}

static void set_options(struct fetch *fetch, CURLU *url)
{
    CURL *c = fetch->curl;
    int64_t left = fetch->deadline - clock_ms();
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_CURLU, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    trust_set(c);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, fetch);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, fetch);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->rules->max_bytes);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "Pollux/" POLLUX_VERSION);
}

/* Says what went wrong in words that tell nothing about the network we stand in. */
static bool explain(struct fetch *fetch, CURLcode code, long status)
{
    struct fault *f = fetch->fault;
    if (fetch->full)
        return false;
    if (fetch->closed)
        fault_set(f, FAULT_BAD_REQUEST, "The image URL leads to an address that is not public.");
    else if (fetch->large || code == CURLE_FILESIZE_EXCEEDED)
        fault_set(f, FAULT_BAD_REQUEST, "The image is larger than %zu bytes.", fetch->rules->max_bytes);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        fault_set(f, FAULT_BAD_REQUEST, "The image did not come within %d s.", fetch->rules->timeout_s);
    else if (code != CURLE_OK)
        fault_set(f, FAULT_BAD_REQUEST, "The image could not be fetched.");
    else
        fault_set(f, FAULT_BAD_REQUEST, "The image could not be fetched: its server answered %ld.", status);
    if (code != CURLE_OK)
        fault_meant(f, "fetch: %s", curl_easy_strerror(code));
    return false;
}

/* One call. On success *next is NULL, or where a redirect leads (freed with the next call on the handle). */
static bool hop(struct fetch *fetch, const char *text, char **next)
{
    CURLU *url = curl_url();
    bool good = url != NULL && check_url(fetch, url, text);
    *next = NULL;
    if (good) {
        long status = 0;
        buf_clear(fetch->body);
        fetch->head = 0;
        fetch->closed = false;
        set_options(fetch, url);
        CURLcode code = curl_easy_perform(fetch->curl);
        curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(fetch->curl, CURLINFO_REDIRECT_URL, next);
        good = code == CURLE_OK && (status == 200 || *next != NULL);
        if (!good)
            explain(fetch, code, status);
    }
    curl_url_cleanup(url);
    return good;
}

static bool follow(struct fetch *fetch, const char *url)
{
    auto_str next = xstrdup(url);
    for (int i = 0; i <= REDIRECTS; i++) {
        char *to;
        if (!hop(fetch, next, &to))
            return false;
        if (to == NULL)
            return true;
        char *copy = xstrdup(to);
        free(next);
        next = copy;
    }
    return fault_set(fetch->fault, FAULT_BAD_REQUEST, "The image URL is redirected too often.");
}

static bool check_image(struct fetch *fetch, char mime[static 64])
{
    char *type = NULL;
    curl_easy_getinfo(fetch->curl, CURLINFO_CONTENT_TYPE, &type);
    const char *image = content_type_ok(type) ? image_type(fetch->body) : NULL;
    if (image == NULL)
        return fault_set(fetch->fault, FAULT_BAD_REQUEST, "What the image URL leads to is no image we know.");
    strcpy(mime, image);
    return true;
}

bool fetch_url(const char *url, const struct fetch_rules *rules, struct buf *body, char mime[static 64],
               struct fault *f)
{
    struct fetch fetch = {
        .rules = rules,
        .curl = curl_easy_init(),
        .body = body,
        .deadline = clock_ms() + (int64_t)rules->timeout_s * 1000,
        .fault = f,
    };
    mime[0] = '\0';
    buf_clear(body);
    if (fetch.curl == NULL)
        return fault_set(f, FAULT_INTERNAL, "The image could not be fetched.");
    bool good = follow(&fetch, url) && check_image(&fetch, mime);
    curl_easy_cleanup(fetch.curl);
    if (!good)
        buf_free(body);
    return good;
}
