/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps the memory of a backend that a running qomd owns, and prints, or first changes, the text at
 * its beginning:
 *
 *     mapmem SOCKET ID [TEXT]
 *
 * The command memdev-get-fd answers with the layout, and with a descriptor that travels beside the
 * first byte of the reply. Only recvmsg(2) picks it up: read(2) would have the kernel close it. The
 * mapping outlives the descriptor, the connection, and the backend.
 */
#include "qom/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Peer {
    int sock;
    int fd; /* what came with the messages so far, or -1 */
    size_t len;
    char buffer[65536]; /* what was received and not yet looked at */
} Peer;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "mapmem: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void dial(Peer *peer, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        die(path, strerror(ENAMETOOLONG));
    }
    strcpy(address.sun_path, path);
    peer->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(peer->sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
        die(path, strerror(errno));
    }
}

static void receive(Peer *peer)
{
    union {
        struct cmsghdr header; /* for its alignment */
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec data = {peer->buffer + peer->len, sizeof(peer->buffer) - peer->len};
    struct msghdr msg = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n = recvmsg(peer->sock, &msg, MSG_CMSG_CLOEXEC);
    if (n <= 0) {
        die("recvmsg", n < 0 ? strerror(errno) : "the daemon has closed the connection");
    }
    peer->len += (size_t)n;
    const struct cmsghdr *first = CMSG_FIRSTHDR(&msg);
    if (first && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS) {
        memcpy(&peer->fd, CMSG_DATA(first), sizeof(int));
    }
}

/* The next message, which is one line. */
static JsonTape *next_message(Peer *peer)
{
    QOM_AUTO_ERROR(err);
    const char *end;
    while (!(end = memchr(peer->buffer, '\n', peer->len))) {
        receive(peer);
    }
    size_t line = (size_t)(end - peer->buffer) + 1;
    JsonTape *tape = json_parse_text(peer->buffer, line, &err);
    if (!tape) {
        die("a message", qom_error_message(err));
    }
    peer->len -= line;
    memmove(peer->buffer, peer->buffer + line, peer->len);
    return tape;
}

/* What the next command returns; events may come first. */
static JsonTape *next_response(Peer *peer)
{
    for (;;) {
        JsonTape *tape = next_message(peer);
        JsonTok error = json_tape_find(tape, JSON_ROOT, "error");
        if (error != JSON_NONE) {
            die("qomd", json_tok_text(tape, json_tape_find(tape, error, "desc"), NULL));
        }
        if (json_tape_find(tape, JSON_ROOT, "return") != JSON_NONE) {
            return tape;
        }
        json_tape_free(tape);
    }
}

/* The memory of backend @id, for reading and writing or, if it is ROM, for reading. */
static char *map_memory(Peer *peer, const char *id, size_t *size_bytes)
{
    JSON_AUTO_TAPE(tape);
    uint64_t size = 0, offset = 0;
    dprintf(peer->sock, "{'execute': 'memdev-get-fd', 'arguments': {'id': '%s'}}", id);
    tape = next_response(peer);
    JsonTok layout = json_tape_find(tape, JSON_ROOT, "return");
    json_tok_uint64(tape, json_tape_find(tape, layout, "size"), &size);
    json_tok_uint64(tape, json_tape_find(tape, layout, "offset"), &offset);
    bool rom = json_tok_bool(tape, json_tape_find(tape, layout, "rom"));

    char *memory = mmap(NULL, size, rom ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, peer->fd,
                        (off_t)offset);
    if (memory == MAP_FAILED) {
        die("mmap", strerror(errno));
    }
    close(peer->fd);
    *size_bytes = size;
    return memory;
}

int main(int argc, char **argv)
{
    static Peer peer = {.fd = -1};
    size_t size_bytes;
    if (argc < 3 || argc > 4) {
        die("usage", "mapmem SOCKET ID [TEXT]");
    }
    dial(&peer, argv[1]);
    json_tape_free(next_message(&peer)); /* the greeting */
    dprintf(peer.sock, "{'execute': 'qmp_capabilities'}");
    json_tape_free(next_response(&peer));

    char *memory = map_memory(&peer, argv[2], &size_bytes);
    close(peer.sock);
    if (argc == 4) {
        snprintf(memory, size_bytes, "%s", argv[3]);
    }
    printf("%.*s\n", (int)strnlen(memory, 4096 < size_bytes ? 4096 : size_bytes), memory);
    return EXIT_SUCCESS;
}
