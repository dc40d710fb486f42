/* SPDX-License-Identifier: BSD-3-Clause */
/* What `qom mount` makes of paths and errors. */
#include "client/mount_tree.h"
#include "unit.h"

#include <errno.h>

static void relative_ways_lead_from_folder_to_folder_and_not_out_of_the_tree(void **state)
{
    static const struct {
        const char *from, *to, *way;
    } cases[] = {
        {"/objects/m0", "/objects/tc0", "../tc0"},
        {"/objects/m0", "/machine/unattached/io[0]", "../../machine/unattached/io[0]"},
        {"/objects", "/objects/m0", "m0"},
        {"/", "/objects/m0", "objects/m0"},
        {"/a/b", "/a/b", "."},
        {"/a/b", "/a", ".."},
        {"/a/b", "/", "../.."},
        {"/a/bc", "/a/b", "../b"},
        {"/a/b", "", MOUNT_NO_TARGET},
        {"/a/b", "c", MOUNT_NO_TARGET},
        {"/a/b", "/../../../etc/passwd", MOUNT_NO_TARGET},
        {"/a/b", "/a/../../../etc", MOUNT_NO_TARGET},
        {"/a/b", "/a/.", MOUNT_NO_TARGET},
        {"/a/b", "//a", MOUNT_NO_TARGET},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *way = mount_relative(cases[i].from, cases[i].to);
        assert_string_equal(way, cases[i].way);
    }
}

static void refusals_have_the_errno_value_that_says_why(void **state)
{
    static const struct {
        QomErrorClass error_class;
        const char *message;
        int number;
    } cases[] = {
        {QOM_ERROR_DEVICE_NOT_FOUND, "Device '/x' not found", ENOENT},
        {QOM_ERROR_COMMAND_NOT_FOUND, "Command qom-set has been disabled: by monitor policy",
         EACCES},
        {QOM_ERROR_GENERIC, "Property 'iothread.x' not found", ENOENT},
        {QOM_ERROR_GENERIC, "object 'x' not found", ENOENT},
        {QOM_ERROR_GENERIC, "Property 'iothread.thread-id' is not writable", EACCES},
        {QOM_ERROR_GENERIC, "Property 'secret.x' is not readable", EACCES},
        {QOM_ERROR_GENERIC, "Insufficient permission to perform this operation", EACCES},
        {QOM_ERROR_GENERIC, "object 'm0' is in use, can not be deleted", EBUSY},
        {QOM_ERROR_GENERIC, "poll-max-ns value must be in range", EINVAL},
        {QOM_ERROR_KVM_MISSING_CAP, "no", EOPNOTSUPP},
        {QOM_ERROR_DEVICE_NOT_ACTIVE, "no", ENODEV},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QOM_AUTO_ERROR(err);
        qom_error_set_class(&err, cases[i].error_class, "%s", cases[i].message);
        assert_int_equal(mount_errno(err), cases[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relative_ways_lead_from_folder_to_folder_and_not_out_of_the_tree),
        cmocka_unit_test(refusals_have_the_errno_value_that_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
