/* SPDX-License-Identifier: MIT */
/*
 * uri.c: request URIs, native paths and queries; see uri.h.
 *
 * A path is decoded exactly once. What two programs could read differently (a
 * NUL, a backslash, "..", a double slash, an encoding that is none) is refused
 * rather than repaired.
 */
#include "http/uri.h"
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------ encoding ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that %XX at `s` (with `n` bytes left) stands for, -1 if it is no such thing. */
static int percent_byte(const char *s, size_t n)
{
    if (n < 3 || s[0] != '%')
        return -1;
    int high = hex_digit(s[1]), low = hex_digit(s[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Appends `s` with %XX decoded; false if a percent sign is not followed by two digits. */
static bool percent_decode(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '%') {
            buf_putc(out, s[i]);
            continue;
        }
        int byte = percent_byte(s + i, n - i);
        if (byte < 0)
            return false;
        buf_putc(out, (char)byte);
        i += 2;
    }
    return true;
}

static bool path_char(unsigned char c)
{
    return c < 0x80 && (isalnum(c) || strchr("/-._~:@$,;=+!*'()", c) != NULL) && c != '\0';
}

void uri_path_encode(struct buf *out, const char *path)
{
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        if (path_char(c))
            buf_putc(out, *path);
        else
            buf_printf(out, "%%%02X", c);
    }
}

/* Valid UTF-8 without control characters (C0, DEL, C1)? */
static bool clean_text(const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length(text + i, n - i);
        unsigned char c = (unsigned char)text[i];
        bool c1 = length == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0;
        if (length == 0 || c < 0x20 || c == 0x7f || c1)
            return false;
        i += length;
    }
    return true;
}

/* ----------------------------------------------------------------- URI ---- */

/* The path of "http://host/path?query" begins after the host; an ordinary one where it begins. */
static const char *skip_origin(const char *uri)
{
    size_t scheme = strncasecmp(uri, "http://", 7) == 0 ? 7 : strncasecmp(uri, "https://", 8) == 0 ? 8 : 0;
    return scheme > 0 ? uri + scheme + strcspn(uri + scheme, "/?") : uri;
}

/* No segment may be empty (but the last), "." or "..", and no backslash may stand anywhere. */
static bool segments_ok(const char *path)
{
    if (strchr(path, '\\') != NULL)
        return false;
    for (const char *s = path; *s == '/';) {
        size_t n = strcspn(++s, "/");
        bool dots = (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
        if (dots || (n == 0 && s[n] == '/'))
            return false;
        s += n;
    }
    return true;
}

static bool query_ok(const char *query)
{
    for (; *query != '\0'; query++)
        if (*query <= 0x20 || *query >= 0x7f || *query == '#')
            return false;
    return true;
}

static bool decode_path(const char *raw, size_t n, struct buf *path)
{
    return memchr(raw, '#', n) == NULL && percent_decode(path, raw, n) && buf_str(path)[0] == '/' &&
           clean_text(path->p, path->n) && segments_ok(path->p);
}

static bool strip_prefix(struct buf *path, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(path->p, prefix, n) != 0 || (path->p[n] != '/' && path->p[n] != '\0'))
        return false;
    buf_drop(path, n);
    if (path->n == 0)
        buf_putc(path, '/');
    return true;
}

static bool malformed(const char *path, size_t n, struct fault *f)
{
    if (memmem(path, n, "//", 2) != NULL)
        return fault_set(f, FAULT_BAD_REQUEST,
                         "The request's path holds \"//\": does the base URL end with a slash too many?");
    return fault_set(f, FAULT_BAD_REQUEST, "The request's path is malformed.");
}

static bool parse_into(const char *request_uri, const char *prefix, struct uri *ret, struct fault *f)
{
    if (strnlen(request_uri, URI_MAX + 1) > URI_MAX)
        return fault_set(f, FAULT_BAD_REQUEST, "The request's path and query are too long.");
    const char *path = skip_origin(request_uri);
    size_t n = strcspn(path, "?");
    bool host_only = path > request_uri && n == 0;
    if (!(host_only ? decode_path("/", 1, &ret->path) : decode_path(path, n, &ret->path)))
        return malformed(path, n, f);
    if (!strip_prefix(&ret->path, prefix))
        return fault_set(f, FAULT_NOT_FOUND, "There is nothing at this path.");
    const char *query = path[n] == '?' ? path + n + 1 : "";
    if (!query_ok(query))
        return fault_set(f, FAULT_BAD_REQUEST, "The request's query holds characters that must be encoded.");
    buf_puts(&ret->query, query);
    return true;
}

bool uri_parse(const char *request_uri, const char *prefix, struct uri *ret, struct fault *f)
{
    *ret = (struct uri){0};
    if (parse_into(request_uri, prefix, ret, f))
        return true;
    uri_free(ret);
    return false;
}

void uri_free(struct uri *u)
{
    buf_free(&u->path);
    buf_free(&u->query);
}

/* -------------------------------------------------------- native paths ---- */

/* Collections whose members are models. */
static const char *const model_homes[] = {"models/", "tunedModels/", "dynamic/", "publishers/google/models/"};

/* Verbs that only models have: they make /v1beta/NAME:verb, without a collection, a model too. */
static const char *const model_verbs[] = {
    "generateContent",      "streamGenerateContent",  "countTokens",    "countTextTokens",
    "embedContent",         "batchEmbedContents",     "embedText",      "countMessageTokens",
    "batchGenerateContent", "asyncBatchEmbedContent", "generateAnswer", "generateText",
    "predict",              "predictLongRunning",     "generateMessage",
};

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

/* One segment of a model's name: letters, digits, dot, underscore, hyphen. */
static bool name_segment_ok(const char *name, size_t n)
{
    if (n == 0 || n > 128 || name[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!name_char(name[i]))
            return false;
    return true;
}

/* The length of the model collection that `name` begins with, 0 if with none. */
static size_t home_length(const char *name)
{
    for (size_t i = 0; i < sizeof model_homes / sizeof *model_homes; i++)
        if (strncmp(name, model_homes[i], strlen(model_homes[i])) == 0)
            return strlen(model_homes[i]);
    return 0;
}

/* Passes over "models/" where it is followed by a collection or said twice. */
static const char *skip_doubled(const char *name)
{
    while (strncmp(name, "models/", 7) == 0 && home_length(name + 7) > 0)
        name += 7;
    return name;
}

bool uri_model_name(const char *given, char name[static URI_MODEL_MAX])
{
    given = skip_doubled(given);
    size_t home = home_length(given);
    if (!name_segment_ok(given + home, strlen(given + home)))
        return false;
    strcpy(name, strncmp(given, "models/", 7) == 0 ? given + home : given);
    return true;
}

bool uri_model_ok(const char *name)
{
    name += home_length(name);
    return name_segment_ok(name, strlen(name));
}

void uri_model_resource(struct buf *out, const char *model)
{
    if (home_length(model) == 0)
        buf_puts(out, "models/");
    buf_puts(out, model);
}

static bool model_verb(const char *verb)
{
    for (size_t i = 0; i < sizeof model_verbs / sizeof *model_verbs; i++)
        if (strcmp(verb, model_verbs[i]) == 0)
            return true;
    return false;
}

/* v1, v1beta, v1alpha, v1beta3: a "v", a digit, then letters and digits. */
static size_t version_length(const char *s)
{
    if (s[0] != 'v' || !isdigit((unsigned char)s[1]))
        return 0;
    size_t n = 2;
    while (isalnum((unsigned char)s[n]))
        n++;
    return n < sizeof((struct uri_call *)0)->version && (s[n] == '/' || s[n] == '\0') ? n : 0;
}

/* Takes the verb off the last segment. An empty one, or one longer than any there is, is part of the name. */
static void split_verb(const char *rest, struct uri_call *ret, size_t *resource_n)
{
    const char *slash = strrchr(rest, '/');
    const char *colon = strrchr(slash != NULL ? slash : rest, ':');
    *resource_n = strlen(rest);
    if (colon == NULL || colon == rest || colon[1] == '\0' || strlen(colon + 1) >= sizeof ret->verb)
        return;
    *resource_n = (size_t)(colon - rest);
    strcpy(ret->verb, colon + 1);
}

/* Fills in which model the resource is or belongs to. */
static bool name_model(struct uri_call *ret, struct fault *f)
{
    size_t home = home_length(ret->resource);
    if (home == 0)
        return true;
    size_t n = strcspn(ret->resource + home, "/");
    if (n == 0)
        return true;
    if (!name_segment_ok(ret->resource + home, n))
        return fault_param(f, "model", "This is not a model's name.");
    bool plain = strncmp(ret->resource, "models/", 7) == 0;
    const char *model = plain ? ret->resource + home : ret->resource;
    memcpy(ret->model, model, plain ? n : home + n);
    return true;
}

/* Copies the resource: models/ is not said twice, and is added where the verb alone tells of a model. */
static void copy_resource(const char *rest, size_t n, struct uri_call *ret)
{
    n -= (size_t)(skip_doubled(rest) - rest);
    rest = skip_doubled(rest);
    bool bare = memchr(rest, '/', n) == NULL && model_verb(ret->verb);
    size_t at = bare ? strlen("models/") : 0;
    memcpy(ret->resource, "models/", at);
    memcpy(ret->resource + at, rest, n);
}

bool uri_call_parse(const char *path, struct uri_call *ret, struct fault *f)
{
    *ret = (struct uri_call){0};
    const char *rest = path + (path[0] == '/');
    if (strncmp(rest, "upload/", 7) == 0) {
        ret->upload = true;
        rest += 7;
    }
    size_t version = version_length(rest), n;
    if (version == 0)
        return fault_set(f, FAULT_NOT_FOUND, "There is nothing at this path.");
    memcpy(ret->version, rest, version);
    rest += version + (rest[version] == '/');
    if (strlen(rest) + sizeof "models/" > sizeof ret->resource)
        return fault_set(f, FAULT_NOT_FOUND, "There is nothing at this path.");
    split_verb(rest, ret, &n);
    copy_resource(rest, n, ret);
    return name_model(ret, f);
}

void uri_call_path(struct buf *out, const struct uri_call *call)
{
    buf_puts(out, call->upload ? "/upload/" : "/");
    uri_path_encode(out, call->version);
    if (call->resource[0] != '\0')
        buf_putc(out, '/');
    uri_path_encode(out, call->resource);
    if (call->verb[0] != '\0')
        buf_putc(out, ':');
    uri_path_encode(out, call->verb);
}

/* --------------------------------------------------------------- query ---- */

const char *const uri_credential_names[] = {
    "key", "$key", "access_token", "$access_token", "oauth_token", "$oauth_token", "bearer_token", NULL,
};

struct pair {
    const char *text; /* "name=value", raw */
    size_t n;
    size_t name_n;
};

/* Takes the next pair off *at; false at the end. */
static bool next_pair(const char **at, struct pair *ret)
{
    if (**at == '\0')
        return false;
    ret->text = *at;
    ret->n = strcspn(*at, "&");
    const char *equals = memchr(ret->text, '=', ret->n);
    ret->name_n = equals != NULL ? (size_t)(equals - ret->text) : ret->n;
    *at += ret->n + (ret->text[ret->n] == '&');
    return true;
}

/* Appends the decoded text of a form: "+" is a blank. What cannot be decoded is appended as it is. */
static void form_decode(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int byte = percent_byte(s + i, n - i);
        buf_putc(out, byte >= 0 ? (char)byte : s[i] == '+' ? ' ' : s[i]);
        i += byte >= 0 ? 2 : 0;
    }
}

/* The pair's decoded name, if it is short enough to be one of ours. */
static bool pair_name(const struct pair *pair, char name[static 32])
{
    size_t n = 0;
    for (size_t i = 0; i < pair->name_n; i++) {
        int byte = percent_byte(pair->text + i, pair->name_n - i);
        if (n == 31)
            return false;
        name[n++] = byte > 0 ? (char)byte : pair->text[i] == '+' ? ' ' : pair->text[i];
        i += byte > 0 ? 2 : 0;
    }
    name[n] = '\0';
    return true;
}

size_t uri_query_get(const char *raw, const char *name, struct buf *value)
{
    size_t found = 0;
    struct pair pair;
    char is[32];
    while (next_pair(&raw, &pair)) {
        if (!pair_name(&pair, is) || strcmp(is, name) != 0)
            continue;
        size_t from = pair.name_n + (pair.name_n < pair.n);
        if (found++ == 0 && value != NULL)
            form_decode(value, pair.text + from, pair.n - from);
    }
    return found;
}

bool uri_query_next(const char **at, struct buf *name, struct buf *value)
{
    struct pair pair;
    if (!next_pair(at, &pair))
        return false;
    size_t from = pair.name_n + (pair.name_n < pair.n);
    buf_clear(name);
    buf_clear(value);
    form_decode(name, pair.text, pair.name_n);
    form_decode(value, pair.text + from, pair.n - from);
    return true;
}

static bool named_one_of(const struct pair *pair, const char *const *names)
{
    char is[32];
    if (!pair_name(pair, is))
        return false;
    while (*names != NULL && strcasecmp(is, *names) != 0)
        names++;
    return *names != NULL;
}

void uri_query_without(const char *raw, const char *const *names, struct buf *out)
{
    struct pair pair;
    bool first = true;
    while (next_pair(&raw, &pair)) {
        if (named_one_of(&pair, names))
            continue;
        if (!first)
            buf_putc(out, '&');
        buf_add(out, pair.text, pair.n);
        first = false;
    }
}
