/* SPDX-License-Identifier: MIT */
/* embed.c: embeddings both ways; see embed.h. */
#include "translate/embed.h"
#include "base/auto.h"
#include "translate/base64.h"
#include "translate/native.h"
#include "translate/shape.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { INPUTS_MAX = 2048, DIMENSIONS_MAX = 65536 };

/* --- request ---------------------------------------------------------------------------------- */

static bool check_text(const json_t *text, struct fault *f)
{
    if (json_is_number(text) || json_is_array(text))
        return fault_param(f, "input", "Token ids cannot be turned back into text here; send strings.");
    if (!json_is_string(text))
        return fault_param(f, "input", "'input' must be a string or an array of strings.");
    return json_string_length(text) > 0 ||
           fault_param(f, "input", "'input' must not be an empty string.");
}

static bool check_options(const json_t *body, struct fault *f)
{
    const char *format = shape_text(body, "encoding_format");
    const json_t *dimensions = shape_given(body, "dimensions");
    int64_t wanted;
    if (shape_given(body, "encoding_format") != NULL &&
        (format == NULL || (strcmp(format, "float") != 0 && strcmp(format, "base64") != 0)))
        return fault_param(f, "encoding_format", "'encoding_format' must be 'float' or 'base64'.");
    if (dimensions != NULL &&
        (!shape_whole(dimensions, &wanted) || wanted < 1 || wanted > DIMENSIONS_MAX))
        return fault_param(f, "dimensions",
                           "'dimensions' must be a whole number that is not less than 1.");
    return true;
}

size_t embed_inputs(const json_t *body, struct fault *f)
{
    const json_t *input = json_object_get(body, "input");
    if (!check_options(body, f))
        return 0;
    if (!json_is_array(input))
        return check_text(input, f) ? 1 : 0;
    size_t i, n = json_array_size(input);
    json_t *one;
    if (n == 0 || n > INPUTS_MAX) {
        fault_param(f, "input", "'input' must hold between 1 and %d texts.", INPUTS_MAX);
        return 0;
    }
    json_array_foreach(input, i, one) {
        if (!check_text(one, f))
            return 0;
    }
    return n;
}

json_t *embed_request(const json_t *body, const char *upstream_model, size_t from, size_t *count,
                      struct fault *f)
{
    size_t total = embed_inputs(body, f);
    if (total == 0)
        return NULL;
    if (from >= total) {
        fault_set(f, FAULT_INTERNAL, "There is no input %zu.", from);
        return NULL;
    }
    const json_t *input = json_object_get(body, "input");
    json_t *requests = json_array();
    auto_buf model = {0};
    buf_printf(&model, "models/%s", upstream_model);
    *count = total - from < EMBED_BATCH ? total - from : EMBED_BATCH;
    for (size_t i = from; i < from + *count; i++) {
        const json_t *text = json_is_array(input) ? json_array_get(input, i) : input;
        json_t *one =
            json_pack("{s:s, s:{s:[{s:O}]}}", "model", model.p, "content", "parts", "text", text);
        shape_share(one, "outputDimensionality", shape_given(body, "dimensions"));
        json_array_append_new(requests, one);
    }
    return json_pack("{s:o}", "requests", requests);
}

/* --- answer ----------------------------------------------------------------------------------- */

/* What the values are divided by: their length when it has to become 1, else 1. */
static double divisor(const json_t *values, bool normalise)
{
    double sum = 0;
    size_t i;
    json_t *value;
    if (!normalise)
        return 1;
    json_array_foreach(values, i, value) {
        sum += json_number_value(value) * json_number_value(value);
    }
    return sum > 0 && isfinite(sum) ? sqrt(sum) : 1;
}

static void add_float(struct buf *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++, bits >>= 8)
        buf_putc(out, (char)(bits & 255));
}

/* float32, little-endian, as the official clients decode it. */
static json_t *vector_base64(const json_t *values, double by)
{
    auto_buf bytes = {0}, text = {0};
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value) {
        add_float(&bytes, (float)(json_number_value(value) / by));
    }
    base64_encode(&text, buf_str(&bytes), bytes.n);
    return json_stringn_nocheck(buf_str(&text), text.n);
}

static json_t *vector_numbers(json_t *values, double by)
{
    if (by == 1)
        return json_incref(values);
    json_t *numbers = json_array(), *value;
    size_t i;
    json_array_foreach(values, i, value) {
        json_array_append_new(numbers, json_real(json_number_value(value) / by));
    }
    return numbers;
}

/* Appends the vectors of one upstream answer. */
static void add_vectors(json_t *data, const json_t *answer, bool base64, bool normalise)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(answer, "embeddings"), i, one) {
        json_t *values = json_object_get(one, "values");
        if (json_array_size(values) == 0)
            return;
        double by = divisor(values, normalise);
        json_array_append_new(data,
                              json_pack("{s:s, s:I, s:o}", "object", "embedding", "index",
                                        (json_int_t)json_array_size(data), "embedding",
                                        base64 ? vector_base64(values, by) : vector_numbers(values, by)));
    }
}

/* A quarter of a text's characters: what models make of it on average, where the upstream says nothing. */
static int64_t estimate(const json_t *text)
{
    int64_t characters = 0;
    const char *p = json_string_value(text);
    for (size_t i = 0; i < json_string_length(text); i++)
        characters += ((unsigned char)p[i] & 0xc0) != 0x80;
    return (characters + 3) / 4;
}

static int64_t prompt_tokens(const json_t *body, const json_t *answers)
{
    const json_t *input = json_object_get(body, "input");
    int64_t tokens = 0;
    size_t i;
    json_t *one;
    json_array_foreach(answers, i, one) {
        struct usage u = {0};
        if (gemini_usage(one, &u) && u.prompt < INT64_MAX / INPUTS_MAX)
            tokens += u.prompt;
    }
    if (tokens > 0)
        return tokens;
    if (!json_is_array(input))
        return estimate(input);
    json_array_foreach(input, i, one) {
        tokens += estimate(one);
    }
    return tokens;
}

json_t *embed_answer(const json_t *body, const char *model, const json_t *answers, struct fault *f)
{
    size_t total = embed_inputs(body, f), i;
    const char *format = shape_text(body, "encoding_format");
    bool base64 = format != NULL && strcmp(format, "base64") == 0;
    json_auto_t *data = json_array();
    json_t *one;
    if (total == 0)
        return NULL;
    json_array_foreach(answers, i, one) {
        add_vectors(data, one, base64, shape_given(body, "dimensions") != NULL);
    }
    if (json_array_size(data) != total) {
        fault_set(f, FAULT_UPSTREAM, "The upstream returned %zu embeddings for %zu inputs.",
                  json_array_size(data), total);
        return NULL;
    }
    json_int_t tokens = (json_int_t)prompt_tokens(body, answers);
    return json_pack("{s:s, s:O, s:o, s:{s:I, s:I}}", "object", "list", "data", data, "model",
                     shape_string(model, strlen(model)), "usage", "prompt_tokens", tokens, "total_tokens",
                     tokens);
}
