/* SPDX-License-Identifier: MIT */
/* vitals.h: what this process and its machine use, as the system tells: a few small reads, no more than some ten
 * microseconds. */
#ifndef POLLUX_BASE_VITALS_H
#define POLLUX_BASE_VITALS_H

#include <stdint.h>

struct vitals {
    int64_t cpu_ms;       /* processor time of this process since its start, all threads */
    int64_t memory_bytes; /* of this process in memory; 0 if the system does not say */
    int64_t threads;      /* 0 if the system does not say */
    double load;          /* of the machine: average of a minute; negative if the system does not say */
    int64_t cpus;
    int64_t host_memory_bytes, host_free_bytes; /* of the machine, and what new programs could have of it; 0 likewise */
};

void vitals_read(struct vitals *v);

#endif
