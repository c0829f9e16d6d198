/* SPDX-License-Identifier: MIT */
/*
 * buf.h: a byte buffer that grows.
 *
 * `p` is always followed by a NUL that is not counted in `n`, once anything was
 * added, so that text can be handed to functions that want a C string. A buffer
 * of zeros (`struct buf b = {0}`) is empty and valid. Running out of memory ends
 * the process: the supervisor starts another one, and the ledger's rows say
 * what was under way.
 */
#ifndef POLLUX_BASE_BUF_H
#define POLLUX_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *p;    /* owned by the buffer; NULL while nothing was added */
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated, counting the NUL */
};

/* Makes room for `more` bytes beyond `n` (and the NUL). */
void buf_reserve(struct buf *b, size_t more);

/* Appends bytes, a C string, one character, formatted text. */
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Removes the first `n` bytes. */
void buf_drop(struct buf *b, size_t n);

/* Empties the buffer but keeps its memory, unless that is more than 64 KiB. */
void buf_clear(struct buf *b);

/* Frees the memory; the buffer is empty and valid again. NULL is fine. */
void buf_free(struct buf *b);

/* The text, never NULL: borrowed until the buffer changes. */
const char *buf_str(const struct buf *b);

/* Takes the memory out of the buffer: new, to be freed with free(); the buffer is empty again. */
char *buf_take(struct buf *b);

/* malloc, calloc and strdup that end the process instead of returning NULL. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);

#endif
