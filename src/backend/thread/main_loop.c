/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main-loop: the settings of the main thread's loop, which is there anyway.
 *
 * Source: the sheet on threads, sections 2 and 5.
 */
#include "backend/thread/event_loop.h"

#include <glib.h>

/* What a loop is told. */
typedef struct Settings {
    LoopPollParams poll;
    int64_t pool_min, pool_max, aio_max_batch;
    LoopMonitor monitor;
} Settings;

typedef struct MainLoop {
    EventLoopBase base;
    MainLoopProperties config;
    bool owns_singleton;
    Settings before; /* the object, if it owns the singleton */
} MainLoop;

G_STATIC_ASSERT(offsetof(MainLoop, config) == sizeof(EventLoopBase));

static MainLoop *singleton; /* main thread */

QomObject *main_loop_object(void)
{
    return singleton ? &singleton->base.obj : NULL;
}

static Loop *main_loop_class_loop(QomObject *obj)
{
    return loop_main();
}

static void main_loop_poll_params(QomObject *obj, LoopPollParams *params)
{
    const MainLoopProperties *config = &((MainLoop *)obj)->config;
    *params = (LoopPollParams){
        .max_ns = config->poll_max_ns, .grow = config->poll_grow, .shrink = config->poll_shrink};
}

static Settings settings_of(Loop *loop)
{
    Settings settings = {.aio_max_batch = loop_get_aio_max_batch(loop),
                         .monitor = loop_get_monitor(loop)};
    loop_get_poll_params(loop, &settings.poll);
    loop_get_pool_params(loop, &settings.pool_min, &settings.pool_max);
    return settings;
}

static void put_back(Loop *loop, const Settings *settings)
{
    loop_set_poll_params(loop, &settings->poll, NULL);
    loop_set_pool_params(loop, settings->pool_min, settings->pool_max, NULL);
    loop_set_aio_max_batch(loop, settings->aio_max_batch, NULL);
    loop_set_monitor(loop, settings->monitor);
}

static bool main_loop_complete(QomObject *obj, QomError **errp)
{
    MainLoop *self = (MainLoop *)obj;
    if (singleton) {
        return qom_error_set(errp, "only one main-loop instance allowed");
    }
    Settings before = settings_of(loop_main());
    if (!event_loop_configure(obj, errp)) {
        put_back(loop_main(), &before);
        return false;
    }
    self->before = before;
    singleton = self;
    self->owns_singleton = true;
    return true;
}

/* As in QEMU the object stays as long as the program; only a qomd-apply that fails takes it back.
 */
static bool main_loop_can_be_deleted(QomObject *obj, QomError **errp)
{
    return false;
}

static void main_loop_finalize(QomObject *obj)
{
    MainLoop *self = (MainLoop *)obj;
    if (self->owns_singleton) {
        singleton = NULL;
        put_back(loop_main(), &self->before);
    }
}

static void main_loop_class_init(QomClass *klass)
{
    EventLoopBaseClass *base = (EventLoopBaseClass *)klass;
    base->loop = main_loop_class_loop;
    base->poll_params = main_loop_poll_params;
}

static const QomPropertyRule main_loop_rules[] = {EVENT_LOOP_POLL_RULES};

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
    .rules = main_loop_rules,
    .n_rules = G_N_ELEMENTS(main_loop_rules),
};

void main_loop_register_type(void)
{
    qom_type_register(&main_loop_info);
}
