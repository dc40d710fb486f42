/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signals that end the program, carried into the main loop by an eventfd. Handlers rather than
 * signalfd, because a blocked mask would be inherited by every program that we start.
 */
#include "daemon/daemon.h"

#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const int ending[] = {SIGTERM, SIGINT, SIGHUP};

/* Written by the handler, which may run in any thread. */
static struct {
    int fd;
    volatile sig_atomic_t signo;
    volatile pid_t sender;
} caught = {.fd = -1};

static void handle_signal(int signo, siginfo_t *info, void *context)
{
    int err = errno;
    uint64_t one = 1;
    caught.signo = signo;
    caught.sender = info->si_code == SI_USER ? info->si_pid : 0;
    /* syscalls: write read rt_sigreturn -- signals end the program */
    if (write(caught.fd, &one, sizeof(one)) < 0) {
        /* The counter is full: the loop knows already. */
    }
    errno = err;
}

static void handle_caught(void *opaque, unsigned revents)
{
    Daemon *daemon = opaque;
    uint64_t count;
    if (read(caught.fd, &count, sizeof(count)) < 0) {
        return;
    }
    if (caught.sender) {
        log_error("terminating on signal %d from pid %d", (int)caught.signo, (int)caught.sender);
    } else {
        log_error("terminating on signal %d", (int)caught.signo);
    }
    if (!daemon->serving) {
        daemon_abandon(daemon);
    }
    daemon_shut_down(daemon, SHUTDOWN_CAUSE_HOST_SIGNAL);
}

bool signals_start(Daemon *daemon, QomError **errp)
{
    caught.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (caught.fd < 0) {
        return qom_error_set_errno(errp, errno, "eventfd");
    }
    daemon->signal_watch =
        loop_fd_add(daemon->loop, caught.fd, LOOP_READ, handle_caught, daemon, errp);
    if (!daemon->signal_watch) {
        close(caught.fd);
        return false;
    }
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_sigaction = handle_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    for (size_t i = 0; i < G_N_ELEMENTS(ending); i++) {
        sigaction(ending[i], &action, NULL);
    }
    return true;
}

void signals_stop(Daemon *daemon)
{
    if (!daemon->signal_watch) {
        return;
    }
    /* From here on they change nothing: the end is near. */
    for (size_t i = 0; i < G_N_ELEMENTS(ending); i++) {
        /* syscalls: rt_sigaction -- at the end signals change nothing */
        signal(ending[i], SIG_IGN);
    }
    loop_fd_remove(daemon->signal_watch);
    daemon->signal_watch = NULL;
    close(caught.fd);
}
