/* SPDX-License-Identifier: MIT */
/* models.c: model lists; see models.h. */
#include "translate/models.h"
#include "translate/shape.h"

#include <string.h>

json_t *model_to_openai(const json_t *gemini_model)
{
    const char *name = shape_text(gemini_model, "name");
    if (name == NULL)
        return NULL;
    if (strncmp(name, "models/", 7) == 0)
        name += 7;
    return json_pack("{s:s, s:s, s:i, s:s}", "id", name, "object", "model", "created", 0, "owned_by",
                     "google");
}

/* Appends what is a model or a page of models. */
static void add(json_t *data, const json_t *value)
{
    size_t i;
    json_t *one, *made = model_to_openai(value);
    if (made != NULL)
        json_array_append_new(data, made);
    json_array_foreach(json_object_get(value, "models"), i, one) {
        made = model_to_openai(one);
        if (made != NULL)
            json_array_append_new(data, made);
    }
}

json_t *models_to_openai(const json_t *gemini_models)
{
    json_t *data = json_array(), *one;
    size_t i;
    if (!json_is_array(gemini_models))
        add(data, gemini_models);
    json_array_foreach(gemini_models, i, one) {
        add(data, one);
    }
    return json_pack("{s:s, s:o}", "object", "list", "data", data);
}
