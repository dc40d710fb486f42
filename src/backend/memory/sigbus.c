/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Touching memory that may not be there. The kernel answers with SIGBUS, which a thread can survive
 * if it has said where to go on. The handler acts only for such threads; for others it does what
 * was done before it was installed.
 */
#include "backend/memory/memory.h"

#include <glib.h>
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

static void install(void)
{
    static gsize once;
    if (g_once_init_enter(&once)) {
        struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
        sigemptyset(&action.sa_mask);
        /* syscalls: rt_sigaction rt_sigreturn -- a page that can not be had raises SIGBUS */
        sigaction(SIGBUS, &action, &before);
        g_once_init_leave(&once, 1);
    }
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
