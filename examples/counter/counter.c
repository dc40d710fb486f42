/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that embeds libqom: it serves QMP on a Unix socket, with the commands of qomd and a
 * type of object of its own. Everything about the type's options is said in counter.json.
 *
 *     counter SOCKET
 */
#include "counter-commands.h"
#include "counter-counter.h"
#include "counter-schema.h"
#include "qom/backend.h"
#include "qom/json.h"
#include "qom/loop.h"
#include "qom/object.h"
#include "qom/qmp.h"

#include <stdio.h>

typedef struct Counter {
    QomObject obj;
    CounterProperties config; /* filled in from object-add */
    int64_t next;
} Counter;

static bool counter_complete(QomObject *obj, QomError **errp)
{
    ((Counter *)obj)->next = ((Counter *)obj)->config.start;
    return true;
}

static bool get_next(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    json_writer_int64(writer, ((Counter *)obj)->next);
    return true;
}

/* The step may be changed at any time; the start is fixed. */
static const QomPropertyRule rules[] = {{.name = "step", .flags = QOM_PROPERTY_LIVE}};
static const QomProperty properties[] = {
    {.name = "next", .type = "int", .description = "the number to come", .get = get_next}};
static const QomUserCreatable creatable = {.complete = counter_complete};
static const QomInterfaceInfo interfaces[] = {{QOM_TYPE_USER_CREATABLE, &creatable}};

static const QomTypeInfo counter_info = {
    .name = "counter",
    .parent = QOM_TYPE_OBJECT,
    .instance_size = sizeof(Counter),
    .interfaces = interfaces,
    .n_interfaces = 1,
    .config = &qapi_type_CounterProperties,
    .config_offset = offsetof(Counter, config),
    .rules = rules,
    .n_rules = 1,
    .properties = properties,
    .n_properties = 1,
};

bool qmp_counter_next(const char *id, CounterValue *ret, QomError **errp)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    if (!qom_object_is_a(obj, "counter")) {
        return qom_error_set(errp, "Parameter 'id' expects a counter, not '%s'", id);
    }
    Counter *self = (Counter *)obj;
    ret->value = self->next;
    self->next += self->config.step;
    qom_object_notify(obj, "next");
    return true;
}

static void stop(void *loop)
{
    loop_stop(loop);
}

int main(int argc, char **argv)
{
    QOM_AUTO_ERROR(err);
    Loop *loop = argc == 2 ? loop_new(&err) : NULL;
    if (!loop) {
        fprintf(stderr, "counter: %s\n", err ? qom_error_message(err) : "usage: counter SOCKET");
        return 1;
    }
    loop_set_main(loop);
    qom_backend_register_types();
    qom_type_register(&counter_info);
    qmp_add_core_schema();
    qmp_add_schema(&counter_schema);
    qmp_set_quit(stop, loop);
    if (qmp_listen_unix(argv[1], &err)) {
        loop_run(loop);
    } else {
        fprintf(stderr, "counter: %s\n", qom_error_message(err));
    }
    qmp_shutdown();
    qom_tree_destroy();
    loop_free(loop);
    return err != NULL;
}
