/* SPDX-License-Identifier: MIT */
/*
 * reporter.h: what Pollux says by itself: the status file and the usage line in the log.
 *
 * Every worker has such a thread; one of each machine, the one that holds the
 * lock on POLLUX_HOME/reporter.lock, speaks. When it dies another one takes over.
 */
#ifndef POLLUX_ADMIN_REPORTER_H
#define POLLUX_ADMIN_REPORTER_H

/* Starts the thread, after ledger_start(); ends it, before ledger_stop(). */
void reporter_start(void);
void reporter_stop(void);

#endif
