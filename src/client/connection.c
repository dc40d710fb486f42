/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The QMP side of a connection; see connection.h.
 *
 * Everything that is known to be needed is sent before the first answer is waited for, so that a
 * row of commands costs one round trip. Writing and reading go on together: a server that stops
 * reading while its answers are not taken, as ours does, and a client that only writes would wait
 * for each other for ever. The greeting is waited for, so that nothing is said to a server that
 * speaks another protocol.
 */
#include "client/connection.h"
#include "json/parser.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GREETING_MS = 10000,
    INPUT_BYTES = 65536,
};

struct Connection {
    int fd;
    QomError *failure; /* why no more answers will come, or NULL */
    int64_t timeout_ms;
    char *address;
    JsonParser *parser;
    JsonWriter *writer; /* of one command */
    GByteArray *out;    /* not sent yet, from out_pos on */
    size_t out_pos;
    uint64_t sent;     /* ids are the numbers of the commands: the last one given, */
    uint64_t answered; /* and the last one seen in an answer */
    bool negotiated;   /* the answer to qmp_capabilities, command 1, was seen */
    ConnectionEventFn *on_event;
    void *event_opaque;
    size_t in_pos, in_len;
    char in[INPUT_BYTES];
};

static int64_t deadline_after(int64_t timeout_ms)
{
    return timeout_ms < 0 ? G_MAXINT64 : g_get_monotonic_time() + timeout_ms * 1000;
}

/* Sends what the socket takes now. */
static bool flush_some(Connection *c, QomError **errp)
{
    ssize_t n = send(c->fd, c->out->data + c->out_pos, c->out->len - c->out_pos, MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ||
               qom_error_set_errno(errp, errno, "can not send to '%s'", c->address);
    }
    c->out_pos += (size_t)n;
    if (c->out_pos == c->out->len) {
        g_byte_array_set_size(c->out, 0);
        c->out_pos = 0;
    }
    return true;
}

static bool fill_input(Connection *c, QomError **errp)
{
    ssize_t n = recv(c->fd, c->in, sizeof(c->in), 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ||
               qom_error_set_errno(errp, errno, "can not read from '%s'", c->address);
    }
    if (n == 0) {
        return qom_error_set(errp, "'%s' has closed the connection", c->address);
    }
    c->in_pos = 0;
    c->in_len = (size_t)n;
    return true;
}

/* Moves bytes in one direction or both, waiting up to @timeout_ms (-1: without end) until that is
 * possible. The input is empty. */
static bool transfer(Connection *c, int timeout_ms, QomError **errp)
{
    bool writing = c->out->len > 0;
    struct pollfd pfd = {c->fd, (short)(POLLIN | (writing ? POLLOUT : 0)), 0};

    if (poll(&pfd, 1, timeout_ms) < 0) {
        return errno == EINTR || qom_error_set_errno(errp, errno, "poll");
    }
    if ((pfd.revents & (POLLIN | POLLHUP | POLLERR)) && !fill_input(c, errp)) {
        return false;
    }
    return !(pfd.revents & POLLOUT) || flush_some(c, errp);
}

/* The same until @deadline_us, behind which it fails. */
static bool transfer_until(Connection *c, int64_t deadline_us, QomError **errp)
{
    int timeout_ms = -1;
    if (deadline_us != G_MAXINT64) {
        int64_t left_us = deadline_us - g_get_monotonic_time();
        if (left_us <= 0) {
            return qom_error_set(errp, "'%s' has not answered in time", c->address);
        }
        timeout_ms = (int)MIN((left_us + 999) / 1000, G_MAXINT);
    }
    return transfer(c, timeout_ms, errp);
}

/* The next message in the input that is there, for json_tape_free(). NULL: it has no whole one, or
 * makes no sense, then with *errp. */
static JsonTape *parse_message(Connection *c, QomError **errp)
{
    while (c->in_pos < c->in_len) {
        size_t used;
        JsonStatus status =
            json_parser_feed(c->parser, c->in + c->in_pos, c->in_len - c->in_pos, &used);
        c->in_pos += used;
        if (status == JSON_ERROR) {
            qom_error_set(errp, "'%s' does not speak QMP: %s", c->address,
                          json_parser_error(c->parser));
            return NULL;
        }
        if (status == JSON_MESSAGE) {
            return json_parser_take(c->parser);
        }
    }
    return NULL;
}

/* The next message, for json_tape_free(); NULL and *errp if there will be none. */
static JsonTape *next_message(Connection *c, int64_t deadline_us, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    for (;;) {
        JsonTape *tape = parse_message(c, &err);
        if (tape) {
            return tape;
        }
        if (err || !transfer_until(c, deadline_us, &err)) {
            qom_error_propagate(errp, g_steal_pointer(&err));
            return NULL;
        }
    }
}

static JsonTok find(const JsonTape *tape, JsonTok object, const char *key)
{
    bool is_object = object != JSON_NONE && json_tape_type(tape, object) == JSON_OBJECT;
    return is_object ? json_tape_find(tape, object, key) : JSON_NONE;
}

static const char *find_string(const JsonTape *tape, JsonTok object, const char *key)
{
    JsonTok tok = find(tape, object, key);
    bool is_string = tok != JSON_NONE && json_tape_type(tape, tok) == JSON_STRING;
    return is_string ? json_tok_text(tape, tok, NULL) : NULL;
}

static bool read_greeting(Connection *c, QomError **errp)
{
    int64_t timeout_ms = c->timeout_ms < 0 ? GREETING_MS : c->timeout_ms;
    JSON_AUTO_TAPE(tape);

    tape = next_message(c, deadline_after(timeout_ms), errp);
    if (!tape) {
        qom_error_prefix(errp, "no greeting: ");
        qom_error_hint(errp, "QEMU serves one client at a time; others wait until it has gone.\n");
        return false;
    }
    return find(tape, JSON_ROOT, "QMP") != JSON_NONE ||
           qom_error_set(errp, "'%s' does not speak QMP: its greeting is another", c->address);
}

Connection *connection_open(const char *address, int64_t timeout_ms, QomError **errp)
{
    int fd = connect_to(address, deadline_after(timeout_ms < 0 ? GREETING_MS : timeout_ms), errp);
    if (fd < 0) {
        return NULL;
    }
    Connection *c = g_new0(Connection, 1);
    c->fd = fd;
    c->timeout_ms = timeout_ms;
    c->address = g_strdup(address);
    c->parser = json_parser_new(NULL);
    c->writer = json_writer_new(false);
    c->out = g_byte_array_new();
    if (!read_greeting(c, errp)) {
        connection_close(c);
        return NULL;
    }
    connection_send(c, "qmp_capabilities", NULL);
    return c;
}

void connection_close(Connection *c)
{
    if (!c) {
        return;
    }
    close(c->fd);
    g_free(c->address);
    qom_error_free(c->failure);
    json_parser_free(c->parser);
    json_writer_free(c->writer);
    g_byte_array_free(c->out, TRUE);
    g_free(c);
}

void connection_send(Connection *c, const char *command, const char *arguments)
{
    JsonWriter *w = c->writer;
    json_writer_begin_object(w);
    json_writer_key(w, "execute");
    json_writer_string(w, command);
    if (arguments) {
        json_writer_key(w, "arguments");
        json_writer_raw(w, arguments, strlen(arguments));
    }
    json_writer_key(w, "id");
    json_writer_uint64(w, ++c->sent);
    json_writer_end_object(w);
    json_writer_append(w, "\r\n", 2);

    size_t len;
    const char *text = json_writer_text(w, &len);
    g_byte_array_append(c->out, (const guint8 *)text, (guint)len);
    json_writer_wipe(w); /* it may have carried a secret */
}

void connection_send_strings(Connection *c, const char *command, ...)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_object(w);
    va_list ap;
    va_start(ap, command);
    for (const char *key; (key = va_arg(ap, const char *));) {
        json_writer_key(w, key);
        json_writer_string(w, va_arg(ap, const char *));
    }
    va_end(ap);
    json_writer_end_object(w);
    connection_send(c, command, json_writer_text(w, NULL));
}

void connection_send_tree_get(Connection *c, const char *path, unsigned depth, bool values)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_object(w);
    json_writer_key(w, "path");
    json_writer_string(w, path);
    json_writer_key(w, "depth");
    json_writer_uint64(w, depth);
    json_writer_key(w, "values");
    json_writer_bool(w, values);
    json_writer_end_object(w);
    connection_send(c, "qomd-tree-get", json_writer_text(w, NULL));
}

/* Sets *errp to the error that an answer carries. */
static void set_server_error(const JsonTape *tape, JsonTok error, QomError **errp)
{
    const char *name = find_string(tape, error, "class");
    const char *desc = find_string(tape, error, "desc");
    QomErrorClass error_class = QOM_ERROR_GENERIC;

    for (int i = QOM_ERROR_GENERIC; i <= QOM_ERROR_KVM_MISSING_CAP; i++) {
        if (!g_strcmp0(name, qom_error_class_name((QomErrorClass)i))) {
            error_class = (QomErrorClass)i;
        }
    }
    qom_error_set_class(errp, error_class, "%s", desc ? desc : "the server gives no reason");
}

/* True for an answer; it must be the one that is due. An event goes to the callback. */
static bool is_answer(Connection *c, const JsonTape *tape, QomError **errp)
{
    if (find(tape, JSON_ROOT, "return") == JSON_NONE &&
        find(tape, JSON_ROOT, "error") == JSON_NONE) {
        if (c->on_event && find_string(tape, JSON_ROOT, "event")) {
            c->on_event(tape, c->event_opaque);
        }
        return false;
    }
    JsonTok id = find(tape, JSON_ROOT, "id");
    uint64_t number = 0;
    if (id == JSON_NONE || json_tok_uint64(tape, id, &number) != JSON_NUMBER_OK ||
        number != c->answered + 1 || number > c->sent) {
        const char *desc = find_string(tape, find(tape, JSON_ROOT, "error"), "desc");
        return qom_error_set(errp, "'%s' answers out of order%s%s", c->address, desc ? ": " : "",
                             desc ? desc : "");
    }
    c->answered = number;
    return true;
}

/* No more answers will come, because of @err, which it takes. Always false. */
static bool fail(Connection *c, QomError *err, QomError **errp)
{
    c->failure = err;
    return qom_error_propagate(errp, qom_error_copy(err));
}

/* The next answer, whatever it is; NULL: the connection has failed. */
static JsonTape *next_answer(Connection *c, QomError **errp)
{
    int64_t deadline_us = deadline_after(c->timeout_ms);
    QOM_AUTO_ERROR(err);
    for (;;) {
        JsonTape *tape = next_message(c, deadline_us, &err);
        if (tape && is_answer(c, tape, &err)) {
            return tape;
        }
        if (tape) {
            json_parser_recycle(c->parser, tape);
        }
        if (err) {
            fail(c, g_steal_pointer(&err), errp);
            return NULL;
        }
    }
}

static JsonTape *receive(Connection *c, JsonTok *value, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    tape = next_answer(c, errp);
    if (!tape) {
        return NULL;
    }
    *value = find(tape, JSON_ROOT, "return");
    if (*value == JSON_NONE) {
        set_server_error(tape, find(tape, JSON_ROOT, "error"), errp);
        return NULL;
    }
    return g_steal_pointer(&tape);
}

/* Takes the answer to qmp_capabilities, without which no other command works. */
static bool negotiate(Connection *c, QomError **errp)
{
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    tape = receive(c, &value, &err);
    if (!tape) {
        if (!c->failure) {
            c->failure = qom_error_copy(err);
        }
        return qom_error_propagate(errp, g_steal_pointer(&err));
    }
    c->negotiated = true;
    return true;
}

/* The connection works and commands may be answered. */
static bool ready(Connection *c, QomError **errp)
{
    if (c->failure) {
        return qom_error_propagate(errp, qom_error_copy(c->failure));
    }
    return c->negotiated || negotiate(c, errp);
}

JsonTape *connection_receive(Connection *c, JsonTok *value, QomError **errp)
{
    return ready(c, errp) ? receive(c, value, errp) : NULL;
}

JsonTape *connection_receive_list(Connection *c, JsonTok *list, QomError **errp)
{
    JsonTape *tape = connection_receive(c, list, errp);
    if (tape && json_tape_type(tape, *list) != JSON_ARRAY) {
        qom_error_set(errp, "'%s' answers with %s instead of an array", c->address,
                      json_type_name(json_tape_type(tape, *list)));
        g_clear_pointer(&tape, json_tape_free);
    }
    return tape;
}

/* Hands the events in the input to the callback. *any: there was one. */
static bool take_events(Connection *c, bool *any, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    for (;;) {
        JsonTape *tape = parse_message(c, &err);
        if (!tape) {
            return !err || qom_error_propagate(errp, g_steal_pointer(&err));
        }
        if (is_answer(c, tape, &err)) {
            qom_error_set(&err, "'%s' answers what was not asked now", c->address);
        }
        json_parser_recycle(c->parser, tape);
        if (err) {
            return qom_error_propagate(errp, g_steal_pointer(&err));
        }
        *any = true;
    }
}

bool connection_wait(Connection *c, int64_t timeout_ms, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    bool any = false;

    if (!ready(c, errp)) {
        return false;
    }
    int wait_ms = timeout_ms < 0 ? -1 : (int)MIN(timeout_ms, G_MAXINT);
    if (!take_events(c, &any, &err) || !transfer(c, any ? 0 : wait_ms, &err) ||
        !take_events(c, &any, &err)) {
        return fail(c, g_steal_pointer(&err), errp);
    }
    return true;
}

void connection_on_event(Connection *c, ConnectionEventFn *fn, void *opaque)
{
    c->on_event = fn;
    c->event_opaque = opaque;
}

int connection_fd(const Connection *c)
{
    return c->fd;
}

bool connection_broken(const Connection *c)
{
    return c->failure != NULL;
}
