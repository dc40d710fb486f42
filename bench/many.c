/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * many CLIENTS ACTIVE SECONDS PATH: whether a QMP server that many ask at once is just to all.
 *
 * Of CLIENTS connections to the server's socket PATH, ACTIVE send qom-get as fast as the server
 * takes it and read the replies, the others stay silent. One of the silent ones sends a single
 * request every few milliseconds, from a thread of its own, and takes the time to the answer.
 *
 * Printed is a line: replies that the slowest and the fastest of the active clients got, replies
 * in a second of all of them, and of the waiting times of the single requests the median, the 99th
 * percentile and the longest, in microseconds.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS_A_BLOCK = 512, BUFFER_BYTES = 64 << 10, MAX_PROBES = 100000 };

static const char request[] =
    "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/objects\", \"property\": \"type\"}}\n";

typedef struct Client {
    int fd;
    size_t sent; /* of the block, which is sent over and over */
    uint64_t replies;
} Client;

typedef struct Probe {
    int fd;
    int count;
    double waited_us[MAX_PROBES];
} Probe;

static atomic_bool stop;
static char block[REQUESTS_A_BLOCK * sizeof(request)];
static size_t block_len;

static void die(const char *what)
{
    fprintf(stderr, "many: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Reads up to and with a newline. */
static void read_line(int fd)
{
    char byte = 0;
    while (byte != '\n') {
        if (recv(fd, &byte, 1, 0) != 1) {
            die("the server hung up");
        }
    }
}

static int join(const char *path)
{
    static const char hello[] = "{\"execute\": \"qmp_capabilities\"}\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path)) {
        die(path);
    }
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        die(path);
    }
    read_line(fd);
    if (send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL) != sizeof(hello) - 1) {
        die(path);
    }
    read_line(fd);
    return fd;
}

/* --- The client that asks now and then ---------------------------------------------------------
 */

static void *probe_main(void *opaque)
{
    static const struct timespec pause = {.tv_nsec = 3000000};
    Probe *probe = opaque;
    while (!stop && probe->count < MAX_PROBES) {
        int64_t begin_ns = now_ns();
        if (send(probe->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0) {
            die("send");
        }
        read_line(probe->fd);
        probe->waited_us[probe->count++] = (double)(now_ns() - begin_ns) / 1e3;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* --- Those that never stop asking --------------------------------------------------------------
 */

static void client_send(Client *client)
{
    ssize_t n = send(client->fd, block + client->sent, block_len - client->sent,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        die("send");
    }
    client->sent = n > 0 ? (client->sent + (size_t)n) % block_len : client->sent;
}

static void client_receive(Client *client)
{
    static char buffer[BUFFER_BYTES];
    ssize_t n = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        die("the server hung up");
    }
    for (const char *p = buffer, *end = buffer + (n > 0 ? n : 0); p < end; p++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p) {
            break;
        }
        client->replies++;
    }
}

static void flood(Client *clients, int n_clients, double seconds)
{
    struct epoll_event events[256];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < n_clients; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = &clients[i]};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, clients[i].fd, &event) < 0) {
            die("epoll_ctl");
        }
    }
    for (int64_t end_ns = now_ns() + (int64_t)(seconds * 1e9); now_ns() < end_ns;) {
        int n = epoll_wait(epoll_fd, events, sizeof(events) / sizeof(events[0]), 100);
        for (int i = 0; i < n; i++) {
            if (events[i].events & EPOLLOUT) {
                client_send(events[i].data.ptr);
            }
            if (events[i].events & ~(uint32_t)EPOLLOUT) {
                client_receive(events[i].data.ptr);
            }
        }
    }
    close(epoll_fd);
}

static void report(const Client *clients, int active, double seconds, Probe *probe)
{
    uint64_t slowest = UINT64_MAX, fastest = 0, all = 0;
    for (int i = 0; i < active; i++) {
        slowest = clients[i].replies < slowest ? clients[i].replies : slowest;
        fastest = clients[i].replies > fastest ? clients[i].replies : fastest;
        all += clients[i].replies;
    }
    qsort(probe->waited_us, (size_t)probe->count, sizeof(double), compare_double);
    printf("%llu %llu %.0f %.0f %.0f %.0f\n", (unsigned long long)slowest,
           (unsigned long long)fastest, (double)all / seconds, probe->waited_us[probe->count / 2],
           probe->waited_us[probe->count * 99 / 100], probe->waited_us[probe->count - 1]);
}

int main(int argc, char **argv)
{
    static Probe probe;
    struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
    pthread_t thread;
    int n_clients = argc == 5 ? atoi(argv[1]) : 0, active = argc == 5 ? atoi(argv[2]) : 0;

    if (active < 1 || n_clients <= active) {
        fprintf(stderr, "usage: many CLIENTS ACTIVE SECONDS PATH, CLIENTS above ACTIVE\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    while (block_len + sizeof(request) < sizeof(block)) {
        memcpy(block + block_len, request, sizeof(request) - 1);
        block_len += sizeof(request) - 1;
    }
    Client *clients = calloc((size_t)n_clients, sizeof(*clients));
    for (int i = 0; i < n_clients; i++) {
        clients[i].fd = join(argv[4]);
    }
    probe.fd = clients[n_clients - 1].fd;
    errno = pthread_create(&thread, NULL, probe_main, &probe);
    if (errno) {
        die("pthread_create");
    }
    flood(clients, active, atof(argv[3]));
    /* The replies that are under way are not read: the server holds back those that do not read. */
    stop = true;
    pthread_join(thread, NULL);
    report(clients, active, atof(argv[3]), &probe);
    free(clients);
    return 0;
}
