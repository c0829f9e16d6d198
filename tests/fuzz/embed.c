/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: {"body":...,"answers":[...]} as an embeddings request and what
 * the upstream answered to it.
 */
#include "base/auto.h"
#include "base/json.h"
#include "translate/embed.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *input = json_read((const char *)data, size);
    const json_t *body = json_object_get(input, "body");
    struct fault f = {0};
    size_t total = embed_inputs(body, &f);
    must((total == 0) == (f.kind == FAULT_BAD_REQUEST));
    for (size_t from = 0, n = 0; from < total; from += n) {
        json_auto_t *request = embed_request(body, "m", from, &n, &f);
        must(request != NULL && n > 0 && json_array_size(json_object_get(request, "requests")) == n);
    }
    json_auto_t *list = embed_answer(body, "m", json_object_get(input, "answers"), &f);
    must((list == NULL) == (f.kind != FAULT_NONE));
    must(list == NULL || json_array_size(json_object_get(list, "data")) == total);
    return 0;
}
