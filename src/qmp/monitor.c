/* SPDX-License-Identifier: BSD-3-Clause */
/* Monitors: their life, their settings. Main thread. */
#include "qmp/monitor.h"

#include "qmp/event.h"
#include "qmp/fds.h"
#include "qmp/stream.h"

#include "qapi-char.h"

void qmp_write_version(JsonWriter *w)
{
    json_writer_begin_object(w);
    json_writer_key(w, "qemu");
    json_writer_begin_object(w);
    json_writer_key(w, "major");
    json_writer_int64(w, QMP_VERSION_MAJOR);
    json_writer_key(w, "minor");
    json_writer_int64(w, QMP_VERSION_MINOR);
    json_writer_key(w, "micro");
    json_writer_int64(w, QMP_VERSION_MICRO);
    json_writer_end_object(w);
    json_writer_key(w, "package");
    json_writer_string(w, qmp_version_package());
    json_writer_end_object(w);
}

QmpMonitor *qmp_monitor_new_bare(const QmpMonitorOptions *options, QomError **errp)
{
    QmpServer *server = qmp_server();

    if (options->policy && !g_hash_table_contains(server->policies, options->policy)) {
        qom_error_set(errp, "Monitor policy '%s' not found", options->policy);
        return NULL;
    }
    QmpMonitor *monitor = g_new0(QmpMonitor, 1);
    monitor->server = server;
    monitor->id = g_strdup(options->id);
    monitor->chardev = g_strdup(options->chardev);
    monitor->policy = g_strdup(options->policy);
    monitor->pretty = options->pretty;
    monitor->max_clients = options->max_clients ? options->max_clients : QMP_MAX_CLIENTS;
    monitor->named_fds = qmp_named_fds_new();
    TAILQ_INIT(&monitor->sessions);
    TAILQ_INSERT_TAIL(&server->monitors, monitor, link);
    return monitor;
}

QmpMonitor *qmp_monitor_new(const QmpMonitorOptions *options, QomError **errp)
{
    Chardev *chr = chardev_find(options->chardev);

    if (!chr) {
        qom_error_set(errp, "chardev \"%s\" not found", options->chardev);
        return NULL;
    }
    QmpMonitor *monitor = qmp_monitor_new_bare(options, errp);
    if (!monitor) {
        return NULL;
    }
    if (!chardev_attach(chr, &qmp_stream_ops, monitor, NULL, monitor->max_clients, errp)) {
        qmp_monitor_free(monitor);
        return NULL;
    }
    monitor->chr = chr;
    return monitor;
}

/* A free id for the chardev of qmp_listen_unix(). */
static char *free_chardev_id(void)
{
    for (unsigned i = 0;; i++) {
        g_autofree char *id = g_strdup_printf("compat_monitor%u", i);
        if (!chardev_find(id)) {
            return g_steal_pointer(&id);
        }
    }
}

QmpMonitor *qmp_listen_unix(const char *path, QomError **errp)
{
    g_autofree char *id = free_chardev_id();
    UnixSocketAddress address = {.path = (char *)path};
    SocketAddressLegacy legacy = {.type = SOCKET_ADDRESS_TYPE_UNIX, .u.q_unix.data = &address};
    ChardevSocket data = {
        .addr = &legacy, .has_server = true, .server = true, .has_wait = true, .wait = false};
    ChardevBackend backend = {.type = CHARDEV_BACKEND_KIND_SOCKET, .u.socket.data = &data};

    if (!chardev_add_wait(id, &backend, errp)) {
        return NULL;
    }
    QmpMonitor *monitor = qmp_monitor_new(&(QmpMonitorOptions){.chardev = id}, errp);
    if (!monitor) {
        chardev_remove(id, NULL);
        return NULL;
    }
    monitor->owns_chardev = true;
    return monitor;
}

void qmp_monitor_free(QmpMonitor *monitor)
{
    QmpSession *session;

    if (!monitor) {
        return;
    }
    while ((session = TAILQ_FIRST(&monitor->sessions))) {
        qmp_session_flush(session);
        qmp_session_close(session);
    }
    if (monitor->chr) {
        chardev_detach(monitor->chr);
    }
    if (monitor->owns_chardev) {
        chardev_remove(monitor->chardev, NULL);
    }
    TAILQ_REMOVE(&monitor->server->monitors, monitor, link);
    g_hash_table_unref(monitor->named_fds);
    g_free(monitor->id);
    g_free(monitor->chardev);
    g_free(monitor->policy);
    g_free(monitor);
}

void qmp_shutdown(void)
{
    QmpServer *server = qmp_server();
    QmpMonitor *monitor;

    while ((monitor = TAILQ_FIRST(&server->monitors))) {
        qmp_monitor_free(monitor);
    }
    qmp_events_cleanup();
    loop_thread_free(server->reader);
    server->reader = NULL;
}
