/* SPDX-License-Identifier: MIT */
/*
 * token.h: the access token of an account, refreshed when it has to be.
 *
 * Everybody who needs one asks here: requests, jobs, the command line. Who asks
 * first refreshes; the other threads of this process wait for him, those of
 * other processes and hosts for his lease in the database. What comes from
 * Google is stored durably before anybody uses it. A process keeps tokens for a
 * few seconds, sealed; the database has them.
 */
#ifndef POLLUX_ACCOUNT_TOKEN_H
#define POLLUX_ACCOUNT_TOKEN_H

#include "base/fault.h"
#include "db/db.h"
#include "vault/vault.h"

#include <stdbool.h>
#include <stdint.h>

enum account_upstream { ACCOUNT_GEMINI, ACCOUNT_CODE_ASSIST };

struct account_token {
    struct buf access; /* the token itself: account_token_free() wipes it */
    int64_t version;   /* to be named when Google refuses it */
    enum account_upstream upstream;
    char project[128]; /* Google Cloud project, "" if none is known */
    struct buf proxy;  /* of its own, empty if it has none */
};

/* Why there is no token. */
enum account_trouble {
    ACCOUNT_FINE,
    ACCOUNT_DEAD,  /* the account is out; the fault says why */
    ACCOUNT_TIRED, /* its refresh fails at the moment, or Google refuses what it just gave */
    ACCOUNT_OURS,  /* the database, the vault, the deadline */
};

/* The token to use now. `rejected` is the version of one that Google has just refused, -1 if none; the answer is
 * another one then. Waits until `deadline_ms` (clock_ms()) at the most. `db` as in account_calls.h. */
enum account_trouble account_token(struct db *db, int64_t credential, int64_t rejected, int64_t deadline_ms,
                                   struct account_token *ret, struct fault *f);

/* Refreshes the token in any case, also of an account that is out, and sets an account up with Code Assist that
 * is not yet. What came of it is in the database. */
enum account_trouble account_refresh(struct db *db, int64_t credential, int64_t deadline_ms, struct fault *f);

/* Refreshes the token if it expires soon, and sets the account up if that is due: the work of a job, and the end
 * of an import. */
enum account_trouble account_tend(struct db *db, int64_t credential, int64_t deadline_ms, struct fault *f);

/* Google's answer to a call was about the account itself, or about its project: writes it down. */
void account_refused(int64_t credential, const json_t *answer);

void account_token_free(struct account_token *t);

/* A token that is wiped when its scope ends. */
#define auto_token __attribute__((cleanup(account_token_free))) struct account_token

#endif
