/* SPDX-License-Identifier: BSD-3-Clause */
/* Events on a connection, from a server that is a thread with a script. */
#include "client/connection.h"

#include "unit.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING "{'QMP': {'version': {}, 'capabilities': []}}\n"
#define READY    "{'return': {}, 'id': 1}\n"
#define EVENT(n) "{'event': '" n "', 'timestamp': {'seconds': 1, 'microseconds': 2}}\n"

/* A listening socket in a folder of its own, and what is said to the first client. */
typedef struct Server {
    char *folder, *path;
    int listener;
    int client; /* the server's end */
    GThread *thread;
    const char *first, *later; /* at once; after server_go_on() */
    GMutex lock;               /* held: not yet */
    GString *events;           /* names that the callback saw */
} Server;

static gpointer serve(gpointer data)
{
    Server *s = data;
    s->client = accept(s->listener, NULL, NULL);
    assert_true(write(s->client, s->first, strlen(s->first)) == (ssize_t)strlen(s->first));
    g_mutex_lock(&s->lock);
    if (s->later) {
        assert_true(write(s->client, s->later, strlen(s->later)) == (ssize_t)strlen(s->later));
    } else {
        shutdown(s->client, SHUT_RDWR);
    }
    g_mutex_unlock(&s->lock);
    return NULL;
}

static void server_start(Server *s, const char *first, const char *later)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *s = (Server){.first = first, .later = later, .events = g_string_new(NULL)};
    g_mutex_init(&s->lock);
    g_mutex_lock(&s->lock);
    s->folder = g_dir_make_tmp("qom-connection-XXXXXX", NULL);
    s->path = g_build_filename(s->folder, "qmp", NULL);
    g_strlcpy(address.sun_path, s->path, sizeof(address.sun_path));
    s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    s->thread = g_thread_new("server", serve, s);
}

static void server_go_on(Server *s)
{
    g_mutex_unlock(&s->lock);
    g_thread_join(s->thread);
}

static void server_end(Server *s)
{
    close(s->client);
    close(s->listener);
    g_unlink(s->path);
    g_rmdir(s->folder);
    g_free(s->path);
    g_free(s->folder);
    g_string_free(s->events, TRUE);
    g_mutex_clear(&s->lock);
}

static void note_event(const JsonTape *event, void *opaque)
{
    Server *s = opaque;
    g_string_append_printf(s->events, "%s ",
                           json_tok_text(event, json_tape_find(event, JSON_ROOT, "event"), NULL));
}

static void events_reach_the_callback_in_order(void **state)
{
    Server s;
    JsonTok value;
    server_start(&s, GREETING READY EVENT("A") "{'return': 7, 'id': 2}\n" EVENT("B"),
                 EVENT("C") EVENT("D"));
    Connection *c = connection_open(s.path, 60000, NULL);
    assert_non_null(c);
    connection_on_event(c, note_event, &s);

    connection_send(c, "x", NULL);
    JsonTape *tape = connection_receive(c, &value, NULL);
    assert_non_null(tape);
    json_tape_free(tape);
    assert_string_equal(s.events->str, "A ");
    /* B came together with the answer: it does not show on the descriptor. */
    assert_true(connection_wait(c, 0, NULL));
    assert_string_equal(s.events->str, "A B ");
    server_go_on(&s);
    while (s.events->len < strlen("A B C D ")) {
        struct pollfd pfd = {connection_fd(c), POLLIN, 0};
        assert_int_equal(poll(&pfd, 1, 60000), 1);
        assert_true(connection_wait(c, 0, NULL));
    }
    assert_string_equal(s.events->str, "A B C D ");
    connection_close(c);
    server_end(&s);
}

static void waiting_without_events_ends(void **state)
{
    Server s;
    server_start(&s, GREETING READY, EVENT("A"));
    Connection *c = connection_open(s.path, 60000, NULL);
    connection_on_event(c, note_event, &s);

    assert_true(connection_wait(c, 10, NULL));
    assert_string_equal(s.events->str, "");
    server_go_on(&s);
    while (!s.events->len) {
        assert_true(connection_wait(c, CONNECTION_FOREVER, NULL));
    }
    connection_close(c);
    server_end(&s);
}

static void a_lost_connection_ends_the_wait(void **state)
{
    Server s;
    QOM_AUTO_ERROR(err);
    server_start(&s, GREETING READY, NULL);
    Connection *c = connection_open(s.path, 60000, NULL);

    server_go_on(&s);
    while (connection_wait(c, CONNECTION_FOREVER, &err)) {
    }
    assert_non_null(strstr(qom_error_message(err), "has closed the connection"));
    assert_true(connection_broken(c));
    assert_false(connection_wait(c, 0, NULL));
    connection_close(c);
    server_end(&s);
}

static void an_answer_that_nobody_asked_for_ends_the_connection(void **state)
{
    static const char *const answers[] = {"{'return': 7, 'id': 2}\n", "{'return': 7}\n",
                                          "{'error': {'class': 'X', 'desc': 'y'}}\n", "[\n\xff"};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        Server s;
        server_start(&s, GREETING READY, answers[i]);
        Connection *c = connection_open(s.path, 60000, NULL);

        server_go_on(&s);
        while (connection_wait(c, CONNECTION_FOREVER, NULL)) {
        }
        assert_true(connection_broken(c));
        connection_close(c);
        server_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_reach_the_callback_in_order),
        cmocka_unit_test(waiting_without_events_ends),
        cmocka_unit_test(a_lost_connection_ends_the_wait),
        cmocka_unit_test(an_answer_that_nobody_asked_for_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
