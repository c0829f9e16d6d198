/* SPDX-License-Identifier: MIT */
/*
 * auto.h: scope cleanup, the one cleanup idiom of this program.
 *
 * A local declared with one of these is released when its scope ends, so that a
 * failure is a plain `return`. Jansson brings its own: json_auto_t. One
 * declaration, one variable: `auto_str a, b` would make b a char.
 */
#ifndef POLLUX_BASE_AUTO_H
#define POLLUX_BASE_AUTO_H

#include "base/buf.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static inline void auto_free_(void *p)
{
    free(*(void **)p);
}

static inline void auto_fclose_(FILE **f)
{
    if (*f != NULL)
        fclose(*f);
}

static inline void auto_unlock_(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}

#define auto_buf  __attribute__((cleanup(buf_free))) struct buf
#define auto_str  __attribute__((cleanup(auto_free_))) char *
#define auto_file __attribute__((cleanup(auto_fclose_))) FILE *

/* Holds the mutex until the end of the scope. */
#define auto_lock(mutex)                                                                       \
    __attribute__((cleanup(auto_unlock_), unused)) pthread_mutex_t *auto_lock_held_ = (mutex); \
    pthread_mutex_lock(auto_lock_held_)

#endif
