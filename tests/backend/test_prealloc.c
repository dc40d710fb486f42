/* SPDX-License-Identifier: BSD-3-Clause */
/* Preallocation: the pages are there, or there is an error and everything is as before. */
#include "fixture.h"

#include "backend/memory/memory.h"
#include "backend/thread/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };
#define MIB (UINT64_C(1) << 20)

static bool old_kernel; /* which can not populate */

int madvise(void *addr, size_t len, int advice)
{
    if (old_kernel && (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, addr, len, advice);
}

static MemoryBackend *backend(const char *id)
{
    return (MemoryBackend *)qom_object_child(qom_objects(), id);
}

static uint64_t resident(const char *id)
{
    return mapping_at(backend(id)->map.ptr).rss_bytes;
}

static void all_pages_of_every_kind_are_there(void **state)
{
    static const char *const kinds[] = {
        "'qom-type':'memory-backend-ram'",
        "'qom-type':'memory-backend-ram','share':true",
        "'qom-type':'memory-backend-ram','prealloc-threads':64",
        "'qom-type':'memory-backend-memfd'",
        "'qom-type':'memory-backend-memfd','share':false",
        "'qom-type':'memory-backend-memfd','policy':'bind','host-nodes':[0]",
        "'qom-type':'memory-backend-file','mem-path':'/dev/shm'",
        "'qom-type':'memory-backend-file','mem-path':'/dev/shm','share':true",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        add("{%s,'id':'m','size':4194304,'prealloc':true}", kinds[i]);
        assert_int_equal(resident("m"), 4 * MIB);
        assert_property("m", "prealloc", "true");
        del("m");
        add("{%s,'id':'m','size':4194304}", kinds[i]);
        assert_int_equal(resident("m"), 0);
        assert_property("m", "prealloc", "false");
        set("m", "prealloc", "true");
        assert_int_equal(resident("m"), 4 * MIB);
        assert_property("m", "prealloc", "true");
        del("m");
    }
}

static void there_is_no_way_back(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':8192,'prealloc':true}");
    set("m", "prealloc", "false");
    assert_property("m", "prealloc", "true");
    assert_int_equal(resident("m"), 8192);
}

static void it_needs_a_reservation(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':8192,'reserve':false}");
    set_fails("m", "prealloc", "true", "'prealloc=on' and 'reserve=off' are incompatible");
    assert_int_equal(resident("m"), 0);
}

static void no_threads_are_refused(void **state)
{
    const char *text = "property 'prealloc-threads' of memory-backend-ram doesn't take value '0'";
    add_fails(text, "{'qom-type':'memory-backend-ram','id':'m','size':8192,'prealloc-threads':0}");
    add("{'qom-type':'memory-backend-ram','id':'m','size':8192}");
    set_fails("m", "prealloc-threads", "0", text);
    set("m", "prealloc-threads", "4294967295");
    set("m", "prealloc", "true");
}

static void the_content_of_a_file_is_not_changed(void **state)
{
    static const char *const kinds[] = {
        "'share':true",
        "'share':false",
        "'readonly':true",
        "'readonly':true,'share':true",
        "'readonly':true,'rom':'off'",
    };
    g_autofree char *bytes = g_malloc(4 * MIB);
    for (size_t i = 0; i < 4 * MIB; i++) {
        bytes[i] = (char)(i * 31 >> 5);
    }
    g_autofree char *path = scratch_file("f", bytes, 4 * MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        add("{'qom-type':'memory-backend-file','id':'m','size':4194304,'mem-path':'%s',"
            "'prealloc':true,%s}",
            path, kinds[i]);
        assert_int_equal(resident("m"), 4 * MIB);
        assert_memory_equal(backend("m")->map.ptr, bytes, 4 * MIB);
        del("m");
        g_autofree char *now = NULL;
        gsize len;
        assert_true(g_file_get_contents(path, &now, &len, NULL));
        assert_int_equal(len, 4 * MIB);
        assert_memory_equal(now, bytes, len);
    }
}

static void where_the_kernel_can_not_populate_pages_are_touched(void **state)
{
    old_kernel = true;
    all_pages_of_every_kind_are_there(state);
    the_content_of_a_file_is_not_changed(state);
    old_kernel = false;
}

/* --- SIGBUS ---------------------------------------------------------------------------------- */

static void read_byte(void *opaque)
{
    (void)*(volatile char *)opaque;
}

static void read_twice(void *opaque)
{
    void **both = opaque;
    assert_false(memory_guarded(read_byte, both[1]));
    read_byte(both[0]);
}

static volatile sig_atomic_t others;
static sigjmp_buf after_others;

static void on_sigbus(int signo)
{
    others++;
    siglongjmp(after_others, 1);
}

static void touching_what_is_not_there_is_survived(void **state)
{
    struct sigaction ours = {.sa_handler = on_sigbus, .sa_flags = SA_NODEFER}, before;
    sigset_t all, old, now;
    char c = 0;
    int fd = memfd_create("short", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, PAGE), 0);
    char *map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    sigaction(SIGBUS, &ours, &before);
    assert_true(memory_guarded(read_byte, &c));
    assert_true(memory_guarded(read_byte, map));
    assert_false(memory_guarded(read_byte, map + PAGE));

    /* As in workers, which block all signals. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    assert_false(memory_guarded(read_byte, map + PAGE));
    assert_true(memory_guarded(read_byte, map));
    pthread_sigmask(SIG_SETMASK, &old, &now);
    assert_true(sigismember(&now, SIGBUS));

    /* One within another: the outer one still guards. */
    void *both[] = {map + PAGE, map + PAGE};
    assert_false(memory_guarded(read_twice, both));

    /* Whoever comes later does not take what is ours, and gets what is not. */
    sigaction(SIGBUS, &ours, NULL);
    assert_false(memory_guarded(read_byte, map + PAGE));
    assert_int_equal(others, 0);
    if (!sigsetjmp(after_others, 1)) {
        read_byte(map + PAGE);
    }
    assert_int_equal(others, 1);
    munmap(map, 2 * PAGE);
    close(fd);
}

/* --- not enough room ------------------------------------------------------------------------- */

/* A file of 8 MiB with a few pages in it: the room for the others is given back. */
static void what_is_stored_stays(const char *path)
{
    static const off_t at[] = {0, 3 * MIB + PAGE, 8 * MIB - PAGE};
    struct stat before, after;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    for (size_t i = 0; i < G_N_ELEMENTS(at); i++) {
        assert_int_equal(pwrite(fd, "kept", 4, at[i]), 4);
    }
    assert_int_equal(fstat(fd, &before), 0);
    assert_true(before.st_blocks > 0 && before.st_blocks * 512 < 1 << 20);
    add_fails_with("no room: tmpfs",
                   "{'qom-type':'memory-backend-file','id':'m','size':8388608,'mem-path':'%s',"
                   "'share':true,'prealloc':true}",
                   path);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_blocks, before.st_blocks);
    for (size_t i = 0; i < G_N_ELEMENTS(at); i++) {
        char bytes[4];
        assert_int_equal(pread(fd, bytes, 4, at[i]), 4);
        assert_memory_equal(bytes, "kept", 4);
    }
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8 * MIB), 0);
    close(fd);
}

/* In a mount namespace of its own, with a tmpfs of 2 MiB at @opaque. 77: not possible here. */
static void on_a_small_tmpfs(void *opaque)
{
    const char *folder = opaque;
    g_autofree char *made = g_build_filename(folder, "made", NULL);
    g_autofree char *holes = g_build_filename(folder, "holes", NULL);
    if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) < 0 ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=2m") < 0) {
        _exit(77);
    }
    Holdings before = holdings();
    g_autofree char *text = g_strdup_printf(
        "preallocating memory failed: no room: tmpfs at %s has 2 MiB free of 8 MiB", folder);
    struct statvfs fs;

    /* Made by us: gone again. */
    add_fails(text,
              "{'qom-type':'memory-backend-file','id':'m','size':8388608,'mem-path':'%s',"
              "'share':true,'prealloc':true}",
              made);
    assert_int_equal(access(made, F_OK), -1);
    /* Without a name. */
    add_fails(text,
              "{'qom-type':'memory-backend-file','id':'m','size':8388608,'mem-path':'%s',"
              "'share':true,'prealloc':true,'prealloc-threads':2}",
              folder);
    /* Somebody's, but nothing is stored in it: it stays, as empty as it was. */
    int fd = open(holes, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 8 * MIB), 0);
    add_fails(text,
              "{'qom-type':'memory-backend-file','id':'m','size':8388608,'mem-path':'%s',"
              "'share':true,'prealloc':true}",
              holes);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 8 * MIB);
    assert_int_equal(st.st_blocks, 0);
    assert_int_equal(statvfs(folder, &fs), 0);
    assert_int_equal(fs.f_bavail, fs.f_blocks);
    close(fd);
    assert_holdings(before);

    what_is_stored_stays(holes);

    /* Later: the old value stays, and the object. */
    add("{'qom-type':'memory-backend-file','id':'m','size':8388608,'mem-path':'%s','share':true}",
        holes);
    set_fails("m", "prealloc", "true", text);
    assert_property("m", "prealloc", "false");
    ((volatile char *)backend("m")->map.ptr)[0] = 'x';
    del("m");
}

static void a_full_tmpfs_is_an_error_and_nothing_is_lost(void **state)
{
    g_autofree char *folder = scratch("tmpfs");
    assert_int_equal(mkdir(folder, 0700), 0);
    for (int i = 0; i < 2; i++) {
        old_kernel = i == 1;
        int status = in_child(on_a_small_tmpfs, folder);
        old_kernel = false;
        if (status == 77) {
            skip();
        }
        assert_int_equal(status, 0);
    }
}

/* --- the end comes first ---------------------------------------------------------------------- */

static void a_job_that_is_cancelled_ends_and_says_so(void **state)
{
    uint16List no_nodes = {0};
    uint64_t done = 0;
    bool cancel = true;
    size_t size = 4 * MIB;
    char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MemoryPrealloc job = {
        .ptr = map,
        .size_bytes = size,
        .page_bytes = PAGE,
        .threads = 2,
        .nodes = &no_nodes,
        .cancel = &cancel,
        .done_bytes = &done,
    };
    assert_int_equal(memory_prealloc(&job), ECANCELED);
    assert_int_equal(done, 0);
    cancel = false;
    assert_int_equal(memory_prealloc(&job), 0);
    assert_int_equal(done, size);
    munmap(map, size);
}

static void at_the_end_nothing_is_fetched_any_more(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':8192}");
    qom_objects_cancel();
    set_fails("m", "prealloc", "true", "preallocating 8 KiB of memory failed: Operation canceled");
    assert_int_equal(resident("m"), 0);
}

static void progress_is_told(void **state)
{
    add("{'qom-type':'memory-backend-ram','id':'m','size':4194304}");
    assert_property("m", "prealloc-done", "0");
    set("m", "prealloc", "true");
    assert_property("m", "prealloc-done", "4194304");
}

/* --- several at the start --------------------------------------------------------------------- */

static void hold_and_release(void)
{
    memory_prealloc_hold();
    add("{'qom-type':'memory-backend-memfd','id':'a','size':4194304,'prealloc':true}");
    add("{'qom-type':'memory-backend-ram','id':'b','size':4194304,'prealloc':true,"
        "'prealloc-threads':2}");
    assert_property("a", "prealloc", "false");
    assert_int_equal(resident("a"), 0);
    QOM_AUTO_ERROR(err);
    assert_true(memory_prealloc_release(&err));
    assert_property("a", "prealloc", "true");
    assert_int_equal(resident("a"), 4 * MIB);
    assert_int_equal(resident("b"), 4 * MIB);
    assert_false(memory_prealloc_holds());
    del("a");
    del("b");
}

static void what_is_held_is_fetched_at_its_release(void **state)
{
    hold_and_release(); /* the stacks of the first threads are kept */
    Holdings before = holdings();
    hold_and_release();
    assert_holdings(before);
}

static void what_is_held_may_go_before(void **state)
{
    Holdings before = holdings();
    memory_prealloc_hold();
    add("{'qom-type':'memory-backend-memfd','id':'a','size':4194304,'prealloc':true}");
    del("a");
    assert_false(memory_prealloc_release_blocks());
    assert_true(memory_prealloc_release(NULL));
    assert_holdings(before);
}

static void a_release_that_fails_leaves_nothing(void **state)
{
    g_autofree char *path = scratch("made");
    Holdings before = holdings();
    memory_prealloc_hold();
    add("{'qom-type':'memory-backend-file','id':'a','size':4194304,'mem-path':'%s','share':true,"
        "'prealloc':true}",
        path);
    add("{'qom-type':'memory-backend-ram','id':'b','size':4194304,'prealloc':true}");
    assert_int_equal(truncate(path, PAGE), 0);
    QOM_AUTO_ERROR(err);
    assert_false(memory_prealloc_release(&err));
    assert_string_equal(qom_error_message(err), "preallocating memory failed: the file has become "
                                                "4 KiB long, 4 MiB are needed");
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(resident("b"), 4 * MIB);
    qom_objects_clear();
    assert_holdings(before);
}

static void without_threads(void *opaque)
{
    struct rlimit none = {0, 0};
    if ((geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) ||
        setrlimit(RLIMIT_NPROC, &none) < 0) {
        _exit(77);
    }
    Holdings before = holdings();
    add_fails("preallocating 256 MiB of memory failed: Resource temporarily unavailable",
              "{'qom-type':'memory-backend-memfd','id':'m','size':268435456,'prealloc':true,"
              "'prealloc-threads':2}");
    assert_holdings(before);
    /* One thread is there already. */
    add("{'qom-type':'memory-backend-memfd','id':'m','size':8192,'prealloc':true}");
}

static void no_more_threads_is_an_error(void **state)
{
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        skip();
    }
    int status = in_child(without_threads, NULL);
    if (status == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

/* --- where it runs --------------------------------------------------------------------------- */

/* Looks at the threads called "prealloc" until told to stop. */
typedef struct Watch {
    int cpu; /* the only one that they may run on */
    unsigned seen, astray;
    int stop; /* atomic */
} Watch;

static void look_at(Watch *watch, const char *tid)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%s/comm", tid);
    g_autofree char *comm = NULL;
    cpu_set_t cpus;
    if (g_file_get_contents(path, &comm, NULL, NULL) && strcmp(comm, "prealloc\n") == 0 &&
        sched_getaffinity(atoi(tid), sizeof(cpus), &cpus) == 0) {
        watch->seen++;
        watch->astray += CPU_COUNT(&cpus) != 1 || !CPU_ISSET(watch->cpu, &cpus);
    }
}

static void *watch_main(void *opaque)
{
    Watch *watch = opaque;
    while (!__atomic_load_n(&watch->stop, __ATOMIC_RELAXED)) {
        DIR *dir = opendir("/proc/self/task");
        for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
            look_at(watch, entry->d_name);
        }
        closedir(dir);
        g_usleep(500);
    }
    return NULL;
}

/* Preallocates with @n threads while somebody watches. */
static void watched_prealloc(unsigned n, int cpu)
{
    Watch watch = {.cpu = cpu};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch_main, &watch), 0);
    add("{'qom-type':'memory-backend-memfd','id':'m','size':268435456,'prealloc':true,"
        "'prealloc-context':'tc','prealloc-threads':%u}",
        n);
    __atomic_store_n(&watch.stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_int_equal(resident("m"), 256 * MIB);
    assert_property("m", "prealloc-context", "\"/objects/tc\"");
    del("m");
    assert_true(watch.seen > 0);
    assert_int_equal(watch.astray, 0);
}

static void a_context_decides_where_the_threads_run(void **state)
{
    cpu_set_t cpus;
    int last = 0;
    assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        last = CPU_ISSET(cpu, &cpus) ? cpu : last;
    }
    add("{'qom-type':'thread-context','id':'tc','cpu-affinity':[%d]}", last);
    watched_prealloc(1, last);
    watched_prealloc(2, last);
}

static void a_context_must_be_one(void **state)
{
    add("{'qom-type':'rng-builtin','id':'r'}");
    add_fails("Device 'nope' not found", "{'qom-type':'memory-backend-ram','id':'m','size':4096,"
                                         "'prealloc-context':'nope'}");
    add_fails("Invalid parameter type for 'prealloc-context', expected: thread-context",
              "{'qom-type':'memory-backend-ram','id':'m','size':4096,'prealloc-context':'r'}");
    add("{'qom-type':'thread-context','id':'tc'}");
    add("{'qom-type':'memory-backend-ram','id':'m','size':8192}");
    assert_property("m", "prealloc-context", "\"\"");
    set("m", "prealloc-context", "'/objects/tc'");
    set("m", "prealloc", "true");
    assert_int_equal(resident("m"), 8192);
}

static void a_deleted_context_still_serves_whom_it_is_linked_to(void **state)
{
    Holdings before = holdings();
    add("{'qom-type':'thread-context','id':'tc'}");
    add("{'qom-type':'memory-backend-ram','id':'m','size':8192,'prealloc-context':'tc'}");
    del("tc");
    assert_property("m", "prealloc-context", "\"\"");
    set("m", "prealloc", "true");
    assert_int_equal(resident("m"), 8192);
    del("m");
    assert_holdings(before);
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_pages_of_every_kind_are_there),
        TEST(there_is_no_way_back),
        TEST(it_needs_a_reservation),
        TEST(no_threads_are_refused),
        TEST(the_content_of_a_file_is_not_changed),
        TEST(touching_what_is_not_there_is_survived),
        TEST(where_the_kernel_can_not_populate_pages_are_touched),
        TEST(a_full_tmpfs_is_an_error_and_nothing_is_lost),
        TEST(no_more_threads_is_an_error),
        TEST(a_job_that_is_cancelled_ends_and_says_so),
        TEST(at_the_end_nothing_is_fetched_any_more),
        TEST(progress_is_told),
        TEST(what_is_held_is_fetched_at_its_release),
        TEST(what_is_held_may_go_before),
        TEST(a_release_that_fails_leaves_nothing),
        TEST(a_context_decides_where_the_threads_run),
        TEST(a_context_must_be_one),
        TEST(a_deleted_context_still_serves_whom_it_is_linked_to),
    };
    return cmocka_run_group_tests_name("prealloc", tests, backend_setup, backend_teardown);
}
