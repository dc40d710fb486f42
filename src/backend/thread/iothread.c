/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iothread: an event loop in a thread of its own.
 *
 * The loop is configured before the thread exists, so that a refusal leaves no thread, and nothing
 * has to wake it. The thread is created by the main thread or by a thread-context, whose affinity
 * it begins with; cpu-affinity comes on top. Later settings leave the affinity alone: it may have
 * been changed from outside.
 *
 * Source: the sheet on threads, sections 2 and 5.
 */
#include "backend/thread/event_loop.h"

#include <glib.h>

typedef struct IoThread {
    EventLoopBase base;
    IothreadProperties config;
    Loop *loop; /* until it has a thread */
    LoopThread *thread;
    QomObject *context; /* link */
    QomUse *context_use;
} IoThread;

G_STATIC_ASSERT(offsetof(IoThread, config) == sizeof(EventLoopBase));

static Loop *iothread_class_loop(QomObject *obj)
{
    IoThread *self = (IoThread *)obj;
    return self->thread ? loop_thread_get_loop(self->thread) : self->loop;
}

static void iothread_poll_params(QomObject *obj, LoopPollParams *params)
{
    const IothreadProperties *config = &((IoThread *)obj)->config;
    *params = (LoopPollParams){
        .max_ns = config->poll_max_ns, .grow = config->poll_grow, .shrink = config->poll_shrink};
}

LoopThread *iothread_thread(QomObject *obj)
{
    return ((IoThread *)obj)->thread;
}

Loop *iothread_loop(QomObject *obj)
{
    return iothread_class_loop(qom_object_cast(obj, TYPE_IOTHREAD));
}

static pid_t tid_of(const IoThread *self)
{
    return self->thread ? loop_thread_get_tid(self->thread) : 0;
}

static bool apply_cpus(QomObject *obj, QomError **errp)
{
    IoThread *self = (IoThread *)obj;
    return affinity_set_cpus(tid_of(self), &self->config.cpu_affinity, errp);
}

static bool get_cpus(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    return affinity_write_cpus(tid_of((IoThread *)obj), writer, errp);
}

static bool start_thread(IoThread *self, QomError **errp)
{
    g_autofree char *name = g_strdup_printf("IO %s", qom_object_name(&self->base.obj));
    self->thread =
        loop_thread_start(g_steal_pointer(&self->loop), name,
                          self->context ? thread_context_spawn : NULL, self->context, errp);
    return self->thread != NULL;
}

static bool iothread_complete(QomObject *obj, QomError **errp)
{
    IoThread *self = (IoThread *)obj;
    self->loop = loop_new(errp);
    if (!self->loop || !event_loop_configure(obj, errp) || !start_thread(self, errp) ||
        (self->config.has_cpu_affinity && !apply_cpus(obj, errp))) {
        return false;
    }
    if (self->context) {
        self->context_use = qom_object_use(self->context, obj, "thread-context", "creator");
    }
    return true;
}

static void iothread_finalize(QomObject *obj)
{
    IoThread *self = (IoThread *)obj;
    qom_object_unuse(self->context_use);
    loop_thread_free(self->thread);
    loop_free(self->loop);
}

static bool get_thread_id(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                          QomError **errp)
{
    IoThread *self = (IoThread *)obj;
    json_writer_int64(writer, self->thread ? tid_of(self) : -1);
    return true;
}

static void iothread_class_init(QomClass *klass)
{
    EventLoopBaseClass *base = (EventLoopBaseClass *)klass;
    base->loop = iothread_class_loop;
    base->poll_params = iothread_poll_params;
}

static const QomPropertyRule iothread_rules[] = {
    EVENT_LOOP_POLL_RULES,
    {.name = "thread-context",
     .link = TYPE_THREAD_CONTEXT,
     .link_offset = offsetof(IoThread, context)},
    {.name = "cpu-affinity",
     .flags = QOM_PROPERTY_LIVE,
     .get = get_cpus,
     .check = affinity_check_cpus,
     .apply = apply_cpus},
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

void iothread_register_type(void)
{
    qom_type_register(&iothread_info);
}
