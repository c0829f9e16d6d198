/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any request URI and any credential headers. The input is lines:
 * the URI, and then header values, each beginning with the letter of its header
 * (a: Authorization, g: x-goog-api-key, x: x-api-key).
 */
#include "base/auto.h"
#include "base/utf8.h"
#include "http/credential.h"
#include "http/uri.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

/* What uri_parse() promises of a path. */
static void check_path(const char *path)
{
    must(path[0] == '/' && strstr(path, "//") == NULL && strchr(path, '\\') == NULL);
    must(strstr(path, "/../") == NULL && strstr(path, "/./") == NULL);
    const char *last = strrchr(path, '/');
    must(strcmp(last, "/.") != 0 && strcmp(last, "/..") != 0);
    for (size_t n = strlen(path), length; n > 0; n -= length, path += length) {
        length = utf8_length(path, n);
        must(length > 0 && (unsigned char)path[0] >= 0x20 && path[0] != 0x7f);
    }
}

/* Encoded and parsed again it is the same, and holds nothing that means something in a URL. */
static void check_encoded(const char *path)
{
    auto_buf encoded = {0};
    struct uri again;
    struct fault f = {0};
    uri_path_encode(&encoded, path);
    must(strpbrk(encoded.p, "?#\\\"<>{}|^` ") == NULL);
    if (encoded.n <= URI_MAX) {
        must(uri_parse(encoded.p, "", &again, &f));
        must(strcmp(again.path.p, path) == 0 && again.query.n == 0);
        uri_free(&again);
    }
}

/* What a path names is what its upstream path names. */
static void check_call(const char *path)
{
    struct uri_call call, again;
    struct fault f = {0};
    if (!uri_call_parse(path, &call, &f)) {
        must(f.kind == FAULT_NOT_FOUND || f.kind == FAULT_BAD_REQUEST);
        return;
    }
    auto_buf upstream = {0};
    struct uri u;
    uri_call_path(&upstream, &call);
    must(uri_parse(upstream.p, "", &u, &f));
    must(uri_call_parse(u.path.p, &again, &f));
    must(strcmp(again.resource, call.resource) == 0 && strcmp(again.model, call.model) == 0);
    must(strcmp(again.verb, call.verb) == 0 && strcmp(again.version, call.version) == 0);
    must(call.model[0] == '\0' || uri_model_ok(call.model));
    uri_free(&u);
}

static void check_query(const char *query)
{
    static const char *const none[] = {NULL};
    auto_buf without = {0};
    auto_buf same = {0};
    uri_query_without(query, uri_credential_names, &without);
    for (size_t i = 0; uri_credential_names[i] != NULL; i++)
        must(uri_query_get(buf_str(&without), uri_credential_names[i], NULL) == 0);
    must(without.n <= strlen(query));
    uri_query_without(query, none, &same);
    must(strncmp(buf_str(&same), query, same.n) == 0 && strlen(query) - same.n <= 1);
}

static void check_uri(const char *text)
{
    static const char *const prefixes[] = {"", "/p"};
    for (size_t i = 0; i < 2; i++) {
        struct uri u;
        struct fault f = {0};
        if (uri_parse(text, prefixes[i], &u, &f)) {
            must(f.kind == FAULT_NONE);
            check_path(u.path.p);
            check_encoded(u.path.p);
            check_call(u.path.p);
            check_query(buf_str(&u.query));
        } else {
            must(f.kind != FAULT_NONE && u.path.p == NULL && u.query.p == NULL);
        }
        uri_free(&u);
    }
    char name[URI_MODEL_MAX];
    if (uri_model_name(text, name))
        must(uri_model_ok(name) && strncmp(name, "models/", 7) != 0);
}

/* The headers as they came, or all of a name in one, with commas. */
static void gather(struct credential_source *src, char *lines, bool merged, struct buf *rooms)
{
    for (char *line = lines; *line != '\0'; line += strlen(line) + 1) {
        const char *letters = "agx", *letter = strchr(letters, line[0]);
        if (letter == NULL)
            continue;
        if (!merged)
            credential_add(src, (enum credential_place)(letter - letters), line + 1);
        else
            buf_printf(&rooms[letter - letters], "%s%s", rooms[letter - letters].n > 0 ? ", " : "",
                       line + 1);
    }
    for (int i = 0; merged && i < 3; i++)
        if (rooms[i].n > 0)
            credential_add(src, (enum credential_place)i, rooms[i].p);
}

static void check_credential(char *lines, const char *query)
{
    char token[2][CREDENTIAL_MAX];
    struct fault f[2] = {{0}, {0}};
    for (int merged = 0; merged < 2; merged++) {
        struct credential_source src = {.query = query};
        struct buf rooms[3] = {{0}, {0}, {0}};
        gather(&src, lines, merged, rooms);
        bool good = credential_parse(&src, token[merged], &f[merged]);
        must(good == (f[merged].kind == FAULT_NONE) && good == (token[merged][0] != '\0'));
        must(strlen(token[merged]) < CREDENTIAL_MAX && strpbrk(token[merged], " \t,\r\n%&") == NULL);
        for (int i = 0; i < 3; i++)
            buf_free(&rooms[i]);
    }
    must(strcmp(token[0], token[1]) == 0 && f[0].kind == f[1].kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_str text = malloc(size + 2);
    memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    char *lines = text + strcspn(text, "\n");
    lines += *lines == '\n';
    if (lines > text && lines[-1] == '\n')
        lines[-1] = '\0';
    for (char *c = lines; *c != '\0'; c++)
        *c = *c == '\n' ? '\0' : *c;
    check_uri(text);
    const char *query = strchr(text, '?');
    check_credential(lines, query != NULL ? query + 1 : "");
    return 0;
}
