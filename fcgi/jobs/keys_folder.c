/* SPDX-License-Identifier: MIT */
/*
 * keys_folder.c: brings the pool in line with a folder of key files (POLLUX_KEYS_DIR).
 *
 * All regular files of the folder that are not hidden are read; what a reading
 * means is told in sql/functions/keys_folder.sql. A file that was written a
 * moment ago may not be complete: the folder is read again shortly then. Nothing
 * is missed in a folder of which anything could not be read.
 */
#include "jobs/jobs_own.h"
#include "base/auto.h"
#include "base/keytext.h"
#include "base/utf8.h"
#include "vault/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 2000,                 /* keys in one statement */
    SHOWN = 10,                   /* errors that are told */
    SETTLE_S = 2,                 /* a file is left alone for so long after it was written */
    FILE_MOST = 64 * 1024 * 1024, /* a longer file is something else */
};

/* A key of the batch: where it stands in the text of its file. */
struct found {
    const char *key;
    size_t n;
    char fingerprint[VAULT_HEX_MAX];
};

struct reading {
    struct job *job;
    struct fault *fault;
    const char *folder; /* path */
    char round[24];
    bool rewrite, manual;
    bool whole, unsettled;
    long long files, keys, malformed, fresh, back;
    json_t *errors;
    struct found *batch;
    size_t batch_n;
    const char *file; /* being read; its name */
};

static void note_error(struct reading *r, int line, const char *text, const char *why)
{
    if (json_array_size(r->errors) >= SHOWN)
        return;
    json_t *error = json_pack("{s:s*, s:s}", "file", r->file, "error", why);
    if (error != NULL && line > 0)
        json_object_set_new(error, "line", json_integer(line));
    if (error != NULL && text != NULL)
        json_object_set_new(error, "text", json_string(text));
    if (error != NULL)
        json_array_append_new(r->errors, error);
}

/* Something could not be read: whatever is missed may stand there. */
static void note_gap(struct reading *r, const char *why)
{
    r->whole = false;
    note_error(r, 0, NULL, why);
}

/* ------------------------------------------------------------------ batches */

static void list_fingerprints(const struct reading *r, struct buf *out)
{
    for (size_t i = 0; i < r->batch_n; i++)
        buf_printf(out, "%s\"%s\"", i == 0 ? "[" : ",", r->batch[i].fingerprint);
    buf_putc(out, ']');
}

/* Those of the batch that are in `unknown`, sealed, as api.keys_folder_add() wants them. */
static void list_sealed(const struct reading *r, const json_t *unknown, struct buf *out)
{
    json_auto_t *wanted = json_object();
    size_t i;
    json_t *one;
    json_array_foreach (unknown, i, one)
        json_object_set_new(wanted, json_string_value(one), json_true());
    for (i = 0; i < r->batch_n; i++) {
        const struct found *k = &r->batch[i];
        if (json_object_get(wanted, k->fingerprint) == NULL)
            continue;
        char fingerprint[VAULT_HEX_MAX];
        auto_buf sealed = {0};
        vault_credential_seal(k->key, k->n, fingerprint, &sealed);
        buf_printf(out, "%c{\"fingerprint\":\"%s\",\"sealed\":\"%s\",\"hint\":\"%.4s\"}",
                   out->n == 0 ? '[' : ',', fingerprint, buf_str(&sealed), k->key + k->n - 4);
    }
    buf_puts(out, out->n == 0 ? "[]" : "]");
}

static bool add_unknown(struct reading *r, const json_t *unknown)
{
    if (json_array_size(unknown) == 0)
        return true;
    auto_buf keys = {0};
    list_sealed(r, unknown, &keys);
    const char *const params[] = {r->job->subject, r->round, r->file, buf_str(&keys)};
    json_auto_t *added = NULL;
    if (!jobs_call(&added, r->fault, "select api.keys_folder_add($1, $2::bigint, $3, $4::jsonb)", 4, params))
        return false;
    r->fresh += json_integer_value(json_object_get(added, "new"));
    return true;
}

/* Tells the database what the batch holds; the batch is empty then. */
static bool store(struct reading *r)
{
    if (r->batch_n == 0)
        return true;
    auto_buf prints = {0};
    list_fingerprints(r, &prints);
    const char *const params[] = {r->job->subject, r->round, buf_str(&prints)};
    json_auto_t *seen = NULL;
    bool ok =
        jobs_call(&seen, r->fault, "select api.keys_folder_seen($1, $2::bigint, $3::jsonb)", 3, params) &&
        add_unknown(r, json_object_get(seen, "unknown"));
    r->back += json_integer_value(json_object_get(seen, "back"));
    r->batch_n = 0;
    return ok && !jobs_ending();
}

/* ------------------------------------------------------------------ one file */

static bool add_word(struct reading *r, int line, const char *word, size_t n)
{
    auto_buf why = {0}, masked = {0};
    keytext_judge(word, n, &why);
    if (why.n > 0) {
        keytext_mask(word, n, &masked);
        note_error(r, line, buf_str(&masked), buf_str(&why));
        r->malformed++;
        return true;
    }
    unsigned char print[32];
    struct found *k = &r->batch[r->batch_n++];
    *k = (struct found){.key = word, .n = n};
    vault_fingerprint(word, n, print);
    vault_hex(print, sizeof print, k->fingerprint);
    r->keys++;
    return r->batch_n < BATCH || store(r);
}

static bool read_text(struct reading *r, const struct buf *text)
{
    struct keytext reading = {.text = buf_str(text), .n = text->n, .line = 1, .comments = true};
    size_t n;
    for (const char *word; (word = keytext_next(&reading, &n)) != NULL;)
        if (!add_word(r, reading.line, word, n))
            return false;
    return store(r);
}

/* The whole file; false with errno. */
static bool read_whole(int fd, struct buf *text)
{
    enum { PIECE = 256 * 1024 };
    for (;;) {
        buf_reserve(text, PIECE);
        ssize_t got = read(fd, text->p + text->n, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        text->n += (size_t)got;
        text->p[text->n] = '\0';
        if (text->n > FILE_MOST) {
            errno = EFBIG;
            return false;
        }
    }
}

static bool just_written(const struct reading *r, const struct stat *st)
{
    time_t age = time(NULL) - st->st_mtime;
    return !r->manual && age >= 0 && age < SETTLE_S;
}

/* ------------------------------------------------------------------ rewriting */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool write_all(int fd, const struct buf *text)
{
    for (size_t at = 0; at < text->n;) {
        ssize_t done = write(fd, text->p + at, text->n - at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += (size_t)done;
    }
    return fsync(fd) == 0;
}

/* Fills a new file beside `path` that belongs to whom `path` belongs to, and gives it that name, unless
 * `path` was changed meanwhile. False with errno; the old file is as it was then. */
static bool replace_file(const char *path, const struct stat *was, const struct buf *text)
{
    auto_buf fresh = {0};
    const char *slash = strrchr(path, '/');
    buf_add(&fresh, path, (size_t)(slash - path) + 1);
    buf_printf(&fresh, ".%s.pollux-XXXXXX", slash + 1);
    int fd = mkostemp(fresh.p, O_CLOEXEC);
    if (fd < 0)
        return false;
    struct stat now, mine;
    bool owned = fstat(fd, &mine) == 0 && ((mine.st_uid == was->st_uid && mine.st_gid == was->st_gid) ||
                                           fchown(fd, was->st_uid, was->st_gid) == 0);
    bool ok = owned && fchmod(fd, was->st_mode & 07777) == 0 && write_all(fd, text) &&
              stat(path, &now) == 0 && same_file(was, &now) && rename(buf_str(&fresh), path) == 0;
    int why = errno;
    close(fd);
    if (!ok)
        unlink(buf_str(&fresh));
    errno = why;
    return ok;
}

static void rewrite_file(struct reading *r, const char *path, const struct stat *was, const struct buf *text)
{
    auto_secret lines = {0};
    keytext_lines(buf_str(text), text->n, &lines);
    if (lines.n == text->n && memcmp(buf_str(&lines), buf_str(text), text->n) == 0)
        return;
    auto_str real = realpath(path, NULL); /* of a link, what it leads to is written anew */
    auto_buf why = {0};
    if (real != NULL && replace_file(real, was, &lines))
        return;
    buf_printf(&why, "cannot be written anew: %s", strerror(errno));
    note_error(r, 0, NULL, buf_str(&why));
}

/* ------------------------------------------------------------------ the folder */

/* False when the reading has to end: the database failed, or the process ends. */
static bool read_file(struct reading *r, const char *path)
{
    struct stat st;
    auto_secret text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok = fd >= 0 && fstat(fd, &st) == 0;
    if (ok && !S_ISREG(st.st_mode)) {
        close(fd);
        return true;
    }
    if (ok && just_written(r, &st)) {
        close(fd);
        r->unsettled = true;
        r->whole = false;
        return true;
    }
    ok = ok && read_whole(fd, &text);
    if (!ok)
        note_gap(r, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (!ok)
        return true;
    r->files++;
    if (!read_text(r, &text))
        return false;
    if (r->rewrite)
        rewrite_file(r, path, &st, &text);
    return true;
}

/* What a process that was killed in mid-rewriting left. */
static bool is_left_over(const char *name)
{
    const char *mark = name[0] == '.' ? strstr(name, ".pollux-") : NULL;
    return mark != NULL && strlen(mark) == strlen(".pollux-XXXXXX");
}

/* A file name for people and for the database: names may hold any bytes. */
static void clean_name(const char *name, struct buf *out)
{
    for (size_t n = strlen(name), at = 0; at < n;) {
        size_t length = utf8_length(name + at, n - at);
        if (length == 0 || (unsigned char)name[at] < 0x20)
            buf_putc(out, '?');
        else
            buf_add(out, name + at, length);
        at += length > 0 ? length : 1;
    }
}

static bool read_entry(struct reading *r, const char *name)
{
    struct stat st;
    auto_buf path = {0}, shown = {0};
    buf_printf(&path, "%s/%s", r->folder, name);
    if (is_left_over(name))
        unlink(buf_str(&path));
    if (name[0] == '.')
        return true;
    clean_name(name, &shown);
    r->file = buf_str(&shown);
    if (stat(buf_str(&path), &st) == 0 && !S_ISREG(st.st_mode))
        return true; /* a folder, a socket: nobody's list of keys */
    return read_file(r, buf_str(&path));
}

static bool read_folder(struct reading *r)
{
    struct dirent **entries = NULL;
    int n = scandir(r->folder, &entries, NULL, alphasort);
    if (n < 0) {
        auto_buf shown = {0};
        clean_name(r->folder, &shown);
        r->file = buf_str(&shown);
        note_gap(r, strerror(errno));
        return true;
    }
    bool ok = true;
    for (int i = 0; i < n; i++) {
        ok = ok && read_entry(r, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static bool begin(struct reading *r)
{
    const char *const params[] = {r->job->subject};
    json_auto_t *begun = NULL;
    if (!jobs_call(&begun, r->fault, "select api.keys_folder_begin($1)", 1, params))
        return false;
    snprintf(r->round, sizeof r->round, "%lld",
             (long long)json_integer_value(json_object_get(begun, "round")));
    r->rewrite = json_is_true(json_object_get(begun, "rewrite"));
    return true;
}

static bool end(struct reading *r)
{
    json_auto_t *report = json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:O}", "whole", r->whole,
                                    "unsettled", r->unsettled, "files", (json_int_t)r->files, "keys",
                                    (json_int_t)r->keys, "malformed", (json_int_t)r->malformed, "new",
                                    (json_int_t)r->fresh, "back", (json_int_t)r->back, "errors", r->errors);
    auto_str text = report != NULL ? json_dumps(report, JSON_COMPACT) : NULL;
    const char *const params[] = {r->job->subject, r->round, text};
    json_auto_t *done = NULL;
    if (!jobs_call(&done, r->fault, "select api.keys_folder_end($1, $2::bigint, $3::jsonb)", 3, params))
        return false;
    json_object_update(r->job->result, done);
    return true;
}

bool keys_folder_run(struct job *job, struct fault *f)
{
    const char *colon = strchr(job->subject, ':');
    struct reading r = {.job = job,
                        .fault = f,
                        .folder = colon != NULL ? colon + 1 : job->subject,
                        .manual = json_is_true(json_object_get(job->detail, "manual")),
                        .whole = true,
                        .errors = json_array(),
                        .batch = xcalloc(BATCH, sizeof *r.batch)};
    bool ok = begin(&r) && read_folder(&r) && end(&r);
    json_decref(r.errors);
    free(r.batch);
    return ok;
}
