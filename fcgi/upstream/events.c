/* SPDX-License-Identifier: MIT */
/*
 * events.c: cuts an upstream's stream into its units; see events.h.
 *
 * `in` holds the bytes, `start` is where the current unit begins and `scan` how
 * far it has been looked at. No byte is looked at twice, and bytes given out are
 * dropped when they are at least half of the buffer, so time is linear however
 * the stream is split. Where a unit ends depends on its bytes alone, never on
 * how they arrived.
 */
#include "upstream/events.h"

#include <string.h>

/* START: nothing but blanks so far. LINES: SSE. BARE: JSON outside of data lines. ARRAY: between two elements
 * of the array. ELEMENT: inside one. */
enum { START, LINES, BARE, ARRAY, ELEMENT };

enum { KEEP = 64 * 1024 }; /* a buffer larger than this is given back once it is mostly empty */

void events_init(struct events *ev, enum events_form promised)
{
    *ev = (struct events){.form = promised, .cap = EVENTS_CAP, .state = START};
}

void events_feed(struct events *ev, const char *bytes, size_t n)
{
    if (!ev->failed)
        buf_add(&ev->in, bytes, n);
}

void events_free(struct events *ev)
{
    buf_free(&ev->in);
    buf_free(&ev->joined);
    *ev = (struct events){0};
}

/* Drops what was given out before, if that is worth the move. If so, it is directly after it was given out,
 * for later `start` is a smaller part of what there is: so nothing of the current unit is known yet. */
static void release(struct events *ev)
{
    if (ev->data_lines == 0)
        buf_clear(&ev->joined);
    if (ev->start == 0 || ev->start < ev->in.n / 2)
        return;
    size_t left = ev->in.n - ev->start;
    if (left > 0 && ev->in.cap > KEEP && left < ev->in.cap / 4) {
        struct buf fresh = {0};
        buf_add(&fresh, ev->in.p + ev->start, left);
        buf_free(&ev->in);
        ev->in = fresh;
    } else {
        buf_drop(&ev->in, ev->start);
    }
    ev->start = ev->scan = ev->line = 0;
}

/* Gives out the unit that ends at `end`, and begins the next one there. */
static bool give(struct events *ev, struct event *ret, enum event_kind kind, size_t end)
{
    if (end - ev->start > ev->cap) {
        ev->failed = true;
        return false;
    }
    *ret = (struct event){.kind = kind, .raw = ev->in.p + ev->start, .raw_n = end - ev->start};
    ev->start = ev->scan = ev->line = end;
    ev->data_lines = 0;
    ev->json = (struct events_json){0};
    return true;
}

static void trim(const char **text, size_t *n)
{
    while (*n > 0 && ((*text)[0] == ' ' || (*text)[0] == '\t'))
        (*text)++, (*n)--;
    while (*n > 0 && ((*text)[*n - 1] == ' ' || (*text)[*n - 1] == '\t'))
        (*n)--;
}

/* The payload of the data lines so far; false if there is none that means anything. */
static bool payload(const struct events *ev, const char **json, size_t *n)
{
    if (ev->data_lines == 0)
        return false;
    *json = ev->data_lines == 1 ? ev->in.p + ev->data : ev->joined.p;
    *n = ev->data_lines == 1 ? ev->data_n : ev->joined.n;
    trim(json, n);
    return *n > 0 && !(*n == 6 && memcmp(*json, "[DONE]", 6) == 0);
}

/* Gives out the SSE block that ends at `end`. */
static bool give_block(struct events *ev, struct event *ret, size_t end)
{
    const char *json = NULL;
    size_t n = 0;
    bool data = payload(ev, &json, &n);
    if (!give(ev, ret, data ? EVENT_DATA : EVENT_BLANK, end))
        return false;
    if (data) {
        ret->json = json;
        ret->json_n = n;
    }
    return true;
}

static bool give_json(struct events *ev, struct event *ret, enum event_kind kind)
{
    size_t value = ev->value, end = ev->scan;
    if (!give(ev, ret, kind, end))
        return false;
    ret->json = ev->in.p + value;
    ret->json_n = end - value;
    return true;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Is this a byte of U+FEFF, the byte order mark? */
static bool bom(char c)
{
    return c == '\xef' || c == '\xbb' || c == '\xbf';
}

/* ---------------------------------------------------------------- JSON ---- */

/* Moves *at to the end of the JSON value under way; false if the bytes end before it does. A value that is
 * neither a container nor a string ends before the comma, blank or bracket that follows it. */
static bool json_end(struct events_json *j, const char *p, size_t *at, size_t n)
{
    for (; *at < n; (*at)++) {
        char c = p[*at];
        if (j->in_string) {
            bool closes = c == '"' && !j->escaped;
            j->escaped = c == '\\' && !j->escaped;
            j->in_string = !closes;
            if (!closes || j->depth > 0)
                continue;
        } else if (c == '"') {
            j->in_string = true;
            continue;
        } else if (c == '{' || c == '[') {
            j->depth++;
            continue;
        } else if (c == '}' || c == ']') {
            if (j->depth == 0)
                return true;
            if (--j->depth > 0)
                continue;
        } else {
            if (j->depth == 0 && (c == ',' || blank(c)))
                return true;
            continue;
        }
        (*at)++; /* the quote or brace that closes it belongs to it */
        return true;
    }
    return false;
}

/* Is this one whole object or array? */
static bool json_whole(const char *p, size_t n)
{
    struct events_json j = {0};
    size_t at = 0;
    return n > 0 && (p[0] == '{' || p[0] == '[') && json_end(&j, p, &at, n) && at == n;
}

/* --------------------------------------------------------------- lines ---- */

static void add_data(struct events *ev, size_t from, size_t end)
{
    if (ev->data_lines == 0) {
        ev->data = from;
        ev->data_n = end - from;
    } else {
        if (ev->data_lines == 1) {
            buf_clear(&ev->joined);
            buf_add(&ev->joined, ev->in.p + ev->data, ev->data_n);
        }
        buf_putc(&ev->joined, '\n');
        buf_add(&ev->joined, ev->in.p + from, end - from);
    }
    ev->data_lines++;
}

/* Takes note of the line that begins at `line`. Fields other than data mean nothing to us. */
static void take_line(struct events *ev, size_t end)
{
    const char *text = ev->in.p + ev->line;
    size_t n = end - ev->line;
    if (n < 4 || memcmp(text, "data", 4) != 0 || (n > 4 && text[4] != ':'))
        return;
    size_t skip = n == 4 ? 4 : n > 5 && text[5] == ' ' ? 6 : 5;
    add_data(ev, ev->line + skip, end);
}

/* Finds the end of the current line. *end is where its text ends, *next where the next line begins. False if
 * it is not there yet, also when the last byte is a CR that a LF may follow. */
static bool line_end(struct events *ev, size_t *end, size_t *next)
{
    const char *from = ev->in.p + ev->scan;
    size_t n = ev->in.n - ev->scan;
    const char *lf = memchr(from, '\n', n);
    const char *cr = memchr(from, '\r', lf != NULL ? (size_t)(lf - from) : n);
    if (lf == NULL && cr == NULL) {
        ev->scan = ev->in.n;
        return false;
    }
    *end = ev->scan = (size_t)((cr != NULL ? cr : lf) - ev->in.p);
    *next = *end + 1;
    if (cr == NULL) {
        ev->lone_cr = false;
        return true;
    }
    if (*end == ev->line && ev->lone_cr) { /* a blank line in a stream of lone CRs: do not wait for more */
        ev->skip_lf = true;
        return true;
    }
    if (*next == ev->in.n)
        return false;
    ev->lone_cr = ev->in.p[*next] != '\n';
    *next += !ev->lone_cr;
    return true;
}

/* Is the first byte of a line one that JSON begins with? If so, what came before it is a unit of its own. */
static bool bare_begins(struct events *ev)
{
    char c = ev->in.p[ev->line];
    return ev->scan == ev->line && (c == '{' || c == '[');
}

static bool next_bare(struct events *ev, struct event *ret)
{
    if (!json_end(&ev->json, ev->in.p, &ev->scan, ev->in.n))
        return false;
    ev->state = LINES;
    return give_json(ev, ret, EVENT_BARE);
}

static bool next_lines(struct events *ev, struct event *ret)
{
    while (ev->scan < ev->in.n) {
        if (ev->scan == ev->line && ev->skip_lf) {
            bool lf = ev->in.p[ev->line] == '\n';
            ev->skip_lf = false;
            ev->lone_cr = !lf;
            ev->line = ev->scan += lf;
            continue;
        }
        if (bare_begins(ev)) {
            if (ev->start < ev->line)
                return give_block(ev, ret, ev->line);
            ev->state = BARE;
            ev->value = ev->line;
            return next_bare(ev, ret);
        }
        size_t end, next;
        if (!line_end(ev, &end, &next))
            return false;
        if (end == ev->line)
            return give_block(ev, ret, next);
        take_line(ev, end);
        ev->line = ev->scan = next;
    }
    return false;
}

/* --------------------------------------------------------------- array ---- */

static bool next_element(struct events *ev, struct event *ret)
{
    if (!json_end(&ev->json, ev->in.p, &ev->scan, ev->in.n))
        return false;
    ev->state = ARRAY;
    return give_json(ev, ret, EVENT_DATA);
}

static bool next_array(struct events *ev, struct event *ret)
{
    const char *p = ev->in.p;
    while (ev->scan < ev->in.n && (blank(p[ev->scan]) || p[ev->scan] == ',' || p[ev->scan] == '}'))
        ev->scan++;
    if (ev->scan == ev->in.n)
        return false;
    if (p[ev->scan] == ']') {
        ev->state = LINES; /* whatever may still come is read like lines */
        return give(ev, ret, EVENT_CLOSE, ev->scan + 1);
    }
    ev->state = ELEMENT;
    ev->value = ev->scan;
    return next_element(ev, ret);
}

/* The first byte that is neither blank nor of a byte order mark decides about the form. */
static bool next_start(struct events *ev, struct event *ret)
{
    while (ev->scan < ev->in.n && (blank(ev->in.p[ev->scan]) || bom(ev->in.p[ev->scan])))
        ev->scan++;
    if (ev->scan == ev->in.n)
        return false;
    if (ev->in.p[ev->scan] == '[') {
        ev->form = EVENTS_ARRAY;
        ev->state = ARRAY;
        return give(ev, ret, EVENT_OPEN, ev->scan + 1);
    }
    if (ev->in.p[ev->scan] != '{')
        ev->form = EVENTS_SSE;
    ev->state = LINES;
    ev->line = ev->scan;
    return ev->start < ev->scan ? give(ev, ret, EVENT_BLANK, ev->scan) : next_lines(ev, ret);
}

bool events_next(struct events *ev, struct event *ret)
{
    static bool (*const next[])(struct events *, struct event *) = {
        [START] = next_start, [LINES] = next_lines,     [BARE] = next_bare,
        [ARRAY] = next_array, [ELEMENT] = next_element,
    };
    if (ev->failed)
        return false;
    release(ev);
    if (ev->start == ev->in.n)
        return false;
    if (next[ev->state](ev, ret))
        return true;
    if (ev->in.n - ev->start > ev->cap)
        ev->failed = true;
    return false;
}

/* ----------------------------------------------------------------- end ---- */

/* What is left of a block of lines: its last line has no end, or it has no blank line. */
static bool rest_of_lines(struct events *ev, struct event *ret)
{
    size_t end = ev->in.n;
    bool cr = ev->line < end && ev->in.p[end - 1] == '\r';
    bool ended = cr && ev->line == end - 1; /* the CR of a blank line was waiting for its LF */
    bool open = ev->line < end - cr && ev->in.p[ev->line] != ':';
    size_t lines = ev->data_lines;
    if (ev->line < end - cr)
        take_line(ev, end - cr);
    bool field = open && ev->data_lines == lines; /* an unfinished line that is no data */
    if (!give_block(ev, ret, end))
        return false;
    bool whole = ret->json != NULL && json_whole(ret->json, ret->json_n);
    if (!ended && (field || (ret->kind == EVENT_DATA && !whole)))
        *ret = (struct event){.kind = EVENT_PARTIAL, .raw = ret->raw, .raw_n = ret->raw_n};
    return true;
}

bool events_rest(struct events *ev, struct event *ret)
{
    if (ev->failed || ev->start == ev->in.n)
        return false;
    if (ev->state == LINES)
        return rest_of_lines(ev, ret);
    bool inside = ev->state == BARE || ev->state == ELEMENT;
    return give(ev, ret, inside ? EVENT_PARTIAL : EVENT_BLANK, ev->in.n);
}
