/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking up names and connecting, while the loop goes on. All functions: the loop's thread.
 */
#ifndef IO_CONNECTOR_H
#define IO_CONNECTOR_H

#include "io/socket.h"
#include "qom/loop.h"

typedef struct IoLookup IoLookup;

/* The result of a look-up: @list, the receiver's to clear, or NULL and the reason, which stays the
 * caller's. */
typedef void IoLookupFn(void *opaque, IoSockaddrs *list, const QomError *error);

/*
 * Resolves a copy of @address in a worker thread of @loop and tells @done from the loop, never from
 * here. NULL and *errp if no worker can be started.
 */
IoLookup *io_lookup_start(Loop *loop, const SocketAddress *address, bool passive, IoLookupFn *done,
                          void *opaque, QomError **errp);

/* @done will not be called. NULL is fine. */
void io_lookup_cancel(IoLookup *lookup);

/* The result of connecting: @fd, the receiver's to close, or -1 and the reason, which stays the
 * caller's. */
typedef void IoConnectedFn(void *opaque, int fd, const QomError *error);

/* One attempt to connect, inside its owner's struct; the fields are its own. */
typedef struct IoConnector {
    Loop *loop;
    const SocketAddress *address;
    IoConnectedFn *done;
    void *opaque;
    bool active;
    IoLookup *lookup;
    IoSockaddrs list;
    size_t next;     /* index in list of the address to try next */
    int last_error;  /* errno value of the address tried last */
    unsigned rounds; /* waits for a place in a Unix socket's backlog */
    int fd;          /* being connected, or -1 */
    LoopFd *watch;
    LoopTimer timer;
} IoConnector;

/* Prepares an idle connector. */
void io_connector_init(IoConnector *connector);

/*
 * Connects to @address, which must stay, trying each of the kernel's addresses in turn. @done is
 * called once, maybe before the return; the connector is idle by then. Error, beside those of
 * io_resolve(): `Failed to connect to 'ADDRESS': E`.
 */
void io_connector_start(IoConnector *connector, Loop *loop, const SocketAddress *address,
                        IoConnectedFn *done, void *opaque);

/* @done will not be called. Nothing if idle. */
void io_connector_cancel(IoConnector *connector);

static inline bool io_connector_active(const IoConnector *connector)
{
    return connector->active;
}

#endif
