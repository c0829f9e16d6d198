/* SPDX-License-Identifier: MIT */
/*
 * rules.h: what errors mean where the operator knows better than outcome.c.
 *
 * The rules are rows of the database (pollux.error_rule); the process holds a
 * copy, which the ledger renews after a change. They are asked before the table
 * that is built in.
 */
#ifndef POLLUX_UPSTREAM_RULES_H
#define POLLUX_UPSTREAM_RULES_H

#include "upstream/outcome.h"

#include <jansson.h>
#include <stdbool.h>

/* Takes these rules from now on: the array of admin.policy_list(); borrowed. Those that are switched off are
 * left out. Any thread. */
void rules_set(const json_t *rules);

/* The words in which a rule looks for its text; none is NULL. */
struct rules_words {
    const char *message, *rpc, *reason;
};

/* Lets the first rule that is about this error judge it. False, and `ret` unchanged, if there is none. */
bool rules_judge(int status, const struct rules_words *words, struct outcome *ret);

#endif
