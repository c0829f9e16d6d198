/* SPDX-License-Identifier: MIT */
/* test_fault.c: failures as values. */
#include "base/fault.h"

#include "../check.h"

#include <jansson.h>

static void the_first_failure_wins(void)
{
    struct fault f = {0};
    CHECK(!fault_set(&f, FAULT_NOT_FOUND, "no %s", "such thing"));
    CHECK(!fault_set(&f, FAULT_INTERNAL, "later"));
    CHECK(!fault_param(&f, "model", "later"));
    CHECK_INT(f.kind, FAULT_NOT_FOUND);
    CHECK_STR(f.said, "no such thing");
    CHECK_STR(f.param, "");
    fault_meant(&f, "really %d", 1);
    fault_meant(&f, "later");
    CHECK_STR(f.meant, "really 1");
}

static void a_fault_may_name_a_field(void)
{
    struct fault f = {0};
    CHECK(!fault_param(&f, "messages.0.role", "must be %s", "user"));
    CHECK_INT(f.kind, FAULT_BAD_REQUEST);
    CHECK_STR(f.param, "messages.0.role");
    CHECK_STR(f.said, "must be user");
}

static void every_kind_has_a_status_and_a_name(void)
{
    for (enum fault_kind kind = FAULT_NONE; kind <= FAULT_TIMEOUT; kind++) {
        CHECK(fault_status(kind) >= 200 && fault_status(kind) <= 599);
        CHECK(fault_rpc(kind) != NULL && fault_rpc(kind)[0] != '\0');
    }
    CHECK_INT(fault_status(FAULT_NONE), 200);
    CHECK_INT(fault_status(FAULT_UNAUTHENTICATED), 401);
    CHECK_INT(fault_status(FAULT_EXHAUSTED), 429);
    CHECK_STR(fault_rpc(FAULT_EXHAUSTED), "RESOURCE_EXHAUSTED");
}

/* Whatever a caller wrote is cut so that it can still stand in a JSON string. */
static void long_texts_stay_valid_utf8(void)
{
    for (int lead = 0; lead < 4; lead++) {
        char text[2000];
        size_t n = (size_t)lead;
        memset(text, 'x', n);
        while (n + 5 < sizeof text) {
            memcpy(text + n, "\xf0\x9f\x98\x80", 4);
            n += 4;
        }
        text[n] = '\0';
        struct fault f = {0}, g = {0};
        fault_set(&f, FAULT_BAD_REQUEST, "%s", text);
        fault_meant(&f, "%s", text);
        fault_param(&g, text, "%s", text);
        json_auto_t *said = json_string(f.said), *meant = json_string(f.meant);
        json_auto_t *param = json_string(g.param), *also = json_string(g.said);
        CHECK(said != NULL && meant != NULL && param != NULL && also != NULL);
        CHECK(strlen(f.said) > sizeof f.said - 5);
    }
}

int main(void)
{
    RUN(the_first_failure_wins);
    RUN(a_fault_may_name_a_field);
    RUN(every_kind_has_a_status_and_a_name);
    RUN(long_texts_stay_valid_utf8);
    return check_end();
}
