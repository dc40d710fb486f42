/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Out-of-band commands. The main loop runs in the test's thread; where a command blocks it, the
 * client is a thread of its own.
 */
#include "fixture.h"

#include "qapi-char.h"
#include "qom/chardev.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define OK_ID(id) "{\"return\": {}, \"id\": " id "}"

static void oob_client_gets_its_replies_in_order(void **state)
{
    Client *client = client_oob(monitor_new(NULL));
    g_autoptr(GString) all = g_string_new(NULL);
    for (int i = 0; i < 500; i++) {
        g_string_append_printf(all, "{'execute':'plain','id':%d}", i);
    }
    say(client, all->str);
    for (int i = 0; i < 500; i++) {
        g_autofree char *reply = g_strdup_printf("{\"return\": {}, \"id\": %d}", i);
        expect(client, reply);
    }
    client_free(client);
}

static void commands_sent_with_the_negotiation_are_not_lost(void **state)
{
    Client *client = client_new(monitor_new(NULL));
    say(client, "{'execute':'qmp_capabilities','arguments':{'enable':['oob']},'id':1}"
                "{'execute':'plain','id':2}{'execute':'plain','id':3}");
    expect(client, OK_ID("1"));
    expect(client, OK_ID("2"));
    expect(client, OK_ID("3"));
    client_free(client);
}

static void oob_commands_have_their_own_rules(void **state)
{
    Client *client = client_oob(monitor_new(NULL));
    talk(client, "{'exec-oob':'oob','id':1}", OK_ID("1"));
    talk(client, "{'exec-oob':'plain','id':1.50}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"The command plain does not support "
         "OOB\"}, \"id\": 1.50}");
    talk(client, "{'exec-oob':'oob','execute':'plain','id':1}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input member 'execute' clashes "
         "with 'exec-oob'\"}, \"id\": 1}");
    talk(client, "{'execute':'plain','exec-oob':'oob'}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input member 'exec-oob' "
         "clashes with 'execute'\"}}");
    talk(client, "{'exec-oob':5}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input member 'exec-oob' must "
         "be a string\"}}");
    talk(client, "{'execute':'oob','id':2}", OK_ID("2"));
    client_free(client);
}

static bool is_busy(void *opaque)
{
    return commands.later != NULL;
}

static void oob_overtakes_a_command_that_takes_time(void **state)
{
    Client *client = client_oob(monitor_new(NULL));
    say(client, "{'execute':'later','id':1}{'execute':'plain','id':2}{broken}"
                "{'exec-oob':'oob','id':3}");
    expect(client, OK_ID("3"));
    assert_true(until(is_busy, NULL));
    expect_silence(client);
    qmp_call_return(commands.later, &(int64_t){0});
    expect(client, "{\"return\": 0, \"id\": 1}");
    expect(client, OK_ID("2"));
    assert_true(g_str_has_prefix(hear(client), "{\"error\": "));
    client_free(client);
}

static void at_most_eight_commands_are_queued(void **state)
{
    Client *client = client_oob(monitor_new(NULL));
    say(client, "{'execute':'later','id':0}");
    assert_true(until(is_busy, NULL));
    for (int i = 1; i <= 7; i++) {
        say(client, "{'execute':'plain'}");
    }
    talk(client, "{'exec-oob':'oob','id':8}", OK_ID("8"));
    say(client, "{'execute':'plain'}{'exec-oob':'oob','id':9}");
    expect_silence(client);
    assert_int_equal(commands.n_oob, 1);
    qmp_call_return(commands.later, &(int64_t){0});
    bool overtaking = false;
    for (int i = 0; i < 10; i++) {
        overtaking |= strcmp(hear(client), OK_ID("9")) == 0;
    }
    assert_true(overtaking);
    assert_int_equal(commands.n_plain, 8);
    client_free(client);
}

static void memory_of_queued_commands_is_counted(void **state)
{
    Client *client = client_oob(monitor_new(NULL));
    g_autofree char *piece = g_strnfill(1 << 20, 'x');
    say(client, "{'execute':'later'}");
    assert_true(until(is_busy, NULL));
    for (int i = 0; i < 4; i++) {
        say(client, "{'execute':'echo','arguments':{'value':'");
        for (int j = 0; j < 10; j++) {
            say_bytes(client, piece, 1 << 20);
        }
        say(client, "'}}");
    }
    run_ms(50);
    assert_true(__atomic_load_n(&qmp_server()->memory_bytes, __ATOMIC_RELAXED) > 40u << 20);
    qmp_call_return(commands.later, &(int64_t){0});
    hear(client);
    for (int i = 0; i < 4; i++) {
        assert_true(strlen(hear(client)) > 10u << 20);
    }
    talk(client, "{'execute':'plain'}", "{\"return\": {}}");
    run_ms(20);
    talk(client, "{'execute':'plain'}", "{\"return\": {}}");
    assert_true(__atomic_load_n(&qmp_server()->memory_bytes, __ATOMIC_RELAXED) < 1u << 20);
    client_free(client);
}

static bool has_no_sessions(void *opaque)
{
    return ((QmpMonitor *)opaque)->n_sessions == 0;
}

static void queue_dies_with_its_connection(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_oob(monitor);
    say(client, "{'execute':'later'}{'execute':'plain'}{'execute':'plain'}");
    assert_true(until(is_busy, NULL));
    client_free(client);
    assert_true(until(has_no_sessions, monitor));
    qmp_call_return(commands.later, &(int64_t){1});
    run_ms(20);
    assert_int_equal(commands.n_plain, 0);
}

/* --- With a main thread that is stuck -------------------------------------------------------- */

typedef struct Peer {
    int stuck, other, release; /* two clients, and what lets the command `block` go on */
    GString *log;
} Peer;

static void *peer_run(void *opaque)
{
    Peer *peer = opaque;
    char buffer[1000];
    ssize_t n;

    /* Blocks the main thread; both monitors still run commands out of band. */
    n = send(peer->stuck, "{'execute':'block','id':1}", 26, 0);
    g_usleep(50000);
    n = send(peer->stuck, "{'exec-oob':'oob','id':2}", 25, 0);
    n = recv(peer->stuck, buffer, sizeof(buffer) - 1, 0);
    g_string_append_len(peer->log, buffer, n > 0 ? n : 0);
    n = send(peer->other, "{'execute':'plain','id':3}{'exec-oob':'oob','id':4}", 51, 0);
    n = recv(peer->other, buffer, sizeof(buffer) - 1, 0);
    g_string_append_len(peer->log, buffer, n > 0 ? n : 0);
    n = write(peer->release, "x", 1);
    n = recv(peer->stuck, buffer, sizeof(buffer) - 1, 0);
    g_string_append_len(peer->log, buffer, n > 0 ? n : 0);
    n = recv(peer->other, buffer, sizeof(buffer) - 1, 0);
    g_string_append_len(peer->log, buffer, n > 0 ? n : 0);
    loop_stop(loop_main());
    return NULL;
}

static void oob_overtakes_a_handler_that_blocks_the_main_thread(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *stuck = client_oob(monitor), *other = client_oob(monitor);
    Peer peer = {.stuck = dup(stuck->fd), .other = dup(other->fd), .log = g_string_new(NULL)};
    struct timeval timeout = {.tv_sec = 10};
    pthread_t thread;
    int pipe_fds[2];

    run_ms(20);
    fcntl(stuck->fd, F_SETFL, 0);
    fcntl(other->fd, F_SETFL, 0);
    setsockopt(peer.stuck, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(peer.other, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    assert_int_equal(pipe(pipe_fds), 0);
    commands.release_fd = pipe_fds[0];
    peer.release = pipe_fds[1];
    pthread_create(&thread, NULL, peer_run, &peer);
    loop_run(loop_main());
    pthread_join(thread, NULL);
    assert_string_equal(peer.log->str,
                        OK_ID("2") "\r\n" OK_ID("4") "\r\n" OK_ID("1") "\r\n" OK_ID("3") "\r\n");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(peer.stuck);
    close(peer.other);
    g_string_free(peer.log, TRUE);
    client_free(stuck);
    client_free(other);
}

static void events_reach_oob_clients(void **state)
{
    Client *client = client_oob(monitor_new(NULL));
    say(client, "{'execute':'event','arguments':{'name':'a'},'id':1}");
    assert_true(
        g_str_has_prefix(hear(client), "{\"event\": \"TEST\", \"data\": {\"name\": \"a\"}"));
    expect(client, OK_ID("1"));
    client_free(client);
}

static void many_oob_clients_come_and_go(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    for (int round = 0; round < 20; round++) {
        Client *clients[8];
        for (int i = 0; i < 8; i++) {
            clients[i] = client_oob(monitor);
            say(clients[i], "{'execute':'plain'}{'exec-oob':'oob'}{'execute':'plain'}");
        }
        for (int i = 0; i < 8; i++) {
            if (i % 2) {
                hear(clients[i]);
            }
            client_free(clients[i]);
        }
    }
    assert_true(until(has_no_sessions, monitor));
}

/* A client of a character device whose data is logged, and so comes from its callbacks. */
static Client *client_of_logged_device(void)
{
    g_autofree char *name = g_strdup_printf("qmp-oob-test-%d", getpid());
    g_autofree char *json = g_strdup_printf(
        "{'type':'socket','data':{'addr':{'type':'unix','data':{'path':'%s','abstract':true}},"
        "'server':true,'wait':false,'logfile':'/dev/null'}}",
        name);
    ChardevBackend backend;
    chardev_register_types();
    assert_true(
        qapi_decode_json(NULL, &qapi_type_ChardevBackend, json, strlen(json), &backend, NULL));
    assert_non_null(chardev_add_wait("logged", &backend, NULL));
    ChardevBackend_clear(&backend);
    assert_non_null(qmp_monitor_new(&(QmpMonitorOptions){.chardev = "logged"}, NULL));

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    g_strlcpy(un.sun_path + 1, name, sizeof(un.sun_path) - 1);
    Client *client = g_new0(Client, 1);
    client->got = g_string_new(NULL);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    assert_int_equal(connect(client->fd, (struct sockaddr *)&un, len), 0);
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    hear(client);
    return client;
}

static void the_end_comes_with_oob_clients_of_a_logged_device(void **state)
{
    Client *client = client_of_logged_device();
    talk(client, "{'execute':'qmp_capabilities','arguments':{'enable':['oob']},'id':1}",
         OK_ID("1"));
    talk(client, "{'exec-oob':'oob','id':2}", OK_ID("2"));
    qmp_shutdown(); /* the main loop does not run any more */
    expect_end(client);
    client_free(client);
    chardev_cleanup(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(oob_client_gets_its_replies_in_order),
        TEST(commands_sent_with_the_negotiation_are_not_lost),
        TEST(oob_commands_have_their_own_rules),
        TEST(oob_overtakes_a_command_that_takes_time),
        TEST(at_most_eight_commands_are_queued),
        TEST(memory_of_queued_commands_is_counted),
        TEST(queue_dies_with_its_connection),
        TEST(oob_overtakes_a_handler_that_blocks_the_main_thread),
        TEST(events_reach_oob_clients),
        TEST(many_oob_clients_come_and_go),
        TEST(the_end_comes_with_oob_clients_of_a_logged_device),
    };
    return cmocka_run_group_tests_name("oob", tests, NULL, NULL);
}
