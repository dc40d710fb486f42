/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reply to query-qmp-schema, made once and kept. Object types that are not in the core's
 * schema, because a module or an embedding program has brought them, appear as branches of
 * ObjectOptions: it is enough to register a type.
 */
#include "qmp/server.h"

#include "qapi-qom.h"
#include "qapi-schema.h"
#include "qom/chardev.h"
#include "qom/json.h"
#include "qom/object.h"

#include <string.h>

void qmp_add_core_schema(void)
{
    qmp_add_schema(&qapi_schema);
    qom_creatable_set_names(&qapi_type_ObjectType);
    chardev_register_types();
}

static bool has_branch(const QapiType *type, const char *name)
{
    for (uint32_t i = 0; i < type->n_branches; i++) {
        if (strcmp(type->branches[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The creatable types that ObjectOptions does not name; of QapiExtraBranch. */
static GArray *extra_types(void)
{
    size_t n;
    g_autofree const QomType **types = qom_type_list(QOM_TYPE_USER_CREATABLE, false, &n);
    GArray *extra = g_array_new(false, true, sizeof(QapiExtraBranch));
    for (size_t i = 0; i < n; i++) {
        QapiExtraBranch branch = {
            .union_type = &qapi_type_ObjectOptions,
            .name = qom_type_name(types[i]),
            .type = qom_type_config(types[i]),
        };
        if (!has_branch(branch.union_type, branch.name)) {
            g_array_append_val(extra, branch);
        }
    }
    return extra;
}

const char *qmp_server_introspection(QmpServer *server, size_t *len)
{
    g_autoptr(GArray) extra = extra_types();
    if (server->introspection && server->introspection_extra != extra->len) {
        g_clear_pointer(&server->introspection, g_free);
    }
    if (!server->introspection) {
        JSON_AUTO_WRITER(writer);
        writer = json_writer_new(false);
        json_writer_soften(writer);
        qapi_introspect((const QapiSchema *const *)server->schemas->pdata, server->schemas->len,
                        server->compat.deprecated_output == QAPI_OUTPUT_HIDE,
                        (const QapiExtraBranch *)(void *)extra->data, extra->len, writer);
        server->introspection = json_writer_steal(writer, &server->introspection_len);
        server->introspection_extra = extra->len;
    }
    *len = server->introspection_len;
    return server->introspection;
}
