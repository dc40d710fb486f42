/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking up names while the loop goes on, with a name server that does not answer. */
#include "io/connector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <netdb.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { LOOKUPS = 200, AT_ONCE = 8 };

static sem_t server; /* an answer for each post */
static atomic_uint asked;

/* Instead of the C library's. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **res)
{
    atomic_fetch_add(&asked, 1);
    while (sem_wait(&server) < 0) {
    }
    return EAI_NONAME;
}

static void count(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void nothing(void *opaque)
{
}

static void looked_up(void *opaque, IoSockaddrs *list, const QomError *error)
{
    assert_null(list);
    assert_non_null(error);
    count(opaque);
}

static void run_until(Loop *loop, const unsigned *counter, unsigned value)
{
    while (*counter < value) {
        loop_iterate(loop, true);
    }
}

/* Starts as many look-ups as a careless client could, and waits until the server has its share. */
static void ask_for_many(Loop *loop, IoLookup **lookups, unsigned *answered)
{
    InetSocketAddress inet = {.host = (char *)"name.example", .port = (char *)"1"};
    SocketAddress address = {.type = SOCKET_ADDRESS_TYPE_INET, .u.inet = inet};
    atomic_store(&asked, 0);
    sem_init(&server, 0, 0);
    for (unsigned i = 0; i < LOOKUPS; i++) {
        lookups[i] = io_lookup_start(loop, &address, false, looked_up, answered, NULL);
        assert_non_null(lookups[i]);
    }
    while (atomic_load(&asked) < AT_ONCE) {
        sched_yield();
    }
}

static void a_silent_name_server_does_not_stop_other_blocking_work(void **state)
{
    Loop *loop = loop_new(NULL);
    IoLookup *lookups[LOOKUPS];
    unsigned answered = 0, worked = 0;
    ask_for_many(loop, lookups, &answered);
    for (unsigned i = 1; i <= 20; i++) {
        assert_true(loop_pool_submit(loop, nothing, count, &worked, NULL));
        run_until(loop, &worked, i);
    }
    assert_int_equal(answered, 0);
    assert_int_equal(atomic_load(&asked), AT_ONCE);
    for (unsigned i = 0; i < LOOKUPS; i++) {
        sem_post(&server);
    }
    run_until(loop, &answered, LOOKUPS);
    loop_free(loop);
    sem_destroy(&server);
}

static void cancelled_look_ups_that_wait_are_not_made(void **state)
{
    Loop *loop = loop_new(NULL);
    IoLookup *lookups[LOOKUPS];
    unsigned answered = 0;
    ask_for_many(loop, lookups, &answered);
    for (unsigned i = 0; i < LOOKUPS; i++) {
        io_lookup_cancel(lookups[i]);
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        sem_post(&server);
    }
    loop_free(loop);
    assert_int_equal(answered, 0);
    assert_int_equal(atomic_load(&asked), AT_ONCE);
    sem_destroy(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_name_server_does_not_stop_other_blocking_work),
        cmocka_unit_test(cancelled_look_ups_that_wait_are_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
