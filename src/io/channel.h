/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels: non-blocking byte streams, stacked.
 *
 * The lowest channel of a stack is a socket or a pair of files. A layer (TLS, WebSocket, telnet) is
 * a channel that owns the one below and translates. All have the same four functions; whoever
 * uses the top does not know how high the stack is.
 *
 * A channel does no waiting: a function that can not go on returns -EAGAIN. The user watches the
 * descriptors of the bottom for the events that io_channel_events() names and tries again. One
 * user, one thread at a time.
 */
#ifndef IO_CHANNEL_H
#define IO_CHANNEL_H

#include "qom/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The most descriptors that one message carries; a kernel passes up to 253. */
#define IO_FDS_MAX 16

/* Descriptors that came with input; the holder owns them. */
typedef struct IoFds {
    size_t n;
    int fd[IO_FDS_MAX];
} IoFds;

/* Closes all and empties the set. */
void io_fds_close(IoFds *fds);

typedef struct IoChannel IoChannel;

typedef struct IoChannelOps {
    /* Reads up to @len bytes: their number, 0 at the end of input, or a negative errno value.
     * Descriptors that came with them replace those in @fds (which are closed); more than
     * IO_FDS_MAX of one message are closed. */
    ssize_t (*read)(IoChannel *channel, void *buf, size_t len, IoFds *fds);

    /* Writes: the number of bytes taken, or a negative errno value. @fds go with the first byte, if
     * the result is over 0; -EOPNOTSUPP where none can. Raises no SIGPIPE on sockets. */
    ssize_t (*writev)(IoChannel *channel, const struct iovec *iov, int n_iov, const int *fds,
                      size_t n_fds);

    /* Says to the peer that no more output comes. */
    void (*shutdown)(IoChannel *channel);

    /* Closes and frees the channel with those below. */
    void (*close)(IoChannel *channel);

    /* What to wait for (LOOP_READ, LOOP_WRITE) on the read and the write descriptor so that input
     * (@want_read) or output (@want_write) can go on. NULL: the same as wanted. */
    void (*events)(const IoChannel *channel, bool want_read, bool want_write, unsigned *on_read_fd,
                   unsigned *on_write_fd);

    /* Input is there that no descriptor shows. NULL: never. */
    bool (*pending)(const IoChannel *channel);

    bool passes_fds;
} IoChannelOps;

struct IoChannel {
    const IoChannelOps *ops;
    IoChannel *below; /* NULL: this is the bottom, and has the descriptors */
    int read_fd;      /* -1: none; may be equal to write_fd */
    int write_fd;
};

/* A channel on the connected stream socket @fd, which is taken over; its mode is left alone. */
IoChannel *io_channel_new_socket(int fd);

/*
 * A channel that reads from @read_fd and writes to @write_fd (either may be -1: no input, output
 * is swallowed). Both are taken over. Their blocking mode is left alone: they are sockets, or
 * non-blocking, or of a kind that does not block, such as regular files.
 */
IoChannel *io_channel_new_files(int read_fd, int write_fd);

static inline ssize_t io_channel_read(IoChannel *channel, void *buf, size_t len, IoFds *fds)
{
    return channel->ops->read(channel, buf, len, fds);
}

static inline ssize_t io_channel_writev(IoChannel *channel, const struct iovec *iov, int n_iov,
                                        const int *fds, size_t n_fds)
{
    return channel->ops->writev(channel, iov, n_iov, fds, n_fds);
}

static inline void io_channel_shutdown(IoChannel *channel)
{
    channel->ops->shutdown(channel);
}

static inline bool io_channel_passes_fds(const IoChannel *channel)
{
    return channel->ops->passes_fds;
}

/* NULL is fine. */
void io_channel_close(IoChannel *channel);

/* See IoChannelOps.events. */
void io_channel_events(const IoChannel *channel, bool want_read, bool want_write,
                       unsigned *on_read_fd, unsigned *on_write_fd);

/* See IoChannelOps.pending. */
bool io_channel_pending(const IoChannel *channel);

/* The descriptors of the bottom of the stack. */
int io_channel_read_fd(const IoChannel *channel);
int io_channel_write_fd(const IoChannel *channel);

#endif
