/* SPDX-License-Identifier: MIT */
/*
 * test_events.c: the event splitter.
 *
 * A stream is shown as text: each unit is a letter for its kind, its payload in
 * <>, and the number of its bytes, so that a test is a row of input and output.
 */
#include "upstream/events.h"
#include "base/auto.h"

#include "../check.h"

#include <dirent.h>
#include <time.h>

static const char letters[] = {
    [EVENT_DATA] = 'D', [EVENT_BLANK] = '_', [EVENT_BARE] = 'B',
    [EVENT_OPEN] = 'O', [EVENT_CLOSE] = 'C', [EVENT_PARTIAL] = 'P',
};

static void show(struct buf *out, const struct event *e)
{
    buf_printf(out, "%c%zu", letters[e->kind], e->raw_n);
    if (e->json != NULL) {
        buf_putc(out, '<');
        buf_add(out, e->json, e->json_n);
        buf_putc(out, '>');
    }
    buf_putc(out, ' ');
}

/* Splits `text` fed in pieces of `piece` bytes; the concatenation of all raws goes to `raws`. */
static void split(enum events_form form, const char *text, size_t n, size_t piece, size_t cap,
                  struct buf *shown, struct buf *raws)
{
    struct events ev;
    struct event e;
    events_init(&ev, form);
    ev.cap = cap;
    for (size_t at = 0; at < n; at += piece) {
        events_feed(&ev, text + at, n - at < piece ? n - at : piece);
        while (events_next(&ev, &e)) {
            show(shown, &e);
            buf_add(raws, e.raw, e.raw_n);
        }
    }
    if (events_rest(&ev, &e)) {
        buf_putc(shown, '|');
        show(shown, &e);
        buf_add(raws, e.raw, e.raw_n);
    }
    if (ev.failed)
        buf_puts(shown, "FAILED ");
    events_free(&ev);
}

/* The same result is demanded for any piece size. */
static void row(enum events_form form, const char *text, size_t n, const char *should)
{
    check_note(text);
    for (size_t piece = 1; piece <= n + 1; piece++) {
        auto_buf shown = {0}, raws = {0};
        split(form, text, n, piece, EVENTS_CAP, &shown, &raws);
        bool same = CHECK(raws.n == n && memcmp(buf_str(&raws), text, n) == 0);
        if (!CHECK_STR(buf_str(&shown), should) || !same) {
            printf("#     fed by %zu\n", piece);
            return;
        }
    }
}

#define SSE(text, should)   row(EVENTS_SSE, text, sizeof text - 1, should)
#define ARRAY(text, should) row(EVENTS_ARRAY, text, sizeof text - 1, should)

static void an_event_ends_with_its_blank_line(void)
{
    SSE("data: {\"a\":1}\r\n\r\ndata: {}\r\n\r\n", "D17<{\"a\":1}> D12<{}> ");
    SSE("data: {\"a\":1}\n\ndata: {}\n\n", "D15<{\"a\":1}> D10<{}> ");
    SSE("data: {\"a\":1}\r\rdata: {}\r\r", "D15<{\"a\":1}> D10<{}> ");
    SSE("data:{}\n\n", "D9<{}> ");
    SSE("data:   {} \n\n", "D13<{}> ");
    SSE("", "");
}

static void line_ends_may_be_mixed(void)
{
    SSE("data: 1\r\n\ndata: 2\n\r\ndata: 3\r\n\r\n", "D10<1> D10<2> D11<3> ");
    SSE("data: 1\r\r\ndata: 2\r\r\n", "D9<1> D10<2> |_1 ");
    SSE("data: 1\r\r\n\r\n", "D9<1> _3 ");
    SSE("data: 1\n\rdata: 2\n\r", "D9<1> |D9<2> ");
}

static void several_data_lines_are_joined(void)
{
    SSE("data: {\ndata: \"a\":1\ndata: }\n\n", "D29<{\n\"a\":1\n}> ");
    SSE("data: {\r\nid: 7\r\n: why not\r\ndata:}\r\n\r\n", "D37<{\n}> ");
}

static void what_is_no_data_is_blank(void)
{
    SSE(": ping\n\ndata: {}\n\n", "_8 D10<{}> ");
    SSE("\n\n\ndata: {}\n\n\n", "_3 D10<{}> _1 ");
    SSE("event: x\nid: 1\n\n", "_16 ");
    SSE("data: [DONE]\n\n", "_14 ");
    SSE("data:\n\ndata\n\ndata:      \n\n", "_7 _6 _13 ");
    SSE("database: {}\n\n", "_14 ");
}

static void a_byte_order_mark_is_passed_over(void)
{
    SSE("\xef\xbb\xbf"
        "data: {}\n\n",
        "_3 D10<{}> ");
    SSE("\xef\xbb\xbf"
        "[{}]",
        "O4 D2<{}> C1 ");
}

static void json_outside_of_data_lines_is_recognised(void)
{
    SSE("data: {}\r\n\r\n{\n  \"error\": {\n    \"code\": 499\n  }\n}\n",
        "D12<{}> B36<{\n  \"error\": {\n    \"code\": 499\n  }\n}> _1 ");
    SSE("{\"error\":{\"message\":\"a } and a \\\" and { x\"}}",
        "B44<{\"error\":{\"message\":\"a } and a \\\" and { x\"}}> ");
    SSE("data: {}\n{\"error\":{}}", "D9<{}> B12<{\"error\":{}}> ");
    SSE("data: {}\n\n[{\"error\":{}}]\n", "D10<{}> B14<[{\"error\":{}}]> _1 ");
    ARRAY("{\"error\":{}}\r\n", "B12<{\"error\":{}}> _2 ");
}

static void array_elements_come_with_their_last_brace(void)
{
    ARRAY("[{\"a\":[1,{}]}\n,\r\n{\"b\":\"]}\\\\\"}\n]\n",
          "O1 D12<{\"a\":[1,{}]}> D16<{\"b\":\"]}\\\\\"}> C2 _1 ");
    ARRAY("[]", "O1 C1 ");
    ARRAY("\n [ ]", "O3 C2 ");
    ARRAY("[1, \"a,\\\"b\" ,null]", "O1 D1<1> D9<\"a,\\\"b\"> D6<null> C1 ");
    ARRAY("[{},,{}}{}]x", "O1 D2<{}> D4<{}> D3<{}> C1 |P1 ");
    ARRAY("[{\"candidates\":1}]{\"error\":{}}", "O1 D16<{\"candidates\":1}> C1 B12<{\"error\":{}}> ");
}

static void the_body_decides_about_the_form(void)
{
    SSE("[{\"error\":{}}]", "O1 D12<{\"error\":{}}> C1 ");
    ARRAY("data: {}\n\n", "D10<{}> ");
    ARRAY(" \n data: {}\n\n", "_3 D10<{}> ");
    struct events ev;
    struct event e;
    events_init(&ev, EVENTS_SSE);
    events_feed(&ev, " [", 2);
    CHECK(events_next(&ev, &e) && e.kind == EVENT_OPEN && ev.form == EVENTS_ARRAY);
    events_free(&ev);
}

static void the_rest_says_what_it_is(void)
{
    SSE("data: {\"a\":1}", "|D13<{\"a\":1}> ");
    SSE("data: {\"a\":1}\r\n", "|D15<{\"a\":1}> ");
    SSE("data: {\"a\":1}\r\n\r", "|D16<{\"a\":1}> ");
    SSE("data: {\"a\":1", "|P12 ");
    SSE("data: {\"a\":1}}", "|P14 ");
    SSE("data: {\"a\":\"}\r\n", "|P15 ");
    SSE("data: no json\n\r", "|D15<no json> ");
    SSE("data: no json\n", "|P14 ");
    SSE("dat", "|P3 ");
    SSE("data: {}\nda", "|P11 ");
    SSE(": ping", "|_6 ");
    SSE("data: ", "|_6 ");
    SSE(" \r\n ", "|_4 ");
    SSE("{\"error\":{}", "|P11 ");
    ARRAY("[{\"a\":1}\n", "O1 D7<{\"a\":1}> |_1 ");
    ARRAY("[{\"a\":1},{\"b", "O1 D7<{\"a\":1}> |P4 ");
    ARRAY("[1,2", "O1 D1<1> |P2 ");
}

static void utf8_and_nul_pass_unchanged(void)
{
    SSE("data: {\"t\":\"\xf0\x9f\x98\x80 \xe4\xb8\xad\"}\r\n\r\n",
        "D26<{\"t\":\"\xf0\x9f\x98\x80 \xe4\xb8\xad\"}> ");
    static const char nul[] = "data: {\"a\0b\":1}\n\n";
    auto_buf shown = {0}, raws = {0};
    split(EVENTS_SSE, nul, sizeof nul - 1, 1, EVENTS_CAP, &shown, &raws);
    CHECK(raws.n == sizeof nul - 1 && memcmp(raws.p, nul, raws.n) == 0);
    CHECK(memcmp(shown.p, "D17<{\"a\0b\":1}>", 14) == 0);
}

static void too_large_is_a_failure_not_a_crash(void)
{
    static const char text[] = "data: {}\n\ndata: {\"a\":123456789}\n\ndata: {}\n\n";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        auto_buf shown = {0}, raws = {0};
        split(EVENTS_SSE, text, sizeof text - 1, piece, 20, &shown, &raws);
        CHECK_STR(buf_str(&shown), "D10<{}> FAILED ");
    }
}

/* What never ends is given up at the limit, not when memory ends. */
static void an_endless_unit_is_given_up(void)
{
    static const char *const beginnings[] = {"data: {", "[{\"a\":\"", "{\"error\":\"", "\n", "[,"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        struct events ev;
        struct event e;
        events_init(&ev, EVENTS_SSE);
        ev.cap = 1000;
        events_feed(&ev, beginnings[i], strlen(beginnings[i]));
        for (int k = 0; k < 2000 && !ev.failed; k++) {
            events_feed(&ev, " ", 1);
            while (events_next(&ev, &e))
                ;
        }
        CHECK(ev.failed && ev.in.n <= 1100);
        CHECK(!events_rest(&ev, &e));
        events_free(&ev);
    }
}

static void fill(struct buf *b, const char *before, size_t n, const char *after)
{
    buf_puts(b, before);
    for (size_t i = 0; i < n; i++)
        buf_putc(b, "0123456789abcdef"[i % 16]);
    buf_puts(b, after);
}

static double seconds(enum events_form form, const struct buf *text, size_t piece)
{
    auto_buf shown = {0}, raws = {0};
    clock_t begin = clock();
    split(form, text->p, text->n, piece, EVENTS_CAP, &shown, &raws);
    CHECK(raws.n == text->n && memcmp(raws.p, text->p, text->n) == 0);
    return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/* Not a benchmark: a quadratic splitter would need hours, not a minute. */
static void big_events_byte_by_byte_take_linear_time(void)
{
    auto_buf sse = {0}, array = {0}, lines = {0};
    fill(&sse, "data: {\"d\":\"", 8 << 20, "\"}\r\n\r\n");
    fill(&array, "[{\"d\":\"", 8 << 20, "\"}\n,\r\n{}]");
    for (int i = 0; i < 200000; i++)
        buf_puts(&lines, "data: \"0123456789\"\n");
    buf_puts(&lines, "\n");
    CHECK(seconds(EVENTS_SSE, &sse, 1) < 60);
    CHECK(seconds(EVENTS_ARRAY, &array, 1) < 60);
    CHECK(seconds(EVENTS_SSE, &lines, 1) < 60);
    CHECK(seconds(EVENTS_SSE, &sse, 16384) < 60);
}

static void memory_is_given_back_after_a_big_event(void)
{
    auto_buf big = {0};
    struct events ev;
    struct event e;
    fill(&big, "data: {\"d\":\"", 8 << 20, "\"}\n\ndata: {}\n\nda");
    events_init(&ev, EVENTS_SSE);
    events_feed(&ev, big.p, big.n);
    CHECK(events_next(&ev, &e) && e.raw_n > 8 << 20);
    CHECK(events_next(&ev, &e) && e.raw_n == 10);
    CHECK(!events_next(&ev, &e));
    CHECK(ev.in.cap <= 64 * 1024);
    events_feed(&ev, "ta: {}\n\n", 8);
    CHECK(events_next(&ev, &e) && e.json_n == 2);
    events_free(&ev);
}

static void recorded_file(const char *path)
{
    auto_file f = fopen(path, "rb");
    auto_buf text = {0}, whole = {0}, raws = {0}, small = {0}, raws2 = {0};
    char chunk[4096];
    size_t n;
    check_note(path);
    if (!CHECK(f != NULL))
        return;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(&text, chunk, n);
    split(EVENTS_SSE, buf_str(&text), text.n, text.n + 1, EVENTS_CAP, &whole, &raws);
    split(EVENTS_SSE, buf_str(&text), text.n, 1, EVENTS_CAP, &small, &raws2);
    CHECK(raws.n == text.n && memcmp(raws.p, text.p, text.n) == 0);
    CHECK_STR(buf_str(&small), buf_str(&whole));
    CHECK(strchr(buf_str(&whole), 'D') != NULL || strchr(buf_str(&whole), 'B') != NULL);
}

/* What Google really sent, where these recordings are at hand. */
static void recorded_streams_stay_byte_identical(void)
{
    static const char folder[] = "../shared/corpus/googleai";
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        printf("# skipped: no %s\n", folder);
        return;
    }
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        if (strncmp(d->d_name, "streaming-", 10) == 0)
            recorded_file(path);
    }
    closedir(dir);
}

int main(void)
{
    RUN(an_event_ends_with_its_blank_line);
    RUN(line_ends_may_be_mixed);
    RUN(several_data_lines_are_joined);
    RUN(what_is_no_data_is_blank);
    RUN(a_byte_order_mark_is_passed_over);
    RUN(json_outside_of_data_lines_is_recognised);
    RUN(array_elements_come_with_their_last_brace);
    RUN(the_body_decides_about_the_form);
    RUN(the_rest_says_what_it_is);
    RUN(utf8_and_nul_pass_unchanged);
    RUN(too_large_is_a_failure_not_a_crash);
    RUN(an_endless_unit_is_given_up);
    RUN(big_events_byte_by_byte_take_linear_time);
    RUN(memory_is_given_back_after_a_big_event);
    RUN(recorded_streams_stay_byte_identical);
    return check_end();
}
