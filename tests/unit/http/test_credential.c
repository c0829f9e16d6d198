/* SPDX-License-Identifier: MIT */
/*
 * test_credential.c: the five ways to present a token, and what is refused.
 *
 * Each row is tried the way lighttpd hands it over (two headers) and the way
 * Apache does (one, merged with a comma): both must end the same.
 */
#include "http/credential.h"

#include "../check.h"

/* The values of each header, "" = absent; a "|" separates two headers of the same name. */
struct row {
    const char *authorization, *goog, *api, *query;
    const char *should; /* the token, or the HTTP status of the refusal */
};

/* Adds the header once per "|"-piece, or once with commas. */
static void add(struct credential_source *src, enum credential_place place, const char *values,
                bool merged, char *room)
{
    if (values == NULL)
        return;
    strcpy(room, values);
    for (char *piece = room, *next; piece != NULL; piece = next) {
        next = strchr(piece, '|');
        if (next != NULL)
            *next++ = '\0';
        if (!merged)
            credential_add(src, place, piece);
        else if (next != NULL)
            next[-1] = ',';
    }
    if (merged)
        credential_add(src, place, room);
}

static void try(const struct row *r, bool merged)
{
    char rooms[3][1024], token[CREDENTIAL_MAX], shown[CREDENTIAL_MAX];
    struct credential_source src = {.query = r->query};
    struct fault f = {0};
    add(&src, CREDENTIAL_AUTHORIZATION, r->authorization, merged, rooms[0]);
    add(&src, CREDENTIAL_X_GOOG_API_KEY, r->goog, merged, rooms[1]);
    add(&src, CREDENTIAL_X_API_KEY, r->api, merged, rooms[2]);
    bool good = credential_parse(&src, token, &f);
    snprintf(shown, sizeof shown, "%s", token);
    if (!good) {
        snprintf(shown, sizeof shown, "%d", fault_status(f.kind));
        CHECK(token[0] == '\0');
        CHECK(strstr(f.said, "plx_") == NULL);
    }
    check_note(r->authorization ? r->authorization : r->goog ? r->goog : r->api ? r->api : r->query);
    CHECK_STR(shown, r->should);
}

static void rows(const struct row *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        try(&r[i], false);
        try(&r[i], true);
    }
}

#define ROWS(r) rows(r, sizeof(r) / sizeof *(r))

static void five_ways_in(void)
{
    static const struct row r[] = {
        {.authorization = "Bearer plx_abc", .should = "plx_abc"},
        {.authorization = "bEARER \t plx_abc \t", .should = "plx_abc"},
        {.authorization = "Basic dXNlcjpwbHhfYWJj", .should = "plx_abc"}, /* user:plx_abc */
        {.authorization = "basic OnBseF9hYmM=", .should = "plx_abc"},     /* :plx_abc */
        {.authorization = "Basic OnBseF9hYmM", .should = "plx_abc"},
        {.goog = "plx_abc", .should = "plx_abc"},
        {.api = " plx_abc ", .should = "plx_abc"},
        {.query = "alt=sse&key=plx_abc", .should = "plx_abc"},
        {.query = "key=%70lx_abc", .should = "plx_abc"},
        {.goog = "AQ.Ab8-_~+/=", .should = "AQ.Ab8-_~+/="},
    };
    ROWS(r);
}

static void the_same_token_twice_is_fine(void)
{
    static const struct row r[] = {
        {.authorization = "Bearer plx_abc",
         .goog = "plx_abc",
         .api = "plx_abc",
         .query = "key=plx_abc",
         .should = "plx_abc"},
        {.goog = "plx_abc|plx_abc", .should = "plx_abc"},
        {.authorization = "Bearer plx_abc|Basic dXNlcjpwbHhfYWJj", .should = "plx_abc"},
        {.query = "key=plx_abc&key=plx_abc", .should = "plx_abc"},
        {.goog = "|plx_abc|", .should = "plx_abc"},
        {.goog = "|||||plx_abc", .should = "plx_abc"},
        {.goog = "", .api = "plx_abc", .query = "key=", .should = "plx_abc"},
    };
    ROWS(r);
}

static void two_that_differ_are_refused(void)
{
    static const struct row r[] = {
        {.goog = "plx_abc|plx_abd", .should = "400"},
        {.goog = "plx_abc", .api = "plx_ab", .should = "400"},
        {.authorization = "Bearer plx_abc", .query = "key=plx_x", .should = "400"},
        {.authorization = "Bearer plx_abc|Bearer plx_x", .should = "400"},
        {.query = "key=plx_abc&k%65y=plx_x", .should = "400"},
        {.goog = "a|a|a|a|a", .should = "400"},
    };
    ROWS(r);
}

static void none_or_what_is_no_token_is_refused(void)
{
    static char longest[400] = "Bearer ";
    memset(longest + 7, 'a', 300);
    const struct row r[] = {
        {.should = "401"},
        {.authorization = "", .goog = " ", .query = "alt=sse&key", .should = "401"},
        {.authorization = "plx_abc", .should = "401"},
        {.authorization = "Bearer", .should = "401"},
        {.authorization = "Bearer ", .should = "401"},
        {.authorization = "Bearerplx_abc", .should = "401"},
        {.authorization = "Bearer plx_abc def", .should = "401"},
        {.authorization = "Bearer plx\x01", .should = "401"},
        {.authorization = "Bearer plx\xc3\xa4", .should = "401"},
        {.authorization = "Bearer plx_abc|plx_abc", .should = "401"},
        {.authorization = "Digest username=\"x\", realm=\"y\"", .should = "401"},
        {.authorization = longest, .should = "401"},
        {.authorization = "Basic ", .should = "401"},
        {.authorization = "Basic !!!!", .should = "401"},
        {.authorization = "Basic dXNlcg==", .should = "401"},          /* user */
        {.authorization = "Basic dXNlcjo=", .should = "401"},          /* user: */
        {.authorization = "Basic dXNlcjphOmI=", .should = "401"},      /* user:a:b */
        {.authorization = "Basic dXNlcjphAGI=", .should = "401"},      /* user:a<NUL>b */
        {.authorization = "Basic dXNlcjpwbHhfYWJjx", .should = "401"}, /* one digit too many */
        {.authorization = "Basic dXNl=cjpwbHhfYWJj", .should = "401"},
        {.query = "key=plx+abc", .should = "401"},
        {.query = "key=plx%00abc", .should = "401"},
        {.goog = "plx_abc", .api = "bad token", .should = "401"},
    };
    ROWS(r);
}

static void the_longest_token_fits(void)
{
    char value[CREDENTIAL_MAX] = "", token[CREDENTIAL_MAX];
    memset(value, 'a', CREDENTIAL_MAX - 1);
    struct credential_source src = {0};
    struct fault f = {0};
    credential_add(&src, CREDENTIAL_X_API_KEY, value);
    CHECK(credential_parse(&src, token, &f));
    CHECK_STR(token, value);
}

static void nothing_at_all_is_told_from_something_that_is_no_token(void)
{
    static const struct {
        struct row row;
        bool absent;
    } rows[] = {
        {{.query = ""}, true},
        {{.query = "alt=sse"}, true},
        {{.query = "key="}, true},
        {{.authorization = ""}, true},
        {{.authorization = " , "}, true},
        {{.query = "key=plx_a"}, false},
        {{.query = "key=%21"}, false},
        {{.authorization = "Bearer"}, false},
        {{.authorization = "Bearer "}, false},
        {{.authorization = "nonsense"}, false},
        {{.goog = "plx_a"}, false},
        {{.api = "!"}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct credential_source src = {.query = rows[i].row.query};
        char rooms[3][1024];
        check_note(rows[i].row.query);
        add(&src, CREDENTIAL_AUTHORIZATION, rows[i].row.authorization, false, rooms[0]);
        add(&src, CREDENTIAL_X_GOOG_API_KEY, rows[i].row.goog, false, rooms[1]);
        add(&src, CREDENTIAL_X_API_KEY, rows[i].row.api, false, rooms[2]);
        CHECK(credential_absent(&src) == rows[i].absent);
    }
    check_note(NULL);
}

int main(void)
{
    RUN(five_ways_in);
    RUN(the_same_token_twice_is_fine);
    RUN(two_that_differ_are_refused);
    RUN(none_or_what_is_no_token_is_refused);
    RUN(the_longest_token_fits);
    RUN(nothing_at_all_is_told_from_something_that_is_no_token);
    return check_end();
}
