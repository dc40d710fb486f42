/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes a whole QMP session: framing, dispatch, decoding, the commands that only look. The first
 * byte of the input says in which pieces the rest is sent.
 *
 * Must hold: what comes back is lines of JSON objects, each a greeting, an event, a result or an
 * error; and a good command after a 0xFF is answered.
 */
#include "qmp/monitor.h"

#include "qom/backend.h"
#include "qom/json.h"
#include "qom/object.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char last[] = "\xff{'execute':'query-version','id':'the last one'}";

static void check_line(const char *line, size_t len)
{
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text(line, len, NULL);
    g_assert(tape && json_tape_type(tape, JSON_ROOT) == JSON_OBJECT);
    const char *kind = json_tok_text(tape, json_tape_first(tape, JSON_ROOT), NULL);
    g_assert(strcmp(kind, "QMP") == 0 || strcmp(kind, "event") == 0 ||
             strcmp(kind, "return") == 0 || strcmp(kind, "error") == 0);
}

static void receive(int fd, GString *got)
{
    char buffer[4096];
    ssize_t n;
    while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
        g_string_append_len(got, buffer, n);
    }
}

static void server_start(void)
{
    loop_set_main(loop_new(NULL));
    qom_backend_register_types();
    qmp_add_core_schema();
}

/* Sends all and waits for the reply to `last`. */
static void converse(int fd, const uint8_t *data, size_t size, size_t piece, GString *got)
{
    size_t sent = 0, last_sent = 0;
    int64_t end_ns = loop_now_ns() + INT64_C(5000000000);

    while (!strstr(got->str, "\"id\": \"the last one\"}\r\n")) {
        ssize_t n;
        if (sent < size) {
            n = send(fd, data + sent, MIN(piece, size - sent), MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        } else if (last_sent < sizeof(last) - 1) {
            n = send(fd, last + last_sent, sizeof(last) - 1 - last_sent, MSG_NOSIGNAL);
            last_sent += n > 0 ? (size_t)n : 0;
        }
        loop_iterate(loop_main(), false);
        receive(fd, got);
        g_assert(loop_now_ns() < end_ns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GString) got = g_string_new(NULL);
    int fds[2];

    if (size == 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0) {
        return 0;
    }
    if (!loop_main()) {
        server_start();
    }
    QmpMonitor *monitor =
        qmp_monitor_new_bare(&(QmpMonitorOptions){.chardev = "fuzz", .policy = "readonly"}, NULL);
    g_assert(qmp_session_new(monitor, io_channel_new_socket(fds[0]), NULL));
    converse(fds[1], data + 1, size - 1, data[0] + 1u, got);
    for (const char *line = got->str, *end; (end = strstr(line, "\r\n")); line = end + 2) {
        check_line(line, (size_t)(end - line));
    }
    close(fds[1]);
    qmp_monitor_free(monitor);
    return 0;
}
