/* SPDX-License-Identifier: BSD-3-Clause */
/* The state and the settings that all monitors share. */
#include "qmp/server.h"

#include "qmp/session.h"

#include "config.h"
#include "json/tape.h"

#include <stdlib.h>
#include <string.h>

/* What a monitor with policy=readonly may do: look, and negotiate. */
static const char *const readonly_commands[] = {
    "qmp_capabilities",
    "query-*",
    "qom-list",
    "qom-get",
    "qom-list-get",
    "qom-list-types",
    "qomd-tree-get",
    "qom-list-properties",
    "device-list-properties",
    "qomd-watch",
    "qomd-unwatch",
    "qomd-users",
    "qomd-describe-type",
    "qomd-query-monitors",
    NULL,
};

static JsonTape *empty_object(void)
{
    JsonTapeBuilder builder;
    json_builder_init(&builder);
    json_builder_begin_object(&builder);
    json_builder_end(&builder);
    return json_builder_finish(&builder);
}

QmpServer *qmp_server(void)
{
    static QmpServer *the_server;

    if (g_once_init_enter(&the_server)) {
        QmpServer *server = g_new0(QmpServer, 1);
        server->commands = g_hash_table_new(g_str_hash, g_str_equal);
        server->schemas = g_ptr_array_new();
        server->policies =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
        server->no_arguments = empty_object();
        TAILQ_INIT(&server->monitors);
        g_hash_table_insert(server->policies, g_strdup("readonly"),
                            g_strdupv((char **)readonly_commands));
        g_once_init_leave(&the_server, server);
    }
    return the_server;
}

void qmp_add_schema(const QapiSchema *schema)
{
    QmpServer *server = qmp_server();

    for (uint32_t i = 0; i < schema->n_commands; i++) {
        const QapiCommand *command = schema->commands[i];
        if (!g_hash_table_insert(server->commands, (char *)command->name, (void *)command)) {
            g_error("QMP command '%s' is defined twice", command->name);
        }
        if ((command->flags & QAPI_COMMAND_OOB) && !command->call) {
            g_error("QMP command '%s' allows OOB but may answer later", command->name);
        }
    }
    g_ptr_array_add(server->schemas, (void *)schema);
    g_clear_pointer(&server->introspection, g_free);
}

const char *qmp_version_package(void)
{
    return "qomd " QOM_VERSION;
}

void qmp_set_compat(const QapiPolicy *policy)
{
    QmpServer *server = qmp_server();
    server->compat = *policy;
    g_clear_pointer(&server->introspection, g_free);
}

const QapiPolicy *qmp_get_compat(void)
{
    return &qmp_server()->compat;
}

void qmp_set_preconfig(bool preconfig)
{
    __atomic_store_n(&qmp_server()->preconfig, preconfig, __ATOMIC_RELAXED);
}

bool qmp_get_preconfig(void)
{
    return __atomic_load_n(&qmp_server()->preconfig, __ATOMIC_RELAXED);
}

void qmp_set_quit(LoopFn *quit, void *opaque)
{
    QmpServer *server = qmp_server();
    server->quit = quit;
    server->quit_opaque = opaque;
}

bool qmp_add_policy(const char *name, const char *const *commands, QomError **errp)
{
    QmpServer *server = qmp_server();

    if (g_hash_table_contains(server->policies, name)) {
        return qom_error_set(errp, "Monitor policy '%s' exists already", name);
    }
    g_hash_table_insert(server->policies, g_strdup(name), g_strdupv((char **)commands));
    return true;
}

const QapiCommand *qmp_server_find_command(const QmpServer *server, const char *name)
{
    return g_hash_table_lookup(server->commands, name);
}

static bool pattern_matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*') {
        return strncmp(pattern, name, len - 1) == 0;
    }
    return strcmp(pattern, name) == 0;
}

bool qmp_server_policy_allows(const QmpServer *server, const char *policy, const char *command)
{
    if (!policy) {
        return true;
    }
    char **patterns = g_hash_table_lookup(server->policies, policy);
    for (; patterns && *patterns; patterns++) {
        if (pattern_matches(*patterns, command)) {
            return true;
        }
    }
    return false;
}

Loop *qmp_server_reader(QmpServer *server, QomError **errp)
{
    if (!server->reader) {
        server->reader = loop_thread_new("mon_iothread", NULL, NULL, errp);
    }
    return server->reader ? loop_thread_get_loop(server->reader) : NULL;
}
