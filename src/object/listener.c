/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Telling those who watch the tree. Listeners may come and go while they are told: one that goes
 * leaves a hole until the round is over, one that comes is not told of what is being told. Without
 * listeners a change costs one look.
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

/* Closes the holes, unless a round is under way. */
static void close_holes(QomTree *tree)
{
    if (tree->telling) {
        return;
    }
    while (g_ptr_array_remove(tree->listeners, NULL)) {
    }
    if (!tree->listeners->len) {
        g_clear_pointer(&tree->listeners, g_ptr_array_unref);
    }
}

void qom_listener_remove(QomListener *listener)
{
    QomTree *tree = qom_tree();
    guint place;
    if (tree->listeners && g_ptr_array_find(tree->listeners, listener, &place)) {
        tree->listeners->pdata[place] = NULL;
        close_holes(tree);
    }
}

/* Calls @tell for each listener, if @obj can be seen at all. */
static void tell_all(QomObject *obj, const char *property,
                     void (*tell)(QomListener *listener, QomObject *obj, const char *property))
{
    QomTree *tree = qom_tree();
    if (!tree->listeners || !object_is_connected(obj)) {
        return;
    }
    tree->telling++;
    guint n = tree->listeners->len;
    for (guint i = 0; i < n; i++) {
        QomListener *listener = g_ptr_array_index(tree->listeners, i);
        if (listener) {
            tell(listener, obj, property);
        }
    }
    tree->telling--;
    close_holes(tree);
}

static void tell_added(QomListener *listener, QomObject *obj, const char *property)
{
    if (listener->added) {
        listener->added(listener, obj);
    }
}

static void tell_removed(QomListener *listener, QomObject *obj, const char *property)
{
    if (listener->removed) {
        listener->removed(listener, obj);
    }
}

static void tell_changed(QomListener *listener, QomObject *obj, const char *property)
{
    if (listener->changed) {
        listener->changed(listener, obj, property);
    }
}

void listeners_added(QomObject *obj)
{
    tell_all(obj, NULL, tell_added);
}

void listeners_removed(QomObject *obj)
{
    tell_all(obj, NULL, tell_removed);
}

void qom_object_notify(QomObject *obj, const char *property)
{
    tell_all(obj, property, tell_changed);
}
