/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Telling those who watch the tree. A listener may remove itself or others while it is told, so the
 * array is walked backwards; without listeners a change costs one look.
 */
#include "object/internal.h"

void qom_listener_add(QomListener *listener)
{
    QomTree *tree = qom_tree();
    if (!tree->listeners) {
        tree->listeners = g_ptr_array_new();
    }
    g_ptr_array_add(tree->listeners, listener);
}

void qom_listener_remove(QomListener *listener)
{
    QomTree *tree = qom_tree();
    if (tree->listeners && g_ptr_array_remove(tree->listeners, listener) && !tree->listeners->len) {
        g_clear_pointer(&tree->listeners, g_ptr_array_unref);
    }
}

/* The listener before number *@i, which is counted down; NULL at the end. */
static QomListener *previous_listener(guint *i)
{
    GPtrArray *listeners = qom_tree()->listeners;
    guint n = listeners ? listeners->len : 0;
    *i = MIN(*i, n);
    return *i ? g_ptr_array_index(listeners, --*i) : NULL;
}

static bool anybody_cares(const QomObject *obj)
{
    return qom_tree()->listeners && object_is_connected(obj);
}

void listeners_added(QomObject *obj)
{
    if (!anybody_cares(obj)) {
        return;
    }
    guint i = G_MAXUINT;
    for (QomListener *l; (l = previous_listener(&i));) {
        if (l->added) {
            l->added(l, obj);
        }
    }
}

void listeners_removed(QomObject *obj)
{
    if (!anybody_cares(obj)) {
        return;
    }
    guint i = G_MAXUINT;
    for (QomListener *l; (l = previous_listener(&i));) {
        if (l->removed) {
            l->removed(l, obj);
        }
    }
}

void qom_object_notify(QomObject *obj, const char *property)
{
    if (!anybody_cares(obj)) {
        return;
    }
    guint i = G_MAXUINT;
    for (QomListener *l; (l = previous_listener(&i));) {
        if (l->changed) {
            l->changed(l, obj, property);
        }
    }
}
