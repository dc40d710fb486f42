/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this room share. Everything is for the main thread. */
#ifndef BACKEND_EVENT_LOOP_H
#define BACKEND_EVENT_LOOP_H

#include "backend/thread/thread.h"
#include "qapi-qom.h"
#include "qom/json.h"

#include <sys/types.h>

/* --- event-loop-base ------------------------------------------------------------------------ */

typedef struct EventLoopBase {
    QomObject obj;
    /* the configuration follows: EventLoopBaseProperties or a struct that begins with it */
} EventLoopBase;

typedef struct EventLoopBaseClass {
    QomClass parent;
    Loop *(*loop)(QomObject *obj); /* NULL if there is none yet */
    /* The polling parameters as configured. */
    void (*poll_params)(QomObject *obj, LoopPollParams *params);
} EventLoopBaseClass;

/* Gives the loop of @obj all that is configured; false: it is refused. */
bool event_loop_configure(QomObject *obj, QomError **errp);

/* The rules of poll-max-ns, poll-grow and poll-shrink, which the kinds of loop have by themselves,
 * for their defaults differ. */
#define EVENT_LOOP_POLL_RULES                                                                     \
    {.name = "poll-max-ns",                                                                       \
     .flags = QOM_PROPERTY_LIVE,                                                                  \
     .check = event_loop_check_poll_max_ns,                                                       \
     .apply = event_loop_apply_poll},                                                             \
        {.name = "poll-grow",                                                                     \
         .flags = QOM_PROPERTY_LIVE,                                                              \
         .check = event_loop_check_poll_grow,                                                     \
         .apply = event_loop_apply_poll},                                                         \
    {                                                                                             \
        .name = "poll-shrink", .flags = QOM_PROPERTY_LIVE, .check = event_loop_check_poll_shrink, \
        .apply = event_loop_apply_poll                                                            \
    }
QomPropertyCheck event_loop_check_poll_max_ns, event_loop_check_poll_grow,
    event_loop_check_poll_shrink;
bool event_loop_apply_poll(QomObject *obj, QomError **errp);

/* Registrations, in the order in which they are to be made. */
void event_loop_base_register_type(void);
void iothread_register_type(void);
void main_loop_register_type(void);
void thread_context_register_type(void);

/* The thread of @obj, a completed iothread. */
LoopThread *iothread_thread(QomObject *obj);
/* The main-loop object, or NULL. */
QomObject *main_loop_object(void);

/* --- affinity ------------------------------------------------------------------------------- */

/* "CPU list is empty", "Node list is empty". */
QomPropertyCheck affinity_check_cpus, affinity_check_nodes;

/* Confines thread @tid to @cpus, or to the CPUs of those of @nodes that exist. On failure ("Setting
 * CPU affinity failed: E", "The nodes select no CPUs") nothing has changed. */
bool affinity_set_cpus(pid_t tid, const uint16List *cpus, QomError **errp);
bool affinity_set_nodes(pid_t tid, const uint16List *nodes, QomError **errp);

/* Writes the list of CPUs that thread @tid may run on (0: there is none yet, an error), or of the
 * nodes that have some of them. */
bool affinity_write_cpus(pid_t tid, JsonWriter *writer, QomError **errp);
bool affinity_write_nodes(pid_t tid, JsonWriter *writer, QomError **errp);

#endif
