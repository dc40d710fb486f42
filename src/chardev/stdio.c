/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Standard input and output.
 *
 * Both may be shared with other processes (a shell, a pipeline), so they must not become
 * non-blocking: pipes and terminals are opened anew through /proc, which gives an open file of our
 * own; sockets are used with MSG_DONTWAIT; regular files do not block. Only where opening anew is
 * refused (a terminal of another user) the flag is set on the shared file, and restored at the end.
 */
#include "chardev/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

typedef struct Stdio {
    ChrBackend base;
    bool taken;    /* is the one that has `stdio_in_use` */
    bool terminal; /* standard input is one, and was changed */
    struct termios saved;
    int saved_flags[2]; /* of descriptors 0 and 1, or -1: left alone */
} Stdio;

/* The process has one standard input: main thread. */
static bool stdio_in_use;

static Stdio *stdio(ChrBackend *backend)
{
    return (Stdio *)(void *)backend;
}

/* A terminal hands over each key at once and echoes none. */
static void terminal_raw(Stdio *self, bool signals)
{
    /* syscalls: ioctl -- the modes of a terminal */
    if (tcgetattr(STDIN_FILENO, &self->saved) < 0) {
        return;
    }
    struct termios raw = self->saved;
    raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag |= OPOST;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
    raw.c_lflag = signals ? raw.c_lflag | ISIG : raw.c_lflag & ~(tcflag_t)ISIG;
    raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    self->terminal = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* A descriptor of our own for standard descriptor @fd that does not block; -1 and errno. */
static int own_descriptor(Stdio *self, int fd, int access)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -1;
    }
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
        int own = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (own >= 0) {
            return own;
        }
        self->saved_flags[fd] = fcntl(fd, F_GETFL);
        fcntl(fd, F_SETFL, self->saved_flags[fd] | O_NONBLOCK);
    }
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static bool stdio_open(ChrBackend *backend, const ChardevBackend *config, const ChrOpenHow *how,
                       QomError **errp)
{
    Stdio *self = stdio(backend);
    const ChardevStdio *options = config->u.stdio.data;
    self->saved_flags[0] = self->saved_flags[1] = -1;
    if (stdio_in_use) {
        return qom_error_set(errp, "cannot use stdio by multiple character devices");
    }
    stdio_in_use = self->taken = true;
    int in_fd = own_descriptor(self, STDIN_FILENO, O_RDONLY);
    if (in_fd < 0) {
        return qom_error_set_errno(errp, errno, "Could not use standard input");
    }
    int out_fd = own_descriptor(self, STDOUT_FILENO, O_WRONLY);
    if (out_fd < 0) {
        int err = errno;
        close(in_fd);
        return qom_error_set_errno(errp, err, "Could not use standard output");
    }
    if (isatty(STDIN_FILENO)) {
        terminal_raw(self, !options->has_signal || options->signal);
    }
    chr_stream_new(backend, io_channel_new_files(in_fd, out_fd));
    chr_backend_ready(backend);
    return true;
}

static void stdio_close(ChrBackend *backend)
{
    Stdio *self = stdio(backend);
    if (!self->taken) {
        return;
    }
    /* Backwards: if both are one open file, the flags of 0 are the original ones. */
    for (int fd = 1; fd >= 0; fd--) {
        if (self->saved_flags[fd] >= 0) {
            fcntl(fd, F_SETFL, self->saved_flags[fd]);
        }
    }
    if (self->terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &self->saved);
    }
    stdio_in_use = false;
}

const ChrBackendOps chr_stdio_ops = {
    .kind = CHARDEV_BACKEND_KIND_STDIO,
    .size = sizeof(Stdio),
    .open = stdio_open,
    .close = stdio_close,
};
