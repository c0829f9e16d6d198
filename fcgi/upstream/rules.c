/* SPDX-License-Identifier: MIT */
/* rules.c: the operator's rules about errors; see rules.h. */
#include "upstream/rules.h"
#include "base/auto.h"
#include "base/json.h"

#include <pthread.h>
#include <string.h>

struct error_rule {
    int64_t id, rest_ms;
    int from, to; /* HTTP status, inclusive */
    char *text;   /* owned; "" for anything */
    bool stop;
    enum outcome_scope scope;
};

static struct {
    pthread_rwlock_t lock;
    struct error_rule *rules; /* in the order in which they are asked */
    size_t n;
} held = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static enum outcome_scope scope_of(const char *word)
{
    static const struct {
        const char *word;
        enum outcome_scope scope;
    } scopes[] = {{"credential", SCOPE_CREDENTIAL}, {"quota", SCOPE_QUOTA}, {"model", SCOPE_MODEL}};
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
        if (strcmp(scopes[i].word, word) == 0)
            return scopes[i].scope;
    return SCOPE_NONE;
}

static struct error_rule read_rule(const json_t *row)
{
    return (struct error_rule){
        .id = json_integer_value(json_object_get(row, "id")),
        .rest_ms = json_integer_value(json_object_get(row, "rest_ms")),
        .from = (int)json_integer_value(json_object_get(row, "status_from")),
        .to = (int)json_integer_value(json_object_get(row, "status_to")),
        .text = xstrdup(json_text_at(row, "text")),
        .stop = strcmp(json_text_at(row, "action"), "stop") == 0,
        .scope = scope_of(json_text_at(row, "scope")),
    };
}

static void free_rules(struct error_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(rules[i].text);
    free(rules);
}

void rules_set(const json_t *rows)
{
    size_t i, n = 0;
    const json_t *row;
    struct error_rule *rules = xcalloc(json_array_size(rows) + 1, sizeof *rules);
    json_array_foreach(rows, i, row)
        if (json_is_true(json_object_get(row, "enabled")))
            rules[n++] = read_rule(row);
    pthread_rwlock_wrlock(&held.lock);
    struct error_rule *old = held.rules;
    size_t old_n = held.n;
    held.rules = rules;
    held.n = n;
    pthread_rwlock_unlock(&held.lock);
    free_rules(old, old_n);
}

static bool is_about(const struct error_rule *r, int status, const struct rules_words *w)
{
    return status >= r->from && status <= r->to &&
           (*r->text == '\0' || strcasestr(w->message, r->text) != NULL || strcasestr(w->rpc, r->text) != NULL ||
            strcasestr(w->reason, r->text) != NULL);
}

static void judge_by(const struct error_rule *r, struct outcome *ret)
{
    ret->kind = r->stop ? OUTCOME_CALLER : OUTCOME_RULE;
    ret->rule = r->id;
    ret->final = r->stop;
    ret->another = ret->again = !r->stop;
    ret->scope = r->scope;
    ret->rest = r->scope != SCOPE_NONE ? REST_EXACT : REST_NONE;
    ret->rest_ms = r->rest_ms;
    snprintf(ret->reason, sizeof ret->reason, "rule_%lld", (long long)r->id);
}

bool rules_judge(int status, const struct rules_words *words, struct outcome *ret)
{
    pthread_rwlock_rdlock(&held.lock);
    size_t i = 0;
    while (i < held.n && !is_about(&held.rules[i], status, words))
        i++;
    bool found = i < held.n;
    if (found)
        judge_by(&held.rules[i], ret);
    pthread_rwlock_unlock(&held.lock);
    return found;
}
