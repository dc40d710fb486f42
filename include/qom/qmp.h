/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QMP: serving commands and sending events to management clients.
 *
 * A monitor sits on a character device; each connection to it is a session with its own state.
 * Sessions, commands and the object tree belong to the main loop's thread: commands run there,
 * straight from the read to the reply, without a hand-off between threads. A client that enables
 * the capability `oob` gets a reader thread of its own for the out-of-band commands. All functions
 * below are for the main thread unless they say otherwise.
 *
 * Source: the sheet on the core, section 7; docs/interop of the QMP specification.
 */
#ifndef QOM_QMP_H
#define QOM_QMP_H

#include "qom/error.h"
#include "qom/qapi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct QmpMonitor QmpMonitor;

/* --- The server ------------------------------------------------------------------------------ */

/* Adds the commands, events and types of @schema (a constant that `qapic gen` made) to what is
 * served. Names that exist already are a programming error. */
QOM_PUBLIC void qmp_add_schema(const QapiSchema *schema);

/* Adds the commands of qomd itself, among them those about objects, and the types of character
 * devices. Once, in the main thread. */
QOM_PUBLIC void qmp_add_core_schema(void);

/* What to do with deprecated and unstable interfaces (-compat). Before monitors are served. */
QOM_PUBLIC void qmp_set_compat(const QapiPolicy *policy);
/* Any thread. */
QOM_PUBLIC const QapiPolicy *qmp_get_compat(void);

/* Whether only commands with allow-preconfig work (-preconfig). The getter: any thread. */
QOM_PUBLIC void qmp_set_preconfig(bool preconfig);
QOM_PUBLIC bool qmp_get_preconfig(void);

/* What the command quit does; it is called from the main loop after the reply was sent. */
QOM_PUBLIC void qmp_set_quit(void (*quit)(void *opaque), void *opaque);

/* Adds a policy for QmpMonitorOptions: @commands are the names that it allows, NULL-terminated; a
 * name that ends in "*" stands for all that begin so. Must be done before it is used. */
QOM_PUBLIC bool qmp_add_policy(const char *name, const char *const *commands, QomError **errp);

/* --- Calls ----------------------------------------------------------------------------------- */

/* The call that the running handler of a plain (synchronous) command serves; NULL outside of one,
 * as on the command line. */
QOM_PUBLIC QmpCall *qmp_call_current(void);

/* Ends a call of a `coroutine: true` or `gen: false` command with success. @ret points to a value
 * of the command's result type (NULL if it has none); it is encoded before the function returns and
 * stays the caller's. The session then goes on with its next command. The handler's arguments (or
 * tape) are valid until here, @call too. If the client has gone the reply is dropped. */
QOM_PUBLIC void qmp_call_return(QmpCall *call, const void *ret);

/* The same with a result already in JSON, as text of one value. */
QOM_PUBLIC void qmp_call_return_json(QmpCall *call, const char *text, size_t len);

/* Ends a call with an error, which is taken over. */
QOM_PUBLIC void qmp_call_fail(QmpCall *call, QomError *error);

/* Takes the first descriptor that came and was not taken yet; the caller owns it. What else came
 * with it is closed when the call ends, unless it is taken too. @call may be NULL. -1 and an error
 * (`No file descriptor supplied via SCM_RIGHTS`) if there is none. */
QOM_PUBLIC int qmp_call_take_fd(QmpCall *call, QomError **errp);

/* Sends @fd (taken over, closed after sending or on failure) with the first byte of the reply.
 * False and an error if the session's transport can not carry descriptors. */
QOM_PUBLIC bool qmp_call_attach_fd(QmpCall *call, int fd, QomError **errp);

/* Takes the descriptor stored under @name by `getfd` on the call's monitor; -1 and an error
 * (`File descriptor named '%s' has not been found`) if there is none. @call may be NULL: looks
 * nowhere. */
QOM_PUBLIC int qmp_call_take_named_fd(QmpCall *call, const char *name, QomError **errp);

/* --- Events ---------------------------------------------------------------------------------- */

/* Sends an event to all sessions that have negotiated; called by the generated
 * qapi_event_send_NAME(). @args is a value of the event's type, or NULL. Any thread. */
QOM_PUBLIC void qmp_event_send(const QapiEvent *event, const void *args);

/* --- Monitors -------------------------------------------------------------------------------- */

typedef struct QmpMonitorOptions {
    const char *id;       /* NULL: none */
    const char *chardev;  /* id of a free character device */
    bool pretty;          /* indent output */
    unsigned max_clients; /* of a listening socket; 0: the default, 1: QEMU's way */
    const char *policy;   /* NULL: everything allowed; "readonly": commands that only look; or one
                           * added by qmp_add_policy() */
} QmpMonitorOptions;

/* Starts to serve QMP on a character device. */
QOM_PUBLIC QmpMonitor *qmp_monitor_new(const QmpMonitorOptions *options, QomError **errp);

/* Closes its sessions and gives the character device back. */
QOM_PUBLIC void qmp_monitor_free(QmpMonitor *monitor);

/* Short cut for programs that embed the library: listens on the Unix socket @path (a character
 * device compat_monitorN and a monitor on it, which removes it at its end). loop_set_main() and
 * qmp_add_core_schema() come before. */
QOM_PUBLIC QmpMonitor *qmp_listen_unix(const char *path, QomError **errp);

/* Ends all monitors: pending output is sent as far as it goes without waiting, sessions end. Before
 * chardev_cleanup(). */
QOM_PUBLIC void qmp_shutdown(void);

#ifdef __cplusplus
}
#endif
#endif
