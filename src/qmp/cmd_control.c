/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about the monitor itself: negotiation, version, introspection, quit. */
#include "qmp/monitor.h"

#include "qapi-commands.h"

#include <stdlib.h>
#include <string.h>

bool qmp_qmp_capabilities(const QMPCapabilityList *enable, QomError **errp)
{
    QmpCall *call = qmp_call_current();
    bool oob = false;

    for (size_t i = 0; enable && i < enable->n; i++) {
        oob |= enable->items[i] == QMP_CAPABILITY_OOB;
    }
    return qmp_session_negotiate(call->session, oob, errp);
}

bool qmp_query_version(VersionInfo *ret, QomError **errp)
{
    ret->qemu = g_new0(VersionTriple, 1);
    ret->qemu->major = QMP_VERSION_MAJOR;
    ret->qemu->minor = QMP_VERSION_MINOR;
    ret->qemu->micro = QMP_VERSION_MICRO;
    ret->package = g_strdup(qmp_version_package());
    return true;
}

static int compare_commands(const void *a, const void *b)
{
    return strcmp(((const CommandInfo *)a)->name, ((const CommandInfo *)b)->name);
}

bool qmp_query_commands(CommandInfoList *ret, QomError **errp)
{
    const QmpCall *call = qmp_call_current();
    const char *policy = call ? call->session->policy : NULL;
    QmpServer *server = qmp_server();
    GHashTableIter iter;
    void *name;

    ret->items = g_new0(CommandInfo, g_hash_table_size(server->commands));
    g_hash_table_iter_init(&iter, server->commands);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (qmp_server_policy_allows(server, policy, name)) {
            ret->items[ret->n++].name = g_strdup(name);
        }
    }
    qsort(ret->items, ret->n, sizeof(*ret->items), compare_commands);
    return true;
}

void qmp_query_qmp_schema(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    size_t len;
    const char *text = qmp_server_introspection(qmp_server(), &len);
    if (!text) {
        QomError *error = NULL;
        qom_error_set(&error, "Out of memory for the schema");
        qmp_call_fail(call, error);
        return;
    }
    qmp_call_return_json(call, text, len);
}

static void quit_later(void *opaque)
{
    QmpServer *server = qmp_server();
    if (server->quit) {
        server->quit(server->quit_opaque);
    }
}

bool qmp_quit(QomError **errp)
{
    if (!qmp_server()->quit) {
        return qom_error_set(errp, "This program does not end by command");
    }
    loop_post(loop_main(), quit_later, NULL);
    return true;
}
