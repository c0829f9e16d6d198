/* SPDX-License-Identifier: MIT */
/*
 * vault_own.h: the key file, for the files of this room.
 */
#ifndef POLLUX_VAULT_VAULT_OWN_H
#define POLLUX_VAULT_VAULT_OWN_H

#include "base/buf.h"
#include "base/fault.h"

#include <stdbool.h>
#include <sys/stat.h>

/* How lines begin: a key in use, a key not in use yet, the key of the fingerprints. */
#define KEYFILE_KEY   "v1"
#define KEYFILE_NEXT  "n1"
#define KEYFILE_PRINT "f1"

/* Appends the file's text, all at once; `text` is to be wiped. False with the fault set. */
bool keyfile_read(const char *path, struct buf *text, struct stat *st, struct fault *f);

/* Whether this text is a key file. */
bool keyfile_ok(const char *path, const struct buf *text, struct fault *f);

/* A line with a new key; one with the fingerprints' key of the ring that is open. */
void keyfile_key_line(struct buf *line, const char *version);
void keyfile_print_line(struct buf *line);

/* Writes and syncs; makes a file's name durable (failing is no failure, some file systems cannot). */
bool keyfile_write(int fd, const char *p, size_t n);
void keyfile_sync_directory(const char *path);

#endif
