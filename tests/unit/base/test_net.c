/* SPDX-License-Identifier: MIT */
/* test_net.c: addresses and networks, read and compared. */
#include "base/net.h"

#include "../check.h"

static void an_address_is_written_one_way(void)
{
    static const struct {
        const char *text, *printed; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:C000:0201", "192.0.2.1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::1", "::1"},
        {"0.0.0.0", "0.0.0.0"},
        {"", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.1 ", NULL},
        {"192.0.2.1:80", NULL},
        {"[::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"localhost", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
        {"0000000000000000000000000000000000000000000000000000001", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a;
        char printed[NET_TEXT_MAX] = "";
        check_note(rows[i].text);
        bool good = address_parse(rows[i].text, strlen(rows[i].text), &a);
        if (good)
            address_print(&a, printed);
        CHECK_STR(good ? printed : NULL, rows[i].printed);
    }
    check_note(NULL);
}

static bool holds(const char *networks, const char *address)
{
    struct network_list l;
    struct address a;
    struct fault f = {0};
    return network_list_parse("TEST", networks, &l, &f) && address_parse(address, strlen(address), &a) &&
           network_list_holds(&l, &a);
}

static void a_network_holds_its_addresses(void)
{
    CHECK(holds("10.0.0.0/8", "10.255.255.255"));
    CHECK(!holds("10.0.0.0/8", "11.0.0.0"));
    CHECK(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
    CHECK(holds("192.0.2.128/25", "192.0.2.128"));
    CHECK(!holds("192.0.2.128/25", "192.0.2.127"));
    CHECK(holds("192.0.2.5", "192.0.2.5"));
    CHECK(!holds("192.0.2.5", "192.0.2.4"));
    CHECK(holds("fd00::/8 , 10.0.0.1", "fdff::1"));
    CHECK(holds("fd00::/8 , 10.0.0.1", "10.0.0.1"));
    CHECK(!holds("fd00::/8 , 10.0.0.1", "fe00::1"));
    CHECK(holds("0.0.0.0/0", "203.0.113.9"));
    CHECK(!holds("0.0.0.0/0", "2001:db8::1"));
    CHECK(holds("::/0", "203.0.113.9"));
    CHECK(!holds("", "127.0.0.1"));
    CHECK(holds("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK(!holds("2001:db8::/33", "2001:db8:8000::1"));
}

static void a_list_with_something_else_in_it_is_refused(void)
{
    static const char *const bad[] = {"10.0.0.0/33",  "10.0.0.0/", "10.0.0.0/-1", "::/129", "10.0.0.0/8;::1", "proxy.example",
                                      "10.0.0.0/1x", "/8",        "10.0.0.0/0008"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct network_list l;
        struct fault f = {0};
        check_note(bad[i]);
        CHECK(!network_list_parse("POLLUX_TEST", bad[i], &l, &f));
        CHECK(f.kind == FAULT_BAD_REQUEST);
        CHECK(strncmp(f.said, "POLLUX_TEST: '", 14) == 0);
    }
    check_note(NULL);
}

static void a_list_has_its_end(void)
{
    char text[20 * (NET_LIST_MAX + 1)] = "";
    struct network_list l;
    struct fault f = {0};
    for (int i = 0; i < NET_LIST_MAX; i++)
        strcat(text, "10.0.0.1,");
    CHECK(network_list_parse("TEST", text, &l, &f));
    CHECK_INT((int)l.n, NET_LIST_MAX);
    strcat(text, "10.0.0.1");
    CHECK(!network_list_parse("TEST", text, &l, &f));
}

static void loopback(void)
{
    struct address a;
    CHECK(address_parse("127.9.9.9", 9, &a) && address_is_loopback(&a));
    CHECK(address_parse("::1", 3, &a) && address_is_loopback(&a));
    CHECK(address_parse("::ffff:127.0.0.1", 16, &a) && address_is_loopback(&a));
    CHECK(address_parse("128.0.0.1", 9, &a) && !address_is_loopback(&a));
    CHECK(address_parse("::2", 3, &a) && !address_is_loopback(&a));
}

int main(void)
{
    RUN(an_address_is_written_one_way);
    RUN(a_network_holds_its_addresses);
    RUN(a_list_with_something_else_in_it_is_refused);
    RUN(a_list_has_its_end);
    RUN(loopback);
    return check_end();
}
