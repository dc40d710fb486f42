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
#include "backend/thread/thread.h"
#include "qapi-qom.h"
#include "qom/json.h"

#include <errno.h>
#include <glib.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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

/* --- affinity ------------------------------------------------------------------------------- */

enum { MAX_CPUS = 65536 }; /* what a uint16 can name */

/* A mask for MAX_CPUS, empty. */
static cpu_set_t *new_mask(void)
{
    return g_malloc0(CPU_ALLOC_SIZE(MAX_CPUS));
}

static bool set_mask(ThreadContext *self, const cpu_set_t *mask, QomError **errp)
{
    /* syscalls(resourcecontrol): sched_setaffinity -- the affinity of a thread-context */
    if (sched_setaffinity(self->tid, CPU_ALLOC_SIZE(MAX_CPUS), mask) == 0) {
        return true;
    }
    return qom_error_set_errno(errp, errno, "Setting CPU affinity failed");
}

/* Adds a list such as "0-3,8" to @mask. */
static void add_cpulist(cpu_set_t *mask, const char *list)
{
    const char *at = list;
    unsigned first, last;
    int length;
    while (sscanf(at, "%u%n", &first, &length) == 1) {
        at += length;
        last = first;
        if (*at == '-' && sscanf(at + 1, "%u%n", &last, &length) == 1) {
            at += 1 + length;
        }
        for (unsigned cpu = first; cpu <= last && cpu < MAX_CPUS; cpu++) {
            CPU_SET_S(cpu, CPU_ALLOC_SIZE(MAX_CPUS), mask);
        }
        if (*at != ',') {
            return;
        }
        at++;
    }
}

static bool apply_cpus(QomObject *obj, QomError **errp)
{
    ThreadContext *self = (ThreadContext *)obj;
    g_autofree cpu_set_t *mask = new_mask();
    for (size_t i = 0; i < self->config.cpu_affinity.n; i++) {
        CPU_SET_S(self->config.cpu_affinity.items[i], CPU_ALLOC_SIZE(MAX_CPUS), mask);
    }
    return set_mask(self, mask, errp);
}

static bool apply_nodes(QomObject *obj, QomError **errp)
{
    ThreadContext *self = (ThreadContext *)obj;
    g_autofree cpu_set_t *mask = new_mask();
    for (size_t i = 0; i < self->config.node_affinity.n; i++) {
        g_autofree char *file = g_strdup_printf("/sys/devices/system/node/node%u/cpulist",
                                                self->config.node_affinity.items[i]);
        g_autofree char *list = NULL;
        if (g_file_get_contents(file, &list, NULL, NULL)) {
            add_cpulist(mask, list);
        }
    }
    if (CPU_COUNT_S(CPU_ALLOC_SIZE(MAX_CPUS), mask) == 0) {
        return qom_error_set(errp, "The nodes select no CPUs");
    }
    return set_mask(self, mask, errp);
}

/* What can be read of the nodes is their CPUs. */
static bool change_nodes(QomObject *obj, QomError **errp)
{
    if (!apply_nodes(obj, errp)) {
        return false;
    }
    qom_object_notify(obj, "cpu-affinity");
    return true;
}

static bool check_cpus(QomObject *obj, const void *value, QomError **errp)
{
    if (((const uint16List *)value)->n) {
        return true;
    }
    return qom_error_set(errp, "CPU list is empty");
}

static bool check_nodes(QomObject *obj, const void *value, QomError **errp)
{
    if (((const uint16List *)value)->n) {
        return true;
    }
    return qom_error_set(errp, "Node list is empty");
}

static bool get_cpus(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    ThreadContext *self = (ThreadContext *)obj;
    if (!self->running) {
        return qom_error_set(errp, "Object not initialized yet");
    }
    g_autofree cpu_set_t *mask = new_mask();
    /* syscalls: sched_getaffinity -- the affinity of a thread-context */
    if (sched_getaffinity(self->tid, CPU_ALLOC_SIZE(MAX_CPUS), mask) < 0) {
        return qom_error_set_errno(errp, errno, "Getting CPU affinity failed");
    }
    json_writer_begin_array(writer);
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        if (CPU_ISSET_S(cpu, CPU_ALLOC_SIZE(MAX_CPUS), mask)) {
            json_writer_uint64(writer, cpu);
        }
    }
    json_writer_end_array(writer);
    return true;
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
     .check = check_cpus,
     .apply = apply_cpus},
    {.name = "node-affinity",
     .flags = QOM_PROPERTY_LIVE | QOM_PROPERTY_WRITEONLY,
     .check = check_nodes,
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
