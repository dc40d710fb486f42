/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the room: what a Chardev, its backend and its streams know of each other.
 *
 * A Chardev keeps its id and its frontend while its backend may be exchanged (chardev-change). The
 * backend owns the streams. All of a backend (listeners, timers, streams) lives in one loop:
 * the main loop, or, while a frontend of another loop is attached, that one. `start` and `stop`
 * bracket the time in a loop and run in its thread.
 *
 * What the main thread asks of a chardev whose backend lives elsewhere (its name, whether it is
 * connected) is kept under a lock in the Chardev.
 */
#ifndef CHARDEV_BACKEND_H
#define CHARDEV_BACKEND_H

#include "io/channel.h"
#include "io/queue.h"
#include "qapi-char.h"
#include "qom/chardev.h"
#include "qom/loop.h"

#include <glib.h>
#include <sys/queue.h>

typedef struct ChrBackend ChrBackend;
typedef struct ChrBackendOps ChrBackendOps;

/* What comes with a request to open a backend beside its configuration. */
typedef struct ChrOpenHow {
    const char *id;
    ChardevFdFn *take_fd; /* NULL: names are numbers */
    void *fd_opaque;
} ChrOpenHow;

struct ChrBackendOps {
    ChardevBackendKind kind;
    size_t size; /* of the backend's struct, which starts with a ChrBackend */

    /* Opens as @config says; main thread, backend->loop is the main loop. False and *errp: failed
     * (close follows). When ready, now or later, it calls chr_backend_ready(); when it fails later,
     * chr_backend_failed(). */
    bool (*open)(ChrBackend *backend, const ChardevBackend *config, const ChrOpenHow *how,
                 QomError **errp);

    /* Watches what it has to, streams excepted, in backend->loop; called again when the number of
     * streams wanted has changed. NULL: nothing to watch. */
    void (*start)(ChrBackend *backend);
    void (*stop)(ChrBackend *backend);

    /* Frees what it has, streams excepted, which are gone already; main thread. Copes with a
     * backend half opened. NULL: nothing to free. */
    void (*close)(ChrBackend *backend);

    /* A stream is over and off the list. NULL: not interested. */
    void (*stream_gone)(ChrBackend *backend);

    /* query-chardev's filename. NULL: the kind's name. New memory. */
    char *(*filename)(ChrBackend *backend);

    /* A copy of the socket's address. NULL: no socket. */
    SocketAddress *(*address)(ChrBackend *backend);

    /* Streams end at the latest with the frontend: a peer that goes while nobody listens is let
     * go. */
    bool is_socket;
};

struct ChrBackend {
    const ChrBackendOps *ops;
    Chardev *chr;
    Loop *loop;
    bool opening;    /* open is at work: the outcome waits for its return */
    bool ready;      /* the outcome */
    QomError *error; /* the other outcome */
    TAILQ_HEAD(ChrStreams, ChrStream) streams;
    unsigned n_streams;
    int log_fd;            /* of logfile; -1: none */
    ChardevBackend config; /* as it was asked for */
};

typedef struct ChrPending {
    ChrBackend *backend; /* on its way; NULL: none */
    ChardevDoneFn *done;
    void *opaque;
} ChrPending;

struct Chardev {
    char *id;
    ChrBackend *backend; /* NULL: the first one is still pending */
    ChrPending pending;
    unsigned holds; /* see chardev_hold() */
    TAILQ_ENTRY(Chardev) link;
    struct QomObject *object; /* its view in the tree, borrowed from there */

    const ChrFrontendOps *fe; /* NULL: none attached */
    void *frontend;
    unsigned max_streams;

    GMutex lock; /* guards the fields below */
    char *filename;
    SocketAddress *address; /* NULL: no socket */
    bool connected;
};

struct ChrStream {
    TAILQ_ENTRY(ChrStream) link;
    Chardev *chr;
    ChrBackend *backend; /* NULL: the stream is over, and freed when `busy` is 0 */
    IoChannel *channel;  /* NULL: `sink` takes what is written */
    void (*sink)(ChrBackend *backend, const void *data, size_t len);
    IoQueue out;
    size_t limit_bytes;
    IoFds fds;
    LoopFd *in_watch;  /* of both directions where they have one descriptor */
    LoopFd *out_watch; /* of another one */
    LoopCall kick;     /* goes on with input that no descriptor shows */
    void *data;
    unsigned busy; /* callbacks at work */
    bool told;     /* the frontend knows it */
    bool paused;   /* can_read said 0 */
    bool hung_up;  /* while paused: the peer left, input is unread */
    bool in_over;
    bool out_over;
    bool borrowed; /* the frontend works on the channel itself */
};

/* --- chardev.c ------------------------------------------------------------------------------- */

/* The outcome of an opening backend. @error stays the caller's. After _failed() the backend is
 * gone. */
void chr_backend_ready(ChrBackend *backend);
void chr_backend_failed(ChrBackend *backend, const QomError *error);

/* Takes over what the main thread is to see of the backend. Backend's loop. */
void chr_backend_changed(ChrBackend *backend);

/* How many streams are wanted now: as many as the frontend takes, 1 without one. */
unsigned chr_backend_max_streams(const ChrBackend *backend);

/* `Parameter 'id' expects an identifier` */
bool chr_check_id(const char *id, QomError **errp);

/* --- stream.c; the backend's loop's thread --------------------------------------------------- */

/* A new stream on @channel, which is taken over; the frontend, if there is one, is told, and may
 * have closed it before the return. */
void chr_stream_new(ChrBackend *backend, IoChannel *channel);

/* The same without a channel: @sink takes everything written. */
void chr_stream_new_sink(ChrBackend *backend,
                         void (*sink)(ChrBackend *backend, const void *data, size_t len));

/* A frontend was attached, or the backend moved to this loop. */
void chr_stream_start(ChrStream *stream);

/* No callback from here on. The stream stays, the frontend forgets it. */
void chr_stream_stop(ChrStream *stream);

/* Ends the stream. @tell: the frontend, if it knows it. Queued output is left to linger. */
void chr_stream_end(ChrStream *stream, bool tell);

/* --- linger.c -------------------------------------------------------------------------------- */

/* Sends what @queue holds, for some seconds at most, then closes @channel. Takes over both. */
void chr_linger(Loop *loop, IoChannel *channel, IoQueue *queue);

/* Sends as much as goes out within @timeout_ms, then closes all that linger. Main thread. */
void chr_linger_finish(unsigned timeout_ms);

/* --- Backends -------------------------------------------------------------------------------- */

extern const ChrBackendOps chr_null_ops;
extern const ChrBackendOps chr_file_ops;
extern const ChrBackendOps chr_stdio_ops;
extern const ChrBackendOps chr_ringbuf_ops;
extern const ChrBackendOps chr_memory_ops;
extern const ChrBackendOps chr_socket_ops;

/* The operations of @kind. */
const ChrBackendOps *chr_backend_ops(ChardevBackendKind kind);

/* Whether names of files and hosts have a length that the system can do something with. */
bool chr_config_check(const ChardevBackend *config, QomError **errp);

/* The part of @config that all kinds have. */
const ChardevCommon *chr_config_common(const ChardevBackend *config);

/* --- ringbuf.c ------------------------------------------------------------------------------- */

/* The chardev called @id if it is a ring buffer: `Device 'X' not found`, `X is not a ringbuf
 * device`. */
ChrBackend *chr_ringbuf_find(const char *id, QomError **errp);

/* Appends; the oldest bytes make room. */
void chr_ringbuf_write(ChrBackend *backend, const void *data, size_t len);

/* Takes out up to @len of the oldest bytes; at the end of a character if @utf8. */
size_t chr_ringbuf_read(ChrBackend *backend, void *buf, size_t len, bool utf8);

/* Bytes there to be read. */
size_t chr_ringbuf_fill(ChrBackend *backend);

#endif
