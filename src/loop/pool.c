/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread pool of a loop, for work that blocks (file I/O, name lookups, fsync).
 *
 * Workers take requests from one queue. A new worker starts only if the idle ones do not suffice
 * for the queue, and always from the loop's thread, so that workers inherit its present affinity,
 * also one pinned from outside. A worker leaves by itself: when there are more than max, or when it
 * found nothing to do for 10 s and there are more than min. A leaving worker posts `reap` to the
 * loop, which joins it: no thread is ever detached, so none is left once the loop is freed.
 *
 * Work whose end others decide (a name server that does not answer) has a queue of its own, from
 * which only some of the workers may take: however much of it waits, the rest goes on.
 */
#include "loop/internal.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#define POOL_MAX_DEFAULT 64
/* Of min, so many start before there is work, so that a large number does not take the machine. */
#define POOL_READY_MAX 64
#define POOL_IDLE_NS   INT64_C(10000000000)

struct LoopRequest {
    Loop *loop;
    bool slow;
    uint64_t order; /* of submission, over both queues */
    LoopFn *work, *done;
    void *opaque;
    LoopPosted finished;
    TAILQ_ENTRY(LoopRequest) link;
};

struct LoopWorker {
    LoopPool *pool;
    Loop *loop;
    pthread_t thread;
    bool left;
    char name[16];
    TAILQ_ENTRY(LoopWorker) link;
};

static struct timespec after_ns(int64_t delay_ns)
{
    int64_t at_ns = loop_now_ns() + delay_ns;
    return (struct timespec){.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
}

/* How many workers may be at slow work: always one, and never all if there can be more. */
static unsigned slow_max(const LoopPool *pool)
{
    return CLAMP(pool->max - 1, 1, LOOP_POOL_SLOW_MAX);
}

/* Requests that a worker could take at once. */
static unsigned startable(const LoopPool *pool)
{
    unsigned places = slow_max(pool) - MIN(slow_max(pool), pool->slow.running);
    return pool->quick.queued + MIN(pool->slow.queued, places);
}

/* The oldest request that a worker may take now, or NULL. Lock held. */
static LoopRequest *take_request(LoopPool *pool)
{
    LoopRequest *quick = TAILQ_FIRST(&pool->quick.requests);
    LoopRequest *slow =
        pool->slow.running < slow_max(pool) ? TAILQ_FIRST(&pool->slow.requests) : NULL;
    LoopRequest *request = !quick || (slow && slow->order < quick->order) ? slow : quick;
    if (request) {
        LoopPoolQueue *queue = request->slow ? &pool->slow : &pool->quick;
        TAILQ_REMOVE(&queue->requests, request, link);
        queue->queued--;
        queue->running++;
    }
    return request;
}

/* The next request for a worker; NULL = leave. Called and returns with the lock held. */
static LoopRequest *next_request(LoopPool *pool)
{
    struct timespec idle_until = after_ns(pool->idle_ns);
    bool waited_enough = false;
    while (pool->threads <= pool->max) {
        LoopRequest *request = take_request(pool);
        if (request) {
            pool->idle--;
            return request;
        }
        bool surplus = pool->threads > pool->min;
        if (pool->stopping || (surplus && waited_enough)) {
            return NULL;
        }
        if (surplus) {
            waited_enough =
                pthread_cond_timedwait(&pool->work, &pool->lock, &idle_until) == ETIMEDOUT;
        } else {
            pthread_cond_wait(&pool->work, &pool->lock);
        }
    }
    return NULL;
}

static void request_finished(void *opaque)
{
    g_autofree LoopRequest *request = opaque;
    if (request->done) {
        request->done(request->opaque);
    }
}

static void *worker_run(void *opaque)
{
    LoopWorker *worker = opaque;
    LoopPool *pool = worker->pool;
    pthread_setname_np(pthread_self(), worker->name);

    pthread_mutex_lock(&pool->lock);
    LoopRequest *request;
    while ((request = next_request(pool)) != NULL) {
        LoopPoolQueue *queue = request->slow ? &pool->slow : &pool->quick;
        pthread_mutex_unlock(&pool->lock);
        request->work(request->opaque);
        loop_post_node(request->loop, &request->finished);
        pthread_mutex_lock(&pool->lock);
        queue->running--;
        pool->idle++;
    }
    pool->idle--;
    pool->threads--;
    worker->left = true;
    if (startable(pool)) {
        /* We may have swallowed the signal meant for another. */
        pthread_cond_signal(&pool->work);
    }
    bool post = !pool->stopping && !pool->reap_posted;
    pool->reap_posted |= post;
    pthread_mutex_unlock(&pool->lock);
    if (post) {
        loop_post_node(worker->loop, &pool->reap);
    }
    return NULL;
}

/* Starts one worker with all signals blocked. Lock held. Returns 0 or an errno value. */
static int start_worker(Loop *loop)
{
    LoopPool *pool = &loop->pool;
    LoopWorker *worker = g_new0(LoopWorker, 1);
    worker->pool = pool;
    worker->loop = loop;
    char thread_name[16] = "";
    /* syscalls: prctl -- workers are called after the thread they work for */
    prctl(PR_GET_NAME, thread_name);
    snprintf(worker->name, sizeof(worker->name), "w:%.13s", thread_name);

    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&worker->thread, NULL, worker_run, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err) {
        g_free(worker);
        return err;
    }
    TAILQ_INSERT_TAIL(&pool->workers, worker, link);
    pool->threads++;
    pool->idle++;
    return 0;
}

/* Workers that are to be there without work. Lock held. */
static bool wants_ready(const LoopPool *pool)
{
    return pool->threads < MIN(pool->min, POOL_READY_MAX);
}

/* Starts what min and the queue ask for. Lock held. Returns 0 or an errno value. */
static int grow(Loop *loop)
{
    LoopPool *pool = &loop->pool;
    int err = 0;
    while (!err &&
           (wants_ready(pool) || (startable(pool) > pool->idle && pool->threads < pool->max))) {
        err = start_worker(loop);
    }
    return err;
}

static bool submit(Loop *loop, bool slow, LoopFn *work, LoopFn *done, void *opaque, QomError **errp)
{
    loop_check_thread(loop);
    LoopPool *pool = &loop->pool;
    LoopPoolQueue *queue = slow ? &pool->slow : &pool->quick;
    LoopRequest *request = g_new(LoopRequest, 1);
    *request =
        (LoopRequest){.loop = loop, .slow = slow, .work = work, .done = done, .opaque = opaque};
    request->finished = (LoopPosted){.fn = request_finished, .opaque = request};

    pthread_mutex_lock(&pool->lock);
    request->order = pool->next_order++;
    TAILQ_INSERT_TAIL(&queue->requests, request, link);
    queue->queued++;
    int err = grow(loop);
    bool accepted = pool->threads > 0;
    if (accepted) {
        pthread_cond_signal(&pool->work);
    } else {
        TAILQ_REMOVE(&queue->requests, request, link);
        queue->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!accepted) {
        g_free(request);
        return qom_error_set_errno(errp, err, "Cannot start a worker thread");
    }
    return true;
}

bool loop_pool_submit(Loop *loop, LoopFn *work, LoopFn *done, void *opaque, QomError **errp)
{
    return submit(loop, false, work, done, opaque, errp);
}

bool loop_pool_submit_slow(Loop *loop, LoopFn *work, LoopFn *done, void *opaque, QomError **errp)
{
    return submit(loop, true, work, done, opaque, errp);
}

/* Joins the workers that have left. */
static void reap(void *opaque)
{
    Loop *loop = opaque;
    LoopPool *pool = &loop->pool;
    pthread_mutex_lock(&pool->lock);
    pool->reap_posted = false;
    LoopWorker *next;
    for (LoopWorker *worker = TAILQ_FIRST(&pool->workers); worker; worker = next) {
        next = TAILQ_NEXT(worker, link);
        if (worker->left) {
            TAILQ_REMOVE(&pool->workers, worker, link);
            /* It has given up the lock or is about to: no deadlock, hardly a wait. */
            pthread_join(worker->thread, NULL);
            g_free(worker);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

static void grow_again(void *opaque)
{
    Loop *loop = opaque;
    pthread_mutex_lock(&loop->pool.lock);
    grow(loop);
    pthread_mutex_unlock(&loop->pool.lock);
}

bool loop_set_pool_params(Loop *loop, int64_t min, int64_t max, QomError **errp)
{
    if (!loop_check_range("thread-pool-min", min, errp) ||
        !loop_check_range("thread-pool-max", max, errp)) {
        return false;
    }
    if (min > max || max == 0 || max > INT_MAX) {
        return qom_error_set(errp, "bad thread-pool-min/thread-pool-max values");
    }
    LoopPool *pool = &loop->pool;
    pthread_mutex_lock(&pool->lock);
    pool->min = (unsigned)min;
    pool->max = (unsigned)max;
    pthread_cond_broadcast(&pool->work);
    bool more = wants_ready(pool) || startable(pool) > pool->idle;
    pthread_mutex_unlock(&pool->lock);
    if (more) {
        loop_post(loop, grow_again, loop);
    }
    return true;
}

void loop_get_pool_params(Loop *loop, int64_t *min, int64_t *max)
{
    pthread_mutex_lock(&loop->pool.lock);
    *min = loop->pool.min;
    *max = loop->pool.max;
    pthread_mutex_unlock(&loop->pool.lock);
}

void loop_pool_init(Loop *loop)
{
    LoopPool *pool = &loop->pool;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->work, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&pool->lock, NULL);
    TAILQ_INIT(&pool->quick.requests);
    TAILQ_INIT(&pool->slow.requests);
    TAILQ_INIT(&pool->workers);
    pool->max = POOL_MAX_DEFAULT;
    pool->idle_ns = POOL_IDLE_NS;
    pool->reap = (LoopPosted){.fn = reap, .opaque = loop};
}

void loop_pool_finish(Loop *loop)
{
    LoopPool *pool = &loop->pool;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    LoopWorker *worker;
    while ((worker = TAILQ_FIRST(&pool->workers)) != NULL) {
        TAILQ_REMOVE(&pool->workers, worker, link);
        pthread_mutex_unlock(&pool->lock);
        pthread_join(worker->thread, NULL);
        g_free(worker);
        pthread_mutex_lock(&pool->lock);
    }
    pool->stopping = false;
    pthread_mutex_unlock(&pool->lock);
}

void loop_pool_destroy(Loop *loop)
{
    pthread_cond_destroy(&loop->pool.work);
    pthread_mutex_destroy(&loop->pool.lock);
}
