/* SPDX-License-Identifier: BSD-3-Clause */
/* See live.h. */
#include "client/live.h"

#include "client/client.h"

#include <string.h>

static void answer_clear(gpointer data)
{
    json_tape_free(((Answer *)data)->tape);
}

static void answer_free(gpointer data)
{
    answer_clear(data);
    g_free(data);
}

/* --- Reading --------------------------------------------------------------------------------- */

static bool read_objects(Live *live, Connection *c, QomError **errp)
{
    static const SnapshotHow how = {.depth = 1, .values = true};
    QOM_AUTO_ERROR(err);

    live->snapshot = snapshot_read(c, "/objects", &how, &err);
    if (!live->snapshot) {
        /* QEMU makes the place with the first object. */
        return qom_error_class(err) == QOM_ERROR_DEVICE_NOT_FOUND ||
               qom_error_propagate(errp, g_steal_pointer(&err));
    }
    const GPtrArray *children = live->snapshot->root->children;
    for (guint i = 0; i < children->len; i++) {
        Object *o = children->pdata[i];
        g_hash_table_insert(live->objects, (gpointer)object_name(o), o);
    }
    return true;
}

/* Asks for all types of objects that @wanted may change, once each, and takes the answers. */
static bool read_types(Live *live, Connection *c, const Config *wanted, QomError **errp)
{
    g_autoptr(GPtrArray) asked = g_ptr_array_new();
    for (guint i = 0; i < wanted->entries->len; i++) {
        const Entry *entry = &g_array_index(wanted->entries, Entry, i);
        Object *o =
            entry->kind == ENTRY_OBJECT ? g_hash_table_lookup(live->objects, entry->id) : NULL;
        if (o && !g_hash_table_contains(live->types, o->type)) {
            g_hash_table_insert(live->types, g_strdup(o->type), g_new0(Answer, 1));
            g_ptr_array_add(asked, o->type);
            connection_send_strings(c, "qomd-describe-type", "typename", o->type, NULL);
        }
    }
    for (guint i = 0; i < asked->len; i++) {
        QOM_AUTO_ERROR(err);
        Answer *answer = g_hash_table_lookup(live->types, asked->pdata[i]);
        answer->tape = connection_receive(c, &answer->value, &err);
        if (connection_broken(c)) {
            return qom_error_propagate(errp, g_steal_pointer(&err));
        }
    }
    return true;
}

static bool read_sets(Live *live, Connection *c, const Config *wanted, QomError **errp)
{
    guint n = 0;
    for (guint i = 0; i < wanted->entries->len; i++) {
        const Entry *entry = &g_array_index(wanted->entries, Entry, i);
        if (entry->kind == ENTRY_SET) {
            connection_send_strings(c, "qom-get", "path", entry->id, "property", entry->type, NULL);
            n++;
        }
    }
    for (; n > 0; n--) {
        QOM_AUTO_ERROR(err);
        Answer answer;
        answer.tape = connection_receive(c, &answer.value, &err);
        g_array_append_val(live->sets, answer);
        if (connection_broken(c)) {
            return qom_error_propagate(errp, g_steal_pointer(&err));
        }
    }
    return true;
}

/* Whether *err, which then goes, is none or tells that the server does not have the command. */
static bool may_lack(const Connection *c, QomError **err)
{
    if (*err && (connection_broken(c) || qom_error_class(*err) != QOM_ERROR_COMMAND_NOT_FOUND)) {
        return false;
    }
    g_clear_pointer(err, qom_error_free);
    return true;
}

static bool read_given(Live *live, Connection *c, QomError **errp)
{
    JsonTok list;
    QOM_AUTO_ERROR(given_err);
    QOM_AUTO_ERROR(err);
    Answer *chardevs = &live->query_chardev;

    connection_send(c, "qomd-dump-config", NULL);
    connection_send(c, "query-chardev", NULL);
    JsonTape *tape = connection_receive(c, &list, &given_err);
    chardevs->tape = connection_receive(c, &chardevs->value, &err);
    if (tape && !(live->given = config_new(tape, list, &given_err))) {
        qom_error_prefix(&given_err, "qomd-dump-config: ");
    }
    if (!may_lack(c, &given_err)) {
        return qom_error_propagate(errp, g_steal_pointer(&given_err));
    }
    if (!may_lack(c, &err)) {
        return qom_error_propagate(errp, g_steal_pointer(&err));
    }
    if (!chardevs->tape || json_tape_type(chardevs->tape, chardevs->value) != JSON_ARRAY) {
        return true;
    }
    for (JsonTok t = json_tape_first(chardevs->tape, chardevs->value); t != JSON_NONE;
         t = json_tape_next(chardevs->tape, chardevs->value, t)) {
        g_hash_table_add(live->chardevs, (gpointer)client_member(chardevs->tape, t, "label"));
    }
    return true;
}

Live *live_read(Connection *c, const Config *wanted, QomError **errp)
{
    Live *live = g_new0(Live, 1);

    live->objects = g_hash_table_new(g_str_hash, g_str_equal);
    live->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, answer_free);
    live->chardevs = g_hash_table_new(g_str_hash, g_str_equal);
    live->sets = g_array_new(FALSE, FALSE, sizeof(Answer));
    g_array_set_clear_func(live->sets, answer_clear);
    if (!read_objects(live, c, errp) || !read_given(live, c, errp) ||
        (wanted && (!read_types(live, c, wanted, errp) || !read_sets(live, c, wanted, errp)))) {
        g_clear_pointer(&live, live_free);
    }
    return live;
}

void live_free(Live *live)
{
    if (live) {
        g_hash_table_unref(live->objects);
        g_hash_table_unref(live->types);
        g_hash_table_unref(live->chardevs);
        g_array_free(live->sets, TRUE);
        snapshot_free(live->snapshot);
        config_free(live->given);
        answer_clear(&live->query_chardev);
        g_free(live);
    }
}

/* --- Looking --------------------------------------------------------------------------------- */

LiveProperty live_property(const Live *live, const char *type, const char *name)
{
    LiveProperty found = {.fallback = JSON_NONE};
    const Answer *answer = g_hash_table_lookup(live->types, type);
    const JsonTape *tape = answer ? answer->tape : NULL;

    if (!tape || json_tape_type(tape, answer->value) != JSON_OBJECT) {
        return found;
    }
    JsonTok list = json_tape_find(tape, answer->value, "properties");
    if (list == JSON_NONE || json_tape_type(tape, list) != JSON_ARRAY) {
        return found;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        if (json_tape_type(tape, t) == JSON_OBJECT &&
            !strcmp(client_member(tape, t, "name"), name)) {
            return (LiveProperty){true, client_flag(tape, t, "live", false),
                                  json_tape_find(tape, t, "default"), tape};
        }
    }
    return found;
}

const Property *live_find(const Object *object, const char *name)
{
    for (guint i = 0; i < object->properties->len; i++) {
        const Property *p = &g_array_index(object->properties, Property, i);
        if (!strcmp(p->name, name)) {
            return p;
        }
    }
    return NULL;
}

static void user_clear(gpointer data)
{
    LiveUser *user = data;
    g_free(user->path);
    g_free(user->property);
}

static void add_user(GArray *users, const char *path, const char *property)
{
    LiveUser user = {g_strdup(path), *property ? g_strdup(property) : NULL};
    g_array_append_val(users, user);
}

/* The links among what was read that lead to @path. */
static void add_linked(GArray *users, const Live *live, const char *path)
{
    const GPtrArray *children = live->snapshot->root->children;
    for (guint i = 0; i < children->len; i++) {
        const Object *o = children->pdata[i];
        for (guint k = 0; k < o->properties->len; k++) {
            const Property *p = &g_array_index(o->properties, Property, k);
            if (property_is_link(p->type) && p->tape &&
                json_tape_type(p->tape, p->value) == JSON_STRING &&
                json_tok_equals(p->tape, p->value, path)) {
                add_user(users, o->path, p->name);
            }
        }
    }
}

GArray *live_users(Connection *c, const Live *live, const char *id)
{
    GArray *users = g_array_new(FALSE, FALSE, sizeof(LiveUser));
    g_autofree char *path = g_strconcat("/objects/", id, NULL);
    JsonTok list;
    JSON_AUTO_TAPE(tape);

    g_array_set_clear_func(users, user_clear);
    connection_send_strings(c, "qomd-users", "path", path, NULL);
    tape = connection_receive_list(c, &list, NULL);
    if (!tape) {
        add_linked(users, live, path);
        return users;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        add_user(users, client_member(tape, t, "path"), client_member(tape, t, "property"));
    }
    return users;
}
