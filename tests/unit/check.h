/* SPDX-License-Identifier: MIT */
/*
 * check.h: what a unit test needs and no more.
 *
 * CHECK() and CHECK_STR() count and, on failure, say where; the test goes on.
 * main() ends with `return check_done();`, which prints "N passed, M failed".
 */
#ifndef POLLUX_TESTS_CHECK_H
#define POLLUX_TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

static int check_passed, check_failed;

static inline void check_(int ok, const char *file, int line, const char *what)
{
    if (ok) {
        check_passed++;
        return;
    }
    check_failed++;
    printf("%s:%d: failed: %s\n", file, line, what);
}

static inline void check_str_(const char *a, const char *b, const char *file, int line, const char *what)
{
    int ok = a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
    check_(ok, file, line, what);
    if (!ok)
        printf("    got:  %s\n    want: %s\n", a != NULL ? a : "(null)", b != NULL ? b : "(null)");
}

#define CHECK(cond)     check_(!!(cond), __FILE__, __LINE__, #cond)
#define CHECK_STR(a, b) check_str_((a), (b), __FILE__, __LINE__, #a " is " #b)

static inline int check_done(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed != 0;
}

#endif
