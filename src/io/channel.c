/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bottoms of channel stacks: sockets, which can carry descriptors, and pairs of files.
 *
 * Sockets are read and written with MSG_DONTWAIT, so that the O_NONBLOCK flag of an open socket
 * that other processes share (inherited standard input, say) is left alone.
 */
#include "io/channel.h"
#include "qom/loop.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void io_fds_close(IoFds *fds)
{
    for (size_t i = 0; i < fds->n; i++) {
        close(fds->fd[i]);
    }
    fds->n = 0;
}

/* ---------------------------------------------------------------------------------- sockets -- */

typedef union ControlBuffer {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
} ControlBuffer;

/* The kernel installs no more descriptors than @msg had room for. */
static void take_fds(struct msghdr *msg, IoFds *fds)
{
    IoFds got = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        n = MIN(n, IO_FDS_MAX - got.n);
        memcpy(got.fd + got.n, CMSG_DATA(c), n * sizeof(int));
        got.n += n;
    }
    if (got.n) {
        io_fds_close(fds);
        *fds = got;
    }
}

static ssize_t local_socket_read(IoChannel *channel, void *buf, size_t len, IoFds *fds)
{
    ControlBuffer control;
    struct iovec iov = {buf, len};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t n;
    do {
        /* syscalls: recvmsg recvfrom -- bytes and descriptors from peers */
        n = recvmsg(channel->read_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    take_fds(&msg, fds);
    return n;
}

static ssize_t socket_read(IoChannel *channel, void *buf, size_t len, IoFds *fds)
{
    ssize_t n;
    do {
        n = recv(channel->read_fd, buf, len, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t local_socket_writev(IoChannel *channel, const struct iovec *iov, int n_iov,
                                   const int *fds, size_t n_fds)
{
    if (n_fds > IO_FDS_MAX) {
        return -EINVAL;
    }
    ControlBuffer control;
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n_iov};
    if (n_fds) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
    }
    /* syscalls: sendto sendmsg -- bytes and descriptors to peers */
    bool simple = n_iov == 1 && n_fds == 0; /* send(2) costs less */
    ssize_t n;
    do {
        n = simple
                ? send(channel->write_fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL)
                : sendmsg(channel->write_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t socket_writev(IoChannel *channel, const struct iovec *iov, int n_iov, const int *fds,
                             size_t n_fds)
{
    return n_fds ? -EOPNOTSUPP : local_socket_writev(channel, iov, n_iov, NULL, 0);
}

static void socket_shutdown(IoChannel *channel)
{
    /* syscalls: shutdown -- the end of a stream */
    shutdown(channel->write_fd, SHUT_WR);
}

static void socket_close(IoChannel *channel)
{
    close(channel->read_fd);
    g_free(channel);
}

static const IoChannelOps socket_ops = {
    .read = socket_read,
    .writev = socket_writev,
    .shutdown = socket_shutdown,
    .close = socket_close,
};

static const IoChannelOps local_socket_ops = {
    .read = local_socket_read,
    .writev = local_socket_writev,
    .shutdown = socket_shutdown,
    .close = socket_close,
    .passes_fds = true,
};

IoChannel *io_channel_new_socket(int fd)
{
    int domain = AF_UNSPEC;
    /* syscalls: getsockopt -- what kind of socket it is */
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof(domain)});
    IoChannel *channel = g_new0(IoChannel, 1);
    channel->ops = domain == AF_UNIX ? &local_socket_ops : &socket_ops;
    channel->read_fd = fd;
    channel->write_fd = fd;
    return channel;
}

/* ------------------------------------------------------------------------------------ files -- */

typedef struct FilesChannel {
    IoChannel base;
    bool reads_socket;
    bool writes_socket;
} FilesChannel;

static ssize_t files_read(IoChannel *channel, void *buf, size_t len, IoFds *fds)
{
    if (channel->read_fd < 0) {
        return -EAGAIN;
    }
    if (((FilesChannel *)channel)->reads_socket) {
        return socket_read(channel, buf, len, fds);
    }
    ssize_t n;
    do {
        n = read(channel->read_fd, buf, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t files_writev(IoChannel *channel, const struct iovec *iov, int n_iov, const int *fds,
                            size_t n_fds)
{
    if (n_fds || ((FilesChannel *)channel)->writes_socket) {
        return socket_writev(channel, iov, n_iov, fds, n_fds);
    }
    ssize_t n = 0;
    if (channel->write_fd < 0) {
        for (int i = 0; i < n_iov; i++) {
            n += (ssize_t)iov[i].iov_len;
        }
        return n;
    }
    do {
        /* syscalls: read write writev -- terminals and pipes */
        n = writev(channel->write_fd, iov, n_iov);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void files_shutdown(IoChannel *channel)
{
    if (channel->write_fd >= 0 && channel->write_fd != channel->read_fd) {
        close(channel->write_fd);
        channel->write_fd = -1;
    }
}

static void files_close(IoChannel *channel)
{
    if (channel->read_fd >= 0) {
        close(channel->read_fd);
    }
    if (channel->write_fd >= 0 && channel->write_fd != channel->read_fd) {
        close(channel->write_fd);
    }
    g_free(channel);
}

static const IoChannelOps files_ops = {
    .read = files_read,
    .writev = files_writev,
    .shutdown = files_shutdown,
    .close = files_close,
};

static bool is_socket(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

IoChannel *io_channel_new_files(int read_fd, int write_fd)
{
    FilesChannel *files = g_new0(FilesChannel, 1);
    files->base.ops = &files_ops;
    files->base.read_fd = read_fd;
    files->base.write_fd = write_fd;
    files->reads_socket = is_socket(read_fd);
    files->writes_socket = is_socket(write_fd);
    return &files->base;
}

/* -------------------------------------------------------------------------------- any stack -- */

void io_channel_close(IoChannel *channel)
{
    if (channel) {
        channel->ops->close(channel);
    }
}

void io_channel_events(const IoChannel *channel, bool want_read, bool want_write,
                       unsigned *on_read_fd, unsigned *on_write_fd)
{
    if (channel->ops->events) {
        channel->ops->events(channel, want_read, want_write, on_read_fd, on_write_fd);
        return;
    }
    *on_read_fd = want_read ? LOOP_READ : 0;
    *on_write_fd = want_write ? LOOP_WRITE : 0;
}

bool io_channel_pending(const IoChannel *channel)
{
    return channel->ops->pending && channel->ops->pending(channel);
}

static const IoChannel *bottom(const IoChannel *channel)
{
    while (channel->below) {
        channel = channel->below;
    }
    return channel;
}

int io_channel_read_fd(const IoChannel *channel)
{
    return bottom(channel)->read_fd;
}

int io_channel_write_fd(const IoChannel *channel)
{
    return bottom(channel)->write_fd;
}
