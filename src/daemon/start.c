/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the plan to what it describes, and the way back.
 *
 * While something takes its time (a server waits for its client, an object for a FIFO) the main
 * loop runs, so that signals end the program here too.
 */
#include "daemon/daemon.h"
#include "daemon/sandbox.h"

#include "backend/memory/memory.h"
#include "backend/thread/thread.h"
#include "base/log.h"
#include "qapi-char.h"
#include "qapi-sockets.h"
#include "qom/object.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* How long the end waits for clients to take what they are owed. */
#define FLUSH_MS 500

/* How long it waits for work in other threads, such as an object-add of a client. */
#define WORK_NS INT64_C(500000000)
#define TICK_NS INT64_C(2000000)

/* --- Objects --------------------------------------------------------------------------------- */

/* What may block, in a worker thread. */
typedef struct Job {
    bool (*work)(void *opaque, QomError **errp);
    void *opaque;
    QomError *error;
    bool ok;
    bool finished;
} Job;

static void job_work(void *opaque)
{
    Job *job = opaque;
    job->ok = job->work(job->opaque, &job->error);
}

static void job_done(void *opaque)
{
    ((Job *)opaque)->finished = true;
}

/* Runs @work(@opaque) in a worker while the main loop goes on. */
static bool run_job(Daemon *daemon, bool (*work)(void *opaque, QomError **errp), void *opaque,
                    QomError **errp)
{
    Job job = {.work = work, .opaque = opaque};
    if (!loop_pool_submit(daemon->loop, job_work, job_done, &job, errp)) {
        return false;
    }
    while (!job.finished) {
        loop_iterate(daemon->loop, true);
    }
    return job.ok || qom_error_propagate(errp, job.error);
}

static bool complete_work(void *opaque, QomError **errp)
{
    return qom_object_add_complete(opaque, errp);
}

static bool complete(Daemon *daemon, QomCreation *creation, QomError **errp)
{
    return qom_object_add_blocks(creation) ? run_job(daemon, complete_work, creation, errp)
                                           : qom_object_add_complete(creation, errp);
}

static bool create_object(Daemon *daemon, PlannedObject *planned, QomError **errp)
{
    QomCreation *creation = qom_object_add_begin(planned->tape, JSON_ROOT, NULL, errp);
    json_tape_wipe(planned->tape);
    if (!creation) {
        return false;
    }
    if (!complete(daemon, creation, errp)) {
        qom_object_add_abort(creation);
        return false;
    }
    qom_object_add_finish(creation);
    return true;
}

static bool create_objects(Daemon *daemon, ObjectPhase phase)
{
    QOM_AUTO_ERROR(err);
    for (guint i = 0; i < daemon->objects->len; i++) {
        PlannedObject *planned = g_ptr_array_index(daemon->objects, i);
        if (planned->phase == phase && !create_object(daemon, planned, &err)) {
            log_report(NULL, err);
            return false;
        }
    }
    return true;
}

static bool release_work(void *opaque, QomError **errp)
{
    return memory_prealloc_release(errp);
}

/* The memory of all of them is preallocated at the same time, at the end. */
static bool create_objects_with_memory(Daemon *daemon)
{
    QOM_AUTO_ERROR(err);
    memory_prealloc_hold();
    if (!create_objects(daemon, PHASE_OBJECT)) {
        return false;
    }
    if (memory_prealloc_release_blocks() ? !run_job(daemon, release_work, NULL, &err)
                                         : !memory_prealloc_release(&err)) {
        log_report(NULL, err);
        return false;
    }
    return true;
}

/* --- Character devices and monitors ---------------------------------------------------------- */

/* A socket given as fd=NAME that the service manager has passed under that name gets its number. */
static void find_passed_fd(const ChardevBackend *backend)
{
    if (backend->type != CHARDEV_BACKEND_KIND_SOCKET) {
        return;
    }
    const SocketAddressLegacy *addr = backend->u.socket.data->addr;
    int fd = addr->type == SOCKET_ADDRESS_TYPE_FD ? systemd_take_fd(addr->u.fd.data->str) : -1;
    if (fd >= 0) {
        g_free(addr->u.fd.data->str);
        addr->u.fd.data->str = g_strdup_printf("%d", fd);
    }
}

static bool create_chardevs(Daemon *daemon)
{
    QOM_AUTO_ERROR(err);
    for (guint i = 0; i < daemon->chardevs->len; i++) {
        PlannedChardev *planned = g_ptr_array_index(daemon->chardevs, i);
        find_passed_fd(planned->backend);
        if (!chardev_add_wait(planned->id, planned->backend, &err)) {
            log_report(planned->context, err);
            return false;
        }
    }
    return true;
}

static bool create_monitors(Daemon *daemon)
{
    QOM_AUTO_ERROR(err);
    for (guint i = 0; i < daemon->monitors->len; i++) {
        const PlannedMonitor *planned = g_ptr_array_index(daemon->monitors, i);
        QmpMonitorOptions options = {
            .id = planned->id,
            .chardev = planned->chardev,
            .pretty = planned->pretty,
            .max_clients = planned->max_clients,
            .policy = planned->policy,
        };
        if (!qmp_monitor_new(&options, &err)) {
            log_report(planned->context, err);
            return false;
        }
    }
    return true;
}

/* --- The process ----------------------------------------------------------------------------- */

static void handle_quit(void *opaque)
{
    daemon_shut_down(opaque, SHUTDOWN_CAUSE_HOST_QMP_QUIT);
}

static bool start_process(Daemon *daemon, QomError **errp)
{
    if (daemon->process) {
        prctl(PR_SET_NAME, daemon->process);
    }
    if (daemon->detach && !detach_begin(daemon, errp)) {
        return false;
    }
    if (!run_with_prepare(&daemon->run_with, errp)) {
        return false;
    }
    daemon->loop = loop_new(errp);
    if (!daemon->loop) {
        return false;
    }
    loop_set_main(daemon->loop);
    if (!signals_start(daemon, errp)) {
        return false;
    }
    if (daemon->pidfile) {
        daemon->pidfile_fd = pidfile_create(daemon->pidfile, errp);
        if (daemon->pidfile_fd < 0) {
            qom_error_prefix(errp, "cannot create PID file: ");
            return false;
        }
    }
    return true;
}

/* Everything is there and nobody is served: what was needed for it is given up. */
static bool give_up_rights(Daemon *daemon, QomError **errp)
{
    SandboxNeeds needs = {
        .io_uring = event_loop_any_wants_ring(),
        .sanitizer = sandbox_is_sanitized(),
    };
    return run_with_apply(&daemon->run_with, errp) &&
           (!daemon->sandbox.enable || sandbox_enter(&daemon->sandbox, &needs, errp));
}

static void set_first_state(Daemon *daemon)
{
    qmp_set_quit(handle_quit, daemon);
    qmp_set_preconfig(daemon->preconfig);
    if (!daemon->preconfig && !daemon->wait_for_cont) {
        run_state_set(daemon, RUN_STATE_RUNNING);
    }
}

static void tell_ready(Daemon *daemon)
{
    g_autofree char *state = g_strdup_printf("READY=1\nMAINPID=%ld", (long)getpid());
    systemd_notify(state);
    detach_ready(daemon);
}

bool daemon_start(Daemon *daemon)
{
    QOM_AUTO_ERROR(err);
    if (!start_process(daemon, &err)) {
        log_report(NULL, err);
        return false;
    }
    if (!create_objects(daemon, PHASE_THREAD_CONTEXT) || !create_objects_with_memory(daemon) ||
        !create_chardevs(daemon) || !create_objects(daemon, PHASE_LATE_OBJECT)) {
        return false;
    }
    if (!give_up_rights(daemon, &err)) {
        log_report(NULL, err);
        return false;
    }
    set_first_state(daemon);
    if (!create_monitors(daemon)) {
        return false;
    }
    daemon->serving = true;
    tell_ready(daemon);
    return true;
}

static void remove_pidfile(Daemon *daemon)
{
    if (daemon->pidfile_fd >= 0) {
        pidfile_remove(daemon->pidfile, daemon->pidfile_fd);
        daemon->pidfile_fd = -1;
    }
}

static void do_nothing(void *opaque)
{
}

static bool is_working(const Daemon *daemon)
{
    LoopStats stats;
    loop_get_stats(daemon->loop, &stats);
    return stats.pool_busy > 0 || stats.pool_queued > 0 || stats.calls_queued > 0;
}

/* Lets workers come to an end, which takes back what they had not finished. False: one may wait for
 * ever, for the writer of a FIFO. */
static bool end_work(Daemon *daemon)
{
    int64_t deadline_ns = loop_now_ns() + WORK_NS;
    LoopTimer tick;
    qom_objects_cancel();
    loop_timer_init(&tick, daemon->loop, do_nothing, NULL);
    while (is_working(daemon) && loop_now_ns() < deadline_ns) {
        loop_timer_arm_in(&tick, TICK_NS);
        loop_iterate(daemon->loop, true);
    }
    loop_timer_cancel(&tick);
    return !is_working(daemon);
}

static G_NORETURN void leave(Daemon *daemon)
{
    memory_abandon();
    remove_pidfile(daemon);
    _exit(EXIT_SUCCESS);
}

void daemon_abandon(Daemon *daemon)
{
    /* Whoever waits further up the stack is not told: objects may be in the hands of workers. */
    chardev_cleanup(0);
    end_work(daemon);
    leave(daemon);
}

void daemon_clean_up(Daemon *daemon)
{
    /* Sockets may have been given by names relative to where we began. */
    /* syscalls: fchdir -- sockets with relative names are removed */
    if (daemon->start_dir_fd >= 0 && fchdir(daemon->start_dir_fd) < 0) {
        log_warn("could not go back to the first working directory");
    }
    if (daemon->loop) {
        signals_stop(daemon);
        qmp_shutdown();
        chardev_cleanup(FLUSH_MS);
        if (!end_work(daemon)) {
            leave(daemon);
        }
        qom_objects_clear();
        qom_tree_destroy();
        loop_set_main(NULL);
        loop_free(daemon->loop);
    }
    remove_pidfile(daemon);
}
