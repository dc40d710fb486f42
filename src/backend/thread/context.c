/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * thread-context: a thread that does nothing but create other threads, which inherit its CPU
 * affinity.
 *
 * It is a thread rather than a stored mask so that management software can pin it from outside
 * (sched_setaffinity(2) on `thread-id`, cpusets) when this process may not. Therefore
 * `cpu-affinity` reads the kernel's mask every time. Requests go through a one-place mailbox under
 * a lock: one at a time, the requester waits.
 *
 * Source: the sheet on threads, section 1.
 */
#include "backend/thread/event_loop.h"

#include <glib.h>
#include <signal.h>
#include <unistd.h>

/* Wish of a requester, on its stack until `done`. */
typedef struct SpawnRequest {
    pthread_t *thread;
    void *(*fn)(void *);
    void *arg;
    int result;
    bool done;
} SpawnRequest;

typedef struct ThreadContext {
    QomObject obj;
    ThreadContextProperties config;
    pthread_t thread;
    bool running; /* thread is valid */
    pid_t tid;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    SpawnRequest *request; /* NULL: the mailbox is free */
    bool stop;
} ThreadContext;

static void *context_main(void *opaque)
{
    ThreadContext *self = opaque;
    pthread_mutex_lock(&self->lock);
    self->tid = gettid();
    pthread_cond_broadcast(&self->changed);
    while (!self->stop) {
        SpawnRequest *request = self->request;
        if (request && !request->done) {
            request->result = pthread_create(request->thread, NULL, request->fn, request->arg);
            request->done = true;
            pthread_cond_broadcast(&self->changed);
        }
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

int thread_context_spawn(pthread_t *thread, void *(*fn)(void *), void *arg, void *context)
{
    ThreadContext *self = context;
    SpawnRequest request = {.thread = thread, .fn = fn, .arg = arg};
    pthread_mutex_lock(&self->lock);
    while (self->request) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    self->request = &request;
    pthread_cond_broadcast(&self->changed);
    while (!request.done) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    self->request = NULL;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return request.result;
}

/* --- properties ----------------------------------------------------------------------------- */

/* Of the two, only the one that was set last counts as given. */
static void forget(bool *has, uint16List *list)
{
    qapi_clear(&qapi_type_uint16List, list);
    *has = false;
}

static bool apply_cpus(QomObject *obj, QomError **errp)
{
    ThreadContext *self = (ThreadContext *)obj;
    if (!affinity_set_cpus(self->tid, &self->config.cpu_affinity, errp)) {
        return false;
    }
    forget(&self->config.has_node_affinity, &self->config.node_affinity);
    return true;
}

static bool apply_nodes(QomObject *obj, QomError **errp)
{
    ThreadContext *self = (ThreadContext *)obj;
    if (!affinity_set_nodes(self->tid, &self->config.node_affinity, errp)) {
        return false;
    }
    forget(&self->config.has_cpu_affinity, &self->config.cpu_affinity);
    return true;
}

/* Each shows in the other. */
static bool change_cpus(QomObject *obj, QomError **errp)
{
    if (!apply_cpus(obj, errp)) {
        return false;
    }
    qom_object_notify(obj, "node-affinity");
    return true;
}

static bool change_nodes(QomObject *obj, QomError **errp)
{
    if (!apply_nodes(obj, errp)) {
        return false;
    }
    qom_object_notify(obj, "cpu-affinity");
    return true;
}

static bool get_cpus(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    return affinity_write_cpus(((ThreadContext *)obj)->tid, writer, errp);
}

static bool get_nodes(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    return affinity_write_nodes(((ThreadContext *)obj)->tid, writer, errp);
}

static bool get_thread_id(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                          QomError **errp)
{
    json_writer_int64(writer, ((ThreadContext *)obj)->tid);
    return true;
}

/* --- life cycle ----------------------------------------------------------------------------- */

/* Starts the thread with all signals blocked but those that faults raise, and waits for its id. */
static bool start_thread(ThreadContext *self, QomError **errp)
{
    sigset_t block, old;
    sigfillset(&block);
    sigdelset(&block, SIGSEGV);
    sigdelset(&block, SIGFPE);
    sigdelset(&block, SIGILL);
    sigdelset(&block, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &block, &old);
    int err = pthread_create(&self->thread, NULL, context_main, self);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err) {
        return qom_error_set_errno(errp, err, "Could not create the thread of thread-context '%s'",
                                   qom_object_name(&self->obj));
    }
    self->running = true;
    char name[16];
    g_snprintf(name, sizeof(name), "TC %s", qom_object_name(&self->obj));
    pthread_setname_np(self->thread, name);
    pthread_mutex_lock(&self->lock);
    while (!self->tid) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return true;
}

static bool context_complete(QomObject *obj, QomError **errp)
{
    ThreadContext *self = (ThreadContext *)obj;
    if (self->config.has_cpu_affinity && self->config.has_node_affinity) {
        return qom_error_set(errp, "Mixing CPU and node affinity not supported");
    }
    if (!start_thread(self, errp)) {
        return false;
    }
    if (self->config.has_cpu_affinity) {
        return apply_cpus(obj, errp);
    }
    return !self->config.has_node_affinity || apply_nodes(obj, errp);
}

static void context_init(QomObject *obj)
{
    ThreadContext *self = (ThreadContext *)obj;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
}

static void context_finalize(QomObject *obj)
{
    ThreadContext *self = (ThreadContext *)obj;
    if (self->running) {
        pthread_mutex_lock(&self->lock);
        self->stop = true;
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
    }
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
}

static const QomPropertyRule context_rules[] = {
    {.name = "cpu-affinity",
     .flags = QOM_PROPERTY_LIVE,
     .get = get_cpus,
     .check = affinity_check_cpus,
     .apply = change_cpus},
    {.name = "node-affinity",
     .flags = QOM_PROPERTY_LIVE,
     .get = get_nodes,
     .check = affinity_check_nodes,
     .apply = change_nodes},
};

static const QomProperty context_properties[] = {
    {.name = "thread-id",
     .type = "int",
     .description = "the kernel's thread id, as in /proc/PID/task",
     .get = get_thread_id},
};

static const QomUserCreatable context_creatable = {.complete = context_complete};
static const QomInterfaceInfo context_interfaces[] = {
    {QOM_TYPE_USER_CREATABLE, &context_creatable}};

static const QomTypeInfo context_info = {
    .name = TYPE_THREAD_CONTEXT,
    .parent = QOM_TYPE_OBJECT,
    .instance_size = sizeof(ThreadContext),
    .instance_init = context_init,
    .instance_finalize = context_finalize,
    .interfaces = context_interfaces,
    .n_interfaces = G_N_ELEMENTS(context_interfaces),
    .config = &qapi_type_ThreadContextProperties,
    .config_offset = offsetof(ThreadContext, config),
    .rules = context_rules,
    .n_rules = G_N_ELEMENTS(context_rules),
    .properties = context_properties,
    .n_properties = G_N_ELEMENTS(context_properties),
};

void thread_context_register_type(void)
{
    qom_type_register(&context_info);
}
