/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making the changes; see plan.h. First go the objects that are made anew, users before what they
 * use, then all is made, then set, and at the end goes what is not wanted any more:
 *
 *     object-del (replace, in reverse) --> ...-add --> qom-set --> object-del, chardev-remove
 *
 * Without qomd-apply the commands are given one by one, each with its opposite kept for the case
 * that a later one fails.
 */
#include "client/plan.h"

#include "client/construct.h"
#include "client/values.h"

#include <stdio.h>
#include <string.h>

typedef struct Action {
    const char *command;
    char *arguments; /* JSON */
    const Change *change;
} Action;

static void action_clear(gpointer data)
{
    Action *action = data;
    g_free(action->arguments);
}

static GArray *actions_new(void)
{
    GArray *actions = g_array_new(FALSE, FALSE, sizeof(Action));
    g_array_set_clear_func(actions, action_clear);
    return actions;
}

static void add_action(GArray *actions, const char *command, char *arguments, const Change *change)
{
    Action action = {command, arguments, change};
    g_array_append_val(actions, action);
}

static char *id_arguments(const char *id)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_object(w);
    json_writer_key(w, "id");
    json_writer_string(w, id);
    json_writer_end_object(w);
    return json_writer_steal(w, NULL);
}

static char *entry_arguments(const Entry *entry)
{
    return json_tape_copy_subtree(entry->tape, entry->data, NULL);
}

static char *set_arguments(const char *path, const char *property, const JsonTape *tape,
                           JsonTok value)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    value_begin(w, path, property);
    json_writer_key(w, "value");
    json_writer_subtree(w, tape, value);
    json_writer_end_object(w);
    return json_writer_steal(w, NULL);
}

static const char *change_path(const Change *change)
{
    return change->object ? change->object->path : change->id;
}

static void add_sets(GArray *actions, const Change *change)
{
    for (guint i = 0; i < change->differences->len; i++) {
        const Difference *d = &g_array_index(change->differences, Difference, i);
        add_action(actions, "qom-set",
                   set_arguments(change_path(change), d->name, d->to_tape, d->to), change);
    }
}

static GArray *plan_actions(const Plan *plan)
{
    GArray *actions = actions_new();
    Change **changes = (Change **)plan->changes->pdata;
    guint n = plan->changes->len;

    for (guint i = n; i-- > 0;) {
        if (changes[i]->kind == CHANGE_REPLACE) {
            add_action(actions, "object-del", id_arguments(changes[i]->id), changes[i]);
        }
    }
    for (guint i = 0; i < n; i++) {
        if (changes[i]->kind == CHANGE_ADD || changes[i]->kind == CHANGE_REPLACE) {
            add_action(actions, entry_command(changes[i]->entry),
                       entry_arguments(changes[i]->entry), changes[i]);
        }
    }
    for (guint i = 0; i < n; i++) {
        if (changes[i]->kind == CHANGE_SET) {
            add_sets(actions, changes[i]);
        }
    }
    for (guint i = 0; i < n; i++) {
        if (changes[i]->kind == CHANGE_DELETE) {
            add_action(actions, changes[i]->what == ENTRY_OBJECT ? "object-del" : "chardev-remove",
                       id_arguments(changes[i]->id), changes[i]);
        }
    }
    return actions;
}

/* --- With qomd-apply ------------------------------------------------------------------------- */

/* The error says `action N (COMMAND): `; of which object only we know. */
static void name_action(const GArray *actions, QomError **errp)
{
    unsigned n;
    if (sscanf(qom_error_message(*errp), "action %u ", &n) == 1 && n < actions->len) {
        qom_error_prefix(errp, "'%s': ", g_array_index(actions, Action, n).change->id);
    }
}

static bool run_whole(Client *client, const GArray *actions, bool dry_run, QomError **errp)
{
    JsonTok value;
    JSON_AUTO_TAPE(tape);
    JSON_AUTO_WRITER(w);

    w = json_writer_new(false);
    json_writer_begin_object(w);
    json_writer_key(w, "actions");
    json_writer_begin_array(w);
    for (guint i = 0; i < actions->len; i++) {
        const Action *action = &g_array_index(actions, Action, i);
        json_writer_begin_object(w);
        json_writer_key(w, "type");
        json_writer_string(w, action->command);
        json_writer_key(w, "data");
        json_writer_raw(w, action->arguments, strlen(action->arguments));
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
    json_writer_key(w, "dry-run");
    json_writer_bool(w, dry_run);
    json_writer_end_object(w);
    connection_send(client->connection, "qomd-apply", json_writer_text(w, NULL));
    json_writer_wipe(w); /* it may have carried a secret */
    tape = connection_receive(client->connection, &value, errp);
    if (!tape) {
        name_action(actions, errp);
    }
    return tape != NULL;
}

/* --- With plain commands --------------------------------------------------------------------- */

typedef struct Run {
    Plan *plan;
    Client *client;
    const Schema *schema;
    GArray *undo; /* of Action, to be done in reverse */
} Run;

static bool run_command(Run *run, const char *command, const char *arguments, QomError **errp)
{
    JsonTok value;
    JSON_AUTO_TAPE(tape);
    connection_send(run->client->connection, command, arguments);
    tape = connection_receive(run->client->connection, &value, errp);
    return tape != NULL;
}

/* The object as it was, for the undo of its deletion; NULL and *errp: it can not be made again. */
static char *construct(Run *run, const Object *object, QomError **errp)
{
    const char *missing;
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    if (!construct_object(run->schema, object, w, &missing)) {
        qom_error_set(errp,
                      "'%s' is not deleted: its '%s' is not known, so that could not be undone",
                      object->path, missing);
        return NULL;
    }
    return json_writer_steal(w, NULL);
}

static bool run_deletion(Run *run, const Change *change, QomError **errp)
{
    g_autofree char *arguments = id_arguments(change->id);
    g_autofree char *again = construct(run, change->object, errp);
    if (!again || !run_command(run, "object-del", arguments, errp)) {
        return false;
    }
    add_action(run->undo, "object-add", g_steal_pointer(&again), change);
    return true;
}

static bool run_addition(Run *run, const Change *change, QomError **errp)
{
    bool object = change->what == ENTRY_OBJECT;
    g_autofree char *arguments = entry_arguments(change->entry);
    if (!run_command(run, entry_command(change->entry), arguments, errp)) {
        return false;
    }
    add_action(run->undo, object ? "object-del" : "chardev-remove", id_arguments(change->id),
               change);
    return true;
}

/* What can not be set is made anew, if it is an object that nobody uses. */
static bool run_replacement(Run *run, const Change *change, QomError **errp)
{
    g_autoptr(GArray) users = live_users(run->client->connection, run->plan->live, change->id);
    if (users->len > 0) {
        const LiveUser *user = &g_array_index(users, LiveUser, 0);
        return qom_error_set(errp, "object '%s' is in use by %s, it can not be made anew",
                             change->id, user->path);
    }
    return run_deletion(run, change, errp) && run_addition(run, change, errp);
}

static bool run_set(Run *run, const Change *change, const Difference *d, QomError **errp)
{
    g_autofree char *arguments = set_arguments(change_path(change), d->name, d->to_tape, d->to);
    if (!run_command(run, "qom-set", arguments, errp)) {
        return false;
    }
    if (d->from_tape) {
        add_action(run->undo, "qom-set",
                   set_arguments(change_path(change), d->name, d->from_tape, d->from), change);
    }
    return true;
}

static bool run_sets(Run *run, const Change *change, QomError **errp)
{
    for (guint i = 0; i < change->differences->len; i++) {
        QOM_AUTO_ERROR(err);
        if (run_set(run, change, &g_array_index(change->differences, Difference, i), &err)) {
            continue;
        }
        if (change->object && qom_error_class(err) == QOM_ERROR_GENERIC &&
            !connection_broken(run->client->connection)) {
            return run_replacement(run, change, errp);
        }
        return qom_error_propagate(errp, g_steal_pointer(&err));
    }
    return true;
}

static bool run_action(Run *run, const Action *action, QomError **errp)
{
    if (!strcmp(action->command, "object-del")) {
        return run_deletion(run, action->change, errp);
    }
    return run_addition(run, action->change, errp);
}

static void undo_all(Run *run)
{
    if (connection_broken(run->client->connection)) {
        if (run->undo->len > 0) {
            client_warn(run->client, "%u changes were made and can not be undone", run->undo->len);
        }
        return;
    }
    for (guint i = run->undo->len; i-- > 0;) {
        const Action *action = &g_array_index(run->undo, Action, i);
        QOM_AUTO_ERROR(err);
        if (!run_command(run, action->command, action->arguments, &err)) {
            client_warn(run->client, "to undo a change of '%s', %s has failed: %s",
                        action->change->id, action->command, qom_error_message(err));
        }
    }
}

static bool run_plain(Plan *plan, Client *client, const GArray *actions, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    Run run = {plan, client, client_schema(client, &err), actions_new()};
    const Change *set = NULL;
    bool fine = !err;

    for (guint i = 0; fine && i < actions->len; i++) {
        const Action *action = &g_array_index(actions, Action, i);
        if (strcmp(action->command, "qom-set") != 0) {
            fine = run_action(&run, action, &err);
        } else if (action->change != set) { /* its differences all at once */
            set = action->change;
            fine = run_sets(&run, set, &err);
        }
        if (!fine) {
            qom_error_prefix(&err, "'%s': ", action->change->id);
        }
    }
    if (!fine) {
        undo_all(&run);
    }
    g_array_unref(run.undo);
    return fine || qom_error_propagate(errp, g_steal_pointer(&err));
}

bool plan_run(Plan *plan, Client *client, bool dry_run, QomError **errp)
{
    QOM_AUTO_ERROR(err);

    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = plan->changes->pdata[i];
        if (change->refused) {
            return qom_error_set(errp, "'%s': %s", change->id, change->refused);
        }
    }
    g_autoptr(GArray) actions = plan_actions(plan);
    if (actions->len == 0 || run_whole(client, actions, dry_run, &err)) {
        return true;
    }
    bool missing = !connection_broken(client->connection) &&
                   qom_error_class(err) == QOM_ERROR_COMMAND_NOT_FOUND;
    if (missing) {
        return dry_run || run_plain(plan, client, actions, errp);
    }
    return qom_error_propagate(errp, g_steal_pointer(&err));
}
