/* SPDX-License-Identifier: BSD-3-Clause */
/* See stream.h. */
#include "qmp/stream.h"

#include "qmp/monitor.h"

#include "base/log.h"
#include "chardev/borrow.h"

#include <errno.h>
#include <string.h>

/* A channel that stands for a stream which calls us. */
typedef struct PushedChannel {
    IoChannel channel;
    ChrStream *stream;   /* NULL: it is over */
    const uint8_t *data; /* handed over and not read yet; valid inside the stream's callback */
    size_t len;
    bool ended;
} PushedChannel;

static ssize_t pushed_read(IoChannel *channel, void *buf, size_t len, IoFds *fds)
{
    PushedChannel *self = (PushedChannel *)channel;
    size_t n = MIN(len, self->len);

    if (n == 0) {
        return self->ended ? 0 : -EAGAIN;
    }
    memcpy(buf, self->data, n);
    self->data += n;
    self->len -= n;
    io_fds_close(fds);
    fds->n = chr_stream_take_fds(self->stream, fds->fd);
    return (ssize_t)n;
}

/* The stream queues without bound; so no more is given to it than it has sent. */
static ssize_t pushed_writev(IoChannel *channel, const struct iovec *iov, int n_iov, const int *fds,
                             size_t n_fds)
{
    PushedChannel *self = (PushedChannel *)channel;

    if (!self->stream) {
        return -EPIPE;
    }
    if (chr_stream_queued(self->stream) > 0) {
        return -EAGAIN;
    }
    int result = chr_stream_write(self->stream, iov->iov_base, iov->iov_len, fds, n_fds);
    return result < 0 ? result : (ssize_t)iov->iov_len;
}

static void pushed_shutdown(IoChannel *channel)
{
}

static void pushed_close(IoChannel *channel)
{
    g_free(channel);
}

static bool pushed_pending(const IoChannel *channel)
{
    return ((const PushedChannel *)channel)->ended;
}

static const IoChannelOps pushed_ops = {
    .read = pushed_read,
    .writev = pushed_writev,
    .shutdown = pushed_shutdown,
    .close = pushed_close,
    .pending = pushed_pending,
    .passes_fds = true,
};

static const IoChannelOps pushed_ops_without_fds = {
    .read = pushed_read,
    .writev = pushed_writev,
    .shutdown = pushed_shutdown,
    .close = pushed_close,
    .pending = pushed_pending,
};

static IoChannel *pushed_channel_new(ChrStream *stream)
{
    PushedChannel *self = g_new0(PushedChannel, 1);
    self->channel.ops = chr_stream_can_pass_fds(stream) ? &pushed_ops : &pushed_ops_without_fds;
    self->channel.read_fd = -1;
    self->channel.write_fd = -1;
    self->stream = stream;
    return &self->channel;
}

/* --- The frontend ---------------------------------------------------------------------------- */

static PushedChannel *pushed_of(QmpSession *session)
{
    return session && session->pushed ? (PushedChannel *)session->channel : NULL;
}

static void stream_opened(void *frontend, ChrStream *stream)
{
    QmpMonitor *monitor = frontend;
    QOM_AUTO_ERROR(error);
    IoChannel *channel = chr_stream_borrow_channel(stream);
    bool pushed = channel == NULL;

    if (pushed) {
        channel = pushed_channel_new(stream);
    }
    QmpSession *session = qmp_session_new_on(monitor, channel, stream, pushed, &error);
    if (!session) {
        log_report("monitor", error);
        chr_stream_close(stream);
        return;
    }
    chr_stream_set_data(stream, session);
}

static size_t stream_can_read(void *frontend, ChrStream *stream)
{
    QmpSession *session = chr_stream_data(stream);
    return session && session->wants_input ? QMP_READ_BYTES : 0;
}

static void stream_read(void *frontend, ChrStream *stream, const uint8_t *data, size_t len)
{
    QmpSession *session = chr_stream_data(stream);
    PushedChannel *pushed = pushed_of(session);

    if (pushed) {
        pushed->data = data;
        pushed->len = len;
        qmp_front_events(session, LOOP_READ);
    }
}

static bool stream_ended(void *frontend, ChrStream *stream)
{
    QmpSession *session = chr_stream_data(stream);
    PushedChannel *pushed = pushed_of(session);

    if (!pushed) {
        return false;
    }
    pushed->ended = true;
    qmp_front_update(session);
    return true;
}

static void stream_drained(void *frontend, ChrStream *stream)
{
    QmpSession *session = chr_stream_data(stream);
    if (pushed_of(session)) {
        qmp_front_events(session, LOOP_WRITE);
    }
}

static void stream_closed(void *frontend, ChrStream *stream)
{
    QmpSession *session = chr_stream_data(stream);
    PushedChannel *pushed = pushed_of(session);

    if (pushed) {
        pushed->stream = NULL;
    }
    if (session) {
        session->stream = NULL;
        qmp_front_lost(session);
    }
}

const ChrFrontendOps qmp_stream_ops = {
    .opened = stream_opened,
    .can_read = stream_can_read,
    .read = stream_read,
    .ended = stream_ended,
    .drained = stream_drained,
    .closed = stream_closed,
};

void qmp_stream_resume(QmpSession *session)
{
    if (session->stream) {
        chr_stream_resume(session->stream);
    }
}
