/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mount_class.h. Our servers tell of each property whether it can be read and set
 * (qomd-describe-type); QEMU tells names and types only (qom-list-properties), and then everything
 * but `type` may be settable until an attempt shows that it is not.
 */
#include "client/mount_class.h"

#include "client/client.h"

#include <string.h>

struct MountClasses {
    GHashTable *types; /* name -> GHashTable of name -> MountProperty */
    bool plain;        /* the server has no qomd-describe-type */
};

static void property_free(gpointer data)
{
    MountProperty *p = data;
    g_free(p->type);
    g_free(p);
}

MountClasses *mount_classes_new(void)
{
    MountClasses *classes = g_new0(MountClasses, 1);
    classes->types =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
    return classes;
}

void mount_classes_free(MountClasses *classes)
{
    if (classes) {
        g_hash_table_unref(classes->types);
        g_free(classes);
    }
}

/* Adds the properties in an array of {name, type, readable?, live?}. */
static void add_properties(GHashTable *properties, const JsonTape *tape, JsonTok list)
{
    if (list == JSON_NONE || json_tape_type(tape, list) != JSON_ARRAY) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        const char *name = client_member(tape, t, "name");
        if (!*name) {
            continue;
        }
        MountProperty *p = g_new0(MountProperty, 1);
        p->type = g_strdup(client_member(tape, t, "type"));
        p->readable = client_flag(tape, t, "readable", true);
        p->writable = client_flag(tape, t, "live", strcmp(name, "type") != 0);
        g_hash_table_replace(properties, g_strdup(name), p);
    }
}

static void ask_plain(Connection *c, const char *type, GHashTable *properties)
{
    JsonTok list;
    JSON_AUTO_TAPE(tape);

    connection_send_strings(c, "qom-list-properties", "typename", type, NULL);
    tape = connection_receive(c, &list, NULL);
    if (tape) {
        add_properties(properties, tape, list);
    }
}

static void ask(MountClasses *classes, Connection *c, const char *type, GHashTable *properties)
{
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    if (classes->plain) {
        ask_plain(c, type, properties);
        return;
    }
    connection_send_strings(c, "qomd-describe-type", "typename", type, NULL);
    tape = connection_receive(c, &value, &err);
    if (tape && json_tape_type(tape, value) == JSON_OBJECT) {
        add_properties(properties, tape, json_tape_find(tape, value, "properties"));
    } else if (err && qom_error_class(err) == QOM_ERROR_COMMAND_NOT_FOUND) {
        classes->plain = true;
        ask_plain(c, type, properties);
    }
}

const MountProperty *mount_classes_find(MountClasses *classes, Connection *c, const char *type,
                                        const char *name)
{
    GHashTable *properties = g_hash_table_lookup(classes->types, type);
    if (!properties) {
        properties = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, property_free);
        g_hash_table_insert(classes->types, g_strdup(type), properties);
        ask(classes, c, type, properties);
    }
    return g_hash_table_lookup(properties, name);
}
