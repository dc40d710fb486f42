/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections made and accepted, and their settings. Nothing waits.
 */
#include "io/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

int io_socket_new(const SocketAddress *address, int family)
{
    int protocol = 0;
#ifdef HAVE_IPPROTO_MPTCP
    if (address->type == SOCKET_ADDRESS_TYPE_INET && address->u.inet.has_mptcp &&
        address->u.inet.mptcp) {
        protocol = IPPROTO_MPTCP;
    }
#endif
    /* syscalls: socket -- sockets of local and internet peers */
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

int io_connect_start(const SocketAddress *address, const IoSockaddr *to, bool *pending)
{
    int fd = io_socket_new(address, to->u.any.sa_family);
    if (fd < 0) {
        return -errno;
    }
    int rc;
    do {
        /* syscalls: connect -- character devices that are clients */
        rc = connect(fd, &to->u.any, to->len);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0 && errno != EINPROGRESS) {
        int err = errno;
        close(fd);
        return -err;
    }
    *pending = rc < 0;
    return fd;
}

int io_connect_result(int fd)
{
    int err = 0;
    socklen_t len = sizeof(err);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0) {
        return -errno;
    }
    return -err;
}

bool io_check_socket(int fd, const char *name, QomError **errp)
{
    int type = 0;
    socklen_t len = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
        return errno == ENOTSOCK
                   ? qom_error_set(errp, "File descriptor '%s' is not a socket", name)
                   : qom_error_set_errno(errp, errno, "Cannot look at file descriptor '%s'", name);
    }
    if (type != SOCK_STREAM) {
        return qom_error_set(errp, "File descriptor '%s' is not a stream socket", name);
    }
    return true;
}

int io_accept(int fd)
{
    int client;
    do {
        /* syscalls: accept4 -- clients come */
        client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (client < 0 && (errno == EINTR || errno == ECONNABORTED));
    return client < 0 ? -errno : client;
}

/* These fail on sockets that are not TCP, where there is nothing to set. */
void io_socket_set_nodelay(int fd, bool on)
{
    int value = on;
    /* syscalls: setsockopt getsockopt -- options, type and state of sockets */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value));
}

void io_socket_set_keep_alive(int fd)
{
    int value = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value));
}
