/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all monitors of the process share: the commands served, the settings, the list of monitors
 * and the count of the memory that their clients take.
 *
 * Main thread, but for what is marked otherwise. The settings are made before the first monitor is
 * served and only `preconfig` changes later, so that reader threads may read them.
 */
#ifndef QMP_SERVER_H
#define QMP_SERVER_H

#include "qom/loop.h"
#include "qom/qmp.h"

#include <glib.h>
#include <sys/queue.h>

/* The version of QEMU whose schema is served. */
enum { QMP_VERSION_MAJOR = 8, QMP_VERSION_MINOR = 2, QMP_VERSION_MICRO = 0 };

/* A client above QMP_MEMORY_FAIR bytes (input that is not complete, output that is not read) is
 * dropped if it takes more while all clients together have more than QMP_MEMORY_MAX. */
#define QMP_MEMORY_MAX  (512u << 20)
#define QMP_MEMORY_FAIR (1u << 20)

typedef struct QmpServer {
    GHashTable *commands; /* name -> const QapiCommand * */
    GPtrArray *schemas;   /* of const QapiSchema * */
    GHashTable *policies; /* name -> char **, patterns of commands that it allows */
    JsonTape *no_arguments;
    char *introspection; /* reply to query-qmp-schema; NULL: not asked for since a change */
    size_t introspection_len;
    size_t introspection_extra; /* types in it that the core's schema does not name */
    QapiPolicy compat;
    bool preconfig; /* atomic */
    LoopFn *quit;
    void *quit_opaque;
    TAILQ_HEAD(, QmpMonitor) monitors;
    LoopThread *reader;  /* of all sessions with out-of-band commands; NULL until there is one */
    size_t memory_bytes; /* of all sessions; atomic */
    unsigned holding;    /* sessions whose input waits for a turn; atomic */
} QmpServer;

/* The one of the process; made by the first qmp_ function that needs it. */
QmpServer *qmp_server(void);

/* The command called @name, which is zero-terminated, or NULL. Any thread. */
const QapiCommand *qmp_server_find_command(const QmpServer *server, const char *name);

/* Whether the policy called @policy (NULL: none) allows @command. Any thread. */
bool qmp_server_policy_allows(const QmpServer *server, const char *policy, const char *command);

/* The reply to query-qmp-schema, of *len bytes; the server's. Main thread. */
const char *qmp_server_introspection(QmpServer *server, size_t *len);

/* The member `package` of the version. */
const char *qmp_version_package(void);

/* The loop of the reader thread, which is started if need be. NULL and *errp if it can not be. */
Loop *qmp_server_reader(QmpServer *server, QomError **errp);

#endif
