/* SPDX-License-Identifier: BSD-3-Clause */
/* Sources of random bytes: the queue of requests, and where the bytes come from. */
#include "fixture.h"

#include "backend/rng/rng.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANY = 64 };

/* What a consumer has got. */
typedef struct Consumer {
    QomObject *rng;
    unsigned answers, refused;
    size_t size_bytes; /* of the last answer */
    uint8_t data[RNG_REQUEST_MAX_BYTES];
    unsigned *clock; /* counts the answers of all */
    unsigned when;
    bool again; /* ask again when answered */
} Consumer;

static void answered(void *opaque, const uint8_t *data, size_t size_bytes)
{
    Consumer *self = opaque;
    self->answers++;
    self->size_bytes = size_bytes;
    if (data) {
        memcpy(self->data, data, size_bytes);
    }
    if (self->clock) {
        self->when = ++*self->clock;
    }
    if (self->again) {
        QOM_AUTO_ERROR(err);
        self->again = size_bytes != 0;
        if (!rng_request(self->rng, 16, answered, self, &err)) {
            self->refused++;
        }
    }
}

static bool is_answered(void *opaque)
{
    return ((Consumer *)opaque)->answers > 0;
}

static RngRequest *ask(QomObject *rng, size_t size_bytes, Consumer *consumer)
{
    RngRequest *request = rng_request(rng, size_bytes, answered, consumer, NULL);
    assert_non_null(request);
    return request;
}

static Consumer *consumers(unsigned n)
{
    return g_new0(Consumer, n);
}

/* Processor time of this process in ms. */
static int64_t cpu_ms(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000) +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* A FIFO that is open for writing (and not yet for reading by a source), and a source on it. */
static int fifo_source(QomObject **rng)
{
    g_autofree char *path = scratch("fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    *rng = add("{'qom-type':'rng-random','id':'r','filename':'%s'}", path);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* --- the queue ------------------------------------------------------------------------------- */

static void nothing_is_answered_from_inside_a_request(void **state)
{
    static const char *const types[] = {"rng-builtin", "rng-random"};
    g_autofree Consumer *consumer = consumers(1);
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        QomObject *rng = add("{'qom-type':'%s','id':'r'}", types[i]);
        consumer->answers = 0;
        ask(rng, 16, consumer);
        assert_int_equal(consumer->answers, 0);
        run_until(is_answered, consumer);
        run_ms(5);
        assert_int_equal(consumer->answers, 1);
        del("r");
    }
}

static void bytes_are_not_the_same_twice(void **state)
{
    static const char *const types[] = {"rng-builtin", "rng-random"};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree Consumer *both = consumers(2);
        QomObject *rng = add("{'qom-type':'%s','id':'r'}", types[i]);
        ask(rng, 64, &both[0]);
        ask(rng, 64, &both[1]);
        run_until(is_answered, &both[1]);
        assert_int_equal(both[0].size_bytes, 64);
        assert_int_equal(both[1].size_bytes, 64);
        assert_memory_not_equal(both[0].data, both[1].data, 64);
        del("r");
    }
}

static void answers_come_in_the_order_of_requests(void **state)
{
    static const char *const types[] = {"rng-builtin", "rng-random"};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        unsigned clock = 0;
        g_autofree Consumer *all = consumers(MANY);
        QomObject *rng = add("{'qom-type':'%s','id':'r'}", types[i]);
        for (unsigned n = 0; n < MANY; n++) {
            all[n].clock = &clock;
            ask(rng, 1 + n * 37 % 300, &all[n]);
        }
        run_until(is_answered, &all[MANY - 1]);
        for (unsigned n = 0; n < MANY; n++) {
            assert_int_equal(all[n].answers, 1);
            assert_int_equal(all[n].when, n + 1);
            assert_true(all[n].size_bytes >= 1 && all[n].size_bytes <= 1 + n * 37 % 300);
        }
        del("r");
    }
}

static void a_cancelled_request_disturbs_nobody(void **state)
{
    QomObject *rng;
    int fd = fifo_source(&rng);
    g_autofree Consumer *all = consumers(4);
    RngRequest *first = ask(rng, 2, &all[0]);
    ask(rng, 3, &all[1]);
    RngRequest *third = ask(rng, 4, &all[2]);
    ask(rng, 5, &all[3]);
    rng_cancel(first);
    rng_cancel(third);
    assert_int_equal(write(fd, "abcdefgh", 8), 8);
    run_until(is_answered, &all[3]);
    assert_int_equal(all[0].answers + all[2].answers, 0);
    assert_memory_equal(all[1].data, "abc", 3);
    assert_memory_equal(all[3].data, "defgh", 5);

    /* The last one that waits: the source rests, and works again for the next. */
    all[1].answers = 0;
    rng_cancel(ask(rng, 5, &all[0]));
    ask(rng, 5, &all[1]);
    assert_int_equal(write(fd, "ij", 2), 2);
    run_until(is_answered, &all[1]);
    assert_memory_equal(all[1].data, "ij", 2);
    close(fd);
}

static void deletion_answers_all_who_wait(void **state)
{
    QomObject *rng;
    int fd = fifo_source(&rng);
    g_autofree Consumer *all = consumers(3);
    for (unsigned i = 0; i < 3; i++) {
        all[i].size_bytes = 99;
        ask(rng, 16, &all[i]);
    }
    del("r");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(all[i].answers, 1);
        assert_int_equal(all[i].size_bytes, 0);
    }
    run_ms(5);
    close(fd);
}

static void who_asks_again_while_it_is_deleted_is_refused(void **state)
{
    QomObject *rng;
    int fd = fifo_source(&rng);
    g_autofree Consumer *consumer = consumers(1);
    consumer->again = true;
    consumer->rng = qom_object_ref(rng);
    ask(rng, 16, consumer);
    del("r");
    assert_int_equal(consumer->answers, 1);
    assert_int_equal(consumer->refused, 1);
    qom_object_unref(consumer->rng);
    close(fd);
}

static void who_keeps_asking_does_not_keep_others_from_the_loop(void **state)
{
    QomObject *rng = add("{'qom-type':'rng-builtin','id':'r'}");
    g_autofree Consumer *greedy = consumers(1);
    greedy->again = true;
    greedy->rng = rng;
    ask(rng, 16, greedy);
    run_ms(20); /* returns only if the loop gets its turn */
    unsigned answers = greedy->answers;
    assert_true(answers > 1);
    loop_iterate(loop_main(), false);
    assert_true(greedy->answers - answers <= 256);
    greedy->again = false;
    run_ms(2);
}

static void the_queue_is_bounded(void **state)
{
    QomObject *rng;
    QOM_AUTO_ERROR(err);
    int fd = fifo_source(&rng);
    g_autofree Consumer *consumer = consumers(1);
    for (unsigned i = 0; i < RNG_REQUESTS_MAX; i++) {
        ask(rng, RNG_REQUEST_MAX_BYTES, consumer);
    }
    assert_null(rng_request(rng, 1, answered, consumer, &err));
    assert_string_equal(qom_error_message(err), "1024 requests wait at rng 'r' already");
    del("r");
    assert_int_equal(consumer->answers, RNG_REQUESTS_MAX);
    close(fd);
}

static void the_largest_request_is_filled(void **state)
{
    QomObject *rng = add("{'qom-type':'rng-builtin','id':'r'}");
    g_autofree Consumer *consumer = consumers(1);
    ask(rng, RNG_REQUEST_MAX_BYTES, consumer);
    run_until(is_answered, consumer);
    assert_int_equal(consumer->size_bytes, RNG_REQUEST_MAX_BYTES);
}

/* --- rng-random ------------------------------------------------------------------------------ */

static void a_short_read_is_a_short_answer(void **state)
{
    QomObject *rng;
    int fd = fifo_source(&rng);
    g_autofree Consumer *all = consumers(2);
    ask(rng, 64, &all[0]);
    ask(rng, 64, &all[1]);
    assert_int_equal(write(fd, "thirty bytes of pure entropy..", 30), 30);
    run_until(is_answered, &all[0]);
    assert_int_equal(all[0].size_bytes, 30);
    run_ms(20);
    assert_int_equal(all[1].answers, 0);
    assert_int_equal(write(fd, "x", 1), 1);
    run_until(is_answered, &all[1]);
    assert_int_equal(all[1].size_bytes, 1);
    close(fd);
}

static void nothing_is_read_while_nobody_asks(void **state)
{
    QomObject *rng;
    int fd = fifo_source(&rng);
    g_autofree Consumer *consumer = consumers(1);
    assert_int_equal(write(fd, "kept", 4), 4);
    run_ms(20);
    ask(rng, 64, consumer);
    run_until(is_answered, consumer);
    assert_int_equal(consumer->size_bytes, 4);
    close(fd);
}

static void it_rests_until_the_writer_of_a_fifo_returns(void **state)
{
    QomObject *rng;
    int fd = fifo_source(&rng);
    g_autofree Consumer *consumer = consumers(1);
    g_autofree char *path = scratch("fifo");
    ask(rng, 64, consumer);
    close(fd);
    int64_t before = cpu_ms();
    run_ms(150);
    assert_int_equal(consumer->answers, 0);
    fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "back", 4), 4);
    run_until(is_answered, consumer);
    assert_memory_equal(consumer->data, "back", 4);
    assert_true(watched() || cpu_ms() - before < 30);
    close(fd);
}

static void a_file_that_was_read_to_its_end_waits_for_more(void **state)
{
    g_autofree char *path = scratch_file("f", "0123456789", 10);
    QomObject *rng = add("{'qom-type':'rng-random','id':'r','filename':'%s'}", path);
    g_autofree Consumer *all = consumers(3);
    ask(rng, 6, &all[0]);
    ask(rng, 6, &all[1]);
    ask(rng, 6, &all[2]);
    run_until(is_answered, &all[1]);
    assert_memory_equal(all[0].data, "012345", 6);
    assert_int_equal(all[1].size_bytes, 4);
    assert_memory_equal(all[1].data, "6789", 4);
    int64_t before = cpu_ms();
    run_ms(300);
    assert_int_equal(all[2].answers, 0);
    assert_true(watched() || cpu_ms() - before < 30);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "ab", 2), 2);
    close(fd);
    run_until(is_answered, &all[2]);
    assert_memory_equal(all[2].data, "ab", 2);
}

static void a_request_cancelled_during_the_rest_ends_it(void **state)
{
    g_autofree char *path = scratch_file("f", "", 0);
    QomObject *rng = add("{'qom-type':'rng-random','id':'r','filename':'%s'}", path);
    g_autofree Consumer *consumer = consumers(1);
    RngRequest *request = ask(rng, 6, consumer);
    run_ms(20);
    rng_cancel(request);
    /* And the next one looks at once. */
    assert_true(g_file_set_contents(path, "", 0, NULL));
    del("r");
    assert_int_equal(consumer->answers, 0);
}

static void what_is_no_source_is_refused(void **state)
{
    Holdings before = holdings();
    add_fails("Could not open '/nonexistent': No such file or directory",
              "{'qom-type':'rng-random','id':'r','filename':'/nonexistent'}");
    add_fails("Could not open '': No such file or directory",
              "{'qom-type':'rng-random','id':'r','filename':''}");
    add_fails("Could not open '/': it is a directory, expected a regular file, FIFO, character "
              "device or socket",
              "{'qom-type':'rng-random','id':'r','filename':'/'}");
    add_fails("Property 'rng-random.opened' is not writable",
              "{'qom-type':'rng-random','id':'r','opened':true}");
    add_fails("Property 'rng-builtin.opened' is not writable",
              "{'qom-type':'rng-builtin','id':'r','opened':false}");
    add_fails("Parameter 'filename' is unexpected",
              "{'qom-type':'rng-builtin','id':'r','filename':'/dev/urandom'}");
    assert_holdings(before);
}

static void properties_are_as_they_were_given(void **state)
{
    add("{'qom-type':'rng-random','id':'r'}");
    assert_property("r", "filename", "\"/dev/urandom\"");
    assert_property("r", "opened", "true");
    set_fails("r", "filename", "'/dev/random'", "Property 'filename' can no longer be set");
    set_fails("r", "opened", "true", "Property 'rng-random.opened' is not writable");
    add("{'qom-type':'rng-builtin','id':'b'}");
    assert_property("b", "opened", "true");
}

static void a_thousand_rounds_leave_nothing(void **state)
{
    g_autofree Consumer *consumer = consumers(1);
    Holdings before = holdings();
    for (unsigned i = 0; i < 1000; i++) {
        ask(add("{'qom-type':'rng-random','id':'r'}"), 16, consumer);
        ask(add("{'qom-type':'rng-builtin','id':'b'}"), 16, consumer);
        loop_iterate(loop_main(), false);
        del("r");
        del("b");
    }
    assert_holdings(before);
    assert_int_equal(consumer->answers, 2000);
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_answered_from_inside_a_request),
        TEST(bytes_are_not_the_same_twice),
        TEST(answers_come_in_the_order_of_requests),
        TEST(a_cancelled_request_disturbs_nobody),
        TEST(deletion_answers_all_who_wait),
        TEST(who_asks_again_while_it_is_deleted_is_refused),
        TEST(who_keeps_asking_does_not_keep_others_from_the_loop),
        TEST(the_queue_is_bounded),
        TEST(the_largest_request_is_filled),
        TEST(a_short_read_is_a_short_answer),
        TEST(nothing_is_read_while_nobody_asks),
        TEST(it_rests_until_the_writer_of_a_fifo_returns),
        TEST(a_file_that_was_read_to_its_end_waits_for_more),
        TEST(a_request_cancelled_during_the_rest_ends_it),
        TEST(what_is_no_source_is_refused),
        TEST(properties_are_as_they_were_given),
        TEST(a_thousand_rounds_leave_nothing),
    };
    return cmocka_run_group_tests_name("rng", tests, backend_setup, backend_teardown);
}
