/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The filter of -sandbox: a program for the kernel's packet filter, which sees number,
 * architecture and arguments of each system call.
 *
 *     wrong architecture or x32 -> kill
 *     number < end of the 1st run of calls of the same fate -> that fate
 *     number < end of the 2nd run ...                       -> that fate
 *     newer than this program                               -> ENOSYS
 *
 * A call whose arguments count is a run of its own, with instructions of its own. The kernel knows
 * from trying the program once which numbers are allowed whatever their arguments (since 5.11),
 * and does not run it for those again.
 *
 * Source: seccomp(2).
 */
#include "daemon/sandbox.h"

#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

#define REFUSE      SECCOMP_RET_TRAP
#define FAIL(error) (SECCOMP_RET_ERRNO | (error))

#ifdef OUR_ARCH
static void add(GArray *program, uint16_t code, uint32_t operand, uint8_t if_true, uint8_t if_false)
{
    struct sock_filter instruction = {code, if_true, if_false, operand};
    g_array_append_val(program, instruction);
}

static void add_load(GArray *program, size_t offset)
{
    add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void add_return(GArray *program, uint32_t action)
{
    add(program, BPF_RET | BPF_K, action, 0, 0);
}

/* The loaded value is @value: @action. */
static void add_case(GArray *program, uint32_t value, uint32_t action)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    add_return(program, action);
}

/* Loads the lower 32 bits of argument @i: all that the kernel reads of an int. */
static void add_load_argument(GArray *program, unsigned i)
{
    size_t offset = offsetof(struct seccomp_data, args) + i * sizeof(uint64_t);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    offset += 4;
#endif
    add_load(program, offset);
}

/* --- Calls whose arguments count; each ends with a return ------------------------------------ */

/* What a thread can have of its own and a thread of the C library has not. */
#define CLONE_NEW_ANY                                                                             \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
     CLONE_NEWNET)

/* Threads are fine; processes are not, nor threads in a namespace of their own. */
static void check_clone(GArray *program)
{
#ifdef __s390x__
    add_load_argument(program, 1);
#else
    add_load_argument(program, 0);
#endif
    add(program, BPF_ALU | BPF_AND | BPF_K, CLONE_THREAD | (uint32_t)CLONE_NEW_ANY, 0, 0);
    add_case(program, CLONE_THREAD, SECCOMP_RET_ALLOW);
    add_return(program, REFUSE);
}

/* Local, internet and VM sockets, and the C library's question for the addresses of the host. No
 * raw ones. */
static void check_socket(GArray *program)
{
    add_load_argument(program, 0);
    add_case(program, AF_UNIX, SECCOMP_RET_ALLOW);
    add_case(program, AF_VSOCK, SECCOMP_RET_ALLOW);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 4);
    add_load_argument(program, 2);
    add_case(program, NETLINK_ROUTE, SECCOMP_RET_ALLOW);
    add_return(program, REFUSE);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0);
    add_return(program, REFUSE);
    add_load_argument(program, 1);
    add(program, BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0);
    add_case(program, SOCK_STREAM, SECCOMP_RET_ALLOW);
    add_case(program, SOCK_DGRAM, SECCOMP_RET_ALLOW);
    add_return(program, REFUSE);
}

/* mmap, mprotect: what can be written is not executed. It fails, since libraries can do without. */
static void check_protection(GArray *program)
{
    add_load_argument(program, 2);
    add(program, BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC, 0, 0);
    add_case(program, PROT_WRITE | PROT_EXEC, FAIL(EPERM));
    add_return(program, SECCOMP_RET_ALLOW);
}

/* Nothing is typed into the terminal in our user's name, and no file tells others by signals. */
static void check_ioctl(GArray *program)
{
    add_load_argument(program, 1);
    add_case(program, TIOCSTI, FAIL(EPERM));
    add_case(program, TIOCLINUX, FAIL(EPERM));
    add_case(program, FIOSETOWN, FAIL(EPERM));
    add_case(program, SIOCSPGRP, FAIL(EPERM));
    add_return(program, SECCOMP_RET_ALLOW);
}

/* What happens at a refused call stays as it is. */
static void check_sigaction(GArray *program)
{
    add_load_argument(program, 0);
    add_case(program, SIGSYS, SECCOMP_RET_KILL_PROCESS);
    add_return(program, SECCOMP_RET_ALLOW);
}

/* Signals go to ourselves only. */
static void check_tgkill(GArray *program)
{
    add_load_argument(program, 0);
    add_case(program, (uint32_t)getpid(), SECCOMP_RET_ALLOW);
    add_return(program, REFUSE);
}

/* A file that has become readable sends any signal to anyone, if told so. */
static void check_fcntl(GArray *program)
{
    add_load_argument(program, 1);
    add_case(program, F_SETOWN, REFUSE);
    add_case(program, F_SETOWN_EX, REFUSE);
    add_case(program, F_SETSIG, REFUSE);
    add_return(program, SECCOMP_RET_ALLOW);
}

/* Limits are our own: others can be ended by them. */
static void check_limits(GArray *program)
{
    add_load_argument(program, 0);
    add_case(program, 0, SECCOMP_RET_ALLOW);
    add_case(program, (uint32_t)getpid(), SECCOMP_RET_ALLOW);
    add_return(program, REFUSE);
}

static void add_check(GArray *program, unsigned number)
{
    switch (number) {
    case SYS_clone: check_clone(program); break;
    case SYS_socket: check_socket(program); break;
    case SYS_mmap:
    case SYS_mprotect: check_protection(program); break;
    case SYS_ioctl: check_ioctl(program); break;
    case SYS_rt_sigaction: check_sigaction(program); break;
    case SYS_tgkill: check_tgkill(program); break;
    case SYS_fcntl: check_fcntl(program); break;
    case SYS_prlimit64: check_limits(program); break;
    default: add_return(program, REFUSE); break;
    }
}

/* --- The whole ------------------------------------------------------------------------------- */

static void add_fate(GArray *program, const SandboxPolicy *policy, unsigned number)
{
    switch ((SandboxFate)policy->fate[number]) {
    case SANDBOX_ALLOW: add_return(program, SECCOMP_RET_ALLOW); break;
    case SANDBOX_CHECK: add_check(program, number); break;
    case SANDBOX_FAIL: add_return(program, FAIL(EPERM)); break;
    case SANDBOX_ABSENT: add_return(program, FAIL(ENOSYS)); break;
    case SANDBOX_REFUSE: add_return(program, REFUSE); break;
    }
}

/* The fate of the calls of a run, which ends before @end. */
static void add_run(GArray *program, const SandboxPolicy *policy, unsigned end)
{
    guint at = program->len;
    add(program, BPF_JMP | BPF_JGE | BPF_K, end, 0, 0);
    add_fate(program, policy, end - 1);
    g_array_index(program, struct sock_filter, at).jt = (uint8_t)(program->len - at - 1);
}

GArray *sandbox_filter_new(const SandboxPolicy *policy)
{
    GArray *program = g_array_new(false, false, sizeof(struct sock_filter));
    add_load(program, offsetof(struct seccomp_data, arch));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0);
    add_return(program, SECCOMP_RET_KILL_PROCESS);
    add_load(program, offsetof(struct seccomp_data, nr));
    add(program, BPF_JMP | BPF_JGE | BPF_K, X32_FIRST, 0, 1);
    add_return(program, SECCOMP_RET_KILL_PROCESS);
    for (unsigned i = 1; i <= policy->n; i++) {
        if (i == policy->n || policy->fate[i] != policy->fate[i - 1] ||
            policy->fate[i] == SANDBOX_CHECK) {
            add_run(program, policy, i);
        }
    }
    add_return(program, FAIL(ENOSYS));
    return program;
}
#else
GArray *sandbox_filter_new(const SandboxPolicy *policy)
{
    return NULL;
}
#endif
