/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening sockets.
 *
 * A Unix socket's file outlives a server that crashed, so a name that exists may be taken over, but
 * only when it is a socket and a connect() to it is refused: then nobody listens. Whatever else is
 * there stays (QEMU unlinks even the socket of a live server). At the end the file is removed,
 * unless another one has taken its place meanwhile.
 */
#include "io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -------------------------------------------------------------------------------------- TCP -- */

static in_port_t *port_of(IoSockaddr *sa)
{
    return sa->u.any.sa_family == AF_INET6
               ? &((struct sockaddr_in6 *)(void *)&sa->u.storage)->sin6_port
               : &((struct sockaddr_in *)(void *)&sa->u.storage)->sin_port;
}

/* A socket for IPv6 takes IPv4 too where that was not excluded and gets no socket of its own. */
static bool is_dual_stack(const InetSocketAddress *inet, const IoSockaddrs *list)
{
    if (inet->has_ipv4 || inet->has_ipv6) {
        return inet->has_ipv4 && inet->ipv4 && inet->has_ipv6 && inet->ipv6 && list->n == 1;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].u.any.sa_family == AF_INET) {
            return false;
        }
    }
    return true;
}

/* A listening socket, or a negative errno value. */
static int listen_inet(const SocketAddress *address, const IoSockaddr *sa, bool dual, int backlog)
{
    int fd = io_socket_new(address, sa->u.any.sa_family);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (sa->u.any.sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){!dual}, sizeof(int));
    }
    /* syscalls: bind listen getsockname -- character devices that are servers */
    if (bind(fd, &sa->u.any, sa->len) < 0 || listen(fd, backlog) < 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    return fd;
}

static void close_all(IoListener *listener)
{
    for (size_t i = 0; i < listener->n; i++) {
        close(listener->fd[i]);
    }
    listener->n = 0;
}

/* Listens on each address with @port. Where that is 0, the port that the first gets is used for the
 * others. Families that this host does not have are passed over. 0 or a negative errno value. */
static int listen_port(const SocketAddress *address, const IoSockaddrs *list, uint16_t port,
                       int backlog, IoListener *listener)
{
    bool dual = is_dual_stack(&address->u.inet, list);
    int error = -EADDRNOTAVAIL;
    for (size_t i = 0; i < list->n && listener->n < IO_LISTEN_MAX; i++) {
        IoSockaddr sa = list->items[i];
        *port_of(&sa) = htons(port);
        int fd = listen_inet(address, &sa, dual, backlog);
        if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) {
            error = fd;
            continue;
        }
        if (fd < 0) {
            close_all(listener);
            return fd;
        }
        listener->fd[listener->n++] = fd;
        if (port == 0 && getsockname(fd, &sa.u.any, &sa.len) == 0) {
            port = ntohs(*port_of(&sa));
        }
    }
    return listener->n ? 0 : error;
}

static bool listen_tcp(const SocketAddress *address, const IoSockaddrs *list, int backlog,
                       IoListener *listener, QomError **errp)
{
    enum { RETRIES = 16 };
    const InetSocketAddress *inet = &address->u.inet;
    unsigned first = ntohs(*port_of(&list->items[0]));
    unsigned last = inet->has_to ? inet->to : first;
    int rc = -EADDRINUSE;
    for (unsigned port = first; port <= last && rc == -EADDRINUSE; port++) {
        rc = listen_port(address, list, (uint16_t)port, backlog, listener);
    }
    /* A port that the kernel chose for one family may be taken in the other. */
    for (int i = 0; rc == -EADDRINUSE && first == 0 && i < RETRIES; i++) {
        rc = listen_port(address, list, 0, backlog, listener);
    }
    if (rc < 0) {
        return qom_error_set_errno(errp, -rc, "Failed to find an available port");
    }
    return true;
}

/* ------------------------------------------------------------------------------------- Unix -- */

/* The file of @un is a socket that nobody listens on. */
static bool is_stale(const IoSockaddr *un)
{
    struct stat st;
    if (lstat(un->u.un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) {
        return false;
    }
    bool refused = connect(probe, &un->u.any, un->len) < 0 && errno == ECONNREFUSED;
    close(probe);
    return refused;
}

static int bind_unix(int fd, const IoSockaddr *un)
{
    if (bind(fd, &un->u.any, un->len) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE) {
        return -errno;
    }
    if (!un->u.un.sun_path[0] || !is_stale(un)) {
        return -EADDRINUSE;
    }
    /* syscalls: unlink unlinkat -- sockets of servers that are gone */
    unlink(un->u.un.sun_path);
    return bind(fd, &un->u.any, un->len) < 0 ? -errno : 0;
}

/* Binds to a name in the temporary directory that nobody has. */
static int bind_fresh(int fd, IoSockaddr *un)
{
    enum { ATTEMPTS = 100 };
    for (int i = 0; i < ATTEMPTS; i++) {
        g_autofree char *path = g_strdup_printf("%s/qomd-sock-%08x%08x", g_get_tmp_dir(),
                                                g_random_int(), g_random_int());
        if (strlen(path) >= sizeof(un->u.un.sun_path)) {
            return -ENAMETOOLONG;
        }
        memcpy(un->u.un.sun_path, path, strlen(path) + 1);
        un->len = sizeof(un->u.un);
        if (bind(fd, &un->u.any, un->len) == 0) {
            return 0;
        }
        if (errno != EADDRINUSE) {
            return -errno;
        }
    }
    return -EADDRINUSE;
}

static bool listen_unix(const SocketAddress *address, const IoSockaddr *sa, int backlog,
                        IoListener *listener, QomError **errp)
{
    const UnixSocketAddress *local = &address->u.q_unix;
    bool abstract = local->has_abstract && local->abstract;
    bool fresh = !abstract && !*local->path;
    IoSockaddr un = *sa;
    int fd = io_socket_new(address, AF_UNIX);
    int rc = fd < 0 ? -errno : fresh ? bind_fresh(fd, &un) : bind_unix(fd, &un);
    struct stat st = {0};
    if (rc == 0 && !abstract && lstat(un.u.un.sun_path, &st) < 0) {
        rc = -errno;
        unlink(un.u.un.sun_path);
    } else if (rc == 0 && !abstract) {
        listener->unlink_path = g_strdup(un.u.un.sun_path);
        listener->dev = st.st_dev;
        listener->ino = st.st_ino;
    }
    if (rc == 0 && listen(fd, backlog) < 0) {
        rc = -errno;
    }
    if (fd >= 0) {
        listener->fd[listener->n++] = fd;
    }
    if (rc < 0) {
        io_listener_close(listener);
        return qom_error_set_errno(errp, -rc, "Failed to bind socket to %s", local->path);
    }
    return true;
}

/* ------------------------------------------------------------------------------------ others -- */

static bool listen_vsock(const SocketAddress *address, const IoSockaddr *sa, int backlog,
                         IoListener *listener, QomError **errp)
{
    g_autofree char *text = io_address_text(address);
    int fd = io_socket_new(address, AF_VSOCK);
    if (fd < 0) {
        return qom_error_set_errno(errp, errno, "Failed to create socket family AF_VSOCK");
    }
    if (bind(fd, &sa->u.any, sa->len) < 0 || listen(fd, backlog) < 0) {
        int err = errno;
        close(fd);
        return qom_error_set_errno(errp, err, "Failed to bind socket to %s", text);
    }
    listener->fd[listener->n++] = fd;
    return true;
}

/* Closes @listener if its address could not be read; errno says why. */
static bool check_address(IoListener *listener, QomError **errp)
{
    if (listener->address) {
        return true;
    }
    int err = errno;
    io_listener_close(listener);
    return qom_error_set_errno(errp, err, "Failed to read the address of a listening socket");
}

bool io_listen(const SocketAddress *address, const IoSockaddrs *list, int backlog,
               IoListener *listener, QomError **errp)
{
    *listener = (IoListener){0};
    bool ok;
    switch (address->type) {
    case SOCKET_ADDRESS_TYPE_INET: ok = listen_tcp(address, list, backlog, listener, errp); break;
    case SOCKET_ADDRESS_TYPE_UNIX:
        ok = listen_unix(address, &list->items[0], backlog, listener, errp);
        break;
    default: ok = listen_vsock(address, &list->items[0], backlog, listener, errp); break;
    }
    if (!ok) {
        return false;
    }
    bool named = address->type == SOCKET_ADDRESS_TYPE_UNIX && *address->u.q_unix.path;
    listener->address = named ? io_address_copy(address) : io_address_of_fd(listener->fd[0], false);
    return check_address(listener, errp);
}

bool io_listen_fd(int fd, const char *name, int backlog, IoListener *listener, QomError **errp)
{
    *listener = (IoListener){0};
    if (!io_check_socket(fd, name, errp)) {
        close(fd);
        return false;
    }
    if (listen(fd, backlog) < 0) {
        int err = errno;
        close(fd);
        return qom_error_set_errno(errp, err, "Failed to listen on file descriptor '%s'", name);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    listener->fd[listener->n++] = fd;
    listener->address = io_address_of_fd(fd, false);
    return check_address(listener, errp);
}

void io_listener_close(IoListener *listener)
{
    close_all(listener);
    struct stat st;
    if (listener->unlink_path && lstat(listener->unlink_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        st.st_dev == listener->dev && st.st_ino == listener->ino) {
        unlink(listener->unlink_path);
    }
    g_free(listener->unlink_path);
    io_address_free(listener->address);
    *listener = (IoListener){0};
}

void io_listener_set_backlog(const IoListener *listener, int backlog)
{
    for (size_t i = 0; i < listener->n; i++) {
        listen(listener->fd[i], backlog);
    }
}
