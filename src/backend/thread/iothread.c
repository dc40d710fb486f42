/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Event loops as objects: `iothread`, a loop in a thread of its own, and `main-loop`, the settings
 * of the loop that is there anyway. Their parent `event-loop-base` has what both share.
 *
 * The settings live twice: in the object's configuration, which is what qom-get shows, and in the
 * loop, which validates them. A change is first stored, then given to the loop; if the loop refuses
 * it, the object room puts the old value back, so the two never differ.
 *
 * Source: the sheet on threads, section 2.
 */
#include "backend/thread/thread.h"
#include "qapi-commands.h"
#include "qom/json.h"

#include <glib.h>
#include <inttypes.h>

typedef struct EventLoopBase {
    QomObject obj;
    /* the configuration follows: EventLoopBaseProperties or a struct that begins with it */
} EventLoopBase;

typedef struct EventLoopBaseClass {
    QomClass parent;
    Loop *(*loop)(QomObject *obj); /* NULL if there is none yet */
} EventLoopBaseClass;

typedef struct IoThread {
    EventLoopBase base;
    IothreadProperties config;
    Loop *loop; /* until it has a thread */
    LoopThread *thread;
} IoThread;

typedef struct MainLoop {
    EventLoopBase base;
    MainLoopProperties config;
    bool owns_singleton;
} MainLoop;

G_STATIC_ASSERT(offsetof(IoThread, config) == sizeof(EventLoopBase));
G_STATIC_ASSERT(offsetof(MainLoop, config) == sizeof(EventLoopBase));

/* --- event-loop-base ------------------------------------------------------------------------ */

static Loop *loop_of(QomObject *obj)
{
    return ((EventLoopBaseClass *)obj->klass)->loop(obj);
}

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

static bool event_loop_base_apply(QomObject *obj, QomError **errp)
{
    const EventLoopBaseProperties *config = qom_object_config(obj);
    Loop *loop = loop_of(obj);
    return loop_set_pool_params(loop, config->thread_pool_min, config->thread_pool_max, errp) &&
           loop_set_aio_max_batch(loop, config->aio_max_batch, errp);
}

static const QomPropertyRule event_loop_base_rules[] = {
    {.name = "aio-max-batch",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_aio_max_batch,
     .apply = event_loop_base_apply},
    {.name = "thread-pool-min",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_pool_min,
     .apply = event_loop_base_apply},
    {.name = "thread-pool-max",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_pool_max,
     .apply = event_loop_base_apply},
};

static const QomInterfaceInfo event_loop_base_interfaces[] = {{QOM_TYPE_USER_CREATABLE, NULL}};

static const QomTypeInfo event_loop_base_info = {
    .name = TYPE_EVENT_LOOP_BASE,
    .parent = QOM_TYPE_OBJECT,
    .abstract = true,
    .instance_size = sizeof(EventLoopBase) + sizeof(EventLoopBaseProperties),
    .class_size = sizeof(EventLoopBaseClass),
    .interfaces = event_loop_base_interfaces,
    .n_interfaces = G_N_ELEMENTS(event_loop_base_interfaces),
    .config = &qapi_type_EventLoopBaseProperties,
    .config_offset = sizeof(EventLoopBase),
    .rules = event_loop_base_rules,
    .n_rules = G_N_ELEMENTS(event_loop_base_rules),
};

/* --- iothread ------------------------------------------------------------------------------- */

static Loop *iothread_class_loop(QomObject *obj)
{
    IoThread *self = (IoThread *)obj;
    return self->thread ? loop_thread_get_loop(self->thread) : self->loop;
}

Loop *iothread_loop(QomObject *obj)
{
    return iothread_class_loop(qom_object_cast(obj, TYPE_IOTHREAD));
}

static bool check_poll_max_ns(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("poll-max-ns", value, errp);
}

static bool check_poll_grow(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("poll-grow", value, errp);
}

static bool check_poll_shrink(QomObject *obj, const void *value, QomError **errp)
{
    return check_range("poll-shrink", value, errp);
}

static bool iothread_apply_poll(QomObject *obj, QomError **errp)
{
    IoThread *self = (IoThread *)obj;
    LoopPollParams params = {
        .max_ns = self->config.poll_max_ns,
        .grow = self->config.poll_grow,
        .shrink = self->config.poll_shrink,
    };
    return loop_set_poll_params(loop_of(obj), &params, errp);
}

static bool iothread_complete(QomObject *obj, QomError **errp)
{
    IoThread *self = (IoThread *)obj;
    self->loop = loop_new(errp);
    /* Before the thread runs: nothing has to wake it. */
    if (!self->loop || !event_loop_base_apply(obj, errp) || !iothread_apply_poll(obj, errp)) {
        return false;
    }
    g_autofree char *name = g_strdup_printf("IO %s", qom_object_name(obj));
    self->thread = loop_thread_start(g_steal_pointer(&self->loop), name, NULL, NULL, errp);
    return self->thread != NULL;
}

static void iothread_finalize(QomObject *obj)
{
    IoThread *self = (IoThread *)obj;
    loop_thread_free(self->thread);
    loop_free(self->loop);
}

static bool get_thread_id(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                          QomError **errp)
{
    IoThread *self = (IoThread *)obj;
    json_writer_int64(writer, self->thread ? loop_thread_get_tid(self->thread) : -1);
    return true;
}

static void iothread_class_init(QomClass *klass)
{
    ((EventLoopBaseClass *)klass)->loop = iothread_class_loop;
}

static const QomPropertyRule iothread_rules[] = {
    {.name = "poll-max-ns",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_poll_max_ns,
     .apply = iothread_apply_poll},
    {.name = "poll-grow",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_poll_grow,
     .apply = iothread_apply_poll},
    {.name = "poll-shrink",
     .flags = QOM_PROPERTY_LIVE,
     .check = check_poll_shrink,
     .apply = iothread_apply_poll},
};

static const QomProperty iothread_properties[] = {
    {.name = "thread-id",
     .type = "int",
     .description = "the kernel's thread id, as in /proc/PID/task",
     .get = get_thread_id},
};

static const QomUserCreatable iothread_creatable = {.complete = iothread_complete};
static const QomInterfaceInfo iothread_interfaces[] = {
    {QOM_TYPE_USER_CREATABLE, &iothread_creatable}};

static const QomTypeInfo iothread_info = {
    .name = TYPE_IOTHREAD,
    .parent = TYPE_EVENT_LOOP_BASE,
    .instance_size = sizeof(IoThread),
    .class_init = iothread_class_init,
    .instance_finalize = iothread_finalize,
    .interfaces = iothread_interfaces,
    .n_interfaces = G_N_ELEMENTS(iothread_interfaces),
    .config = &qapi_type_IothreadProperties,
    .config_offset = offsetof(IoThread, config),
    .rules = iothread_rules,
    .n_rules = G_N_ELEMENTS(iothread_rules),
    .properties = iothread_properties,
    .n_properties = G_N_ELEMENTS(iothread_properties),
};

/* --- main-loop ------------------------------------------------------------------------------ */

static MainLoop *singleton; /* main thread */

static Loop *main_loop_class_loop(QomObject *obj)
{
    return loop_main();
}

static bool main_loop_complete(QomObject *obj, QomError **errp)
{
    MainLoop *self = (MainLoop *)obj;
    if (singleton) {
        return qom_error_set(errp, "only one main-loop instance allowed");
    }
    if (!event_loop_base_apply(obj, errp)) {
        return false;
    }
    singleton = self;
    self->owns_singleton = true;
    return true;
}

/* The loop's settings have no "off": the object stays as long as the program. */
static bool main_loop_can_be_deleted(QomObject *obj, QomError **errp)
{
    return false;
}

static void main_loop_finalize(QomObject *obj)
{
    if (((MainLoop *)obj)->owns_singleton) {
        singleton = NULL;
    }
}

static void main_loop_class_init(QomClass *klass)
{
    ((EventLoopBaseClass *)klass)->loop = main_loop_class_loop;
}

static const QomUserCreatable main_loop_creatable = {
    .complete = main_loop_complete,
    .can_be_deleted = main_loop_can_be_deleted,
};
static const QomInterfaceInfo main_loop_interfaces[] = {
    {QOM_TYPE_USER_CREATABLE, &main_loop_creatable}};

static const QomTypeInfo main_loop_info = {
    .name = TYPE_MAIN_LOOP,
    .parent = TYPE_EVENT_LOOP_BASE,
    .instance_size = sizeof(MainLoop),
    .class_init = main_loop_class_init,
    .instance_finalize = main_loop_finalize,
    .interfaces = main_loop_interfaces,
    .n_interfaces = G_N_ELEMENTS(main_loop_interfaces),
    .config = &qapi_type_MainLoopProperties,
    .config_offset = offsetof(MainLoop, config),
};

/* --- query-iothreads ------------------------------------------------------------------------ */

bool qmp_query_iothreads(IOThreadInfoList *ret, QomError **errp)
{
    GArray *infos = g_array_new(false, true, sizeof(IOThreadInfo));
    for (QomObject *obj = qom_object_first_child(qom_objects()); obj;
         obj = qom_object_next_sibling(obj)) {
        if (!qom_object_is_a(obj, TYPE_IOTHREAD)) {
            continue;
        }
        const IoThread *self = (const IoThread *)obj;
        IOThreadInfo info = {
            .id = g_strdup(qom_object_name(obj)),
            .thread_id = loop_thread_get_tid(self->thread),
            .poll_max_ns = self->config.poll_max_ns,
            .poll_grow = self->config.poll_grow,
            .poll_shrink = self->config.poll_shrink,
            .aio_max_batch = self->config.aio_max_batch,
        };
        g_array_append_val(infos, info);
    }
    ret->n = infos->len;
    ret->items = (IOThreadInfo *)g_array_free(infos, false);
    return true;
}

void thread_register_types(void)
{
    qom_type_register(&event_loop_base_info);
    qom_type_register(&iothread_info);
    qom_type_register(&main_loop_info);
    thread_context_register_type();
}
