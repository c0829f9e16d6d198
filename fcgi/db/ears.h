/* SPDX-License-Identifier: MIT */
/*
 * ears.h: a connection that only listens (LISTEN/NOTIFY).
 *
 * It is a hint, not a promise: behind a pooler in transaction mode, or while the
 * database is away, nothing is heard, and who waits looks for himself at the end
 * of the time that he waits at the most.
 */
#ifndef POLLUX_DB_EARS_H
#define POLLUX_DB_EARS_H

#include <stddef.h>
#include <stdint.h>

struct ears;

/* Listens on these channels, at most 8, of lower-case letters and underscores; connects when it first waits.
 * The names are borrowed. New, never NULL. */
struct ears *ears_new(const char *conninfo, const char *const *channels, size_t n);

void ears_free(struct ears *e);

/* Waits until something is heard, until ears_wake(), or for `ms`. Tells `heard` the index of each channel
 * that there was a notification on, and all of them after a connection was made, since nobody knows what was
 * missed. One thread at a time. */
void ears_wait(struct ears *e, int64_t ms, void (*heard)(void *ctx, size_t channel), void *ctx);

/* Ends the wait, from any thread. */
void ears_wake(struct ears *e);

#endif
