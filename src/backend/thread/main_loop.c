/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main-loop: the settings of the main thread's loop, which is there anyway.
 *
 * Source: the sheet on threads, sections 2 and 5.
 */
#include "backend/thread/event_loop.h"

#include <glib.h>

typedef struct MainLoop {
    EventLoopBase base;
    MainLoopProperties config;
    bool owns_singleton;
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

static bool main_loop_complete(QomObject *obj, QomError **errp)
{
    MainLoop *self = (MainLoop *)obj;
    if (singleton) {
        return qom_error_set(errp, "only one main-loop instance allowed");
    }
    if (!event_loop_configure(obj, errp)) {
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
