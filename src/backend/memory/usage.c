/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much of a region is in memory, as the kernel tells in /proc/self/smaps, for many regions in
 * one pass: each region is a mapping of its own, or a few if parts of it differ. The kernel makes
 * an entry when it is read, and walks the pages of that mapping only: what lies behind the last
 * region that is asked for costs nothing.
 *
 * Source: proc(5).
 */
#include "backend/memory/memory.h"
#include "qom/loop.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MemoryExtent memory_extent(const MemoryBackend *backend)
{
    uintptr_t start = (uintptr_t)backend->map.ptr;
    return (MemoryExtent){.start = start, .end = start + backend->map.size_bytes};
}

static int compare_extents(const void *a, const void *b)
{
    const MemoryExtent *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

MemoryExtent *memory_find_extent(MemoryExtent *extents, size_t n, uintptr_t address)
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

/* Adds what a line of an entry says. Huge pages of hugetlbfs are told apart from the others. */
static void add_line(MemoryUsage *usage, const char *line)
{
    char key[32];
    uint64_t kib;
    if (sscanf(line, "%31[A-Za-z_]: %" SCNu64 " kB", key, &kib) != 2) {
        return;
    }
    if (strcmp(key, "Rss") == 0 || strcmp(key, "Shared_Hugetlb") == 0 ||
        strcmp(key, "Private_Hugetlb") == 0) {
        usage->resident_bytes += kib * 1024;
    } else if (strcmp(key, "Anonymous") == 0) {
        usage->anonymous_bytes += kib * 1024;
    } else if (strcmp(key, "Pss") == 0) {
        usage->pss_bytes += kib * 1024;
    }
}

bool memory_measure(MemoryExtent *extents, size_t n)
{
    /* syscalls: open openat read newfstatat -- query-memory-regions */
    FILE *file = fopen("/proc/self/smaps", "re");
    if (!file) {
        return false;
    }
    qsort(extents, n, sizeof(*extents), compare_extents);
    MemoryExtent *now = NULL;
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, file) > 0) {
        uintptr_t start, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2) {
            if (start >= extents[n - 1].end) {
                break;
            }
            now = memory_find_extent(extents, n, start);
        } else if (now) {
            add_line(&now->usage, line);
        }
    }
    free(line);
    fclose(file);
    return true;
}

const MemoryUsage *memory_backend_usage(MemoryBackend *backend)
{
    /* To walk the pages takes tens of ms a GiB: who reads several figures at once waits once. */
    LoopStats now = {0};
    if (loop_current()) {
        loop_get_stats(loop_current(), &now);
    }
    if (now.iterations && now.iterations == backend->measured_in) {
        return &backend->usage;
    }
    MemoryExtent extent = memory_extent(backend);
    if (!memory_measure(&extent, 1)) {
        return NULL;
    }
    backend->measured_in = now.iterations;
    backend->usage = extent.usage;
    return &backend->usage;
}
