/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread that runs a loop. Its signal mask is set before it exists, so that no signal meant for
 * the program's main thread can ever be delivered to it.
 */
#include "loop/internal.h"

#include <errno.h>
#include <glib.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

struct LoopThread {
    Loop *loop;
    pthread_t thread;
    pid_t tid;
    sem_t ready; /* posted when tid is valid */
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
    prctl(PR_SET_TIMERSLACK, 1UL);
    self->tid = gettid();
    sem_post(&self->ready);
    loop_run(self->loop);
    return NULL;
}

static int spawn_plain(pthread_t *thread, void *(*fn)(void *), void *arg, void *opaque)
{
    return pthread_create(thread, NULL, fn, arg);
}

LoopThread *loop_thread_new(const char *name, LoopSpawnFn *spawn, void *spawn_opaque,
                            QomError **errp)
{
    Loop *loop = loop_new(errp);
    if (!loop) {
        return NULL;
    }
    LoopThread *self = g_new0(LoopThread, 1);
    self->loop = loop;
    g_strlcpy(self->name, name, sizeof(self->name));
    sem_init(&self->ready, 0, 0);

    sigset_t set, old;
    asynchronous_signals(&set);
    pthread_sigmask(SIG_SETMASK, &set, &old);
    int err = (spawn ? spawn : spawn_plain)(&self->thread, thread_main, self, spawn_opaque);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err) {
        qom_error_set_errno(errp, err, "Cannot start thread '%s'", name);
        sem_destroy(&self->ready);
        g_free(self);
        loop_free(loop);
        return NULL;
    }
    while (sem_wait(&self->ready) < 0 && errno == EINTR) {
    }
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

void loop_thread_free(LoopThread *thread)
{
    if (!thread) {
        return;
    }
    loop_stop(thread->loop);
    pthread_join(thread->thread, NULL);
    loop_free(thread->loop);
    sem_destroy(&thread->ready);
    g_free(thread);
}
