/* SPDX-License-Identifier: BSD-3-Clause */
/* -sandbox: each group of system calls, tried by a child process that has given it up. */
#include "daemon/sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NO_SANDBOX = 77 };

/* The wait status of a child that runs @fn, its exit status, in the sandbox. */
static int run_in_sandbox(const SandboxOptions *options, int (*fn)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(sandbox_enter(options, NULL) ? fn() : NO_SANDBOX);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SANDBOX) {
        print_message("# no seccomp here\n");
        skip();
    }
    return status;
}

static void assert_killed(int status)
{
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void assert_fine(int status)
{
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int do_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

static int do_exec(void)
{
    execl("/bin/true", "true", NULL);
    return 1;
}

static void *no_work(void *opaque)
{
    return opaque;
}

static int do_thread(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, no_work, NULL) || pthread_join(thread, NULL);
}

static int do_setgid(void)
{
    return setgid(getgid());
}

static int do_mount(void)
{
    mount("none", "/nonexistent", "tmpfs", 0, NULL);
    return 0;
}

/* 0: the call failed as it should. */
static int do_affinity(void)
{
    cpu_set_t set;
    sched_getaffinity(0, sizeof(set), &set);
    return sched_setaffinity(0, sizeof(set), &set) < 0 && errno == EPERM ? 0 : 1;
}

static int do_obsolete(void)
{
    syscall(SYS_remap_file_pages, 0, 0, 0, 0, 0);
    return 0;
}

static int do_check_privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static void new_processes_are_denied_but_not_threads(void **state)
{
    SandboxOptions options = {.enable = true, .spawn = SANDBOX_ACTION_DENY};
    assert_killed(run_in_sandbox(&options, do_fork));
    assert_killed(run_in_sandbox(&options, do_exec));
    assert_fine(run_in_sandbox(&options, do_thread));
    options.spawn = SANDBOX_ACTION_ALLOW;
    assert_fine(run_in_sandbox(&options, do_fork));
    assert_fine(run_in_sandbox(&options, do_exec));
}

static void other_identities_are_denied(void **state)
{
    SandboxOptions options = {.enable = true, .elevateprivileges = SANDBOX_PRIVILEGES_DENY};
    assert_killed(run_in_sandbox(&options, do_setgid));
    options.elevateprivileges = SANDBOX_PRIVILEGES_CHILDREN;
    assert_fine(run_in_sandbox(&options, do_setgid));
}

static void administration_is_always_denied(void **state)
{
    SandboxOptions options = {.enable = true};
    assert_killed(run_in_sandbox(&options, do_mount));
    assert_fine(run_in_sandbox(&options, do_check_privileges));
}

static void obsolete_calls_are_denied_unless_allowed(void **state)
{
    SandboxOptions options = {.enable = true};
    assert_killed(run_in_sandbox(&options, do_obsolete));
    options.has_obsolete = true;
    options.obsolete = SANDBOX_ACTION_ALLOW;
    assert_fine(run_in_sandbox(&options, do_obsolete));
}

static void affinity_fails_where_resources_are_denied(void **state)
{
    SandboxOptions options = {.enable = true, .resourcecontrol = SANDBOX_ACTION_DENY};
    assert_fine(run_in_sandbox(&options, do_affinity));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_processes_are_denied_but_not_threads),
        cmocka_unit_test(other_identities_are_denied),
        cmocka_unit_test(administration_is_always_denied),
        cmocka_unit_test(obsolete_calls_are_denied_unless_allowed),
        cmocka_unit_test(affinity_fails_where_resources_are_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
