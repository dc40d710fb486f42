/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Properties that are members of the config struct inside the object.
 *
 * A new value is decoded beside the old one, checked, and exchanged with it, so that a failure at
 * any point leaves the object as it was. At creation the whole struct is decoded beside the object
 * and what was given moves in, so that defaults which the type's instance_init has set survive.
 */
#include "object/internal.h"

#include "qapi/engine.h"

#include <string.h>

static bool is_text(const QapiType *type)
{
    return type->kind == QAPI_KIND_STR || type->kind == QAPI_KIND_ANY;
}

/* Bytes that a member of the type takes in its struct. */
static size_t slot_size(const QapiType *type)
{
    return type_is_boxed(type) ? sizeof(void *) : type->size;
}

/* The value behind a member's slot: the struct itself for boxed ones. */
static void *slot_value(const QapiType *type, void *slot)
{
    return type_is_boxed(type) ? *(void **)slot : slot;
}

static void slot_clear(const QapiType *type, void *slot)
{
    if (!type_is_boxed(type)) {
        qapi_clear(type, slot);
        return;
    }
    void **boxed = slot;
    if (*boxed) {
        qapi_clear(type, *boxed);
        g_clear_pointer(boxed, g_free);
    }
}

/* Whether an object of the config struct has the member. */
static bool is_present(const QapiMember *member, const void *config)
{
    const char *base = config;
    if (member->flag_offset != QAPI_NO_FLAG) {
        return *(const bool *)(base + member->flag_offset);
    }
    if (type_is_boxed(member->type) || is_text(member->type)) {
        return *(void *const *)(base + member->offset) != NULL;
    }
    return true;
}

static void set_present(const QapiMember *member, void *config, bool present)
{
    if (member->flag_offset != QAPI_NO_FLAG) {
        *(bool *)slot_at(config, member->flag_offset) = present;
    }
}

/* --- Reading --------------------------------------------------------------------------------- */

bool config_get(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    const QapiType *type = prop->member->type;
    if (prop->rule && prop->rule->get) {
        return prop->rule->get(obj, prop, writer, errp);
    }
    if (prop->flags & QOM_PROPERTY_SENSITIVE) {
        json_writer_string(writer, "");
        return true;
    }
    void *slot = slot_at(qom_object_config(obj), prop->member->offset);
    const void *value = slot_value(type, slot);
    if (value && !(is_text(type) && !*(char **)slot)) {
        return qapi_encode(type, value, NULL, writer, errp);
    }
    if (type->kind == QAPI_KIND_STR) {
        json_writer_string(writer, "");
    } else {
        json_writer_null(writer);
    }
    return true;
}

/* --- One value ------------------------------------------------------------------------------- */

/* Follows the path of a link and checks the target; a reference to it goes to @target. */
static bool check_link(QomObject *obj, const QomProperty *prop, const char *path,
                       QomObject **target, QomError **errp)
{
    QomObject *found;
    if (!link_resolve(prop, path, &found, errp) ||
        (prop->link_check && !prop->link_check(obj, &found, errp))) {
        return false;
    }
    *target = found ? qom_object_ref(found) : NULL;
    return true;
}

static bool check_value(QomObject *obj, const QomProperty *prop, void *slot, QomObject **target,
                        QomError **errp)
{
    if (prop->link_type) {
        return check_link(obj, prop, *(char **)slot, target, errp);
    }
    return !prop->rule || !prop->rule->check ||
           prop->rule->check(obj, slot_value(prop->member->type, slot), errp);
}

bool config_value_decode(QomObject *obj, const QomProperty *prop, const JsonTape *tape,
                         uint32_t node, ConfigValue *value, QomError **errp)
{
    const QapiType *type = prop->member->type;
    QapiDecode how = {.path = prop->name};
    void *box = type_is_boxed(type) ? g_malloc0(MAX(type->size, 1)) : NULL;
    *value = (ConfigValue){.present = true};
    if (!qapi_decode(&how, type, tape, node, box ? box : &value->u, errp)) {
        g_free(box);
        return false;
    }
    if (box) {
        value->u.pointer = box;
    }
    if (!check_value(obj, prop, &value->u, &value->target, errp)) {
        config_value_clear(prop, value);
        return false;
    }
    return true;
}

void config_value_swap(QomObject *obj, const QomProperty *prop, ConfigValue *value)
{
    const QapiMember *member = prop->member;
    void *config = qom_object_config(obj);
    void *slot = slot_at(config, member->offset);
    ConfigValue old = {.present = is_present(member, config)};
    size_t size = slot_size(member->type);
    memcpy(&old.u, slot, size);
    memcpy(slot, &value->u, size);
    set_present(member, config, value->present);
    if (prop->link_type) {
        QomObject *target = link_target(obj, prop);
        old.target = target ? qom_object_ref(target) : NULL;
        link_store(obj, prop, value->target);
        qom_object_unref(value->target);
    }
    *value = old;
}

void config_value_clear(const QomProperty *prop, ConfigValue *value)
{
    slot_clear(prop->member->type, &value->u);
    qom_object_unref(value->target);
    value->target = NULL;
}

/* --- The whole struct ------------------------------------------------------------------------ */

void config_init(QomObject *obj)
{
    const QomType *type = obj->klass->type;
    void *config = qom_object_config(obj);
    if (!config) {
        return;
    }
    qapi_set_defaults(type->config, config);
    if (!type->table->rule_defaults) {
        return;
    }
    for (guint i = 0; i < type->table->list->len; i++) {
        const QomProperty *prop = g_ptr_array_index(type->table->list, i);
        if (!prop->rule || !prop->rule->default_json) {
            continue;
        }
        const QapiType *kind = prop->member->type;
        void *slot = slot_at(config, prop->member->offset);
        slot_clear(kind, slot);
        void *value = slot;
        if (type_is_boxed(kind)) {
            value = *(void **)slot = g_malloc0(MAX(kind->size, 1));
        }
        const char *json = prop->rule->default_json;
        QOM_AUTO_ERROR(err);
        if (!qapi_decode_json(&(QapiDecode){.path = prop->name}, kind, json, strlen(json), value,
                              &err)) {
            type_fatal(type->info->name, "default %s: %s", json, qom_error_message(err));
        }
    }
}

void config_clear(QomObject *obj)
{
    void *config = qom_object_config(obj);
    if (config) {
        qapi_clear(obj->klass->type->config, config);
    }
}

/* Moves one member from @decoded into the object's config; false if it was not given. */
static bool move_member(const QapiMember *member, void *config, void *decoded)
{
    if (!is_present(member, decoded)) {
        return false;
    }
    void *slot = slot_at(config, member->offset);
    void *source = slot_at(decoded, member->offset);
    size_t size = slot_size(member->type);
    slot_clear(member->type, slot);
    memcpy(slot, source, size);
    memset(source, 0, size);
    set_present(member, config, true);
    set_present(member, decoded, false);
    return true;
}

/* The checks that a value given at creation has to pass. */
static bool check_given(QomObject *obj, const QomProperty *prop, QomError **errp)
{
    if (prop->flags & QOM_PROPERTY_READONLY) {
        return qom_error_set(errp, "Property '%s.%s' is not writable", qom_object_type_name(obj),
                             prop->name);
    }
    QomObject *target = NULL;
    void *slot = slot_at(qom_object_config(obj), prop->member->offset);
    if (!check_value(obj, prop, slot, &target, errp)) {
        return false;
    }
    if (prop->link_type) {
        link_store(obj, prop, target);
        qom_object_unref(target);
    }
    return true;
}

bool config_adopt(QomObject *obj, void *decoded, QomError **errp)
{
    const GPtrArray *list = obj->klass->type->table->list;
    void *config = qom_object_config(obj);
    g_autofree bool *given = g_new0(bool, list->len);
    for (guint i = 0; i < list->len; i++) {
        const QomProperty *prop = g_ptr_array_index(list, i);
        given[i] = prop->member && move_member(prop->member, config, decoded);
    }
    for (guint i = 0; i < list->len; i++) {
        if (given[i] && !check_given(obj, g_ptr_array_index(list, i), errp)) {
            return false;
        }
    }
    return true;
}

bool config_check_mandatory(QomObject *obj, QomError **errp)
{
    const GPtrArray *list = obj->klass->type->table->list;
    for (guint i = 0; i < list->len; i++) {
        const QomProperty *prop = g_ptr_array_index(list, i);
        if (qom_property_is_mandatory(prop) && !is_present(prop->member, qom_object_config(obj))) {
            return qom_error_set(errp, "Parameter '%s' is missing", prop->name);
        }
    }
    return true;
}
