/* SPDX-License-Identifier: MIT */
/*
 * peer.h: who is at the other end, when proxies may stand between.
 *
 * The web server tells the address of its own peer. Only when that is a proxy
 * which the operator trusts (POLLUX_TRUSTED_PROXIES) is the header read in
 * which such proxies write whom they speak for. Each proxy adds at the right,
 * so the hops are gone through from there: trusted ones are passed over, the
 * first other one is the client. What stands left of it was written by the
 * client, whatever it says.
 */
#ifndef POLLUX_HTTP_PEER_H
#define POLLUX_HTTP_PEER_H

#include "base/net.h"

#include <stdbool.h>

struct peer {
    char address[NET_TEXT_MAX]; /* of the client, "" if the web server did not say */
    bool trusted;               /* the web server's own peer is a trusted proxy: its headers may be believed */
    bool local;                 /* the web server's own peer is this machine, and no trusted proxy */
};

/* Works it out. `remote`: the web server's own peer. `hops`: the value of X-Forwarded-For, or, with
 * `forwarded`, of Forwarded (RFC 7239); NULL if absent. `trusted` may be empty. */
struct peer peer_of(const char *remote, const char *hops, bool forwarded,
                    const struct network_list *trusted);

#endif
