/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query-memory-regions: what the backends have mapped. How much of it is there is told by the
 * kernel, for all regions in one pass over /proc/self/smaps: each region is a mapping of its own,
 * or a few if parts of it differ.
 */
#include "backend/memory/memory.h"
#include "qapi-commands.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Where a region is and what was found of it. */
typedef struct Extent {
    uintptr_t start, end;
    uint64_t resident_bytes;
} Extent;

static int compare_extents(const void *a, const void *b)
{
    const Extent *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

/* Of @n sorted extents that which holds @address, or NULL. */
static Extent *find_extent(Extent *extents, size_t n, uintptr_t address)
{
    size_t low = 0;
    while (n > low) {
        size_t middle = low + (n - low) / 2;
        if (address >= extents[middle].end) {
            low = middle + 1;
        } else if (address < extents[middle].start) {
            n = middle;
        } else {
            return &extents[middle];
        }
    }
    return NULL;
}

/* Fills in what is resident of @n sorted extents; false if the kernel does not tell. */
static bool measure(Extent *extents, size_t n)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    if (!file) {
        return false;
    }
    Extent *now = NULL;
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, file) > 0) {
        uintptr_t start, end;
        uint64_t kib;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2) {
            now = find_extent(extents, n, start);
        } else if (now && (sscanf(line, "Rss: %" SCNu64, &kib) == 1 ||
                           sscanf(line, "Shared_Hugetlb: %" SCNu64, &kib) == 1 ||
                           sscanf(line, "Private_Hugetlb: %" SCNu64, &kib) == 1)) {
            now->resident_bytes += kib * 1024;
        }
    }
    free(line);
    fclose(file);
    return true;
}

static Extent extent_of(const MemoryBackend *backend)
{
    uintptr_t start = (uintptr_t)backend->map.ptr;
    return (Extent){.start = start, .end = start + backend->map.size_bytes};
}

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
    };
    add_users(&info.users, &backend->obj);
    return info;
}

bool qmp_query_memory_regions(MemoryRegionInfoList *ret, QomError **errp)
{
    g_autoptr(GPtrArray) backends = g_ptr_array_new();
    g_autoptr(GArray) extents = g_array_new(false, false, sizeof(Extent));
    for (QomObject *obj = qom_object_first_child(qom_objects()); obj;
         obj = qom_object_next_sibling(obj)) {
        MemoryBackend *backend = (MemoryBackend *)obj;
        if (qom_object_is_a(obj, TYPE_MEMORY_BACKEND) && backend->map.ptr) {
            Extent extent = extent_of(backend);
            g_ptr_array_add(backends, backend);
            g_array_append_val(extents, extent);
        }
    }
    if (!backends->len) {
        return true;
    }
    Extent *sorted = (Extent *)(void *)extents->data;
    qsort(sorted, extents->len, sizeof(Extent), compare_extents);
    bool measured = measure(sorted, extents->len);

    ret->n = backends->len;
    ret->items = g_new0(MemoryRegionInfo, ret->n);
    for (size_t i = 0; i < ret->n; i++) {
        MemoryBackend *backend = g_ptr_array_index(backends, i);
        MemoryRegionInfo info = describe(backend);
        info.has_resident = measured;
        info.resident =
            measured ? find_extent(sorted, ret->n, extent_of(backend).start)->resident_bytes : 0;
        ret->items[i] = info;
    }
    return true;
}
