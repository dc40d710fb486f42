/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Properties of objects: finding, listing, reading, and changing in steps.
 *
 * What a name stands for is looked for in the class's table, among the dynamic properties, and
 * among the children; names are unique over the three. Where a value lives decides who handles it:
 * a member of the config struct (config.c), a link or an alias (link.c), or functions of the type.
 */
#include "object/internal.h"

#include <string.h>

/* --- Finding --------------------------------------------------------------------------------- */

QomProperty *object_dynamic_find(const QomObject *obj, const char *name)
{
    GPtrArray *dynamic = obj->extras ? obj->extras->dynamic : NULL;
    for (guint i = 0; dynamic && i < dynamic->len; i++) {
        QomProperty *prop = g_ptr_array_index(dynamic, i);
        if (!strcmp(prop->name, name)) {
            return prop;
        }
    }
    return NULL;
}

static QomPropertyView view_of_property(const QomProperty *prop)
{
    return (QomPropertyView){.name = prop->name, .type = prop->type, .prop = prop};
}

static QomPropertyView view_of_child(QomObject *child)
{
    return (QomPropertyView){
        .name = child->name, .type = child->klass->type->child_type, .child = child};
}

bool qom_object_find_property(QomObject *obj, const char *name, QomPropertyView *view,
                              QomError **errp)
{
    const QomProperty *prop = g_hash_table_lookup(obj->klass->type->table->by_name, name);
    if (!prop) {
        prop = object_dynamic_find(obj, name);
    }
    if (prop) {
        *view = view_of_property(prop);
        return true;
    }
    QomObject *child = qom_object_child(obj, name);
    if (child) {
        *view = view_of_child(child);
        return true;
    }
    return qom_error_set(errp, "Property '%s.%s' not found", qom_object_type_name(obj), name);
}

void qom_object_foreach_property(QomObject *obj,
                                 bool (*fn)(const QomPropertyView *view, void *opaque),
                                 void *opaque)
{
    GPtrArray *lists[] = {obj->klass->type->table->list, obj->extras ? obj->extras->dynamic : NULL};
    for (size_t k = 0; k < G_N_ELEMENTS(lists); k++) {
        for (guint i = 0; lists[k] && i < lists[k]->len; i++) {
            QomPropertyView view = view_of_property(g_ptr_array_index(lists[k], i));
            if (!fn(&view, opaque)) {
                return;
            }
        }
    }
    for (QomObject *child = qom_object_first_child(obj); child; child = child->next) {
        QomPropertyView view = view_of_child(child);
        if (!fn(&view, opaque)) {
            return;
        }
    }
}

/* What an alias stands for, now; NULL if its target is gone. */
static const QomProperty *behind_alias(const QomProperty *prop)
{
    QomPropertyView view = view_of_property(prop);
    QomObject *obj = NULL;
    return alias_follow(&obj, &view) ? view.prop : NULL;
}

bool qom_property_is_readable(const QomProperty *prop)
{
    if (prop->alias) {
        const QomProperty *target = behind_alias(prop);
        return !target || qom_property_is_readable(target);
    }
    if (prop->flags & QOM_PROPERTY_WRITEONLY) {
        return false;
    }
    return prop->get || prop->link_type || (prop->owner && !prop->owner->loaded);
}

bool qom_property_is_writable(const QomProperty *prop)
{
    if (prop->alias) {
        const QomProperty *target = behind_alias(prop);
        return target && qom_property_is_writable(target);
    }
    if (prop->flags & QOM_PROPERTY_READONLY) {
        return false;
    }
    if (prop->member || (prop->owner && !prop->owner->loaded)) {
        return true;
    }
    return prop->link_type ? prop->link_check != NULL : prop->set != NULL;
}

bool qom_property_is_live(const QomProperty *prop)
{
    return qom_property_is_writable(prop) && (!prop->member || (prop->flags & QOM_PROPERTY_LIVE));
}

bool qom_property_is_mandatory(const QomProperty *prop)
{
    return prop->member && !prop->member->optional;
}

/* --- Dynamic properties ------------------------------------------------------------------------
 */

bool property_add(QomObject *obj, const QomProperty *def, QomError **errp)
{
    if (object_name_taken(obj, def->name)) {
        return object_duplicate_error(obj, def->name, errp);
    }
    QomExtras *extras = object_extras(obj);
    if (!extras->dynamic) {
        extras->dynamic = g_ptr_array_new();
    }
    QomProperty *prop = g_memdup2(def, sizeof(*def));
    prop->name = g_strdup(def->name);
    prop->type = g_strdup(def->type);
    prop->description = g_strdup(def->description);
    prop->default_json = g_strdup(def->default_json);
    prop->link_type = g_strdup(def->link_type);
    g_ptr_array_add(extras->dynamic, prop);
    if (prop->link_type && !prop->link_slot) {
        prop->link_slot = (QomObject **)&prop->opaque;
    }
    if (prop->link_type && *prop->link_slot) {
        QomObject *target = *prop->link_slot;
        *prop->link_slot = NULL;
        link_store(obj, prop, target);
    }
    return true;
}

bool qom_object_property_add(QomObject *obj, const QomProperty *def, QomError **errp)
{
    return property_add(obj, def, errp);
}

void property_release(QomObject *obj, QomProperty *prop, Graveyard *graves)
{
    if (prop->link_type) {
        link_drop(obj, prop, graves);
    }
    if (prop->alias) {
        tree_link_index_remove(prop->name, obj);
        alias_free(prop->alias);
    }
    if (prop->release) {
        prop->release(obj, prop);
    }
    g_free((char *)prop->name);
    g_free((char *)prop->type);
    g_free((char *)prop->description);
    g_free((char *)prop->default_json);
    g_free((char *)prop->link_type);
    g_free(prop);
}

bool qom_object_property_remove(QomObject *obj, const char *name)
{
    QomProperty *prop = object_dynamic_find(obj, name);
    if (!prop) {
        return false;
    }
    Graveyard graves = {};
    g_ptr_array_remove(obj->extras->dynamic, prop);
    property_release(obj, prop, &graves);
    graves_drain(&graves);
    return true;
}

/* --- Reading --------------------------------------------------------------------------------- */

bool qom_property_get(QomObject *obj, const char *name, JsonWriter *writer, QomError **errp)
{
    QomPropertyView view;
    const char *type_name = qom_object_type_name(obj);
    if (!qom_object_find_property(obj, name, &view, errp)) {
        return false;
    }
    if (!alias_follow(&obj, &view) || (view.prop && !qom_property_is_readable(view.prop))) {
        return qom_error_set(errp, "Property '%s.%s' is not readable", type_name, name);
    }
    if (view.child) {
        g_autofree char *path = qom_object_path(view.child);
        json_writer_string(writer, path ? path : "");
        return true;
    }
    if (view.prop->link_type) {
        link_write(obj, view.prop, writer);
        return true;
    }
    JsonWriterMark mark = json_writer_mark(writer);
    if (!view.prop->get(obj, view.prop, writer, errp)) {
        json_writer_rollback(writer, mark);
        return false;
    }
    return true;
}

/* --- Changing -------------------------------------------------------------------------------- */

struct QomPropertyChange {
    QomObject *obj; /* holds a reference */
    const QomProperty *prop;
    ConfigValue old; /* of a config member */
    QomUse *use;     /* while a worker may be applying it */
    bool applies;    /* apply has to run */
    bool failed;
};

/* "Property '...' can no longer be set" in the words of the class. */
static bool not_live_error(QomObject *obj, const char *name, QomError **errp)
{
    const char *text = obj->klass->not_live_text;
    const char *values[] = {name, qom_object_type_name(obj)};
    g_auto(GStrv) pieces = g_strsplit(text ? text : "Property '%s' can no longer be set", "%s",
                                      1 + G_N_ELEMENTS(values));
    g_autoptr(GString) message = g_string_new(pieces[0]);
    for (size_t i = 0; i < G_N_ELEMENTS(values) && pieces[i + 1]; i++) {
        g_string_append(message, values[i]);
        g_string_append(message, pieces[i + 1]);
    }
    return qom_error_set(errp, "%s", message->str);
}

/* Whether @prop of @obj may be set now. @name and @type_name are what the caller said. */
static bool check_settable(QomObject *obj, const QomPropertyView *view, const char *type_name,
                           const char *name, QomError **errp)
{
    if (view->child || !qom_property_is_writable(view->prop)) {
        return qom_error_set(errp, "Property '%s.%s' is not writable", type_name, name);
    }
    if (qom_object_is_completed(obj) && !qom_property_is_live(view->prop)) {
        return not_live_error(obj, name, errp);
    }
    if (obj->flags & OBJECT_CHANGING) {
        return qom_error_set(errp,
                             "Property '%s.%s' cannot be set while another change of the "
                             "object is under way",
                             type_name, name);
    }
    return true;
}

/* Decodes, checks and stores. */
static bool change_store(QomPropertyChange *change, const JsonTape *tape, uint32_t node,
                         QomError **errp)
{
    QomObject *obj = change->obj;
    const QomProperty *prop = change->prop;
    if (prop->member) {
        if (!config_value_decode(obj, prop, tape, node, &change->old, errp)) {
            return false;
        }
        config_value_swap(obj, prop, &change->old);
        change->applies = prop->rule && prop->rule->apply && qom_object_is_completed(obj);
        return true;
    }
    return prop->link_type ? link_set(obj, prop, tape, node, errp)
                           : prop->set(obj, prop, tape, node, errp);
}

QomPropertyChange *qom_property_change_begin(QomObject *obj, const char *name, const JsonTape *tape,
                                             uint32_t node, QomError **errp)
{
    QomPropertyView view;
    const char *type_name = qom_object_type_name(obj);
    if (!qom_object_find_property(obj, name, &view, errp)) {
        return NULL;
    }
    if (!alias_follow(&obj, &view)) {
        qom_error_set(errp, "Property '%s.%s' is not writable", type_name, name);
        return NULL;
    }
    if (!check_settable(obj, &view, type_name, name, errp)) {
        return NULL;
    }
    QomPropertyChange *change = g_new0(QomPropertyChange, 1);
    change->obj = qom_object_ref(obj);
    change->prop = view.prop;
    if (!change_store(change, tape, node, errp)) {
        qom_object_unref(obj);
        g_free(change);
        return NULL;
    }
    if (qom_property_change_blocks(change)) {
        obj->flags |= OBJECT_CHANGING;
        change->use = qom_object_use(obj, obj, view.name, "change");
    }
    return change;
}

bool qom_property_change_blocks(const QomPropertyChange *change)
{
    return change->applies && (change->prop->flags & QOM_PROPERTY_BLOCKS);
}

bool qom_property_change_apply(QomPropertyChange *change, QomError **errp)
{
    change->failed = change->applies && !change->prop->rule->apply(change->obj, errp);
    return !change->failed;
}

void qom_property_change_end(QomPropertyChange *change)
{
    QomObject *obj = change->obj;
    if (change->use) {
        obj->flags &= ~OBJECT_CHANGING;
        qom_object_unuse(change->use);
    }
    if (change->failed) {
        config_value_swap(obj, change->prop, &change->old);
    }
    if (change->prop->member) {
        config_value_clear(change->prop, &change->old);
    }
    if (!change->failed) {
        qom_object_notify(obj, change->prop->name);
    }
    qom_object_unref(obj);
    g_free(change);
}

bool qom_property_set(QomObject *obj, const char *name, const JsonTape *tape, uint32_t node,
                      QomError **errp)
{
    QomPropertyChange *change = qom_property_change_begin(obj, name, tape, node, errp);
    if (!change) {
        return false;
    }
    bool ok = qom_property_change_apply(change, errp);
    qom_property_change_end(change);
    return ok;
}
