/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An object is a view of a Chardev. It may outlive it in somebody's hands; its properties then say
 * what a socket without a connection says.
 */
#include "chardev/object.h"

#include "chardev/backend.h"
#include "io/socket.h"
#include "qom/json.h"
#include "qom/object.h"

typedef struct ChardevObject {
    QomObject obj;
    Chardev *chr; /* NULL: it is gone */
} ChardevObject;

static bool get_connected(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                          QomError **errp)
{
    Chardev *chr = ((ChardevObject *)obj)->chr;
    json_writer_bool(writer, chr && chardev_connected(chr));
    return true;
}

static bool get_addr(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    Chardev *chr = ((ChardevObject *)obj)->chr;
    SocketAddress *address = NULL;
    if (chr) {
        g_mutex_lock(&chr->lock);
        address = chr->address ? io_address_copy(chr->address) : NULL;
        g_mutex_unlock(&chr->lock);
    }
    if (!address) {
        return qom_error_set(errp, "The character device has no address any more");
    }
    bool ok = qapi_encode(&qapi_type_SocketAddress, address, NULL, writer, errp);
    io_address_free(address);
    return ok;
}

static const QomProperty socket_properties[] = {
    {
        .name = "connected",
        .type = "bool",
        .description = "A peer is connected",
        .flags = QOM_PROPERTY_READONLY,
        .get = get_connected,
    },
    {
        .name = "addr",
        .type = "SocketAddress",
        .description = "Where it listens, with the real port, or what it connects to",
        .flags = QOM_PROPERTY_READONLY,
        .get = get_addr,
    },
};

#define KIND(kind, parent_kind)                                   \
    {                                                             \
        .name = "chardev-" kind, .parent = "chardev" parent_kind, \
        .instance_size = sizeof(ChardevObject),                   \
    }

static const QomTypeInfo infos[] = {
    {
        .name = "chardev",
        .parent = QOM_TYPE_OBJECT,
        .instance_size = sizeof(ChardevObject),
        .abstract = true,
        .description = "Character device",
    },
    KIND("file", ""),
    KIND("null", ""),
    KIND("stdio", ""),
    KIND("ringbuf", ""),
    KIND("memory", "-ringbuf"),
    {
        .name = "chardev-socket",
        .parent = "chardev",
        .instance_size = sizeof(ChardevObject),
        .properties = socket_properties,
        .n_properties = G_N_ELEMENTS(socket_properties),
    },
};

void chardev_register_types(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(infos); i++) {
        qom_type_register(&infos[i]);
    }
}

bool chr_object_add(Chardev *chr, QomError **errp)
{
    g_autofree char *type =
        g_strdup_printf("chardev-%s", ChardevBackendKind_name(chr->backend->ops->kind));
    QOM_AUTO_UNREF QomObject *obj = qom_object_new(type);
    if (!qom_object_add_child(qom_chardevs(), chr->id, obj, errp)) {
        return false;
    }
    ((ChardevObject *)obj)->chr = chr;
    chr->object = obj; /* the tree holds it */
    return true;
}

void chr_object_remove(Chardev *chr)
{
    if (chr->object) {
        ((ChardevObject *)chr->object)->chr = NULL;
        qom_object_unparent(chr->object);
        chr->object = NULL;
    }
}

static void notify_main(void *opaque)
{
    QomObject *obj = opaque;
    qom_object_notify(obj, "connected");
    qom_object_unref(obj);
}

void chr_object_notify(Chardev *chr)
{
    if (!chr->object || !chr->backend->ops->is_socket) {
        return;
    }
    if (loop_current() && loop_current() != loop_main()) {
        loop_post(loop_main(), notify_main, qom_object_ref(chr->object));
    } else {
        qom_object_notify(chr->object, "connected");
    }
}
