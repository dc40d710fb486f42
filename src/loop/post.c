/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls: deferred by the loop's own thread (a plain queue of LoopCalls), or posted by any thread.
 *
 * Posted ones go onto a lock-free stack that many push and one takes as a whole; the loop reverses
 * what it took, which gives back the order of posting. Taking everything at once is also why the
 * stack has no ABA problem: nobody ever pops a single element.
 */
#include "loop/internal.h"

#include <errno.h>
#include <glib.h>
#include <semaphore.h>

void loop_call_init(LoopCall *call, LoopFn *fn, void *opaque)
{
    *call = (LoopCall){.fn = fn, .opaque = opaque};
}

void loop_defer(Loop *loop, LoopCall *call)
{
    loop_check_thread(loop);
    if (call->loop) {
        return;
    }
    call->loop = loop;
    TAILQ_INSERT_TAIL(&loop->deferred, call, link);
    loop->deferred_len++;
    loop_count(&loop->counters.calls_deferred, 1);
}

void loop_call_cancel(LoopCall *call)
{
    Loop *loop = call->loop;
    if (!loop) {
        return;
    }
    loop_check_thread(loop);
    TAILQ_REMOVE(&loop->deferred, call, link);
    loop->deferred_len--;
    loop_count(&loop->counters.calls_deferred, (uint64_t)-1);
    call->loop = NULL;
}

void loop_post_node(Loop *loop, LoopPosted *node)
{
    /* In the cache line that the next step needs anyway. */
    atomic_fetch_add_explicit(&loop->calls_untaken, 1, memory_order_relaxed);
    LoopPosted *head = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do {
        node->next = head;
    } while (!atomic_compare_exchange_weak(&loop->posted, &head, node));
    loop_wake(loop);
}

void loop_post(Loop *loop, LoopFn *fn, void *opaque)
{
    LoopPosted *node = g_new(LoopPosted, 1);
    *node = (LoopPosted){.fn = fn, .opaque = opaque, .on_heap = true};
    loop_post_node(loop, node);
}

typedef struct SyncCall {
    LoopFn *fn;
    void *opaque;
    sem_t done;
} SyncCall;

static void sync_call_run(void *opaque)
{
    SyncCall *call = opaque;
    call->fn(call->opaque);
    sem_post(&call->done);
}

void loop_call_sync(Loop *loop, LoopFn *fn, void *opaque)
{
    if (loop_is_mine(loop)) {
        fn(opaque);
        return;
    }
    SyncCall call = {.fn = fn, .opaque = opaque};
    sem_init(&call.done, 0, 0);
    LoopPosted node = {.fn = sync_call_run, .opaque = &call};
    loop_post_node(loop, &node);
    while (sem_wait(&call.done) < 0 && errno == EINTR) {
    }
    sem_destroy(&call.done);
}

bool loop_calls_pending(Loop *loop)
{
    return loop->deferred_len || loop->inbox ||
           atomic_load_explicit(&loop->posted, memory_order_relaxed);
}

static unsigned run_deferred(Loop *loop)
{
    /* A count, because a call may defer further ones, which must wait, or cancel others. */
    unsigned turn = MIN(loop->deferred_len, LOOP_CALLS_PER_ITERATION);
    unsigned ran = 0;
    int64_t end_ns = turn > 1 ? loop_now_ns() + LOOP_CALLS_NS : 0;
    while (ran < turn && loop->deferred_len && (ran == 0 || loop_now_ns() < end_ns)) {
        LoopCall *call = TAILQ_FIRST(&loop->deferred);
        loop_call_cancel(call);
        ran++;
        call->fn(call->opaque);
    }
    return ran;
}

/* Everything posted so far, oldest first. */
static LoopPosted *take_posted(Loop *loop)
{
    LoopPosted *newest = atomic_exchange(&loop->posted, NULL);
    LoopPosted *oldest = NULL;
    uint64_t n = 0;
    for (; newest; n++) {
        LoopPosted *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    loop_count(&loop->counters.calls_taken, n);
    atomic_fetch_sub_explicit(&loop->calls_untaken, n, memory_order_relaxed);
    return oldest;
}

static unsigned run_posted(Loop *loop)
{
    if (!loop->inbox && atomic_load_explicit(&loop->posted, memory_order_relaxed)) {
        loop->inbox = take_posted(loop);
    }
    unsigned ran = 0;
    while (loop->inbox && ran < LOOP_CALLS_PER_ITERATION) {
        LoopPosted *node = loop->inbox;
        loop->inbox = node->next;
        LoopFn *fn = node->fn;
        void *opaque = node->opaque;
        if (node->on_heap) {
            g_free(node);
        }
        ran++;
        loop_count(&loop->counters.calls_taken, (uint64_t)-1);
        fn(opaque);
    }
    return ran;
}

unsigned loop_calls_run(Loop *loop)
{
    unsigned ran = run_deferred(loop);
    ran += run_posted(loop);
    loop_count(&loop->counters.calls, ran);
    return ran;
}
