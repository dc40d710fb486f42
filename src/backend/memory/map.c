/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address space of a region: reserve more than is needed, map the region where it is aligned, give
 * back the slack but for one guard page behind it, which also keeps each region one entry of
 * exactly its size in /proc/PID/maps.
 *
 *     reserve   |-------------------------------------------|
 *     align     |   slack   |======= region =======|g| slack |
 *     keep                  |======= region =======|g|
 *
 * Where every page is aligned enough there is no slack, and nothing to give back.
 *
 * Source: the sheet on memory, section 2; mmap(2), madvise(2).
 */
#include "backend/memory/memory.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

/* The least that the kernel puts together for MADV_HUGEPAGE: pages of order 2. */
#define LARGE_FOLIO_MIN_BYTES (16u << 10)

static size_t system_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

const char *memory_size_text(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    static _Thread_local char ring[4][32];
    static _Thread_local unsigned turn;
    char *text = ring[turn++ % G_N_ELEMENTS(ring)];
    unsigned unit = 0;
    while (bytes && bytes % 1024 == 0 && unit + 1 < G_N_ELEMENTS(units)) {
        bytes /= 1024;
        unit++;
    }
    g_snprintf(text, sizeof(ring[0]), "%" PRIu64 " %s", bytes, units[unit]);
    return text;
}

bool memory_check_size(uint64_t size_bytes, size_t page_bytes, QomError **errp)
{
    if (size_bytes % page_bytes == 0) {
        return true;
    }
    if (size_bytes < page_bytes) {
        return qom_error_set(errp, "memory size %s must be equal to or larger than page size %s",
                             memory_size_text(size_bytes), memory_size_text(page_bytes));
    }
    return qom_error_set(errp, "memory size must be multiple of %s, not %s",
                         memory_size_text(page_bytes), memory_size_text(size_bytes));
}

size_t memory_file_page_bytes(int fd, const char *path, bool *hugetlb, QomError **errp)
{
    struct statfs fs;
    /* syscalls: statfs fstatfs -- the page size of a file system */
    if ((fd >= 0 ? fstatfs(fd, &fs) : statfs(path, &fs)) < 0) {
        qom_error_set_errno(errp, errno, "can't find the file system of '%s'", path);
        return 0;
    }
    *hugetlb = (unsigned long)fs.f_type == HUGETLBFS_MAGIC;
    return *hugetlb ? (size_t)fs.f_bsize : system_page_bytes();
}

static int map_flags(const MemoryOrigin *origin, bool share, bool reserve)
{
    int flags = MAP_FIXED | (share ? MAP_SHARED : MAP_PRIVATE);
    if (origin->sync && share) {
        flags = MAP_FIXED | MAP_SHARED_VALIDATE | MAP_SYNC;
    }
    if (origin->fd < 0) {
        flags |= MAP_ANONYMOUS;
    }
    if (!reserve) {
        flags |= MAP_NORESERVE;
    }
    return flags;
}

uint64_t memory_huge_pages(size_t page_bytes, int node, const char *which)
{
    g_autofree char *folder = node < 0 ? g_strdup("/sys/kernel/mm")
                                       : g_strdup_printf("/sys/devices/system/node/node%d", node);
    g_autofree char *path = g_strdup_printf("%s/hugepages/hugepages-%zukB/%s_hugepages", folder,
                                            page_bytes / 1024, which);
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtoull(text, NULL, 10) : 0;
}

/* Huge pages that are neither in use nor reserved. */
static uint64_t unreserved_huge_pages(size_t page_bytes)
{
    uint64_t unused = memory_huge_pages(page_bytes, -1, "free");
    uint64_t reserved = memory_huge_pages(page_bytes, -1, "resv");
    return unused > reserved ? unused - reserved : 0;
}

static bool map_error(int err, const MemoryOrigin *origin, uint64_t size_bytes, QomError **errp)
{
    if (err == EOPNOTSUPP && origin->sync) {
        return qom_error_set(errp, "pmem=on needs a file in persistent memory (on a DAX file system"
                                   " or a DAX device): it can not be mapped with MAP_SYNC");
    }
    if (err == ENOMEM && origin->hugetlb) {
        qom_error_set(
            errp, "cannot map %s of memory: %" PRIu64 " huge pages of %s needed, %" PRIu64 " free",
            memory_size_text(size_bytes), size_bytes / origin->page_bytes,
            memory_size_text(origin->page_bytes), unreserved_huge_pages(origin->page_bytes));
        qom_error_hint(errp, "Huge pages are reserved when they are mapped; see "
                             "/sys/kernel/mm/hugepages.");
        return false;
    }
    return qom_error_set_errno(errp, err, "cannot map %s of memory", memory_size_text(size_bytes));
}

/* Best effort: what the kernel does not do for a kind of memory it does not need. */
static void advise(const MemoryMap *map, const MemoryOrigin *origin)
{
    if (!origin->hugetlb && !origin->enclave && map->size_bytes >= LARGE_FOLIO_MIN_BYTES) {
        madvise(map->ptr, map->size_bytes, MADV_HUGEPAGE);
    }
    madvise(map->ptr, map->size_bytes, MADV_DONTFORK);
}

bool memory_map(MemoryMap *map, const MemoryOrigin *origin, uint64_t size_bytes, bool share,
                bool reserve, QomError **errp)
{
    size_t page = origin->page_bytes, guard = system_page_bytes();
    size_t align = MAX(origin->align_bytes, page);
    uint64_t size = (size_bytes + page - 1) & ~((uint64_t)page - 1);
    if (size < size_bytes || align > INT64_MAX - guard || size > INT64_MAX - align - guard ||
        origin->offset_bytes > INT64_MAX - size) {
        return qom_error_set(
            errp, "memory size 0x%" PRIx64 " at offset 0x%" PRIx64 " exceeds the address space",
            size_bytes, origin->offset_bytes);
    }

    size_t total = size + guard + (align - guard); /* mmap(2) aligns to the page, as the guard is */
    /* syscalls: mmap munmap madvise -- memory backends */
    char *space = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED) {
        return map_error(errno, origin, size_bytes, errp);
    }
    char *start = (char *)(((uintptr_t)space + align - 1) & ~((uintptr_t)align - 1));
    void *ptr = mmap(start, size, origin->rom ? PROT_READ : PROT_READ | PROT_WRITE,
                     map_flags(origin, share, reserve), origin->fd, (off_t)origin->offset_bytes);
    if (ptr == MAP_FAILED) {
        int err = errno;
        munmap(space, total);
        return map_error(err, origin, size_bytes, errp);
    }

    char *end = start + size + guard;
    if (start > space) {
        munmap(space, (size_t)(start - space));
    }
    if (end < space + total) {
        munmap(end, (size_t)(space + total - end));
    }
    *map = (MemoryMap){
        .ptr = ptr,
        .size_bytes = size,
        .reserved = start,
        .reserved_bytes = size + guard,
        .hugetlb = origin->hugetlb,
    };
    advise(map, origin);
    return true;
}

void memory_unmap(MemoryMap *map)
{
    if (map->ptr && map->hugetlb) {
        /* The guard apart: mappings of huge pages are unmapped by whole pages only. */
        munmap(map->reserved, map->size_bytes);
        munmap((char *)map->reserved + map->size_bytes, map->reserved_bytes - map->size_bytes);
    } else if (map->ptr) {
        munmap(map->reserved, map->reserved_bytes);
    }
    *map = (MemoryMap){0};
}
