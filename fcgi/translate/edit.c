/* SPDX-License-Identifier: MIT */
/*
 * edit.c: a reader of JSON text that knows where things stand, and the few changes; see edit.h.
 *
 * Nothing is parsed into a tree: a member is a pair of offsets. Names are
 * known in both spellings that ProtoJSON accepts and however they are escaped;
 * of members with the same name the last one counts.
 */
#include "translate/edit.h"
#include "base/auto.h"
#include "base/json.h"

#include <string.h>

enum { NAME_MAX_JSON = 2000 }; /* the longest a name of a model can be, escaped */

/* ------------------------------------------------------------------ where things stand */

struct text {
    const char *p;
    size_t n;
};

/* A value of the text, from its first byte to behind its last; from == to: there is none. */
struct span {
    size_t from, to;
};

static size_t skip_blanks(struct text t, size_t at)
{
    while (at < t.n && (t.p[at] == ' ' || t.p[at] == '\t' || t.p[at] == '\n' || t.p[at] == '\r'))
        at++;
    return at;
}

/* Behind the string that begins at `at`; 0 if it does not end. */
static size_t skip_string(struct text t, size_t at)
{
    for (at++; at < t.n; at++) {
        if (t.p[at] == '\\')
            at++;
        else if (t.p[at] == '"')
            return at + 1;
    }
    return 0;
}

/* Behind the object or array that begins at `at`; 0 if it does not end. */
static size_t skip_nested(struct text t, size_t at)
{
    size_t depth = 0;
    while (at < t.n) {
        char c = t.p[at];
        if (c == '"') {
            at = skip_string(t, at);
            if (at == 0)
                return 0;
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return 0;
}

static size_t skip_word(struct text t, size_t at)
{
    size_t from = at;
    while (at < t.n && strchr(",:]}[{\" \t\r\n", t.p[at]) == NULL)
        at++;
    return at > from ? at : 0;
}

/* Behind the value that begins at `at`; 0 if there is none. */
static size_t skip_value(struct text t, size_t at)
{
    if (at >= t.n)
        return 0;
    if (t.p[at] == '"')
        return skip_string(t, at);
    return t.p[at] == '{' || t.p[at] == '[' ? skip_nested(t, at) : skip_word(t, at);
}

/* Steps through the members of an object or the elements of an array. Begin with `at` behind the opening
 * bracket. False at the end, where `at` is the closing bracket, and where the text is broken: `*broken`. */
struct walk {
    struct text t;
    size_t at;
    bool object, begun, broken;
    struct span name, value; /* of the current item; the name with its quotes */
};

static struct walk walk_of(struct text t, struct span container)
{
    return (struct walk){.t = t, .at = container.from + 1, .object = t.p[container.from] == '{'};
}

static bool walk_stop(struct walk *w, bool broken)
{
    w->broken = broken;
    return false;
}

static bool walk_name(struct walk *w)
{
    if (w->at >= w->t.n || w->t.p[w->at] != '"')
        return false;
    w->name.from = w->at;
    w->name.to = skip_string(w->t, w->at);
    w->at = w->name.to != 0 ? skip_blanks(w->t, w->name.to) : w->t.n;
    if (w->at >= w->t.n || w->t.p[w->at] != ':')
        return false;
    w->at = skip_blanks(w->t, w->at + 1);
    return true;
}

static bool walk_next(struct walk *w)
{
    w->at = skip_blanks(w->t, w->at);
    if (w->at >= w->t.n)
        return walk_stop(w, true);
    if (w->t.p[w->at] == (w->object ? '}' : ']'))
        return walk_stop(w, false);
    if (w->begun && w->t.p[w->at++] != ',')
        return walk_stop(w, true);
    w->begun = true;
    w->at = skip_blanks(w->t, w->at);
    if (w->object && !walk_name(w))
        return walk_stop(w, true);
    w->value.from = w->at;
    w->value.to = skip_value(w->t, w->at);
    if (w->value.to == 0)
        return walk_stop(w, true);
    w->at = w->value.to;
    return true;
}

/* ------------------------------------------------------------------ what stands there */

static bool begins(struct text t, struct span s, char c)
{
    return s.to > s.from && t.p[s.from] == c;
}

static bool is_null(struct text t, struct span s)
{
    return s.to - s.from == 4 && memcmp(t.p + s.from, "null", 4) == 0;
}

static bool is_given(struct text t, struct span s)
{
    return s.to > s.from && !is_null(t, s);
}

/* Whether the string, with its quotes, says this word. */
static bool says(struct text t, struct span s, const char *word)
{
    size_t n = strlen(word), raw = s.to - s.from;
    if (raw < 2 || t.p[s.from] != '"')
        return false;
    if (memchr(t.p + s.from, '\\', raw) == NULL)
        return raw == n + 2 && memcmp(t.p + s.from + 1, word, n) == 0;
    json_auto_t *read = raw < 400 ? json_read(t.p + s.from, raw) : NULL;
    return read != NULL && json_string_length(read) == n && memcmp(json_string_value(read), word, n) == 0;
}

/* The member of an object under either spelling; sets *broken if the object cannot be read. */
static struct span member(struct text t, struct span object, const char *camel, const char *snake, bool *broken)
{
    struct span found = {0, 0};
    struct walk w = walk_of(t, object);
    while (walk_next(&w))
        if (says(t, w.name, camel) || says(t, w.name, snake))
            found = w.value;
    *broken |= w.broken;
    return found;
}

static bool has_items(struct text t, struct span container)
{
    size_t at = skip_blanks(t, container.from + 1);
    return at < t.n && t.p[at] != '}' && t.p[at] != ']';
}

/* ------------------------------------------------------------------ changes */

/* A piece of the text and what takes its place. */
struct change {
    struct span old;
    char *text; /* owned */
};

struct changes {
    struct text t;
    struct change *all;
    size_t n, cap;
    bool broken; /* something is not as it should be: nothing is changed at all */
    struct buf root; /* members for the root object, a comma after each */
};

static void change(struct changes *c, struct span old, const char *text)
{
    if (c->n == c->cap) {
        c->cap = c->cap > 0 ? 2 * c->cap : 8;
        c->all = xrealloc(c->all, c->cap * sizeof *c->all);
    }
    c->all[c->n++] = (struct change){.old = old, .text = xstrdup(text)};
}

/* Puts members, a comma after each, at the beginning of an object. */
static void change_insert(struct changes *c, struct span object, struct buf *members)
{
    if (members->n > 0 && !has_items(c->t, object))
        members->p[--members->n] = '\0';
    if (members->n > 0)
        change(c, (struct span){object.from + 1, object.from + 1}, buf_str(members));
}

static void changes_free(struct changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->all[i].text);
    free(c->all);
    buf_free(&c->root);
}

static int by_place(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    return (x->old.from > y->old.from) - (x->old.from < y->old.from);
}

static void changes_apply(struct changes *c, struct buf *out)
{
    size_t at = 0;
    qsort(c->all, c->n, sizeof *c->all, by_place);
    for (size_t i = 0; i < c->n; i++) {
        buf_add(out, c->t.p + at, c->all[i].old.from - at);
        buf_puts(out, c->all[i].text);
        at = c->all[i].old.to;
    }
    buf_add(out, c->t.p + at, c->t.n - at);
}

/* ------------------------------------------------------------------ Google Search */

#define SEARCH_TOOL "{\"googleSearch\":{}}"

static bool is_search(struct changes *c, struct span tool)
{
    return begins(c->t, tool, '{') &&
           (is_given(c->t, member(c->t, tool, "googleSearch", "google_search", &c->broken)) ||
            is_given(c->t,
                     member(c->t, tool, "googleSearchRetrieval", "google_search_retrieval", &c->broken)));
}

/* Behind the last tool, unless one of them searches already. */
static void add_search(struct changes *c, struct span tools)
{
    struct walk w = walk_of(c->t, tools);
    size_t last = tools.from + 1;
    for (; walk_next(&w); last = w.value.to)
        if (is_search(c, w.value))
            return;
    c->broken |= w.broken;
    change(c, (struct span){last, last}, has_items(c->t, tools) ? "," SEARCH_TOOL : SEARCH_TOOL);
}

static void edit_search(struct changes *c, struct span root)
{
    struct span tools = member(c->t, root, "tools", "tools", &c->broken);
    if (tools.to == tools.from) {
        buf_puts(&c->root, "\"tools\":[" SEARCH_TOOL "],");
    } else if (is_null(c->t, tools)) {
        change(c, tools, "[" SEARCH_TOOL "]");
    } else if (begins(c->t, tools, '[')) {
        add_search(c, tools);
    } else if (begins(c->t, tools, '{') && !is_search(c, tools)) { /* one tool, accepted in a list's place */
        change(c, (struct span){tools.from, tools.from}, "[");
        change(c, (struct span){tools.to, tools.to}, "," SEARCH_TOOL "]");
    }
}

/* ------------------------------------------------------------------ thinking */

/* Appends the members of an object as text, a comma after each. */
static void members_of(const json_t *object, struct buf *out)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        auto_str text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        buf_printf(out, "\"%s\":%s,", name, text != NULL ? text : "null");
    }
}

/* The same in braces, under a name. */
static void config_of(const json_t *wanted, const char *before, const char *after, struct buf *out)
{
    auto_buf members = {0};
    members_of(wanted, &members);
    buf_printf(out, "%s{%.*s}%s", before, (int)members.n - 1, buf_str(&members), after);
}

static bool is_amount(struct text t, struct span name)
{
    return says(t, name, "thinkingBudget") || says(t, name, "thinking_budget") ||
           says(t, name, "thinkingLevel") || says(t, name, "thinking_level");
}

static bool is_thoughts(struct text t, struct span name)
{
    return says(t, name, "includeThoughts") || says(t, name, "include_thoughts");
}

/* Drops from `wanted` what the request says itself. */
static void yield_to(struct changes *c, struct span config, json_t *wanted)
{
    struct walk w = walk_of(c->t, config);
    while (walk_next(&w)) {
        if (is_null(c->t, w.value))
            continue;
        if (is_amount(c->t, w.name)) {
            json_object_del(wanted, "thinkingBudget");
            json_object_del(wanted, "thinkingLevel");
        } else if (is_thoughts(c->t, w.name)) {
            json_object_del(wanted, "includeThoughts");
        }
    }
    c->broken |= w.broken;
}

/* The request's own thinkingConfig without what is wanted otherwise, and with that. */
static void override(struct changes *c, struct span config, const json_t *wanted)
{
    bool amount = json_object_get(wanted, "thinkingBudget") != NULL ||
                  json_object_get(wanted, "thinkingLevel") != NULL;
    bool thoughts = json_object_get(wanted, "includeThoughts") != NULL;
    auto_buf text = {0};
    struct walk w = walk_of(c->t, config);
    buf_putc(&text, '{');
    while (walk_next(&w)) {
        if ((amount && is_amount(c->t, w.name)) || (thoughts && is_thoughts(c->t, w.name)))
            continue;
        buf_add(&text, c->t.p + w.name.from, w.value.to - w.name.from);
        buf_putc(&text, ',');
    }
    c->broken |= w.broken;
    members_of(wanted, &text);
    text.p[text.n - 1] = '}';
    change(c, config, buf_str(&text));
}

static void edit_config(struct changes *c, struct span generation, json_t *wanted, bool force)
{
    auto_buf text = {0};
    struct span config = member(c->t, generation, "thinkingConfig", "thinking_config", &c->broken);
    if (config.to == config.from) {
        config_of(wanted, "\"thinkingConfig\":", ",", &text);
        change_insert(c, generation, &text);
    } else if (is_null(c->t, config)) {
        config_of(wanted, "", "", &text);
        change(c, config, buf_str(&text));
    } else if (begins(c->t, config, '{') && force) {
        override(c, config, wanted);
    } else if (begins(c->t, config, '{')) {
        yield_to(c, config, wanted);
        members_of(wanted, &text);
        change_insert(c, config, &text);
    }
}

static void edit_thinking(struct changes *c, struct span root, const struct edit *e)
{
    struct family family = family_of(e->model);
    json_auto_t *wanted = traits_thinking(e->traits, &family);
    if (json_object_size(wanted) == 0)
        return;
    struct span generation = member(c->t, root, "generationConfig", "generation_config", &c->broken);
    if (generation.to == generation.from) {
        config_of(wanted, "\"generationConfig\":{\"thinkingConfig\":", "},", &c->root);
    } else if (is_null(c->t, generation)) {
        auto_buf text = {0};
        config_of(wanted, "{\"thinkingConfig\":", "}", &text);
        change(c, generation, buf_str(&text));
    } else if (begins(c->t, generation, '{')) {
        edit_config(c, generation, wanted, e->traits->override);
    }
}

/* ------------------------------------------------------------------ the model's name */

static void rename_model(struct changes *c, struct span object, const struct edit *e)
{
    auto_buf asked = {0}, model = {0}, text = {0};
    if (!begins(c->t, object, '{'))
        return;
    struct span name = member(c->t, object, "model", "model", &c->broken);
    buf_printf(&asked, "models/%s", e->asked);
    buf_printf(&model, "models/%s", e->model);
    if (says(c->t, name, buf_str(&asked)))
        json_quote(&text, buf_str(&model));
    else if (says(c->t, name, e->asked))
        json_quote(&text, e->model);
    if (text.n > 0)
        change(c, name, buf_str(&text));
}

static void edit_names(struct changes *c, struct span root, const struct edit *e)
{
    struct span requests = member(c->t, root, "requests", "requests", &c->broken);
    rename_model(c, root, e);
    rename_model(
        c, member(c->t, root, "generateContentRequest", "generate_content_request", &c->broken), e);
    rename_model(c, member(c->t, root, "batch", "batch", &c->broken), e);
    if (!begins(c->t, requests, '['))
        return;
    struct walk w = walk_of(c->t, requests);
    while (walk_next(&w))
        rename_model(c, w.value, e);
    c->broken |= w.broken;
}

/* ------------------------------------------------------------------ the whole */

bool edit_native(const char *body, size_t n, const struct edit *e, struct buf *out)
{
    struct changes c = {.t = {body, n}};
    struct span root = {.from = skip_blanks(c.t, 0)};
    root.to = skip_value(c.t, root.from);
    if (root.to == 0 || !begins(c.t, root, '{'))
        return false;
    if (e->traits != NULL && e->traits->search)
        edit_search(&c, root);
    if (e->traits != NULL)
        edit_thinking(&c, root, e);
    if (e->asked != NULL && strcmp(e->asked, e->model) != 0)
        edit_names(&c, root, e);
    change_insert(&c, root, &c.root);
    bool changed = !c.broken && c.n > 0;
    if (changed)
        changes_apply(&c, out);
    changes_free(&c);
    return changed;
}

bool edit_model(const char *body, size_t n, struct buf *name)
{
    struct text t = {body, n};
    struct span root = {.from = skip_blanks(t, 0)};
    bool broken = false;
    if (!begins(t, (struct span){root.from, n}, '{'))
        return false;
    struct span model = member(t, root, "model", "model", &broken);
    size_t length = model.to - model.from;
    if (!begins(t, model, '"') || length > NAME_MAX_JSON)
        return false;
    json_auto_t *read = json_read(body + model.from, length);
    if (!json_is_string(read))
        return false;
    buf_puts(name, json_string_value(read));
    return true;
}

void edit_compact(const char *json, size_t n, struct buf *out)
{
    struct text t = {json, n};
    buf_reserve(out, n);
    for (size_t at = 0; at < n;) {
        at = skip_blanks(t, at);
        size_t from = at;
        if (at < n && json[at] == '"') {
            size_t end = skip_string(t, at);
            at = end != 0 ? end : n;
        } else {
            while (at < n && json[at] != '"' && skip_blanks(t, at) == at)
                at++;
        }
        buf_add(out, json + from, at - from);
    }
}
