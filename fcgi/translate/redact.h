/* SPDX-License-Identifier: MIT */
/*
 * redact.h: what may be kept of an exchange.
 *
 * Bodies are mostly JSON, or event streams of it, but may be anything and may
 * be cut off anywhere: they are read text by text, not parsed, and bytes that
 * need no change come out as they were. What a text loses:
 *
 *   - secrets: those that are named, what log_redact() knows, private keys, and
 *     all that stands under a name such as "password" or "api_key"
 *   - binary data in base64, inline or as a data URL: "[N bytes of base64]"
 *   - with `texts` off everything but the words of the protocol: "[N characters]"
 */
#ifndef POLLUX_TRANSLATE_REDACT_H
#define POLLUX_TRANSLATE_REDACT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct redact {
    bool texts;                 /* whether texts are kept */
    const char *const *secrets; /* texts to be masked wherever they stand; borrowed */
    size_t secrets_n;
    size_t most; /* bytes of a body that are kept */
};

/* Appends what may be kept of a body; whole UTF-8 without NUL. `cut`: it is only the beginning of one, and
 * the word at its end may be the beginning of a secret. True when what was appended is not all of it. */
bool redact_body(struct buf *out, const char *body, size_t n, bool cut, const struct redact *how);

/* Appends a line of text (an address, a header's value) without its secrets; `texts` does not matter. */
void redact_line(struct buf *out, const char *line, const struct redact *how);

/* Whether a header of this name (in any case) may be kept at all. */
bool redact_header_ok(const char *name);

#endif
