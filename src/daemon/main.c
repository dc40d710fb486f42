/* SPDX-License-Identifier: BSD-3-Clause */
/* The way through a daemon's life. */
#include "daemon/option.h"

#include "base/log.h"
#include "qom/object.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void planned_object_free(void *opaque)
{
    PlannedObject *planned = opaque;
    json_tape_wipe(planned->tape);
    json_tape_free(planned->tape);
    g_free(planned);
}

static void planned_chardev_free(void *opaque)
{
    PlannedChardev *planned = opaque;
    g_free(planned->id);
    chardev_backend_free(planned->backend);
    g_free(planned->context);
    g_free(planned);
}

static void planned_monitor_free(void *opaque)
{
    PlannedMonitor *planned = opaque;
    g_free(planned->id);
    g_free(planned->chardev);
    g_free(planned->policy);
    g_free(planned->context);
    g_free(planned);
}

static Daemon **current_slot(void)
{
    static Daemon *current;
    return &current;
}

Daemon *daemon_current(void)
{
    /* Programs that embed the library serve the same commands without being a daemon. */
    static Daemon embedded = {.state = RUN_STATE_RUNNING};
    Daemon *daemon = *current_slot();
    return daemon ? daemon : &embedded;
}

void daemon_init(Daemon *daemon)
{
    *daemon = (Daemon){
        .objects = g_ptr_array_new_with_free_func(planned_object_free),
        .chardevs = g_ptr_array_new_with_free_func(planned_chardev_free),
        .monitors = g_ptr_array_new_with_free_func(planned_monitor_free),
        .modules = g_ptr_array_new(),
        .given_fds = g_array_new(false, false, sizeof(int)),
        .state = RUN_STATE_PRELAUNCH,
        .pidfile_fd = -1,
        .ready_fd = -1,
        .null_fd = -1,
        .start_dir_fd = -1,
    };
    *current_slot() = daemon;
}

void daemon_clear(Daemon *daemon)
{
    *current_slot() = NULL;
    g_ptr_array_unref(daemon->objects);
    g_ptr_array_unref(daemon->chardevs);
    g_ptr_array_unref(daemon->monitors);
    g_ptr_array_unref(daemon->modules);
    g_array_unref(daemon->given_fds);
    g_free(daemon->name);
    g_free(daemon->process);
    g_free(daemon->uuid);
    g_free(daemon->pidfile);
    run_with_clear(&daemon->run_with);
}

/* The sets have duplicates. */
static void close_given_fds(Daemon *daemon)
{
    for (guint i = 0; i < daemon->given_fds->len; i++) {
        int fd = g_array_index(daemon->given_fds, int, i);
        bool again = false;
        for (guint j = 0; j < i; j++) {
            again |= g_array_index(daemon->given_fds, int, j) == fd;
        }
        if (!again) {
            close(fd);
        }
    }
}

static int run(Daemon *daemon, int argc, char **argv)
{
    if (!options_parse(daemon, argc, argv)) {
        return EXIT_FAILURE;
    }
    if (daemon->done) {
        return EXIT_SUCCESS;
    }
    close_given_fds(daemon);
    systemd_take_environment();
    bool started = daemon_start(daemon);
    if (started) {
        loop_run(daemon->loop);
        systemd_notify("STOPPING=1");
    }
    daemon_clean_up(daemon);
    systemd_forget();
    return started ? EXIT_SUCCESS : EXIT_FAILURE;
}

int daemon_main(int argc, char **argv)
{
    Daemon daemon;
    log_set_program(argv[0]);
    daemon_init(&daemon);
    daemon_register_types();
    int status = run(&daemon, argc, argv);
    daemon_clear(&daemon);
    return status;
}
