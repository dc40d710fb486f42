/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files: one stream, open from the beginning, whose input (if any) ends with the input file.
 */
#include "chardev/backend.h"

#include "io/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* io_open(), but a name that can not be made is one that can not be opened, as QEMU says. */
static int open_output(const char *path, int flags, QomError **errp)
{
    QOM_AUTO_ERROR(error);
    int fd = io_open(path, flags, 0666, &error);
    if (fd < 0 && g_str_has_prefix(path, "/dev/fdset/")) {
        qom_error_propagate(errp, g_steal_pointer(&error));
    } else if (fd < 0) {
        qom_error_set_errno(errp, errno, "Could not open '%s'", path);
    }
    return fd;
}

static bool file_open(ChrBackend *backend, const ChardevBackend *config, const ChrOpenHow *how,
                      QomError **errp)
{
    const ChardevFile *file = config->u.file.data;
    bool append = file->has_append && file->append;
    int in_fd = -1;
    /* The input first: a wrong name there must not have emptied the output. */
    if (file->in) {
        in_fd = io_open(file->in, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, errp);
        if (in_fd < 0) {
            return false;
        }
    }
    int flags = O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | (append ? O_APPEND : O_TRUNC);
    int out_fd = open_output(file->out, flags, errp);
    if (out_fd < 0) {
        if (in_fd >= 0) {
            close(in_fd);
        }
        return false;
    }
    chr_stream_new(backend, io_channel_new_files(in_fd, out_fd));
    chr_backend_ready(backend);
    return true;
}

const ChrBackendOps chr_file_ops = {
    .kind = CHARDEV_BACKEND_KIND_FILE,
    .size = sizeof(ChrBackend),
    .open = file_open,
};
