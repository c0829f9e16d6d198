/* SPDX-License-Identifier: MIT */
/* buf.c: a byte buffer that grows, and allocation that cannot fail; see buf.h. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256, BUF_KEEP = 64 * 1024 };

static void out_of_memory(void)
{
    static const char words[] = "pollux: out of memory: lower POLLUX_THREADS or POLLUX_BODY_BUDGET\n";
    fputs(words, stderr);
    abort();
}

void *xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *xrealloc(void *old, size_t n)
{
    void *p = realloc(old, n ? n : 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

char *xstrndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = xmalloc(len + 1);
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

void buf_reserve(struct buf *b, size_t more)
{
    if (more > (size_t)-1 / 2 - b->n)
        out_of_memory();
    size_t need = b->n + more + 1;
    if (need <= b->cap)
        return;
    size_t cap = b->cap ? b->cap : BUF_FIRST;
    while (cap < need)
        cap += cap / 2 + BUF_FIRST;
    b->p = xrealloc(b->p, cap);
    b->cap = cap;
    b->p[b->n] = '\0';
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    buf_reserve(b, n);
    if (n > 0)
        memcpy(b->p + b->n, bytes, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    buf_reserve(b, 64);
    int n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
    if (n >= 0 && (size_t)n >= b->cap - b->n) {
        buf_reserve(b, (size_t)n);
        n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
    }
    va_end(again);
    if (n > 0)
        b->n += (size_t)n;
    b->p[b->n] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        buf_clear(b);
        return;
    }
    memmove(b->p, b->p + n, b->n - n + 1);
    b->n -= n;
}

void buf_clear(struct buf *b)
{
    if (b->cap > BUF_KEEP) {
        buf_free(b);
        return;
    }
    b->n = 0;
    if (b->p != NULL)
        b->p[0] = '\0';
}

void buf_free(struct buf *b)
{
    if (b == NULL)
        return;
    free(b->p);
    *b = (struct buf){0};
}

const char *buf_str(const struct buf *b)
{
    return b->p != NULL ? b->p : "";
}

char *buf_take(struct buf *b)
{
    char *p = b->p != NULL ? b->p : xstrdup("");
    *b = (struct buf){0};
    return p;
}
