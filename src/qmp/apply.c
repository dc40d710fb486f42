/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * qomd-apply: several actions, all or none.
 *
 *     check all against the schema --> do them in order --> commit: let go of what was deleted
 *                                          | one fails
 *                                          '--> undo in reverse --> the error, `action N (NAME): `
 *
 * What cannot be taken back comes last or is refused: an object that is deleted only leaves the
 * tree and is kept, with all that it holds, until the commit; a chardev is removed at the commit,
 * after a check that it can be; a property whose old value cannot be read is not set.
 *
 * Actions that take time (slow completions, connecting chardevs) end later, in the main thread;
 * meanwhile other sessions go on and may see the first part of the work. What an undo or the commit
 * needs is held against them: ids of deleted objects stay reserved, objects that were added can not
 * be deleted, chardevs that were added or are to be removed are busy.
 */
#include "qmp/apply.h"

#include "qapi-beyond.h"
#include "qapi-commands.h"
#include "qom/chardev.h"
#include "qom/object.h"

#include <string.h>

/* How to undo an action that was done. */
typedef struct Undo {
    QomdActionType type;
    char *id;       /* object or chardev */
    QomObject *obj; /* deleted: the object; set: the one that has the property. A reference */
    char *property;
    char *value; /* the old one, JSON */
    /* While others run */
    QomUse *use;
    bool reserved, held;
} Undo;

typedef struct Apply {
    QmpCall *call;
    const JsonTape *tape;
    const QomdAction *actions; /* decoded, in the call's arena */
    JsonTok *data;             /* of each action: the token of its arguments */
    size_t n, next;
    Undo *undos; /* room for @n */
    size_t n_undos;
    QomError *error;
    /* The step under way, if it takes time */
    QomCreation *creation;
    QomPropertyChange *change;
    Undo undo;
    bool in_step, step_ended;
} Apply;

static void undo_clear(Undo *undo)
{
    g_free(undo->id);
    qom_object_unref(undo->obj);
    g_free(undo->property);
    g_free(undo->value);
}

static void apply_free(Apply *apply)
{
    for (size_t i = 0; i < apply->n_undos; i++) {
        undo_clear(&apply->undos[i]);
    }
    g_free(apply->undos);
    g_free(apply->data);
    g_free(apply);
}

/* --- While others run ------------------------------------------------------------------------- */

static void undo_hold(Undo *undo)
{
    QomObject *obj;

    switch (undo->type) {
    case QOMD_ACTION_TYPE_OBJECT_ADD:
        obj = qom_object_child(qom_objects(), undo->id);
        undo->use = obj ? qom_object_use_by(obj, "qomd-apply", NULL, "under way") : NULL;
        break;
    case QOMD_ACTION_TYPE_OBJECT_DEL: undo->reserved = qom_objects_reserve(undo->id); break;
    case QOMD_ACTION_TYPE_CHARDEV_ADD:
    case QOMD_ACTION_TYPE_CHARDEV_REMOVE:
        undo->held = true;
        chardev_hold(undo->id);
        break;
    case QOMD_ACTION_TYPE_QOM_SET:
    case QOMD_ACTION_TYPE__MAX: break;
    }
}

static void undo_release(Undo *undo)
{
    qom_object_unuse(g_steal_pointer(&undo->use));
    if (undo->reserved) {
        qom_objects_unreserve(undo->id);
    }
    if (undo->held) {
        chardev_release(undo->id);
    }
    undo->reserved = undo->held = false;
}

static void apply_each_undo(Apply *apply, void (*fn)(Undo *undo))
{
    for (size_t i = 0; i < apply->n_undos; i++) {
        fn(&apply->undos[i]);
    }
}

/* --- The end --------------------------------------------------------------------------------- */

/* What users may not delete, such as a main-loop, can be taken back nevertheless. */
static void undo_add(const char *id)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    if (obj && !qom_object_in_use(obj)) {
        qom_object_unparent(obj);
    }
}

static void undo_run(const Undo *undo)
{
    switch (undo->type) {
    case QOMD_ACTION_TYPE_OBJECT_ADD: undo_add(undo->id); break;
    case QOMD_ACTION_TYPE_OBJECT_DEL:
        qom_object_add_child(qom_objects(), undo->id, undo->obj, NULL);
        break;
    case QOMD_ACTION_TYPE_QOM_SET:
        qom_property_set_json(undo->obj, undo->property, undo->value, NULL);
        break;
    case QOMD_ACTION_TYPE_CHARDEV_ADD: chardev_remove(undo->id, NULL); break;
    case QOMD_ACTION_TYPE_CHARDEV_REMOVE:
    case QOMD_ACTION_TYPE__MAX: break;
    }
}

static void apply_fail(Apply *apply)
{
    apply_error_prefix(&apply->error, apply->next, apply->actions[apply->next].type);
    for (size_t i = apply->n_undos; i-- > 0;) {
        undo_run(&apply->undos[i]);
    }
    qmp_call_fail(apply->call, g_steal_pointer(&apply->error));
    apply_free(apply);
}

static void apply_commit(Apply *apply)
{
    QomdApplyResult result = {.done = (int64_t)apply->n};

    for (size_t i = 0; i < apply->n_undos; i++) {
        const Undo *undo = &apply->undos[i];
        if (undo->type == QOMD_ACTION_TYPE_CHARDEV_REMOVE) {
            chardev_remove(undo->id, NULL);
        }
    }
    qmp_call_return(apply->call, &result);
    apply_free(apply);
}

/* --- The actions ----------------------------------------------------------------------------- */

static void apply_run(Apply *apply);

/* The action under way has ended, apply->error says how. */
static void step_end(Apply *apply)
{
    apply->step_ended = true;
    if (!apply->error) {
        apply->undos[apply->n_undos++] = apply->undo;
        apply->next++;
    } else {
        undo_clear(&apply->undo);
    }
    apply->undo = (Undo){0};
    if (!apply->in_step) {
        apply_each_undo(apply, undo_release);
        apply_run(apply);
    }
}

static void add_work(void *opaque)
{
    Apply *apply = opaque;
    qom_object_add_complete(apply->creation, &apply->error);
}

static void add_done(void *opaque)
{
    Apply *apply = opaque;
    if (apply->error) {
        qom_object_add_abort(apply->creation);
    } else {
        qom_object_add_finish(apply->creation);
    }
    step_end(apply);
}

static void step_object_add(Apply *apply, JsonTok data)
{
    apply->creation = qom_object_add_begin(apply->tape, data, qmp_get_compat(), &apply->error);
    if (!apply->creation) {
        step_end(apply);
        return;
    }
    apply->undo.id = g_strdup(qom_object_name(qom_creation_object(apply->creation)));
    if (qom_object_add_blocks(apply->creation) &&
        loop_pool_submit(loop_main(), add_work, add_done, apply, NULL)) {
        return;
    }
    add_work(apply);
    add_done(apply);
}

static void step_object_del(Apply *apply, const char *id)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    if (obj) {
        apply->undo.obj = qom_object_ref(obj);
        apply->undo.id = g_strdup(id);
    }
    qom_object_del(id, &apply->error);
    step_end(apply);
}

static void set_work(void *opaque)
{
    Apply *apply = opaque;
    qom_property_change_apply(apply->change, &apply->error);
}

static void set_done(void *opaque)
{
    Apply *apply = opaque;
    qom_property_change_end(apply->change);
    step_end(apply);
}

/* Notes the old value; false if it cannot be known. */
static bool set_prepare(Apply *apply, QomObject *obj, const char *property)
{
    QomPropertyView view;

    if (!qom_object_find_property(obj, property, &view, &apply->error)) {
        return false;
    }
    if (view.prop && (view.prop->flags & (QOM_PROPERTY_SENSITIVE | QOM_PROPERTY_WRITEONLY))) {
        return qom_error_set(&apply->error,
                             "Property '%s.%s' can not be set here: its old value can not be read",
                             qom_object_type_name(obj), property);
    }
    apply->undo.obj = qom_object_ref(obj);
    apply->undo.property = g_strdup(property);
    apply->undo.value = qom_property_get_json(obj, property, &apply->error);
    return apply->undo.value != NULL;
}

static void step_qom_set(Apply *apply, const QomdSetArguments *args, JsonTok data)
{
    QomObject *obj = qom_resolve_path_or_error(args->path, false, &apply->error);

    if (!obj || !set_prepare(apply, obj, args->property) ||
        !(apply->change = qom_property_change_begin(obj, args->property, apply->tape,
                                                    json_tape_find(apply->tape, data, "value"),
                                                    &apply->error))) {
        step_end(apply);
        return;
    }
    if (qom_property_change_blocks(apply->change) &&
        loop_pool_submit(loop_main(), set_work, set_done, apply, NULL)) {
        return;
    }
    set_work(apply);
    set_done(apply);
}

static void chardev_done(void *opaque, Chardev *chr, const QomError *error)
{
    Apply *apply = opaque;
    if (!chr) {
        apply->error = qom_error_copy(error);
    }
    step_end(apply);
}

static int take_named_fd(void *opaque, const char *name, QomError **errp)
{
    return qmp_call_take_named_fd(((Apply *)opaque)->call, name, errp);
}

/* Whether an earlier action removes chardev @id, which goes at the commit. */
static bool removes_already(const Apply *apply, const char *id)
{
    for (size_t i = 0; i < apply->n_undos; i++) {
        const Undo *undo = &apply->undos[i];
        if (undo->type == QOMD_ACTION_TYPE_CHARDEV_REMOVE && strcmp(undo->id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void step_start(Apply *apply)
{
    const QomdAction *action = &apply->actions[apply->next];
    JsonTok data = apply->data[apply->next];

    apply->undo.type = action->type;
    switch (action->type) {
    case QOMD_ACTION_TYPE_OBJECT_ADD: step_object_add(apply, data); return;
    case QOMD_ACTION_TYPE_OBJECT_DEL: step_object_del(apply, action->u.object_del.data->id); return;
    case QOMD_ACTION_TYPE_QOM_SET: step_qom_set(apply, action->u.qom_set.data, data); return;
    case QOMD_ACTION_TYPE_CHARDEV_ADD:
        apply->undo.id = g_strdup(action->u.chardev_add.data->id);
        chardev_add(apply->undo.id, action->u.chardev_add.data->backend, take_named_fd, apply,
                    chardev_done, apply);
        return;
    case QOMD_ACTION_TYPE_CHARDEV_REMOVE:
        apply->undo.id = g_strdup(action->u.chardev_remove.data->id);
        if (removes_already(apply, apply->undo.id)) {
            qom_error_set(&apply->error, "Chardev '%s' not found", apply->undo.id);
        } else {
            chardev_can_be_removed(apply->undo.id, &apply->error);
        }
        break;
    case QOMD_ACTION_TYPE__MAX: break;
    }
    step_end(apply);
}

static void apply_run(Apply *apply)
{
    while (!apply->error && apply->next < apply->n) {
        apply->step_ended = false;
        apply->in_step = true;
        step_start(apply);
        apply->in_step = false;
        if (!apply->step_ended) {
            apply_each_undo(apply, undo_hold);
            return;
        }
    }
    if (apply->error) {
        apply_fail(apply);
    } else {
        apply_commit(apply);
    }
}

/* --- The command ----------------------------------------------------------------------------- */

/* Finds the action that @error is about and names it; the error stays as it is if it is about
 * something else. */
static void name_wrong_action(QmpCall *call, const JsonTape *tape, JsonTok actions,
                              QomError **error)
{
    QapiDecode how = {.policy = qmp_get_compat()};
    size_t index = 0;

    if (actions == JSON_NONE || json_tape_type(tape, actions) != JSON_ARRAY) {
        return;
    }
    for (JsonTok element = json_tape_first(tape, actions); element != JSON_NONE;
         element = json_tape_next(tape, actions, element), index++) {
        QomError *own = NULL;
        QomdAction action;
        if (qapi_decode(&how, &qapi_type_QomdAction, tape, element, &action, &own)) {
            QomdAction_clear(&action);
            continue;
        }
        JsonTok type = json_tape_type(tape, element) == JSON_OBJECT
                           ? json_tape_find(tape, element, "type")
                           : JSON_NONE;
        bool named = type != JSON_NONE && json_tape_type(tape, type) == JSON_STRING;
        qom_error_free(*error);
        *error = own;
        apply_error_prefix(error, index,
                           named ? qapi_enum_lookup(&qapi_type_QomdActionType,
                                                    json_tok_text(tape, type, NULL),
                                                    strlen(json_tok_text(tape, type, NULL)))
                                 : -1);
        return;
    }
}

static JsonTok *find_data(const JsonTape *tape, JsonTok actions, size_t n)
{
    JsonTok *data = g_try_new(JsonTok, n + 1);
    size_t i = 0;

    if (!data) {
        return NULL;
    }

    for (JsonTok element = json_tape_first(tape, actions); element != JSON_NONE;
         element = json_tape_next(tape, actions, element)) {
        data[i++] = json_tape_find(tape, element, "data");
    }
    return data;
}

void qmp_qomd_apply(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    QomError *error = NULL;
    q_obj_qomd_apply_arg args;
    JsonTok actions = json_tape_find(tape, node, "actions");

    if (!qmp_call_decode(call, tape, node, &args, &error)) {
        name_wrong_action(call, tape, actions, &error);
        qmp_call_fail(call, error);
        return;
    }
    g_autofree JsonTok *data = find_data(tape, actions, args.actions.n);
    g_autofree Undo *undos = g_try_new(Undo, args.actions.n + 1);
    if (!data || !undos) {
        qom_error_set(&error, "Out of memory for %zu actions", args.actions.n);
        qmp_call_fail(call, error);
        return;
    }
    if (args.has_dry_run && args.dry_run) {
        QomdApplyResult nothing = {.done = 0};
        if (apply_check(tape, &args.actions, data, &error)) {
            qmp_call_return(call, &nothing);
        } else {
            qmp_call_fail(call, error);
        }
        return;
    }
    Apply *apply = g_new0(Apply, 1);
    apply->call = call;
    apply->tape = tape;
    apply->actions = args.actions.items;
    apply->n = args.actions.n;
    apply->data = g_steal_pointer(&data);
    apply->undos = g_steal_pointer(&undos);
    apply_run(apply);
}
