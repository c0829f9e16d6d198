/* SPDX-License-Identifier: MIT */
/*
 * models.h: the list of models, and one of them (private to this room).
 *
 * The list is the database's: what projects were offered, what the operator
 * configured, less what is denied. Projects are asked for theirs now and then
 * by whoever wants a list when that is due.
 */
#ifndef POLLUX_GATEWAY_MODELS_H
#define POLLUX_GATEWAY_MODELS_H

#include "gateway/journey.h"

/* Is this GET one for the list of models or for one model? */
bool models_is_listing(const struct uri_call *call);

/* Leaves the answer in j->answer: a page of the list, or a model, if the list has it; otherwise what the
 * upstream says. The client is authenticated in either case, and charged one request. False with j->fault. */
bool models_get(struct journey *j, const struct uri_call *call);

#endif
