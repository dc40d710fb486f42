/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the client `qom` with a server that says what it likes. The first byte of the input
 * chooses what the client is asked to do and, by its highest bit, whether the server begins as it
 * should. Up to the first byte 0x1f comes what the client reads on stdin, a declaration or lines
 * for the shell. Each line of the rest is the value of an answer; a line that starts with `!` is
 * sent as it is.
 *
 * Must hold: the client ends, with an exit status of its manual page.
 */
#include "confine.h"
#include "target.h"

#include "client/client.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const uses[][6] = {
    {"tree"},
    {"tree", "--json"},
    {"tree", "--names", "--depth=3", "/objects"},
    {"list", "/objects"},
    {"list", "--json"},
    {"get", "a.size", "/objects/b.policy"},
    {"get", "--json", "a.size"},
    {"get", "--path", "a", "size"},
    {"set", "a", "size", "1.5G"},
    {"set", "a.host-nodes", "0-3,8"},
    {"add", "iothread", "a", "poll-max-ns=5", "x.0.y=on"},
    {"add", "rng-random", "id=r", "filename=/dev/urandom"},
    {"del", "a", "b"},
    {"types"},
    {"types", "--implements=user-creatable", "--json"},
    {"props", "iothread"},
    {"props", "/objects/a", "--json"},
    {"call", "query-memdev"},
    {"call", "object-add", "qom-type=memory-backend-ram", "id=m", "host-nodes=0-3"},
    {"call", "query-status", "{}", "--json"},
    {"watch", "/objects", "--recurse", "--count=9"},
    {"watch", "a.size", "--json"},
    {"events"},
    {"apply", "-"},
    {"apply", "-", "--prune", "--json"},
    {"apply", "-", "--dry-run"},
    {"diff", "-", "--prune"},
    {"dump"},
    {"shell"},
    {"shell", "--json"},
    {"events", "STOP", "SHUTDOWN", "--json"},
};

enum { TEXT_END = 0x1f, PATIENCE_MS = 10 };

/* What the server says, all at once. */
typedef struct Server {
    int listener;
    bool patient; /* it stays until the client has been silent for a while */
    GString *says;
} Server;

void target_start(void)
{
    setenv("HOME", confine_folder(), 1); /* of the history */
    unsetenv("XDG_STATE_HOME");
}

static int listen_on(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    g_assert(bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && listen(fd, 4) == 0);
    return fd;
}

/* Reads what the client says until it pauses. */
static void listen_patiently(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char buffer[4096];
    while (poll(&wait, 1, PATIENCE_MS) > 0 && recv(fd, buffer, sizeof(buffer), 0) > 0) {
    }
}

/* Serves one client: says everything, takes no notice of what it hears. */
static void *serve(void *opaque)
{
    Server *server = opaque;
    int fd = accept(server->listener, NULL, NULL);
    if (fd >= 0) {
        char buffer[4096];
        size_t sent = 0;
        ssize_t n = 1;
        while (sent < server->says->len && n > 0) {
            n = send(fd, server->says->str + sent, server->says->len - sent, MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        if (server->patient) {
            listen_patiently(fd);
        }
        shutdown(fd, SHUT_WR);
        while (recv(fd, buffer, sizeof(buffer), 0) > 0) {
        }
        close(fd);
    }
    return NULL;
}

static GString *script(const char *data, size_t size, bool polite)
{
    GString *says = g_string_new(NULL);
    unsigned id = 1;
    if (polite) {
        g_string_append(says, "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"
                              "{\"return\": {}, \"id\": 1}\r\n");
        id = 2;
    }
    for (const char *line = data, *end = data + size; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t len = next ? (size_t)(next - line) : (size_t)(end - line);
        if (*line == '-') {
            g_string_append(says, "{\"error\": {\"desc\": \"no\", \"class\": \"");
            g_string_append_len(says, line + 1, (gssize)len - 1);
            g_string_append_printf(says, "\"}, \"id\": %u}\r\n", id++);
        } else if (*line == '!') {
            g_string_append_len(says, line + 1, (gssize)len - 1);
        } else {
            g_string_append(says, "{\"return\": ");
            g_string_append_len(says, line, (gssize)len);
            g_string_append_printf(says, ", \"id\": %u}\r\n", id++);
        }
        line += len + 1;
    }
    return says;
}

/* Has stdin begin with @text. */
static void type(const uint8_t *text, size_t len)
{
    int fd = memfd_create("typed", MFD_CLOEXEC);
    g_assert(write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0);
    dup2(fd, STDIN_FILENO);
    close(fd);
    clearerr(stdin);
    fseek(stdin, 0, SEEK_SET);
}

/* Runs the client with the arguments @use. */
static int run_client(const char *const *use)
{
    char *argv[16] = {(char *)"qom", (char *)"--socket=unix:server", (char *)"--timeout=20"};
    int argc = 3;
    for (size_t i = 0; i < G_N_ELEMENTS(uses[0]) && use[i]; i++) {
        argv[argc++] = g_strdup(use[i]);
    }
    int status = client_main(argc, argv);
    for (int i = 3; i < argc; i++) {
        g_free(argv[i]);
    }
    return status;
}

void target_input(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    const char *const *use = uses[(data[0] & 0x7f) % G_N_ELEMENTS(uses)];
    bool polite = !(data[0] & 0x80);
    const uint8_t *text = data + 1;
    const uint8_t *end = memchr(text, TEXT_END, size - 1);
    const uint8_t *answers = end ? end + 1 : text;
    type(text, end ? (size_t)(end - text) : 0);

    pthread_t thread;
    Server server = {listen_on("server"), strcmp(use[0], "shell") == 0,
                     script((const char *)answers, (size_t)(data + size - answers), polite)};
    g_assert(pthread_create(&thread, NULL, serve, &server) == 0);
    int status = run_client(use);
    g_assert(status >= CLIENT_OK && status <= CLIENT_OUTPUT);
    shutdown(server.listener, SHUT_RDWR); /* ends accept() if the client never came */
    pthread_join(thread, NULL);
    close(server.listener);
    g_string_free(server.says, TRUE);
}
