/* SPDX-License-Identifier: MIT */
/* test_peer.c: who the client is behind trusted proxies, and that what it writes itself changes nothing. */
#include "http/peer.h"

#include "../check.h"

#include <stdlib.h>

static const char trusted_text[] = "10.0.0.0/8, 192.0.2.9, fd00::/8, 127.0.0.1";

static struct peer look(const char *remote, const char *hops, bool forwarded)
{
    struct network_list trusted;
    struct fault f = {0};
    CHECK(network_list_parse("TEST", trusted_text, &trusted, &f));
    return peer_of(remote, hops, forwarded, &trusted);
}

/* remote, the header's value, who it is */
struct row {
    const char *remote, *hops, *client;
};

static void try(const struct row *rows, size_t n, bool forwarded)
{
    for (size_t i = 0; i < n; i++) {
        check_note(rows[i].hops);
        CHECK_STR(look(rows[i].remote, rows[i].hops, forwarded).address, rows[i].client);
    }
    check_note(NULL);
}

static void without_a_trusted_peer_the_header_is_not_read(void)
{
    static const struct row rows[] = {
        {"203.0.113.5", "198.51.100.1", "203.0.113.5"},
        {"203.0.113.5", "10.0.0.1", "203.0.113.5"},
        {"2001:db8::5", "198.51.100.1, 10.0.0.1", "2001:db8::5"},
        {"203.0.113.5", NULL, "203.0.113.5"},
        {"", "198.51.100.1", ""},
        {"unix:", "198.51.100.1", ""},
    };
    try(rows, sizeof rows / sizeof *rows, false);
    CHECK(!look("203.0.113.5", "10.0.0.1", false).trusted);
    CHECK(look("10.0.0.1", NULL, false).trusted);
}

static void the_rightmost_hop_that_is_not_trusted_is_the_client(void)
{
    static const struct row rows[] = {
        {"10.0.0.1", "198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", "6.6.6.6,198.51.100.1,10.9.9.9", "198.51.100.1"},
        {"10.0.0.1", "198.51.100.1, 192.0.2.9, 10.9.9.9", "198.51.100.1"},
        {"10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"},
        {"10.0.0.1", "10.1.1.1, 198.51.100.1, 10.2.2.2", "198.51.100.1"},
        {"10.0.0.1", NULL, "10.0.0.1"},
        {"10.0.0.1", "", "10.0.0.1"},
        {"::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"},
        {"fd00::1", "2001:db8::7", "2001:db8::7"},
        {"10.0.0.1", "[2001:db8::7]", "2001:db8::7"},
        {"10.0.0.1", "[2001:db8::7]:443", "2001:db8::7"},
        {"10.0.0.1", "198.51.100.1:50000", "198.51.100.1"},
        {"10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", " \t198.51.100.1\t ", "198.51.100.1"},
    };
    try(rows, sizeof rows / sizeof *rows, false);
}

static void behind_a_hop_that_cannot_be_read_nobody_is_believed(void)
{
    static const struct row rows[] = {
        {"10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, unknown, 10.2.2.2", "10.2.2.2"},
        {"10.0.0.1", "198.51.100.1,, 10.2.2.2", "10.2.2.2"},
        {"10.0.0.1", "198.51.100.1,", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, 10.2.2.2:x", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, [10.2.2.2", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, [::1]x", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, 10.2.2.2:", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, 010.2.2.2", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, 10.2.2.2\x01", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, for=10.2.2.2", "10.0.0.1"},
    };
    try(rows, sizeof rows / sizeof *rows, false);
}

static void forwarded_says_the_same_in_its_own_words(void)
{
    static const struct row rows[] = {
        {"10.0.0.1", "for=198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", "For=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"},
        {"10.0.0.1", "proto=https; for=198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", "for=6.6.6.6, for=198.51.100.1, for=10.2.2.2", "198.51.100.1"},
        {"10.0.0.1", "for=\"[2001:db8::7]:4711\"", "2001:db8::7"},
        {"10.0.0.1", "for=\"198.51.100.1:80\"", "198.51.100.1"},
        {"10.0.0.1", "for=6.6.6.6, for=unknown", "10.0.0.1"},
        {"10.0.0.1", "for=6.6.6.6, for=_hidden", "10.0.0.1"},
        {"10.0.0.1", "for=6.6.6.6, proto=https", "10.0.0.1"},
        {"10.0.0.1", "for=6.6.6.6, for=1.1.1.1;for=2.2.2.2", "10.0.0.1"},
        {"10.0.0.1", "for=\"6.6.6.6, for=198.51.100.1", "198.51.100.1"}, /* a quote that is left open */
        {"10.0.0.1", "198.51.100.1", "10.0.0.1"},
        {"203.0.113.5", "for=198.51.100.1", "203.0.113.5"},
    };
    try(rows, sizeof rows / sizeof *rows, true);
}

static void only_who_sits_at_this_machine_is_local(void)
{
    struct network_list none = {.n = 0};
    CHECK(peer_of("127.0.0.1", NULL, false, &none).local);
    CHECK(peer_of("::1", NULL, false, &none).local);
    CHECK(!peer_of("203.0.113.5", "127.0.0.1", false, &none).local);
    CHECK(!look("127.0.0.1", NULL, false).local); /* a trusted proxy speaks for others */
    CHECK(!look("10.0.0.1", "127.0.0.2", false).local);
}

/* Whatever a client puts to the left of what its proxy adds, it stays who it is. */
static void no_forgery_changes_who_it_is(void)
{
    static const char letters[] = "0123456789abcdefF:.,;[]\"= \tfor";
    char hops[256];
    srand(4711);
    for (int round = 0; round < 200000; round++) {
        int n = rand() % 120, i = 0;
        for (; i < n; i++)
            hops[i] = letters[(size_t)rand() % (sizeof letters - 1)];
        bool forwarded = round % 2 != 0;
        strcpy(hops + i, forwarded ? ", for=198.51.100.77, for=10.3.3.3" : ", 198.51.100.77, 10.3.3.3");
        struct peer p = look("10.0.0.1", hops, forwarded);
        if (strcmp(p.address, "198.51.100.77") == 0)
            continue;
        check_note(hops);
        CHECK_STR(p.address, "198.51.100.77");
        return;
    }
}

int main(void)
{
    RUN(without_a_trusted_peer_the_header_is_not_read);
    RUN(the_rightmost_hop_that_is_not_trusted_is_the_client);
    RUN(behind_a_hop_that_cannot_be_read_nobody_is_believed);
    RUN(forwarded_says_the_same_in_its_own_words);
    RUN(only_who_sits_at_this_machine_is_local);
    RUN(no_forgery_changes_who_it_is);
    return check_end();
}
