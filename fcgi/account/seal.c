/* SPDX-License-Identifier: MIT */
/* seal.c: the secrets of accounts as the database keeps them; see seal.h. */
#include "account/seal.h"
#include "base/auto.h"

#include <string.h>

json_t *seal(const char *what, const char *whose, const char *secret)
{
    auto_buf name = {0}, sealed = {0}, hex = {0};
    buf_printf(&name, "%s|%s", what, whose);
    vault_seal(secret, strlen(secret), buf_str(&name), &sealed);
    buf_reserve(&hex, 2 * sealed.n);
    vault_hex(sealed.p, sealed.n, hex.p);
    return json_stringn(hex.p, 2 * sealed.n);
}

bool unseal(const char *what, const char *whose, const char *sealed_hex, struct buf *out, struct fault *f)
{
    auto_buf name = {0}, sealed = {0};
    buf_printf(&name, "%s|%s", what, whose);
    if (vault_unhex(sealed_hex, &sealed))
        return vault_unseal(sealed.p, sealed.n, buf_str(&name), out, f);
    fault_set(f, FAULT_INTERNAL, "internal error");
    fault_meant(f, "a stored secret is damaged and cannot be read");
    return false;
}
