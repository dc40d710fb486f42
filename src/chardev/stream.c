/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams: a channel, an output queue, and the frontend's callbacks between them.
 *
 * What is watched, by state of the input:
 *
 *     reading     frontend attached                 input
 *     paused      can_read() said 0                 the peer's leaving
 *     hung up     it left, input is unread          nothing, until the frontend resumes
 *     over        all was read, kept for output     a peer that is gone altogether
 *     idle        no frontend                       the peer's leaving, which ends the stream
 *
 * and the channel's readiness for output whenever the queue is not empty. Input that came before
 * the peer left is always read first, so an output error only stops output.
 *
 * A callback may end its stream or detach the frontend. `busy` keeps the struct until the last
 * callback has returned; each caller looks at `backend` (NULL: over) before it goes on.
 */
#include "chardev/backend.h"
#include "chardev/borrow.h"
#include "qmp/yank.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    FLUSH_BYTES = 1024 * 1024,
    LIMIT_BYTES = 64 * 1024 * 1024,
};

static void stream_event(void *opaque, unsigned revents);
static void stream_writable(void *opaque, unsigned revents);
static void stream_kick(void *opaque);

static void release(ChrStream *stream)
{
    if (--stream->busy || stream->backend) {
        return;
    }
    io_fds_close(&stream->fds);
    io_queue_clear(&stream->out);
    io_channel_close(stream->channel);
    g_free(stream);
}

/* ---------------------------------------------------------------------------------- watching -- */

/* Events without data to read, for a socket whose input is not wanted now. LOOP_PRI stands for
 * "only what comes unasked". */
static unsigned quiet_events(const ChrStream *stream)
{
    bool is_socket = stream->backend->ops->is_socket;
    if (stream->in_over) {
        return is_socket ? LOOP_PRI : 0;
    }
    return stream->hung_up || !(stream->told || is_socket) ? 0 : LOOP_RDHUP;
}

static void kick(ChrStream *stream)
{
    if (stream->backend && !loop_call_scheduled(&stream->kick)) {
        loop_defer(stream->backend->loop, &stream->kick);
    }
}

static void set_watch(ChrStream *stream, LoopFd **watch, int fd, unsigned events, LoopFdFn *fn)
{
    bool ok = true;
    if (fd < 0) {
        return;
    }
    if (*watch) {
        ok = loop_fd_set_events(*watch, events, NULL);
    } else if (events) {
        *watch = loop_fd_add(stream->backend->loop, fd, events, fn, stream, NULL);
        ok = *watch != NULL;
    }
    if (!ok) {
        /* There is no memory to watch it: nothing would ever come or go. */
        stream->in_over = stream->out_over = true;
        kick(stream);
    }
}

static void update_watches(ChrStream *stream)
{
    if (!stream->backend || !stream->channel || stream->borrowed) {
        return;
    }
    bool want_read = stream->told && !stream->paused && !stream->in_over;
    bool want_write = stream->out.bytes && !stream->out_over;
    int read_fd = io_channel_read_fd(stream->channel);
    int write_fd = io_channel_write_fd(stream->channel);
    unsigned on_read;
    unsigned on_write;
    io_channel_events(stream->channel, want_read, want_write, &on_read, &on_write);
    if (!on_read) {
        on_read = quiet_events(stream);
    }
    if (read_fd == write_fd) {
        set_watch(stream, &stream->in_watch, read_fd, on_read | on_write, stream_event);
        return;
    }
    set_watch(stream, &stream->in_watch, read_fd, on_read, stream_event);
    set_watch(stream, &stream->out_watch, write_fd, on_write, stream_writable);
}

static void drop_watches(ChrStream *stream)
{
    loop_fd_remove(stream->in_watch);
    loop_fd_remove(stream->out_watch);
    stream->in_watch = NULL;
    stream->out_watch = NULL;
    loop_call_cancel(&stream->kick);
}

/* -------------------------------------------------------------------------------- life cycle -- */

static ChrStream *stream_alloc(ChrBackend *backend)
{
    ChrStream *stream = g_new0(ChrStream, 1);
    stream->chr = backend->chr;
    stream->backend = backend;
    stream->limit_bytes = LIMIT_BYTES;
    io_queue_init(&stream->out);
    loop_call_init(&stream->kick, stream_kick, stream);
    TAILQ_INSERT_TAIL(&backend->streams, stream, link);
    backend->n_streams++;
    return stream;
}

void chr_stream_new(ChrBackend *backend, IoChannel *channel)
{
    ChrStream *stream = stream_alloc(backend);
    stream->channel = channel;
    if (backend->ops->is_socket) {
        yank_add_fd(chardev_id(backend->chr), io_channel_read_fd(channel));
    }
    chr_backend_changed(backend);
    chr_stream_start(stream);
}

void chr_stream_new_sink(ChrBackend *backend,
                         void (*sink)(ChrBackend *backend, const void *data, size_t len))
{
    ChrStream *stream = stream_alloc(backend);
    stream->sink = sink;
    chr_backend_changed(backend);
    chr_stream_start(stream);
}

void chr_stream_start(ChrStream *stream)
{
    Chardev *chr = stream->chr;
    stream->busy++;
    if (chr->fe && chr->backend == stream->backend && !stream->told) {
        stream->told = true;
        chr->fe->opened(chr->frontend, stream);
    }
    update_watches(stream);
    release(stream);
}

void chr_stream_stop(ChrStream *stream)
{
    drop_watches(stream);
    io_fds_close(&stream->fds);
    stream->told = false;
    stream->paused = false;
    stream->hung_up = false;
    stream->borrowed = false;
    stream->data = NULL;
}

void chr_stream_end(ChrStream *stream, bool tell)
{
    ChrBackend *backend = stream->backend;
    if (!backend) {
        return;
    }
    Chardev *chr = stream->chr;
    Loop *loop = backend->loop;
    stream->busy++;
    drop_watches(stream);
    if (stream->channel && backend->ops->is_socket) {
        yank_remove_fd(io_channel_read_fd(stream->channel));
    }
    TAILQ_REMOVE(&backend->streams, stream, link);
    backend->n_streams--;
    stream->backend = NULL;
    if (backend->ops->stream_gone) {
        backend->ops->stream_gone(backend);
    }
    chr_backend_changed(backend);
    if (tell && stream->told && chr->fe) {
        chr->fe->closed(chr->frontend, stream);
    }
    if (stream->out.bytes && !stream->out_over) {
        chr_linger(loop, g_steal_pointer(&stream->channel), &stream->out);
    }
    release(stream);
}

/* ------------------------------------------------------------------------------------- input -- */

static void input_ended(ChrStream *stream)
{
    const ChrFrontendOps *fe = stream->chr->fe;
    stream->in_over = true;
    bool keep = fe->ended && !stream->out_over && fe->ended(stream->chr->frontend, stream);
    if (!keep) {
        chr_stream_end(stream, true);
    }
    update_watches(stream);
}

static void read_some(ChrStream *stream)
{
    const ChrFrontendOps *fe = stream->chr->fe;
    void *frontend = stream->chr->frontend;
    size_t max = fe->can_read ? fe->can_read(frontend, stream) : READ_BYTES;
    if (!stream->backend || !stream->told) {
        return;
    }
    if (max == 0) {
        stream->paused = true;
        update_watches(stream);
        return;
    }
    uint8_t buf[READ_BYTES];
    ssize_t n = io_channel_read(stream->channel, buf, MIN(max, sizeof(buf)), &stream->fds);
    if (n > 0) {
        fe->read(frontend, stream, buf, (size_t)n);
    } else if (n != -EAGAIN) {
        stream->out_over |= n < 0 && stream->backend->ops->is_socket;
        input_ended(stream);
        return;
    }
    update_watches(stream);
    if (stream->backend && stream->told && io_channel_pending(stream->channel)) {
        kick(stream);
    }
}

static bool has_unread(const ChrStream *stream)
{
    int unread = 0;
    /* syscalls: ioctl -- whether a peer that has gone left bytes */
    return io_channel_pending(stream->channel) ||
           (ioctl(io_channel_read_fd(stream->channel), FIONREAD, &unread) == 0 && unread > 0);
}

/* Input, or the peer's leaving. */
static void input_event(ChrStream *stream)
{
    if (!stream->told) {
        chr_stream_end(stream, false);
    } else if (stream->in_over) {
        chr_stream_end(stream, true);
    } else if (!stream->paused) {
        read_some(stream);
    } else if (has_unread(stream)) {
        stream->hung_up = true;
        update_watches(stream);
    } else {
        input_ended(stream);
    }
}

void chr_stream_resume(ChrStream *stream)
{
    if (stream->paused) {
        stream->paused = false;
        stream->hung_up = false;
        update_watches(stream);
        if (stream->backend && io_channel_pending(stream->channel)) {
            kick(stream);
        }
    }
}

size_t chr_stream_take_fds(ChrStream *stream, int *fds)
{
    size_t n = stream->fds.n;
    memcpy(fds, stream->fds.fd, n * sizeof(int));
    stream->fds.n = 0;
    return n;
}

/* ------------------------------------------------------------------------------------ output -- */

/* A socket takes nothing any more; a file may again (its disk was full). */
static void output_failed(ChrStream *stream, int error)
{
    io_queue_clear(&stream->out);
    stream->out_over = stream->backend->ops->is_socket || error == -EPIPE;
    if (stream->out_over && (stream->in_over || !stream->told)) {
        kick(stream);
    }
}

static void flush_some(ChrStream *stream)
{
    if (!stream->out.bytes) {
        return;
    }
    int rc = io_queue_flush(&stream->out, stream->channel, FLUSH_BYTES);
    if (rc < 0 && rc != -EAGAIN) {
        output_failed(stream, rc);
    }
    update_watches(stream);
    const ChrFrontendOps *fe = stream->chr->fe;
    if (rc == 0 && stream->told && fe->drained) {
        fe->drained(stream->chr->frontend, stream);
    }
}

static bool dup_all(const int *fds, size_t n, int *copies)
{
    for (size_t i = 0; i < n; i++) {
        copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (copies[i] < 0) {
            IoFds made = {.n = i};
            memcpy(made.fd, copies, i * sizeof(int));
            io_fds_close(&made);
            return false;
        }
    }
    return true;
}

static void log_output(const ChrStream *stream, const void *data, size_t len)
{
    if (stream->backend->log_fd >= 0 && write(stream->backend->log_fd, data, len) < 0) {
        /* The log is best effort: a full disk or a slow pipe must not hurt the stream. */
        return;
    }
}

static int write_channel(ChrStream *stream, const uint8_t *data, size_t len, const int *fds,
                         size_t n_fds)
{
    ssize_t n = 0;
    if (!stream->out.bytes) {
        struct iovec iov = {(void *)data, len};
        n = io_channel_writev(stream->channel, &iov, 1, fds, n_fds);
        if (n < 0 && n != -EAGAIN) {
            output_failed(stream, (int)n);
            return n == -EINVAL || n == -EBADF ? -EINVAL : -EPIPE;
        }
        n = MAX(n, 0);
    }
    if ((size_t)n == len) {
        return 0;
    }
    int copies[IO_FDS_MAX];
    size_t n_copies = n ? 0 : n_fds;
    if (!dup_all(fds, n_copies, copies)) {
        return -EINVAL;
    }
    if (!io_queue_push(&stream->out, data + n, len - (size_t)n, copies, n_copies)) {
        IoFds made = {.n = n_copies};
        memcpy(made.fd, copies, n_copies * sizeof(int));
        io_fds_close(&made);
        output_failed(stream, -ENOMEM);
        return -EPIPE;
    }
    update_watches(stream);
    return 0;
}

int chr_stream_write(ChrStream *stream, const void *data, size_t len, const int *fds, size_t n_fds)
{
    if (!stream->backend || stream->out_over) {
        return -EPIPE;
    }
    if (n_fds && !chr_stream_can_pass_fds(stream)) {
        return -EOPNOTSUPP;
    }
    if (n_fds > IO_FDS_MAX || (n_fds && !len)) {
        return -EINVAL;
    }
    if (stream->out.bytes >= stream->limit_bytes) {
        return -ENOBUFS;
    }
    if (!len) {
        return 0;
    }
    if (stream->sink) {
        stream->sink(stream->backend, data, len);
    } else {
        int rc = write_channel(stream, data, len, fds, n_fds);
        if (rc < 0) {
            return rc;
        }
    }
    log_output(stream, data, len);
    return 0;
}

size_t chr_stream_queued(const ChrStream *stream)
{
    return stream->out.bytes;
}

void chr_stream_set_limit(ChrStream *stream, size_t limit_bytes)
{
    stream->limit_bytes = limit_bytes;
}

/* ------------------------------------------------------------------------------------ events -- */

static void stream_event(void *opaque, unsigned revents)
{
    ChrStream *stream = opaque;
    stream->busy++;
    if (revents & LOOP_WRITE) {
        flush_some(stream);
    }
    if (stream->backend && (revents & ~(unsigned)LOOP_WRITE)) {
        input_event(stream);
    }
    release(stream);
}

static void stream_writable(void *opaque, unsigned revents)
{
    ChrStream *stream = opaque;
    stream->busy++;
    flush_some(stream);
    release(stream);
}

/* Goes on with input in a layer's buffer, or ends a stream that is over in both directions. */
static void stream_kick(void *opaque)
{
    ChrStream *stream = opaque;
    stream->busy++;
    if (stream->out_over && (stream->in_over || !stream->told)) {
        chr_stream_end(stream, true);
    } else if (stream->told && !stream->paused && !stream->in_over) {
        read_some(stream);
    }
    release(stream);
}

/* ----------------------------------------------------------------------------------- the rest --
 */

void chr_stream_close(ChrStream *stream)
{
    chr_stream_end(stream, false);
}

IoChannel *chr_stream_borrow_channel(ChrStream *stream)
{
    if (!stream->channel || stream->backend->log_fd >= 0 || stream->out.bytes) {
        return NULL;
    }
    drop_watches(stream);
    stream->borrowed = true;
    return stream->channel;
}

void chr_stream_set_data(ChrStream *stream, void *data)
{
    stream->data = data;
}

void *chr_stream_data(const ChrStream *stream)
{
    return stream->data;
}

Chardev *chr_stream_chardev(const ChrStream *stream)
{
    return stream->chr;
}

bool chr_stream_can_pass_fds(const ChrStream *stream)
{
    return stream->channel && io_channel_passes_fds(stream->channel);
}

bool chr_stream_peer_ids(const ChrStream *stream, pid_t *pid, uid_t *uid, gid_t *gid)
{
    struct ucred ids;
    socklen_t len = sizeof(ids);
    if (!stream->channel ||
        getsockopt(io_channel_read_fd(stream->channel), SOL_SOCKET, SO_PEERCRED, &ids, &len) < 0) {
        return false;
    }
    *pid = ids.pid;
    *uid = ids.uid;
    *gid = ids.gid;
    return ids.uid != (uid_t)-1;
}
