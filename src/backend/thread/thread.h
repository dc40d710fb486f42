/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads and event loops as objects: what other rooms may use of iothread and thread-context.
 */
#ifndef BACKEND_THREAD_H
#define BACKEND_THREAD_H

#include "qom/loop.h"
#include "qom/object.h"

#define TYPE_EVENT_LOOP_BASE "event-loop-base"
#define TYPE_IOTHREAD        "iothread"
#define TYPE_MAIN_LOOP       "main-loop"
#define TYPE_THREAD_CONTEXT  "thread-context"

/* Registers the types of this room. */
void thread_register_types(void);

/* The loop of @obj, an iothread that has completed; lives as long as the object. Whoever attaches
 * something to it marks the object as used (qom_object_use). */
Loop *iothread_loop(QomObject *obj);

/* Whether an event loop was configured to use io_uring. Main thread. */
bool event_loop_any_wants_ring(void);

/*
 * Creates a thread from the thread of @context (a thread-context), whose CPU affinity it inherits.
 * Has the shape of a LoopSpawnFn; waits until the thread exists. Any thread but the context's own.
 * Returns 0 or an errno value.
 */
int thread_context_spawn(pthread_t *thread, void *(*fn)(void *), void *arg, void *context);

#endif
