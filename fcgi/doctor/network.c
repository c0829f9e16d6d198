/* SPDX-License-Identifier: MIT */
/* network.c: whether the upstream and our own web server answer; see doctor.h. No credential is used. */
#include "doctor/doctor.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "upstream/upstream.h"

#include <string.h>

enum { BODY_MOST = 4096, CONNECT_MS = 5000, IN_ALL_MS = 10000 };

static bool collect(void *ctx, const char *bytes, size_t n)
{
    struct buf *body = ctx;
    if (body->n < BODY_MOST)
        buf_add(body, bytes, n < BODY_MOST ? n : BODY_MOST);
    return true;
}

static enum upstream_end get(const char *url, const char *proxy, struct upstream_call *call, struct buf *body)
{
    *call = (struct upstream_call){.method = "GET",
                                   .url = url,
                                   .proxy = proxy,
                                   .connect_ms = CONNECT_MS,
                                   .first_byte_ms = IN_ALL_MS,
                                   .idle_ms = IN_ALL_MS,
                                   .deadline_ms = clock_ms() + IN_ALL_MS,
                                   .on_data = collect,
                                   .ctx = body};
    return upstream_perform(call);
}

void doctor_upstream(struct doctor *d)
{
    struct upstream_call call;
    auto_buf url = {0}, body = {0};
    buf_printf(&url, "%s/", conf.upstream);
    int64_t began = clock_ms();
    enum upstream_end end = get(buf_str(&url), conf.proxy, &call, &body);
    json_t *values = json_pack("{s:s, s:s, s:I}", "upstream", conf.upstream, "error", call.error, "ms",
                               (json_int_t)(clock_ms() - began));
    if (end == UPSTREAM_TLS)
        doctor_found(d, DOCTOR_FAIL, "upstream",
                     "install ca-certificates; a proxy that opens TLS needs its certificate there too",
                     "{upstream}: {error}", values);
    else if (call.status == 0 && *call.error == '\0')
        doctor_found(d, DOCTOR_FAIL, "upstream", "see POLLUX_UPSTREAM, POLLUX_PROXY, the name service and the firewall",
                     "{upstream}: no answer within ten seconds", values);
    else if (call.status == 0)
        doctor_found(d, DOCTOR_FAIL, "upstream", "see POLLUX_UPSTREAM, POLLUX_PROXY, the name service and the firewall",
                     "{upstream}: {error}", values);
    else
        doctor_found(d, DOCTOR_OK, "upstream", "", "{upstream} answers in {ms} ms", values);
    upstream_call_free(&call);
}

/* The address at which this machine reaches what listens there. */
static void listen_url(struct buf *url)
{
    const char *at = conf.listen, *port = strrchr(at, ':');
    if (port == NULL)
        buf_printf(url, "http://127.0.0.1:%s", at);
    else if (strncmp(at, "0.0.0.0:", 8) == 0 || strncmp(at, "*:", 2) == 0)
        buf_printf(url, "http://127.0.0.1%s", port);
    else if (strncmp(at, "[::]:", 5) == 0)
        buf_printf(url, "http://[::1]%s", port);
    else
        buf_printf(url, "http://%s", at);
    buf_printf(url, "%s/health", conf.prefix);
}

void doctor_web(struct doctor *d)
{
    struct upstream_call call;
    auto_buf url = {0}, body = {0};
    listen_url(&url);
    get(buf_str(&url), "", &call, &body);
    json_t *values =
        json_pack("{s:s, s:i, s:s}", "url", buf_str(&url), "status", call.status, "error", call.error);
    if (call.status == 200)
        doctor_found(d, DOCTOR_OK, "web server", "", "{url} answers", values);
    else if (call.status == 503)
        doctor_found(d, DOCTOR_WARN, "web server", "the other lines say why",
                     "{url} says that nothing can be served now", values);
    else if (call.status != 0)
        doctor_found(d, DOCTOR_WARN, "web server",
                     "is POLLUX_LISTEN the address of this Pollux? are the workers running?",
                     "{url} answers with status {status}", values);
    else if (*call.error == '\0')
        doctor_found(d, DOCTOR_WARN, "web server",
                     "`make start`; with a web server of your own set POLLUX_LISTEN to its address", "{url}: no answer",
                     values);
    else
        doctor_found(d, DOCTOR_WARN, "web server",
                     "`make start`; with a web server of your own set POLLUX_LISTEN to its address", "{url}: {error}",
                     values);
    upstream_call_free(&call);
}
