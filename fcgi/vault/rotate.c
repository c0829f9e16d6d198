/* SPDX-License-Identifier: MIT */
/*
 * rotate.c: a new master key in the key file; see vault.h.
 *
 * Each step writes a file beside the old one and renames it: whoever reads, at
 * whatever moment, and whatever dies, finds the one or the other.
 */
#include "vault/vault.h"
#include "vault/vault_own.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool begins(const char *line, const char *word)
{
    size_t n = strlen(word);
    line += strspn(line, " \t\r");
    return strncmp(line, word, n) == 0 && strchr(" \t", line[n]) != NULL && line[n] != '\0';
}

static bool is_of_key(const char *line, const char *id)
{
    line += strspn(line, " \t\r");
    line += strcspn(line, " \t");
    line += strspn(line, " \t");
    return strncmp(line, id, strlen(id)) == 0 && strchr(" \t", line[strlen(id)]) != NULL;
}

/* Adds a line as it is after the step; `keys` are those of the file as it was. */
static void add_line(struct buf *out, const char *line, enum vault_step step, const struct vault_keys *keys)
{
    bool key = begins(line, KEYFILE_KEY), next = begins(line, KEYFILE_NEXT);
    if (step == VAULT_ALONE && (key || next) && !is_of_key(line, keys->seals))
        return;
    if (step == VAULT_USE && next)
        buf_printf(out, KEYFILE_KEY "%s\n", line + strspn(line, " \t\r") + strlen(KEYFILE_NEXT));
    else
        buf_printf(out, "%s\n", line);
}

/* The text after the step. */
static void change(struct buf *text, struct buf *out, enum vault_step step, const struct vault_keys *keys)
{
    bool printed = false;
    buf_reserve(out, text->n + 1024); /* at once: growing would leave copies behind */
    for (const char *line = text->p; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        printed = printed || begins(line, KEYFILE_PRINT);
    }
    if (step == VAULT_NEXT && !printed)
        keyfile_print_line(out);
    char *rest = text->p;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (rest != NULL || *line != '\0')
            add_line(out, line, step, keys);
    if (step == VAULT_NEXT)
        keyfile_key_line(out, KEYFILE_NEXT);
}

static bool write_fault(const char *path, struct fault *f)
{
    return fault_set(f, FAULT_UNAVAILABLE, "The master key file %s cannot be replaced: %s.", path,
                     strerror(errno));
}

/* Puts `text` into the place of the file; it keeps its owner and its mode. */
static bool replace(const char *path, const struct buf *text, const struct stat *was, struct fault *f)
{
    char fresh[PATH_MAX];
    if (geteuid() != 0 && geteuid() != was->st_uid)
        return fault_set(f, FAULT_UNAVAILABLE,
                         "The master key file %s belongs to another user: run this as that one.", path);
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh) {
        errno = ENAMETOOLONG;
        return write_fault(path, f);
    }
    unlink(fresh); /* of one that died */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return write_fault(path, f);
    bool ok = (geteuid() != 0 || fchown(fd, was->st_uid, was->st_gid) == 0) &&
              fchmod(fd, was->st_mode & 07777) == 0 && keyfile_write(fd, text->p, text->n);
    ok = close(fd) == 0 && ok;
    if (!ok || rename(fresh, path) != 0) {
        write_fault(path, f);
        unlink(fresh);
        return false;
    }
    keyfile_sync_directory(path);
    return true;
}

static bool is_done(enum vault_step step, const struct vault_keys *keys)
{
    switch (step) {
    case VAULT_NEXT:
        return *keys->next != '\0';
    case VAULT_USE:
        return *keys->next == '\0';
    default:
        return keys->old_n == 0;
    }
}

bool vault_rotate(const char *path, enum vault_step step, struct fault *f)
{
    struct vault_keys keys;
    struct stat st;
    auto_secret text = {0}, changed = {0};
    char real[PATH_MAX];
    if (!vault_refresh(f))
        return false;
    vault_keys(&keys);
    if (is_done(step, &keys))
        return true;
    if (realpath(path, real) == NULL) /* of a link, what it points to is replaced */
        return write_fault(path, f);
    if (!keyfile_read(real, &text, &st, f))
        return false;
    change(&text, &changed, step, &keys);
    return keyfile_ok(real, &changed, f) && replace(real, &changed, &st, f) && vault_refresh(f);
}

int vault_rotation_lock(const char *path, struct fault *f)
{
    char real[PATH_MAX];
    char *slash = realpath(path, real) != NULL ? strrchr(real, '/') : NULL;
    if (slash == NULL) {
        write_fault(path, f);
        return -1;
    }
    slash[slash == real] = '\0';
    int fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0 && errno == EWOULDBLOCK)
        fault_set(f, FAULT_CONFLICT, "The master key is being rotated already.");
    else
        write_fault(path, f);
    if (fd >= 0)
        close(fd);
    return -1;
}
