/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a round trip of qom-get costs over a bare epoll echo server.
 *
 * Two server processes with one socket each: one sends each line that it reads back, one is a
 * QMP session. One client talks to them by turns, so that both see the same noise of the machine;
 * the figures are medians over the rounds. Then the same with many commands in a write.
 *
 * Prints nanoseconds and the ratio QMP / echo; the goals are 1.25 for a round trip and 2.00 for
 * pipelined commands.
 */
#include "qmp/monitor.h"
#include "qom/object.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 41
#define TRIPS  2000
#define BATCH  500

#define REQUEST                                                           \
    "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/objects\", " \
    "\"property\": \"type\"}, \"id\": 1}\n"
#define REPLY "{\"return\": \"container\", \"id\": 1}\r\n"

/* --- The servers ----------------------------------------------------------------------------- */

typedef struct GetArgs {
    char *path, *property;
} GetArgs;

static const QapiMember get_members[] = {
    {"path", &qapi_type_str, offsetof(GetArgs, path), QAPI_NO_FLAG},
    {"property", &qapi_type_str, offsetof(GetArgs, property), QAPI_NO_FLAG},
};
static const QapiType get_args = {.name = "q_obj_get",
                                  .kind = QAPI_KIND_STRUCT,
                                  .size = sizeof(GetArgs),
                                  .members = get_members,
                                  .n_members = 2};

static void call_get(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    QomError *error = NULL;
    GetArgs args;
    QomObject *obj;

    if (!qmp_call_decode(call, tape, node, &args, &error) ||
        !(obj = qom_resolve_path_or_error(args.path, false, &error)) ||
        !qom_property_get(obj, args.property, qmp_call_begin_return(call), &error)) {
        qmp_call_fail(call, error);
        return;
    }
    qmp_call_end_return(call);
}

static bool call_nothing(const void *data, void *ret, QomError **errp)
{
    return true;
}

static const QapiCommand command_get = {
    .name = "qom-get", .args = &get_args, .ret = &qapi_type_any, .call_raw = call_get};
static const QapiCommand command_nothing = {.name = "nothing", .call = call_nothing};
static const QapiCommand *const bench_commands[] = {&command_nothing, &command_get};
static const QapiSchema bench_schema = {.commands = bench_commands, .n_commands = 2};

static void serve_qmp(int fd)
{
    loop_set_main(loop_new(NULL));
    qom_root();
    qmp_add_schema(&bench_schema);
    QmpMonitor *monitor = qmp_monitor_new_bare(&(QmpMonitorOptions){.chardev = "m"}, NULL);
    QmpSession *session = qmp_session_new(monitor, io_channel_new_socket(fd), NULL);
    qmp_session_negotiate(session, false, NULL);
    loop_run(loop_main());
}

/* A line in, a line out; a line that was cut by the end of the buffer goes in two. */
static bool echo_lines(int fd, const char *line, size_t len)
{
    while (len > 0) {
        const char *end = memchr(line, '\n', len);
        size_t n = end ? (size_t)(end + 1 - line) : len;
        if (write(fd, line, n) != (ssize_t)n) {
            return false;
        }
        line += n;
        len -= n;
    }
    return true;
}

static void serve_echo(int fd)
{
    static char buffer[64 << 10];
    struct epoll_event event = {.events = EPOLLIN};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    for (;;) {
        if (epoll_wait(epoll_fd, &event, 1, -1) <= 0) {
            continue;
        }
        ssize_t n = read(fd, buffer, sizeof(buffer));
        if (n <= 0 || !echo_lines(fd, buffer, (size_t)n)) {
            _exit(0);
        }
    }
}

static int start(void (*serve)(int fd), pid_t *pid)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || (*pid = fork()) < 0) {
        perror("bench_qmp");
        exit(1);
    }
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fds[1]);
        serve(fds[0]);
        _exit(0);
    }
    close(fds[0]);
    return fds[1];
}

/* --- The client ------------------------------------------------------------------------------ */

static void receive(int fd, size_t len)
{
    static char buffer[256 << 10];
    while (len > 0) {
        ssize_t n = read(fd, buffer, MIN(len, sizeof(buffer)));
        if (n <= 0) {
            fprintf(stderr, "bench_qmp: the server has gone\n");
            exit(1);
        }
        len -= (size_t)n;
    }
}

/* ns for each of @n exchanges of @request for a reply of @reply_len bytes. */
static double exchange(int fd, const char *request, size_t request_len, size_t reply_len, int n)
{
    int64_t begin = loop_now_ns();
    for (int i = 0; i < n; i++) {
        if (write(fd, request, request_len) != (ssize_t)request_len) {
            exit(1);
        }
        receive(fd, reply_len);
    }
    return (double)(loop_now_ns() - begin) / n;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

static void report(const char *what, double *echo, double *qmp, double *ratio, double goal)
{
    double r = median(ratio);
    printf("%-24s echo %8.0f ns  qmp %8.0f ns  ratio %.2f (goal %.2f)%s\n", what, median(echo),
           median(qmp), r, goal, r <= goal ? "" : "  MISSED");
}

int main(void)
{
    pid_t echo_pid, qmp_pid;
    int echo_fd = start(serve_echo, &echo_pid), qmp_fd = start(serve_qmp, &qmp_pid);
    double echo[ROUNDS], qmp[ROUNDS], ratio[ROUNDS];
    char greeting[1000];
    g_autoptr(GString) batch = g_string_new(NULL);

    if (read(qmp_fd, greeting, sizeof(greeting)) <= 0) {
        return 1;
    }
    for (int i = 0; i < ROUNDS; i++) {
        echo[i] = exchange(echo_fd, REQUEST, strlen(REQUEST), strlen(REQUEST), TRIPS);
        qmp[i] = exchange(qmp_fd, REQUEST, strlen(REQUEST), strlen(REPLY), TRIPS);
        ratio[i] = qmp[i] / echo[i];
    }
    report("qom-get round trip", echo, qmp, ratio, 1.25);
    for (int i = 0; i < BATCH; i++) {
        g_string_append(batch, REQUEST);
    }
    for (int i = 0; i < ROUNDS; i++) {
        echo[i] = exchange(echo_fd, batch->str, batch->len, batch->len, 20) / BATCH;
        qmp[i] = exchange(qmp_fd, batch->str, batch->len, BATCH * strlen(REPLY), 20) / BATCH;
        ratio[i] = qmp[i] / echo[i];
    }
    report("qom-get pipelined", echo, qmp, ratio, 2.0);
    kill(echo_pid, SIGKILL);
    kill(qmp_pid, SIGKILL);
    return 0;
}
