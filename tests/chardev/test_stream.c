/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams of sockets: what a frontend sees, with raw peers and socat. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void attaching_to_an_open_chardev_tells_at_once(void **state)
{
    const char *path = harness_path("s");
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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
    Chardev *chr = make_unix_server("s", path);
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

static void other_loop_serves_its_frontend(void **state)
{
    LoopThread *thread = loop_thread_new("test", NULL, NULL, NULL);
    assert_non_null(thread);
    const char *path = harness_path("s");
    Chardev *chr = make_unix_server("s", path);
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
        T(other_loop_serves_its_frontend),
        T(socat_talks_to_a_tcp_server),
    };
    return cmocka_run_group_tests_name("chardev stream", tests, NULL, NULL);
}
