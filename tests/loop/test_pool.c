/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_test.h"

#include <limits.h>
#include <semaphore.h>
#include <signal.h>

typedef struct Job {
    sem_t *gate; /* the work waits here; NULL = does not wait */
    pid_t work_tid, done_tid;
    bool signals_blocked;
    char name[16];
    unsigned *finished;
    struct Job *next; /* submitted by done */
} Job;

static void job_work(void *opaque)
{
    Job *job = opaque;
    sigset_t set;
    job->work_tid = gettid();
    pthread_getname_np(pthread_self(), job->name, sizeof(job->name));
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    job->signals_blocked = sigismember(&set, SIGTERM) && sigismember(&set, SIGCHLD);
    while (job->gate && sem_wait(job->gate) < 0) {
    }
}

static void job_done(void *opaque)
{
    Job *job = opaque;
    job->done_tid = gettid();
    ++*job->finished;
    if (job->next) {
        assert_true(loop_pool_submit(loop_current(), job_work, job_done, job->next, NULL));
    }
}

static void submit(Loop *loop, Job *job)
{
    assert_true(loop_pool_submit(loop, job_work, job_done, job, NULL));
}

static void run_until(Loop *loop, const unsigned *counter, unsigned value)
{
    while (*counter < value) {
        loop_iterate(loop, true);
    }
}

/* Waits, up to 5 s, until @n workers are left. */
static void wait_for_workers(Loop *loop, uint64_t n)
{
    for (unsigned i = 0; i < 5000 && stats_of(loop).pool_threads != n; i++) {
        loop_iterate(loop, false);
        sleep_ns(MS);
    }
    assert_int_equal(stats_of(loop).pool_threads, n);
}

static void work_runs_in_a_worker_and_done_in_the_loops_thread(void **state)
{
    unsigned threads = count_threads();
    Loop *loop = loop_new(NULL);
    unsigned finished = 0;
    Job job = {.finished = &finished};
    submit(loop, &job);
    run_until(loop, &finished, 1);
    assert_int_not_equal(job.work_tid, gettid());
    assert_int_equal(job.done_tid, gettid());
    assert_true(job.signals_blocked);
    assert_string_equal(job.name, "w:test-loop-poo");
    loop_free(loop);
    assert_threads(threads);
}

static bool worker_idle(Loop *loop)
{
    pthread_mutex_lock(&loop->pool.lock);
    bool idle = loop->pool.idle > 0;
    pthread_mutex_unlock(&loop->pool.lock);
    return idle;
}

static void worker_starts_only_when_none_is_idle(void **state)
{
    Loop *loop = loop_new(NULL);
    unsigned finished = 0;
    for (unsigned i = 0; i < 50; i++) {
        Job job = {.finished = &finished};
        submit(loop, &job);
        run_until(loop, &finished, i + 1);
        /* done may come before the worker is idle again */
        while (!worker_idle(loop)) {
            sched_yield();
        }
    }
    assert_int_equal(stats_of(loop).pool_threads, 1);
    loop_free(loop);
}

static void burst_gets_a_worker_each_up_to_max(void **state)
{
    enum { JOBS = 8 };
    Loop *loop = loop_new(NULL);
    unsigned finished = 0;
    sem_t gate;
    sem_init(&gate, 0, 0);
    Job jobs[JOBS] = {0};
    assert_true(loop_set_pool_params(loop, 0, 5, NULL));
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = (Job){.finished = &finished, .gate = &gate};
        submit(loop, &jobs[i]);
    }
    assert_int_equal(stats_of(loop).pool_threads, 5);
    while (stats_of(loop).pool_queued != JOBS - 5) {
        sched_yield();
    }
    for (unsigned i = 0; i < JOBS; i++) {
        sem_post(&gate);
    }
    run_until(loop, &finished, JOBS);
    assert_int_equal(stats_of(loop).pool_queued, 0);
    loop_free(loop);
    sem_destroy(&gate);
}

static void raising_max_serves_the_queue_at_once(void **state)
{
    Loop *loop = loop_new(NULL);
    unsigned finished = 0;
    sem_t gate;
    sem_init(&gate, 0, 0);
    assert_true(loop_set_pool_params(loop, 0, 1, NULL));
    Job blocked = {.finished = &finished, .gate = &gate};
    Job waiting[2] = {{.finished = &finished}, {.finished = &finished}};
    submit(loop, &blocked);
    submit(loop, &waiting[0]);
    submit(loop, &waiting[1]);
    assert_int_equal(stats_of(loop).pool_threads, 1);
    assert_true(loop_set_pool_params(loop, 0, 2, NULL));
    run_until(loop, &finished, 2);
    sem_post(&gate);
    run_until(loop, &finished, 3);
    loop_free(loop);
    sem_destroy(&gate);
}

static void min_takes_effect_at_once_and_is_kept(void **state)
{
    Loop *loop = loop_new(NULL);
    loop->pool.idle_ns = 10 * MS;
    assert_true(loop_set_pool_params(loop, 3, 8, NULL));
    loop_iterate(loop, true);
    assert_int_equal(stats_of(loop).pool_threads, 3);
    sleep_ns(50 * MS);
    loop_iterate(loop, false);
    assert_int_equal(stats_of(loop).pool_threads, 3);
    assert_true(loop_set_pool_params(loop, 1, 8, NULL));
    wait_for_workers(loop, 1);
    sleep_ns(50 * MS);
    assert_int_equal(stats_of(loop).pool_threads, 1);
    loop_free(loop);
}

static void a_large_min_does_not_take_the_machine(void **state)
{
    Loop *loop = loop_new(NULL);
    assert_true(loop_set_pool_params(loop, 100000, 100000, NULL));
    loop_iterate(loop, true);
    assert_int_equal(stats_of(loop).pool_threads, 64);
    loop_free(loop);
}

static void idle_workers_above_min_leave_and_are_joined(void **state)
{
    unsigned threads = count_threads();
    enum { JOBS = 6 };
    Loop *loop = loop_new(NULL);
    unsigned finished = 0;
    sem_t gate;
    sem_init(&gate, 0, 0);
    Job jobs[JOBS];
    assert_int_equal(loop->pool.idle_ns, 10000 * MS);
    loop->pool.idle_ns = 20 * MS;
    assert_true(loop_set_pool_params(loop, 2, 64, NULL));
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = (Job){.finished = &finished, .gate = &gate};
        submit(loop, &jobs[i]);
    }
    assert_int_equal(stats_of(loop).pool_threads, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        sem_post(&gate);
    }
    run_until(loop, &finished, JOBS);
    wait_for_workers(loop, 2);
    loop_iterate(loop, false);
    assert_threads(threads + 2);
    loop_free(loop);
    sem_destroy(&gate);
}

static void shrinking_max_makes_surplus_workers_leave_after_their_job(void **state)
{
    enum { JOBS = 6 };
    Loop *loop = loop_new(NULL);
    unsigned finished = 0;
    sem_t gate;
    sem_init(&gate, 0, 0);
    Job jobs[JOBS + 1];
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = (Job){.finished = &finished, .gate = &gate};
        submit(loop, &jobs[i]);
    }
    while (stats_of(loop).pool_queued) {
        sched_yield();
    }
    assert_true(loop_set_pool_params(loop, 0, 2, NULL));
    sleep_ns(5 * MS);
    assert_int_equal(stats_of(loop).pool_threads, JOBS); /* none left its job */
    for (unsigned i = 0; i < JOBS; i++) {
        sem_post(&gate);
    }
    run_until(loop, &finished, JOBS);
    wait_for_workers(loop, 2);
    jobs[JOBS] = (Job){.finished = &finished};
    submit(loop, &jobs[JOBS]);
    run_until(loop, &finished, JOBS + 1);
    loop_free(loop);
    sem_destroy(&gate);
}

static void submit_slow(Loop *loop, Job *job)
{
    assert_true(loop_pool_submit_slow(loop, job_work, job_done, job, NULL));
}

static void slow_work_leaves_workers_to_the_rest(void **state)
{
    enum { JOBS = 100 };
    static const struct {
        int64_t max;
        unsigned at_work;
    } cases[] = {{64, LOOP_POOL_SLOW_MAX}, {4, 3}, {2, 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Loop *loop = loop_new(NULL);
        unsigned finished = 0;
        sem_t gate;
        sem_init(&gate, 0, 0);
        assert_true(loop_set_pool_params(loop, 0, cases[i].max, NULL));
        Job slow[JOBS], quick[10];
        for (unsigned n = 0; n < JOBS; n++) {
            slow[n] = (Job){.finished = &finished, .gate = &gate};
            submit_slow(loop, &slow[n]);
        }
        for (unsigned n = 0; n < G_N_ELEMENTS(quick); n++) {
            quick[n] = (Job){.finished = &finished};
            submit(loop, &quick[n]);
        }
        run_until(loop, &finished, G_N_ELEMENTS(quick));
        while (stats_of(loop).pool_queued > JOBS - cases[i].at_work) {
            sched_yield();
        }
        assert_int_equal(stats_of(loop).pool_queued, JOBS - cases[i].at_work);
        for (unsigned n = 0; n < JOBS; n++) {
            sem_post(&gate);
        }
        run_until(loop, &finished, G_N_ELEMENTS(quick) + JOBS);
        loop_free(loop);
        sem_destroy(&gate);
    }
}

static void slow_work_gets_a_pool_of_one_worker(void **state)
{
    Loop *loop = loop_new(NULL);
    unsigned finished = 0;
    Job jobs[3] = {{.finished = &finished}, {.finished = &finished}, {.finished = &finished}};
    assert_true(loop_set_pool_params(loop, 0, 1, NULL));
    submit_slow(loop, &jobs[0]);
    submit(loop, &jobs[1]);
    submit_slow(loop, &jobs[2]);
    run_until(loop, &finished, 3);
    assert_int_equal(stats_of(loop).pool_threads, 1);
    loop_free(loop);
}

static void bad_values_are_refused_and_not_kept(void **state)
{
    static const char bad[] = "bad thread-pool-min/thread-pool-max values";
    static const struct {
        int64_t min, max;
        const char *text;
    } cases[] = {
        {8, 4, bad},
        {0, 0, bad},
        {0, INT64_C(1) << 31, bad},
        {INT64_C(1) << 31, INT64_C(1) << 32, bad},
        {65, 64, bad},
        {-1, 64, "thread-pool-min value must be in range [0, 9223372036854775807]"},
        {0, INT64_MIN, "thread-pool-max value must be in range [0, 9223372036854775807]"},
    };
    Loop *loop = loop_new(NULL);
    int64_t min, max;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QOM_AUTO_ERROR(error);
        assert_false(loop_set_pool_params(loop, cases[i].min, cases[i].max, &error));
        assert_string_equal(qom_error_message(error), cases[i].text);
        loop_get_pool_params(loop, &min, &max);
        assert_int_equal(min, 0);
        assert_int_equal(max, 64);
    }
    assert_true(loop_set_pool_params(loop, 0, INT_MAX, NULL));
    loop_get_pool_params(loop, &min, &max);
    assert_int_equal(max, INT_MAX);
    loop_free(loop);
}

static void freeing_a_loop_finishes_its_work_and_what_done_submits(void **state)
{
    unsigned threads = count_threads();
    enum { JOBS = 20 };
    Loop *loop = loop_new(NULL);
    unsigned finished = 0;
    Job jobs[JOBS], second = {.finished = &finished};
    assert_true(loop_set_pool_params(loop, 0, 2, NULL));
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = (Job){.finished = &finished, .next = i == 0 ? &second : NULL};
        submit(loop, &jobs[i]);
    }
    loop_free(loop);
    assert_int_equal(finished, JOBS + 1);
    assert_int_equal(second.done_tid, gettid());
    assert_threads(threads);
}

static void work_without_done_is_run(void **state)
{
    Loop *loop = loop_new(NULL);
    unsigned runs = 0;
    assert_true(loop_pool_submit(loop, add_one, NULL, &runs, NULL));
    loop_free(loop);
    assert_int_equal(runs, 1);
}

static void work_that_no_thread_can_take_is_an_error(void **state)
{
    Loop *loop = loop_new(NULL);
    unsigned runs = 0;
    /* A stack that cannot be mapped: pthread_create fails whoever we are. */
    pthread_attr_t attr, saved;
    pthread_getattr_default_np(&saved);
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, (size_t)1 << 46), 0);
    assert_int_equal(pthread_setattr_default_np(&attr), 0);
    QOM_AUTO_ERROR(error);
    bool accepted = loop_pool_submit(loop, add_one, add_one, &runs, &error);
    pthread_setattr_default_np(&saved);
    assert_false(accepted);
    assert_string_equal(qom_error_message(error),
                        "Cannot start a worker thread: Resource temporarily unavailable");
    assert_int_equal(stats_of(loop).pool_queued, 0);
    loop_free(loop);
    assert_int_equal(runs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_runs_in_a_worker_and_done_in_the_loops_thread),
        cmocka_unit_test(worker_starts_only_when_none_is_idle),
        cmocka_unit_test(burst_gets_a_worker_each_up_to_max),
        cmocka_unit_test(raising_max_serves_the_queue_at_once),
        cmocka_unit_test(min_takes_effect_at_once_and_is_kept),
        cmocka_unit_test(a_large_min_does_not_take_the_machine),
        cmocka_unit_test(idle_workers_above_min_leave_and_are_joined),
        cmocka_unit_test(shrinking_max_makes_surplus_workers_leave_after_their_job),
        cmocka_unit_test(slow_work_leaves_workers_to_the_rest),
        cmocka_unit_test(slow_work_gets_a_pool_of_one_worker),
        cmocka_unit_test(bad_values_are_refused_and_not_kept),
        cmocka_unit_test(freeing_a_loop_finishes_its_work_and_what_done_submits),
        cmocka_unit_test(work_without_done_is_run),
        cmocka_unit_test(work_that_no_thread_can_take_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
