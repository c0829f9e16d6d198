/* SPDX-License-Identifier: MIT */
/* peer.c: who is at the other end; see peer.h. */
#include "http/peer.h"

#include <string.h>
#include <strings.h>

/* A stretch of text. */
struct piece {
    const char *at;
    size_t n;
};

static struct piece trim(struct piece p)
{
    while (p.n > 0 && (p.at[0] == ' ' || p.at[0] == '\t')) {
        p.at++;
        p.n--;
    }
    while (p.n > 0 && (p.at[p.n - 1] == ' ' || p.at[p.n - 1] == '\t'))
        p.n--;
    return p;
}

/* Cuts the last piece after `separator` off `rest`. False when nothing is left. */
static bool cut_last(struct piece *rest, char separator, struct piece *last)
{
    if (rest->at == NULL)
        return false;
    size_t n = rest->n;
    while (n > 0 && rest->at[n - 1] != separator)
        n--;
    *last = trim((struct piece){rest->at + n, rest->n - n});
    *rest = n > 0 ? (struct piece){rest->at, n - 1} : (struct piece){NULL, 0};
    return true;
}

/* The value of for= among the parameters of a hop of Forwarded, without its quotes; empty if there is none or
 * more than one. */
static struct piece forwarded_for(struct piece hop)
{
    struct piece pair, value = {"", 0};
    int found = 0;
    while (cut_last(&hop, ';', &pair)) {
        if (pair.n < 4 || strncasecmp(pair.at, "for=", 4) != 0)
            continue;
        value = (struct piece){pair.at + 4, pair.n - 4};
        found++;
    }
    if (value.n >= 2 && value.at[0] == '"' && value.at[value.n - 1] == '"')
        value = (struct piece){value.at + 1, value.n - 2};
    return found == 1 ? value : (struct piece){"", 0};
}

/* Is it ":" and a port? */
static bool is_port(struct piece p)
{
    if (p.n < 2 || p.n > 6 || p.at[0] != ':')
        return false;
    for (size_t i = 1; i < p.n; i++)
        if (p.at[i] < '0' || p.at[i] > '9')
            return false;
    return true;
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711" */
static bool hop_address(struct piece p, struct address *ret)
{
    if (p.n > 0 && p.at[0] == '[') {
        const char *end = memchr(p.at, ']', p.n);
        if (end == NULL)
            return false;
        struct piece port = {end + 1, p.n - (size_t)(end + 1 - p.at)};
        return (port.n == 0 || is_port(port)) && address_parse(p.at + 1, (size_t)(end - p.at - 1), ret);
    }
    const char *colon = memchr(p.at, ':', p.n);
    bool one = colon != NULL && memchr(colon + 1, ':', p.n - (size_t)(colon + 1 - p.at)) == NULL;
    if (one && is_port((struct piece){colon, p.n - (size_t)(colon - p.at)}))
        p.n = (size_t)(colon - p.at);
    return address_parse(p.at, p.n, ret);
}

/* The client, from the right: the first address that is no trusted proxy. Behind a hop that cannot be read
 * nobody can be believed, so the hop before it counts. */
static void walk(struct piece hops, bool forwarded, const struct network_list *trusted, struct address *client)
{
    struct piece hop;
    struct address a;
    while (network_list_holds(trusted, client) && cut_last(&hops, ',', &hop)) {
        if (!hop_address(forwarded ? forwarded_for(hop) : hop, &a))
            return;
        *client = a;
    }
}

struct peer peer_of(const char *remote, const char *hops, bool forwarded,
                    const struct network_list *trusted)
{
    struct peer p = {.address = ""};
    struct address client;
    if (!address_parse(remote, strlen(remote), &client))
        return p;
    p.trusted = network_list_holds(trusted, &client);
    p.local = !p.trusted && address_is_loopback(&client);
    if (p.trusted && hops != NULL)
        walk((struct piece){hops, strlen(hops)}, forwarded, trusted, &client);
    address_print(&client, p.address);
    return p;
}
