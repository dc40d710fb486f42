/* SPDX-License-Identifier: BSD-3-Clause */
/* The choice of the back end, at run time, and what happens when the kernel refuses it. */
#include "loop_test.h"

#include "config.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Whether this kernel gives us a ring at all. */
static bool can_have_ring(void)
{
    Loop *loop = loop_new(NULL);
    loop_monitor_switch(loop, LOOP_MONITOR_IO_URING);
    bool can = loop_get_monitor(loop) == LOOP_MONITOR_IO_URING;
    loop_free(loop);
    return can;
}

static void switch_to(Loop *loop, LoopMonitor monitor)
{
    loop_set_monitor(loop, monitor);
    loop_iterate(loop, false);
    loop_iterate(loop, false);
}

static void the_default_is_epoll_and_a_change_takes_place_in_the_next_iteration(void **state)
{
    if (testing_io_uring()) {
        skip();
    }
    Loop *loop = loop_new(NULL);
    assert_int_equal(loop_get_monitor(loop), LOOP_MONITOR_EPOLL);
    switch_to(loop, LOOP_MONITOR_IO_URING);
    assert_int_equal(loop_get_monitor(loop),
                     can_have_ring() ? LOOP_MONITOR_IO_URING : LOOP_MONITOR_EPOLL);
    switch_to(loop, LOOP_MONITOR_EPOLL);
    assert_int_equal(loop_get_monitor(loop), LOOP_MONITOR_EPOLL);
    loop_free(loop);
}

typedef struct Counted {
    int fd;
    unsigned calls;
    LoopFd *handler;
} Counted;

static void on_event(void *opaque, unsigned revents)
{
    Counted *counted = opaque;
    eventfd_t value;
    eventfd_read(counted->fd, &value);
    counted->calls++;
}

static void handlers_timers_and_calls_survive_a_change(void **state)
{
    enum { N = 100 };
    Loop *loop = loop_new(NULL);
    Counted counted[N] = {0}, parked = {0};
    unsigned fds = 0, posted = 0, expired = 0;
    LoopTimer timer;
    FILE *file = tmpfile();
    Counted regular = {.fd = fileno(file)};
    for (unsigned i = 0; i < N; i++) {
        counted[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        counted[i].handler =
            loop_fd_add(loop, counted[i].fd, LOOP_READ, on_event, &counted[i], NULL);
    }
    parked.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    parked.handler = loop_fd_add(loop, parked.fd, 0, on_event, &parked, NULL);
    regular.handler = loop_fd_add(loop, regular.fd, 0, on_event, &regular, NULL);
    for (unsigned round = 1; round <= 6; round++) {
        loop_timer_init(&timer, loop, add_one, &expired);
        loop_timer_arm_in(&timer, MS);
        loop_post(loop, add_one, &posted);
        switch_to(loop, round % 2 ? LOOP_MONITOR_IO_URING : LOOP_MONITOR_EPOLL);
        unsigned now = count_fds();
        assert_true(round <= 2 || now <= fds + 1);
        fds = now;
        for (unsigned i = 0; i < N; i++) {
            eventfd_write(counted[i].fd, 1);
        }
        for (unsigned i = 0; i < N; i++) {
            while (counted[i].calls < round) {
                loop_iterate(loop, true);
            }
            assert_int_equal(counted[i].calls, round);
        }
        while (expired < round) {
            loop_iterate(loop, true);
        }
        assert_int_equal(posted, round);
    }
    assert_int_equal(parked.calls, 0);
    for (unsigned i = 0; i < N; i++) {
        loop_fd_remove(counted[i].handler);
        close(counted[i].fd);
    }
    loop_fd_remove(regular.handler);
    fclose(file);
    loop_free(loop);
    close(parked.fd);
}

typedef struct Read {
    char byte;
    ssize_t result;
    bool over;
} Read;

static void read_over(void *opaque, ssize_t result)
{
    Read *request = opaque;
    request->result = result;
    request->over = true;
}

static void file_requests_under_way_survive_a_change(void **state)
{
    Loop *loop = loop_new(NULL);
    Read requests[40] = {0};
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    switch_to(loop, LOOP_MONITOR_IO_URING);
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
        assert_true(
            loop_file_read(loop, fd, &requests[i].byte, 1, 0, read_over, &requests[i], NULL));
    }
    loop_monitor_switch(loop, LOOP_MONITOR_EPOLL);
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
        while (!requests[i].over) {
            loop_iterate(loop, true);
        }
        assert_int_equal(requests[i].result, 1);
        assert_int_equal(requests[i].byte, 'x');
    }
    close(fd);
    loop_free(loop);
}

static void without_descriptors_left_the_loop_keeps_what_it_has(void **state)
{
    struct rlimit old, tight;
    Loop *loop = loop_new(NULL);
    LoopMonitor before = loop_get_monitor(loop);
    int probe = dup(0);
    close(probe);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)probe;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    switch_to(loop, before == LOOP_MONITOR_EPOLL ? LOOP_MONITOR_IO_URING : LOOP_MONITOR_EPOLL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(loop_get_monitor(loop), before);
    loop_free(loop);
}

/* From here on io_uring_setup fails for the calling thread. */
static bool forbid_rings(int err)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = G_N_ELEMENTS(code), .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

typedef struct Refusal {
    int err;
    bool tried, answered;
    LoopMonitor monitor;
    Read request;
} Refusal;

static void *work_without_rings(void *opaque)
{
    Refusal *refusal = opaque;
    refusal->tried = forbid_rings(refusal->err);
    if (!refusal->tried) {
        return NULL;
    }
    int fd = memfd_create("file", MFD_CLOEXEC);
    Loop *loop = loop_new(NULL);
    switch_to(loop, LOOP_MONITOR_IO_URING);
    refusal->monitor = loop_get_monitor(loop);
    refusal->answered =
        write(fd, "x", 1) == 1 &&
        loop_file_read(loop, fd, &refusal->request.byte, 1, 0, read_over, &refusal->request, NULL);
    while (refusal->answered && !refusal->request.over) {
        loop_iterate(loop, true);
    }
    loop_free(loop);
    close(fd);
    return NULL;
}

static void where_the_kernel_refuses_rings_epoll_and_threads_do_the_work(void **state)
{
    static const int errors[] = {ENOSYS, EPERM, ENOMEM};
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        Refusal refusal = {.err = errors[i]};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, work_without_rings, &refusal), 0);
        pthread_join(thread, NULL);
        if (!refusal.tried) {
            skip();
        }
        assert_int_equal(refusal.monitor, LOOP_MONITOR_EPOLL);
        assert_true(refusal.answered);
        assert_int_equal(refusal.request.result, 1);
        assert_int_equal(refusal.request.byte, 'x');
    }
}

static void *set_and_reset(void *opaque)
{
    for (unsigned i = 0; i < 200; i++) {
        loop_set_monitor(opaque, i % 2 ? LOOP_MONITOR_EPOLL : LOOP_MONITOR_IO_URING);
        loop_get_monitor(opaque);
        sched_yield();
    }
    return NULL;
}

static void a_loop_at_work_may_change_and_loses_nothing(void **state)
{
    enum { CALLS = 20000 };
    LoopThread *thread = loop_thread_new("busy", NULL, NULL, NULL);
    Loop *loop = loop_thread_get_loop(thread);
    pthread_t setter;
    unsigned ran = 0;
    assert_int_equal(pthread_create(&setter, NULL, set_and_reset, loop), 0);
    for (unsigned i = 0; i < CALLS; i++) {
        if (i % 100) {
            loop_post(loop, add_one, &ran);
        } else {
            loop_call_sync(loop, add_one, &ran); /* a wake-up that is lost would be for ever */
        }
    }
    pthread_join(setter, NULL);
    loop_thread_free(thread);
    assert_int_equal(ran, CALLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_epoll_and_a_change_takes_place_in_the_next_iteration),
        cmocka_unit_test(handlers_timers_and_calls_survive_a_change),
        cmocka_unit_test(file_requests_under_way_survive_a_change),
        cmocka_unit_test(without_descriptors_left_the_loop_keeps_what_it_has),
        cmocka_unit_test(where_the_kernel_refuses_rings_epoll_and_threads_do_the_work),
        cmocka_unit_test(a_loop_at_work_may_change_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
