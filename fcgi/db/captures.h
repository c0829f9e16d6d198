/* SPDX-License-Identifier: MIT */
/*
 * captures.h: whether an exchange is to be captured for debugging, and the way of captures into the database.
 *
 * The operator switches it on (settings capture_*); a worker hears of it with
 * its heartbeat. While it is off nothing of this exists but a flag. Captures go
 * to a thread with a connection of its own, through a queue that is bounded:
 * when the database is slow they are lost, and requests never notice.
 */
#ifndef POLLUX_DB_CAPTURES_H
#define POLLUX_DB_CAPTURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_rules {
    double share;      /* of the requests, 0 to 1 */
    int64_t client_id; /* only of this client; 0: of all */
    char model[256];   /* only of this model; "": of all */
    bool failures;     /* only what did not end well */
    bool texts;        /* texts are kept; otherwise their length */
    size_t body_bytes; /* of each body at the most */
};

/* For ledger.c. The end waits a little for what is queued. */
void captures_start(const char *conninfo);
void captures_stop(void);

/* For settle.c: what pollux.capture_rules() says now; JSON null: off. */
void captures_rules_set(const json_t *rules);

/* Whether the request that has just come is one to capture: by chance, as large as the share. */
bool captures_wanted(struct capture_rules *ret);

/* Queues a capture as api.capture() takes it: JSON text from malloc(), which is taken. */
void captures_put(char *capture);

#endif
