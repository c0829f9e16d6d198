/* SPDX-License-Identifier: MIT */
/*
 * test_seeds.c: the fuzz targets of this room over their seed corpora, with any
 * compiler: each target is included as it is, under a name of its own.
 */
#define LLVMFuzzerTestOneInput fuzz_chat_request
#define must                   must_of_request
#include "../../fuzz/chat_request.c"
#undef LLVMFuzzerTestOneInput
#undef must

#define LLVMFuzzerTestOneInput fuzz_chat_answer
#define must                   must_of_answer
#include "../../fuzz/chat_answer.c"
#undef LLVMFuzzerTestOneInput
#undef must

#define LLVMFuzzerTestOneInput fuzz_embed
#define must                   must_of_embed
#include "../../fuzz/embed.c"
#undef LLVMFuzzerTestOneInput
#undef must

#include "../check.h"

#include <dirent.h>

static size_t run_file(const char *path, int (*target)(const uint8_t *, size_t))
{
    auto_buf text = {0};
    auto_file file = fopen(path, "rb");
    char chunk[4096];
    for (size_t n; file != NULL && (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(&text, chunk, n);
    return file != NULL && target((const uint8_t *)buf_str(&text), text.n) == 0;
}

/* A finding aborts, as it does under the fuzzer. */
static void run_seeds(const char *name, int (*target)(const uint8_t *, size_t))
{
    auto_buf folder = {0};
    buf_printf(&folder, "tests/fuzz/corpus/%s", name);
    DIR *dir = opendir(folder.p);
    size_t seeds = 0;
    if (!CHECK(dir != NULL))
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        auto_buf path = {0};
        buf_printf(&path, "%s/%s", folder.p, entry->d_name);
        if (entry->d_name[0] != '.')
            seeds += run_file(path.p, target);
    }
    closedir(dir);
    CHECK(seeds > 10);
}

static void seeds_of_chat_request(void)
{
    run_seeds("chat_request", fuzz_chat_request);
}

static void seeds_of_chat_answer(void)
{
    run_seeds("chat_answer", fuzz_chat_answer);
}

static void seeds_of_embed(void)
{
    run_seeds("embed", fuzz_embed);
}

int main(void)
{
    RUN(seeds_of_chat_request);
    RUN(seeds_of_chat_answer);
    RUN(seeds_of_embed);
    return check_end();
}
