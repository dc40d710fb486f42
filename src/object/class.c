/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classes and the properties that all instances of a type have.
 *
 * The table of a type's properties is made from its declaration or registration: the parent's
 * properties, the members that its config struct adds to the parent's, refined by its rules, and
 * its run-time properties. Names are unique over all of them. Making the class proper (a copy of
 * the parent's, then class_init) may add more.
 */
#include "object/internal.h"

#include <string.h>

const char *config_type_string(const QapiType *type)
{
    static const char *const scalars[] = {
        [QAPI_KIND_STR] = "string",    [QAPI_KIND_ANY] = "any",       [QAPI_KIND_NULL] = "null",
        [QAPI_KIND_BOOL] = "bool",     [QAPI_KIND_NUMBER] = "number", [QAPI_KIND_INT8] = "int8_t",
        [QAPI_KIND_INT16] = "int16_t", [QAPI_KIND_INT32] = "int32_t", [QAPI_KIND_INT64] = "int",
        [QAPI_KIND_UINT8] = "uint8",   [QAPI_KIND_UINT16] = "uint16", [QAPI_KIND_UINT32] = "uint32",
        [QAPI_KIND_UINT64] = "uint64", [QAPI_KIND_SIZE] = "int",
    };
    if (type->kind == QAPI_KIND_LIST) {
        QapiKind element = type->element->kind;
        bool integers = element >= QAPI_KIND_INT8 && element <= QAPI_KIND_SIZE;
        return integers ? "int" : config_type_string(type->element);
    }
    return type->kind < G_N_ELEMENTS(scalars) ? scalars[type->kind] : type->name;
}

/* --- The table ------------------------------------------------------------------------------- */

static PropertyTable *property_table_new(const PropertyTable *inherited)
{
    PropertyTable *table = g_new0(PropertyTable, 1);
    table->list = g_ptr_array_new();
    table->links = g_ptr_array_new();
    table->owned = g_ptr_array_new_with_free_func(g_free);
    table->strings = g_ptr_array_new_with_free_func(g_free);
    table->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; inherited && i < inherited->list->len; i++) {
        QomProperty *prop = g_ptr_array_index(inherited->list, i);
        g_ptr_array_add(table->list, prop);
        g_hash_table_insert(table->by_name, (char *)prop->name, prop);
    }
    return table;
}

void property_table_free(PropertyTable *table)
{
    g_ptr_array_unref(table->list);
    g_ptr_array_unref(table->links);
    g_ptr_array_unref(table->owned);
    g_ptr_array_unref(table->strings);
    g_hash_table_unref(table->by_name);
    g_free(table);
}

/* Adds a copy of @def. */
static QomProperty *table_add(PropertyTable *table, const QomType *owner, const QomProperty *def,
                              QomError **errp)
{
    if (g_hash_table_contains(table->by_name, def->name)) {
        qom_error_set(errp, "property '%s' is there twice", def->name);
        return NULL;
    }
    QomProperty *prop = g_memdup2(def, sizeof(*def));
    prop->owner = owner;
    g_ptr_array_add(table->owned, prop);
    g_ptr_array_add(table->list, prop);
    g_hash_table_insert(table->by_name, (char *)prop->name, prop);
    return prop;
}

/* Fills in what follows from the member and its rule (or NULL). */
static void refine(PropertyTable *table, QomProperty *prop, const QomPropertyRule *rule)
{
    const QapiMember *member = prop->member;
    prop->rule = rule;
    prop->type = config_type_string(member->type);
    prop->default_json = member->default_json;
    prop->flags = rule ? rule->flags : 0;
    if (!rule) {
        return;
    }
    if (rule->default_json) {
        prop->default_json = rule->default_json;
    }
    if (rule->link) {
        char *text = g_strdup_printf("link<%s>", rule->link);
        g_ptr_array_add(table->strings, text);
        prop->type = text;
        prop->link_type = rule->link;
        prop->link_offset = rule->link_offset;
        prop->link_check = rule->check;
    }
    if (rule->type) {
        prop->type = rule->type;
    }
}

static const QomPropertyRule *find_rule(const QomTypeInfo *info, const char *name)
{
    for (uint32_t i = 0; i < info->n_rules; i++) {
        if (!strcmp(info->rules[i].name, name)) {
            return &info->rules[i];
        }
    }
    return NULL;
}

/* Adds the members of @config that are not in @inherited, bases first. */
static bool add_members(QomType *type, PropertyTable *table, const QapiType *config,
                        const QapiType *inherited, QomError **errp)
{
    if (!config || config == inherited) {
        return true;
    }
    if (!add_members(type, table, config->base, inherited, errp)) {
        return false;
    }
    for (uint32_t i = 0; i < config->n_members; i++) {
        const QapiMember *member = &config->members[i];
        QomProperty def = {
            .name = member->name,
            .description = member->doc,
            .member = member,
            .get = config_get,
        };
        QomProperty *prop = table_add(table, type, &def, errp);
        if (!prop) {
            return false;
        }
        refine(table, prop, find_rule(type->info, member->name));
    }
    return true;
}

/* A rule for an inherited member: this type gets a property of its own in the same place. */
static bool apply_inherited_rules(QomType *type, PropertyTable *table, QomError **errp)
{
    for (uint32_t i = 0; i < type->info->n_rules; i++) {
        const QomPropertyRule *rule = &type->info->rules[i];
        QomProperty *prop = g_hash_table_lookup(table->by_name, rule->name);
        if (!prop || !prop->member) {
            return qom_error_set(errp, "rule for '%s', which is no member of the config",
                                 rule->name);
        }
        if (rule->link && prop->member->type->kind != QAPI_KIND_STR) {
            return qom_error_set(errp, "'%s' is a link but no str", rule->name);
        }
        if (prop->rule == rule) {
            continue;
        }
        QomProperty *own = g_memdup2(prop, sizeof(*prop));
        own->link_type = NULL;
        g_ptr_array_add(table->owned, own);
        refine(table, own, rule);
        guint place = 0;
        g_ptr_array_find(table->list, prop, &place);
        table->list->pdata[place] = own;
        g_hash_table_replace(table->by_name, (char *)own->name, own);
    }
    return true;
}

/* Notes what others want to know about all the properties. */
static void table_survey(PropertyTable *table)
{
    g_ptr_array_set_size(table->links, 0);
    table->rule_defaults = false;
    for (guint i = 0; i < table->list->len; i++) {
        QomProperty *prop = g_ptr_array_index(table->list, i);
        if (prop->link_type) {
            g_ptr_array_add(table->links, prop);
        }
        table->rule_defaults |= prop->rule && prop->rule->default_json;
    }
}

bool type_make_table(QomType *type, QomError **errp)
{
    if (type->table) {
        return true;
    }
    const PropertyTable *inherited = NULL;
    const QapiType *inherited_config = NULL;
    if (type->parent) {
        inherited = type_table(type->parent);
        inherited_config = type->parent->config;
    }
    PropertyTable *table = property_table_new(inherited);
    bool ok = add_members(type, table, type->config, inherited_config, errp) &&
              apply_inherited_rules(type, table, errp);
    for (uint32_t i = 0; ok && i < type->info->n_properties; i++) {
        ok = table_add(table, type, &type->info->properties[i], errp);
    }
    if (!ok) {
        property_table_free(table);
        return false;
    }
    table_survey(table);
    type->table = table;
    return true;
}

PropertyTable *type_table(QomType *type)
{
    type_must_resolve(type);
    bool whole = type->loaded;
    for (const QomType *t = type; t; t = t->parent) {
        whole = whole && t->loaded;
    }
    if (whole) {
        type_class(type);
        return type->table;
    }
    QOM_AUTO_ERROR(err);
    if (!type_make_table(type, &err)) {
        type_fatal(type->info->name, "%s", qom_error_message(err));
    }
    return type->table;
}

/* --- Classes --------------------------------------------------------------------------------- */

QomClass *type_class(QomType *type)
{
    if (type->klass) {
        return type->klass;
    }
    type_must_resolve(type);
    const QomClass *parent = type->parent ? type_class(type->parent) : NULL;
    QOM_AUTO_ERROR(err);
    g_clear_pointer(&type->table, property_table_free);
    QomClass *klass = g_malloc0(type->class_size);
    if (parent) {
        memcpy(klass, parent, type->parent->class_size);
    }
    klass->type = type;
    type->klass = klass;
    if (!type_make_table(type, &err)) {
        type_fatal(type->info->name, "%s", qom_error_message(err));
    }
    if (type->info->class_init) {
        type->info->class_init(klass);
        table_survey(type->table);
    }
    return klass;
}

QomClass *qom_type_class(const QomType *type, QomError **errp)
{
    return qom_type_load(type, errp) ? type_class((QomType *)type) : NULL;
}

static void class_add(QomClass *klass, const QomProperty *def, char *type_text)
{
    QomType *type = (QomType *)klass->type;
    QOM_AUTO_ERROR(err);
    if (type_text) {
        g_ptr_array_add(type->table->strings, type_text);
    }
    if (!table_add(type->table, type, def, &err)) {
        type_fatal(type->info->name, "%s", qom_error_message(err));
    }
}

void qom_class_property_add(QomClass *klass, const QomProperty *def)
{
    class_add(klass, def, NULL);
}

void qom_class_property_add_link(QomClass *klass, const char *name, const char *type,
                                 uint32_t offset, QomPropertyCheck *check, uint32_t flags,
                                 const char *description)
{
    char *text = g_strdup_printf("link<%s>", type);
    QomProperty def = {
        .name = name,
        .type = text,
        .description = description,
        .flags = flags,
        .link_type = type,
        .link_offset = offset,
        .link_check = check,
    };
    class_add(klass, &def, text);
}

/* --- The room's own types ----------------------------------------------------------------------
 */

static bool get_type(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    json_writer_string(writer, qom_object_type_name(obj));
    return true;
}

void type_register_builtin(void)
{
    static const QomProperty object_properties[] = {{
        .name = "type",
        .type = "string",
        .description = "the type of the object",
        .get = get_type,
    }};
    static const QomTypeInfo infos[] = {
        {
            .name = QOM_TYPE_OBJECT,
            .instance_size = sizeof(QomObject),
            .class_size = sizeof(QomClass),
            .abstract = true,
            .properties = object_properties,
            .n_properties = G_N_ELEMENTS(object_properties),
        },
        {.name = QOM_TYPE_INTERFACE, .abstract = true},
        {.name = QOM_TYPE_CONTAINER, .parent = QOM_TYPE_OBJECT},
        {.name = QOM_TYPE_USER_CREATABLE, .parent = QOM_TYPE_INTERFACE, .abstract = true},
        {.name = "machine", .parent = QOM_TYPE_OBJECT, .abstract = true},
        {.name = "none-machine", .parent = "machine"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(infos); i++) {
        qom_type_register(&infos[i]);
    }
}
