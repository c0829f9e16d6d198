/* SPDX-License-Identifier: MIT */
/*
 * schema.c: JSON Schema to Gemini's Schema; see schema.h.
 *
 * Each schema is cleaned in steps: its reference is followed, allOf is folded
 * into it, then the members that Gemini knows are copied one by one, each by a
 * function of its own. Names under `properties` are names, not keywords: a
 * property may well be called "title" or "$ref".
 */
#include "translate/schema.h"
#include "translate/shape.h"
#include "base/auto.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

enum {
    DEPTH_MAX = 24,    /* schemas inside schemas; recursive references end here */
    NODES_MAX = 20000, /* schemas in all: references can multiply */
    REFS_MAX = 16,     /* references that lead to references */
    REPEATS_MAX = 2,   /* how often a schema that leads to itself is written out */
};

struct cleaning {
    const json_t *root; /* borrowed: what "#/..." points into */
    bool loose;
    size_t nodes;
    const json_t *path[DEPTH_MAX + 1]; /* borrowed: the schemas from the root to here */
};

static json_t *clean(struct cleaning *k, const json_t *schema, int depth);

/* --- references ------------------------------------------------------------------------------- */

/* One step of a JSON pointer: "~1" is "/", "~0" is "~". Returns what follows the step. */
static const char *pointer_step(const char *at, struct buf *step)
{
    for (; *at != '\0' && *at != '/'; at++) {
        bool escaped = *at == '~' && (at[1] == '0' || at[1] == '1');
        buf_putc(step, !escaped ? *at : at[1] == '0' ? '~' : '/');
        at += escaped;
    }
    return at;
}

/* What "#/$defs/Name" points to, NULL if nothing or not in this document. */
static const json_t *pointed(const json_t *root, const char *ref)
{
    if (ref[0] != '#')
        return NULL;
    const json_t *value = root;
    const char *at = ref + 1;
    while (*at == '/' && value != NULL) {
        auto_buf step = {0};
        at = pointer_step(at + 1, &step);
        if (json_is_array(value))
            value = json_array_get(value, (size_t)strtoul(buf_str(&step), NULL, 10));
        else
            value = json_object_get(value, buf_str(&step));
    }
    return *at == '\0' ? value : NULL;
}

/* The schema itself, or what its chain of references ends in; NULL when that leads nowhere. */
static const json_t *resolved(const struct cleaning *k, const json_t *schema)
{
    for (int i = 0; i < REFS_MAX; i++) {
        const char *ref = shape_text(schema, "$ref");
        if (ref == NULL)
            return schema;
        schema = pointed(k->root, ref);
    }
    return NULL;
}

/* --- members ---------------------------------------------------------------------------------- */

static void note(json_t *out, const char *words, const json_t *value)
{
    auto_str text = json_write(value);
    if (text == NULL || strlen(text) > 200)
        return;
    auto_buf said = {0};
    const char *before = shape_text(out, "description");
    buf_printf(&said, "%s%s(%s: %s)", before != NULL ? before : "", before != NULL ? " " : "", words,
               text);
    json_object_set_new(out, "description", shape_string(said.p, said.n));
}

/* type: "string", or ["string","null"], which is a string that may be null. */
static void copy_type(json_t *out, const json_t *type)
{
    if (json_is_string(type)) {
        json_object_set(out, "type", (json_t *)type);
        return;
    }
    size_t i;
    json_t *name;
    json_array_foreach(type, i, name) {
        if (!json_is_string(name))
            continue;
        if (strcmp(json_string_value(name), "null") == 0)
            json_object_set_new(out, "nullable", json_true());
        else
            json_object_set(out, "type", name);
    }
}

/* enum holds strings only: other values as their JSON text, null as nullable, "" not at all. */
static void copy_enum(json_t *out, const json_t *values)
{
    json_auto_t *strings = json_array();
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value) {
        if (json_is_null(value)) {
            json_object_set_new(out, "nullable", json_true());
        } else if (json_is_string(value)) {
            if (json_string_length(value) > 0)
                json_array_append(strings, value);
        } else {
            auto_str text = json_write(value);
            if (text != NULL)
                json_array_append_new(strings, shape_string(text, strlen(text)));
        }
    }
    if (json_array_size(strings) == 0)
        return;
    json_object_set(out, "enum", strings);
    json_object_set_new(out, "type", json_string("string"));
}

static void copy_format(json_t *out, const char *format)
{
    static const char *const known[] = {"date-time", "enum", "int32", "int64", "float", "double"};
    if (format == NULL)
        return;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(format, known[i]) == 0) {
            json_object_set_new(out, "format", json_string(format));
            return;
        }
    json_auto_t *word = json_string(format);
    note(out, "format", word);
}

static void copy_number(json_t *out, const json_t *schema, const char *key)
{
    json_t *value = json_object_get(schema, key);
    if (json_is_number(value))
        json_object_set(out, key, value);
}

/* exclusiveMinimum 3 becomes minimum 4 for integers and minimum 3 for the rest. */
static void copy_exclusive(json_t *out, const json_t *schema, const char *from, const char *to, int step)
{
    json_t *value = json_object_get(schema, from);
    if (!json_is_number(value) || json_object_get(out, to) != NULL)
        return;
    const char *type = shape_text(out, "type");
    int64_t whole;
    if (type != NULL && strcmp(type, "integer") == 0 && shape_whole(value, &whole) && whole > INT32_MIN &&
        whole < INT32_MAX)
        json_object_set_new(out, to, json_integer(whole + step));
    else
        json_object_set(out, to, value);
}

static void copy_ranges(json_t *out, const json_t *schema)
{
    static const char *const numbers[] = {"minimum",  "maximum",  "minLength",     "maxLength",
                                          "minItems", "maxItems", "minProperties", "maxProperties"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        copy_number(out, schema, numbers[i]);
    copy_exclusive(out, schema, "exclusiveMinimum", "minimum", 1);
    copy_exclusive(out, schema, "exclusiveMaximum", "maximum", -1);
    json_t *pattern = json_object_get(schema, "pattern");
    if (json_is_string(pattern))
        json_object_set(out, "pattern", pattern);
}

static void copy_words(json_t *out, const json_t *schema)
{
    static const char *const words[] = {"title", "description"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        json_t *value = json_object_get(schema, words[i]);
        if (json_is_string(value))
            json_object_set(out, words[i], value);
    }
    shape_share(out, "default", json_object_get(schema, "default"));
    if (json_is_boolean(json_object_get(schema, "nullable")))
        shape_share(out, "nullable", json_object_get(schema, "nullable"));
}

/* --- parts ------------------------------------------------------------------------------------ */

static bool is_null_type(const json_t *schema)
{
    const char *type = shape_text(schema, "type");
    return type != NULL && strcmp(type, "null") == 0;
}

/* anyOf and oneOf: the null alternative becomes nullable, a single one left is folded in. */
static void copy_any(struct cleaning *k, json_t *out, const json_t *alternatives, int depth)
{
    json_auto_t *any = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(alternatives, i, one) {
        if (is_null_type(one))
            json_object_set_new(out, "nullable", json_true());
        else if (json_is_object(one))
            json_array_append_new(any, clean(k, one, depth + 1));
    }
    if (json_array_size(any) == 1)
        json_object_update_missing(out, json_array_get(any, 0));
    else if (json_array_size(any) > 1)
        json_object_set(out, "anyOf", any);
}

/* How many types a schema allows, null not counted. */
static size_t count_types(const json_t *type)
{
    size_t i, types = 0;
    json_t *name;
    json_array_foreach(type, i, name) {
        types += json_is_string(name) && strcmp(json_string_value(name), "null") != 0;
    }
    return types;
}

/* type: ["string","object"] becomes one alternative for each, with all else that the schema says. */
static json_t *clean_types(struct cleaning *k, const json_t *schema, int depth)
{
    json_auto_t *alternatives = json_array();
    size_t i;
    json_t *type;
    json_array_foreach(json_object_get(schema, "type"), i, type) {
        if (!json_is_string(type))
            continue;
        json_t *one = json_copy((json_t *)schema);
        json_object_set(one, "type", type);
        json_object_del(one, "title");
        json_object_del(one, "description");
        json_array_append_new(alternatives, one);
    }
    json_t *out = json_object();
    copy_words(out, schema);
    copy_any(k, out, alternatives, depth);
    return out;
}

/* Properties in their order, which Gemini would sort otherwise, and those required that exist. */
static void copy_properties(struct cleaning *k, json_t *out, const json_t *schema, int depth)
{
    const json_t *given = json_object_get(schema, "properties");
    if (!json_is_object(given) || json_object_size(given) == 0)
        return;
    json_t *properties = json_object(), *order = json_array();
    json_object_set_new(out, "properties", properties);
    const char *name;
    json_t *one;
    json_object_foreach((json_t *)given, name, one) {
        if (json_is_false(one))
            continue;
        json_object_set_new(properties, name, clean(k, one, depth + 1));
        json_array_append_new(order, json_string(name));
    }
    json_auto_t *required = json_array();
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, one) {
        if (json_is_string(one) && json_object_get(properties, json_string_value(one)) != NULL)
            json_array_append(required, one);
    }
    if (json_array_size(required) > 0)
        json_object_set(out, "required", required);
    json_object_set_new(out, "propertyOrdering", order);
}

/* A type for a schema that names none, from what else it says. */
static void infer_type(json_t *out, const json_t *schema)
{
    if (json_object_get(out, "type") != NULL || json_object_get(out, "anyOf") != NULL)
        return;
    const char *type = "string";
    if (json_object_get(schema, "properties") != NULL ||
        json_object_get(schema, "additionalProperties") != NULL)
        type = "object";
    else if (json_object_get(schema, "items") != NULL || json_object_get(schema, "prefixItems") != NULL)
        type = "array";
    else if (json_object_get(out, "minimum") != NULL || json_object_get(out, "maximum") != NULL)
        type = "number";
    json_object_set_new(out, "type", json_string(type));
}

static void copy_items(struct cleaning *k, json_t *out, const json_t *schema, int depth)
{
    const char *type = shape_text(out, "type");
    if (type == NULL || strcmp(type, "array") != 0)
        return;
    const json_t *items = json_object_get(schema, "items");
    if (json_is_array(items)) /* a tuple of old drafts */
        items = json_array_get(items, 0);
    if (items == NULL)
        items = json_array_get(json_object_get(schema, "prefixItems"), 0);
    json_t *one = items != NULL ? clean(k, items, depth + 1) : json_pack("{s:s}", "type", "string");
    json_object_set_new(out, "items", one);
}

/* An object open to any key cannot be said, only described. */
static void describe_open(json_t *out, const json_t *schema)
{
    const json_t *more = json_object_get(schema, "additionalProperties");
    if (json_is_object(more) && json_object_size(more) > 0 && json_object_get(out, "properties") == NULL)
        note(out, "values of any key", more);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The schema with the members of its allOf folded in: new. What the schema says itself wins; properties
 * and required are joined. */
static json_t *folded(const struct cleaning *k, const json_t *schema)
{
    json_t *whole = json_copy((json_t *)schema);
    json_auto_t *properties = json_object(), *required = json_array();
    json_object_update(properties, json_object_get(schema, "properties"));
    json_array_extend(required, json_object_get(schema, "required"));
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(schema, "allOf"), i, one) {
        json_t *part = (json_t *)resolved(k, one);
        if (i >= 64 || !json_is_object(part))
            continue;
        json_object_update_missing(properties, json_object_get(part, "properties"));
        json_array_extend(required, json_object_get(part, "required"));
        json_object_update_missing(whole, part);
    }
    if (json_object_size(properties) > 0)
        json_object_set(whole, "properties", properties);
    if (json_array_size(required) > 0)
        json_object_set(whole, "required", required);
    return whole;
}

static json_t *clean_object(struct cleaning *k, const json_t *schema, int depth)
{
    const json_t *type = json_object_get(schema, "type");
    if (count_types(type) > 1)
        return clean_types(k, schema, depth);
    json_t *out = json_object();
    copy_words(out, schema);
    copy_type(out, type);
    const json_t *only = json_object_get(schema, "const");
    if (only != NULL) {
        json_auto_t *one = json_array();
        json_array_append(one, (json_t *)only);
        copy_enum(out, one);
    }
    copy_enum(out, json_object_get(schema, "enum"));
    copy_properties(k, out, schema, depth);
    if (json_object_get(out, "properties") == NULL) { /* beside properties they only combine them */
        copy_any(k, out, json_object_get(schema, "oneOf"), depth);
        copy_any(k, out, json_object_get(schema, "anyOf"), depth);
    }
    if (!k->loose)
        copy_ranges(out, schema);
    infer_type(out, schema);
    copy_format(out, shape_text(schema, "format"));
    copy_items(k, out, schema, depth);
    describe_open(out, schema);
    return out;
}

/* Whether a schema that leads to itself was written out often enough. */
static bool recurs(const struct cleaning *k, const json_t *schema, int depth)
{
    int seen = 0;
    for (int i = 0; i < depth; i++)
        seen += k->path[i] == schema;
    return seen >= REPEATS_MAX;
}

static json_t *clean(struct cleaning *k, const json_t *schema, int depth)
{
    if (json_is_boolean(schema))
        return json_pack("{s:s}", "type", "string");
    const json_t *real = resolved(k, schema);
    if (!json_is_object(real) || depth > DEPTH_MAX || ++k->nodes > NODES_MAX || recurs(k, real, depth))
        return json_pack("{s:s}", "type", "object");
    k->path[depth] = real;
    if (!json_is_array(json_object_get(real, "allOf")))
        return clean_object(k, real, depth);
    json_auto_t *whole = folded(k, real);
    return clean_object(k, whole, depth);
}

json_t *schema_clean(const json_t *schema, bool loose)
{
    struct cleaning k = {.root = schema, .loose = loose};
    return clean(&k, schema, 0);
}

bool schema_is_empty(const json_t *schema)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)schema, key, value) {
        bool says_nothing = strcmp(key, "type") == 0 || strcmp(key, "$schema") == 0 ||
                            (strcmp(key, "additionalProperties") == 0 && json_is_boolean(value)) ||
                            strcmp(key, "description") == 0 || strcmp(key, "title") == 0 ||
                            strcmp(key, "strict") == 0 ||
                            (strcmp(key, "properties") == 0 && json_object_size(value) == 0) ||
                            (strcmp(key, "required") == 0 && json_array_size(value) == 0);
        if (!says_nothing)
            return false;
    }
    const char *type = shape_text(schema, "type");
    return type == NULL || strcmp(type, "object") == 0;
}

bool schema_is_choice(const json_t *schema)
{
    const json_t *choices = json_object_get(schema, "enum");
    size_t i;
    json_t *one;
    json_array_foreach(choices, i, one) {
        if (!json_is_string(one))
            return false;
    }
    return json_array_size(choices) > 0;
}
