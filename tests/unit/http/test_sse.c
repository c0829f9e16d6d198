/* SPDX-License-Identifier: MIT */
/* test_sse.c: heartbeats and the events that complete them. */
#include "../check.h"
#include "base/auto.h"
#include "http/sse.h"

#include <string.h>

static struct buf sent;

static bool take(void *ctx, const char *bytes, size_t n)
{
    (void)ctx;
    buf_add(&sent, bytes, n);
    return true;
}

static bool flush(void *ctx)
{
    (void)ctx;
    return true;
}

/* A native stream that was silent for two heartbeats, and then these bytes, unit by unit: what the client reads. */
static const char *after_beats(const char *const *units)
{
    struct request r = {.io = {.write = take, .flush = flush}};
    struct sse s;
    sse_init(&s, &r, true);
    for (int i = 0; i < 2; i++) {
        s.last_ms = 0;
        CHECK(sse_beat(&s, 1));
    }
    for (; *units != NULL; units++)
        CHECK(sse_raw(&s, *units, strlen(*units)));
    buf_free(&r.head);
    const char *body = strstr(buf_str(&sent), "\r\n\r\n");
    return body != NULL ? body + 4 : "";
}

#define AFTER(...) (buf_clear(&sent), after_beats((const char *const[]){__VA_ARGS__, NULL}))

static void an_event_completes_what_was_begun(void)
{
    CHECK_STR(AFTER("data: {\"a\":1}\r\n\r\n", "data: {}\r\n\r\n"), "data:  {\"a\":1}\r\n\r\ndata: {}\r\n\r\n");
    CHECK_STR(AFTER("data:{}\n\n"), "data:  {}\n\n");
    CHECK_STR(AFTER("data: {\r\ndata: }\r\n\r\n"), "data:  {\r\ndata: }\r\n\r\n");
}

static void what_stands_before_the_data_is_left_out(void)
{
    CHECK_STR(AFTER(": ping\r\n\r\ndata: {}\r\n\r\n"), "data:  {}\r\n\r\n");
    CHECK_STR(AFTER(": ping\r\n\r\n", "\xef\xbb\xbf", "\r\n", "data: {}\r\n\r\n"), "data:  {}\r\n\r\n");
    CHECK_STR(AFTER("event: message\rid: 7\rdata: {}\r\r"), "data:  {}\r\r");
    CHECK_STR(AFTER(": data: no\n\ndata: {}\n\n: after\n\n"), "data:  {}\n\n: after\n\n");
}

static void an_error_outside_of_data_lines_is_the_event(void)
{
    CHECK_STR(AFTER("{\"error\":{}}"), "data:  {\"error\":{}}\r\n\r\n");
    CHECK_STR(AFTER("[{\"error\":{}}]"), "data:  [{\"error\":{}}]\r\n\r\n");
}

int main(void)
{
    RUN(an_event_completes_what_was_begun);
    RUN(what_stands_before_the_data_is_left_out);
    RUN(an_error_outside_of_data_lines_is_the_event);
    buf_free(&sent);
    return check_end();
}
