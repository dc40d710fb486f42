/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands of the object model: qom-list, qom-get, qom-set, qom-list-types,
 * qom-list-properties, object-add, object-del. The work is the object room's.
 *
 * What may block (the completion of some types, the application of some properties) runs in the
 * main loop's thread pool; the call ends when it is done, and other sessions go on meanwhile.
 */
#include "qmp/session.h"

#include "qapi-commands.h"
#include "qom/object.h"

/* --- Looking --------------------------------------------------------------------------------- */

static bool list_write(const QomPropertyView *view, void *opaque)
{
    JsonWriter *w = opaque;

    json_writer_begin_object(w);
    json_writer_key(w, "name");
    json_writer_string(w, view->name);
    json_writer_key(w, "type");
    json_writer_string(w, view->type);
    json_writer_end_object(w);
    return true;
}

/* An object may have a million children: they are written straight into the reply. */
void qmp_qom_list(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    q_obj_qom_list_arg args;
    QomError *error = NULL;
    QomObject *obj;

    if (!qmp_call_decode(call, tape, node, &args, &error) ||
        !(obj = qom_resolve_path_or_error(args.path, true, &error))) {
        qmp_call_fail(call, error);
        return;
    }
    JsonWriter *w = qmp_call_begin_return(call);
    json_writer_begin_array(w);
    qom_object_foreach_property(obj, list_write, w);
    json_writer_end_array(w);
    qmp_call_end_return(call);
}

void qmp_qom_get(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    q_obj_qom_get_arg args;
    QomError *error = NULL;
    QomObject *obj;

    if (!qmp_call_decode(call, tape, node, &args, &error) ||
        !(obj = qom_resolve_path_or_error(args.path, false, &error)) ||
        !qom_property_get(obj, args.property, qmp_call_begin_return(call), &error)) {
        qmp_call_fail(call, error);
        return;
    }
    qmp_call_end_return(call);
}

static ObjectTypeInfo type_info(const QomType *type)
{
    const QomType *parent = qom_type_parent(type);
    bool abstract = qom_type_is_abstract(type);

    return (ObjectTypeInfo){.name = g_strdup(qom_type_name(type)),
                            .has_abstract = abstract,
                            .abstract = abstract,
                            .parent = parent ? g_strdup(qom_type_name(parent)) : NULL};
}

bool qmp_qom_list_types(const char *implements, bool has_abstract, bool abstract,
                        ObjectTypeInfoList *ret, QomError **errp)
{
    size_t n;
    g_autofree const QomType **types = qom_type_list(implements, has_abstract && abstract, &n);

    ret->items = n ? g_new(ObjectTypeInfo, n) : NULL;
    ret->n = n;
    for (size_t i = 0; i < n; i++) {
        ret->items[i] = type_info(types[i]);
    }
    return true;
}

bool qmp_qom_list_properties(const char *q_typename, ObjectPropertyInfoList *ret, QomError **errp)
{
    const QomType *type = qom_type_find_for_properties(q_typename, errp);
    size_t n;

    if (!type) {
        return false;
    }
    const QomProperty *const *props = qom_type_properties(type, &n);
    ret->items = n ? g_new(ObjectPropertyInfo, n) : NULL;
    ret->n = n;
    for (size_t i = 0; i < n; i++) {
        ret->items[i] = (ObjectPropertyInfo){.name = g_strdup(props[i]->name),
                                             .type = g_strdup(props[i]->type),
                                             .description = g_strdup(props[i]->description),
                                             .default_value = g_strdup(props[i]->default_json)};
    }
    return true;
}

/* --- Setting --------------------------------------------------------------------------------- */

typedef struct SetJob {
    QmpCall *call;
    QomPropertyChange *change;
    QomError *error;
} SetJob;

static void set_job_work(void *opaque)
{
    SetJob *job = opaque;
    qom_property_change_apply(job->change, &job->error);
}

static void set_job_done(void *opaque)
{
    SetJob *job = opaque;

    qom_property_change_end(job->change);
    if (job->error) {
        qmp_call_fail(job->call, job->error);
    } else {
        qmp_call_return(job->call, NULL);
    }
    g_free(job);
}

void qmp_qom_set(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    SetJob *job = g_new0(SetJob, 1);
    q_obj_qom_set_arg args;
    QomObject *obj;

    job->call = call;
    if (!qmp_call_decode(call, tape, node, &args, &job->error) ||
        !(obj = qom_resolve_path_or_error(args.path, false, &job->error)) ||
        !(job->change = qom_property_change_begin(
              obj, args.property, tape, json_tape_find(tape, node, "value"), &job->error))) {
        qmp_call_fail(call, job->error);
        g_free(job);
        return;
    }
    if (qom_property_change_blocks(job->change) &&
        loop_pool_submit(loop_main(), set_job_work, set_job_done, job, NULL)) {
        return;
    }
    set_job_work(job);
    set_job_done(job);
}

/* --- Creating and deleting ------------------------------------------------------------------- */

typedef struct AddJob {
    QmpCall *call;
    QomCreation *creation;
    QomError *error;
} AddJob;

static void add_job_work(void *opaque)
{
    AddJob *job = opaque;
    qom_object_add_complete(job->creation, &job->error);
}

static void add_job_done(void *opaque)
{
    AddJob *job = opaque;

    if (job->error) {
        qom_object_add_abort(job->creation);
        qmp_call_fail(job->call, job->error);
    } else {
        qom_object_add_finish(job->creation);
        qmp_call_return(job->call, NULL);
    }
    g_free(job);
}

void qmp_object_add(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    QomError *error = NULL;
    QomCreation *creation = qom_object_add_begin(tape, node, qmp_get_compat(), &error);

    if (!creation) {
        qmp_call_fail(call, error);
        return;
    }
    AddJob *job = g_new0(AddJob, 1);
    job->call = call;
    job->creation = creation;
    if (qom_object_add_blocks(creation) &&
        loop_pool_submit(loop_main(), add_job_work, add_job_done, job, NULL)) {
        return;
    }
    add_job_work(job);
    add_job_done(job);
}

bool qmp_object_del(const char *id, QomError **errp)
{
    return qom_object_del(id, errp);
}
