/* SPDX-License-Identifier: MIT */
/*
 * routes.h: one table of every route.
 */
#ifndef POLLUX_ROUTES_H
#define POLLUX_ROUTES_H

#include "http/request.h"

#include <stdio.h>

/* Answers a request: gives it an id, parses its URI, finds its row in the table, calls the handler. */
void routes_serve(struct request *r);

/* Prints all routes as JSON, those of the console included: an array of {"methods", "path", "door"}; door is open,
 * client, admin or console. The last element is {"version"}. */
void routes_print(FILE *out);

#endif
