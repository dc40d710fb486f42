/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * qomd-dump-config: what was set up, as actions for qomd-apply.
 *
 * First the character devices, but for those of monitors and those made from passed descriptors,
 * then objects in the order of their creation, but after those that they link to. What was given
 * (or set since) is written, defaults are not. An object that holds a secret given by value is left
 * out: without it, it could not be made again.
 */
#include "qmp/monitor.h"
#include "qmp/session.h"

#include "qapi-commands.h"
#include "qapi/engine.h"
#include "qom/chardev.h"
#include "qom/object.h"

typedef struct Dump {
    JsonWriter *w;
    GHashTable *done; /* set of QomObject * */
} Dump;

/* Whether the config member behind @prop was given. */
static bool is_given(QomObject *obj, const QomProperty *prop)
{
    if (!prop->member) {
        return false;
    }
    return member_slot(prop->member, qom_object_config(obj)) != NULL;
}

static bool holds_secret(QomObject *obj, const QomProperty *const *props, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((props[i]->flags & QOM_PROPERTY_SENSITIVE) && is_given(obj, props[i])) {
            return true;
        }
    }
    return false;
}

static void dump_member(Dump *dump, QomObject *obj, const QomProperty *prop)
{
    JsonWriterMark mark = json_writer_mark(dump->w);

    json_writer_key(dump->w, prop->name);
    bool written =
        qom_property_is_readable(prop)
            ? qom_property_get(obj, prop->name, dump->w, NULL)
            : qapi_encode(prop->member->type, slot_at(qom_object_config(obj), prop->member->offset),
                          NULL, dump->w, NULL);
    if (!written) {
        json_writer_rollback(dump->w, mark);
    }
}

static void dump_action(Dump *dump, QomObject *obj, const QomProperty *const *props, size_t n)
{
    JsonWriter *w = dump->w;

    json_writer_begin_object(w);
    json_writer_key(w, "type");
    json_writer_string(w, "object-add");
    json_writer_key(w, "data");
    json_writer_begin_object(w);
    json_writer_key(w, "qom-type");
    json_writer_string(w, qom_object_type_name(obj));
    json_writer_key(w, "id");
    json_writer_string(w, qom_object_name(obj));
    for (size_t i = 0; i < n; i++) {
        if (is_given(obj, props[i]) && qom_property_is_writable(props[i])) {
            dump_member(dump, obj, props[i]);
        }
    }
    json_writer_end_object(w);
    json_writer_end_object(w);
}

static void dump_object(Dump *dump, QomObject *obj)
{
    size_t n;

    if (!g_hash_table_add(dump->done, obj)) {
        return;
    }
    const QomProperty *const *props = qom_type_properties(qom_object_type(obj), &n);
    for (size_t i = 0; i < n; i++) {
        QomObject *target =
            props[i]->link_type ? qom_object_resolve_component(obj, props[i]->name) : NULL;
        if (target && qom_object_parent(target) == qom_objects()) {
            dump_object(dump, target);
        }
    }
    if (qom_type_is_creatable(qom_object_type(obj)) && !holds_secret(obj, props, n)) {
        dump_action(dump, obj, props, n);
    }
}

static bool is_of_monitor(const Chardev *chr)
{
    QmpMonitor *monitor;

    TAILQ_FOREACH (monitor, &qmp_server()->monitors, link) {
        if (monitor->chr == chr) {
            return true;
        }
    }
    return false;
}

static bool is_passed_fd(const ChardevBackend *config)
{
    return config->type == CHARDEV_BACKEND_KIND_SOCKET &&
           config->u.socket.data->addr->type == SOCKET_ADDRESS_TYPE_FD;
}

static void dump_chardev(void *opaque, Chardev *chr)
{
    Dump *dump = opaque;
    JsonWriter *w = dump->w;
    const ChardevBackend *config = chardev_config(chr);

    if (is_of_monitor(chr) || is_passed_fd(config)) {
        return;
    }
    json_writer_begin_object(w);
    json_writer_key(w, "type");
    json_writer_string(w, "chardev-add");
    json_writer_key(w, "data");
    json_writer_begin_object(w);
    json_writer_key(w, "id");
    json_writer_string(w, chardev_id(chr));
    json_writer_key(w, "backend");
    qapi_encode(&qapi_type_ChardevBackend, config, NULL, w, NULL);
    json_writer_end_object(w);
    json_writer_end_object(w);
}

void qmp_qomd_dump_config(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    Dump dump = {.w = qmp_call_begin_return(call), .done = g_hash_table_new(NULL, NULL)};
    json_writer_begin_array(dump.w);
    chardev_foreach(dump_chardev, &dump);
    for (QomObject *obj = qom_object_first_child(qom_objects()); obj;
         obj = qom_object_next_sibling(obj)) {
        dump_object(&dump, obj);
    }
    json_writer_end_array(dump.w);
    g_hash_table_unref(dump.done);
    qmp_call_end_return(call);
}
