/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -sandbox: system calls that the process will never need are refused by the kernel, so that a
 * peer who gets hold of it has less in hand. A list of what is denied, not of what is allowed: the
 * libraries below us change what they call from one version to the next.
 *
 * The filter is a program for the kernel's packet filter, two instructions a system call:
 *
 *     wrong architecture or x32 -> kill;   number == N1 -> action;   number == N2 -> action;  ...
 *     clone without CLONE_THREAD -> kill;  clone3 -> ENOSYS (the C library then uses clone);  allow
 *
 * Source: seccomp(2); the groups are those of QEMU's option.
 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <glib.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OUR_ARCH AUDIT_ARCH_RISCV64
#elif defined(__s390x__)
#define OUR_ARCH AUDIT_ARCH_S390X
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ARCH AUDIT_ARCH_PPC64LE
#endif

/* Numbers from here on are x86's x32 calls, which have the architecture of 64-bit ones. */
#define X32_FIRST 0x40000000u

/* The administration of a system. */
static const int administration[] = {
    SYS_acct,
    SYS_bpf,
    SYS_chroot,
    SYS_delete_module,
    SYS_finit_module,
    SYS_init_module,
    SYS_kexec_load,
    SYS_mount,
    SYS_open_by_handle_at,
    SYS_pivot_root,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_ptrace,
    SYS_quotactl,
    SYS_reboot,
    SYS_setdomainname,
    SYS_sethostname,
    SYS_settimeofday,
    SYS_swapoff,
    SYS_swapon,
    SYS_syslog,
    SYS_umount2,
    SYS_vhangup,
#ifdef SYS_iopl
    SYS_ioperm,
    SYS_iopl,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_fsmount
    SYS_fsmount,
    SYS_fsopen,
    SYS_move_mount,
    SYS_open_tree,
#endif
};

/* What only old programs call; several have no code behind them any more. */
static const int obsolete[] = {
#ifdef SYS_lookup_dcookie
    SYS_lookup_dcookie,
#endif
#ifdef SYS_nfsservctl
    SYS_nfsservctl,
#endif
#ifdef SYS__sysctl
    SYS__sysctl,
#endif
#ifdef SYS_create_module
    SYS_create_module,
    SYS_get_kernel_syms,
    SYS_query_module,
#endif
#ifdef SYS_sysfs
    SYS_sysfs,
#endif
#ifdef SYS_uselib
    SYS_uselib,
#endif
#ifdef SYS_ustat
    SYS_ustat,
#endif
    SYS_remap_file_pages,
};

static const int privileges[] = {
    SYS_capset,   SYS_setfsgid,  SYS_setfsuid,  SYS_setgid,   SYS_setgroups, SYS_setns,
    SYS_setregid, SYS_setresgid, SYS_setresuid, SYS_setreuid, SYS_setuid,    SYS_unshare,
};

/* Beside clone and clone3. */
static const int spawn[] = {
    SYS_execve,
    SYS_execveat,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
};

static const int resources[] = {
    SYS_ioprio_set,     SYS_sched_setaffinity,  SYS_sched_setattr,
    SYS_sched_setparam, SYS_sched_setscheduler, SYS_setpriority,
};

static void add(GArray *program, struct sock_filter instruction)
{
    g_array_append_val(program, instruction);
}

static void add_load(GArray *program, size_t offset)
{
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void add_return(GArray *program, uint32_t action)
{
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* The loaded number is @number: @action. */
static void add_rule(GArray *program, uint32_t number, uint32_t action)
{
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    add_return(program, action);
}

static void add_rules(GArray *program, const int *numbers, size_t n, uint32_t action)
{
    for (size_t i = 0; i < n; i++) {
        add_rule(program, (uint32_t)numbers[i], action);
    }
}

/* Threads are fine, processes are not. Ends the program's rules: the number is no longer loaded
 * after it. */
static void add_clone(GArray *program)
{
#ifdef SYS_clone3
    add_rule(program, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    /* s390x has the flags in the second argument. */
#ifdef __s390x__
    size_t flags = offsetof(struct seccomp_data, args[1]) + 4;
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    size_t flags = offsetof(struct seccomp_data, args[0]) + 4;
#else
    size_t flags = offsetof(struct seccomp_data, args[0]);
#endif
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
    add_load(program, flags);
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
    add_return(program, SECCOMP_RET_KILL_PROCESS);
}

#ifdef OUR_ARCH
static GArray *make_program(const SandboxOptions *options)
{
    GArray *program = g_array_new(false, false, sizeof(struct sock_filter));
    const uint32_t kill = SECCOMP_RET_KILL_PROCESS;
    add_load(program, offsetof(struct seccomp_data, arch));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0));
    add_return(program, kill);
    add_load(program, offsetof(struct seccomp_data, nr));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_FIRST, 0, 1));
    add_return(program, kill);
    add_rules(program, administration, G_N_ELEMENTS(administration), kill);
    if (!options->has_obsolete || options->obsolete == SANDBOX_ACTION_DENY) {
        add_rules(program, obsolete, G_N_ELEMENTS(obsolete), kill);
    }
    if (options->elevateprivileges == SANDBOX_PRIVILEGES_DENY) {
        add_rules(program, privileges, G_N_ELEMENTS(privileges), kill);
    }
    if (options->resourcecontrol == SANDBOX_ACTION_DENY) {
        add_rules(program, resources, G_N_ELEMENTS(resources), SECCOMP_RET_ERRNO | EPERM);
    }
    if (options->spawn == SANDBOX_ACTION_DENY) {
        add_rules(program, spawn, G_N_ELEMENTS(spawn), kill);
        add_clone(program);
    }
    add_return(program, SECCOMP_RET_ALLOW);
    return program;
}

bool sandbox_enter(const SandboxOptions *options, QomError **errp)
{
    g_autoptr(GArray) program = make_program(options);
    struct sock_fprog filter = {
        .len = (unsigned short)program->len,
        .filter = (struct sock_filter *)(void *)program->data,
    };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0) {
        return qom_error_set_errno(errp, errno, "failed to install the filter of -sandbox");
    }
    return true;
}
#else
bool sandbox_enter(const SandboxOptions *options, QomError **errp)
{
    return qom_error_set(errp, "-sandbox is not supported on this architecture");
}
#endif
