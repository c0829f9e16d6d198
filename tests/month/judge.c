/* SPDX-License-Identifier: MIT */
/*
 * judge.c: says what the gateway takes each answer of Google for.
 *
 * Lines "name status body" come in, lines "name {status, outcome, error, penalty}"
 * go out, so that the month is played with the gateway's own verdicts.
 */
#include "base/auto.h"
#include "base/json.h"
#include "upstream/outcome.h"

#include <stdio.h>
#include <string.h>

static json_t *judged(int status, const char *body)
{
    struct outcome o = {0};
    outcome_of_answer(status, body, strlen(body), false, &o);
    json_t *penalty = outcome_penalty_json(&o);
    return json_pack("{s:i, s:s, s:s, s:o}", "status", status, "outcome", outcome_name(o.kind), "error", o.error,
                     "penalty", penalty != NULL ? penalty : json_null());
}

int main(void)
{
    char name[64], *line = NULL;
    size_t room = 0;
    int status, at;
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%63s %d %n", name, &status, &at) < 2)
            continue;
        json_auto_t *verdict = judged(status, line + at);
        auto_str text = json_dumps(verdict, JSON_COMPACT);
        printf("%s %s\n", name, text);
    }
    free(line);
    return 0;
}
