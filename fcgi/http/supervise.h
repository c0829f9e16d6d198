/* SPDX-License-Identifier: MIT */
/*
 * supervise.h: the parent of the workers.
 *
 * Binds the FastCGI socket, forks the workers that share it, and forks another
 * one when one dies. At SIGHUP it becomes the program anew (another release,
 * other settings), without a moment in which nobody listens. It does nothing
 * else, so that nothing in it can fail.
 */
#ifndef POLLUX_HTTP_SUPERVISE_H
#define POLLUX_HTTP_SUPERVISE_H

#include "base/fault.h"

/* A listening Unix socket at `path` (mode 0660; a stale one is replaced), or the one that the program had before it
 * started anew; or -1 with a fault that says what to do: a live one in use, a path too long, no right to write there. */
int supervise_listen(const char *path, struct fault *f);

/* Runs `workers` processes of work(listen_fd), whose result is their exit status, until SIGTERM or SIGINT,
 * which are passed on. Returns the exit status for the program. SIGHUP: if `program --check` succeeds, the workers are
 * told to finish and `program --serve` takes over, with listen_fd as its descriptor 0; this does not return then. */
int supervise_run(int listen_fd, int workers, int (*work)(int listen_fd), const char *program);

#endif
