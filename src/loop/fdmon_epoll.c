/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The epoll fd monitor: level triggered, the handler itself as event data, so that a wake-up costs
 * the ready descriptors only, and one system call with nanosecond timeouts (epoll_pwait2, Linux
 * 5.11; where a kernel or a seccomp profile lacks it, epoll_wait with milliseconds, rounded up).
 *
 * System calls: epoll_create1, epoll_ctl, epoll_pwait2, epoll_wait, close.
 */
#include "loop/internal.h"

#include <errno.h>
#include <glib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Descriptors reported by one wait; the kernel hands out the others at the next, in turn. */
enum { EVENTS_PER_WAIT = 64 };

typedef struct EpollMonitor {
    FdMonitor base;
    int epoll_fd;
    bool milliseconds; /* epoll_pwait2 is missing */
    struct epoll_event events[EVENTS_PER_WAIT];
} EpollMonitor;

G_STATIC_ASSERT((int)LOOP_READ == EPOLLIN && (int)LOOP_WRITE == EPOLLOUT &&
                (int)LOOP_PRI == EPOLLPRI && (int)LOOP_RDHUP == EPOLLRDHUP &&
                (int)LOOP_HUP == EPOLLHUP && (int)LOOP_ERR == EPOLLERR);

static void epoll_close(FdMonitor *base)
{
    EpollMonitor *monitor = (EpollMonitor *)base;
    close(monitor->epoll_fd);
    g_free(monitor);
}

static FdMonitor *epoll_open(Loop *loop, QomError **errp)
{
    /* syscalls: epoll_create1 epoll_ctl -- what a loop waits for */
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) {
        qom_error_set_errno(errp, errno, "Cannot create an epoll descriptor for an event loop");
        return NULL;
    }
    /* Edge triggered: each write is one event, and nobody has to read the counter. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) < 0) {
        qom_error_set_errno(errp, errno, "Cannot watch the eventfd of an event loop");
        close(epoll_fd);
        return NULL;
    }
    EpollMonitor *monitor = g_new0(EpollMonitor, 1);
    monitor->base.ops = &loop_fdmon_epoll;
    monitor->epoll_fd = epoll_fd;
    return &monitor->base;
}

static int epoll_watch(FdMonitor *base, LoopFd *handler, unsigned events)
{
    EpollMonitor *monitor = (EpollMonitor *)base;
    struct epoll_event event = {.events = events, .data.ptr = handler};
    int op = !events ? EPOLL_CTL_DEL : !handler->watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return epoll_ctl(monitor->epoll_fd, op, handler->fd, &event) < 0 ? errno : 0;
}

static int wait_ms(EpollMonitor *monitor, int64_t timeout_ns)
{
    int64_t ms = timeout_ns <= 0 ? timeout_ns : (timeout_ns - 1) / 1000000 + 1;
    /* syscalls: epoll_wait epoll_pwait -- a loop waits, to the millisecond */
    return epoll_wait(monitor->epoll_fd, monitor->events, EVENTS_PER_WAIT, (int)MIN(ms, INT_MAX));
}

static int wait_ns(EpollMonitor *monitor, int64_t timeout_ns)
{
    if (monitor->milliseconds || timeout_ns <= 0) {
        return wait_ms(monitor, timeout_ns);
    }
    struct timespec ts = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    /* syscalls: epoll_pwait2 -- a loop waits, to the nanosecond */
    int n = epoll_pwait2(monitor->epoll_fd, monitor->events, EVENTS_PER_WAIT, &ts, NULL);
    if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
        monitor->milliseconds = true;
        return wait_ms(monitor, timeout_ns);
    }
    return n;
}

static void epoll_wait_ready(FdMonitor *base, int64_t timeout_ns)
{
    EpollMonitor *monitor = (EpollMonitor *)base;
    int n = wait_ns(monitor, timeout_ns);
    for (int i = 0; i < n; i++) {
        LoopFd *handler = monitor->events[i].data.ptr;
        if (handler) {
            loop_fd_mark_ready(handler, monitor->events[i].events);
        }
    }
}

const FdMonitorOps loop_fdmon_epoll = {
    .kind = LOOP_MONITOR_EPOLL,
    .open = epoll_open,
    .close = epoll_close,
    .watch = epoll_watch,
    .wait = epoll_wait_ready,
};
