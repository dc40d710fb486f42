/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of character devices share: a main loop, a frontend that records, configurations,
 * and raw peers.
 */
#ifndef TESTS_CHARDEV_HARNESS_H
#define TESTS_CHARDEV_HARNESS_H

#include "chardev/backend.h"
#include "qom/chardev.h"
#include "qom/loop.h"
#include "qom/object.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the above first */
#include <cmocka.h>

/* A frontend that keeps what it is told. */
typedef struct Recorder {
    Chardev *chr;
    ChrStream *stream; /* the one opened last, NULL when closed */
    unsigned opened;
    unsigned closed;
    unsigned ended;
    unsigned drained;
    unsigned changes;
    GString *input;
    size_t can_read; /* 0: pauses */
    bool keep;       /* after the peer's end of input */
    bool echo;
    bool refuse_change;
    const char *greeting; /* written at opened, or NULL */
    GPtrArray *streams;   /* open ones */
} Recorder;

extern const ChrFrontendOps recorder_ops;

void recorder_init(Recorder *recorder);
void recorder_clear(Recorder *recorder);

/* One test's world: a fresh main loop and a temporary folder. */
int harness_setup(void **state);
int harness_teardown(void **state);
const char *harness_dir(void);
/* DIR/NAME; stays until the end of the test. */
const char *harness_path(const char *name);

/* Runs the loop until @cond holds; fails the test after 5 s. */
#define PUMP_UNTIL(cond)                                    \
    do {                                                    \
        int64_t end_ = loop_now_ns() + INT64_C(5000000000); \
        while (!(cond)) {                                   \
            assert_true(loop_now_ns() < end_);              \
            harness_turn();                                 \
        }                                                   \
    } while (0)

/* One turn of the loop, of at most some milliseconds. */
void harness_turn(void);
/* Turns for @ms. */
void harness_run_ms(unsigned ms);

/* Makes a chardev and fails the test if that fails; or wants it to fail with @text. */
Chardev *make(const char *id, const ChardevBackend *backend);
void make_fails(const char *id, const ChardevBackend *backend, const char *text);

/* A configuration of a socket; the fields of `options` may be changed before use. */
typedef struct SocketConfig {
    ChardevBackend backend;
    ChardevSocket options;
    SocketAddressLegacy addr;
    InetSocketAddress inet;
    UnixSocketAddress local;
    String fd;
} SocketConfig;

void config_unix(SocketConfig *config, const char *path, bool server);
void config_inet(SocketConfig *config, const char *host, const char *port, bool server);
void config_fd(SocketConfig *config, const char *name, bool server);

/* A listening Unix socket on @path. */
Chardev *make_unix_server(const char *id, const char *path);

/* Raw peers: non-blocking descriptors. */
int peer_unix(const char *path);
int peer_tcp(unsigned port);
/* The port in a chardev's name "...:PORT,server=on...". */
unsigned port_of(Chardev *chr);
void peer_send(int fd, const char *text);
/* What there is to read now, new memory; NULL at the end of the stream. */
char *peer_read(int fd);
/* Pumps until the peer has read @text in all. */
void peer_expect(int fd, const char *text);

#define assert_name(chr, text)                          \
    do {                                                \
        g_autofree char *name_ = chardev_filename(chr); \
        assert_string_equal(name_, text);               \
    } while (0)

/* How many descriptors the process has open. */
unsigned count_fds(void);

#endif
