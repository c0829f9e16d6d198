/* SPDX-License-Identifier: MIT */
/*
 * upload.c: uploads of files, resumable and multipart, streamed through.
 *
 * Google answers the start of a resumable upload with a URL of its own; whoever
 * has that URL may send. The client gets a URL of ours instead: the same path,
 * our own random id in place of Google's. What Google said is kept, sealed,
 * under the hash of our id, together with the project, so that any worker can
 * go on with any part of the upload.
 */
#include "gateway/gateway.h"
#include "gateway/journey.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "db/calls.h"

#include <string.h>
#include <strings.h>

enum { SESSION_HOURS = 50, ID_BYTES = 32 };

static const char *const session_names[] = {"upload_id", "key", "access_token", "api_key", NULL};

/* Path and query as the client wrote them, without its credential. */
static bool prepare(struct journey *j, struct buf *url, struct fault *f)
{
    (void)f;
    uri_path_encode(url, buf_str(&j->uri->path));
    auto_buf query = {0};
    uri_query_without(buf_str(&j->uri->query), session_names, &query);
    if (query.n > 0)
        buf_printf(url, "?%s", buf_str(&query));
    return true;
}

/* ------------------------------------------------------------------ the session's address */

/* The URL that the client shall send to: ours, at the address by which it came. */
static bool our_url(struct journey *j, const char *id, struct buf *out)
{
    const struct request *r = j->req;
    const char *proto = request_header(r, "x-forwarded-proto");
    bool https = r->https || (proto != NULL && strcasecmp(proto, "https") == 0);
    size_t n = strspn(r->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_");
    if (n == 0 || r->host[n] != '\0')
        return fault_set(&j->fault, FAULT_BAD_REQUEST, "the Host header is not a host");
    buf_printf(out, "%s://%s%s", https ? "https" : "http", r->host, conf.prefix);
    uri_path_encode(out, buf_str(&j->uri->path));
    buf_printf(out, "?upload_id=%s&upload_protocol=resumable", id);
    return true;
}

/* The stored form of Google's URL: "<fingerprint>:<sealed>", both in hexadecimal. */
static void seal_url(const char *url, struct buf *out)
{
    char fingerprint[VAULT_HEX_MAX];
    auto_buf sealed = {0};
    vault_credential_seal(url, strlen(url), fingerprint, &sealed);
    buf_printf(out, "%s:%s", fingerprint, buf_str(&sealed));
}

static bool unseal_url(const char *stored, struct buf *out, struct fault *f)
{
    const char *colon = strchr(stored, ':');
    if (colon == NULL)
        return fault_set(f, FAULT_INTERNAL, "internal error: an upload session cannot be read");
    auto_str fingerprint = xstrndup(stored, (size_t)(colon - stored));
    return vault_credential_unseal(colon + 1, fingerprint, out, f);
}

/* A URL for the upload that Google has just opened; it is known to the database before the client. */
static bool open_session(struct journey *j)
{
    auto_buf theirs = {0}, sealed = {0}, ours = {0};
    if (!upstream_header_get(&j->call, "X-Goog-Upload-URL", &theirs))
        return true; /* not the start of a resumable upload */
    unsigned char random[ID_BYTES];
    char id[2 * ID_BYTES + 1], hash[VAULT_HEX_MAX];
    vault_random(random, sizeof random);
    vault_hex(random, sizeof random, id);
    vault_token_hash_hex(id, hash);
    seal_url(buf_str(&theirs), &sealed);
    if (!our_url(j, id, &ours))
        return false;
    if (!calls_upload_open(hash, buf_str(&sealed), j->permit.project_id, j->permit.credential_id,
                           j->client_id, SESSION_HOURS, &j->fault))
        return false;
    buf_printf(&j->req->always, "X-Goog-Upload-URL: %s\r\nX-Goog-Upload-Control-URL: %s\r\n", buf_str(&ours),
               buf_str(&ours));
    return true;
}

static void answer_upload(struct journey *j)
{
    if (j->committed)
        return;
    if (j->answer_status < 300)
        affinity_remember(j, buf_str(&j->answer), j->answer.n);
    answer_pass(j);
}

/* ------------------------------------------------------------------ start, and uploads in one go */

/* Metadata of a resumable start is small and may be sent again elsewhere; the bytes of a multipart upload are
 * streamed, so there is one try. */
static void start_upload(struct journey *j)
{
    const char *command = request_header(j->req, "x-goog-upload-command");
    bool start = command != NULL && strcasecmp(command, "start") == 0;
    j->prefer_own = true;
    j->prepare = prepare;
    snprintf(j->verb, sizeof j->verb, "upload");
    if (start) {
        if (!journey_body(j, 1024 * 1024))
            return;
        j->sending = buf_str(&j->body);
        j->sending_n = j->body.n;
        j->generates = false;
    } else {
        j->once = true;
    }
    if (gateway_run(j) && open_session(j))
        answer_upload(j);
}

/* ------------------------------------------------------------------ parts of a resumable upload */

static void fill_permit(struct journey *j, const json_t *session)
{
    permit_init(&j->permit);
    j->permit.kind = "api_key";
    j->permit.fingerprint = json_text_at(session, "fingerprint");
    j->permit.proxy = json_text_at(session, "proxy");
    j->permit.project_id = json_integer_value(json_object_get(session, "project_id"));
    j->permit.credential_id = json_integer_value(json_object_get(session, "credential_id"));
    j->permit.client_id = j->client_id = json_integer_value(json_object_get(session, "client_id"));
}

static bool upload_final(struct journey *j)
{
    auto_buf status = {0};
    upstream_header_get(&j->call, "X-Goog-Upload-Status", &status);
    return strcasecmp(buf_str(&status), "final") == 0 || strcasecmp(buf_str(&status), "cancelled") == 0;
}

/* The id is the permission, as it is at Google: no token is asked for. */
static void continue_upload(struct journey *j, const char *id)
{
    char hash[VAULT_HEX_MAX];
    vault_token_hash_hex(id, hash);
    json_auto_t *session = NULL;
    auto_secret url = {0};
    if (!calls_upload_find(hash, &session, &j->fault))
        return;
    const char *stored = json_string_value(json_object_get(session, "url"));
    if (stored == NULL) {
        fault_set(&j->fault, FAULT_NOT_FOUND, "there is no such upload, or it has expired: start it again");
        return;
    }
    if (!unseal_url(stored, &url, &j->fault))
        return;
    fill_permit(j, session);
    snprintf(j->verb, sizeof j->verb, "upload");
    j->url = buf_str(&url);
    j->once = true;
    j->keyless = true;
    attempt_make(j);
    if (j->judged.kind == OUTCOME_CLIENT_GONE)
        fault_set(&j->fault, FAULT_CLIENT_GONE, "the client left in the middle of its upload");
    else if (j->judged.kind != OUTCOME_OK && j->judged.kind != OUTCOME_CALLER)
        fault_set(&j->fault, FAULT_UPSTREAM,
                  "the upload broke off: ask with X-Goog-Upload-Command: query, then resume");
    if (j->fault.kind != FAULT_NONE)
        return;
    if (upload_final(j)) {
        struct fault ignored = {0};
        calls_upload_done(hash, &ignored);
    }
    answer_upload(j);
}

void gateway_upload(struct request *r, const struct uri *u)
{
    struct journey j;
    auto_buf id = {0};
    bool continuing = uri_query_get(buf_str(&u->query), "upload_id", &id) > 0;
    bool opened = journey_open(&j, r, u, DIALECT_NATIVE);
    j.mode = ANSWER_WHOLE; /* what is answered to an upload is small */
    if (continuing) {
        if (j.fault.kind == FAULT_UNAUTHENTICATED)
            j.fault = (struct fault){0};
        if (j.fault.kind == FAULT_NONE)
            continue_upload(&j, buf_str(&id));
    } else if (opened && journey_needs_token(&j)) {
        start_upload(&j);
    }
    journey_close(&j);
}
