/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls from one thread to another, by the thousand: loop_post, and the least that does the same:
 * a lock-free stack that the caller pushes blocks from the heap onto, and the other thread, which
 * only spins, takes as a whole, reverses, runs and frees.
 *
 * The caller stays at most WINDOW calls ahead, as any caller that waits for answers does.
 */
#include "bench_loop.h"

#include <errno.h>
#include <stdatomic.h>

enum { WINDOW = 256 };

typedef struct Block {
    struct Block *next;
    LoopFn *fn;
    void *opaque;
} Block;

typedef struct Score {
    _Alignas(64) _Atomic(Block *) pushed; /* newest first */
    _Alignas(64) atomic_uint ran;
    unsigned count;
} Score;

static void run_one(void *opaque)
{
    Score *score = opaque;
    unsigned ran = atomic_load_explicit(&score->ran, memory_order_relaxed);
    atomic_store_explicit(&score->ran, ran + 1, memory_order_release);
}

/* Waits until the call of number @n may be made. */
static void keep_window(Score *score, unsigned n)
{
    while (n - atomic_load_explicit(&score->ran, memory_order_acquire) >= WINDOW) {
    }
}

static void wait_for_all(Score *score)
{
    while (atomic_load_explicit(&score->ran, memory_order_acquire) != score->count) {
    }
}

/* ---- bare ---- */

static void push(Score *score)
{
    Block *block = g_new(Block, 1);
    *block = (Block){.fn = run_one, .opaque = score};
    block->next = atomic_load_explicit(&score->pushed, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&score->pushed, &block->next, block)) {
    }
}

static void run_all(Block *newest)
{
    Block *oldest = NULL;
    while (newest) {
        Block *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        Block *block = oldest;
        oldest = block->next;
        LoopFn *fn = block->fn;
        void *opaque = block->opaque;
        g_free(block);
        fn(opaque);
    }
}

static void *run_pushed(void *opaque)
{
    Score *score = opaque;
    bench_pin(1);
    while (atomic_load_explicit(&score->ran, memory_order_relaxed) != score->count) {
        if (atomic_load_explicit(&score->pushed, memory_order_relaxed)) {
            run_all(atomic_exchange(&score->pushed, NULL));
        }
    }
    return NULL;
}

/* ---- both ---- */

typedef struct Caller {
    Score *score;
    Loop *loop; /* NULL: the bare queue */
    int64_t spent_ns;
} Caller;

static void *make_calls(void *opaque)
{
    Caller *caller = opaque;
    bench_pin(0);
    int64_t start_ns = loop_now_ns();
    for (unsigned n = 0; n < caller->score->count; n++) {
        keep_window(caller->score, n);
        if (caller->loop) {
            loop_post(caller->loop, run_one, caller->score);
        } else {
            push(caller->score);
        }
    }
    wait_for_all(caller->score);
    caller->spent_ns = loop_now_ns() - start_ns;
    return NULL;
}

static pthread_t start(void *(*fn)(void *), void *opaque)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, fn, opaque);
    if (errno) {
        bench_die("pthread_create");
    }
    return thread;
}

int64_t bench_calls_bare(unsigned count)
{
    Score score = {.count = count};
    Caller caller = {.score = &score};
    pthread_t taker = start(run_pushed, &score);
    pthread_join(start(make_calls, &caller), NULL);
    pthread_join(taker, NULL);
    return caller.spent_ns;
}

static void pin_second(void *opaque)
{
    bench_pin(1);
}

int64_t bench_calls_loop(unsigned count)
{
    LoopPollParams params = {.max_ns = 1000000};
    LoopThread *thread = loop_thread_new("taker", NULL, NULL, NULL);
    Score score = {.count = count};
    Caller caller = {.score = &score, .loop = loop_thread_get_loop(thread)};
    loop_set_poll_params(caller.loop, &params, NULL);
    loop_call_sync(caller.loop, pin_second, NULL);
    pthread_join(start(make_calls, &caller), NULL);
    loop_thread_free(thread);
    return caller.spent_ns;
}
