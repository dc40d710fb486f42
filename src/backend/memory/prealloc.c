/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preallocation: have all pages of a region there, without changing their content.
 *
 * The region is cut into as many parts as there are threads; each part is populated by
 * madvise(MADV_POPULATE_WRITE) in chunks, so that a failure in one thread stops the others soon,
 * and so does whoever has no more use for the memory. The call says EFAULT where touching the
 * memory would kill with SIGBUS. Read-only memory is populated for reading. Where the kernel does
 * not know the call (EINVAL), each page is touched under a guard.
 *
 * All threads are created before any starts to work, because the stack of a new thread needs the
 * lock that population holds. They wait at a gate:
 *
 *     prepare: create the threads -> go: open the gate -> wait: join them
 *
 * So several regions (several NUMA nodes) can be populated at the same time, too.
 *
 * Source: the sheet on memory, section 5.
 */
#include "backend/memory/memory.h"
#include "backend/thread/thread.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_THREADS = 16, MAX_CPUS = 1024 };
#define CHUNK_BYTES ((size_t)64 << 20)

typedef struct Worker {
    MemoryPopulation *gang;
    char *at;
    size_t size_bytes;
    bool touches; /* the kernel can not populate by itself */
    pthread_t thread;
} Worker;

/* What all workers of one job share. */
struct MemoryPopulation {
    MemoryPrealloc job;
    pthread_mutex_t lock; /* guards open */
    pthread_cond_t opened;
    bool open; /* the gate */
    int error; /* atomic; the first one, 0: go on */
    bool pin;  /* workers run on `cpus` */
    cpu_set_t cpus;
    unsigned n; /* threads; 0: whoever waits does the work */
    Worker workers[MAX_THREADS];
};

/* A part of what a worker does. */
typedef struct Chunk {
    char *at;
    size_t size_bytes, page_bytes;
    bool rom;
} Chunk;

/* Makes the kernel provide each page. */
static void touch(void *opaque)
{
    const Chunk *chunk = opaque;
    for (size_t i = 0; i < chunk->size_bytes; i += chunk->page_bytes) {
        if (chunk->rom) {
            (void)*(volatile char *)(chunk->at + i);
        } else {
            /* Adds nothing, and no other write can get lost in between. */
            __atomic_fetch_add(chunk->at + i, 0, __ATOMIC_RELAXED);
        }
    }
}

/* Returns 0 or an errno value. */
static int populate_chunk(Worker *worker, size_t offset_bytes, size_t size_bytes)
{
    const MemoryPrealloc *job = &worker->gang->job;
    Chunk chunk = {worker->at + offset_bytes, size_bytes, job->page_bytes, job->rom};
    int advice = job->rom ? MADV_POPULATE_READ : MADV_POPULATE_WRITE;
    /* syscalls: madvise -- preallocation */
    while (!worker->touches && madvise(chunk.at, size_bytes, advice) < 0) {
        if (errno == EINVAL && offset_bytes == 0) {
            worker->touches = true;
        } else if (errno != EINTR && errno != EAGAIN) {
            return errno;
        }
    }
    return !worker->touches || memory_guarded(touch, &chunk) ? 0 : EFAULT;
}

static void fail(MemoryPopulation *gang, int err)
{
    int none = 0;
    __atomic_compare_exchange_n(&gang->error, &none, err, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
}

static void work(Worker *worker)
{
    MemoryPopulation *gang = worker->gang;
    for (size_t done = 0; done < worker->size_bytes; done += CHUNK_BYTES) {
        if (__atomic_load_n(gang->job.cancel, __ATOMIC_RELAXED)) {
            fail(gang, ECANCELED);
        }
        if (__atomic_load_n(&gang->error, __ATOMIC_RELAXED)) {
            return;
        }
        size_t chunk = MIN(CHUNK_BYTES, worker->size_bytes - done);
        int err = populate_chunk(worker, done, chunk);
        if (err) {
            fail(gang, err);
        } else {
            __atomic_add_fetch(gang->job.done_bytes, chunk, __ATOMIC_RELAXED);
        }
    }
}

static void *worker_main(void *opaque)
{
    Worker *worker = opaque;
    MemoryPopulation *gang = worker->gang;
    if (gang->pin) {
        /* syscalls(resourcecontrol): sched_setaffinity -- preallocation runs on the host nodes */
        sched_setaffinity(0, sizeof(gang->cpus), &gang->cpus);
    }
    pthread_mutex_lock(&gang->lock);
    while (!gang->open) {
        pthread_cond_wait(&gang->opened, &gang->lock);
    }
    pthread_mutex_unlock(&gang->lock);
    work(worker);
    return NULL;
}

/* The CPUs of @nodes that this process may run on; false if there are none. */
static bool node_cpus(const uint16List *nodes, cpu_set_t *cpus)
{
    cpu_set_t allowed;
    if (!nodes->n || sched_getaffinity(0, sizeof(allowed), &allowed) < 0) {
        return false;
    }
    CPU_ZERO(cpus);
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        for (size_t i = 0; CPU_ISSET(cpu, &allowed) && i < nodes->n; i++) {
            char path[80];
            g_snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/node%u", cpu,
                       nodes->items[i]);
            /* syscalls: access faccessat faccessat2 -- which CPUs a node has */
            if (access(path, F_OK) == 0) {
                CPU_SET(cpu, cpus);
            }
        }
    }
    return CPU_COUNT(cpus) > 0;
}

static unsigned thread_count(const MemoryPrealloc *job)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t n = MIN(job->threads, (uint64_t)MAX(cpus, 1));
    n = MIN(n, MAX_THREADS);
    n = MIN(n, job->size_bytes / job->page_bytes);
    n = MIN(n, MAX(1, job->size_bytes / CHUNK_BYTES));
    return (unsigned)MAX(n, 1);
}

/* Creates a worker that signals do not go to; a thread-context sees to that itself. */
static int spawn(pthread_t *thread, Worker *worker)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

/* Creates @n workers, which wait at the gate; fewer after an error. */
static void create_workers(MemoryPopulation *gang, unsigned n)
{
    const MemoryPrealloc *job = &gang->job;
    size_t pages = job->size_bytes / job->page_bytes;
    char *at = job->ptr;
    for (unsigned i = 0; i < n; i++) {
        Worker *worker = &gang->workers[i];
        size_t share = pages / n + (i < pages % n);
        *worker = (Worker){.gang = gang, .at = at, .size_bytes = share * job->page_bytes};
        at += worker->size_bytes;
        int err = job->context
                      ? thread_context_spawn(&worker->thread, worker_main, worker, job->context)
                      : spawn(&worker->thread, worker);
        if (err) {
            gang->error = err;
            return;
        }
        pthread_setname_np(worker->thread, "prealloc");
        gang->n++;
    }
}

MemoryPopulation *memory_prealloc_prepare(const MemoryPrealloc *job, bool background)
{
    MemoryPopulation *gang = g_new0(MemoryPopulation, 1);
    gang->job = *job;
    pthread_mutex_init(&gang->lock, NULL);
    pthread_cond_init(&gang->opened, NULL);
    gang->pin = !job->context && node_cpus(job->nodes, &gang->cpus);
    unsigned n = thread_count(job);
    bool needed = n > 1 || job->context || gang->pin;
    if (needed || background) {
        create_workers(gang, n);
    }
    if (!needed && gang->n == 0) {
        gang->error = 0; /* whoever waits can do it as well */
    }
    return gang;
}

void memory_prealloc_go(MemoryPopulation *gang)
{
    pthread_mutex_lock(&gang->lock);
    gang->open = true;
    pthread_cond_broadcast(&gang->opened);
    pthread_mutex_unlock(&gang->lock);
}

int memory_prealloc_wait(MemoryPopulation *gang)
{
    memory_prealloc_go(gang);
    if (gang->n == 0 && !gang->error) {
        Worker self = {.gang = gang, .at = gang->job.ptr, .size_bytes = gang->job.size_bytes};
        work(&self);
    }
    for (unsigned i = 0; i < gang->n; i++) {
        pthread_join(gang->workers[i].thread, NULL);
    }
    int err = gang->error;
    pthread_cond_destroy(&gang->opened);
    pthread_mutex_destroy(&gang->lock);
    g_free(gang);
    return err;
}

int memory_prealloc(const MemoryPrealloc *job)
{
    return memory_prealloc_wait(memory_prealloc_prepare(job, false));
}
