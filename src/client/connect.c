/* SPDX-License-Identifier: BSD-3-Clause */
/* From an address to a connected socket. */
#include "client/connection.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool connect_is_tcp(const char *address, char **host, char **port)
{
    bool prefixed = g_str_has_prefix(address, "tcp:");
    if (g_str_has_prefix(address, "unix:") || (!prefixed && strchr(address, '/'))) {
        return false;
    }
    address += prefixed ? strlen("tcp:") : 0;
    const char *colon = strrchr(address, ':');
    if (!colon || !colon[1] ||
        (!prefixed && strspn(colon + 1, "0123456789") != strlen(colon + 1))) {
        return false;
    }
    size_t len = (size_t)(colon - address);
    bool bracketed = len >= 2 && address[0] == '[' && address[len - 1] == ']';
    *host = bracketed ? g_strndup(address + 1, len - 2) : g_strndup(address, len);
    *port = g_strdup(colon + 1);
    return true;
}

/* Waits until a connection that is under way has succeeded or failed; 0 or an errno value. */
static int finish_connect(int fd, int64_t deadline_us)
{
    for (;;) {
        int64_t left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
        if (left_ms <= 0) {
            return ETIMEDOUT;
        }
        struct pollfd pfd = {fd, POLLOUT, 0};
        int n = poll(&pfd, 1, (int)MIN(left_ms, G_MAXINT));
        if (n > 0) {
            int err = 0;
            socklen_t len = sizeof(err);
            return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? errno : err;
        }
        if (n < 0 && errno != EINTR) {
            return errno;
        }
    }
}

/* A connected socket or a negative errno value. */
static int connect_one(int family, const struct sockaddr *to, socklen_t len, int64_t deadline_us)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    int err = connect(fd, to, len) == 0 ? 0 : errno;
    if (err == EINPROGRESS || err == EINTR) {
        err = finish_connect(fd, deadline_us);
    }
    if (err) {
        close(fd);
        return -err;
    }
    return fd;
}

static int connect_unix(const char *path, int64_t deadline_us, QomError **errp)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(un.sun_path)) {
        qom_error_set(errp, "UNIX socket path '%s' is too long", path);
        return -1;
    }
    memcpy(un.sun_path, path, strlen(path) + 1);
    int fd = connect_one(AF_UNIX, (const struct sockaddr *)&un, sizeof(un), deadline_us);
    if (fd < 0) {
        qom_error_set_errno(errp, -fd, "can not connect to '%s'", path);
        if (fd == -EAGAIN) {
            qom_error_hint(errp, "Other clients are connected; QEMU serves one at a time.\n");
        }
        return -1;
    }
    return fd;
}

static int connect_tcp(const char *host, const char *port, int64_t deadline_us, QomError **errp)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    if (rc != 0) {
        qom_error_set(errp, "can not resolve '%s:%s': %s", host, port, gai_strerror(rc));
        return -1;
    }
    int fd = -EADDRNOTAVAIL;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = connect_one(a->ai_family, a->ai_addr, a->ai_addrlen, deadline_us);
    }
    freeaddrinfo(list);
    if (fd < 0) {
        qom_error_set_errno(errp, -fd, "can not connect to '%s:%s'", host, port);
        return -1;
    }
    return fd;
}

int connect_to(const char *address, int64_t deadline_us, QomError **errp)
{
    g_autofree char *host = NULL;
    g_autofree char *port = NULL;

    if (connect_is_tcp(address, &host, &port)) {
        return connect_tcp(host, port, deadline_us, errp);
    }
    return connect_unix(g_str_has_prefix(address, "unix:") ? address + strlen("unix:") : address,
                        deadline_us, errp);
}
