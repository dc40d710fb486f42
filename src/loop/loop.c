/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop itself: one iteration after the other, and the protocol that lets other threads wake it
 * without a system call while it is awake.
 *
 * Waking (loop_wake) and falling asleep (loop_wait) each write their own flag and then read the
 * other's; all four are sequentially consistent, so at least one side sees the other:
 *
 *     waker:    notified = true;   if (announced) write(wake_fd)
 *     sleeper:  announced = true;  if (notified) do not sleep
 *
 * `notified` also absorbs further wake-ups until the loop clears it: one write a sleep, however
 * many threads post. The loop clears it before it looks at what was posted.
 */
#include "loop/internal.h"

#include <errno.h>
#include <glib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* The loops that a thread is inside of, innermost first. */
typedef struct LoopFrame LoopFrame;
struct LoopFrame {
    Loop *loop;
    LoopFrame *outer;
};

static _Thread_local LoopFrame *current_frame;

/* After so many iterations with events found by tests alone, descriptors are looked at again. */
enum { UNCHECKED_MAX = 16 };

static void frame_enter(LoopFrame *frame, Loop *loop)
{
    frame->loop = loop;
    frame->outer = current_frame;
    current_frame = frame;
    /* Only the loop's thread writes it: no need for one indivisible step. */
    int entered = atomic_load_explicit(&loop->entered, memory_order_relaxed);
    atomic_store_explicit(&loop->entered, entered + 1, memory_order_relaxed);
}

static void frame_leave(LoopFrame *frame)
{
    Loop *loop = frame->loop;
    int entered = atomic_load_explicit(&loop->entered, memory_order_relaxed);
    atomic_store_explicit(&loop->entered, entered - 1, memory_order_relaxed);
    current_frame = frame->outer;
}

Loop *loop_current(void)
{
    return current_frame ? current_frame->loop : NULL;
}

bool loop_is_mine(Loop *loop)
{
    for (LoopFrame *frame = current_frame; frame; frame = frame->outer) {
        if (frame->loop == loop) {
            return true;
        }
    }
    return false;
}

void loop_check_thread(Loop *loop)
{
    g_assert(atomic_load_explicit(&loop->entered, memory_order_relaxed) == 0 || loop_is_mine(loop));
}

int64_t loop_now_ns(void)
{
    struct timespec ts;
    /* syscalls: clock_gettime -- timers, where the vDSO has no clock */
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

Loop *loop_new(QomError **errp)
{
    /* syscalls: eventfd2 -- one thread wakes the loop of another */
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0) {
        qom_error_set_errno(errp, errno, "Cannot create an eventfd for an event loop");
        return NULL;
    }
    Loop *loop = g_aligned_alloc0(1, sizeof(*loop), LOOP_CACHE_LINE);
    loop->wake_fd = wake_fd;
    loop->monitor = loop_fdmon_epoll.open(loop, errp);
    if (!loop->monitor) {
        close(wake_fd);
        g_aligned_free(loop);
        return NULL;
    }
    TAILQ_INIT(&loop->fds);
    TAILQ_INIT(&loop->unwatchable);
    TAILQ_INIT(&loop->ready);
    TAILQ_INIT(&loop->removed);
    TAILQ_INIT(&loop->deferred);
    pthread_mutex_init(&loop->shared.lock, NULL);
    loop_polling_init(loop);
    loop_pool_init(loop);
    return loop;
}

void loop_free(Loop *loop)
{
    if (!loop) {
        return;
    }
    g_assert(atomic_load(&loop->entered) == 0);
    LoopFrame frame;
    frame_enter(&frame, loop);
    /* A call may submit work, and work ends in a call. */
    do {
        if (loop->monitor->ops->drain) {
            loop->monitor->ops->drain(loop->monitor);
        }
        loop_pool_finish(loop);
    } while (loop_calls_run(loop) > 0 || loop_calls_pending(loop));
    frame_leave(&frame);

    loop_poll_drop_all(loop);
    loop_fd_drop_all(loop);
    loop_timers_drop_all(loop);
    loop_pool_destroy(loop);
    pthread_mutex_destroy(&loop->shared.lock);
    loop->monitor->ops->close(loop->monitor);
    close(loop->wake_fd);
    g_aligned_free(loop);
}

void loop_wake(Loop *loop)
{
    /* A load is enough to see that somebody was here before: the loop clears it before it looks. */
    if (atomic_load(&loop->notified) || atomic_exchange(&loop->notified, true)) {
        return;
    }
    if (atomic_load(&loop->announced)) {
        /* Fails only when the counter is full; it is then readable as it is. */
        uint64_t one = 1;
        int saved_errno = errno;
        ssize_t ignored = write(loop->wake_fd, &one, sizeof(one));
        (void)ignored;
        errno = saved_errno;
    }
}

void loop_stop(Loop *loop)
{
    atomic_store(&loop->stop, true);
    loop_wake(loop);
}

void loop_run(Loop *loop)
{
    LoopFrame frame;
    loop_check_thread(loop);
    frame_enter(&frame, loop);
    while (!atomic_exchange(&loop->stop, false)) {
        loop_iterate(loop, true);
    }
    frame_leave(&frame);
}

/* How long an iteration may sleep: -1 without end, 0 if something is waiting already. */
static int64_t sleep_limit_ns(Loop *loop)
{
    if (loop_calls_pending(loop) || !TAILQ_EMPTY(&loop->ready) ||
        !TAILQ_EMPTY(&loop->polling.ready)) {
        return 0;
    }
    LoopFd *handler;
    TAILQ_FOREACH (handler, &loop->unwatchable, link) {
        if (handler->events) {
            return 0;
        }
    }
    return loop_timers_timeout_ns(loop);
}

static void sleep_in_monitor(Loop *loop, int64_t timeout_ns)
{
    int64_t start_ns = loop_now_ns();
    loop->monitor->ops->wait(loop->monitor, timeout_ns);
    loop_count(&loop->counters.slept_ns, loop_now_ns() - start_ns);
    loop_count(&loop->counters.wakeups, 1);
}

/* Sleeps up to @timeout_ns, or looks at the descriptors; @found: the spin has found work, so that
 * the look, a system call, may be left out most of the time. Returns true if it slept. */
static bool loop_wait(Loop *loop, int64_t timeout_ns, bool found)
{
    LoopPolling *polling = &loop->polling;
    bool announce = timeout_ns != 0;

    if (announce) {
        atomic_store(&loop->announced, true);
        if (atomic_load(&loop->notified) || loop_polling_leave(loop)) {
            timeout_ns = 0;
        }
    }
    if (timeout_ns != 0) {
        sleep_in_monitor(loop, timeout_ns);
        polling->unchecked = 0;
    } else if (!found || ++polling->unchecked >= UNCHECKED_MAX) {
        loop->monitor->ops->wait(loop->monitor, 0);
        polling->unchecked = 0;
    }
    if (announce) {
        atomic_store(&loop->announced, false);
    }
    if (atomic_load(&loop->notified) && atomic_exchange(&loop->notified, false)) {
        loop_poll_mark_ready(&polling->wake);
    }
    loop_fd_mark_unwatchable(loop);
    loop_polling_test_untied(loop);
    return timeout_ns != 0;
}

bool loop_iterate(Loop *loop, bool blocking)
{
    LoopFrame frame;
    loop_check_thread(loop);
    frame_enter(&frame, loop);
    loop->depth++;
    loop_count(&loop->counters.iterations, 1);

    bool changed = loop_polling_apply(loop);
    bool adaptive = loop->polling.params.max_ns > 0;
    if (adaptive && loop->monitor->ops->flush) {
        loop->monitor->ops->flush(loop->monitor); /* not after the spin to come */
    }
    int64_t start_ns = adaptive ? loop_now_ns() : 0;
    int64_t limit_ns = blocking ? sleep_limit_ns(loop) : 0;
    int64_t timeout_ns = limit_ns;
    int64_t blocked_ns = loop_polling_spin(loop, start_ns, &timeout_ns);
    if (loop_wait(loop, timeout_ns, limit_ns != 0 && timeout_ns == 0) && adaptive) {
        blocked_ns = loop_now_ns() - start_ns;
    }
    changed |= loop_polling_apply(loop);
    if (!adaptive || changed) {
        blocked_ns = -1; /* the wake-up that came with new parameters says nothing about the load */
    }

    unsigned ran = loop_calls_run(loop);
    unsigned events = loop_poll_dispatch(loop, blocked_ns);
    events += loop_fd_dispatch(loop, blocked_ns);
    loop_count(&loop->counters.events, events);
    ran += events + loop_timers_run(loop);

    if (--loop->depth == 0) {
        loop_fd_free_removed(loop);
        loop_poll_free_removed(loop);
    }
    frame_leave(&frame);
    return ran > 0;
}
