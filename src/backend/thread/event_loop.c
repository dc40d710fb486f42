/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event-loop-base: what the objects that stand for event loops share, settings and figures.
 *
 * The settings live twice: in the object's configuration, which is what qom-get shows, and in the
 * loop, which validates them. A change is first stored, then given to the loop; if the loop refuses
 * it, the object room puts the old value back, so the two never differ. Only fd-monitor may differ
 * from what the loop does: a kernel that has no io_uring is no error.
 *
 * Source: the sheet on threads, sections 2 and 5.
 */
#include "backend/thread/event_loop.h"

#include <glib.h>
#include <inttypes.h>

static Loop *loop_of(QomObject *obj)
{
    return ((EventLoopBaseClass *)obj->klass)->loop(obj);
}

/* --- settings ------------------------------------------------------------------------------- */

static bool check_range(const char *name, const void *value, QomError **errp)
{
    if (*(const int64_t *)value >= 0) {
        return true;
    }
    return qom_error_set(errp, "%s value must be in range [0, %" PRId64 "]", name, INT64_MAX);
}

static bool check_aio_max_batch(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("aio-max-batch", value, errp);
}

static bool check_pool_min(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("thread-pool-min", value, errp);
}

static bool check_pool_max(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("thread-pool-max", value, errp);
}

bool event_loop_check_poll_max_ns(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("poll-max-ns", value, errp);
}

bool event_loop_check_poll_grow(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("poll-grow", value, errp);
}

bool event_loop_check_poll_shrink(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("poll-shrink", value, errp);
}

static bool apply_base(QomObject *obj, QomError **errp)
{
    const EventLoopBaseProperties *config = qom_object_config(obj);
    Loop *loop = loop_of(obj);
    return loop_set_pool_params(loop, config->thread_pool_min, config->thread_pool_max, errp) &&
           loop_set_aio_max_batch(loop, config->aio_max_batch, errp);
}

static bool apply_monitor(QomObject *obj, QomError **errp)
{
    const EventLoopBaseProperties *config = qom_object_config(obj);
    loop_set_monitor(loop_of(obj), config->fd_monitor == EVENT_LOOP_MONITOR_IO_URING
                                       ? LOOP_MONITOR_IO_URING
                                       : LOOP_MONITOR_EPOLL);
    return true;
}

bool event_loop_apply_poll(QomObject *obj, QomError **errp)
{
    LoopPollParams params;
    ((EventLoopBaseClass *)obj->klass)->poll_params(obj, &params);
    return loop_set_poll_params(loop_of(obj), &params, errp);
}

bool event_loop_configure(QomObject *obj, QomError **errp)
{
    return apply_base(obj, errp) && event_loop_apply_poll(obj, errp) && apply_monitor(obj, errp);
}

static const QomPropertyRule base_rules[] = {
    {.name = "aio-max-batch",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_aio_max_batch,
     .apply = apply_base},
    {.name = "thread-pool-min",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_pool_min,
     .apply = apply_base},
    {.name = "thread-pool-max",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_pool_max,
     .apply = apply_base},
    {.name = "fd-monitor", .flags = QOM_PROPERTY_LIVE, .apply = apply_monitor},
};

/* --- figures -------------------------------------------------------------------------------- */

static bool get_figure(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    LoopStats stats = {0};
    Loop *loop = loop_of(obj);
    if (loop) {
        loop_get_stats(loop, &stats);
    }
    json_writer_uint64(writer,
                       *(const uint64_t *)((const char *)&stats + GPOINTER_TO_SIZE(prop->opaque)));
    return true;
}

#define FIGURE(property, member, text)                                               \
    {                                                                                \
        .name = (property), .type = "int", .description = (text), .get = get_figure, \
        .opaque = (void *)offsetof(LoopStats, member)                                \
    }

static const QomProperty base_properties[] = {
    FIGURE("loops", iterations, "rounds that the loop made"),
    FIGURE("events", events, "descriptors and polled sources that it served"),
    FIGURE("polled-ns", polled_ns, "nanoseconds spent in busy polling"),
    FIGURE("slept-ns", slept_ns, "nanoseconds spent asleep"),
    FIGURE("poll-ns", poll_ns, "the polling time that it adapted to, in nanoseconds"),
    FIGURE("pool-threads", pool_threads, "threads that it has for blocking work"),
};

static const QomInterfaceInfo base_interfaces[] = {{QOM_TYPE_USER_CREATABLE, NULL}};

static const QomTypeInfo base_info = {
    .name = TYPE_EVENT_LOOP_BASE,
    .parent = QOM_TYPE_OBJECT,
    .abstract = true,
    .instance_size = sizeof(EventLoopBase) + sizeof(EventLoopBaseProperties),
    .class_size = sizeof(EventLoopBaseClass),
    .interfaces = base_interfaces,
    .n_interfaces = G_N_ELEMENTS(base_interfaces),
    .config = &qapi_type_EventLoopBaseProperties,
    .config_offset = sizeof(EventLoopBase),
    .rules = base_rules,
    .n_rules = G_N_ELEMENTS(base_rules),
    .properties = base_properties,
    .n_properties = G_N_ELEMENTS(base_properties),
};

void event_loop_base_register_type(void)
{
    qom_type_register(&base_info);
}

void thread_register_types(void)
{
    event_loop_base_register_type();
    iothread_register_type();
    main_loop_register_type();
    thread_context_register_type();
}
