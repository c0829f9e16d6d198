/* SPDX-License-Identifier: MIT */
/*
 * streams.h: standard input, output and error when the program was started without one of them.
 */
#ifndef POLLUX_BASE_STREAMS_H
#define POLLUX_BASE_STREAMS_H

/* Fills what is missing of descriptors 0, 1 and 2, so that no file or connection gets their number and is taken for
 * them. Reading and writing there still fails. First thing in main(). */
void streams_fill(void);

#endif
