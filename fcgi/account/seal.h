/* SPDX-License-Identifier: MIT */
/*
 * seal.h: the secrets of accounts as the database keeps them.
 *
 * Each is sealed under a name that says what and whose it is, so that none can
 * be put in another's place. The refresh token is a credential's secret like an
 * API key; but its fingerprint is that of the account, not of the token: tokens
 * change, accounts stay.
 */
#ifndef POLLUX_ACCOUNT_SEAL_H
#define POLLUX_ACCOUNT_SEAL_H

#include "vault/vault.h"

#include <jansson.h>

/* What a sealed secret is. */
#define SEAL_REFRESH  "credential" /* of a fingerprint; as vault_credential_unseal() expects it */
#define SEAL_ACCESS   "access"     /* of a fingerprint */
#define SEAL_CLIENT   "oauth"      /* of an OAuth client id */
#define SEAL_VERIFIER "login"      /* of a login's id */

/* The secret of `whose`, sealed, in hexadecimal, as a JSON string: new. */
json_t *seal(const char *what, const char *whose, const char *secret);

/* The reverse, appended to `out`. False with the fault set. */
bool unseal(const char *what, const char *whose, const char *sealed_hex, struct buf *out, struct fault *f);

#endif
