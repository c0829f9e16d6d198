/* SPDX-License-Identifier: MIT */
/* traits.c: what the operator said about a model; see traits.h. */
#include "translate/traits.h"
#include "base/json.h"
#include "translate/shape.h"

#include <stdio.h>
#include <string.h>

static enum stream_policy policy_of(const char *word)
{
    if (word != NULL && strcmp(word, "collect") == 0)
        return STREAM_COLLECT;
    return word != NULL && strcmp(word, "whole") == 0 ? STREAM_WHOLE : STREAM_AUTO;
}

void traits_read(struct traits *t, const char *text)
{
    *t = (struct traits){0};
    if (*text == '\0')
        return;
    json_auto_t *given = json_read(text, strlen(text));
    const char *level = shape_text(given, "level");
    const json_t *thoughts = json_object_get(given, "thoughts");
    t->stream = policy_of(shape_text(given, "stream"));
    t->has_budget = shape_count(given, "budget", &t->budget);
    snprintf(t->level, sizeof t->level, "%s", level != NULL ? level : "");
    t->has_thoughts = json_is_boolean(thoughts);
    t->thoughts = json_is_true(thoughts);
    t->override = json_is_true(json_object_get(given, "override"));
    t->guess = json_is_true(json_object_get(given, "guess"));
    t->search = json_is_true(json_object_get(given, "search"));
}

json_t *traits_fallback(const char *text)
{
    if (*text == '\0')
        return NULL;
    json_auto_t *given = json_read(text, strlen(text));
    const char *suffix = json_is_true(json_object_get(given, "search")) ? "-search" : "";
    json_t *names = json_array(), *one;
    size_t i;
    json_array_foreach(json_object_get(given, "fallback"), i, one) {
        if (json_is_string(one))
            json_array_append_new(names, json_sprintf("%s%s", json_string_value(one), suffix));
    }
    if (json_array_size(names) > 0)
        return names;
    json_decref(names);
    return NULL;
}

json_t *traits_thinking(const struct traits *t, const struct family *family)
{
    json_t *config = json_object();
    if (t->guess && !family->thinks)
        return config;
    if (*t->level != '\0' && family->generation == 0 && !t->guess)
        json_object_set_new(config, "thinkingLevel", json_string(t->level)); /* the operator knows the model */
    else if (*t->level != '\0')
        thinking_effort(config, family, t->level);
    else if (t->has_budget)
        json_object_set_new(config, "thinkingBudget", json_integer(t->budget));
    if (t->has_thoughts && (t->thoughts || t->override))
        json_object_set_new(config, "includeThoughts", json_boolean(t->thoughts));
    return config;
}
