/* SPDX-License-Identifier: BSD-3-Clause */
/* Client sockets: reconnection, waiting, exchange of backends, hostile peers. */
#include "harness.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_on(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static int accept_on(int listener)
{
    int fd = -1;
    PUMP_UNTIL((fd = accept(listener, NULL, NULL)) >= 0);
    return fd;
}

static void reconnects_as_often_as_needed(void **state)
{
    const char *path = harness_path("s");
    SocketConfig config;
    config_unix(&config, path, false);
    config.options.has_reconnect_ms = true;
    config.options.reconnect_ms = 30;
    Chardev *chr = make("c", &config.backend); /* nobody there: no error */
    Recorder r;
    recorder_init(&r);
    r.echo = true;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    harness_run_ms(100);
    assert_int_equal(r.opened, 0);
    int listener = listen_on(path);
    for (unsigned i = 1; i <= 3; i++) {
        int peer = accept_on(listener);
        PUMP_UNTIL(r.opened == i);
        peer_send(peer, "ping");
        peer_expect(peer, "ping");
        int64_t gone_ns = loop_now_ns();
        close(peer);
        PUMP_UNTIL(r.closed == i);
        if (i == 3) {
            close(listener);
            unlink(path);
            harness_run_ms(80);
            listener = listen_on(path);
        }
        peer = accept_on(listener);
        assert_true(loop_now_ns() - gone_ns >= 25 * 1000 * 1000);
        close(peer);
        PUMP_UNTIL(r.closed == i + 1);
        r.closed = r.opened = i;
    }
    chardev_detach(chr);
    assert_true(chardev_remove("c", NULL));
    harness_run_ms(80);
    assert_int_equal(accept(listener, NULL, NULL), -1);
    close(listener);
    recorder_clear(&r);
}

static void without_reconnection_a_disconnection_is_final(void **state)
{
    const char *path = harness_path("s");
    int listener = listen_on(path);
    SocketConfig config;
    config_unix(&config, path, false);
    Chardev *chr = make("c", &config.backend);
    g_autofree char *up = g_strdup_printf("unix:%s", path);
    g_autofree char *down = g_strdup_printf("disconnected:unix:%s", path);
    assert_name(chr, up);
    int peer = accept_on(listener);
    close(peer);
    PUMP_UNTIL(!chardev_connected(chr));
    assert_name(chr, down);
    harness_run_ms(50);
    assert_int_equal(accept(listener, NULL, NULL), -1);
    close(listener);
}

typedef struct Outcome {
    unsigned calls;
    Chardev *chr;
    char *error;
} Outcome;

static void outcome(void *opaque, Chardev *chr, const QomError *error)
{
    Outcome *self = opaque;
    self->calls++;
    self->chr = chr;
    g_free(self->error);
    self->error = error ? g_strdup(qom_error_message(error)) : NULL;
}

static void waiting_server_is_ready_with_its_first_client(void **state)
{
    const char *path = harness_path("s");
    SocketConfig config;
    config_unix(&config, path, true);
    config.options.has_wait = config.options.wait = true;
    Outcome out = {0};
    chardev_add("s", &config.backend, NULL, NULL, outcome, &out);
    harness_run_ms(20);
    assert_int_equal(out.calls, 0);
    assert_null(chardev_find("s"));
    Outcome second = {0};
    chardev_add("s", &config.backend, NULL, NULL, outcome, &second);
    assert_string_equal(second.error, "Chardev with id 's' already exists");
    QomError *error = NULL;
    assert_false(chardev_remove("s", &error));
    assert_string_equal(qom_error_message(error), "Chardev 's' is busy");
    qom_error_free(error);
    int peer = peer_unix(path);
    PUMP_UNTIL(out.calls == 1);
    assert_non_null(out.chr);
    assert_true(chardev_connected(out.chr));
    close(peer);
    g_free(second.error);
}

static void end_of_program_answers_what_is_pending(void **state)
{
    SocketConfig config;
    config_unix(&config, harness_path("s"), true);
    config.options.has_wait = config.options.wait = true;
    Outcome out = {0};
    chardev_add("s", &config.backend, NULL, NULL, outcome, &out);
    chardev_cleanup(0);
    assert_int_equal(out.calls, 1);
    assert_string_equal(out.error, "Failed to add chardev 's': The program is ending");
    g_free(out.error);
    assert_int_equal(access(harness_path("s"), F_OK), -1);
}

static void failures_over_qmp_name_the_chardev(void **state)
{
    SocketConfig config;
    config_unix(&config, "/nonexistent/s", true);
    Outcome out = {0};
    chardev_add("s", &config.backend, NULL, NULL, outcome, &out);
    assert_string_equal(out.error, "Failed to add chardev 's': Failed to bind socket to "
                                   "/nonexistent/s: No such file or directory");
    g_free(out.error);
}

static void exchange_keeps_the_frontend(void **state)
{
    const char *path = harness_path("s");
    SocketConfig config;
    config_unix(&config, path, true);
    Chardev *chr = make("x", &config.backend);
    Recorder r;
    recorder_init(&r);
    r.echo = true;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    PUMP_UNTIL(r.opened == 1);

    const char *other = harness_path("t");
    config_unix(&config, other, true);
    r.refuse_change = true;
    Outcome out = {0};
    chardev_change("x", &config.backend, NULL, NULL, outcome, &out);
    assert_string_equal(out.error, "Chardev 'x' change failed");
    assert_int_equal(access(other, F_OK), -1);
    assert_int_equal(r.closed, 0);
    peer_send(peer, "still");
    peer_expect(peer, "still");

    r.refuse_change = false;
    chardev_change("x", &config.backend, NULL, NULL, outcome, &out);
    assert_ptr_equal(out.chr, chr);
    assert_int_equal(r.closed, 1);
    assert_null(peer_read(peer));
    close(peer);
    assert_int_equal(access(path, F_OK), -1);
    peer = peer_unix(other);
    PUMP_UNTIL(r.opened == 2);
    peer_send(peer, "new");
    peer_expect(peer, "new");
    close(peer);
    PUMP_UNTIL(r.closed == 2);

    chardev_change("nobody", &config.backend, NULL, NULL, outcome, &out);
    assert_string_equal(out.error, "Chardev 'nobody' does not exist");
    chardev_detach(chr);
    ChrFrontendOps plain = recorder_ops;
    plain.change = NULL;
    assert_true(chardev_attach(chr, &plain, &r, NULL, 1, NULL));
    chardev_change("x", &config.backend, NULL, NULL, outcome, &out);
    assert_string_equal(out.error, "Chardev user does not support chardev hotswap");
    chardev_detach(chr);
    g_free(out.error);
    recorder_clear(&r);
}

static void names_are_looked_up_while_the_loop_goes_on(void **state)
{
    struct addrinfo *found;
    if (getaddrinfo("localhost", NULL, NULL, &found) != 0) {
        skip(); /* a machine without /etc/hosts */
    }
    freeaddrinfo(found);
    SocketConfig config;
    config_inet(&config, "localhost", "0", true);
    Outcome out = {0};
    chardev_add("s", &config.backend, NULL, NULL, outcome, &out);
    assert_int_equal(out.calls, 0);
    PUMP_UNTIL(out.calls == 1);
    assert_non_null(out.chr);
    g_autofree char *port = g_strdup_printf("%u", port_of(out.chr));
    config_inet(&config, "localhost", port, false);
    make("c", &config.backend);
    PUMP_UNTIL(chardev_connected(out.chr));

    /* One that is removed while it looks up leaves nothing behind. */
    config.options.has_reconnect_ms = true;
    config.options.reconnect_ms = 10;
    make("r", &config.backend);
    assert_true(chardev_remove("r", NULL));
    harness_run_ms(30);
}

static int nodelay_of(Chardev *chr)
{
    PUMP_UNTIL(chardev_connected(chr));
    int on = -1;
    socklen_t len = sizeof(on);
    int fd = io_channel_read_fd(TAILQ_FIRST(&chr->backend->streams)->channel);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    return on;
}

static void tcp_sends_at_once_unless_told_otherwise(void **state)
{
    SocketConfig config;
    config_inet(&config, "127.0.0.1", "0", true);
    Chardev *server = make("s", &config.backend);
    g_autofree char *port = g_strdup_printf("%u", port_of(server));
    config_inet(&config, "127.0.0.1", port, false);
    config.options.has_nodelay = true;
    Chardev *client = make("c", &config.backend);
    assert_int_equal(nodelay_of(client), 0);
    assert_int_equal(nodelay_of(server), 1);
}

/* Peers that come, send rubbish, and go in every way; an honest one is served all the time. */
static void hostile_peers_do_not_hurt_an_honest_one(void **state)
{
    const char *path = harness_path("s");
    SocketConfig config;
    config_unix(&config, path, true);
    Chardev *chr = make("s", &config.backend);
    Recorder r;
    recorder_init(&r);
    r.echo = true;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 8, NULL));
    int honest = peer_unix(path);
    g_autofree char *block = g_strnfill(60000, '#');
    g_autoptr(GRand) rand = g_rand_new_with_seed(42);
    unsigned before = 0;
    for (int i = 0; i < 200; i++) {
        int peer = peer_unix(path);
        assert_true(peer >= 0);
        int fds[3] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};
        IoChannel *channel = io_channel_new_socket(peer);
        struct iovec iov = {block, (size_t)g_rand_int_range(rand, 1, 60000)};
        io_channel_writev(channel, &iov, 1, fds, (size_t)g_rand_int_range(rand, 0, 4));
        if (g_rand_boolean(rand)) {
            harness_turn();
        }
        if (g_rand_boolean(rand)) {
            io_channel_shutdown(channel);
        }
        if (i % 10 == 0) {
            harness_turn();
            peer_send(honest, "me");
            peer_expect(honest, "me");
        }
        io_channel_close(channel);
        if (i == 20) {
            PUMP_UNTIL(r.streams->len == 1);
            before = count_fds();
        }
    }
    PUMP_UNTIL(r.streams->len == 1);
    assert_int_equal(count_fds(), before);
    assert_int_equal(r.opened, 201);
    close(honest);
    PUMP_UNTIL(r.closed == 201);
    chardev_detach(chr);
    recorder_clear(&r);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(reconnects_as_often_as_needed),
        T(without_reconnection_a_disconnection_is_final),
        T(waiting_server_is_ready_with_its_first_client),
        T(end_of_program_answers_what_is_pending),
        T(failures_over_qmp_name_the_chardev),
        T(exchange_keeps_the_frontend),
        T(names_are_looked_up_while_the_loop_goes_on),
        T(tcp_sends_at_once_unless_told_otherwise),
        T(hostile_peers_do_not_hurt_an_honest_one),
    };
    return cmocka_run_group_tests_name("chardev client", tests, NULL, NULL);
}
