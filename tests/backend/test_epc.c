/* SPDX-License-Identifier: BSD-3-Clause */
/* memory-backend-epc: enclave memory is emptied when nobody else can have it. The device is a twin
 * of /dev/zero in a mount namespace, and ioctl(2) is ours. */
#include "fixture.h"

#include "backend/memory/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define EPC_OBJECT "{'qom-type':'memory-backend-epc','id':'m','size':8192%s}"

static unsigned removals; /* calls of SGX_IOC_VEPC_REMOVE_ALL */
static int left;          /* what the next of them answers; then nothing is left */

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    if (request != _IO(0xA4, 0x04)) {
        return (int)syscall(SYS_ioctl, fd, request, arg);
    }
    int answer = left;
    assert_true(fcntl(fd, F_GETFD) >= 0);
    left = 0;
    removals++;
    return answer;
}

/* 77: not possible here. */
static void make_device(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0 ||
        mount("tmpfs", "/dev", "tmpfs", 0, "") < 0 ||
        mknod("/dev/sgx_vepc", S_IFCHR | 0600, makedev(1, 5)) < 0) {
        _exit(77);
    }
    int fd = open("/dev/sgx_vepc", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        _exit(77);
    }
    close(fd);
}

static void with_a_device(void *opaque)
{
    make_device();
    Holdings before = holdings();

    add(EPC_OBJECT, "");
    assert_int_equal(removals, 0);
    MemoryBackend *backend = (MemoryBackend *)qom_object_child(qom_objects(), "m");
    assert_string_equal(mapping_at(backend->map.ptr).perms, "rw-s");
    assert_true(memory_has_fd(backend));
    del("m");
    assert_int_equal(removals, 1);

    /* What hangs on other pages goes when those have gone. */
    left = 3;
    add(EPC_OBJECT, "");
    del("m");
    assert_int_equal(removals, 3);

    /* Somebody else's enclaves live on. */
    add(EPC_OBJECT, "");
    ((MemoryBackend *)qom_object_child(qom_objects(), "m"))->handed_out = true;
    del("m");
    assert_int_equal(removals, 3);

    /* Nothing was there yet. */
    add_fails("'prealloc=on' is not possible for memory-backend-epc: enclave memory must not be "
              "touched",
              EPC_OBJECT, ",'prealloc':true");
    add_fails_with("Invalid host-nodes", EPC_OBJECT, ",'policy':'bind','host-nodes':[500]");
    assert_int_equal(removals, 3);
    assert_holdings(before);
}

static void enclave_memory_is_emptied_unless_others_have_it(void **state)
{
    int status = in_child(with_a_device, NULL);
    if (status == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

static void without_the_device_the_reason_is_told(void **state)
{
    if (access("/dev/sgx_vepc", F_OK) == 0) {
        skip();
    }
    add_fails_with("/dev/sgx_vepc: No such file or directory (", EPC_OBJECT, "");
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(enclave_memory_is_emptied_unless_others_have_it),
        TEST(without_the_device_the_reason_is_told),
    };
    return cmocka_run_group_tests_name("epc", tests, backend_setup, backend_teardown);
}
