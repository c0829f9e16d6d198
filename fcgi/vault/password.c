/* SPDX-License-Identifier: MIT */
/*
 * password.c: argon2id for people's passwords; see vault.h.
 *
 * Each hash takes 64 MB of memory and a core for a tenth of a second: a flood of
 * sign-ins must not be able to take it all. So a process makes PLACES at a time,
 * and who finds no place within WAIT_MS is told to come again.
 */
#include "vault/vault.h"

#include "base/auto.h"
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

enum { PLACES = 2, QUEUE = 16, WAIT_MS = 5000, KEY_BYTES = 32 };

static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    int busy, waiting;
} places = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static void places_make(void)
{
    clock_condition(&places.freed);
}

static bool place_take(struct fault *f)
{
    pthread_once(&places.once, places_make);
    struct timespec until = clock_in(WAIT_MS);
    auto_lock(&places.lock);
    bool late = places.waiting >= QUEUE;
    places.waiting++;
    while (places.busy >= PLACES && !late)
        late = pthread_cond_timedwait(&places.freed, &places.lock, &until) == ETIMEDOUT;
    places.waiting--;
    if (places.busy >= PLACES) {
        f->retry_after_ms = WAIT_MS;
        return fault_set(f, FAULT_UNAVAILABLE, "too many people are signing in just now; try again shortly");
    }
    places.busy++;
    return true;
}

static void place_give(void)
{
    auto_lock(&places.lock);
    places.busy--;
    pthread_cond_signal(&places.freed);
}

bool vault_password_hash(const char *password, const struct vault_password *how,
                         char out[static VAULT_HEX_MAX], struct fault *f)
{
    static_assert(VAULT_SALT == crypto_pwhash_SALTBYTES, "a salt of argon2id");
    unsigned char key[KEY_BYTES], hash[32];
    if (!place_take(f))
        return false;
    int failed = crypto_pwhash(key, sizeof key, password, strlen(password), how->salt, how->ops, how->mem,
                               crypto_pwhash_ALG_ARGON2ID13);
    place_give();
    if (failed)
        return fault_set(f, FAULT_UNAVAILABLE, "there is no memory to check a password just now; try again");
    vault_sha256(key, sizeof key, hash);
    vault_hex(hash, sizeof hash, out);
    sodium_memzero(key, sizeof key);
    return true;
}

bool vault_password_seal(const char *password, struct buf *json, struct fault *f)
{
    char salt[2 * VAULT_SALT + 1], hash[VAULT_HEX_MAX];
    size_t n = strlen(password);
    if (n < VAULT_PASSWORD_LEAST || n > VAULT_PASSWORD_MOST)
        return fault_param(f, "password", "a password has %d to %d characters", VAULT_PASSWORD_LEAST,
                           VAULT_PASSWORD_MOST);
    struct vault_password how = {
        .ops = crypto_pwhash_OPSLIMIT_INTERACTIVE,
        .mem = crypto_pwhash_MEMLIMIT_INTERACTIVE,
    };
    vault_random(how.salt, sizeof how.salt);
    if (!vault_password_hash(password, &how, hash, f))
        return false;
    vault_hex(how.salt, sizeof how.salt, salt);
    buf_printf(json, "{\"salt\":\"%s\",\"ops\":%llu,\"mem\":%zu,\"hash\":\"%s\"}", salt, how.ops, how.mem, hash);
    return true;
}

void vault_password_make(char out[static VAULT_PASSWORD_MADE])
{
    static const char letters[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    unsigned char first;
    vault_random(&first, sizeof first); /* starts the library */
    for (int i = 0; i < VAULT_PASSWORD_MADE - 1; i++)
        out[i] = i % 7 == 6 ? '-' : letters[randombytes_uniform(sizeof letters - 1)];
    out[VAULT_PASSWORD_MADE - 1] = '\0';
}

bool vault_same(const char *a, const char *b)
{
    unsigned char x[32], y[32];
    vault_sha256(a, strlen(a), x);
    vault_sha256(b, strlen(b), y);
    return sodium_memcmp(x, y, sizeof x) == 0;
}
