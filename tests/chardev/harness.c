/* SPDX-License-Identifier: BSD-3-Clause */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static Loop *loop;
static char *dir;
static GPtrArray *paths;

/* ---------------------------------------------------------------------------------- recorder -- */

static void on_opened(void *frontend, ChrStream *stream)
{
    Recorder *self = frontend;
    self->opened++;
    self->stream = stream;
    g_ptr_array_add(self->streams, stream);
    if (self->greeting) {
        chr_stream_write(stream, self->greeting, strlen(self->greeting), NULL, 0);
    }
}

static size_t on_can_read(void *frontend, ChrStream *stream)
{
    return ((Recorder *)frontend)->can_read;
}

static void on_read(void *frontend, ChrStream *stream, const uint8_t *data, size_t len)
{
    Recorder *self = frontend;
    assert_true(len <= self->can_read);
    g_string_append_len(self->input, (const char *)data, (gssize)len);
    if (self->echo) {
        chr_stream_write(stream, data, len, NULL, 0);
    }
}

static bool on_ended(void *frontend, ChrStream *stream)
{
    Recorder *self = frontend;
    self->ended++;
    return self->keep;
}

static void on_drained(void *frontend, ChrStream *stream)
{
    ((Recorder *)frontend)->drained++;
}

static void on_closed(void *frontend, ChrStream *stream)
{
    Recorder *self = frontend;
    self->closed++;
    g_ptr_array_remove(self->streams, stream);
    if (self->stream == stream) {
        self->stream = NULL;
    }
}

static bool on_change(void *frontend)
{
    Recorder *self = frontend;
    self->changes++;
    return !self->refuse_change;
}

const ChrFrontendOps recorder_ops = {
    .opened = on_opened,
    .can_read = on_can_read,
    .read = on_read,
    .ended = on_ended,
    .drained = on_drained,
    .closed = on_closed,
    .change = on_change,
};

void recorder_init(Recorder *recorder)
{
    *recorder = (Recorder){
        .input = g_string_new(NULL),
        .can_read = SIZE_MAX,
        .streams = g_ptr_array_new(),
    };
}

void recorder_clear(Recorder *recorder)
{
    g_string_free(recorder->input, TRUE);
    g_ptr_array_unref(recorder->streams);
}

/* ------------------------------------------------------------------------------------- world -- */

int harness_setup(void **state)
{
    static bool registered;
    signal(SIGPIPE, SIG_IGN);
    loop = loop_new(NULL);
    loop_set_main(loop);
    if (!registered) {
        chardev_register_types();
        registered = true;
    }
    dir = g_dir_make_tmp("qomd-chardev-XXXXXX", NULL);
    paths = g_ptr_array_new_with_free_func(g_free);
    return loop && dir ? 0 : -1;
}

int harness_teardown(void **state)
{
    chardev_cleanup(100);
    qom_tree_destroy();
    loop_free(loop);
    loop_set_main(NULL);
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    g_rmdir(dir);
    g_free(dir);
    g_ptr_array_unref(paths);
    return 0;
}

const char *harness_dir(void)
{
    return dir;
}

const char *harness_path(const char *name)
{
    char *path = g_build_filename(dir, name, NULL);
    g_ptr_array_add(paths, path);
    return path;
}

static void nothing(void *opaque)
{
}

void harness_turn(void)
{
    LoopTimer timer;
    loop_timer_init(&timer, loop, nothing, NULL);
    loop_timer_arm_in(&timer, 2 * 1000 * 1000);
    loop_iterate(loop, true);
    loop_timer_cancel(&timer);
}

void harness_run_ms(unsigned ms)
{
    int64_t end = loop_now_ns() + ms * INT64_C(1000000);
    while (loop_now_ns() < end) {
        harness_turn();
    }
}

Chardev *make(const char *id, const ChardevBackend *backend)
{
    QomError *error = NULL;
    Chardev *chr = chardev_add_wait(id, backend, &error);
    if (!chr) {
        print_error("%s\n", qom_error_message(error));
        fail();
    }
    return chr;
}

void make_fails(const char *id, const ChardevBackend *backend, const char *text)
{
    QomError *error = NULL;
    assert_null(chardev_add_wait(id, backend, &error));
    assert_string_equal(qom_error_message(error), text);
    qom_error_free(error);
    assert_null(chardev_find(id));
}

/* ----------------------------------------------------------------------------- configurations --
 */

static void config_socket(SocketConfig *config, SocketAddressType type, bool server)
{
    *config = (SocketConfig){
        .backend = {.type = CHARDEV_BACKEND_KIND_SOCKET, .u.socket.data = &config->options},
        .options = {.addr = &config->addr, .has_server = true, .server = server},
        .addr = {.type = type},
    };
}

void config_unix(SocketConfig *config, const char *path, bool server)
{
    config_socket(config, SOCKET_ADDRESS_TYPE_UNIX, server);
    config->local.path = (char *)path;
    config->addr.u.q_unix.data = &config->local;
}

void config_inet(SocketConfig *config, const char *host, const char *port, bool server)
{
    config_socket(config, SOCKET_ADDRESS_TYPE_INET, server);
    config->inet.host = (char *)host;
    config->inet.port = (char *)port;
    config->addr.u.inet.data = &config->inet;
}

void config_fd(SocketConfig *config, const char *name, bool server)
{
    config_socket(config, SOCKET_ADDRESS_TYPE_FD, server);
    config->fd.str = (char *)name;
    config->addr.u.fd.data = &config->fd;
}

Chardev *make_unix_server(const char *id, const char *path)
{
    SocketConfig config;
    config_unix(&config, path, true);
    return make(id, &config.backend);
}

/* ------------------------------------------------------------------------------------- peers -- */

int peer_unix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    return fd;
}

int peer_tcp(unsigned port)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

unsigned port_of(Chardev *chr)
{
    g_autofree char *name = chardev_filename(chr);
    char *comma = strchr(name, ',');
    assert_non_null(comma);
    *comma = 0;
    return (unsigned)atoi(strrchr(name, ':') + 1);
}

void peer_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

char *peer_read(int fd)
{
    char buf[4096];
    ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        return g_strdup("");
    }
    return n <= 0 ? NULL : g_strndup(buf, (size_t)n);
}

void peer_expect(int fd, const char *text)
{
    g_autoptr(GString) got = g_string_new(NULL);
    int64_t end = loop_now_ns() + INT64_C(5000000000);
    while (strcmp(got->str, text)) {
        if (loop_now_ns() > end) {
            fail_msg("peer has read '%s', not '%s'", got->str, text);
        }
        harness_turn();
        g_autofree char *more = peer_read(fd);
        if (more) {
            g_string_append(got, more);
        }
    }
}

unsigned count_fds(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d)) {
        n++;
    }
    closedir(d);
    return n;
}
