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

/* What programs ask and change with an admin token; admin-html/openapi.json has the shapes.
 *   GET /admin/stats             figures of the pool as a whole
 *   GET /admin/status            how many credentials are how, the models, a page of credentials
 *   GET /admin/status/{id}       one credential: quota and health by model, changes of state
 *   GET /admin/credentials       a page of credentials
 *   GET /admin/usage             requests, tokens, cost and times by client, credential, model, hour or day
 *   POST /admin/reset            ends automatic states of a credential, a model, all
 *   POST /admin/keys             adds keys
 *   DELETE /admin/keys/{id}      removes one */
void admin_stats(struct request *r, const struct uri *u);
void admin_status(struct request *r, const struct uri *u);
void admin_credential(struct request *r, const struct uri *u);
void admin_credentials(struct request *r, const struct uri *u);
void admin_usage_show(struct request *r, const struct uri *u);
void admin_reset(struct request *r, const struct uri *u);
void admin_keys_add(struct request *r, const struct uri *u);
void admin_key_remove(struct request *r, const struct uri *u);

#endif
