/* SPDX-License-Identifier: MIT */
/*
 * credential.c: the client's token out of headers and query; see credential.h.
 *
 * Every value is cut at commas, every piece must be a whole credential, and all
 * of them must agree.
 */
#include "http/credential.h"
#include "http/uri.h"
#include "base/auto.h"

#include <string.h>
#include <strings.h>

void credential_add(struct credential_source *src, enum credential_place place, const char *raw)
{
    if (raw[strspn(raw, " \t,")] == '\0')
        return;
    size_t n = src->header[place].n++;
    if (n < CREDENTIAL_VALUES)
        src->header[place].value[n] = raw;
}

/* What was found so far, and where faults go. */
struct search {
    char *token;
    size_t pieces; /* credentials seen in the current header */
    struct fault *fault;
};

/* The characters that HTTP allows in a Bearer credential (RFC 6750, b64token). */
static bool token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("-._~+/=", c, 7) != NULL;
}

static bool token_ok(const char *s, size_t n)
{
    if (n == 0 || n >= CREDENTIAL_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!token_char(s[i]))
            return false;
    return true;
}

static bool malformed(struct search *search, const char *where)
{
    return fault_set(search->fault, FAULT_UNAUTHENTICATED, "The credential in %s is no client token.", where);
}

/* Takes note of a token; all must be the same. */
static bool found(struct search *search, const char *s, size_t n, const char *where)
{
    if (!token_ok(s, n))
        return malformed(search, where);
    if (search->token[0] == '\0') {
        memcpy(search->token, s, n);
        search->token[n] = '\0';
        return true;
    }
    if (strlen(search->token) == n && memcmp(search->token, s, n) == 0)
        return true;
    return fault_set(search->fault, FAULT_BAD_REQUEST, "The request holds two different credentials.");
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* Decodes base64, with or without its padding; the number of bytes, 0 if it is none or too long. */
static size_t base64_decode(const char *s, size_t n, char *out, size_t room)
{
    while (n > 0 && s[n - 1] == '=')
        n--;
    unsigned bits = 0;
    size_t bytes = 0;
    if (n % 4 == 1)
        return 0;
    for (size_t i = 0; i < n; i++) {
        int digit = base64_digit(s[i]);
        if (digit < 0 || bytes == room)
            return 0;
        bits = bits << 6 | (unsigned)digit;
        if (i % 4 != 0)
            out[bytes++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    return bytes;
}

/* Basic: the token is the password, the user does not matter. */
static bool take_basic(struct search *search, const char *s, size_t n)
{
    char plain[2 * CREDENTIAL_MAX];
    size_t plain_n = base64_decode(s, n, plain, sizeof plain);
    const char *colon = memchr(plain, ':', plain_n);
    bool good = colon != NULL ? found(search, colon + 1, plain_n - (size_t)(colon + 1 - plain), "Authorization")
                              : malformed(search, "Authorization");
    explicit_bzero(plain, sizeof plain);
    return good;
}

/* "Bearer TOKEN" or "Basic BASE64"; the scheme in any case, blanks between. */
static bool take_authorization(struct search *search, const char *s, size_t n)
{
    size_t scheme = 0;
    while (scheme < n && s[scheme] != ' ' && s[scheme] != '\t')
        scheme++;
    size_t at = scheme;
    while (at < n && (s[at] == ' ' || s[at] == '\t'))
        at++;
    if (scheme == 6 && strncasecmp(s, "Bearer", 6) == 0)
        return found(search, s + at, n - at, "Authorization");
    if (scheme == 5 && strncasecmp(s, "Basic", 5) == 0)
        return take_basic(search, s + at, n - at);
    return malformed(search, "Authorization");
}

static bool too_many(struct search *search)
{
    return fault_set(search->fault, FAULT_BAD_REQUEST, "The request holds too many credentials.");
}

static bool take_piece(struct search *search, enum credential_place place, const char *s, size_t n)
{
    if (++search->pieces > CREDENTIAL_VALUES)
        return too_many(search);
    if (place == CREDENTIAL_AUTHORIZATION)
        return take_authorization(search, s, n);
    return found(search, s, n, place == CREDENTIAL_X_API_KEY ? "x-api-key" : "x-goog-api-key");
}

/* Cuts a header's value at its commas. Empty pieces, and so empty headers, are as if they were not there. */
static bool take_value(struct search *search, enum credential_place place, const char *value)
{
    while (*value != '\0') {
        size_t n = strcspn(value, ",");
        const char *s = value, *end = value + n;
        while (s < end && (*s == ' ' || *s == '\t'))
            s++;
        while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        if (s < end && !take_piece(search, place, s, (size_t)(end - s)))
            return false;
        value += n + (value[n] == ',');
    }
    return true;
}

static bool take_headers(struct search *search, const struct credential_source *src)
{
    for (size_t place = 0; place < sizeof src->header / sizeof *src->header; place++) {
        search->pieces = 0;
        for (size_t i = 0; i < src->header[place].n && i < CREDENTIAL_VALUES; i++)
            if (!take_value(search, (enum credential_place)place, src->header[place].value[i]))
                return false;
        if (src->header[place].n > CREDENTIAL_VALUES)
            return too_many(search);
    }
    return true;
}

/* ?key=; several of them must agree like everything else. */
static bool take_query(struct search *search, const char *query)
{
    for (const char *at = query; at != NULL && *at != '\0'; at += strcspn(at, "&"), at += *at == '&') {
        auto_buf pair = {0}, value = {0};
        buf_add(&pair, at, strcspn(at, "&"));
        if (uri_query_get(buf_str(&pair), "key", &value) > 0 && value.n > 0 &&
            !found(search, value.p, value.n, "?key="))
            return false;
    }
    return true;
}

bool credential_parse(const struct credential_source *src, char token[static CREDENTIAL_MAX], struct fault *f)
{
    struct search search = {.token = token, .fault = f};
    token[0] = '\0';
    if (take_headers(&search, src) && take_query(&search, src->query)) {
        if (token[0] != '\0')
            return true;
        fault_set(f, FAULT_UNAUTHENTICATED,
                  "No client token: send it as Authorization: Bearer, x-goog-api-key, x-api-key or ?key=.");
    }
    token[0] = '\0';
    return false;
}

bool credential_absent(const struct credential_source *src)
{
    char token[CREDENTIAL_MAX] = "";
    struct fault f = {0};
    struct search search = {.token = token, .fault = &f};
    for (size_t place = 0; place < sizeof src->header / sizeof *src->header; place++)
        if (src->header[place].n > 0)
            return false;
    bool absent = take_query(&search, src->query) && token[0] == '\0';
    explicit_bzero(token, sizeof token);
    return absent;
}
