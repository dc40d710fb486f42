/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small writes are gathered in chunks of CHUNK_BYTES; a large one gets a chunk of its own size.
 * Descriptors begin a new chunk, since they go out with the first byte of one sendmsg().
 */
#include "io/queue.h"

#include <errno.h>
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 16 * 1024,
    IOV_BATCH = 16,
};

struct IoChunk {
    TAILQ_ENTRY(IoChunk) link;
    size_t capacity;
    size_t begin; /* of what is not written yet */
    size_t end;
    IoFds fds;
    uint8_t data[];
};

void io_queue_init(IoQueue *queue)
{
    TAILQ_INIT(&queue->chunks);
    queue->bytes = 0;
}

static IoChunk *chunk_new(IoQueue *queue, size_t len)
{
    size_t capacity = MAX(len, CHUNK_BYTES - sizeof(IoChunk));
    IoChunk *chunk = g_try_malloc(sizeof(IoChunk) + capacity);
    if (!chunk) {
        return NULL;
    }
    chunk->capacity = capacity;
    chunk->begin = 0;
    chunk->end = 0;
    chunk->fds.n = 0;
    TAILQ_INSERT_TAIL(&queue->chunks, chunk, link);
    return chunk;
}

static void chunk_drop_first(IoQueue *queue)
{
    IoChunk *chunk = TAILQ_FIRST(&queue->chunks);
    TAILQ_REMOVE(&queue->chunks, chunk, link);
    queue->bytes -= chunk->end - chunk->begin;
    io_fds_close(&chunk->fds);
    g_free(chunk);
}

bool io_queue_push(IoQueue *queue, const void *data, size_t len, const int *fds, size_t n_fds)
{
    if (len == 0) {
        return true;
    }
    IoChunk *chunk = TAILQ_LAST(&queue->chunks, IoChunks);
    if (!chunk || n_fds || chunk->capacity - chunk->end < len) {
        chunk = chunk_new(queue, len);
        if (!chunk) {
            return false;
        }
    }
    if (n_fds) {
        memcpy(chunk->fds.fd, fds, n_fds * sizeof(int));
        chunk->fds.n = n_fds;
    }
    memcpy(chunk->data + chunk->end, data, len);
    chunk->end += len;
    queue->bytes += len;
    return true;
}

/* The first chunks as one write; a chunk with descriptors can only be the first of it. */
static int gather(IoQueue *queue, struct iovec *iov)
{
    int n = 0;
    IoChunk *chunk;
    TAILQ_FOREACH (chunk, &queue->chunks, link) {
        if (n == IOV_BATCH || (n && chunk->fds.n)) {
            break;
        }
        iov[n].iov_base = chunk->data + chunk->begin;
        iov[n].iov_len = chunk->end - chunk->begin;
        n++;
    }
    return n;
}

static void advance(IoQueue *queue, size_t written)
{
    while (written) {
        IoChunk *chunk = TAILQ_FIRST(&queue->chunks);
        size_t n = MIN(written, chunk->end - chunk->begin);
        io_fds_close(&chunk->fds);
        chunk->begin += n;
        queue->bytes -= n;
        written -= n;
        if (chunk->begin == chunk->end) {
            chunk_drop_first(queue);
        }
    }
}

int io_queue_flush(IoQueue *queue, IoChannel *channel, size_t max_bytes)
{
    size_t total = 0;
    while (!TAILQ_EMPTY(&queue->chunks)) {
        if (total >= max_bytes) {
            return -EAGAIN;
        }
        struct iovec iov[IOV_BATCH];
        int n_iov = gather(queue, iov);
        const IoFds *fds = &TAILQ_FIRST(&queue->chunks)->fds;
        ssize_t n = io_channel_writev(channel, iov, n_iov, fds->fd, fds->n);
        if (n < 0) {
            return (int)n;
        }
        advance(queue, (size_t)n);
        total += (size_t)n;
    }
    return 0;
}

void io_queue_move(IoQueue *to, IoQueue *from)
{
    TAILQ_CONCAT(&to->chunks, &from->chunks, link);
    to->bytes += from->bytes;
    from->bytes = 0;
}

void io_queue_clear(IoQueue *queue)
{
    while (!TAILQ_EMPTY(&queue->chunks)) {
        chunk_drop_first(queue);
    }
}
