/* SPDX-License-Identifier: BSD-3-Clause */
/* Backends without a peer: null, ring buffers, files, standard input and output; log files. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void null_is_never_open(void **state)
{
    ChardevCommon options = {0};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_NULL, .u.null.data = &options};
    Chardev *chr = make("n", &config);
    assert_name(chr, "null");
    Recorder r;
    recorder_init(&r);
    assert_false(chardev_frontend_open(chr));
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    assert_true(chardev_frontend_open(chr));
    assert_int_equal(r.opened, 0);
    chardev_detach(chr);
    recorder_clear(&r);
}

/* ----------------------------------------------------------------------------------- ringbuf -- */

static Chardev *make_ring(const char *id, int64_t size)
{
    ChardevRingbuf options = {.has_size = true, .size = size};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_RINGBUF, .u.ringbuf.data = &options};
    return make(id, &config);
}

static void ring_size_is_a_power_of_two(void **state)
{
    static const int64_t wrong[] = {0, -1, 3, 65535, INT64_MIN};
    ChardevRingbuf options = {.has_size = true};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_RINGBUF, .u.ringbuf.data = &options};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        options.size = wrong[i];
        make_fails("r", &config, "size of ringbuf chardev must be power of two");
    }
    options.size = INT64_C(1) << 31;
    make_fails("r", &config, "size of ringbuf chardev must be at most 1 GiB");
    options.has_size = false;
    assert_name(make("r", &config), "ringbuf");
    config.type = CHARDEV_BACKEND_KIND_MEMORY;
    assert_name(make("m", &config), "memory");
}

static void ring_keeps_the_last_bytes(void **state)
{
    enum { SIZE = 64, ROUNDS = 20000 };
    make_ring("r", SIZE);
    ChrBackend *ring = chr_ringbuf_find("r", NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autoptr(GString) model = g_string_new(NULL);
    unsigned char next = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char buf[3 * SIZE];
        size_t len = (size_t)g_rand_int_range(rand, 0, g_rand_boolean(rand) ? 20 : 3 * SIZE);
        if (g_rand_boolean(rand)) {
            for (size_t k = 0; k < len; k++) {
                buf[k] = (char)next++;
            }
            chr_ringbuf_write(ring, buf, len);
            g_string_append_len(model, buf, (gssize)len);
            if (model->len > SIZE) {
                g_string_erase(model, 0, (gssize)(model->len - SIZE));
            }
        } else {
            size_t n = chr_ringbuf_read(ring, buf, len, false);
            assert_int_equal(n, MIN(len, model->len));
            assert_memory_equal(buf, model->str, n);
            g_string_erase(model, 0, (gssize)n);
        }
        assert_int_equal(chr_ringbuf_fill(ring), model->len);
    }
}

static void text_read_from_a_ring_ends_with_a_character(void **state)
{
    make_ring("r", 64);
    ChrBackend *ring = chr_ringbuf_find("r", NULL);
    char buf[64];
    chr_ringbuf_write(ring, "a\u20ac\U0001F600b", 9);
    assert_int_equal(chr_ringbuf_read(ring, buf, 2, true), 1);
    assert_int_equal(chr_ringbuf_read(ring, buf, 6, true), 3);
    assert_int_equal(chr_ringbuf_read(ring, buf, 5, true), 5);
    /* What is no character, or too long for the reader, still comes. */
    chr_ringbuf_write(ring, "\xff\x80\x80\x80\x80\u20ac", 8);
    assert_int_equal(chr_ringbuf_read(ring, buf, 5, true), 5);
    assert_int_equal(chr_ringbuf_read(ring, buf, 1, true), 1);
    assert_int_equal(chr_ringbuf_read(ring, buf, 64, true), 2);
}

static void ring_takes_what_its_frontend_writes(void **state)
{
    Chardev *chr = make_ring("r", 16);
    Recorder r;
    recorder_init(&r);
    r.greeting = "hello";
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    assert_int_equal(r.opened, 1);
    char buf[16];
    assert_int_equal(chr_ringbuf_read(chr_ringbuf_find("r", NULL), buf, 16, false), 5);
    assert_memory_equal(buf, "hello", 5);
    QomError *error = NULL;
    assert_null(chr_ringbuf_find("nope", &error));
    assert_string_equal(qom_error_message(error), "Device 'nope' not found");
    qom_error_free(error);
    chardev_detach(chr);
    recorder_clear(&r);
}

/* ------------------------------------------------------------------------------------- files -- */

static void assert_content(const char *path, const char *text)
{
    g_autofree char *content = NULL;
    assert_true(g_file_get_contents(path, &content, NULL, NULL));
    assert_string_equal(content, text);
}

static void file_is_read_to_its_end_and_written(void **state)
{
    g_autofree char *big = g_strnfill(200000, 'i');
    const char *in = harness_path("in");
    const char *out = harness_path("out");
    assert_true(g_file_set_contents(in, big, -1, NULL));
    assert_true(g_file_set_contents(out, "old", -1, NULL));
    ChardevFile options = {.in = (char *)in, .out = (char *)out};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_FILE, .u.file.data = &options};
    Chardev *chr = make("f", &config);
    assert_name(chr, "file");
    assert_content(out, "");
    Recorder r;
    recorder_init(&r);
    r.keep = true;
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    PUMP_UNTIL(r.ended == 1);
    assert_int_equal(r.input->len, 200000);
    assert_int_equal(chr_stream_write(r.stream, "after the end", 13, NULL, 0), 0);
    assert_content(out, "after the end");
    chardev_detach(chr);
    assert_true(chardev_remove("f", NULL));

    options.has_append = options.append = true;
    options.in = NULL;
    chr = make("f", &config);
    r.greeting = ", more";
    assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
    assert_content(out, "after the end, more");
    chardev_detach(chr);
    recorder_clear(&r);
}

static void file_errors_name_the_file(void **state)
{
    const char *out = harness_path("out");
    ChardevFile options = {.in = (char *)"/nonexistent/in", .out = (char *)out};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_FILE, .u.file.data = &options};
    assert_true(g_file_set_contents(out, "old", -1, NULL));
    make_fails("f", &config, "Could not open '/nonexistent/in': No such file or directory");
    assert_content(out, "old");
    options.in = NULL;
    options.out = (char *)"/nonexistent/out";
    make_fails("f", &config, "Could not open '/nonexistent/out': No such file or directory");
    options.out = (char *)out;
    options.logfile = (char *)"/nonexistent/log";
    make_fails("f", &config, "Could not create '/nonexistent/log': No such file or directory");
}

static void log_file_has_the_bytes_written(void **state)
{
    const char *log = harness_path("log");
    ChardevRingbuf options = {.logfile = (char *)log};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_RINGBUF, .u.ringbuf.data = &options};
    Recorder r;
    recorder_init(&r);
    r.greeting = "logged";
    for (int i = 0; i < 3; i++) {
        Chardev *chr = make("r", &config);
        assert_true(chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL));
        chardev_detach(chr);
        assert_true(chardev_remove("r", NULL));
        assert_content(log, i == 0 ? "logged" : i == 1 ? "loggedlogged" : "logged");
        options.has_logappend = true;
        options.logappend = i == 0;
    }
    const char *link = harness_path("link");
    assert_int_equal(symlink(log, link), 0);
    options.logfile = (char *)link;
    QomError *error = NULL;
    assert_null(chardev_add_wait("r", &config, &error));
    qom_error_free(error);
    assert_content(log, "logged");
    recorder_clear(&r);
}

/* ------------------------------------------------------------------------------------- stdio -- */

/* In the child: echoes standard input until it ends, then says so and exits with 0. */
static void stdio_child(void)
{
    ChardevStdio options = {0};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_STDIO, .u.stdio.data = &options};
    Chardev *chr = chardev_add_wait("s", &config, NULL);
    QomError *error = NULL;
    if (!chr || chardev_add_wait("t", &config, &error) ||
        strcmp(qom_error_message(error), "cannot use stdio by multiple character devices") != 0) {
        _exit(2);
    }
    qom_error_free(error);
    Recorder r;
    recorder_init(&r);
    r.echo = true;
    r.keep = true;
    if (!chardev_attach(chr, &recorder_ops, &r, NULL, 1, NULL)) {
        _exit(3);
    }
    while (!r.ended) {
        harness_turn();
    }
    harness_run_ms(20);
    if (r.closed) {
        _exit(4);
    }
    chr_stream_write(r.stream, "|end", 4, NULL, 0);
    recorder_clear(&r);
    chardev_cleanup(5000);
    _exit(0);
}

static void run_stdio(int child_in, int child_out, int to, int from)
{
    pid_t pid = fork();
    if (pid == 0) {
        dup2(child_in, STDIN_FILENO);
        dup2(child_out, STDOUT_FILENO);
        close(to);
        close(from);
        stdio_child();
    }
    close(child_in);
    if (child_out != child_in) {
        close(child_out);
    }
    assert_int_equal(write(to, "some text", 9), 9);
    char buf[64] = {0};
    size_t n = 0;
    while (n < 9) {
        ssize_t got = read(from, buf + n, sizeof(buf) - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
    }
    if (to == from) {
        shutdown(to, SHUT_WR);
    } else {
        close(to);
    }
    for (ssize_t got; (got = read(from, buf + n, sizeof(buf) - 1 - n)) > 0;) {
        n += (size_t)got;
    }
    assert_string_equal(buf, "some text|end");
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void stdio_works_on_pipes_and_leaves_their_mode(void **state)
{
    int in[2];
    int out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    int in_copy = dup(in[0]);
    int out_copy = dup(out[1]);
    int flags_in = fcntl(in_copy, F_GETFL);
    int flags_out = fcntl(out_copy, F_GETFL);
    close(out_copy); /* else the reader sees no end */
    run_stdio(in[0], out[1], in[1], out[0]);
    assert_int_equal(fcntl(in_copy, F_GETFL), flags_in);
    assert_int_equal(flags_out & O_NONBLOCK, 0);
    close(in_copy);
    close(out[0]);
}

static void stdio_works_on_a_socket_and_leaves_its_mode(void **state)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    int copy = dup(pair[0]);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pair[0], STDIN_FILENO);
        dup2(pair[0], STDOUT_FILENO);
        close(pair[1]);
        close(pair[0]);
        close(copy);
        stdio_child();
    }
    close(pair[0]);
    assert_int_equal(write(pair[1], "some text", 9), 9);
    shutdown(pair[1], SHUT_WR);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    char buf[64] = {0};
    assert_int_equal(recv(pair[1], buf, sizeof(buf), 0), 13);
    assert_string_equal(buf, "some text|end");
    assert_int_equal(fcntl(copy, F_GETFL) & O_NONBLOCK, 0);
    close(copy);
    close(pair[1]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(null_is_never_open),
        T(ring_size_is_a_power_of_two),
        T(ring_keeps_the_last_bytes),
        T(text_read_from_a_ring_ends_with_a_character),
        T(ring_takes_what_its_frontend_writes),
        T(file_is_read_to_its_end_and_written),
        T(file_errors_name_the_file),
        T(log_file_has_the_bytes_written),
        T(stdio_works_on_pipes_and_leaves_their_mode),
        T(stdio_works_on_a_socket_and_leaves_its_mode),
    };
    return cmocka_run_group_tests_name("chardev local", tests, NULL, NULL);
}
