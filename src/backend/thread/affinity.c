/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CPU affinity of a thread as a property: lists of CPUs or of NUMA nodes. What is read is the
 * kernel's mask, every time, so that a change from outside shows at once.
 *
 * Source: the sheet on threads, section 1.
 */
#include "backend/thread/event_loop.h"

#include <errno.h>
#include <glib.h>
#include <sched.h>
#include <stdio.h>

enum { MAX_CPUS = 65536, MAX_NODES = 1024 }; /* CPUs: what a uint16 can name; nodes: the kernel's */

/* A mask for MAX_CPUS, empty. */
static cpu_set_t *new_mask(void)
{
    return g_malloc0(CPU_ALLOC_SIZE(MAX_CPUS));
}

static bool set_mask(pid_t tid, const cpu_set_t *mask, QomError **errp)
{
    /* syscalls(resourcecontrol): sched_setaffinity -- the affinity of a context or iothread */
    if (sched_setaffinity(tid, CPU_ALLOC_SIZE(MAX_CPUS), mask) == 0) {
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

/* Adds the CPUs of @node, if it exists, to @mask. */
static bool add_node(cpu_set_t *mask, unsigned node, QomError **errp)
{
    g_autofree char *file = g_strdup_printf("/sys/devices/system/node/node%u/cpulist", node);
    g_autofree char *list = NULL;
    g_autoptr(GError) error = NULL;
    if (g_file_get_contents(file, &list, NULL, &error)) {
        add_cpulist(mask, list);
    } else if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        return qom_error_set(errp, "%s", error->message);
    }
    return true;
}

bool affinity_check_cpus(QomObject *obj, const void *value, QomError **errp)
{
    return ((const uint16List *)value)->n || qom_error_set(errp, "CPU list is empty");
}

bool affinity_check_nodes(QomObject *obj, const void *value, QomError **errp)
{
    return ((const uint16List *)value)->n || qom_error_set(errp, "Node list is empty");
}

bool affinity_set_cpus(pid_t tid, const uint16List *cpus, QomError **errp)
{
    g_autofree cpu_set_t *mask = new_mask();
    for (size_t i = 0; i < cpus->n; i++) {
        CPU_SET_S(cpus->items[i], CPU_ALLOC_SIZE(MAX_CPUS), mask);
    }
    return set_mask(tid, mask, errp);
}

bool affinity_set_nodes(pid_t tid, const uint16List *nodes, QomError **errp)
{
    g_autofree cpu_set_t *mask = new_mask();
    for (size_t i = 0; i < nodes->n; i++) {
        if (!add_node(mask, nodes->items[i], errp)) {
            return false;
        }
    }
    if (CPU_COUNT_S(CPU_ALLOC_SIZE(MAX_CPUS), mask) == 0) {
        return qom_error_set(errp, "The nodes select no CPUs");
    }
    return set_mask(tid, mask, errp);
}

static bool get_mask(pid_t tid, cpu_set_t *mask, QomError **errp)
{
    if (tid <= 0) {
        return qom_error_set(errp, "Object not initialized yet");
    }
    /* syscalls: sched_getaffinity -- the affinity of a context or iothread */
    if (sched_getaffinity(tid, CPU_ALLOC_SIZE(MAX_CPUS), mask) < 0) {
        return qom_error_set_errno(errp, errno, "Getting CPU affinity failed");
    }
    return true;
}

bool affinity_write_cpus(pid_t tid, JsonWriter *writer, QomError **errp)
{
    g_autofree cpu_set_t *mask = new_mask();
    if (!get_mask(tid, mask, errp)) {
        return false;
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

bool affinity_write_nodes(pid_t tid, JsonWriter *writer, QomError **errp)
{
    g_autofree cpu_set_t *mask = new_mask();
    if (!get_mask(tid, mask, errp)) {
        return false;
    }
    g_autofree cpu_set_t *nodes = new_mask(); /* of numbers of nodes */
    g_autofree char *online = NULL;
    if (g_file_get_contents("/sys/devices/system/node/online", &online, NULL, NULL)) {
        add_cpulist(nodes, online); /* the same notation */
    }
    json_writer_begin_array(writer);
    for (unsigned node = 0; node < MAX_NODES; node++) {
        if (!CPU_ISSET_S(node, CPU_ALLOC_SIZE(MAX_CPUS), nodes)) {
            continue;
        }
        g_autofree cpu_set_t *both = new_mask();
        add_node(both, node, NULL);
        CPU_AND_S(CPU_ALLOC_SIZE(MAX_CPUS), both, both, mask);
        if (CPU_COUNT_S(CPU_ALLOC_SIZE(MAX_CPUS), both)) {
            json_writer_uint64(writer, node);
        }
    }
    json_writer_end_array(writer);
    return true;
}
