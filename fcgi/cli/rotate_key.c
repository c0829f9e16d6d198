/* SPDX-License-Identifier: MIT */
/*
 * rotate_key.c: pollux rotate-key: a new master key while everything runs.
 *
 *   1 next     the file gets the new key, not in use yet; all workers have to know it
 *   2 use      it is put into use; all workers have to seal with it
 *   3 retire   the database takes nothing any more that is sealed with an old one
 *   4 anew     what is sealed with an old one is sealed with the new one
 *   5 alone    the old ones leave the file
 *
 * The file and the database say where it stands, so whatever dies, the next run
 * goes on: a key of the file that is not in use, or more than one in use, is a
 * rotation that has not ended.
 */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "db/admin_calls.h"
#include "vault/vault.h"

#include <string.h>
#include <unistd.h>

enum { PAGE = 500, LOOK_MS = 200, GRACE_MS = 1000 };

struct rotation {
    struct cli *cli;
    const char *path;
    int64_t wait_ms;
    struct vault_keys keys;
    json_t *bad;          /* "place id" of what cannot be opened; owned */
    struct fault why_bad; /* of the first of them */
    long long sealed;
};

/* ---- the others ---- */

static void join(struct buf *out, const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach (names, i, name)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", json_string_value(name));
}

/* Until all workers know the key, or seal with it. */
static bool await_workers(struct rotation *r, const char *key, bool seals)
{
    struct fault *f = &r->cli->fault;
    for (int64_t end = clock_ms() + r->wait_ms;;) {
        json_auto_t *hosts = NULL;
        if (!admin_master_key_workers(r->cli->db, &hosts, f, key, seals))
            return false;
        if (json_array_size(hosts) == 0)
            return true;
        if (clock_ms() >= end) {
            auto_buf names = {0};
            join(&names, hosts);
            fault_set(f, FAULT_UNAVAILABLE, "workers on %s do not %s the new master key yet", buf_str(&names),
                      seals ? "use" : "know");
            fault_hint(
                f, "copy %s to every host whose workers read another file, and run `pollux rotate-key` again",
                r->path);
            return false;
        }
        usleep(LOOK_MS * 1000);
    }
}

/* Until nobody can still be writing who has not seen that the old keys are retired. */
static bool await_writers(struct rotation *r, const char *transaction)
{
    struct fault *f = &r->cli->fault;
    for (int64_t end = clock_ms() + r->wait_ms;;) {
        json_auto_t *settled = NULL;
        if (!admin_master_key_settled(r->cli->db, &settled, f, transaction))
            return false;
        if (json_is_true(settled))
            return true;
        if (clock_ms() >= end) {
            fault_set(f, FAULT_UNAVAILABLE,
                      "a transaction in the database has been open since before the new master "
                      "key came into use");
            fault_hint(f, "when it is over, run `pollux rotate-key` again");
            return false;
        }
        usleep(LOOK_MS * 1000);
    }
}

/* ---- the steps ---- */

static bool step(struct rotation *r, enum vault_step which)
{
    if (!vault_rotate(r->path, which, &r->cli->fault))
        return false;
    vault_keys(&r->keys);
    return true;
}

/* The new key is there and in use everywhere; where that was so before, nothing happens. */
static bool bring_into_use(struct rotation *r)
{
    if (r->keys.old_n == 0 && !step(r, VAULT_NEXT))
        return false;
    if (*r->keys.next != '\0' && (!await_workers(r, r->keys.next, false) || !step(r, VAULT_USE)))
        return false;
    return await_workers(r, r->keys.seals, true);
}

static json_t *old_keys(const struct rotation *r)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < r->keys.old_n; i++)
        json_array_append_new(ids, json_string(r->keys.old[i]));
    return ids;
}

static bool retire(struct rotation *r)
{
    json_auto_t *ids = old_keys(r), *transaction = NULL;
    auto_str text = json_dumps(ids, JSON_COMPACT);
    usleep(GRACE_MS * 1000); /* what was sealed just before is on its way into the database */
    return admin_master_key_retire(r->cli->db, &transaction, &r->cli->fault, r->keys.seals, text) &&
           await_writers(r, json_string_value(transaction));
}

static void note_bad(struct rotation *r, const json_t *one, const struct fault *f)
{
    auto_buf id = {0};
    buf_printf(&id, "%s %s", json_text_at(one, "place"), json_text_at(one, "id"));
    if (json_array_size(r->bad) == 0)
        r->why_bad = *f;
    json_array_append_new(r->bad, json_string(buf_str(&id)));
}

/* One value under the new key, added to `values`. */
static void seal_one(struct rotation *r, const json_t *one, json_t *values)
{
    struct fault f = {0};
    auto_secret was = {0}, plain = {0};
    auto_buf now = {0}, hex = {0};
    if (!vault_unhex(json_text_at(one, "sealed"), &was) ||
        !vault_unseal(was.p, was.n, json_text_at(one, "name"), &plain, &f)) {
        note_bad(r, one, &f);
        return;
    }
    vault_seal(buf_str(&plain), plain.n, json_text_at(one, "name"), &now);
    buf_reserve(&hex, 2 * now.n);
    vault_hex(now.p, now.n, hex.p);
    hex.n = 2 * now.n;
    json_array_append_new(values, json_pack("{s:s, s:s, s:s, s:s}", "place", json_text_at(one, "place"), "id",
                                            json_text_at(one, "id"), "was", json_text_at(one, "sealed"), "now", hex.p));
}

/* A page of them; *more: there may be others. */
static bool seal_page(struct rotation *r, bool *more)
{
    struct cli *cli = r->cli;
    json_auto_t *page = NULL, *values = json_array(), *put = NULL;
    auto_str except = json_dumps(r->bad, JSON_COMPACT);
    if (!admin_sealed_list(cli->db, &page, &cli->fault, r->keys.seals, PAGE, except))
        return false;
    *more = json_array_size(page) > 0;
    size_t i;
    json_t *one;
    json_array_foreach (page, i, one)
        seal_one(r, one, values);
    auto_str text = json_dumps(values, JSON_COMPACT);
    if (json_array_size(values) > 0 && !admin_sealed_put(cli->db, &put, &cli->fault, text))
        return false;
    r->sealed += json_integer_value(put);
    return true;
}

static bool seal_anew(struct rotation *r)
{
    for (bool more = true; more;)
        if (!seal_page(r, &more))
            return false;
    return true;
}

/* Nothing may be sealed with a key that goes. */
static bool nothing_left(struct rotation *r)
{
    json_auto_t *counts = NULL;
    if (!admin_sealed_count(r->cli->db, &counts, &r->cli->fault))
        return false;
    json_int_t left = 0;
    for (size_t i = 0; i < r->keys.old_n; i++)
        left += json_integer_value(json_object_get(counts, r->keys.old[i]));
    if (left == 0)
        return true;
    fault_set(&r->cli->fault, FAULT_CONFLICT, "%lld stored secrets cannot be opened (the first: %s; %s)",
              (long long)left, json_string_value(json_array_get(r->bad, 0)), r->why_bad.meant);
    fault_hint(&r->cli->fault,
               "all others are sealed with the new master key. The old one stays in the file: "
               "give these secrets anew or remove them, and run `pollux rotate-key` again");
    return false;
}

static bool rotate(struct rotation *r, json_t **removed)
{
    if (!bring_into_use(r) || !retire(r) || !seal_anew(r) || !nothing_left(r))
        return false;
    *removed = old_keys(r);
    return step(r, VAULT_ALONE) &&
           admin_master_key_rotated(r->cli->db, &r->cli->fault, r->keys.seals, r->sealed);
}

/* ---- the command ---- */

static int tell(const struct rotation *r, json_t *removed)
{
    if (r->cli->json) {
        json_auto_t *done = json_pack("{s:s, s:I, s:O}", "key", r->keys.seals, "sealed_anew",
                                      (json_int_t)r->sealed, "removed", removed);
        cli_json(done);
        return CLI_OK;
    }
    auto_buf old = {0};
    join(&old, removed);
    printf("The master key is %s now; %lld values were sealed anew, %s left the file.\n", r->keys.seals,
           r->sealed, buf_str(&old));
    fflush(stdout);
    fprintf(stderr,
            "Back up %s again. Keep the backup from before for as long as you keep backups of the database\n"
            "from before. Copy the file to other hosts whose workers read another one.\n",
            r->path);
    return CLI_OK;
}

static bool read_wait(struct cli *cli, int64_t *ms)
{
    const char *text = cli_option(cli, "wait");
    *ms = text != NULL ? atoll(text) * 1000 : 30000;
    return text == NULL ||
           (strspn(text, "0123456789") == strlen(text) && strlen(text) >= 1 && strlen(text) <= 6);
}

int rotate_key(struct cli *cli)
{
    struct rotation r = {.cli = cli, .path = conf.master_key_file};
    if (!read_wait(cli, &r.wait_ms))
        return cli_wrong(cli, "--wait takes a number of seconds");
    if (!vault_open(r.path, &cli->fault) || cli_db(cli) == NULL)
        return cli_failed(cli);
    int lock = vault_rotation_lock(r.path, &cli->fault);
    if (lock < 0 || !vault_refresh(&cli->fault))
        return cli_failed(cli);
    vault_keys(&r.keys);
    json_auto_t *removed = NULL;
    r.bad = json_array();
    int code = rotate(&r, &removed) ? tell(&r, removed) : cli_failed(cli);
    json_decref(r.bad);
    close(lock);
    vault_close();
    return code;
}
