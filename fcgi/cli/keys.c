/* SPDX-License-Identifier: MIT */
/*
 * keys.c: keys out of text, and into the database in batches; see keys.h.
 *
 * A batch is one call with some thousand keys, sealed here. Each is durable
 * before the next begins, and importing a key again changes nothing, so an
 * import that broke off is simply repeated.
 */
#include "cli/keys.h"

#include "base/auto.h"
#include "base/conf.h"
#include "base/keytext.h"
#include "base/proxy.h"
#include "db/admin_calls.h"
#include "vault/vault.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BATCH = 5000,
    SHOWN = 10,                     /* malformed ones in the report */
    TEXT_MOST = 64 * 1024 * 1024,   /* a longer file is something else */
};

/* The fingerprints of the keys read so far: open addressing, never more than half full. */
struct seen {
    unsigned char (*slot)[32];      /* zeros are a free slot */
    size_t size, used;
};

struct keys {
    struct cli *cli;                /* borrowed */
    struct buf proxy;               /* of all of them, or empty; wiped in the end */
    struct seen seen;
    struct buf batch;               /* JSON text of what is to be stored next, without its last bracket */
    int batched;
    long long fresh, known, malformed;
    json_t *ids;                    /* of the new ones */
    json_t *shown;                  /* the first malformed ones */
};

/* ---- seen ---- */

static unsigned char *seen_slot(const struct seen *s, const unsigned char print[static 32])
{
    static const unsigned char none[32];
    uint64_t at;
    memcpy(&at, print, sizeof at);
    for (;; at++) {
        unsigned char *slot = s->slot[at & (s->size - 1)];
        if (memcmp(slot, none, 32) == 0 || memcmp(slot, print, 32) == 0)
            return slot;
    }
}

static void seen_grow(struct seen *s)
{
    struct seen bigger = {.size = s->size ? 2 * s->size : 1024, .used = s->used};
    bigger.slot = xcalloc(bigger.size, sizeof *bigger.slot);
    static const unsigned char none[32];
    for (size_t i = 0; i < s->size; i++)
        if (memcmp(s->slot[i], none, 32) != 0)
            memcpy(seen_slot(&bigger, s->slot[i]), s->slot[i], 32);
    free(s->slot);
    *s = bigger;
}

/* Whether the fingerprint was there already; from now on it is. */
static bool seen_before(struct seen *s, const unsigned char print[static 32])
{
    if (2 * (s->used + 1) > s->size)
        seen_grow(s);
    unsigned char *slot = seen_slot(s, print);
    if (memcmp(slot, print, 32) == 0)
        return true;
    memcpy(slot, print, 32);
    s->used++;
    return false;
}

/* ---- batches ---- */

static bool store(struct keys *k)
{
    if (k->batched == 0)
        return true;
    json_auto_t *done = NULL;
    struct cli *cli = k->cli;
    const char *priority = cli_option(cli, "priority");
    buf_putc(&k->batch, ']');
    if (cli_db(cli) == NULL
        || !admin_credential_add(cli->db, &done, &cli->fault, cli_option(cli, "project"),
                                 cli_option(cli, "label"), priority, buf_str(&k->batch)))
        return false;
    k->fresh += json_integer_value(json_object_get(done, "new"));
    k->known += json_integer_value(json_object_get(done, "known"));
    json_array_extend(k->ids, json_object_get(done, "ids"));
    buf_clear(&k->batch);
    k->batched = 0;
    return true;
}

static void add_proxy(struct keys *k, const char *fingerprint)
{
    if (k->proxy.n == 0)
        return;
    json_auto_t *proxy = keys_proxy_seal(buf_str(&k->proxy), fingerprint);
    auto_str text = json_dumps(proxy, JSON_COMPACT);
    buf_printf(&k->batch, ",\"proxy\":%s", text);
}

static bool add_key(struct keys *k, const char *key, size_t n)
{
    unsigned char print[32];
    char fingerprint[VAULT_HEX_MAX];
    vault_fingerprint(key, n, print);
    if (seen_before(&k->seen, print)) {
        k->known++;
        return true;
    }
    auto_buf sealed = {0};
    vault_credential_seal(key, n, fingerprint, &sealed);
    buf_printf(&k->batch, "%c{\"fingerprint\":\"%s\",\"sealed\":\"%s\",\"hint\":\"%.4s\"",
               k->batched > 0 ? ',' : '[', fingerprint, buf_str(&sealed), key + n - 4);
    add_proxy(k, fingerprint);
    buf_putc(&k->batch, '}');
    return ++k->batched < BATCH || store(k);
}

/* ---- a proxy of their own ---- */

bool keys_proxy(struct cli *cli, struct buf *url)
{
    char *given = (char *)cli_option(cli, "proxy"); /* argv is ours to write */
    if (strcmp(given, "-") != 0) {
        buf_puts(url, given);
        memset(given, '*', strlen(given));
    } else {
        char line[600];
        if (fgets(line, sizeof line, stdin) == NULL)
            return fault_set(&cli->fault, FAULT_BAD_REQUEST, "standard input holds no proxy");
        buf_add(url, line, strcspn(line, "\r\n"));
        vault_wipe(line, sizeof line);
    }
    return proxy_check("--proxy", buf_str(url), &cli->fault);
}

json_t *keys_proxy_seal(const char *url, const char *fingerprint)
{
    auto_buf sealed = {0}, shown = {0};
    vault_proxy_seal(url, fingerprint, &sealed);
    proxy_shown(url, &shown);
    return json_pack("{s:s, s:s}", "sealed", buf_str(&sealed), "hint", buf_str(&shown));
}

/* ---- text ---- */

static void add_malformed(struct keys *k, const char *name, int line, const char *word, size_t n,
                          const char *why)
{
    if (++k->malformed > SHOWN)
        return;
    auto_buf masked = {0};
    keytext_mask(word, n, &masked);
    json_array_append_new(k->shown, json_pack("{s:s?,s:i,s:s,s:s}", "file", name, "line", line, "text",
                                              buf_str(&masked), "reason", why));
}

static bool add_word(struct keys *k, const char *name, int line, const char *word, size_t n)
{
    auto_buf why = {0};
    keytext_judge(word, n, &why);
    if (why.n == 0)
        return add_key(k, word, n);
    add_malformed(k, name, line, word, n, buf_str(&why));
    return true;
}

bool keys_text(struct keys *k, const char *name, const char *text, size_t n)
{
    struct keytext reading = {.text = text, .n = n, .line = 1, .comments = name != NULL};
    size_t m;
    for (const char *word; (word = keytext_next(&reading, &m)) != NULL;)
        if (!add_word(k, name, reading.line, word, m))
            return false;
    return true;
}

/* ---- files ---- */

static bool file_fault(struct keys *k, const char *path, const char *why)
{
    return fault_set(&k->cli->fault, FAULT_BAD_REQUEST, "cannot read %s: %s",
                     strcmp(path, "-") == 0 ? "standard input" : path, why);
}

static bool read_fd(struct keys *k, int fd, const char *name)
{
    auto_secret text = {0};
    for (;;) {
        buf_reserve(&text, 256 * 1024);
        ssize_t got = read(fd, text.p + text.n, 256 * 1024);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_fault(k, name, strerror(errno));
        if (got == 0)
            return keys_text(k, name, buf_str(&text), text.n);
        text.n += (size_t)got;
        if (text.n > TEXT_MOST)
            return file_fault(k, name, "it is larger than 64 MB, which is no list of keys");
    }
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* All regular files of a directory that are not hidden, by name. */
static bool read_directory(struct keys *k, const char *path)
{
    struct dirent **entry = NULL;
    int n = scandir(path, &entry, visible, alphasort);
    bool ok = n >= 0 || file_fault(k, path, strerror(errno));
    for (int i = 0; i < n; i++) {
        struct stat st;
        auto_buf file = {0};
        buf_printf(&file, "%s/%s", path, entry[i]->d_name);
        free(entry[i]);
        if (ok && stat(buf_str(&file), &st) == 0 && S_ISREG(st.st_mode))
            ok = keys_file(k, buf_str(&file));
    }
    free(entry);
    return ok;
}

bool keys_file(struct keys *k, const char *path)
{
    struct stat st;
    if (strcmp(path, "-") == 0) {
        if (isatty(STDIN_FILENO))
            cli_say("reading keys from the terminal; end them with Ctrl-D on a line of its own");
        return read_fd(k, STDIN_FILENO, "-");
    }
    auto_file in = fopen(path, "re");
    if (in == NULL || fstat(fileno(in), &st) != 0)
        return file_fault(k, path, strerror(errno));
    return S_ISDIR(st.st_mode) ? read_directory(k, path) : read_fd(k, fileno(in), path);
}

/* ---- begin and end ---- */

struct keys *keys_begin(struct cli *cli)
{
    if (!vault_open(conf.master_key_file, &cli->fault) || cli_db(cli) == NULL)
        return NULL;
    struct keys *k = xcalloc(1, sizeof *k);
    const char *proxy = cli_option(cli, "proxy");
    if (proxy != NULL && strcmp(proxy, "-") == 0)
        fault_set(&cli->fault, FAULT_BAD_REQUEST, "--proxy: standard input is for keys here; `pollux key set` reads one there");
    if (proxy != NULL && (cli->fault.kind != FAULT_NONE || !keys_proxy(cli, &k->proxy))) {
        keys_free(k);
        return NULL;
    }
    k->cli = cli;
    k->ids = json_array();
    k->shown = json_array();
    return k;
}

void keys_free(struct keys *k)
{
    if (k == NULL)
        return;
    buf_free(&k->batch);
    vault_wipe_buf(&k->proxy);
    free(k->seen.slot);
    json_decref(k->ids);
    json_decref(k->shown);
    free(k);
}

static void report_json(const struct keys *k)
{
    json_auto_t *report =
        json_pack("{s:I,s:I,s:I,s:O,s:O}", "new", (json_int_t)k->fresh, "known", (json_int_t)k->known,
                  "malformed", (json_int_t)k->malformed, "ids", k->ids, "malformed_lines", k->shown);
    cli_json(report);
}

static void report_malformed(const struct keys *k)
{
    size_t i;
    json_t *m;
    json_array_foreach(k->shown, i, m) {
        const char *file = json_string_value(json_object_get(m, "file"));
        const char *text = json_string_value(json_object_get(m, "text"));
        const char *reason = json_string_value(json_object_get(m, "reason"));
        int line = (int)json_integer_value(json_object_get(m, "line"));
        if (file == NULL)
            cli_say("%s is no key: %s", text, reason);
        else
            cli_say("%s line %d: %s is no key: %s", strcmp(file, "-") == 0 ? "standard input" : file, line,
                    text, reason);
    }
    if (k->malformed > SHOWN)
        cli_say("... and %lld more", k->malformed - SHOWN);
}

int keys_end(struct keys *k, bool ok)
{
    ok = ok && store(k);
    if (k->cli->json)
        report_json(k);
    else
        printf("%lld new, %lld known, %lld malformed\n", k->fresh, k->known, k->malformed);
    report_malformed(k);
    if (!ok) {
        cli_failed(k->cli);
        return cli_failure("not all was read; repeat it then: what is stored already will count as known");
    }
    if (k->fresh + k->known + k->malformed == 0)
        cli_say("there was no key in the input");
    return k->malformed > 0 && k->fresh + k->known == 0 ? CLI_FAILED : CLI_OK;
}
