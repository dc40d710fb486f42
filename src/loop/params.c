/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may be asked of a loop and told to it from any thread while it runs: its back end, its batch
 * size, its figures. The parameters of polling and of the pool are in the files of these.
 */
#include "config.h"
#include "loop/internal.h"

#include <glib.h>
#include <inttypes.h>

bool loop_check_range(const char *name, int64_t value, QomError **errp)
{
    return value >= 0 ||
           qom_error_set(errp, "%s value must be in range [0, %" PRId64 "]", name, INT64_MAX);
}

bool loop_set_aio_max_batch(Loop *loop, int64_t batch, QomError **errp)
{
    if (!loop_check_range("aio-max-batch", batch, errp)) {
        return false;
    }
    atomic_store_explicit(&loop->aio_max_batch, batch, memory_order_relaxed);
    return true;
}

int64_t loop_get_aio_max_batch(Loop *loop)
{
    return atomic_load_explicit(&loop->aio_max_batch, memory_order_relaxed);
}

/* ------------------------------------------------------------------------------ back end -- */

void loop_monitor_switch(Loop *loop, LoopMonitor kind)
{
    FdMonitor *from = loop->monitor;
    if (from->ops->kind == kind) {
        return;
    }
    const FdMonitorOps *ops = &loop_fdmon_epoll;
#ifdef HAVE_LIBURING
    ops = kind == LOOP_MONITOR_IO_URING ? &loop_fdmon_uring : ops;
#endif
    FdMonitor *to = ops->kind == kind ? ops->open(loop, NULL) : NULL;
    if (!to) {
        return;
    }
    if (from->ops->drain) {
        from->ops->drain(from);
    }
    loop_fd_move_all(loop, to);
    from->ops->close(from);
    atomic_store_explicit(&loop->present_monitor, kind, memory_order_relaxed);
}

static void switch_as_wanted(void *opaque)
{
    Loop *loop = opaque;
    loop_monitor_switch(loop, atomic_load(&loop->wanted_monitor));
}

void loop_set_monitor(Loop *loop, LoopMonitor monitor)
{
    if (atomic_exchange(&loop->wanted_monitor, monitor) != (int)monitor) {
        loop_post(loop, switch_as_wanted, loop);
    }
}

LoopMonitor loop_get_monitor(Loop *loop)
{
    return atomic_load_explicit(&loop->present_monitor, memory_order_relaxed);
}

/* ------------------------------------------------------------------------------- figures -- */

static uint64_t figure(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void loop_get_stats(Loop *loop, LoopStats *stats)
{
    const LoopCounters *counters = &loop->counters;
    *stats = (LoopStats){
        .iterations = figure(&counters->iterations),
        .wakeups = figure(&counters->wakeups),
        .poll_hits = figure(&counters->poll_hits),
        .poll_misses = figure(&counters->poll_misses),
        .polled_ns = figure(&counters->polled_ns),
        .slept_ns = figure(&counters->slept_ns),
        .events = figure(&counters->events),
        .calls = figure(&counters->calls),
        .poll_ns = figure(&counters->poll_ns),
        .calls_queued = figure(&loop->calls_untaken) + figure(&counters->calls_taken) +
                        figure(&counters->calls_deferred),
        .file_requests = figure(&counters->file_requests),
        .file_batches = figure(&counters->file_batches),
        .file_queued = figure(&counters->file_queued),
    };
    pthread_mutex_lock(&loop->pool.lock);
    stats->pool_queued = loop->pool.quick.queued + loop->pool.slow.queued;
    stats->pool_threads = loop->pool.threads;
    stats->pool_busy = loop->pool.threads - loop->pool.idle;
    pthread_mutex_unlock(&loop->pool.lock);
}
