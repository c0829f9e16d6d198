/* SPDX-License-Identifier: MIT */
/*
 * chat_parts.c: the content parts of a message (text, pictures, sound, files).
 *
 * One row per type of part. Media travels inline as base64; what Google can
 * fetch itself (Files API, YouTube) is named by its URI. Other URLs must have
 * been fetched before (chat_urls(), chat_url_set()): here they are an error.
 */
#include "base/auto.h"
#include "translate/chat_own.h"
#include "translate/media.h"
#include "translate/shape.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define FILES_API "https://generativelanguage.googleapis.com/v1beta/"

static json_t *file_data(const char *uri, const char *mime)
{
    json_t *data = json_object();
    if (mime != NULL)
        json_object_set_new(data, "mimeType", json_string(mime));
    json_object_set_new(data, "fileUri", json_string(uri));
    return json_pack("{s:o}", "fileData", data);
}

static json_t *inline_part(json_t *data, struct fault *f, const char *path, const char *below)
{
    if (data == NULL) {
        chat_wrong(f, path, below, "The data is not valid base64 of a known type.");
        return NULL;
    }
    return json_pack("{s:o}", "inlineData", data);
}

static bool is_web_url(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* --- the types of parts ----------------------------------------------------------------------- */

static json_t *text_part(const struct draft *d, const json_t *part, const char *path, const char *key)
{
    json_t *text = json_object_get(part, key);
    if (!json_is_string(text)) {
        chat_wrong(d->f, path, "", "'%s.%s' must be a string.", path, key);
        return NULL;
    }
    return json_string_length(text) > 0 ? json_pack("{s:O}", "text", text) : NULL;
}

/* {"url":...} or the URL itself. */
static json_t *url_of(const json_t *part, const char *key)
{
    json_t *value = json_object_get(part, key);
    return json_is_string(value) ? value : json_object_get(value, "url");
}

/* detail: low or high, as 3.x models understand it. */
static void set_detail(const struct draft *d, json_t *out, const char *detail)
{
    if (detail == NULL || !d->family.levels || (d->adjust & CHAT_NO_RESOLUTION) != 0)
        return;
    const char *level = strcmp(detail, "low") == 0    ? "MEDIA_RESOLUTION_LOW"
                        : strcmp(detail, "high") == 0 ? "MEDIA_RESOLUTION_HIGH"
                                                      : NULL;
    if (level == NULL)
        return;
    json_object_set_new(out, "mediaResolution", json_pack("{s:s}", "level", level));
    d->c->adjustable |= CHAT_NO_RESOLUTION;
}

/* image_url, and video_url in the same way. */
static json_t *url_part(const struct draft *d, const json_t *part, const char *path, const char *key)
{
    char below[32];
    snprintf(below, sizeof below, ".%s", key);
    const json_t *url = url_of(part, key);
    const char *text = json_string_value(url);
    if (text == NULL || *text == '\0') {
        chat_wrong(d->f, path, below, "'%s%s' must hold a URL.", path, below);
        return NULL;
    }
    json_t *out = NULL;
    if (media_is_data_url(text))
        out = inline_part(media_from_data_url(text, json_string_length(url), NULL), d->f, path, below);
    else if (media_is_googles(text))
        out = file_data(text, NULL);
    else if (strncmp(text, "files/", 6) == 0) {
        auto_buf uri = {0};
        buf_printf(&uri, FILES_API "%s", text);
        out = file_data(uri.p, NULL);
    } else if (is_web_url(text))
        chat_wrong(
            d->f, path, below,
            "This gateway does not fetch URLs; send the content as a data: URL or a Files API URI.");
    else
        chat_wrong(d->f, path, below, "'%s%s' is neither a data: URL nor an http(s) URL.", path, below);
    if (out != NULL)
        set_detail(d, out, shape_text(json_object_get(part, key), "detail"));
    return out;
}

static json_t *audio_part(const struct draft *d, const json_t *part, const char *path, const char *key)
{
    static const struct {
        const char *format, *mime;
    } formats[] = {
        {"mp3", "audio/mp3"}, {"wav", "audio/wav"}, {"pcm16", "audio/pcm"}, {"opus", "audio/ogg"}};
    const json_t *audio = json_object_get(part, key);
    const json_t *data = json_object_get(audio, "data");
    const char *text = json_string_value(data), *format = shape_text(audio, "format");
    if (text == NULL)
        return inline_part(NULL, d->f, path, ".input_audio");
    size_t n = json_string_length(data);
    char mime[40] = "";
    if (format != NULL)
        snprintf(mime, sizeof mime, "audio/%.20s", format);
    for (size_t i = 0; format != NULL && i < sizeof formats / sizeof *formats; i++)
        if (strcasecmp(formats[i].format, format) == 0)
            snprintf(mime, sizeof mime, "%s", formats[i].mime);
    json_t *inlined = media_is_data_url(text) ? media_from_data_url(text, n, "audio/wav")
                                              : media_inline(mime, text, n, "audio/wav");
    return inline_part(inlined, d->f, path, ".input_audio");
}

static json_t *uploaded_part(const struct draft *d, const char *id, const char *mime, const char *path)
{
    auto_buf uri = {0};
    if (media_is_googles(id))
        buf_puts(&uri, id);
    else if (strncmp(id, "files/", 6) == 0)
        buf_printf(&uri, FILES_API "%s", id);
    else {
        chat_wrong(d->f, path, ".file",
                   "'%s.file.file_id' is no file of the Gemini Files API ('files/...').", path);
        return NULL;
    }
    return file_data(uri.p, mime);
}

static json_t *file_part(const struct draft *d, const json_t *part, const char *path, const char *key)
{
    const json_t *file = json_object_get(part, key), *data = json_object_get(file, "file_data");
    const char *text = json_string_value(data), *id = shape_text(file, "file_id");
    const char *mime = media_by_name(shape_text(file, "filename"));
    if (text == NULL && id != NULL)
        return uploaded_part(d, id, mime, path);
    if (text == NULL) {
        chat_wrong(d->f, path, ".file", "'%s.file' must hold file_data or file_id.", path);
        return NULL;
    }
    size_t n = json_string_length(data);
    if (is_web_url(text)) {
        chat_wrong(d->f, path, ".file",
                   "This gateway does not fetch URLs; send the file as a data: URL.");
        return NULL;
    }
    const char *otherwise = mime != NULL ? mime : "application/pdf";
    json_t *inlined = media_is_data_url(text) ? media_from_data_url(text, n, otherwise)
                                              : media_inline(mime, text, n, otherwise);
    return inline_part(inlined, d->f, path, ".file");
}

static const struct {
    const char *type, *key;
    json_t *(*make)(const struct draft *, const json_t *, const char *, const char *);
} kinds[] = {
    {"text", "text", text_part},
    {"refusal", "refusal", text_part},
    {"image_url", "image_url", url_part},
    {"video_url", "video_url", url_part},
    {"file", "file", file_part},
    {"input_audio", "input_audio", audio_part},
    {"input_text", "text", text_part},
    {"output_text", "text", text_part},
    {"input_image", "image_url", url_part},
};

json_t *chat_part(const struct draft *d, const json_t *part, const char *path)
{
    if (json_is_string(part))
        return json_string_length(part) > 0 ? json_pack("{s:O}", "text", part) : NULL;
    const char *type = shape_text(part, "type");
    if (type == NULL) {
        chat_wrong(d->f, path, ".type", "'%s' must be an object with a type.", path);
        return NULL;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].make(d, part, path, kinds[i].key);
    chat_wrong(d->f, path, ".type", "Content of type '%.40s' is not supported.", type);
    return NULL;
}

/* --- URLs to be fetched before ---------------------------------------------------------------- */

/* Where in a part a URL may stand: the string value itself, borrowed, and who holds it under what key. */
static json_t *url_in_part(json_t *part, json_t **holder, const char **key)
{
    static const char *const keys[] = {"image_url", "video_url"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(part, keys[i]);
        *holder = json_is_object(value) ? value : part;
        *key = json_is_object(value) ? "url" : keys[i];
        json_t *url = json_object_get(*holder, *key);
        if (json_is_string(url))
            return url;
    }
    *holder = json_object_get(part, "file");
    *key = "file_data";
    return json_object_get(*holder, *key);
}

static const char *fetchable(const json_t *url)
{
    const char *text = json_string_value(url);
    return text != NULL && is_web_url(text) && !media_is_googles(text) ? text : NULL;
}

json_t *chat_urls(const json_t *body)
{
    json_t *found = json_array();
    json_auto_t *seen = json_object();
    size_t i, k;
    json_t *message, *part, *holder;
    const char *key;
    json_array_foreach(json_object_get(body, "messages"), i, message) {
        json_array_foreach(json_object_get(message, "content"), k, part) {
            const char *url = fetchable(url_in_part(part, &holder, &key));
            if (url == NULL || json_object_get(seen, url) != NULL)
                continue;
            char path[CHAT_PATH_MAX];
            const char *below = holder == part                                 ? key
                                : json_object_get(part, "image_url") == holder ? "image_url"
                                : json_object_get(part, "video_url") == holder ? "video_url"
                                                                               : "file";
            snprintf(path, sizeof path, "messages[%zu].content[%zu].%s", i, k, below);
            json_object_set_new(seen, url, json_true());
            json_array_append_new(found, json_pack("{s:s, s:s}", "param", path, "url", url));
        }
    }
    return found;
}

void chat_url_set(json_t *body, const char *url, const char *data_url)
{
    size_t i, k;
    json_t *message, *part, *holder;
    const char *key;
    json_auto_t *data = json_string(data_url);
    json_array_foreach(json_object_get(body, "messages"), i, message) {
        json_array_foreach(json_object_get(message, "content"), k, part) {
            const char *there = fetchable(url_in_part(part, &holder, &key));
            if (there != NULL && strcmp(there, url) == 0)
                json_object_set(holder, key, data);
        }
    }
}
