/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Event loops: one a thread, everything that waits waits here.
 *
 * A loop watches descriptors (level triggered), runs timers, runs deferred calls, takes calls from
 * other threads, gives blocking work to a thread pool, and may busy-poll before it sleeps.
 *
 * Thread rule: a loop belongs to the thread that runs it. "Loop's thread" below means that thread,
 * or, while no thread runs the loop, any single thread. Only these may be called from any thread:
 * loop_post, loop_call_sync, loop_stop, loop_wake, loop_now_ns, loop_current, loop_get_stats, and
 * the setters and getters of parameters and of the back end.
 *
 * Callbacks run in the loop's thread, one at a time. A callback may add, change and remove anything
 * of its loop, itself included, and may call loop_iterate (callbacks then nest, also into the
 * caller). It must not free the loop.
 *
 * Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef QOM_LOOP_H
#define QOM_LOOP_H

#include "qom/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Loop Loop;
typedef struct LoopFd LoopFd;
typedef struct LoopPoll LoopPoll;
typedef struct LoopThread LoopThread;

/* A callback with nothing but its owner's pointer. */
typedef void LoopFn(void *opaque);

/* ------------------------------------------------------------------------------- the loop -- */

/* A new loop: two descriptors, both close-on-exec, no thread. NULL and *errp when the kernel
 * refuses them. */
QOM_PUBLIC Loop *loop_new(QomError **errp);

/*
 * Frees @loop, which no thread may be running; NULL is fine. First finishes what was asked of it:
 * file requests, the thread pool's queue, then every posted and deferred call, run here, in the
 * caller's thread with loop_current() == @loop, until nothing is left. Descriptor and poll handlers
 * still added are dropped without a callback, timers are disarmed.
 */
QOM_PUBLIC void loop_free(Loop *loop);

/* The loop of the thread that owns the objects; NULL before loop_set_main. Any thread. */
QOM_PUBLIC Loop *loop_main(void);

/* Names the main loop, once at start, before other threads exist; NULL at the end. Not owned. */
QOM_PUBLIC void loop_set_main(Loop *loop);

/* Runs @loop in the calling thread until loop_stop. A stop asked for before the run counts. */
QOM_PUBLIC void loop_run(Loop *loop);

/* Makes the running, or else the next, loop_run return after the iteration at hand. Any thread. */
QOM_PUBLIC void loop_stop(Loop *loop);

/* One round: wait (only if @blocking, and not longer than the next timer), then run calls, ready
 * handlers and expired timers. Returns true if any callback ran. Loop's thread. */
QOM_PUBLIC bool loop_iterate(Loop *loop, bool blocking);

/* Ends a wait of @loop, or its next one. Any thread, and signal handlers. Seldom needed: loop_post
 * does it. */
QOM_PUBLIC void loop_wake(Loop *loop);

/* The loop that the calling thread is running, innermost first; NULL if none. */
QOM_PUBLIC Loop *loop_current(void);

/* The time on the clock of timers, in ns. */
QOM_PUBLIC int64_t loop_now_ns(void);

/* -------------------------------------------------------------------------- descriptors -- */

/* The numbers are the kernel's (EPOLLIN and so on). */
enum {
    LOOP_READ = 0x0001,
    LOOP_PRI = 0x0002, /* urgent data; sysfs and PSI files */
    LOOP_WRITE = 0x0004,
    LOOP_ERR = 0x0008,   /* reported only */
    LOOP_HUP = 0x0010,   /* reported only */
    LOOP_RDHUP = 0x2000, /* the peer will send no more; ask for it where nothing is being read */
};

/* @revents: what is ready of what was asked for; LOOP_HUP and LOOP_ERR come unasked and bring the
 * asked-for LOOP_READ and LOOP_WRITE with them, so that the read or write finds the cause. */
typedef void LoopFdFn(void *opaque, unsigned revents);

/*
 * Calls @fn whenever @fd is ready for @events, again and again while it is (level triggered).
 * Descriptors that epoll cannot watch (regular files) are always ready. @fd stays the caller's,
 * must stay open until loop_fd_remove, and can be added once a loop (watch a dup for a second
 * handler). NULL and *errp if the kernel refuses. Loop's thread.
 */
QOM_PUBLIC LoopFd *loop_fd_add(Loop *loop, int fd, unsigned events, LoopFdFn *fn, void *opaque,
                               QomError **errp);

/* Changes what is waited for; 0 parks the handler: no callback, not even for LOOP_HUP. What was
 * seen but not delivered yet is dropped unless still asked for. false and *errp only if the
 * kernel is out of memory; the handler is then parked. Loop's thread. */
QOM_PUBLIC bool loop_fd_set_events(LoopFd *handler, unsigned events, QomError **errp);

/* Ends @handler, and the poll handler tied to it: no callback comes afterwards, also when called
 * from another handler's callback in the same round. Call it before close(fd). NULL is fine.
 * Loop's thread. */
QOM_PUBLIC void loop_fd_remove(LoopFd *handler);

/* The descriptor of @handler. */
QOM_PUBLIC int loop_fd_get(const LoopFd *handler);

/* -------------------------------------------------------------------------------- timers -- */

/* One-shot timer inside its owner's struct; the fields are the loop's. All loop's thread. */
typedef struct LoopTimer {
    Loop *loop;
    LoopFn *fn;
    void *opaque;
    int64_t deadline_ns;
    uint64_t order; /* of arming, so that equal deadlines run first come first */
    size_t place;   /* in the heap, from 1; 0 = not armed */
} LoopTimer;

/* Prepares @timer, not armed. */
QOM_PUBLIC void loop_timer_init(LoopTimer *timer, Loop *loop, LoopFn *fn, void *opaque);

/* Calls the timer's function once, at @deadline_ns or as soon as possible after it; moves the
 * deadline if already armed. A timer armed by a timer's callback runs in a later iteration. */
QOM_PUBLIC void loop_timer_arm(LoopTimer *timer, int64_t deadline_ns);

/* The same, @delay_ns from now. */
QOM_PUBLIC void loop_timer_arm_in(LoopTimer *timer, int64_t delay_ns);

/* Disarms; nothing if it is not armed. Must be done before the owner's memory goes. */
QOM_PUBLIC void loop_timer_cancel(LoopTimer *timer);

static inline bool loop_timer_armed(const LoopTimer *timer)
{
    return timer->place != 0;
}

/* --------------------------------------------------------------------------------- calls -- */

/* A deferred call (bottom half) inside its owner's struct; the fields are the loop's. */
typedef struct LoopCall {
    Loop *loop; /* NULL = not scheduled */
    LoopFn *fn;
    void *opaque;
    TAILQ_ENTRY(LoopCall) link;
} LoopCall;

/* Prepares @call, not scheduled. */
QOM_PUBLIC void loop_call_init(LoopCall *call, LoopFn *fn, void *opaque);

/* Runs @call once, soon, from @loop and not from here; nothing if it is scheduled already (it may
 * be scheduled again from its own callback). First come first; calls deferred by a call run in the
 * next iteration, after descriptors had their turn. Loop's thread. */
QOM_PUBLIC void loop_defer(Loop *loop, LoopCall *call);

/* Unschedules; nothing if it is not scheduled. Must be done before the owner's memory goes. */
QOM_PUBLIC void loop_call_cancel(LoopCall *call);

static inline bool loop_call_scheduled(const LoopCall *call)
{
    return call->loop != NULL;
}

/* Runs @fn once in @loop's thread, soon, never from here. Calls posted by one thread run in their
 * order. Lock-free; a system call is made only if @loop sleeps. Any thread. */
QOM_PUBLIC void loop_post(Loop *loop, LoopFn *fn, void *opaque);

/*
 * Runs @fn in @loop's thread and waits until it has returned. In @loop's own thread: at once.
 *
 * Deadlock rule: the caller blocks without serving its own loop. So never call a loop whose thread
 * may be waiting for yours (loops call "downwards" only: the main loop an iothread, never back),
 * never while holding a lock that a callback of @loop takes, and never a loop that nobody runs.
 */
QOM_PUBLIC void loop_call_sync(Loop *loop, LoopFn *fn, void *opaque);

/* ----------------------------------------------------------------------- adaptive polling -- */

/*
 * How to see an event without a system call. begin and end bracket the phases in which @loop looks
 * by itself, so that peers may leave out their notifications; after end, test is called once more.
 * None of begin, test and end may add or remove handlers. Constant, outlives the handler.
 */
typedef struct LoopPollOps {
    LoopFn *begin;              /* may be NULL */
    bool (*test)(void *opaque); /* is there an event? A few ns, no side effect that a peer sees */
    LoopFn *end;                /* may be NULL */
    LoopFn *dispatch;           /* test was true: handle it */
} LoopPollOps;

/*
 * Adds a poll handler.
 *
 * With @fd (whose function takes the events seen while sleeping) it is tied to that descriptor: at
 * most one a descriptor, gone when the descriptor's handler is removed. Without, test is called in
 * every iteration, and whoever makes it true must end the loop's sleep (loop_wake, another fd).
 * @ops NULL with @fd: there is no cheap test, but spinning on the descriptor itself, by system
 * call, is wanted. Loop's thread.
 */
QOM_PUBLIC LoopPoll *loop_poll_add(Loop *loop, LoopFd *fd, const LoopPollOps *ops, void *opaque);

/* Ends @poll, calling its end if it was begun; no callback comes afterwards. NULL is fine.
 * Loop's thread. */
QOM_PUBLIC void loop_poll_remove(LoopPoll *poll);

/* Whatever they are, a loop does not spin while its thread and the process's main thread are
 * confined to one and the same CPU. */
typedef struct LoopPollParams {
    int64_t max_ns; /* longest spin; 0 turns polling off */
    int64_t grow;   /* factor when a longer window would have caught the event; 0 = 2 */
    int64_t shrink; /* divisor when events are rarer than max_ns; 0 = start again from 0 */
} LoopPollParams;

/* Sets the parameters (0, 0, 0 in a new loop), resets every window, wakes the loop. false and
 * *errp, nothing changed, if one is negative. Any thread. */
QOM_PUBLIC bool loop_set_poll_params(Loop *loop, const LoopPollParams *params, QomError **errp);
QOM_PUBLIC void loop_get_poll_params(Loop *loop, LoopPollParams *params);

/* ------------------------------------------------------------------------------ back end -- */

typedef enum LoopMonitor {
    LOOP_MONITOR_EPOLL,    /* files are read and written by the thread pool */
    LOOP_MONITOR_IO_URING, /* one ring for descriptors and files */
} LoopMonitor;

/*
 * Asks for a way to wait for descriptors; a new loop has epoll. Takes place in the loop's next
 * iteration. Where the build or the kernel has no io_uring, or refuses it, epoll stays, silently:
 * see loop_get_monitor. Any thread.
 */
QOM_PUBLIC void loop_set_monitor(Loop *loop, LoopMonitor monitor);

/* What is in use. Any thread. */
QOM_PUBLIC LoopMonitor loop_get_monitor(Loop *loop);

/* -------------------------------------------------------------------------------- files -- */

/* @result: the bytes read or written, maybe fewer than asked for; 0 at the end of the file, and for
 * a sync; or a negative errno value. */
typedef void LoopFileFn(void *opaque, ssize_t result);

/*
 * Reads or writes @size_bytes of @fd at @offset (-1: at the file's own position, which moves), or
 * makes all that was written durable, without blocking the loop: through its ring, or by a worker
 * thread. @done is called from the loop, never from here; until then @fd and @buffer must stay.
 * Requests under way at the same time are done in any order. false and *errp, @done not called, if
 * there is neither ring nor worker. Loop's thread.
 */
QOM_PUBLIC bool loop_file_read(Loop *loop, int fd, void *buffer, size_t size_bytes, int64_t offset,
                               LoopFileFn *done, void *opaque, QomError **errp);
QOM_PUBLIC bool loop_file_write(Loop *loop, int fd, const void *buffer, size_t size_bytes,
                                int64_t offset, LoopFileFn *done, void *opaque, QomError **errp);
QOM_PUBLIC bool loop_file_sync(Loop *loop, int fd, LoopFileFn *done, void *opaque, QomError **errp);

/* Most file requests that the ring gathers before it hands them to the kernel; 0 is 32. The end of
 * an iteration hands over what there is. Without a ring it has no effect. false and *errp if
 * negative. Any thread. */
QOM_PUBLIC bool loop_set_aio_max_batch(Loop *loop, int64_t batch, QomError **errp);
QOM_PUBLIC int64_t loop_get_aio_max_batch(Loop *loop);

/* ---------------------------------------------------------------------------- thread pool -- */

/*
 * Runs @work(@opaque) in a worker thread, then @done(@opaque) (may be NULL) in @loop's thread.
 * Workers have all signals blocked, inherit the affinity of @loop's thread, and start only when
 * none is idle. false and *errp, neither function called, if no worker exists and none can be
 * started. Loop's thread.
 */
QOM_PUBLIC bool loop_pool_submit(Loop *loop, LoopFn *work, LoopFn *done, void *opaque,
                                 QomError **errp);

/* The same for work whose end others decide, such as a question to a name server: at most 8 workers
 * are at such work at a time, and one less than the pool may have, so that the rest goes on. */
QOM_PUBLIC bool loop_pool_submit_slow(Loop *loop, LoopFn *work, LoopFn *done, void *opaque,
                                      QomError **errp);

/*
 * Workers kept when idle (0 in a new loop; started at once) and at most running (64). Idle workers
 * above @min leave after 10 s; surplus ones over @max after their job. false and *errp, nothing
 * changed, if @min > @max, @max is 0, or one is negative or over 2^31-1. Any thread.
 */
QOM_PUBLIC bool loop_set_pool_params(Loop *loop, int64_t min, int64_t max, QomError **errp);
QOM_PUBLIC void loop_get_pool_params(Loop *loop, int64_t *min, int64_t *max);

/* -------------------------------------------------------------------------------- figures -- */

typedef struct LoopStats {
    uint64_t iterations;
    uint64_t wakeups;       /* sleeps ended */
    uint64_t poll_hits;     /* spins that found an event */
    uint64_t poll_misses;   /* spins in vain */
    uint64_t polled_ns;     /* time spent spinning */
    uint64_t slept_ns;      /* time spent asleep */
    uint64_t events;        /* descriptor and poll handlers called */
    uint64_t calls;         /* deferred and posted calls run */
    uint64_t poll_ns;       /* the longest window now */
    uint64_t calls_queued;  /* deferred or posted and not run yet, now */
    uint64_t file_requests; /* file requests that the ring took */
    uint64_t file_batches;  /* system calls that handed them to the kernel */
    uint64_t file_queued;   /* of these, not finished, now */
    uint64_t pool_queued;   /* work that waits for a worker, now */
    uint64_t pool_threads;  /* workers now */
    uint64_t pool_busy;     /* workers that work, now */
} LoopStats;

/* Each figure is whole; together they are of nearly, not exactly, the same moment. Any thread. */
QOM_PUBLIC void loop_get_stats(Loop *loop, LoopStats *stats);

/* ------------------------------------------------------------------------ a loop's thread -- */

/* Creates a thread that runs @fn(@arg), like pthread_create with default attributes; returns 0 or
 * an errno value. A thread context does this from its own thread, for the affinity. */
typedef int LoopSpawnFn(pthread_t *thread, void *(*fn)(void *), void *arg, void *opaque);

/*
 * A new thread named @name (cut to 15 bytes) that runs a new loop with all signals blocked but
 * those that faults raise. It has its id and its name when this returns; it may not have run yet.
 * @spawn, NULL for pthread_create, is called with @spawn_opaque before the return. NULL and *errp,
 * no thread and no descriptor left, when something is refused. Any thread.
 */
QOM_PUBLIC LoopThread *loop_thread_new(const char *name, LoopSpawnFn *spawn, void *spawn_opaque,
                                       QomError **errp);

/* The same for @loop, set up by the caller and run by nobody; from now on it is the thread's, and
 * freed with it or when this fails. */
QOM_PUBLIC LoopThread *loop_thread_start(Loop *loop, const char *name, LoopSpawnFn *spawn,
                                         void *spawn_opaque, QomError **errp);

/* Its loop; lives as long as @thread. */
QOM_PUBLIC Loop *loop_thread_get_loop(LoopThread *thread);

/* The kernel's thread id (gettid), the one in /proc/PID/task. */
QOM_PUBLIC pid_t loop_thread_get_tid(const LoopThread *thread);

/* Its name, as the kernel has it. */
QOM_PUBLIC const char *loop_thread_get_name(const LoopThread *thread);

/* Stops the loop, joins the thread, frees both (see loop_free). Not from that thread. NULL is
 * fine. */
QOM_PUBLIC void loop_thread_free(LoopThread *thread);

#ifdef __cplusplus
}
#endif
#endif
