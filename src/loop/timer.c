/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers: a binary heap of pointers to the timers inside their owners' structs, ordered by deadline
 * and, among equal deadlines, by arming. Each timer knows its place, so that cancelling is O(log n)
 * too. No timer descriptor: the loop's wait takes the first deadline as its limit.
 */
#include "loop/internal.h"

#include <glib.h>

static bool before(const LoopTimer *a, const LoopTimer *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->order < b->order;
}

static void put(LoopTimers *timers, size_t place, LoopTimer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

/* Puts @timer into the hole at @place or, moving others into it, further up or down. */
static void settle(LoopTimers *timers, size_t place, LoopTimer *timer)
{
    while (place > 1 && before(timer, timers->heap[place / 2])) {
        put(timers, place, timers->heap[place / 2]);
        place /= 2;
    }
    for (size_t child; (child = place * 2) <= timers->n; place = child) {
        if (child < timers->n && before(timers->heap[child + 1], timers->heap[child])) {
            child++;
        }
        if (!before(timers->heap[child], timer)) {
            break;
        }
        put(timers, place, timers->heap[child]);
    }
    put(timers, place, timer);
}

void loop_timer_init(LoopTimer *timer, Loop *loop, LoopFn *fn, void *opaque)
{
    *timer = (LoopTimer){.loop = loop, .fn = fn, .opaque = opaque};
}

void loop_timer_arm(LoopTimer *timer, int64_t deadline_ns)
{
    LoopTimers *timers = &timer->loop->timers;
    loop_check_thread(timer->loop);
    size_t place = timer->place;
    if (!place) {
        place = ++timers->n;
        if (place >= timers->space) {
            timers->space = MAX(timers->space * 2, 16);
            timers->heap = g_renew(LoopTimer *, timers->heap, timers->space);
        }
    }
    timer->deadline_ns = deadline_ns;
    timer->order = timers->next_order++;
    settle(timers, place, timer);
}

void loop_timer_arm_in(LoopTimer *timer, int64_t delay_ns)
{
    int64_t deadline_ns;
    if (__builtin_add_overflow(loop_now_ns(), delay_ns, &deadline_ns)) {
        deadline_ns = INT64_MAX;
    }
    loop_timer_arm(timer, deadline_ns);
}

void loop_timer_cancel(LoopTimer *timer)
{
    if (!timer->place) {
        return;
    }
    LoopTimers *timers = &timer->loop->timers;
    loop_check_thread(timer->loop);
    LoopTimer *last = timers->heap[timers->n--];
    if (last != timer) {
        settle(timers, timer->place, last);
    }
    timer->place = 0;
}

int64_t loop_timers_timeout_ns(Loop *loop)
{
    LoopTimers *timers = &loop->timers;
    if (!timers->n) {
        return -1;
    }
    int64_t now_ns = loop_now_ns();
    int64_t deadline_ns = timers->heap[1]->deadline_ns;
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

unsigned loop_timers_run(Loop *loop)
{
    LoopTimers *timers = &loop->timers;
    unsigned ran = 0;
    if (!timers->n) {
        return 0;
    }
    int64_t now_ns = loop_now_ns();
    uint64_t first_new = timers->next_order;
    while (timers->n) {
        LoopTimer *timer = timers->heap[1];
        if (timer->deadline_ns > now_ns || timer->order >= first_new) {
            break;
        }
        loop_timer_cancel(timer);
        ran++;
        timer->fn(timer->opaque);
    }
    return ran;
}

void loop_timers_drop_all(Loop *loop)
{
    for (size_t i = 1; i <= loop->timers.n; i++) {
        loop->timers.heap[i]->place = 0;
    }
    g_free(loop->timers.heap);
}
