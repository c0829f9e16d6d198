/* SPDX-License-Identifier: MIT */
/*
 * retry.h: how soon, and how often in all, requests are tried again (private to
 * this room). gateway.c has the one loop; here is what it goes by.
 *
 * When the model or the network fails, another project is asked at once. When
 * that fails as well it is not one project's trouble, and the next calls come
 * after 1, 2, 4, 8, 8 ... s, give or take a fifth, as long as a request may wait
 * (setting wait_limit_ms).
 *
 * Such retries are at most a part of the traffic (settings retry_budget_percent
 * of the requests of the last ten seconds in this worker, but never less than
 * retry_budget_floor): when everything fails, retries would otherwise be most
 * of the load. What is over the budget waits as above and asks again.
 */
#ifndef POLLUX_GATEWAY_RETRY_H
#define POLLUX_GATEWAY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* A request has begun. */
void retry_note_request(int64_t now_ms);

/* Takes a retry off the budget, if it has one left: `percent` of the requests of the last ten seconds, but at
 * least `floor`. */
bool retry_take(int64_t now_ms, int64_t percent, int64_t floor);

/* The pause before the next call after `pauses` earlier ones: 1, 2, 4 s, then always 8 s, give or take a fifth. */
int64_t retry_pause_ms(int pauses);

/* Forgets all requests and retries. For tests. */
void retry_forget(void);

#endif
