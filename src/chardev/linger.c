/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Last words: output that was queued when its stream ended. A client that sends commands and shuts
 * down its side still reads the answers; so they are sent in the background, for a bounded time.
 *
 * Lingering happens in the main loop only: other loops may end before the output does. There, what
 * the kernel takes at once is sent.
 */
#include "chardev/backend.h"

#include <errno.h>
#include <poll.h>

enum {
    LINGER_MS = 5000,
    LINGER_MAX = 64, /* at a time; one more makes the oldest go */
    FLUSH_BYTES = 1024 * 1024,
};

typedef struct Linger {
    TAILQ_ENTRY(Linger) link;
    IoChannel *channel;
    IoQueue queue;
    LoopFd *watch;
    LoopTimer timer;
} Linger;

static TAILQ_HEAD(Lingers, Linger) lingers = TAILQ_HEAD_INITIALIZER(lingers);
static unsigned n_lingers;

static void linger_free(Linger *linger)
{
    TAILQ_REMOVE(&lingers, linger, link);
    n_lingers--;
    loop_fd_remove(linger->watch);
    loop_timer_cancel(&linger->timer);
    io_queue_clear(&linger->queue);
    io_channel_close(linger->channel);
    g_free(linger);
}

static void linger_expired(void *opaque)
{
    linger_free(opaque);
}

static void linger_writable(void *opaque, unsigned revents)
{
    Linger *linger = opaque;
    if (io_queue_flush(&linger->queue, linger->channel, FLUSH_BYTES) != -EAGAIN) {
        linger_free(linger);
    }
}

void chr_linger(Loop *loop, IoChannel *channel, IoQueue *queue)
{
    if (io_queue_flush(queue, channel, SIZE_MAX) != -EAGAIN || loop != loop_main()) {
        io_queue_clear(queue);
        io_channel_close(channel);
        return;
    }
    if (n_lingers == LINGER_MAX) {
        linger_free(TAILQ_FIRST(&lingers));
    }
    Linger *linger = g_new0(Linger, 1);
    linger->channel = channel;
    io_queue_init(&linger->queue);
    io_queue_move(&linger->queue, queue);
    TAILQ_INSERT_TAIL(&lingers, linger, link);
    n_lingers++;
    loop_timer_init(&linger->timer, loop, linger_expired, linger);
    loop_timer_arm_in(&linger->timer, LINGER_MS * INT64_C(1000000));
    linger->watch =
        loop_fd_add(loop, io_channel_write_fd(channel), LOOP_WRITE, linger_writable, linger, NULL);
    if (!linger->watch) {
        linger_free(linger);
    }
}

/* Waits until one of them can go on; false: not before @deadline_ns. */
static bool wait_any(int64_t deadline_ns)
{
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    Linger *linger;
    TAILQ_FOREACH (linger, &lingers, link) {
        struct pollfd fd = {io_channel_write_fd(linger->channel), POLLOUT, 0};
        g_array_append_val(fds, fd);
    }
    int64_t left_ms = (deadline_ns - loop_now_ns()) / 1000000;
    if (left_ms <= 0) {
        return false;
    }
    /* syscalls: poll -- what clients are owed at the end */
    return poll((struct pollfd *)(void *)fds->data, fds->len, (int)MIN(left_ms, INT_MAX)) > 0;
}

void chr_linger_finish(unsigned timeout_ms)
{
    int64_t deadline_ns = loop_now_ns() + timeout_ms * INT64_C(1000000);
    while (!TAILQ_EMPTY(&lingers) && wait_any(deadline_ns)) {
        Linger *next;
        for (Linger *linger = TAILQ_FIRST(&lingers); linger; linger = next) {
            next = TAILQ_NEXT(linger, link);
            linger_writable(linger, LOOP_WRITE);
        }
    }
    while (!TAILQ_EMPTY(&lingers)) {
        linger_free(TAILQ_FIRST(&lingers));
    }
}
