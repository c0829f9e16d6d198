/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any bytes as a native body that is to be edited, and, if they
 * are JSON, as the events of a stream that is collected. What was JSON stays
 * JSON, an edit done is not done again, and nothing else in it has changed.
 */
#include "base/auto.h"
#include "base/json.h"
#include "translate/chat.h"
#include "translate/collect.h"
#include "translate/edit.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

/* What an edit may touch is taken out: the rest has to be the same before and after. */
static json_t *without_edits(const char *text, size_t n)
{
    json_t *value = json_read(text, n);
    static const char *const touched[] = {"tools", "generationConfig", "generation_config"};
    for (size_t i = 0; i < sizeof touched / sizeof *touched; i++)
        json_object_del(value, touched[i]);
    return value;
}

static void check(const char *text, size_t n, const struct edit *e)
{
    auto_buf edited = {0}, again = {0};
    bool changed = edit_native(text, n, e, &edited);
    must(changed || edited.n == 0);
    json_auto_t *before = without_edits(text, n);
    if (!changed || before == NULL)
        return;
    must(json_is_object(before));
    json_auto_t *after = without_edits(edited.p, edited.n);
    must(after != NULL && json_equal(before, after));
    must(e->traits->override || !edit_native(edited.p, edited.n, e, &again));
}

static void check_compact(const char *text, size_t n)
{
    auto_buf line = {0};
    edit_compact(text, n, &line);
    json_auto_t *before = json_read(text, n), *after = json_read(buf_str(&line), line.n);
    must(line.n <= n && (before == NULL || (after != NULL && json_equal(before, after))));
    must(before == NULL || memchr(buf_str(&line), '\n', line.n) == NULL);
}

static void check_collect(const char *text, size_t n)
{
    json_auto_t *events = json_read(text, n);
    struct collect *c = collect_new();
    if (events != NULL)
        collect_add(c, events);
    json_auto_t *answer = collect_answer(c);
    auto_str dumped = json_write(answer);
    must(json_is_object(answer) && dumped != NULL);
    collect_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct traits traits[] = {
        {.search = true},
        {.has_budget = true, .budget = 7, .has_thoughts = true, .thoughts = true},
        {.search = true, .level = "low", .has_thoughts = true, .override = true},
    };
    const char *text = (const char *)data;
    for (size_t i = 0; i < sizeof traits / sizeof *traits; i++) {
        struct edit e = {.traits = &traits[i], .model = i == 1 ? "gemini-2.5-flash" : "gemini-3.5-flash"};
        check(text, size, &e);
        auto_buf named = {0};
        e.asked = "fast";
        edit_native(text, size, &e, &named); /* renames: may change anything called model */
    }
    check_compact(text, size);
    check_collect(text, size);
    return 0;
}
