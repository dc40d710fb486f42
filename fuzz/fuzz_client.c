/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the client `qom` with a server that says what it likes. The lower six bits of the first
 * byte of the input choose what the client is asked to do; the others are those of enum Manner. Up
 * to the first byte 0x1f comes what the client reads on stdin, a declaration or lines for the
 * shell. Each line of the rest is the value of an answer; `-CLASS` is an error of that class, and a
 * line that starts with `!` is sent as it is, with the answer before it.
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
    {"schema"},
    {"schema", "object-add"},
    {"schema", "--search=a", "--json"},
    {"graph"},
    {"graph", "--dot", "/objects"},
    {"graph", "--json", "/objects/a"},
    {"shell"},
    {"shell", "--json"},
    {"events", "STOP", "SHUTDOWN", "--json"},
};

enum Manner {
    MANNER_LISTENS = 1 << 6, /* the server waits for a command before each answer; else all is said
                                at once */
    MANNER_RUDE = 1 << 7,    /* it does not begin as it should */
};

enum { TEXT_END = 0x1f, USE_MASK = 0x3f, PATIENCE_MS = 10 };

typedef struct Server {
    int listener;
    bool listens;
    GPtrArray *says; /* of GString: what comes at first, then with each answer */
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

static void say(int fd, const GString *text)
{
    size_t sent = 0;
    ssize_t n = 1;
    while (sent < text->len && n > 0) {
        n = send(fd, text->str + sent, text->len - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
    }
}

/* Reads something; returns how many commands ended in it, and -1 at the end. Where nothing comes
 * the client waits as well: it counts as one command. */
static int hear(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char buffer[4096];
    int commands = 0;
    if (poll(&wait, 1, PATIENCE_MS) == 0) {
        return 1;
    }
    ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
    for (ssize_t i = 0; i < n; i++) {
        commands += buffer[i] == '\n';
    }
    return n > 0 ? commands : -1;
}

/* Serves one client. */
static void *serve(void *opaque)
{
    const Server *server = opaque;
    int fd = accept(server->listener, NULL, NULL);
    int due = 1; /* answers, the greeting being the first */
    for (guint next = 0; fd >= 0 && due >= 0 && next < server->says->len;) {
        if (due > 0) {
            say(fd, server->says->pdata[next++]);
            due -= server->listens;
        } else {
            due = hear(fd);
        }
    }
    if (fd >= 0) {
        shutdown(fd, SHUT_WR);
        while (hear(fd) >= 0) {
        }
        close(fd);
    }
    return NULL;
}

static void free_text(void *text)
{
    g_string_free(text, TRUE);
}

static void add_answer(GPtrArray *says, const char *line, size_t len)
{
    if (*line == '!') {
        GString *before = says->pdata[says->len - 1];
        g_string_append_len(before, line + 1, (gssize)len - 1);
        g_string_append(before, "\r\n");
        return;
    }
    bool is_error = *line == '-';
    GString *text =
        g_string_new(is_error ? "{\"error\": {\"desc\": \"no\", \"class\": \"" : "{\"return\": ");
    g_string_append_len(text, line + is_error, (gssize)len - is_error);
    g_string_append_printf(text, "%s, \"id\": %u}\r\n", is_error ? "\"}" : "", says->len);
    g_ptr_array_add(says, text);
}

static GPtrArray *script(const char *data, size_t size, bool polite)
{
    static const char greeting[] = "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n";
    GPtrArray *says = g_ptr_array_new_with_free_func(free_text);
    g_ptr_array_add(says, g_string_new(polite ? greeting : ""));
    if (polite) {
        add_answer(says, "{}", 2);
    }
    for (const char *line = data, *end = data + size; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t len = next ? (size_t)(next - line) : (size_t)(end - line);
        add_answer(says, line, len);
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
    const char *const *use = uses[(data[0] & USE_MASK) % G_N_ELEMENTS(uses)];
    const uint8_t *text = data + 1;
    const uint8_t *end = memchr(text, TEXT_END, size - 1);
    const uint8_t *answers = end ? end + 1 : text;
    type(text, end ? (size_t)(end - text) : 0);

    pthread_t thread;
    Server server = {
        listen_on("server"), data[0] & MANNER_LISTENS,
        script((const char *)answers, (size_t)(data + size - answers), !(data[0] & MANNER_RUDE))};
    g_assert(pthread_create(&thread, NULL, serve, &server) == 0);
    int status = run_client(use);
    g_assert(status >= CLIENT_OK && status <= CLIENT_OUTPUT);
    shutdown(server.listener, SHUT_RDWR); /* ends accept() if the client never came */
    pthread_join(thread, NULL);
    close(server.listener);
    g_ptr_array_unref(server.says);
}
