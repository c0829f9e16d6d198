/* SPDX-License-Identifier: MIT */
/*
 * refresh.c: keeps an account logged in: its access token is refreshed before it expires.
 *
 * The subject is the credential's id; detail {"force": true} asks for a new token in any case, also of an account that
 * is out. What came of it stands in the account; a
 * refresh that Google refuses or cannot do now is a job that was done, the next
 * one is asked for when it is due (pollux.account_refresh_enqueue).
 */
#include "jobs/jobs_own.h"
#include "account/token.h"
#include "base/clock.h"
#include "base/conf.h"
#include "db/db.h"

#include <stdlib.h>

enum { REFRESH_MS = 60 * 1000 };

bool refresh_run(struct job *job, struct fault *f)
{
    static const char *const words[] = {
        [ACCOUNT_FINE] = "fresh",
        [ACCOUNT_DEAD] = "out",
        [ACCOUNT_TIRED] = "later",
        [ACCOUNT_OURS] = "failed",
    };
    struct fault told = {0};
    struct db *db = db_open(conf.database, f); /* it is held while Google is asked */
    if (db == NULL)
        return false;
    db_patience(db, REFRESH_MS);
    bool force = json_is_true(json_object_get(job->detail, "force"));
    enum account_trouble trouble = (force ? account_refresh : account_tend)(db, strtoll(job->subject, NULL, 10),
                                                                           clock_ms() + REFRESH_MS, &told);
    db_free(db);
    json_object_set_new(job->result, "token", json_string(words[trouble]));
    if (trouble == ACCOUNT_OURS)
        *f = told;
    return trouble != ACCOUNT_OURS;
}
