/* SPDX-License-Identifier: MIT */
/*
 * jobs.h: work that needs HTTP or files and is nobody's request.
 *
 * The database says what is due (sql/functions/job.sql); each worker process has
 * one thread that takes jobs and a few that do them, with a database connection
 * and a concurrency (setting jobs_at_once) of their own, so that traffic does not
 * notice. A kind of job is a row in the table of jobs.c.
 *
 * The same thread listens for changes of settings: a worker takes them up at
 * once, not only with its next heartbeat.
 */
#ifndef POLLUX_JOBS_JOBS_H
#define POLLUX_JOBS_JOBS_H

#include "base/buf.h"
#include "base/fault.h"

#include <stdbool.h>

struct jobs_options {
    const char *conninfo;
    const char *worker_id; /* a UUID: of the worker, or one made for the occasion */
    const char *keys_dir;  /* the folder with keys of this host, or "" */
    int at_once;           /* 0: as the setting jobs_at_once says */
    bool (*leaving)(void); /* once it says true nothing new is taken; may be NULL */
};

/* The subject of jobs about a folder of this host: "host:/its/real/path", appended. */
void jobs_place(const char *keys_dir, struct buf *place);

/* Begins to take jobs, on threads of its own; after ledger_start(). */
bool jobs_start(const struct jobs_options *o, struct fault *f);

/* Breaks off what is under way, leaves it to other workers, ends the threads. */
void jobs_stop(void);

/* Does jobs on the calling thread (and a few more) until `enough` says so: for programs without a ledger.
 * `enough` is asked when a job is over, and every half a second. */
void jobs_help(const struct jobs_options *o, bool (*enough)(void *ctx), void *ctx);

#endif
