/* SPDX-License-Identifier: MIT */
/*
 * codeassist.h: makes an account known to Code Assist: its tier, its project.
 *
 * The order of calls is that of Google's own documentation of the service:
 * loadCodeAssist, and onboardUser with its operation when there is no tier yet.
 * We say who we are; an account that is not meant for other software is refused
 * by Google, and that is the end of it.
 */
#ifndef POLLUX_UPSTREAM_CODEASSIST_H
#define POLLUX_UPSTREAM_CODEASSIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum codeassist_end {
    CODEASSIST_READY,   /* project and tier are known */
    CODEASSIST_REFUSED, /* state, says and link tell why, and for whom there is something to do */
    CODEASSIST_EXPIRED, /* 401: the access token is not good */
    CODEASSIST_AGAIN,   /* network, overload, an operation that does not end: later */
};

struct codeassist {
    char project[128];
    char tier[64];
    char state[24]; /* needs_validation, unsupported, tos, no_project, refused */
    char says[400]; /* in Google's words, secrets masked */
    char link[600]; /* what to open, or "" */
};

/* Asks for tier and project, onboarding the account if need be; `wanted` is the operator's project or "",
 * `proxy` the account's own or "". Blocks until `deadline_ms` (clock_ms()) and half a minute more at the most. */
enum codeassist_end codeassist_setup(const char *access_token, const char *wanted, const char *proxy,
                                     int64_t deadline_ms, struct codeassist *ret);

/* What an error of Code Assist says about the account itself: fills in state, says and link. False, and
 * nothing filled in, when it is about anything else. `answer` is the parsed body, or an event. */
bool codeassist_refusal(const json_t *answer, struct codeassist *ret);

#endif
