/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A million objects: what each costs, and that creation, look-up and deletion do not get slower
 * with their number. The test prints what it measured.
 */
#include "types.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <malloc.h>
#include <time.h>

#include "qom/json.h"

#include <cmocka.h>

/* Under sanitizers memory and time say nothing about the program. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEASURES = false, MANY = 50000, FEW = 10000 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { MEASURES = false, MANY = 50000, FEW = 10000 };
#else
enum { MEASURES = true, MANY = 1000000, FEW = 10000 };
#endif
#else
enum { MEASURES = true, MANY = 1000000, FEW = 10000 };
#endif

enum { MAX_BYTES_EACH = 400, MAX_SLOWDOWN = 4 };

static double now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void add_cells(int from, int to)
{
    for (int i = from; i < to; i++) {
        char json[80];
        snprintf(json, sizeof(json), "{'qom-type':'test-cell','id':'cell-%d','value':%d}", i, i);
        assert_non_null(qom_object_add_json(json, NULL, NULL));
    }
}

/* The least time of three rounds, which other processes disturb least, of one operation. */
static double time_each(void (*round)(int first, int n), int first, int n)
{
    double best = 0;
    for (int i = 0; i < 3; i++) {
        double start = now_ns();
        round(first, n);
        double taken = (now_ns() - start) / n;
        best = i && best < taken ? best : taken;
    }
    return best;
}

static void look_up(int first, int n)
{
    for (int i = 0; i < n; i++) {
        char path[40];
        snprintf(path, sizeof(path), "/objects/cell-%d", first + i);
        assert_non_null(qom_resolve_path(path, NULL, NULL));
    }
}

static void look_up_partial(int first, int n)
{
    for (int i = 0; i < n; i++) {
        char path[40];
        snprintf(path, sizeof(path), "cell-%d", first + i);
        assert_non_null(qom_resolve_path(path, "test-cell", NULL));
    }
}

static void add_and_delete(int first, int n)
{
    for (int i = 0; i < n; i++) {
        char json[80];
        snprintf(json, sizeof(json), "{'qom-type':'test-cell','id':'new-%d'}", i);
        assert_non_null(qom_object_add_json(json, NULL, NULL));
    }
    for (int i = 0; i < n; i++) {
        char id[40];
        snprintf(id, sizeof(id), "new-%d", i);
        assert_true(qom_object_del(id, NULL));
    }
}

static void a_million_objects_are_small_and_cost_no_more_time_each(void **state)
{
    enum { N_OPERATIONS = 3, ROUND = 2000 };
    static void (*const operations[N_OPERATIONS])(int, int) = {look_up, look_up_partial,
                                                               add_and_delete};
    static const char *const names[N_OPERATIONS] = {"look-up", "partial look-up", "add and delete"};
    double few_ns[N_OPERATIONS], many_ns[N_OPERATIONS];
    size_t before = mallinfo2().uordblks;
    size_t mapped_before = mallinfo2().hblkhd;

    add_cells(0, FEW);
    for (int i = 0; i < N_OPERATIONS; i++) {
        few_ns[i] = time_each(operations[i], FEW / 2, ROUND);
    }
    add_cells(FEW, MANY);
    double bytes_each =
        (double)(mallinfo2().uordblks - before + mallinfo2().hblkhd - mapped_before) / MANY;
    for (int i = 0; i < N_OPERATIONS; i++) {
        many_ns[i] = time_each(operations[i], MANY / 2, ROUND);
        printf("# %s: %.0f ns with %d objects, %.0f ns with %d\n", names[i], few_ns[i], FEW,
               many_ns[i], MANY);
    }
    printf("# %.0f bytes an object\n", bytes_each);
    double start = now_ns();
    qom_objects_clear();
    printf("# clearing: %.0f ns an object\n", (now_ns() - start) / MANY);
    assert_int_equal(qom_object_child_count(qom_objects()), 0);
    if (!MEASURES) {
        return;
    }
    assert_true(bytes_each < MAX_BYTES_EACH);
    for (int i = 0; i < N_OPERATIONS; i++) {
        assert_true(many_ns[i] < MAX_SLOWDOWN * few_ns[i]);
    }
}

static void many_links_to_one_object_are_cleared_one_by_one(void **state)
{
    enum { N = 20000 };
    QomObject *tc = add("{'qom-type':'test-context','id':'tc'}");
    for (int i = 0; i < N; i++) {
        g_autofree char *json = g_strdup_printf(
            "{'qom-type':'test-ram','id':'m%d','size':1,'prealloc-context':'tc'}", i);
        assert_non_null(qom_object_add_json(json, NULL, NULL));
    }
    size_t n;
    QomUser *users = qom_object_users(tc, &n);
    qom_users_free(users, n);
    assert_int_equal(n, N);
    double start = now_ns();
    qom_objects_clear();
    double each_ns = (now_ns() - start) / N;
    printf("# clearing: %.0f ns an object with a link\n", each_ns);
    assert_true(!MEASURES || each_ns < 100000);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, setup_types, teardown_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_million_objects_are_small_and_cost_no_more_time_each),
        ROW(many_links_to_one_object_are_cleared_one_by_one),
    };
    return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
