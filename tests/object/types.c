/* SPDX-License-Identifier: BSD-3-Clause */
#include "types.h"

#include "qom/json.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

int mems_alive;
char trace[4096];

void trace_add(const char *fmt, ...)
{
    size_t len = strlen(trace);
    va_list args;
    va_start(args, fmt);
    vsnprintf(trace + len, sizeof(trace) - len, fmt, args);
    va_end(args);
}

/* --- Descriptors -------------------------------------------------------------------------------
 */

static const QapiMember limits_members[] = {
    {.name = "iops-total",
     .type = &qapi_type_int,
     .offset = offsetof(Limits, iops_total),
     .flag_offset = offsetof(Limits, has_iops_total),
     .optional = true},
};
static const QapiType limits_type = {
    .name = "Limits",
    .kind = QAPI_KIND_STRUCT,
    .size = sizeof(Limits),
    .members = limits_members,
    .n_members = 1,
};

static const QapiEnumValue policy_values[] = {{"default"}, {"bind"}, {"preferred"}};
static const uint16_t policy_sorted[] = {1, 0, 2};
static const QapiType policy_type = {
    .name = "Policy",
    .kind = QAPI_KIND_ENUM,
    .size = sizeof(int),
    .values = policy_values,
    .names_sorted = policy_sorted,
    .n_values = 3,
};

#define FLAGGED(struct_name, field, member_name, member_type, ...)                        \
    {                                                                                     \
        .name = member_name, .type = member_type, .offset = offsetof(struct_name, field), \
        .flag_offset = offsetof(struct_name, has_##field), .optional = true, __VA_ARGS__  \
    }
#define POINTER(struct_name, field, member_name, member_type)                             \
    {                                                                                     \
        .name = member_name, .type = member_type, .offset = offsetof(struct_name, field), \
        .flag_offset = QAPI_NO_FLAG, .optional = true                                     \
    }

static const QapiMember mem_members[] = {
    FLAGGED(MemProps, dump, "dump", &qapi_type_bool, .default_json = "true",
            .doc = "whether a dump contains the memory"),
    FLAGGED(MemProps, host_nodes, "host-nodes", &qapi_type_uint16List),
    FLAGGED(MemProps, policy, "policy", &policy_type, .default_json = "\"default\""),
    FLAGGED(MemProps, prealloc_threads, "prealloc-threads", &qapi_type_uint32, .default_json = "1"),
    POINTER(MemProps, prealloc_context, "prealloc-context", &qapi_type_str),
    POINTER(MemProps, limits, "limits", &limits_type),
    POINTER(MemProps, label, "label", &qapi_type_str),
    FLAGGED(MemProps, opened, "opened", &qapi_type_bool),
    {.name = "size",
     .type = &qapi_type_size,
     .offset = offsetof(MemProps, size),
     .flag_offset = QAPI_NO_FLAG},
};
const QapiType mem_props = {
    .name = "MemProps",
    .kind = QAPI_KIND_STRUCT,
    .size = sizeof(MemProps),
    .members = mem_members,
    .n_members = G_N_ELEMENTS(mem_members),
};

static const QapiMember file_members[] = {
    FLAGGED(MemFileProps, align, "align", &qapi_type_size),
    {.name = "mem-path",
     .type = &qapi_type_str,
     .offset = offsetof(MemFileProps, mem_path),
     .flag_offset = QAPI_NO_FLAG},
};
static const QapiType file_props = {
    .name = "MemFileProps",
    .kind = QAPI_KIND_STRUCT,
    .size = sizeof(MemFileProps),
    .base = &mem_props,
    .members = file_members,
    .n_members = G_N_ELEMENTS(file_members),
};

static const QapiMember cell_members[] = {
    FLAGGED(CellProps, value, "value", &qapi_type_int),
    FLAGGED(CellProps, on, "on", &qapi_type_bool),
};
static const QapiType cell_props = {
    .name = "CellProps",
    .kind = QAPI_KIND_STRUCT,
    .size = sizeof(CellProps),
    .members = cell_members,
    .n_members = G_N_ELEMENTS(cell_members),
};

static const QapiEnumValue names_values[] = {
    {"test-cell", NULL, QAPI_FEATURE_DEPRECATED},
    {"test-context"},
    {"test-file"},
    {"test-guard"},
    {"test-listfile"},
    {"test-ram"},
    {"test-secret"},
    {"test-unbuilt"},
};
static const uint16_t names_sorted[] = {0, 1, 2, 3, 4, 5, 6, 7};
const QapiType type_names = {
    .name = "ObjectType",
    .kind = QAPI_KIND_ENUM,
    .size = sizeof(int),
    .values = names_values,
    .names_sorted = names_sorted,
    .n_values = G_N_ELEMENTS(names_values),
};

/* --- Types ----------------------------------------------------------------------------------- */

static void mem_init(QomObject *obj)
{
    mems_alive++;
}

static void mem_finalize(QomObject *obj)
{
    mems_alive--;
    trace_add("mem ");
}

static void mem_class_init(QomClass *klass)
{
    klass->not_live_text = "cannot change property %s of %s ";
}

static bool check_size(QomObject *obj, const void *new_value, QomError **errp)
{
    if (!*(const uint64_t *)new_value) {
        return qom_error_set(errp, "property 'size' of %s doesn't take value '0'",
                             qom_object_type_name(obj));
    }
    return true;
}

static bool check_threads(QomObject *obj, const void *new_value, QomError **errp)
{
    if (!*(const uint32_t *)new_value) {
        return qom_error_set(errp, "property 'prealloc-threads' doesn't take value '0'");
    }
    return true;
}

static bool check_limits(QomObject *obj, const void *new_value, QomError **errp)
{
    const Limits *limits = new_value;
    return limits->iops_total >= 0 || qom_error_set(errp, "limits must not be negative");
}

static bool mem_apply(QomObject *obj, QomError **errp)
{
    Mem *mem = (Mem *)obj;
    mem->applied++;
    return !mem->apply_fails || qom_error_set(errp, "madvise failed");
}

static bool mem_complete(QomObject *obj, QomError **errp)
{
    Mem *mem = (Mem *)obj;
    if (!g_strcmp0(mem->config.label, "bad")) {
        return qom_error_set(errp, "cannot map '%s'", qom_object_name(obj));
    }
    return true;
}

static bool mem_complete_blocks(QomObject *obj)
{
    return ((Mem *)obj)->config.size > 1000;
}

static void mem_published(QomObject *obj)
{
    QomObject *region = qom_object_new("test-region");
    qom_object_add_child(obj, "region[*]", region, NULL);
    qom_object_unref(region);
}

static const QomPropertyRule mem_rules[] = {
    {.name = "size", .check = check_size},
    {.name = "dump", .flags = QOM_PROPERTY_LIVE, .apply = mem_apply},
    {.name = "limits", .flags = QOM_PROPERTY_LIVE, .check = check_limits, .apply = mem_apply},
    {.name = "prealloc-threads",
     .flags = QOM_PROPERTY_LIVE | QOM_PROPERTY_BLOCKS,
     .type = "int",
     .check = check_threads,
     .apply = mem_apply},
    {.name = "prealloc-context",
     .flags = QOM_PROPERTY_LIVE,
     .link = "test-context",
     .link_offset = offsetof(Mem, context)},
    {.name = "opened", .flags = QOM_PROPERTY_READONLY},
};

static const QomUserCreatable mem_creatable = {
    .complete = mem_complete,
    .complete_blocks = mem_complete_blocks,
    .published = mem_published,
};
static const QomInterfaceInfo mem_interfaces[] = {{QOM_TYPE_USER_CREATABLE, &mem_creatable}};
static const QomInterfaceInfo plain_creatable[] = {{QOM_TYPE_USER_CREATABLE, NULL}};

static bool get_tid(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp);

static const QomProperty context_properties[] = {
    {.name = "thread-id", .type = "int", .description = "kernel thread", .get = get_tid},
};

static bool refuse_deletion(QomObject *obj, QomError **errp)
{
    return false;
}

static const QomUserCreatable guard_creatable = {.can_be_deleted = refuse_deletion};
static const QomInterfaceInfo guard_interfaces[] = {{QOM_TYPE_USER_CREATABLE, &guard_creatable}};

static const QomPropertyRule secret_rules[] = {
    {.name = "label", .flags = QOM_PROPERTY_SENSITIVE | QOM_PROPERTY_LIVE},
    {.name = "dump", .flags = QOM_PROPERTY_WRITEONLY, .default_json = "false"},
};

static const QomTypeInfo infos[] = {
    {.name = "test-memory",
     .parent = QOM_TYPE_OBJECT,
     .abstract = true,
     .instance_size = offsetof(Mem, config) + sizeof(MemProps),
     .class_init = mem_class_init,
     .instance_init = mem_init,
     .instance_finalize = mem_finalize,
     .interfaces = mem_interfaces,
     .n_interfaces = 1,
     .config = &mem_props,
     .config_offset = offsetof(Mem, config),
     .rules = mem_rules,
     .n_rules = G_N_ELEMENTS(mem_rules)},
    {.name = "test-ram", .parent = "test-memory"},
    {.name = "test-file",
     .parent = "test-memory",
     .instance_size = sizeof(Mem),
     .config = &file_props,
     .config_offset = offsetof(Mem, config)},
    {.name = "test-secret",
     .parent = "test-memory",
     .rules = secret_rules,
     .n_rules = G_N_ELEMENTS(secret_rules)},
    {.name = "test-context",
     .parent = QOM_TYPE_OBJECT,
     .interfaces = plain_creatable,
     .n_interfaces = 1,
     .properties = context_properties,
     .n_properties = 1},
    {.name = "test-guard",
     .parent = QOM_TYPE_OBJECT,
     .interfaces = guard_interfaces,
     .n_interfaces = 1},
    {.name = "test-cell",
     .parent = QOM_TYPE_OBJECT,
     .instance_size = sizeof(Cell),
     .interfaces = plain_creatable,
     .n_interfaces = 1,
     .config = &cell_props,
     .config_offset = offsetof(Cell, config)},
    {.name = "test-list-file",
     .parent = QOM_TYPE_OBJECT,
     .interfaces = plain_creatable,
     .n_interfaces = 1},
    {.name = "test-region", .parent = QOM_TYPE_OBJECT},
};

int setup_types(void **state)
{
    static bool done;
    if (!done) {
        done = true;
        for (size_t i = 0; i < G_N_ELEMENTS(infos); i++) {
            qom_type_register(&infos[i]);
        }
        qom_type_register_alias("test-listfile", "test-list-file");
        qom_type_check_all();
    }
    qom_creatable_set_names(&type_names);
    trace[0] = 0;
    qom_root();
    return 0;
}

int teardown_tree(void **state)
{
    qom_tree_destroy();
    assert_int_equal(mems_alive, 0);
    return 0;
}

/* --- Helpers --------------------------------------------------------------------------------- */

static bool get_tid(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    json_writer_int64(writer, 42);
    return true;
}

/* A copy of the message, valid until the next call. */
static const char *keep(const char *text)
{
    static char kept[1024];
    g_strlcpy(kept, text, sizeof(kept));
    return kept;
}

QomObject *add(const char *json)
{
    QOM_AUTO_ERROR(err);
    QomObject *obj = qom_object_add_json(json, NULL, &err);
    assert_string_equal(err ? qom_error_message(err) : "", "");
    return obj;
}

const char *add_error(const char *json)
{
    QOM_AUTO_ERROR(err);
    int alive = mems_alive;
    assert_null(qom_object_add_json(json, NULL, &err));
    assert_int_equal(mems_alive, alive);
    return keep(qom_error_message(err));
}

const char *set_error(QomObject *obj, const char *name, const char *json)
{
    QOM_AUTO_ERROR(err);
    return keep(qom_property_set_json(obj, name, json, &err) ? "" : qom_error_message(err));
}

const char *get(QomObject *obj, const char *name)
{
    QOM_AUTO_ERROR(err);
    g_autofree char *json = qom_property_get_json(obj, name, &err);
    return keep(json ? json : qom_error_message(err));
}
