/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_test.h"

#include <signal.h>
#include <sys/resource.h>

static void read_task_file(LoopThread *thread, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/%s", loop_thread_get_tid(thread), name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t n = fread(text, 1, size - 1, file);
    text[n] = '\0';
    fclose(file);
}

static void thread_has_its_id_and_name_on_return(void **state)
{
    char comm[32];
    LoopThread *thread = loop_thread_new("IO a-rather-long-id", NULL, NULL, NULL);
    assert_non_null(thread);
    assert_true(loop_thread_get_tid(thread) > 0);
    assert_int_not_equal(loop_thread_get_tid(thread), gettid());
    read_task_file(thread, "comm", comm, sizeof(comm));
    assert_string_equal(comm, "IO a-rather-lon\n");
    loop_thread_free(thread);
}

/* Like a thread that was made before anybody cared for masks. */
static int unblocking_spawn(pthread_t *thread, void *(*fn)(void *), void *arg, void *opaque)
{
    sigset_t none, old;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &old);
    int err = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

static void nothing(void *opaque)
{
}

static void assert_signals_blocked(LoopThread *thread)
{
    /* Until it runs, all are blocked. */
    loop_call_sync(loop_thread_get_loop(thread), nothing, NULL);
    char status[4096];
    uint64_t blocked = 0;
    read_task_file(thread, "status", status, sizeof(status));
    const char *line = strstr(status, "SigBlk:");
    assert_non_null(line);
    assert_int_equal(sscanf(line, "SigBlk: %lx", &blocked), 1);
    static const int must_block[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGALRM};
    for (size_t i = 0; i < G_N_ELEMENTS(must_block); i++) {
        assert_true(blocked & UINT64_C(1) << (must_block[i] - 1));
    }
    static const int must_not[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < G_N_ELEMENTS(must_not); i++) {
        assert_false(blocked & UINT64_C(1) << (must_not[i] - 1));
    }
}

static void thread_blocks_signals_but_faults_and_leaves_the_callers_mask(void **state)
{
    sigset_t mask;
    LoopSpawnFn *const spawns[] = {NULL, unblocking_spawn};
    for (size_t i = 0; i < G_N_ELEMENTS(spawns); i++) {
        LoopThread *thread = loop_thread_new("t", spawns[i], NULL, NULL);
        assert_non_null(thread);
        assert_signals_blocked(thread);
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        assert_false(sigismember(&mask, SIGTERM));
        loop_thread_free(thread);
    }
}

typedef struct Spawner {
    unsigned calls;
    int err;
} Spawner;

static int counting_spawn(pthread_t *thread, void *(*fn)(void *), void *arg, void *opaque)
{
    Spawner *spawner = opaque;
    spawner->calls++;
    return spawner->err ? spawner->err : pthread_create(thread, NULL, fn, arg);
}

static void spawn_function_creates_the_thread(void **state)
{
    Spawner spawner = {0};
    LoopThread *thread = loop_thread_new("t", counting_spawn, &spawner, NULL);
    assert_non_null(thread);
    assert_int_equal(spawner.calls, 1);
    loop_thread_free(thread);
}

static void refused_thread_leaves_nothing(void **state)
{
    unsigned threads = count_threads();
    unsigned fds = count_fds();
    Spawner spawner = {.err = EAGAIN};
    QOM_AUTO_ERROR(error);
    assert_null(loop_thread_new("io0", counting_spawn, &spawner, &error));
    assert_string_equal(qom_error_message(error),
                        "Cannot start thread 'io0': Resource temporarily unavailable");
    assert_int_equal(count_fds(), fds);
    assert_threads(threads);
}

static void loop_without_descriptors_left_is_an_error(void **state)
{
    struct rlimit old, tight;
    unsigned fds = count_fds();
    int probe = dup(0);
    close(probe);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    static const char *const texts[] = {
        "Cannot create an eventfd for an event loop: Too many open files",
        "Cannot create an epoll descriptor for an event loop: Too many open files",
    };
    for (int spare = 0; spare < 2; spare++) {
        tight = old;
        tight.rlim_cur = (rlim_t)(probe + spare);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        QOM_AUTO_ERROR(error);
        Loop *loop = loop_new(&error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_null(loop);
        assert_string_equal(qom_error_message(error), texts[spare]);
    }
    assert_int_equal(count_fds(), fds);
}

static void *run_loop(void *opaque)
{
    loop_run(opaque);
    return NULL;
}

static void stop_from_another_thread_ends_the_run(void **state)
{
    Loop *loop = loop_new(NULL);
    for (unsigned i = 0; i < 200; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run_loop, loop), 0);
        if (i % 2) {
            sleep_ns(MS / 10); /* asleep or about to be, as luck has it */
        }
        loop_stop(loop);
        pthread_join(thread, NULL);
    }
    loop_free(loop);
}

static void many_threads_come_and_go_without_a_trace(void **state)
{
    unsigned before = count_threads();
    enum { N = 100 };
    LoopThread *threads[N];
    unsigned fds = count_fds();
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < N; i++) {
            threads[i] = loop_thread_new("t", NULL, NULL, NULL);
            assert_non_null(threads[i]);
        }
        assert_threads(before + N);
        assert_true(count_fds() - fds <= 3 * N);
        for (unsigned i = 0; i < N; i++) {
            loop_thread_free(threads[i]);
        }
        assert_threads(before);
        assert_int_equal(count_fds(), fds);
    }
}

/* ---- stress: every API that any thread may call, against three loops at work ---- */

enum { LOOPS = 3, ROUNDS = 3000 };

typedef struct Stress {
    Loop *loops[LOOPS]; /* calls go from a lower index to a higher one only */
    atomic_uint posted, received, worked, finished;
} Stress;

typedef struct Hop {
    Stress *stress;
    unsigned at;
} Hop;

static void stress_receive(void *opaque)
{
    Stress *stress = opaque;
    atomic_fetch_add(&stress->received, 1);
}

static void stress_work(void *opaque)
{
    Stress *stress = opaque;
    atomic_fetch_add(&stress->worked, 1);
}

static void stress_finish(void *opaque)
{
    Stress *stress = opaque;
    atomic_fetch_add(&stress->finished, 1);
}

static void stress_hop(void *opaque)
{
    Hop *hop = opaque;
    Stress *stress = hop->stress;
    assert_ptr_equal(loop_current(), stress->loops[hop->at]);
    assert_true(loop_pool_submit(loop_current(), stress_work, stress_finish, stress, NULL));
    if (++hop->at < LOOPS) {
        loop_call_sync(stress->loops[hop->at], stress_hop, hop);
    }
}

static void *stress_poster(void *opaque)
{
    Stress *stress = opaque;
    for (unsigned i = 0; i < ROUNDS; i++) {
        Loop *loop = stress->loops[i % LOOPS];
        atomic_fetch_add(&stress->posted, 1);
        loop_post(loop, stress_receive, stress);
        if (i % 16 == 0) {
            LoopPollParams params = {.max_ns = (i % 3) * 20000, .grow = i % 5, .shrink = i % 4};
            assert_true(loop_set_poll_params(loop, &params, NULL));
            assert_true(loop_set_pool_params(loop, i % 3, 1 + i % 5 + i % 3, NULL));
            assert_true(stats_of(loop).pool_threads < 100);
            loop_wake(loop);
        }
    }
    return NULL;
}

static void stress_of_all_thread_safe_calls_loses_nothing(void **state)
{
    unsigned before = count_threads();
    Stress stress = {0};
    LoopThread *threads[LOOPS];
    pthread_t posters[2];
    for (unsigned i = 0; i < LOOPS; i++) {
        threads[i] = loop_thread_new("stress", NULL, NULL, NULL);
        stress.loops[i] = loop_thread_get_loop(threads[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(posters); i++) {
        assert_int_equal(pthread_create(&posters[i], NULL, stress_poster, &stress), 0);
    }
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        Hop hop = {.stress = &stress};
        loop_call_sync(stress.loops[0], stress_hop, &hop);
        assert_int_equal(hop.at, LOOPS);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(posters); i++) {
        pthread_join(posters[i], NULL);
    }
    for (unsigned i = 0; i < LOOPS; i++) {
        loop_thread_free(threads[i]);
    }
    assert_int_equal(stress.received, stress.posted);
    assert_int_equal(stress.worked, LOOPS * (ROUNDS / 10));
    assert_int_equal(stress.finished, stress.worked);
    assert_threads(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_has_its_id_and_name_on_return),
        cmocka_unit_test(thread_blocks_signals_but_faults_and_leaves_the_callers_mask),
        cmocka_unit_test(spawn_function_creates_the_thread),
        cmocka_unit_test(refused_thread_leaves_nothing),
        cmocka_unit_test(loop_without_descriptors_left_is_an_error),
        cmocka_unit_test(stop_from_another_thread_ends_the_run),
        cmocka_unit_test(many_threads_come_and_go_without_a_trace),
        cmocka_unit_test(stress_of_all_thread_safe_calls_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
