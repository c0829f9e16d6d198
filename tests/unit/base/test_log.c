/* SPDX-License-Identifier: MIT */
/* test_log.c: log lines, and the one place that masks secrets, with texts that try to get past it. */
#include "base/auto.h"
#include "base/log.h"

#include "../check.h"

#include <pthread.h>
#include <regex.h>
#include <unistd.h>

#define AIZA    "AIzaSyD-9tSrke72PouQMnMX_a7eZSW0jkFMBWY" /* the shape of a key; not one */
#define TOKEN   "plx_0123456789abcdefghijklmnop"
#define SECRET  "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5"
#define REFRESH "1//0gAbCdEfGhIjKlMnOpQrStUvWxYz"

static void masks(const char *text, const char *secret)
{
    auto_buf out = {0};
    check_note(text);
    log_redact(&out, text, strlen(text));
    CHECK(strstr(buf_str(&out), secret) == NULL);
    CHECK(strstr(buf_str(&out), secret + 8) == NULL);
}

static void keys_and_tokens_are_masked_where_they_usually_stand(void)
{
    masks("Consumer 'api_key:" AIZA "' has been suspended", AIZA);
    masks("https://host/v1/models?alt=sse&key=" AIZA "&x=y", AIZA);
    masks("https://host/upload?upload_id=" SECRET "&upload_protocol=resumable", SECRET);
    masks("Authorization: Bearer " SECRET, SECRET);
    masks("authorization: basic " SECRET, SECRET);
    masks("x-goog-api-key: " AIZA, AIZA);
    masks("{\"token\":\"" TOKEN "\"}", TOKEN);
    masks("ya29." SECRET, SECRET);
    masks("\"refresh_token\": \"" REFRESH "\"", &REFRESH[3]);
    masks("client_secret=GOCSPX-" SECRET, SECRET);
    masks(TOKEN, TOKEN);
    masks("AQ.Ab8RN6" SECRET, SECRET);
}

static void keys_are_masked_wherever_they_stand(void)
{
    masks("key%3D" AIZA, AIZA);
    masks("{\"message\":\"\\n" AIZA "\"}", AIZA);
    masks("key" AIZA, AIZA);
    masks("_" AIZA "_", AIZA);
    masks("0" TOKEN, TOKEN);
    masks(AIZA AIZA, AIZA);
    masks(AIZA "," TOKEN ";" AIZA, TOKEN);
    masks("x-api-key: " SECRET, SECRET);
    masks("x-goog-api-key: " SECRET, SECRET);
    masks("X-Goog-Api-Key:" SECRET, SECRET);
    masks("\"refresh_token\": \"" SECRET "\"", SECRET);
    masks("\"access_token\":\"" SECRET "\"", SECRET);
    masks("access_token=" SECRET, SECRET);
    masks("host=/run password=" SECRET " user=x", SECRET);
}

static void ordinary_words_stay(void)
{
    static const char *const texts[] = {
        "",
        "A key is missing",
        "monkey=banana",
        "models/gemini-2.5-flash is not found",
        "key=",
        "Bearer",
        "the bearer of this",
        "https://ai.google.dev/gemini-api/docs/rate-limits",
        "1//2",
        "basically",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        auto_buf out = {0};
        log_redact(&out, texts[i], strlen(texts[i]));
        CHECK_STR(buf_str(&out), texts[i]);
    }
}

static void hostile_texts_end_in_time(void)
{
    static const char *const parts[] = {"key=", "AIza", "1//", "Bearer ", "Basic Basic ", "\0", "\xff"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        auto_buf text = {0}, out = {0};
        for (int k = 0; k < 200000; k++)
            buf_add(&text, parts[i], strlen(parts[i]) + (parts[i][0] == '\0'));
        log_redact(&out, text.p, text.n);
        CHECK(out.n <= text.n + 3 * 200000);
    }
}

/* ----------------------------------------------------------------- lines ---- */

/* What `write` puts on stderr. */
static void captured(void (*say)(void), char *to, size_t room)
{
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    say();
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    to[fread(to, 1, room - 1, file)] = '\0';
    fclose(file);
}

static void say_hostile(void)
{
    log_request_set("0190-request");
    log_warn("got %s", "a\nfake line\r\x1b[2J\x7f \xc3\xa4 " AIZA);
    log_request_set(NULL);
}

static void a_line_is_one_line_and_names_its_request(void)
{
    char text[1000];
    regex_t shape;
    captured(say_hostile, text, sizeof text);
    CHECK(regcomp(&shape,
                  "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z warn [0-9]+ 0190-request got "
                  "a\\\\x0afake line\\\\x0d\\\\x1b\\[2J\\\\x7f \xc3\xa4 AIza\\*\\*\\*\n$",
                  REG_EXTENDED | REG_NOSUB) == 0);
    check_note(text);
    CHECK(regexec(&shape, text, 0, NULL, 0) == 0);
    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
    regfree(&shape);
}

static void say_levels(void)
{
    log_error("one");
    log_warn("two");
    log_info("three");
    log_debug("four");
}

static void levels_below_the_limit_are_silent(void)
{
    char text[1000];
    CHECK(log_level_set("WARN"));
    CHECK(!log_level_set("loud"));
    captured(say_levels, text, sizeof text);
    CHECK(strstr(text, " - one\n") != NULL && strstr(text, " - two\n") != NULL);
    CHECK(strstr(text, "three") == NULL && strstr(text, "four") == NULL);
    CHECK(log_level_set("debug"));
    captured(say_levels, text, sizeof text);
    CHECK(strstr(text, "debug") != NULL && strstr(text, "four") != NULL);
    log_level_set("info");
}

static void *other_thread(void *text)
{
    log_request_set("other");
    captured(say_levels, text, 1000);
    return NULL;
}

static void the_request_belongs_to_its_thread(void)
{
    char theirs[1000], ours[1000];
    pthread_t thread;
    log_request_set("ours");
    pthread_create(&thread, NULL, other_thread, theirs);
    pthread_join(thread, NULL);
    captured(say_levels, ours, sizeof ours);
    CHECK(strstr(theirs, " other one") != NULL && strstr(theirs, "ours") == NULL);
    CHECK(strstr(ours, " ours one") != NULL);
    log_request_set("");
}

int main(void)
{
    RUN(keys_and_tokens_are_masked_where_they_usually_stand);
    RUN(keys_are_masked_wherever_they_stand);
    RUN(ordinary_words_stay);
    RUN(hostile_texts_end_in_time);
    RUN(a_line_is_one_line_and_names_its_request);
    RUN(levels_below_the_limit_are_silent);
    RUN(the_request_belongs_to_its_thread);
    return check_end();
}
