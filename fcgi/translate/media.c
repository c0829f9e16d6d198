/* SPDX-License-Identifier: MIT */
/* media.c: pictures, sound and files inside JSON; see media.h. */
#include "translate/media.h"
#include "translate/base64.h"
#include "base/auto.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { MIME_MAX = 100 };

/* What the first bytes of a file look like. */
static const struct {
    const char *bytes;
    size_t n, at;
    const char *mime;
} magics[] = {
    {"\x89PNG", 4, 0, "image/png"},  {"\xff\xd8\xff", 3, 0, "image/jpeg"},
    {"GIF8", 4, 0, "image/gif"},     {"WEBP", 4, 8, "image/webp"},
    {"WAVE", 4, 8, "audio/wav"},     {"%PDF", 4, 0, "application/pdf"},
    {"ftyphei", 7, 4, "image/heic"}, {"ftypmif1", 8, 4, "image/heif"},
    {"ftyp", 4, 4, "video/mp4"},     {"ID3", 3, 0, "audio/mp3"},
    {"\xff\xfb", 2, 0, "audio/mp3"}, {"OggS", 4, 0, "audio/ogg"},
    {"fLaC", 4, 0, "audio/flac"},    {"\x1a\x45\xdf\xa3", 4, 0, "video/webm"},
};

static const struct {
    const char *ending, *mime;
} endings[] = {
    {"pdf", "application/pdf"},   {"txt", "text/plain"},     {"md", "text/markdown"},
    {"csv", "text/csv"},          {"html", "text/html"},     {"htm", "text/html"},
    {"css", "text/css"},          {"xml", "text/xml"},       {"rtf", "text/rtf"},
    {"json", "application/json"}, {"js", "text/javascript"}, {"py", "text/x-python"},
    {"png", "image/png"},         {"jpg", "image/jpeg"},     {"jpeg", "image/jpeg"},
    {"webp", "image/webp"},       {"gif", "image/gif"},      {"heic", "image/heic"},
    {"heif", "image/heif"},       {"wav", "audio/wav"},      {"mp3", "audio/mp3"},
    {"flac", "audio/flac"},       {"ogg", "audio/ogg"},      {"aac", "audio/aac"},
    {"aiff", "audio/aiff"},       {"m4a", "audio/m4a"},      {"mp4", "video/mp4"},
    {"mov", "video/quicktime"},   {"webm", "video/webm"},    {"mpeg", "video/mpeg"},
    {"avi", "video/x-msvideo"},
};

static const char *sniff(const char *base64, size_t n)
{
    auto_buf head = {0};
    if (!base64_decode(&head, base64, n < 32 ? n : 32))
        return NULL;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (head.n >= magics[i].at + magics[i].n &&
            memcmp(head.p + magics[i].at, magics[i].bytes, magics[i].n) == 0)
            return magics[i].mime;
    return NULL;
}

const char *media_by_name(const char *filename)
{
    const char *dot = filename != NULL ? strrchr(filename, '.') : NULL;
    if (dot == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot + 1, endings[i].ending) == 0)
            return endings[i].mime;
    return NULL;
}

/* Copies a type in lower case, "image/jpg" mended; false if it is not type/subtype. */
static bool mime_clean(char clean[static MIME_MAX], const char *mime, size_t n)
{
    size_t slashes = 0;
    if (n == 0 || n >= MIME_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)mime[i];
        if (!isalnum(c) && strchr("/.+-_", c) == NULL)
            return false;
        slashes += c == '/';
        clean[i] = (char)tolower(c);
    }
    clean[n] = '\0';
    if (strcmp(clean, "image/jpg") == 0)
        strcpy(clean, "image/jpeg");
    return slashes == 1 && clean[0] != '/' && clean[n - 1] != '/';
}

/* The inlineData for base64 that is in order. */
static json_t *inline_plain(const char *mime, const char *base64, size_t n, const char *otherwise)
{
    char clean[MIME_MAX];
    if (mime == NULL || !mime_clean(clean, mime, strlen(mime))) {
        const char *guess = sniff(base64, n);
        if (guess == NULL && otherwise == NULL)
            return NULL;
        strcpy(clean, guess != NULL ? guess : otherwise);
    }
    return json_pack("{s:s, s:o}", "mimeType", clean, "data", json_stringn_nocheck(base64, n));
}

json_t *media_inline(const char *mime, const char *base64, size_t n, const char *otherwise)
{
    if (n > 0 && base64_is_plain(base64, n))
        return inline_plain(mime, base64, n, otherwise);
    auto_buf plain = {0};
    if (!base64_plain(&plain, base64, n) || plain.n == 0)
        return NULL;
    return inline_plain(mime, plain.p, plain.n, otherwise);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void percent_decode(struct buf *out, const char *text, size_t n)
{
    buf_reserve(out, n);
    for (size_t i = 0; i < n; i++) {
        int high = i + 2 < n && text[i] == '%' ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        buf_putc(out, low >= 0 ? (char)(high << 4 | low) : text[i]);
        i += low >= 0 ? 2 : 0;
    }
}

bool media_is_data_url(const char *url)
{
    return url != NULL && strncasecmp(url, "data:", 5) == 0;
}

/* Whether one of the parameters between the type and the comma is "base64". */
static bool says_base64(const char *parameters, const char *end)
{
    while (parameters < end) {
        const char *next = memchr(parameters, ';', (size_t)(end - parameters));
        size_t n = (size_t)((next != NULL ? next : end) - parameters);
        if (n == 6 && strncasecmp(parameters, "base64", 6) == 0)
            return true;
        parameters += n + 1;
    }
    return false;
}

json_t *media_from_data_url(const char *url, size_t n, const char *otherwise)
{
    const char *start = url + 5, *end = url + n;
    const char *comma = media_is_data_url(url) ? memchr(start, ',', (size_t)(end - start)) : NULL;
    if (comma == NULL)
        return NULL;
    const char *semicolon = memchr(start, ';', (size_t)(comma - start));
    const char *mime_end = semicolon != NULL ? semicolon : comma;
    char mime[MIME_MAX];
    if (!mime_clean(mime, start, (size_t)(mime_end - start)))
        mime[0] = '\0';
    const char *data = comma + 1;
    size_t length = (size_t)(end - data);
    auto_buf decoded = {0}, encoded = {0};
    bool base64 = semicolon != NULL && says_base64(semicolon + 1, comma);
    if (base64 && memchr(data, '%', length) == NULL)
        return media_inline(mime, data, length, otherwise);
    percent_decode(&decoded, data, length);
    if (base64)
        return media_inline(mime, buf_str(&decoded), decoded.n, otherwise);
    base64_encode(&encoded, decoded.p, decoded.n);
    return media_inline(mime, buf_str(&encoded), encoded.n, otherwise);
}

static bool starts_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

bool media_is_googles(const char *url)
{
    static const char *const starts[] = {
        "https://generativelanguage.googleapis.com/",
        "https://www.youtube.com/",
        "https://youtube.com/",
        "https://m.youtube.com/",
        "https://youtu.be/",
        "gs://",
    };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (starts_with(url, starts[i]))
            return true;
    return false;
}

bool media_is_pcm(const char *mime, unsigned *rate)
{
    if (mime == NULL || (!starts_with(mime, "audio/l16") && !starts_with(mime, "audio/pcm")))
        return false;
    const char *said = strstr(mime, "rate=");
    *rate = 0;
    for (said = said != NULL ? said + 5 : ""; isdigit((unsigned char)*said) && *rate < 1000000; said++)
        *rate = *rate * 10 + (unsigned)(*said - '0');
    if (*rate == 0)
        *rate = 24000;
    return true;
}

static void add_little_endian(struct buf *out, uint32_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, value >>= 8)
        buf_putc(out, (char)(value & 255));
}

void media_wav_header(struct buf *out, size_t n, unsigned rate)
{
    uint32_t size = n < UINT32_MAX - 36 ? (uint32_t)n : UINT32_MAX - 36;
    buf_puts(out, "RIFF");
    add_little_endian(out, size + 36, 4);
    buf_puts(out, "WAVEfmt ");
    add_little_endian(out, 16, 4); /* length of what follows up to "data" */
    add_little_endian(out, 1, 2);  /* PCM */
    add_little_endian(out, 1, 2);  /* one channel */
    add_little_endian(out, rate, 4);
    add_little_endian(out, rate * 2, 4); /* bytes a second */
    add_little_endian(out, 2, 2);        /* bytes a sample */
    add_little_endian(out, 16, 2);       /* bits a sample */
    buf_puts(out, "data");
    add_little_endian(out, size, 4);
}
