/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front half of a session: reads, frames, sends.
 *
 * Work comes in turns, so that sessions are served round robin: a turn ends after QMP_TURN_COMMANDS
 * commands or QMP_TURN_NS; what was read by then is held, and the next turn is deferred behind the
 * other descriptors' handlers. The more sessions hold input, the shorter are the turns: one who
 * asks for a single thing waits for about QMP_ROUND_NS, however many ask without end. One read is
 * made a turn, and all replies of a turn go out in one write.
 *
 * Reading pauses while
 *   - a command in band has not been answered (without oob), or the queue for the back half is
 *     full (with oob);
 *   - input is held;
 *   - QMP_UNSENT_PAUSE bytes wait for the client to read them.
 * Nothing else is needed for back-pressure: the kernel's buffers fill and the client waits.
 */
#include "qmp/session.h"

#include "qmp/stream.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

/* --- Turns ----------------------------------------------------------------------------------- */

/* In the main thread a command may run the loop, and so end its own session: the turn's reference
 * keeps the struct. */
static void turn_begin(QmpSession *session)
{
    session->turn_commands = 0;
    session->turn_end_ns = 0;
    if (!session->oob) {
        session->in_turn = true;
        qmp_session_ref(session);
    }
}

/* The clock starts after the first command: a turn of one, the usual case, does not look at it. */
static bool turn_is_over(QmpSession *session)
{
    if (session->turn_commands == 0) {
        return false;
    }
    int64_t now_ns = loop_now_ns();
    if (session->turn_end_ns == 0) {
        unsigned crowd = __atomic_load_n(&session->server->holding, __ATOMIC_RELAXED) + 1;
        session->turn_end_ns = now_ns + CLAMP(QMP_ROUND_NS / crowd, QMP_SHORT_TURN_NS, QMP_TURN_NS);
    }
    return session->turn_commands >= QMP_TURN_COMMANDS || now_ns >= session->turn_end_ns;
}

/* Whether the next message may be looked at. */
static bool front_may_run(QmpSession *session)
{
    if (!session->channel || qmp_session_unsent(session) > QMP_UNSENT_PAUSE) {
        return false;
    }
    if (session->oob) {
        return !qmp_oob_is_full(session);
    }
    return !session->call.tape && !session->oob_wanted && !session->doomed;
}

/* Charges the session for its memory; false if it has to go. */
static bool front_account(QmpSession *session)
{
    size_t held = session->held ? QMP_READ_BYTES : 0;
    qmp_session_lock(session);
    size_t bytes =
        json_parser_memory(session->parser) + held + session->queue.bytes + qmp_oob_memory(session);
    qmp_session_unlock(session);
    size_t before = session->charged_bytes;
    if (bytes == before) {
        return true;
    }
    size_t total =
        __atomic_add_fetch(&session->server->memory_bytes, bytes - before, __ATOMIC_RELAXED);
    session->charged_bytes = bytes;
    if (bytes > before && bytes > QMP_MEMORY_FAIR && total > QMP_MEMORY_MAX) {
        log_warn("QMP clients take more than %u MiB of memory: one with %zu MiB is disconnected",
                 QMP_MEMORY_MAX >> 20, bytes >> 20);
        return false;
    }
    return true;
}

static void turn_end(QmpSession *session)
{
    bool in_main = !session->oob;

    if (in_main) {
        session->in_turn = false;
        qmp_session_flush(session);
    }
    if (session->channel && !front_account(session)) {
        qmp_front_lost(session);
    }
    if (in_main && session->oob_wanted && session->channel) {
        qmp_oob_start(session);
    } else {
        qmp_front_update(session);
    }
    if (in_main) {
        qmp_session_unref(session);
    }
}

/* --- Input ----------------------------------------------------------------------------------- */

static void front_message(QmpSession *session)
{
    session->turn_commands++;
    __atomic_add_fetch(&session->commands, 1, __ATOMIC_RELAXED);
    if (session->oob) {
        qmp_oob_message(session);
        return;
    }
    qmp_call_run(&session->call, json_parser_tape(session->parser));
}

static void front_error(QmpSession *session)
{
    const char *text = json_parser_error(session->parser);
    session->turn_commands++;
    if (session->oob) {
        qmp_oob_error(session, text);
        return;
    }
    qmp_call_write_parse_error(session->writer, text);
}

/* Takes messages from @data until it is used up or the turn is over; returns the bytes used. */
static size_t front_consume(QmpSession *session, char *data, size_t len)
{
    size_t done = 0;

    while (done < len && front_may_run(session) && !turn_is_over(session)) {
        size_t used;
        JsonStatus status = json_parser_feed(session->parser, data + done, len - done, &used);
        done += used;
        switch (status) {
        case JSON_MORE: break;
        case JSON_MESSAGE: front_message(session); break;
        case JSON_ERROR: front_error(session); break;
        }
        if (!session->oob) {
            qmp_session_flush_large(session);
        }
    }
    explicit_bzero(data, done);
    return done;
}

static void front_hold(QmpSession *session, const char *data, size_t len)
{
    session->held = g_malloc(QMP_READ_BYTES);
    session->held_start = 0;
    session->held_end = len;
    memcpy(session->held, data, len);
    __atomic_add_fetch(&session->server->holding, 1, __ATOMIC_RELAXED);
}

void qmp_front_forget_held(QmpSession *session)
{
    if (!session->held) {
        return;
    }
    explicit_bzero(session->held + session->held_start, session->held_end - session->held_start);
    g_free(session->held);
    session->held = NULL;
    __atomic_sub_fetch(&session->server->holding, 1, __ATOMIC_RELAXED);
}

static void front_consume_held(QmpSession *session)
{
    session->held_start += front_consume(session, session->held + session->held_start,
                                         session->held_end - session->held_start);
    if (session->held_start == session->held_end) {
        qmp_front_forget_held(session);
    }
}

static void front_receive(QmpSession *session)
{
    char buffer[QMP_READ_BYTES];
    IoFds fds = {.n = 0};

    ssize_t n = io_channel_read(session->channel, buffer, sizeof(buffer), &fds);
    if (n == -EAGAIN || n == -EINTR) {
        return;
    }
    if (fds.n > 0) {
        qmp_fds_received(session, &fds);
    }
    if (n <= 0) {
        qmp_front_lost(session);
        return;
    }
    size_t done = front_consume(session, buffer, (size_t)n);
    if (done < (size_t)n && session->channel) {
        front_hold(session, buffer + done, (size_t)n - done);
    }
    /* Also what a session that has ended did not come to. */
    explicit_bzero(buffer + done, (size_t)n - done);
}

static void front_run(QmpSession *session)
{
    turn_begin(session);
    if (front_may_run(session)) {
        if (session->held) {
            front_consume_held(session);
        } else {
            front_receive(session);
        }
    }
    turn_end(session);
}

static void front_handle_resume(void *opaque)
{
    front_run(opaque);
}

void qmp_front_events(QmpSession *session, unsigned revents)
{
    if (qmp_session_unsent(session) > 0) {
        qmp_front_send(session, NULL, 0);
    }
    if (front_may_run(session)) {
        front_run(session);
        return;
    }
    if (revents & (LOOP_HUP | LOOP_ERR)) {
        qmp_front_lost(session);
    } else if (revents & LOOP_RDHUP) {
        session->hung_up = true;
    }
    qmp_front_update(session);
}

static void front_handle_events(void *opaque, unsigned revents)
{
    qmp_front_events(opaque, revents);
}

/* --- Output ---------------------------------------------------------------------------------- */

/* Writes directly what the channel takes now; the number of bytes or a negative errno value. */
static ssize_t front_write(QmpSession *session, const char *data, size_t len)
{
    struct iovec iov = {.iov_base = (char *)data, .iov_len = len};
    ssize_t n = io_channel_writev(session->channel, &iov, 1, NULL, 0);
    return n == -EAGAIN || n == -EINTR ? 0 : n;
}

void qmp_front_send(QmpSession *session, const char *data, size_t len)
{
    ssize_t result = 0;

    if (!session->channel) {
        return;
    }
    qmp_session_lock(session);
    bool waiting = session->queue.bytes > 0;
    if (!waiting && len > 0) {
        result = front_write(session, data, len);
    }
    size_t written = result > 0 ? (size_t)result : 0;
    if (written < len) {
        bool queued = io_queue_push(&session->queue, data + written, len - written, NULL, 0);
        result = queued ? result : -ENOMEM;
    }
    if (waiting && result >= 0) {
        result = io_queue_flush(&session->queue, session->channel, QMP_UNSENT_PAUSE);
    }
    qmp_session_unlock(session);
    if (result < 0 && result != -EAGAIN) {
        qmp_front_lost(session);
    }
}

/* --- Waiting --------------------------------------------------------------------------------- */

/* False if the descriptor can not be watched any more: there is no memory for it. */
static bool watch_set(LoopFd *watch, unsigned *current, unsigned wanted)
{
    if (!watch || *current == wanted) {
        return true;
    }
    *current = wanted;
    return loop_fd_set_events(watch, wanted, NULL);
}

void qmp_front_update(QmpSession *session)
{
    unsigned on_read, on_write;

    if (!session->channel || !session->started) {
        return;
    }
    bool may_run = front_may_run(session);
    if (may_run && (session->held || io_channel_pending(session->channel))) {
        loop_defer(session->loop, &session->resume);
    }
    if (session->pushed) {
        session->wants_input = may_run && !session->held;
        if (session->wants_input) {
            qmp_stream_resume(session);
        }
        return;
    }
    qmp_session_lock(session);
    bool want_write = session->queue.bytes > 0;
    qmp_session_unlock(session);
    io_channel_events(session->channel, may_run && !session->held, want_write, &on_read, &on_write);
    if (!may_run && !session->hung_up) {
        on_read |= LOOP_RDHUP;
    }
    if (!session->write_watch) {
        on_read |= on_write;
    }
    if (!watch_set(session->read_watch, &session->read_events, on_read) ||
        !watch_set(session->write_watch, &session->write_events, on_write)) {
        qmp_front_lost(session);
    }
}

bool qmp_front_start(QmpSession *session, QomError **errp)
{
    loop_call_init(&session->resume, front_handle_resume, session);
    session->started = true;
    session->wants_input = true;
    if (session->pushed) {
        return true;
    }
    int read_fd = io_channel_read_fd(session->channel);
    int write_fd = io_channel_write_fd(session->channel);
    if (read_fd >= 0) {
        session->read_events = LOOP_READ;
        session->read_watch =
            loop_fd_add(session->loop, read_fd, LOOP_READ, front_handle_events, session, errp);
        if (!session->read_watch) {
            return false;
        }
    }
    if (write_fd >= 0 && write_fd != read_fd) {
        session->write_events = 0;
        session->write_watch =
            loop_fd_add(session->loop, write_fd, 0, front_handle_events, session, errp);
        if (!session->write_watch) {
            qmp_front_stop(session);
            return false;
        }
    }
    return true;
}

void qmp_front_stop(QmpSession *session)
{
    loop_call_cancel(&session->resume);
    loop_fd_remove(session->read_watch);
    loop_fd_remove(session->write_watch);
    session->read_watch = NULL;
    session->write_watch = NULL;
    session->started = false;
}

void qmp_front_close(QmpSession *session)
{
    if (!session->channel) {
        return;
    }
    qmp_front_stop(session);
    qmp_session_lock(session);
    if (!session->borrowed) {
        io_channel_close(session->channel);
    }
    session->channel = NULL;
    io_queue_clear(&session->queue);
    qmp_session_unlock(session);
    __atomic_sub_fetch(&session->server->memory_bytes, session->charged_bytes, __ATOMIC_RELAXED);
    session->charged_bytes = 0;
}

static void front_lost_in_main(void *opaque)
{
    qmp_session_close(opaque);
    qmp_session_unref(opaque);
}

void qmp_front_lost(QmpSession *session)
{
    if (!session->channel) {
        return;
    }
    qmp_front_close(session);
    if (session->oob) {
        loop_post(loop_main(), front_lost_in_main, qmp_session_ref(session));
    } else {
        qmp_session_doom(session);
    }
}
