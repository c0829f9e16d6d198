/* SPDX-License-Identifier: MIT */
/* collect.c: the events of a stream as one answer; see collect.h. */
#include "translate/collect.h"
#include "base/buf.h"
#include "translate/shape.h"

#include <stdbool.h>
#include <string.h>

enum { CANDIDATES_MAX = 64, CITATIONS_MAX = 1000 };

/* A part on its way: as it came, or with text that further pieces are added to. */
struct part {
    json_t *object;  /* owned */
    struct buf text; /* all of its text so far, if `joins` */
    bool joins;      /* nothing but text, and perhaps `thought` */
};

struct candidate {
    bool seen;
    json_t *members; /* all but the parts; owned */
    struct part *parts;
    size_t n, cap;
};

struct collect {
    json_t *members; /* of the answer, without candidates; owned */
    struct candidate candidates[CANDIDATES_MAX];
    bool listed;     /* a list of candidates came, be it an empty one */
};

struct collect *collect_new(void)
{
    struct collect *c = xcalloc(1, sizeof *c);
    c->members = json_object();
    return c;
}

static void candidate_free(struct candidate *one)
{
    for (size_t i = 0; i < one->n; i++) {
        json_decref(one->parts[i].object);
        buf_free(&one->parts[i].text);
    }
    free(one->parts);
    json_decref(one->members);
}

void collect_free(struct collect *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CANDIDATES_MAX; i++)
        candidate_free(&c->candidates[i]);
    json_decref(c->members);
    free(c);
}

/* ------------------------------------------------------------------ parts */

static bool is_thought(const json_t *part)
{
    return json_is_true(json_object_get(part, "thought"));
}

/* Text, and at the most the word whether it is a thought. */
static bool is_plain(const json_t *part)
{
    size_t known = json_is_string(json_object_get(part, "text"));
    known += json_is_boolean(json_object_get(part, "thought"));
    return json_is_string(json_object_get(part, "text")) && json_object_size(part) == known;
}

static struct part *part_new(struct candidate *one, const json_t *from)
{
    if (one->n == one->cap) {
        one->cap = one->cap > 0 ? 2 * one->cap : 4;
        one->parts = xrealloc(one->parts, one->cap * sizeof *one->parts);
    }
    struct part *p = &one->parts[one->n++];
    *p = (struct part){.object = json_copy((json_t *)from), .joins = is_plain(from)};
    return p;
}

static void add_part(struct candidate *one, const json_t *from)
{
    const json_t *text = json_object_get(from, "text");
    if (!json_is_object(from) || json_object_size(from) == 0)
        return;
    struct part *last = one->n > 0 ? &one->parts[one->n - 1] : NULL;
    bool plain = is_plain(from);
    if (plain && json_string_length(text) == 0 && last != NULL)
        return;
    if (!plain || last == NULL || !last->joins || is_thought(last->object) != is_thought(from))
        last = part_new(one, from);
    if (plain)
        buf_add(&last->text, json_string_value(text), json_string_length(text));
}

static json_t *part_done(const struct part *p)
{
    json_t *object = json_copy(p->object);
    if (p->joins)
        json_object_set_new(object, "text", shape_string(buf_str(&p->text), p->text.n));
    return object;
}

/* ------------------------------------------------------------------ candidates */

/* Appends the items of `from`'s array to that of `to`, which is made if need be. */
static void append(json_t *to, const json_t *from, const char *name)
{
    json_t *more = json_object_get(from, name);
    if (!json_is_array(more))
        return;
    json_t *all = json_array();
    json_array_extend(all, json_object_get(to, name));
    json_array_extend(all, more);
    json_object_set_new(to, name, all);
}

/* Log probabilities of an event are those of its own tokens. */
static void add_logprobs(json_t *members, const json_t *result)
{
    json_t *old = json_object_get(members, "logprobsResult");
    if (!json_is_object(result) || !json_is_object(old)) {
        json_object_set(members, "logprobsResult", (json_t *)result);
        return;
    }
    json_t *sum = json_copy(old);
    append(sum, result, "chosenCandidates");
    append(sum, result, "topCandidates");
    json_object_set_new(members, "logprobsResult", sum);
}

static bool holds(const json_t *array, const json_t *wanted)
{
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) {
        if (json_equal(one, wanted))
            return true;
    }
    return false;
}

/* Sources may be told again with each event. */
static void add_citations(json_t *members, const json_t *metadata)
{
    static const char *const names[] = {"citationSources", "citations"};
    json_t *old = json_object_get(members, "citationMetadata");
    json_t *sum = json_is_object(old) ? json_copy(old) : json_object();
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t i;
        json_t *one, *all = json_array();
        json_array_extend(all, json_object_get(sum, names[k]));
        json_array_foreach(json_object_get(metadata, names[k]), i, one) {
            if (json_array_size(all) < CITATIONS_MAX && !holds(all, one))
                json_array_append(all, one);
        }
        if (json_array_size(all) > 0)
            json_object_set(sum, names[k], all);
        json_decref(all);
    }
    json_object_set_new(members, "citationMetadata", sum);
}

/* Of grounding and the like each event tells some members, the later the better. */
static void add_members(json_t *to, const char *name, json_t *value)
{
    json_t *old = json_object_get(to, name);
    if (!json_is_object(old) || !json_is_object(value)) {
        json_object_set(to, name, value);
        return;
    }
    json_t *both = json_copy(old);
    json_object_update(both, value);
    json_object_set_new(to, name, both);
}

static void add_content(struct candidate *one, const json_t *content)
{
    size_t i;
    json_t *part, *parts = json_object_get(content, "parts");
    const char *role = shape_text(content, "role");
    if (role != NULL)
        json_object_set_new(one->members, "content",
                            json_pack("{s:o}", "role", shape_string(role, strlen(role))));
    else if (json_object_get(one->members, "content") == NULL)
        json_object_set_new(one->members, "content", json_object());
    json_array_foreach(parts, i, part) {
        add_part(one, part);
    }
    if (json_is_object(parts))
        add_part(one, parts);
}

static void add_candidate(struct collect *c, const json_t *from)
{
    int64_t index = 0;
    const char *name;
    json_t *value;
    shape_count(from, "index", &index);
    if (!json_is_object(from) || index >= CANDIDATES_MAX)
        return;
    struct candidate *one = &c->candidates[index];
    if (!one->seen)
        one->members = json_object();
    one->seen = true;
    json_object_foreach((json_t *)from, name, value) {
        if (strcmp(name, "content") == 0)
            add_content(one, value);
        else if (strcmp(name, "logprobsResult") == 0)
            add_logprobs(one->members, value);
        else if (strcmp(name, "citationMetadata") == 0)
            add_citations(one->members, value);
        else if (!json_is_null(value))
            add_members(one->members, name, value);
    }
}

static json_t *candidate_done(const struct candidate *one)
{
    json_t *done = json_copy(one->members), *parts = json_array();
    for (size_t i = 0; i < one->n; i++)
        if (one->n == 1 || !one->parts[i].joins || one->parts[i].text.n > 0)
            json_array_append_new(parts, part_done(&one->parts[i]));
    const json_t *content = json_object_get(one->members, "content");
    if (content != NULL && one->n > 0) {
        json_t *whole = json_copy((json_t *)content);
        json_object_set(whole, "parts", parts);
        json_object_set_new(done, "content", whole);
    }
    json_decref(parts);
    return done;
}

/* ------------------------------------------------------------------ the answer */

static void add_event(struct collect *c, const json_t *event)
{
    const char *name;
    json_t *value, *one;
    size_t i;
    json_object_foreach((json_t *)event, name, value) {
        if (strcmp(name, "candidates") != 0) {
            if (!json_is_null(value))
                add_members(c->members, name, value);
            continue;
        }
        c->listed |= json_is_array(value);
        json_array_foreach(value, i, one) {
            add_candidate(c, one);
        }
    }
}

void collect_add(struct collect *c, const json_t *event)
{
    size_t i;
    json_t *one;
    if (!json_is_array(event)) {
        add_event(c, event);
        return;
    }
    json_array_foreach(event, i, one) {
        add_event(c, one);
    }
}

json_t *collect_answer(const struct collect *c)
{
    json_t *answer = json_object(), *candidates = json_array();
    for (size_t i = 0; i < CANDIDATES_MAX; i++)
        if (c->candidates[i].seen)
            json_array_append_new(candidates, candidate_done(&c->candidates[i]));
    if (c->listed)
        json_object_set(answer, "candidates", candidates);
    json_decref(candidates);
    json_object_update(answer, c->members);
    return answer;
}
