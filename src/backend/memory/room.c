/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why there were not enough pages: which file system or pool, how much it has, how much was needed.
 *
 * Source: the sheet on memory, section 5; proc(5) on mountinfo.
 */
#include "backend/memory/memory.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

MemoryRoom memory_room(int fd)
{
    struct statfs fs;
    if (fd < 0 || fstatfs(fd, &fs) < 0) {
        return (MemoryRoom){0};
    }
    uint64_t block = (uint64_t)fs.f_bsize;
    return (MemoryRoom){.free_bytes = fs.f_bavail * block, .total_bytes = fs.f_blocks * block};
}

/* Huge pages that a region can have, those that it has reserved among them. */
static uint64_t huge_pages_in_reach(const MemoryBackendProperties *config, size_t page_bytes)
{
    if (config->policy != HOST_MEM_POLICY_BIND) {
        return memory_huge_pages(page_bytes, -1, "free");
    }
    uint64_t n = 0;
    for (size_t i = 0; i < config->host_nodes.n; i++) {
        n += memory_huge_pages(page_bytes, config->host_nodes.items[i], "free");
    }
    return n;
}

MemoryRoom memory_backend_room(MemoryBackend *backend)
{
    size_t page = backend->origin.page_bytes;
    if (!backend->origin.hugetlb) {
        return memory_room(backend->origin.fd);
    }
    return (MemoryRoom){.free_bytes = huge_pages_in_reach(memory_config(backend), page) * page};
}

/* "tmpfs at /dev/shm" for the device @dev if @line of mountinfo is about it, else NULL. */
static char *describe_mount(const char *line, dev_t dev)
{
    unsigned dev_major, dev_minor;
    int path_at = 0, path_end = 0;
    const char *rest = strstr(line, " - ");
    char type[64];
    if (!rest ||
        sscanf(line, "%*u %*u %u:%u %*s %n%*s%n", &dev_major, &dev_minor, &path_at, &path_end) <
            2 ||
        !path_end || makedev(dev_major, dev_minor) != dev || sscanf(rest, " - %63s", type) != 1) {
        return NULL;
    }
    g_autofree char *escaped = g_strndup(line + path_at, (gsize)(path_end - path_at));
    g_autofree char *path = g_strcompress(escaped); /* blanks are \040 */
    return g_strdup_printf("%s at %s", type, path);
}

/* What the file system of @fd is and where. g_free() it. */
static char *file_system_name(int fd)
{
    struct stat st;
    g_autofree char *text = NULL;
    if (fstat(fd, &st) == 0 && g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL)) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
            char *name = describe_mount(*line, st.st_dev);
            if (name) {
                return name;
            }
        }
    }
    return g_strdup("the file system");
}

char *memory_room_text(int fd, const MemoryRoom *room, uint64_t needed_bytes)
{
    g_autofree char *name = file_system_name(fd);
    return g_strdup_printf("no room: %s has %s free of %s", name,
                           memory_size_text(room->free_bytes), memory_size_text(needed_bytes));
}

/* Whether somebody has cut the file off; sets the error then. */
static bool cut_off(const MemoryBackend *backend, QomError **errp)
{
    const MemoryOrigin *origin = &backend->origin;
    uint64_t end = origin->offset_bytes + backend->map.size_bytes;
    struct stat st;
    if (origin->fd < 0 || fstat(origin->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_size >= end) {
        return false;
    }
    qom_error_set(errp, "preallocating memory failed: the file has become %s long, %s are needed",
                  memory_size_text((uint64_t)st.st_size), memory_size_text(end));
    return true;
}

/* A region has reserved its pages, so what is short is what the nodes have, or what a control group
 * allows: its limits do not count reservations, its cpuset leaves out nodes. */
static bool no_huge_pages(const MemoryOrigin *origin, size_t size_bytes, const MemoryRoom *room,
                          QomError **errp)
{
    bool enough = room->free_bytes >= size_bytes;
    return qom_error_set(
        errp, "preallocating memory failed: %zu huge pages of %s needed, %" PRIu64 " free%s",
        size_bytes / origin->page_bytes, memory_size_text(origin->page_bytes),
        room->free_bytes / origin->page_bytes,
        enough ? ", of which a control group allows fewer" : " on these nodes");
}

bool memory_prealloc_error(int err, const MemoryBackend *backend, const MemoryRoom *room,
                           QomError **errp)
{
    const MemoryOrigin *origin = &backend->origin;
    size_t size = backend->map.size_bytes;
    bool full = err == EFAULT || err == ENOMEM;
    if (full && cut_off(backend, errp)) {
        return false;
    }
    if (full && origin->hugetlb) {
        return no_huge_pages(origin, size, room, errp);
    }
    if (full && room->total_bytes && room->free_bytes < size) {
        g_autofree char *text = memory_room_text(origin->fd, room, size);
        return qom_error_set(errp, "preallocating memory failed: %s", text);
    }
    return qom_error_set_errno(errp, err, "preallocating %s of memory failed",
                               memory_size_text(size));
}
