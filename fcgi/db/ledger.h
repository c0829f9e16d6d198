/* SPDX-License-Identifier: MIT */
/*
 * ledger.h: reservations and settlements, many in one exchange with PostgreSQL.
 *
 * A request needs a reservation before it may call the upstream and a
 * settlement when it is over. Request threads queue what they want; whoever
 * finds a free connection takes everything that is queued and does it in one
 * call of api.exchange(), for the others too. At low load a batch is one
 * request; under load batches grow by themselves, like group commit.
 *
 * Settlements are queued and cost the request thread nothing: one thread does
 * them, durably. They are idempotent, so what failed is simply done again; what
 * cannot be done before the process ends goes to a spool file that the next
 * start replays. The same thread sends the worker's heartbeat.
 */
#ifndef POLLUX_DB_LEDGER_H
#define POLLUX_DB_LEDGER_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

struct ledger_options {
    const char *conninfo;
    int connections;       /* for reservations; one more settles */
    const char *worker_id; /* a UUID */
    const char *spool_dir; /* made when it is needed */
    const char *version;
    void (*on_errors)(const json_t *rules); /* the rules about errors are these now (admin.policy_list) */
    const char *(*master_keys)(void); /* before each heartbeat: ids of the master keys, with commas, the one that
                                       * seals first; borrowed until the next time */
};

/* Starts the settling thread and replays spool files. Does not wait for the database: while it is away,
 * reservations fail. False when the spool directory cannot be used. */
bool ledger_start(const struct ledger_options *o, struct fault *f);

/* Settles what is queued, or spools it when the database stays away, says goodbye, ends the thread. */
void ledger_stop(void);

/* The token hash of a request that holds no credential, while open access is on (sql/functions/guard.sql). */
#define LEDGER_OPEN "00"

/* What a request asks for. All pointers are borrowed for the duration of the call. */
struct wish {
    const char *id;         /* request id */
    bool auth_only;         /* only authenticate the client; nothing is reserved */
    int attempt;            /* 1, 2, ... */
    const char *token_hash; /* hexadecimal SHA-256 of the client token, LEDGER_OPEN; NULL when none came */
    const char *dialect;    /* "native" or "openai" */
    const char *verb;       /* "generateContent", ... or "" */
    const char *model;      /* as the client named it; "" for calls that have no model */
    bool fallback;          /* `model` stands in for the client's, and need not be one that clients may ask for */
    bool no_waiting;        /* rather fail than wait */
    bool hurried;           /* another model can serve: wait for a second at the most */
    bool stream;
    int64_t est_tokens;     /* estimate of the prompt's tokens */
    const int64_t *exclude; /* projects not to use again */
    size_t exclude_n;
    const char *const *resources; /* names whose project must serve ("files/abc") */
    size_t resources_n;
    bool prefer_own;         /* rather the project in which this client last made something */
    int64_t credential;      /* exactly this one; 0: any */
    const char *remote;      /* client address */
    const char *failed;      /* the attempt that just failed, as JSON text, or NULL */
    int64_t deadline_ms;     /* clock_ms() by which the caller gives up altogether */
    bool (*gone)(void *ctx); /* has the client left? asked while waiting */
    void *gone_ctx;
};

/* What was granted. The texts are never NULL and live as long as the permit. */
struct permit {
    char *texts; /* owned: what the pointers below point into */
    const char *verdict, *reason;
    int64_t retry_in_ms; /* -1 if nothing is known */
    int64_t client_id, credential_id, project_id;
    const char *client; /* the client's name, "" if none */
    const char *kind;   /* "api_key" */
    const char *sealed, *fingerprint;
    const char *proxy;          /* the credential's own, sealed (vault_proxy_unseal), or "" */
    const char *model;          /* resolved name, under which quota is counted */
    const char *upstream_model; /* name that goes upstream */
    const char *started_at;     /* the database's time of the reservation */
    const char *traits;         /* what the operator said about the model: JSON text, "" if nothing */
    int64_t waited_ms;          /* how long this wish waited for its turn */
};

/* Reserves, waiting its turn within the wait limit. On failure false; the fault is what the client is told,
 * and client_id and client are set as far as known. Release with permit_free() in either case. */
bool ledger_reserve(const struct wish *w, struct permit *ret, struct fault *f);
void permit_free(struct permit *p);

/* A permit with nothing in it. */
void permit_init(struct permit *p);

/* Queues a settlement: JSON text from malloc(), which is taken. Never fails. */
void ledger_settle(char *settlement);

/* A connection for another call, and its way back. NULL with a fault when none came free in time. */
struct db *ledger_take(struct fault *f);
void ledger_give(struct db *db);

/* Sends the next heartbeat at once, and so reads the settings anew: one of them was changed. */
void ledger_refresh(void);

/* A number from pollux.setting as of the last heartbeat, or `preset`. */
int64_t ledger_setting(const char *name, int64_t preset);

/* The same for a setting that is on or off, for a text (new), and for a list (new: an array of strings, empty
   while nothing is known). */
bool ledger_setting_on(const char *name, bool preset);
char *ledger_setting_text(const char *name, const char *preset);
json_t *ledger_setting_list(const char *name);

#endif
