/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this room share. One iteration, in order:
 *
 *     poll.c        spin, if a spin is likely to pay
 *     loop.c        announce the sleep, leave poll mode, wait in the fd monitor
 *     post.c        run deferred and posted calls
 *     poll.c, fd.c  dispatch what the spin and the wait marked ready
 *     timer.c       run expired timers
 *
 * Everything here is the loop's thread's unless it says otherwise.
 */
#ifndef LOOP_INTERNAL_H
#define LOOP_INTERNAL_H

#include "qom/loop.h"

#include <stdatomic.h>
#include <sys/queue.h>

/* ------------------------------------------------------------------------- descriptors -- */

struct LoopFd {
    Loop *loop;
    int fd;
    unsigned events;  /* what the user wants */
    unsigned watched; /* what the monitor watches for; 0 = not known to it */
    unsigned revents; /* seen, not delivered yet; != 0 while on the ready list */
    bool unwatchable; /* the monitor refused it: always ready */
    bool removed;     /* on the removed list, freed when no dispatch can hold it */
    LoopFdFn *fn;
    void *opaque;
    LoopPoll *poll; /* tied to this descriptor, or NULL */
    void *entry;    /* the monitor's own */
    TAILQ_ENTRY(LoopFd) link;
    TAILQ_ENTRY(LoopFd) ready_link;
};

typedef TAILQ_HEAD(LoopFdList, LoopFd) LoopFdList;

/*
 * The back end that waits for descriptors, and does file I/O if it can. Its open also watches the
 * loop's wake_fd, edge triggered (nobody reads it), without reporting it.
 */
typedef struct FdMonitorOps FdMonitorOps;
typedef struct LoopFile LoopFile;

/* The head of each back end's own struct. */
typedef struct FdMonitor {
    const FdMonitorOps *ops;
} FdMonitor;

struct FdMonitorOps {
    LoopMonitor kind;
    /* Does not touch anything but the loop's wake_fd. Any thread. */
    FdMonitor *(*open)(Loop *loop, QomError **errp);
    void (*close)(FdMonitor *monitor);
    /* Changes @handler->watched to @events. Returns 0, EPERM for a descriptor that cannot be
     * watched, or another errno value. */
    int (*watch)(FdMonitor *monitor, LoopFd *handler, unsigned events);
    /* Waits up to @timeout_ns (0: look only, -1: no limit) and calls loop_fd_mark_ready for what is
     * ready. Returns early for wake_fd and for signals. */
    void (*wait)(FdMonitor *monitor, int64_t timeout_ns);

    /* The rest is NULL where file I/O goes to the thread pool. */

    /* Takes @request, to call loop_file_finished for it later; false: not now. */
    bool (*file)(FdMonitor *monitor, LoopFile *request);
    /* Hands what was taken to the kernel. */
    void (*flush)(FdMonitor *monitor);
    /* Waits until all that was taken is finished. */
    void (*drain)(FdMonitor *monitor);
};

extern const FdMonitorOps loop_fdmon_epoll, loop_fdmon_uring;

/* Gives @loop a back end of @kind, or keeps the one that it has. Loop's thread, outside of wait. */
void loop_monitor_switch(Loop *loop, LoopMonitor kind);
/* Hands all watched descriptors from the loop's back end over to @to. */
void loop_fd_move_all(Loop *loop, FdMonitor *to);

void loop_fd_mark_ready(LoopFd *handler, unsigned revents);
/* Marks the unwatchable ones ready. */
void loop_fd_mark_unwatchable(Loop *loop);
/* Calls the ready handlers; @blocked_ns as in loop_poll_seen. Returns how many. */
unsigned loop_fd_dispatch(Loop *loop, int64_t blocked_ns);
void loop_fd_free_removed(Loop *loop);
void loop_fd_drop_all(Loop *loop);

/* ------------------------------------------------------------------------------- calls -- */

/* A posted call on its way. */
typedef struct LoopPosted LoopPosted;
struct LoopPosted {
    LoopPosted *next;
    LoopFn *fn;
    void *opaque;
    bool on_heap; /* freed before fn runs; otherwise it lives in the poster's struct */
};

/* Calls of each kind (deferred, posted) run in one iteration, and the time after which no further
 * deferred one is begun in it, so that descriptors get their turn. */
enum { LOOP_CALLS_PER_ITERATION = 128, LOOP_CALLS_NS = 500000 };

/* loop_post without an allocation: @node, with fn and opaque set, is the loop's until fn runs. Any
 * thread. */
void loop_post_node(Loop *loop, LoopPosted *node);
bool loop_calls_pending(Loop *loop);
/* Runs one iteration's share. Returns how many ran. */
unsigned loop_calls_run(Loop *loop);

/* ------------------------------------------------------------------------------ timers -- */

typedef struct LoopTimers {
    LoopTimer **heap; /* from 1; the earliest at 1 */
    size_t n, space;
    uint64_t next_order;
} LoopTimers;

/* Time to the next deadline: -1 if no timer is armed, 0 if it has passed. */
int64_t loop_timers_timeout_ns(Loop *loop);
/* Runs what expired. Returns how many. */
unsigned loop_timers_run(Loop *loop);
void loop_timers_drop_all(Loop *loop);

/* ---------------------------------------------------------------------------- polling -- */

struct LoopPoll {
    Loop *loop;
    LoopFd *fd;             /* tied to, or NULL */
    const LoopPollOps *ops; /* NULL: only its descriptor tells */
    void *opaque;
    int64_t window_ns;
    int64_t idle_deadline_ns; /* without an event until then, it stops counting */
    bool active;              /* on the poll list */
    bool begun;               /* begin was called, end was not yet */
    bool ready;               /* on the ready list */
    bool removed;             /* on the removed list */
    TAILQ_ENTRY(LoopPoll) link;
    TAILQ_ENTRY(LoopPoll) active_link;
    TAILQ_ENTRY(LoopPoll) ready_link;
};

typedef TAILQ_HEAD(LoopPollList, LoopPoll) LoopPollList;

typedef struct LoopPolling {
    LoopPollParams params;     /* in force; the loop's thread's copy of Loop.shared */
    LoopPollList tied, untied; /* to a descriptor */
    LoopPollList active, ready, removed;
    LoopPoll wake;         /* stands for Loop.notified; on neither tied nor untied */
    bool mode;             /* in poll mode: active handlers are begun */
    unsigned unchecked;    /* iterations since the fd monitor was last asked */
    int64_t now_ns;        /* start of the iteration; 0 while polling is off */
    int64_t cpus_until_ns; /* may_spin holds until then */
    bool may_spin;         /* we have two CPUs or more */
} LoopPolling;

void loop_polling_init(Loop *loop);
/* Takes over parameters set from outside; true if there were any. */
bool loop_polling_apply(Loop *loop);
/* The spin of an iteration begun at @start_ns. Marks what is ready and then sets *timeout_ns to 0.
 * Returns the time spent. */
int64_t loop_polling_spin(Loop *loop, int64_t start_ns, int64_t *timeout_ns);
/* Ends poll mode before a sleep. True if a last test found an event. */
bool loop_polling_leave(Loop *loop);
/* Tests the handlers that have no descriptor. */
void loop_polling_test_untied(Loop *loop);
void loop_poll_mark_ready(LoopPoll *poll);
/* @poll had an event after @blocked_ns of spinning and sleeping (-1: unknown): puts it on the poll
 * list and adapts its window. */
void loop_poll_seen(LoopPoll *poll, int64_t blocked_ns);
/* Calls the ready handlers. Returns how many. */
unsigned loop_poll_dispatch(Loop *loop, int64_t blocked_ns);
void loop_poll_free_removed(Loop *loop);
void loop_poll_drop_all(Loop *loop);
/* The algorithm's adjust(): the next window after one of @window_ns and a wait of @blocked_ns. */
int64_t loop_poll_adjust(int64_t window_ns, int64_t blocked_ns, const LoopPollParams *params);

/* ------------------------------------------------------------------------- thread pool -- */

typedef struct LoopWorker LoopWorker;
typedef struct LoopRequest LoopRequest;

/* Workers that slow work (loop_pool_submit_slow) may hold at a time. */
enum { LOOP_POOL_SLOW_MAX = 8 };

typedef struct LoopPoolQueue {
    TAILQ_HEAD(, LoopRequest) requests;
    unsigned queued;  /* length of requests */
    unsigned running; /* taken by a worker, not finished */
} LoopPoolQueue;

typedef struct LoopPool {
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t work;
    LoopPoolQueue quick, slow;
    uint64_t next_order;
    TAILQ_HEAD(, LoopWorker) workers; /* changed by the loop's thread only */
    unsigned min, max;
    unsigned threads; /* workers that have not left */
    unsigned idle;    /* of these, without a job, just started ones included */
    bool stopping;
    bool reap_posted;
    LoopPosted reap;
    int64_t idle_ns; /* how long a worker above min waits for work */
} LoopPool;

void loop_pool_init(Loop *loop);
/* Runs the queue dry and joins every worker; the pool can be used again. */
void loop_pool_finish(Loop *loop);
void loop_pool_destroy(Loop *loop);

/* ----------------------------------------------------------------------------- file I/O -- */

/* Requests that a batch has if aio-max-batch is 0. */
enum { LOOP_BATCH_DEFAULT = 32 };

typedef enum LoopFileKind {
    LOOP_FILE_READ,
    LOOP_FILE_WRITE,
    LOOP_FILE_SYNC,
} LoopFileKind;

struct LoopFile {
    Loop *loop;
    LoopFileKind kind;
    int fd;
    void *buffer;
    size_t size_bytes;
    int64_t offset; /* -1: the file's own position */
    ssize_t result;
    LoopFileFn *done;
    void *opaque;
    LoopCall finished;
};

/* The monitor has done @request, with @result as of the system call: a count or -errno. */
void loop_file_finished(LoopFile *request, ssize_t result);

/* ------------------------------------------------------------------------------- loop -- */

/* Written by the loop's thread alone, so that counting needs no indivisible step. */
typedef struct LoopCounters {
    _Atomic uint64_t iterations, wakeups, poll_hits, poll_misses, polled_ns, slept_ns, events;
    _Atomic uint64_t poll_ns, calls, calls_taken, calls_deferred;
    _Atomic uint64_t file_requests, file_batches, file_queued;
} LoopCounters;

enum { LOOP_CACHE_LINE = 64 };

struct Loop {
    /* Shared with the threads that wake and post; a cache line of their own. */
    struct {
        _Atomic(LoopPosted *) posted;   /* newest first */
        _Atomic uint64_t calls_untaken; /* length of posted, a moment late */
        atomic_bool notified;           /* there is something to see; set before the wake-up */
        atomic_bool announced;          /* the loop sleeps or is about to: it needs the wake-up */
        atomic_bool stop;
        int wake_fd;
    };

    _Alignas(LOOP_CACHE_LINE)
        atomic_int entered; /* frames of this loop; nonzero = a thread runs it */
    unsigned depth;         /* of nested iterations */
    FdMonitor *monitor;
    LoopFdList fds, unwatchable, ready, removed;
    LoopPosted *inbox; /* taken from posted, oldest first */
    TAILQ_HEAD(, LoopCall) deferred;
    unsigned deferred_len;
    LoopTimers timers;
    LoopPolling polling;
    LoopPool pool;
    LoopCounters counters;

    struct {
        pthread_mutex_t lock;
        LoopPollParams poll;
        atomic_bool poll_changed;
    } shared;
    _Atomic int64_t aio_max_batch;
    atomic_int wanted_monitor;  /* LoopMonitor */
    atomic_int present_monitor; /* LoopMonitor */
};

/* True in the thread that runs @loop, at whatever depth. */
bool loop_is_mine(Loop *loop);

/* True if @value is not negative; else the error that QMP clients know. */
bool loop_check_range(const char *name, int64_t value, QomError **errp);

/* Stops a program that breaks the thread rule of qom/loop.h before it corrupts the loop. */
void loop_check_thread(Loop *loop);

static inline void loop_count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + n, memory_order_relaxed);
}

#endif
