/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sources of random bytes: the queue of requests that all kinds share, for whoever consumes bytes
 * and for the kinds themselves. Everything here is for the main thread.
 */
#ifndef BACKEND_RNG_H
#define BACKEND_RNG_H

#include "qom/loop.h"
#include "qom/object.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define TYPE_RNG_BACKEND "rng-backend"
#define TYPE_RNG_BUILTIN "rng-builtin"
#define TYPE_RNG_RANDOM  "rng-random"

/* Registers the types of this room; the others are for the first only. */
void rng_register_types(void);
void rng_builtin_register_type(void);
void rng_random_register_type(void);

/* --- For consumers -------------------------------------------------------------------------- */

/* The largest request; ask again for more. */
#define RNG_REQUEST_MAX_BYTES 65536
/* Most requests that wait at one source. */
#define RNG_REQUESTS_MAX 1024

typedef struct RngRequest RngRequest;

/* Called once for each request that was not cancelled, never from inside rng_request(): @data holds
 * 1 to the asked number of bytes, valid during the call. NULL and 0 if the source was deleted. */
typedef void RngDone(void *opaque, const uint8_t *data, size_t size_bytes);

/* Asks @rng for up to @size_bytes (1 to RNG_REQUEST_MAX_BYTES) bytes. Requests are answered in
 * order. The result serves to cancel and is the queue's. Fails when too many wait, or when @rng has
 * been deleted. */
RngRequest *rng_request(QomObject *rng, size_t size_bytes, RngDone *done, void *opaque,
                        QomError **errp);

/* Forgets a request that has not been answered: its function is not called. */
void rng_cancel(RngRequest *request);

/* --- For kinds of source -------------------------------------------------------------------- */

typedef struct RngQueue RngQueue; /* made with the first request */

typedef struct RngBackend {
    QomObject obj;
    RngQueue *queue;
    bool deleted; /* takes no requests any more */
    /* the configuration follows: RngProperties or a struct that begins with it */
} RngBackend;

typedef struct RngBackendClass {
    QomClass parent;
    /* The first request has come to an empty queue, or the queue has run empty: start or stop
     * watching the source. */
    void (*start)(RngBackend *rng);
    void (*stop)(RngBackend *rng);
} RngBackendClass;

/* Bytes that the first request in the queue wants; 0 if there is none. */
size_t rng_queue_wanted(const RngBackend *rng);

/* Answers the first request with @data; @size_bytes is at most what it wants. */
void rng_queue_answer(RngBackend *rng, const uint8_t *data, size_t size_bytes);

/* To be called by each kind's complete when it has succeeded. */
void rng_mark_opened(RngBackend *rng);

#endif
