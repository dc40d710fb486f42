/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -chardev, -mon, -qmp: character devices and who serves on them. The short forms of -qmp make
 * devices called compat_monitorN.
 */
#include "daemon/option.h"

#include "base/log.h"
#include "qapi-char.h"
#include "qapi-control.h"
#include "qapi-sockets.h"
#include "qom/object.h"
#include "qom/options.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static PlannedChardev *find_chardev(const Daemon *daemon, const char *id)
{
    for (guint i = 0; i < daemon->chardevs->len; i++) {
        PlannedChardev *chr = g_ptr_array_index(daemon->chardevs, i);
        if (strcmp(chr->id, id) == 0) {
            return chr;
        }
    }
    return NULL;
}

/* Takes @id and @backend over, also on failure. */
static bool plan_chardev(Daemon *daemon, const OptionUse *use, char *id, ChardevBackend *backend,
                         QomError **errp)
{
    bool duplicate = find_chardev(daemon, id) != NULL;
    bool terminal = backend->type == CHARDEV_BACKEND_KIND_STDIO;
    if (duplicate || (terminal && daemon->terminal_used)) {
        if (duplicate) {
            qom_error_set(errp, "Duplicate ID '%s' for chardev", id);
        } else {
            qom_error_set(errp, "cannot use stdio by multiple character devices");
        }
        chardev_backend_free(backend);
        g_free(id);
        return false;
    }
    daemon->terminal_used |= terminal;
    PlannedChardev *chr = g_new0(PlannedChardev, 1);
    *chr = (PlannedChardev){.id = id, .backend = backend, .context = option_context(use)};
    g_ptr_array_add(daemon->chardevs, chr);
    return true;
}

static PlannedMonitor *plan_monitor(Daemon *daemon, const OptionUse *use, const char *chardev)
{
    PlannedMonitor *monitor = g_new0(PlannedMonitor, 1);
    monitor->chardev = g_strdup(chardev);
    monitor->context = option_context(use);
    g_ptr_array_add(daemon->monitors, monitor);
    return monitor;
}

static void print_backends(Daemon *daemon)
{
    const QapiType *kinds = &qapi_type_ChardevBackendKind;
    printf("Available chardev backend types:\n");
    for (uint32_t i = 0; i < kinds->n_values; i++) {
        printf("  %s\n", kinds->values[kinds->names_sorted[i]].name);
    }
    daemon->done = true;
}

bool option_parse_chardev(Daemon *daemon, OptionUse *use, QomError **errp)
{
    char *id = NULL;
    bool help;
    ChardevBackend *backend = chardev_parse_option(use->text, &id, &help, errp);
    if (help) {
        print_backends(daemon);
        return true;
    }
    return backend && plan_chardev(daemon, use, id, backend, errp);
}

/* The id of a monitor is its own, and formed as others are. */
static bool check_monitor_id(const Daemon *daemon, const char *id, QomError **errp)
{
    if (!qom_id_wellformed(id)) {
        qom_error_set(errp, "Parameter 'id' expects an identifier");
        qom_error_hint(errp, "Identifiers consist of letters, digits, '-', '.', '_', starting with "
                             "a letter.");
        return false;
    }
    for (guint i = 0; i < daemon->monitors->len; i++) {
        const PlannedMonitor *other = g_ptr_array_index(daemon->monitors, i);
        if (g_strcmp0(other->id, id) == 0) {
            return qom_error_set(errp, "Duplicate ID '%s' for mon", id);
        }
    }
    return true;
}

static bool check_monitor_options(const Daemon *daemon, const MonitorOptions *options,
                                  QomError **errp)
{
    if (options->has_max_clients && options->max_clients == 0) {
        return qom_error_set(errp, "Parameter 'max-clients' expects a number of at least 1");
    }
    return !options->id || check_monitor_id(daemon, options->id, errp);
}

bool option_parse_mon(Daemon *daemon, OptionUse *use, QomError **errp)
{
    MonitorOptions options;
    if (!option_decode(use, "chardev", &options, errp)) {
        return false;
    }
    if (!check_monitor_options(daemon, &options, errp)) {
        qapi_clear(&qapi_type_MonitorOptions, &options);
        return false;
    }
    PlannedMonitor *monitor = plan_monitor(daemon, use, options.chardev);
    monitor->id = g_strdup(options.id);
    monitor->policy = g_strdup(options.policy);
    monitor->pretty = options.pretty;
    monitor->max_clients = options.has_max_clients ? options.max_clients : 0;
    qapi_clear(&qapi_type_MonitorOptions, &options);
    return true;
}

bool option_parse_monitor(Daemon *daemon, OptionUse *use, QomError **errp)
{
    return strcmp(use->text, "none") == 0 || option_parse_mon(daemon, use, errp);
}

/* A failure is told in two lines, as scripts know it. */
static ChardevBackend *parse_short(const OptionUse *use, const char *dev, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    ChardevBackend *backend = chardev_parse_short(dev, &err);
    if (!backend) {
        g_autofree char *context = option_context(use);
        qom_error_set(errp, "parse error: %s", dev);
        if (errp && strcmp(qom_error_message(err), qom_error_message(*errp)) != 0) {
            log_report(context, err);
        }
    }
    return backend;
}

static bool plan_qmp(Daemon *daemon, OptionUse *use, bool pretty, QomError **errp)
{
    const char *dev = use->text;
    g_autofree char *id = NULL;
    if (strcmp(dev, "none") == 0) {
        return true;
    }
    if (g_str_has_prefix(dev, "chardev:")) {
        id = g_strdup(dev + strlen("chardev:"));
    } else {
        id = g_strdup_printf("compat_monitor%u", daemon->compat_monitors++);
        dev += g_str_has_prefix(dev, "mon:") ? strlen("mon:") : 0;
        ChardevBackend *backend = parse_short(use, dev, errp);
        if (!backend || !plan_chardev(daemon, use, g_strdup(id), backend, errp)) {
            return false;
        }
    }
    plan_monitor(daemon, use, id)->pretty = pretty;
    return true;
}

bool option_parse_qmp(Daemon *daemon, OptionUse *use, QomError **errp)
{
    return plan_qmp(daemon, use, false, errp);
}

bool option_parse_qmp_pretty(Daemon *daemon, OptionUse *use, QomError **errp)
{
    return plan_qmp(daemon, use, true, errp);
}

static bool check_monitor(const Daemon *daemon, guint at, QomError **errp)
{
    const PlannedMonitor *monitor = g_ptr_array_index(daemon->monitors, at);
    if (!find_chardev(daemon, monitor->chardev)) {
        return qom_error_set(errp, "chardev \"%s\" not found", monitor->chardev);
    }
    for (guint i = 0; i < at; i++) {
        const PlannedMonitor *other = g_ptr_array_index(daemon->monitors, i);
        if (strcmp(other->chardev, monitor->chardev) == 0) {
            return qom_error_set(errp, "chardev '%s' is already in use", monitor->chardev);
        }
    }
    return true;
}

/* Whether @host is this machine whatever the network does. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    return g_ascii_strcasecmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

/* A monitor that the network can reach is told: nothing there asks who comes. */
static void warn_of_network(const PlannedMonitor *monitor, const PlannedChardev *chr)
{
    if (chr->backend->type != CHARDEV_BACKEND_KIND_SOCKET) {
        return;
    }
    const SocketAddressLegacy *addr = chr->backend->u.socket.data->addr;
    if (addr->type == SOCKET_ADDRESS_TYPE_INET && !is_loopback(addr->u.inet.data->host)) {
        log_warn("%s: whoever is at the other end of this TCP connection controls the daemon, and "
                 "anyone on the way; use a Unix socket, or 127.0.0.1 with a tunnel",
                 monitor->context);
    }
}

bool option_check_plan(Daemon *daemon)
{
    QOM_AUTO_ERROR(err);
    for (guint i = 0; i < daemon->monitors->len; i++) {
        const PlannedMonitor *monitor = g_ptr_array_index(daemon->monitors, i);
        if (!check_monitor(daemon, i, &err)) {
            log_report(monitor->context, err);
            return false;
        }
        warn_of_network(monitor, find_chardev(daemon, monitor->chardev));
    }
    if (daemon->detach && daemon->terminal_used) {
        log_error("cannot use stdio with -daemonize");
        return false;
    }
    return true;
}
