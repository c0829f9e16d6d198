/* SPDX-License-Identifier: MIT */
/* test_clock.c: elapsed time. */
#include "base/clock.h"

#include "../check.h"

static long long ms_of(struct timespec t)
{
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A deadline that has passed is a time like any other: a condition variable must not refuse it. */
static void a_time_from_now_is_a_valid_timespec(void)
{
    static const long long distances[] = {0,  1,    999,   1000,  1001,       86400000,
                                          -1, -999, -1000, -1001, -5000000000};
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        long long before = clock_ms();
        struct timespec t = clock_in(distances[i]);
        long long after = clock_ms();
        CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000 && t.tv_sec >= 0);
        if (distances[i] >= 0)
            CHECK(ms_of(t) >= before + distances[i] && ms_of(t) <= after + distances[i]);
        else
            CHECK(ms_of(t) <= after);
    }
}

static void clocks_run_forward(void)
{
    int64_t first = clock_ms();
    CHECK(clock_ms() >= first);
    CHECK(clock_unix() > 1700000000);
}

int main(void)
{
    RUN(a_time_from_now_is_a_valid_timespec);
    RUN(clocks_run_forward);
    return check_end();
}
