/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "qom/backend.h"

#include <dirent.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/qom-backend-XXXXXX";

extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

int backend_setup(void **state)
{
    Loop *loop = loop_new(NULL);
    /* What the first text maps stays mapped. */
    const char *volatile text = g_strerror(ENOENT);
    if (!text || !loop || !mkdtemp(folder)) {
        return -1;
    }
    loop_set_main(loop);
    qom_backend_register_types();
    qom_type_check_all();
    return 0;
}

int backend_clear(void **state)
{
    qom_objects_clear();
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = scratch(name);
        g_remove(path);
    }
    return 0;
}

int backend_teardown(void **state)
{
    Loop *loop = loop_main();
    backend_clear(state);
    qom_tree_destroy();
    loop_free(loop);
    loop_set_main(NULL);
    return rmdir(folder);
}

const char *scratch_folder(void)
{
    return folder;
}

char *scratch(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

char *scratch_file(const char *name, const void *data, size_t len)
{
    char *path = scratch(name);
    assert_true(g_file_set_contents(path, data, (gssize)len, NULL));
    return path;
}

/* --- objects --------------------------------------------------------------------------------- */

QomObject *add(const char *format, ...)
{
    va_list args;
    QOM_AUTO_ERROR(err);
    va_start(args, format);
    g_autofree char *json = g_strdup_vprintf(format, args);
    va_end(args);
    QomObject *obj = qom_object_add_json(json, NULL, &err);
    if (!obj) {
        fail_msg("%s: %s", json, qom_error_message(err));
    }
    return obj;
}

static char *vadd_fails(const char *format, va_list args)
{
    QOM_AUTO_ERROR(err);
    size_t before = qom_object_child_count(qom_objects());
    g_autofree char *json = g_strdup_vprintf(format, args);
    if (qom_object_add_json(json, NULL, &err)) {
        fail_msg("not refused: %s", json);
    }
    assert_int_equal(qom_object_child_count(qom_objects()), before);
    return g_strdup(qom_error_message(err));
}

void add_fails(const char *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = vadd_fails(format, args);
    va_end(args);
    assert_string_equal(message, text);
}

void add_fails_with(const char *part, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = vadd_fails(format, args);
    va_end(args);
    if (!strstr(message, part)) {
        assert_string_equal(message, part);
    }
}

void del(const char *id)
{
    QOM_AUTO_ERROR(err);
    if (!qom_object_del(id, &err)) {
        fail_msg("%s", qom_error_message(err));
    }
}

static QomObject *object(const char *id)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    assert_non_null(obj);
    return obj;
}

void assert_property(const char *id, const char *property, const char *json)
{
    QOM_AUTO_ERROR(err);
    g_autofree char *value = qom_property_get_json(object(id), property, &err);
    if (err) {
        fail_msg("%s", qom_error_message(err));
    }
    assert_string_equal(value, json);
}

void set(const char *id, const char *property, const char *json)
{
    QOM_AUTO_ERROR(err);
    if (!qom_property_set_json(object(id), property, json, &err)) {
        fail_msg("%s", qom_error_message(err));
    }
}

void set_fails(const char *id, const char *property, const char *json, const char *text)
{
    QOM_AUTO_ERROR(err);
    g_autofree char *before = qom_property_get_json(object(id), property, NULL);
    assert_false(qom_property_set_json(object(id), property, json, &err));
    assert_string_equal(qom_error_message(err), text);
    g_autofree char *after = qom_property_get_json(object(id), property, NULL);
    assert_true(g_strcmp0(before, after) == 0);
}

/* --- what a process has ---------------------------------------------------------------------- */

bool watched(void)
{
    static int answer = -1;
    if (answer < 0) {
        g_autofree char *maps = NULL;
        assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
        answer = __asan_init || __tsan_init || strstr(maps, "vgpreload");
    }
    return answer;
}

static unsigned count_entries(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

Holdings holdings(void)
{
    unsigned lines = 0;
    if (!watched()) {
        g_autofree char *maps = NULL;
        assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
        for (const char *c = maps; *c; c++) {
            lines += *c == '\n';
        }
    }
    return (Holdings){
        .fds = count_entries("/proc/self/fd"),
        .threads = count_entries("/proc/self/task"),
        .mappings = lines,
    };
}

void assert_holdings(Holdings before)
{
    Holdings now = holdings();
    /* A thread that was joined may still be listed for a moment. */
    for (unsigned i = 0; i < 5000 && memcmp(&now, &before, sizeof(now)) != 0; i++) {
        g_usleep(1000);
        now = holdings();
    }
    assert_int_equal(now.fds, before.fds);
    assert_int_equal(now.threads, before.threads);
    assert_int_equal(now.mappings, before.mappings);
}

/* Reads the fields of one entry up to the next. */
static void read_fields(FILE *file, Mapping *mapping)
{
    char line[512], key[32];
    while (fgets(line, sizeof(line), file)) {
        uint64_t kib;
        if (g_str_has_prefix(line, "VmFlags:")) {
            g_strlcpy(mapping->flags, line + strlen("VmFlags:"), sizeof(mapping->flags));
            return;
        }
        if (sscanf(line, "%31[A-Za-z]: %" SCNu64 " kB", key, &kib) != 2) {
            continue;
        }
        if (strcmp(key, "Rss") == 0) {
            mapping->rss_bytes = kib * 1024;
        } else if (strcmp(key, "Anonymous") == 0) {
            mapping->anonymous_bytes = kib * 1024;
        } else if (strcmp(key, "KernelPageSize") == 0) {
            mapping->page_bytes = kib * 1024;
        }
    }
}

Mapping mapping_at(const void *address)
{
    Mapping mapping = {0};
    char line[512];
    FILE *file = fopen("/proc/self/smaps", "re");
    assert_non_null(file);
    while (!mapping.size_bytes && fgets(line, sizeof(line), file)) {
        uint64_t start, end, offset;
        char perms[5], name[256] = "";
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %255[^\n]", &start, &end,
                   perms, &offset, name) >= 4 &&
            start == (uintptr_t)address) {
            mapping.size_bytes = end - start;
            mapping.offset_bytes = offset;
            memcpy(mapping.perms, perms, sizeof(perms));
            memcpy(mapping.name, name, sizeof(name));
            read_fields(file, &mapping);
        }
    }
    fclose(file);
    if (!mapping.size_bytes) {
        fail_msg("nothing is mapped at %p", address);
    }
    return mapping;
}

bool mapping_has(const Mapping *mapping, const char *flag)
{
    g_autofree char *word = g_strdup_printf(" %s ", flag);
    return strstr(mapping->flags, word) != NULL;
}

uint64_t file_number(const char *path)
{
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtoull(text, NULL, 10) : 0;
}

/* --- time ------------------------------------------------------------------------------------ */

static void nothing(void *opaque)
{
}

void run_ms(int ms)
{
    int64_t end_ns = loop_now_ns() + ms * INT64_C(1000000);
    LoopTimer timer;
    loop_timer_init(&timer, loop_main(), nothing, NULL);
    loop_timer_arm(&timer, end_ns);
    while (loop_now_ns() < end_ns) {
        loop_iterate(loop_main(), true);
    }
    loop_timer_cancel(&timer);
}

void run_until(bool (*condition)(void *opaque), void *opaque)
{
    for (int i = 0; i < 10000 && !condition(opaque); i++) {
        run_ms(1);
    }
    assert_true(condition(opaque));
}

int in_child(void (*fn)(void *opaque), void *opaque)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* Not back into the tests that come next. */
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        fn(opaque);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
