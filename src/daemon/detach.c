/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -daemonize. Who started us gets its prompt back when, and only when, we serve:
 *
 *     caller's process     fork ---------------------- read(pipe) -> exit(0), or exit(1) at EOF
 *       session leader       setsid, fork, _exit           |
 *         the daemon           returns ... detach_ready: write(pipe)
 *
 * The daemon is no session leader, so that it never gets a terminal again.
 */
#include "daemon/daemon.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void exit_when_ready(int fd, pid_t session_leader)
{
    char status;
    ssize_t n;
    while (waitpid(session_leader, NULL, 0) < 0 && errno == EINTR) {
    }
    do {
        n = read(fd, &status, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

bool detach_begin(Daemon *daemon, QomError **errp)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return qom_error_set_errno(errp, errno, "cannot daemonize: pipe");
    }
    pid_t pid = fork();
    if (pid < 0) {
        int err = errno;
        close(fds[0]);
        close(fds[1]);
        return qom_error_set_errno(errp, err, "cannot daemonize: fork");
    }
    if (pid > 0) {
        close(fds[1]);
        exit_when_ready(fds[0], pid);
    }
    close(fds[0]);
    setsid();
    pid = fork();
    if (pid < 0) {
        log_error("cannot daemonize: fork: %s", g_strerror(errno));
    }
    if (pid != 0) {
        _exit(EXIT_SUCCESS);
    }
    umask(umask(077) | 027); /* a stricter one stays */
    daemon->ready_fd = fds[1];
    daemon->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* which a chroot would lack */
    return true;
}

void detach_ready(Daemon *daemon)
{
    if (daemon->ready_fd < 0) {
        return;
    }
    /* syscalls: openat chdir dup2 dup3 write close -- -daemonize leaves terminal and folder */
    if (!daemon->run_with.chroot) { /* an open folder would be a way out of it */
        daemon->start_dir_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    bool stay = daemon->start_dir_fd < 0 && !daemon->run_with.chroot;
    if (!stay && chdir("/") < 0) {
        /* The working directory stays where it is, as it does if there were no way back to the
         * sockets: nobody is hurt. */
    }
    for (int fd = STDIN_FILENO; daemon->null_fd >= 0 && fd <= STDERR_FILENO; fd++) {
        dup2(daemon->null_fd, fd);
    }
    if (daemon->null_fd > STDERR_FILENO) {
        close(daemon->null_fd);
    }
    if (write(daemon->ready_fd, "", 1) < 0) {
        /* The waiting process has gone, which is its own business. */
    }
    close(daemon->ready_fd);
    daemon->ready_fd = -1;
}
