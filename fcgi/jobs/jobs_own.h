/* SPDX-License-Identifier: MIT */
/* jobs_own.h: what the kinds of jobs share (private to jobs/). */
#ifndef POLLUX_JOBS_JOBS_OWN_H
#define POLLUX_JOBS_JOBS_OWN_H

#include "base/fault.h"
#include "upstream/upstream.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A job that was taken. */
struct job {
    int64_t id;
    int attempt;
    const char *subject;
    const json_t *detail;
    const char *id_text, *attempt_text; /* for statements */
    json_t *result;                     /* what the function has to say: an object, owned by the job */
    bool closed;                        /* the function has told the database itself that it is done */
};

/* Does a job. False with the fault set when it could not be done: it is tried again later. A function that is
 * told to end (jobs_ending) returns false. */
typedef bool job_function(struct job *job, struct fault *f);

job_function probe_run;
job_function keep_alive_run;
job_function refresh_run;
job_function keys_folder_run;

/* One statement on the connection that the jobs share, repeated once when it turns out to be broken: it has
 * to be one that may be repeated. */
bool jobs_call(json_t **ret, struct fault *f, const char *sql, int n, const char *const *params);

/* Does one chore of the database's maintenance, beside all else, if that is up to the workers and one is due. */
void chores_look(const char *conninfo);

/* Waits a little for one that is under way; a long one goes on in the database without us. */
void chores_leave(void);

/* The id of this worker. */
const char *jobs_worker(void);

/* Whether the process is about to end: break off. */
bool jobs_ending(void);

/* One call to the upstream or another server with our time-outs, its body (a mebibyte at the most) collected
 * in `body`; broken off when the process ends. */
enum upstream_end jobs_http(struct upstream_call *call, struct buf *body);

#endif
