/* SPDX-License-Identifier: MIT */
/* test_rules.c: rules of the operator go before what is built in, and are what they say. */
#include "upstream/rules.h"

#include "../check.h"

#include <stdlib.h>

static void set(const char *text)
{
    json_t *rules = json_loads(text, 0, NULL);
    CHECK(rules != NULL);
    rules_set(rules);
    json_decref(rules);
}

static struct outcome judge(int status, const char *body)
{
    struct outcome o;
    outcome_of_answer(status, body, strlen(body), false, &o);
    return o;
}

static void penalty_is(const struct outcome *o, const char *should)
{
    json_t *penalty = outcome_penalty_json(o);
    char *text = penalty != NULL ? json_dumps(penalty, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    CHECK_STR(text, should);
    free(text);
    json_decref(penalty);
}

static const char overloaded[] = "{\"error\":{\"code\":503,\"message\":\"The Model is overloaded\",\"status\":\"UNAVAILABLE\"}}";

static void without_rules_nothing_changes(void)
{
    set("[]");
    struct outcome o = judge(503, overloaded);
    CHECK_INT(o.kind, OUTCOME_OVERLOADED);
    CHECK_INT(o.rule, 0);
}

static void the_first_that_matches_decides(void)
{
    set("[{\"id\":1,\"status_from\":400,\"status_to\":499,\"action\":\"stop\",\"scope\":\"none\",\"rest_ms\":0,\"enabled\":true},"
        "{\"id\":2,\"status_from\":503,\"status_to\":503,\"text\":\"model is OVER\",\"action\":\"another\",\"scope\":\"model\",\"rest_ms\":5000,\"enabled\":true},"
        "{\"id\":3,\"status_from\":500,\"status_to\":599,\"action\":\"stop\",\"scope\":\"none\",\"rest_ms\":0,\"enabled\":true}]");
    struct outcome o = judge(503, overloaded);
    CHECK_INT(o.rule, 2);
    CHECK_INT(o.kind, OUTCOME_RULE);
    CHECK(o.another && o.again && !o.final);
    CHECK_STR(o.message, "The Model is overloaded");
    penalty_is(&o, "{\"ms\":5000,\"reason\":\"rule_2\",\"rest\":\"exact\",\"scope\":\"model\"}");
    o = judge(500, overloaded);
    CHECK_INT(o.rule, 3);
    CHECK_INT(o.kind, OUTCOME_CALLER);
    CHECK(o.final && !o.another && !o.again);
    penalty_is(&o, NULL);
}

static void a_text_is_looked_for_in_message_status_and_reason(void)
{
    static const char *const found[] = {
        "{\"error\":{\"message\":\"xx NEEDLE xx\"}}",
        "{\"error\":{\"message\":\"\",\"status\":\"A_NEEDLE\"}}",
        "{\"error\":{\"message\":\"\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"needle\"}]}}",
        "<html>Needle</html>",
        "[{\"error\":{\"message\":\"needle\"}}]",
    };
    static const char *const not_found[] = {"{\"error\":{\"message\":\"need\",\"other\":\"needle\"}}", "", "{}", "{\"needle\":1}x"};
    set("[{\"id\":9,\"status_from\":400,\"status_to\":400,\"text\":\"needle\",\"action\":\"stop\",\"scope\":\"none\",\"rest_ms\":0,\"enabled\":true}]");
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        check_note(found[i]);
        CHECK_INT(judge(400, found[i]).rule, 9);
    }
    for (size_t i = 0; i < 3; i++) {
        check_note(not_found[i]);
        CHECK_INT(judge(400, not_found[i]).rule, 0);
    }
    check_note(NULL);
    CHECK_INT(judge(404, found[0]).rule, 0);
}

static void an_error_inside_a_200_is_judged_by_its_own_status(void)
{
    set("[{\"id\":4,\"status_from\":503,\"status_to\":503,\"action\":\"stop\",\"scope\":\"none\",\"rest_ms\":0,\"enabled\":true}]");
    CHECK_INT(judge(200, overloaded).rule, 4);
    CHECK_INT(judge(200, "{\"candidates\":[]}").rule, 0);
}

static void what_is_switched_off_is_not_there(void)
{
    set("[{\"id\":4,\"status_from\":503,\"status_to\":503,\"action\":\"stop\",\"scope\":\"none\",\"rest_ms\":0,\"enabled\":false}]");
    CHECK_INT(judge(503, overloaded).rule, 0);
    set("[]");
}

int main(void)
{
    RUN(without_rules_nothing_changes);
    RUN(the_first_that_matches_decides);
    RUN(a_text_is_looked_for_in_message_status_and_reason);
    RUN(an_error_inside_a_200_is_judged_by_its_own_status);
    RUN(what_is_switched_off_is_not_there);
    return check_end();
}
