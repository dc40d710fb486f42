/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets as character devices: their names, their files, what is wrong with them. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------- names -- */

static void name_of_unix_server_tells_its_state(void **state)
{
    const char *path = harness_path("s");
    g_autofree char *down = g_strdup_printf("disconnected:unix:%s,server=on", path);
    g_autofree char *up = g_strdup_printf("unix:%s,server=on", path);
    Chardev *chr = make_unix_server("s", path);
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

/* --------------------------------------------------------------------------- files and errors --
 */

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void socket_file_goes_with_the_chardev(void **state)
{
    const char *path = harness_path("s");
    make_unix_server("s", path);
    assert_true(exists(path));
    assert_true(chardev_remove("s", NULL));
    assert_false(exists(path));
    make_unix_server("s", path);
    chardev_cleanup(0);
    assert_false(exists(path));
}

static void live_socket_is_not_stolen(void **state)
{
    const char *path = harness_path("s");
    make_unix_server("s", path);
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
    make_unix_server("s", path);
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
    make_unix_server("s", path);
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
        Chardev *chr = make_unix_server("s", path);
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

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(name_of_unix_server_tells_its_state),
        T(name_of_abstract_server_keeps_its_name),
        T(name_of_tcp_connection_has_both_ends),
        T(name_of_ipv6_has_brackets_only_when_connected),
        T(object_shows_address_and_connection),
        T(socket_file_goes_with_the_chardev),
        T(live_socket_is_not_stolen),
        T(stale_socket_is_replaced_other_files_stay),
        T(file_of_another_server_is_not_unlinked),
        T(errors_name_what_is_wrong),
        T(port_range_takes_the_first_free_one),
        T(descriptor_listening_or_connected_is_taken),
        T(adding_and_removing_leaks_no_descriptor),
    };
    return cmocka_run_group_tests_name("chardev socket", tests, NULL, NULL);
}
