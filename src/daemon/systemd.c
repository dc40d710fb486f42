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

/* The manager's socket; zero length: none. */
static struct {
    struct sockaddr_un addr;
    socklen_t len;
} manager;

static void take_notify_socket(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    if (len > 1 && (*path == '/' || *path == '@') && len < sizeof(manager.addr.sun_path)) {
        manager.addr.sun_family = AF_UNIX;
        memcpy(manager.addr.sun_path, path, len);
        if (*path == '@') {
            manager.addr.sun_path[0] = '\0';
        }
        manager.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    unsetenv("NOTIFY_SOCKET");
}

static void take_listen_fds(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    if (pid && count && g_ascii_strtoll(pid, NULL, 10) == getpid()) {
        int64_t n = CLAMP(g_ascii_strtoll(count, NULL, 10), 0, 4096);
        for (int fd = LISTEN_FDS_START; fd < LISTEN_FDS_START + n; fd++) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
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

void systemd_notify(const char *state)
{
    if (manager.len == 0) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&manager.addr, manager.len);
    close(fd);
}
