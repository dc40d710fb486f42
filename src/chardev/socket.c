/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream sockets, as server or as client.
 *
 *   server  look-up -> listen -> (wait: first client) -> ready; accepts as long as fewer streams
 * are open than wanted, else clients wait in the kernel's backlog client  look-up, connect ->
 * ready; without reconnection a failure is final, and so is a later disconnection client with
 * reconnection: ready at once; tries, and after a failure or a disconnection tries again each
 * interval, looking the name up anew
 *
 * A descriptor (address type fd) takes the place of look-up and listen or connect.
 */
#include "chardev/backend.h"

#include "base/log.h"
#include "io/connector.h"
#include "io/socket.h"
#include "qmp/yank.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKLOG_ONE = 1, /* one client at a time: the next one waits, as with QEMU */
    BACKLOG_MANY = 128,
    ACCEPT_PAUSE_MS = 1000, /* after accept() failed for want of descriptors or memory */
};

static const int64_t max_reconnect_ms = INT64_C(1000) * 60 * 60 * 24 * 365;

typedef struct Socket Socket;

typedef struct AcceptWatch {
    Socket *owner;
    LoopFd *handler; /* NULL: not accepting */
    int fd;
} AcceptWatch;

struct Socket {
    ChrBackend base;
    SocketAddress *address; /* where to listen or to connect to; of a listener, the real one */
    bool server;
    bool wait;
    bool nodelay;
    int64_t reconnect_ns; /* 0: never */
    LoopTimer timer;      /* until the next attempt; of a server, until it accepts again */

    IoLookup *lookup;
    IoListener listener;
    AcceptWatch watches[IO_LISTEN_MAX];

    IoConnector connector;
    bool reported; /* this outage has been told on stderr */
};

static Socket *socket_of(ChrBackend *backend)
{
    return (Socket *)(void *)backend;
}

static void arm_timer(Socket *self, LoopFn *fn, int64_t delay_ns)
{
    loop_timer_cancel(&self->timer);
    loop_timer_init(&self->timer, self->base.loop, fn, self);
    loop_timer_arm_in(&self->timer, delay_ns);
}

static void add_stream(Socket *self, int fd)
{
    bool inet = self->address->type == SOCKET_ADDRESS_TYPE_INET;
    io_socket_set_nodelay(fd, self->nodelay);
    if (inet && self->address->u.inet.has_keep_alive && self->address->u.inet.keep_alive) {
        io_socket_set_keep_alive(fd);
    }
    chr_stream_new(&self->base, io_channel_new_socket(fd));
}

/* ------------------------------------------------------------------------------------- server --
 */

static void acceptable(void *opaque, unsigned revents);
static void accept_later(Socket *self, const char *why);

static void stop_accepting(Socket *self)
{
    for (size_t i = 0; i < self->listener.n; i++) {
        loop_fd_remove(self->watches[i].handler);
        self->watches[i].handler = NULL;
    }
}

/* Accepts, or not, as @n_streams are open. */
static void update_accepting(Socket *self, unsigned n_streams)
{
    if (n_streams >= chr_backend_max_streams(&self->base)) {
        stop_accepting(self);
        return;
    }
    QOM_AUTO_ERROR(err);
    for (size_t i = 0; i < self->listener.n; i++) {
        AcceptWatch *watch = &self->watches[i];
        if (!watch->handler) {
            watch->owner = self;
            watch->fd = self->listener.fd[i];
            watch->handler =
                loop_fd_add(self->base.loop, watch->fd, LOOP_READ, acceptable, watch, &err);
        }
        if (!watch->handler) {
            accept_later(self, qom_error_message(err));
            return;
        }
    }
}

static void accept_again(void *opaque)
{
    Socket *self = opaque;
    update_accepting(self, self->base.n_streams);
}

/* Descriptors or memory are used up: in a while there may be some again. */
static void accept_later(Socket *self, const char *why)
{
    log_warn("chardev %s: %s", self->base.chr->id, why);
    stop_accepting(self);
    arm_timer(self, accept_again, ACCEPT_PAUSE_MS * INT64_C(1000000));
}

static void acceptable(void *opaque, unsigned revents)
{
    AcceptWatch *watch = opaque;
    Socket *self = watch->owner;
    int fd = io_accept(watch->fd);
    if (fd == -EAGAIN) {
        return;
    }
    if (fd < 0) {
        g_autofree char *why = g_strdup_printf("accept: %s", g_strerror(-fd));
        accept_later(self, why);
        return;
    }
    update_accepting(self, self->base.n_streams + 1);
    if (self->base.ready) {
        add_stream(self, fd); /* the frontend may do away with @self in it */
        return;
    }
    add_stream(self, fd);
    chr_backend_ready(&self->base);
}

static void listening(Socket *self)
{
    io_address_free(self->address);
    self->address = io_address_copy(self->listener.address);
    update_accepting(self, 0);
    if (self->wait) {
        g_autofree char *name = self->base.ops->filename(&self->base);
        log_error("info: waiting for connection on: %s", name);
    } else {
        chr_backend_ready(&self->base);
    }
}

static void listen_resolved(void *opaque, IoSockaddrs *list, const QomError *failure)
{
    Socket *self = opaque;
    self->lookup = NULL;
    QOM_AUTO_ERROR(error);
    if (!list) {
        chr_backend_failed(&self->base, failure);
        return;
    }
    bool ok = io_listen(self->address, list, BACKLOG_ONE, &self->listener, &error);
    io_sockaddrs_clear(list);
    if (ok) {
        listening(self);
    } else {
        chr_backend_failed(&self->base, error);
    }
}

static bool open_server(Socket *self, QomError **errp)
{
    if (!io_address_is_numeric(self->address)) {
        self->lookup =
            io_lookup_start(self->base.loop, self->address, true, listen_resolved, self, errp);
        return self->lookup != NULL;
    }
    IoSockaddrs list;
    if (!io_resolve(self->address, true, &list, errp)) {
        return false;
    }
    listen_resolved(self, &list, NULL);
    return true;
}

/* ------------------------------------------------------------------------------------- client --
 */

static void try_again(void *opaque);

static void report_once(Socket *self, const QomError *error)
{
    if (!self->reported) {
        g_autofree char *context =
            g_strdup_printf("Unable to connect character device %s", self->base.chr->id);
        log_report(context, error);
        self->reported = true;
    }
}

static void connected(void *opaque, int fd, const QomError *error)
{
    Socket *self = opaque;
    if (self->reconnect_ns) {
        if (fd < 0) {
            report_once(self, error);
            arm_timer(self, try_again, self->reconnect_ns);
            return;
        }
        self->reported = false;
        add_stream(self, fd); /* the frontend may do away with @self in it */
        return;
    }
    if (fd < 0) {
        chr_backend_failed(&self->base, error);
        return;
    }
    add_stream(self, fd);
    chr_backend_ready(&self->base);
}

static void try_again(void *opaque)
{
    Socket *self = opaque;
    io_connector_start(&self->connector, self->base.loop, self->address, connected, self);
}

/* ------------------------------------------------------------------------------------ opening --
 */

static bool check_options(const ChardevSocket *options, bool server, QomError **errp)
{
    bool reconnect = options->has_reconnect || options->has_reconnect_ms;
    if (reconnect && options->addr->type == SOCKET_ADDRESS_TYPE_FD) {
        return qom_error_set(errp, "'reconnect' option is incompatible with 'fd' address type");
    }
    if (reconnect && server) {
        return qom_error_set(
            errp, "'reconnect' option is incompatible with socket in server listen mode");
    }
    if (options->has_wait && !server) {
        return qom_error_set(errp,
                             "'wait' option is incompatible with socket in client connect mode");
    }
    if (options->has_reconnect && options->has_reconnect_ms) {
        return qom_error_set(errp, "'reconnect' and 'reconnect-ms' are mutually exclusive");
    }
    if (options->has_reconnect &&
        (options->reconnect < 0 || options->reconnect > max_reconnect_ms / 1000)) {
        return qom_error_set(errp, "Parameter 'reconnect' expects a number of seconds, 0 or more");
    }
    if (options->has_reconnect_ms &&
        (options->reconnect_ms < 0 || options->reconnect_ms > max_reconnect_ms)) {
        return qom_error_set(
            errp, "Parameter 'reconnect-ms' expects a number of milliseconds, 0 or more");
    }
    return true;
}

/* A descriptor on the command line: its number. */
static int fd_of_number(const char *name, QomError **errp)
{
    char *end;
    guint64 number = g_ascii_strtoull(name, &end, 10);
    if (!g_ascii_isdigit(*name) || *end || number > INT_MAX) {
        qom_error_set(errp, "File descriptor named '%s' has not been found", name);
        return -1;
    }
    if (fcntl((int)number, F_GETFD) < 0) {
        qom_error_set(errp, "File descriptor '%s' is not a socket", name);
        return -1;
    }
    return (int)number;
}

static bool open_fd(Socket *self, const ChrOpenHow *how, QomError **errp)
{
    const char *name = self->address->u.fd.str;
    int fd = how->take_fd ? how->take_fd(how->fd_opaque, name, errp) : fd_of_number(name, errp);
    if (fd < 0) {
        return false;
    }
    if (self->server) {
        if (!io_listen_fd(fd, name, BACKLOG_ONE, &self->listener, errp)) {
            return false;
        }
        listening(self);
        return true;
    }
    if (!io_check_socket(fd, name, errp)) {
        close(fd);
        return false;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    SocketAddress *remote = io_address_of_fd(fd, true);
    if (remote) {
        io_address_free(self->address);
        self->address = remote;
    }
    add_stream(self, fd);
    chr_backend_ready(&self->base);
    return true;
}

static bool socket_open(ChrBackend *backend, const ChardevBackend *config, const ChrOpenHow *how,
                        QomError **errp)
{
    Socket *self = socket_of(backend);
    const ChardevSocket *options = config->u.socket.data;
    io_connector_init(&self->connector);
    yank_add_chardev(chardev_id(backend->chr));
    self->address = io_address_flatten(options->addr);
    self->server = !options->has_server || options->server;
    self->wait = self->server && options->has_wait && options->wait;
    self->nodelay = !options->has_nodelay || options->nodelay;
    if (!check_options(options, self->server, errp) || !io_address_check(self->address, errp)) {
        return false;
    }
    int64_t reconnect_ms = options->has_reconnect      ? options->reconnect * 1000
                           : options->has_reconnect_ms ? options->reconnect_ms
                                                       : 0;
    self->reconnect_ns = reconnect_ms * 1000000;
    if (self->address->type == SOCKET_ADDRESS_TYPE_FD) {
        return open_fd(self, how, errp);
    }
    if (self->server) {
        return open_server(self, errp);
    }
    io_connector_start(&self->connector, backend->loop, self->address, connected, self);
    if (self->reconnect_ns) {
        chr_backend_ready(backend);
    }
    return true;
}

/* ------------------------------------------------------------------------------------ running --
 */

static void socket_start(ChrBackend *backend)
{
    Socket *self = socket_of(backend);
    if (self->server) {
        bool many = chr_backend_max_streams(backend) > 1;
        io_listener_set_backlog(&self->listener, many ? BACKLOG_MANY : BACKLOG_ONE);
        update_accepting(self, backend->n_streams);
    } else if (self->reconnect_ns && !backend->n_streams && !loop_timer_armed(&self->timer) &&
               !io_connector_active(&self->connector)) {
        try_again(self);
    }
}

static void socket_stop(ChrBackend *backend)
{
    Socket *self = socket_of(backend);
    stop_accepting(self);
    io_connector_cancel(&self->connector);
    loop_timer_cancel(&self->timer);
}

static void socket_stream_gone(ChrBackend *backend)
{
    Socket *self = socket_of(backend);
    if (self->server) {
        update_accepting(self, backend->n_streams);
    } else if (self->reconnect_ns) {
        arm_timer(self, try_again, self->reconnect_ns);
    }
}

static void socket_close(ChrBackend *backend)
{
    Socket *self = socket_of(backend);
    if (self->address) { /* open has run */
        yank_remove_chardev(chardev_id(backend->chr));
    }
    io_lookup_cancel(self->lookup);
    io_listener_close(&self->listener);
    io_address_free(self->address);
}

/* -------------------------------------------------------------------------------------- names --
 */

static char *host_port(const SocketAddress *address)
{
    const InetSocketAddress *inet = &address->u.inet;
    bool brackets = strchr(inet->host, ':') != NULL;
    return g_strdup_printf(brackets ? "[%s]:%s" : "%s:%s", inet->host, inet->port);
}

static char *plain_name(const SocketAddress *address)
{
    const UnixSocketAddress *local = &address->u.q_unix;
    bool abstract =
        address->type == SOCKET_ADDRESS_TYPE_UNIX && local->has_abstract && local->abstract;
    bool tight = abstract && (!local->has_tight || local->tight);
    g_autofree char *text = io_address_text(address);
    switch (address->type) {
    case SOCKET_ADDRESS_TYPE_INET: return g_strconcat("tcp:", text, NULL);
    case SOCKET_ADDRESS_TYPE_UNIX:
        return g_strconcat("unix:", text, abstract ? ",abstract=on" : "", tight ? ",tight=on" : "",
                           NULL);
    case SOCKET_ADDRESS_TYPE_VSOCK: return g_strconcat("vsock:", text, NULL);
    default: return g_strconcat("fd:", text, NULL);
    }
}

static char *socket_filename(ChrBackend *backend)
{
    Socket *self = socket_of(backend);
    const char *suffix = self->server ? ",server=on" : "";
    g_autofree char *plain = plain_name(self->address);
    ChrStream *stream = TAILQ_FIRST(&backend->streams);
    if (!stream) {
        return g_strconcat("disconnected:", plain, suffix, NULL);
    }
    int fd = io_channel_read_fd(stream->channel);
    SocketAddress *local = io_address_of_fd(fd, false);
    SocketAddress *remote = io_address_of_fd(fd, true);
    char *name = NULL;
    if (local && remote && local->type == SOCKET_ADDRESS_TYPE_INET) {
        g_autofree char *from = host_port(local);
        g_autofree char *to = host_port(remote);
        name = g_strdup_printf("tcp:%s%s <-> %s", from, suffix, to);
    } else {
        name = g_strconcat(plain, suffix, NULL);
    }
    io_address_free(local);
    io_address_free(remote);
    return name;
}

static SocketAddress *socket_address(ChrBackend *backend)
{
    return io_address_copy(socket_of(backend)->address);
}

const ChrBackendOps chr_socket_ops = {
    .kind = CHARDEV_BACKEND_KIND_SOCKET,
    .size = sizeof(Socket),
    .open = socket_open,
    .start = socket_start,
    .stop = socket_stop,
    .close = socket_close,
    .stream_gone = socket_stream_gone,
    .filename = socket_filename,
    .address = socket_address,
    .is_socket = true,
};
