/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query-memory-regions: what the backends have mapped, and how much of it is there.
 */
#include "backend/memory/memory.h"
#include "qapi-commands.h"

#include <glib.h>

static void add_users(strList *list, QomObject *obj)
{
    size_t n;
    QomUser *users = qom_object_users(obj, &n);
    list->items = n ? g_new0(char *, n) : NULL;
    list->n = n;
    for (size_t i = 0; i < n; i++) {
        list->items[i] = g_strdup(users[i].path);
    }
    qom_users_free(users, n);
}

/* NULL: nothing. */
static const char *warning_of(MemoryBackend *backend)
{
    if (backend->origin.hugetlb && !memory_config(backend)->reserve &&
        !memory_is_preallocated(backend)) {
        return "huge pages are not reserved: to touch one when the pool is empty kills";
    }
    return NULL;
}

static MemoryRegionInfo describe(MemoryBackend *backend)
{
    const MemoryOrigin *origin = &backend->origin;
    MemoryRegionInfo info = {
        .id = g_strdup(qom_object_name(&backend->obj)),
        .path = qom_object_path(&backend->obj),
        .size = backend->map.size_bytes,
        .page_size = origin->page_bytes,
        .offset = origin->offset_bytes,
        .share = memory_config(backend)->share,
        .rom = origin->rom,
        .fd = memory_has_fd(backend),
        .warning = g_strdup(warning_of(backend)),
    };
    add_users(&info.users, &backend->obj);
    return info;
}

bool qmp_query_memory_regions(MemoryRegionInfoList *ret, QomError **errp)
{
    g_autoptr(GPtrArray) backends = g_ptr_array_new();
    g_autoptr(GArray) extents = g_array_new(false, false, sizeof(MemoryExtent));
    for (QomObject *obj = qom_object_first_child(qom_objects()); obj;
         obj = qom_object_next_sibling(obj)) {
        MemoryBackend *backend = (MemoryBackend *)obj;
        if (qom_object_is_a(obj, TYPE_MEMORY_BACKEND) && backend->map.ptr) {
            MemoryExtent extent = memory_extent(backend);
            g_ptr_array_add(backends, backend);
            g_array_append_val(extents, extent);
        }
    }
    if (!backends->len) {
        return true;
    }
    MemoryExtent *all = (MemoryExtent *)(void *)extents->data;
    bool measured = memory_measure(all, extents->len);

    ret->n = backends->len;
    ret->items = g_new0(MemoryRegionInfo, ret->n);
    for (size_t i = 0; i < ret->n; i++) {
        MemoryBackend *backend = g_ptr_array_index(backends, i);
        MemoryRegionInfo info = describe(backend);
        info.has_resident = measured;
        info.resident =
            measured
                ? memory_find_extent(all, ret->n, (uintptr_t)backend->map.ptr)->usage.resident_bytes
                : 0;
        ret->items[i] = info;
    }
    return true;
}
