/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory backends: what they share, and plain memory and memfds. */
#include "fixture.h"

#include "backend/memory/memory.h"
#include "qapi-commands.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };
#define MIB (UINT64_C(1) << 20)

static MemoryBackend *backend(const char *id)
{
    return (MemoryBackend *)qom_object_child(qom_objects(), id);
}

static Mapping region(const char *id)
{
    return mapping_at(backend(id)->map.ptr);
}

/* --- size and place -------------------------------------------------------------------------- */

static void plain_memory_is_rounded_up_to_pages(void **state)
{
    static const uint64_t sizes[][2] = {
        {1, 1}, {4095, 1}, {4096, 1}, {4097, 2}, {1000000, 245}, {64 * MIB, 64 * MIB / PAGE},
    };
    for (unsigned share = 0; share < 2; share++) {
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            add("{'qom-type':'memory-backend-ram','id':'m','size':%" PRIu64 ",'share':%s}",
                sizes[i][0], share ? "true" : "false");
            Mapping mapping = region("m");
            assert_int_equal(mapping.size_bytes, sizes[i][1] * PAGE);
            assert_string_equal(mapping.perms, share ? "rw-s" : "rw-p");
            assert_int_equal(mapping.rss_bytes, 0);
            g_autofree char *json = g_strdup_printf("%" PRIu64, sizes[i][0]);
            assert_property("m", "size", json);
            del("m");
        }
    }
}

static void a_guard_page_lies_behind(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':8192}");
    add("{'qom-type':'memory-backend-memfd','id':'n','size':8192}");
    assert_string_equal(mapping_at((char *)backend("m")->map.ptr + 8192).perms, "---p");
    assert_string_equal(mapping_at((char *)backend("n")->map.ptr + 8192).perms, "---p");
}

static void plain_memory_is_aligned_for_huge_pages(void **state)
{
    for (unsigned i = 0; i < 8; i++) {
        QomObject *obj =
            add("{'qom-type':'memory-backend-ram','id':'m%u','size':%" PRIu64 "}", i, 2 * MIB + i);
        assert_int_equal((uintptr_t)((MemoryBackend *)obj)->map.ptr % (2 * MIB), 0);
    }
}

static void children_do_not_get_it(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':4096}");
    add("{'qom-type':'memory-backend-memfd','id':'n','size':4096}");
    Mapping plain = region("m"), memfd = region("n");
    assert_true(mapping_has(&plain, "dc"));
    assert_true(mapping_has(&memfd, "dc"));
}

static void no_size_is_too_much_for_an_error(void **state)
{
    static const char *const sizes[] = {"18446744073709551615", "18446744073709547520",
                                        "9223372036854775808",  "9223372036854775807",
                                        "9223372036854771712",  "4611686018427387904"};
    Holdings before = holdings();
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        add_fails_with("", "{'qom-type':'memory-backend-ram','id':'m','size':%s}", sizes[i]);
        add_fails_with("", "{'qom-type':'memory-backend-ram','id':'m','share':true,'size':%s}",
                       sizes[i]);
        add_fails_with("", "{'qom-type':'memory-backend-memfd','id':'m','size':%s}", sizes[i]);
    }
    assert_holdings(before);
    add_fails("Parameter 'size' expects uint64",
              "{'qom-type':'memory-backend-ram','id':'m','size':-1}");
    add_fails("Parameter 'size' is missing", "{'qom-type':'memory-backend-ram','id':'m'}");
}

static void a_terabyte_costs_nothing_until_it_is_touched(void **state)
{
    if (watched()) {
        skip();
    }
    add("{'qom-type':'memory-backend-ram','id':'m','size':1099511627776,'reserve':false}");
    assert_int_equal(region("m").rss_bytes, 0);
    add("{'qom-type':'memory-backend-memfd','id':'n','size':1099511627776}");
    assert_int_equal(region("n").rss_bytes, 0);
}

/* --- memfd ----------------------------------------------------------------------------------- */

static void shared_memory_is_sealed_against_resizing(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':5000,'share':true}");
    add("{'qom-type':'memory-backend-memfd','id':'n','size':8192}");
    add("{'qom-type':'memory-backend-memfd','id':'o','size':8192,'seal':false}");
    assert_int_equal(fcntl(backend("m")->origin.fd, F_GET_SEALS), 7);
    assert_int_equal(fcntl(backend("n")->origin.fd, F_GET_SEALS), 7);
    assert_int_equal(fcntl(backend("o")->origin.fd, F_GET_SEALS), 1);
    assert_int_equal(ftruncate(backend("n")->origin.fd, 4096), -1);
    assert_int_equal(errno, EPERM);
    assert_string_equal(region("m").name, "/memfd:m (deleted)");
    assert_string_equal(region("n").name, "/memfd:memory-backend-memfd (deleted)");
    assert_property("n", "share", "true");
}

static void what_is_written_is_in_the_descriptor(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':8192,'share':true}");
    char c;
    ((volatile char *)backend("m")->map.ptr)[4097] = 'X';
    assert_int_equal(pread(backend("m")->origin.fd, &c, 1, 4097), 1);
    assert_int_equal(c, 'X');
}

static void bad_memfds_are_refused(void **state)
{
    static const struct {
        const char *text, *members;
    } rows[] = {
        {"memory size must be multiple of 4 KiB, not 5000 bytes", "'size':5000"},
        {"Property 'memory-backend-memfd.hugetlbsize' doesn't take value '0'",
         "'size':4096,'hugetlbsize':0"},
        {"Property 'memory-backend-memfd.hugetlbsize' expects a power of two, not '3'",
         "'size':4096,'hugetlbsize':3"},
        {"the system has no huge pages of 4 MiB (hugetlbsize); it has: ",
         "'size':4194304,'hugetlb':true,'hugetlbsize':4194304"},
        {"the system has no huge pages of 1 bytes (hugetlbsize); it has: ",
         "'size':4194304,'hugetlb':true,'hugetlbsize':1"},
        {"the system has no huge pages of 8 EiB (hugetlbsize); it has: ",
         "'size':4194304,'hugetlb':true,'hugetlbsize':9223372036854775808"},
    };
    Holdings before = holdings();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        add_fails_with(rows[i].text, "{'qom-type':'memory-backend-memfd','id':'m',%s}",
                       rows[i].members);
    }
    assert_holdings(before);
    add("{'qom-type':'memory-backend-memfd','id':'m','size':4096,'hugetlbsize':2097152}");
    assert_property("m", "hugetlbsize", "2097152");
}

static void without_descriptors(void *opaque)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)dup(0)};
    close((int)limit.rlim_cur);
    limit.rlim_max = limit.rlim_cur;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        _exit(77); /* valgrind has its own */
    }
    add_fails("failed to create a memfd: Too many open files",
              "{'qom-type':'memory-backend-memfd','id':'m','size':4096}");
    add_fails("failed to create a memfd: Too many open files",
              "{'qom-type':'memory-backend-ram','id':'m','size':4096,'share':true}");
    add("{'qom-type':'memory-backend-ram','id':'m','size':4096}");
}

static void no_descriptor_left_is_an_error(void **state)
{
    int status = in_child(without_descriptors, NULL);
    if (status == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

static void without_address_space(void *opaque)
{
    struct rlimit limit = {.rlim_cur = 1 << 30, .rlim_max = 1 << 30};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    add_fails("cannot map 2 GiB of memory: Cannot allocate memory",
              "{'qom-type':'memory-backend-ram','id':'m','size':2147483648}");
    add_fails("cannot map 2 GiB of memory: Cannot allocate memory",
              "{'qom-type':'memory-backend-memfd','id':'m','size':2147483648}");
    add("{'qom-type':'memory-backend-ram','id':'m','size':4096}");
}

static void no_address_space_left_is_an_error(void **state)
{
    if (watched()) {
        skip();
    }
    assert_int_equal(in_child(without_address_space, NULL), 0);
}

/* --- what is there -------------------------------------------------------------------------- */

static void read_touch_and_read(void *opaque)
{
    volatile char *ptr = backend("m")->map.ptr;
    assert_property("m", "anonymous", "4096");
    ptr[PAGE] = 'B';
    assert_property("m", "anonymous", "4096");
    assert_property("m", "resident", "4096");
    *(bool *)opaque = true;
}

static void figures_that_are_read_at_once_are_measured_once(void **state)
{
    bool read = false;
    add("{'qom-type':'memory-backend-ram','id':'m','size':16384}");
    *(volatile char *)backend("m")->map.ptr = 'A';
    loop_post(loop_main(), read_touch_and_read, &read);
    while (!read) {
        loop_iterate(loop_main(), true);
    }
    assert_property("m", "anonymous", "8192");
}

static void what_is_in_memory_is_told(void **state)
{
    g_autofree char *bytes = g_malloc(4 * PAGE);
    memset(bytes, 'A', 4 * PAGE);
    g_autofree char *path = scratch_file("f", bytes, 4 * PAGE);
    add("{'qom-type':'memory-backend-file','id':'m','size':16384,'mem-path':'%s','readonly':true,"
        "'rom':'off'}",
        path);
    volatile char *ptr = backend("m")->map.ptr;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ptr[i * PAGE], 'A');
    }
    assert_property("m", "resident", "16384");
    assert_property("m", "anonymous", "0");
    assert_property("m", "pss", "16384");
    ptr[PAGE] = 'B';
    assert_property("m", "resident", "16384");
    assert_property("m", "anonymous", "4096");

    /* A second mapping of the same pages: each has half of them, but for those of its own. */
    add("{'qom-type':'memory-backend-file','id':'n','size':16384,'mem-path':'%s','readonly':true}",
        path);
    set("n", "prealloc", "true");
    assert_property("n", "pss", "10240");
    QOM_AUTO_ERROR(err);
    assert_false(qom_property_set_uint((QomObject *)backend("m"), "resident", 0, &err));
}

/* --- merge, dump ----------------------------------------------------------------------------- */

static void merge_and_dump_act_at_once(void **state)
{
    bool ksm = access("/sys/kernel/mm/ksm/run", F_OK) == 0;
    add("{'qom-type':'memory-backend-ram','id':'m','size':4096}");
    add("{'qom-type':'memory-backend-ram','id':'n','size':4096,'merge':false,'dump':false}");
    Mapping on = region("m"), off = region("n");
    assert_int_equal(mapping_has(&on, "mg"), ksm);
    assert_false(mapping_has(&on, "dd"));
    assert_false(mapping_has(&off, "mg"));
    assert_true(mapping_has(&off, "dd"));

    set("m", "merge", "false");
    set("m", "dump", "false");
    set("n", "merge", "true");
    set("n", "dump", "true");
    on = region("n"), off = region("m");
    assert_int_equal(mapping_has(&on, "mg"), ksm);
    assert_false(mapping_has(&on, "dd"));
    assert_false(mapping_has(&off, "mg"));
    assert_true(mapping_has(&off, "dd"));
    assert_property("m", "merge", "false");
    assert_property("m", "dump", "false");
}

/* --- nodes ----------------------------------------------------------------------------------- */

static void assert_policy(const char *id, const char *policy)
{
    g_autofree char *maps = NULL;
    g_autofree char *wanted =
        g_strdup_printf("%" PRIxPTR " %s", (uintptr_t)backend(id)->map.ptr, policy);
    if (!g_file_get_contents("/proc/self/numa_maps", &maps, NULL, NULL)) {
        skip();
    }
    if (!strstr(maps, wanted)) {
        fail_msg("no '%s' in numa_maps", wanted);
    }
}

static void policies_are_the_kernels(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'b','size':4096,'policy':'bind','host-nodes':[0]}");
    add("{'qom-type':'memory-backend-ram','id':'p','size':4096,'policy':'preferred',"
        "'host-nodes':[0]}");
    add("{'qom-type':'memory-backend-memfd','id':'i','size':4096,'policy':'interleave',"
        "'host-nodes':[0]}");
    assert_policy("b", "bind:0");
    assert_policy("p", "prefer");
    assert_policy("i", "interleave:0");
}

static void nodes_are_sorted_and_each_is_named_once(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':4096,'policy':'bind',"
        "'host-nodes':[127,0,5,0,127]}");
    assert_property("m", "host-nodes", "[0, 5, 127]");
}

static void bad_nodes_are_refused(void **state)
{
    static const struct {
        const char *text, *members;
    } rows[] = {
        {"cannot bind memory to host NUMA nodes, none of host-nodes is online: Invalid argument",
         "'policy':'bind','host-nodes':[127]"},
        {"cannot bind memory to host NUMA nodes, none of host-nodes is online: Invalid argument",
         "'policy':'preferred','host-nodes':[127]"},
        {"Invalid host-nodes value: 128", "'policy':'bind','host-nodes':[0,128]"},
        {"Parameter 'host-nodes[1]' expects uint16_t", "'policy':'bind','host-nodes':[0,65536]"},
        {"Invalid parameter type for 'host-nodes', expected: array",
         "'policy':'bind','host-nodes':0"},
        {"host-nodes must be set for policy bind", "'policy':'bind'"},
        {"host-nodes must be set for policy interleave", "'policy':'interleave','host-nodes':[]"},
        {"host-nodes must be empty for policy default, or you should explicitly specify a policy "
         "other than default",
         "'host-nodes':[0]"},
    };
    Holdings before = holdings();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        add_fails(rows[i].text, "{'qom-type':'memory-backend-memfd','id':'m','size':4096,%s}",
                  rows[i].members);
    }
    assert_holdings(before);
}

/* --- the object ------------------------------------------------------------------------------ */

static void what_is_fixed_stays_as_it_was(void **state)
{
    static const char *const rows[][2] = {
        {"size", "8192"},     {"share", "true"},   {"reserve", "false"},    {"host-nodes", "[0]"},
        {"policy", "'bind'"}, {"hugetlb", "true"}, {"hugetlbsize", "4096"}, {"seal", "false"},
    };
    add("{'qom-type':'memory-backend-memfd','id':'m','size':4096}");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text =
            g_strdup_printf("cannot change property %s of memory-backend-memfd ", rows[i][0]);
        set_fails("m", rows[i][0], rows[i][1], text);
    }
    set("m", "x-use-canonical-path-for-ramblock-id", "true");
}

static void the_region_is_a_child(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':5000}");
    QomObject *region_obj = qom_resolve_path("/objects/m/m[0]", "memory-region", NULL);
    uint64_t size;
    assert_non_null(region_obj);
    assert_true(qom_property_get_uint(region_obj, "size", &size, NULL));
    assert_int_equal(size, 5000);
    add("{'qom-type':'memory-backend-ram','id':'n','size':4096,"
        "'x-use-canonical-path-for-ramblock-id':true}");
    assert_non_null(
        qom_object_child(qom_object_child(qom_objects(), "n"), "\\x2fobjects\\x2fn[0]"));
}

static void a_used_region_can_not_be_deleted(void **state)
{
    QOM_AUTO_ERROR(err);
    QomUse *use = qom_object_use_by(add("{'qom-type':'memory-backend-ram','id':'m','size':4096}"),
                                    "test", NULL, "mapping");
    assert_false(qom_object_del("m", &err));
    assert_true(
        g_str_has_prefix(qom_error_message(err), "object 'm' is in use, can not be deleted"));
    qom_object_unuse(use);
    del("m");
}

static void query_memdev_tells_all(void **state)
{
    MemdevList list;
    add("{'qom-type':'memory-backend-memfd','id':'m','size':8192,'merge':false,'policy':'bind',"
        "'host-nodes':[0]}");
    add("{'qom-type':'memory-backend-ram','id':'n','size':1,'dump':false,'reserve':false}");
    add("{'qom-type':'rng-builtin','id':'r'}");
    assert_true(qmp_query_memdev(&list, NULL));
    assert_int_equal(list.n, 2);
    const Memdev *m = &list.items[0], *n = &list.items[1];
    assert_string_equal(m->id, "m");
    assert_int_equal(m->size, 8192);
    assert_true(!m->merge && m->dump && !m->prealloc && m->share && m->has_reserve && m->reserve);
    assert_int_equal(m->policy, HOST_MEM_POLICY_BIND);
    assert_int_equal(m->host_nodes.n, 1);
    assert_string_equal(n->id, "n");
    assert_true(n->merge && !n->dump && !n->prealloc && !n->share && !n->reserve);
    assert_int_equal(n->host_nodes.n, 0);
    qapi_clear(&qapi_type_MemdevList, &list);
}

static uint64_t mapped_bytes(void)
{
    return file_number("/proc/self/statm") * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void rounds_and_refusals_leave_nothing(void **state)
{
    static const char *const types[] = {"ram", "memfd"};
    Holdings before = holdings();
    uint64_t mapped = mapped_bytes();
    for (unsigned i = 0; i < 300; i++) {
        add("{'qom-type':'memory-backend-%s','id':'m','size':8192,'share':%s}", types[i % 2],
            i % 4 < 2 ? "true" : "false");
        del("m");
        add_fails_with("",
                       "{'qom-type':'memory-backend-%s','id':'m','size':8192,"
                       "'policy':'bind','host-nodes':[127]}",
                       types[i % 2]);
    }
    assert_holdings(before);
    assert_true(watched() || mapped_bytes() < mapped + MIB / 2);
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_memory_is_rounded_up_to_pages),
        TEST(a_guard_page_lies_behind),
        TEST(plain_memory_is_aligned_for_huge_pages),
        TEST(children_do_not_get_it),
        TEST(no_size_is_too_much_for_an_error),
        TEST(a_terabyte_costs_nothing_until_it_is_touched),
        TEST(shared_memory_is_sealed_against_resizing),
        TEST(what_is_written_is_in_the_descriptor),
        TEST(bad_memfds_are_refused),
        TEST(no_descriptor_left_is_an_error),
        TEST(no_address_space_left_is_an_error),
        TEST(figures_that_are_read_at_once_are_measured_once),
        TEST(what_is_in_memory_is_told),
        TEST(merge_and_dump_act_at_once),
        TEST(policies_are_the_kernels),
        TEST(nodes_are_sorted_and_each_is_named_once),
        TEST(bad_nodes_are_refused),
        TEST(what_is_fixed_stays_as_it_was),
        TEST(the_region_is_a_child),
        TEST(a_used_region_can_not_be_deleted),
        TEST(query_memdev_tells_all),
        TEST(rounds_and_refusals_leave_nothing),
    };
    return cmocka_run_group_tests_name("memory", tests, backend_setup, backend_teardown);
}
