/* SPDX-License-Identifier: BSD-3-Clause */
/* -sandbox: what a child process that has entered it can and can not do. */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NO_SANDBOX = 77 };

typedef int Deed(void);

/* How a child that runs @deed in the sandbox ends; what it wrote to stderr goes to @said. */
static int run_in_sandbox(const SandboxOptions *options, Deed *deed, char said[256])
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        _exit(sandbox_enter(options, &(SandboxNeeds){.io_uring = false}, NULL) ? deed()
                                                                               : NO_SANDBOX);
    }
    close(fds[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(fds[0], said + len, 255 - len)) > 0) {
        len += (size_t)n;
    }
    said[len] = '\0';
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SANDBOX) {
        print_message("# no seccomp here\n");
        skip();
    }
    return status;
}

/* @deed ends the process by SIGSYS, which says that it was @call. */
static void assert_refused(const SandboxOptions *options, Deed *deed, const char *call)
{
    char said[256], expected[64];
    int status = run_in_sandbox(options, deed, said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS) {
        fail_msg("%s: the status is %#x", call, (unsigned)status);
    }
    snprintf(expected, sizeof(expected), ": -sandbox: system call %s (%d) is not allowed\n", call,
             sandbox_number(call));
    assert_non_null(strstr(said, expected));
}

static void assert_fine(const SandboxOptions *options, Deed *deed)
{
    char said[256];
    int status = run_in_sandbox(options, deed, said);
    if (status != 0) {
        fail_msg("the status is %#x; %s", (unsigned)status, said);
    }
}

/* --- Deeds: 0 if all went well ---------------------------------------------------------------- */

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

/* The kernel would not make it without a stack and rights; the filter comes first. */
static int do_thread_in_namespace(void)
{
    unsigned long flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWNET;
    return syscall(SYS_clone, flags, 0, 0, 0, 0) < 0;
}

/* Not by the C library, which has all threads do it: a sanitizer's dies of it in silence. */
static int do_setgid(void)
{
    return (int)syscall(SYS_setgid, getgid());
}

static int do_mount(void)
{
    mount("none", "/nonexistent", "tmpfs", 0, NULL);
    return 0;
}

static int do_ptrace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0;
}

static int do_kill(void)
{
    return kill(getppid(), 0);
}

static int do_tgkill_other(void)
{
    return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int do_signal_by_fcntl(void)
{
    return fcntl(STDERR_FILENO, F_SETOWN, getppid());
}

static int do_choose_signal(void)
{
    return fcntl(STDERR_FILENO, F_SETSIG, SIGKILL);
}

static int do_signal_by_ioctl(void)
{
    int pid = getppid();
    return ioctl(STDERR_FILENO, FIOSETOWN, &pid) < 0 && errno == EPERM ? 0 : 1;
}

static int do_limit_other(void)
{
    struct rlimit old;
    return prlimit(getppid(), RLIMIT_CPU, NULL, &old);
}

static int do_limit(void)
{
    struct rlimit old;
    return prlimit(0, RLIMIT_CPU, NULL, &old) || prlimit(getpid(), RLIMIT_CPU, NULL, &old) ||
           getrlimit(RLIMIT_CPU, &old);
}

static int do_raise(void)
{
    signal(SIGUSR1, SIG_IGN);
    return raise(SIGUSR1);
}

static int do_raw_socket(void)
{
    return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0;
}

static int do_packet_socket(void)
{
    return socket(AF_PACKET, SOCK_DGRAM, 0) < 0;
}

/* These protocols have the numbers of families that are allowed. */
static int do_netlink_usersock(void)
{
    return socket(AF_NETLINK, SOCK_DGRAM, AF_INET) < 0;
}

static int do_netlink_fib_lookup(void)
{
    return socket(AF_NETLINK, SOCK_DGRAM, AF_INET6) < 0;
}

static int do_sockets(void)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        int fd = socket(families[i], families[i] == AF_NETLINK ? SOCK_RAW : SOCK_STREAM, 0);
        if (fd < 0 && errno != EAFNOSUPPORT) {
            return 1;
        }
        close(fd);
    }
    return 0;
}

static int do_write_and_execute(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) < 0 &&
                   errno == EPERM && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0
               ? 0
               : 1;
}

static int do_type_into_terminal(void)
{
    return ioctl(STDIN_FILENO, TIOCSTI, "x") < 0 && errno == EPERM ? 0 : 1;
}

static int do_catch_refusals(void)
{
    signal(SIGSYS, SIG_IGN);
    return 0;
}

static int do_unknown_call(void)
{
    return syscall(4000) < 0 && errno == ENOSYS ? 0 : 1;
}

static int do_uring(void)
{
    return syscall(sandbox_number("io_uring_setup"), 1, NULL) < 0 && errno == EPERM ? 0 : 1;
}

/* 0: the call failed as it should. */
static int do_affinity_in_vain(void)
{
    cpu_set_t set;
    sched_getaffinity(0, sizeof(set), &set);
    return sched_setaffinity(0, sizeof(set), &set) < 0 && errno == EPERM ? 0 : 1;
}

static int do_affinity(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) || sched_setaffinity(0, sizeof(set), &set);
}

static int do_priority(void)
{
    return setpriority(PRIO_PROCESS, 0, 1);
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

/* --- Tests ----------------------------------------------------------------------------------- */

static const SandboxOptions plain = {.enable = true};

static void new_processes_are_refused_but_not_threads(void **state)
{
    SandboxOptions options = {.enable = true, .has_spawn = true, .spawn = SANDBOX_ACTION_DENY};
    for (int i = 0; i < 2; i++) {
        const SandboxOptions *these = i ? &options : &plain;
        assert_refused(these, do_fork, "clone");
        assert_refused(these, do_exec, "execve");
        assert_refused(these, do_thread_in_namespace, "clone");
        assert_fine(these, do_thread);
    }
    options.spawn = SANDBOX_ACTION_ALLOW;
    assert_fine(&options, do_fork);
    assert_fine(&options, do_exec);
    assert_fine(&options, do_thread);
}

static void other_identities_are_refused_unless_allowed(void **state)
{
    SandboxOptions options = {.enable = true, .has_elevateprivileges = true};
    assert_refused(&plain, do_setgid, "setgid");
    options.elevateprivileges = SANDBOX_PRIVILEGES_DENY;
    assert_refused(&options, do_setgid, "setgid");
    options.elevateprivileges = SANDBOX_PRIVILEGES_CHILDREN;
    assert_fine(&options, do_setgid);
    assert_fine(&options, do_check_privileges);
    options.elevateprivileges = SANDBOX_PRIVILEGES_ALLOW;
    assert_fine(&options, do_setgid);
}

static void what_nothing_needs_is_refused(void **state)
{
    assert_refused(&plain, do_mount, "mount");
    assert_refused(&plain, do_ptrace, "ptrace");
    assert_refused(&plain, do_kill, "kill");
    assert_fine(&plain, do_check_privileges);
}

static void signals_go_to_the_process_itself_only(void **state)
{
    assert_refused(&plain, do_tgkill_other, "tgkill");
    assert_refused(&plain, do_signal_by_fcntl, "fcntl");
    assert_refused(&plain, do_choose_signal, "fcntl");
    assert_fine(&plain, do_signal_by_ioctl);
    assert_fine(&plain, do_raise);
}

static void limits_are_those_of_the_process_itself(void **state)
{
    assert_refused(&plain, do_limit_other, "prlimit64");
    assert_fine(&plain, do_limit);
}

static void sockets_are_local_or_of_the_internet_and_never_raw(void **state)
{
    assert_fine(&plain, do_sockets);
    assert_refused(&plain, do_raw_socket, "socket");
    assert_refused(&plain, do_packet_socket, "socket");
    assert_refused(&plain, do_netlink_usersock, "socket");
    assert_refused(&plain, do_netlink_fib_lookup, "socket");
}

static void memory_that_is_written_is_not_executed(void **state)
{
    assert_fine(&plain, do_write_and_execute);
}

static void nothing_is_typed_into_the_terminal(void **state)
{
    assert_fine(&plain, do_type_into_terminal);
}

static void refusals_can_not_be_caught(void **state)
{
    char said[256];
    int status = run_in_sandbox(&plain, do_catch_refusals, said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void calls_of_newer_kernels_do_not_exist(void **state)
{
    assert_fine(&plain, do_unknown_call);
}

static void rings_are_refused_mildly_where_no_loop_has_any(void **state)
{
    assert_fine(&plain, do_uring);
}

static void obsolete_calls_are_refused_unless_allowed(void **state)
{
    SandboxOptions options = {.enable = true, .has_obsolete = true};
    assert_refused(&plain, do_obsolete, "remap_file_pages");
    options.obsolete = SANDBOX_ACTION_ALLOW;
    assert_fine(&options, do_obsolete);
}

static void affinity_and_priority_fail_where_resources_are_denied(void **state)
{
    SandboxOptions options = {.enable = true, .has_resourcecontrol = true};
    options.resourcecontrol = SANDBOX_ACTION_DENY;
    assert_fine(&options, do_affinity_in_vain);
    options.resourcecontrol = SANDBOX_ACTION_ALLOW;
    assert_fine(&options, do_affinity);
    assert_fine(&options, do_priority);
    assert_fine(&plain, do_affinity);
    assert_refused(&plain, do_priority, "setpriority");
}

static void each_call_that_is_allowed_has_a_file_and_a_reason(void **state)
{
    unsigned lines = 0;
    for (const char *at = sandbox_help(); *at; lines++) {
        const char *end = strchr(at, '\n'), *why = strstr(at, " -- ");
        assert_true(why && why + 4 < end);
        char name[32], file[128], path[256];
        const char *from = strchr(at, ' ') + 1;
        from = *from == '[' ? strchr(from, ' ') + 1 : from;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, " "), at);
        snprintf(file, sizeof(file), "%.*s", (int)strcspn(from, " "), from);
        assert_true(sandbox_number(name) >= 0);
        snprintf(path, sizeof(path), "%s/%s", getenv("SOURCE"), file);
        assert_int_equal(access(path, F_OK), 0);
        at = end + 1;
    }
    assert_true(lines > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_processes_are_refused_but_not_threads),
        cmocka_unit_test(other_identities_are_refused_unless_allowed),
        cmocka_unit_test(what_nothing_needs_is_refused),
        cmocka_unit_test(signals_go_to_the_process_itself_only),
        cmocka_unit_test(limits_are_those_of_the_process_itself),
        cmocka_unit_test(sockets_are_local_or_of_the_internet_and_never_raw),
        cmocka_unit_test(memory_that_is_written_is_not_executed),
        cmocka_unit_test(nothing_is_typed_into_the_terminal),
        cmocka_unit_test(refusals_can_not_be_caught),
        cmocka_unit_test(calls_of_newer_kernels_do_not_exist),
        cmocka_unit_test(rings_are_refused_mildly_where_no_loop_has_any),
        cmocka_unit_test(obsolete_calls_are_refused_unless_allowed),
        cmocka_unit_test(affinity_and_priority_fail_where_resources_are_denied),
        cmocka_unit_test(each_call_that_is_allowed_has_a_file_and_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
