/* SPDX-License-Identifier: MIT */
/*
 * doctor.h: what may be wrong with this instance, and what to do about it. Two ask: `pollux check`, and the
 * console's page System, for which a worker looks.
 *
 * A check adds a line or more:
 *
 *     {"check", "state": ok | warn | fail, "detail", "advice" (or null), "text", "values"}
 *
 * `detail` is `text` with its {names} replaced by the values; who translates uses these two. Both askers see the
 * database (through pollux.doctor_facts(), or from it what they may), the network and their own process; only the
 * command line compares the schema with its files and opens the master key file anew.
 */
#ifndef POLLUX_DOCTOR_DOCTOR_H
#define POLLUX_DOCTOR_DOCTOR_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>

enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor {
    json_t *lines; /* an array, the caller's */
    enum doctor_state worst;
};

/* Adds a line. `advice` is "" when there is nothing to do; `values` are texts and whole numbers for the names in
 * `text`: taken, NULL if there are none. What looks like a secret is masked. */
void doctor_found(struct doctor *d, enum doctor_state state, const char *check, const char *advice, const char *text,
                  json_t *values);

/* A check could not be made: why. */
void doctor_failed(struct doctor *d, enum doctor_state state, const char *check, const char *advice,
                   const struct fault *f);

/* ---- this process and its machine ---- */

void doctor_settings(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_open_files(struct doctor *d);

/* Seconds since 1970 as this machine counts them. */
double doctor_time(void);

/* The database's clock said `theirs`, some time between our `before` and `after`. */
void doctor_clock(struct doctor *d, double theirs, double before, double after);

/* ---- the database: members of what pollux.doctor_facts() answers (sql/functions/doctor.sql) ---- */

void doctor_database(struct doctor *d, const json_t *facts);
void doctor_keys(struct doctor *d, const json_t *health);

/* All the rest: roles, connections, workers, clients, maintenance, jobs, keys folders, time-outs. */
void doctor_facts(struct doctor *d, const json_t *facts);

/* Tries to open sealed credentials: [{"fingerprint", "sealed"}], hexadecimal; whether a rotation of the master key
 * waits for its end. The vault is open. */
void doctor_sample(struct doctor *d, const json_t *sample);

/* ---- the network: each takes ten seconds at the most ---- */

void doctor_upstream(struct doctor *d);
void doctor_web(struct doctor *d);

#endif
