/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about descriptors that clients pass: getfd, closefd, add-fd, remove-fd, query-fdsets. */
#include "qmp/fds.h"

#include "io/fdset.h"
#include "qapi-commands.h"

#include <unistd.h>

bool qmp_getfd(const char *fdname, QomError **errp)
{
    return qmp_named_fd_store(qmp_call_current(), fdname, errp);
}

bool qmp_closefd(const char *fdname, QomError **errp)
{
    return qmp_named_fd_close(qmp_call_current(), fdname, errp);
}

bool qmp_add_fd(bool has_fdset_id, int64_t fdset_id, const char *opaque, AddfdInfo *ret,
                QomError **errp)
{
    int fd = qmp_call_take_fd(qmp_call_current(), errp);
    if (fd < 0) {
        return false;
    }
    if (has_fdset_id && fdset_id < 0) {
        close(fd);
        return qom_error_set(errp, "Parameter 'fdset-id' expects a non-negative value");
    }
    ret->fd = fd;
    return io_fdset_add(fd, has_fdset_id ? &fdset_id : NULL, opaque, &ret->fdset_id, errp);
}

bool qmp_remove_fd(int64_t fdset_id, bool has_fd, int64_t fd, QomError **errp)
{
    return io_fdset_remove(fdset_id, has_fd ? &fd : NULL, errp);
}

/* Appends to the set before if it is the same. */
static void list_fdset_member(void *opaque, int64_t id, int fd, const char *note)
{
    FdsetInfoList *list = opaque;

    if (list->n == 0 || list->items[list->n - 1].fdset_id != id) {
        list->items = g_renew(FdsetInfo, list->items, list->n + 1);
        list->items[list->n++] = (FdsetInfo){.fdset_id = id};
    }
    if (fd < 0) {
        return;
    }
    FdsetFdInfoList *fds = &list->items[list->n - 1].fds;
    fds->items = g_renew(FdsetFdInfo, fds->items, fds->n + 1);
    fds->items[fds->n++] = (FdsetFdInfo){.fd = fd, .opaque = g_strdup(note)};
}

bool qmp_query_fdsets(FdsetInfoList *ret, QomError **errp)
{
    io_fdset_foreach(list_fdset_member, ret);
    return true;
}
