/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What types say about themselves. Nothing here makes an instance or loads a module: QEMU makes one
 * for qom-list-properties, and for two of its types that is the end of the process.
 */
#include "object/internal.h"

#include <string.h>

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(qom_type_name(*(const QomType *const *)a),
                  qom_type_name(*(const QomType *const *)b));
}

/* A question about all types, and the answer so far. */
typedef struct TypeQuery {
    const QomType *implements; /* NULL: any */
    bool with_abstract;
    GPtrArray *found;
} TypeQuery;

static void consider(QomType *type, void *opaque)
{
    TypeQuery *query = opaque;
    type_must_resolve(type);
    if (qom_type_is_abstract(type) && !query->with_abstract) {
        return;
    }
    if (!query->implements || type_is_a(type, query->implements)) {
        g_ptr_array_add(query->found, type);
    }
}

const QomType **qom_type_list(const char *implements, bool with_abstract, size_t *n)
{
    TypeQuery query = {
        .implements = implements ? qom_type_find(implements) : NULL,
        .with_abstract = with_abstract,
        .found = g_ptr_array_new(),
    };
    if (!implements || query.implements) {
        type_foreach(consider, &query);
        g_ptr_array_sort(query.found, by_name);
    }
    *n = query.found->len;
    return (const QomType **)g_ptr_array_free(query.found, false);
}

const QomProperty *const *qom_type_properties(const QomType *type, size_t *n)
{
    const GPtrArray *list = type_table((QomType *)type)->list;
    *n = list->len;
    return (const QomProperty *const *)list->pdata;
}

const QomProperty *qom_type_find_property(const QomType *type, const char *name)
{
    return g_hash_table_lookup(type_table((QomType *)type)->by_name, name);
}

const QomType **qom_type_interfaces(const QomType *type, size_t *n)
{
    type_must_resolve((QomType *)type);
    const QomType **all = g_new(const QomType *, type->interfaces->len + 1);
    for (guint i = 0; i < type->interfaces->len; i++) {
        all[i] = g_array_index(type->interfaces, TypeInterface, i).type;
    }
    *n = type->interfaces->len;
    all[*n] = NULL;
    return all;
}

const QomType *qom_type_find_for_properties(const char *name, QomError **errp)
{
    const QomType *type = qom_type_find(name);
    if (!type) {
        qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Class '%s' not found", name);
        return NULL;
    }
    if (qom_type_is_interface(type)) {
        qom_error_set(errp, "Parameter 'typename' expects a QOM type");
        return NULL;
    }
    return type;
}

uint64_t qom_type_features(const QomType *type)
{
    const QapiType *names = creatable_names();
    const char *spelled[] = {qom_type_name(type), type_alias_of(qom_type_name(type))};
    for (size_t i = 0; names && i < G_N_ELEMENTS(spelled); i++) {
        int value = spelled[i] ? qapi_enum_lookup(names, spelled[i], strlen(spelled[i])) : -1;
        if (value >= 0) {
            return names->values[value].features;
        }
    }
    return 0;
}
