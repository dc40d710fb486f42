/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_test.h"

typedef struct Alarm {
    LoopTimer timer;
    unsigned id;
    GArray *log; /* of ids, in the order in which they ran */
    int64_t ran_ns;
    bool again; /* arms itself with a deadline that has passed */
    struct Alarm *victim;
} Alarm;

static void ring(void *opaque)
{
    Alarm *alarm = opaque;
    alarm->ran_ns = loop_now_ns();
    g_array_append_val(alarm->log, alarm->id);
    assert_false(loop_timer_armed(&alarm->timer));
    if (alarm->again) {
        loop_timer_arm(&alarm->timer, 1);
    }
    if (alarm->victim) {
        loop_timer_cancel(&alarm->victim->timer);
    }
}

static void prepare(Alarm *alarms, unsigned n, Loop *loop, GArray *log)
{
    for (unsigned i = 0; i < n; i++) {
        alarms[i] = (Alarm){.id = i, .log = log};
        loop_timer_init(&alarms[i].timer, loop, ring, &alarms[i]);
    }
}

static void assert_log(GArray *log, unsigned n, const unsigned *ids)
{
    assert_int_equal(log->len, n);
    assert_memory_equal(log->data, ids, n * sizeof(*ids));
}

static void timers_run_in_order_of_deadline_then_of_arming(void **state)
{
    g_autoptr(GArray) log = g_array_new(false, false, sizeof(unsigned));
    Loop *loop = loop_new(NULL);
    Alarm a[5];
    prepare(a, 5, loop, log);
    loop_timer_arm(&a[0].timer, 50);
    loop_timer_arm(&a[3].timer, 20);
    loop_timer_arm(&a[1].timer, 20);
    loop_timer_arm(&a[4].timer, 10);
    loop_timer_arm(&a[2].timer, 20);
    assert_true(loop_iterate(loop, true));
    assert_log(log, 5, (unsigned[]){4, 3, 1, 2, 0});
    loop_free(loop);
}

static void timer_runs_once_and_not_before_its_deadline(void **state)
{
    g_autoptr(GArray) log = g_array_new(false, false, sizeof(unsigned));
    Loop *loop = loop_new(NULL);
    Alarm a[1];
    prepare(a, 1, loop, log);
    int64_t deadline_ns = loop_now_ns() + 3 * MS + 1;
    loop_timer_arm(&a[0].timer, deadline_ns);
    assert_true(loop_timer_armed(&a[0].timer));
    while (log->len == 0) {
        loop_iterate(loop, true);
    }
    assert_true(a[0].ran_ns >= deadline_ns);
    assert_false(loop_iterate(loop, false));
    assert_int_equal(log->len, 1);
    /* It slept until then instead of asking the clock all the time. */
    assert_in_range(stats_of(loop).iterations, 1, 4);
    loop_free(loop);
}

static void arming_again_moves_the_deadline(void **state)
{
    g_autoptr(GArray) log = g_array_new(false, false, sizeof(unsigned));
    Loop *loop = loop_new(NULL);
    Alarm a[3];
    prepare(a, 3, loop, log);
    loop_timer_arm(&a[0].timer, 10);
    loop_timer_arm(&a[1].timer, 20);
    loop_timer_arm(&a[2].timer, 30);
    loop_timer_arm(&a[0].timer, 25);
    loop_timer_arm(&a[2].timer, 5);
    loop_timer_arm_in(&a[1].timer, INT64_MAX);
    loop_iterate(loop, false);
    assert_log(log, 2, (unsigned[]){2, 0});
    assert_true(loop_timer_armed(&a[1].timer));
    assert_int_equal(a[1].timer.deadline_ns, INT64_MAX);
    loop_free(loop);
    assert_false(loop_timer_armed(&a[1].timer));
}

static void cancelled_timer_does_not_run_even_from_a_callback(void **state)
{
    g_autoptr(GArray) log = g_array_new(false, false, sizeof(unsigned));
    Loop *loop = loop_new(NULL);
    Alarm a[3];
    prepare(a, 3, loop, log);
    loop_timer_arm(&a[0].timer, 1);
    loop_timer_arm(&a[1].timer, 2);
    loop_timer_arm(&a[2].timer, 3);
    loop_timer_cancel(&a[0].timer);
    loop_timer_cancel(&a[0].timer);
    a[1].victim = &a[2];
    loop_iterate(loop, false);
    assert_log(log, 1, (unsigned[]){1});
    loop_free(loop);
}

static void timer_that_arms_itself_in_the_past_runs_once_an_iteration(void **state)
{
    g_autoptr(GArray) log = g_array_new(false, false, sizeof(unsigned));
    Loop *loop = loop_new(NULL);
    Alarm a[2];
    prepare(a, 2, loop, log);
    a[0].again = true;
    loop_timer_arm(&a[0].timer, 1);
    loop_timer_arm(&a[1].timer, 2);
    loop_iterate(loop, true);
    loop_iterate(loop, true);
    loop_iterate(loop, true);
    assert_in_range(log->len, 3, 4);
    loop_timer_cancel(&a[0].timer);
    loop_iterate(loop, false);
    assert_false(loop_timer_armed(&a[1].timer));
    loop_free(loop);
}

static void random_arming_and_cancelling_keeps_the_order(void **state)
{
    enum { N = 500 };
    g_autoptr(GArray) log = g_array_new(false, false, sizeof(unsigned));
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autofree Alarm *a = g_new(Alarm, N);
    Loop *loop = loop_new(NULL);
    prepare(a, N, loop, log);
    for (unsigned i = 0; i < 20 * N; i++) {
        Alarm *alarm = &a[g_rand_int_range(rand, 0, N)];
        if (g_rand_int_range(rand, 0, 3) == 0) {
            loop_timer_cancel(&alarm->timer);
        } else {
            loop_timer_arm(&alarm->timer, g_rand_int_range(rand, 1, 100));
        }
    }
    unsigned armed = 0;
    for (unsigned i = 0; i < N; i++) {
        armed += loop_timer_armed(&a[i].timer);
    }
    loop_iterate(loop, false);
    assert_int_equal(log->len, armed);
    for (unsigned i = 1; i < log->len; i++) {
        const LoopTimer *prev = &a[g_array_index(log, unsigned, i - 1)].timer;
        const LoopTimer *next = &a[g_array_index(log, unsigned, i)].timer;
        assert_true(prev->deadline_ns < next->deadline_ns ||
                    (prev->deadline_ns == next->deadline_ns && prev->order < next->order));
    }
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_run_in_order_of_deadline_then_of_arming),
        cmocka_unit_test(timer_runs_once_and_not_before_its_deadline),
        cmocka_unit_test(arming_again_moves_the_deadline),
        cmocka_unit_test(cancelled_timer_does_not_run_even_from_a_callback),
        cmocka_unit_test(timer_that_arms_itself_in_the_past_runs_once_an_iteration),
        cmocka_unit_test(random_arming_and_cancelling_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
