/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths: from objects to text and back.
 *
 * An absolute path is followed from the root, one component after the other, through children,
 * links and aliases. A partial path is tried from every object of the tree and must match from
 * exactly one. Trying is not needed where the first component names neither a child nor a link that
 * is set; the index of names and the index of links (tree.c) tell the places where it does, so a
 * partial path costs what its candidates cost. Only the empty one, which matches at every object,
 * walks, and stops at the second match.
 */
#include "object/internal.h"

#include <string.h>

char *qom_object_path(const QomObject *obj)
{
    if (!object_is_connected(obj)) {
        return NULL;
    }
    if (!obj->parent) {
        return g_strdup("/");
    }
    size_t len = 0;
    for (const QomObject *o = obj; o->parent; o = o->parent) {
        len += 1 + strlen(o->name);
    }
    char *path = g_malloc(len + 1);
    char *end = path + len;
    *end = 0;
    for (const QomObject *o = obj; o->parent; o = o->parent) {
        size_t part = strlen(o->name);
        end -= part;
        memcpy(end, o->name, part);
        *--end = '/';
    }
    return path;
}

QomObject *qom_object_resolve_component(QomObject *obj, const char *name)
{
    QomObject *child = qom_object_child(obj, name);
    if (child) {
        return child;
    }
    QomPropertyView view;
    if (!qom_object_find_property(obj, name, &view, NULL) || !alias_follow(&obj, &view)) {
        return NULL;
    }
    if (view.child) {
        return view.child;
    }
    return view.prop->link_type ? link_target(obj, view.prop) : NULL;
}

/* --- Resolving ------------------------------------------------------------------------------- */

/* Nothing lies deeper: it is not worth the memory to look. */
enum { MAX_PARTS = 16 * 1024 };

/* The components of a path; empty ones are left out. */
typedef struct PathParts {
    char *text;
    GPtrArray *names;
} PathParts;

/* False: there are too many, or there is no memory for so long a path. */
static bool path_split(const char *path, PathParts *parts)
{
    size_t bytes = strlen(path) + 1;
    parts->names = g_ptr_array_new();
    parts->text = g_try_malloc(bytes);
    if (!parts->text) {
        return false;
    }
    char *rest = memcpy(parts->text, path, bytes);
    for (char *name; (name = strsep(&rest, "/"));) {
        if (*name && parts->names->len == MAX_PARTS) {
            return false;
        }
        if (*name) {
            g_ptr_array_add(parts->names, name);
        }
    }
    return true;
}

static void path_parts_clear(PathParts *parts)
{
    g_free(parts->text);
    g_ptr_array_unref(parts->names);
}

/* Follows the components from number @first on. */
static QomObject *follow(QomObject *obj, const PathParts *parts, guint first)
{
    for (guint i = first; obj && i < parts->names->len; i++) {
        obj = qom_object_resolve_component(obj, g_ptr_array_index(parts->names, i));
    }
    return obj;
}

/* What has matched so far. */
typedef struct Matches {
    const QomType *wanted; /* NULL: any */
    QomObject *found;
    unsigned n;
} Matches;

/* Counts @obj (may be NULL); false when two are enough. */
static bool matches_add(Matches *matches, QomObject *obj)
{
    if (obj && (!matches->wanted || type_is_a(obj->klass->type, matches->wanted))) {
        matches->found = obj;
        matches->n++;
    }
    return matches->n < 2;
}

static void match_everything(Matches *matches)
{
    QomObject *root = qom_root();
    QomObject *obj = root;
    while (obj && matches_add(matches, obj)) {
        obj = tree_walk_next(root, obj);
    }
}

static void match_candidates(Matches *matches, const PathParts *parts)
{
    QomTree *tree = qom_tree();
    const char *first = g_ptr_array_index(parts->names, 0);
    QomObject *obj = tree->names ? name_set_find(tree->names, first) : NULL;
    for (; obj; obj = obj->namesake_next) {
        if (object_is_connected(obj) && !matches_add(matches, follow(obj, parts, 1))) {
            return;
        }
    }
    GHashTable *having = tree->links ? g_hash_table_lookup(tree->links, first) : NULL;
    if (!having) {
        return;
    }
    GHashTableIter iter;
    void *owner;
    g_hash_table_iter_init(&iter, having);
    while (g_hash_table_iter_next(&iter, &owner, NULL)) {
        if (object_is_connected(owner) && !matches_add(matches, follow(owner, parts, 0))) {
            return;
        }
    }
}

QomObject *qom_resolve_path(const char *path, const char *type, bool *ambiguous)
{
    Matches matches = {};
    if (ambiguous) {
        *ambiguous = false;
    }
    if (type && strcmp(type, QOM_TYPE_OBJECT) != 0) {
        matches.wanted = qom_type_find(type);
        if (!matches.wanted) {
            return NULL;
        }
    }
    PathParts parts __attribute__((cleanup(path_parts_clear))) = {};
    if (!path_split(path, &parts)) {
        return NULL;
    }
    if (*path == '/') {
        matches_add(&matches, follow(qom_root(), &parts, 0));
    } else if (!parts.names->len) {
        match_everything(&matches);
    } else {
        qom_root();
        match_candidates(&matches, &parts);
    }
    if (matches.n > 1 && ambiguous) {
        *ambiguous = true;
    }
    return matches.n == 1 ? matches.found : NULL;
}

QomObject *qom_resolve_path_or_error(const char *path, bool tell_ambiguous, QomError **errp)
{
    bool ambiguous;
    QomObject *obj = qom_resolve_path(path, NULL, &ambiguous);
    if (obj) {
        return obj;
    }
    if (ambiguous && tell_ambiguous) {
        qom_error_set(errp, "Path '%s' is ambiguous", path);
    } else {
        qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
    }
    return NULL;
}
