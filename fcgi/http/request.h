/* SPDX-License-Identifier: MIT */
/*
 * request.h: one HTTP request and its answer, whatever server stands in front.
 *
 * The web server speaks FastCGI or CGI; nothing outside this room knows which.
 * `struct request` is the lifetime of everything reachable from it. It belongs
 * to one thread at a time but not to a certain thread.
 */
#ifndef POLLUX_HTTP_REQUEST_H
#define POLLUX_HTTP_REQUEST_H

#include "base/buf.h"
#include "base/fault.h"
#include "http/peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_header {
    const char *name;  /* lower case, with dashes: "x-goog-api-key"; owned by the request */
    const char *value; /* borrowed from the server's environment of this request */
};

/* How bytes come and go: one implementation for FastCGI, one for CGI (worker.c). */
struct request_io {
    long (*read)(void *ctx, char *to, size_t n); /* bytes, 0 at the end, -1 on failure */
    void (*all_read)(void *ctx); /* the body has come: what it was read with can go */
    bool (*write)(void *ctx, const char *bytes, size_t n);
    bool (*flush)(void *ctx);
    bool (*gone)(void *ctx); /* has the web server hung up? */
    void *ctx;
};

/* Keeps what is answered: the head, and the first bytes of the body. */
struct tap {
    struct buf head, body;
    size_t most; /* bytes of the body that are kept */
};

struct request {
    char id[40]; /* a version 7 UUID, in every log line and in x-request-id */
    const char *method;
    const char *uri;          /* REQUEST_URI: raw and complete */
    const char *content_type; /* "" when absent */
    int64_t content_length;   /* -1 when absent; -2 when it is not a number */
    const char *remote;       /* address of the client, as far as that can be believed; "" if unknown */
    struct peer peer;         /* how that was found out */
    bool https;               /* also when a trusted proxy says so */
    const char *host;            /* Host header, or SERVER_NAME:SERVER_PORT */
    struct http_header *headers; /* in the order of the environment; duplicates possible */
    size_t headers_n;
    struct request_io io; /* borrowed ctx */
    int64_t began_ms;     /* clock_ms() when the request was read */

    /* the answer */
    int status;        /* 0 until response_begin() */
    struct buf always; /* header lines that every answer to this request gets (CORS) */
    struct buf head;   /* header lines waiting for the first byte */
    bool head_sent;
    bool broken; /* a read or write failed: the client is gone */
    bool cut;    /* what has been sent must not look whole: response_cut() */
    int64_t bytes_in, bytes_out;
    struct tap *tap; /* borrowed; NULL: nobody wants to see the answer */
};

/* Fills a request from a CGI environment ("NAME=value" strings, NULL at the end), which must stay valid.
 * `io` is copied. */
void request_open(struct request *r, char *const *env, const struct request_io *io);

/* Frees what request_open() and the answer allocated. */
void request_close(struct request *r);

/* The value of a header by its lower-case name: the first, or NULL. */
const char *request_header(const struct request *r, const char *name);

/* Up to `n` bytes of the body; 0 at its end, -1 when the client broke off. */
long request_read(struct request *r, char *to, size_t n);

/* Appends the whole body. False with 413 beyond `max`, 400 when it is shorter than promised, 415 when it
 * is compressed. */
bool request_body(struct request *r, struct buf *body, size_t max, struct fault *f);

/* Has the client (or the web server for it) gone away? Cheap: may be asked at every turn. */
bool request_gone(struct request *r);

/* Begins the answer. Header values must be free of control characters: those are dropped. */
void response_begin(struct request *r, int status);
void response_header(struct request *r, const char *name, const char *value);

/* Sends bytes of the body (and the head before the first of them). False when the client is gone. */
bool response_write(struct request *r, const void *bytes, size_t n);

/* Hands everything to the web server now. The end of a request does that too, so only streams need it. */
bool response_flush(struct request *r);

/* The answer cannot be completed: the connection to the web server is closed without its end, so that the client does
 * not take what has come for all. A CGI program has no way to say that. */
void response_cut(struct request *r);

/* A whole answer at once: begin must not have been called. */
bool response_whole(struct request *r, int status, const char *content_type, const void *bytes, size_t n);

/* Whether the head has gone: from then on the status cannot be changed. */
static inline bool response_begun(const struct request *r)
{
    return r->status != 0;
}

#endif
