/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads and event loops as objects. */
#include "fixture.h"

#include "backend/thread/thread.h"
#include "qapi-commands.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static pid_t tid_of(const char *id)
{
    int64_t tid;
    assert_true(qom_property_get_int(qom_object_child(qom_objects(), id), "thread-id", &tid, NULL));
    assert_true(tid > 0);
    return (pid_t)tid;
}

static void assert_comm(pid_t tid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/comm", tid);
    g_autofree char *comm = NULL;
    assert_true(g_file_get_contents(path, &comm, NULL, NULL));
    assert_string_equal(g_strchomp(comm), name);
}

static unsigned cpus_of(pid_t tid, cpu_set_t *cpus)
{
    assert_int_equal(sched_getaffinity(tid, sizeof(*cpus), cpus), 0);
    return (unsigned)CPU_COUNT(cpus);
}

static int last_cpu(void)
{
    cpu_set_t cpus;
    int last = -1;
    cpus_of(0, &cpus);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        last = CPU_ISSET(cpu, &cpus) ? cpu : last;
    }
    return last;
}

static void assert_only_on(pid_t tid, int cpu)
{
    cpu_set_t cpus;
    assert_int_equal(cpus_of(tid, &cpus), 1);
    assert_true(CPU_ISSET(cpu, &cpus));
}

/* The mask of blocked signals, from /proc. */
static uint64_t blocked_signals(pid_t tid)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/status", tid);
    g_autofree char *status = NULL;
    assert_true(g_file_get_contents(path, &status, NULL, NULL));
    const char *at = strstr(status, "SigBlk:");
    assert_non_null(at);
    return g_ascii_strtoull(at + strlen("SigBlk:"), NULL, 16);
}

static void assert_blocks_signals(pid_t tid)
{
    uint64_t blocked = blocked_signals(tid);
    static const int asynchronous[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1};
    for (size_t i = 0; i < G_N_ELEMENTS(asynchronous); i++) {
        assert_true(blocked & UINT64_C(1) << (asynchronous[i] - 1));
    }
    assert_false(blocked & UINT64_C(1) << (SIGBUS - 1));
    assert_false(blocked & UINT64_C(1) << (SIGSEGV - 1));
}

/* --- thread-context -------------------------------------------------------------------------- */

static void a_context_is_a_thread_with_the_affinity_asked_for(void **state)
{
    int cpu = last_cpu();
    add("{'qom-type':'thread-context','id':'tc','cpu-affinity':[%d,%d]}", cpu, cpu);
    assert_only_on(tid_of("tc"), cpu);
    assert_comm(tid_of("tc"), "TC tc");
    assert_blocks_signals(tid_of("tc"));
    g_autofree char *json = g_strdup_printf("[%d]", cpu);
    assert_property("tc", "cpu-affinity", json);
    add("{'qom-type':'thread-context','id':'a.very-long-name-of-a-context'}");
    assert_comm(tid_of("a.very-long-name-of-a-context"), "TC a.very-long-");
}

static void without_affinity_it_has_that_of_its_creator(void **state)
{
    cpu_set_t ours, its;
    add("{'qom-type':'thread-context','id':'tc'}");
    cpus_of(0, &ours);
    cpus_of(tid_of("tc"), &its);
    assert_true(CPU_EQUAL(&ours, &its));
}

static void affinity_is_read_from_the_kernel(void **state)
{
    cpu_set_t cpus;
    int cpu = last_cpu();
    add("{'qom-type':'thread-context','id':'tc'}");
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    assert_int_equal(sched_setaffinity(tid_of("tc"), sizeof(cpus), &cpus), 0);
    g_autofree char *json = g_strdup_printf("[%d]", cpu);
    assert_property("tc", "cpu-affinity", json);
}

static void absent_cpus_are_left_out(void **state)
{
    add("{'qom-type':'thread-context','id':'tc','cpu-affinity':[65535,0]}");
    assert_property("tc", "cpu-affinity", "[0]");
}

static void affinity_may_change_and_a_refused_change_does_nothing(void **state)
{
    cpu_set_t ours, now;
    int cpu = last_cpu();
    cpus_of(0, &ours);
    add("{'qom-type':'thread-context','id':'tc'}");
    g_autofree char *json = g_strdup_printf("[%d]", cpu);
    set("tc", "cpu-affinity", json);
    assert_only_on(tid_of("tc"), cpu);
    set_fails("tc", "cpu-affinity", "[]", "CPU list is empty");
    set_fails("tc", "cpu-affinity", "[65535]", "Setting CPU affinity failed: Invalid argument");
    set_fails("tc", "cpu-affinity", "[65536]", "Parameter 'cpu-affinity[0]' expects uint16_t");
    set_fails("tc", "cpu-affinity", "0",
              "Invalid parameter type for 'cpu-affinity', expected: array");
    set_fails("tc", "node-affinity", "[]", "Node list is empty");
    set_fails("tc", "node-affinity", "[999]", "The nodes select no CPUs");
    set_fails("tc", "thread-id", "1", "Property 'thread-context.thread-id' is not writable");
    assert_only_on(tid_of("tc"), cpu);
    set("tc", "node-affinity", "[0,999]");
    assert_true(cpus_of(tid_of("tc"), &now) >= 1);
    /* Nobody else was touched. */
    cpus_of(0, &now);
    assert_true(CPU_EQUAL(&ours, &now));
}

static void node_affinity_reads_as_the_nodes_of_its_cpus(void **state)
{
    if (access("/sys/devices/system/node/node0/cpulist", R_OK) < 0) {
        skip();
    }
    add("{'qom-type':'thread-context','id':'tc'}");
    g_autofree char *all =
        qom_property_get_json(qom_object_child(qom_objects(), "tc"), "node-affinity", NULL);
    set("tc", "node-affinity", all);
    assert_property("tc", "node-affinity", all);
    set("tc", "node-affinity", "[0,0,999]");
    assert_property("tc", "node-affinity", "[0]");
}

static void a_refused_context_leaves_no_thread(void **state)
{
    static const char *const rows[][2] = {
        {"CPU list is empty", "'cpu-affinity':[]"},
        {"Node list is empty", "'node-affinity':[]"},
        {"Setting CPU affinity failed: Invalid argument", "'cpu-affinity':[65535]"},
        {"The nodes select no CPUs", "'node-affinity':[999]"},
        {"Mixing CPU and node affinity not supported", "'cpu-affinity':[0],'node-affinity':[0]"},
        {"Parameter 'cpu-affinity[1]' expects uint16_t", "'cpu-affinity':[0,65536]"},
        {"Parameter 'thread-id' is unexpected", "'thread-id':1"},
    };
    add("{'qom-type':'thread-context','id':'tc'}");
    del("tc");
    Holdings before = holdings();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        add_fails(rows[i][0], "{'qom-type':'thread-context','id':'tc',%s}", rows[i][1]);
    }
    assert_holdings(before);
}

static void *where_am_i(void *opaque)
{
    *(cpu_set_t *)opaque = (cpu_set_t){0};
    sched_getaffinity(0, sizeof(cpu_set_t), opaque);
    return NULL;
}

static void its_threads_inherit_its_affinity(void **state)
{
    cpu_set_t cpus;
    pthread_t thread;
    int cpu = last_cpu();
    QomObject *tc = add("{'qom-type':'thread-context','id':'tc','cpu-affinity':[%d]}", cpu);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(thread_context_spawn(&thread, where_am_i, &cpus, tc), 0);
        pthread_join(thread, NULL);
        assert_int_equal(CPU_COUNT(&cpus), 1);
        assert_true(CPU_ISSET(cpu, &cpus));
    }
}

enum { RIVALS = 4, SPAWNS = 50 };

static void *spawn_many(void *tc)
{
    for (unsigned i = 0; i < SPAWNS; i++) {
        cpu_set_t cpus;
        pthread_t thread;
        if (thread_context_spawn(&thread, where_am_i, &cpus, tc) != 0) {
            return tc;
        }
        pthread_join(thread, NULL);
    }
    return NULL;
}

static void many_may_ask_a_context_at_once(void **state)
{
    QomObject *tc = add("{'qom-type':'thread-context','id':'tc'}");
    pthread_t rivals[RIVALS];
    for (unsigned i = 0; i < RIVALS; i++) {
        assert_int_equal(pthread_create(&rivals[i], NULL, spawn_many, tc), 0);
    }
    for (unsigned i = 0; i < RIVALS; i++) {
        void *failed;
        pthread_join(rivals[i], &failed);
        assert_null(failed);
    }
}

static void nothing(void *opaque)
{
}

/* --- iothread -------------------------------------------------------------------------------- */

static void an_iothread_is_a_thread_with_a_loop(void **state)
{
    cpu_set_t ours, its;
    QomObject *obj = add("{'qom-type':'iothread','id':'io0'}");
    assert_comm(tid_of("io0"), "IO io0");
    loop_call_sync(iothread_loop(obj), nothing, NULL); /* until it runs, all are blocked */
    assert_blocks_signals(tid_of("io0"));
    cpus_of(0, &ours);
    cpus_of(tid_of("io0"), &its);
    assert_true(CPU_EQUAL(&ours, &its));
    assert_non_null(iothread_loop(obj));
    assert_property("io0", "poll-max-ns", "32768");
    assert_property("io0", "poll-grow", "0");
    assert_property("io0", "poll-shrink", "0");
    assert_property("io0", "aio-max-batch", "0");
    assert_property("io0", "thread-pool-min", "0");
    assert_property("io0", "thread-pool-max", "64");
}

static void assert_loop(QomObject *obj, LoopPollParams poll, int64_t batch, int64_t min,
                        int64_t max)
{
    LoopPollParams have;
    int64_t have_min, have_max;
    loop_get_poll_params(iothread_loop(obj), &have);
    loop_get_pool_params(iothread_loop(obj), &have_min, &have_max);
    assert_int_equal(have.max_ns, poll.max_ns);
    assert_int_equal(have.grow, poll.grow);
    assert_int_equal(have.shrink, poll.shrink);
    assert_int_equal(loop_get_aio_max_batch(iothread_loop(obj)), batch);
    assert_int_equal(have_min, min);
    assert_int_equal(have_max, max);
}

static void its_settings_reach_the_loop(void **state)
{
    QomObject *obj = add("{'qom-type':'iothread','id':'io0','poll-max-ns':1000,'poll-grow':3,"
                         "'poll-shrink':4,'aio-max-batch':5,'thread-pool-min':1,"
                         "'thread-pool-max':7}");
    assert_loop(obj, (LoopPollParams){1000, 3, 4}, 5, 1, 7);
    set("io0", "poll-max-ns", "2000");
    set("io0", "poll-grow", "9223372036854775807");
    set("io0", "aio-max-batch", "6");
    set("io0", "thread-pool-max", "2147483647");
    set("io0", "thread-pool-min", "0");
    assert_loop(obj, (LoopPollParams){2000, INT64_MAX, 4}, 6, 0, 2147483647);
}

static void a_refused_setting_leaves_object_and_loop_as_they_were(void **state)
{
    QomObject *obj = add("{'qom-type':'iothread','id':'io0','thread-pool-min':2,"
                         "'thread-pool-max':4}");
    const char *pool = "bad thread-pool-min/thread-pool-max values";
    set_fails("io0", "thread-pool-min", "5", pool);
    set_fails("io0", "thread-pool-max", "1", pool);
    set_fails("io0", "thread-pool-max", "0", pool);
    set_fails("io0", "thread-pool-max", "2147483648", pool);
    static const char *const names[] = {"poll-max-ns",   "poll-grow",       "poll-shrink",
                                        "aio-max-batch", "thread-pool-min", "thread-pool-max"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *range =
            g_strdup_printf("%s value must be in range [0, 9223372036854775807]", names[i]);
        g_autofree char *type =
            g_strdup_printf("Invalid parameter type for '%s', expected: integer", names[i]);
        set_fails("io0", names[i], "-1", range);
        set_fails("io0", names[i], "1.5", type);
        set_fails("io0", names[i], "'1'", type);
    }
    assert_loop(obj, (LoopPollParams){32768, 0, 0}, 0, 2, 4);
    set("io0", "thread-pool-max", "8");
    set("io0", "thread-pool-min", "5");
    assert_loop(obj, (LoopPollParams){32768, 0, 0}, 0, 5, 8);
}

static void a_refused_iothread_leaves_nothing(void **state)
{
    static const char *const rows[][2] = {
        {"bad thread-pool-min/thread-pool-max values", "'thread-pool-min':8,'thread-pool-max':4"},
        {"bad thread-pool-min/thread-pool-max values", "'thread-pool-max':0"},
        {"poll-max-ns value must be in range [0, 9223372036854775807]", "'poll-max-ns':-1"},
        {"aio-max-batch value must be in range [0, 9223372036854775807]", "'aio-max-batch':-5"},
        {"Parameter 'thread-id' is unexpected", "'thread-id':1"},
    };
    add("{'qom-type':'iothread','id':'io0'}");
    del("io0");
    Holdings before = holdings();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        add_fails(rows[i][0], "{'qom-type':'iothread','id':'io0',%s}", rows[i][1]);
    }
    assert_holdings(before);
}

static void query_iothreads_lists_them(void **state)
{
    IOThreadInfoList list;
    add("{'qom-type':'iothread','id':'b','poll-max-ns':7,'poll-grow':8,'poll-shrink':9,"
        "'aio-max-batch':10}");
    add("{'qom-type':'thread-context','id':'tc'}");
    add("{'qom-type':'iothread','id':'a'}");
    assert_true(qmp_query_iothreads(&list, NULL));
    assert_int_equal(list.n, 2);
    assert_string_equal(list.items[0].id, "b");
    assert_int_equal(list.items[0].thread_id, tid_of("b"));
    assert_int_equal(list.items[0].poll_max_ns, 7);
    assert_int_equal(list.items[0].poll_grow, 8);
    assert_int_equal(list.items[0].poll_shrink, 9);
    assert_int_equal(list.items[0].aio_max_batch, 10);
    assert_string_equal(list.items[1].id, "a");
    qapi_clear(&qapi_type_IOThreadInfoList, &list);
}

static void a_used_iothread_can_not_be_deleted(void **state)
{
    QOM_AUTO_ERROR(err);
    QomObject *obj = add("{'qom-type':'iothread','id':'io0'}");
    QomUse *use = qom_object_use_by(obj, "test", NULL, "channel");
    assert_false(qom_object_del("io0", &err));
    assert_true(
        g_str_has_prefix(qom_error_message(err), "object 'io0' is in use, can not be deleted"));
    qom_object_unuse(use);
    del("io0");
}

static void a_hundred_iothreads_take_two_descriptors_each(void **state)
{
    Holdings before = holdings();
    for (unsigned i = 0; i < 100; i++) {
        add("{'qom-type':'iothread','id':'io%u'}", i);
    }
    Holdings now = holdings();
    assert_int_equal(now.threads, before.threads + 100);
    assert_true(now.fds <= before.fds + 300);
}

/* --- main-loop ------------------------------------------------------------------------------- */

static void there_is_one_main_loop_and_it_stays(void **state)
{
    QOM_AUTO_ERROR(err);
    int64_t min, max;
    add_fails("bad thread-pool-min/thread-pool-max values",
              "{'qom-type':'main-loop','id':'ml','thread-pool-min':8,'thread-pool-max':4}");
    add_fails("poll-max-ns value must be in range [0, 9223372036854775807]",
              "{'qom-type':'main-loop','id':'ml','poll-max-ns':-1}");
    add("{'qom-type':'main-loop','id':'ml','aio-max-batch':3,'thread-pool-max':9}");
    loop_get_pool_params(loop_main(), &min, &max);
    assert_int_equal(max, 9);
    assert_int_equal(loop_get_aio_max_batch(loop_main()), 3);
    add_fails("only one main-loop instance allowed", "{'qom-type':'main-loop','id':'m2'}");
    assert_false(qom_object_del("ml", &err));
    assert_string_equal(qom_error_message(err), "object 'ml' is in use, can not be deleted");
    set("ml", "thread-pool-max", "64");
    set("ml", "aio-max-batch", "0");
    loop_get_pool_params(loop_main(), &min, &max);
    assert_int_equal(max, 64);

    qom_objects_clear(); /* as at the end of a program */
    add("{'qom-type':'main-loop','id':'m2'}");
}

/* --- limits, leaks --------------------------------------------------------------------------- */

static void without_threads(void *opaque)
{
    struct rlimit none = {0, 0};
    if ((geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) ||
        setrlimit(RLIMIT_NPROC, &none) < 0) {
        _exit(77);
    }
    /* The C library keeps the stack for the next one. */
    add_fails_with("Resource temporarily unavailable", "{'qom-type':'iothread','id':'io0'}");
    Holdings before = holdings();
    add_fails("Could not create the thread of thread-context 'tc': Resource temporarily "
              "unavailable",
              "{'qom-type':'thread-context','id':'tc'}");
    add_fails_with("Resource temporarily unavailable", "{'qom-type':'iothread','id':'io0'}");
    assert_holdings(before);
}

static void no_more_threads_is_an_error(void **state)
{
    int status = in_child(without_threads, NULL);
    if (status == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

static void without_descriptors(void *opaque)
{
    int lowest = dup(0);
    for (unsigned left = 0; left < 2; left++) {
        struct rlimit limit = {(rlim_t)lowest + left, (rlim_t)lowest + 2};
        close(lowest);
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
            _exit(77); /* valgrind has its own */
        }
        add_fails_with("Too many open files", "{'qom-type':'iothread','id':'io0'}");
        lowest = left ? lowest : (int)limit.rlim_cur;
    }
}

static void no_more_descriptors_is_an_error(void **state)
{
    int status = in_child(without_descriptors, NULL);
    if (status == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

static void a_thousand_rounds_leave_nothing(void **state)
{
    add("{'qom-type':'iothread','id':'io'}");
    add("{'qom-type':'thread-context','id':'tc'}");
    del("io");
    del("tc");
    Holdings before = holdings();
    for (unsigned i = 0; i < 1000; i++) {
        add("{'qom-type':'iothread','id':'io'}");
        add("{'qom-type':'thread-context','id':'tc','cpu-affinity':[0]}");
        del("io");
        del("tc");
    }
    assert_holdings(before);
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_more_threads_is_an_error),
        TEST(no_more_descriptors_is_an_error),
        TEST(a_context_is_a_thread_with_the_affinity_asked_for),
        TEST(without_affinity_it_has_that_of_its_creator),
        TEST(affinity_is_read_from_the_kernel),
        TEST(absent_cpus_are_left_out),
        TEST(affinity_may_change_and_a_refused_change_does_nothing),
        TEST(node_affinity_reads_as_the_nodes_of_its_cpus),
        TEST(a_refused_context_leaves_no_thread),
        TEST(its_threads_inherit_its_affinity),
        TEST(many_may_ask_a_context_at_once),
        TEST(an_iothread_is_a_thread_with_a_loop),
        TEST(its_settings_reach_the_loop),
        TEST(a_refused_setting_leaves_object_and_loop_as_they_were),
        TEST(a_refused_iothread_leaves_nothing),
        TEST(query_iothreads_lists_them),
        TEST(a_used_iothread_can_not_be_deleted),
        TEST(a_hundred_iothreads_take_two_descriptors_each),
        TEST(there_is_one_main_loop_and_it_stays),
        TEST(a_thousand_rounds_leave_nothing),
    };
    return cmocka_run_group_tests_name("thread", tests, backend_setup, backend_teardown);
}
