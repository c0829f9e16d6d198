/* SPDX-License-Identifier: MIT */
/* fence.c: JSON without its Markdown fence; see fence.h. */
#include "translate/fence.h"

#include <string.h>

enum { OPENING_MAX = 40 }; /* "```", a language, a line end */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Looks at the beginning: false while it may still become a fence. */
static bool decide(struct fence *f)
{
    const char *start = buf_str(&f->held), *end = start + f->held.n;
    while (start < end && is_blank(*start))
        start++;
    size_t n = (size_t)(end - start);
    if (strncmp(start, "```", n < 3 ? n : 3) != 0)
        return f->decided = true;
    const char *line = n > 3 ? memchr(start, '\n', n) : NULL;
    if (line == NULL && n < OPENING_MAX)
        return false;
    f->inside = line != NULL && line - start < OPENING_MAX;
    if (f->inside)
        buf_drop(&f->held, (size_t)(line + 1 - buf_str(&f->held)));
    return f->decided = true;
}

/* The length of the text before the blanks and backticks it ends in. */
static size_t certain(const struct buf *text)
{
    size_t n = text->n;
    while (n > 0 && (is_blank(text->p[n - 1]) || text->p[n - 1] == '`'))
        n--;
    return n;
}

void fence_feed(struct fence *f, const char *text, size_t n, struct buf *out)
{
    buf_add(&f->held, text, n);
    if (!f->decided && !decide(f))
        return;
    size_t sure = f->inside ? certain(&f->held) : f->held.n;
    if (sure == 0)
        return;
    buf_add(out, f->held.p, sure);
    buf_drop(&f->held, sure);
}

void fence_end(struct fence *f, struct buf *out)
{
    bool closed = f->inside && strstr(buf_str(&f->held), "```") != NULL;
    if (f->held.n > 0 && !closed)
        buf_add(out, f->held.p, f->held.n);
    buf_free(&f->held);
}
