/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of the program as clients of a virtual machine see it, and its end.
 *
 *     prelaunch --cont--> running --stop--> paused --cont--> running
 *
 * With -preconfig, x-exit-preconfig comes first; without -S it does what cont does.
 */
#include "daemon/daemon.h"

#include "qapi-commands.h"
#include "qapi-events.h"

#include <string.h>

void run_state_set(Daemon *daemon, RunState state)
{
    RunState old = daemon->state;
    daemon->state = state;
    if (old != RUN_STATE_RUNNING && state == RUN_STATE_RUNNING) {
        qapi_event_send_resume();
    } else if (old == RUN_STATE_RUNNING && state != RUN_STATE_RUNNING) {
        qapi_event_send_stop();
    }
}

void daemon_shut_down(Daemon *daemon, ShutdownCause cause)
{
    if (!daemon->ending) {
        daemon->ending = true;
        qapi_event_send_shutdown(false, cause);
    }
    loop_stop(daemon->loop);
}

bool qmp_query_status(StatusInfo *ret, QomError **errp)
{
    RunState state = daemon_current()->state;
    *ret = (StatusInfo){.running = state == RUN_STATE_RUNNING, .status = state};
    return true;
}

bool qmp_stop(QomError **errp)
{
    Daemon *daemon = daemon_current();
    if (daemon->state == RUN_STATE_RUNNING) {
        run_state_set(daemon, RUN_STATE_PAUSED);
    }
    return true;
}

bool qmp_cont(QomError **errp)
{
    run_state_set(daemon_current(), RUN_STATE_RUNNING);
    return true;
}

bool qmp_x_exit_preconfig(QomError **errp)
{
    Daemon *daemon = daemon_current();
    if (!qmp_get_preconfig()) {
        return qom_error_set(errp, "The command is permitted only before machine initialization");
    }
    qmp_set_preconfig(false);
    if (!daemon->wait_for_cont) {
        run_state_set(daemon, RUN_STATE_RUNNING);
    }
    return true;
}
