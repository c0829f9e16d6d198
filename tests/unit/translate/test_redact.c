/* SPDX-License-Identifier: MIT */
/*
 * test_redact.c: what is kept of an exchange, with bodies that try to keep more: secrets in every spelling, data in
 * every place, cuts in the middle.
 */
#include "translate/redact.h"

#include "../check.h"
#include "base/auto.h"

#include <jansson.h>
#include <stdlib.h>

#define AIZA "AIzaSyD-9tSrke72PouQMnMX_a7eZSW0jkFMBWY" /* the shape of a key; not one */
#define OWN  "odd.secret~of/ours"

static const char *const secrets[] = {OWN};
static const struct redact kept = {.texts = true, .secrets = secrets, .secrets_n = 1, .most = 65536};
static const struct redact lengths = {.texts = false, .secrets = secrets, .secrets_n = 1, .most = 65536};

static void becomes(const char *body, const struct redact *how, const char *should)
{
    auto_buf out = {0};
    check_note(body);
    CHECK(!redact_body(&out, body, strlen(body), false, how));
    CHECK_STR(buf_str(&out), should);
}

static void what_holds_nothing_stays_byte_for_byte(void)
{
    static const char *const rows[] = {
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"h\\u00e9llo \\\"you\\\" \\/ \\n\"}]}]}",
        "data: {\"a\": 1.5e3}\r\n\r\ndata: [DONE]\n\n", "", "plain words, \"quoted", "[1, 2,\n 3]", "{\"a\":{\"b\":[{}]}}",
        "{\"broken\": \"\\x\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        becomes(rows[i], &kept, rows[i]);
}

static void secrets_are_masked_in_every_spelling(void)
{
    becomes("{\"text\":\"use " AIZA " now\"}", &kept, "{\"text\":\"use AIza*** now\"}");
    becomes("{\"text\":\"\\u0041Iza" "SyD-9tSrke72PouQMnMX_a7eZSW0jkFMBWY\"}", &kept, "{\"text\":\"AIza***\"}");
    becomes("{\"text\":\"a " OWN " b\"}", &kept, "{\"text\":\"a *** b\"}");
    becomes("{\"text\":\"odd.secret~of\\/ours\"}", &kept, "{\"text\":\"***\"}");
    becomes("key=" AIZA "&b=1", &kept, "key=***&b=1");
    becomes("data: " OWN "\n\n", &kept, "data: ***\n\n");
    becomes("{\"" AIZA "\": 1}", &kept, "{\"AIza***\": 1}");
    becomes("{\"arguments\":\"{\\\"token\\\":\\\"plx_0123456789abcdef\\\"}\"}", &kept, "{\"arguments\":\"{\\\"token\\\":\\\"***\\\"}\"}");
    becomes("{\"text\":\"{\\\"password\\\": \\\"hunter2\\\", \\\"n\\\": [1]}\"}", &kept, "{\"text\":\"{\\\"password\\\": \\\"***\\\", \\\"n\\\": [1]}\"}");
    becomes("{\"config\":{\"api_key\":\"hunter2\",\"DB-Password\":\"x\",\"max_tokens\":\"5\"}}", &kept,
            "{\"config\":{\"api_key\":\"***\",\"DB-Password\":\"***\",\"max_tokens\":\"5\"}}");
    becomes("{\"text\":\"-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----\\nbye\"}", &kept, "{\"text\":\"***\\nbye\"}");
    becomes("{\"text\":\"-----BEGIN PRIVATE KEY-----\\nMIIE", &kept, "{\"text\":\"***");
    becomes("{\"text\":\"ghp_0123456789abcdefghijABCDEFGHIJ and sk-proj-0123456789abcdefghij\"}", &kept, "{\"text\":\"ghp_*** and sk-***\"}");
}

static void data_becomes_its_length(void)
{
    becomes("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QUJD\"}}", &kept,
            "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"[3 bytes of base64]\"}}");
    becomes("{\"inline_data\":{\"data\":\"QUI\\u003d\"}}", &kept, "{\"inline_data\":{\"data\":\"[2 bytes of base64]\"}}");
    becomes("{\"args\":{\"data\":\"word\"}}", &kept, "{\"args\":{\"data\":\"word\"}}");
    becomes("{\"url\":\"data:image/png;base64,QUJDREVG\"}", &kept, "{\"url\":\"data:image/png;base64,[6 bytes of base64]\"}");
    becomes("{\"content\":\"![x](data:image/png;base64,QUJDREVG) done\"}", &kept,
            "{\"content\":\"![x](data:image/png;base64,[6 bytes of base64]) done\"}");
    char body[1400] = "{\"anything\":\"";
    for (size_t i = strlen(body), end = i + 1200; i < end; i++)
        body[i] = "AbCd"[i % 4], body[i + 1] = '\0';
    strcat(body, "\"}");
    becomes(body, &kept, "{\"anything\":\"[900 bytes of base64]\"}");
}

static void without_texts_only_the_protocol_is_left(void)
{
    becomes("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"h\\u00e9llo\"}]}],\"n\":1.5,\"ok\":true}", &lengths,
            "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"[5 characters]\"}]}],\"n\":1.5,\"ok\":true}");
    becomes("{\"role\":\"tell nobody\",\"finishReason\":\"STOP\"}", &lengths, "{\"role\":\"[11 characters]\",\"finishReason\":\"STOP\"}");
    becomes("{\"functionCall\":{\"name\":\"f\",\"args\":{\"role\":\"boss\",\"x\":{\"type\":\"y\"}}}}", &lengths,
            "{\"functionCall\":{\"name\":\"[1 characters]\",\"args\":{\"role\":\"[4 characters]\",\"x\":{\"type\":\"[1 characters]\"}}}}");
    becomes("{\"inlineData\":{\"data\":\"QUJD\"}}", &lengths, "{\"inlineData\":{\"data\":\"[3 bytes of base64]\"}}");
    becomes("data: {\"model\":\"gemini-2.5-flash\",\"content\":\"hi\"}\n\ndata: [DONE]\n\n", &lengths,
            "data: {\"model\":\"gemini-2.5-flash\",\"content\":\"[2 characters]\"}\n\ndata: [DONE]\n\n");
    becomes("my diary", &lengths, "[2] [5]");
    becomes("{\"stop\":[\"enough\"],\"content\":\"open", &lengths, "{\"stop\":[\"[6 characters]\"],\"content\":\"[4 characters]");
}

static void a_body_is_cut_where_it_is_long(void)
{
    static const struct redact few = {.texts = true, .most = 20};
    auto_buf out = {0};
    CHECK(redact_body(&out, "{\"text\":\"abcdefgh\xc3\xa9\xc3\xa9\xc3\xa9\"}", 27, false, &few));
    CHECK_STR(buf_str(&out), "{\"text\":\"abcdefgh\xc3\xa9");
}

/* The word at the end of the beginning of a body may be the beginning of a key. */
static void a_cut_leaves_no_half_of_a_secret(void)
{
    static const char body[] = "{\"text\":\"use " AIZA " now, " OWN " too\"}";
    for (size_t n = 0; n < sizeof body; n++) {
        auto_buf out = {0};
        redact_body(&out, body, n, true, &kept);
        CHECK(strstr(buf_str(&out), "AIzaS") == NULL);
        CHECK(strstr(buf_str(&out), "secret") == NULL);
    }
}

static void odd_bytes_become_whole_text(void)
{
    auto_buf out = {0};
    CHECK(!redact_body(&out, "{\"a\":\"\xff\0b\"}", 11, false, &kept));
    json_auto_t *text = json_stringn(buf_str(&out), out.n);
    CHECK(text != NULL);
    CHECK(strlen(buf_str(&out)) == out.n);
}

/* Depth, garbage and structure that does not match: nothing is read beyond the end (with the sanitizer), and a secret
 * is masked whatever stands around it. */
static void garbage_does_no_harm(void)
{
    srandom(7);
    for (int round = 0; round < 400; round++) {
        char body[700];
        size_t n = 0;
        while (n < 500)
            if (random() % 40 == 0)
                n += (size_t)sprintf(body + n, " \"" AIZA "\" ");
            else
                body[n++] = "{}[]:,\"\\ \n a1"[random() % 13];
        auto_buf out = {0};
        char *exact = malloc(n);
        memcpy(exact, body, n);
        redact_body(&out, exact, n, round % 2, round % 3 ? &kept : &lengths);
        CHECK(memmem(buf_str(&out), out.n, "AIzaSyD", 7) == NULL);
        free(exact);
    }
    char deep[600];
    memset(deep, '[', 299);
    strcpy(deep + 299, "{\"password\":\"x\"}");
    auto_buf out = {0};
    redact_body(&out, deep, strlen(deep), false, &kept);
    CHECK(out.n >= 299);
}

static void headers_are_kept_by_their_names(void)
{
    CHECK(!redact_header_ok("authorization") && !redact_header_ok("Cookie") && !redact_header_ok("X-Goog-Api-Key"));
    CHECK(!redact_header_ok("x-my-token") && !redact_header_ok("X-Goog-Upload-URL") && !redact_header_ok("proxy-authorization"));
    CHECK(redact_header_ok("user-agent") && redact_header_ok("X-Goog-Api-Client") && redact_header_ok("content-type"));
    auto_buf out = {0};
    redact_line(&out, "agent " OWN " key=" AIZA, &kept);
    CHECK_STR(buf_str(&out), "agent *** key=***");
}

int main(void)
{
    RUN(what_holds_nothing_stays_byte_for_byte);
    RUN(secrets_are_masked_in_every_spelling);
    RUN(data_becomes_its_length);
    RUN(without_texts_only_the_protocol_is_left);
    RUN(a_body_is_cut_where_it_is_long);
    RUN(a_cut_leaves_no_half_of_a_secret);
    RUN(odd_bytes_become_whole_text);
    RUN(garbage_does_no_harm);
    RUN(headers_are_kept_by_their_names);
    return check_end();
}
