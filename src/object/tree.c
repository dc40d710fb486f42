/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The composition tree: who is whose child, under which name.
 *
 * Children form a list in order of addition; once there are more than a few, a set by name stands
 * beside it. Every object that has a parent is also in one index of names over the whole tree, from
 * which partial paths start (path.c); it does not matter there whether the parent is connected to
 * the root, so that putting a subtree somewhere else costs the same however big it is.
 */
#include "object/internal.h"

#include <string.h>

/* As long as a look through the list is as fast as a hash. */
enum { FEW_CHILDREN = 8 };

/* "name[*]" tries name[0] to name[32766]. */
enum { MAX_ARRAY = 32767 };

QomTree *qom_tree(void)
{
    static QomTree tree;
    return &tree;
}

/* --- The index of names ------------------------------------------------------------------------
 */

static void names_add(QomObject *obj)
{
    QomTree *tree = qom_tree();
    if (!tree->names) {
        tree->names = name_set_new();
    }
    QomObject *head = g_hash_table_lookup(tree->names, obj);
    obj->namesake_prev = head;
    obj->namesake_next = head ? head->namesake_next : NULL;
    if (!head) {
        g_hash_table_add(tree->names, obj);
        return;
    }
    if (head->namesake_next) {
        head->namesake_next->namesake_prev = obj;
    }
    head->namesake_next = obj;
}

static void names_remove(QomObject *obj)
{
    QomTree *tree = qom_tree();
    if (obj->namesake_next) {
        obj->namesake_next->namesake_prev = obj->namesake_prev;
    }
    if (obj->namesake_prev) {
        obj->namesake_prev->namesake_next = obj->namesake_next;
    } else {
        g_hash_table_remove(tree->names, obj);
        if (obj->namesake_next) {
            g_hash_table_add(tree->names, obj->namesake_next);
        }
    }
    obj->namesake_prev = obj->namesake_next = NULL;
    if (!g_hash_table_size(tree->names)) {
        g_clear_pointer(&tree->names, g_hash_table_unref);
    }
}

/* --- Children -------------------------------------------------------------------------------- */

QomObject *qom_object_child(const QomObject *obj, const char *name)
{
    const QomExtras *extras = obj->extras;
    if (!extras) {
        return NULL;
    }
    if (extras->children) {
        return name_set_find(extras->children, name);
    }
    QomObject *child = extras->first_child;
    while (child && strcmp(child->name, name) != 0) {
        child = child->next;
    }
    return child;
}

size_t qom_object_child_count(const QomObject *obj)
{
    return obj->extras ? obj->extras->n_children : 0;
}

QomObject *qom_object_first_child(const QomObject *obj)
{
    return obj->extras ? obj->extras->first_child : NULL;
}

QomObject *qom_object_next_sibling(const QomObject *obj)
{
    return obj->next;
}

bool object_name_taken(const QomObject *obj, const char *name)
{
    const PropertyTable *table = obj->klass->type->table;
    return g_hash_table_contains(table->by_name, name) || object_dynamic_find(obj, name) ||
           qom_object_child(obj, name) ||
           (obj->extras && obj->extras->reserved &&
            g_hash_table_contains(obj->extras->reserved, name));
}

bool object_duplicate_error(const QomObject *obj, const char *name, QomError **errp)
{
    return qom_error_set(errp, "attempt to add duplicate property '%s' to object (type '%s')", name,
                         qom_object_type_name(obj));
}

static void attach(QomObject *parent, char *name, QomObject *obj)
{
    QomExtras *extras = object_extras(parent);
    qom_object_ref(obj);
    obj->parent = parent;
    g_free(obj->name);
    obj->name = name;
    obj->name_hash = name_hash(name);
    obj->prev = extras->last_child;
    obj->next = NULL;
    *(extras->last_child ? &extras->last_child->next : &extras->first_child) = obj;
    extras->last_child = obj;
    extras->n_children++;
    if (extras->children) {
        g_hash_table_add(extras->children, obj);
    } else if (extras->n_children > FEW_CHILDREN) {
        extras->children = name_set_new();
        for (QomObject *c = extras->first_child; c; c = c->next) {
            g_hash_table_add(extras->children, c);
        }
    }
    names_add(obj);
}

/* "name[7]" became free: 7 is the number to try first if it is below the hint. */
static void lower_array_hint(QomExtras *extras, const char *name)
{
    const char *bracket = strrchr(name, '[');
    if (!extras->array_hints || !bracket) {
        return;
    }
    g_autofree char *base = g_strndup(name, bracket - name);
    void *key, *hint;
    if (g_hash_table_lookup_extended(extras->array_hints, base, &key, &hint)) {
        guint64 number = g_ascii_strtoull(bracket + 1, NULL, 10);
        if (number < GPOINTER_TO_UINT(hint)) {
            g_hash_table_insert(extras->array_hints, g_strdup(base), GUINT_TO_POINTER(number));
        }
    }
}

void object_detach(QomObject *obj)
{
    QomExtras *extras = obj->parent->extras;
    names_remove(obj);
    if (extras->children) {
        g_hash_table_remove(extras->children, obj);
    }
    *(obj->prev ? &obj->prev->next : &extras->first_child) = obj->next;
    *(obj->next ? &obj->next->prev : &extras->last_child) = obj->prev;
    extras->n_children--;
    lower_array_hint(extras, obj->name);
    obj->parent = obj->prev = obj->next = NULL;
    g_clear_pointer(&obj->name, g_free);
}

void object_leave(QomObject *obj)
{
    QomObject *parent = obj->parent;
    if (obj->klass->unparent) {
        obj->klass->unparent(obj);
    }
    g_assert(obj->parent == parent);
    listeners_removed(obj);
    object_detach(obj);
    link_notify_users(obj);
}

void qom_object_unparent(QomObject *obj)
{
    if (obj->parent) {
        object_leave(obj);
        qom_object_unref(obj);
    }
}

/* The first free name for "base[*]", or NULL. */
static char *free_array_name(QomObject *parent, const char *name)
{
    QomExtras *extras = object_extras(parent);
    if (!extras->array_hints) {
        extras->array_hints = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    g_autofree char *base = g_strndup(name, strlen(name) - strlen("[*]"));
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(extras->array_hints, base));
    for (; number < MAX_ARRAY; number++) {
        g_autofree char *candidate = g_strdup_printf("%s[%u]", base, number);
        if (!object_name_taken(parent, candidate)) {
            g_hash_table_insert(extras->array_hints, g_strdup(base), GUINT_TO_POINTER(number + 1));
            return g_steal_pointer(&candidate);
        }
    }
    return NULL;
}

bool qom_object_add_child(QomObject *parent, const char *name, QomObject *obj, QomError **errp)
{
    g_assert(!obj->parent && obj != parent && !(parent->flags & OBJECT_DYING));
    g_autofree char *own_name =
        g_str_has_suffix(name, "[*]") ? free_array_name(parent, name) : g_strdup(name);
    if (!own_name || object_name_taken(parent, own_name)) {
        return object_duplicate_error(parent, name, errp);
    }
    attach(parent, g_steal_pointer(&own_name), obj);
    listeners_added(obj);
    return true;
}

bool object_is_connected(const QomObject *obj)
{
    while (obj->parent) {
        obj = obj->parent;
    }
    return obj == qom_tree()->root;
}

QomObject *tree_walk_next(const QomObject *top, QomObject *obj)
{
    QomObject *child = qom_object_first_child(obj);
    if (child) {
        return child;
    }
    while (obj != top && !obj->next) {
        obj = obj->parent;
    }
    return obj == top ? NULL : obj->next;
}

/* --- The root -------------------------------------------------------------------------------- */

static QomObject *add_new(QomObject *parent, const char *name, const char *type)
{
    QomObject *obj = qom_object_new(type);
    qom_object_add_child(parent, name, obj, NULL);
    qom_object_unref(obj); /* the parent has its own reference */
    return obj;
}

QomObject *qom_root(void)
{
    QomTree *tree = qom_tree();
    if (!tree->root) {
        tree->root = qom_object_new(QOM_TYPE_CONTAINER);
        tree->objects = add_new(tree->root, "objects", QOM_TYPE_CONTAINER);
        tree->chardevs = add_new(tree->root, "chardevs", QOM_TYPE_CONTAINER);
        add_new(tree->root, "backend", QOM_TYPE_CONTAINER);
        QomObject *machine = add_new(tree->root, "machine", "none-machine");
        add_new(machine, "peripheral", QOM_TYPE_CONTAINER);
        add_new(machine, "peripheral-anon", QOM_TYPE_CONTAINER);
        add_new(machine, "unattached", QOM_TYPE_CONTAINER);
    }
    return tree->root;
}

QomObject *qom_objects(void)
{
    qom_root();
    return qom_tree()->objects;
}

QomObject *qom_chardevs(void)
{
    qom_root();
    return qom_tree()->chardevs;
}

static void clear_children(QomObject *obj)
{
    while (qom_object_child_count(obj)) {
        qom_object_unparent(obj->extras->last_child);
    }
}

void qom_objects_clear(void)
{
    QomTree *tree = qom_tree();
    if (!tree->root) {
        return;
    }
    /* Users first: one round takes those that nobody uses, youngest first, and frees others. */
    for (bool progress = true; progress;) {
        progress = false;
        QomObject *obj = tree->objects->extras ? tree->objects->extras->last_child : NULL;
        while (obj) {
            QOM_AUTO_UNREF QomObject *older = obj->prev ? qom_object_ref(obj->prev) : NULL;
            if (!qom_object_in_use(obj)) {
                qom_object_unparent(obj);
                progress = true;
            }
            obj = older && older->parent ? older : NULL;
        }
    }
    clear_children(tree->objects);
}

void qom_tree_destroy(void)
{
    QomTree *tree = qom_tree();
    if (!tree->root) {
        return;
    }
    clear_children(tree->chardevs);
    qom_objects_clear();
    qom_object_unref(tree->root);
    tree->root = tree->objects = tree->chardevs = NULL;
}
