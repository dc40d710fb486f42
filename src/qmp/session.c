/* SPDX-License-Identifier: BSD-3-Clause */
/* The back half of a session: life, replies, events. Main thread. */
#include "qmp/session.h"

#include "qmp/monitor.h"

#include "base/log.h"
#include "qom/chardev.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

static void session_identify_peer(QmpSession *session)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    int fd = io_channel_read_fd(session->channel);

    session->since_s = time(NULL);
    session->pid = -1;
    session->uid = (uid_t)-1;
    if (session->stream) {
        pid_t pid;
        uid_t uid;
        gid_t gid;
        if (chr_stream_peer_ids(session->stream, &pid, &uid, &gid)) {
            session->pid = pid;
            session->uid = uid;
        }
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0) {
        session->pid = peer.pid;
        session->uid = peer.uid;
    }
}

static void session_greet(QmpSession *session)
{
    JsonWriter *w = session->writer;

    json_writer_begin_object(w);
    json_writer_key(w, "QMP");
    json_writer_begin_object(w);
    json_writer_key(w, "version");
    qmp_write_version(w);
    json_writer_key(w, "capabilities");
    json_writer_begin_array(w);
    json_writer_string(w, "oob");
    json_writer_end_array(w);
    json_writer_end_object(w);
    json_writer_end_object(w);
    json_writer_append(w, "\r\n", 2);
    qmp_session_flush(session);
}

static void session_handle_flush(void *opaque)
{
    QmpSession *session = opaque;
    if (session->doomed) {
        qmp_session_close(session);
    } else {
        qmp_session_flush(session);
    }
}

QmpSession *qmp_session_new(QmpMonitor *monitor, IoChannel *channel, QomError **errp)
{
    return qmp_session_new_on(monitor, channel, NULL, false, errp);
}

QmpSession *qmp_session_new_on(QmpMonitor *monitor, IoChannel *channel, ChrStream *stream,
                               bool pushed, QomError **errp)
{
    QmpSession *session = g_new0(QmpSession, 1);

    session->refs = 1;
    session->stream = stream;
    session->pushed = pushed;
    session->borrowed = stream && !pushed;
    session->server = qmp_server();
    session->loop = loop_main();
    session->channel = channel;
    session->pretty = monitor->pretty;
    session->policy = g_strdup(monitor->policy);
    session->parser = json_parser_new(NULL);
    session->writer = json_writer_new(session->pretty);
    json_writer_soften(session->writer);
    session->arena = qapi_arena_new();
    session->call = (QmpCall){
        .session = session, .id = JSON_NONE, .arena = session->arena, .writer = session->writer};
    pthread_mutex_init(&session->lock, NULL);
    io_queue_init(&session->queue);
    loop_call_init(&session->flush_later, session_handle_flush, session);
    if (!qmp_front_start(session, errp)) {
        qmp_front_close(session);
        qmp_session_unref(session);
        return NULL;
    }
    session_identify_peer(session);
    session->monitor = monitor;
    TAILQ_INSERT_TAIL(&monitor->sessions, session, link);
    monitor->n_sessions++;
    session_greet(session);
    return session;
}

QmpSession *qmp_session_ref(QmpSession *session)
{
    g_atomic_int_inc(&session->refs);
    return session;
}

void qmp_session_unref(void *opaque)
{
    QmpSession *session = opaque;

    if (!g_atomic_int_dec_and_test(&session->refs)) {
        return;
    }
    if (session->oob) {
        qmp_oob_free(session->oob);
    }
    json_parser_free(session->parser);
    json_writer_free(session->writer);
    if (session->late) {
        g_string_free(session->late, TRUE);
    }
    qapi_arena_free(session->arena);
    qmp_front_forget_held(session);
    g_free(session->policy);
    pthread_mutex_destroy(&session->lock);
    g_free(session);
}

static void session_close_front(void *opaque)
{
    qmp_front_close(opaque);
}

void qmp_session_close(QmpSession *session)
{
    QmpMonitor *monitor = session->monitor;

    if (!monitor) {
        return;
    }
    session->monitor = NULL;
    loop_call_cancel(&session->flush_later);
    /* The front of a pushed session stays in this thread, whose loop need not run any more. */
    if (session->loop == loop_main()) {
        qmp_front_close(session);
    } else {
        loop_call_sync(session->loop, session_close_front, session);
    }
    if (session->oob) {
        qmp_oob_end(session);
    }
    if (session->watches) {
        session->watches_end(session->watches);
        session->watches = NULL;
    }
    qmp_fds_drop(session);
    TAILQ_REMOVE(&monitor->sessions, session, link);
    monitor->n_sessions--;
    if (session->stream) {
        chr_stream_close(g_steal_pointer(&session->stream));
    }
    qmp_session_unref(session);
}

void qmp_session_doom(QmpSession *session)
{
    if (session->monitor) {
        session->doomed = true;
        loop_defer(loop_main(), &session->flush_later);
    }
}

void qmp_session_lose(QmpSession *session)
{
    log_warn("no memory for what a QMP client (pid %d) is owed: disconnected", (int)session->pid);
    qmp_session_doom(session);
}

void qmp_session_flush(QmpSession *session)
{
    size_t len;

    if (!session->doomed) {
        loop_call_cancel(&session->flush_later);
    }
    if (!session->monitor) {
        json_writer_reset(session->writer);
        return;
    }
    if (session->oob) {
        qmp_oob_flush(session);
        return;
    }
    const char *text = json_writer_text(session->writer, &len);
    if (json_writer_failed(session->writer)) {
        json_writer_reset(session->writer);
        qmp_session_lose(session);
        return;
    }
    if (len > 0 || session->queue.bytes > 0) {
        qmp_front_send(session, text, len);
        json_writer_reset(session->writer);
    }
    if (!session->in_turn) {
        qmp_front_update(session);
    }
}

static size_t session_written(const QmpSession *session)
{
    size_t len;
    json_writer_text(session->writer, &len);
    return len;
}

void qmp_session_flush_large(QmpSession *session)
{
    if (session_written(session) > QMP_BATCH_BYTES || json_writer_failed(session->writer)) {
        qmp_session_flush(session);
    }
}

void qmp_session_flush_soon(QmpSession *session)
{
    if (!session->in_turn && session->monitor) {
        loop_defer(loop_main(), &session->flush_later);
    }
}

size_t qmp_session_unsent(QmpSession *session)
{
    if (!session->oob) {
        return session->queue.bytes;
    }
    qmp_session_lock(session);
    size_t bytes = session->queue.bytes;
    qmp_session_unlock(session);
    return bytes;
}

void qmp_session_event(QmpSession *session, const char *text, size_t len)
{
    if (!session->negotiated || !session->monitor || session->doomed) {
        return;
    }
    if (qmp_session_unsent(session) + len > QMP_UNSENT_DROP) {
        log_warn("QMP client (pid %d) does not read its events: disconnected", (int)session->pid);
        qmp_session_doom(session);
        return;
    }
    if (session->call.replying) {
        session->late = session->late ? session->late : g_string_new(NULL);
        g_string_append_len(session->late, text, (gssize)len);
        return;
    }
    json_writer_append(session->writer, text, len);
    qmp_session_flush_large(session);
    qmp_session_flush_soon(session);
}

void qmp_session_call_ended(QmpSession *session)
{
    if (session->oob) {
        qmp_oob_pump(session);
    } else if (!session->in_turn) {
        qmp_session_flush(session);
    }
}

bool qmp_session_negotiate(QmpSession *session, bool oob, QomError **errp)
{
    if (session->negotiated) {
        return qom_error_set_class(errp, QOM_ERROR_COMMAND_NOT_FOUND,
                                   "Capabilities negotiation is already complete, command ignored");
    }
    if (oob && !qmp_server_reader(session->server, errp)) {
        return false;
    }
    session->oob_wanted = oob;
    session->negotiated = true;
    return true;
}
