/* SPDX-License-Identifier: MIT */
/*
 * keep_alive.c: calls GET /health at the address that the world uses (setting public_url).
 *
 * Some hosts put to sleep what nobody calls; and it shows whether the way from
 * outside works. No credential goes along, no redirect is followed.
 */
#include "jobs/jobs_own.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"

#include <string.h>

static bool is_web(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

/* "https://example.org/pollux/" and the like, with /health behind it. */
static void health_url(struct buf *url, const char *base)
{
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    buf_add(url, base, n);
    buf_puts(url, "/health");
}

bool keep_alive_run(struct job *job, struct fault *f)
{
    if (!is_web(job->subject))
        return fault_set(f, FAULT_BAD_REQUEST, "public_url has to begin with http:// or https://");
    auto_buf url = {0}, body = {0};
    health_url(&url, job->subject);
    struct upstream_call call = {.method = "GET", .url = buf_str(&url), .proxy = ""};
    upstream_header_add(&call, "User-Agent", "pollux/" POLLUX_VERSION);
    int64_t began = clock_ms();
    enum upstream_end end = jobs_http(&call, &body);
    json_object_set_new(job->result, "status", json_integer(call.status));
    json_object_set_new(job->result, "duration_ms", json_integer(clock_ms() - began));
    if (end != UPSTREAM_DONE)
        json_object_set_new(job->result, "error", json_string(*call.error ? call.error : "no answer"));
    if (call.status != 200 && !jobs_ending())
        log_warn("keep-alive: %s answers with status %d %s", buf_str(&url), call.status, call.error);
    upstream_call_free(&call);
    return !(jobs_ending() && end != UPSTREAM_DONE);
}
