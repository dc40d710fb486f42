/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of this room share. Each test program is run once for each back end: the loops
 * that it makes have the one that LOOP_TEST_MONITOR asks for, if the kernel has it.
 */
#ifndef LOOP_TEST_H
#define LOOP_TEST_H

#include "loop/internal.h"

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
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static inline bool testing_io_uring(void)
{
    const char *monitor = getenv("LOOP_TEST_MONITOR");
    return monitor && strcmp(monitor, "io_uring") == 0;
}

static inline Loop *test_loop_new(QomError **errp)
{
    Loop *loop = loop_new(errp);
    if (loop && testing_io_uring()) {
        loop_monitor_switch(loop, LOOP_MONITOR_IO_URING);
        if (loop_get_monitor(loop) == LOOP_MONITOR_IO_URING) {
            print_message("# a loop has a ring\n");
        }
    }
    return loop;
}

static inline LoopThread *test_loop_thread_new(const char *name, LoopSpawnFn *spawn,
                                               void *spawn_opaque, QomError **errp)
{
    Loop *loop = test_loop_new(errp);
    return loop ? loop_thread_start(loop, name, spawn, spawn_opaque, errp) : NULL;
}

#define loop_new        test_loop_new
#define loop_thread_new test_loop_thread_new

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
