/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands about memory backends: query-memdev, and memdev-get-fd, which hands one out. */
#include "backend/memory/memory.h"
#include "qapi-commands.h"
#include "qom/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

bool qmp_query_memdev(MemdevList *ret, QomError **errp)
{
    GArray *infos = g_array_new(false, true, sizeof(Memdev));
    for (QomObject *obj = qom_object_first_child(qom_objects()); obj;
         obj = qom_object_next_sibling(obj)) {
        if (!qom_object_is_a(obj, TYPE_MEMORY_BACKEND)) {
            continue;
        }
        const MemoryBackendProperties *config = memory_config((MemoryBackend *)obj);
        Memdev info = {
            .id = g_strdup(qom_object_name(obj)),
            .size = config->size,
            .merge = config->merge,
            .dump = config->dump,
            .prealloc = memory_is_preallocated((const MemoryBackend *)obj),
            .share = config->share,
            .has_reserve = true,
            .reserve = config->reserve,
            .policy = config->policy,
        };
        qapi_copy(&qapi_type_uint16List, &info.host_nodes, &config->host_nodes);
        g_array_append_val(infos, info);
    }
    ret->n = infos->len;
    ret->items = (Memdev *)(void *)g_array_free(infos, false);
    return true;
}

MemoryBackend *memory_find_backend(const char *id, QomError **errp)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    if (!obj) {
        qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", id);
        return NULL;
    }
    if (!qom_object_is_a(obj, TYPE_MEMORY_BACKEND)) {
        qom_error_set(errp, "Object '%s' is a %s, expected: %s", id, qom_object_type_name(obj),
                      TYPE_MEMORY_BACKEND);
        return NULL;
    }
    return (MemoryBackend *)obj;
}

/* A new open file description, so that the peer's position and flags are its own and a reader can
 * not write. Where there is none to be had (no /proc in a chroot, no permission any more) ours is
 * shared, if it allows no more than is asked for. */
static int reopen(const MemoryBackend *backend, bool write, QomError **errp)
{
    int flags = write ? O_RDWR : O_RDONLY, ours = backend->origin.fd, fd = -1;
    if (!backend->origin.enclave) {
        char path[40];
        g_snprintf(path, sizeof(path), "/proc/self/fd/%d", ours);
        /* syscalls: open openat -- memory that is passed on, without the right to write */
        fd = open(path, flags | O_CLOEXEC);
    }
    if (fd < 0 && (fcntl(ours, F_GETFL) & O_ACCMODE) == flags) {
        fd = fcntl(ours, F_DUPFD_CLOEXEC, 0);
    }
    if (fd < 0) {
        qom_error_set_errno(errp, errno, "Could not open the memory of '%s' for %s",
                            qom_object_name(&backend->obj), write ? "writing" : "reading");
    }
    return fd;
}

bool qmp_memdev_get_fd(const char *id, bool has_access, MemdevAccess access, MemdevFd *ret,
                       QomError **errp)
{
    MemoryBackend *backend = memory_find_backend(id, errp);
    if (!backend) {
        return false;
    }
    const MemoryBackendProperties *config = memory_config(backend);
    const MemoryOrigin *origin = &backend->origin;
    if (!config->share || origin->fd < 0) {
        return qom_error_set(errp,
                             "The memory of '%s' is private, nobody else can have it: share=on is "
                             "needed",
                             id);
    }
    if (origin->source) {
        return qom_error_set(errp, "The memory of '%s' is in no file that could be handed out", id);
    }
    if (has_access && access == MEMDEV_ACCESS_READ_WRITE && origin->rom) {
        return qom_error_set(errp, "The memory of '%s' is ROM: access 'read-write' is not possible",
                             id);
    }
    if (has_access && access == MEMDEV_ACCESS_READ && origin->enclave) {
        return qom_error_set(
            errp, "The memory of '%s' belongs to enclaves: access 'read' is not possible", id);
    }
    bool write = has_access ? access == MEMDEV_ACCESS_READ_WRITE : !origin->rom;
    int fd = reopen(backend, write, errp);
    if (fd < 0 || !qmp_call_attach_fd(qmp_call_current(), fd, errp)) {
        return false;
    }
    backend->handed_out = true;
    /* syscalls: fcntl -- the seals of memory that is passed on */
    int seals = fcntl(origin->fd, F_GET_SEALS);
    *ret = (MemdevFd){
        .size = backend->map.size_bytes,
        .offset = origin->offset_bytes,
        .page_size = origin->page_bytes,
        .share = true,
        .rom = origin->rom,
        .seals = seals < 0 ? 0 : (uint32_t)seals,
    };
    return true;
}
