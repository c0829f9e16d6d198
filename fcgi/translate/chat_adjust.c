/* SPDX-License-Identifier: MIT */
/*
 * chat_adjust.c: which other form of a refused request may be accepted.
 *
 * The upstream says in words what it does not like, and the words change: each
 * row matches loosely. A row counts only if its adjustment would change the
 * request at hand, so at most a handful of tries can follow one another.
 */
#include "translate/chat_own.h"
#include "translate/shape.h"

#include <string.h>

static const struct rule {
    const char *words; /* part of the message, in any case */
    unsigned bit;      /* what it asks for */
    unsigned set;      /* what is done then */
} rules[] = {
    {"signature", CHAT_SKIP_SIGNATURES, CHAT_SKIP_SIGNATURES},
    {"penalty", CHAT_NO_PENALTIES, CHAT_NO_PENALTIES},
    {"response mime type", CHAT_JSON_AS_TEXT, CHAT_JSON_AS_TEXT},
    {"json mode", CHAT_JSON_AS_TEXT, CHAT_JSON_AS_TEXT},
    {"mediaresolution", CHAT_NO_RESOLUTION, CHAT_NO_RESOLUTION},
    {"media_resolution", CHAT_NO_RESOLUTION, CHAT_NO_RESOLUTION},
    {"media resolution", CHAT_NO_RESOLUTION, CHAT_NO_RESOLUTION},
    {"thinking", CHAT_NO_THINKING, CHAT_NO_THINKING},
    {"budget", CHAT_NO_THINKING, CHAT_NO_THINKING},
    {"model turn", CHAT_END_WITH_USER, CHAT_END_WITH_USER},
    {"developer instruction", CHAT_SYSTEM_AS_USER, CHAT_SYSTEM_AS_USER},
    {"system instruction", CHAT_SYSTEM_AS_USER, CHAT_SYSTEM_AS_USER},
    {"system_instruction", CHAT_SYSTEM_AS_USER, CHAT_SYSTEM_AS_USER},
    {"systeminstruction", CHAT_SYSTEM_AS_USER, CHAT_SYSTEM_AS_USER},
    {"tool use with function calling", CHAT_NO_BUILTIN_TOOLS, CHAT_NO_BUILTIN_TOOLS},
    {"built-in tools", CHAT_NO_BUILTIN_TOOLS, CHAT_NO_BUILTIN_TOOLS},
    {"search tool", CHAT_NO_BUILTIN_TOOLS, CHAT_NO_BUILTIN_TOOLS},
    {"server_side_tool", CHAT_NO_BUILTIN_TOOLS, CHAT_NO_BUILTIN_TOOLS},
    {"serversidetool", CHAT_NO_BUILTIN_TOOLS, CHAT_NO_BUILTIN_TOOLS},
    {"multiple tools", CHAT_NO_BUILTIN_TOOLS, CHAT_NO_BUILTIN_TOOLS},
    {"too many states", CHAT_LOOSE_SCHEMA, CHAT_CLEAN_SCHEMA | CHAT_LOOSE_SCHEMA},
    {"too complex", CHAT_LOOSE_SCHEMA, CHAT_CLEAN_SCHEMA | CHAT_LOOSE_SCHEMA},
    {"schema", CHAT_CLEAN_SCHEMA, CHAT_CLEAN_SCHEMA},
    {"parameters", CHAT_CLEAN_SCHEMA, CHAT_CLEAN_SCHEMA},
    {"function_declarations", CHAT_CLEAN_SCHEMA, CHAT_CLEAN_SCHEMA},
    {"functiondeclarations", CHAT_CLEAN_SCHEMA, CHAT_CLEAN_SCHEMA},
    {"unknown name", CHAT_CLEAN_SCHEMA, CHAT_CLEAN_SCHEMA},
    {"schema", CHAT_LOOSE_SCHEMA, CHAT_CLEAN_SCHEMA | CHAT_LOOSE_SCHEMA},
    {"request contains an invalid argument", CHAT_CLEAN_SCHEMA, CHAT_CLEAN_SCHEMA},
};

/* Whether it is about the request at all, and not about the key or the place. */
static bool about_the_request(const json_t *error)
{
    const char *status = shape_text(error, "status");
    int64_t code;
    if (shape_count(error, "code", &code) && code != 400)
        return false;
    return status == NULL || strcmp(status, "INVALID_ARGUMENT") == 0;
}

unsigned chat_adjust(const struct chat *c, const json_t *upstream_error, unsigned adjust_so_far)
{
    const json_t *error = gemini_error(upstream_error);
    const char *message = shape_text(error, "message");
    if (message == NULL || !about_the_request(error))
        return 0;
    unsigned open = c->adjustable & ~adjust_so_far;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if ((open & rules[i].bit) != 0 && strcasestr(message, rules[i].words) != NULL)
            return adjust_so_far | rules[i].set;
    return 0;
}
