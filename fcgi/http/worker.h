/* SPDX-License-Identifier: MIT */
/*
 * worker.h: takes requests from the web server and gives each one a thread.
 *
 * Request threads are made when all others are busy, up to POLLUX_THREADS, and
 * spare ones end again. They have small stacks and all signals blocked:
 * libfcgi takes an interrupted system call for a broken connection. The main
 * thread alone takes signals; SIGTERM lets running requests finish
 * (POLLUX_DRAIN) and takes no new ones.
 */
#ifndef POLLUX_HTTP_WORKER_H
#define POLLUX_HTTP_WORKER_H

#include "http/request.h"

/* Serves one request from beginning to end. The request's id is not set yet. */
typedef void worker_handler(struct request *r);

/* Blocks the signals that this process takes by waiting for them. Before any thread is made. */
void worker_signals_block(void);

/* Whether file descriptor 0 is a listening socket, as web servers and supervisors hand it over. */
bool worker_fd_listens(int fd);

/* Serves FastCGI requests from this listening socket until SIGTERM, SIGINT or SIGUSR1, then drains.
 * Returns true when every request finished, false when the drain limit cut some off. */
bool worker_serve(int listen_fd, worker_handler *handle);

/* Serves the one CGI request of this process on standard input and output. */
void worker_cgi(worker_handler *handle);

/* Requests being served now; whether the worker is draining. */
long worker_busy(void);
bool worker_draining(void);

#endif
