/* SPDX-License-Identifier: BSD-3-Clause */
/* What iothread and main-loop have beyond QEMU: a context, an affinity, a back end, figures. */
#include "fixture.h"

#include "backend/thread/thread.h"
#include "qapi-commands.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pid_t tid_of(const char *id)
{
    int64_t tid;
    assert_true(qom_property_get_int(qom_object_child(qom_objects(), id), "thread-id", &tid, NULL));
    return (pid_t)tid;
}

static uint64_t figure(const char *id, const char *name)
{
    uint64_t value;
    assert_true(qom_property_get_uint(qom_object_child(qom_objects(), id), name, &value, NULL));
    return value;
}

static int last_cpu(void)
{
    cpu_set_t cpus;
    int last = -1;
    assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        last = CPU_ISSET(cpu, &cpus) ? cpu : last;
    }
    return last;
}

static void assert_only_on(pid_t tid, int cpu)
{
    cpu_set_t cpus;
    assert_int_equal(sched_getaffinity(tid, sizeof(cpus), &cpus), 0);
    assert_int_equal(CPU_COUNT(&cpus), 1);
    assert_true(CPU_ISSET(cpu, &cpus));
}

static void nothing(void *opaque)
{
}

/* Lets the loop of iothread @id make two rounds. */
static Loop *settle(const char *id)
{
    Loop *loop = iothread_loop(qom_object_child(qom_objects(), id));
    loop_call_sync(loop, nothing, NULL);
    loop_call_sync(loop, nothing, NULL);
    return loop;
}

/* --- affinity -------------------------------------------------------------------------------- */

static void an_iothread_begins_with_the_affinity_of_its_context(void **state)
{
    int cpu = last_cpu();
    QOM_AUTO_ERROR(err);
    add("{'qom-type':'thread-context','id':'tc','cpu-affinity':[%d]}", cpu);
    add("{'qom-type':'iothread','id':'io','thread-context':'tc'}");
    assert_only_on(tid_of("io"), cpu);
    assert_property("io", "thread-context", "\"/objects/tc\"");
    settle("io");
    assert_false(qom_object_del("tc", &err));
    assert_string_equal(qom_error_message(err), "object 'tc' is in use, can not be deleted: used "
                                                "by /objects/io (thread-context)");
    del("io");
    del("tc");
    add_fails("Device 'tc' not found", "{'qom-type':'iothread','id':'io','thread-context':'tc'}");
}

static void an_iothread_may_have_an_affinity_of_its_own(void **state)
{
    int cpu = last_cpu();
    g_autofree char *json = g_strdup_printf("[%d]", cpu);
    g_autofree char *twice = g_strdup_printf("[%d,%d,65535]", cpu, cpu);
    add("{'qom-type':'iothread','id':'io','cpu-affinity':[0]}");
    assert_only_on(tid_of("io"), 0);
    assert_property("io", "cpu-affinity", "[0]");
    set("io", "cpu-affinity", twice);
    assert_only_on(tid_of("io"), cpu);
    assert_property("io", "cpu-affinity", json);
    set_fails("io", "cpu-affinity", "[]", "CPU list is empty");
    set_fails("io", "cpu-affinity", "[65535]", "Setting CPU affinity failed: Invalid argument");
    set("io", "poll-max-ns", "5");
    set("io", "thread-pool-max", "5");
    assert_only_on(tid_of("io"), cpu);
}

static void a_refused_affinity_leaves_no_iothread(void **state)
{
    add("{'qom-type':'iothread','id':'io'}");
    del("io");
    Holdings before = holdings();
    for (unsigned i = 0; i < 20; i++) {
        add_fails("CPU list is empty", "{'qom-type':'iothread','id':'io','cpu-affinity':[]}");
        add_fails("Setting CPU affinity failed: Invalid argument",
                  "{'qom-type':'iothread','id':'io','cpu-affinity':[65535]}");
    }
    assert_holdings(before);
}

static void an_affinity_from_outside_is_not_undone(void **state)
{
    cpu_set_t cpus;
    int cpu = last_cpu();
    add("{'qom-type':'iothread','id':'io','cpu-affinity':[0]}");
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    assert_int_equal(sched_setaffinity(tid_of("io"), sizeof(cpus), &cpus), 0);
    set("io", "poll-grow", "3");
    set("io", "fd-monitor", "'io_uring'");
    settle("io");
    assert_only_on(tid_of("io"), cpu);
}

/* --- settings -------------------------------------------------------------------------------- */

static void the_main_loop_may_poll(void **state)
{
    LoopPollParams params;
    add("{'qom-type':'main-loop','id':'ml','poll-max-ns':1000,'poll-grow':3,'poll-shrink':4}");
    loop_get_poll_params(loop_main(), &params);
    assert_int_equal(params.max_ns, 1000);
    assert_int_equal(params.grow, 3);
    assert_int_equal(params.shrink, 4);
    set_fails("ml", "poll-max-ns", "-1",
              "poll-max-ns value must be in range [0, 9223372036854775807]");
    set("ml", "poll-max-ns", "0");
    loop_get_poll_params(loop_main(), &params);
    assert_int_equal(params.max_ns, 0);
    qom_objects_clear();
    add("{'qom-type':'main-loop','id':'ml'}");
    assert_property("ml", "poll-max-ns", "0");
}

/* A ring may be refused by the kernel; then the property keeps the wish, and the loop works. */
static void the_back_end_may_change_while_the_loop_runs(void **state)
{
    add("{'qom-type':'iothread','id':'a'}");
    add("{'qom-type':'iothread','id':'b','fd-monitor':'io_uring'}");
    assert_property("a", "fd-monitor", "\"epoll\"");
    assert_property("b", "fd-monitor", "\"io_uring\"");
    LoopMonitor ring = loop_get_monitor(settle("b"));
    assert_int_equal(loop_get_monitor(settle("a")), LOOP_MONITOR_EPOLL);
    set("a", "fd-monitor", "'io_uring'");
    assert_int_equal(loop_get_monitor(settle("a")), ring);
    set("a", "fd-monitor", "'epoll'");
    assert_int_equal(loop_get_monitor(settle("a")), LOOP_MONITOR_EPOLL);
    set_fails("a", "fd-monitor", "'select'",
              "Parameter 'fd-monitor' does not accept value 'select'");
}

enum { STRESS_ROUNDS = 300 };

typedef struct Stress {
    Loop *loop;
    atomic_bool over;
    uint64_t posted, ran;
} Stress;

static void stress_ran(void *opaque)
{
    ((Stress *)opaque)->ran++;
}

static void *post_all_the_time(void *opaque)
{
    Stress *stress = opaque;
    while (!atomic_load(&stress->over)) {
        loop_post(stress->loop, stress_ran, stress);
        stress->posted++;
        if (stress->posted % 64 == 0) {
            loop_call_sync(stress->loop, nothing, NULL);
        }
    }
    return NULL;
}

static void every_setting_may_change_while_the_loop_runs(void **state)
{
    static const char *const monitors[] = {"'epoll'", "'io_uring'"};
    static const char *const names[] = {"poll-max-ns", "poll-grow", "poll-shrink", "aio-max-batch",
                                        "thread-pool-min"};
    QomObject *obj = add("{'qom-type':'iothread','id':'io'}");
    Stress stress = {.loop = iothread_loop(obj)};
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, post_all_the_time, &stress), 0);
    Stress second = {.loop = stress.loop};
    loop_call_sync(stress.loop, nothing, NULL); /* it may not have run yet */
    assert_int_equal(pthread_create(&threads[1], NULL, post_all_the_time, &second), 0);
    for (unsigned i = 0; i < STRESS_ROUNDS; i++) {
        g_autofree char *value = g_strdup_printf("%u", i % 7 * (i % 3 ? 1 : 10000));
        set("io", names[i % G_N_ELEMENTS(names)],
            i % G_N_ELEMENTS(names) == 4 ? (i % 2 ? "2" : "0") : value);
        if (i % 10 == 0) {
            set("io", "fd-monitor", monitors[i / 10 % 2]);
        }
        assert_true(figure("io", "loops") > 0);
        figure("io", "pool-threads");
        QomdLoopList list;
        assert_true(qmp_qomd_query_loops(&list, NULL));
        assert_int_equal(list.n, 2);
        qapi_clear(&qapi_type_QomdLoopList, &list);
    }
    atomic_store(&stress.over, true);
    atomic_store(&second.over, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    del("io"); /* runs what is left */
    assert_int_equal(stress.ran, stress.posted);
    assert_int_equal(second.ran, second.posted);
}

/* --- figures --------------------------------------------------------------------------------- */

static void figures_count_what_the_loop_does(void **state)
{
    add("{'qom-type':'iothread','id':'io','poll-max-ns':0,'thread-pool-min':3}");
    settle("io");
    assert_int_equal(figure("io", "pool-threads"), 3); /* at once */
    uint64_t loops = figure("io", "loops");
    for (unsigned i = 0; i < 10; i++) {
        settle("io");
    }
    assert_true(figure("io", "loops") >= loops + 10);
    g_usleep(20000);
    settle("io");
    assert_true(figure("io", "slept-ns") >= 10000000);
    assert_int_equal(figure("io", "polled-ns"), 0);
    assert_int_equal(figure("io", "poll-ns"), 0);
    QOM_AUTO_ERROR(err);
    assert_false(qom_property_set_json(qom_object_child(qom_objects(), "io"), "loops", "1", &err));
    assert_string_equal(qom_error_message(err), "Property 'iothread.loops' is not writable");
}

static void the_command_lists_every_loop_with_its_thread(void **state)
{
    QomdLoopList list;
    add("{'qom-type':'iothread','id':'b','poll-max-ns':7}");
    add("{'qom-type':'thread-context','id':'tc'}");
    add("{'qom-type':'iothread','id':'a-rather-long-name'}");
    settle("b");
    run_ms(1);
    assert_true(qmp_qomd_query_loops(&list, NULL));
    assert_int_equal(list.n, 3);
    assert_null(list.items[0].path);
    assert_int_equal(list.items[0].thread_id, getpid());
    assert_true(list.items[0].loops > 0);
    assert_string_equal(list.items[1].path, "/objects/b");
    assert_string_equal(list.items[1].name, "IO b");
    assert_int_equal(list.items[1].thread_id, tid_of("b"));
    assert_int_equal(list.items[1].poll_max_ns, 7);
    assert_int_equal(list.items[1].fd_monitor, EVENT_LOOP_MONITOR_EPOLL);
    assert_int_equal(list.items[1].calls, 2);
    assert_int_equal(list.items[1].calls_queued, 0);
    assert_string_equal(list.items[2].name, "IO a-rather-lon");
    qapi_clear(&qapi_type_QomdLoopList, &list);

    add("{'qom-type':'main-loop','id':'ml'}");
    assert_true(qmp_qomd_query_loops(&list, NULL));
    assert_string_equal(list.items[0].path, "/objects/ml");
    qapi_clear(&qapi_type_QomdLoopList, &list);
}

static void wait_for(void *opaque)
{
    while (!atomic_load((atomic_bool *)opaque)) {
        sched_yield();
    }
}

static void calls_that_wait_are_counted(void **state)
{
    QomObject *obj = add("{'qom-type':'iothread','id':'io'}");
    Loop *loop = iothread_loop(obj);
    atomic_bool go = false;
    LoopStats stats;
    loop_post(loop, wait_for, &go);
    for (unsigned i = 0; i < 10; i++) {
        loop_post(loop, nothing, NULL);
    }
    do {
        loop_get_stats(loop, &stats);
    } while (stats.calls_queued > 10);
    assert_int_equal(stats.calls_queued, 10);
    atomic_store(&go, true);
    settle("io");
    loop_get_stats(loop, &stats);
    assert_int_equal(stats.calls_queued, 0);
}

/* --- what is left ---------------------------------------------------------------------------- */

static void ten_thousand_iothreads_leave_nothing_behind(void **state)
{
    add("{'qom-type':'iothread','id':'io'}");
    del("io");
    Holdings before = holdings();
    for (unsigned i = 0; i < 10000; i++) {
        const char *monitor = i % 10 ? "epoll" : "io_uring";
        add("{'qom-type':'iothread','id':'io','fd-monitor':'%s'}", monitor);
        del("io");
    }
    assert_holdings(before);
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void a_hundred_iothreads_cost_little(const char *monitor)
{
    enum { N = 100 };
    add("{'qom-type':'iothread','id':'io'}"); /* a sanitizer makes a thread of its own then */
    del("io");
    Holdings before = holdings();
    uint64_t resident = resident_bytes();
    for (unsigned i = 0; i < N; i++) {
        g_autofree char *id = g_strdup_printf("io%u", i);
        add("{'qom-type':'iothread','id':'%s','fd-monitor':'%s'}", id, monitor);
        settle(id);
    }
    resident = resident_bytes() - resident;
    Holdings now = holdings();
    assert_int_equal(now.threads, before.threads + N);
    assert_true(now.fds <= before.fds + 3 * N);
    if (!watched()) {
        assert_in_range(resident / N, 0, 30 * 1024);
    }
}

static void a_hundred_iothreads_take_three_descriptors_and_30_kib_each(void **state)
{
    a_hundred_iothreads_cost_little("epoll");
}

static void with_io_uring_they_do_too(void **state)
{
    a_hundred_iothreads_cost_little("io_uring");
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hundred_iothreads_take_three_descriptors_and_30_kib_each),
        TEST(with_io_uring_they_do_too),
        TEST(an_iothread_begins_with_the_affinity_of_its_context),
        TEST(an_iothread_may_have_an_affinity_of_its_own),
        TEST(a_refused_affinity_leaves_no_iothread),
        TEST(an_affinity_from_outside_is_not_undone),
        TEST(the_main_loop_may_poll),
        TEST(the_back_end_may_change_while_the_loop_runs),
        TEST(every_setting_may_change_while_the_loop_runs),
        TEST(figures_count_what_the_loop_does),
        TEST(the_command_lists_every_loop_with_its_thread),
        TEST(calls_that_wait_are_counted),
        TEST(ten_thousand_iothreads_leave_nothing_behind),
    };
    return cmocka_run_group_tests_name("event-loop", tests, backend_setup, backend_teardown);
}
