/* SPDX-License-Identifier: BSD-3-Clause */
#include "target.h"

#include "confine.h"
#include "io/fdset.h"

#include <glib.h>

#pragma weak target_start

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    confine_begin();
    g_log_set_always_fatal(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
    if (target_start) {
        target_start();
    }
    return 0;
}

static void note_set(void *user, int64_t set, int fd, const char *opaque)
{
    g_array_append_val((GArray *)user, set);
}

/* Sets of descriptors are the process's and outlive a server. */
static void remove_fdsets(void)
{
    g_autoptr(GArray) sets = g_array_new(false, false, sizeof(int64_t));
    io_fdset_foreach(note_set, sets);
    for (guint i = 0; i < sets->len; i++) {
        io_fdset_remove(g_array_index(sets, int64_t, i), NULL, NULL);
    }
}

static void run(const uint8_t *data, size_t size)
{
    confine_on(true);
    target_input(data, size);
    remove_fdsets();
    confine_on(false);
    confine_clear();
}

/* Threads that were joined may be listed for a moment. */
static bool nothing_left(size_t fds, size_t threads)
{
    for (int i = 0; i < 1000; i++) {
        if (confine_count_fds() <= fds && confine_count_threads() <= threads) {
            return true;
        }
        g_usleep(1000);
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t fds = confine_count_fds(), threads = confine_count_threads();
    run(data, size);
    if (!nothing_left(fds, threads)) {
        /* What is opened once and for all may stay; a leak comes again. */
        fds = confine_count_fds();
        threads = confine_count_threads();
        run(data, size);
        g_assert(nothing_left(fds, threads));
    }
    return 0;
}
