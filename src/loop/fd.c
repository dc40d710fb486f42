/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptor handlers. The fd monitor marks them ready; they wait on the ready list until their
 * turn. Leaving the list is what makes removal and set_events safe in the middle of a round:
 * nothing outside the list remembers that a handler was ready. Only the dispatch at work may still
 * hold a removed handler, so removed ones are freed after the outermost round.
 */
#include "loop/internal.h"

#include <errno.h>
#include <glib.h>

static void unmark_ready(LoopFd *handler)
{
    if (handler->revents) {
        TAILQ_REMOVE(&handler->loop->ready, handler, ready_link);
        handler->revents = 0;
    }
}

void loop_fd_mark_ready(LoopFd *handler, unsigned revents)
{
    if (!handler->revents) {
        TAILQ_INSERT_TAIL(&handler->loop->ready, handler, ready_link);
    }
    handler->revents |= revents;
}

void loop_fd_mark_unwatchable(Loop *loop)
{
    LoopFd *handler;
    TAILQ_FOREACH (handler, &loop->unwatchable, link) {
        unsigned revents = handler->events & (LOOP_READ | LOOP_WRITE);
        if (revents) {
            loop_fd_mark_ready(handler, revents);
        }
    }
}

/* Tells the monitor of a change. Returns 0 or an errno value. */
static int watch(LoopFd *handler, unsigned events)
{
    Loop *loop = handler->loop;
    if (handler->unwatchable || events == handler->watched) {
        return 0;
    }
    int err = loop->monitor->ops->watch(loop->monitor, handler, events);
    if (err == EPERM && events) {
        handler->unwatchable = true;
        TAILQ_REMOVE(&loop->fds, handler, link);
        TAILQ_INSERT_TAIL(&loop->unwatchable, handler, link);
        return 0;
    }
    if (!err || !events) {
        handler->watched = events;
    }
    return err;
}

LoopFd *loop_fd_add(Loop *loop, int fd, unsigned events, LoopFdFn *fn, void *opaque,
                    QomError **errp)
{
    loop_check_thread(loop);
    LoopFd *handler = g_new0(LoopFd, 1);
    handler->loop = loop;
    handler->fd = fd;
    handler->fn = fn;
    handler->opaque = opaque;
    TAILQ_INSERT_TAIL(&loop->fds, handler, link);
    if (!loop_fd_set_events(handler, events, errp)) {
        TAILQ_REMOVE(&loop->fds, handler, link);
        g_free(handler);
        return NULL;
    }
    return handler;
}

bool loop_fd_set_events(LoopFd *handler, unsigned events, QomError **errp)
{
    loop_check_thread(handler->loop);
    events &= ~(unsigned)(LOOP_HUP | LOOP_ERR);
    handler->events = events;
    if (!events) {
        unmark_ready(handler);
    }
    int err = watch(handler, events);
    if (err && events) {
        watch(handler, 0);
        handler->events = 0;
        unmark_ready(handler);
        return qom_error_set_errno(errp, err, "Cannot watch file descriptor %d", handler->fd);
    }
    return true;
}

void loop_fd_remove(LoopFd *handler)
{
    if (!handler) {
        return;
    }
    Loop *loop = handler->loop;
    loop_check_thread(loop);
    loop_poll_remove(handler->poll);
    watch(handler, 0);
    unmark_ready(handler);
    TAILQ_REMOVE(handler->unwatchable ? &loop->unwatchable : &loop->fds, handler, link);
    handler->removed = true;
    TAILQ_INSERT_TAIL(&loop->removed, handler, link);
    if (loop->depth == 0) {
        loop_fd_free_removed(loop);
    }
}

int loop_fd_get(const LoopFd *handler)
{
    return handler->fd;
}

/* What of the seen events is still wanted. */
static unsigned wanted(const LoopFd *handler, unsigned revents)
{
    if (revents & (LOOP_HUP | LOOP_ERR)) {
        revents |= LOOP_READ | LOOP_WRITE;
    }
    return revents & (handler->events | LOOP_HUP | LOOP_ERR);
}

unsigned loop_fd_dispatch(Loop *loop, int64_t blocked_ns)
{
    unsigned called = 0;
    LoopFd *handler;
    while ((handler = TAILQ_FIRST(&loop->ready)) != NULL) {
        unsigned revents = wanted(handler, handler->revents);
        unmark_ready(handler);
        if (!revents) {
            continue;
        }
        called++;
        handler->fn(handler->opaque, revents);
        if (!handler->removed && handler->poll) {
            loop_poll_seen(handler->poll, blocked_ns);
        }
    }
    return called;
}

void loop_fd_free_removed(Loop *loop)
{
    LoopFd *handler;
    while ((handler = TAILQ_FIRST(&loop->removed)) != NULL) {
        TAILQ_REMOVE(&loop->removed, handler, link);
        g_free(handler);
    }
}

void loop_fd_move_all(Loop *loop, FdMonitor *to)
{
    FdMonitor *from = loop->monitor;
    LoopFd *next;
    for (LoopFd *handler = TAILQ_FIRST(&loop->fds); handler; handler = next) {
        next = TAILQ_NEXT(handler, link);
        unsigned events = handler->watched;
        loop->monitor = from;
        watch(handler, 0);
        loop->monitor = to;
        if (watch(handler, events)) {
            /* No memory in the kernel. The owner hears of it when he next asks his descriptor. */
            loop_fd_mark_ready(handler, LOOP_ERR);
        }
    }
    loop->monitor = to;
}

void loop_fd_drop_all(Loop *loop)
{
    while (!TAILQ_EMPTY(&loop->fds)) {
        loop_fd_remove(TAILQ_FIRST(&loop->fds));
    }
    while (!TAILQ_EMPTY(&loop->unwatchable)) {
        loop_fd_remove(TAILQ_FIRST(&loop->unwatchable));
    }
}
