/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dry run of qomd-apply: goes through the actions and keeps account of the ids that they would
 * have added and removed.
 */
#include "qmp/apply.h"

#include "qom/chardev.h"
#include "qom/object.h"

#include <string.h>

/* Ids as they would be now; those that are not in the tables are as they are. */
typedef struct Account {
    const JsonTape *tape;
    GHashTable *objects, *chardevs; /* id (borrowed) -> GONE or THERE */
} Account;

enum { GONE = 1, THERE = 2 };

void apply_error_prefix(QomError **errp, size_t index, int type)
{
    if (type >= 0) {
        qom_error_prefix(errp, "action %zu (%s): ", index,
                         QomdActionType_name((QomdActionType)type));
    } else {
        qom_error_prefix(errp, "action %zu: ", index);
    }
}

static void account_set(GHashTable *table, const char *id, int state)
{
    g_hash_table_insert(table, (char *)id, GINT_TO_POINTER(state));
}

static bool object_is_there(const Account *account, const char *id)
{
    int state = GPOINTER_TO_INT(g_hash_table_lookup(account->objects, id));
    return state ? state == THERE : qom_object_child(qom_objects(), id) != NULL;
}

/* Whether @path leads to, or into, an object that an action would have added. */
static bool leads_to_new(const Account *account, const char *path)
{
    const char *start = g_str_has_prefix(path, "/objects/") ? path + strlen("/objects/") : path;
    g_autofree char *id = g_strndup(start, strcspn(start, "/"));
    return GPOINTER_TO_INT(g_hash_table_lookup(account->objects, id)) == THERE;
}

/* The links among the arguments of object-add. */
static bool check_links(const Account *account, const QomType *type, JsonTok data, QomError **errp)
{
    size_t n;
    const QomProperty *const *props = qom_type_properties(type, &n);

    for (size_t i = 0; i < n; i++) {
        JsonTok value = props[i]->link_type && props[i]->member
                            ? json_tape_find(account->tape, data, props[i]->name)
                            : JSON_NONE;
        if (value == JSON_NONE || json_tape_type(account->tape, value) != JSON_STRING) {
            continue;
        }
        const char *path = json_tok_text(account->tape, value, NULL);
        if (path[0] && !leads_to_new(account, path) &&
            !qom_resolve_path(path, props[i]->link_type, NULL)) {
            return qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found",
                                       path);
        }
    }
    return true;
}

static bool check_object_add(Account *account, const ObjectOptions *options, JsonTok data,
                             QomError **errp)
{
    const char *type_name = ObjectType_name(options->qom_type);
    const QomType *type = qom_type_find(type_name);

    if (!qom_id_wellformed(options->id)) {
        return qom_error_set(errp, "Parameter 'id' expects an identifier");
    }
    if (!type || !qom_type_is_creatable(type)) {
        return qom_error_set(errp, "invalid object type: %s", type_name);
    }
    if (!check_links(account, type, data, errp)) {
        return false;
    }
    if (object_is_there(account, options->id)) {
        return qom_error_set(errp,
                             "attempt to add duplicate property '%s' to object (type 'container')",
                             options->id);
    }
    account_set(account->objects, options->id, THERE);
    return true;
}

static bool check_object_del(Account *account, const char *id, QomError **errp)
{
    if (!object_is_there(account, id)) {
        return qom_error_set(errp, "object '%s' not found", id);
    }
    QomObject *obj = qom_object_child(qom_objects(), id);
    if (obj && qom_object_in_use(obj)) {
        return qom_error_set(errp, "object '%s' is in use, can not be deleted", id);
    }
    account_set(account->objects, id, GONE);
    return true;
}

static bool check_qom_set(const Account *account, const QomdSetArguments *args, QomError **errp)
{
    QomPropertyView view;

    if (leads_to_new(account, args->path)) {
        return true;
    }
    QomObject *obj = qom_resolve_path_or_error(args->path, false, errp);
    if (!obj || !qom_object_find_property(obj, args->property, &view, errp)) {
        return false;
    }
    return (view.prop && qom_property_is_writable(view.prop)) ||
           qom_error_set(errp, "Property '%s.%s' is not writable", qom_object_type_name(obj),
                         args->property);
}

static bool check_chardev_add(Account *account, const char *id, QomError **errp)
{
    int state = GPOINTER_TO_INT(g_hash_table_lookup(account->chardevs, id));

    if (!qom_id_wellformed(id)) {
        return qom_error_set(errp, "Parameter 'id' expects an identifier");
    }
    /* One that an action removes goes at the end, so its id is not free before. */
    if (state == THERE || chardev_find(id)) {
        return qom_error_set(errp, "Chardev with id '%s' already exists", id);
    }
    account_set(account->chardevs, id, THERE);
    return true;
}

static bool check_chardev_remove(Account *account, const char *id, QomError **errp)
{
    int state = GPOINTER_TO_INT(g_hash_table_lookup(account->chardevs, id));

    if (state == GONE) {
        return qom_error_set(errp, "Chardev '%s' not found", id);
    }
    if (state != THERE && !chardev_can_be_removed(id, errp)) {
        return false;
    }
    account_set(account->chardevs, id, GONE);
    return true;
}

static bool check_action(Account *account, const QomdAction *action, JsonTok data, QomError **errp)
{
    switch (action->type) {
    case QOMD_ACTION_TYPE_OBJECT_ADD:
        return check_object_add(account, action->u.object_add.data, data, errp);
    case QOMD_ACTION_TYPE_OBJECT_DEL:
        return check_object_del(account, action->u.object_del.data->id, errp);
    case QOMD_ACTION_TYPE_QOM_SET: return check_qom_set(account, action->u.qom_set.data, errp);
    case QOMD_ACTION_TYPE_CHARDEV_ADD:
        return check_chardev_add(account, action->u.chardev_add.data->id, errp);
    case QOMD_ACTION_TYPE_CHARDEV_REMOVE:
        return check_chardev_remove(account, action->u.chardev_remove.data->id, errp);
    case QOMD_ACTION_TYPE__MAX: break;
    }
    return true;
}

bool apply_check(const JsonTape *tape, const QomdActionList *actions, const JsonTok *data,
                 QomError **errp)
{
    Account account = {.tape = tape,
                       .objects = g_hash_table_new(g_str_hash, g_str_equal),
                       .chardevs = g_hash_table_new(g_str_hash, g_str_equal)};
    size_t i = 0;

    while (i < actions->n && check_action(&account, &actions->items[i], data[i], errp)) {
        i++;
    }
    if (i < actions->n) {
        apply_error_prefix(errp, i, (int)actions->items[i].type);
    }
    g_hash_table_unref(account.objects);
    g_hash_table_unref(account.chardevs);
    return i == actions->n;
}
