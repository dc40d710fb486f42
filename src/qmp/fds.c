/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors that clients pass: those that came with a message, and those kept under a name.
 *
 * A set that came belongs to the session until a command takes from it: then it is that command's,
 * and what the command leaves is closed. A set that nobody took is closed when the next comes or
 * the session ends. Names belong to the monitor and outlive the connection.
 */
#include "qmp/fds.h"

#include "qmp/monitor.h"

#include <string.h>
#include <unistd.h>

/* Names of one monitor: peers must not take all of the process's descriptors. */
#define NAMED_FDS_MAX 256
#define FD_NAME_BYTES 4096

/* --- Descriptors of a message ---------------------------------------------------------------- */

void qmp_fds_received(QmpSession *session, IoFds *fds)
{
    qmp_session_lock(session);
    io_fds_close(&session->received);
    session->received = *fds;
    qmp_session_unlock(session);
    fds->n = 0;
}

void qmp_fds_drop(QmpSession *session)
{
    qmp_session_lock(session);
    io_fds_close(&session->received);
    qmp_session_unlock(session);
}

int qmp_call_take_fd(QmpCall *call, QomError **errp)
{
    int fd = -1;

    if (call) {
        QmpSession *session = call->session;
        qmp_session_lock(session);
        IoFds *received = &session->received;
        if (received->n > 0) {
            fd = received->fd[0];
            received->n--;
            memmove(received->fd, received->fd + 1, received->n * sizeof(received->fd[0]));
            call->took_fd = true;
        }
        qmp_session_unlock(session);
    }
    if (fd < 0) {
        qom_error_set(errp, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

bool qmp_call_attach_fd(QmpCall *call, int fd, QomError **errp)
{
    QmpSession *session = call->session;

    qmp_session_lock(session);
    bool possible = session->channel && io_channel_passes_fds(session->channel);
    qmp_session_unlock(session);
    if (!possible) {
        close(fd);
        return qom_error_set(errp, "This monitor can not pass file descriptors");
    }
    if (call->attached.n == IO_FDS_MAX) {
        close(fd);
        return qom_error_set(errp, "A reply carries at most %d file descriptors", IO_FDS_MAX);
    }
    call->attached.fd[call->attached.n++] = fd;
    return true;
}

/* --- Named descriptors ----------------------------------------------------------------------- */

static void close_named(void *fd)
{
    close(GPOINTER_TO_INT(fd));
}

GHashTable *qmp_named_fds_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_named);
}

bool qmp_named_fd_store(QmpCall *call, const char *name, QomError **errp)
{
    int fd = qmp_call_take_fd(call, errp);

    if (fd < 0) {
        return false;
    }
    if (g_ascii_isdigit(name[0])) {
        close(fd);
        return qom_error_set(errp, "Parameter 'fdname' expects a name not starting with a digit");
    }
    if (strnlen(name, FD_NAME_BYTES) == FD_NAME_BYTES) {
        close(fd);
        return qom_error_set(errp, "Parameter 'fdname' expects a name of less than %d bytes",
                             FD_NAME_BYTES);
    }
    GHashTable *fds = call->session->monitor->named_fds;
    if (g_hash_table_size(fds) >= NAMED_FDS_MAX && !g_hash_table_contains(fds, name)) {
        close(fd);
        return qom_error_set(errp, "Too many named file descriptors (maximum is %d)",
                             NAMED_FDS_MAX);
    }
    g_hash_table_replace(fds, g_strdup(name), GINT_TO_POINTER(fd));
    return true;
}

bool qmp_named_fd_close(QmpCall *call, const char *name, QomError **errp)
{
    return (call && g_hash_table_remove(call->session->monitor->named_fds, name)) ||
           qom_error_set(errp, "File descriptor named '%s' not found", name);
}

int qmp_call_take_named_fd(QmpCall *call, const char *name, QomError **errp)
{
    void *key, *fd;

    if (call && call->session->monitor &&
        g_hash_table_steal_extended(call->session->monitor->named_fds, name, &key, &fd)) {
        g_free(key);
        return GPOINTER_TO_INT(fd);
    }
    qom_error_set(errp, "File descriptor named '%s' has not been found", name);
    return -1;
}
