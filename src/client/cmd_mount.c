/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom mount`: the objects as a file system.
 *
 * One thread waits for the kernel, the server and signals, and does one thing at a time, as the
 * connection does. It ends with the mount (unmounted by somebody, or by a signal) or with the
 * server; then the folder is given free at once, also if somebody is still in it.
 */
#define FUSE_USE_VERSION 31
#include "base/log.h"
#include "client/client.h"
#include "client/mount_fs.h"

#include <errno.h>
#include <fuse.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Who looks at a file waits for the server, and nothing interrupts that: so not for ever. */
#define PATIENCE_S "60"

static void fuse_freep(struct fuse **fuse)
{
    if (*fuse) {
        fuse_destroy(*fuse);
    }
}

static void log_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    if (level <= FUSE_LOG_WARNING) {
        log_error("%s", g_strchomp(text));
    }
}

/* The signals that end the mount, as a descriptor; or -1 and errno. */
static int watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Takes one request of the kernel; false: there is no mount any more. */
static bool take_request(struct fuse_session *session, struct fuse_buf *buf)
{
    int n = fuse_session_receive_buf(session, buf);
    if (n == -EINTR || n == -EAGAIN) {
        return true;
    }
    if (n <= 0) {
        return false;
    }
    fuse_session_process_buf(session, buf);
    return !fuse_session_exited(session);
}

/* Serves until the mount ends (true) or the connection has failed. */
static bool serve(Connection *c, struct fuse_session *session, int signals, QomError **errp)
{
    struct fuse_buf buf = {0};
    bool mounted = true;
    bool alive = true;
    QOM_AUTO_ERROR(err);

    while (mounted && alive) {
        struct pollfd fds[] = {{fuse_session_fd(session), POLLIN, 0},
                               {connection_fd(c), POLLIN, 0},
                               {signals, POLLIN, 0}};
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR) {
            alive = qom_error_set_errno(&err, errno, "poll");
        } else if (fds[2].revents) {
            mounted = false;
        } else if (fds[0].revents) {
            mounted = take_request(session, &buf);
            /* A request that has met the end of the connection was answered with EIO. */
            alive = !connection_broken(c) || connection_wait(c, 0, &err);
        } else if (fds[1].revents) {
            alive = connection_wait(c, 0, &err);
        }
    }
    free(buf.mem);
    return alive || qom_error_propagate(errp, g_steal_pointer(&err));
}

static int run(Client *client, struct fuse *fuse)
{
    QOM_AUTO_ERROR(err);
    int signals = watch_signals();
    if (signals < 0) {
        qom_error_set_errno(&err, errno, "can not wait for signals");
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    bool ended = serve(client->connection, fuse_get_session(fuse), signals, &err);
    close(signals);
    return ended ? CLIENT_OK : client_fail(client, NULL, g_steal_pointer(&err));
}

/* The options for libfuse. The kernel checks the modes, which are a promise to other users with
 * `-o allow_other`. */
static bool make_arguments(const Client *client, struct fuse_args *args)
{
    const char *more = client->option[CLIENT_OPT_MOUNT];
    return fuse_opt_add_arg(args, "qom") == 0 && fuse_opt_add_arg(args, "-o") == 0 &&
           fuse_opt_add_arg(args, "fsname=qom,subtype=qom,default_permissions") == 0 &&
           (!more || (fuse_opt_add_arg(args, "-o") == 0 && fuse_opt_add_arg(args, more) == 0));
}

static int mount_at(Client *client, const char *folder, MountFs *fs)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    __attribute__((cleanup(fuse_freep))) struct fuse *fuse = NULL;
    bool foreground = client->option[CLIENT_OPT_FOREGROUND] != NULL;

    fuse_set_log_func(log_fuse);
    if (make_arguments(client, &args)) {
        fuse = fuse_new(&args, mount_fs_operations(), sizeof(struct fuse_operations), fs);
    }
    fuse_opt_free_args(&args);
    if (!fuse) {
        return CLIENT_USAGE; /* libfuse has said why */
    }
    if (fuse_mount(fuse, folder) != 0) {
        return client_usage(client, "nothing can be mounted on '%s'", folder);
    }
    fflush(stdout);
    int status = fuse_daemonize(foreground) == 0
                     ? run(client, fuse)
                     : client_usage(client, "can not go into the background");
    fuse_unmount(fuse);
    return status;
}

int cmd_mount(Client *client, char **operands, size_t n)
{
    MountFs fs;
    int status;

    /* In the background the working directory is another. */
    g_autofree char *folder = g_canonicalize_filename(operands[0], NULL);
    if (!client->option[CLIENT_OPT_TIMEOUT]) {
        client->option[CLIENT_OPT_TIMEOUT] = PATIENCE_S;
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    MountTree *tree =
        mount_tree_new(client->connection, client->option[CLIENT_OPT_FOREGROUND] != NULL);
    mount_fs_init(&fs, tree);
    status = mount_at(client, folder, &fs);
    mount_fs_clear(&fs);
    mount_tree_free(tree);
    return status;
}
