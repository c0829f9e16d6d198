/* SPDX-License-Identifier: MIT */
/* chat.c: a chat's options, tool names and life; see chat.h. */
#include "base/auto.h"
#include "translate/chat_own.h"
#include "translate/shape.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

enum { NAME_MAX_WIRE = 64 };

bool chat_wrong(struct fault *f, const char *path, const char *below, const char *said, ...)
{
    char param[CHAT_PATH_MAX];
    auto_buf words = {0};
    va_list ap;
    va_start(ap, said);
    buf_vprintf(&words, said, ap);
    va_end(ap);
    snprintf(param, sizeof param, "%.60s%.30s", path, below);
    return fault_param(f, param, "%.500s", buf_str(&words));
}

/* --- the model -------------------------------------------------------------------------------- */

static const char *without_prefixes(const char *name)
{
    static const char *const prefixes[] = {"models/", "google/", "gemini/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], n) == 0)
            return without_prefixes(name + n);
    }
    return name;
}

/* Letters, digits, "._-@" and single slashes between names that do not begin with a dot. */
static bool safe_name(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > 128 || name[n - 1] == '/')
        return false;
    for (size_t i = 0; i < n; i++) {
        bool starts = i == 0 || name[i - 1] == '/';
        if (starts && !isalnum((unsigned char)name[i]))
            return false;
        if (!isalnum((unsigned char)name[i]) && strchr("._-@/", name[i]) == NULL)
            return false;
    }
    return true;
}

char *chat_model(const json_t *body, struct fault *f)
{
    const json_t *model = json_object_get(body, "model");
    const char *name = json_string_value(model);
    if (name == NULL || *name == '\0') {
        fault_param(f, "model", "You must provide a model parameter.");
        return NULL;
    }
    if (json_string_length(model) > 256 || strlen(name) != json_string_length(model) ||
        !safe_name(without_prefixes(name))) {
        fault_param(f, "model", "The model name holds characters that no model name has.");
        return NULL;
    }
    return xstrdup(without_prefixes(name));
}

/* --- life ------------------------------------------------------------------------------------- */

struct chat *chat_new(const char *id, int64_t created, const char *model)
{
    struct chat *c = xcalloc(1, sizeof *c);
    c->id = xstrdup(id);
    c->created = created;
    c->model = xstrdup(model);
    c->own_names = json_object();
    c->wire_names = json_object();
    return c;
}

void chat_free(struct chat *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CHAT_CHOICES_MAX; i++) {
        buf_free(&c->choices[i].text);
        buf_free(&c->choices[i].fence.held);
    }
    json_decref(c->own_names);
    json_decref(c->wire_names);
    free(c->blocked);
    free(c->id);
    free(c->model);
    free(c);
}

/* --- options ---------------------------------------------------------------------------------- */

static bool read_flag(const json_t *object, const char *key, bool *flag, const char *path,
                      struct fault *f)
{
    const json_t *value = shape_given(object, key);
    if (value != NULL && !json_is_boolean(value))
        return chat_wrong(f, path, key, "'%s%s' must be a boolean.", path, key);
    *flag = json_is_true(value);
    return true;
}

static bool asks_for_sound(const json_t *body)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(body, "modalities"), i, one) {
        if (json_is_string(one) && strcmp(json_string_value(one), "audio") == 0)
            return true;
    }
    return false;
}

static bool read_audio(struct chat *c, const json_t *body, struct fault *f)
{
    const char *format = shape_text(json_object_get(body, "audio"), "format");
    c->pcm = format != NULL && strcmp(format, "pcm16") == 0;
    if (format != NULL && !c->pcm && strcmp(format, "wav") != 0 && asks_for_sound(body))
        return fault_param(f, "audio.format",
                           "Only the audio formats 'wav' and 'pcm16' can be produced.");
    return true;
}

bool chat_options(struct chat *c, const json_t *body, struct fault *f)
{
    if (!json_is_object(body))
        return fault_set(f, FAULT_BAD_REQUEST, "The request body must be a JSON object.");
    if (!json_is_array(json_object_get(body, "messages")))
        return fault_param(f, "messages", "'messages' must be an array of messages.");
    if (json_array_size(json_object_get(body, "messages")) == 0)
        return fault_param(f, "messages", "'messages' must hold at least one message.");
    const json_t *stream_options = json_object_get(body, "stream_options");
    bool parallel = true;
    if (!read_flag(body, "stream", &c->stream, "", f) ||
        !read_flag(stream_options, "include_usage", &c->include_usage, "stream_options.", f) ||
        !read_audio(c, body, f))
        return false;
    if (shape_given(body, "parallel_tool_calls") != NULL &&
        !read_flag(body, "parallel_tool_calls", &parallel, "", f))
        return false;
    c->legacy = shape_given(body, "tools") == NULL && json_is_array(json_object_get(body, "functions"));
    c->one_call = !parallel || c->legacy;
    return true;
}

void chat_traits(struct chat *c, const struct traits *traits)
{
    c->traits = *traits;
}

bool chat_stream_wanted(const struct chat *c)
{
    return c->stream;
}

json_t *chat_google_option(const json_t *body, const char *camel, const char *snake)
{
    const json_t *extra = json_object_get(body, "extra_body");
    const json_t *places[] = {
        json_object_get(extra, "google"),
        json_object_get(json_object_get(extra, "extra_body"), "google"),
        json_object_get(body, "google"),
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        json_t *value = shape_get2(places[i], camel, snake);
        if (value != NULL)
            return value;
    }
    return NULL;
}

/* --- tool names ------------------------------------------------------------------------------- */

/* The name with everything that Gemini refuses replaced: [A-Za-z_][A-Za-z0-9_.:-]{0,63}. */
static void sanitise(char wire[static NAME_MAX_WIRE + 1], const char *name)
{
    size_t n = 0;
    if (!isalpha((unsigned char)name[0]) && name[0] != '_')
        wire[n++] = '_';
    for (; *name != '\0' && n < NAME_MAX_WIRE; name++) {
        bool fine = isalnum((unsigned char)*name) || strchr("_.:-", *name) != NULL;
        wire[n++] = fine ? *name : '_';
    }
    wire[n] = '\0';
}

/* Puts "_2", "_3"... at the end, until nobody else has the name. */
static void make_unique(char wire[static NAME_MAX_WIRE + 1], const json_t *taken)
{
    char base[NAME_MAX_WIRE + 1];
    strcpy(base, wire);
    for (size_t i = 2; json_object_get(taken, wire) != NULL; i++) {
        char suffix[24];
        int n = snprintf(suffix, sizeof suffix, "_%zu", i);
        snprintf(wire, NAME_MAX_WIRE + 1, "%.*s%s", NAME_MAX_WIRE - n, base, suffix);
        if (i == 100) /* thousands of names alike: jump to a number that is free */
            i = 100 + json_object_size(taken);
    }
}

const char *chat_wire_name(struct chat *c, const char *name)
{
    const char *known = shape_text(c->wire_names, name);
    if (known != NULL)
        return known;
    char wire[NAME_MAX_WIRE + 1];
    sanitise(wire, name);
    make_unique(wire, c->own_names);
    json_object_set_new(c->wire_names, name, json_string(wire));
    json_object_set_new(c->own_names, wire, json_string(name));
    known = shape_text(c->wire_names, name);
    return known != NULL ? known : "_";
}

const char *chat_own_name(const struct chat *c, const char *wire_name)
{
    const char *own = shape_text(c->own_names, wire_name);
    return own != NULL ? own : wire_name;
}
