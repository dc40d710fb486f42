/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory-region: the child of a memory backend that stands for its bytes. In QEMU such regions make
 * up the guest's address space; here one is at address 0 of nothing, and tools that walk the tree
 * find what they know.
 */
#include "backend/memory/memory.h"
#include "qom/json.h"

#include <glib.h>

typedef struct MemoryRegion {
    QomObject obj;
    QomObject *container;
} MemoryRegion;

static bool get_zero(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    json_writer_uint64(writer, 0);
    return true;
}

static bool get_size(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    MemoryBackend *backend = (MemoryBackend *)qom_object_parent(obj);
    json_writer_uint64(writer, backend ? memory_config(backend)->size : 0);
    return true;
}

static void region_class_init(QomClass *klass)
{
    qom_class_property_add_link(klass, "container", TYPE_MEMORY_REGION,
                                offsetof(MemoryRegion, container), NULL, 0,
                                "the region that this one is part of");
}

static const QomProperty properties[] = {
    {.name = "addr",
     .type = "uint64",
     .description = "where the region begins in its container",
     .get = get_zero},
    {.name = "priority",
     .type = "uint32",
     .description = "which of overlapping regions is seen",
     .get = get_zero},
    {.name = "size", .type = "uint64", .description = "its size in bytes", .get = get_size},
};

static const QomTypeInfo region_info = {
    .name = TYPE_MEMORY_REGION,
    .parent = QOM_TYPE_OBJECT,
    .instance_size = sizeof(MemoryRegion),
    .class_init = region_class_init,
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
};

void memory_region_register_type(void)
{
    qom_type_register(&region_info);
}
