/* SPDX-License-Identifier: BSD-3-Clause */
/* -sandbox: from the option and the notes in the code to what becomes of each system call. */
#include "daemon/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/sandbox-calls.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* What is called without a line of ours that says so. */
/* syscalls: brk mmap munmap mremap mprotect madvise -- memory, by the C library */
/* syscalls: clone clone3 set_robust_list rseq futex membarrier exit sched_yield sched_getaffinity
 * getpid gettid tgkill prctl -- threads, by the C library */
/* syscalls: rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall -- signals, by
 * the C library */
/* syscalls: open openat close read write readv writev pread64 lseek fcntl fstat stat lstat
 * newfstatat statx access faccessat faccessat2 readlink readlinkat getcwd getdents64 dup -- files,
 * by the C library and GLib */
/* syscalls: clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time poll ppoll --
 * time, by the C library and GLib */
/* syscalls: getuid geteuid getgid getegid getppid getrandom getrlimit prlimit64 sysinfo uname
 * getcpu getrusage -- facts, by the C library and GLib */
/* syscalls: exit_group -- the end */
/* syscalls(sanitizer): ptrace wait4 kill process_vm_readv pipe pipe2 personality getpgrp getdents
 * socketpair -- the search for leaks at the end */

/* QEMU's groups, for =allow and =deny. */
static const char *const obsolete[] = {
    "_sysctl",      "afs_syscall",    "bdflush",
    "break",        "create_module",  "ftime",
    "getpmsg",      "gtty",           "idle",
    "lock",         "lookup_dcookie", "mpx",
    "prof",         "profil",         "putpmsg",
    "query_module", "readdir",        "remap_file_pages",
    "security",     "stty",           "sysfs",
    "tuxcall",      "ulimit",         "uselib",
    "ustat",        "vserver",        "get_kernel_syms",
    "nfsservctl",
};
static const char *const privileges[] = {
    "setuid",    "setgid",   "setpgid",  "setsid",    "setreuid", "setregid", "setresuid",
    "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",   "unshare",  "setns",
};
static const char *const spawn[] = {
    "fork",        "vfork",   "execve", "execveat",   "clone",
    "clone3",      "wait4",   "waitid", "pipe",       "pipe2",
    "dup2",        "dup3",    "kill",   "chdir",      "umask",
    "close_range", "setpgid", "setsid", "arch_prctl", "set_tid_address",
};
static const char *const resources[] = {
    "setpriority",        "sched_setparam",    "sched_getparam", "sched_setscheduler",
    "sched_getscheduler", "sched_setaffinity", "ioprio_set",     "ioprio_get",
    "sched_setattr",      "sched_getattr",
};

/* Calls whose arguments are looked at, if they are allowed; the second half only where there are
 * no children, which start with a look of their own. */
static const char *const checked[] = {"mmap", "mprotect", "ioctl", "socket"};
static const char *const checked_alone[] = {"clone", "rt_sigaction", "tgkill", "fcntl",
                                            "prlimit64"};

int sandbox_number(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(call_names); i++) {
        if (strcmp(call_names[i].name, name) == 0) {
            return call_names[i].number;
        }
    }
    return -1;
}

const char *sandbox_name(int number)
{
    for (size_t i = 0; i < G_N_ELEMENTS(call_names); i++) {
        if (call_names[i].number == number) {
            return call_names[i].name;
        }
    }
    return "?";
}

bool sandbox_is_sanitized(void)
{
    return SANITIZED;
}

const char *sandbox_help(void)
{
    return needed_text;
}

/* --- The policy ------------------------------------------------------------------------------ */

static void set_fate(SandboxPolicy *policy, const char *name, SandboxFate fate)
{
    int number = sandbox_number(name);
    if (number >= 0) { /* else this architecture has no such call */
        policy->fate[number] = (uint8_t)fate;
    }
}

static void set_fates(SandboxPolicy *policy, const char *const *names, size_t n, SandboxFate fate)
{
    for (size_t i = 0; i < n; i++) {
        set_fate(policy, names[i], fate);
    }
}

static void set_checks(SandboxPolicy *policy, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int number = sandbox_number(names[i]);
        if (number >= 0 && policy->fate[number] == SANDBOX_ALLOW) {
            policy->fate[number] = SANDBOX_CHECK;
        }
    }
}

static bool is_allowed(SandboxWhen when, const SandboxNeeds *needs)
{
    switch (when) {
    case WHEN_IO_URING: return needs->io_uring;
    case WHEN_SANITIZER: return needs->sanitizer;
    case WHEN_ALWAYS:
    case WHEN_RESOURCECONTROL: break;
    }
    return true;
}

static void add_needs(SandboxPolicy *policy, const SandboxNeeds *needs)
{
    set_fate(policy, "io_uring_setup", SANDBOX_FAIL);
    for (size_t i = 0; i < G_N_ELEMENTS(needed_calls); i++) {
        if (is_allowed((SandboxWhen)needed_calls[i].when, needs)) {
            policy->fate[needed_calls[i].number] = SANDBOX_ALLOW;
        }
    }
}

static void apply_options(SandboxPolicy *policy, const SandboxOptions *options)
{
    if (options->has_obsolete && options->obsolete == SANDBOX_ACTION_ALLOW) {
        set_fates(policy, obsolete, G_N_ELEMENTS(obsolete), SANDBOX_ALLOW);
    }
    if (options->has_elevateprivileges && options->elevateprivileges != SANDBOX_PRIVILEGES_DENY) {
        set_fates(policy, privileges, G_N_ELEMENTS(privileges), SANDBOX_ALLOW);
    }
    if (options->has_resourcecontrol) {
        bool allow = options->resourcecontrol == SANDBOX_ACTION_ALLOW;
        set_fates(policy, resources, G_N_ELEMENTS(resources), allow ? SANDBOX_ALLOW : SANDBOX_FAIL);
    }
    policy->children = options->has_spawn && options->spawn == SANDBOX_ACTION_ALLOW;
    if (policy->children) {
        set_fates(policy, spawn, G_N_ELEMENTS(spawn), SANDBOX_ALLOW);
    } else {
        /* The filter sees no flags of clone3, which lie in memory; the C library then uses clone.
         */
        set_fate(policy, "clone3", SANDBOX_ABSENT);
    }
}

static void make_policy(SandboxPolicy *policy, const SandboxOptions *options,
                        const SandboxNeeds *needs)
{
    G_STATIC_ASSERT(HIGHEST_CALL < sizeof(policy->fate));
    *policy = (SandboxPolicy){.n = HIGHEST_CALL + 1};
    add_needs(policy, needs);
    apply_options(policy, options);
    set_checks(policy, checked, G_N_ELEMENTS(checked));
    if (!policy->children && !needs->sanitizer) {
        set_checks(policy, checked_alone, G_N_ELEMENTS(checked_alone));
    }
}

/* --- What happens at a refused call ---------------------------------------------------------- */

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* Then nobody reads it. */
    }
}

/* In the thread that made the call; only what is safe in a signal's handler. */
static void handle_refused(int signo, siginfo_t *info, void *context)
{
    char digits[16] = "";
    char *at = digits + sizeof(digits) - 1;
    int number = info->si_syscall;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 && at > digits);
    say(log_program());
    say(": -sandbox: system call ");
    say(sandbox_name(info->si_syscall));
    say(" (");
    say(at);
    say(") is not allowed\n");
    /* SA_RESETHAND has been at work: this ends the process, with a core file if there are any. The
     * thread sanitizer has all signals wait for the end of a handler. */
    sigset_t refused;
    sigemptyset(&refused);
    sigaddset(&refused, SIGSYS);
    pthread_sigmask(SIG_UNBLOCK, &refused, NULL);
    raise(SIGSYS);
    _exit(128 + SIGSYS);
}

bool sandbox_enter(const SandboxOptions *options, const SandboxNeeds *needs, QomError **errp)
{
    SandboxPolicy policy;
    make_policy(&policy, options, needs);
    g_autoptr(GArray) program = sandbox_filter_new(&policy);
    if (!program) {
        return qom_error_set(errp, "-sandbox is not supported on this architecture");
    }
    struct sigaction action = {
        .sa_sigaction = handle_refused,
        .sa_flags = SA_SIGINFO | (int)SA_RESETHAND,
    };
    sigaction(SIGSYS, &action, NULL);
    struct {
        unsigned short len;
        void *filter;
    } filter = {(unsigned short)program->len, program->data};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0) {
        return qom_error_set_errno(errp, errno, "failed to install the filter of -sandbox");
    }
    return true;
}
