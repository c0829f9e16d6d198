/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any bytes as an upstream's stream. However they are split, the
 * units are the same, and all their bytes together are the bytes that came.
 * The first byte chooses form and size limit, the second how it is split.
 */
#include "base/auto.h"
#include "upstream/events.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

struct result {
    struct buf units; /* kind, size and payload of each unit */
    struct buf raws;
    bool failed;
};

static void note(struct result *r, const struct event *e)
{
    must((e->json != NULL) == (e->kind == EVENT_DATA || e->kind == EVENT_BARE));
    must(e->raw_n > 0 && e->json_n <= e->raw_n);
    buf_printf(&r->units, "%d:%zu:%zu:", (int)e->kind, e->raw_n, e->json_n);
    buf_add(&r->units, e->json, e->json_n);
    buf_add(&r->raws, e->raw, e->raw_n);
}

/* Splits by the digits of `pattern`; 0 is one piece. */
static void split(const char *text, size_t n, enum events_form form, size_t cap, unsigned pattern,
                  struct result *r)
{
    struct events ev;
    struct event e;
    events_init(&ev, form);
    ev.cap = cap;
    for (size_t at = 0, piece; at < n; at += piece) {
        piece = pattern == 0 ? n : 1 + (pattern ^ (at * 2654435761u) >> 7) % (pattern % 16 + 1);
        piece = piece > n - at ? n - at : piece;
        auto_str copy = malloc(piece); /* so that the sanitizer sees reads beyond what was fed */
        memcpy(copy, text + at, piece);
        events_feed(&ev, copy, piece);
        while (events_next(&ev, &e))
            note(r, &e);
        must(!events_next(&ev, &e));
    }
    if (events_rest(&ev, &e)) {
        buf_putc(&r->units, '|');
        must(e.kind != EVENT_OPEN && e.kind != EVENT_CLOSE);
        note(r, &e);
    }
    must(!events_rest(&ev, &e));
    r->failed = ev.failed;
    events_free(&ev);
}

static void compare(const struct result *a, const struct result *b, const char *text, size_t n)
{
    must(a->failed == b->failed);
    must(a->units.n == b->units.n && memcmp(buf_str(&a->units), buf_str(&b->units), a->units.n) == 0);
    must(a->raws.n == b->raws.n && a->raws.n <= n && memcmp(buf_str(&a->raws), text, a->raws.n) == 0);
    must(a->failed || a->raws.n == n);
}

static void release(struct result *r)
{
    buf_free(&r->units);
    buf_free(&r->raws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 2;
    enum events_form form = data[0] & 1 ? EVENTS_ARRAY : EVENTS_SSE;
    size_t cap = data[0] & 2 ? 40 : EVENTS_CAP;
    unsigned patterns[] = {15, data[1] + 1u, 1024 + data[1]};
    struct result whole = {0};
    split(text, size - 2, form, cap, 0, &whole);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct result pieces = {0};
        split(text, size - 2, form, cap, i == 0 ? 16 * patterns[0] : patterns[i], &pieces);
        compare(&whole, &pieces, text, size - 2);
        release(&pieces);
    }
    release(&whole);
    return 0;
}
