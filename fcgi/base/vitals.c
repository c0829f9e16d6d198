/* SPDX-License-Identifier: MIT */
/* vitals.c: what this process and its machine use; see vitals.h. */
#include "base/vitals.h"
#include "base/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t ms_of(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000 + t.tv_usec / 1000;
}

/* The numbers behind these names ("VmRSS:  1234 kB") in a file of /proc; what is not there stays as it is. */
static void read_numbers(const char *path, const char *const names[], int64_t *const to[], int n)
{
    char line[256];
    auto_file in = fopen(path, "re");
    while (in != NULL && fgets(line, sizeof line, in) != NULL)
        for (int i = 0; i < n; i++)
            if (strncmp(line, names[i], strlen(names[i])) == 0)
                *to[i] = strtoll(line + strlen(names[i]), NULL, 10);
}

void vitals_read(struct vitals *v)
{
    static const char *const own[] = {"VmRSS:", "Threads:"};
    static const char *const host[] = {"MemTotal:", "MemAvailable:"};
    struct rusage used;
    *v = (struct vitals){.cpus = sysconf(_SC_NPROCESSORS_ONLN)};
    read_numbers("/proc/self/status", own, (int64_t *const[]){&v->memory_bytes, &v->threads}, 2);
    read_numbers("/proc/meminfo", host, (int64_t *const[]){&v->host_memory_bytes, &v->host_free_bytes}, 2);
    v->memory_bytes *= 1024;
    v->host_memory_bytes *= 1024;
    v->host_free_bytes *= 1024;
    if (getloadavg(&v->load, 1) != 1)
        v->load = -1;
    if (getrusage(RUSAGE_SELF, &used) == 0)
        v->cpu_ms = ms_of(used.ru_utime) + ms_of(used.ru_stime);
}
