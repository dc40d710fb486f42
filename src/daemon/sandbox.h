/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -sandbox: the process keeps the system calls that its code needs and gives up all others, so that
 * a peer who gets hold of it has less in hand.
 *
 * What is needed stands beside the code that needs it, as a comment,
 *
 *     // syscalls: accept4 -- clients come               (in the other form of comments)
 *
 * and tools/sandbox-calls collects it at build time: a note that names no system call stops the
 * build, `qomd -sandbox help` prints them all. A group in brackets behind "syscalls" makes a call
 * conditional; see SandboxWhen.
 */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include "qapi-cli.h"
#include "qom/error.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* When a call that the code needs is allowed. */
typedef enum SandboxWhen {
    WHEN_ALWAYS,
    WHEN_RESOURCECONTROL, /* unless resourcecontrol=deny; then it fails with EPERM */
    WHEN_IO_URING,        /* if a loop uses io_uring; else it fails with EPERM */
    WHEN_SANITIZER,       /* for the sanitizer of the build */
} SandboxWhen;

typedef struct SandboxCall {
    uint16_t number;
    uint16_t when; /* SandboxWhen */
} SandboxCall;

typedef struct SandboxName {
    uint16_t number;
    char name[30];
} SandboxName;

/* What becomes of a system call. */
typedef enum SandboxFate {
    SANDBOX_REFUSE, /* the process says which call it was and ends by SIGSYS */
    SANDBOX_ALLOW,
    SANDBOX_CHECK,  /* depends on its arguments, see sandbox_filter.c */
    SANDBOX_FAIL,   /* EPERM */
    SANDBOX_ABSENT, /* ENOSYS */
} SandboxFate;

/* The fate of each call by number. */
typedef struct SandboxPolicy {
    uint8_t fate[1024];
    unsigned n;    /* calls from this number on are newer than this program: ENOSYS */
    bool children; /* other processes may be made */
} SandboxPolicy;

/* What the process needs beyond what its notes say. */
typedef struct SandboxNeeds {
    bool io_uring;
    bool sanitizer; /* see sandbox_is_sanitized() */
} SandboxNeeds;

/* Gives up system calls for good, in all threads of the process. Main thread. */
bool sandbox_enter(const SandboxOptions *options, const SandboxNeeds *needs, QomError **errp);

/* Whether this is a build with a sanitizer, which looks for leaks at the end by means that the
 * sandbox would refuse. */
bool sandbox_is_sanitized(void);

/* What `-sandbox help` prints: the calls that are allowed, with the files that need them. */
const char *sandbox_help(void);

/* The number of the system call @name, or -1; the name of @number, or "?". */
int sandbox_number(const char *name);
const char *sandbox_name(int number);

/* --- sandbox_filter.c: the program for the kernel -------------------------------------------- */

/* The program that carries out @policy, for g_array_unref(); NULL: this architecture is not
 * supported. */
GArray *sandbox_filter_new(const SandboxPolicy *policy);

#endif
