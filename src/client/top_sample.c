/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a server tells of itself; see top.h. All commands go out together; one that the server does
 * not have is not asked for again. The answers are a server's and may be anything.
 */
#include "client/top.h"

#include <string.h>
#include <sys/socket.h>

const char *top_figure_name(TopFigure figure)
{
    static const char *const names[TOP_FIGURES] = {
        [TOP_LOOPS] = "loops",         [TOP_EVENTS] = "events",
        [TOP_POLLED_NS] = "polled-ns", [TOP_SLEPT_NS] = "slept-ns",
        [TOP_POLL_NS] = "poll-ns",     [TOP_POOL_THREADS] = "pool-threads",
        [TOP_POOL_BUSY] = "pool-busy",
    };
    return names[figure];
}

/* --- The sample ------------------------------------------------------------------------------ */

static void thread_clear(gpointer data)
{
    TopThread *t = data;
    g_free(t->name);
    g_free(t->id);
}

static void client_clear(gpointer data)
{
    g_free(((TopClient *)data)->monitor);
}

static void memory_clear(gpointer data)
{
    g_free(((TopMemory *)data)->id);
}

static TopSample *sample_new(void)
{
    TopSample *s = g_new0(TopSample, 1);
    s->threads = g_array_new(FALSE, TRUE, sizeof(TopThread));
    s->clients = g_array_new(FALSE, TRUE, sizeof(TopClient));
    s->memory = g_array_new(FALSE, TRUE, sizeof(TopMemory));
    g_array_set_clear_func(s->threads, thread_clear);
    g_array_set_clear_func(s->clients, client_clear);
    g_array_set_clear_func(s->memory, memory_clear);
    return s;
}

void top_sample_free(TopSample *s)
{
    if (s) {
        g_array_unref(s->threads);
        g_array_unref(s->clients);
        g_array_unref(s->memory);
        g_free(s);
    }
}

TopThread *top_add_thread(TopSample *s, int64_t tid)
{
    g_array_set_size(s->threads, s->threads->len + 1);
    TopThread *t = &g_array_index(s->threads, TopThread, s->threads->len - 1);
    t->tid = tid;
    t->name = g_strdup("");
    return t;
}

TopThread *top_find_thread(const TopSample *s, int64_t tid)
{
    for (guint i = 0; i < s->threads->len; i++) {
        TopThread *t = &g_array_index(s->threads, TopThread, i);
        if (t->tid == tid) {
            return t;
        }
    }
    return NULL;
}

/* --- Answers --------------------------------------------------------------------------------- */

static bool read_uint64(const JsonTape *tape, JsonTok tok, const char *name, uint64_t *value)
{
    JsonTok member = json_tape_find(tape, tok, name);
    return member != JSON_NONE && json_tok_uint64(tape, member, value) == JSON_NUMBER_OK;
}

static bool read_int64(const JsonTape *tape, JsonTok tok, const char *name, int64_t *value)
{
    JsonTok member = json_tape_find(tape, tok, name);
    return member != JSON_NONE && json_tok_int64(tape, member, value) == JSON_NUMBER_OK;
}

/* An element of qomd-query-loops or query-iothreads. */
static void add_loop(TopSample *s, const JsonTape *tape, JsonTok tok)
{
    int64_t tid = 0;
    const char *path = client_member(tape, tok, "path");
    const char *slash = strrchr(path, '/');
    const char *id = slash ? slash + 1 : client_member(tape, tok, "id");

    if (!read_int64(tape, tok, "thread-id", &tid) || top_find_thread(s, tid)) {
        return;
    }
    TopThread *t = top_add_thread(s, tid);
    t->loop = true;
    g_free(t->name);
    t->name = g_strdup(client_member(tape, tok, "name"));
    t->id = *id ? g_strdup(id) : NULL;
    for (TopFigure f = 0; f < TOP_FIGURES; f++) {
        t->figure_known[f] = read_uint64(tape, tok, top_figure_name(f), &t->figure[f]);
    }
}

static void add_client(TopSample *s, const char *monitor, const JsonTape *tape, JsonTok tok)
{
    TopClient c = {.monitor = g_strdup(monitor)};
    bool pid = read_int64(tape, tok, "pid", &c.pid);
    bool uid = read_int64(tape, tok, "uid", &c.uid);

    c.peer_known = pid && uid;
    read_int64(tape, tok, "since", &c.since);
    read_uint64(tape, tok, "commands", &c.commands);
    c.oob = client_flag(tape, tok, "oob", false);
    g_array_append_val(s->clients, c);
}

static void add_monitor(TopSample *s, const JsonTape *tape, JsonTok tok)
{
    const char *id = client_member(tape, tok, "id");
    const char *name = *id ? id : client_member(tape, tok, "chardev");
    JsonTok list = json_tape_find(tape, tok, "clients");

    if (list == JSON_NONE || json_tape_type(tape, list) != JSON_ARRAY) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        if (json_tape_type(tape, t) == JSON_OBJECT) {
            add_client(s, name, tape, t);
        }
    }
}

/* An element of query-memory-regions or query-memdev. */
static void add_memory(TopSample *s, const JsonTape *tape, JsonTok tok)
{
    TopMemory m = {0};
    if (read_uint64(tape, tok, "size", &m.size)) {
        m.id = g_strdup(client_member(tape, tok, "id"));
        m.resident_known = read_uint64(tape, tok, "resident", &m.resident);
        g_array_append_val(s->memory, m);
    }
}

/* The commands, each with what to do with an element of its answer. Of two that tell the same the
 * second is for servers that lack the first. */
static const struct {
    const char *name;
    void (*add)(TopSample *s, const JsonTape *tape, JsonTok tok);
    int instead; /* of this one, or -1 */
} commands[] = {
    {"qomd-query-loops", add_loop, -1},       {"query-iothreads", add_loop, 0},
    {"qomd-query-monitors", add_monitor, -1}, {"query-memory-regions", add_memory, -1},
    {"query-memdev", add_memory, 3},
};
G_STATIC_ASSERT(G_N_ELEMENTS(commands) <= G_N_ELEMENTS(((TopServer *)NULL)->missing));

static bool is_wanted(const TopServer *server, size_t i)
{
    int other = commands[i].instead;
    return !server->missing[i] && (other < 0 || server->missing[other]);
}

static void take_list(TopSample *s, size_t i, const JsonTape *tape, JsonTok list)
{
    if (json_tape_type(tape, list) != JSON_ARRAY) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        if (json_tape_type(tape, t) == JSON_OBJECT) {
            commands[i].add(s, tape, t);
        }
    }
}

/* Asks for what is wanted; false and *errp: the connection has failed. *again: something was
 * missing, for which there may be something else. */
static bool ask(TopServer *server, TopSample *s, bool *again, QomError **errp)
{
    Connection *c = server->connection;
    bool sent[G_N_ELEMENTS(commands)];

    *again = false;
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        sent[i] = is_wanted(server, i);
        if (sent[i]) {
            connection_send(c, commands[i].name, NULL);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        JsonTok list;
        QOM_AUTO_ERROR(err);
        JSON_AUTO_TAPE(tape);
        if (!sent[i]) {
            continue;
        }
        tape = connection_receive(c, &list, &err);
        if (tape) {
            take_list(s, i, tape, list);
        } else if (connection_broken(c)) {
            return qom_error_propagate(errp, g_steal_pointer(&err));
        } else if (qom_error_class(err) == QOM_ERROR_COMMAND_NOT_FOUND) {
            server->missing[i] = true;
            *again = true;
        }
    }
    return true;
}

/* The process at the other end, if it is on this machine and visible; else 0. */
static int64_t peer_pid(Connection *c)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    bool known = getsockopt(connection_fd(c), SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
    return known && peer.pid > 0 ? peer.pid : 0;
}

TopSample *top_sample_take(TopServer *server, QomError **errp)
{
    TopSample *s = NULL;
    bool again = true;
    while (again) {
        top_sample_free(s);
        s = sample_new();
        if (!ask(server, s, &again, errp)) {
            top_sample_free(s);
            return NULL;
        }
    }
    s->time_us = g_get_monotonic_time();
    s->wall_us = g_get_real_time();
    s->pid = peer_pid(server->connection);
    if (s->pid) {
        top_read_proc(s);
    }
    return s;
}
