/* SPDX-License-Identifier: BSD-3-Clause */
/* A monitor: a character device, the sessions of its clients, the descriptors they left. */
#ifndef QMP_MONITOR_H
#define QMP_MONITOR_H

#include "qmp/session.h"

#include "qom/chardev.h"

#define QMP_MAX_CLIENTS 1024

struct QmpMonitor {
    QmpServer *server;
    TAILQ_ENTRY(QmpMonitor) link;
    char *id;          /* or NULL */
    char *chardev;     /* its id */
    Chardev *chr;      /* NULL: a monitor without one */
    bool owns_chardev; /* and removes it at its end */
    char *policy;      /* or NULL: everything is allowed */
    bool pretty;
    unsigned max_clients;
    TAILQ_HEAD(, QmpSession) sessions;
    unsigned n_sessions;
    GHashTable *named_fds; /* name -> GINT_TO_POINTER(descriptor); what getfd stored */
};

/* A monitor on no character device, for sessions that are given to it. */
QmpMonitor *qmp_monitor_new_bare(const QmpMonitorOptions *options, QomError **errp);

/* The value of query-version. */
void qmp_write_version(JsonWriter *writer);

/* qmp_capabilities. */
bool qmp_session_negotiate(QmpSession *session, bool oob, QomError **errp);

#endif
