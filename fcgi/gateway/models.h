/* SPDX-License-Identifier: MIT */
/*
 * models.h: the upstream's model lists, kept for a minute (private to this room).
 */
#ifndef POLLUX_GATEWAY_MODELS_H
#define POLLUX_GATEWAY_MODELS_H

#include "gateway/journey.h"

/* Is this GET one for the list of models or for one model? */
bool models_is_listing(const struct uri_call *call);

/* Leaves the upstream's answer in j->answer, out of the cache if it is fresh. The client is authenticated in
 * either case. False with j->fault. */
bool models_get(struct journey *j, const struct uri_call *call);

#endif
