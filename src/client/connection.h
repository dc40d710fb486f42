/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection to a QMP server, ours or QEMU: commands go out in a row, answers come back in the
 * same order, events in between go to a callback. Blocking, for one thread.
 */
#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

#include "qom/json.h"

#include <glib.h>

typedef struct Connection Connection;

/* No limit of time, for the functions below. */
#define CONNECTION_FOREVER (-1)

/*
 * Connects to @address (the path of a Unix socket or HOST:PORT, see connect_to()) and waits for the
 * greeting; capabilities are negotiated with the first commands. @timeout_ms bounds the wait for
 * the greeting and later for each answer; CONNECTION_FOREVER: ten seconds for the greeting, the
 * answers take what they take. NULL with *errp on failure.
 */
Connection *connection_open(const char *address, int64_t timeout_ms, QomError **errp);
/* NULL is fine. */
void connection_close(Connection *c);

/* Queues a command; @arguments is the text of a JSON object or NULL. It is on its way at the latest
 * when the next answer is waited for. */
void connection_send(Connection *c, const char *command, const char *arguments);

/* The same with arguments that are strings: pairs of name and value, ended by NULL. */
void connection_send_strings(Connection *c, const char *command, ...) G_GNUC_NULL_TERMINATED;

/* The same for qomd-tree-get: @depth levels below the object at @path, with or without values. */
void connection_send_tree_get(Connection *c, const char *path, unsigned depth, bool values);

/*
 * Waits for the answer to the oldest command without one. Returns its message, for
 * json_tape_free(), with the returned value at *value. NULL and *errp: the server's error with its
 * class, or the connection has failed, which connection_broken() tells apart.
 */
JsonTape *connection_receive(Connection *c, JsonTok *value, QomError **errp);

/* The same for an answer that is to be an array; another value is an error. */
JsonTape *connection_receive_list(Connection *c, JsonTok *list, QomError **errp);

/* The connection has failed; no more answers will come. */
bool connection_broken(const Connection *c);

/* --- Events ---------------------------------------------------------------------------------- */

/* Is lent an event's message ({event, data?, timestamp}); may not use the connection. */
typedef void ConnectionEventFn(const JsonTape *event, void *opaque);

/* From now on events go to @fn, whichever function below or above meets them; NULL: they are
 * dropped, as at first. */
void connection_on_event(Connection *c, ConnectionEventFn *fn, void *opaque);

/*
 * Takes the events that have come, and waits up to @timeout_ms (CONNECTION_FOREVER: without end)
 * for the first if there is none; a signal ends the wait early. All commands must have been
 * answered. True also if no event came; false and *errp: the connection has failed.
 */
bool connection_wait(Connection *c, int64_t timeout_ms, QomError **errp);

/* The socket, for poll() together with other descriptors: readable means that connection_wait()
 * with no time has something to do. Before poll() it must be called once, as events may have come
 * together with the last answer. */
int connection_fd(const Connection *c);

/*
 * A connected, non-blocking socket, or -1 with *errp. @address: with the prefix `unix:` or with a
 * `/`, or without a port at its end, a path; else HOST:PORT, [HOST]:PORT, also with the prefix
 * `tcp:`. @deadline_us is in the time of g_get_monotonic_time(); name servers may take longer.
 */
int connect_to(const char *address, int64_t deadline_us, QomError **errp);

/* Splits @address into host and port (new memory), if it is not the path of a Unix socket. */
bool connect_is_tcp(const char *address, char **host, char **port);

static inline void connection_freep(Connection **c)
{
    connection_close(*c);
}

#endif
