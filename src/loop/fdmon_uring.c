/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The io_uring fd monitor: one ring for descriptors and for file I/O, so that an iteration that has
 * both makes one system call.
 *
 * A descriptor is watched by a one-shot poll request, made anew before the next wait after each
 * event: this is level triggered, and the requests ride on the wait's system call. The loop's
 * eventfd has a multishot one, which is edge triggered. What is ready can be seen in the ring
 * without a system call, so spinning is cheap.
 *
 * A request belongs to the thread that makes it, and is cancelled when that thread ends. Therefore
 * requests are made in wait and flush only, which the loop's thread calls, and one that comes back
 * as cancelled is made again by whoever runs the loop then.
 *
 *     TO_ARM --wait--> ARMED --event, cancelled by a thread's end--> TO_ARM
 *     TO_ARM --watch 0--> freed      ARMED --watch 0--> ORPHAN --cancelled--> freed
 *
 * The kernel holds the file of an armed request; when a handler ends, its orphans are cancelled at
 * once, so that a close that follows closes.
 */
#include "loop/internal.h"

#include <errno.h>
#include <glib.h>
#include <liburing.h>
#include <poll.h>
#include <sys/stat.h>

enum { RING_ENTRIES = 64, REAP_AT_ONCE = 64 };

/* What the lowest bits of a request's user data say about the rest. */
enum { TAG_POLL, TAG_FILE, TAG_WAKE, TAG_IGNORED, TAG_MASK = 3 };

typedef struct RingPoll {
    LoopFd *handler; /* NULL: orphan */
    unsigned events;
    bool armed; /* on the list of that name */
    TAILQ_ENTRY(RingPoll) link;
} RingPoll;

typedef TAILQ_HEAD(RingPollList, RingPoll) RingPollList;

typedef struct UringMonitor {
    FdMonitor base;
    Loop *loop;
    struct io_uring ring;
    bool wake_armed;
    bool reaped;                /* since the wait began: there is something to do */
    RingPollList to_arm, armed; /* orphans are on armed */
    unsigned unsubmitted;       /* file requests */
    unsigned in_flight;         /* file requests, these included */
} UringMonitor;

static UringMonitor *uring(FdMonitor *base)
{
    return (UringMonitor *)base;
}

/* ------------------------------------------------------------------------------- requests -- */

static void reap(UringMonitor *monitor);

/* What was gathered goes to the kernel with the system call at hand. */
static void end_batch(UringMonitor *monitor)
{
    if (monitor->unsubmitted) {
        loop_count(&monitor->loop->counters.file_batches, 1);
        monitor->unsubmitted = 0;
    }
}

static void submit(UringMonitor *monitor)
{
    if (io_uring_submit(&monitor->ring) >= 0) {
        end_batch(monitor);
    }
}

/* A free place in the submission ring; NULL only if the kernel takes nothing now. */
static struct io_uring_sqe *get_sqe(UringMonitor *monitor)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&monitor->ring);
    if (!sqe) {
        submit(monitor);
        sqe = io_uring_get_sqe(&monitor->ring);
    }
    if (!sqe) {
        reap(monitor); /* it refuses new requests while too many answers wait */
        monitor->reaped = true;
        submit(monitor);
        sqe = io_uring_get_sqe(&monitor->ring);
    }
    return sqe;
}

static void set_tag(struct io_uring_sqe *sqe, const void *about, unsigned tag)
{
    io_uring_sqe_set_data64(sqe, (uintptr_t)about | tag);
}

static void arm_wake(UringMonitor *monitor)
{
    struct io_uring_sqe *sqe = monitor->wake_armed ? NULL : get_sqe(monitor);
    if (sqe) {
        io_uring_prep_poll_multishot(sqe, monitor->loop->wake_fd, POLLIN);
        set_tag(sqe, NULL, TAG_WAKE);
        monitor->wake_armed = true;
    }
}

static void arm_polls(UringMonitor *monitor)
{
    /* Those that become ready meanwhile come back behind it. */
    const RingPoll *last = TAILQ_LAST(&monitor->to_arm, RingPollList);
    RingPoll *entry = NULL;
    while (entry != last) {
        struct io_uring_sqe *sqe = get_sqe(monitor);
        if (!sqe) {
            return;
        }
        entry = TAILQ_FIRST(&monitor->to_arm);
        io_uring_prep_poll_add(sqe, entry->handler->fd, entry->events);
        set_tag(sqe, entry, TAG_POLL);
        entry->armed = true;
        TAILQ_REMOVE(&monitor->to_arm, entry, link);
        TAILQ_INSERT_TAIL(&monitor->armed, entry, link);
    }
}

/* -------------------------------------------------------------------------------- answers -- */

static void polled(UringMonitor *monitor, RingPoll *entry, int result)
{
    TAILQ_REMOVE(&monitor->armed, entry, link);
    entry->armed = false;
    if (!entry->handler) {
        g_free(entry);
        return;
    }
    TAILQ_INSERT_TAIL(&monitor->to_arm, entry, link);
    unsigned revents = result < 0 ? LOOP_ERR : (unsigned)result;
    revents &= entry->events | LOOP_HUP | LOOP_ERR;
    if (result != -ECANCELED && revents) {
        loop_fd_mark_ready(entry->handler, revents);
    }
}

static void answered(UringMonitor *monitor, const struct io_uring_cqe *cqe)
{
    void *about = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)TAG_MASK);
    switch (cqe->user_data & TAG_MASK) {
    case TAG_POLL: polled(monitor, about, cqe->res); break;
    case TAG_FILE:
        monitor->in_flight--;
        loop_count(&monitor->loop->counters.file_queued, (uint64_t)-1);
        loop_file_finished(about, cqe->res);
        break;
    case TAG_WAKE: monitor->wake_armed = cqe->flags & IORING_CQE_F_MORE; break;
    default: /* of a cancellation; what it cancelled answers for itself */ break;
    }
}

static void reap(UringMonitor *monitor)
{
    struct io_uring_cqe *cqes[REAP_AT_ONCE];
    unsigned n;
    do {
        n = io_uring_peek_batch_cqe(&monitor->ring, cqes, REAP_AT_ONCE);
        for (unsigned i = 0; i < n; i++) {
            answered(monitor, cqes[i]);
        }
        io_uring_cq_advance(&monitor->ring, n);
    } while (n == REAP_AT_ONCE);
}

/* -------------------------------------------------------------------------------- monitor -- */

static void drop_all(RingPollList *list)
{
    RingPoll *entry;
    while ((entry = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, entry, link);
        g_free(entry);
    }
}

static void uring_close(FdMonitor *base)
{
    UringMonitor *monitor = uring(base);
    io_uring_queue_exit(&monitor->ring);
    drop_all(&monitor->to_arm);
    drop_all(&monitor->armed);
    g_free(monitor);
}

/* Where the kernel can (Linux 5.19), it does not interrupt us for an event, but sets a flag in the
 * ring, which io_uring_peek_batch_cqe looks at: a spin so sees the event ten times sooner. */
static int init_ring(struct io_uring *ring)
{
    unsigned flags = IORING_SETUP_CLAMP;
    int err = -io_uring_queue_init(RING_ENTRIES, ring,
                                   flags | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
    return err == EINVAL ? -io_uring_queue_init(RING_ENTRIES, ring, flags) : err;
}

static FdMonitor *uring_open(Loop *loop, QomError **errp)
{
    /* The last stands for Linux 5.13, the first with multishot polls. */
    enum {
        NEEDED = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_RW_CUR_POS |
                 IORING_FEAT_RSRC_TAGS
    };
    UringMonitor *monitor = g_new0(UringMonitor, 1);
    /* syscalls(io_uring): io_uring_setup io_uring_enter -- loops that wait by a ring */
    int err = init_ring(&monitor->ring);
    if (!err && (monitor->ring.features & NEEDED) != NEEDED) {
        io_uring_queue_exit(&monitor->ring);
        err = ENOSYS;
    }
    if (err) {
        g_free(monitor);
        qom_error_set_errno(errp, err, "Cannot create an io_uring for an event loop");
        return NULL;
    }
    monitor->base.ops = &loop_fdmon_uring;
    monitor->loop = loop;
    TAILQ_INIT(&monitor->to_arm);
    TAILQ_INIT(&monitor->armed);
    return &monitor->base;
}

/* The answer of @entry is of no interest any more. */
static void drop(UringMonitor *monitor, RingPoll *entry)
{
    if (!entry->armed) {
        TAILQ_REMOVE(&monitor->to_arm, entry, link);
        g_free(entry);
        return;
    }
    entry->handler = NULL;
    struct io_uring_sqe *sqe = get_sqe(monitor);
    if (sqe) {
        io_uring_prep_poll_remove(sqe, (uintptr_t)entry | TAG_POLL);
        set_tag(sqe, NULL, TAG_IGNORED);
    }
}

/* As epoll would: regular files and folders are always ready, what is not open is an error. */
static int check_pollable(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return errno;
    }
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? EPERM : 0;
}

static int uring_watch(FdMonitor *base, LoopFd *handler, unsigned events)
{
    UringMonitor *monitor = uring(base);
    RingPoll *entry = handler->entry;
    if (!events) {
        handler->entry = NULL;
        drop(monitor, entry);
        /* It, or what it was before a change of events: the descriptor may be closed next. */
        if (io_uring_sq_ready(&monitor->ring)) {
            submit(monitor);
        }
        return 0;
    }
    if (!entry) {
        int err = check_pollable(handler->fd);
        if (err) {
            return err;
        }
    } else if (!entry->armed) {
        entry->events = events;
        return 0;
    } else {
        drop(monitor, entry);
    }
    entry = g_new0(RingPoll, 1);
    entry->handler = handler;
    entry->events = events;
    handler->entry = entry;
    TAILQ_INSERT_TAIL(&monitor->to_arm, entry, link);
    return 0;
}

static void uring_wait(FdMonitor *base, int64_t timeout_ns)
{
    UringMonitor *monitor = uring(base);
    monitor->reaped = false;
    arm_wake(monitor);
    arm_polls(monitor);
    if (monitor->reaped || !monitor->wake_armed || !TAILQ_EMPTY(&monitor->to_arm)) {
        timeout_ns = 0; /* the event to sleep for was seen, or would not be */
    }
    if (timeout_ns == 0) {
        if (io_uring_sq_ready(&monitor->ring)) {
            submit(monitor);
        }
    } else {
        struct __kernel_timespec ts = {.tv_sec = timeout_ns / 1000000000,
                                       .tv_nsec = timeout_ns % 1000000000};
        struct io_uring_cqe *cqe;
        end_batch(monitor);
        io_uring_submit_and_wait_timeout(&monitor->ring, &cqe, 1, timeout_ns < 0 ? NULL : &ts,
                                         NULL);
    }
    reap(monitor);
}

/* ------------------------------------------------------------------------------- file I/O -- */

static bool uring_file(FdMonitor *base, LoopFile *request)
{
    UringMonitor *monitor = uring(base);
    struct io_uring_sqe *sqe = request->size_bytes <= UINT32_MAX ? get_sqe(monitor) : NULL;
    if (!sqe) {
        return false;
    }
    unsigned size = (unsigned)request->size_bytes;
    switch (request->kind) {
    case LOOP_FILE_READ:
        io_uring_prep_read(sqe, request->fd, request->buffer, size, (uint64_t)request->offset);
        break;
    case LOOP_FILE_WRITE:
        io_uring_prep_write(sqe, request->fd, request->buffer, size, (uint64_t)request->offset);
        break;
    case LOOP_FILE_SYNC: io_uring_prep_fsync(sqe, request->fd, 0); break;
    }
    set_tag(sqe, request, TAG_FILE);
    monitor->in_flight++;
    loop_count(&monitor->loop->counters.file_requests, 1);
    loop_count(&monitor->loop->counters.file_queued, 1);
    int64_t batch = loop_get_aio_max_batch(monitor->loop);
    if (++monitor->unsubmitted >= (batch ? batch : LOOP_BATCH_DEFAULT)) {
        submit(monitor);
    }
    return true;
}

static void uring_flush(FdMonitor *base)
{
    UringMonitor *monitor = uring(base);
    if (monitor->unsubmitted) {
        submit(monitor);
    }
}

static void uring_drain(FdMonitor *base)
{
    UringMonitor *monitor = uring(base);
    while (monitor->in_flight) {
        end_batch(monitor);
        io_uring_submit_and_wait(&monitor->ring, 1);
        reap(monitor);
    }
}

const FdMonitorOps loop_fdmon_uring = {
    .kind = LOOP_MONITOR_IO_URING,
    .open = uring_open,
    .close = uring_close,
    .watch = uring_watch,
    .wait = uring_wait,
    .file = uring_file,
    .flush = uring_flush,
    .drain = uring_drain,
};
