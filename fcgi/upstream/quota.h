/* SPDX-License-Identifier: MIT */
/*
 * quota.h: which limit a 429 is about, how long it lasts, and what the limit is.
 *
 * Facts only; what follows from them is decided in outcome.c.
 */
#ifndef POLLUX_UPSTREAM_QUOTA_H
#define POLLUX_UPSTREAM_QUOTA_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What all violations say together. */
struct quota {
    bool zero;              /* a limit of 0: the project may not use this model */
    bool zero_region;       /* a limit of 0, but only in the region that this host was sent to */
    bool day, minute;       /* the windows that are spent */
    bool tokens, requests;  /* what there were too many of */
    bool exhausted;         /* Code Assist's QUOTA_EXHAUSTED: a day, a week */
    bool tool;              /* the limit of a tool (search, maps), not of the model */
    int64_t delay_ms;       /* how long to wait; -1: nobody said */
    int64_t rpm, tpm, rpd;  /* limits that were named; 0: not named */
};

/* Reads the `details` (may be NULL) and the message of a 429. */
void quota_read(const json_t *details, const char *message, struct quota *ret);

/* "56s", "0.5s", "1h2m3.5s", "250ms" in milliseconds, rounded up, 7 days at the most; -1 if it is none. */
int64_t quota_duration_ms(const char *text);

#endif
