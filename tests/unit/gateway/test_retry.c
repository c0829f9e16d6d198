/* SPDX-License-Identifier: MIT */
/* test_retry.c: the pauses between tries, and how many tries there may be in all. */
#include "gateway/retry.h"

#include "../check.h"

static int take(int64_t now_ms, int tries, int64_t percent, int64_t floor)
{
    int taken = 0;
    for (int i = 0; i < tries; i++)
        taken += retry_take(now_ms, percent, floor);
    return taken;
}

static void requests(int64_t now_ms, int n)
{
    for (int i = 0; i < n; i++)
        retry_note_request(now_ms);
}

static void a_fifth_of_the_traffic_may_be_retries(void)
{
    retry_forget();
    requests(50000, 1000);
    CHECK_INT(take(50000, 199, 20, 10), 199);
    CHECK_INT(take(50000, 1, 20, 10), 1);
    CHECK_INT(take(50000, 50, 20, 10), 0);
}

static void little_traffic_is_not_starved(void)
{
    retry_forget();
    CHECK_INT(take(50000, 20, 20, 10), 10);
    requests(50000, 49);
    CHECK_INT(take(50000, 20, 20, 10), 0);
    requests(50000, 6);
    CHECK_INT(take(50000, 20, 20, 10), 1); /* a fifth of 55 is 11 */
}

static void what_is_ten_seconds_old_does_not_count(void)
{
    retry_forget();
    requests(50000, 100);
    requests(55000, 100);
    CHECK_INT(take(59999, 100, 20, 0), 40);
    CHECK_INT(take(60000, 100, 20, 0), 0); /* a fifth of 100, and 40 were made */
    CHECK_INT(take(69999, 100, 20, 5), 5); /* both are long ago */
    retry_forget();
    requests(50000, 100);
    CHECK_INT(take(50000, 100, 20, 0), 20);
    CHECK_INT(take(59999, 100, 20, 0), 0);
    requests(60000, 50);
    CHECK_INT(take(60000, 100, 20, 0), 10);
}

static void none_at_all_and_as_many_as_one_likes(void)
{
    retry_forget();
    requests(50000, 100);
    CHECK_INT(take(50000, 10, 0, 0), 0);
    CHECK_INT(take(50000, 200, 100, 0), 100);
}

static void pauses_double_and_scatter(void)
{
    static const long long whole[] = {1000, 2000, 4000, 8000, 8000, 8000};
    for (int pauses = 0; pauses < 6; pauses++) {
        long long least = 1LL << 40, most = 0;
        for (int i = 0; i < 2000; i++) {
            long long ms = retry_pause_ms(pauses);
            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        CHECK(least >= whole[pauses] * 8 / 10 && most <= whole[pauses] * 12 / 10);
        CHECK(least < whole[pauses] * 83 / 100 && most > whole[pauses] * 117 / 100);
    }
}

int main(void)
{
    RUN(a_fifth_of_the_traffic_may_be_retries);
    RUN(little_traffic_is_not_starved);
    RUN(what_is_ten_seconds_old_does_not_count);
    RUN(none_at_all_and_as_many_as_one_likes);
    RUN(pauses_double_and_scatter);
    return check_end();
}
