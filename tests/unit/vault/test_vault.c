/* SPDX-License-Identifier: MIT */
/*
 * test_vault.c: the key file, sealing and its refusals, fingerprints, tokens, request ids.
 *
 * Every file lies in a directory made for the run.
 */
#include "vault/vault.h"

#include "../check.h"
#include "base/auto.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "v1 alpha AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define KEY_B "v1 beta AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"

static const char secret[] = "AIzaSyExample-0123456789_abcdefghijklmn";
static char dir[] = "/tmp/vault-test-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static const char *write_file(const char *name, const char *text, mode_t mode)
{
    const char *path = path_of(name);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode) != 0)
        abort();
    close(fd);
    return path;
}

/* Whether a key file with this text and mode is taken, and if not, whether the reason holds `words`. */
static bool refused(const char *text, mode_t mode, const char *words)
{
    struct fault f = {0};
    bool ok = vault_open(write_file("try.key", text, mode), &f);
    bool said = f.kind != FAULT_NONE && strstr(f.said, words) != NULL;
    if (!ok && !said)
        printf("    said: %s\n", f.said);
    return !ok && said;
}

static bool opens(const char *text, mode_t mode)
{
    struct fault f = {0};
    return vault_open(write_file("try.key", text, mode), &f) && f.kind == FAULT_NONE;
}

static void a_new_key_file_is_private_and_never_overwrites(void)
{
    struct fault f = {0};
    struct stat st;
    const char *path = path_of("master.key");
    CHECK(vault_generate(path, &f));
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK(vault_open(path, &f));
    CHECK(!vault_generate(path, &f));
    CHECK(strstr(f.said, "exists already") != NULL);

    struct fault g = {0};
    off_t size = st.st_size;
    CHECK(stat(path, &st) == 0 && st.st_size == size);
    CHECK(!vault_generate(path_of("no-such-directory/master.key"), &g));
    CHECK(strstr(g.said, "No such file") != NULL);

    struct fault h = {0};
    CHECK(symlink(path_of("elsewhere"), path_of("elsewhere")) == 0);
    CHECK(!vault_generate(path_of("elsewhere"), &h));
}

static void a_key_file_open_to_others_is_refused(void)
{
    CHECK(opens(KEY_A, 0600));
    CHECK(opens(KEY_A, 0400));
    CHECK(opens(KEY_A, 0440));
    CHECK(refused(KEY_A, 0644, "open to others"));
    CHECK(refused(KEY_A, 0602, "open to others"));
    CHECK(refused(KEY_A, 0660, "open to others"));
    struct fault f = {0}, g = {0};
    CHECK(!vault_open(path_of("missing"), &f));
    CHECK(strstr(f.said, "generate-key") != NULL);
    CHECK(!vault_open(dir, &g));
    CHECK(strstr(g.said, "not a regular file") != NULL);
}

static void a_malformed_key_file_is_refused_with_its_line(void)
{
    char many[2048] = "", line[96];
    for (int i = 0; i < 17; i++) {
        snprintf(line, sizeof line, "v1 k%d AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", i);
        strcat(many, line);
    }
    CHECK(opens("# made by hand\n\n" KEY_A "\r\n   " KEY_B, 0600));
    CHECK(refused("", 0600, "holds no key"));
    CHECK(refused("# nothing\n", 0600, "holds no key"));
    CHECK(refused("v2 alpha AAAA\n", 0600, "line 1"));
    CHECK(refused(KEY_A "v1 beta\n", 0600, "line 2"));
    CHECK(refused("v1 a|b AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600, "key id"));
    CHECK(refused("v1 short AAAA\n", 0600, "32 bytes"));
    CHECK(refused("v1 long AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0600, "32 bytes"));
    CHECK(refused("v1 bad !!!!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600, "32 bytes"));
    CHECK(refused(KEY_A KEY_A, 0600, "repeats"));
    CHECK(refused(many, 0600, "too many"));
}

static void what_was_sealed_can_be_unsealed(void)
{
    struct fault f = {0};
    struct buf a = {0}, b = {0}, plain = {0};
    CHECK(opens(KEY_A, 0600));
    vault_seal(secret, strlen(secret), "here", &a);
    vault_seal(secret, strlen(secret), "here", &b);
    CHECK(a.n == strlen("v1|alpha|") + 24 + strlen(secret) + 16);
    CHECK(memcmp(a.p, "v1|alpha|", 9) == 0);
    CHECK(a.n == b.n && memcmp(a.p, b.p, a.n) != 0);
    CHECK(memmem(a.p, a.n, "AIza", 4) == NULL);

    buf_puts(&plain, "kept ");
    CHECK(vault_unseal(a.p, a.n, "here", &plain, &f));
    CHECK(strncmp(buf_str(&plain), "kept ", 5) == 0);
    CHECK_STR(buf_str(&plain) + 5, secret);
    vault_wipe_buf(&plain);
    CHECK(plain.p == NULL && plain.n == 0);

    struct buf none = {0};
    vault_seal("", 0, "", &none);
    CHECK(vault_unseal(none.p, none.n, "", &plain, &f));
    CHECK(plain.n == 0);
    buf_free(&plain);
    buf_free(&none);
    buf_free(&a);
    buf_free(&b);
}

static bool unseals(const char *p, size_t n, const char *aad)
{
    struct fault f = {0};
    struct buf out = {0};
    bool ok = vault_unseal(p, n, aad, &out, &f);
    CHECK(ok == (f.kind == FAULT_NONE));
    CHECK(ok || (out.n == 0 && strcmp(f.said, "internal error") == 0));
    vault_wipe_buf(&out);
    return ok;
}

static void a_wrong_name_a_cut_and_every_flipped_bit_are_noticed(void)
{
    struct buf s = {0};
    CHECK(opens(KEY_A, 0600));
    vault_seal(secret, strlen(secret), "here", &s);
    CHECK(unseals(s.p, s.n, "here"));
    CHECK(!unseals(s.p, s.n, "there"));
    CHECK(!unseals(s.p, s.n, ""));
    int taken = 0;
    for (size_t n = 0; n < s.n; n++)
        taken += unseals(s.p, n, "here");
    CHECK(taken == 0);
    for (size_t bit = 0; bit < 8 * s.n; bit++) {
        s.p[bit / 8] = (char)(s.p[bit / 8] ^ 1 << bit % 8);
        taken += unseals(s.p, s.n, "here");
        s.p[bit / 8] = (char)(s.p[bit / 8] ^ 1 << bit % 8);
    }
    CHECK(taken == 0);
    buf_putc(&s, 'x');
    CHECK(!unseals(s.p, s.n, "here"));
    buf_free(&s);
}

static void the_newest_key_seals_and_every_key_of_the_ring_unseals(void)
{
    struct buf old = {0}, fresh = {0};
    unsigned char before[32], after[32], other[32];
    CHECK(opens(KEY_A, 0600));
    vault_seal(secret, strlen(secret), "here", &old);
    vault_fingerprint(secret, strlen(secret), before);

    CHECK(opens(KEY_A KEY_B, 0600));
    vault_seal(secret, strlen(secret), "here", &fresh);
    vault_fingerprint(secret, strlen(secret), after);
    CHECK(memcmp(fresh.p, "v1|beta|", 8) == 0);
    CHECK(unseals(old.p, old.n, "here"));
    CHECK(unseals(fresh.p, fresh.n, "here"));
    CHECK(memcmp(before, after, 32) == 0);

    CHECK(opens(KEY_B, 0600));
    vault_fingerprint(secret, strlen(secret), other);
    CHECK(!unseals(old.p, old.n, "here"));
    CHECK(unseals(fresh.p, fresh.n, "here"));
    CHECK(memcmp(before, other, 32) != 0);

    CHECK(refused("v1 x\n", 0600, "line 1"));
    CHECK(unseals(fresh.p, fresh.n, "here"));   /* the ring of before is still in use */
    buf_free(&old);
    buf_free(&fresh);
}

#define PRINT "f1 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n"
#define NEXT  "n1 gamma AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n"

static void a_key_that_is_not_in_use_unseals_and_does_not_seal(void)
{
    struct buf now = {0}, then = {0};
    struct vault_keys keys;
    CHECK(opens(KEY_A NEXT, 0600));
    vault_keys(&keys);
    CHECK_STR(keys.seals, "alpha");
    CHECK_STR(keys.next, "gamma");
    CHECK_INT((long long)keys.old_n, 0);
    vault_seal(secret, strlen(secret), "here", &now);
    CHECK(memcmp(now.p, "v1|alpha|", 9) == 0);
    CHECK(opens("v1 gamma AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n", 0600));
    vault_seal(secret, strlen(secret), "here", &then);
    CHECK(opens(KEY_A NEXT, 0600));
    CHECK(unseals(then.p, then.n, "here"));
    CHECK(refused(NEXT, 0600, "line 1"));
    CHECK(refused(KEY_A NEXT KEY_B, 0600, "line 3"));
    CHECK(refused(KEY_A PRINT, 0600, "line 2"));
    CHECK(refused("f1 AAAA\n" KEY_A, 0600, "32 bytes"));
    CHECK(refused(PRINT, 0600, "holds no key"));
    buf_free(&now);
    buf_free(&then);
}

static void a_changed_file_is_taken_up_when_it_is_asked_for_or_needed(void)
{
    struct fault f = {0};
    struct buf s = {0};
    struct vault_keys keys;
    CHECK(opens(KEY_B, 0600));
    vault_seal(secret, strlen(secret), "here", &s);
    CHECK(opens(KEY_A, 0600));
    write_file("try.key", KEY_A KEY_B, 0600);
    CHECK(unseals(s.p, s.n, "here"));
    vault_keys(&keys);
    CHECK_STR(keys.seals, "beta");
    write_file("try.key", "nonsense\n", 0600);
    CHECK(!vault_refresh(&f));
    CHECK(strstr(f.said, "line 1") != NULL);
    CHECK(unseals(s.p, s.n, "here")); /* what was there before stays */
    write_file("try.key", KEY_B, 0600);
    CHECK(vault_refresh(&f));
    vault_keys(&keys);
    CHECK_INT((long long)keys.old_n, 0);
    buf_free(&s);
}

static void a_rotation_goes_step_by_step_and_each_step_once(void)
{
    struct fault f = {0};
    struct buf old = {0};
    struct stat st;
    struct vault_keys keys, next;
    unsigned char before[32], after[32];
    const char *path = write_file("try.key", "# ours\n" KEY_A, 0640);
    auto_str file = xstrdup(path);
    CHECK(vault_open(file, &f));
    vault_fingerprint(secret, strlen(secret), before);
    vault_seal(secret, strlen(secret), "here", &old);

    CHECK(vault_rotate(file, VAULT_NEXT, &f) && vault_rotate(file, VAULT_NEXT, &f));
    vault_keys(&next);
    CHECK_STR(next.seals, "alpha");
    CHECK(*next.next != '\0' && next.old_n == 0);
    CHECK(vault_rotate(file, VAULT_USE, &f) && vault_rotate(file, VAULT_USE, &f));
    vault_keys(&keys);
    CHECK_STR(keys.seals, next.next);
    CHECK_INT((long long)keys.old_n, 1);
    CHECK(unseals(old.p, old.n, "here"));
    CHECK(vault_rotate(file, VAULT_ALONE, &f) && vault_rotate(file, VAULT_ALONE, &f));
    vault_keys(&keys);
    CHECK_INT((long long)keys.old_n, 0);
    CHECK(!unseals(old.p, old.n, "here"));
    vault_fingerprint(secret, strlen(secret), after);
    CHECK(memcmp(before, after, 32) == 0);
    CHECK(stat(file, &st) == 0 && (st.st_mode & 07777) == 0640);

    CHECK(vault_rotate(file, VAULT_NEXT, &f) && vault_rotate(file, VAULT_USE, &f) && vault_rotate(file, VAULT_ALONE, &f));
    CHECK(vault_open(file, &f)); /* a file like any other, also for who reads it first */
    vault_fingerprint(secret, strlen(secret), after);
    CHECK(memcmp(before, after, 32) == 0);
    int lock = vault_rotation_lock(file, &f);
    CHECK(lock >= 0 && vault_rotation_lock(file, &f) < 0 && strstr(f.said, "already") != NULL);
    close(lock);
    buf_free(&old);
}

static void a_credential_is_bound_to_its_fingerprint(void)
{
    struct fault f = {0}, g = {0}, h = {0};
    char print[VAULT_HEX_MAX], other_print[VAULT_HEX_MAX];
    struct buf sealed = {0}, other = {0}, plain = {0};
    CHECK(opens(KEY_A, 0600));
    vault_credential_seal(secret, strlen(secret), print, &sealed);
    vault_credential_seal("another-secret-key-0123456789", 29, other_print, &other);
    CHECK(strlen(print) == 64 && strcmp(print, other_print) != 0);
    CHECK(vault_credential_unseal(buf_str(&sealed), print, &plain, &f));
    CHECK_STR(buf_str(&plain), secret);
    CHECK(!vault_credential_unseal(buf_str(&other), print, &plain, &g));
    CHECK(!vault_credential_unseal("zz", print, &plain, &h));
    vault_wipe_buf(&plain);
    buf_free(&sealed);
    buf_free(&other);
}

static void tokens_are_random_and_hash_to_sha_256(void)
{
    char a[VAULT_TOKEN_MAX], b[VAULT_TOKEN_MAX], hex[VAULT_HEX_MAX];
    vault_token_new(a);
    vault_token_new(b);
    CHECK(strlen(a) == 47 && strncmp(a, "plx_", 4) == 0 && strcmp(a, b) != 0);
    CHECK(strspn(a + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == 43);
    vault_token_hash_hex("abc", hex);
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void request_ids_are_version_7_and_sort_by_time(void)
{
    char last[VAULT_UUID_MAX] = "", id[VAULT_UUID_MAX];
    int wrong = 0, unordered = 0;
    for (int i = 0; i < 20000; i++) {
        vault_uuid7(id);
        wrong += strlen(id) != 36 || id[8] != '-' || id[14] != '7' || strchr("89ab", id[19]) == NULL
                 || strspn(id, "0123456789abcdef-") != 36;
        unordered += strncmp(id, last, 15) < 0;   /* the millisecond */
        memcpy(last, id, sizeof last);
    }
    CHECK(wrong == 0);
    CHECK(unordered == 0);
}

static void hexadecimal_goes_both_ways_and_is_strict(void)
{
    char hex[9];
    struct buf out = {0};
    vault_hex("\x00\xff\x10\xab", 4, hex);
    CHECK_STR(hex, "00ff10ab");
    CHECK(vault_unhex("00ff10AB", &out) && out.n == 4 && memcmp(out.p, "\x00\xff\x10\xab", 4) == 0);
    CHECK(!vault_unhex("0", &out) && !vault_unhex("0g", &out) && !vault_unhex("00 1", &out));
    CHECK(out.n == 4);
    CHECK(vault_unhex("", &out) && out.n == 4);
    buf_free(&out);
}

static void *many_seals(void *arg)
{
    int *wrong = arg;
    for (int i = 0; i < 500; i++) {
        char print[VAULT_HEX_MAX];
        struct fault f = {0};
        struct buf sealed = {0}, plain = {0};
        vault_credential_seal(secret, strlen(secret), print, &sealed);
        *wrong += !vault_credential_unseal(buf_str(&sealed), print, &plain, &f)
                  || strcmp(buf_str(&plain), secret) != 0;
        vault_wipe_buf(&plain);
        buf_free(&sealed);
    }
    return NULL;
}

static void threads_share_the_vault(void)
{
    pthread_t t[4];
    int wrong[4] = {0};
    CHECK(opens(KEY_A KEY_B, 0600));
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, many_seals, &wrong[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK(wrong[0] + wrong[1] + wrong[2] + wrong[3] == 0);
}

static void remove_files(void)
{
    static const char *const names[] = {"try.key", "master.key", "elsewhere"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_of(names[i]));
    rmdir(dir);
}

int main(void)
{
    if (mkdtemp(dir) == NULL)
        return 1;
    RUN(tokens_are_random_and_hash_to_sha_256); /* these two need no ring */
    RUN(request_ids_are_version_7_and_sort_by_time);
    RUN(a_new_key_file_is_private_and_never_overwrites);
    RUN(a_key_file_open_to_others_is_refused);
    RUN(a_malformed_key_file_is_refused_with_its_line);
    RUN(what_was_sealed_can_be_unsealed);
    RUN(a_wrong_name_a_cut_and_every_flipped_bit_are_noticed);
    RUN(the_newest_key_seals_and_every_key_of_the_ring_unseals);
    RUN(a_key_that_is_not_in_use_unseals_and_does_not_seal);
    RUN(a_changed_file_is_taken_up_when_it_is_asked_for_or_needed);
    RUN(a_rotation_goes_step_by_step_and_each_step_once);
    RUN(a_credential_is_bound_to_its_fingerprint);
    RUN(hexadecimal_goes_both_ways_and_is_strict);
    RUN(threads_share_the_vault);
    vault_close();
    remove_files();
    return check_end();
}
