/* SPDX-License-Identifier: MIT */
/* upstream.c: one HTTP call to the upstream; see upstream.h. */
#include "upstream/upstream.h"
#include "base/auto.h"
#include "base/clock.h"
#include "upstream/trust.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    IDLE_HANDLES = 256,        /* handles (and their connections) that wait to be used again */
    UPLOAD_BUFFER = 16 * 1024, /* libcurl's own preset is 64 KiB for each call */
    ANSWER_BUFFER = 64 * 1024,
    HEAD_MAX = 256 * 1024,     /* of an answer */
    TRICKLE_BUFFER = 4 * 1024, /* thousands of streams each hold one of these */
};

/* A handle that waits with its open connections. Those that were made through a proxy serve calls through that very
 * proxy only, user and password included: libcurl would give one user's tunnel to another. */
struct idle {
    CURL *handle;
    char *proxy; /* owned; "" for none */
};

static struct {
    pthread_mutex_t lock;
    struct idle idle[IDLE_HANDLES]; /* the latest used last */
    int n;
    CURLSH *share;
    pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock_shared(CURL *h, curl_lock_data what, curl_lock_access how, void *arg)
{
    (void)h, (void)how, (void)arg;
    pthread_mutex_lock(&pool.share_locks[what]);
}

static void unlock_shared(CURL *h, curl_lock_data what, void *arg)
{
    (void)h, (void)arg;
    pthread_mutex_unlock(&pool.share_locks[what]);
}

void upstream_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    trust_init();
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&pool.share_locks[i], NULL);
    pool.share = curl_share_init();
    curl_share_setopt(pool.share, CURLSHOPT_LOCKFUNC, lock_shared);
    curl_share_setopt(pool.share, CURLSHOPT_UNLOCKFUNC, unlock_shared);
    curl_share_setopt(pool.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(pool.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

static void free_idle(struct idle *one)
{
    curl_easy_cleanup(one->handle);
    free(one->proxy);
}

void upstream_end_all(void)
{
    pthread_mutex_lock(&pool.lock);
    while (pool.n > 0)
        free_idle(&pool.idle[--pool.n]);
    pthread_mutex_unlock(&pool.lock);
    curl_share_cleanup(pool.share);
    curl_global_cleanup();
}

/* With the lock held: takes the one at `at` out of the row. */
static struct idle cut_out(int at)
{
    struct idle one = pool.idle[at];
    memmove(&pool.idle[at], &pool.idle[at + 1], (size_t)(--pool.n - at) * sizeof *pool.idle);
    return one;
}

/* The latest used of those that went the same way, or a new one. */
static struct idle take_handle(const char *proxy)
{
    auto_lock(&pool.lock);
    for (int at = pool.n; at-- > 0;)
        if (strcmp(pool.idle[at].proxy, proxy) == 0)
            return cut_out(at);
    return (struct idle){.handle = curl_easy_init(), .proxy = xstrdup(proxy)};
}

/* Puts it back; when there are enough, the one that has waited longest goes. */
static void give_handle(struct idle one)
{
    struct idle last = {0};
    curl_easy_reset(one.handle); /* keeps connections and caches */
    pthread_mutex_lock(&pool.lock);
    if (pool.n == IDLE_HANDLES)
        last = cut_out(0);
    pool.idle[pool.n++] = one;
    pthread_mutex_unlock(&pool.lock);
    if (last.handle != NULL)
        free_idle(&last);
}

void upstream_header_add(struct upstream_call *c, const char *name, const char *value)
{
    buf_printf(&c->headers, "%s: ", name);
    for (const char *p = value; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x20 && *p != 0x7f)
            buf_putc(&c->headers, *p);
    buf_putc(&c->headers, '\0');
}

/* ------------------------------------------------------------------ callbacks */

static bool stop(struct upstream_call *c, enum upstream_end why)
{
    if (!c->stopped)
        c->why = why;
    c->stopped = true;
    return false;
}

static bool tell_head(struct upstream_call *c, CURL *h)
{
    if (c->head_told)
        return true;
    long status = 0;
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    c->status = (int)status;
    c->head_told = true;
    if (c->on_head != NULL && !c->on_head(c->ctx, c->status))
        return stop(c, UPSTREAM_ABORTED);
    return true;
}

struct flight {
    struct upstream_call *call;
    CURL *handle;
};

/* One header line. A status line begins a new head (after 100 Continue); the empty line ends
 * it. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct flight *fl = arg;
    struct upstream_call *c = fl->call;
    if (n * size > 5 && strncmp(line, "HTTP/", 5) == 0)
        buf_clear(&c->head);
    c->last = clock_ms();
    if (c->head.n + n * size > HEAD_MAX) {
        stop(c, UPSTREAM_TOO_LARGE);
        return 0;
    }
    buf_add(&c->head, line, n * size);
    long status = 0;
    if (line[0] == '\r' || line[0] == '\n')
        curl_easy_getinfo(fl->handle, CURLINFO_RESPONSE_CODE, &status);
    return status < 200 || tell_head(c, fl->handle) ? n * size : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct flight *fl = arg;
    struct upstream_call *c = fl->call;
    c->last = clock_ms();
    if (c->first_byte_at == 0)
        c->first_byte_at = c->last;
    if (!tell_head(c, fl->handle))
        return 0;
    if (c->on_data != NULL && !c->on_data(c->ctx, bytes, n * size)) {
        stop(c, UPSTREAM_ABORTED);
        return 0;
    }
    return n * size;
}

static size_t on_source(char *to, size_t size, size_t n, void *arg)
{
    struct upstream_call *c = arg;
    long got = c->body_read(c->ctx, to, n * size);
    c->last = c->sent_at = clock_ms(); /* it may have taken a while: who sends is still there */
    if (got < 0) {
        stop(c, UPSTREAM_ABORTED);
        return CURL_READFUNC_ABORT;
    }
    return (size_t)got;
}

static int on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    (void)dltotal, (void)dlnow, (void)ultotal;
    struct upstream_call *c = arg;
    int64_t now = clock_ms();
    if (ulnow != c->sent) {
        c->sent = ulnow;
        c->last = c->sent_at = now;
    }
    if (now > c->deadline_ms)
        stop(c, UPSTREAM_TOTAL_TIMEOUT);
    else if (c->first_byte_at == 0 && now - c->last > c->first_byte_ms)
        stop(c, UPSTREAM_FIRST_BYTE_TIMEOUT);
    else if (c->first_byte_at != 0 && now - c->last > c->idle_ms)
        stop(c, UPSTREAM_IDLE_TIMEOUT);
    else if (c->on_tick != NULL && !c->on_tick(c->ctx))
        stop(c, UPSTREAM_ABORTED);
    return c->stopped;
}

/* ------------------------------------------------------------------ the call */

static struct curl_slist *header_list(const struct upstream_call *c)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    const char *p = buf_str(&c->headers), *end = p + c->headers.n;
    for (; p < end; p += strlen(p) + 1)
        list = curl_slist_append(list, p);
    return list;
}

/* One of them holds the credential. */
static void free_list(struct curl_slist *list)
{
    for (struct curl_slist *one = list; one != NULL; one = one->next)
        explicit_bzero(one->data, strlen(one->data));
    curl_slist_free_all(list);
}

static void set_body(CURL *h, struct upstream_call *c)
{
    if (c->body_read != NULL) {
        curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(h, CURLOPT_READFUNCTION, on_source);
        curl_easy_setopt(h, CURLOPT_READDATA, c);
        if (c->body_length >= 0)
            curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)c->body_length);
    } else if (c->body != NULL) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body_n);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->body);
    } else if (strcmp(c->method, "HEAD") == 0) {
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, c->method);
}

static void set_options(CURL *h, struct upstream_call *c, struct flight *fl, struct curl_slist *headers)
{
    curl_easy_setopt(h, CURLOPT_SHARE, pool.share);
    curl_easy_setopt(h, CURLOPT_URL, c->url);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L); /* libcurl would take our headers along */
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* one stream a handle anyway */
    curl_easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "identity"); /* and what comes compressed nevertheless is inflated */
    curl_easy_setopt(h, CURLOPT_PROXY, c->proxy != NULL ? c->proxy : "");   /* "" also hides http_proxy */
    curl_easy_setopt(h, CURLOPT_NOPROXY, "");                               /* hides no_proxy */
    curl_easy_setopt(h, CURLOPT_HTTPPROXYTUNNEL, 1L); /* what a proxy says can never be taken for an answer */
    trust_set(h);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
    curl_easy_setopt(h, CURLOPT_BUFFERSIZE, (long)(c->trickles ? TRICKLE_BUFFER : ANSWER_BUFFER));
    curl_easy_setopt(h, CURLOPT_DNS_CACHE_TIMEOUT, 300L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_ms);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, fl);
    curl_easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, fl);
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(h, CURLOPT_XFERINFODATA, c);
    set_body(h, c);
}

/* Had the call a connection to the upstream, all the way through a proxy? */
static bool was_connected(CURL *h)
{
    curl_off_t us = 0;
    curl_easy_getinfo(h, CURLINFO_PRETRANSFER_TIME_T, &us);
    return us > 0;
}

/* What the log says of a failure; without anything of the proxy but its status. */
static void set_error(struct upstream_call *c, CURL *h, CURLcode code)
{
    long refused = 0;
    curl_easy_getinfo(h, CURLINFO_HTTP_CONNECTCODE, &refused);
    if (refused != 0 && refused / 100 != 2)
        snprintf(c->error, sizeof c->error, "the proxy refused to connect (%ld)", refused);
    else
        snprintf(c->error, sizeof c->error, "%s", curl_easy_strerror(code));
}

static enum upstream_end end_of(const struct upstream_call *c, CURL *h, CURLcode code)
{
    if (c->stopped)
        return c->why;
    switch (code) {
    case CURLE_OK:
        return UPSTREAM_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
        return UPSTREAM_CONNECT_FAILED;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
        return UPSTREAM_TLS;
    case CURLE_OPERATION_TIMEDOUT: /* only the time to connect is left to libcurl */
        return UPSTREAM_CONNECT_FAILED;
    default:
        return was_connected(h) ? UPSTREAM_RESET : UPSTREAM_CONNECT_FAILED;
    }
}

enum upstream_end upstream_perform(struct upstream_call *c)
{
    struct idle taken = take_handle(c->proxy != NULL ? c->proxy : "");
    CURL *h = taken.handle;
    struct flight fl = {c, h};
    struct curl_slist *headers = header_list(c);
    c->last = c->sent_at = clock_ms();
    set_options(h, c, &fl, headers);
    CURLcode code = curl_easy_perform(h);
    if (code == CURLE_OK && !tell_head(c, h))
        code = CURLE_WRITE_ERROR;
    if (code == CURLE_OK && c->first_byte_at == 0) /* an answer without a body */
        c->first_byte_at = clock_ms();
    if (code != CURLE_OK && !c->stopped)
        set_error(c, h, code);
    free_list(headers);
    enum upstream_end end = end_of(c, h, code);
    give_handle(taken);
    return end;
}

bool upstream_header_get(const struct upstream_call *c, const char *name, struct buf *value)
{
    size_t n = strlen(name);
    for (const char *line = buf_str(&c->head); *line != '\0';) {
        size_t len = strcspn(line, "\r\n");
        if (len > n && line[n] == ':' && strncasecmp(line, name, n) == 0) {
            size_t skip = n + 1 + strspn(line + n + 1, " \t");
            buf_add(value, line + skip, len > skip ? len - skip : 0);
            return true;
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return false;
}

/* A header's date as seconds since 1970; -1 when it is not there or none. */
static time_t date_of(const struct upstream_call *c, const char *name)
{
    auto_buf text = {0};
    return upstream_header_get(c, name, &text) ? curl_getdate(buf_str(&text), NULL) : -1;
}

int64_t upstream_retry_after_ms(const struct upstream_call *c)
{
    const int64_t longest = 7 * 24 * 3600;
    auto_buf text = {0};
    if (!upstream_header_get(c, "Retry-After", &text))
        return 0;
    int64_t s = strtoll(buf_str(&text), NULL, 10);
    if (strspn(buf_str(&text), "0123456789") == 0) {
        time_t at = date_of(c, "Retry-After"), now = date_of(c, "Date");
        s = at == -1 ? 0 : (int64_t)at - (int64_t)(now != -1 ? now : time(NULL));
    }
    return s <= 0 ? 0 : (s < longest ? s : longest) * 1000;
}

void upstream_call_free(struct upstream_call *c)
{
    buf_free(&c->headers);
    buf_free(&c->head);
}
