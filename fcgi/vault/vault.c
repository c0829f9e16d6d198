/* SPDX-License-Identifier: MIT */
/*
 * vault.c: the master key ring, sealing, fingerprints, tokens.
 *
 * A ring that was loaded is read-only from then on (its pages are made so), and
 * when the file has changed another one takes its place; those before it stay
 * until the end, since somebody may be reading them. So no lock is needed but
 * for loading. A master key is never used itself: each purpose has a subkey
 * derived from it. What `pollux rotate-key` does to the file is in rotate.c.
 */
#include "vault/vault.h"
#include "vault/vault_own.h"

#include "base/auto.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VERSION   KEYFILE_KEY
#define KEYS_MAX  16
#define ID_MAX    VAULT_ID_MAX
#define FILE_MAX  8192      /* bytes of a key file: 16 keys and some comments */
#define KEY_BYTES 32
#define NONCE     crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG       crypto_aead_xchacha20poly1305_ietf_ABYTES

static_assert(KEY_BYTES == crypto_kdf_KEYBYTES, "a master key is a key of the derivation");
static_assert(KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a subkey seals");

struct ring_key {
    char id[ID_MAX];
    unsigned char seal[KEY_BYTES];
};

struct ring {
    size_t n;
    struct ring_key key[KEYS_MAX];         /* in the order of the file: oldest first */
    size_t seals;                          /* which of them seals: the newest that is in use */
    bool has_next;                         /* the last one is not in use yet */
    bool printed;                          /* the fingerprint's key has a line of its own */
    unsigned char fingerprint[KEY_BYTES];  /* else from key[0] */
    struct ring *older;                    /* the one that it replaced */
};

static _Atomic(struct ring *) ring;        /* from sodium_malloc(), read-only; NULL until vault_open() */

/* Where the ring came from, and what the file looked like then. */
static struct {
    pthread_mutex_t lock;
    char *path;
    dev_t device;
    ino_t inode;
    struct timespec changed;
} file = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start_once(void)
{
    if (sodium_init() < 0) {
        fputs("pollux: libsodium cannot start (no source of random numbers?)\n", stderr);
        abort();
    }
}

static void start(void)
{
    pthread_once(&started, start_once);
}

/* ---- the key file ---------------------------------------------------------------------------- */

static bool mode_ok(const char *path, const struct stat *st, struct fault *f)
{
    if (!S_ISREG(st->st_mode))
        return fault_set(f, FAULT_UNAVAILABLE, "The master key file %s is not a regular file.", path);
    if (st->st_mode & (S_IRWXO | S_IWGRP | S_IXGRP))
        return fault_set(f, FAULT_UNAVAILABLE,
                         "The master key file %s is open to others (mode %04o): run `chmod 600 %s`.", path,
                         (unsigned)st->st_mode & 07777, path);
    return true;
}

static bool open_fault(const char *path, struct fault *f)
{
    if (errno == ENOENT)
        return fault_set(f, FAULT_UNAVAILABLE,
                         "There is no master key file %s: make one with `pollux generate-key`, or set "
                         "POLLUX_MASTER_KEY_FILE.", path);
    return fault_set(f, FAULT_UNAVAILABLE, "The master key file %s cannot be read: %s.", path,
                     strerror(errno));
}

static bool slurp(int fd, const char *path, struct buf *text, struct fault *f)
{
    buf_reserve(text, FILE_MAX + 1);       /* all at once: growing would leave copies behind */
    for (;;) {
        ssize_t got = read(fd, text->p + text->n, FILE_MAX + 1 - text->n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return open_fault(path, f);
        text->n += (size_t)got;
        text->p[text->n] = '\0';
        if (text->n > FILE_MAX)
            return fault_set(f, FAULT_UNAVAILABLE, "%s is too long for a master key file.", path);
        if (got == 0)
            return true;
    }
}

bool keyfile_read(const char *path, struct buf *text, struct stat *st, struct fault *f)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return open_fault(path, f);
    bool ok = fstat(fd, st) == 0 ? mode_ok(path, st, f) && slurp(fd, path, text, f)
                                 : open_fault(path, f);
    close(fd);
    return ok;
}

static bool id_ok(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n < ID_MAX
           && strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

static bool id_known(const struct ring *r, const char *id)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->key[i].id, id) == 0)
            return true;
    return false;
}

/* Derives what the key is used for and adds it to the ring. */
static void ring_add(struct ring *r, const char *id, const unsigned char master[static KEY_BYTES])
{
    struct ring_key *k = &r->key[r->n];
    memcpy(k->id, id, strlen(id) + 1);
    crypto_kdf_derive_from_key(k->seal, KEY_BYTES, 1, "plx-seal", master);
    if (r->n == 0 && !r->printed)
        crypto_kdf_derive_from_key(r->fingerprint, KEY_BYTES, 1, "plx-fing", master);
    r->n++;
}

static bool key_bytes(const char *text, unsigned char out[static KEY_BYTES])
{
    size_t n = 0;
    return sodium_base642bin(out, KEY_BYTES, text, strlen(text), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0
           && n == KEY_BYTES;
}

/* "f1 <base64>": the key of the fingerprints, from when its master key was the first. */
static const char *ring_print_line(struct ring *r, const char *text, const char *more)
{
    if (text == NULL || more != NULL)
        return "is not `f1 <base64 key>`";
    if (r->printed || r->n > 0)
        return "does not stand before all others";
    r->printed = true;
    return key_bytes(text, r->fingerprint) ? NULL : "does not hold 32 bytes in base64";
}

/* One line of the file: NULL when it was taken, else what is wrong with it. */
static const char *ring_line(struct ring *r, char *line)
{
    char *rest = line;
    const char *version = strtok_r(rest, " \t\r", &rest);
    if (version == NULL || version[0] == '#')
        return NULL;
    const char *id = strtok_r(NULL, " \t\r", &rest);
    const char *text = strtok_r(NULL, " \t\r", &rest);
    if (strcmp(version, KEYFILE_PRINT) == 0)
        return ring_print_line(r, id, text);
    bool next = strcmp(version, KEYFILE_NEXT) == 0;
    if ((strcmp(version, VERSION) != 0 && !next) || id == NULL || text == NULL || strtok_r(NULL, " \t\r", &rest))
        return "is not `v1 <key id> <base64 key>`";
    if (r->has_next)
        return "stands behind a key that is not in use yet";
    if (next && r->n == 0)
        return "is a key that is not in use yet, and there is no other";
    if (!id_ok(id))
        return "has a key id that is not 1 to 32 letters, digits, `_` or `-`";
    if (id_known(r, id))
        return "repeats a key id";
    if (r->n == KEYS_MAX)
        return "is one key too many (16 at the most)";

    unsigned char master[KEY_BYTES];
    bool ok = key_bytes(text, master);
    if (ok) {
        r->has_next = next;
        r->seals = next ? r->seals : r->n;
        ring_add(r, id, master);
    }
    sodium_memzero(master, sizeof master);
    return ok ? NULL : "does not hold 32 bytes in base64";
}

static bool ring_parse(struct ring *r, const char *path, char *text, struct fault *f)
{
    int number = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        number++;
        const char *wrong = ring_line(r, line);
        if (wrong != NULL)
            return fault_set(f, FAULT_UNAVAILABLE, "The master key file %s: line %d %s.", path, number,
                             wrong);
    }
    if (r->n == 0)
        return fault_set(f, FAULT_UNAVAILABLE, "The master key file %s holds no key.", path);
    return true;
}

/* A ring from the file; NULL with the fault set. Not protected yet. */
static struct ring *ring_load(const char *path, struct stat *st, struct fault *f)
{
    start();
    auto_secret text = {0};
    if (!keyfile_read(path, &text, st, f))
        return NULL;
    struct ring *fresh = sodium_malloc(sizeof *fresh);
    if (fresh == NULL) {
        fault_set(f, FAULT_UNAVAILABLE, "There is no memory for the master keys.");
        return NULL;
    }
    sodium_memzero(fresh, sizeof *fresh);
    if (ring_parse(fresh, path, text.p, f))
        return fresh;
    sodium_free(fresh);
    return NULL;
}

/* From now on it is this one. The file's lock is held, or nobody else is there. */
static void ring_use(struct ring *fresh, const struct stat *st)
{
    fresh->older = atomic_load(&ring);
    sodium_mprotect_readonly(fresh);
    atomic_store(&ring, fresh);
    file.device = st->st_dev;
    file.inode = st->st_ino;
    file.changed = st->st_mtim;
}

bool vault_open(const char *path, struct fault *f)
{
    struct stat st;
    struct ring *fresh = ring_load(path, &st, f);
    if (fresh == NULL)
        return false;
    vault_close();
    file.path = xstrdup(path);
    ring_use(fresh, &st);
    return true;
}

static bool file_changed(void)
{
    struct stat st;
    return stat(file.path, &st) != 0 || st.st_ino != file.inode || st.st_dev != file.device
           || st.st_mtim.tv_sec != file.changed.tv_sec || st.st_mtim.tv_nsec != file.changed.tv_nsec;
}

bool vault_refresh(struct fault *f)
{
    auto_lock(&file.lock);
    if (file.path == NULL || !file_changed())
        return true;
    struct stat st;
    struct ring *fresh = ring_load(file.path, &st, f);
    if (fresh != NULL)
        ring_use(fresh, &st);
    return fresh != NULL;
}

void vault_close(void)
{
    struct ring *r = atomic_load(&ring);
    while (r != NULL) {
        struct ring *older = r->older;
        sodium_free(r);
        r = older;
    }
    atomic_store(&ring, NULL);
    free(file.path);
    file.path = NULL;
}

bool keyfile_ok(const char *path, const struct buf *text, struct fault *f)
{
    auto_secret copy = {0};
    buf_reserve(&copy, text->n);
    buf_add(&copy, text->p, text->n);
    struct ring *trial = sodium_malloc(sizeof *trial);
    if (trial == NULL)
        return fault_set(f, FAULT_UNAVAILABLE, "There is no memory for the master keys.");
    sodium_memzero(trial, sizeof *trial);
    bool ok = ring_parse(trial, path, copy.p, f);
    sodium_free(trial);
    return ok;
}

void keyfile_print_line(struct buf *line)
{
    const struct ring *r = atomic_load(&ring);
    char text[sodium_base64_ENCODED_LEN(KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    sodium_bin2base64(text, sizeof text, r->fingerprint, sizeof r->fingerprint, sodium_base64_VARIANT_ORIGINAL);
    buf_reserve(line, 256);
    buf_printf(line, KEYFILE_PRINT " %s\n", text);
    sodium_memzero(text, sizeof text);
}

/* ---- which keys there are -------------------------------------------------------------------- */

void vault_keys(struct vault_keys *ret)
{
    const struct ring *r = atomic_load(&ring);
    *ret = (struct vault_keys){0};
    snprintf(ret->seals, sizeof ret->seals, "%s", r->key[r->seals].id);
    if (r->has_next)
        snprintf(ret->next, sizeof ret->next, "%s", r->key[r->n - 1].id);
    for (size_t i = 0; i < r->seals; i++)
        snprintf(ret->old[ret->old_n++], sizeof *ret->old, "%s", r->key[i].id);
}

/* ---- a new key file -------------------------------------------------------------------------- */

void keyfile_key_line(struct buf *line, const char *version)
{
    unsigned char master[KEY_BYTES], id[4];
    char text[sodium_base64_ENCODED_LEN(KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)], id_hex[9];
    crypto_kdf_keygen(master);
    randombytes_buf(id, sizeof id);
    vault_hex(id, sizeof id, id_hex);
    sodium_bin2base64(text, sizeof text, master, sizeof master, sodium_base64_VARIANT_ORIGINAL);
    buf_reserve(line, 256);
    buf_printf(line, "%s %s %s\n", version, id_hex, text);
    sodium_memzero(master, sizeof master);
    sodium_memzero(text, sizeof text);
}

bool keyfile_write(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return fsync(fd) == 0;
}

/* Makes the file's name itself durable; failing is no failure, some file systems cannot. */
void keyfile_sync_directory(const char *path)
{
    auto_str dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash != NULL)
        slash[slash == dir] = '\0';
    int fd = open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

bool vault_generate(const char *path, struct fault *f)
{
    start();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return fault_set(f, FAULT_UNAVAILABLE,
                         "%s exists already and is not overwritten: without the keys in it nothing that it "
                         "sealed can be read again.", path);
    if (fd < 0)
        return fault_set(f, FAULT_UNAVAILABLE, "The master key file %s cannot be made: %s.", path,
                         strerror(errno));

    auto_secret line = {0};
    keyfile_key_line(&line, VERSION);
    bool ok = keyfile_write(fd, line.p, line.n);
    int why = errno;
    ok = close(fd) == 0 && ok;
    if (!ok) {
        unlink(path);
        return fault_set(f, FAULT_UNAVAILABLE, "The master key file %s cannot be written: %s.", path,
                         strerror(why));
    }
    keyfile_sync_directory(path);
    return true;
}

/* ---- sealing --------------------------------------------------------------------------------- */

void vault_seal(const void *plain, size_t n, const char *aad, struct buf *out)
{
    const struct ring *r = atomic_load(&ring);
    assert(r != NULL);
    const struct ring_key *k = &r->key[r->seals];
    unsigned char nonce[NONCE];
    randombytes_buf(nonce, sizeof nonce);

    buf_printf(out, VERSION "|%s|", k->id);
    buf_add(out, nonce, sizeof nonce);
    buf_reserve(out, n + TAG);
    unsigned long long got = 0;
    crypto_aead_xchacha20poly1305_ietf_encrypt((unsigned char *)out->p + out->n, &got, plain, n,
                                               (const unsigned char *)aad, strlen(aad), NULL, nonce, k->seal);
    out->n += (size_t)got;
    out->p[out->n] = '\0';
}

/* The caller learns nothing of how secrets are kept. */
static bool unreadable(struct fault *f, const char *why)
{
    fault_set(f, FAULT_INTERNAL, "internal error");
    fault_meant(f, "%s", why);
    return false;
}

static const struct ring_key *key_of(const void *id, size_t n)
{
    const struct ring *r = atomic_load(&ring);
    for (size_t i = 0; i < r->n; i++)
        if (strlen(r->key[i].id) == n && memcmp(r->key[i].id, id, n) == 0)
            return &r->key[i];
    return NULL;
}

/* Cuts "v1|id|" off the front and finds the key of that id. NULL, with the fault set, if there is none, not even
 * in the file as it is now. */
static const struct ring_key *sealed_key(const unsigned char **p, size_t *n, struct fault *f)
{
    size_t start_at = strlen(VERSION "|");
    const unsigned char *bar = NULL;
    if (*n > start_at && memcmp(*p, VERSION "|", start_at) == 0)
        bar = memchr(*p + start_at, '|', *n - start_at);
    size_t head = bar != NULL ? (size_t)(bar - *p) + 1 : 0;
    if (bar == NULL || *n - head < NONCE + TAG) {
        unreadable(f, "a stored secret is damaged and cannot be read");
        return NULL;
    }
    const unsigned char *id = *p + start_at;
    size_t id_n = head - 1 - start_at;
    struct fault ignored = {0};
    const struct ring_key *k = key_of(id, id_n);
    if (k == NULL && vault_refresh(&ignored))
        k = key_of(id, id_n);
    if (k == NULL) {
        unreadable(f, "a stored secret was sealed with a master key that is not in the key file");
        return NULL;
    }
    *p += head;
    *n -= head;
    return k;
}

bool vault_unseal(const void *sealed, size_t n, const char *aad, struct buf *out, struct fault *f)
{
    assert(atomic_load(&ring) != NULL);
    const unsigned char *p = sealed;
    const struct ring_key *k = sealed_key(&p, &n, f);
    if (k == NULL)
        return false;

    unsigned long long got = 0;
    buf_reserve(out, n - NONCE - TAG);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)out->p + out->n, &got, NULL, p + NONCE,
                                                   n - NONCE, (const unsigned char *)aad, strlen(aad), p,
                                                   k->seal) != 0)
        return unreadable(f, "a stored secret cannot be unsealed: damaged, moved, or sealed with another "
                             "master key of the same name");
    out->n += (size_t)got;
    out->p[out->n] = '\0';
    return true;
}

void vault_fingerprint(const void *secret, size_t n, unsigned char out[static 32])
{
    const struct ring *r = atomic_load(&ring);
    assert(r != NULL);
    crypto_generichash(out, 32, secret, n, r->fingerprint, sizeof r->fingerprint);
}

static void credential_name(const char *fingerprint, char out[static 96])
{
    snprintf(out, 96, "credential|%.64s", fingerprint);
}

static void seal_hex(const char *plain, size_t n, const char *name, struct buf *sealed_hex)
{
    auto_buf sealed = {0};
    vault_seal(plain, n, name, &sealed);
    buf_reserve(sealed_hex, 2 * sealed.n);
    vault_hex(sealed.p, sealed.n, sealed_hex->p + sealed_hex->n);
    sealed_hex->n += 2 * sealed.n;
}

static bool unseal_hex(const char *sealed_hex, const char *name, struct buf *out, struct fault *f)
{
    auto_buf sealed = {0};
    if (!vault_unhex(sealed_hex, &sealed))
        return unreadable(f, "a stored secret is damaged and cannot be read");
    return vault_unseal(sealed.p, sealed.n, name, out, f);
}

void vault_credential_seal(const char *secret, size_t n, char fingerprint[static VAULT_HEX_MAX],
                           struct buf *sealed_hex)
{
    unsigned char print[32];
    char name[96];
    vault_fingerprint(secret, n, print);
    vault_hex(print, sizeof print, fingerprint);
    credential_name(fingerprint, name);
    seal_hex(secret, n, name, sealed_hex);
}

bool vault_credential_unseal(const char *sealed_hex, const char *fingerprint, struct buf *out,
                             struct fault *f)
{
    char name[96];
    credential_name(fingerprint, name);
    return unseal_hex(sealed_hex, name, out, f);
}

void vault_proxy_seal(const char *url, const char *fingerprint, struct buf *sealed_hex)
{
    char name[96];
    snprintf(name, sizeof name, "proxy|%.64s", fingerprint);
    seal_hex(url, strlen(url), name, sealed_hex);
}

bool vault_proxy_unseal(const char *sealed_hex, const char *fingerprint, struct buf *out, struct fault *f)
{
    char name[96];
    snprintf(name, sizeof name, "proxy|%.64s", fingerprint);
    return unseal_hex(sealed_hex, name, out, f);
}

/* ---- tokens, random, hexadecimal ------------------------------------------------------------- */

static void token_new(const char *prefix, char out[static VAULT_TOKEN_MAX])
{
    unsigned char bytes[32];
    size_t n = strlen(prefix);
    vault_random(bytes, sizeof bytes);
    memcpy(out, prefix, n);
    sodium_bin2base64(out + n, VAULT_TOKEN_MAX - n, bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

void vault_token_new(char out[static VAULT_TOKEN_MAX])
{
    token_new("plx_", out);
}

void vault_admin_token_new(char out[static VAULT_TOKEN_MAX])
{
    token_new("plxa_", out);
}

void vault_sha256(const void *bytes, size_t n, unsigned char out[static 32])
{
    start();
    crypto_hash_sha256(out, bytes, n);
}

void vault_token_hash(const char *token, unsigned char out[static 32])
{
    vault_sha256(token, strlen(token), out);
}

void vault_token_hash_hex(const char *token, char out[static VAULT_HEX_MAX])
{
    unsigned char hash[32];
    vault_token_hash(token, hash);
    vault_hex(hash, sizeof hash, out);
}

void vault_random(void *out, size_t n)
{
    start();
    randombytes_buf(out, n);
}

void vault_uuid7(char out[static VAULT_UUID_MAX])
{
    struct timespec now;
    unsigned char b[16];
    char hex[33];
    clock_gettime(CLOCK_REALTIME, &now);
    vault_random(b, sizeof b);

    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    unsigned fraction = (unsigned)((uint64_t)(now.tv_nsec % 1000000) * 4096 / 1000000);
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | fraction >> 8);
    b[7] = (unsigned char)fraction;
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    vault_hex(b, sizeof b, hex);
    snprintf(out, VAULT_UUID_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void vault_hex(const void *bytes, size_t n, char *out)
{
    sodium_bin2hex(out, 2 * n + 1, bytes, n);
}

bool vault_unhex(const char *hex, struct buf *out)
{
    size_t n = strlen(hex), got = 0;
    const char *end = NULL;
    buf_reserve(out, n / 2);
    if (n % 2 != 0
        || sodium_hex2bin((unsigned char *)out->p + out->n, n / 2, hex, n, NULL, &got, &end) != 0
        || end != hex + n)
        return false;
    out->n += got;
    out->p[out->n] = '\0';
    return true;
}

void vault_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

void vault_wipe_buf(struct buf *b)
{
    if (b == NULL)
        return;
    if (b->p != NULL)
        sodium_memzero(b->p, b->cap);
    buf_free(b);
}
