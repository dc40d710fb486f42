/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preallocation: have all pages of a region there, without changing their content.
 *
 * The region is cut into as many parts as there are threads; each part is populated by
 * madvise(MADV_POPULATE_WRITE) in chunks, so that a failure in one thread stops the others soon.
 * The call says EFAULT where touching the memory would kill with SIGBUS. Read-only memory is
 * populated for reading. Where the kernel does not know the call (EINVAL), each page is touched
 * under a guard.
 *
 * All threads are created before any starts to work, because the stack of a new thread needs the
 * lock that population holds. They wait at a gate.
 *
 * Source: the sheet on memory, section 5.
 */
#include "backend/memory/memory.h"
#include "backend/thread/thread.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MAX_THREADS = 16, MAX_CPUS = 1024 };
#define CHUNK_BYTES ((size_t)64 << 20)

/* What all workers of one job share. */
typedef struct Gang {
    const MemoryPrealloc *job;
    pthread_mutex_t lock; /* guards open */
    pthread_cond_t opened;
    bool open; /* the gate */
    int error; /* atomic; the first one, 0: go on */
    bool pin;  /* workers run on `cpus` */
    cpu_set_t cpus;
} Gang;

typedef struct Worker {
    Gang *gang;
    char *at;
    size_t size_bytes;
    pthread_t thread;
} Worker;

/* Makes the kernel provide each page. */
static void touch(void *opaque)
{
    const Worker *worker = opaque;
    const MemoryPrealloc *job = worker->gang->job;
    for (size_t i = 0; i < worker->size_bytes; i += job->page_bytes) {
        if (job->rom) {
            (void)*(volatile char *)(worker->at + i);
        } else {
            /* Adds nothing, and no other write can get lost in between. */
            __atomic_fetch_add(worker->at + i, 0, __ATOMIC_RELAXED);
        }
        if (__atomic_load_n(&worker->gang->error, __ATOMIC_RELAXED)) {
            return;
        }
    }
}

static int populate(Worker *worker)
{
    int advice = worker->gang->job->rom ? MADV_POPULATE_READ : MADV_POPULATE_WRITE;
    for (size_t done = 0; done < worker->size_bytes; done += CHUNK_BYTES) {
        if (__atomic_load_n(&worker->gang->error, __ATOMIC_RELAXED)) {
            return 0;
        }
        size_t chunk = MIN(CHUNK_BYTES, worker->size_bytes - done);
        while (madvise(worker->at + done, chunk, advice) < 0) {
            if (errno == EINVAL && done == 0) {
                return memory_guarded(touch, worker) ? 0 : EFAULT;
            }
            if (errno != EINTR && errno != EAGAIN) {
                return errno;
            }
        }
    }
    return 0;
}

static void work(Worker *worker)
{
    int none = 0, err = populate(worker);
    if (err) {
        __atomic_compare_exchange_n(&worker->gang->error, &none, err, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    }
}

static void *worker_main(void *opaque)
{
    Worker *worker = opaque;
    Gang *gang = worker->gang;
    if (gang->pin) {
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

/* Creates @n workers, which wait at the gate; returns how many there are, fewer after an error. */
static unsigned create_workers(Gang *gang, Worker *workers, unsigned n)
{
    const MemoryPrealloc *job = gang->job;
    size_t pages = job->size_bytes / job->page_bytes;
    char *at = job->ptr;
    for (unsigned i = 0; i < n; i++) {
        Worker *worker = &workers[i];
        size_t share = pages / n + (i < pages % n);
        *worker = (Worker){.gang = gang, .at = at, .size_bytes = share * job->page_bytes};
        at += worker->size_bytes;
        int err = job->context
                      ? thread_context_spawn(&worker->thread, worker_main, worker, job->context)
                      : spawn(&worker->thread, worker);
        if (err) {
            gang->error = err;
            return i;
        }
        pthread_setname_np(worker->thread, "prealloc");
    }
    return n;
}

int memory_prealloc(const MemoryPrealloc *job)
{
    Gang gang = {
        .job = job,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .opened = PTHREAD_COND_INITIALIZER,
    };
    unsigned n = thread_count(job);
    gang.pin = !job->context && node_cpus(job->nodes, &gang.cpus);
    if (n == 1 && !job->context && !gang.pin) {
        Worker self = {.gang = &gang, .at = job->ptr, .size_bytes = job->size_bytes};
        work(&self);
        return gang.error;
    }
    Worker workers[MAX_THREADS];
    unsigned created = create_workers(&gang, workers, n);
    pthread_mutex_lock(&gang.lock);
    gang.open = true;
    pthread_cond_broadcast(&gang.opened);
    pthread_mutex_unlock(&gang.lock);
    for (unsigned i = 0; i < created; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    pthread_cond_destroy(&gang.opened);
    pthread_mutex_destroy(&gang.lock);
    return gang.error;
}

/* --- why it failed -------------------------------------------------------------------------- */

MemoryRoom memory_room(const MemoryOrigin *origin)
{
    struct statfs fs;
    if (origin->hugetlb || origin->fd < 0 || fstatfs(origin->fd, &fs) < 0) {
        return (MemoryRoom){0};
    }
    uint64_t block = (uint64_t)fs.f_bsize;
    return (MemoryRoom){.free_bytes = fs.f_bavail * block, .total_bytes = fs.f_blocks * block};
}

bool memory_prealloc_error(int err, const MemoryBackend *backend, const MemoryRoom *room,
                           QomError **errp)
{
    const MemoryOrigin *origin = &backend->origin;
    size_t size = backend->map.size_bytes;
    bool full = err == EFAULT || err == ENOMEM;
    if (full && origin->hugetlb) {
        return qom_error_set(
            errp, "preallocating memory failed: %zu huge pages of %s needed, %" PRIu64 " free",
            size / origin->page_bytes, memory_size_text(origin->page_bytes),
            memory_free_huge_pages(origin->page_bytes));
    }
    if (full && room->total_bytes) {
        return qom_error_set(
            errp, "preallocating memory failed: %s needed, the file system had %s free of %s",
            memory_size_text(size), memory_size_text(room->free_bytes),
            memory_size_text(room->total_bytes));
    }
    return qom_error_set_errno(errp, err, "preallocating %s of memory failed",
                               memory_size_text(size));
}
