/* SPDX-License-Identifier: MIT */
/*
 * events.h: cuts an upstream's stream into its units, byte for byte.
 *
 * Feed bytes as they come, take units as they become complete. The `raw` bytes
 * of all units, in order, and then of events_rest(), are exactly the bytes fed,
 * however they were split: a native stream can be passed on unit by unit and
 * stays byte-identical. `json` is what a unit carries.
 *
 *     events_feed(&ev, bytes, n);
 *     while (events_next(&ev, &e))
 *         ...
 *
 * Two forms are known: SSE (alt=sse) and one JSON array (without it). The first
 * byte that is not blank decides which one it really is, whatever was promised.
 * An SSE unit ends with its blank line. An array element is complete with its
 * last brace, so the comma before it belongs to it, not the one after.
 */
#ifndef POLLUX_UPSTREAM_EVENTS_H
#define POLLUX_UPSTREAM_EVENTS_H

#include "base/buf.h"

#include <stdbool.h>

enum events_form { EVENTS_SSE, EVENTS_ARRAY };

enum event_kind {
    EVENT_DATA,    /* one payload: the data lines of an SSE block, or one element of the array */
    EVENT_BLANK,   /* comments, blank lines, padding, "data: [DONE]": nothing for us */
    EVENT_BARE,    /* JSON that stands outside of data: lines; as a rule an error at the end */
    EVENT_OPEN,    /* the array's "[" */
    EVENT_CLOSE,   /* the array's "]" */
    EVENT_PARTIAL, /* only from events_rest(): cut off in the middle */
};

struct event {
    enum event_kind kind;
    const char *raw;  /* borrowed until the next call on the same struct events */
    size_t raw_n;
    const char *json; /* the payload of DATA and BARE, else NULL; borrowed likewise, no NUL at the end */
    size_t json_n;
};

enum { EVENTS_CAP = 64 * 1024 * 1024 };

struct events {
    enum events_form form; /* as promised; corrected when the body begins differently */
    size_t cap;            /* largest unit in bytes; set after events_init() if EVENTS_CAP does not suit */
    bool failed;           /* a unit was larger than `cap`: nothing more comes out */

    /* The rest is private to events.c. Offsets count from the beginning of `in`. */
    int state;
    struct buf in;         /* the unit given out last, and all bytes after it */
    size_t start;          /* where the current unit begins */
    size_t scan;           /* up to where it has been looked at */
    size_t line;           /* where the current line begins */
    bool lone_cr;          /* the line before ended with CR alone */
    bool skip_lf;          /* the unit before ended with CR: a LF that follows is part of the same line end */
    size_t data, data_n;   /* the payload, when it is one data line */
    size_t data_lines;
    struct buf joined;     /* the payload, when it is several */
    size_t value;          /* where the JSON value of a bare or array unit begins */
    struct events_json {
        size_t depth;      /* open braces and brackets */
        bool in_string, escaped;
    } json;
};

void events_init(struct events *ev, enum events_form promised);

/* Adds bytes of the stream; they are copied. */
void events_feed(struct events *ev, const char *bytes, size_t n);

/* The next complete unit. False if there is none yet, or if the stream has failed (ev->failed). */
bool events_next(struct events *ev, struct event *ret);

/* At the end of the stream, after events_next() returned false: what is left. False if nothing is. The kind
 * says what it is: DATA or BARE if the payload is complete JSON that only lacks its terminator, BLANK if
 * nothing is missed, PARTIAL if the stream broke off inside a unit. */
bool events_rest(struct events *ev, struct event *ret);

void events_free(struct events *ev);

#endif
