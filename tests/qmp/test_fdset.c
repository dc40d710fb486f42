/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptor sets and io_open(). */
#include "io/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void list_member(void *user, int64_t set, int fd, const char *opaque)
{
    GString *text = user;
    g_string_append_printf(text, "%d:%s%s ", (int)set, fd < 0 ? "none" : "fd",
                           opaque ? opaque : "");
}

static void assert_listing(const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    io_fdset_foreach(list_member, text);
    assert_string_equal(text->str, expected);
}

static int temporary_file(int access)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("fdset-XXXXXX", &path, NULL);
    assert_true(fd >= 0);
    int again = open(path, access | O_CLOEXEC);
    assert_true(again >= 0);
    unlink(path);
    close(fd);
    return again;
}

static ino_t inode(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void assert_error(QomError *error, const char *expected)
{
    assert_non_null(error);
    assert_string_equal(qom_error_message(error), expected);
}

static void new_set_gets_the_lowest_free_number(void **state)
{
    int64_t id, five = 5;
    assert_true(io_fdset_add(temporary_file(O_RDONLY), NULL, "a", &id, NULL));
    assert_int_equal(id, 0);
    assert_true(io_fdset_add(temporary_file(O_RDONLY), &five, NULL, &id, NULL));
    assert_int_equal(id, 5);
    assert_true(io_fdset_add(temporary_file(O_RDONLY), NULL, "b", &id, NULL));
    assert_int_equal(id, 1);
    assert_listing("0:fda 1:fdb 5:fd ");
    assert_true(io_fdset_remove(0, NULL, NULL));
    assert_listing("1:fdb 5:fd ");
    assert_true(io_fdset_add(temporary_file(O_RDONLY), NULL, "c", &id, NULL));
    assert_int_equal(id, 0);
    for (int64_t i = 0; i < 6; i++) {
        io_fdset_remove(i, NULL, NULL);
    }
    assert_listing("");
}

static void negative_number_is_refused_and_the_descriptor_closed(void **state)
{
    QOM_AUTO_ERROR(error);
    int64_t id, minus = -1;
    int fd = temporary_file(O_RDONLY);
    assert_false(io_fdset_add(fd, &minus, NULL, &id, &error));
    assert_error(error, "Parameter 'fdset-id' expects a non-negative value");
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void removing_what_is_not_there_names_it(void **state)
{
    int64_t fd = 9;
    QOM_AUTO_ERROR(no_set);
    assert_false(io_fdset_remove(7, &fd, &no_set));
    assert_error(no_set, "File descriptor named 'fdset-id:7, fd:9' not found");
    QOM_AUTO_ERROR(no_set_at_all);
    assert_false(io_fdset_remove(7, NULL, &no_set_at_all));
    assert_error(no_set_at_all, "File descriptor named 'fdset-id:7' not found");
    int64_t id;
    int64_t other = 12345;
    assert_true(io_fdset_add(temporary_file(O_RDONLY), NULL, NULL, &id, NULL));
    QOM_AUTO_ERROR(no_fd);
    assert_false(io_fdset_remove(id, &other, &no_fd));
    assert_error(no_fd, "File descriptor named 'fdset-id:0, fd:12345' not found");
    assert_true(io_fdset_remove(id, NULL, NULL));
}

static void open_takes_the_member_with_the_access_mode(void **state)
{
    int64_t id;
    int reader = temporary_file(O_RDONLY), writer = temporary_file(O_WRONLY);
    assert_true(io_fdset_add(reader, NULL, NULL, &id, NULL));
    assert_true(io_fdset_add(writer, &id, NULL, &id, NULL));
    int fd = io_open("/dev/fdset/0", O_WRONLY | O_APPEND, 0, NULL);
    assert_true(fd >= 0);
    assert_int_equal(inode(fd), inode(writer));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_APPEND);
    close(fd);
    fd = io_open("/dev/fdset/0", O_RDONLY, 0, NULL);
    assert_int_equal(inode(fd), inode(reader));
    close(fd);
    QOM_AUTO_ERROR(error);
    assert_int_equal(io_open("/dev/fdset/0", O_RDWR, 0, &error), -1);
    assert_int_equal(errno, EACCES);
    assert_error(error, "Failed to find file descriptor with matching flags=0x2");
    assert_true(io_fdset_remove(id, NULL, NULL));
}

static void duplicate_survives_and_keeps_the_set_listed_empty(void **state)
{
    int64_t id;
    assert_true(io_fdset_add(temporary_file(O_RDWR), NULL, "x", &id, NULL));
    int fd = io_open("/dev/fdset/0", O_RDWR, 0, NULL);
    assert_true(fd >= 0);
    assert_true(io_fdset_remove(0, NULL, NULL));
    assert_listing("0:none ");
    assert_int_equal(write(fd, "x", 1), 1);
    QOM_AUTO_ERROR(error);
    assert_int_equal(io_open("/dev/fdset/0", O_RDWR, 0, &error), -1);
    close(fd);
    assert_listing("");
}

static void open_failures_name_the_path(void **state)
{
    QOM_AUTO_ERROR(absent);
    assert_int_equal(io_open("/dev/fdset/5", O_RDONLY, 0, &absent), -1);
    assert_int_equal(errno, ENOENT);
    assert_error(absent, "Failed to find fdset /dev/fdset/5");
    const char *const malformed[] = {"/dev/fdset/", "/dev/fdset/x", "/dev/fdset/-1",
                                     "/dev/fdset/1x", "/dev/fdset/99999999999999999999"};
    for (unsigned i = 0; i < G_N_ELEMENTS(malformed); i++) {
        QOM_AUTO_ERROR(error);
        assert_int_equal(io_open(malformed[i], O_RDONLY, 0, &error), -1);
        assert_int_equal(errno, EINVAL);
        assert_true(
            g_str_has_prefix(qom_error_message(error), "Could not parse fdset /dev/fdset/"));
    }
    QOM_AUTO_ERROR(plain);
    assert_int_equal(io_open("/nonexistent/file", O_RDONLY, 0, &plain), -1);
    assert_error(plain, "Could not open '/nonexistent/file': No such file or directory");
    QOM_AUTO_ERROR(create);
    assert_int_equal(io_open("/nonexistent/file", O_WRONLY | O_CREAT, 0600, &create), -1);
    assert_error(create, "Could not create '/nonexistent/file': No such file or directory");
}

static void sets_are_bounded(void **state)
{
    int64_t id, set = 3;
    int limit = 0;
    for (; limit < 2000; limit++) {
        QOM_AUTO_ERROR(error);
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            skip();
        }
        if (!io_fdset_add(fd, &set, NULL, &id, &error)) {
            assert_error(error, "Too many file descriptors in sets (maximum is 1024)");
            break;
        }
    }
    assert_int_equal(limit, 1024);
    assert_true(io_fdset_remove(3, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_set_gets_the_lowest_free_number),
        cmocka_unit_test(negative_number_is_refused_and_the_descriptor_closed),
        cmocka_unit_test(removing_what_is_not_there_names_it),
        cmocka_unit_test(open_takes_the_member_with_the_access_mode),
        cmocka_unit_test(duplicate_survives_and_keeps_the_set_listed_empty),
        cmocka_unit_test(open_failures_name_the_path),
        cmocka_unit_test(sets_are_bounded),
    };
    return cmocka_run_group_tests_name("fdset", tests, NULL, NULL);
}
