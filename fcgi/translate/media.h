/* SPDX-License-Identifier: MIT */
/*
 * media.h: pictures, sound and files as they travel inside JSON.
 */
#ifndef POLLUX_TRANSLATE_MEDIA_H
#define POLLUX_TRANSLATE_MEDIA_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* An inlineData object for base64 text in any usual spelling: new, NULL if it is not base64 or empty.
 * Without `mime` (NULL or "") the first bytes tell, else `otherwise`; NULL when nobody knows. */
json_t *media_inline(const char *mime, const char *base64, size_t n, const char *otherwise);

/* The same for "data:[mime][;parameter]*[;base64],DATA". */
json_t *media_from_data_url(const char *url, size_t n, const char *otherwise);

/* Whether the text starts with "data:". */
bool media_is_data_url(const char *url);

/* Whether the URL is one that Google itself resolves: Files API, YouTube, gs://. */
bool media_is_googles(const char *url);

/* The type by the file name's ending, NULL if unknown. Static. */
const char *media_by_name(const char *filename);

/* Whether it is raw PCM ("audio/L16;codec=pcm;rate=24000", "audio/pcm"); its sample rate, 24000 if unsaid. */
bool media_is_pcm(const char *mime, unsigned *rate);

/* Appends a WAV header for n bytes of 16-bit mono PCM. */
void media_wav_header(struct buf *out, size_t n, unsigned rate);

#endif
