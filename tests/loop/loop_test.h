/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of this room share. */
#ifndef LOOP_TEST_H
#define LOOP_TEST_H

#include "qom/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <glib.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)

/* Entries of a /proc/self folder; open descriptors or threads of this process. */
static inline unsigned count_proc(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

static inline unsigned count_fds(void)
{
    return count_proc("/proc/self/fd");
}

static inline void sleep_ns(int64_t ns)
{
    struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (nanosleep(&ts, &ts) < 0 && errno == EINTR) {
    }
}

static inline void *thread_nothing(void *opaque)
{
    return opaque;
}

/* Threads of this process before a test adds its own; a sanitizer may keep one from the first on.
 */
static inline unsigned count_threads(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, thread_nothing, NULL), 0);
    pthread_join(thread, NULL);
    sleep_ns(MS); /* a joined thread may still be listed for a moment */
    return count_proc("/proc/self/task");
}

/* Fails unless there are @n threads within 5 s. */
static inline void assert_threads(unsigned n)
{
    for (unsigned i = 0; i < 5000 && count_proc("/proc/self/task") != n; i++) {
        sleep_ns(MS);
    }
    assert_int_equal(count_proc("/proc/self/task"), n);
}

static inline unsigned allowed_cpus(void)
{
    cpu_set_t cpus;
    assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    return (unsigned)CPU_COUNT(&cpus);
}

static inline void add_one(void *opaque)
{
    ++*(unsigned *)opaque;
}

static inline LoopStats stats_of(Loop *loop)
{
    LoopStats stats;
    loop_get_stats(loop, &stats);
    return stats;
}

#endif
