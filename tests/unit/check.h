/* SPDX-License-Identifier: MIT */
/*
 * check.h: the whole test harness.
 *
 * A test program is a list of functions, each named like the sentence it proves:
 *
 *     static void a_blank_line_ends_an_event(void)
 *     {
 *         CHECK(events_next(&ev, &e));
 *         CHECK_STR(e.json, "{}");
 *     }
 *
 *     int main(void)
 *     {
 *         RUN(a_blank_line_ends_an_event);
 *         return check_end();
 *     }
 *
 * It prints `ok N - name` or `not ok N - name` for each, the reasons as lines
 * that begin with #, at last `N passed, M failed`, and exits with 1 if one failed.
 * A failed check does not end its function: all reasons are shown.
 */
#ifndef POLLUX_TESTS_CHECK_H
#define POLLUX_TESTS_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int check_passed, check_failed;
static const char *check_reason_of; /* the function that has failed already */
static const char *check_running;
static const char *check_about;

/* What the checks that follow are about, shown with a failure: the row of a table. Borrowed. */
static inline void check_note(const char *text)
{
    check_about = text;
}

static inline bool check_that(bool good, const char *file, int line, const char *what)
{
    if (!good) {
        printf("# %s:%d: %s\n", file, line, what);
        if (check_about != NULL)
            printf("#     in:     %s\n", check_about);
        check_reason_of = check_running;
    }
    return good;
}

static inline bool check_str(const char *is, const char *should, const char *file, int line, const char *what)
{
    bool good = is == NULL || should == NULL ? is == should : strcmp(is, should) == 0;
    if (!check_that(good, file, line, what))
        printf("#     is:     %s\n#     should: %s\n", is ? is : "(null)", should ? should : "(null)");
    return good;
}

static inline bool check_int(long long is, long long should, const char *file, int line, const char *what)
{
    bool good = is == should;
    if (!check_that(good, file, line, what))
        printf("#     is %lld, should be %lld\n", is, should);
    return good;
}

static inline void check_run(const char *name, void (*run)(void))
{
    check_running = name;
    check_reason_of = NULL;
    check_about = NULL;
    run();
    bool good = check_reason_of == NULL;
    *(good ? &check_passed : &check_failed) += 1;
    printf("%s %d - %s\n", good ? "ok" : "not ok", check_passed + check_failed, name);
    fflush(stdout);
}

static inline int check_end(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed > 0;
}

#define CHECK(cond)              check_that((cond), __FILE__, __LINE__, #cond)
#define CHECK_STR(is, should)    check_str((is), (should), __FILE__, __LINE__, #is " == " #should)
#define CHECK_INT(is, should)    check_int((is), (should), __FILE__, __LINE__, #is " == " #should)
#define RUN(function)            check_run(#function, function)

#endif
