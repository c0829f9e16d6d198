/* SPDX-License-Identifier: MIT */
/* request.c: one HTTP request and its answer; see request.h. */
#include "http/request.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *env_get(char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env != NULL; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

static char *header_name(const char *cgi, size_t n)
{
    char *name = xstrndup(cgi, n);
    for (char *p = name; *p != '\0'; p++)
        *p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
    return name;
}

static void read_headers(struct request *r, char *const *env)
{
    size_t n = 0;
    for (char *const *e = env; *e != NULL; e++)
        n += strncmp(*e, "HTTP_", 5) == 0;
    r->headers = xcalloc(n, sizeof *r->headers);
    for (char *const *e = env; *e != NULL; e++) {
        const char *eq = strchr(*e, '=');
        if (strncmp(*e, "HTTP_", 5) != 0 || eq == NULL)
            continue;
        struct http_header *h = &r->headers[r->headers_n++];
        h->name = header_name(*e + 5, (size_t)(eq - *e) - 5);
        h->value = eq + 1;
    }
}

static int64_t read_length(const char *text)
{
    if (text == NULL || *text == '\0')
        return -1;
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || !isdigit((unsigned char)*text))
        return -2;
    return v;
}

/* The one header of that name. Two of them are a trick (X_Forwarded_For beside X-Forwarded-For): web servers
 * hand over several of the same name as one, and nobody could say which the proxy wrote. */
static const char *only_header(const struct request *r, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < r->headers_n; i++) {
        if (strcmp(r->headers[i].name, name) != 0)
            continue;
        if (value != NULL)
            return NULL;
        value = r->headers[i].value;
    }
    return value;
}

/* Who asks, and by which scheme, when proxies may stand in between. */
static void read_peer(struct request *r, const char *remote)
{
    const char *hops = only_header(r, conf.forwarded ? "forwarded" : "x-forwarded-for");
    const char *scheme = only_header(r, "x-forwarded-proto");
    r->peer = peer_of(remote, hops, conf.forwarded, &conf.trusted);
    r->remote = r->peer.address;
    if (request_header(r, "x-forwarded-for") != NULL || request_header(r, "forwarded") != NULL)
        r->peer.local = false; /* a proxy on this machine that nobody declared speaks for others */
    if (r->peer.trusted && scheme != NULL)
        r->https = strcasecmp(scheme, "https") == 0;
}

void request_open(struct request *r, char *const *env, const struct request_io *io)
{
    *r = (struct request){.io = *io, .began_ms = clock_ms()};
    r->method = or_empty(env_get(env, "REQUEST_METHOD"));
    r->uri = or_empty(env_get(env, "REQUEST_URI"));
    r->content_type = or_empty(env_get(env, "CONTENT_TYPE"));
    r->content_length = read_length(env_get(env, "CONTENT_LENGTH"));
    const char *https = env_get(env, "HTTPS"), *scheme = env_get(env, "REQUEST_SCHEME");
    r->https =
        (https != NULL && strcasecmp(https, "on") == 0) || (scheme != NULL && strcmp(scheme, "https") == 0);
    read_headers(r, env);
    read_peer(r, or_empty(env_get(env, "REMOTE_ADDR")));
    r->host = request_header(r, "host");
    if (r->host == NULL)
        r->host = or_empty(env_get(env, "SERVER_NAME"));
}

void request_close(struct request *r)
{
    for (size_t i = 0; i < r->headers_n; i++)
        free((char *)r->headers[i].name);
    free(r->headers);
    buf_free(&r->always);
    buf_free(&r->head);
}

const char *request_header(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->headers_n; i++)
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

long request_read(struct request *r, char *to, size_t n)
{
    int64_t left = r->content_length >= 0 ? r->content_length - r->bytes_in : (int64_t)n;
    if (left <= 0)
        return 0;
    if ((int64_t)n > left)
        n = (size_t)left;
    long got = r->io.read(r->io.ctx, to, n);
    if (got > 0)
        r->bytes_in += got;
    if (r->bytes_in == r->content_length)
        r->io.all_read(r->io.ctx);
    if (got < 0 || (got == 0 && r->content_length > 0))
        return -1; /* fewer bytes than CONTENT_LENGTH promised: the client broke off */
    return got;
}

static bool body_allowed(const struct request *r, size_t max, struct fault *f)
{
    const char *encoding = request_header(r, "content-encoding");
    if (encoding != NULL && *encoding != '\0' && strcasecmp(encoding, "identity") != 0)
        return fault_set(f, FAULT_MEDIA_TYPE, "send the request body without Content-Encoding");
    if (r->content_length == -2)
        return fault_set(f, FAULT_BAD_REQUEST, "Content-Length is not a number");
    if (r->content_length > (int64_t)max)
        return fault_set(f, FAULT_TOO_LARGE,
                         "the request body is larger than %zu bytes%s", max,
                         (long long)max < conf.body_max ? "" : ": upload large media as a file, or raise POLLUX_BODY_MAX");
    return true;
}

bool request_body(struct request *r, struct buf *body, size_t max, struct fault *f)
{
    if (!body_allowed(r, max, f))
        return false;
    if (r->content_length > 0)
        buf_reserve(body, (size_t)r->content_length + 1);
    for (;;) {
        if (body->n > max)
            return fault_set(f, FAULT_TOO_LARGE, "the request body is larger than %zu bytes", max);
        buf_reserve(body, r->content_length >= 0 ? 1 : 16384); /* a known length has its room already */
        long got = request_read(r, body->p + body->n, body->cap - body->n - 1);
        if (got < 0)
            return fault_set(f, FAULT_BAD_REQUEST, "the request body ended early: %lld of %lld bytes came",
                             (long long)r->bytes_in, (long long)r->content_length);
        if (got == 0)
            break;
        body->n += (size_t)got;
    }
    buf_add(body, "", 0); /* the NUL */
    return true;
}

bool request_gone(struct request *r)
{
    if (!r->broken && r->io.gone(r->io.ctx))
        r->broken = true;
    return r->broken;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "No Content"},
        {206, "Partial Content"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

void response_begin(struct request *r, int status)
{
    r->status = status;
    buf_printf(&r->head, "Status: %d %s\r\n", status, reason_of(status));
    response_header(r, "X-Request-Id", r->id);
    buf_add(&r->head, buf_str(&r->always), r->always.n);
}

void response_header(struct request *r, const char *name, const char *value)
{
    buf_printf(&r->head, "%s: ", name);
    for (const char *p = value; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x20 && *p != 0x7f)
            buf_putc(&r->head, *p);
    buf_puts(&r->head, "\r\n");
}

static bool send_bytes(struct request *r, const char *bytes, size_t n)
{
    if (!r->broken && n > 0 && !r->io.write(r->io.ctx, bytes, n))
        r->broken = true;
    return !r->broken;
}

static bool send_head(struct request *r)
{
    if (r->head_sent)
        return !r->broken;
    r->head_sent = true;
    buf_puts(&r->head, "\r\n");
    if (r->tap != NULL)
        buf_add(&r->tap->head, r->head.p, r->head.n);
    bool ok = send_bytes(r, r->head.p, r->head.n);
    buf_free(&r->head);
    return ok;
}

static void tap_body(struct tap *t, const void *bytes, size_t n)
{
    size_t left = t->most - t->body.n;
    buf_add(&t->body, bytes, n < left ? n : left);
}

bool response_write(struct request *r, const void *bytes, size_t n)
{
    if (!send_head(r) || !send_bytes(r, bytes, n))
        return false;
    r->bytes_out += (int64_t)n;
    if (r->tap != NULL)
        tap_body(r->tap, bytes, n);
    return true;
}

bool response_flush(struct request *r)
{
    if (!send_head(r))
        return false;
    if (!r->io.flush(r->io.ctx))
        r->broken = true;
    return !r->broken;
}

void response_cut(struct request *r)
{
    r->cut = true;
}

bool response_whole(struct request *r, int status, const char *content_type, const void *bytes, size_t n)
{
    response_begin(r, status);
    if (content_type != NULL)
        response_header(r, "Content-Type", content_type);
    char length[24];
    snprintf(length, sizeof length, "%zu", n);
    response_header(r, "Content-Length", length);
    if (strcmp(r->method, "HEAD") == 0)
        n = 0;
    return response_write(r, bytes, n);
}
