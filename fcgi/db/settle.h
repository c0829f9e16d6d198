/* SPDX-License-Identifier: MIT */
/*
 * settle.h: the settling half of the ledger (private to db/; see ledger.h).
 */
#ifndef POLLUX_DB_SETTLE_H
#define POLLUX_DB_SETTLE_H

#include "db/ledger.h"

bool settle_start(const struct ledger_options *o, struct fault *f);
void settle_stop(void);

/* Takes the text, which is from malloc(). */
void settle_queue(char *settlement);

void settle_refresh(void);
int64_t settle_setting(const char *name, int64_t preset);

/* The value of a setting as JSON: new; NULL while it is not known. */
json_t *settle_setting_json(const char *name);

#endif
