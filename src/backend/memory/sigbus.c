/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Touching memory that may not be there. The kernel answers with SIGBUS, which a thread can survive
 * if it has said where to go on. The handler acts only for such threads; for others it does what
 * was done before it was installed.
 */
#include "backend/memory/memory.h"

#include <glib.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

static _Thread_local sigjmp_buf *landing;
static struct sigaction before;

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
    if (landing) {
        siglongjmp(*landing, 1);
    }
    if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(signo, info, context);
    } else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
        /* Returning repeats the fault, now with the default action. */
        signal(SIGBUS, SIG_DFL);
    } else {
        before.sa_handler(signo);
    }
}

/* Every time, because others may have put theirs over ours, which then come after it. */
static void install(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction now;
    pthread_mutex_lock(&lock);
    /* syscalls: rt_sigaction rt_sigreturn -- a page that can not be had raises SIGBUS */
    sigaction(SIGBUS, NULL, &now);
    if (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_sigbus) {
        struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
        sigemptyset(&action.sa_mask);
        before = now;
        sigaction(SIGBUS, &action, NULL);
    }
    pthread_mutex_unlock(&lock);
}

bool memory_guarded(void (*fn)(void *opaque), void *opaque)
{
    sigjmp_buf here, *volatile outer = landing;
    sigset_t sigbus, old;
    install();
    /* Saves the signal mask, too. */
    if (sigsetjmp(here, 1)) {
        landing = outer;
        return false;
    }
    /* A blocked SIGBUS that is raised by a fault kills: workers block all. */
    sigemptyset(&sigbus);
    sigaddset(&sigbus, SIGBUS);
    pthread_sigmask(SIG_UNBLOCK, &sigbus, &old);
    landing = &here;
    fn(opaque);
    landing = outer;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return true;
}
