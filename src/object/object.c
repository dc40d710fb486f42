/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Birth, references and death of objects.
 *
 * When the last reference goes, an object first lets go of everything (children, dynamic
 * properties, links), which may kill others; then its type's code finalizes it, leaf to root. The
 * objects to finalize form a stack instead of recursing, so that a chain of a million objects that
 * own each other dies without one of a million frames:
 *
 *     graves: [child of child] -> [child] -> [parent]
 *
 * The top one releases one thing at a time; whatever dies of that is put above it and goes first,
 * exactly as if the release had recursed. Code of types that drops references itself does recurse,
 * because it may rely on the death of what it dropped.
 */
#include "object/internal.h"

#include <malloc.h>
#include <string.h>

/* So many dead objects are worth a walk through the heap. */
enum { TRIM_MIN_OBJECTS = 128 };

QomExtras *object_extras(QomObject *obj)
{
    if (!obj->extras) {
        obj->extras = g_new0(QomExtras, 1);
    }
    return obj->extras;
}

/* --- Memory ---------------------------------------------------------------------------------- */

static void count_birth(void)
{
    __atomic_add_fetch(&qom_tree()->alive, 1, __ATOMIC_RELAXED);
}

/* The C library keeps what is freed in the middle of its heap. When at least as many objects have
 * died since the last time as live now, most of the heap is such memory: the system gets it back.
 * The walk takes time by the size of the heap, so a death costs the same however many objects
 * there were. */
static void count_death(void)
{
    QomTree *tree = qom_tree();
    size_t alive = __atomic_sub_fetch(&tree->alive, 1, __ATOMIC_RELAXED);
    size_t died = __atomic_add_fetch(&tree->died, 1, __ATOMIC_RELAXED);
    if (died >= MAX(alive, TRIM_MIN_OBJECTS)) {
        __atomic_store_n(&tree->died, 0, __ATOMIC_RELAXED);
#ifdef __GLIBC__
        malloc_trim(0);
#endif
    }
}

/* --- Birth ----------------------------------------------------------------------------------- */

static void init_from_root(QomObject *obj, const QomType *type)
{
    if (type->parent) {
        init_from_root(obj, type->parent);
    }
    if (type->info->instance_init) {
        type->info->instance_init(obj);
    }
}

QomObject *qom_object_new(const char *name)
{
    QomType *type = type_lookup(name);
    if (!type || !type->loaded) {
        type_fatal(name, "unknown or not loaded");
    }
    if (qom_type_is_abstract(type)) {
        type_fatal(name, "is abstract");
    }
    QomClass *klass = type_class(type);
    QomObject *obj = g_malloc0(type->instance_size);
    count_birth();
    obj->klass = klass;
    obj->refcount = 1;
    config_init(obj);
    init_from_root(obj, type);
    for (const QomType *t = type; t; t = t->parent) {
        if (t->info->instance_post_init) {
            t->info->instance_post_init(obj);
        }
    }
    return obj;
}

/* --- Death ----------------------------------------------------------------------------------- */

/* Lets @obj let go of one thing; false if it holds nothing any more. */
static bool release_one(QomObject *obj, Graveyard *graves)
{
    QomExtras *extras = obj->extras;
    if (extras && extras->last_child) {
        QomObject *child = extras->last_child;
        object_leave(child);
        object_unref_into(child, graves);
        return true;
    }
    if (extras && extras->dynamic && extras->dynamic->len) {
        QomProperty *prop = g_ptr_array_remove_index(extras->dynamic, extras->dynamic->len - 1);
        property_release(obj, prop, graves);
        return true;
    }
    GPtrArray *links = obj->klass->type->table->links;
    for (guint i = 0; i < links->len; i++) {
        QomProperty *prop = g_ptr_array_index(links, i);
        if (link_target(obj, prop)) {
            link_drop(obj, prop, graves);
            return true;
        }
    }
    return false;
}

static void object_free(QomObject *obj)
{
    for (const QomType *t = obj->klass->type; t; t = t->parent) {
        if (t->info->instance_finalize) {
            t->info->instance_finalize(obj);
        }
    }
    users_object_dies(obj);
    config_clear(obj);
    QomExtras *extras = obj->extras;
    if (extras) {
        g_clear_pointer(&extras->children, g_hash_table_unref);
        g_clear_pointer(&extras->array_hints, g_hash_table_unref);
        g_clear_pointer(&extras->reserved, g_hash_table_unref);
        g_clear_pointer(&extras->dynamic, g_ptr_array_unref);
        g_clear_pointer(&extras->backlinks, g_hash_table_unref);
        g_free(extras);
    }
    g_free(obj->name);
    g_free(obj);
    count_death();
}

void graves_drain(Graveyard *graves)
{
    while (graves->top) {
        QomObject *obj = graves->top;
        if (!release_one(obj, graves)) {
            graves->top = obj->next;
            object_free(obj);
        }
    }
}

void object_unref_into(QomObject *obj, Graveyard *graves)
{
    if (__atomic_sub_fetch(&obj->refcount, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    obj->flags |= OBJECT_DYING;
    link_target_dies(obj);
    obj->next = graves->top;
    graves->top = obj;
}

void *qom_object_ref(void *obj)
{
    __atomic_add_fetch(&((QomObject *)obj)->refcount, 1, __ATOMIC_RELAXED);
    return obj;
}

void qom_object_unref(void *obj)
{
    if (obj) {
        Graveyard graves = {};
        object_unref_into(obj, &graves);
        graves_drain(&graves);
    }
}

/* --- Questions ------------------------------------------------------------------------------- */

const QomType *qom_object_type(const QomObject *obj)
{
    return obj->klass->type;
}

const char *qom_object_type_name(const QomObject *obj)
{
    return obj->klass->type->info->name;
}

const char *qom_object_name(const QomObject *obj)
{
    return obj->name;
}

QomObject *qom_object_parent(const QomObject *obj)
{
    return obj->parent;
}

bool qom_object_is_completed(const QomObject *obj)
{
    return obj->flags & OBJECT_COMPLETED;
}

bool qom_object_is_a(const QomObject *obj, const char *type)
{
    return obj && qom_type_is_a(obj->klass->type, type);
}

void *qom_object_cast(QomObject *obj, const char *type)
{
    if (!qom_object_is_a(obj, type)) {
        type_fatal(obj ? qom_object_type_name(obj) : "(null)", "an object of it is no '%s'", type);
    }
    return obj;
}

const void *qom_object_interface(const QomObject *obj, const char *name)
{
    const QomType *wanted = type_lookup(name);
    const GArray *all = obj->klass->type->interfaces;
    const void *vtable = NULL;
    unsigned candidates = 0;
    for (guint i = 0; wanted && i < all->len; i++) {
        const TypeInterface *have = &g_array_index(all, TypeInterface, i);
        if (type_descends(have->type, wanted)) {
            vtable = have->vtable;
            candidates++;
        }
    }
    return candidates == 1 ? vtable : NULL;
}

void *qom_object_config(QomObject *obj)
{
    const QomType *type = obj->klass->type;
    return type->config ? (char *)obj + type->config_offset : NULL;
}
