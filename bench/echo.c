/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * echo PATH [lines]: the least that a server on a Unix socket can do, for comparison.
 *
 * One epoll descriptor, one client at a time, read and write. What was read is written back as it
 * is, in one piece; with "lines" each line in a write of its own, as a server answers that does
 * not gather its replies.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n <= 0) {
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* A line that was cut by the end of what was read goes in two. */
static bool write_lines(int fd, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end + 1 - data) : len;
        if (!write_all(fd, data, n)) {
            return false;
        }
        data += n;
        len -= n;
    }
    return true;
}

static void serve(int epoll_fd, int fd, bool lines)
{
    static char buffer[64 << 10];
    struct epoll_event event = {.events = EPOLLIN};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        die("epoll_ctl");
    }
    for (;;) {
        if (epoll_wait(epoll_fd, &event, 1, -1) != 1) {
            continue;
        }
        ssize_t n = read(fd, buffer, sizeof(buffer));
        bool good = n > 0 &&
                    (lines ? write_lines(fd, buffer, (size_t)n) : write_all(fd, buffer, (size_t)n));
        if (!good) {
            break;
        }
    }
    close(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc < 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
        fprintf(stderr, "usage: echo PATH [lines]\n");
        return 2;
    }
    strcpy(address.sun_path, argv[1]);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || epoll_fd < 0) {
        die("socket");
    }
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 1) < 0) {
        die(argv[1]);
    }
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            die("accept");
        }
        serve(epoll_fd, fd, argc > 2);
    }
}
