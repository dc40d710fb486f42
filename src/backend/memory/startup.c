/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preallocation while the program starts: the objects of the command line come one after the other,
 * but their memory can be fetched at the same time, by threads on several NUMA nodes. Between hold
 * and release the threads are made, and wait; release lets all of them go.
 *
 *     hold -> object: map, bind, prepare -> object: ... -> release: go, go, ... wait, wait, ...
 */
#include "backend/memory/memory.h"

#include <glib.h>

/* The backends whose population is held, in order of creation; NULL: nothing is held. */
static GPtrArray **held_slot(void)
{
    static GPtrArray *held;
    return &held;
}

void memory_prealloc_hold(void)
{
    *held_slot() = g_ptr_array_new();
}

bool memory_prealloc_holds(void)
{
    return *held_slot() != NULL;
}

void memory_prealloc_add_held(MemoryBackend *backend, const MemoryPrealloc *job)
{
    backend->population = memory_prealloc_prepare(job, true);
    g_ptr_array_add(*held_slot(), backend);
}

void memory_prealloc_drop_held(MemoryBackend *backend)
{
    if (memory_prealloc_holds()) {
        g_ptr_array_remove(*held_slot(), backend);
    }
    memory_prealloc_wait(g_steal_pointer(&backend->population));
}

bool memory_prealloc_release_blocks(void)
{
    return (*held_slot())->len > 0;
}

bool memory_prealloc_release(QomError **errp)
{
    g_autoptr(GPtrArray) held = g_steal_pointer(held_slot());
    g_autofree MemoryRoom *rooms = g_new0(MemoryRoom, held->len);
    bool ok = true;
    for (guint i = 0; i < held->len; i++) {
        rooms[i] = memory_backend_room(g_ptr_array_index(held, i));
    }
    for (guint i = 0; i < held->len; i++) {
        memory_prealloc_go(((MemoryBackend *)g_ptr_array_index(held, i))->population);
    }
    for (guint i = 0; i < held->len; i++) {
        MemoryBackend *backend = g_ptr_array_index(held, i);
        int err = memory_prealloc_wait(g_steal_pointer(&backend->population));
        if (!memory_prealloc_finish(backend, err, &rooms[i], ok ? errp : NULL)) {
            memory_backend_undo(backend);
            ok = false;
        }
    }
    return ok;
}
