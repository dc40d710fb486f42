/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon: from a command line to a serving process, and back to nothing.
 *
 *     scan -> parse, stage by stage -> check -> detach -> pid file -> create -> serve -> clean up
 *
 * Everything that can be known to be wrong before anything exists is found in the first three
 * steps; parsing only fills in the plan (struct Daemon). What fails later is undone by the last
 * step, which is the same for a failure as for an orderly end.
 *
 * Threads: all of the room belongs to the main thread.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "qapi-cli.h"
#include "qapi-run-state.h"
#include "qom/chardev.h"
#include "qom/error.h"
#include "qom/json.h"
#include "qom/loop.h"
#include "qom/qmp.h"

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct Daemon Daemon;

/* --- The plan: what the command line asks for ------------------------------------------------ */

/* When an object is created: all of the first kind, then all of the second, then character devices,
 * the third kind, monitors; whatever the order of the options. */
typedef enum ObjectPhase {
    PHASE_THREAD_CONTEXT,
    PHASE_OBJECT,
    PHASE_LATE_OBJECT, /* those that need character devices or networks, or take long */
} ObjectPhase;

typedef struct PlannedObject {
    ObjectPhase phase;
    JsonTape *tape; /* owned */
} PlannedObject;

typedef struct PlannedChardev {
    char *id;
    ChardevBackend *backend; /* owned */
    char *context;           /* of the error when it can not be made, such as "-qmp unix:PATH" */
} PlannedChardev;

typedef struct PlannedMonitor {
    char *id; /* or NULL */
    char *chardev;
    char *policy; /* or NULL */
    unsigned max_clients;
    bool pretty;
    char *context;
} PlannedMonitor;

/* -run-with, see run_with.c. */
typedef struct RunWith {
    char *user; /* as it was given, or NULL */
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    char *chroot; /* absolute, or NULL */
    bool async_teardown;
    int teardown_fd; /* for the process that waits */
} RunWith;

struct Daemon {
    GPtrArray *uses; /* OptionUse, in the order given */

    /* the plan */
    GPtrArray *objects;       /* PlannedObject */
    GPtrArray *chardevs;      /* PlannedChardev */
    GPtrArray *monitors;      /* PlannedMonitor */
    unsigned compat_monitors; /* short forms of monitors seen, for the names of their chardevs */
    GPtrArray *modules;       /* const QomModule: those of third parties */
    GArray *given_fds;        /* int: descriptors of -add-fd, closed once all options are parsed */
    char *name;               /* -name guest=, or NULL */
    char *process;            /* -name process=, or NULL */
    char *uuid;               /* -uuid, or NULL */
    char *pidfile;            /* absolute, or NULL */
    bool detach;              /* -daemonize */
    bool wait_for_cont;       /* -S */
    bool preconfig;
    SandboxOptions sandbox; /* no pointers in it */
    RunWith run_with;
    bool done;          /* an option such as -h has done all there is to do */
    bool terminal_used; /* by a character device */
    bool warned_of_secret;

    /* the process */
    Loop *loop;
    RunState state;
    int pidfile_fd;   /* holds the lock; -1: none */
    int ready_fd;     /* to the process that waits for us to serve; -1: none */
    int null_fd;      /* what -daemonize puts in place of the terminal; -1: nothing */
    int start_dir_fd; /* the working directory before -daemonize left it; -1: it did not, or it is
                       * out of reach */
    LoopFd *signal_watch;
    bool serving;
    bool ending; /* SHUTDOWN was sent */
};

/* The daemon of the process, for handlers of commands; an empty one in programs that embed the
 * library. */
Daemon *daemon_current(void);

/* All of it: returns the status to exit with. @argv is written to (secrets are wiped). */
int daemon_main(int argc, char **argv);

/* Makes an empty plan, which is then the current one, and frees one. */
void daemon_init(Daemon *daemon);
void daemon_clear(Daemon *daemon);

/* --- start.c --------------------------------------------------------------------------------- */

/* Makes everything in the plan and begins to serve. A failure has been reported; what was made is
 * left to daemon_clean_up(). */
bool daemon_start(Daemon *daemon);

/* Ends the process where it stands, with work in other threads or in functions further up; leaves
 * no file behind. */
G_NORETURN void daemon_abandon(Daemon *daemon);

/* Ends monitors, then character devices, then objects. Fine at any point after parsing. */
void daemon_clean_up(Daemon *daemon);

/* --- run_state.c ----------------------------------------------------------------------------- */

/* Enters @state, with event STOP or RESUME if that leaves or enters RUN_STATE_RUNNING. */
void run_state_set(Daemon *daemon, RunState state);

/* Sends SHUTDOWN and ends the main loop. */
void daemon_shut_down(Daemon *daemon, ShutdownCause cause);

/* --- detach.c: -daemonize -------------------------------------------------------------------- */

/* Goes on in a new session in the background. The process of the caller waits until the new one
 * serves and exits with 0, or with 1 if that has ended before; only the new one returns. */
bool detach_begin(Daemon *daemon, QomError **errp);

/* Leaves terminal and working directory and lets the waiting process go. Nothing without
 * detach_begin(). */
void detach_ready(Daemon *daemon);

/* --- pidfile.c ------------------------------------------------------------------------------- */

/* Makes and locks @path with our process id in it. Returns the descriptor that holds the lock, or
 * -1. */
int pidfile_create(const char *path, QomError **errp);

/* Removes @path, if it is still ours, or empties it if we may not any more, and closes @fd. */
void pidfile_remove(const char *path, int fd);

/* --- run_with.c: -run-with ------------------------------------------------------------------- */

/* What must be given up before there are threads. */
bool run_with_prepare(const RunWith *with, QomError **errp);

/* Leaves the root folder and changes user, for good, in all threads. */
bool run_with_apply(RunWith *with, QomError **errp);

void run_with_clear(RunWith *with);

/* --- systemd.c ------------------------------------------------------------------------------- */

/* Takes NOTIFY_SOCKET and LISTEN_FDS out of the environment: children have no business with them.
 * Descriptors that were passed get close-on-exec. */
void systemd_take_environment(void);

/* Lets go of all that it gave but the descriptors. */
void systemd_forget(void);

/* The first descriptor passed under @name (FileDescriptorName= of the socket unit) that nobody has
 * taken yet; -1: there is none. */
int systemd_take_fd(const char *name);

/* Tells the service manager @state, such as "READY=1", if there is one that listens. */
void systemd_notify(const char *state);

/* --- signals.c ------------------------------------------------------------------------------- */

/* Handles SIGTERM, SIGINT and SIGHUP in the main loop from here on, and ignores SIGPIPE. */
bool signals_start(Daemon *daemon, QomError **errp);
void signals_stop(Daemon *daemon);

/* --- modules.c ------------------------------------------------------------------------------- */

/* Registers the types that are built in. */
void daemon_register_types(void);

/* Loads the third party's module in the file @path and runs its init. */
bool daemon_load_module(Daemon *daemon, const char *path, QomError **errp);

#endif
