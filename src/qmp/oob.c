/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Out-of-band commands: a session whose front half lives in the reader thread.
 *
 *        reader thread                                  main thread
 *   bytes -> message -- exec-oob --> run, reply
 *                    -- execute  --> [ queue of 8 ] --> run, reply --> session->queue --> (sent by
 *                                                                            the reader thread)
 *
 * A full queue stops the reading, so an out-of-band command behind the ninth one in band waits too;
 * that is how QEMU bounds it. Broken messages keep their place in the order: their error replies
 * go through the queue as text.
 *
 * Neither thread waits for the other, except that the main thread, when it ends a session, waits
 * until the reader thread has let go of it. A message that one posts to the other holds a reference
 * to the session, which only the main thread drops.
 */
#include "qmp/session.h"

#include "json/tape.h"

#include <string.h>

#define QMP_OOB_QUEUE 8

typedef struct QueuedMessage {
    JsonTape *tape; /* or NULL: */
    char *error;
} QueuedMessage;

struct QmpOob {
    /* Reader thread. */
    QapiArena *arena;
    JsonWriter *writer;

    /* Main thread. */
    LoopCall pump_later;

    /* In the care of the session's lock. */
    QueuedMessage queue[QMP_OOB_QUEUE];
    unsigned first, n;
    size_t tape_bytes; /* of messages in the queue and the one that runs */
    bool pump_posted, send_posted, resume_posted;
};

static void post_unref(QmpSession *session)
{
    loop_post(loop_main(), qmp_session_unref, session);
}

static size_t tape_bytes(const JsonTape *tape)
{
    return tape ? tape->capacity * sizeof(*tape->tokens) + tape->text_cap : 0;
}

size_t qmp_oob_memory(const QmpSession *session)
{
    return session->oob ? session->oob->tape_bytes : 0;
}

void qmp_oob_free_tape(QmpSession *session, JsonTape *tape)
{
    qmp_session_lock(session);
    session->oob->tape_bytes -= tape_bytes(tape);
    qmp_session_unlock(session);
    json_tape_wipe(tape);
    json_tape_free(tape);
}

/* --- Reader thread --------------------------------------------------------------------------- */

static void oob_handle_pump(void *opaque)
{
    QmpSession *session = opaque;

    qmp_session_lock(session);
    session->oob->pump_posted = false;
    qmp_session_unlock(session);
    qmp_oob_pump(session);
    qmp_session_unref(session);
}

static void oob_enqueue(QmpSession *session, JsonTape *tape, const char *error)
{
    QmpOob *oob = session->oob;

    qmp_session_lock(session);
    oob->queue[(oob->first + oob->n) % QMP_OOB_QUEUE] =
        (QueuedMessage){.tape = tape, .error = g_strdup(error)};
    oob->n++;
    oob->tape_bytes += tape_bytes(tape);
    bool post = !oob->pump_posted;
    oob->pump_posted = true;
    qmp_session_unlock(session);
    if (post) {
        loop_post(loop_main(), oob_handle_pump, qmp_session_ref(session));
    }
}

static void oob_run_now(QmpSession *session, JsonTape *tape)
{
    QmpOob *oob = session->oob;
    QmpCall call = {
        .session = session, .arena = oob->arena, .writer = oob->writer, .out_of_band = true};
    size_t len;

    qmp_call_run(&call, tape);
    const char *text = json_writer_text(oob->writer, &len);
    if (json_writer_failed(oob->writer)) {
        qmp_front_lost(session);
    } else {
        qmp_front_send(session, text, len);
    }
    json_writer_reset(oob->writer);
}

void qmp_oob_message(QmpSession *session)
{
    if (qmp_call_is_oob(json_parser_tape(session->parser))) {
        oob_run_now(session, json_parser_tape(session->parser));
    } else {
        oob_enqueue(session, json_parser_take(session->parser), NULL);
    }
}

void qmp_oob_error(QmpSession *session, const char *text)
{
    oob_enqueue(session, NULL, text);
}

bool qmp_oob_is_full(QmpSession *session)
{
    qmp_session_lock(session);
    bool full = session->oob->n == QMP_OOB_QUEUE;
    qmp_session_unlock(session);
    return full;
}

static void oob_handle_send(void *opaque)
{
    QmpSession *session = opaque;

    qmp_session_lock(session);
    session->oob->send_posted = false;
    qmp_session_unlock(session);
    qmp_front_send(session, NULL, 0);
    qmp_front_update(session);
    post_unref(session);
}

static void oob_handle_resume(void *opaque)
{
    QmpSession *session = opaque;

    qmp_session_lock(session);
    session->oob->resume_posted = false;
    qmp_session_unlock(session);
    qmp_front_update(session);
    post_unref(session);
}

static void oob_handle_start(void *opaque)
{
    QmpSession *session = opaque;

    if (session->channel) {
        if (qmp_front_start(session, NULL)) {
            qmp_front_send(session, NULL, 0);
            qmp_front_update(session);
        } else {
            qmp_front_lost(session);
        }
    }
    post_unref(session);
}

/* --- Main thread ----------------------------------------------------------------------------- */

static void oob_handle_pump_later(void *opaque)
{
    qmp_oob_pump(opaque);
}

void qmp_oob_start(QmpSession *session)
{
    session->oob_wanted = false;
    qmp_front_stop(session);
    QmpOob *oob = g_new0(QmpOob, 1);
    oob->arena = qapi_arena_new();
    oob->writer = json_writer_new(session->pretty);
    json_writer_soften(oob->writer);
    loop_call_init(&oob->pump_later, oob_handle_pump_later, session);
    session->oob = oob;
    session->call.tape_is_queued = true;
    if (!session->pushed) {
        session->loop = loop_thread_get_loop(session->server->reader);
    }
    loop_post(session->loop, oob_handle_start, qmp_session_ref(session));
}

/* The oldest message in *message; false if there is none. Makes the front read on. */
static bool oob_dequeue(QmpSession *session, QueuedMessage *message)
{
    QmpOob *oob = session->oob;

    qmp_session_lock(session);
    bool any = oob->n > 0, resume = false;
    if (any) {
        *message = oob->queue[oob->first];
        resume = oob->n == QMP_OOB_QUEUE && !oob->resume_posted;
        oob->resume_posted |= resume;
        oob->first = (oob->first + 1) % QMP_OOB_QUEUE;
        oob->n--;
    }
    qmp_session_unlock(session);
    if (resume) {
        loop_post(session->loop, oob_handle_resume, qmp_session_ref(session));
    }
    return any;
}

static void oob_run_queued(QmpSession *session, QueuedMessage *message)
{
    if (message->tape) {
        qmp_call_run(&session->call, message->tape);
    } else {
        qmp_call_write_parse_error(session->writer, message->error);
        g_free(message->error);
    }
    qmp_session_flush_large(session);
}

void qmp_oob_pump(QmpSession *session)
{
    QueuedMessage message;
    int left = QMP_TURN_COMMANDS;

    if (session->in_turn) {
        return;
    }
    qmp_session_ref(session);
    session->in_turn = true;
    while (session->monitor && !session->doomed && !session->call.tape && left > 0 &&
           oob_dequeue(session, &message)) {
        oob_run_queued(session, &message);
        left--;
    }
    session->in_turn = false;
    qmp_session_flush(session);
    if (left == 0 && session->monitor) {
        loop_defer(loop_main(), &session->oob->pump_later);
    }
    qmp_session_unref(session);
}

void qmp_oob_flush(QmpSession *session)
{
    size_t len;
    const char *text = json_writer_text(session->writer, &len);
    bool failed = json_writer_failed(session->writer);

    qmp_session_lock(session);
    if (len > 0 && session->channel && !failed) {
        failed = !io_queue_push(&session->queue, text, len, NULL, 0);
    }
    bool post = session->queue.bytes > 0 && !session->oob->send_posted;
    session->oob->send_posted |= post;
    qmp_session_unlock(session);
    json_writer_reset(session->writer);
    if (failed) {
        qmp_session_lose(session);
    }
    if (post) {
        loop_post(session->loop, oob_handle_send, qmp_session_ref(session));
    }
}

void qmp_oob_end(QmpSession *session)
{
    QmpOob *oob = session->oob;

    loop_call_cancel(&oob->pump_later);
    for (; oob->n > 0; oob->n--) {
        QueuedMessage *message = &oob->queue[oob->first];
        if (message->tape) {
            qmp_oob_free_tape(session, message->tape);
        }
        g_free(message->error);
        oob->first = (oob->first + 1) % QMP_OOB_QUEUE;
    }
}

void qmp_oob_free(QmpOob *oob)
{
    qapi_arena_free(oob->arena);
    json_writer_free(oob->writer);
    g_free(oob);
}
