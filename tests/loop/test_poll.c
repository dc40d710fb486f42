/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_test.h"

#include <inttypes.h>

#define SECOND INT64_C(1000000000)

static void window_follows_the_algorithm(void **state)
{
    static const struct {
        int64_t max, grow, shrink, window, blocked, next;
    } cases[] = {
        /* long enough: kept, whatever the parameters */
        {32768, 0, 0, 8000, 8000, 8000},
        {32768, 0, 0, 8000, 0, 8000},
        {32768, 4, 4, 32768, 32768, 32768},
        {1000, 0, 0, 8000, 8000, 8000},
        /* a longer one would have caught it */
        {32768, 0, 0, 0, 1, 4000},
        {32768, 0, 0, 0, 32767, 4000},
        {32768, 0, 0, 4000, 4001, 8000},
        {32768, 0, 0, 16000, 20000, 32000},
        {32768, 0, 0, 32000, 32700, 32768},
        {32768, 3, 0, 4000, 5000, 12000},
        {32768, 1, 0, 4000, 5000, 4000},
        {3000, 0, 0, 0, 100, 3000},
        /* exactly max_ns: neither */
        {32768, 0, 0, 4000, 32768, 4000},
        {32768, 0, 0, 0, 32768, 0},
        /* too rare */
        {32768, 0, 0, 16000, 32769, 0},
        {32768, 0, 2, 16000, 32769, 8000},
        {32768, 0, 1, 16000, 32769, 16000},
        {32768, 0, INT64_MAX, 16000, SECOND, 0},
        {32768, 0, 0, 0, SECOND, 0},
        /* the ends of int64 */
        {INT64_MAX, INT64_MAX, 0, 4000, 5000, INT64_MAX},
        {INT64_MAX, 2, 0, INT64_MAX / 2 + 1, INT64_MAX - 1, INT64_MAX},
        {INT64_MAX, 0, 0, 0, 3600 * SECOND, 4000},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        LoopPollParams params = {cases[i].max, cases[i].grow, cases[i].shrink};
        int64_t next = loop_poll_adjust(cases[i].window, cases[i].blocked, &params);
        if (next != cases[i].next) {
            fail_msg("case %zu: %" PRId64 " instead of %" PRId64, i, next, cases[i].next);
        }
    }
}

/* A poll handler that writes down what happens to it: b(egin) t(est) e(nd) d(ispatch) f(d). */
typedef struct Ring {
    LoopFd *handler;
    LoopPoll *poll;
    int fd;
    GString *log;
    bool pending;
    unsigned true_at; /* test says yes at its nth call and each later one until dispatch; 0 never */
    bool true_after_end;
    unsigned tests;
    uint64_t taken; /* sum of the counts read from fd: one event may stand for several writes */
} Ring;

static void ring_begin(void *opaque)
{
    Ring *ring = opaque;
    g_string_append_c(ring->log, 'b');
}

static bool ring_test(void *opaque)
{
    Ring *ring = opaque;
    if (ring->log->len && ring->log->str[ring->log->len - 1] != 't') {
        g_string_append_c(ring->log, 't');
    }
    ring->tests++;
    ring->pending |= ring->true_at && ring->tests >= ring->true_at;
    return ring->pending;
}

static void ring_end(void *opaque)
{
    Ring *ring = opaque;
    g_string_append_c(ring->log, 'e');
    ring->pending |= ring->true_after_end;
}

static void ring_dispatch(void *opaque)
{
    Ring *ring = opaque;
    g_string_append_c(ring->log, 'd');
    ring->pending = false;
    ring->tests = 0;
}

static void ring_on_fd(void *opaque, unsigned revents)
{
    Ring *ring = opaque;
    eventfd_t value = 0;
    eventfd_read(ring->fd, &value);
    ring->taken += value;
    g_string_append_c(ring->log, 'f');
}

static const LoopPollOps ring_ops = {
    .begin = ring_begin, .test = ring_test, .end = ring_end, .dispatch = ring_dispatch};

static void ring_add(Ring *ring, Loop *loop, const LoopPollOps *ops)
{
    *ring = (Ring){.log = g_string_new(NULL)};
    ring->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ring->handler = loop_fd_add(loop, ring->fd, LOOP_READ, ring_on_fd, ring, NULL);
    ring->poll = loop_poll_add(loop, ring->handler, ops, ring);
}

static void ring_remove(Ring *ring)
{
    loop_fd_remove(ring->handler); /* and the poll handler with it */
    close(ring->fd);
    g_string_free(ring->log, true);
}

/* Puts the ring onto the poll list by a first event, with a window of our choice. */
static void ring_warm_up(Ring *ring, Loop *loop, int64_t window_ns)
{
    eventfd_write(ring->fd, 1);
    loop_iterate(loop, true);
    assert_string_equal(ring->log->str, "f");
    assert_true(ring->poll->active);
    ring->poll->window_ns = window_ns;
    g_string_truncate(ring->log, 0);
}

static Loop *polling_loop(int64_t max_ns)
{
    Loop *loop = loop_new(NULL);
    LoopPollParams params = {.max_ns = max_ns};
    assert_true(loop_set_poll_params(loop, &params, NULL));
    loop_iterate(loop, false);
    return loop;
}

static void arm_noop_timer(LoopTimer *timer, Loop *loop, int64_t delay_ns)
{
    static unsigned ignored;
    loop_timer_init(timer, loop, add_one, &ignored);
    loop_timer_arm_in(timer, delay_ns);
}

static void event_seen_by_a_test_costs_no_sleep_and_no_descriptor_event(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(10 * SECOND);
    Ring ring;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, 10 * SECOND);
    uint64_t wakeups = stats_of(loop).wakeups;
    ring.true_at = 100;
    assert_true(loop_iterate(loop, true));
    assert_true(loop_iterate(loop, true));
    assert_string_equal(ring.log->str, "btdtd"); /* one poll mode over both */
    LoopStats stats = stats_of(loop);
    assert_int_equal(stats.wakeups, wakeups);
    assert_int_equal(stats.poll_hits, 2);
    assert_int_equal(stats.poll_misses, 0);
    assert_int_equal(stats.poll_ns, 10 * SECOND);
    assert_true(stats.polled_ns > 0);
    ring_remove(&ring);
    loop_free(loop);
}

static void before_a_sleep_poll_mode_ends_and_one_more_test_is_made(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    LoopTimer timer;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, MS);
    arm_noop_timer(&timer, loop, 300 * MS);
    loop_iterate(loop, true);
    assert_string_equal(ring.log->str, "btet");
    assert_int_equal(stats_of(loop).poll_misses, 1);
    ring_remove(&ring);
    loop_free(loop);
}

static void event_that_slips_in_before_the_sleep_is_handled_without_sleeping(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, MS);
    uint64_t wakeups = stats_of(loop).wakeups;
    ring.true_after_end = true;
    assert_true(loop_iterate(loop, true)); /* would never end if it slept */
    assert_string_equal(ring.log->str, "btetd");
    assert_int_equal(stats_of(loop).wakeups, wakeups);
    ring_remove(&ring);
    loop_free(loop);
}

static void nonblocking_iteration_in_poll_mode_tests_once(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, SECOND);
    ring.true_at = 1;
    loop_iterate(loop, true);
    loop_iterate(loop, false);
    assert_string_equal(ring.log->str, "btdtd");
    ring_remove(&ring);
    assert_false(loop_iterate(loop, false));
    loop_free(loop);
}

static void spin_ends_at_the_next_timer(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(INT64_MAX);
    Ring ring;
    LoopTimer timer;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, INT64_MAX);
    int64_t start_ns = loop_now_ns();
    arm_noop_timer(&timer, loop, 5 * MS);
    while (loop_timer_armed(&timer)) {
        loop_iterate(loop, true);
    }
    assert_in_range(loop_now_ns() - start_ns, 5 * MS, 5 * SECOND);
    assert_true(stats_of(loop).polled_ns > 0);
    ring_remove(&ring);
    loop_free(loop);
}

static void *write_after_20_ms(void *opaque)
{
    sleep_ns(20 * MS);
    eventfd_write(*(int *)opaque, 1);
    return NULL;
}

static void descriptor_without_a_test_ends_the_spin(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(10 * SECOND);
    Ring ring;
    pthread_t thread;
    ring_add(&ring, loop, NULL);
    ring_warm_up(&ring, loop, 10 * SECOND);
    assert_int_equal(pthread_create(&thread, NULL, write_after_20_ms, &ring.fd), 0);
    int64_t start_ns = loop_now_ns();
    assert_true(loop_iterate(loop, true));
    assert_string_equal(ring.log->str, "f");
    assert_in_range(loop_now_ns() - start_ns, 10 * MS, 5 * SECOND);
    assert_int_equal(stats_of(loop).poll_hits, 1);
    pthread_join(thread, NULL);
    ring_remove(&ring);
    loop_free(loop);
}

static void *post_after_20_ms(void *opaque)
{
    static unsigned ignored;
    sleep_ns(20 * MS);
    loop_post(opaque, add_one, &ignored);
    return NULL;
}

static void post_ends_the_spin(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(10 * SECOND);
    Ring ring;
    pthread_t thread;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, 10 * SECOND);
    assert_int_equal(pthread_create(&thread, NULL, post_after_20_ms, loop), 0);
    int64_t start_ns = loop_now_ns();
    assert_true(loop_iterate(loop, true));
    assert_in_range(loop_now_ns() - start_ns, 10 * MS, 5 * SECOND);
    assert_true(loop->polling.wake.window_ns > 0);
    pthread_join(thread, NULL);
    ring_remove(&ring);
    loop_free(loop);
}

static void busy_tests_do_not_starve_descriptors(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    Ring plain = {.log = g_string_new(NULL)};
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, SECOND);
    ring.true_at = 1;
    plain.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    plain.handler = loop_fd_add(loop, plain.fd, LOOP_READ, ring_on_fd, &plain, NULL);
    for (unsigned i = 0; i < 16; i++) {
        loop_iterate(loop, true);
    }
    assert_string_equal(plain.log->str, "f");
    ring_remove(&plain);
    ring_remove(&ring);
    loop_free(loop);
}

static void idle_handler_leaves_the_poll_list_until_its_next_event(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    LoopTimer timer;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, MS);
    assert_in_range(ring.poll->idle_deadline_ns - loop_now_ns(), 6 * SECOND, 7 * SECOND);
    ring.poll->idle_deadline_ns = 1;
    arm_noop_timer(&timer, loop, 300 * MS);
    loop_iterate(loop, true);
    assert_string_equal(ring.log->str, "btet");
    assert_false(ring.poll->active);

    g_string_truncate(ring.log, 0);
    eventfd_write(ring.fd, 1);
    loop_iterate(loop, true);
    assert_string_equal(ring.log->str, "f");
    assert_true(ring.poll->active);
    ring_remove(&ring);
    loop_free(loop);
}

static void handler_without_a_descriptor_is_tested_in_every_iteration(void **state)
{
    static const int64_t max_ns[] = {0, 32768};
    for (unsigned i = 0; i < G_N_ELEMENTS(max_ns); i++) {
        Loop *loop = polling_loop(max_ns[i]);
        Ring ring = {.log = g_string_new("")};
        ring.poll = loop_poll_add(loop, NULL, &ring_ops, &ring);
        assert_false(loop_iterate(loop, false));
        ring.pending = true;
        loop_wake(loop);
        assert_true(loop_iterate(loop, true));
        assert_true(strchr(ring.log->str, 'd') != NULL);
        loop_poll_remove(ring.poll);
        unsigned tests = ring.tests;
        loop_iterate(loop, false);
        assert_int_equal(ring.tests, tests);
        g_string_free(ring.log, true);
        loop_free(loop);
    }
}

static void handler_removed_in_poll_mode_is_ended(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, SECOND);
    ring.true_at = 1;
    loop_iterate(loop, true);
    loop_poll_remove(ring.poll);
    assert_string_equal(ring.log->str, "btde");
    assert_false(loop_iterate(loop, false));
    ring_remove(&ring);
    loop_free(loop);
}

/* Confines the calling thread to one of its CPUs. */
static void pin_to_one_cpu(void)
{
    cpu_set_t cpus, one;
    sched_getaffinity(0, sizeof(cpus), &cpus);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &cpus)) {
            CPU_SET(cpu, &one);
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

/* Arms the timer itself: on a busy machine the thread may be late. */
static void *iterate_on_one_cpu(void *opaque)
{
    LoopTimer timer;
    pin_to_one_cpu();
    arm_noop_timer(&timer, opaque, 5 * MS);
    loop_iterate(opaque, true);
    loop_timer_cancel(&timer);
    return NULL;
}

static void loop_pinned_to_its_own_cpu_spins(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    pthread_t thread;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, SECOND);
    assert_int_equal(pthread_create(&thread, NULL, iterate_on_one_cpu, loop), 0);
    pthread_join(thread, NULL);
    assert_true(stats_of(loop).polled_ns > 0);
    ring_remove(&ring);
    loop_free(loop);
}

static void with_one_cpu_for_all_the_loop_never_spins(void **state)
{
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    LoopTimer timer;
    cpu_set_t cpus;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, SECOND);
    arm_noop_timer(&timer, loop, 300 * MS);
    sched_getaffinity(0, sizeof(cpus), &cpus);
    pin_to_one_cpu();
    loop_iterate(loop, true);
    sched_setaffinity(0, sizeof(cpus), &cpus);
    assert_int_equal(stats_of(loop).polled_ns, 0);
    assert_true(stats_of(loop).slept_ns > 0);
    ring_remove(&ring);
    loop_free(loop);
}

static void thread_cpu_ns(void *opaque)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    *(int64_t *)opaque = ts.tv_sec * SECOND + ts.tv_nsec;
}

static void idle_loop_sleeps_whatever_poll_max_ns_is(void **state)
{
    static const int64_t max_ns[] = {0, 32768, SECOND, INT64_MAX};
    for (unsigned i = 0; i < G_N_ELEMENTS(max_ns); i++) {
        LoopThread *thread = loop_thread_new("idle", NULL, NULL, NULL);
        Loop *loop = loop_thread_get_loop(thread);
        LoopPollParams params = {.max_ns = max_ns[i]};
        int64_t before_ns, after_ns;
        assert_true(loop_set_poll_params(loop, &params, NULL));
        loop_call_sync(loop, thread_cpu_ns, &before_ns);
        uint64_t iterations = stats_of(loop).iterations;
        sleep_ns(200 * MS);
        assert_in_range(stats_of(loop).iterations - iterations, 0, 2);
        loop_call_sync(loop, thread_cpu_ns, &after_ns);
        assert_in_range(after_ns - before_ns, 0, 10 * MS);
        loop_thread_free(thread);
    }
}

typedef struct Pinger {
    int fd;
    unsigned count;
    int64_t gap_ns;
} Pinger;

static void *ping(void *opaque)
{
    Pinger *pinger = opaque;
    for (unsigned i = 0; i < pinger->count; i++) {
        sleep_ns(pinger->gap_ns);
        eventfd_write(pinger->fd, 1);
    }
    return NULL;
}

static void take_pings(Ring *ring, Loop *loop, unsigned count, int64_t gap_ns)
{
    Pinger pinger = {.fd = ring->fd, .count = count, .gap_ns = gap_ns};
    pthread_t thread;
    uint64_t goal = ring->taken + count;
    assert_int_equal(pthread_create(&thread, NULL, ping, &pinger), 0);
    while (ring->taken < goal) {
        loop_iterate(loop, true);
    }
    pthread_join(thread, NULL);
}

static void window_grows_with_frequent_events_and_goes_with_rare_ones(void **state)
{
    if (allowed_cpus() < 2) {
        skip();
    }
    Loop *loop = polling_loop(400 * MS);
    Ring ring;
    ring_add(&ring, loop, NULL);
    take_pings(&ring, loop, 1, MS);
    assert_int_equal(ring.poll->window_ns, 4000);
    take_pings(&ring, loop, 1, 2 * MS);
    assert_int_equal(ring.poll->window_ns, 8000);
    take_pings(&ring, loop, 14, 2 * MS);
    assert_in_range(ring.poll->window_ns, 2 * MS, 400 * MS);
    uint64_t hits = stats_of(loop).poll_hits;
    take_pings(&ring, loop, 10, MS);
    assert_true(stats_of(loop).poll_hits > hits); /* now the spin catches them */
    take_pings(&ring, loop, 1, 500 * MS);
    assert_int_equal(ring.poll->window_ns, 0);
    ring_remove(&ring);
    loop_free(loop);
}

static void setting_parameters_resets_windows_and_wakes_the_loop(void **state)
{
    Loop *loop = polling_loop(SECOND);
    Ring ring;
    ring_add(&ring, loop, &ring_ops);
    ring_warm_up(&ring, loop, 5000);
    loop->polling.wake.window_ns = 5000;
    LoopPollParams params = {.max_ns = 7, .grow = 8, .shrink = 9}, kept;
    assert_true(loop_set_poll_params(loop, &params, NULL));
    loop_iterate(loop, true); /* would sleep for ever if it were not woken */
    assert_int_equal(ring.poll->window_ns, 0);
    assert_int_equal(loop->polling.wake.window_ns, 0);
    assert_int_equal(stats_of(loop).poll_ns, 0);
    loop_get_poll_params(loop, &kept);
    assert_memory_equal(&kept, &params, sizeof(params));
    ring_remove(&ring);
    loop_free(loop);
}

static void negative_parameters_are_refused_and_not_kept(void **state)
{
    Loop *loop = loop_new(NULL);
    const LoopPollParams good = {1, 2, 3};
    assert_true(loop_set_poll_params(loop, &good, NULL));
    static const struct {
        LoopPollParams params;
        const char *text;
    } cases[] = {
        {{-1, 0, 0}, "poll-max-ns value must be in range [0, 9223372036854775807]"},
        {{0, INT64_MIN, 0}, "poll-grow value must be in range [0, 9223372036854775807]"},
        {{0, 0, -7}, "poll-shrink value must be in range [0, 9223372036854775807]"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        LoopPollParams kept;
        QOM_AUTO_ERROR(error);
        assert_false(loop_set_poll_params(loop, &cases[i].params, &error));
        assert_string_equal(qom_error_message(error), cases[i].text);
        loop_get_poll_params(loop, &kept);
        assert_memory_equal(&kept, &good, sizeof(good));
    }
    QOM_AUTO_ERROR(error);
    assert_true(loop_set_aio_max_batch(loop, INT64_MAX, NULL));
    assert_false(loop_set_aio_max_batch(loop, -1, &error));
    assert_string_equal(qom_error_message(error),
                        "aio-max-batch value must be in range [0, 9223372036854775807]");
    assert_int_equal(loop_get_aio_max_batch(loop), INT64_MAX);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_follows_the_algorithm),
        cmocka_unit_test(event_seen_by_a_test_costs_no_sleep_and_no_descriptor_event),
        cmocka_unit_test(before_a_sleep_poll_mode_ends_and_one_more_test_is_made),
        cmocka_unit_test(event_that_slips_in_before_the_sleep_is_handled_without_sleeping),
        cmocka_unit_test(nonblocking_iteration_in_poll_mode_tests_once),
        cmocka_unit_test(spin_ends_at_the_next_timer),
        cmocka_unit_test(descriptor_without_a_test_ends_the_spin),
        cmocka_unit_test(post_ends_the_spin),
        cmocka_unit_test(busy_tests_do_not_starve_descriptors),
        cmocka_unit_test(idle_handler_leaves_the_poll_list_until_its_next_event),
        cmocka_unit_test(handler_without_a_descriptor_is_tested_in_every_iteration),
        cmocka_unit_test(handler_removed_in_poll_mode_is_ended),
        cmocka_unit_test(loop_pinned_to_its_own_cpu_spins),
        cmocka_unit_test(with_one_cpu_for_all_the_loop_never_spins),
        cmocka_unit_test(idle_loop_sleeps_whatever_poll_max_ns_is),
        cmocka_unit_test(window_grows_with_frequent_events_and_goes_with_rare_ones),
        cmocka_unit_test(setting_parameters_resets_windows_and_wakes_the_loop),
        cmocka_unit_test(negative_parameters_are_refused_and_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
