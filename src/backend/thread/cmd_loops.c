/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands about event loops: query-iothreads, and qomd-query-loops with the figures. */
#include "backend/thread/event_loop.h"
#include "qapi-commands.h"

#include <glib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The first iothread from @obj on among its siblings, or NULL. */
static QomObject *next_iothread(QomObject *obj)
{
    while (obj && !qom_object_is_a(obj, TYPE_IOTHREAD)) {
        obj = qom_object_next_sibling(obj);
    }
    return obj;
}

bool qmp_query_iothreads(IOThreadInfoList *ret, QomError **errp)
{
    GArray *infos = g_array_new(false, true, sizeof(IOThreadInfo));
    for (QomObject *obj = next_iothread(qom_object_first_child(qom_objects())); obj;
         obj = next_iothread(qom_object_next_sibling(obj))) {
        const IothreadProperties *config = qom_object_config(obj);
        IOThreadInfo info = {
            .id = g_strdup(qom_object_name(obj)),
            .thread_id = loop_thread_get_tid(iothread_thread(obj)),
            .poll_max_ns = config->poll_max_ns,
            .poll_grow = config->poll_grow,
            .poll_shrink = config->poll_shrink,
            .aio_max_batch = config->aio_max_batch,
        };
        g_array_append_val(infos, info);
    }
    ret->n = infos->len;
    ret->items = (IOThreadInfo *)(void *)g_array_free(infos, false);
    return true;
}

static bool wants_ring(QomObject *obj)
{
    const EventLoopBaseProperties *config = obj ? qom_object_config(obj) : NULL;
    return config && config->fd_monitor == EVENT_LOOP_MONITOR_IO_URING;
}

bool event_loop_any_wants_ring(void)
{
    bool wanted = wants_ring(main_loop_object());
    for (QomObject *obj = next_iothread(qom_object_first_child(qom_objects())); obj && !wanted;
         obj = next_iothread(qom_object_next_sibling(obj))) {
        wanted = wants_ring(obj);
    }
    return wanted;
}

static QomdLoop describe(Loop *loop)
{
    LoopStats stats;
    LoopPollParams params;
    loop_get_stats(loop, &stats);
    loop_get_poll_params(loop, &params);
    return (QomdLoop){
        .fd_monitor = loop_get_monitor(loop) == LOOP_MONITOR_IO_URING ? EVENT_LOOP_MONITOR_IO_URING
                                                                      : EVENT_LOOP_MONITOR_EPOLL,
        .poll_max_ns = params.max_ns,
        .poll_ns = stats.poll_ns,
        .loops = stats.iterations,
        .events = stats.events,
        .calls = stats.calls,
        .calls_queued = stats.calls_queued,
        .poll_hits = stats.poll_hits,
        .poll_misses = stats.poll_misses,
        .polled_ns = stats.polled_ns,
        .wakeups = stats.wakeups,
        .slept_ns = stats.slept_ns,
        .file_requests = stats.file_requests,
        .file_batches = stats.file_batches,
        .file_queued = stats.file_queued,
        .pool_threads = stats.pool_threads,
        .pool_busy = stats.pool_busy,
        .pool_queued = stats.pool_queued,
    };
}

bool qmp_qomd_query_loops(QomdLoopList *ret, QomError **errp)
{
    GArray *infos = g_array_new(false, true, sizeof(QomdLoop));
    QomdLoop info = describe(loop_main());
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    info.name = g_strdup(name);
    info.path = main_loop_object() ? qom_object_path(main_loop_object()) : NULL;
    info.thread_id = getpid();
    g_array_append_val(infos, info);
    for (QomObject *obj = next_iothread(qom_object_first_child(qom_objects())); obj;
         obj = next_iothread(qom_object_next_sibling(obj))) {
        info = describe(iothread_loop(obj));
        info.name = g_strdup(loop_thread_get_name(iothread_thread(obj)));
        info.path = qom_object_path(obj);
        info.thread_id = loop_thread_get_tid(iothread_thread(obj));
        g_array_append_val(infos, info);
    }
    ret->n = infos->len;
    ret->items = (QomdLoop *)(void *)g_array_free(infos, false);
    return true;
}
