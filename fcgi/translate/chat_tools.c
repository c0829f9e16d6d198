/* SPDX-License-Identifier: MIT */
/*
 * chat_tools.c: tools, tool_choice and their deprecated predecessors.
 */
#include "base/auto.h"
#include "translate/chat_own.h"
#include "translate/schema.h"
#include "translate/shape.h"

#include <string.h>

/* Tools that Gemini brings itself, by the names that clients use for them. */
static const struct {
    const char *name, *wire;
} builtins[] = {
    {"web_search", "googleSearch"},        {"web_search_preview", "googleSearch"},
    {"google_search", "googleSearch"},     {"googleSearch", "googleSearch"},
    {"code_execution", "codeExecution"},   {"codeExecution", "codeExecution"},
    {"code_interpreter", "codeExecution"}, {"url_context", "urlContext"},
    {"urlContext", "urlContext"},          {"google_maps", "googleMaps"},
    {"googleMaps", "googleMaps"},
};

/* What is put together for the request. */
struct toolbox {
    json_t *functions; /* functionDeclarations */
    json_t *builtin;   /* {"googleSearch":{}}: one member per built-in tool */
};

/* --- functions -------------------------------------------------------------------------------- */

/* The parameters in the form that the request can have: as they are, or cleaned. */
static void set_parameters(struct draft *d, json_t *declaration, json_t *parameters)
{
    if (schema_is_empty(parameters))
        return;
    d->c->adjustable |= CHAT_LOOSE_SCHEMA | (d->family.gemma ? 0 : CHAT_CLEAN_SCHEMA);
    if (d->family.gemma || (d->adjust & CHAT_CLEAN_SCHEMA) != 0) {
        json_t *clean = schema_clean(parameters, (d->adjust & CHAT_LOOSE_SCHEMA) != 0);
        json_object_set_new(declaration, "parameters", clean);
        return;
    }
    if (json_object_get(parameters, "type") != NULL) {
        json_object_set(declaration, "parametersJsonSchema", parameters);
        return;
    }
    json_t *typed = json_copy(parameters);
    json_object_set_new(typed, "type", json_string("object"));
    json_object_set_new(declaration, "parametersJsonSchema", typed);
}

static bool draft_function(struct draft *d, const json_t *function, const char *path, struct toolbox *box)
{
    const char *name = shape_text(function, "name");
    json_t *description = shape_given(function, "description"),
           *parameters = shape_given(function, "parameters");
    if (name == NULL || *name == '\0')
        return chat_wrong(d->f, path, ".name", "'%s.name' must be a string that is not empty.", path);
    if (parameters != NULL && !json_is_object(parameters))
        return chat_wrong(d->f, path, ".parameters", "'%s.parameters' must be a JSON Schema object.",
                          path);
    if (json_object_get(d->c->wire_names, name) != NULL)
        return true; /* the same tool twice */
    json_t *declaration = json_pack("{s:s}", "name", chat_wire_name(d->c, name));
    if (json_is_string(description) && json_string_length(description) > 0)
        json_object_set(declaration, "description", description);
    set_parameters(d, declaration, parameters);
    json_array_append_new(box->functions, declaration);
    return true;
}

static const char *builtin_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof builtins / sizeof *builtins; i++)
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].wire;
    return NULL;
}

/* {"type":"web_search"} or {"google_search":{...}}; false when it is neither. */
static bool take_builtin(const json_t *tool, struct toolbox *box)
{
    const char *wire = builtin_of(shape_text(tool, "type")), *key;
    json_t *value, *settings = NULL;
    json_object_foreach((json_t *)tool, key, value) {
        if (builtin_of(key) == NULL || !json_is_object(value))
            continue;
        if (wire == NULL) {
            wire = builtin_of(key);
            settings = value;
        }
    }
    if (wire == NULL)
        return false;
    json_object_set_new(box->builtin, wire, settings != NULL ? json_incref(settings) : json_object());
    return true;
}

static bool draft_tool(struct draft *d, const json_t *tool, const char *path, struct toolbox *box)
{
    const char *type = shape_text(tool, "type");
    const json_t *function = json_object_get(tool, "function");
    if (type == NULL ? function != NULL : strcmp(type, "function") == 0) {
        char below[CHAT_PATH_MAX];
        snprintf(below, sizeof below, "%.60s%s", path, function != NULL ? ".function" : "");
        return draft_function(d, function != NULL ? function : tool, below, box);
    }
    if (take_builtin(tool, box))
        return true;
    return chat_wrong(d->f, path, ".type", "Tools of type '%.40s' are not supported.",
                      type != NULL ? type : "");
}

static bool draft_list(struct draft *d, const char *key, struct toolbox *box)
{
    const json_t *list = shape_given(d->body, key);
    if (list != NULL && !json_is_array(list))
        return chat_wrong(d->f, key, "", "'%s' must be an array.", key);
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        char path[CHAT_PATH_MAX];
        snprintf(path, sizeof path, "%s[%zu]", key, i);
        bool legacy = strcmp(key, "functions") == 0;
        if (legacy ? !draft_function(d, one, path, box) : !draft_tool(d, one, path, box))
            return false;
    }
    return true;
}

/* --- which of them ---------------------------------------------------------------------------- */

static json_t *calling_config(const char *mode, json_t *names)
{
    json_t *config = json_pack("{s:s}", "mode", mode);
    if (json_array_size(names) > 0)
        json_object_set(config, "allowedFunctionNames", names);
    return config;
}

/* Adds the wire name of a tool that was declared; false and a fault when it was not. */
static bool add_allowed(struct draft *d, json_t *names, const char *name, const char *path)
{
    const char *wire = name != NULL ? shape_text(d->c->wire_names, name) : NULL;
    if (wire == NULL)
        return chat_wrong(d->f, path, "", "'%s' names a function that is not among the tools.", path);
    json_array_append_new(names, json_string(wire));
    return true;
}

/* {"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[...]}} */
static json_t *allowed_tools(struct draft *d, const json_t *choice)
{
    const json_t *allowed = json_object_get(choice, "allowed_tools");
    if (allowed == NULL)
        allowed = choice;
    const char *mode = shape_text(allowed, "mode");
    bool required = mode != NULL && strcmp(mode, "required") == 0;
    json_auto_t *names = json_array();
    size_t i;
    json_t *tool;
    json_array_foreach(json_object_get(allowed, "tools"), i, tool) {
        const json_t *function = json_object_get(tool, "function");
        const char *name = shape_text(function != NULL ? function : tool, "name");
        if (!add_allowed(d, names, name, "tool_choice"))
            return NULL;
    }
    return calling_config(required ? "ANY" : "VALIDATED", names);
}

static json_t *choice_in_a_word(struct draft *d, const char *word, const char *path)
{
    static const struct {
        const char *word, *mode;
    } modes[] = {{"auto", "AUTO"}, {"none", "NONE"}, {"required", "ANY"}, {"any", "ANY"}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].word, word) == 0)
            return calling_config(modes[i].mode, NULL);
    chat_wrong(d->f, path, "", "'%s' must be 'none', 'auto', 'required' or name a function.", path);
    return NULL;
}

/* The functionCallingConfig for tool_choice or function_call: new, NULL with a fault. */
static json_t *choice_of(struct draft *d, const json_t *choice, const char *path)
{
    if (json_is_string(choice))
        return choice_in_a_word(d, json_string_value(choice), path);
    const char *type = shape_text(choice, "type");
    if (type != NULL && strcmp(type, "allowed_tools") == 0)
        return allowed_tools(d, choice);
    const json_t *function = json_object_get(choice, "function");
    json_auto_t *names = json_array();
    if (!add_allowed(d, names, shape_text(function != NULL ? function : choice, "name"), path))
        return NULL;
    return calling_config("ANY", names);
}

static bool draft_choice(struct draft *d, json_t *tool_config)
{
    const char *path = d->c->legacy ? "function_call" : "tool_choice";
    const json_t *choice = shape_given(d->body, path);
    if (choice == NULL || !d->has_functions)
        return true;
    json_t *config = choice_of(d, choice, path);
    if (config == NULL)
        return false;
    json_object_set_new(tool_config, "functionCallingConfig", config);
    return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Puts what was collected into the request. */
static void place_tools(struct draft *d, const struct toolbox *box, json_t *tool_config)
{
    json_t *tools = json_array();
    const char *key;
    json_t *settings;
    if (d->has_functions)
        json_array_append_new(tools, json_pack("{s:O}", "functionDeclarations", box->functions));
    bool both = d->has_functions && json_object_size(box->builtin) > 0;
    if (both)
        d->c->adjustable |= CHAT_NO_BUILTIN_TOOLS;
    if (!both || (d->adjust & CHAT_NO_BUILTIN_TOOLS) == 0) {
        json_object_foreach(box->builtin, key, settings) {
            json_array_append_new(tools, json_pack("{s:O}", key, settings));
            d->c->cites = true;
        }
        if (both && d->family.levels)
            json_object_set_new(tool_config, "includeServerSideToolInvocations", json_true());
    }
    d->has_tools = json_array_size(tools) > 0;
    if (d->has_tools)
        json_object_set(d->request, "tools", tools);
    json_decref(tools);
    if (d->has_tools && json_object_size(tool_config) > 0)
        json_object_set(d->request, "toolConfig", tool_config);
}

bool chat_draft_tools(struct draft *d)
{
    json_auto_t *functions = json_array(), *builtin = json_object(), *tool_config = json_object();
    struct toolbox box = {.functions = functions, .builtin = builtin};
    if (!draft_list(d, d->c->legacy ? "functions" : "tools", &box))
        return false;
    if (json_is_object(json_object_get(d->body, "web_search_options")) || d->c->traits.search)
        json_object_set_new(builtin, "googleSearch", json_object());
    d->has_functions = json_array_size(functions) > 0;
    if (!draft_choice(d, tool_config))
        return false;
    place_tools(d, &box, tool_config);
    return true;
}
