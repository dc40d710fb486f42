/* SPDX-License-Identifier: BSD-3-Clause */
/* Who uses what, what a type is, who is connected: qomd-users, -describe-type, -query-monitors. */
#include "qmp/monitor.h"

#include "qapi-commands.h"
#include "qapi-schema.h"
#include "qom/object.h"

bool qmp_qomd_users(const char *path, QomdUserList *ret, QomError **errp)
{
    QomObject *obj = qom_resolve_path_or_error(path, true, errp);
    size_t n;

    if (!obj) {
        return false;
    }
    QomUser *users = qom_object_users(obj, &n);
    ret->items = n ? g_new0(QomdUser, n) : NULL;
    ret->n = n;
    for (size_t i = 0; i < n; i++) {
        ret->items[i] = (QomdUser){.path = g_strdup(users[i].path),
                                   .property = g_strdup(users[i].property),
                                   .role = g_strdup(users[i].role)};
    }
    qom_users_free(users, n);
    return true;
}

/* --- qomd-describe-type ---------------------------------------------------------------------- */

static void str_list_add(strList *list, const char *text)
{
    list->items = g_renew(char *, list->items, list->n + 1);
    list->items[list->n++] = g_strdup(text);
}

static void add_features(strList *list, uint64_t features)
{
    for (uint32_t bit = 0; bit < qapi_schema.n_features; bit++) {
        if (features >> bit & 1) {
            str_list_add(list, qapi_schema.feature_names[bit]);
        }
    }
}

/* What the schema says of the member behind a property. */
static void describe_member(QomdPropertyDescription *out, const QapiMember *member)
{
    const QapiType *type = member->type;

    out->qapi_type = g_strdup(type->name);
    add_features(&out->features, member->features);
    if (type->kind == QAPI_KIND_LIST) {
        type = type->element;
    }
    out->has_values = type->kind == QAPI_KIND_ENUM;
    for (uint32_t i = 0; out->has_values && i < type->n_values; i++) {
        str_list_add(&out->values, type->values[i].name);
    }
}

static QomdPropertyDescription describe_property(const QomProperty *prop)
{
    QomdPropertyDescription out = {.name = g_strdup(prop->name),
                                   .type = g_strdup(prop->type),
                                   .readable = qom_property_is_readable(prop),
                                   .writable = qom_property_is_writable(prop),
                                   .live = qom_property_is_live(prop),
                                   .mandatory = qom_property_is_mandatory(prop),
                                   .q_default = g_strdup(prop->default_json),
                                   .description = g_strdup(prop->description)};
    if (prop->member) {
        describe_member(&out, prop->member);
    }
    return out;
}

bool qmp_qomd_describe_type(const char *q_typename, QomdTypeDescription *ret, QomError **errp)
{
    const QomType *type = qom_type_find(q_typename);
    size_t n;

    if (!type) {
        return qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Class '%s' not found",
                                   q_typename);
    }
    ret->name = g_strdup(qom_type_name(type));
    ret->abstract = qom_type_is_abstract(type);
    ret->creatable = qom_type_is_creatable(type);
    add_features(&ret->features, qom_type_features(type));
    for (const QomType *t = qom_type_parent(type); t; t = qom_type_parent(t)) {
        str_list_add(&ret->parents, qom_type_name(t));
    }
    g_autofree const QomType **interfaces = qom_type_interfaces(type, &n);
    for (size_t i = 0; i < n; i++) {
        str_list_add(&ret->interfaces, qom_type_name(interfaces[i]));
    }
    if (qom_type_is_interface(type)) {
        return true;
    }
    const QomProperty *const *props = qom_type_properties(type, &n);
    ret->properties.items = n ? g_new0(QomdPropertyDescription, n) : NULL;
    ret->properties.n = n;
    for (size_t i = 0; i < n; i++) {
        ret->properties.items[i] = describe_property(props[i]);
    }
    return true;
}

/* --- qomd-query-monitors --------------------------------------------------------------------- */

static QomdMonitorClient describe_client(const QmpSession *session)
{
    return (QomdMonitorClient){
        .has_pid = session->pid >= 0,
        .pid = session->pid,
        .has_uid = session->uid != (uid_t)-1,
        .uid = session->uid,
        .since = session->since_s,
        .oob = session->oob != NULL,
        .commands = __atomic_load_n(&session->commands, __ATOMIC_RELAXED),
    };
}

bool qmp_qomd_query_monitors(QomdMonitorInfoList *ret, QomError **errp)
{
    QmpMonitor *monitor;
    QmpSession *session;

    TAILQ_FOREACH (monitor, &qmp_server()->monitors, link) {
        ret->items = g_renew(QomdMonitorInfo, ret->items, ret->n + 1);
        QomdMonitorInfo *info = &ret->items[ret->n++];
        *info =
            (QomdMonitorInfo){.id = g_strdup(monitor->id), .chardev = g_strdup(monitor->chardev)};
        if (monitor->n_sessions > 0) {
            info->clients.items = g_new0(QomdMonitorClient, monitor->n_sessions);
        }
        TAILQ_FOREACH (session, &monitor->sessions, link) {
            info->clients.items[info->clients.n++] = describe_client(session);
        }
    }
    return true;
}
