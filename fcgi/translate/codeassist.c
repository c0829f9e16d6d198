/* SPDX-License-Identifier: MIT */
/* codeassist.c: the envelope of Code Assist; see codeassist.h. */
#include "translate/codeassist.h"
#include "base/auto.h"
#include "translate/shape.h"

#include <string.h>

/* ------------------------------------------------------------------ which call */

enum codeassist_call codeassist_call_of(const char *method, const char *path)
{
    static const struct {
        const char *verb;
        enum codeassist_call call;
    } verbs[] = {
        {":generateContent", CODEASSIST_GENERATE},
        {":streamGenerateContent", CODEASSIST_STREAM},
        {":countTokens", CODEASSIST_COUNT},
    };
    const char *version = strncmp(path, "/v1", 3) == 0 ? strchr(path + 1, '/') : NULL;
    if (version == NULL || strncmp(version, "/models", 7) != 0)
        return CODEASSIST_NONE;
    const char *model = version + 7;
    if (strcmp(method, "GET") == 0 && *model == '\0')
        return CODEASSIST_MODELS;
    if (*model != '/' || strchr(model + 1, '/') != NULL)
        return CODEASSIST_NONE;
    const char *verb = strchr(model, ':');
    if (verb == NULL)
        return strcmp(method, "GET") == 0 ? CODEASSIST_MODEL : CODEASSIST_NONE;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verb, verbs[i].verb) == 0)
            return verbs[i].call;
    return CODEASSIST_NONE;
}

const char *codeassist_path(enum codeassist_call call)
{
    static const char *const paths[] = {
        [CODEASSIST_NONE] = "",
        [CODEASSIST_GENERATE] = ":generateContent",
        [CODEASSIST_STREAM] = ":streamGenerateContent",
        [CODEASSIST_COUNT] = ":countTokens",
        [CODEASSIST_MODELS] = ":retrieveUserQuota",
        [CODEASSIST_MODEL] = ":retrieveUserQuota",
    };
    return paths[call];
}

/* ------------------------------------------------------------------ requests */

/* Thoughts were the model's own; only a signature has to come back, and it stands on a call or a text. */
static bool is_thought(const json_t *part)
{
    return json_is_true(json_object_get(part, "thought")) && json_object_get(part, "functionCall") == NULL &&
           json_object_get(part, "function_call") == NULL;
}

/* A content with its role and without thoughts: new; NULL when nothing else was in it. */
static json_t *content_of(const json_t *content)
{
    if (!json_is_object(content))
        return json_deep_copy(content);
    json_t *ret = json_copy((json_t *)content);
    if (shape_text(content, "role") == NULL)
        json_object_set_new(ret, "role", json_string("user"));
    const json_t *parts = json_object_get(content, "parts");
    if (!json_is_array(parts))
        return ret;
    json_t *kept = json_array(), *part;
    size_t i;
    json_array_foreach((json_t *)parts, i, part) {
        if (!is_thought(part))
            json_array_append(kept, part);
    }
    json_object_set_new(ret, "parts", kept);
    if (json_array_size(kept) == 0 && i > 0) {
        json_decref(ret);
        return NULL;
    }
    return ret;
}

/* One content may stand alone, as ProtoJSON does not allow but Gemini does. */
static json_t *contents_of(const json_t *contents)
{
    json_t *ret = json_array(), *content;
    size_t i;
    if (json_is_object(contents))
        json_array_append_new(ret, content_of(contents));
    json_array_foreach((json_t *)contents, i, content) {
        json_t *one = content_of(content);
        if (one != NULL)
            json_array_append_new(ret, one);
    }
    return ret;
}

/* The native request as it goes into the envelope: new. */
static json_t *inner_of(const json_t *request)
{
    static const char *const instructions[] = {"systemInstruction", "system_instruction", NULL};
    json_t *inner = json_copy((json_t *)request);
    json_object_del(inner, "model");
    if (json_object_get(request, "contents") != NULL)
        json_object_set_new(inner, "contents", contents_of(json_object_get(request, "contents")));
    for (const char *const *name = instructions; *name != NULL; name++) {
        const json_t *instruction = json_object_get(request, *name);
        if (json_is_object(instruction) && shape_text(instruction, "role") == NULL) {
            json_t *content = json_copy((json_t *)instruction);
            json_object_set_new(content, "role", json_string("user"));
            json_object_set_new(inner, *name, content);
        }
    }
    return inner;
}

/* Counting takes contents and nothing else. */
static json_t *count_of(const json_t *request, const char *model)
{
    const json_t *whole = shape_get2(request, "generateContentRequest", "generate_content_request");
    const json_t *contents = json_object_get(whole != NULL ? whole : request, "contents");
    auto_buf name = {0};
    buf_printf(&name, "models/%s", model);
    return json_pack("{s:{s:s, s:o}}", "request", "model", buf_str(&name), "contents", contents_of(contents));
}

json_t *codeassist_request(enum codeassist_call call, const json_t *request, const char *model,
                           const char *project, const char *id)
{
    if (call == CODEASSIST_MODELS || call == CODEASSIST_MODEL)
        return json_pack("{s:s}", "project", project);
    if (!json_is_object(request))
        return NULL;
    if (call == CODEASSIST_COUNT)
        return count_of(request, model);
    return json_pack("{s:s, s:s*, s:s, s:o}", "model", model, "project", *project != '\0' ? project : NULL,
                     "user_prompt_id", id, "request", inner_of(request));
}

/* ------------------------------------------------------------------ answers */

/* Buckets name models; one may be there twice, the second time with a suffix. */
static json_t *model_of(const char *id)
{
    auto_buf name = {0};
    buf_printf(&name, "models/%s", id);
    return json_pack("{s:s, s:s, s:[s,s,s]}", "name", buf_str(&name), "displayName", id,
                     "supportedGenerationMethods", "generateContent", "streamGenerateContent", "countTokens");
}

static bool is_listed(const json_t *models, const char *id)
{
    size_t i;
    json_t *model;
    json_array_foreach((json_t *)models, i, model) {
        if (strcmp(shape_text(model, "displayName"), id) == 0)
            return true;
    }
    return false;
}

static json_t *models_of(const json_t *answer)
{
    static const char suffix[] = "_vertex";
    json_t *models = json_array(), *bucket;
    size_t i;
    json_array_foreach(json_object_get(answer, "buckets"), i, bucket) {
        const char *id = shape_text(bucket, "modelId");
        size_t n = id != NULL ? strlen(id) : 0, m = sizeof suffix - 1;
        if (n == 0 || (n > m && strcmp(id + n - m, suffix) == 0) || is_listed(models, id))
            continue;
        json_array_append_new(models, model_of(id));
    }
    return json_pack("{s:o}", "models", models);
}

static json_t *one_model(const json_t *answer, const char *id)
{
    json_auto_t *list = models_of(answer);
    return is_listed(json_object_get(list, "models"), id) ? model_of(id) : NULL;
}

/* {"response": {...}, "traceId": "..."}: what is inside; an id is what clients look problems up by. */
static json_t *unwrapped(const json_t *envelope)
{
    const json_t *inside = json_object_get(envelope, "response");
    json_t *ret = json_is_object(inside) ? json_copy((json_t *)inside) : json_object();
    const char *trace = shape_text(envelope, "traceId");
    if (json_object_size(ret) > 0 && shape_text(ret, "responseId") == NULL && trace != NULL)
        json_object_set_new(ret, "responseId", json_string(trace));
    return ret;
}

json_t *codeassist_answer(enum codeassist_call call, const json_t *answer, const char *model)
{
    if (json_object_get(answer, "error") != NULL || !json_is_object(answer))
        return json_deep_copy(answer);
    switch (call) {
    case CODEASSIST_GENERATE:
    case CODEASSIST_STREAM:
        return unwrapped(answer);
    case CODEASSIST_MODELS:
        return models_of(answer);
    case CODEASSIST_MODEL:
        return one_model(answer, model);
    case CODEASSIST_COUNT:
    case CODEASSIST_NONE:
        break;
    }
    json_t *ret = json_copy((json_t *)answer);
    if (json_object_get(ret, "totalTokens") == NULL)
        json_object_set_new(ret, "totalTokens", json_integer(0));
    return ret;
}
