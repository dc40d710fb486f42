/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection attempt: look-up (in a worker, unless the address is numeric), then connect() to one
 * address after the other.
 *
 * A Unix socket whose backlog is full says EAGAIN at once, and there is nothing to watch: such a
 * connect() is repeated for a while, as a blocking one would wait.
 */
#include "io/connector.h"

#include <errno.h>
#include <glib.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
    BACKLOG_WAIT_MS = 50,
    BACKLOG_WAITS = 200,
};

/* ----------------------------------------------------------------------------------- look-up -- */

struct IoLookup {
    SocketAddress *address;
    bool passive;
    IoLookupFn *done;
    void *opaque;
    atomic_bool cancelled; /* set by the loop's thread */
    /* Written by the worker, before the loop's thread reads it. */
    bool ok;
    IoSockaddrs list;
    QomError *error;
};

static void lookup_work(void *opaque)
{
    IoLookup *lookup = opaque;
    if (atomic_load(&lookup->cancelled)) {
        return; /* it waited for its turn; others do */
    }
    lookup->ok = io_resolve(lookup->address, lookup->passive, &lookup->list, &lookup->error);
}

static void lookup_done(void *opaque)
{
    IoLookup *lookup = opaque;
    if (!atomic_load(&lookup->cancelled)) {
        IoSockaddrs *list = lookup->ok ? &lookup->list : NULL;
        lookup->done(lookup->opaque, list, lookup->error);
        lookup->list = list ? (IoSockaddrs){0} : lookup->list;
    }
    io_sockaddrs_clear(&lookup->list);
    io_address_free(lookup->address);
    qom_error_free(lookup->error);
    g_free(lookup);
}

IoLookup *io_lookup_start(Loop *loop, const SocketAddress *address, bool passive, IoLookupFn *done,
                          void *opaque, QomError **errp)
{
    IoLookup *lookup = g_new0(IoLookup, 1);
    lookup->address = io_address_copy(address);
    lookup->passive = passive;
    lookup->done = done;
    lookup->opaque = opaque;
    if (!loop_pool_submit_slow(loop, lookup_work, lookup_done, lookup, errp)) {
        io_address_free(lookup->address);
        g_free(lookup);
        return NULL;
    }
    return lookup;
}

void io_lookup_cancel(IoLookup *lookup)
{
    if (lookup) {
        atomic_store(&lookup->cancelled, true);
    }
}

/* ---------------------------------------------------------------------------------- connect -- */

void io_connector_init(IoConnector *connector)
{
    *connector = (IoConnector){.fd = -1};
}

/* Drops what the attempt holds; a socket in @keep_fd is left open. */
static void reset(IoConnector *connector, int keep_fd)
{
    io_lookup_cancel(connector->lookup);
    connector->lookup = NULL;
    loop_fd_remove(connector->watch);
    connector->watch = NULL;
    loop_timer_cancel(&connector->timer);
    if (connector->fd >= 0 && connector->fd != keep_fd) {
        close(connector->fd);
    }
    connector->fd = -1;
    io_sockaddrs_clear(&connector->list);
    connector->active = false;
}

static void finish(IoConnector *connector, int fd, const QomError *error)
{
    reset(connector, fd);
    connector->done(connector->opaque, fd, error);
}

static void fail(IoConnector *connector)
{
    g_autofree char *text = io_address_text(connector->address);
    QOM_AUTO_ERROR(error);
    qom_error_set_errno(&error, connector->last_error, "Failed to connect to '%s'", text);
    finish(connector, -1, error);
}

static void try_next(IoConnector *connector);

static void writable(void *opaque, unsigned revents)
{
    IoConnector *connector = opaque;
    int rc = io_connect_result(connector->fd);
    if (rc == 0) {
        finish(connector, connector->fd, NULL);
        return;
    }
    connector->last_error = -rc;
    loop_fd_remove(connector->watch);
    connector->watch = NULL;
    close(connector->fd);
    connector->fd = -1;
    try_next(connector);
}

static void backlog_timer(void *opaque)
{
    try_next(opaque);
}

/* True: connect() to @to is under way, or will be repeated, or is done. */
static bool try_one(IoConnector *connector, const IoSockaddr *to)
{
    bool pending;
    int fd = io_connect_start(connector->address, to, &pending);
    if (fd == -EAGAIN && connector->rounds < BACKLOG_WAITS) {
        connector->rounds++;
        connector->next--;
        loop_timer_arm_in(&connector->timer, BACKLOG_WAIT_MS * INT64_C(1000000));
        return true;
    }
    if (fd < 0) {
        connector->last_error = -fd;
        return false;
    }
    if (!pending) {
        finish(connector, fd, NULL);
        return true;
    }
    connector->fd = fd;
    connector->watch = loop_fd_add(connector->loop, fd, LOOP_WRITE, writable, connector, NULL);
    if (!connector->watch) {
        connector->last_error = ENOMEM;
        close(fd);
        connector->fd = -1;
        return false;
    }
    return true;
}

static void try_next(IoConnector *connector)
{
    while (connector->next < connector->list.n) {
        if (try_one(connector, &connector->list.items[connector->next++])) {
            return;
        }
    }
    fail(connector);
}

static void resolved(void *opaque, IoSockaddrs *list, const QomError *error)
{
    IoConnector *connector = opaque;
    connector->lookup = NULL;
    if (!list) {
        finish(connector, -1, error);
        return;
    }
    connector->list = *list;
    try_next(connector);
}

void io_connector_start(IoConnector *connector, Loop *loop, const SocketAddress *address,
                        IoConnectedFn *done, void *opaque)
{
    *connector = (IoConnector){
        .loop = loop,
        .address = address,
        .done = done,
        .opaque = opaque,
        .active = true,
        .last_error = EADDRNOTAVAIL,
        .fd = -1,
    };
    loop_timer_init(&connector->timer, loop, backlog_timer, connector);
    QOM_AUTO_ERROR(error);
    if (!io_address_is_numeric(address)) {
        connector->lookup = io_lookup_start(loop, address, false, resolved, connector, &error);
        if (!connector->lookup) {
            finish(connector, -1, error);
        }
        return;
    }
    IoSockaddrs list;
    bool ok = io_resolve(address, false, &list, &error);
    resolved(connector, ok ? &list : NULL, error);
}

void io_connector_cancel(IoConnector *connector)
{
    if (connector->active) {
        reset(connector, -1);
    }
}
