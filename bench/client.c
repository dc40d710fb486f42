/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client of all comparisons: sends requests to several servers by turns and takes the time.
 *
 *     client trips|pipe COUNT ROUNDS SERVER... -- REQUEST...
 *     client start ROUNDS PATH -- PROGRAM ARGUMENT...
 *
 * trips: COUNT times, each REQUEST is sent and its reply awaited; pipe: all are sent as fast as the
 * server takes them, while the replies are read. In a round each server is asked once, so that the
 * noise of the machine disturbs all alike. "@" in a request stands for a number that counts up
 * from 0 with each of the COUNT repetitions; "@FILE" alone is a file with the request.
 *
 * SERVER is the path of a QMP server's socket, or "echo:PATH" of a server that just sends back. A
 * reply is a line; of a QMP server it has to begin with {"return".
 *
 * start: from the start of PROGRAM until the first line can be read from the socket PATH that it
 * makes; it is killed then.
 *
 * Printed is a line for each server, of a number for each round: nanoseconds for each time that the
 * list of requests was done, or of the start.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SERVERS = 8, BUFFER_BYTES = 256 << 10 };

extern char **environ;

typedef struct Server {
    const char *path;
    bool echo;
    int fd;
    char head[10]; /* how the present line begins */
    size_t column; /* in it */
} Server;

typedef struct Text {
    char *data;
    size_t len;
} Text;

static void die(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- Requests -------------------------------------------------------------------------------- */

static Text read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    Text text = {};
    if (!file || fseek(file, 0, SEEK_END) < 0) {
        die(path);
    }
    text.len = (size_t)ftell(file);
    text.data = malloc(text.len);
    rewind(file);
    if (!text.data || fread(text.data, 1, text.len, file) != text.len) {
        die(path);
    }
    fclose(file);
    return text;
}

static void put_request(FILE *out, const char *request, int number)
{
    if (request[0] == '@') {
        Text text = read_file(request + 1);
        fwrite(text.data, 1, text.len, out);
        free(text.data);
        return;
    }
    for (; *request; request++) {
        if (*request == '@') {
            fprintf(out, "%d", number);
        } else {
            fputc(*request, out);
        }
    }
    fputc('\n', out);
}

static Text make_request(const char *request, int number)
{
    Text text = {};
    FILE *out = open_memstream(&text.data, &text.len);
    put_request(out, request, number);
    fclose(out);
    return text;
}

/* --- A server -------------------------------------------------------------------------------- */

static int try_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(path) >= sizeof(address.sun_path)) {
        die(path);
    }
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Counts the lines that end in @data, and ends the program if one is not a good reply. */
static int count_lines(Server *server, const char *data, size_t len)
{
    static const char good[] = "{\"return\"";
    const char *end = data + len;
    int lines = 0;

    while (data < end) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        const char *stop = newline ? newline : end;
        for (const char *p = data; p < stop && server->column < sizeof(good) - 1; p++) {
            server->head[server->column++] = *p;
        }
        if (!newline) {
            break;
        }
        if (!server->echo && memcmp(server->head, good, sizeof(good) - 1) != 0) {
            fprintf(stderr, "client: %s: %.*s\n", server->path, (int)(stop - data), data);
            exit(1);
        }
        server->column = 0;
        lines++;
        data = newline + 1;
    }
    return lines;
}

static ssize_t receive(Server *server, char *buffer, int flags)
{
    ssize_t n = recv(server->fd, buffer, BUFFER_BYTES, flags);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        die(server->path);
    }
    return n;
}

static void await_lines(Server *server, int lines)
{
    static char buffer[BUFFER_BYTES];
    while (lines > 0) {
        lines -= count_lines(server, buffer, (size_t)receive(server, buffer, 0));
    }
}

static void send_all(Server *server, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(server->fd, data, len, MSG_NOSIGNAL);
        if (n < 0) {
            die(server->path);
        }
        data += n;
        len -= (size_t)n;
    }
}

static bool receive_line(Server *server, char *line, size_t size)
{
    for (size_t len = 0; len < size; len++) {
        if (recv(server->fd, line + len, 1, 0) != 1) {
            die(server->path);
        }
        if (line[len] == '\n') {
            line[len] = '\0';
            return true;
        }
    }
    return false;
}

static void server_open(Server *server)
{
    static const char hello[] = "{\"execute\": \"qmp_capabilities\"}\n";
    static const char greeting[] = "{\"QMP\"";
    char line[4096];

    server->fd = try_connect(server->path);
    if (server->fd < 0) {
        die(server->path);
    }
    if (server->echo) {
        return;
    }
    receive_line(server, line, sizeof(line));
    send_all(server, hello, sizeof(hello) - 1);
    /* QEMU at times greets an early client twice. */
    while (receive_line(server, line, sizeof(line)) &&
           strncmp(line, greeting, sizeof(greeting) - 1) == 0) {
    }
}

/* --- The two ways ---------------------------------------------------------------------------- */

static double trips(Server *server, const Text *texts, int n_texts, int count)
{
    int64_t begin_ns = now_ns();
    for (int i = 0; i < n_texts; i++) {
        send_all(server, texts[i].data, texts[i].len);
        await_lines(server, 1);
    }
    return (double)(now_ns() - begin_ns) / count;
}

static double pipeline(Server *server, const Text *texts, int n_texts, int count)
{
    static char buffer[BUFFER_BYTES];
    int waiting = n_texts;
    Text all = {};
    FILE *out = open_memstream(&all.data, &all.len);
    for (int i = 0; i < n_texts; i++) {
        fwrite(texts[i].data, 1, texts[i].len, out);
    }
    fclose(out);
    int64_t begin_ns = now_ns();
    for (size_t sent = 0; waiting > 0;) {
        struct pollfd pfd = {.fd = server->fd,
                             .events = sent < all.len ? POLLIN | POLLOUT : POLLIN};
        poll(&pfd, 1, -1);
        if (pfd.revents & POLLOUT) {
            ssize_t n =
                send(server->fd, all.data + sent, all.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        ssize_t n = pfd.revents & ~POLLOUT ? receive(server, buffer, MSG_DONTWAIT) : 0;
        waiting -= n > 0 ? count_lines(server, buffer, (size_t)n) : 0;
    }
    double spent_ns = (double)(now_ns() - begin_ns);
    free(all.data);
    return spent_ns / count;
}

static int compare(int argc, char **argv)
{
    Server servers[MAX_SERVERS] = {};
    int n_servers = 0, arg = 4;
    bool piped = strcmp(argv[1], "pipe") == 0;
    int count = atoi(argv[2]), rounds = atoi(argv[3]);

    for (; arg < argc && strcmp(argv[arg], "--") != 0 && n_servers < MAX_SERVERS; arg++) {
        bool echo = strncmp(argv[arg], "echo:", 5) == 0;
        servers[n_servers] = (Server){.path = argv[arg] + (echo ? 5 : 0), .echo = echo};
        server_open(&servers[n_servers++]);
    }
    int n_requests = argc - arg - 1;
    int n_texts = n_requests * count;
    Text *texts = calloc((size_t)n_texts, sizeof(*texts));
    double *spent_ns = calloc((size_t)(n_servers * rounds), sizeof(*spent_ns));
    for (int i = 0; i < n_texts; i++) {
        texts[i] = make_request(argv[arg + 1 + i % n_requests], i / n_requests);
    }
    for (int i = 0; i < n_servers * rounds; i++) {
        spent_ns[i] = (piped ? pipeline : trips)(&servers[i % n_servers], texts, n_texts, count);
    }
    for (int i = 0; i < n_servers; i++) {
        for (int r = 0; r < rounds; r++) {
            printf("%.0f%c", spent_ns[r * n_servers + i], r + 1 < rounds ? ' ' : '\n');
        }
        close(servers[i].fd);
    }
    for (int i = 0; i < n_texts; i++) {
        free(texts[i].data);
    }
    free(texts);
    free(spent_ns);
    return 0;
}

/* --- Starts ---------------------------------------------------------------------------------- */

static double start_once(const char *path, char **argv)
{
    static const struct timespec pause = {.tv_nsec = 50000};
    pid_t pid;
    char byte;
    int fd;

    unlink(path);
    int64_t begin_ns = now_ns();
    errno = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (errno) {
        die(argv[0]);
    }
    while ((fd = try_connect(path)) < 0) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            die(argv[0]);
        }
        nanosleep(&pause, NULL);
    }
    if (recv(fd, &byte, 1, 0) != 1) {
        die(path);
    }
    double spent_ns = (double)(now_ns() - begin_ns);
    close(fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(path);
    return spent_ns;
}

int main(int argc, char **argv)
{
    if (argc > 5 && strcmp(argv[1], "start") == 0) {
        for (int rounds = atoi(argv[2]); rounds > 0; rounds--) {
            printf("%.0f%c", start_once(argv[3], argv + 5), rounds > 1 ? ' ' : '\n');
        }
        return 0;
    }
    if (argc > 6 && (strcmp(argv[1], "trips") == 0 || strcmp(argv[1], "pipe") == 0)) {
        return compare(argc, argv);
    }
    fprintf(stderr, "usage: client trips|pipe COUNT ROUNDS SERVER... -- REQUEST...\n"
                    "       client start ROUNDS PATH -- PROGRAM ARGUMENT...\n");
    return 2;
}
