/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of bench-loop share. */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include "qom/loop.h"

#include <glib.h>

/* Ends the program with @what and the text of errno. */
void bench_die(const char *what);

/* Puts the calling thread onto the CPU of this number, from 0, of those that the process has. */
void bench_pin(unsigned wanted);

/* One thread makes @count calls to another: the time in ns until the last has run; by a bare queue,
 * and by loop_post. */
int64_t bench_calls_bare(unsigned count);
int64_t bench_calls_loop(unsigned count);

#endif
