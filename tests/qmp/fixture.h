/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A QMP server in the test's own thread, on socket pairs, with a few commands made for the purpose.
 * The loop runs only inside the functions that wait.
 */
#ifndef TEST_QMP_FIXTURE_H
#define TEST_QMP_FIXTURE_H

#include "qmp/fds.h"
#include "qmp/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct Client {
    int fd; /* non-blocking */
    QmpSession *session;
    GString *got; /* received and not looked at */
} Client;

/* For cmocka: make and end the server. */
int server_setup(void **state);
int server_teardown(void **state);

/* A monitor with these settings (NULL: the defaults). */
QmpMonitor *monitor_new(const QmpMonitorOptions *options);

/* A client in negotiation mode, whose greeting has been read. */
Client *client_new(QmpMonitor *monitor);
/* One that has negotiated. */
Client *client_ready(QmpMonitor *monitor);
Client *client_oob(QmpMonitor *monitor);
void client_free(Client *client);

/* Sends all of it, running the loop as needed. */
void say(Client *client, const char *text);
void say_bytes(Client *client, const void *data, size_t len);
/* With descriptors. */
void say_fds(Client *client, const char *text, const int *fds, size_t n);
/* The next line, without its end; valid until the next call. Fails after 10 s. */
const char *hear(Client *client);
/* Asserts that the next line is @line. */
void expect(Client *client, const char *line);
/* Says and expects. */
void talk(Client *client, const char *request, const char *reply);
/* Asserts that nothing comes while the loop runs until it has nothing to do. */
void expect_silence(Client *client);
/* Asserts that the connection is closed. */
void expect_end(Client *client);
/* Runs the loop for a while. */
void run_ms(int ms);
bool until(bool (*condition)(void *opaque), void *opaque);

/* What the commands do with the outside. */
extern struct TestCommands {
    QmpCall *later; /* the call of `later` that goes on */
    unsigned n_later, n_plain, n_oob;
    int release_fd;      /* `block` reads one byte from here */
    char *raw_arguments; /* of the last `raw` */
} commands;

extern const QapiEvent test_event, test_event_old, test_event_limited, test_event_keyed;

#endif
