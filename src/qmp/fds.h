/* SPDX-License-Identifier: BSD-3-Clause */
/* Named descriptors of a monitor: getfd and closefd. Main thread. */
#ifndef QMP_FDS_H
#define QMP_FDS_H

#include "qmp/session.h"

/* Name -> descriptor, which is closed when its entry goes. */
GHashTable *qmp_named_fds_new(void);

/* Keeps the descriptor that came with @call's message under @name. */
bool qmp_named_fd_store(QmpCall *call, const char *name, QomError **errp);

/* Closes the one kept under @name. */
bool qmp_named_fd_close(QmpCall *call, const char *name, QomError **errp);

#endif
