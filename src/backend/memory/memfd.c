/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory-backend-ram and memory-backend-memfd: memory that has no name in the file system. With
 * share=on plain memory is a memfd, too, so that it can be handed out; nobody can then change its
 * size, which would kill those who have it mapped.
 *
 * Source: the sheet on memory, section 3; memfd_create(2), fcntl(2).
 */
#include "backend/memory/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_ALIGN_BYTES ((size_t)2 << 20) /* lets transparent huge pages fit */

typedef struct MemoryBackendMemfd {
    MemoryBackend backend;
    MemoryBackendMemfdProperties config;
} MemoryBackendMemfd;

G_STATIC_ASSERT(offsetof(MemoryBackendMemfd, config) == sizeof(MemoryBackend));

enum { SIZE_SEALS = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL };

static bool open_memfd(MemoryOrigin *origin, const char *name, uint64_t size_bytes, unsigned flags,
                       bool seal, QomError **errp)
{
    if (size_bytes > INT64_MAX) {
        return qom_error_set(errp, "memory size 0x%" G_GINT64_MODIFIER "x exceeds the largest file",
                             size_bytes);
    }
    /* syscalls: memfd_create ftruncate fcntl -- memory-backend-memfd */
    origin->fd = memfd_create(name, MFD_CLOEXEC | (seal ? MFD_ALLOW_SEALING : 0) | flags);
    if (origin->fd < 0) {
        return qom_error_set_errno(errp, errno, "failed to create a memfd");
    }
    if (ftruncate(origin->fd, (off_t)size_bytes) < 0) {
        return qom_error_set_errno(errp, errno, "failed to resize memfd to %s",
                                   memory_size_text(size_bytes));
    }
    if (seal && fcntl(origin->fd, F_ADD_SEALS, SIZE_SEALS) < 0) {
        return qom_error_set_errno(errp, errno, "failed to seal memfd");
    }
    return true;
}

/* --- memory-backend-ram --------------------------------------------------------------------- */

static bool ram_open(MemoryBackend *backend, MemoryOrigin *origin, QomError **errp)
{
    const MemoryBackendProperties *config = memory_config(backend);
    origin->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    origin->align_bytes = config->size < HUGE_ALIGN_BYTES ? origin->page_bytes : HUGE_ALIGN_BYTES;
    if (!config->share) {
        return true;
    }
    uint64_t size = (config->size + origin->page_bytes - 1) & ~((uint64_t)origin->page_bytes - 1);
    if (size < config->size) {
        size = UINT64_MAX; /* open_memfd refuses it */
    }
    g_autofree char *name = memory_backend_name(backend);
    name[MIN(strlen(name), 200)] = '\0'; /* memfd_create allows 249 */
    return open_memfd(origin, name, size, 0, true, errp);
}

static void ram_class_init(QomClass *klass)
{
    ((MemoryBackendClass *)klass)->open = ram_open;
}

static const QomTypeInfo ram_info = {
    .name = "memory-backend-ram",
    .parent = TYPE_MEMORY_BACKEND,
    .instance_size = sizeof(MemoryBackend) + sizeof(MemoryBackendProperties),
    .class_init = ram_class_init,
};

void memory_ram_register_type(void)
{
    qom_type_register(&ram_info);
}

/* --- memory-backend-memfd ------------------------------------------------------------------- */

static bool check_hugetlbsize(QomObject *obj, const void *value, QomError **errp)
{
    uint64_t size = *(const uint64_t *)value;
    if (size == 0) {
        return qom_error_set(errp, "Property '%s.hugetlbsize' doesn't take value '0'",
                             qom_object_type_name(obj));
    }
    if (size & (size - 1)) {
        return qom_error_set(
            errp, "Property '%s.hugetlbsize' expects a power of two, not '%" G_GUINT64_FORMAT "'",
            qom_object_type_name(obj), size);
    }
    return true;
}

/* Sets the error for a size of huge pages that the kernel has not, naming those it has. */
static bool no_such_huge_pages(uint64_t size_bytes, QomError **errp)
{
    g_autoptr(GString) known = g_string_new(NULL);
    /* syscalls: openat getdents64 -- the sizes of huge pages */
    g_autoptr(GDir) dir = g_dir_open("/sys/kernel/mm/hugepages", 0, NULL);
    const char *entry;
    while (dir && (entry = g_dir_read_name(dir))) {
        unsigned long long kib;
        if (sscanf(entry, "hugepages-%llukB", &kib) == 1) {
            g_string_append_printf(known, "%s%s", known->len ? ", " : "",
                                   memory_size_text(kib * 1024));
        }
    }
    return qom_error_set(errp, "the system has no huge pages of %s (hugetlbsize); it has: %s",
                         size_bytes ? memory_size_text(size_bytes) : "the default size",
                         known->len ? known->str : "none");
}

static bool memfd_open(MemoryBackend *backend, MemoryOrigin *origin, QomError **errp)
{
    const MemoryBackendMemfdProperties *config = &((MemoryBackendMemfd *)backend)->config;
    unsigned flags = 0;
    if (config->hugetlb) {
        unsigned log2 = config->hugetlbsize ? (unsigned)__builtin_ctzll(config->hugetlbsize) : 0;
        flags = MFD_HUGETLB | log2 << MFD_HUGE_SHIFT;
        /* An empty one first, which costs nothing: its page size decides what sizes are right. */
        int probe = memfd_create("probe", MFD_CLOEXEC | flags);
        if (probe < 0) {
            return errno == ENODEV || errno == EINVAL
                       ? no_such_huge_pages(config->hugetlbsize, errp)
                       : qom_error_set_errno(errp, errno, "failed to create a memfd");
        }
        origin->page_bytes = memory_file_page_bytes(probe, "memfd", &origin->hugetlb, errp);
        close(probe);
        if (config->hugetlbsize == 1) {
            return no_such_huge_pages(1, errp); /* the kernel takes 2^0 for the default */
        }
    } else {
        origin->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    }
    if (!origin->page_bytes || !memory_check_size(config->size, origin->page_bytes, errp)) {
        return false;
    }
    origin->align_bytes = origin->page_bytes;
    return open_memfd(origin, "memory-backend-memfd", config->size, flags, config->seal, errp);
}

static void memfd_class_init(QomClass *klass)
{
    ((MemoryBackendClass *)klass)->open = memfd_open;
}

static const QomPropertyRule memfd_rules[] = {
    {.name = "hugetlbsize", .check = check_hugetlbsize},
    {.name = "share", .default_json = "true"},
};

static const QomTypeInfo memfd_info = {
    .name = "memory-backend-memfd",
    .parent = TYPE_MEMORY_BACKEND,
    .instance_size = sizeof(MemoryBackendMemfd),
    .class_init = memfd_class_init,
    .config = &qapi_type_MemoryBackendMemfdProperties,
    .config_offset = offsetof(MemoryBackendMemfd, config),
    .rules = memfd_rules,
    .n_rules = G_N_ELEMENTS(memfd_rules),
};

void memory_memfd_register_type(void)
{
    qom_type_register(&memfd_info);
}
