/* SPDX-License-Identifier: MIT */
/*
 * affinity.c: things that live in one upstream project.
 *
 * Files, caches, batches, operations and interactions can be used only with
 * credentials of the project that made them. What an answer names is
 * remembered; what a request names decides which project serves it.
 */
#include "gateway/journey.h"
#include "base/auto.h"
#include "base/log.h"
#include "db/calls.h"

#include <string.h>

enum { WALK_DEPTH = 64, NAMES_MAX = 500, AFFINITY_HOURS = 50 };

/* Collections whose members belong to a project. */
static const char *const collections[] = {
    "files/",   "cachedContents/", "batches/", "operations/", "interactions/", "fileSearchStores/",
    "corpora/", "tunedModels/",    "models/",
};

/* A resource's name out of a string that may be a name or a URL of the Gemini API; "" if it is neither.
 * "models/x" alone is nobody's, "models/x/operations/y" is somebody's. */
static void name_of(const char *text, char name[static 512])
{
    *name = '\0';
    const char *version = strstr(text, "/v1");
    if (strncmp(text, "http", 4) == 0 && (version == NULL || strchr(version + 1, '/') == NULL))
        return;
    if (strncmp(text, "http", 4) == 0)
        text = strchr(version + 1, '/') + 1;
    size_t n = strcspn(text, "?:# ");
    for (size_t i = 0; i < sizeof collections / sizeof *collections; i++) {
        size_t c = strlen(collections[i]);
        if (n <= c || n >= 512 || strncmp(text, collections[i], c) != 0)
            continue;
        if (strcmp(collections[i], "models/") == 0 && memchr(text + c, '/', n - c) == NULL)
            return;
        memcpy(name, text, n);
        name[n] = '\0';
        return;
    }
}

/* Calls `found` for every string under one of `keys`. */
static void walk(json_t *value, const char *const *keys, void (*found)(void *, const char *), void *ctx,
                 int depth)
{
    const char *key;
    json_t *child;
    size_t i;
    if (depth > WALK_DEPTH)
        return;
    json_array_foreach (value, i, child)
        walk(child, keys, found, ctx, depth + 1);
    json_object_foreach (value, key, child) {
        for (const char *const *k = keys; *k != NULL; k++)
            if (strcmp(key, *k) == 0 && json_is_string(child))
                found(ctx, json_string_value(child));
        walk(child, keys, found, ctx, depth + 1);
    }
}

static void note_wanted(void *ctx, const char *text)
{
    char name[512];
    name_of(text, name);
    if (*name != '\0')
        journey_resource(ctx, name);
}

/* Keys under which a request names resources, in both spellings that Google accepts. */
static const char *const wanted_keys[] = {
    "fileUri",  "file_uri",  "cachedContent",           "cached_content",
    "fileName", "file_name", "previous_interaction_id", NULL};

void affinity_of_request(struct journey *j)
{
    bool any = false;
    for (const char *const *k = wanted_keys; *k != NULL && !any; k++)
        any = j->sending_n > 0 && memmem(j->sending, j->sending_n, *k, strlen(*k)) != NULL;
    if (!any)
        return;
    json_auto_t *body = gemini_parse(j->sending, j->sending_n);
    walk(body, wanted_keys, note_wanted, j, 0);
}

static void note_made(void *ctx, const char *text)
{
    json_t *names = ctx;
    char name[512];
    name_of(text, name);
    if (*name != '\0' && json_array_size(names) < NAMES_MAX)
        json_array_append_new(names, json_string(name));
}

/* Interactions have bare ids. */
static void note_interaction(const struct journey *j, const json_t *answer, json_t *names)
{
    const char *id = json_string_value(json_object_get(answer, "id"));
    if (id == NULL || strstr(buf_str(&j->uri->path), "/interactions") == NULL)
        return;
    auto_buf name = {0};
    buf_printf(&name, "interactions/%s", id);
    json_array_append_new(names, json_string(buf_str(&name)));
}

void affinity_remember(struct journey *j, const char *body, size_t n)
{
    static const char *const keys[] = {"name", "uri", "downloadUri", "responsesFile", "fileName", NULL};
    if (n == 0 || n > 1024 * 1024)
        return;
    json_auto_t *answer = gemini_parse(body, n), *names = json_array();
    walk(answer, keys, note_made, names, 0);
    note_interaction(j, answer, names);
    if (json_array_size(names) == 0)
        return;
    struct fault f = {0};
    int64_t hours = ledger_setting("affinity_hours", AFFINITY_HOURS);
    if (!calls_remember(names, j->permit.project_id, j->permit.credential_id, j->client_id, hours, &f))
        log_warn("cannot remember whose resource this is: %s", *f.meant ? f.meant : f.said);
}

int64_t estimate_tokens(const struct buf *body)
{
    enum { BYTES_PER_TOKEN = 4, MEDIA_TOKENS = 1300, TEXT_BESIDE_MEDIA = 16384 };
    if (body->n == 0)
        return 0;
    bool media = memmem(body->p, body->n, "inlineData", 10) != NULL ||
                 memmem(body->p, body->n, "inline_data", 11) != NULL ||
                 memmem(body->p, body->n, ";base64,", 8) != NULL;
    if (media && body->n > TEXT_BESIDE_MEDIA)
        return MEDIA_TOKENS + TEXT_BESIDE_MEDIA / BYTES_PER_TOKEN;
    return (int64_t)(body->n / BYTES_PER_TOKEN) + 1;
}
