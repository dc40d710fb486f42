/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory backends in huge pages. */
#include "fixture.h"

#include "backend/memory/memory.h"
#include "qapi-commands.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB           (UINT64_C(1) << 20)
#define NR_HUGEPAGES  "/proc/sys/vm/nr_hugepages"
#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"

static Mapping region(const char *id)
{
    return mapping_at(((MemoryBackend *)qom_object_child(qom_objects(), id))->map.ptr);
}

static bool set_huge_pages(unsigned n)
{
    FILE *file = fopen(NR_HUGEPAGES, "we");
    if (!file) {
        return false;
    }
    fprintf(file, "%u\n", n);
    fclose(file);
    return file_number(NR_HUGEPAGES) == n;
}

/* The pool is the whole system's: one test at a time. */
static int pool_lock = -1;
static unsigned pool_before;

static void drop_pool(void)
{
    set_huge_pages(pool_before);
    close(pool_lock);
}

/* A pool of @n huge pages of 2 MiB; false: not possible here, or somebody needs it as it is. */
static bool make_pool(unsigned n)
{
    if (access(HUGEPAGES_DIR, F_OK) < 0) {
        return false;
    }
    pool_lock = open(NR_HUGEPAGES, O_RDONLY | O_CLOEXEC);
    if (pool_lock < 0 || flock(pool_lock, LOCK_EX) < 0) {
        return false;
    }
    pool_before = (unsigned)file_number(NR_HUGEPAGES);
    if (file_number(HUGEPAGES_DIR "free_hugepages") != pool_before ||
        file_number(HUGEPAGES_DIR "resv_hugepages")) {
        close(pool_lock);
        return false;
    }
    if (!set_huge_pages(n)) {
        drop_pool();
        return false;
    }
    return true;
}

static void huge_pages_are_used_reserved_and_counted(void **state)
{
    if (!make_pool(4)) {
        skip();
    }
    add("{'qom-type':'memory-backend-memfd','id':'m','size':6291456,'hugetlb':true}");
    assert_int_equal(region("m").page_bytes, 2 * MIB);
    assert_int_equal(file_number(HUGEPAGES_DIR "resv_hugepages"), 3);
    add_fails("cannot map 4 MiB of memory: 2 huge pages of 2 MiB needed, 1 free",
              "{'qom-type':'memory-backend-memfd','id':'n','size':4194304,'hugetlb':true}");
    add_fails("memory size must be multiple of 2 MiB, not 3 MiB",
              "{'qom-type':'memory-backend-memfd','id':'n','size':3145728,'hugetlb':true}");
    set("m", "prealloc", "true");
    assert_int_equal(file_number(HUGEPAGES_DIR "free_hugepages"), 1);
    del("m");
    assert_int_equal(file_number(HUGEPAGES_DIR "free_hugepages"), 4);
    assert_int_equal(file_number(HUGEPAGES_DIR "resv_hugepages"), 0);
    add("{'qom-type':'memory-backend-memfd','id':'m','size':20971520,'hugetlb':true,"
        "'reserve':false,'hugetlbsize':2097152}");
    MemoryRegionInfoList list = {0};
    assert_true(qmp_query_memory_regions(&list, NULL));
    assert_string_equal(list.items[0].warning,
                        "huge pages are not reserved: to touch one when the pool is empty kills");
    qapi_clear(&qapi_type_MemoryRegionInfoList, &list);
    del("m");
    drop_pool();
}

/* In a mount namespace of its own, with a hugetlbfs at @opaque. 77: not possible here. */
static void on_hugetlbfs(void *opaque)
{
    const char *folder = opaque;
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0 ||
        mount("none", folder, "hugetlbfs", 0, "pagesize=2M") < 0 || !make_pool(3)) {
        _exit(77);
    }
#define ADD "{'qom-type':'memory-backend-file','id':'m','share':true,'mem-path':'%s"
    add_fails("memory size 4 KiB must be equal to or larger than page size 2 MiB",
              ADD "','size':4096}", folder);
    add_fails("memory size must be multiple of 2 MiB, not 3 MiB", ADD "/f','size':3145728}",
              folder);
    add_fails("offset 0x1000 must be a multiple of page size 0x200000",
              ADD "/f','size':2097152,'offset':4096}", folder);
    add_fails("alignment 0x1000 must be multiples of page size 0x200000",
              ADD "/f','size':2097152,'align':4096}", folder);
    add_fails("cannot map 8 MiB of memory: 4 huge pages of 2 MiB needed, 3 free",
              ADD "/f','size':8388608}", folder);
    g_autofree char *file = g_build_filename(folder, "f", NULL);
    assert_int_equal(access(file, F_OK), -1);
    add(ADD "','size':4194304,'prealloc':true}", folder);
    assert_int_equal(region("m").page_bytes, 2 * MIB);
    assert_int_equal(file_number(HUGEPAGES_DIR "free_hugepages"), 1);
    del("m");
    assert_int_equal(file_number(HUGEPAGES_DIR "free_hugepages"), 3);
    drop_pool();
}

static void a_file_on_hugetlbfs_has_its_pages(void **state)
{
    g_autofree char *folder = scratch("huge");
    assert_int_equal(mkdir(folder, 0700), 0);
    int status = in_child(on_hugetlbfs, folder);
    if (status == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(huge_pages_are_used_reserved_and_counted),
        TEST(a_file_on_hugetlbfs_has_its_pages),
    };
    return cmocka_run_group_tests_name("hugetlb", tests, backend_setup, backend_teardown);
}
