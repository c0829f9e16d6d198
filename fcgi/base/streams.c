/* SPDX-License-Identifier: MIT */
/* streams.c: descriptors 0, 1 and 2; see streams.h. */
#include "base/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void streams_fill(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(1); /* the lowest free one is this; else there is no /dev/null to hold it */
}
