/* SPDX-License-Identifier: MIT */
/*
 * answer.h: how the administration speaks (private to this room, and for routes.c).
 *
 * Every answer is JSON. What went well is the value itself. What did not is
 *
 *     {"error": {"code": "forbidden", "message": "...", "hint": "..."}}
 *
 * with the HTTP status of the fault's kind. `code` is one of the words in the
 * table of answer.c and stable; `message` says what is wrong and `hint`, unless
 * it is null, what to do next. A wrong field is named by "field". Answers are
 * never stored by browsers or proxies.
 */
#ifndef POLLUX_ADMIN_ANSWER_H
#define POLLUX_ADMIN_ANSWER_H

#include "base/fault.h"
#include "http/request.h"

#include <jansson.h>

/* Answers with a value, which is taken. Headers that are to go along are put into r->always before. */
void admin_answer(struct request *r, int status, json_t *value);

/* Answers with a failure. What only the log may know (`meant`) is logged here. */
void admin_refuse(struct request *r, const struct fault *f);

#endif
