/* SPDX-License-Identifier: MIT */
/* test_uri.c: request URIs, native paths, queries. */
#include "http/uri.h"
#include "base/auto.h"

#include "../check.h"

#include <stdlib.h>

/* Parses and shows "path?query", or the HTTP status of the refusal. */
static void parse(const char *uri, const char *prefix, const char *should)
{
    struct fault f = {0};
    struct uri u;
    auto_buf shown = {0};
    check_note(uri);
    if (uri_parse(uri, prefix, &u, &f)) {
        buf_printf(&shown, "%s", buf_str(&u.path));
        if (u.query.n > 0)
            buf_printf(&shown, "?%s", buf_str(&u.query));
        CHECK_INT(f.kind, FAULT_NONE);
    } else {
        buf_printf(&shown, "%d", fault_status(f.kind));
        CHECK(u.path.p == NULL && u.query.p == NULL && f.said[0] != '\0');
    }
    CHECK_STR(buf_str(&shown), should);
    uri_free(&u);
}

static void a_path_is_decoded_once(void)
{
    parse("/v1beta/models/x:generateContent?alt=sse&a=%20", "",
          "/v1beta/models/x:generateContent?alt=sse&a=%20");
    parse("/v1beta/models%2Fx%3AgenerateContent", "", "/v1beta/models/x:generateContent");
    parse("/a%2520b", "", "/a%20b");
    parse("/%E4%B8%AD", "", "/\xe4\xb8\xad");
    parse("/a/", "", "/a/");
    parse("/", "", "/");
    parse("/?x", "", "/?x");
    parse("/a??b=c", "", "/a??b=c");
    parse("/...", "", "/...");
    parse("/a+b", "", "/a+b");
}

static void what_two_programs_could_read_differently_is_refused(void)
{
    static const char *const bad[] = {
        "",        "a",      "*",        "?x",      "/a%00b",      "/a%0d%0aX:y",
        "/a%7f",   "/a\tb",  "/%ff%fe",  "/%c0%af", "/%ed%a0%80",  "/%f4%90%80%80",
        "/%e4%b8", "/\xc3",  "/a%c2%85", "//a",     "/a//b",       "/a/%2fb",
        "/.",      "/..",    "/a/./b",   "/a/../b", "/a/%2e%2e/b", "/a/%2E./b",
        "/a/..",   "/a\\b",  "/a%5cb",   "/a%",     "/a%2",        "/a%zz",
        "/a#b",    "/a?b#c", "/a?b c",   "/a?\x01", "/a?\xc3\xa4", "/a?\x7f",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        parse(bad[i], "", "400");
}

static void the_prefix_is_taken_off(void)
{
    parse("/pollux/v1/x?y=1", "/pollux", "/v1/x?y=1");
    parse("/pollux", "/pollux", "/");
    parse("/pollux?y", "/pollux", "/?y");
    parse("/pollux%2Fv1", "/pollux", "/v1");
    parse("/polluxv1", "/pollux", "404");
    parse("/v1/x", "/pollux", "404");
    parse("/pollux/../v1", "/pollux", "400");
}

static void absolute_uris_are_tolerated(void)
{
    parse("http://host:8080/v1/x?y", "", "/v1/x?y");
    parse("HTTPS://host/v1", "", "/v1");
    parse("http://host", "", "/");
    parse("http://host?y", "", "/?y");
    parse("ftp://host/x", "", "400");
}

static void an_endless_uri_is_refused(void)
{
    auto_buf uri = {0};
    buf_putc(&uri, '/');
    for (int i = 0; i < URI_MAX; i++)
        buf_putc(&uri, 'a');
    parse(uri.p, "", "400");
    uri.p[URI_MAX] = '\0';
    parse(uri.p, "", uri.p);
}

static void an_encoded_path_holds_no_byte_of_the_users(void)
{
    auto_buf out = {0};
    uri_path_encode(&out, "/v1/a b?c#d%e\"\xc3\xa4\\\x7f/models:x@y-._~");
    CHECK_STR(buf_str(&out), "/v1/a%20b%3Fc%23d%25e%22%C3%A4%5C%7F/models:x@y-._~");
}

/* Shows "version|resource|model|verb" and the path that goes upstream, or the status of the refusal. */
static void call(const char *path, const char *should, const char *upstream)
{
    struct fault f = {0};
    struct uri_call c;
    auto_buf shown = {0}, back = {0};
    check_note(path);
    if (uri_call_parse(path, &c, &f)) {
        buf_printf(&shown, "%s%s|%s|%s|%s", c.upload ? "^" : "", c.version, c.resource, c.model, c.verb);
        uri_call_path(&back, &c);
    } else {
        buf_printf(&shown, "%d", fault_status(f.kind));
    }
    CHECK_STR(buf_str(&shown), should);
    CHECK_STR(buf_str(&back), upstream);
}

static void native_paths_are_taken_apart(void)
{
    call("/v1beta/models/gemini-2.5-flash:generateContent",
         "v1beta|models/gemini-2.5-flash|gemini-2.5-flash|generateContent",
         "/v1beta/models/gemini-2.5-flash:generateContent");
    call("/v1alpha/tunedModels/x:streamGenerateContent",
         "v1alpha|tunedModels/x|tunedModels/x|streamGenerateContent",
         "/v1alpha/tunedModels/x:streamGenerateContent");
    call("/v1beta/dynamic/x:countTokens", "v1beta|dynamic/x|dynamic/x|countTokens",
         "/v1beta/dynamic/x:countTokens");
    call("/v1/publishers/google/models/x:predict",
         "v1|publishers/google/models/x|publishers/google/models/x|predict",
         "/v1/publishers/google/models/x:predict");
    call("/v1beta/models/x", "v1beta|models/x|x|", "/v1beta/models/x");
    call("/v1beta/models", "v1beta|models||", "/v1beta/models");
    call("/v1beta/models/", "v1beta|models/||", "/v1beta/models/");
    call("/v1beta/models/veo/operations/a:b", "v1beta|models/veo/operations/a|veo|b",
         "/v1beta/models/veo/operations/a:b");
    call("/v1beta/files/abc-1:download", "v1beta|files/abc-1||download", "/v1beta/files/abc-1:download");
    call("/v1beta/files:register", "v1beta|files||register", "/v1beta/files:register");
    call("/v1beta/files/a:b:", "v1beta|files/a:b:||", "/v1beta/files/a:b:");
    call("/v1beta/batches/b:cancel", "v1beta|batches/b||cancel", "/v1beta/batches/b:cancel");
    call("/upload/v1beta/files", "^v1beta|files||", "/upload/v1beta/files");
    call("/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore",
         "^v1beta|fileSearchStores/s||uploadToFileSearchStore",
         "/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore");
    call("/v1beta", "v1beta|||", "/v1beta");
    call("/v1beta/", "v1beta|||", "/v1beta");
}

static void lenient_model_paths(void)
{
    call("/v1beta/models/models/x:generateContent", "v1beta|models/x|x|generateContent",
         "/v1beta/models/x:generateContent");
    call("/v1beta/models/models/models/x", "v1beta|models/x|x|", "/v1beta/models/x");
    call("/v1beta/models/tunedModels/x:generateContent",
         "v1beta|tunedModels/x|tunedModels/x|generateContent", "/v1beta/tunedModels/x:generateContent");
    call("/v1beta/gemini-2.5-pro:generateContent",
         "v1beta|models/gemini-2.5-pro|gemini-2.5-pro|generateContent",
         "/v1beta/models/gemini-2.5-pro:generateContent");
}

static void a_models_name_has_few_characters(void)
{
    static const char *const bad[] = {
        "/v1beta/models/x:",           "/v1beta/models/a b:generateContent", "/v1beta/models/a\xc3\xa4",
        "/v1beta/models/a%2f",         "/v1beta/models/:generateContent/x",  "/v1beta/models/.hidden",
        "/v1beta/a b:generateContent", "/v1beta/models/x:y:generateContent",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        call(bad[i], "400", "");
}

static void what_has_no_version_is_not_native(void)
{
    static const char *const bad[] = {"/",         "/health",         "/vx/models",
                                      "/v/models", "/v1-beta/models", "/v12345678901234567/x",
                                      "/upload/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        call(bad[i], "404", "");
    auto_buf longest = {0};
    buf_puts(&longest, "/v1beta/files/");
    for (int i = 0; i < 600; i++)
        buf_putc(&longest, 'a');
    call(longest.p, "404", "");
    buf_clear(&longest);
    buf_puts(&longest, "/v1beta/models/");
    for (int i = 0; i < 129; i++)
        buf_putc(&longest, 'a');
    call(longest.p, "400", "");
}

static void model(const char *given, const char *should)
{
    char name[URI_MODEL_MAX] = "";
    check_note(given);
    CHECK(uri_model_name(given, name) == (should != NULL));
    CHECK_STR(name, should != NULL ? should : "");
}

static void model_names_in_bodies(void)
{
    model("gemini-2.5-flash", "gemini-2.5-flash");
    model("models/gemini-2.5-flash", "gemini-2.5-flash");
    model("models/models/x", "x");
    model("tunedModels/x", "tunedModels/x");
    model("publishers/google/models/x", "publishers/google/models/x");
    model("", NULL);
    model("models/", NULL);
    model("a/b", NULL);
    model("..", NULL);
    model("a b", NULL);
    model("a\r\nb", NULL);
    model("models/a:b", NULL);
}

static void get(const char *raw, const char *name, size_t found, const char *should)
{
    auto_buf value = {0};
    check_note(raw);
    CHECK_INT((long long)uri_query_get(raw, name, &value), (long long)found);
    CHECK_STR(buf_str(&value), should);
    CHECK_INT((long long)uri_query_get(raw, name, NULL), (long long)found);
}

static void a_query_is_read_by_name(void)
{
    get("alt=sse&key=abc", "key", 1, "abc");
    get("k%65y=a%2Bb+c", "key", 1, "a+b c");
    get("key=a&key=b", "key", 2, "a");
    get("keys=a&mykey=b&Key=c", "key", 0, "");
    get("key", "key", 1, "");
    get("key=a=b", "key", 1, "a=b");
    get("&&key=%zz&", "key", 1, "%zz");
    get("key%00x=a", "key", 0, "");
    get("", "key", 0, "");
    get("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1", "key", 0, "");
}

static void without(const char *raw, const char *should)
{
    auto_buf out = {0};
    check_note(raw);
    uri_query_without(raw, uri_credential_names, &out);
    CHECK_STR(buf_str(&out), should);
}

static void credentials_are_dropped_and_all_else_stays(void)
{
    without("alt=sse&key=abc", "alt=sse");
    without("key=abc&alt=sse", "alt=sse");
    without("key=abc", "");
    without("k%65y=abc&x=%20+y", "x=%20+y");
    without("KEY=a&%24key=b&access_token=c&x&oauth_token", "x");
    without("a=1&&b=%zz&c==", "a=1&&b=%zz&c==");
    without("keyboard=1&upload_id=2", "keyboard=1&upload_id=2");
}

int main(void)
{
    RUN(a_path_is_decoded_once);
    RUN(what_two_programs_could_read_differently_is_refused);
    RUN(the_prefix_is_taken_off);
    RUN(absolute_uris_are_tolerated);
    RUN(an_endless_uri_is_refused);
    RUN(an_encoded_path_holds_no_byte_of_the_users);
    RUN(native_paths_are_taken_apart);
    RUN(lenient_model_paths);
    RUN(a_models_name_has_few_characters);
    RUN(what_has_no_version_is_not_native);
    RUN(model_names_in_bodies);
    RUN(a_query_is_read_by_name);
    RUN(credentials_are_dropped_and_all_else_stays);
    return check_end();
}
