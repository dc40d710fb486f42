/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a service manager wants to know, and what it gives: the protocols of sd_notify(3) and
 * sd_listen_fds(3). They are a datagram and two environment variables, no reason for a library.
 */
#include "daemon/daemon.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The first descriptor that is passed. */
#define LISTEN_FDS_START 3
#define LISTEN_FDS_MAX   4096

/* What the manager gave. */
static struct {
    int notify_fd; /* connected to it; -1: none */
    unsigned n_fds;
    char **names; /* of the descriptors; NULL: none */
} manager = {.notify_fd = -1};

/* Connects now: the path may be out of reach later. */
static void take_notify_socket(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (len > 1 && (*path == '/' || *path == '@') && len < sizeof(addr.sun_path)) {
        memcpy(addr.sun_path, path, len);
        if (*path == '@') {
            addr.sun_path[0] = '\0';
        }
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, addr_len) < 0) {
            close(fd);
            fd = -1;
        }
        manager.notify_fd = fd;
    }
    unsetenv("NOTIFY_SOCKET");
}

static void take_listen_fds(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    if (pid && count && g_ascii_strtoll(pid, NULL, 10) == getpid()) {
        manager.n_fds = (unsigned)CLAMP(g_ascii_strtoll(count, NULL, 10), 0, LISTEN_FDS_MAX);
        for (unsigned i = 0; i < manager.n_fds; i++) {
            fcntl(LISTEN_FDS_START + (int)i, F_SETFD, FD_CLOEXEC);
        }
        manager.names = names ? g_strsplit(names, ":", LISTEN_FDS_MAX) : NULL;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

void systemd_take_environment(void)
{
    take_notify_socket();
    take_listen_fds();
}

void systemd_forget(void)
{
    if (manager.notify_fd >= 0) {
        close(manager.notify_fd);
        manager.notify_fd = -1;
    }
    g_clear_pointer(&manager.names, g_strfreev);
}

int systemd_take_fd(const char *name)
{
    for (unsigned i = 0; manager.names && manager.names[i] && i < manager.n_fds; i++) {
        if (*name && strcmp(manager.names[i], name) == 0) {
            *manager.names[i] = '\0'; /* the next one asks for the next of this name */
            return LISTEN_FDS_START + (int)i;
        }
    }
    return -1;
}

void systemd_notify(const char *state)
{
    if (manager.notify_fd >= 0) {
        /* syscalls: sendto -- the service manager is told of start and end */
        send(manager.notify_fd, state, strlen(state), MSG_NOSIGNAL);
    }
}
