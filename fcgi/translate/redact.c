/* SPDX-License-Identifier: MIT */
/* redact.c: what may be kept of an exchange; see redact.h. */
#include "translate/redact.h"
#include "base/auto.h"
#include "base/log.h"
#include "base/utf8.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

enum {
    DEPTH = 64,      /* of JSON that is looked into; what is deeper has no name */
    NAME = 48,       /* longer names are texts */
    RUN_LEAST = 256, /* so many characters of base64 on end are data, wherever they stand */
    LINE_LEAST = 40, /* base64 may be broken into lines of at least so many */
    WITHIN = 3,      /* JSON within texts of JSON is looked into so deep */
    SLACK = 4096,    /* what may be cut off again is not worked on */
};

/* An object or array that is open. */
struct frame {
    bool object;
    bool open;         /* its names are the caller's own: they say nothing about what stands below them */
    char name[NAME];   /* the last name in it; in an array the name of the array */
    char within[NAME]; /* the name that it stands below itself */
};

struct scan {
    const struct redact *how;
    struct buf *out;
    const char *p, *end;
    int within;                     /* how many texts it stands within */
    size_t depth, beyond;           /* `beyond`: how much deeper it is than DEPTH */
    struct frame frames[DEPTH + 1]; /* [0]: outside of all */
};

/* ------------------------------------------------------------------ names */

static bool among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}
#define AMONG(name, names) among(name, names, sizeof names / sizeof *names)

/* The name in lower case, without what joins its words. */
static void plain_name(const char *name, char out[static NAME])
{
    size_t n = 0;
    for (; *name != '\0' && n < NAME - 1; name++)
        if (isalnum((unsigned char)*name))
            out[n++] = (char)tolower((unsigned char)*name);
    out[n] = '\0';
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Whether what stands below this name is a secret, whatever it looks like. */
static bool is_secret_name(const char *name)
{
    static const char *const ends[] = {"password",  "passwd",    "secret",       "apikey",
                                       "token",     "cookie",    "credential",   "privatekey",
                                       "accesskey", "secretkey", "authorization"};
    char plain[NAME];
    plain_name(name, plain);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(plain, ends[i]))
            return true;
    return false;
}

/* Containers that hold what callers and models say, under names of their own. */
static bool is_open_name(const char *name)
{
    static const char *const names[] = {"args",       "arguments",  "response",       "input",
                                        "output",     "metadata",   "parameters",     "parametersJsonSchema",
                                        "properties", "labels",     "responseSchema", "responseJsonSchema",
                                        "schema",     "json_schema"};
    return AMONG(name, names);
}

/* Names below which the protocol has words of its own, not texts. */
static bool is_protocol_name(const char *name)
{
    static const char *const names[] = {
        "role",   "model",       "finishReason",     "finish_reason",      "mimeType",       "mime_type",
        "type",   "id",          "object",           "modelVersion",       "status",         "code",
        "reason", "category",    "probability",      "threshold",          "blockReason",    "severity",
        "effort", "modality",    "reasoning_effort", "responseId",         "thinkingLevel",  "mode",
        "@type",  "quotaId",     "quotaMetric",      "retryDelay",         "service_tier",   "serviceTier",
        "format", "tool_choice", "language",         "system_fingerprint", "encoding_format"};
    return AMONG(name, names);
}

static bool is_media_name(const char *name, const char *within)
{
    static const char *const holders[] = {"inlineData", "inline_data", "input_audio", "blob", "audio"};
    static const char *const names[] = {"b64_json", "bytesBase64Encoded", "bytes_base64_encoded",
                                        "file_data"};
    return AMONG(name, names) || (strcmp(name, "data") == 0 && AMONG(within, holders));
}

bool redact_header_ok(const char *name)
{
    static const char *const parts[] = {"auth",      "cookie",     "key",        "token",
                                        "secret",    "password",   "credential", "session",
                                        "signature", "upload-url", "location"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcasestr(name, parts[i]) != NULL)
            return false;
    return true;
}

/* ------------------------------------------------------------------ one text */

static bool is_base64(unsigned char c)
{
    return isalnum(c) || c == '+' || c == '/' || c == '-' || c == '_' || c == '=';
}

/* How far base64 goes from here, line breaks included, and how many characters of it there are (but its
 * padding). */
static size_t base64_run(const char *p, size_t n, size_t *chars)
{
    size_t i = 0, line = 0;
    for (*chars = 0; i < n; i++) {
        if (is_base64((unsigned char)p[i])) {
            line++;
            *chars += p[i] != '=';
        } else if (line >= LINE_LEAST && (p[i] == '\n' || p[i] == '\r')) {
            size_t next = i + 1 + (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n');
            if (next >= n || !is_base64((unsigned char)p[next]))
                break;
            i = next - 1;
            line = 0;
        } else {
            break;
        }
    }
    return i;
}

static void say_bytes(struct buf *out, size_t chars)
{
    buf_printf(out, "[%zu bytes of base64]", chars / 4 * 3 + chars % 4 * 3 / 4);
}

static bool follows(const char *text, size_t at, const char *mark)
{
    size_t n = strlen(mark);
    return at >= n && strncasecmp(text + at - n, mark, n) == 0;
}

/* Runs of base64 become their length; what lies beyond `most` bytes of the result is left out. */
static void shorten(struct buf *out, const char *text, size_t n, size_t most)
{
    size_t began = out->n;
    for (size_t i = 0, chars; i < n && out->n - began < most;) {
        size_t run = base64_run(text + i, n - i, &chars);
        if (run > 0 && (chars >= RUN_LEAST || follows(text, i, ";base64,"))) {
            say_bytes(out, chars);
        } else {
            run = run > 0 ? run : 1;
            buf_add(out, text + i, run);
        }
        i += run;
    }
}

static void mask_named(struct buf *text, const char *secret)
{
    size_t n = strlen(secret);
    const char *hit = n > 0 && text->n > 0 ? memmem(text->p, text->n, secret, n) : NULL;
    if (hit == NULL)
        return;
    auto_buf out = {0};
    const char *p = text->p, *end = text->p + text->n;
    for (; hit != NULL; hit = memmem(p, (size_t)(end - p), secret, n)) {
        buf_add(&out, p, (size_t)(hit - p));
        buf_puts(&out, "***");
        p = hit + n;
    }
    buf_add(&out, p, (size_t)(end - p));
    buf_free(text);
    *text = out;
    out = (struct buf){0};
}

/* From "-----BEGIN ... PRIVATE KEY-----" to its end, or to the end of the text. */
static void mask_private_keys(struct buf *text)
{
    static const char begin[] = "-----BEGIN ", kind[] = "PRIVATE KEY-----", end[] = "-----END ";
    if (text->n == 0 || memmem(text->p, text->n, kind, sizeof kind - 1) == NULL)
        return;
    auto_buf out = {0};
    const char *p = text->p, *last = text->p + text->n;
    for (const char *hit; (hit = memmem(p, (size_t)(last - p), begin, sizeof begin - 1)) != NULL;) {
        const char *stop = memmem(hit, (size_t)(last - hit), end, sizeof end - 1);
        const char *line = stop != NULL ? memchr(stop, '\n', (size_t)(last - stop)) : NULL;
        buf_add(&out, p, (size_t)(hit - p));
        buf_puts(&out, "***");
        p = line != NULL ? line : last;
    }
    buf_add(&out, p, (size_t)(last - p));
    buf_free(text);
    *text = out;
    out = (struct buf){0};
}

/* A text without secrets and data, at most about `most` bytes of it. */
static void clean(struct buf *out, const char *text, size_t n, size_t most, const struct redact *how)
{
    auto_buf kept = {0};
    shorten(&kept, text, n, most);
    for (size_t i = 0; i < how->secrets_n; i++)
        mask_named(&kept, how->secrets[i]);
    mask_private_keys(&kept);
    log_redact(out, buf_str(&kept), kept.n);
}

/* ------------------------------------------------------------------ strings of JSON */

static size_t room(const struct scan *s)
{
    return s->how->most + SLACK > s->out->n ? s->how->most + SLACK - s->out->n : 0;
}

/* What a string says, without its escapes; false if it is none. `raw` begins and ends with a quote. */
static bool unescape(const char *raw, size_t n, struct buf *text)
{
    json_auto_t *value = json_loadb(raw, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!json_is_string(value))
        return false;
    buf_add(text, json_string_value(value), json_string_length(value));
    return true;
}

/* Words of the protocol are short and plain. */
static bool is_word(const char *p, size_t n)
{
    if (n == 0 || n > 80)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)p[i]) && strchr("_./:@-", p[i]) == NULL)
            return false;
    return true;
}

static size_t count_characters(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xc0) != 0x80;
    return count;
}

static void scan_all(struct scan *s);

/* A text that is kept. What looks like JSON is read as such: arguments and results of functions often are. */
static void put_clean(const struct scan *s, const char *text, size_t n, struct buf *out)
{
    if ((*text == '{' || *text == '[') && s->within < WITHIN) {
        struct scan inner = {.how = s->how, .out = out, .p = text, .end = text + n, .within = s->within + 1};
        scan_all(&inner);
    } else {
        clean(out, text, n, room(s), s->how);
    }
}

/* What stands for the text; false when it may stay as it is. */
static bool replace(const struct scan *s, const char *text, size_t n, struct buf *out)
{
    const struct frame *f = &s->frames[s->depth];
    size_t chars;
    if (n == 0)
        return false;
    bool data = is_media_name(f->name, f->within) && base64_run(text, n, &chars) == n;
    if (is_secret_name(f->name))
        buf_puts(out, "***");
    else if (data)
        say_bytes(out, chars);
    else if (!s->how->texts && (f->open || !is_protocol_name(f->name) || !is_word(text, n)))
        buf_printf(out, "[%zu characters]", count_characters(text, n));
    else
        put_clean(s, text, n, out);
    return out->n != n || memcmp(out->p, text, n) != 0;
}

static void put_quoted(struct buf *out, const char *text, size_t n)
{
    json_auto_t *value = json_stringn(text, n);
    auto_str quoted = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    buf_puts(out, quoted != NULL ? quoted : "\"***\"");
}

/* A value that is a text: its raw form with quotes, the last of which is missing when it was cut off. */
static void put_string(struct scan *s, const char *raw, size_t n, bool closed)
{
    auto_buf text = {0}, instead = {0};
    const char *inner = raw + 1;
    size_t inner_n = n - 1 - closed;
    bool escapes = memchr(inner, '\\', inner_n) != NULL;
    bool plain = !escapes || !closed || !unescape(raw, n, &text);
    if (!plain) {
        inner = buf_str(&text);
        inner_n = text.n;
    }
    if (!replace(s, inner, inner_n, &instead))
        buf_add(s->out, raw, n);
    else if (plain && (escapes || !closed)) /* what it says is not known for sure: raw as it was */
        buf_printf(s->out, "\"%s%s", buf_str(&instead), closed ? "\"" : "");
    else
        put_quoted(s->out, buf_str(&instead), instead.n);
}

/* The end of the string that begins here: behind its closing quote, or where it was cut off. */
static const char *string_end(const struct scan *s, bool *closed)
{
    *closed = false;
    for (const char *p = s->p + 1; p < s->end; p++) {
        if (*p == '\\' && p + 1 < s->end) {
            p++;
        } else if (*p == '"') {
            *closed = true;
            return p + 1;
        } else if (*p == '\n') {
            return p;
        }
    }
    return s->end;
}

static bool is_name(const struct scan *s, const char *after)
{
    while (after < s->end && isspace((unsigned char)*after))
        after++;
    return s->frames[s->depth].object && after < s->end && *after == ':';
}

static void take_string(struct scan *s)
{
    bool closed;
    const char *end = string_end(s, &closed);
    size_t n = (size_t)(end - s->p);
    struct frame *f = &s->frames[s->depth];
    if (closed && n < NAME && is_name(s, end)) {
        snprintf(f->name, sizeof f->name, "%.*s", (int)(n - 2), s->p + 1);
        auto_buf name = {0};
        clean(&name, s->p, n, n, s->how);
        buf_add(s->out, buf_str(&name), name.n);
    } else {
        put_string(s, s->p, n, closed);
    }
    s->p = end;
}

/* ------------------------------------------------------------------ between the strings */

static void open_frame(struct scan *s, bool object)
{
    if (s->depth == DEPTH) {
        s->beyond++;
        return;
    }
    const struct frame *above = &s->frames[s->depth];
    struct frame *f = &s->frames[++s->depth];
    *f = (struct frame){.object = object, .open = above->open || is_open_name(above->name)};
    memcpy(f->within, above->object ? above->name : above->within, NAME);
    if (!object)
        memcpy(f->name, above->name, NAME);
}

static void follow(struct scan *s, char c)
{
    if (c == '{' || c == '[')
        open_frame(s, c == '{');
    else if ((c == '}' || c == ']') && s->beyond > 0)
        s->beyond--;
    else if ((c == '}' || c == ']') && s->depth > 0)
        s->depth--;
}

/* What JSON and event streams have between their strings. */
static bool is_syntax(const char *p, size_t n)
{
    static const char *const words[] = {"true", "false", "null", "data", "event", "[DONE]", "DONE"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && strncmp(p, words[i], n) == 0)
            return true;
    for (size_t i = 0; i < n; i++)
        if (strchr("0123456789+-.eE", p[i]) == NULL)
            return false;
    return true;
}

/* Without texts: a word that is none of the syntax becomes its length. */
static void put_strictly(struct scan *s, const char *p, const char *end)
{
    static const char marks[] = "{}[]:, \t\r\n";
    while (p < end) {
        size_t n = 0;
        while (p + n < end && (p[n] == '\0' || strchr(marks, p[n]) == NULL))
            n++;
        if (n == 0)
            buf_add(s->out, p++, 1);
        else if (is_syntax(p, n))
            buf_add(s->out, p, n);
        else
            buf_printf(s->out, "[%zu]", count_characters(p, n));
        p += n;
    }
}

static void take_between(struct scan *s)
{
    const char *quote = memchr(s->p, '"', (size_t)(s->end - s->p));
    const char *end = quote != NULL ? quote : s->end;
    for (const char *p = s->p; p < end; p++)
        follow(s, *p);
    if (s->how->texts)
        clean(s->out, s->p, (size_t)(end - s->p), room(s), s->how);
    else
        put_strictly(s, s->p, end);
    s->p = end;
}

/* ------------------------------------------------------------------ */

/* `n`, less the word at the end; one that is too long for a secret is data, and stays. */
static size_t without_last_word(const char *text, size_t n)
{
    size_t word = 0;
    while (word < n && word < SLACK && !isspace((unsigned char)text[n - word - 1]) &&
           text[n - word - 1] != '"')
        word++;
    return word < SLACK ? n - word : n;
}

/* Only whole characters, none of them NUL. */
static void make_valid(struct buf *text)
{
    auto_buf out = {0};
    for (size_t i = 0, len; i<text->n; i += len> 0 ? len : 1) {
        len = utf8_length(text->p + i, text->n - i);
        if (len == 0 || text->p[i] == '\0')
            buf_puts(&out, "\xef\xbf\xbd");
        else
            buf_add(&out, text->p + i, len);
    }
    buf_free(text);
    *text = out;
    out = (struct buf){0};
}

/* Until the end, or until there is enough. */
static void scan_all(struct scan *s)
{
    while (s->p < s->end && s->out->n <= s->how->most) {
        if (*s->p == '"')
            take_string(s);
        else
            take_between(s);
    }
}

bool redact_body(struct buf *out, const char *body, size_t n, bool cut, const struct redact *how)
{
    auto_buf kept = {0};
    struct scan s = {.how = how, .out = &kept, .p = body};
    s.end = body + (cut ? without_last_word(body, n) : n);
    scan_all(&s);
    cut = cut || s.p < s.end || kept.n > how->most;
    if (kept.n > how->most)
        kept.n = utf8_whole(kept.p, how->most);
    make_valid(&kept);
    buf_add(out, buf_str(&kept), kept.n);
    return cut;
}

void redact_line(struct buf *out, const char *line, const struct redact *how)
{
    auto_buf kept = {0};
    clean(&kept, line, strlen(line), how->most, how);
    make_valid(&kept);
    buf_add(out, buf_str(&kept), kept.n);
}
