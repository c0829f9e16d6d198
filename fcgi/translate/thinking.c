/* SPDX-License-Identifier: MIT */
/* thinking.c: families of models and reasoning effort; see thinking.h. */
#include "translate/thinking.h"

#include <ctype.h>
#include <string.h>

/* One row per effort: the level for Pro and for Flash models of 3.x, the budget for 2.5. */
static const struct effort {
    const char *word, *pro_level, *flash_level;
    int budget, pro_budget;
} efforts[] = {
    {"none", "low", "minimal", 0, 128}, /* Pro cannot be told not to think */
    {"minimal", "low", "minimal", 1024, 1024},  {"low", "low", "low", 1024, 1024},
    {"medium", "medium", "medium", 8192, 8192}, {"high", "high", "high", 24576, 24576},
    {"xhigh", "high", "high", 24576, 32768},    {"max", "high", "high", 24576, 32768},
};

/* "gemini-2.5-flash" -> 25, "gemini-3-pro" -> 30, "gemini-flash-latest" -> 0. */
static int generation_of(const char *model)
{
    const char *digits = model + strlen("gemini-");
    if (!isdigit((unsigned char)digits[0]) || isdigit((unsigned char)digits[1]))
        return 0;
    int generation = (digits[0] - '0') * 10;
    if (digits[1] == '.' && isdigit((unsigned char)digits[2]))
        generation += digits[2] - '0';
    return generation;
}

/* Kinds of Gemini models that answer 400 to a thinkingConfig. */
static bool thoughtless(const char *model)
{
    static const char *const kinds[] = {"-image", "-tts", "-live", "-audio", "embedding"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strstr(model, kinds[i]) != NULL)
            return true;
    return false;
}

struct family family_of(const char *model)
{
    struct family f = {0};
    f.gemma = strncmp(model, "gemma", 5) == 0;
    if (strncmp(model, "gemini-", 7) != 0)
        return f;
    f.generation = generation_of(model);
    f.pro = strstr(model, "-pro") != NULL;
    f.thinks = (f.generation == 0 || f.generation >= 25) && !thoughtless(model);
    f.levels = f.generation >= 30;
    f.signs = f.generation == 0 || f.generation >= 30;
    f.old_tools = f.generation > 0 && f.generation < 30;
    return f;
}

static const struct effort *find(const char *word)
{
    for (size_t i = 0; i < sizeof efforts / sizeof *efforts; i++)
        if (strcmp(efforts[i].word, word) == 0)
            return &efforts[i];
    return NULL;
}

bool thinking_knows(const char *effort)
{
    return find(effort) != NULL;
}

void thinking_effort(json_t *config, const struct family *family, const char *effort)
{
    const struct effort *row = find(effort);
    if (row == NULL)
        return;
    if (!family->levels) {
        int budget = family->pro ? row->pro_budget : row->budget;
        json_object_set_new(config, "thinkingBudget", json_integer(budget));
        return;
    }
    const char *level = family->pro ? row->pro_level : row->flash_level;
    if (family->generation == 30 && family->pro && strcmp(level, "medium") == 0)
        level = "high"; /* 3 Pro knew low and high only */
    json_object_set_new(config, "thinkingLevel", json_string(level));
}
