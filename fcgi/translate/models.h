/* SPDX-License-Identifier: MIT */
/*
 * models.h: the upstream's model list in OpenAI's words.
 */
#ifndef POLLUX_TRANSLATE_MODELS_H
#define POLLUX_TRANSLATE_MODELS_H

#include <jansson.h>

/* {"object":"list","data":[...]}: new. Takes one page ({"models":[...]}), an array of pages, or
 * an array of models. */
json_t *models_to_openai(const json_t *gemini_models);

/* {"id","object":"model","created","owned_by"}: new. From one Gemini model; NULL if it is nameless. */
json_t *model_to_openai(const json_t *gemini_model);

#endif
