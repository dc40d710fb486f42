/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * File I/O that does not block the loop. The fd monitor does it if it is a ring; otherwise, or when
 * the ring can not (an old kernel lacks the operation, the thread that asked has ended), a worker
 * of the thread pool makes the plain system call.
 */
#include "loop/internal.h"

#include <errno.h>
#include <glib.h>
#include <unistd.h>

static ssize_t do_plainly(const LoopFile *request)
{
    bool seek = request->offset >= 0;
    switch (request->kind) {
    case LOOP_FILE_READ:
        /* syscalls: pread64 pwrite64 read write fsync -- files of loops without a ring */
        return seek ? pread(request->fd, request->buffer, request->size_bytes, request->offset)
                    : read(request->fd, request->buffer, request->size_bytes);
    case LOOP_FILE_WRITE:
        return seek ? pwrite(request->fd, request->buffer, request->size_bytes, request->offset)
                    : write(request->fd, request->buffer, request->size_bytes);
    case LOOP_FILE_SYNC: break;
    }
    return fsync(request->fd);
}

static void file_work(void *opaque)
{
    LoopFile *request = opaque;
    do {
        request->result = do_plainly(request);
    } while (request->result < 0 && errno == EINTR);
    if (request->result < 0) {
        request->result = -errno;
    }
}

static void file_done(void *opaque)
{
    g_autofree LoopFile *request = opaque;
    request->done(request->opaque, request->result);
}

void loop_file_finished(LoopFile *request, ssize_t result)
{
    request->result = result;
    /* These may be the ring's own troubles; the plain call says the same if they are the file's. */
    bool try_again = result == -ECANCELED || result == -EINVAL || result == -EAGAIN ||
                     result == -EOPNOTSUPP || result == -EINTR;
    if (try_again && loop_pool_submit(request->loop, file_work, file_done, request, NULL)) {
        return;
    }
    loop_call_init(&request->finished, file_done, request);
    loop_defer(request->loop, &request->finished);
}

static bool submit(const LoopFile *wanted, QomError **errp)
{
    Loop *loop = wanted->loop;
    loop_check_thread(loop);
    LoopFile *request = g_new(LoopFile, 1);
    *request = *wanted;
    const FdMonitorOps *ops = loop->monitor->ops;
    if (ops->file && ops->file(loop->monitor, request)) {
        return true;
    }
    if (!loop_pool_submit(loop, file_work, file_done, request, errp)) {
        g_free(request);
        return false;
    }
    return true;
}

bool loop_file_read(Loop *loop, int fd, void *buffer, size_t size_bytes, int64_t offset,
                    LoopFileFn *done, void *opaque, QomError **errp)
{
    LoopFile wanted = {
        .loop = loop,
        .kind = LOOP_FILE_READ,
        .fd = fd,
        .buffer = buffer,
        .size_bytes = size_bytes,
        .offset = offset,
        .done = done,
        .opaque = opaque,
    };
    return submit(&wanted, errp);
}

bool loop_file_write(Loop *loop, int fd, const void *buffer, size_t size_bytes, int64_t offset,
                     LoopFileFn *done, void *opaque, QomError **errp)
{
    LoopFile wanted = {
        .loop = loop,
        .kind = LOOP_FILE_WRITE,
        .fd = fd,
        .buffer = (void *)buffer,
        .size_bytes = size_bytes,
        .offset = offset,
        .done = done,
        .opaque = opaque,
    };
    return submit(&wanted, errp);
}

bool loop_file_sync(Loop *loop, int fd, LoopFileFn *done, void *opaque, QomError **errp)
{
    LoopFile wanted = {
        .loop = loop, .kind = LOOP_FILE_SYNC, .fd = fd, .done = done, .opaque = opaque};
    return submit(&wanted, errp);
}
