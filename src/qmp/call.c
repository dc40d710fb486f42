/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dispatch: from a message to the handler of its command to the reply.
 *
 * The order of the checks is fixed (sheet on the core, section 7): the envelope, the command's
 * name, policy, whether it may run out of band, the phase, its arguments. From the moment the text
 * was an object its `id` is in every reply, exactly as it was written.
 */
#include "qmp/session.h"

#include "qmp/monitor.h"

#include "qom/qapi.h"
#include "json/tape.h"

#include <string.h>

static _Thread_local QmpCall *call_current;

QmpCall *qmp_call_current(void)
{
    return call_current;
}

/* --- Replies --------------------------------------------------------------------------------- */

/* A reply with descriptors goes to the queue by itself, so that they stay with its first byte.
 * Nobody empties the queue of a channel that the reader thread has closed meanwhile. */
static void reply_queue_attached(QmpCall *call)
{
    QmpSession *session = call->session;
    size_t start = call->start.len, len;
    const char *text = json_writer_text(call->writer, &len);

    qmp_session_lock(session);
    bool queued = session->channel && io_queue_push(&session->queue, text, start, NULL, 0) &&
                  io_queue_push(&session->queue, text + start, len - start, call->attached.fd,
                                call->attached.n);
    bool lost = session->channel && !queued;
    qmp_session_unlock(session);
    if (!queued) {
        io_fds_close(&call->attached);
    }
    call->attached.n = 0;
    json_writer_reset(call->writer);
    if (lost) {
        qmp_session_lose(session);
    }
}

static void reply_begin(QmpCall *call)
{
    call->start = json_writer_mark(call->writer);
    call->replying = true;
    json_writer_begin_object(call->writer);
}

static void write_error(JsonWriter *w, QomErrorClass error_class, const char *text)
{
    json_writer_key(w, "error");
    json_writer_begin_object(w);
    json_writer_key(w, "class");
    json_writer_string(w, qom_error_class_name(error_class));
    json_writer_key(w, "desc");
    json_writer_string(w, text);
    json_writer_end_object(w);
}

static void write_end(QmpCall *call)
{
    JsonWriter *w = call->writer;

    if (call->id != JSON_NONE) {
        json_writer_key(w, "id");
        json_writer_subtree(w, call->tape, call->id);
    }
    json_writer_end_object(w);
    json_writer_append(w, "\r\n", 2);
}

/* A reply for which there is no memory is replaced by an error. If there is none for that either,
 * the writer's owner sees it and ends the session. */
static void reply_end(QmpCall *call)
{
    JsonWriter *w = call->writer;

    write_end(call);
    if (json_writer_failed(w)) {
        json_writer_rollback(w, call->start);
        io_fds_close(&call->attached);
        json_writer_begin_object(w);
        write_error(w, QOM_ERROR_GENERIC, "Out of memory for the reply");
        write_end(call);
    }
    call->replying = false;
    if (call->attached.n > 0) {
        reply_queue_attached(call);
    }
    if (!call->out_of_band && call->session->late) {
        GString *late = g_steal_pointer(&call->session->late);
        json_writer_append(w, late->str, late->len);
        g_string_free(late, TRUE);
    }
}

static void reply_error(QmpCall *call, const QomError *error)
{
    if (call->replying) {
        json_writer_rollback(call->writer, call->start);
    }
    io_fds_close(&call->attached);
    reply_begin(call);
    write_error(call->writer, qom_error_class(error), qom_error_message(error));
    reply_end(call);
}

void qmp_call_write_parse_error(JsonWriter *w, const char *text)
{
    json_writer_begin_object(w);
    write_error(w, QOM_ERROR_GENERIC, text);
    json_writer_end_object(w);
    json_writer_append(w, "\r\n", 2);
}

/* The value at @ret as the result. */
static void reply_success(QmpCall *call, const void *ret)
{
    QOM_AUTO_ERROR(error);
    JsonWriter *w = call->writer;

    if (call->command->flags & QAPI_COMMAND_NO_SUCCESS) {
        return;
    }
    reply_begin(call);
    json_writer_key(w, "return");
    if (!call->command->ret) {
        json_writer_begin_object(w);
        json_writer_end_object(w);
    } else if (!qapi_encode(call->command->ret, ret, &call->session->server->compat, w, &error)) {
        reply_error(call, error);
        return;
    }
    reply_end(call);
}

/* Wipes what the message was made of. The reply is written. */
static void call_end(QmpCall *call)
{
    if (call->tape_is_queued) {
        qmp_oob_free_tape(call->session, call->tape);
    } else {
        json_tape_wipe(call->tape);
    }
    call->tape = NULL;
    call->command = NULL;
    if (call->took_fd) {
        call->took_fd = false;
        qmp_fds_drop(call->session);
    }
    qapi_arena_reset(call->arena);
}

/* --- Checks ---------------------------------------------------------------------------------- */

/* What a message says; tokens of its tape or JSON_NONE. */
typedef struct Envelope {
    JsonTok execute, exec_oob, arguments;
} Envelope;

static bool envelope_command(const JsonTape *tape, JsonTok value, const char *name, JsonTok *slot,
                             JsonTok other, QomError **errp)
{
    if (json_tape_type(tape, value) != JSON_STRING) {
        return qom_error_set(errp, "QMP input member '%s' must be a string", name);
    }
    if (other != JSON_NONE) {
        return qom_error_set(errp, "QMP input member '%s' clashes with '%s'", name,
                             name[4] == '-' ? "execute" : "exec-oob");
    }
    *slot = value;
    return true;
}

static bool envelope_member(QmpCall *call, JsonTok key, Envelope *envelope, QomError **errp)
{
    const JsonTape *tape = call->tape;
    JsonTok value = json_tape_value(tape, key);
    const char *name = json_tok_text(tape, key, NULL);

    if (strcmp(name, "execute") == 0) {
        return envelope_command(tape, value, name, &envelope->execute, envelope->exec_oob, errp);
    }
    if (strcmp(name, "id") == 0) {
        call->id = value;
        return true;
    }
    if (strcmp(name, "arguments") == 0) {
        if (json_tape_type(tape, value) != JSON_OBJECT) {
            return qom_error_set(errp, "QMP input member 'arguments' must be an object");
        }
        envelope->arguments = value;
        return true;
    }
    if (call->session->oob && strcmp(name, "exec-oob") == 0) {
        return envelope_command(tape, value, name, &envelope->exec_oob, envelope->execute, errp);
    }
    return qom_error_set(errp, "QMP input member '%s' is unexpected", name);
}

static bool call_open(QmpCall *call, Envelope *envelope, QomError **errp)
{
    const JsonTape *tape = call->tape;

    *envelope = (Envelope){JSON_NONE, JSON_NONE, JSON_NONE};
    call->id = JSON_NONE;
    if (json_tape_type(tape, JSON_ROOT) != JSON_OBJECT) {
        return qom_error_set(errp, "QMP input must be a JSON object");
    }
    for (JsonTok key = json_tape_first(tape, JSON_ROOT); key != JSON_NONE;
         key = json_tape_next(tape, JSON_ROOT, key)) {
        if (!envelope_member(call, key, envelope, errp)) {
            call->id = json_tape_find(tape, JSON_ROOT, "id");
            return false;
        }
    }
    if (envelope->execute == JSON_NONE && envelope->exec_oob == JSON_NONE) {
        return qom_error_set(errp, "QMP input lacks member 'execute'");
    }
    return true;
}

/* Finds the command and makes sure that it may run here and now. */
static const QapiCommand *call_find(QmpCall *call, const Envelope *envelope, QomError **errp)
{
    QmpSession *session = call->session;
    bool is_oob = envelope->exec_oob != JSON_NONE;
    JsonTok token = is_oob ? envelope->exec_oob : envelope->execute;
    const char *name = json_tok_text(call->tape, token, NULL);

    if (!session->negotiated && strcmp(name, "qmp_capabilities") != 0) {
        qom_error_set_class(errp, QOM_ERROR_COMMAND_NOT_FOUND,
                            "Expecting capabilities negotiation with 'qmp_capabilities'");
        return NULL;
    }
    const QapiCommand *command = qmp_server_find_command(session->server, name);
    if (!command) {
        qom_error_set_class(errp, QOM_ERROR_COMMAND_NOT_FOUND, "The command %s has not been found",
                            name);
        return NULL;
    }
    if (!qapi_policy_command(&session->server->compat, command, errp)) {
        return NULL;
    }
    if (session->policy && !qmp_server_policy_allows(session->server, session->policy, name)) {
        qom_error_set_class(errp, QOM_ERROR_COMMAND_NOT_FOUND,
                            "Command %s has been disabled: by monitor policy", name);
        return NULL;
    }
    if (is_oob && !(command->flags & QAPI_COMMAND_OOB)) {
        qom_error_set(errp, "The command %s does not support OOB", name);
        return NULL;
    }
    if (!(command->flags & QAPI_COMMAND_PRECONFIG) && qmp_get_preconfig()) {
        qom_error_set(errp,
                      "The command '%s' is permitted only after machine initialization has "
                      "completed",
                      name);
        return NULL;
    }
    return command;
}

/* Room for a value of @type; NULL with the error set if there is none. */
static void *call_alloc(QmpCall *call, const QapiType *type, QomError **errp)
{
    void *room = qapi_arena_try_alloc(call->arena, type->size);
    if (!room) {
        qom_error_set(errp, "Out of memory for the command");
    }
    return room;
}

bool qmp_call_decode(QmpCall *call, const JsonTape *tape, JsonTok node, void *args, QomError **errp)
{
    QapiDecode how = {.arena = call->arena, .policy = &call->session->server->compat};
    return qapi_decode(&how, call->command->args, tape, node, args, errp);
}

/* For commands that take none. */
static bool check_no_arguments(const JsonTape *tape, JsonTok node, QomError **errp)
{
    JsonTok key = json_tape_first(tape, node);
    return key == JSON_NONE ||
           qom_error_set(errp, "Parameter '%s' is unexpected", json_tok_text(tape, key, NULL));
}

static bool call_decode(QmpCall *call, const JsonTape *tape, JsonTok node, void **args,
                        QomError **errp)
{
    const QapiType *type = call->command->args;

    if (type) {
        *args = call_alloc(call, type, errp);
        return *args && qmp_call_decode(call, tape, node, *args, errp);
    }
    *args = NULL;
    return check_no_arguments(tape, node, errp);
}

/* --- Running --------------------------------------------------------------------------------- */

static bool call_run_plain(QmpCall *call, const void *args, QomError **errp)
{
    const QapiType *type = call->command->ret;
    void *ret = type ? call_alloc(call, type, errp) : NULL;
    QmpCall *outer = call_current;

    if (type && !ret) {
        return false;
    }

    call_current = call;
    bool ok = call->command->call(args, ret, errp);
    call_current = outer;
    if (ok) {
        reply_success(call, ret);
    }
    if (type) {
        qapi_clear(type, ret);
    }
    return ok;
}

static bool call_invoke(QmpCall *call, QomError **errp)
{
    Envelope envelope;
    void *args;

    if (!call_open(call, &envelope, errp)) {
        return false;
    }
    call->command = call_find(call, &envelope, errp);
    if (!call->command) {
        return false;
    }
    bool has_arguments = envelope.arguments != JSON_NONE;
    const JsonTape *tape = has_arguments ? call->tape : call->session->server->no_arguments;
    JsonTok node = has_arguments ? envelope.arguments : JSON_ROOT;
    if (call->command->call_raw) {
        if (!call->command->args && !check_no_arguments(tape, node, errp)) {
            return false;
        }
        call->command->call_raw(tape, node, call);
        return true;
    }
    if (!call_decode(call, tape, node, &args, errp)) {
        return false;
    }
    if (call->command->call_async) {
        call->command->call_async(args, call);
        return true;
    }
    call->ended = true;
    return call_run_plain(call, args, errp);
}

bool qmp_call_is_oob(const JsonTape *tape)
{
    return json_tape_type(tape, JSON_ROOT) == JSON_OBJECT &&
           json_tape_find(tape, JSON_ROOT, "exec-oob") != JSON_NONE &&
           json_tape_find(tape, JSON_ROOT, "execute") == JSON_NONE;
}

void qmp_call_run(QmpCall *call, JsonTape *tape)
{
    QOM_AUTO_ERROR(error);

    call->tape = tape;
    call->ended = false;
    call->in_handler = true;
    if (!call_invoke(call, &error)) {
        call->ended = true;
        reply_error(call, error);
    }
    call->in_handler = false;
    if (call->ended) {
        call_end(call);
    } else {
        qmp_session_ref(call->session);
    }
}

/* --- Ends of calls that take their time ------------------------------------------------------ */

/* Whether anybody still waits for the reply. */
static bool call_has_client(const QmpCall *call)
{
    return call->session->monitor != NULL;
}

static void call_finish(QmpCall *call)
{
    call->ended = true;
    if (call->in_handler) {
        return;
    }
    QmpSession *session = call->session;
    call_end(call);
    qmp_session_call_ended(session);
    qmp_session_unref(session);
}

void qmp_call_return(QmpCall *call, const void *ret)
{
    if (call_has_client(call)) {
        reply_success(call, ret);
    }
    call_finish(call);
}

JsonWriter *qmp_call_begin_return(QmpCall *call)
{
    reply_begin(call);
    json_writer_key(call->writer, "return");
    return call->writer;
}

void qmp_call_end_return(QmpCall *call)
{
    reply_end(call);
    if (!call_has_client(call)) {
        json_writer_reset(call->writer);
    }
    call_finish(call);
}

void qmp_call_return_json(QmpCall *call, const char *text, size_t len)
{
    json_writer_raw(qmp_call_begin_return(call), text, len);
    qmp_call_end_return(call);
}

void qmp_call_fail(QmpCall *call, QomError *error)
{
    if (call_has_client(call)) {
        reply_error(call, error);
    }
    qom_error_free(error);
    call_finish(call);
}
