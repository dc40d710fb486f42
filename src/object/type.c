/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registry of types.
 *
 * A type is known by name from its registration or declaration on and is resolved at its first use:
 * then its parent must exist, its sizes, config and interfaces are worked out, and do not change
 * any more. A declared type is one whose code is in a module: it can be resolved, and introspected,
 * but has no class until the loader has brought the code, which registers the same name.
 */
#include "base/log.h"
#include "object/internal.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_INTERFACES = 32 };

typedef struct TypeRegistry {
    GHashTable *types;   /* const char * -> QomType * */
    GHashTable *aliases; /* const char * -> const char * */
    QomTypeLoader *loader;
    void *loader_opaque;
} TypeRegistry;

/* The only one. */
static TypeRegistry *registry(void)
{
    static TypeRegistry the_registry;
    if (!the_registry.types) {
        the_registry.types = g_hash_table_new(g_str_hash, g_str_equal);
        the_registry.aliases = g_hash_table_new(g_str_hash, g_str_equal);
        type_register_builtin();
    }
    return &the_registry;
}

void type_fatal(const char *name, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    log_error("type '%s': %s", name, text);
    abort();
}

/* At least two characters of A-Za-z0-9-_. and first a letter or a digit that is not 0. */
static bool name_is_legal(const char *name)
{
    if (!name || !g_ascii_isalnum(name[0]) || name[0] == '0' || !name[1]) {
        return false;
    }
    for (const char *p = name; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-_.", *p)) {
            return false;
        }
    }
    return true;
}

QomType *type_lookup(const char *name)
{
    TypeRegistry *reg = registry();
    QomType *type = g_hash_table_lookup(reg->types, name);
    if (!type) {
        const char *real = g_hash_table_lookup(reg->aliases, name);
        type = real ? g_hash_table_lookup(reg->types, real) : NULL;
    }
    return type;
}

void type_foreach(void (*fn)(QomType *type, void *opaque), void *opaque)
{
    GHashTableIter iter;
    void *type;
    g_hash_table_iter_init(&iter, registry()->types);
    while (g_hash_table_iter_next(&iter, NULL, &type)) {
        fn(type, opaque);
    }
}

const char *type_alias_of(const char *name)
{
    GHashTableIter iter;
    void *alias, *real;
    g_hash_table_iter_init(&iter, registry()->aliases);
    while (g_hash_table_iter_next(&iter, &alias, &real)) {
        if (!strcmp(real, name)) {
            return alias;
        }
    }
    return NULL;
}

/* A type has got its code: what was concluded from its declaration does not hold any more. Types
 * that have a class cannot descend from one that was only declared. */
static void type_forget(QomType *type, void *opaque)
{
    if (type->klass || type->state != TYPE_RESOLVED) {
        return;
    }
    type->state = TYPE_UNRESOLVED;
    g_clear_pointer(&type->child_type, g_free);
    g_clear_pointer(&type->interfaces, g_array_unref);
    g_clear_pointer(&type->table, property_table_free);
}

/* Enters @info, as code or as declaration. */
static QomType *type_enter(const QomTypeInfo *info, const char *package, QomError **errp)
{
    TypeRegistry *reg = registry();
    if (!name_is_legal(info->name)) {
        qom_error_set(errp, "illegal name");
        return NULL;
    }
    if (info->n_interfaces > MAX_INTERFACES) {
        qom_error_set(errp, "more than %d interfaces", MAX_INTERFACES);
        return NULL;
    }
    QomType *type = g_hash_table_lookup(reg->types, info->name);
    if (type && (type->loaded || package)) {
        qom_error_set(errp, "registered twice");
        return NULL;
    }
    if (type && type->info->config != info->config) {
        qom_error_set(errp, "its config is not the declared one");
        return NULL;
    }
    if (!type) {
        type = g_new0(QomType, 1);
        type->package = package;
        g_hash_table_insert(reg->types, (char *)info->name, type);
    } else {
        type_foreach(type_forget, NULL);
    }
    type->info = info;
    type->loaded = !package;
    type->state = TYPE_UNRESOLVED;
    return type;
}

void qom_type_register(const QomTypeInfo *info)
{
    QOM_AUTO_ERROR(err);
    if (!type_enter(info, NULL, &err)) {
        type_fatal(info->name ? info->name : "(null)", "%s", qom_error_message(err));
    }
}

void qom_type_declare(const QomTypeInfo *info, const char *package)
{
    QOM_AUTO_ERROR(err);
    if (!type_enter(info, package, &err)) {
        type_fatal(info->name ? info->name : "(null)", "%s", qom_error_message(err));
    }
}

bool qom_type_register_dynamic(const QomTypeInfo *info, QomError **errp)
{
    QomType *known = info->name ? type_lookup(info->name) : NULL;
    const QomTypeInfo *declared = known ? known->info : NULL;
    const QomType *parent = info->parent ? type_lookup(info->parent) : NULL;
    if (parent && !qom_type_load(parent, errp)) {
        return false;
    }
    QOM_AUTO_ERROR(err);
    QomType *type = type_enter(info, NULL, &err);
    if (type && type_resolve(type, &err) && type_make_table(type, &err)) {
        return true;
    }
    if (type) {
        type_forget(type, NULL);
        type->info = declared;
        type->loaded = false;
        if (!declared) {
            g_hash_table_remove(registry()->types, info->name);
            g_free(type);
        }
    }
    return qom_error_set(errp, "type '%s': %s", info->name ? info->name : "(null)",
                         qom_error_message(err));
}

void qom_type_register_alias(const char *alias, const char *name)
{
    if (type_lookup(alias) || !name_is_legal(alias)) {
        type_fatal(alias, "alias of '%s' is illegal or taken", name);
    }
    g_hash_table_insert(registry()->aliases, (char *)alias, (char *)name);
}

void qom_type_set_loader(QomTypeLoader *loader, void *opaque)
{
    registry()->loader = loader;
    registry()->loader_opaque = opaque;
}

/* --- Resolving ------------------------------------------------------------------------------- */

/* Whether @config is @base or has it as a base, so that a pointer to it is one to the base. */
static bool config_extends(const QapiType *config, const QapiType *base)
{
    for (; config; config = config->base) {
        if (config == base) {
            return true;
        }
    }
    return false;
}

/* Whether @config can stand in place of the parent's. */
static bool check_inherited_config(const QomType *type, const QomType *parent, QomError **errp)
{
    const QapiType *config = type->info->config;
    if (!config_extends(config, parent->config)) {
        return qom_error_set(errp, "config '%s' does not extend the parent's '%s'", config->name,
                             parent->config->name);
    }
    if (!type->loaded || !parent->loaded) {
        return true;
    }
    if (type->info->config_offset != parent->config_offset) {
        return qom_error_set(errp, "config is not where the parent's is");
    }
    size_t behind = parent->instance_size - parent->config_offset - parent->config->size;
    if (config->size > parent->config->size && behind >= sizeof(void *)) {
        return qom_error_set(errp, "config '%s' covers what the parent has behind its own",
                             config->name);
    }
    return true;
}

static bool resolve_config(QomType *type, QomError **errp)
{
    const QomTypeInfo *info = type->info;
    const QomType *parent = type->parent;
    type->config = parent ? parent->config : NULL;
    type->config_offset = parent ? parent->config_offset : 0;
    if (!info->config) {
        return true;
    }
    if (info->config->kind != QAPI_KIND_STRUCT) {
        return qom_error_set(errp, "config '%s' is no struct", info->config->name);
    }
    if (parent && parent->config && !check_inherited_config(type, parent, errp)) {
        return false;
    }
    size_t least = parent && !parent->config ? parent->instance_size : sizeof(QomObject);
    if (type->loaded && (info->config_offset < least ||
                         info->config_offset + info->config->size > type->instance_size)) {
        return qom_error_set(errp, "config lies outside of the type's part of the instance");
    }
    type->config = info->config;
    type->config_offset = info->config_offset;
    return true;
}

static bool resolve_interfaces(QomType *type, QomError **errp)
{
    const QomTypeInfo *info = type->info;
    g_autoptr(GArray) all = g_array_new(false, false, sizeof(TypeInterface));
    if (type->parent) {
        g_array_append_vals(all, type->parent->interfaces->data, type->parent->interfaces->len);
    }
    for (uint32_t i = 0; i < info->n_interfaces; i++) {
        QomType *iface = type_lookup(info->interfaces[i].name);
        if (iface && !type_resolve(iface, errp)) {
            return false;
        }
        if (!iface || !qom_type_is_interface(iface)) {
            return qom_error_set(errp, "'%s' is no interface", info->interfaces[i].name);
        }
        bool satisfied = false;
        for (uint32_t k = 0; k < all->len; k++) {
            TypeInterface *have = &g_array_index(all, TypeInterface, k);
            if (have->type == iface) {
                have->vtable = info->interfaces[i].vtable;
            }
            satisfied = satisfied || type_descends(have->type, iface);
        }
        if (!satisfied) {
            TypeInterface own = {iface, info->interfaces[i].vtable};
            g_array_append_val(all, own);
        }
    }
    type->interfaces = g_steal_pointer(&all);
    return true;
}

static bool resolve_steps(QomType *type, QomError **errp)
{
    const QomTypeInfo *info = type->info;
    if (info->parent) {
        type->parent = type_lookup(info->parent);
        if (!type->parent) {
            return qom_error_set(errp, "unknown parent '%s'", info->parent);
        }
        if (!type_resolve(type->parent, errp)) {
            return false;
        }
    }
    size_t parent_size = type->parent ? type->parent->instance_size : 0;
    size_t parent_class = type->parent ? type->parent->class_size : sizeof(QomClass);
    type->instance_size = info->instance_size ? info->instance_size : parent_size;
    type->class_size = info->class_size ? info->class_size : parent_class;
    if (type->instance_size < parent_size || type->class_size < parent_class) {
        return qom_error_set(errp, "smaller than its parent '%s'", info->parent);
    }
    bool is_interface = type->parent && qom_type_is_interface(type->parent);
    if (is_interface && (info->instance_init || info->n_interfaces || info->config)) {
        return qom_error_set(errp, "an interface has no instances and no interfaces of its own");
    }
    return resolve_config(type, errp) && resolve_interfaces(type, errp);
}

bool type_resolve(QomType *type, QomError **errp)
{
    if (type->state == TYPE_RESOLVED) {
        return true;
    }
    if (type->state == TYPE_RESOLVING) {
        return qom_error_set(errp, "is its own ancestor");
    }
    type->state = TYPE_RESOLVING;
    if (!resolve_steps(type, errp)) {
        type->state = TYPE_UNRESOLVED;
        return false;
    }
    type->child_type = g_strdup_printf("child<%s>", type->info->name);
    type->state = TYPE_RESOLVED;
    return true;
}

void type_must_resolve(QomType *type)
{
    QOM_AUTO_ERROR(err);
    if (!type_resolve(type, &err)) {
        type_fatal(type->info->name, "%s", qom_error_message(err));
    }
}

static void check_one(QomType *type, void *opaque)
{
    type_must_resolve(type);
    type_table(type);
}

void qom_type_check_all(void)
{
    type_foreach(check_one, NULL);
}

bool qom_type_load(const QomType *type, QomError **errp)
{
    TypeRegistry *reg = registry();
    const char *name = qom_type_name(type);
    if (type->info->parent && type_lookup(type->info->parent) &&
        !qom_type_load(type_lookup(type->info->parent), errp)) {
        return false;
    }
    if (type->loaded) {
        return true;
    }
    QOM_AUTO_ERROR(err);
    if (reg->loader && reg->loader(name, type->package, reg->loader_opaque, &err) && type->loaded) {
        return true;
    }
    if (err) {
        return qom_error_set(errp, "type '%s': %s", name, qom_error_message(err));
    }
    return qom_error_set(errp, "type '%s' is in package '%s', which is not installed", name,
                         type->package);
}

/* --- Questions ------------------------------------------------------------------------------- */

/* Types are resolved before anybody sees them, but a module that is loaded later undoes it for
 * those that it might concern. */
static const QomType *settled(const QomType *type)
{
    if (type->state == TYPE_UNRESOLVED) {
        type_must_resolve((QomType *)type);
    }
    return type;
}

const QomType *qom_type_find(const char *name)
{
    const QomType *type = type_lookup(name);
    return type ? settled(type) : NULL;
}

const char *qom_type_name(const QomType *type)
{
    return type->info->name;
}

const QomType *qom_type_parent(const QomType *type)
{
    return settled(type)->parent;
}

const char *qom_type_description(const QomType *type)
{
    if (!type->info->description && type->info->config) {
        return type->info->config->doc;
    }
    return type->info->description;
}

bool qom_type_is_abstract(const QomType *type)
{
    return type->info->abstract || (type->loaded && !settled(type)->instance_size) ||
           qom_type_is_interface(type);
}

bool qom_type_is_interface(const QomType *type)
{
    while (settled(type)->parent) {
        type = type->parent;
    }
    return !strcmp(type->info->name, QOM_TYPE_INTERFACE);
}

bool type_descends(const QomType *type, const QomType *base)
{
    for (; type; type = settled(type)->parent) {
        if (type == base) {
            return true;
        }
    }
    return false;
}

bool type_is_a(const QomType *type, const QomType *wanted)
{
    if (type_descends(type, wanted)) {
        return true;
    }
    unsigned candidates = 0;
    for (uint32_t i = 0; i < type->interfaces->len; i++) {
        candidates += type_descends(g_array_index(type->interfaces, TypeInterface, i).type, wanted);
    }
    return candidates == 1;
}

bool qom_type_is_a(const QomType *type, const char *name)
{
    const QomType *wanted = type_lookup(name);
    return wanted && type_is_a(type, wanted);
}

bool qom_type_is_creatable(const QomType *type)
{
    return !qom_type_is_abstract(type) && qom_type_is_a(type, QOM_TYPE_USER_CREATABLE);
}

const QapiType *qom_type_config(const QomType *type)
{
    return settled(type)->config;
}
