/* SPDX-License-Identifier: MIT */
/*
 * capture.c: an exchange as it was, for debugging, if the operator wants it (sql/functions/capture.sql).
 *
 * While a request is under way its bytes are only kept, as many as are needed;
 * what is secret is taken out once the call or the request has ended
 * (translate/redact.c), before anything leaves this file.
 */
#include "gateway/journey.h"
#include "base/auto.h"
#include "base/json.h"
#include "db/captures.h"
#include "translate/redact.h"

#include <stdatomic.h>
#include <string.h>
#include <strings.h>

enum {
    AT_ONCE = 64, /* captures under way in one process: what they hold is bounded */
    ATTEMPTS = 8, /* calls of one request that are kept */
    SECRET_LEAST = 12, /* bytes; shorter ones would mask half of every text */
    EXTRA = 262144,    /* bytes that are held beyond body_bytes: what is taken out of them makes room */
    LINE_MOST = 2000,
};

struct capture {
    struct capture_rules rules;
    struct redact how;
    char **secrets;         /* owned, wiped; how.secrets */
    struct tap tap;         /* what the client was answered */
    struct buf data;        /* what the upstream answered in this call: its beginning */
    size_t data_n;          /* all of it */
    struct buf attempts;    /* JSON, a comma after each */
    int attempts_n;
};

static atomic_int under_way;

/* ------------------------------------------------------------------ secrets */

static void add_secret(struct capture *c, const char *text)
{
    if (strlen(text) < SECRET_LEAST)
        return;
    c->secrets = xrealloc(c->secrets, (c->how.secrets_n + 1) * sizeof *c->secrets);
    c->secrets[c->how.secrets_n++] = xstrdup(text);
    c->how.secrets = (const char *const *)c->secrets;
}

/* The last word of a header like "Bearer x" or of one that is nothing but the secret. */
static void add_secret_of(struct capture *c, const char *value)
{
    const char *blank = strrchr(value, ' ');
    add_secret(c, blank != NULL ? blank + 1 : value);
}

/* ------------------------------------------------------------------ beginning */

void capture_begin(struct journey *j, const char *token)
{
    struct capture_rules rules;
    if (!captures_wanted(&rules))
        return;
    if (atomic_fetch_add(&under_way, 1) >= AT_ONCE) {
        atomic_fetch_sub(&under_way, 1);
        return;
    }
    struct capture *c = xcalloc(1, sizeof *c);
    c->rules = rules;
    c->how = (struct redact){.texts = rules.texts, .most = rules.body_bytes};
    c->tap.most = rules.body_bytes + EXTRA;
    add_secret(c, token);
    for (size_t i = 0; i < j->req->headers_n; i++)
        if (!redact_header_ok(j->req->headers[i].name))
            add_secret_of(c, j->req->headers[i].value);
    j->capture = c;
    j->req->tap = &c->tap;
}

/* ------------------------------------------------------------------ what a capture is made of */

static void member_line(struct buf *out, const char *name, const struct capture *c, const char *line)
{
    struct redact how = c->how;
    auto_buf kept = {0};
    how.most = LINE_MOST;
    redact_line(&kept, line, &how);
    json_member_text(out, name, buf_str(&kept));
}

/* {"text", "bytes", "cut", "type"}: text is null for what is none. */
static void member_body(struct buf *out, const char *name, const struct capture *c, const char *bytes,
                        size_t n, size_t all, const char *type)
{
    static const char *const textual[] = {"json", "text/", "event-stream", "xml", "urlencoded"};
    if (all == 0) {
        json_member_raw(out, name, NULL);
        return;
    }
    bool text = *type == '\0' && n > 0 && strchr("{[\"", *bytes) != NULL;
    for (size_t i = 0; i < sizeof textual / sizeof *textual; i++)
        text = text || strcasestr(type, textual[i]) != NULL;
    auto_buf kept = {0}, body = {0};
    bool cut = text && redact_body(&kept, bytes, n, n < all, &c->how);
    json_open(&body);
    json_member_text(&body, "text", text ? buf_str(&kept) : NULL);
    json_member_number(&body, "bytes", (int64_t)all);
    json_member_bool(&body, "cut", cut);
    if (*type != '\0')
        member_line(&body, "type", c, type);
    else
        json_member_raw(&body, "type", NULL);
    json_close(&body);
    json_member_raw(out, name, buf_str(&body));
}

/* ["name", "value"], and a comma; nothing of a header that may not be kept. */
static void add_header(struct buf *out, const struct capture *c, const char *name, const char *value)
{
    if (!redact_header_ok(name))
        return;
    struct redact how = c->how;
    auto_buf kept = {0};
    how.most = LINE_MOST;
    redact_line(&kept, value, &how);
    buf_putc(out, '[');
    json_quote(out, name);
    buf_putc(out, ',');
    json_quote(out, buf_str(&kept));
    buf_puts(out, "],");
}

/* "Name: value" as it stands in a list of them. */
static void add_header_line(struct buf *out, const struct capture *c, const char *line)
{
    const char *colon = strchr(line, ':');
    if (colon == NULL)
        return;
    auto_str name = xstrndup(line, (size_t)(colon - line));
    add_header(out, c, name, colon + 1 + strspn(colon + 1, " "));
}

static void member_headers(struct buf *out, const struct buf *headers)
{
    buf_printf(out, "\"headers\":[%.*s],", (int)(headers->n > 0 ? headers->n - 1 : 0), buf_str(headers));
}

/* ------------------------------------------------------------------ a call */

void capture_data(struct journey *j, const char *bytes, size_t n)
{
    struct capture *c = j->capture;
    size_t left = c->tap.most - c->data.n;
    buf_add(&c->data, bytes, n < left ? n : left);
    c->data_n += n;
}

/* What is known before the end says already that nobody wants this one. */
static bool is_meant(const struct journey *j)
{
    const struct capture_rules *r = &j->capture->rules;
    bool client = r->client_id == 0 || r->client_id == j->client_id;
    bool model =
        *r->model == '\0' || strcmp(r->model, j->model) == 0 || strcmp(r->model, j->logged_model) == 0;
    return client && model;
}

/* Where it went; an address that is a permission by itself is not told. */
static void member_url(struct buf *out, const struct journey *j)
{
    if (j->url != NULL || j->keyless)
        json_member_text(out, "url", NULL);
    else
        member_line(out, "url", j->capture, j->call.url);
}

static void sent_headers(struct buf *out, struct capture *c, const struct buf *lines)
{
    auto_buf headers = {0};
    for (size_t i = 0; i < lines->n; i += strlen(lines->p + i) + 1)
        add_header_line(&headers, c, lines->p + i);
    member_headers(out, &headers);
}

/* The body, unless it is the very one that the client sent, or was a stream that nobody held. */
static void sent_body(struct buf *out, const struct journey *j)
{
    const struct upstream_call *call = &j->call;
    const char *bytes = call->body != NULL ? call->body : "";
    size_t n = call->body != NULL ? call->body_n : 0;
    bool same = n > 0 && n == j->body.n && memcmp(bytes, j->body.p, n) == 0;
    json_member_bool(out, "same", same);
    json_member_bool(out, "streamed", j->once);
    member_body(out, "body", j->capture, bytes, n, same ? 0 : n, "application/json");
}

static void member_sent(struct buf *out, const struct journey *j)
{
    auto_buf sent = {0};
    json_open(&sent);
    json_member_text(&sent, "method", j->call.method);
    member_url(&sent, j);
    sent_headers(&sent, j->capture, &j->call.headers);
    sent_body(&sent, j);
    json_close(&sent);
    json_member_raw(out, "sent", buf_str(&sent));
}

static void member_came(struct buf *out, const struct journey *j)
{
    static const char *const shown[] = {"Content-Type",
                                        "Content-Length",
                                        "Content-Encoding",
                                        "Date",
                                        "Server",
                                        "Server-Timing",
                                        "Retry-After",
                                        "Via",
                                        "X-Gemini-Service-Tier",
                                        "X-Goog-Upload-Status"};
    const struct capture *c = j->capture;
    auto_buf came = {0}, headers = {0};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        auto_buf value = {0};
        if (upstream_header_get(&j->call, shown[i], &value))
            add_header(&headers, c, shown[i], buf_str(&value));
    }
    json_open(&came);
    json_member_number(&came, "status", j->call.status);
    member_headers(&came, &headers);
    member_body(&came, "body", c, buf_str(&c->data), c->data.n, c->data_n, j->answer_type);
    json_member_text(&came, "error", *j->call.error != '\0' ? j->call.error : NULL);
    json_close(&came);
    json_member_raw(out, "came", buf_str(&came));
}

/* The credential of this call is a secret of all that comes after. */
static void learn_secrets(struct capture *c, const struct buf *lines)
{
    for (size_t i = 0; i < lines->n; i += strlen(lines->p + i) + 1) {
        const char *colon = strchr(lines->p + i, ':');
        auto_str name = xstrndup(lines->p + i, colon != NULL ? (size_t)(colon - (lines->p + i)) : 0);
        if (colon != NULL && !redact_header_ok(name))
            add_secret_of(c, colon + 1);
    }
}

void capture_call(struct journey *j)
{
    struct capture *c = j->capture;
    learn_secrets(c, &j->call.headers);
    if (c->attempts_n < ATTEMPTS && is_meant(j)) {
        struct buf *out = &c->attempts;
        json_open(out);
        json_member_number(out, "n", j->attempt);
        json_member_text(out, "model", *j->permit.upstream_model != '\0' ? j->permit.upstream_model : NULL);
        json_member_number(out, "credential_id", j->permit.credential_id);
        member_sent(out, j);
        member_came(out, j);
        json_close(out);
        buf_putc(out, ',');
    }
    c->attempts_n++;
    buf_free(&c->data);
    c->data_n = 0;
}

/* ------------------------------------------------------------------ the end */

static void member_request(struct buf *out, const struct journey *j)
{
    const struct request *r = j->req;
    size_t all =
        j->body.n > 0 ? j->body.n : (size_t)r->bytes_in; /* what was passed on as it came is not held */
    auto_buf request = {0}, headers = {0};
    for (size_t i = 0; i < r->headers_n; i++)
        add_header(&headers, j->capture, r->headers[i].name, r->headers[i].value);
    json_open(&request);
    json_member_text(&request, "method", r->method);
    member_line(&request, "url", j->capture, r->uri);
    member_headers(&request, &headers);
    member_body(&request, "body", j->capture, buf_str(&j->body), j->body.n, all, r->content_type);
    json_close(&request);
    json_member_raw(out, "request", buf_str(&request));
}

static void answer_type(const struct capture *c, char type[static 128])
{
    static const char name[] = "content-type:";
    *type = '\0';
    for (const char *line = buf_str(&c->tap.head); line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, sizeof name - 1) == 0)
            snprintf(type, 128, "%.*s", (int)strcspn(line + sizeof name, "\r\n"), line + sizeof name);
    }
}

static void member_answer(struct buf *out, const struct journey *j)
{
    const struct capture *c = j->capture;
    auto_buf answer = {0}, headers = {0};
    char type[128];
    auto_str head = xstrdup(buf_str(&c->tap.head));
    char *at = head;
    for (char *line; (line = strsep(&at, "\n")) != NULL;) {
        line[strcspn(line, "\r")] = '\0';
        if (strncasecmp(line, "Status:", 7) != 0)
            add_header_line(&headers, c, line);
    }
    answer_type(c, type);
    json_open(&answer);
    json_member_number(&answer, "status", j->req->status);
    member_headers(&answer, &headers);
    member_body(&answer, "body", c, buf_str(&c->tap.body), c->tap.body.n, (size_t)j->req->bytes_out, type);
    json_close(&answer);
    json_member_raw(out, "answer", buf_str(&answer));
}

/* The JSON shape is documented above api.capture() in sql/functions/capture.sql. New. */
static char *text_of(const struct journey *j, const char *outcome)
{
    const struct capture *c = j->capture;
    auto_buf s = {0};
    json_open(&s);
    json_member_text(&s, "id", j->req->id);
    if (j->client_id != 0)
        json_member_number(&s, "client_id", j->client_id);
    member_line(&s, "model", c, *j->logged_model != '\0' ? j->logged_model : j->model);
    json_member_text(&s, "outcome", outcome);
    json_member_number(&s, "status", j->req->status);
    member_request(&s, j);
    member_answer(&s, j);
    json_member_number(&s, "calls", c->attempts_n);
    buf_printf(&s, "\"attempts\":[%.*s]", (int)(c->attempts.n > 0 ? c->attempts.n - 1 : 0),
               buf_str(&c->attempts));
    json_close(&s);
    return buf_take(&s);
}

void capture_end(struct journey *j, const char *outcome)
{
    struct capture *c = j->capture;
    if (is_meant(j) && (!c->rules.failures || strcmp(outcome, "ok") != 0))
        captures_put(text_of(j, outcome));
    j->req->tap = NULL;
    j->capture = NULL;
    for (size_t i = 0; i < c->how.secrets_n; i++) {
        vault_wipe(c->secrets[i], strlen(c->secrets[i]));
        free(c->secrets[i]);
    }
    free(c->secrets);
    buf_free(&c->tap.head);
    buf_free(&c->tap.body);
    buf_free(&c->data);
    buf_free(&c->attempts);
    free(c);
    atomic_fetch_sub(&under_way, 1);
}
