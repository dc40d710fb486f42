/* SPDX-License-Identifier: BSD-3-Clause */
/* What `qom top` makes of two samples, and how it shows one. */
#include "client/top.h"
#include "unit.h"

#include <unistd.h>

static TopSample *new_sample(int64_t time_us)
{
    TopSample *s = g_new0(TopSample, 1);
    s->threads = g_array_new(FALSE, TRUE, sizeof(TopThread));
    s->clients = g_array_new(FALSE, TRUE, sizeof(TopClient));
    s->memory = g_array_new(FALSE, TRUE, sizeof(TopMemory));
    s->time_us = time_us;
    s->wall_us = INT64_C(1000000) * G_USEC_PER_SEC;
    return s;
}

static TopThread *add_thread(TopSample *s, int64_t tid, const char *name, uint64_t cpu_ns)
{
    TopThread *t = top_add_thread(s, tid);
    g_free(t->name);
    t->name = g_strdup(name);
    t->cpu_known = true;
    t->cpu_ns = cpu_ns;
    return t;
}

static void add_client(TopSample *s, const char *monitor, int64_t pid, uint64_t commands)
{
    TopClient c = {.monitor = g_strdup(monitor), .pid = pid, .since = 5, .commands = commands};
    g_array_append_val(s->clients, c);
}

static void add_memory(TopSample *s, const char *id, uint64_t size)
{
    TopMemory m = {.id = g_strdup(id), .size = size};
    g_array_append_val(s->memory, m);
}

/* The unit's samples have no clear functions, unlike those of top_sample_take(). */
static void free_sample(TopSample *s)
{
    for (guint i = 0; i < s->threads->len; i++) {
        g_free(g_array_index(s->threads, TopThread, i).name);
        g_free(g_array_index(s->threads, TopThread, i).id);
    }
    for (guint i = 0; i < s->clients->len; i++) {
        g_free(g_array_index(s->clients, TopClient, i).monitor);
    }
    for (guint i = 0; i < s->memory->len; i++) {
        g_free(g_array_index(s->memory, TopMemory, i).id);
    }
    top_sample_free(s);
}

static void rates_are_per_second_and_the_busiest_comes_first(void **state)
{
    TopSample *before = new_sample(1000000);
    TopSample *now = new_sample(3000000);

    add_thread(before, 1, "idle", 100);
    add_thread(before, 2, "busy", 0)->figure[TOP_LOOPS] = 10;
    add_thread(now, 1, "idle", 100);
    add_thread(now, 2, "busy", 1000000000)->figure[TOP_LOOPS] = 110;
    add_thread(now, 3, "new", 700000000);
    add_client(before, "m", 7, 10);
    add_client(before, "m", 8, 10);
    add_client(now, "m", 7, 12);
    add_client(now, "m", 8, 50);
    add_client(now, "m", 9, 99);
    add_memory(now, "small", 1);
    add_memory(now, "large", 2);
    top_compare(now, before);

    const TopThread *t = &g_array_index(now->threads, TopThread, 0);
    assert_int_equal(t->tid, 2);
    assert_true(t->rates_known);
    assert_int_equal(t->cpu_percent, 50);
    assert_int_equal(t->rate[TOP_LOOPS], 50);
    assert_int_equal(now->cpu_percent, 50);
    assert_false(top_find_thread(now, 3)->rates_known);
    const TopClient *c = &g_array_index(now->clients, TopClient, 0);
    assert_int_equal(c->pid, 8);
    assert_int_equal(c->rate, 20);
    assert_false(g_array_index(now->clients, TopClient, 2).rate_known);
    assert_string_equal(g_array_index(now->memory, TopMemory, 0).id, "large");
    free_sample(before);
    free_sample(now);
}

static void a_counter_that_became_smaller_has_no_negative_rate(void **state)
{
    TopSample *before = new_sample(0);
    TopSample *now = new_sample(1000000);
    add_thread(before, 1, "a", 500)->figure[TOP_EVENTS] = 9;
    add_thread(now, 1, "a", 100)->figure[TOP_EVENTS] = 3;
    top_compare(now, before);
    const TopThread *t = top_find_thread(now, 1);
    assert_true(t->cpu_percent == 0 && t->rate[TOP_EVENTS] == 0);
    free_sample(before);
    free_sample(now);
}

static void a_page_fits_its_rows_and_columns(void **state)
{
    static const Printer plain = {.utf8 = true};
    TopSample *s = new_sample(0);
    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("thread-with-quite-a-long-name-%d", i);
        add_thread(s, i, name, 0);
        add_client(s, name, i, 1);
        add_memory(s, name, 1);
    }
    top_compare(s, NULL);
    for (size_t rows = 10; rows < 60; rows += 7) {
        g_autoptr(GString) out = g_string_new(NULL);
        top_write_text(&plain, s, 50, rows, out);
        g_auto(GStrv) lines = g_strsplit(out->str, "\n", -1);
        assert_in_range(g_strv_length(lines) - 1, rows - 2, rows);
        for (char **line = lines; *line; line++) {
            assert_in_range(print_width(*line), 0, 50);
        }
        assert_non_null(strstr(out->str, "THREAD"));
        assert_non_null(strstr(out->str, "MONITOR"));
        assert_non_null(strstr(out->str, "MEMORY"));
    }
    free_sample(s);
}

static void names_can_not_steer_a_terminal(void **state)
{
    static const Printer plain = {.utf8 = true};
    g_autoptr(GString) out = g_string_new(NULL);
    TopSample *s = new_sample(0);
    add_thread(s, 1, "\033[2J", 0)->id = g_strdup("a\nb");
    add_client(s, "\033]0;x\007", 1, 1);
    add_memory(s, "\r\xE2\x80\xAE", 1);
    top_write_text(&plain, s, 0, 0, out);
    assert_null(strpbrk(out->str, "\033\007\r"));
    assert_null(strstr(out->str, "\xE2\x80\xAE"));
    assert_null(strstr(out->str, "a\nb"));
    free_sample(s);
}

static void a_time_that_makes_no_sense_is_a_dash(void **state)
{
    static const Printer plain = {.utf8 = true};
    g_autoptr(GString) out = g_string_new(NULL);
    TopSample *s = new_sample(0);
    add_client(s, "m", 1, 1);
    g_array_index(s->clients, TopClient, 0).since = INT64_MIN;
    top_write_text(&plain, s, 0, 0, out);
    assert_true(g_str_has_suffix(out->str, " -\n"));
    free_sample(s);
}

static void the_threads_of_a_process_are_in_proc(void **state)
{
    TopSample *s = new_sample(0);
    s->pid = getpid();
    top_read_proc(s);
    assert_int_equal(s->pid, getpid());
    assert_true(s->rss_bytes > 0);
    const TopThread *t = top_find_thread(s, gettid());
    assert_non_null(t);
    assert_true(t->cpu_known && t->cpu_ns > 0);
    free_sample(s);
}

static void ids_of_threads_that_the_process_lacks_mean_another_namespace(void **state)
{
    TopSample *s = new_sample(0);
    s->pid = getpid();
    add_thread(s, INT32_MAX, "elsewhere", 0);
    top_read_proc(s);
    assert_int_equal(s->pid, 0);
    assert_int_equal(s->threads->len, 1);
    free_sample(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_per_second_and_the_busiest_comes_first),
        cmocka_unit_test(a_counter_that_became_smaller_has_no_negative_rate),
        cmocka_unit_test(a_page_fits_its_rows_and_columns),
        cmocka_unit_test(names_can_not_steer_a_terminal),
        cmocka_unit_test(a_time_that_makes_no_sense_is_a_dash),
        cmocka_unit_test(the_threads_of_a_process_are_in_proc),
        cmocka_unit_test(ids_of_threads_that_the_process_lacks_mean_another_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
