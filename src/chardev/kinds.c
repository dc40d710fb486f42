/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kinds of backends, and the simplest of them: null, which has no stream, so that nobody writes
 * to it and nothing is ever read.
 */
#include "chardev/backend.h"

static bool null_open(ChrBackend *backend, const ChardevBackend *config, const ChrOpenHow *how,
                      QomError **errp)
{
    chr_backend_ready(backend);
    return true;
}

const ChrBackendOps chr_null_ops = {
    .kind = CHARDEV_BACKEND_KIND_NULL,
    .size = sizeof(ChrBackend),
    .open = null_open,
};

const ChrBackendOps *chr_backend_ops(ChardevBackendKind kind)
{
    switch (kind) {
    case CHARDEV_BACKEND_KIND_FILE: return &chr_file_ops;
    case CHARDEV_BACKEND_KIND_SOCKET: return &chr_socket_ops;
    case CHARDEV_BACKEND_KIND_STDIO: return &chr_stdio_ops;
    case CHARDEV_BACKEND_KIND_RINGBUF: return &chr_ringbuf_ops;
    case CHARDEV_BACKEND_KIND_MEMORY: return &chr_memory_ops;
    default: return &chr_null_ops;
    }
}

const char *chr_kind_name(ChardevBackendKind kind)
{
    static const char *const names[] = {
        [CHARDEV_BACKEND_KIND_FILE] = "file",       [CHARDEV_BACKEND_KIND_SOCKET] = "socket",
        [CHARDEV_BACKEND_KIND_NULL] = "null",       [CHARDEV_BACKEND_KIND_STDIO] = "stdio",
        [CHARDEV_BACKEND_KIND_RINGBUF] = "ringbuf", [CHARDEV_BACKEND_KIND_MEMORY] = "memory",
    };
    return names[kind];
}

/* Each kind's options start with the common ones. */
const ChardevCommon *chr_config_common(const ChardevBackend *config)
{
    switch (config->type) {
    case CHARDEV_BACKEND_KIND_FILE: return (const ChardevCommon *)config->u.file.data;
    case CHARDEV_BACKEND_KIND_SOCKET: return (const ChardevCommon *)config->u.socket.data;
    case CHARDEV_BACKEND_KIND_STDIO: return (const ChardevCommon *)config->u.stdio.data;
    case CHARDEV_BACKEND_KIND_RINGBUF: return (const ChardevCommon *)config->u.ringbuf.data;
    case CHARDEV_BACKEND_KIND_MEMORY: return (const ChardevCommon *)config->u.memory.data;
    default: return config->u.null.data;
    }
}
