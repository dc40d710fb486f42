/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the whole server over QMP: framing, dispatch, decoding, every command on every type of
 * object, events, watches, descriptors, out-of-band commands, clients that come and go. Each input
 * is a session of its own with a fresh server.
 *
 * The first byte of the input says how the session is set up (enum Setup). The rest is what the
 * clients send; some control characters, which JSON does not have, say what else happens (enum
 * Step). Files and sockets are confined to a private folder.
 *
 * Must hold: all that the server says is lines of JSON objects of the four kinds; whatever has
 * happened, a new client is served; and when the server has ended, no object, descriptor, thread,
 * locked page or memory is left.
 */
#include "confine.h"
#include "generate.h"
#include "target.h"

#include "backend/secret/secret.h"
#include "qmp/monitor.h"
#include "json/parser.h"

#include "qapi-char.h"
#include "qapi-schema.h"
#include "qom/backend.h"
#include "qom/json.h"
#include "qom/object.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum Setup {
    SETUP_OOB = 1 << 0,       /* clients negotiate out-of-band commands */
    SETUP_RAW = 1 << 1,       /* clients do not negotiate by themselves */
    SETUP_PRECONFIG = 1 << 2, /* the server waits for x-exit-preconfig */
    SETUP_HIDE = 1 << 3,      /* deprecated and unstable output is hidden, such input refused */
    SETUP_BYTEWISE = 1 << 4,  /* what is sent comes in single bytes, */
    SETUP_HURRY = 1 << 7,     /* nobody waits for what takes its time before the next step */
    SETUP_LOG = 1 << 6,       /* what goes over the listening socket is logged */
    SETUP_PIECEWISE = 1 << 5, /* in pieces of seven */
};

enum Step {
    STEP_FLUSH = 0x01,  /* what was gathered is sent and the server runs */
    STEP_NEXT = 0x02,   /* the next client speaks */
    STEP_FD = 0x03,     /* what follows brings a descriptor with it */
    STEP_CLOSE = 0x04,  /* the client goes away */
    STEP_DEAF = 0x05,   /* the client reads no more, or again */
    STEP_FINISH = 0x06, /* the client will not send any more */
    STEP_WAIT = 0x07,   /* time passes, and the FIFO has something to read */
};

enum { CLIENTS = 3, SETTLE_MAX = 400 };

typedef struct Peer {
    int fd; /* -1: not connected */
    bool deaf;
    JsonParser *parser; /* of what the server says */
} Peer;

typedef struct Session {
    unsigned setup;
    QmpMonitor *monitors[2]; /* plain; readonly and pretty */
    Peer peers[CLIENTS];
    unsigned speaker;
    GString *gathered;
    int attached; /* descriptor to send, or -1 */
    unsigned n_attached;
    int fifo; /* our end of a FIFO called "fifo" */
} Session;

static const char last[] = "\xff{'execute':'qmp_capabilities'}"
                           "{'execute':'query-version','id':'the last one'}";

/* --- What the server says -------------------------------------------------------------------- */

static void check_message(const JsonTape *tape)
{
    static const char *const kinds[] = {"QMP", "return", "error", "id", "timestamp", "event"};
    g_assert(json_tape_type(tape, JSON_ROOT) == JSON_OBJECT);
    const char *kind = json_tok_text(tape, json_tape_first(tape, JSON_ROOT), NULL);
    bool known = false;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        known |= strcmp(kind, kinds[i]) == 0;
    }
    g_assert(known);
}

/* Returns whether a reply to the command with id @id, if that is not NULL, was among the messages.
 */
static bool check_bytes(JsonParser *parser, const char *data, size_t len, const char *id)
{
    bool found = false;
    while (len > 0) {
        size_t used;
        JsonStatus status = json_parser_feed(parser, data, len, &used);
        g_assert(status != JSON_ERROR);
        if (status == JSON_MESSAGE) {
            const JsonTape *tape = json_parser_tape(parser);
            check_message(tape);
            JsonTok tok = json_tape_find(tape, JSON_ROOT, "id");
            found |= id && tok != JSON_NONE && json_tok_equals(tape, tok, id);
        }
        data += used;
        len -= used;
    }
    return found;
}

static void peer_receive(Peer *peer)
{
    char buffer[16384];
    char control[CMSG_SPACE(sizeof(int) * 16)];
    ssize_t n;
    do {
        struct iovec iov = {buffer, sizeof(buffer)};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
        n = recvmsg(peer->fd, &msg, MSG_CMSG_CLOEXEC);
        for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL; c; c = CMSG_NXTHDR(&msg, c)) {
            for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
                int fd;
                memcpy(&fd, (char *)c + at, sizeof(fd));
                close(fd);
            }
        }
        if (n > 0) {
            check_bytes(peer->parser, buffer, (size_t)n, NULL);
        }
    } while (n > 0);
}

/* --- The server ------------------------------------------------------------------------------ */

static bool is_working(void)
{
    LoopStats stats;
    loop_get_stats(loop_main(), &stats);
    return stats.pool_busy > 0 || stats.pool_queued > 0 || stats.calls_queued > 0;
}

/* Runs the server until nothing moves, within reason. */
static void settle(Session *s)
{
    unsigned quiet = 0, max = s->setup & SETUP_HURRY ? 2 : SETTLE_MAX;
    for (unsigned i = 0; i < max && quiet < 3; i++) {
        bool moved = loop_iterate(loop_main(), false);
        bool working = is_working();
        for (unsigned p = 0; p < CLIENTS; p++) {
            if (s->peers[p].fd >= 0 && !s->peers[p].deaf) {
                peer_receive(&s->peers[p]);
            }
        }
        quiet = moved || working ? 0 : quiet + 1;
        if (!moved && (working || (s->setup & SETUP_OOB))) {
            g_usleep(50);
        }
    }
}

static void do_nothing(void *opaque)
{
}

/* A monitor on a character device. */
static void listen_on_socket(bool log)
{
    static const char format[] = "{'type':'socket','data':{'addr':{'type':'unix','data':{'path':"
                                 "'s'}},'server':true,'wait':false%s}}";
    g_autofree char *json = g_strdup_printf(format, log ? ",'logfile':'log'" : "");
    ChardevBackend backend;
    g_assert(qapi_decode_json(NULL, &qapi_type_ChardevBackend, json, strlen(json), &backend, NULL));
    g_assert(chardev_add_wait("s", &backend, NULL));
    g_assert(qmp_monitor_new(&(QmpMonitorOptions){.chardev = "s"}, NULL));
    ChardevBackend_clear(&backend);
}

static void server_start(Session *s)
{
    QapiPolicy policy = {0};
    if (s->setup & SETUP_HIDE) {
        policy =
            (QapiPolicy){QAPI_INPUT_REJECT, QAPI_INPUT_ACCEPT, QAPI_OUTPUT_HIDE, QAPI_OUTPUT_HIDE};
    }
    loop_set_main(loop_new(NULL));
    qmp_set_compat(&policy);
    qmp_set_preconfig(s->setup & SETUP_PRECONFIG);
    qmp_set_quit(do_nothing, NULL);
    s->monitors[0] = qmp_monitor_new_bare(&(QmpMonitorOptions){.chardev = "m"}, NULL);
    s->monitors[1] = qmp_monitor_new_bare(
        &(QmpMonitorOptions){.chardev = "r", .policy = "readonly", .pretty = true}, NULL);
    listen_on_socket(s->setup & SETUP_LOG);
}

static void server_end(void)
{
    int64_t end_ns = loop_now_ns() + INT64_C(20000000000);
    qmp_shutdown();
    chardev_cleanup(0);
    while (is_working()) {
        loop_iterate(loop_main(), false);
        g_usleep(50);
        g_assert(loop_now_ns() < end_ns);
    }
    qom_objects_clear();
    qom_tree_destroy();
    loop_free(loop_main());
    loop_set_main(NULL);
    g_assert(secret_locked_bytes() == 0);
}

/* --- The clients ----------------------------------------------------------------------------- */

static int connect_listener(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "s"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_bare(QmpMonitor *monitor)
{
    int fds[2];
    g_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    g_assert(qmp_session_new(monitor, io_channel_new_socket(fds[0]), NULL));
    return fds[1];
}

/* Sends as much as the server takes within reason; the descriptor comes with the first byte. */
static void send_bytes(Session *s, const char *data, size_t len, size_t piece)
{
    Peer *peer = &s->peers[s->speaker];
    char control[CMSG_SPACE(sizeof(int))] = {0};
    for (size_t sent = 0, tries = 0; sent < len && tries < 20 && peer->fd >= 0; tries++) {
        struct iovec iov = {(char *)data + sent, MIN(piece, len - sent)};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        if (s->attached >= 0) {
            msg.msg_control = control;
            msg.msg_controllen = sizeof(control);
            struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
            *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
            memcpy(CMSG_DATA(c), &s->attached, sizeof(int));
        }
        ssize_t n = sendmsg(peer->fd, &msg, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            tries = 0;
            if (s->attached >= 0) {
                close(s->attached);
                s->attached = -1;
            }
        }
        if (n <= 0 || piece < len) {
            loop_iterate(loop_main(), false);
        }
        if (n <= 0) {
            settle(s);
        }
    }
}

static void peer_connect(Session *s)
{
    Peer *peer = &s->peers[s->speaker];
    switch (s->speaker) {
    case 0: peer->fd = connect_bare(s->monitors[0]); break;
    case 1: peer->fd = connect_listener(); break;
    default: peer->fd = connect_bare(s->monitors[1]); break;
    }
    peer->deaf = false;
    if (!(s->setup & SETUP_RAW)) {
        const char *hello = s->setup & SETUP_OOB
                                ? "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}"
                                : "{'execute':'qmp_capabilities'}";
        send_bytes(s, hello, strlen(hello), strlen(hello));
        settle(s);
    }
}

static void flush(Session *s)
{
    size_t piece = s->setup & SETUP_BYTEWISE    ? 1
                   : s->setup & SETUP_PIECEWISE ? 7
                                                : s->gathered->len;
    if (s->gathered->len > 0) {
        if (s->peers[s->speaker].fd < 0) {
            peer_connect(s);
        }
        send_bytes(s, s->gathered->str, s->gathered->len, piece);
        g_string_truncate(s->gathered, 0);
    }
    settle(s);
}

static void peer_close(Peer *peer)
{
    if (peer->fd >= 0) {
        close(peer->fd);
        peer->fd = -1;
    }
    json_parser_reset(peer->parser);
}

/* Some kinds in turn: memory, a socket, a file. */
static void attach(Session *s)
{
    if (s->attached >= 0) {
        return;
    }
    switch (s->n_attached++ % 3) {
    case 0:
        s->attached = memfd_create("fuzz", MFD_CLOEXEC);
        g_assert(ftruncate(s->attached, 8192) == 0);
        break;
    case 1: s->attached = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); break;
    default: s->attached = open("/dev/null", O_RDWR | O_CLOEXEC); break;
    }
}

static void wait_a_moment(Session *s)
{
    g_assert(write(s->fifo, "some bytes", 10) != 0); /* it may be full */
    for (int i = 0; i < 4; i++) {
        g_usleep(500);
        settle(s);
    }
}

static void step(Session *s, uint8_t byte)
{
    Peer *peer = &s->peers[s->speaker];
    switch (byte) {
    case STEP_FLUSH: flush(s); break;
    case STEP_NEXT:
        flush(s);
        s->speaker = (s->speaker + 1) % CLIENTS;
        break;
    case STEP_FD: attach(s); break;
    case STEP_CLOSE:
        flush(s);
        peer_close(peer);
        break;
    case STEP_DEAF: peer->deaf = !peer->deaf; break;
    case STEP_FINISH:
        flush(s);
        if (peer->fd >= 0) {
            shutdown(peer->fd, SHUT_WR);
        }
        break;
    case STEP_WAIT:
        flush(s);
        wait_a_moment(s);
        break;
    default: g_string_append_c(s->gathered, (char)byte); break;
    }
}

/* Whatever has happened, a new client is served. */
static void check_alive(Session *s)
{
    Peer peer = {.fd = connect_bare(s->monitors[0]), .parser = json_parser_new(NULL)};
    bool answered = false;
    int64_t end_ns = loop_now_ns() + INT64_C(20000000000);
    g_assert(send(peer.fd, last, sizeof(last) - 1, MSG_NOSIGNAL) == sizeof(last) - 1);
    while (!answered) {
        char buffer[4096];
        ssize_t n = recv(peer.fd, buffer, sizeof(buffer), 0);
        answered = n > 0 && check_bytes(peer.parser, buffer, (size_t)n, "the last one");
        if (!loop_iterate(loop_main(), false)) {
            g_usleep(20);
        }
        g_assert(loop_now_ns() < end_ns);
    }
    peer_close(&peer);
    json_parser_free(peer.parser);
}

static int make_fifo(void)
{
    g_autofree char *path = g_build_filename(confine_folder(), "fifo", NULL);
    g_assert(mkfifo(path, 0600) == 0);
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    g_assert(fd >= 0);
    return fd;
}

static void run_session(const uint8_t *data, size_t size)
{
    Session s = {.setup = data[0], .gathered = g_string_new(NULL), .attached = -1};
    for (unsigned i = 0; i < CLIENTS; i++) {
        s.peers[i] = (Peer){.fd = -1, .parser = json_parser_new(NULL)};
    }
    s.fifo = make_fifo();
    server_start(&s);
    for (size_t i = 1; i < size; i++) {
        step(&s, data[i]);
    }
    flush(&s);
    check_alive(&s);
    for (unsigned i = 0; i < CLIENTS; i++) {
        peer_close(&s.peers[i]);
        json_parser_free(s.peers[i].parser);
    }
    if (s.attached >= 0) {
        close(s.attached);
    }
    close(s.fifo);
    g_string_free(s.gathered, TRUE);
    server_end();
}

/* --- The target ------------------------------------------------------------------------------ */

void target_start(void)
{
    qom_backend_register_types();
    qmp_add_core_schema();
}

void target_input(const uint8_t *data, size_t size)
{
    if (size > 0) {
        run_session(data, size);
    }
}

/* A place between two commands or steps. */
static size_t boundary(Dice *dice, const uint8_t *data, size_t size)
{
    size_t at = 1 + dice_roll(dice, (uint32_t)size);
    while (at < size && data[at - 1] != '\n' && data[at - 1] > STEP_WAIT) {
        at++;
    }
    return MIN(at, size);
}

/* Every second change puts in a command that the schema allows, every fourth takes a part out. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    Dice dice = dice_new(seed);
    if (size < 2 || dice_roll(&dice, 4) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    size_t at = boundary(&dice, data, size);
    if (dice_roll(&dice, 3) == 0) {
        size_t end = boundary(&dice, data, size);
        if (at < end) {
            memmove(data + at, data + end, size - end);
            return size - (end - at);
        }
    }
    g_autoptr(GString) text = g_string_new(NULL);
    generate_command(&dice, &qapi_schema, text);
    g_string_append_c(text, (char)(dice_roll(&dice, 3) ? STEP_FLUSH : 1 + dice_roll(&dice, 7)));
    if (size + text->len > max_size) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memmove(data + at + text->len, data + at, size - at);
    memcpy(data + at, text->str, text->len);
    return size + text->len;
}
