/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread that runs a loop. Its signal mask is set before it exists, so that no signal meant for
 * the program's main thread can ever be delivered to it.
 *
 * Starting and ending one takes as little as the kernel lets it: to wake a CPU that idles takes
 * longer than all the rest. So nobody waits for a new thread to run: its id is known as soon as it
 * exists (from the clock of its CPU time, whose id has it), and its name can be given from outside.
 * And a thread that is to end is called to the CPU of the one who waits for it.
 */
#include "loop/internal.h"

#include <glib.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GONE_WAIT_NS INT64_C(50000000)

struct LoopThread {
    Loop *loop;
    pthread_t thread;
    pid_t tid;
    char name[16];
};

/* All signals but those that a fault of the thread's own raises: blocked, these would kill. */
static void asynchronous_signals(sigset_t *set)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        sigdelset(set, faults[i]);
    }
}

static void *thread_main(void *opaque)
{
    LoopThread *self = opaque;
    sigset_t set;
    /* Once more: a spawn function may have used a thread with another mask. */
    asynchronous_signals(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    pthread_setname_np(pthread_self(), self->name);
    /* Timers to the nanosecond's neighbourhood, not to the default 50 us. */
    /* syscalls: prctl gettid -- name, timers and number of a thread */
    prctl(PR_SET_TIMERSLACK, 1UL);
    loop_run(self->loop);
    return NULL;
}

static int spawn_plain(pthread_t *thread, void *(*fn)(void *), void *arg, void *opaque)
{
    return pthread_create(thread, NULL, fn, arg);
}

/* The kernel's id of @thread, which has not ended: a CPU-time clock is ~tid << 3 | kind (the
 * kernel's posix-timers_types.h). */
static pid_t tid_of(pthread_t thread)
{
    clockid_t clock = 0;
    pthread_getcpuclockid(thread, &clock);
    return ~(clock >> 3);
}

LoopThread *loop_thread_new(const char *name, LoopSpawnFn *spawn, void *spawn_opaque,
                            QomError **errp)
{
    Loop *loop = loop_new(errp);
    return loop ? loop_thread_start(loop, name, spawn, spawn_opaque, errp) : NULL;
}

LoopThread *loop_thread_start(Loop *loop, const char *name, LoopSpawnFn *spawn, void *spawn_opaque,
                              QomError **errp)
{
    LoopThread *self = g_new0(LoopThread, 1);
    self->loop = loop;
    g_strlcpy(self->name, name, sizeof(self->name));

    sigset_t set, old;
    asynchronous_signals(&set);
    pthread_sigmask(SIG_SETMASK, &set, &old);
    int err = (spawn ? spawn : spawn_plain)(&self->thread, thread_main, self, spawn_opaque);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err) {
        qom_error_set_errno(errp, err, "Cannot start thread '%s'", name);
        g_free(self);
        loop_free(loop);
        return NULL;
    }
    self->tid = tid_of(self->thread);
    pthread_setname_np(self->thread, self->name); /* for those who look before it runs */
    return self;
}

Loop *loop_thread_get_loop(LoopThread *thread)
{
    return thread->loop;
}

pid_t loop_thread_get_tid(const LoopThread *thread)
{
    return thread->tid;
}

const char *loop_thread_get_name(const LoopThread *thread)
{
    return thread->name;
}

/* Confines the thread to the CPU of the caller. Not necessary, so it may fail. */
static void come_here(LoopThread *self)
{
    int cpu = sched_getcpu();
    cpu_set_t here;
    CPU_ZERO(&here);
    if (cpu >= 0 && cpu < CPU_SETSIZE) {
        CPU_SET(cpu, &here);
        /* syscalls(resourcecontrol): sched_setaffinity -- a thread ends beside us */
        sched_setaffinity(self->tid, sizeof(here), &here);
    }
}

/* Waits for the last of a joined thread: until then the kernel still lists it. */
static void wait_until_gone(LoopThread *self)
{
    int64_t end_ns = loop_now_ns() + GONE_WAIT_NS;
    /* syscalls: tgkill sched_yield getcpu -- whether a thread has ended */
    while (syscall(SYS_tgkill, getpid(), self->tid, 0) == 0 && loop_now_ns() < end_ns) {
        sched_yield();
    }
}

void loop_thread_free(LoopThread *thread)
{
    if (!thread) {
        return;
    }
    come_here(thread);
    loop_stop(thread->loop);
    pthread_join(thread->thread, NULL);
    wait_until_gone(thread);
    loop_free(thread->loop);
    g_free(thread);
}
