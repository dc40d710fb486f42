/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets as character devices, with raw peers and socat. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static Chardev *unix_server(const char *id, const char *path)
{
    SocketConfig config;
    config_unix(&config, path, true);
    return make(id, &config.backend);
}

/* ------------------------------------------------------------------------------------- names -- */

static void name_of_unix_server_tells_its_state(void **state)
{
    const char *path = harness_path("s");
    g_autofree char *down = g_strdup_printf("disconnected:unix:%s,server=on", path);
    g_autofree char *up = g_strdup_printf("unix:%s,server=on", path);
    Chardev *chr = unix_server("s", path);
    assert_name(chr, down);
    int peer = peer_unix(path);
    PUMP_UNTIL(chardev_connected(chr));
    assert_name(chr, up);
    close(peer);
    PUMP_UNTIL(!chardev_connected(chr));
    assert_name(chr, down);
}

static void name_of_abstract_server_keeps_its_name(void **state)
{
    SocketConfig config;
    g_autofree char *name = g_strdup_printf("qomd-test-%d", (int)getpid());
    g_autofree char *down =
        g_strdup_printf("disconnected:unix:%s,abstract=on,tight=on,server=on", name);
    config_unix(&config, name, true);
    config.local.has_abstract = config.local.abstract = true;
    Chardev *chr = make("a", &config.backend);
    assert_name(chr, down);

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path + 1, name, strlen(name));
    int peer = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    assert_int_equal(connect(peer, (struct sockaddr *)&un, len), 0);
    PUMP_UNTIL(chardev_connected(chr));
    assert_name(chr, down + strlen("disconnected:"));
    close(peer);

    config.local.has_tight = true;
    Chardev *padded = make("p", &config.backend);
    g_autofree char *padded_name =
        g_strdup_printf("disconnected:unix:%s,abstract=on,server=on", name);
    assert_name(padded, padded_name);
    peer = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&un, sizeof(un)), 0);
    PUMP_UNTIL(chardev_connected(padded));
    close(peer);
}

static void name_of_tcp_connection_has_both_ends(void **state)
{
    SocketConfig config;
    config_inet(&config, "127.0.0.1", "0", true);
    Chardev *server = make("s", &config.backend);
    unsigned port = port_of(server);
    assert_true(port > 0);
    g_autofree char *down = g_strdup_printf("disconnected:tcp:127.0.0.1:%u,server=on", port);
    assert_name(server, down);

    g_autofree char *port_text = g_strdup_printf("%u", port);
    config_inet(&config, "127.0.0.1", port_text, false);
    Chardev *client = make("c", &config.backend);
    PUMP_UNTIL(chardev_connected(server));
    g_autofree char *name = chardev_filename(client);
    unsigned local = 0;
    unsigned remote = 0;
    assert_int_equal(sscanf(name, "tcp:127.0.0.1:%u <-> 127.0.0.1:%u", &local, &remote), 2);
    assert_int_equal(remote, port);
    g_autofree char *up =
        g_strdup_printf("tcp:127.0.0.1:%u,server=on <-> 127.0.0.1:%u", port, local);
    assert_name(server, up);

    assert_true(chardev_remove("s", NULL));
    PUMP_UNTIL(!chardev_connected(client));
    g_autofree char *client_down = g_strdup_printf("disconnected:tcp:127.0.0.1:%u", port);
    assert_name(client, client_down);
}

static void name_of_ipv6_has_brackets_only_when_connected(void **state)
{
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    if (probe < 0) {
        skip();
    }
    close(probe);
    SocketConfig config;
    config_inet(&config, "::1", "0", true);
    QomError *error = NULL;
    Chardev *server = chardev_add_wait("s", &config.backend, &error);
    if (!server) {
        qom_error_free(error);
        skip();
    }
    unsigned port = port_of(server);
    g_autofree char *down = g_strdup_printf("disconnected:tcp:::1:%u,server=on", port);
    assert_name(server, down);
    g_autofree char *port_text = g_strdup_printf("%u", port);
    config_inet(&config, "::1", port_text, false);
    make("c", &config.backend);
    PUMP_UNTIL(chardev_connected(server));
    g_autofree char *up = g_strdup_printf("tcp:[::1]:%u,server=on <-> [::1]:", port);
    g_autofree char *name = chardev_filename(server);
    assert_memory_equal(name, up, strlen(up));
}

/* The whole of the tree's view. */
static void object_shows_address_and_connection(void **state)
{
    SocketConfig config;
    config_inet(&config, "127.0.0.1", "0", true);
    Chardev *chr = make("s", &config.backend);
    QomObject *obj = qom_resolve_path("/chardevs/s", "chardev-socket", NULL);
    assert_non_null(obj);
    g_autofree char *want = g_strdup_printf(
        "{\"type\": \"inet\", \"host\": \"127.0.0.1\", \"port\": \"%u\", \"ipv4\": true}",
        port_of(chr));
    g_autofree char *addr = qom_property_get_json(obj, "addr", NULL);
    assert_string_equal(addr, want);
    bool connected = true;
    assert_true(qom_property_get_bool(obj, "connected", &connected, NULL));
    assert_false(connected);
    int peer = peer_tcp(port_of(chr));
    PUMP_UNTIL(chardev_connected(chr));
    assert_true(qom_property_get_bool(obj, "connected", &connected, NULL));
    assert_true(connected);
    close(peer);
    assert_true(chardev_remove("s", NULL));
    assert_null(qom_resolve_path("/chardevs/s", NULL, NULL));
}

/* ------------------------------------------------------------------------------------ streams --
 */

static void attaching_to_an_open_chardev_tells_at_once(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    int peer = peer_unix(path);
    peer_send(peer, "hello");
    PUMP_UNTIL(chardev_connected(chr));
    Recorder r;
    recorder_init(&r);
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    assert_int_equal(r.opened, 1);
    PUMP_UNTIL(r.input->len == 5);
    QomError *error = NULL;
    assert_false(chardev_attach(chr, &recorder_ops, &r, NULL, 1, &error));
    assert_string_equal(qom_error_message(error), "chardev 's' is already in use");
    qom_error_free(error);
    error = NULL;
    assert_false(chardev_remove("s", &error));
    assert_string_equal(qom_error_message(error), "Chardev 's' is busy");
    qom_error_free(error);

    chardev_detach(chr);
    peer_send(peer, "more");
    harness_run_ms(20);
    assert_string_equal(r.input->str, "hello");
    assert_true(chardev_connected(chr));
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    assert_int_equal(r.opened, 2);
    PUMP_UNTIL(r.input->len == 9);
    chardev_detach(chr);
    close(peer);
    recorder_clear(&r);
}

static void one_stream_at_a_time_and_the_next_client_waits(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    r.greeting = "hi\n";
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int first = peer_unix(path);
    PUMP_UNTIL(r.opened == 1);
    int second = peer_unix(path);
    assert_true(second >= 0);
    harness_run_ms(30);
    assert_int_equal(r.opened, 1);
    peer_expect(first, "hi\n");
    close(first);
    PUMP_UNTIL(r.opened == 2);
    assert_int_equal(r.closed, 1);
    peer_expect(second, "hi\n");
    close(second);
    PUMP_UNTIL(r.closed == 2);
    chardev_detach(chr);
    recorder_clear(&r);
}

static void many_clients_have_a_stream_each(void **state)
{
    enum { N = 20 };
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    r.echo = true;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, N, NULL));
    int peers[N + 1];
    for (int i = 0; i <= N; i++) {
        peers[i] = peer_unix(path);
        assert_true(peers[i] >= 0);
        g_autofree char *text = g_strdup_printf("client %d", i);
        peer_send(peers[i], text);
    }
    for (int i = 0; i < N; i++) {
        g_autofree char *text = g_strdup_printf("client %d", i);
        peer_expect(peers[i], text);
    }
    assert_int_equal(r.opened, N);
    assert_int_equal(r.streams->len, N);
    close(peers[3]);
    peer_expect(peers[N], "client 20");
    chardev_detach(chr);
    for (int i = 0; i <= N; i++) {
        if (i != 3) {
            assert_null(peer_read(peers[i]));
            close(peers[i]);
        }
    }
    recorder_clear(&r);
}

static void idle_chardev_notices_a_departed_peer(void **state)
{
    SocketConfig config;
    config_inet(&config, "127.0.0.1", "0", true);
    Chardev *chr = make("s", &config.backend);
    for (int i = 0; i < 3; i++) {
        int peer = peer_tcp(port_of(chr));
        PUMP_UNTIL(chardev_connected(chr));
        close(peer);
        PUMP_UNTIL(!chardev_connected(chr));
    }
}

static void data_before_a_hang_up_arrives(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    r.greeting = "a greeting that nobody reads";
    r.can_read = 0;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    g_autofree char *big = g_strnfill(150000, 'x');
    PUMP_UNTIL(r.opened == 1);
    assert_int_equal(send(peer, big, 150000, 0), 150000);
    harness_run_ms(20);
    close(peer);
    harness_run_ms(20);
    assert_int_equal(r.closed, 0);
    assert_int_equal(chr_stream_write(r.stream, "x", 1, NULL, 0), -EPIPE);
    r.can_read = 1000;
    chr_stream_resume(r.stream);
    PUMP_UNTIL(r.closed == 1);
    assert_int_equal(r.input->len, 150000);
    assert_int_equal(r.ended, 0);
    chardev_detach(chr);
    recorder_clear(&r);
}

static void paused_stream_sees_a_hang_up_without_data(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    r.can_read = 0;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    PUMP_UNTIL(r.opened == 1);
    harness_run_ms(10);
    close(peer);
    PUMP_UNTIL(r.closed == 1);
    chardev_detach(chr);
    recorder_clear(&r);
}

static void half_closed_client_gets_its_answers(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    r.keep = true;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    peer_send(peer, "question");
    shutdown(peer, SHUT_WR);
    PUMP_UNTIL(r.ended == 1);
    assert_string_equal(r.input->str, "question");
    assert_int_equal(chr_stream_write(r.stream, "answer", 6, NULL, 0), 0);
    peer_expect(peer, "answer");
    assert_int_equal(r.closed, 0);
    close(peer);
    PUMP_UNTIL(r.closed == 1);
    chardev_detach(chr);
    recorder_clear(&r);
}

static void queued_output_outlives_its_stream(void **state)
{
    enum { LEN = 2000000 };
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    PUMP_UNTIL(r.opened == 1);
    g_autofree char *big = g_strnfill(LEN, 'y');
    assert_int_equal(chr_stream_write(r.stream, big, LEN, NULL, 0), 0);
    assert_true(chr_stream_queued(r.stream) > 0);
    chr_stream_close(r.stream);
    assert_int_equal(r.closed, 0);
    size_t got = 0;
    for (;;) {
        g_autofree char *text = peer_read(peer);
        if (!text) {
            break;
        }
        got += strlen(text);
        if (!*text) {
            harness_turn();
        }
    }
    assert_int_equal(got, LEN);
    close(peer);
    chardev_detach(chr);
    recorder_clear(&r);
}

static void streams_that_linger_are_bounded(void **state)
{
    enum { N = 80, LEN = 500000, MOST = 64 };
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, N, NULL));
    g_autofree char *big = g_strnfill(LEN, 'y');
    int peers[N];
    unsigned before = count_fds();
    for (unsigned i = 0; i < N; i++) {
        peers[i] = peer_unix(path);
        PUMP_UNTIL(r.opened == i + 1);
        assert_int_equal(chr_stream_write(r.stream, big, LEN, NULL, 0), 0);
        chr_stream_close(r.stream);
    }
    assert_int_equal(count_fds(), before + N + MOST);
    chardev_detach(chr);
    for (unsigned i = 0; i < N; i++) {
        close(peers[i]);
    }
    PUMP_UNTIL(count_fds() == before);
    recorder_clear(&r);
}

static void peer_is_known_by_its_credentials(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    PUMP_UNTIL(r.opened == 1);
    pid_t pid;
    uid_t uid;
    gid_t gid;
    assert_true(chr_stream_peer_ids(r.stream, &pid, &uid, &gid));
    assert_int_equal(pid, getpid());
    assert_int_equal(uid, geteuid());
    close(peer);
    chardev_detach(chr);
    recorder_clear(&r);
}

static void slow_reader_is_bounded(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    PUMP_UNTIL(r.opened == 1);
    chr_stream_set_limit(r.stream, 1 << 20);
    g_autofree char *block = g_strnfill(10000, 'z');
    unsigned taken = 0;
    int rc;
    while ((rc = chr_stream_write(r.stream, block, 10000, NULL, 0)) == 0) {
        taken++;
    }
    assert_int_equal(rc, -ENOBUFS);
    assert_in_range(chr_stream_queued(r.stream), 1 << 20, (1 << 20) + 10000);
    size_t got = 0;
    while (r.drained == 0) {
        g_autofree char *text = peer_read(peer);
        assert_non_null(text);
        got += strlen(text);
        harness_turn();
    }
    assert_int_equal(chr_stream_queued(r.stream), 0);
    for (bool more = true; more;) {
        g_autofree char *text = peer_read(peer);
        more = text && *text;
        got += more ? strlen(text) : 0;
    }
    assert_int_equal(got, taken * 10000);
    close(peer);
    chardev_detach(chr);
    recorder_clear(&r);
}

/* -------------------------------------------------------------------------------- descriptors --
 */

static void send_fds(int socket, const char *text, const int *fds, size_t n)
{
    char control[CMSG_SPACE(64 * sizeof(int))] = {0};
    struct iovec iov = {(void *)text, strlen(text)};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = CMSG_SPACE(n * sizeof(int)),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    assert_int_equal(sendmsg(socket, &msg, 0), strlen(text));
}

static void descriptors_pass_in_both_directions(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    PUMP_UNTIL(r.opened == 1);
    int pipe_fds[2];
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);

    send_fds(peer, "take", &pipe_fds[1], 1);
    PUMP_UNTIL(r.input->len == 4);
    int got[CHR_FDS_MAX];
    assert_int_equal(chr_stream_take_fds(r.stream, got), 1);
    assert_int_equal(fcntl(got[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(write(got[0], "!", 1), 1);
    char byte = 0;
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    close(got[0]);
    assert_int_equal(chr_stream_take_fds(r.stream, got), 0);

    /* Behind a queue: the descriptor must come with its own byte. */
    g_autofree char *big = g_strnfill(500000, 'b');
    assert_int_equal(chr_stream_write(r.stream, big, 500000, NULL, 0), 0);
    assert_int_equal(chr_stream_write(r.stream, "F", 1, &pipe_fds[0], 1), 0);
    size_t total = 0;
    int received = -1;
    char last = 0;
    while (total < 500001) {
        harness_turn();
        char buf[4096];
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec iov = {buf, sizeof(buf)};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(peer, &msg, MSG_DONTWAIT);
        if (n <= 0) {
            continue;
        }
        total += (size_t)n;
        last = buf[n - 1];
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        if (c && c->cmsg_type == SCM_RIGHTS) {
            assert_int_equal(total, 500001);
            memcpy(&received, CMSG_DATA(c), sizeof(int));
        }
    }
    assert_int_equal(last, 'F');
    assert_true(received >= 0);
    close(received);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(peer);
    chardev_detach(chr);
    recorder_clear(&r);
}

static void surplus_and_untaken_descriptors_are_closed(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_unix(path);
    PUMP_UNTIL(r.opened == 1);
    unsigned before = count_fds();
    int fds[40];
    for (int i = 0; i < 40; i++) {
        fds[i] = STDERR_FILENO;
    }
    send_fds(peer, "a", fds, 40);
    PUMP_UNTIL(r.input->len == 1);
    assert_int_equal(count_fds(), before + CHR_FDS_MAX);
    send_fds(peer, "b", fds, 3);
    PUMP_UNTIL(r.input->len == 2);
    assert_int_equal(count_fds(), before + 3);
    int got[CHR_FDS_MAX];
    assert_int_equal(chr_stream_take_fds(r.stream, got), 3);
    for (int i = 0; i < 3; i++) {
        close(got[i]);
    }
    send_fds(peer, "c", fds, 5);
    PUMP_UNTIL(r.input->len == 3);
    close(peer);
    PUMP_UNTIL(r.closed == 1);
    assert_int_equal(count_fds(), before - 2); /* the peer's end and ours */
    chardev_detach(chr);
    recorder_clear(&r);
}

static void wrong_descriptors_are_refused(void **state)
{
    SocketConfig config;
    config_inet(&config, "127.0.0.1", "0", true);
    Chardev *chr = make("t", &config.backend);
    Recorder r;
    recorder_init(&r);
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    int peer = peer_tcp(port_of(chr));
    PUMP_UNTIL(r.opened == 1);
    int fd = STDERR_FILENO;
    assert_false(chr_stream_can_pass_fds(r.stream));
    assert_int_equal(chr_stream_write(r.stream, "x", 1, &fd, 1), -EOPNOTSUPP);
    close(peer);
    chardev_detach(chr);
    recorder_clear(&r);
}

/* --------------------------------------------------------------------------- files and errors --
 */

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void socket_file_goes_with_the_chardev(void **state)
{
    const char *path = harness_path("s");
    unix_server("s", path);
    assert_true(exists(path));
    assert_true(chardev_remove("s", NULL));
    assert_false(exists(path));
    unix_server("s", path);
    chardev_cleanup(0);
    assert_false(exists(path));
}

static void live_socket_is_not_stolen(void **state)
{
    const char *path = harness_path("s");
    unix_server("s", path);
    SocketConfig config;
    config_unix(&config, path, true);
    g_autofree char *text =
        g_strdup_printf("Failed to bind socket to %s: Address already in use", path);
    make_fails("t", &config.backend, text);
    int peer = peer_unix(path);
    assert_true(peer >= 0);
    close(peer);
}

static void stale_socket_is_replaced_other_files_stay(void **state)
{
    const char *path = harness_path("stale");
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    close(fd);
    unix_server("s", path);
    int peer = peer_unix(path);
    assert_true(peer >= 0);
    close(peer);

    const char *file = harness_path("file");
    assert_true(g_file_set_contents(file, "precious", -1, NULL));
    SocketConfig config;
    config_unix(&config, file, true);
    g_autofree char *text =
        g_strdup_printf("Failed to bind socket to %s: Address already in use", file);
    make_fails("t", &config.backend, text);
    g_autofree char *content = NULL;
    assert_true(g_file_get_contents(file, &content, NULL, NULL));
    assert_string_equal(content, "precious");
}

static void file_of_another_server_is_not_unlinked(void **state)
{
    const char *path = harness_path("s");
    unix_server("s", path);
    unlink(path);
    assert_true(g_file_set_contents(path, "new owner", -1, NULL));
    assert_true(chardev_remove("s", NULL));
    assert_true(exists(path));
}

static void errors_name_what_is_wrong(void **state)
{
    SocketConfig config;
    g_autofree char *longest = g_strnfill(108, 'p');
    config_unix(&config, longest, true);
    g_autofree char *too_long = g_strdup_printf("UNIX socket path '%s' is too long", longest);
    make_fails("x", &config.backend, too_long);

    config_unix(&config, harness_path("nobody"), false);
    g_autofree char *nobody = g_strdup_printf(
        "Failed to connect to '%s': No such file or directory", harness_path("nobody"));
    make_fails("x", &config.backend, nobody);
    config.options.has_wait = true;
    make_fails("x", &config.backend,
               "'wait' option is incompatible with socket in client connect mode");
    config.options.has_wait = false;
    config.options.has_reconnect = config.options.has_reconnect_ms = true;
    make_fails("x", &config.backend, "'reconnect' and 'reconnect-ms' are mutually exclusive");

    config_unix(&config, harness_path("x"), true);
    config.options.has_reconnect_ms = true;
    make_fails("x", &config.backend,
               "'reconnect' option is incompatible with socket in server listen mode");

    config_inet(&config, "127.0.0.1", "99999", true);
    make_fails("x", &config.backend,
               "Port '99999' is not a number from 0 to 65535 nor a service name");
    config_inet(&config, "127.0.0.1", "0", true);
    config.inet.has_ipv4 = config.inet.has_ipv6 = true;
    make_fails("x", &config.backend, "Cannot disable IPv4 and IPv6 at same time");
    config_inet(&config, "nohost.invalid", "1", false);
    QomError *error = NULL;
    assert_null(chardev_add_wait("x", &config.backend, &error));
    assert_non_null(
        strstr(qom_error_message(error), "address resolution failed for nohost.invalid:1: "));
    qom_error_free(error);

    config_fd(&config, "nothing", false);
    make_fails("x", &config.backend, "File descriptor named 'nothing' has not been found");
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g_autofree char *number = g_strdup_printf("%d", file);
    g_autofree char *no_socket = g_strdup_printf("File descriptor '%d' is not a socket", file);
    config_fd(&config, number, false);
    make_fails("x", &config.backend, no_socket);

    config_unix(&config, harness_path("dup"), true);
    make("dup", &config.backend);
    QomError *again = NULL;
    assert_null(chardev_add_wait("dup", &config.backend, &again));
    assert_string_equal(qom_error_message(again), "Duplicate ID 'dup' for chardev");
    qom_error_free(again);
    make_fails("1x", &config.backend, "Parameter 'id' expects an identifier");
}

static void port_range_takes_the_first_free_one(void **state)
{
    SocketConfig config;
    config_inet(&config, "127.0.0.1", "0", true);
    Chardev *first = make("a", &config.backend);
    unsigned port = port_of(first);
    if (port > 65500) {
        skip();
    }
    g_autofree char *text = g_strdup_printf("%u", port);
    config_inet(&config, "127.0.0.1", text, true);
    make_fails("b", &config.backend, "Failed to find an available port: Address already in use");
    config.inet.has_to = true;
    config.inet.to = (uint16_t)(port + 30);
    Chardev *second = make("b", &config.backend);
    assert_in_range(port_of(second), port + 1, port + 30);
}

static void descriptor_listening_or_connected_is_taken(void **state)
{
    const char *path = harness_path("s");
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    g_autofree char *number = g_strdup_printf("%d", fd);
    SocketConfig config;
    config_fd(&config, number, true);
    Chardev *server = make("s", &config.backend);
    g_autofree char *name = g_strdup_printf("disconnected:unix:%s,server=on", path);
    assert_name(server, name);
    int peer = peer_unix(path);
    PUMP_UNTIL(chardev_connected(server));
    close(peer);
    assert_true(chardev_remove("s", NULL));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_true(exists(path));

    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    g_autofree char *end = g_strdup_printf("%d", pair[0]);
    config_fd(&config, end, false);
    Chardev *client = make("c", &config.backend);
    Recorder r;
    recorder_init(&r);
    r.echo = true;
    assert_true(chardev_attach(client, &recorder_ops, &r, NULL, 1, NULL));
    peer_send(pair[1], "echo");
    peer_expect(pair[1], "echo");
    close(pair[1]);
    PUMP_UNTIL(r.closed == 1);
    chardev_detach(client);
    recorder_clear(&r);
}

static void adding_and_removing_leaks_no_descriptor(void **state)
{
    const char *path = harness_path("s");
    unsigned before = 0;
    for (int i = 0; i < 100; i++) {
        Chardev *chr = unix_server("s", path);
        SocketConfig config;
        config_unix(&config, path, false);
        make("c", &config.backend);
        int peer = peer_unix(path);
        if (i % 3 == 0) {
            PUMP_UNTIL(chardev_connected(chr));
        }
        assert_true(chardev_remove("s", NULL));
        assert_true(chardev_remove("c", NULL));
        close(peer);
        if (i == 0) {
            before = count_fds();
        }
    }
    assert_int_equal(count_fds(), before);
}

static void other_loop_serves_its_frontend(void **state)
{
    LoopThread *thread = loop_thread_new("test", NULL, NULL, NULL);
    assert_non_null(thread);
    const char *path = harness_path("s");
    Chardev *chr = unix_server("s", path);
    Recorder r;
    recorder_init(&r);
    r.echo = true;
    int early = peer_unix(path);
    PUMP_UNTIL(chardev_connected(chr));
    assert_true(chardev_attach(chr, &recorder_ops, &r, loop_thread_get_loop(thread), 2, NULL));
    peer_send(early, "early");
    peer_expect(early, "early");
    int late = peer_unix(path);
    peer_send(late, "late");
    peer_expect(late, "late");
    chardev_detach(chr);
    assert_null(peer_read(early));
    close(early);
    close(late);
    /* Back in the main loop. */
    early = peer_unix(path);
    PUMP_UNTIL(chardev_connected(chr));
    close(early);
    PUMP_UNTIL(!chardev_connected(chr));
    loop_thread_free(thread);
    recorder_clear(&r);
}

static void socat_talks_to_a_tcp_server(void **state)
{
    g_autofree char *socat = g_find_program_in_path("socat");
    if (!socat) {
        skip();
    }
    SocketConfig config;
    config_inet(&config, "127.0.0.1", "0", true);
    Chardev *chr = make("s", &config.backend);
    Recorder r;
    recorder_init(&r);
    r.greeting = "welcome\n";
    r.echo = true;
    r.keep = false;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    g_autofree char *command = g_strdup_printf(
        "sh -c \"head -c 300000 /dev/zero | tr '\\\\0' q | socat - TCP:127.0.0.1:%u > %s\"",
        port_of(chr), harness_path("out"));
    g_auto(GStrv) argv = NULL;
    assert_true(g_shell_parse_argv(command, NULL, &argv, NULL));
    assert_true(g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL));
    PUMP_UNTIL(r.closed == 1);
    assert_int_equal(r.input->len, 300000);
    size_t len = 0;
    for (int i = 0; i < 200 && len != 300008; i++) {
        g_autofree char *content = NULL;
        harness_run_ms(10);
        g_file_get_contents(harness_path("out"), &content, &len, NULL);
    }
    assert_int_equal(len, 300008);
    chardev_detach(chr);
    recorder_clear(&r);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(name_of_unix_server_tells_its_state),
        T(name_of_abstract_server_keeps_its_name),
        T(name_of_tcp_connection_has_both_ends),
        T(name_of_ipv6_has_brackets_only_when_connected),
        T(object_shows_address_and_connection),
        T(attaching_to_an_open_chardev_tells_at_once),
        T(one_stream_at_a_time_and_the_next_client_waits),
        T(many_clients_have_a_stream_each),
        T(idle_chardev_notices_a_departed_peer),
        T(data_before_a_hang_up_arrives),
        T(paused_stream_sees_a_hang_up_without_data),
        T(half_closed_client_gets_its_answers),
        T(queued_output_outlives_its_stream),
        T(streams_that_linger_are_bounded),
        T(peer_is_known_by_its_credentials),
        T(slow_reader_is_bounded),
        T(descriptors_pass_in_both_directions),
        T(surplus_and_untaken_descriptors_are_closed),
        T(wrong_descriptors_are_refused),
        T(socket_file_goes_with_the_chardev),
        T(live_socket_is_not_stolen),
        T(stale_socket_is_replaced_other_files_stay),
        T(file_of_another_server_is_not_unlinked),
        T(errors_name_what_is_wrong),
        T(port_range_takes_the_first_free_one),
        T(descriptor_listening_or_connected_is_taken),
        T(adding_and_removing_leaks_no_descriptor),
        T(other_loop_serves_its_frontend),
        T(socat_talks_to_a_tcp_server),
    };
    return cmocka_run_group_tests_name("chardev socket", tests, NULL, NULL);
}
