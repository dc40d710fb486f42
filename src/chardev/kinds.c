/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kinds of backends, and the simplest of them: null, which has no stream, so that nobody writes
 * to it and nothing is ever read.
 */
#include "chardev/backend.h"

#include <string.h>

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

static bool check_text(const char *name, const char *text, QomError **errp)
{
    enum { TEXT_BYTES = 64 * 1024 };
    return !text || strnlen(text, TEXT_BYTES) < TEXT_BYTES ||
           qom_error_set(errp, "Parameter '%s' expects less than %d bytes", name, TEXT_BYTES);
}

static bool check_address(const SocketAddressLegacy *addr, QomError **errp)
{
    switch (addr->type) {
    case SOCKET_ADDRESS_TYPE_INET:
        return check_text("host", addr->u.inet.data->host, errp) &&
               check_text("port", addr->u.inet.data->port, errp);
    case SOCKET_ADDRESS_TYPE_UNIX: return check_text("path", addr->u.q_unix.data->path, errp);
    case SOCKET_ADDRESS_TYPE_VSOCK:
        return check_text("cid", addr->u.vsock.data->cid, errp) &&
               check_text("port", addr->u.vsock.data->port, errp);
    case SOCKET_ADDRESS_TYPE_FD: return check_text("str", addr->u.fd.data->str, errp);
    default: return true;
    }
}

bool chr_config_check(const ChardevBackend *config, QomError **errp)
{
    if (!check_text("logfile", chr_config_common(config)->logfile, errp)) {
        return false;
    }
    switch (config->type) {
    case CHARDEV_BACKEND_KIND_FILE:
        return check_text("in", config->u.file.data->in, errp) &&
               check_text("out", config->u.file.data->out, errp);
    case CHARDEV_BACKEND_KIND_SOCKET: return check_address(config->u.socket.data->addr, errp);
    default: return true;
    }
}
