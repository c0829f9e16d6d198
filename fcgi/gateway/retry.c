/* SPDX-License-Identifier: MIT */
/* retry.c: the pauses and the budget of retries; see retry.h. */
#include "gateway/retry.h"
#include "base/auto.h"
#include "vault/vault.h"

#include <string.h>

enum { SECONDS = 10, LONGEST = 3 /* pauses grow up to 2^3 s */ };

/* What happened in each of the last seconds; a slot serves for every tenth. */
static struct {
    pthread_mutex_t lock;
    struct second {
        int64_t at;
        int64_t requests, retries;
    } seconds[SECONDS];
} window = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* With the lock held. */
static struct second *second_of(int64_t now_ms)
{
    int64_t at = now_ms / 1000;
    struct second *s = &window.seconds[at % SECONDS];
    if (s->at != at)
        *s = (struct second){.at = at};
    return s;
}

void retry_note_request(int64_t now_ms)
{
    auto_lock(&window.lock);
    second_of(now_ms)->requests++;
}

bool retry_take(int64_t now_ms, int64_t percent, int64_t floor)
{
    auto_lock(&window.lock);
    struct second *now = second_of(now_ms);
    int64_t requests = 0, retries = 0;
    for (int i = 0; i < SECONDS; i++)
        if (window.seconds[i].at > now->at - SECONDS) {
            requests += window.seconds[i].requests;
            retries += window.seconds[i].retries;
        }
    int64_t budget = requests * percent / 100;
    if (retries >= (budget > floor ? budget : floor))
        return false;
    now->retries++;
    return true;
}

int64_t retry_pause_ms(int pauses)
{
    uint16_t random;
    vault_random(&random, sizeof random);
    int64_t ms = (int64_t)1000 << (pauses < LONGEST ? pauses : LONGEST);
    return ms * 4 / 5 + ms * 2 / 5 * random / UINT16_MAX;
}

void retry_forget(void)
{
    auto_lock(&window.lock);
    memset(window.seconds, 0, sizeof window.seconds);
}
