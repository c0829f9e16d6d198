/* SPDX-License-Identifier: MIT */
/*
 * uri.h: reads what a client wrote into its request line.
 *
 * REQUEST_URI is parsed here, once; nobody routes on PATH_INFO or SCRIPT_NAME,
 * in which web servers disagree.
 */
#ifndef POLLUX_HTTP_URI_H
#define POLLUX_HTTP_URI_H

#include "base/buf.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

enum { URI_MAX = 16 * 1024, URI_MODEL_MAX = 256 };

struct uri {
    struct buf path;  /* decoded once, without the prefix, begins with "/"; valid UTF-8 without control
                         characters, "//", "." or ".." segments, backslashes */
    struct buf query; /* raw, without the "?"; printable ASCII only */
};

/* Parses REQUEST_URI. `prefix` is "" or "/x": a path not below it is FAULT_NOT_FOUND. On failure false, and
 * `ret` holds nothing. Free with uri_free(). */
bool uri_parse(const char *request_uri, const char *prefix, struct uri *ret, struct fault *f);
void uri_free(struct uri *u);

/* Appends a decoded path so that it can stand in a URL: everything but letters, digits and /-._~:@$,;=+!*'()
 * becomes %XX. */
void uri_path_encode(struct buf *out, const char *path);

/* A path of the native API, taken apart: /VERSION/RESOURCE[:VERB]. */
struct uri_call {
    char version[16];          /* "v1beta" */
    bool upload;               /* the path began with /upload */
    char resource[512];        /* "models/gemini-2.5-flash", "files/abc"; models/ once, also if left out */
    char model[URI_MODEL_MAX]; /* "gemini-2.5-flash", "tunedModels/x"; "" when none is named */
    char verb[64];             /* "generateContent", or "" */
};

/* Takes a decoded path apart. FAULT_NOT_FOUND if it has no version, FAULT_BAD_REQUEST if a model's name has
 * characters that no model has. Resources other than models are left as they are. */
bool uri_call_parse(const char *path, struct uri_call *ret, struct fault *f);

/* Appends the upstream's path of a call, encoded: "/v1beta/models/x:generateContent". */
void uri_call_path(struct buf *out, const struct uri_call *call);

/* Reads a model's name as a body may hold it, with or without its collection: "x" for x, models/x and
 * models/models/x; tunedModels/, dynamic/ and publishers/google/models/ stay. False if it is no model's name;
 * allowed are letters, digits, dot, underscore and hyphen. */
bool uri_model_name(const char *given, char name[static URI_MODEL_MAX]);

/* Appends the resource of a model, not encoded: "models/x" for x; a name with its collection is one already. */
void uri_model_resource(struct buf *out, const char *model);

/* Is this a model's name, with or without its collection? */
bool uri_model_ok(const char *name);

/* Appends the decoded value of the first pair called `name` to `value` (may be NULL), and returns how many
 * pairs have this name. Names are compared decoded. */
size_t uri_query_get(const char *raw, const char *name, struct buf *value);

/* Takes the next pair off the raw query *at and appends name and value, decoded, to the emptied buffers. False
 * at the end. */
bool uri_query_next(const char **at, struct buf *name, struct buf *value);

/* Appends the raw query without the pairs called one of `names` (NULL at the end; upper or lower case,
 * compared decoded). All others stay byte for byte. */
void uri_query_without(const char *raw, const char *const *names, struct buf *out);

/* Names under which a credential could travel in a query: for uri_query_without(). */
extern const char *const uri_credential_names[];

#endif
