/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adaptive polling: spin a little before sleeping, if that is likely to pay.
 *
 * To wake a sleeping thread costs tens of microseconds, to see a flag change while spinning a tenth
 * of one. So each poll handler keeps a window: how long spinning is worth while for its events. An
 * iteration spins for the longest window on the poll list (not past the next timer), testing every
 * handler on the list; only then does the loop sleep. What the iteration waited in all, spin and
 * sleep, then corrects the window of each handler that had an event:
 *
 *     waited <= window          the window was long enough; keep it
 *     waited > max_ns           too rare to spin for; window /= shrink (0: start again from 0)
 *     otherwise                 a longer window would have caught it; window *= grow (0: 2),
 *                               from 4 us, up to max_ns
 *
 *     window
 *     max_ns  |            ________            events 20 us apart until here, then 1 ms apart:
 *             |       ____|        |           each miss doubles the window until it covers the
 *       4 us  |  ____|             |           gap; the first long gap throws it away, and the
 *          0  |_|__________________|_______    loop sleeps as if polling were off
 *
 * A handler comes onto the list with its first event and leaves it after 7 s without one, so that
 * its old window no longer makes the loop spin; its descriptor then tells about the next event. A
 * handler without a descriptor stays and only loses its window.
 *
 * Poll mode lasts from a handler's begin to its end, over any number of iterations that find work
 * by testing: peers need not notify as long as it lasts. Before a sleep the loop calls end and then
 * tests once more, for the event that slipped in between.
 *
 * Descriptors without a test do not forbid spinning: every 16th round of tests, which is also when
 * the clock is read, asks the fd monitor without waiting; every round does so if a handler on the
 * list has no test but its descriptor. The loop's own wake-ups (loop_post) are
 * one more handler, `wake`, whose test is the notified flag.
 *
 * With one CPU for all of us the peer cannot run while we spin: then we never do. All of us is this
 * thread and the main thread; a loop pinned to a CPU of its own is the best place to spin.
 */
#include "loop/internal.h"

#include <glib.h>
#include <sched.h>
#include <unistd.h>

#define WINDOW_FIRST_NS         4000
#define IDLE_NS                 INT64_C(7000000000)
#define CPUS_LOOK_NS            INT64_C(100000000) /* between two looks at our affinity */
#define ROUNDS_PER_CLOCK        16
#define ROUNDS_PER_CLOCK_ASKING 4 /* when each round is a system call */

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

int64_t loop_poll_adjust(int64_t window_ns, int64_t blocked_ns, const LoopPollParams *params)
{
    if (blocked_ns <= window_ns) {
        return window_ns;
    }
    if (blocked_ns > params->max_ns) {
        return params->shrink ? window_ns / params->shrink : 0;
    }
    if (window_ns >= params->max_ns || blocked_ns >= params->max_ns) {
        return window_ns;
    }
    int64_t grown = WINDOW_FIRST_NS;
    if (window_ns && __builtin_mul_overflow(window_ns, params->grow ? params->grow : 2, &grown)) {
        grown = INT64_MAX;
    }
    return MIN(grown, params->max_ns);
}

/* ------------------------------------------------------------------------- the poll list -- */

static void begin(LoopPoll *poll)
{
    if (!poll->begun) {
        poll->begun = true;
        if (poll->ops && poll->ops->begin) {
            poll->ops->begin(poll->opaque);
        }
    }
}

static void end(LoopPoll *poll)
{
    if (poll->begun) {
        poll->begun = false;
        if (poll->ops && poll->ops->end) {
            poll->ops->end(poll->opaque);
        }
    }
}

static void activate(LoopPoll *poll)
{
    if (!poll->active) {
        poll->active = true;
        TAILQ_INSERT_TAIL(&poll->loop->polling.active, poll, active_link);
        if (poll->loop->polling.mode) {
            begin(poll);
        }
    }
}

static void deactivate(LoopPoll *poll)
{
    if (poll->active) {
        poll->active = false;
        TAILQ_REMOVE(&poll->loop->polling.active, poll, active_link);
        end(poll);
    }
}

void loop_poll_mark_ready(LoopPoll *poll)
{
    if (!poll->ready) {
        poll->ready = true;
        TAILQ_INSERT_TAIL(&poll->loop->polling.ready, poll, ready_link);
    }
}

static bool test(LoopPoll *poll)
{
    if (poll->ops && poll->ops->test(poll->opaque)) {
        loop_poll_mark_ready(poll);
        return true;
    }
    return false;
}

static bool test_round(LoopPolling *polling)
{
    bool found = false;
    LoopPoll *poll;
    TAILQ_FOREACH (poll, &polling->active, active_link) {
        found |= test(poll);
    }
    return found;
}

/* Takes handlers that had no event for long off the list; their last test may mark them ready. */
static void retire_idle(Loop *loop)
{
    LoopPolling *polling = &loop->polling;
    LoopPoll *next;
    for (LoopPoll *poll = TAILQ_FIRST(&polling->active); poll; poll = next) {
        next = TAILQ_NEXT(poll, active_link);
        if (poll->ready || polling->now_ns < poll->idle_deadline_ns) {
            continue;
        }
        if (poll->fd || poll == &polling->wake) {
            deactivate(poll);
            test(poll);
        } else {
            poll->window_ns = 0;
        }
    }
}

/* --------------------------------------------------------------------------- the spin -- */

static int64_t longest_window_ns(Loop *loop)
{
    int64_t longest_ns = 0;
    LoopPoll *poll;
    TAILQ_FOREACH (poll, &loop->polling.active, active_link) {
        longest_ns = MAX(longest_ns, poll->window_ns);
    }
    atomic_store_explicit(&loop->counters.poll_ns, longest_ns, memory_order_relaxed);
    return longest_ns;
}

static bool may_spin(LoopPolling *polling)
{
    if (polling->now_ns >= polling->cpus_until_ns) {
        cpu_set_t own, main, both;
        /* syscalls: sched_getaffinity -- whether two threads may spin at the same time */
        if (sched_getaffinity(0, sizeof(own), &own) < 0 ||
            sched_getaffinity(getpid(), sizeof(main), &main) < 0) {
            polling->may_spin = true; /* more CPUs than a cpu_set_t holds */
        } else {
            CPU_OR(&both, &own, &main);
            polling->may_spin = CPU_COUNT(&both) >= 2;
        }
        polling->cpus_until_ns = polling->now_ns + CPUS_LOOK_NS;
    }
    return polling->may_spin;
}

static void enter_mode(LoopPolling *polling)
{
    if (!polling->mode) {
        polling->mode = true;
        LoopPoll *poll;
        TAILQ_FOREACH (poll, &polling->active, active_link) {
            begin(poll);
        }
    }
}

bool loop_polling_leave(Loop *loop)
{
    LoopPolling *polling = &loop->polling;
    if (!polling->mode) {
        return false;
    }
    polling->mode = false;
    LoopPoll *poll;
    TAILQ_FOREACH (poll, &polling->active, active_link) {
        end(poll);
    }
    return test_round(polling);
}

/* Whether an event of somebody on the poll list can be seen by asking the fd monitor only. */
static bool needs_monitor(const LoopPolling *polling)
{
    const LoopPoll *poll;
    TAILQ_FOREACH (poll, &polling->active, active_link) {
        if (!poll->ops && poll->fd) {
            return true;
        }
    }
    return false;
}

static bool ask_monitor(Loop *loop)
{
    if (TAILQ_EMPTY(&loop->fds)) {
        return false;
    }
    loop->monitor->ops->wait(loop->monitor, 0);
    loop->polling.unchecked = 0;
    return !TAILQ_EMPTY(&loop->ready);
}

/* Spins from @start_ns until something is ready or @window_ns has passed. Returns the time spent;
 * *found. */
static int64_t spin(Loop *loop, int64_t start_ns, int64_t window_ns, bool *found)
{
    bool always_ask = needs_monitor(&loop->polling);
    unsigned per_clock = always_ask ? ROUNDS_PER_CLOCK_ASKING : ROUNDS_PER_CLOCK;
    for (unsigned round = 1;; round++) {
        bool clock = round % per_clock == 0;
        *found = test_round(&loop->polling) ||
                 atomic_load_explicit(&loop->notified, memory_order_relaxed) ||
                 ((clock || always_ask) && ask_monitor(loop));
        if (*found || clock) {
            int64_t spent_ns = loop_now_ns() - start_ns;
            if (*found || spent_ns >= window_ns) {
                return spent_ns;
            }
        }
        if (!always_ask) {
            cpu_relax();
        }
    }
}

int64_t loop_polling_spin(Loop *loop, int64_t start_ns, int64_t *timeout_ns)
{
    LoopPolling *polling = &loop->polling;
    polling->now_ns = start_ns;
    if (polling->params.max_ns == 0 && !polling->mode) {
        return 0;
    }
    int64_t window_ns = longest_window_ns(loop);
    if (*timeout_ns >= 0) {
        window_ns = MIN(window_ns, *timeout_ns);
    }
    if (window_ns == 0 || !may_spin(polling)) {
        /* Peers still rely on our tests: one round, unless the sleep to come does the last one. */
        if (polling->mode && *timeout_ns == 0) {
            test_round(polling);
        }
        return 0;
    }
    enter_mode(polling);
    bool found;
    int64_t spent_ns = spin(loop, start_ns, window_ns, &found);
    retire_idle(loop);
    loop_count(&loop->counters.polled_ns, spent_ns);
    loop_count(found ? &loop->counters.poll_hits : &loop->counters.poll_misses, 1);
    if (found || !TAILQ_EMPTY(&polling->ready)) {
        *timeout_ns = 0;
    } else if (*timeout_ns > 0) {
        *timeout_ns = MAX(*timeout_ns - spent_ns, 0);
    }
    return spent_ns;
}

/* ------------------------------------------------------------------------- the handlers -- */

static void poll_init(LoopPoll *poll, Loop *loop, LoopFd *fd, const LoopPollOps *ops, void *opaque)
{
    *poll = (LoopPoll){.loop = loop, .fd = fd, .ops = ops, .opaque = opaque};
}

LoopPoll *loop_poll_add(Loop *loop, LoopFd *fd, const LoopPollOps *ops, void *opaque)
{
    loop_check_thread(loop);
    g_assert(fd ? !fd->poll && fd->loop == loop : ops != NULL);
    LoopPoll *poll = g_new(LoopPoll, 1);
    poll_init(poll, loop, fd, ops, opaque);
    if (fd) {
        fd->poll = poll;
        TAILQ_INSERT_TAIL(&loop->polling.tied, poll, link);
    } else {
        TAILQ_INSERT_TAIL(&loop->polling.untied, poll, link);
        activate(poll);
    }
    return poll;
}

void loop_poll_remove(LoopPoll *poll)
{
    if (!poll) {
        return;
    }
    Loop *loop = poll->loop;
    loop_check_thread(loop);
    deactivate(poll);
    if (poll->ready) {
        TAILQ_REMOVE(&loop->polling.ready, poll, ready_link);
    }
    if (poll->fd) {
        poll->fd->poll = NULL;
        TAILQ_REMOVE(&loop->polling.tied, poll, link);
    } else {
        TAILQ_REMOVE(&loop->polling.untied, poll, link);
    }
    poll->removed = true;
    TAILQ_INSERT_TAIL(&loop->polling.removed, poll, link);
    if (loop->depth == 0) {
        loop_poll_free_removed(loop);
    }
}

void loop_polling_test_untied(Loop *loop)
{
    LoopPoll *poll;
    TAILQ_FOREACH (poll, &loop->polling.untied, link) {
        test(poll);
    }
}

void loop_poll_seen(LoopPoll *poll, int64_t blocked_ns)
{
    if (blocked_ns < 0) {
        return;
    }
    LoopPolling *polling = &poll->loop->polling;
    activate(poll);
    poll->idle_deadline_ns = polling->now_ns + IDLE_NS;
    poll->window_ns = loop_poll_adjust(poll->window_ns, blocked_ns, &polling->params);
}

unsigned loop_poll_dispatch(Loop *loop, int64_t blocked_ns)
{
    LoopPolling *polling = &loop->polling;
    unsigned called = 0;
    LoopPoll *poll;
    while ((poll = TAILQ_FIRST(&polling->ready)) != NULL) {
        TAILQ_REMOVE(&polling->ready, poll, ready_link);
        poll->ready = false;
        if (poll->ops) {
            called++;
            poll->ops->dispatch(poll->opaque);
        }
        if (!poll->removed) {
            loop_poll_seen(poll, blocked_ns);
        }
    }
    return called;
}

void loop_poll_free_removed(Loop *loop)
{
    LoopPoll *poll;
    while ((poll = TAILQ_FIRST(&loop->polling.removed)) != NULL) {
        TAILQ_REMOVE(&loop->polling.removed, poll, link);
        g_free(poll);
    }
}

void loop_poll_drop_all(Loop *loop)
{
    while (!TAILQ_EMPTY(&loop->polling.tied)) {
        loop_poll_remove(TAILQ_FIRST(&loop->polling.tied));
    }
    while (!TAILQ_EMPTY(&loop->polling.untied)) {
        loop_poll_remove(TAILQ_FIRST(&loop->polling.untied));
    }
}

/* ------------------------------------------------------------------------ the parameters -- */

void loop_polling_init(Loop *loop)
{
    TAILQ_INIT(&loop->polling.tied);
    TAILQ_INIT(&loop->polling.untied);
    TAILQ_INIT(&loop->polling.active);
    TAILQ_INIT(&loop->polling.ready);
    TAILQ_INIT(&loop->polling.removed);
    poll_init(&loop->polling.wake, loop, NULL, NULL, NULL);
}

bool loop_polling_apply(Loop *loop)
{
    LoopPolling *polling = &loop->polling;
    if (!atomic_load_explicit(&loop->shared.poll_changed, memory_order_relaxed)) {
        return false;
    }
    pthread_mutex_lock(&loop->shared.lock);
    polling->params = loop->shared.poll;
    atomic_store_explicit(&loop->shared.poll_changed, false, memory_order_relaxed);
    pthread_mutex_unlock(&loop->shared.lock);

    LoopPoll *poll;
    TAILQ_FOREACH (poll, &polling->tied, link) {
        poll->window_ns = 0;
    }
    TAILQ_FOREACH (poll, &polling->untied, link) {
        poll->window_ns = 0;
    }
    polling->wake.window_ns = 0;
    atomic_store_explicit(&loop->counters.poll_ns, 0, memory_order_relaxed);
    return true;
}

bool loop_set_poll_params(Loop *loop, const LoopPollParams *params, QomError **errp)
{
    if (!loop_check_range("poll-max-ns", params->max_ns, errp) ||
        !loop_check_range("poll-grow", params->grow, errp) ||
        !loop_check_range("poll-shrink", params->shrink, errp)) {
        return false;
    }
    pthread_mutex_lock(&loop->shared.lock);
    loop->shared.poll = *params;
    atomic_store_explicit(&loop->shared.poll_changed, true, memory_order_relaxed);
    pthread_mutex_unlock(&loop->shared.lock);
    loop_wake(loop);
    return true;
}

void loop_get_poll_params(Loop *loop, LoopPollParams *params)
{
    pthread_mutex_lock(&loop->shared.lock);
    *params = loop->shared.poll;
    pthread_mutex_unlock(&loop->shared.lock);
}
