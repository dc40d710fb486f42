/* SPDX-License-Identifier: BSD-3-Clause */
/* memory-backend-file: which file, what becomes of writes, and what is left of it. */
#include "fixture.h"

#include "backend/memory/memory.h"
#include "io/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 4 * PAGE };

#define FILE_OBJECT "'qom-type':'memory-backend-file','id':'m'"

static MemoryBackend *backend(void)
{
    return (MemoryBackend *)qom_object_child(qom_objects(), "m");
}

/* A file of @size bytes 'A'; its path. */
static char *file_of_a(const char *name, size_t size)
{
    g_autofree char *bytes = g_malloc(size + 1);
    memset(bytes, 'A', size);
    return scratch_file(name, bytes, size);
}

/* Writes @c to the start of the memory as the kernel lets others do: 0 or an errno value. */
static int poke(void *ptr, char c)
{
    struct iovec from = {&c, 1}, to = {ptr, 1};
    return process_vm_writev(getpid(), &from, 1, &to, 1, 0) == 1 ? 0 : errno;
}

static char byte_in_file(const char *path, off_t offset)
{
    char c = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &c, 1, offset), 1);
    close(fd);
    return c;
}

static void assert_file_size(const char *path, off_t size)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, size);
}

/* --- readonly, share, rom -------------------------------------------------------------------- */

#define ROM_ON  "property 'rom' = 'on' is not supported with 'readonly' = 'off'"
#define ROM_OFF "property 'rom' = 'off' is incompatible with 'readonly' = 'on' and 'share' = 'on'"

/* What must come of a combination; NULL in error: it works. */
typedef struct Outcome {
    const char *perms, *error;
    int mode; /* of the descriptor */
    bool rom, reaches_file;
} Outcome;

/* rom: 0 absent, 1 auto, 2 off, 3 on */
static Outcome expected(bool readonly, bool share, unsigned rom)
{
    if (!readonly && rom == 3) {
        return (Outcome){.error = ROM_ON};
    }
    if (readonly && share && rom == 2) {
        return (Outcome){.error = ROM_OFF};
    }
    if (!readonly) {
        return share ? (Outcome){"rw-s", NULL, O_RDWR, false, true}
                     : (Outcome){"rw-p", NULL, O_RDWR, false, false};
    }
    if (rom == 2) {
        return (Outcome){"rw-p", NULL, O_RDONLY, false, false};
    }
    return share ? (Outcome){"r--s", NULL, O_RDONLY, true, false}
                 : (Outcome){"r--p", NULL, O_RDONLY, true, false};
}

static void check_combination(const char *members, Outcome outcome)
{
    g_autofree char *path = file_of_a("f", SIZE);
    if (outcome.error) {
        Holdings before = holdings();
        add_fails(outcome.error, "{" FILE_OBJECT ",'size':%d,'mem-path':'%s'%s}", SIZE, path,
                  members);
        assert_holdings(before);
        return;
    }
    add("{" FILE_OBJECT ",'size':%d,'mem-path':'%s'%s}", SIZE, path, members);
    void *ptr = backend()->map.ptr;
    Mapping mapping = mapping_at(ptr);
    assert_string_equal(mapping.perms, outcome.perms);
    assert_int_equal(mapping.size_bytes, SIZE);
    assert_int_equal(fcntl(backend()->origin.fd, F_GETFL) & O_ACCMODE, outcome.mode);
    assert_int_equal(fcntl(backend()->origin.fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(backend()->origin.fd, F_GETFD), FD_CLOEXEC);
    assert_property("m", "rom", outcome.rom ? "\"on\"" : "\"off\"");
    assert_int_equal(poke(ptr, 'B'), outcome.rom ? EFAULT : 0);
    assert_int_equal(*(volatile char *)ptr, outcome.rom ? 'A' : 'B');
    assert_int_equal(byte_in_file(path, 0), outcome.reaches_file ? 'B' : 'A');
    del("m");
    assert_file_size(path, SIZE);
}

static void the_36_combinations_do_what_the_table_says(void **state)
{
    static const char *const bools[] = {"", "false", "true"};
    static const char *const roms[] = {"", "auto", "off", "on"};
    for (unsigned i = 0; i < 3 * 3 * 4; i++) {
        unsigned readonly = i / 12, share = i / 4 % 3, rom = i % 4;
        g_autoptr(GString) members = g_string_new(NULL);
        if (readonly) {
            g_string_append_printf(members, ",'readonly':%s", bools[readonly]);
        }
        if (share) {
            g_string_append_printf(members, ",'share':%s", bools[share]);
        }
        if (rom) {
            g_string_append_printf(members, ",'rom':'%s'", roms[rom]);
        }
        check_combination(members->str, expected(readonly == 2, share == 2, rom));
    }
}

static void a_refused_combination_does_not_make_the_file(void **state)
{
    g_autofree char *path = scratch("new");
    add_fails(ROM_ON, "{" FILE_OBJECT ",'size':4096,'mem-path':'%s','rom':'on'}", path);
    assert_int_equal(access(path, F_OK), -1);
}

static void shared_rom_sees_changes_of_the_file(void **state)
{
    g_autofree char *path = file_of_a("f", SIZE);
    add("{" FILE_OBJECT ",'size':%d,'mem-path':'%s','share':true,'readonly':true}", SIZE, path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "C", 1, 5), 1);
    close(fd);
    assert_int_equal(((volatile char *)backend()->map.ptr)[5], 'C');
}

/* --- which file ------------------------------------------------------------------------------ */

static void a_missing_file_is_made(void **state)
{
    g_autofree char *path = scratch("new");
    mode_t before = umask(022);
    add("{" FILE_OBJECT ",'size':%d,'mem-path':'%s','share':true,'offset':4096}", SIZE, path);
    umask(before);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, SIZE + PAGE);
    assert_int_equal(st.st_mode & 07777, 0644);
    del("m");
    assert_file_size(path, SIZE + PAGE);
}

static void a_missing_file_is_not_made_read_only(void **state)
{
    g_autofree char *path = scratch("new");
    g_autofree char *text = g_strdup_printf(
        "can't open backing store %s for guest RAM: No such file or directory", path);
    add_fails(text, "{" FILE_OBJECT ",'size':4096,'mem-path':'%s','readonly':true}", path);
    assert_int_equal(access(path, F_OK), -1);
}

static void an_empty_file_grows(void **state)
{
    g_autofree char *path = scratch_file("f", "", 0);
    add("{" FILE_OBJECT ",'size':%d,'mem-path':'%s','share':true}", SIZE, path);
    assert_file_size(path, SIZE);
}

static void a_longer_file_stays_as_long(void **state)
{
    g_autofree char *path = file_of_a("f", SIZE + 123);
    add("{" FILE_OBJECT ",'size':%d,'mem-path':'%s','share':true}", SIZE, path);
    assert_file_size(path, SIZE + 123);
    del("m");
    assert_file_size(path, SIZE + 123);
}

static void a_shorter_file_is_refused_with_its_size(void **state)
{
    g_autofree char *path = file_of_a("f", PAGE);
    add_fails("backing store size 0x1000 does not match 'size' option 0x4000 at 'offset' 0x0",
              "{" FILE_OBJECT ",'size':%d,'mem-path':'%s'}", SIZE, path);
    add_fails("backing store size 0x1000 does not match 'size' option 0x1000 at 'offset' 0x1000",
              "{" FILE_OBJECT ",'size':4096,'offset':4096,'mem-path':'%s'}", path);
    assert_file_size(path, PAGE);
}

static void a_folder_gets_a_nameless_file(void **state)
{
    add("{" FILE_OBJECT ",'size':%d,'mem-path':'%s','share':true}", SIZE, scratch_folder());
    Mapping mapping = mapping_at(backend()->map.ptr);
    assert_true(g_str_has_suffix(mapping.name, " (deleted)"));
    g_autoptr(GDir) dir = g_dir_open(scratch_folder(), 0, NULL);
    assert_null(g_dir_read_name(dir));
    g_autofree char *json = g_strdup_printf("\"%s\"", scratch_folder());
    assert_property("m", "mem-path", json);
    del("m");
    g_autofree char *text = g_strdup_printf(
        "can't open backing store %s for guest RAM: Is a directory", scratch_folder());
    add_fails(text, "{" FILE_OBJECT ",'size':4096,'mem-path':'%s','readonly':true}",
              scratch_folder());
}

static void what_is_no_memory_is_refused(void **state)
{
    g_autofree char *fifo = scratch("fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    Holdings before = holdings();
    /* None of them may wait. */
    add_fails_with("No such device", "{" FILE_OBJECT ",'size':4096,'mem-path':'%s'}", fifo);
    add_fails_with("No such device", "{" FILE_OBJECT ",'size':4096,'mem-path':'/dev/null'}");
    add_fails("can't open backing store  for guest RAM: No such file or directory",
              "{" FILE_OBJECT ",'size':4096,'mem-path':''}");
    add_fails("can't open backing store /nonexistent/f for guest RAM: No such file or directory",
              "{" FILE_OBJECT ",'size':4096,'mem-path':'/nonexistent/f'}");
    add_fails_with("/dev/fdset/77", "{" FILE_OBJECT ",'size':4096,'mem-path':'/dev/fdset/77'}");
    add_fails_with("/proc/self/fd/777",
                   "{" FILE_OBJECT ",'size':4096,'mem-path':'/proc/self/fd/777'}");
    assert_holdings(before);
}

static void dev_zero_is_memory(void **state)
{
    add("{" FILE_OBJECT ",'size':8192,'mem-path':'/dev/zero','share':true}");
    assert_int_equal(poke(backend()->map.ptr, 'B'), 0);
    assert_true(backend()->origin.source);
}

static void descriptors_of_a_set_and_of_the_process_are_files(void **state)
{
    int fd = memfd_create("client", MFD_CLOEXEC);
    int64_t fdset;
    assert_int_equal(ftruncate(fd, SIZE), 0);
    add("{" FILE_OBJECT ",'size':%d,'mem-path':'/proc/self/fd/%d','share':true}", SIZE, fd);
    assert_int_equal(poke(backend()->map.ptr, 'P'), 0);
    del("m");
    char c = 0;
    assert_int_equal(pread(fd, &c, 1, 0), 1);
    assert_int_equal(c, 'P');

    assert_true(io_fdset_add(fd, NULL, NULL, &fdset, NULL));
    add("{" FILE_OBJECT ",'size':%d,'mem-path':'/dev/fdset/%d','share':true}", SIZE, (int)fdset);
    assert_int_equal(*(char *)backend()->map.ptr, 'P');
    assert_true(io_fdset_remove(fdset, NULL, NULL));
    assert_int_equal(poke(backend()->map.ptr, 'Q'), 0);
}

/* --- offset, align --------------------------------------------------------------------------- */

static void offset_is_where_the_region_starts(void **state)
{
    g_autofree char *path = file_of_a("f", SIZE);
    add("{" FILE_OBJECT ",'size':4096,'offset':8192,'mem-path':'%s','share':true}", path);
    assert_int_equal(mapping_at(backend()->map.ptr).offset_bytes, 8192);
    assert_int_equal(poke(backend()->map.ptr, 'B'), 0);
    assert_int_equal(byte_in_file(path, 8192), 'B');
    assert_int_equal(byte_in_file(path, 8191), 'A');
}

static void align_is_obeyed(void **state)
{
    g_autofree char *path = file_of_a("f", SIZE);
    for (uint64_t align = PAGE; align <= (UINT64_C(1) << 32); align *= 2) {
        add("{" FILE_OBJECT ",'size':%d,'align':%" PRIu64 ",'mem-path':'%s'}", SIZE, align, path);
        assert_int_equal((uintptr_t)backend()->map.ptr % align, 0);
        g_autofree char *json = g_strdup_printf("%" PRIu64, align);
        assert_property("m", "align", json);
        del("m");
    }
}

static void bad_numbers_are_refused_before_the_file_is_touched(void **state)
{
    static const struct {
        const char *text, *members;
    } rows[] = {
        {"memory size must be multiple of 4 KiB, not 4097 bytes", "'size':4097"},
        {"memory size 1 bytes must be equal to or larger than page size 4 KiB", "'size':1"},
        {"property 'size' of memory-backend-file doesn't take value '0'", "'size':0"},
        {"offset 0x1 must be a multiple of page size 0x1000", "'size':4096,'offset':1"},
        {"alignment 0x3 must be multiples of page size 0x1000", "'size':4096,'align':3"},
        {"alignment 0x800 must be multiples of page size 0x1000", "'size':4096,'align':2048"},
        {"alignment 0x3000 must be a power of two", "'size':4096,'align':12288"},
        {"memory size must be multiple of 4 KiB, not 18446744073709551615 bytes",
         "'size':18446744073709551615"},
        {"size 0xfffffffffffff000 at offset 0x0 exceeds the largest file",
         "'size':18446744073709547520"},
        {"size 0x1000 at offset 0x7ffffffffffff000 exceeds the largest file",
         "'size':4096,'offset':9223372036854771712"},
        {"size 0x1000 at offset 0xfffffffffffff000 exceeds the largest file",
         "'size':4096,'offset':18446744073709547520"},
        {"'prealloc=on' and 'reserve=off' are incompatible",
         "'size':4096,'prealloc':true,'reserve':false"},
        {"host-nodes must be set for policy bind", "'size':4096,'policy':'bind'"},
    };
    g_autofree char *path = scratch("new");
    Holdings before = holdings();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        add_fails(rows[i].text, "{" FILE_OBJECT ",'mem-path':'%s',%s}", path, rows[i].members);
        assert_int_equal(access(path, F_OK), -1);
    }
    assert_holdings(before);
}

static void a_failure_after_opening_leaves_the_file_as_it_was(void **state)
{
    g_autofree char *made = scratch("made");
    g_autofree char *empty = scratch_file("empty", "", 0);
    Holdings before = holdings();
    /* Fails when the address space is reserved, and when nodes are bound. */
    static const char *const members[] = {
        "'size':4096,'align':4611686018427387904",
        "'size':4096,'policy':'bind','host-nodes':[127]",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        add_fails_with("", "{" FILE_OBJECT ",'mem-path':'%s',%s}", made, members[i]);
        assert_int_equal(access(made, F_OK), -1);
        add_fails_with("", "{" FILE_OBJECT ",'mem-path':'%s',%s}", empty, members[i]);
        assert_file_size(empty, 0);
    }
    assert_holdings(before);
}

/* --- templates, discard-data ----------------------------------------------------------------- */

enum { CLONES = 4, TEMPLATE_PAGES = 64 };

static void clones_share_a_template_and_do_not_change_it(void **state)
{
    g_autofree char *path = file_of_a("f", (size_t)TEMPLATE_PAGES * PAGE);
    assert_int_equal(chmod(path, 0400), 0);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    MemoryBackend *clones[CLONES];
    for (unsigned i = 0; i < CLONES; i++) {
        clones[i] = (MemoryBackend *)add("{'qom-type':'memory-backend-file','id':'c%u','size':%d,"
                                         "'mem-path':'%s','readonly':true,'rom':'off'}",
                                         i, TEMPLATE_PAGES * PAGE, path);
    }
    unsigned sum = 0;
    for (unsigned i = 0; i < CLONES; i++) {
        for (unsigned page = 0; page < TEMPLATE_PAGES; page++) {
            sum += ((volatile char *)clones[i]->map.ptr)[page * PAGE];
        }
        assert_int_equal(mapping_at(clones[i]->map.ptr).anonymous_bytes, 0);
    }
    assert_int_equal(sum, CLONES * TEMPLATE_PAGES * 'A');
    for (unsigned page = 0; page < 16; page++) {
        ((volatile char *)clones[1]->map.ptr)[page * PAGE] = 'B';
    }
    assert_int_equal(mapping_at(clones[1]->map.ptr).anonymous_bytes, 16 * PAGE);
    assert_int_equal(mapping_at(clones[0]->map.ptr).anonymous_bytes, 0);
    assert_int_equal(*(volatile char *)clones[0]->map.ptr, 'A');
    assert_int_equal(byte_in_file(path, 0), 'A');
    assert_int_equal(stat(path, &after), 0);
    assert_memory_equal(&after.st_mtim, &before.st_mtim, sizeof(before.st_mtim));
}

/* A file in memory, where holes can be made; /dev/shm is a tmpfs. */
static int shm_file(char *path)
{
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        skip();
    }
    assert_int_equal(ftruncate(fd, SIZE), 0);
    for (unsigned page = 0; page < SIZE / PAGE; page++) {
        assert_int_equal(pwrite(fd, "D", 1, page * PAGE), 1);
    }
    return fd;
}

static void discard(const char *members, bool discards)
{
    char path[] = "/dev/shm/qom-test-XXXXXX";
    int fd = shm_file(path);
    struct stat before, after;
    char bytes[3] = {0};
    assert_int_equal(fstat(fd, &before), 0);
    add("{" FILE_OBJECT ",'size':8192,'offset':4096,'mem-path':'%s','discard-data':true,%s}", path,
        members);
    del("m");
    unlink(path);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_size, SIZE);
    assert_int_equal(before.st_blocks - after.st_blocks, discards ? 16 : 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pread(fd, &bytes[i], 1, i * PAGE), 1);
    }
    assert_int_equal(bytes[0], 'D');
    assert_int_equal(bytes[1], discards ? 0 : 'D');
    assert_int_equal(bytes[2], discards ? 0 : 'D');
    close(fd);
}

static void discard_data_frees_exactly_the_region(void **state)
{
    discard("'share':true", true);
}

static void discard_data_spares_what_is_not_ours(void **state)
{
    discard("'share':false", false);
    discard("'share':true,'readonly':true", false);
    discard("'share':false,'readonly':true", false);
}

static void discard_data_does_not_follow_a_refusal(void **state)
{
    char path[] = "/dev/shm/qom-test-XXXXXX";
    int fd = shm_file(path);
    char c;
    add_fails_with("cannot bind memory to host NUMA nodes",
                   "{" FILE_OBJECT ",'size':4096,'mem-path':'%s','discard-data':true,'share':true,"
                   "'policy':'bind','host-nodes':[127]}",
                   path);
    unlink(path);
    assert_int_equal(pread(fd, &c, 1, 0), 1);
    assert_int_equal(c, 'D');
    close(fd);
}

static void discard_data_may_change_its_mind(void **state)
{
    char path[] = "/dev/shm/qom-test-XXXXXX";
    int fd = shm_file(path);
    char c;
    add("{" FILE_OBJECT ",'size':4096,'mem-path':'%s','discard-data':true,'share':true}", path);
    set("m", "discard-data", "false");
    del("m");
    unlink(path);
    assert_int_equal(pread(fd, &c, 1, 0), 1);
    assert_int_equal(c, 'D');
    close(fd);
}

static void the_rest_is_fixed_after_completion(void **state)
{
    static const char *const rows[][2] = {
        {"mem-path", "'/x'"}, {"readonly", "true"}, {"rom", "'on'"}, {"offset", "4096"},
        {"align", "4096"},    {"share", "true"},    {"size", "1"},
    };
    g_autofree char *path = file_of_a("f", SIZE);
    add("{" FILE_OBJECT ",'size':4096,'mem-path':'%s'}", path);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text =
            g_strdup_printf("cannot change property %s of memory-backend-file ", rows[i][0]);
        set_fails("m", rows[i][0], rows[i][1], text);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_36_combinations_do_what_the_table_says),
        TEST(a_refused_combination_does_not_make_the_file),
        TEST(shared_rom_sees_changes_of_the_file),
        TEST(a_missing_file_is_made),
        TEST(a_missing_file_is_not_made_read_only),
        TEST(an_empty_file_grows),
        TEST(a_longer_file_stays_as_long),
        TEST(a_shorter_file_is_refused_with_its_size),
        TEST(a_folder_gets_a_nameless_file),
        TEST(what_is_no_memory_is_refused),
        TEST(dev_zero_is_memory),
        TEST(descriptors_of_a_set_and_of_the_process_are_files),
        TEST(offset_is_where_the_region_starts),
        TEST(align_is_obeyed),
        TEST(bad_numbers_are_refused_before_the_file_is_touched),
        TEST(a_failure_after_opening_leaves_the_file_as_it_was),
        TEST(clones_share_a_template_and_do_not_change_it),
        TEST(discard_data_frees_exactly_the_region),
        TEST(discard_data_spares_what_is_not_ours),
        TEST(discard_data_does_not_follow_a_refusal),
        TEST(discard_data_may_change_its_mind),
        TEST(the_rest_is_fixed_after_completion),
    };
    return cmocka_run_group_tests_name("memory-file", tests, backend_setup, backend_teardown);
}
