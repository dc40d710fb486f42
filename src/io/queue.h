/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output that waits until a channel takes it. Order is kept; descriptors stay with the byte that
 * they were written with. One thread at a time.
 */
#ifndef IO_QUEUE_H
#define IO_QUEUE_H

#include "io/channel.h"

#include <sys/queue.h>

typedef struct IoChunk IoChunk;

typedef struct IoQueue {
    TAILQ_HEAD(IoChunks, IoChunk) chunks;
    size_t bytes; /* in all chunks, not written yet */
} IoQueue;

void io_queue_init(IoQueue *queue);

/* Copies @len bytes to the end and takes over the @n_fds descriptors, which go with the first of
 * them (so @len is over 0 if there are any). False if there is no memory; the descriptors are then
 * still the caller's. */
bool io_queue_push(IoQueue *queue, const void *data, size_t len, const int *fds, size_t n_fds);

/* Writes what @channel takes. Returns 0 when the queue is empty, -EAGAIN when the channel takes no
 * more, or another negative errno value when it failed. Writes at most @max_bytes or so, so that
 * one fast reader does not hold the loop; then -EAGAIN too. */
int io_queue_flush(IoQueue *queue, IoChannel *channel, size_t max_bytes);

/* Moves all of @from to the end of @to. */
void io_queue_move(IoQueue *to, IoQueue *from);

/* Drops everything, closes the descriptors. */
void io_queue_clear(IoQueue *queue);

#endif
