/* SPDX-License-Identifier: MIT */
/* keys.h: keys out of text (base/keytext.h), and into the database in batches. */
#ifndef POLLUX_CLI_KEYS_H
#define POLLUX_CLI_KEYS_H

#include "base/buf.h"
#include "cli/cli.h"

struct keys;

/* The option --proxy, from the command line (which everybody can read: it is overwritten) or, for "-", standard input.
 * False with cli->fault set when it is no address of a proxy. */
bool keys_proxy(struct cli *cli, struct buf *url);

/* What the database keeps of a proxy of the credential with this fingerprint, {"sealed", "hint"}: new. */
json_t *keys_proxy_seal(const char *url, const char *fingerprint);

/* Begins an import with the options of `cli` (project, label, priority, proxy) and opens the vault. New; NULL with
 * cli->fault set. */
struct keys *keys_begin(struct cli *cli);

/* Takes the keys out of a text. `name` stands in the report, NULL for the command line; `#` begins a comment
 * when there is a name. False with the fault set when the database failed: what went before is stored. */
bool keys_text(struct keys *k, const char *name, const char *text, size_t n);

/* The same for a file, for all files of a directory, and for standard input ("-"). */
bool keys_file(struct keys *k, const char *path);

/* Stores what is left and prints the report. Returns the exit code: failed when there was no good key at all
 * among bad ones. `ok` is what the calls before returned: on false the report says how far it came. */
int keys_end(struct keys *k, bool ok);

/* Frees and wipes; NULL is fine. */
void keys_free(struct keys *k);

#endif
