/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who uses an object. A use keeps the object from being deleted by name, and alive; it does not
 * keep its user alive, so each use hangs in two lists, the object's and its user's, and a user that
 * dies is struck out of those it leaves behind.
 */
#include "object/internal.h"

/* A refused deletion names this many users. */
enum { MAX_NAMED = 8 };

struct QomUse {
    QomObject *obj;  /* holds a reference */
    QomObject *user; /* or NULL */
    char *path;      /* of a user that is no object, or NULL */
    char *property;  /* or NULL */
    char *role;
    GList in_obj;  /* in obj->extras->uses */
    GList in_user; /* in user->extras->uses_made */
};

static QomUse *use_new(QomObject *obj, QomObject *user, const char *path, const char *property,
                       const char *role)
{
    QomUse *use = g_new0(QomUse, 1);
    use->obj = qom_object_ref(obj);
    use->user = user;
    use->path = g_strdup(path);
    use->property = g_strdup(property);
    use->role = g_strdup(role);
    use->in_obj.data = use->in_user.data = use;
    g_queue_push_tail_link(&object_extras(obj)->uses, &use->in_obj);
    if (user) {
        g_queue_push_tail_link(&object_extras(user)->uses_made, &use->in_user);
    }
    return use;
}

QomUse *qom_object_use(QomObject *obj, QomObject *user, const char *property, const char *role)
{
    return use_new(obj, user, NULL, property, role);
}

QomUse *qom_object_use_by(QomObject *obj, const char *path, const char *property, const char *role)
{
    return use_new(obj, NULL, path, property, role);
}

void qom_object_unuse(QomUse *use)
{
    if (!use) {
        return;
    }
    g_queue_unlink(&use->obj->extras->uses, &use->in_obj);
    if (use->user) {
        g_queue_unlink(&use->user->extras->uses_made, &use->in_user);
    }
    qom_object_unref(use->obj);
    g_free(use->path);
    g_free(use->property);
    g_free(use->role);
    g_free(use);
}

bool qom_object_in_use(const QomObject *obj)
{
    return obj->extras && obj->extras->uses.length;
}

void users_object_dies(QomObject *obj)
{
    while (obj->extras && obj->extras->uses_made.head) {
        QomUse *use = obj->extras->uses_made.head->data;
        g_queue_unlink(&obj->extras->uses_made, &use->in_user);
        use->user = NULL;
    }
}

static char *use_path(const QomUse *use)
{
    char *path = use->user ? qom_object_path(use->user) : g_strdup(use->path);
    return path ? path : g_strdup("");
}

void users_describe(const QomObject *obj, GString *text)
{
    unsigned named = 0, more = 0;
    for (GList *node = obj->extras ? obj->extras->uses.head : NULL; node; node = node->next) {
        const QomUse *use = node->data;
        g_autofree char *path = use_path(use);
        if (!*path) {
            continue;
        }
        if (named == MAX_NAMED) {
            more++;
            continue;
        }
        g_string_append_printf(text, "%s %s (%s)", named++ ? "," : ": used by", path,
                               use->property ? use->property : use->role);
    }
    if (more) {
        g_string_append_printf(text, " and %u more", more);
    }
}

QomUser *qom_object_users(const QomObject *obj, size_t *n)
{
    GArray *users = g_array_new(false, false, sizeof(QomUser));
    for (GList *node = obj->extras ? obj->extras->uses.head : NULL; node; node = node->next) {
        const QomUse *use = node->data;
        QomUser user = {use_path(use), use->property, use->role, true};
        g_array_append_val(users, user);
    }
    link_append_users(obj, users);
    *n = users->len;
    return (QomUser *)g_array_free(users, false);
}

void qom_users_free(QomUser *users, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_free(users[i].path);
    }
    g_free(users);
}
