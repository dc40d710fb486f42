/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Character devices: byte streams with a name, for whoever wants to talk to the outside: monitors,
 * packet filters, entropy sources.
 *
 *     outside <-> backend (socket, file, ...) <-> Chardev <-> ChrStream <-> frontend
 *
 * A Chardev has an id, one backend, and at most one frontend. The frontend does not see connections
 * being made; it gets a ChrStream for each and talks through that. A backend that is always there
 * (file, stdio, ringbuf) has one stream; a client socket one at a time, each reconnection a new
 * one; a listening socket as many at a time as the frontend takes. `null` never has any.
 *
 * Where output goes to pipes, the program must ignore SIGPIPE.
 *
 * Threads: chardevs are made, attached, detached and removed in the main loop's thread. A stream
 * and the frontend's callbacks live in the loop that the frontend named when it attached.
 *
 * Source: the sheet on character devices, sections 1 to 4.
 */
#ifndef QOM_CHARDEV_H
#define QOM_CHARDEV_H

#include "qom/error.h"
#include "qom/qapi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Loop Loop;
typedef struct Chardev Chardev;
typedef struct ChrStream ChrStream;
typedef struct ChardevBackend ChardevBackend;

/* The most descriptors that travel with one message. */
#define CHR_FDS_MAX 16

/* --- The set of character devices. Main thread. ---------------------------------------------- */

/* Registers the object types of character devices; once, before the first chardev is made. */
QOM_PUBLIC void chardev_register_types(void);

/* Ends the program's character devices: removes them all, attached or not (frontends get no
 * callback): sockets' files are unlinked, the terminal is restored. Output that is still queued is
 * sent for at most @flush_ms. */
QOM_PUBLIC void chardev_cleanup(unsigned flush_ms);

/* Finds the open descriptor called @name (taken over by the chardev); -1 and *errp if none. */
typedef int ChardevFdFn(void *opaque, const char *name, QomError **errp);

/* Tells the end of chardev_add() or _change(): @chr, or NULL and the reason, which stays the
 * caller's. */
typedef void ChardevDoneFn(void *opaque, Chardev *chr, const QomError *error);

/*
 * Makes a chardev. @backend is copied as far as needed. @done is called once it is ready or has
 * failed, maybe before the return: a client without reconnection is then connected, a server with
 * `wait` has its first client. Until then @id is taken, and the loop goes on. @take_fd finds
 * sockets by name; it is called before the return only; NULL: names are numbers of descriptors
 * (the command line). Errors, in front of them `Failed to add chardev 'ID': ` where the backend
 * failed: `Parameter 'id' expects an identifier`, `Chardev with id 'X' already exists`.
 */
QOM_PUBLIC void chardev_add(const char *id, const ChardevBackend *backend, ChardevFdFn *take_fd,
                            void *fd_opaque, ChardevDoneFn *done, void *opaque);

/* The same for the command line: runs the main loop until the chardev is ready; errors have nothing
 * put in front, a taken id is `Duplicate ID 'X' for chardev`. NULL and *errp on failure. Not from a
 * callback of a chardev. */
QOM_PUBLIC Chardev *chardev_add_wait(const char *id, const ChardevBackend *backend,
                                     QomError **errp);

/* Puts a new backend in the place of chardev @id's; parameters as of chardev_add(). */
QOM_PUBLIC void chardev_change(const char *id, const ChardevBackend *backend, ChardevFdFn *take_fd,
                               void *fd_opaque, ChardevDoneFn *done, void *opaque);

/* `Chardev 'X' not found`, `Chardev 'X' is busy` (a frontend is attached, or it is not ready). Not
 * from a callback of the frontend that was attached to it. */
QOM_PUBLIC bool chardev_remove(const char *id, QomError **errp);
/* Only the checks of chardev_remove(). */
QOM_PUBLIC bool chardev_can_be_removed(const char *id, QomError **errp);

/* Keeps chardev @id as it is: until as many chardev_release() it is busy for chardev_remove(),
 * chardev_change() and chardev_attach(). Nothing if there is none. Main thread. */
QOM_PUBLIC void chardev_hold(const char *id);
QOM_PUBLIC void chardev_release(const char *id);

/* The chardev called @id, or NULL. One that is not ready yet is not found. */
QOM_PUBLIC Chardev *chardev_find(const char *id);

/* Calls @fn for each chardev in the order of creation. @fn must not add or remove any. */
QOM_PUBLIC void chardev_foreach(void (*fn)(void *opaque, Chardev *chr), void *opaque);

QOM_PUBLIC const char *chardev_id(const Chardev *chr);

/* What it was asked to be; the chardev's, valid until it changes. */
QOM_PUBLIC const ChardevBackend *chardev_config(const Chardev *chr);

/* Where it leads, as query-chardev says it, for example "unix:/run/x.sock,server=on". New memory.
 */
QOM_PUBLIC char *chardev_filename(Chardev *chr);

/* A frontend is attached. */
QOM_PUBLIC bool chardev_frontend_open(const Chardev *chr);

/* A stream is open. */
QOM_PUBLIC bool chardev_connected(Chardev *chr);

/* --- Text forms ------------------------------------------------------------------------------ */

/*
 * Reads the value of `-chardev`: `BACKEND,id=ID,...` or a JSON object {"id", "backend"}. Returns
 * the backend, for chardev_backend_free(), and in *@id its id, new memory. NULL and *errp on
 * failure, NULL without *errp if *@help says that help was asked for. Old forms that are taken are
 * warned about on stderr.
 */
QOM_PUBLIC ChardevBackend *chardev_parse_option(const char *text, char **id, bool *help,
                                                QomError **errp);

/*
 * Reads the short form of `-qmp`: `unix:PATH[,...]`, `tcp:[HOST]:PORT[,...]`, `fd:N[,...]`,
 * `stdio`, `null`, `file:PATH`. (`chardev:ID` names a chardev that exists; the caller looks for it
 * first.)
 * `'X' is not a valid char driver`
 */
QOM_PUBLIC ChardevBackend *chardev_parse_short(const char *text, QomError **errp);

/* Calls @fn for each parameter of `-chardev` but `id`; @type is a scalar. */
QOM_PUBLIC void chardev_foreach_option(void (*fn)(void *opaque, const char *name,
                                                  const QapiType *type),
                                       void *opaque);

/* NULL is fine. */
QOM_PUBLIC void chardev_backend_free(ChardevBackend *backend);

/* --- Frontends ------------------------------------------------------------------------------- */

/*
 * What a frontend does. All run in its loop. Inside any of them the frontend may write to, close
 * and resume streams, and (in the main loop's thread) detach.
 */
typedef struct ChrFrontendOps {
    /* A stream is there. */
    void (*opened)(void *frontend, ChrStream *stream);

    /* How many bytes may be handed over now; 0 stops input until chr_stream_resume(). NULL: any
     * number. */
    size_t (*can_read)(void *frontend, ChrStream *stream);

    /* Input; never more than can_read said, at most 64 KiB. Descriptors that came with it wait for
     * chr_stream_take_fds(). */
    void (*read)(void *frontend, ChrStream *stream, const uint8_t *data, size_t len);

    /* The peer will send nothing more, all it sent was read. True: the stream stays open for
     * output until the frontend closes it (or the peer is gone altogether). False, or NULL here:
     * it is closed. */
    bool (*ended)(void *frontend, ChrStream *stream);

    /* The output queue, not empty before, is empty now. NULL: not interested. */
    void (*drained)(void *frontend, ChrStream *stream);

    /* The stream is over; do not use it after the return. What it had queued is still sent, for a
     * few seconds, if the peer takes it. Not called for streams that the frontend closes. */
    void (*closed)(void *frontend, ChrStream *stream);

    /* The backend is being exchanged (after closed, before opened). False refuses. NULL: the
     * frontend does not support it. */
    bool (*change)(void *frontend);
} ChrFrontendOps;

/*
 * Attaches @frontend to @chr; streams that are open are told before the return, if @loop is the
 * main loop. @loop NULL: the main loop. At most @max_streams (1 or more) are open at a time;
 * further clients of a listening socket wait in its backlog. `chardev 'X' is already in use`.
 */
QOM_PUBLIC bool chardev_attach(Chardev *chr, const ChrFrontendOps *ops, void *frontend, Loop *loop,
                               unsigned max_streams, QomError **errp);

/* Ends the attachment; no callback comes afterwards. The one stream of a chardev stays open for the
 * next frontend (close it before if it should not); where more than one was allowed, all are
 * closed, and what they have queued is still sent for a few seconds. Nothing if none is attached.
 */
QOM_PUBLIC void chardev_detach(Chardev *chr);

/* --- Streams. The frontend's loop's thread. -------------------------------------------------- */

/* A pointer of the frontend's for each stream. */
QOM_PUBLIC void chr_stream_set_data(ChrStream *stream, void *data);
QOM_PUBLIC void *chr_stream_data(const ChrStream *stream);

QOM_PUBLIC Chardev *chr_stream_chardev(const ChrStream *stream);

/*
 * Writes all of @data, directly as far as the peer takes it, the rest queued (copied). The @n_fds
 * descriptors, at most 16, go with the first byte; they are duplicated, the caller's stay his.
 * Returns 0, or a negative errno value and has taken nothing: -EPIPE, the stream is closed or its
 * peer takes nothing any more; -ENOBUFS, the queue is at its limit; -EOPNOTSUPP, no descriptors can
 * be passed here; -EINVAL, wrong ones.
 */
QOM_PUBLIC int chr_stream_write(ChrStream *stream, const void *data, size_t len, const int *fds,
                                size_t n_fds);

/* Bytes written and not taken by the peer's kernel yet. */
QOM_PUBLIC size_t chr_stream_queued(const ChrStream *stream);

/* A write is refused while this many bytes or more are queued (64 MiB at first). */
QOM_PUBLIC void chr_stream_set_limit(ChrStream *stream, size_t limit_bytes);

/* Input may go on after can_read said 0. It comes from the loop, not from here. */
QOM_PUBLIC void chr_stream_resume(ChrStream *stream);

/* Moves the descriptors that came last to @fds (room for CHR_FDS_MAX) and returns how many. A newer
 * set closes one that was not taken. */
QOM_PUBLIC size_t chr_stream_take_fds(ChrStream *stream, int *fds);

/* Descriptors can be passed. */
QOM_PUBLIC bool chr_stream_can_pass_fds(const ChrStream *stream);

/* Process, user and group at the other end of a Unix socket, as of its connect(). False: unknown.
 */
QOM_PUBLIC bool chr_stream_peer_ids(const ChrStream *stream, pid_t *pid, uid_t *uid, gid_t *gid);

/* Closes the stream: no callback comes for it any more, it is gone after the return or, inside a
 * callback, after the callback's. What it has queued is still sent for a few seconds. */
QOM_PUBLIC void chr_stream_close(ChrStream *stream);

#ifdef __cplusplus
}
#endif
#endif
