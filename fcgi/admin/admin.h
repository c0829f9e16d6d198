/* SPDX-License-Identifier: MIT */
/*
 * admin.h: the handlers of the administration.
 *
 * Each answers its request completely, in the manner of answer.h, errors
 * included. routes.c says which path leads where.
 */
#ifndef POLLUX_ADMIN_ADMIN_H
#define POLLUX_ADMIN_ADMIN_H

#include "http/request.h"
#include "http/uri.h"

/* GET /admin and GET /docs: lead to the pages of the console, which the web server serves itself. */
void admin_home(struct request *r, const struct uri *u);
void admin_docs(struct request *r, const struct uri *u);

/* GET /metrics: all figures in the text format of Prometheus. GET /status.txt: the models as a table of text.
 * For admin tokens of any role, and for callers on this machine unless the setting metrics_local is off. */
void admin_metrics(struct request *r, const struct uri *u);
void admin_status_text(struct request *r, const struct uri *u);

#endif
