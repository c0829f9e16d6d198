/* SPDX-License-Identifier: MIT */
/*
 * chat_request.c: a chat completion request as a generateContent request.
 *
 * chat_request() lists the steps; each draft_...() below or in its own file
 * does one of them. Fields that OpenAI has and Gemini has not are ignored.
 */
#include "base/auto.h"
#include "base/json.h"
#include "translate/chat_own.h"
#include "translate/schema.h"
#include "translate/shape.h"

#include <math.h>
#include <string.h>

/* --- generationConfig ------------------------------------------------------------------------- */

static bool wrong_number(struct draft *d, const char *key, const char *what)
{
    return chat_wrong(d->f, key, "", "'%s' must be %s.", key, what);
}

/* A number that goes over as it is. */
static bool draft_number(struct draft *d, const char *key, const char *wire)
{
    json_t *value = shape_given(d->body, key);
    if (value != NULL && !json_is_number(value))
        return wrong_number(d, key, "a number");
    shape_share(d->config, wire, value);
    return true;
}

/* A whole number within bounds; `*found` says whether it was there. */
static bool read_whole(struct draft *d, const char *key, int64_t least, int64_t most, int64_t *whole,
                       bool *found)
{
    const json_t *value = shape_given(d->body, key);
    *found = value != NULL;
    if (value == NULL)
        return true;
    if (!shape_whole(value, whole) || *whole < least || *whole > most) {
        char what[80];
        snprintf(what, sizeof what, "a whole number from %lld to %lld", (long long)least,
                 (long long)most);
        return wrong_number(d, key, what);
    }
    return true;
}

static bool draft_whole(struct draft *d, const char *key, const char *wire, int64_t least, int64_t most)
{
    int64_t whole;
    bool found;
    if (!read_whole(d, key, least, most, &whole, &found))
        return false;
    if (found)
        json_object_set_new(d->config, wire, json_integer(whole));
    return true;
}

/* The newer name wins when both are there. */
static bool draft_max_tokens(struct draft *d)
{
    const char *key =
        shape_given(d->body, "max_completion_tokens") != NULL ? "max_completion_tokens" : "max_tokens";
    return draft_whole(d, key, "maxOutputTokens", 1, INT32_MAX);
}

/* Gemini's seed has 32 bits. */
static bool draft_seed(struct draft *d)
{
    const json_t *value = shape_given(d->body, "seed");
    int64_t seed;
    if (value == NULL)
        return true;
    if (!json_is_number(value))
        return wrong_number(d, "seed", "a whole number");
    if (!shape_whole(value, &seed))
        seed = (int64_t)fmod(fabs(json_number_value(value)), 2147483648.0);
    if (seed > INT32_MAX || seed < INT32_MIN)
        seed &= INT32_MAX;
    json_object_set_new(d->config, "seed", json_integer(seed));
    return true;
}

/* 0 means none; 2.0 itself is outside of Gemini's range. */
static bool draft_penalty(struct draft *d, const char *key, const char *wire)
{
    json_t *value = shape_given(d->body, key);
    if (value != NULL && !json_is_number(value))
        return wrong_number(d, key, "a number");
    double penalty = json_number_value(value);
    if (penalty == 0)
        return true;
    d->c->adjustable |= CHAT_NO_PENALTIES;
    if ((d->adjust & CHAT_NO_PENALTIES) != 0)
        return true;
    if (penalty == 2.0)
        json_object_set_new(d->config, wire, json_real(1.99));
    else
        json_object_set(d->config, wire, value);
    return true;
}

static bool draft_stop(struct draft *d)
{
    json_t *stop = shape_given(d->body, "stop"), *one;
    json_auto_t *sequences = json_array();
    size_t i;
    if (json_is_string(stop) && json_string_length(stop) > 0)
        json_array_append(sequences, stop);
    else if (stop != NULL && !json_is_string(stop) && !json_is_array(stop))
        return fault_param(d->f, "stop", "'stop' must be a string or an array of strings.");
    json_array_foreach(stop, i, one) {
        if (!json_is_string(one))
            return fault_param(d->f, "stop", "'stop' must be a string or an array of strings.");
        if (json_string_length(one) > 0)
            json_array_append(sequences, one);
    }
    if (json_array_size(sequences) > 0)
        json_object_set(d->config, "stopSequences", sequences);
    return true;
}

static bool draft_candidates(struct draft *d)
{
    int64_t n = 1;
    bool found;
    if (!read_whole(d, "n", 1, 8, &n, &found))
        return false;
    if (n > 1)
        json_object_set_new(d->config, "candidateCount", json_integer(n));
    return true;
}

static bool draft_logprobs(struct draft *d)
{
    const json_t *wanted = shape_given(d->body, "logprobs");
    if (wanted != NULL && !json_is_boolean(wanted))
        return fault_param(d->f, "logprobs", "'logprobs' must be a boolean.");
    if (!json_is_true(wanted))
        return true;
    json_object_set_new(d->config, "responseLogprobs", json_true());
    return draft_whole(d, "top_logprobs", "logprobs", 0, 20);
}

static bool draft_sampling(struct draft *d)
{
    return draft_number(d, "temperature", "temperature") && draft_number(d, "top_p", "topP") &&
           draft_whole(d, "top_k", "topK", 0, INT32_MAX) && draft_max_tokens(d) && draft_candidates(d) &&
           draft_stop(d) && draft_seed(d) && draft_penalty(d, "presence_penalty", "presencePenalty") &&
           draft_penalty(d, "frequency_penalty", "frequencyPenalty") && draft_logprobs(d);
}

/* --- modalities ------------------------------------------------------------------------------- */

/* OpenAI's voices by the Gemini voice that comes near; other names go over as they are. */
static const char *voice_of(const char *name)
{
    static const struct {
        const char *openai, *gemini;
    } voices[] = {
        {"alloy", "Kore"},  {"ash", "Charon"},         {"ballad", "Enceladus"}, {"coral", "Leda"},
        {"echo", "Puck"},   {"fable", "Fenrir"},       {"onyx", "Orus"},        {"nova", "Aoede"},
        {"sage", "Zephyr"}, {"shimmer", "Callirrhoe"}, {"verse", "Iapetus"},
    };
    for (size_t i = 0; i < sizeof voices / sizeof *voices; i++)
        if (strcmp(voices[i].openai, name) == 0)
            return voices[i].gemini;
    return name;
}

static void draft_voice(struct draft *d)
{
    const char *voice = shape_text(json_object_get(d->body, "audio"), "voice");
    if (voice == NULL)
        return;
    json_object_set_new(
        d->config, "speechConfig",
        json_pack("{s:{s:{s:s}}}", "voiceConfig", "prebuiltVoiceConfig", "voiceName", voice_of(voice)));
}

static bool lists(const json_t *array, const char *word)
{
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) {
        if (json_is_string(one) && strcmp(json_string_value(one), word) == 0)
            return true;
    }
    return false;
}

/* Text alone is what every model does anyway; models that speak cannot write as well. */
static bool draft_modalities(struct draft *d)
{
    const json_t *wanted = shape_given(d->body, "modalities");
    if (wanted != NULL && !json_is_array(wanted))
        return fault_param(d->f, "modalities", "'modalities' must be an array.");
    if (lists(wanted, "audio")) {
        json_object_set_new(d->config, "responseModalities", json_pack("[s]", "AUDIO"));
        draft_voice(d);
    } else if (lists(wanted, "image")) {
        json_object_set_new(d->config, "responseModalities",
                            lists(wanted, "text") ? json_pack("[ss]", "TEXT", "IMAGE")
                                                  : json_pack("[s]", "IMAGE"));
    }
    return true;
}

/* --- response_format -------------------------------------------------------------------------- */

static void describe_json(struct draft *d, const json_t *schema)
{
    auto_buf words = {0};
    buf_puts(&words, "Answer with one JSON value only: no Markdown fence around it, no other words.");
    auto_str text = schema != NULL ? json_write(schema) : NULL;
    if (text != NULL)
        buf_printf(&words, " It must follow this JSON Schema:\n%s", text);
    json_array_append_new(d->system, json_pack("{s:o}", "text", shape_string(words.p, words.n)));
    d->c->fenced = true;
}

static void set_schema(struct draft *d, json_t *schema)
{
    bool choice = schema_is_choice(schema);
    if (choice)
        json_object_set_new(d->config, "responseMimeType", json_string("text/x.enum"));
    if (choice || (d->adjust & CHAT_CLEAN_SCHEMA) != 0)
        json_object_set_new(d->config, "responseSchema",
                            schema_clean(schema, (d->adjust & CHAT_LOOSE_SCHEMA) != 0));
    else
        json_object_set(d->config, "responseJsonSchema", schema);
    d->c->adjustable |= CHAT_CLEAN_SCHEMA | CHAT_LOOSE_SCHEMA;
}

static void draft_json(struct draft *d, json_t *schema)
{
    bool refused = d->family.gemma || (d->has_tools && d->family.old_tools);
    if (!refused)
        d->c->adjustable |= CHAT_JSON_AS_TEXT;
    if (refused || (d->adjust & CHAT_JSON_AS_TEXT) != 0) {
        describe_json(d, schema);
        return;
    }
    json_object_set_new(d->config, "responseMimeType", json_string("application/json"));
    if (schema != NULL)
        set_schema(d, schema);
}

static bool draft_format(struct draft *d)
{
    const json_t *format = shape_given(d->body, "response_format");
    const char *type = shape_text(format, "type");
    if (format == NULL)
        return true;
    if (type != NULL && strcmp(type, "text") == 0)
        return true;
    if (type == NULL || (strcmp(type, "json_object") != 0 && strcmp(type, "json_schema") != 0))
        return fault_param(d->f, "response_format.type",
                           "'response_format.type' must be 'text', 'json_object' or 'json_schema'.");
    json_t *schema = NULL;
    if (strcmp(type, "json_schema") == 0)
        schema = shape_given(json_object_get(format, "json_schema"), "schema");
    if (schema != NULL && !json_is_object(schema))
        return fault_param(d->f, "response_format.json_schema.schema", "The schema must be an object.");
    draft_json(d, schema);
    return true;
}

/* --- thinking --------------------------------------------------------------------------------- */

/* What extra_body.google.thinking_config says, cut down to one of level and budget. */
static void explicit_thinking(const struct draft *d, const json_t *given, json_t *config)
{
    shape_share(config, "includeThoughts", shape_get2(given, "includeThoughts", "include_thoughts"));
    json_t *budget = shape_get2(given, "thinkingBudget", "thinking_budget");
    json_t *level = shape_get2(given, "thinkingLevel", "thinking_level");
    if (level != NULL && (budget == NULL || d->family.levels))
        json_object_set(config, "thinkingLevel", level);
    else
        shape_share(config, "thinkingBudget", budget);
}

/* What the operator wants, where the caller said nothing or is overridden. */
static void operator_thinking(const struct draft *d, json_t *config)
{
    const struct traits *t = &d->c->traits;
    json_auto_t *wanted = traits_thinking(t, &d->family);
    bool amount = json_object_get(wanted, "thinkingLevel") != NULL ||
                  json_object_get(wanted, "thinkingBudget") != NULL;
    bool amount_said = json_object_get(config, "thinkingLevel") != NULL ||
                       json_object_get(config, "thinkingBudget") != NULL;
    if (amount && t->override) {
        json_object_del(config, "thinkingLevel");
        json_object_del(config, "thinkingBudget");
    } else if (amount && amount_said) {
        json_object_del(wanted, "thinkingLevel");
        json_object_del(wanted, "thinkingBudget");
    }
    if (t->override)
        json_object_update(config, wanted);
    else
        json_object_update_missing(config, wanted);
}

static bool draft_thinking(struct draft *d)
{
    const json_t *given = shape_given(d->body, "reasoning_effort");
    const char *effort = json_string_value(given);
    if (given != NULL && (effort == NULL || !thinking_knows(effort)))
        return fault_param(d->f, "reasoning_effort",
                           "'reasoning_effort' must be none, minimal, low, medium, high, xhigh or max.");
    json_auto_t *config = json_object();
    explicit_thinking(d, chat_google_option(d->body, "thinkingConfig", "thinking_config"), config);
    bool amount_said = json_object_get(config, "thinkingLevel") != NULL ||
                       json_object_get(config, "thinkingBudget") != NULL;
    if (effort != NULL && !amount_said && d->family.thinks)
        thinking_effort(config, &d->family, effort);
    operator_thinking(d, config);
    if (json_object_size(config) == 0)
        return true;
    d->c->adjustable |= CHAT_NO_THINKING;
    if ((d->adjust & CHAT_NO_THINKING) == 0)
        json_object_set(d->config, "thinkingConfig", config);
    return true;
}

/* --- the rest --------------------------------------------------------------------------------- */

/* service_tier, and what only Gemini has (extra_body.google). */
static void draft_extras(struct draft *d)
{
    static const struct {
        const char *camel, *snake;
        bool in_config;
    } extras[] = {
        {"cachedContent", "cached_content", false}, {"safetySettings", "safety_settings", false},
        {"imageConfig", "image_config", true},      {"mediaResolution", "media_resolution", true},
        {"speechConfig", "speech_config", true},    {"responseModalities", "response_modalities", true},
    };
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        shape_share(extras[i].in_config ? d->config : d->request, extras[i].camel,
                    chat_google_option(d->body, extras[i].camel, extras[i].snake));
    const char *tier = shape_text(d->body, "service_tier");
    if (tier != NULL && (strcmp(tier, "flex") == 0 || strcmp(tier, "priority") == 0))
        json_object_set_new(d->request, "serviceTier", json_string(tier));
}

/* Forgets what an earlier call for the same chat found. */
static void start_over(struct chat *c)
{
    json_object_clear(c->own_names);
    json_object_clear(c->wire_names);
    c->adjustable = 0;
    c->cites = false;
    c->fenced = false;
}

json_t *chat_request(struct chat *c, const json_t *body, const char *upstream_model, unsigned adjust,
                     struct fault *f)
{
    json_auto_t *request = json_object(), *config = json_object();
    json_auto_t *contents = json_array(), *system = json_array();
    struct draft d = {.c = c,
                      .body = body,
                      .family = family_of(upstream_model),
                      .adjust = adjust,
                      .f = f,
                      .request = request,
                      .config = config,
                      .contents = contents,
                      .system = system};
    start_over(c);
    json_object_set(request, "contents", contents);
    if (!chat_options(c, body, f) || !chat_draft_tools(&d) || !chat_draft_messages(&d) ||
        !draft_sampling(&d) || !draft_modalities(&d) || !draft_format(&d) || !draft_thinking(&d))
        return NULL;
    chat_place_system(&d);
    draft_extras(&d);
    if (json_object_size(config) > 0)
        json_object_set(request, "generationConfig", config);
    return json_incref(request);
}
