/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any body as an upstream's answer. The first byte chooses the
 * status and the kind of credential. Whatever it says: the ledger gets a penalty
 * it understands, and no text that the log or JSON would refuse.
 */
#include "base/auto.h"
#include "base/json.h"
#include "base/utf8.h"
#include "upstream/outcome.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_text(const char *text, size_t room)
{
    size_t n = strnlen(text, room);
    must(n < room);
    for (size_t length; n > 0; n -= length, text += length) {
        length = utf8_length(text, n);
        must(length > 0 && (unsigned char)text[0] >= 0x20 && text[0] != 0x7f);
    }
}

static bool limit_ok(int64_t limit)
{
    return limit >= 0 && limit <= INT32_MAX;
}

static void check_outcome(const struct outcome *o)
{
    const int64_t week = 7 * 24 * 3600 * 1000LL;
    must(outcome_name(o->kind) != NULL);
    must((o->scope == SCOPE_NONE) == (o->rest == REST_NONE));
    must((o->scope == SCOPE_CREDENTIAL) == (o->rest == REST_DEAD));
    must(o->rest_ms >= 0 && o->rest_ms <= week && (o->rest_ms == 0 || o->rest == REST_MS));
    must(o->retry_after_ms >= -1 && o->retry_after_ms <= week);
    must(limit_ok(o->rpm) && limit_ok(o->tpm) && limit_ok(o->rpd));
    must(o->scope == SCOPE_NONE || (o->reason[0] != '\0' && o->another));
    must(o->kind == OUTCOME_OK ? o->error[0] == '\0' : o->error[0] != '\0');
    check_text(o->reason, sizeof o->reason);
    check_text(o->rpc, sizeof o->rpc);
    check_text(o->message, sizeof o->message);
    check_text(o->error, sizeof o->error);
    json_auto_t *penalty = outcome_penalty_json(o);
    must((penalty == NULL) == (o->scope == SCOPE_NONE));
    must(penalty == NULL || json_is_string(json_object_get(penalty, "reason")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 400, 401, 402, 403, 404, 429, 500,
                                   503, 0,   302, 499, 429, 403, 400, 200};
    if (size < 1)
        return 0;
    struct outcome o;
    int status = statuses[data[0] % 16];
    bool account = data[0] & 16;
    const char *body = (const char *)data + 1;
    outcome_of_answer(status, body, size - 1, account, &o);
    check_outcome(&o);
    must(o.status == status || status == 200);
    json_auto_t *root = json_read(body, size - 1);
    if (outcome_of_error_object(root, account, &o)) {
        must(o.kind != OUTCOME_OK);
        check_outcome(&o);
    }
    return 0;
}
