/* SPDX-License-Identifier: MIT */
/*
 * clock.h: elapsed time on this machine.
 *
 * Only for durations and time-outs. What is agreed between workers (quota,
 * cool-downs, days) runs on the database's clock, never on this one.
 */
#ifndef POLLUX_BASE_CLOCK_H
#define POLLUX_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t clock_ms(void);

/* Seconds since 1970, for the `created` field of OpenAI objects and for log lines. */
int64_t clock_unix(void);

/* The CLOCK_MONOTONIC time `ms` from now (now, if that is past), for condition variables of this clock. */
struct timespec clock_in(int64_t ms);

/* Makes a condition variable whose timed waits go by clock_in(): one that goes by the time of day waits for an hour
 * longer when that is set back by an hour. */
void clock_condition(pthread_cond_t *c);

#endif
