/* SPDX-License-Identifier: MIT */
/*
 * vault.h: secrets at rest, tokens, and everything random.
 *
 * Upstream credentials are stored in the database sealed: XChaCha20-Poly1305
 * under a master key that lives in a file and never in the database. The file
 * is a ring, one key per line, newest last:
 *
 *     v1 <key id> <base64 of 32 bytes>
 *
 * The newest key seals; any key of the ring unseals what names it. A line that
 * begins with n1 instead is a key that is known but not in use yet. The first
 * key of the ring also gives the fingerprints by which a credential is
 * recognised again without being readable; once the master key is rotated, what
 * was derived from it for them stands in the first line, and stays there:
 *
 *     f1 <base64 of 32 bytes>
 *
 * A process notices when the file has changed: at its next heartbeat, and when
 * it meets a key that it does not know.
 *
 * vault_open() comes first and alone; afterwards every function may be called
 * from any thread. Those that need no key (tokens, random, hex) may be called
 * without it.
 */
#ifndef POLLUX_VAULT_VAULT_H
#define POLLUX_VAULT_VAULT_H

#include "base/buf.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

/* Sizes of text with its NUL. */
#define VAULT_HEX_MAX   65  /* 32 bytes in hexadecimal */
#define VAULT_TOKEN_MAX 64
#define VAULT_UUID_MAX  37

/* Loads the master key ring. The file may not be open to others than its owner and group, nor
 * writable by its group. On failure false, the fault says what to do, and a ring loaded earlier stays. */
bool vault_open(const char *path, struct fault *f);

/* Loads the ring anew if its file has changed. False with the fault set when that cannot be: then the ring stays
 * as it was. From any thread. */
bool vault_refresh(struct fault *f);

/* The ids of the keys in the ring. */
enum { VAULT_ID_MAX = 33, VAULT_OLD_MAX = 16 };
struct vault_keys {
    char seals[VAULT_ID_MAX];
    char next[VAULT_ID_MAX]; /* known, not in use yet; "" if there is none */
    char old[VAULT_OLD_MAX][VAULT_ID_MAX];
    size_t old_n;
};
void vault_keys(struct vault_keys *ret);

/* The steps by which a new key takes the place of all others, each one rewriting the file at one stroke:
 * NEXT adds a key that is not in use yet, USE puts it into use, ALONE removes all others. Each may be done again, and
 * then changes nothing. The vault must be open, with this file; afterwards the ring is that of the file. */
enum vault_step { VAULT_NEXT, VAULT_USE, VAULT_ALONE };
bool vault_rotate(const char *path, enum vault_step step, struct fault *f);

/* Keeps others from rotating the same file, until the descriptor is closed or the process ends: -1 with the fault
 * set when somebody is at it. */
int vault_rotation_lock(const char *path, struct fault *f);

/* Writes a new ring of one key, readable by its owner alone. Never overwrites a file. */
bool vault_generate(const char *path, struct fault *f);

/* Forgets the ring: wiped, not only freed. Nobody else may be using the vault. */
void vault_close(void);

/* Appends `n` bytes of `plain`, sealed, to `out`: "v1|" key id "|" nonce ciphertext (the last two are
 * binary). `aad` names the place where it is kept: unsealing with another name fails, so a sealed
 * value cannot be moved to another row. */
void vault_seal(const void *plain, size_t n, const char *aad, struct buf *out);

/* Appends to `out` what vault_seal() was given. Wipe it after use (auto_secret does). */
bool vault_unseal(const void *sealed, size_t n, const char *aad, struct buf *out, struct fault *f);

/* The fingerprint of a secret: keyed BLAKE2b, the same for as long as the ring's first key is. */
void vault_fingerprint(const void *secret, size_t n, unsigned char out[static 32]);

/* The two halves of how a credential is stored: its fingerprint and its sealed bytes, both in
 * hexadecimal, the one being part of the other's name ("credential|" + fingerprint). */
void vault_credential_seal(const char *secret, size_t n, char fingerprint[static VAULT_HEX_MAX],
                           struct buf *sealed_hex);
bool vault_credential_unseal(const char *sealed_hex, const char *fingerprint, struct buf *out,
                             struct fault *f);

/* What belongs to a credential (its proxy), sealed under the name of that credential's fingerprint: hexadecimal. */
void vault_proxy_seal(const char *url, const char *fingerprint, struct buf *sealed_hex);
bool vault_proxy_unseal(const char *sealed_hex, const char *fingerprint, struct buf *out, struct fault *f);

/* A new client token: "plx_" and 43 base64url characters (256 random bits). */
void vault_token_new(char out[static VAULT_TOKEN_MAX]);

/* The same for an administrator's token: "plxa_", so that nobody mistakes the one for the other. */
void vault_admin_token_new(char out[static VAULT_TOKEN_MAX]);

/* SHA-256 of a token: as bytes, and in hexadecimal as the database wants it. */
void vault_token_hash(const char *token, unsigned char out[static 32]);
void vault_token_hash_hex(const char *token, char out[static VAULT_HEX_MAX]);

/* How a password is kept: by what argon2id makes of it with a salt and these costs. */
#define VAULT_SALT 16 /* bytes */
struct vault_password {
    unsigned char salt[VAULT_SALT];
    unsigned long long ops; /* passes */
    size_t mem;             /* bytes */
};

/* SHA-256 of the argon2id key of a password, in hexadecimal: what is stored, and what it is compared with. Takes
 * `mem` bytes for a good part of a second, so only a few run in one process at a time. False, FAULT_UNAVAILABLE,
 * when none of the places came free within some seconds or there is no memory. */
bool vault_password_hash(const char *password, const struct vault_password *how,
                         char out[static VAULT_HEX_MAX], struct fault *f);

/* A new password as the database keeps it, as JSON: {"salt", "ops", "mem", "hash"}, with a new salt and the
 * costs of today. False, FAULT_BAD_REQUEST, when it is too short or too long; else as above. */
enum { VAULT_PASSWORD_LEAST = 10, VAULT_PASSWORD_MOST = 1024 };
bool vault_password_seal(const char *password, struct buf *json, struct fault *f);

/* A password that nobody has to invent: 24 letters and digits in groups of 6, 140 random bits. */
#define VAULT_PASSWORD_MADE 28
void vault_password_make(char out[static VAULT_PASSWORD_MADE]);

/* Whether two texts are the same, in a time that tells nothing about where they differ. */
bool vault_same(const char *a, const char *b);

/* SHA-256 of anything. */
void vault_sha256(const void *bytes, size_t n, unsigned char out[static 32]);

void vault_random(void *out, size_t n);

/* A UUID of version 7 as text: sorts by the time it was made, to a quarter of a microsecond. */
void vault_uuid7(char out[static VAULT_UUID_MAX]);

/* Lower-case hexadecimal of `n` bytes; `out` has room for 2n + 1. */
void vault_hex(const void *bytes, size_t n, char *out);

/* Appends the bytes that `hex` spells; false (and nothing added) unless it is hexadecimal throughout. */
bool vault_unhex(const char *hex, struct buf *out);

/* Overwrites memory in a way that no compiler leaves out. */
void vault_wipe(void *p, size_t n);

/* Wipes and frees a buffer that held a secret; NULL is fine. */
void vault_wipe_buf(struct buf *b);

/* A buffer that is wiped when its scope ends. */
#define auto_secret __attribute__((cleanup(vault_wipe_buf))) struct buf

#endif
