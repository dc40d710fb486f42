/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links and aliases: properties that lead to other objects.
 *
 * A link is a slot in the owner that only this file writes, because three things go with it: the
 * reference (of a strong link), an entry in the target's back links, by which weak links are
 * cleared when the target dies and users are found, and one in the tree's index of links, by which
 * partial paths find what begins with a link's name. The last holds set links only: an unset one
 * leads nowhere.
 *
 * An alias stands for another object's property. It keeps no reference (an object often has aliases
 * of its own child, and the child of its parent) and is dead when the target is.
 */
#include "object/internal.h"

/* Aliases of aliases are followed this far. */
enum { MAX_ALIASES = 64 };

/* Owner and property of a link; key and value of the target's set. */
typedef struct Backlink {
    QomObject *owner;
    const QomProperty *prop;
} Backlink;

static guint backlink_hash(gconstpointer key)
{
    const Backlink *link = key;
    return g_direct_hash(link->owner) * 31 + g_direct_hash(link->prop);
}

static gboolean backlink_equal(gconstpointer a, gconstpointer b)
{
    const Backlink *x = a, *y = b;
    return x->owner == y->owner && x->prop == y->prop;
}

static void backlink_add(QomObject *target, QomObject *owner, const QomProperty *prop)
{
    QomExtras *extras = object_extras(target);
    if (!extras->backlinks) {
        extras->backlinks = g_hash_table_new_full(backlink_hash, backlink_equal, g_free, NULL);
    }
    Backlink *link = g_new(Backlink, 1);
    *link = (Backlink){owner, prop};
    g_hash_table_add(extras->backlinks, link);
}

static void backlink_remove(QomObject *target, QomObject *owner, const QomProperty *prop)
{
    Backlink link = {owner, prop};
    if (target->extras && target->extras->backlinks) {
        g_hash_table_remove(target->extras->backlinks, &link);
    }
}

/* --- The index of links ------------------------------------------------------------------------
 */

void tree_link_index_add(const char *name, QomObject *obj)
{
    QomTree *tree = qom_tree();
    if (!tree->links) {
        tree->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify)g_hash_table_unref);
    }
    GHashTable *having = g_hash_table_lookup(tree->links, name);
    if (!having) {
        having = g_hash_table_new(NULL, NULL);
        g_hash_table_insert(tree->links, g_strdup(name), having);
    }
    g_hash_table_add(having, obj);
}

void tree_link_index_remove(const char *name, QomObject *obj)
{
    QomTree *tree = qom_tree();
    GHashTable *having = tree->links ? g_hash_table_lookup(tree->links, name) : NULL;
    if (!having) {
        return;
    }
    g_hash_table_remove(having, obj);
    if (!g_hash_table_size(having)) {
        g_hash_table_remove(tree->links, name);
    }
    if (!g_hash_table_size(tree->links)) {
        g_clear_pointer(&tree->links, g_hash_table_unref);
    }
}

/* --- Links ----------------------------------------------------------------------------------- */

static QomObject **link_slot(QomObject *obj, const QomProperty *prop)
{
    return prop->link_slot ? prop->link_slot : (QomObject **)((char *)obj + prop->link_offset);
}

QomObject *link_target(QomObject *obj, const QomProperty *prop)
{
    return *link_slot(obj, prop);
}

/* Stores @target and returns the old one if the link's reference to it is the caller's now. */
static QomObject *link_exchange(QomObject *obj, const QomProperty *prop, QomObject *target)
{
    QomObject **slot = link_slot(obj, prop);
    QomObject *old = *slot;
    bool strong = !(prop->flags & QOM_PROPERTY_WEAK);
    if (old == target) {
        return NULL;
    }
    if (target) {
        backlink_add(target, obj, prop);
        if (strong) {
            qom_object_ref(target);
        }
    }
    *slot = target;
    if (old) {
        backlink_remove(old, obj, prop);
    }
    if (target && !old) {
        tree_link_index_add(prop->name, obj);
    } else if (old && !target) {
        tree_link_index_remove(prop->name, obj);
    }
    return strong ? old : NULL;
}

void link_store(QomObject *obj, const QomProperty *prop, QomObject *target)
{
    qom_object_unref(link_exchange(obj, prop, target));
}

void link_drop(QomObject *obj, const QomProperty *prop, Graveyard *graves)
{
    QomObject *old = link_exchange(obj, prop, NULL);
    if (old) {
        object_unref_into(old, graves);
    }
}

bool link_resolve(const QomProperty *prop, const char *path, QomObject **target, QomError **errp)
{
    bool ambiguous;
    *target = NULL;
    if (!*path) {
        return true;
    }
    *target = qom_resolve_path(path, prop->link_type, &ambiguous);
    if (*target) {
        return true;
    }
    if (ambiguous) {
        return qom_error_set(errp, "Path '%s' does not uniquely identify an object", path);
    }
    if (qom_resolve_path(path, NULL, &ambiguous) || ambiguous) {
        return qom_error_set(errp, "Invalid parameter type for '%s', expected: %s", prop->name,
                             prop->link_type);
    }
    return qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
}

void link_write(QomObject *obj, const QomProperty *prop, JsonWriter *writer)
{
    QomObject *target = link_target(obj, prop);
    g_autofree char *path = target ? qom_object_path(target) : NULL;
    json_writer_string(writer, path ? path : "");
}

bool link_set(QomObject *obj, const QomProperty *prop, const JsonTape *tape, uint32_t node,
              QomError **errp)
{
    QapiDecode how = {.path = prop->name};
    g_autofree char *path = NULL;
    QomObject *target;
    if (!qapi_decode(&how, &qapi_type_str, tape, node, &path, errp) ||
        !link_resolve(prop, path, &target, errp) || !prop->link_check(obj, &target, errp)) {
        return false;
    }
    link_store(obj, prop, target);
    return true;
}

void qom_object_set_link(QomObject *obj, const char *name, QomObject *target)
{
    QomPropertyView view;
    if (!qom_object_find_property(obj, name, &view, NULL) || !view.prop || !view.prop->link_type) {
        type_fatal(qom_object_type_name(obj), "'%s' is no link", name);
    }
    link_store(obj, view.prop, target);
    qom_object_notify(obj, name);
}

bool qom_object_property_add_link(QomObject *obj, const char *name, const char *type,
                                  QomObject **slot, QomPropertyCheck *check, uint32_t flags,
                                  QomError **errp)
{
    g_autofree char *text = g_strdup_printf("link<%s>", type);
    QomProperty def = {
        .name = name,
        .type = text,
        .flags = flags,
        .link_type = type,
        .link_check = check,
        .link_slot = slot,
    };
    return property_add(obj, &def, errp);
}

void link_target_dies(QomObject *target)
{
    QomExtras *extras = target->extras;
    if (!extras) {
        return;
    }
    while (extras->aliases.head) {
        QomAlias *alias = extras->aliases.head->data;
        g_queue_unlink(&extras->aliases, &alias->node);
        alias->target = NULL;
    }
    g_autoptr(GHashTable) backlinks = g_steal_pointer(&extras->backlinks);
    if (!backlinks) {
        return;
    }
    GHashTableIter iter;
    void *key;
    g_hash_table_iter_init(&iter, backlinks);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        Backlink *link = key;
        *link_slot(link->owner, link->prop) = NULL;
        tree_link_index_remove(link->prop->name, link->owner);
        qom_object_notify(link->owner, link->prop->name);
    }
}

void link_append_users(const QomObject *obj, GArray *users)
{
    if (!obj->extras || !obj->extras->backlinks) {
        return;
    }
    GHashTableIter iter;
    void *key;
    g_hash_table_iter_init(&iter, obj->extras->backlinks);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Backlink *link = key;
        char *path = qom_object_path(link->owner);
        QomUser user = {path ? path : g_strdup(""), link->prop->name, "link", false};
        g_array_append_val(users, user);
    }
}

/* Tells the listeners of each link to @obj. */
static void notify_links_to(const QomObject *obj)
{
    if (!obj->extras || !obj->extras->backlinks) {
        return;
    }
    GHashTableIter iter;
    void *key;
    g_hash_table_iter_init(&iter, obj->extras->backlinks);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Backlink *link = key;
        if (object_is_connected(link->owner)) {
            qom_object_notify(link->owner, link->prop->name);
        }
    }
}

void link_notify_users(QomObject *top)
{
    /* Without listeners a change costs one look, however much is below. */
    if (!qom_tree()->listeners) {
        return;
    }
    for (QomObject *obj = top; obj; obj = tree_walk_next(top, obj)) {
        notify_links_to(obj);
    }
}

/* --- Aliases --------------------------------------------------------------------------------- */

bool alias_follow(QomObject **obj, QomPropertyView *view)
{
    for (int hops = 0; view->prop && view->prop->alias; hops++) {
        const QomAlias *alias = view->prop->alias;
        if (!alias->target || hops == MAX_ALIASES ||
            !qom_object_find_property(alias->target, alias->name, view, NULL)) {
            return false;
        }
        *obj = alias->target;
    }
    return true;
}

void alias_free(QomAlias *alias)
{
    if (alias->target) {
        g_queue_unlink(&alias->target->extras->aliases, &alias->node);
    }
    g_free(alias->name);
    g_free(alias);
}

bool qom_object_property_add_alias(QomObject *obj, const char *name, QomObject *target,
                                   const char *target_name, QomError **errp)
{
    QomPropertyView view;
    if (!qom_object_find_property(target, target_name, &view, errp)) {
        return false;
    }
    g_autofree char *link_text =
        view.child ? g_strdup_printf("link<%s>", qom_object_type_name(view.child)) : NULL;
    QomAlias *alias = g_new0(QomAlias, 1);
    QomProperty def = {
        .name = name,
        .type = link_text ? link_text : view.type,
        .description = view.prop ? view.prop->description : NULL,
        .default_json = view.prop ? view.prop->default_json : NULL,
        .flags = view.prop ? view.prop->flags : 0,
        .alias = alias,
    };
    alias->target = target;
    alias->name = g_strdup(target_name);
    alias->node.data = alias;
    g_queue_push_tail_link(&object_extras(target)->aliases, &alias->node);
    if (!property_add(obj, &def, errp)) {
        alias_free(alias);
        return false;
    }
    tree_link_index_add(name, obj);
    return true;
}
