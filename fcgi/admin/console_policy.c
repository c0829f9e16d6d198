/* SPDX-License-Identifier: MIT */
/*
 * console_policy.c: the dry run of the rules about errors: what would this
 * worker do now with an answer of the upstream? Nothing is done.
 */
#include "admin/answer.h"
#include "admin/console_own.h"
#include "base/auto.h"
#include "upstream/outcome.h"

#include <string.h>

/* What a judgement says, for people: as `pollux policy test --json` prints it. New. */
static json_t *verdict_of(const struct outcome *o)
{
    json_auto_t *penalty = outcome_penalty_json(o);
    const char *rest = json_string_value(json_object_get(penalty, "rest"));
    const char *scope = json_string_value(json_object_get(penalty, "scope"));
    const char *next = o->kind == OUTCOME_OK ? "answer" : o->another ? "another" : o->again ? "again" : "answer";
    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "rule",
                     o->rule != 0 ? json_integer(o->rule) : json_null(), "outcome", outcome_name(o->kind), "next", next,
                     "scope", scope != NULL ? scope : "none", "rest", rest != NULL ? rest : "none", "rest_ms",
                     (json_int_t)o->rest_ms, "reason", o->reason, "says", o->error);
}

void console_policy_test(struct call *c)
{
    json_auto_t *entered = NULL;
    struct outcome o;
    json_int_t status = json_integer_value(json_object_get(c->params, "status"));
    const char *body = json_string_value(json_object_get(c->params, "body"));
    if (!console_run(c, c->route->action, &entered))
        return;
    if (status < 100 || status > 999) {
        fault_param(&c->fault, "status", "the status is a number from 100 to 999");
        return;
    }
    outcome_of_answer((int)status, body != NULL ? body : "", body != NULL ? strlen(body) : 0,
                      json_is_true(json_object_get(c->params, "account")), &o);
    admin_answer(c->r, 200, verdict_of(&o));
}
