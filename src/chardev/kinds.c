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
    static const ChrBackendOps *const ops[CHARDEV_BACKEND_KIND__MAX] = {
        [CHARDEV_BACKEND_KIND_FILE] = &chr_file_ops,
        [CHARDEV_BACKEND_KIND_SOCKET] = &chr_socket_ops,
        [CHARDEV_BACKEND_KIND_NULL] = &chr_null_ops,
        [CHARDEV_BACKEND_KIND_STDIO] = &chr_stdio_ops,
        [CHARDEV_BACKEND_KIND_RINGBUF] = &chr_ringbuf_ops,
        [CHARDEV_BACKEND_KIND_MEMORY] = &chr_memory_ops,
    };
    return ops[kind];
}

/* Each kind's options start with the common ones. */
const ChardevCommon *chr_config_common(const ChardevBackend *config)
{
    switch (config->type) {
    case CHARDEV_BACKEND_KIND_FILE: return ChardevFile_base(config->u.file.data);
    case CHARDEV_BACKEND_KIND_SOCKET: return ChardevSocket_base(config->u.socket.data);
    case CHARDEV_BACKEND_KIND_STDIO: return ChardevStdio_base(config->u.stdio.data);
    case CHARDEV_BACKEND_KIND_RINGBUF: return ChardevRingbuf_base(config->u.ringbuf.data);
    case CHARDEV_BACKEND_KIND_MEMORY: return ChardevRingbuf_base(config->u.memory.data);
    default: return config->u.null.data;
    }
}
