/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_test.h"

#include <fcntl.h>
#include <sys/socket.h>

typedef struct Watch {
    LoopFd *handler;
    int fd;
    unsigned calls;
    unsigned revents;
    struct Watch *victim; /* removed, or parked, by our callback */
    bool park;
    bool drain;
} Watch;

static void on_event(void *opaque, unsigned revents)
{
    Watch *watch = opaque;
    watch->calls++;
    watch->revents = revents;
    if (watch->drain) {
        eventfd_t value;
        eventfd_read(watch->fd, &value);
    }
    if (watch->victim && watch->park) {
        assert_true(loop_fd_set_events(watch->victim->handler, 0, NULL));
    } else if (watch->victim) {
        loop_fd_remove(watch->victim->handler);
        watch->victim->handler = NULL;
    }
}

static void watch_eventfd(Watch *watch, Loop *loop, unsigned count)
{
    watch->fd = eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(watch->fd >= 0);
    watch->handler = loop_fd_add(loop, watch->fd, LOOP_READ, on_event, watch, NULL);
    assert_non_null(watch->handler);
}

static void unwatch(Watch *watch)
{
    loop_fd_remove(watch->handler);
    close(watch->fd);
}

static void ready_descriptor_is_reported_again_until_it_is_read(void **state)
{
    Loop *loop = loop_new(NULL);
    Watch watch = {0};
    watch_eventfd(&watch, loop, 1);
    assert_int_equal(loop_fd_get(watch.handler), watch.fd);
    assert_true(loop_iterate(loop, true));
    assert_true(loop_iterate(loop, true));
    assert_int_equal(watch.calls, 2);
    assert_int_equal(watch.revents, LOOP_READ);
    watch.drain = true;
    assert_true(loop_iterate(loop, true));
    assert_false(loop_iterate(loop, false));
    assert_int_equal(watch.calls, 3);
    assert_int_equal(stats_of(loop).events, 3);
    unwatch(&watch);
    loop_free(loop);
}

static void handler_removed_in_another_callback_gets_no_callback(void **state)
{
    Loop *loop = loop_new(NULL);
    Watch a = {0}, b = {0};
    watch_eventfd(&a, loop, 1);
    watch_eventfd(&b, loop, 1);
    a.victim = &b;
    b.victim = &a;
    loop_iterate(loop, true);
    assert_int_equal(a.calls + b.calls, 1);
    loop_iterate(loop, false);
    assert_int_equal(a.calls + b.calls, 2);
    assert_true(a.calls == 0 || b.calls == 0);
    unwatch(&a);
    unwatch(&b);
    loop_free(loop);
}

static void handler_parked_in_another_callback_gets_no_callback(void **state)
{
    Loop *loop = loop_new(NULL);
    Watch a = {.park = true}, b = {.park = true};
    watch_eventfd(&a, loop, 1);
    watch_eventfd(&b, loop, 1);
    a.victim = &b;
    b.victim = &a;
    loop_iterate(loop, true);
    assert_int_equal(a.calls + b.calls, 1);
    unwatch(&a);
    unwatch(&b);
    loop_free(loop);
}

static void handler_may_remove_itself(void **state)
{
    Loop *loop = loop_new(NULL);
    Watch watch = {0};
    watch_eventfd(&watch, loop, 1);
    watch.victim = &watch;
    assert_true(loop_iterate(loop, true));
    assert_false(loop_iterate(loop, false));
    assert_int_equal(watch.calls, 1);
    close(watch.fd);
    loop_free(loop);
}

static void on_event_iterate(void *opaque, unsigned revents)
{
    Watch *watch = opaque;
    if (watch->calls++ == 0) {
        loop_iterate(loop_current(), false);
    }
}

static void handler_removed_in_a_nested_iteration_stays_valid_for_the_outer_one(void **state)
{
    Loop *loop = loop_new(NULL);
    Watch outer = {0}, inner = {0};
    watch_eventfd(&inner, loop, 0);
    outer.fd = eventfd(1, EFD_CLOEXEC);
    outer.handler = loop_fd_add(loop, outer.fd, LOOP_READ, on_event_iterate, &outer, NULL);
    assert_int_equal(eventfd_write(inner.fd, 1), 0);
    inner.victim = &outer;
    loop_iterate(loop, true);
    assert_int_equal(inner.calls, 1);
    assert_null(outer.handler);
    unwatch(&inner);
    close(outer.fd);
    loop_free(loop);
}

static void parked_handler_hears_nothing_and_can_be_woken_again(void **state)
{
    int pair[2];
    Loop *loop = loop_new(NULL);
    Watch watch = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    watch.handler = loop_fd_add(loop, pair[0], LOOP_READ, on_event, &watch, NULL);
    assert_true(loop_fd_set_events(watch.handler, 0, NULL));
    close(pair[1]);
    assert_false(loop_iterate(loop, false));
    assert_int_equal(watch.calls, 0);
    assert_true(loop_fd_set_events(watch.handler, LOOP_READ | LOOP_RDHUP, NULL));
    assert_true(loop_iterate(loop, true));
    assert_int_equal(watch.revents, LOOP_READ | LOOP_RDHUP | LOOP_HUP);
    loop_fd_remove(watch.handler);
    close(pair[0]);
    loop_free(loop);
}

static void hang_up_brings_the_events_that_were_asked_for(void **state)
{
    int pipes[2];
    Loop *loop = loop_new(NULL);
    Watch reader = {0};
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    reader.handler = loop_fd_add(loop, pipes[0], LOOP_READ, on_event, &reader, NULL);
    close(pipes[1]);
    assert_true(loop_iterate(loop, true));
    assert_int_equal(reader.revents, LOOP_READ | LOOP_HUP);
    loop_fd_remove(reader.handler);
    close(pipes[0]);

    Watch writer = {0};
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    writer.handler = loop_fd_add(loop, pipes[1], LOOP_WRITE, on_event, &writer, NULL);
    assert_true(loop_iterate(loop, true));
    assert_int_equal(writer.revents, LOOP_WRITE);
    close(pipes[0]);
    assert_true(loop_iterate(loop, true));
    assert_int_equal(writer.revents, LOOP_WRITE | LOOP_ERR);
    loop_fd_remove(writer.handler);
    close(pipes[1]);
    loop_free(loop);
}

static void regular_file_is_always_ready_and_the_loop_does_not_sleep(void **state)
{
    Loop *loop = loop_new(NULL);
    Watch watch = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    watch.handler = loop_fd_add(loop, fileno(file), LOOP_READ | LOOP_WRITE, on_event, &watch, NULL);
    assert_non_null(watch.handler);
    assert_true(loop_iterate(loop, true));
    assert_true(loop_iterate(loop, true));
    assert_int_equal(watch.calls, 2);
    assert_int_equal(watch.revents, LOOP_READ | LOOP_WRITE);
    assert_true(loop_fd_set_events(watch.handler, 0, NULL));
    assert_false(loop_iterate(loop, false));
    assert_true(loop_fd_set_events(watch.handler, LOOP_WRITE, NULL));
    assert_true(loop_iterate(loop, true));
    assert_int_equal(watch.revents, LOOP_WRITE);
    loop_fd_remove(watch.handler);
    assert_false(loop_iterate(loop, false));
    fclose(file);
    loop_free(loop);
}

static void descriptor_that_cannot_be_watched_is_an_error(void **state)
{
    Loop *loop = loop_new(NULL);
    Watch watch = {0};
    watch_eventfd(&watch, loop, 0);
    if (loop_get_monitor(loop) == LOOP_MONITOR_EPOLL) {
        QOM_AUTO_ERROR(twice);
        assert_null(loop_fd_add(loop, watch.fd, LOOP_READ, on_event, &watch, &twice));
        g_autofree char *text =
            g_strdup_printf("Cannot watch file descriptor %d: File exists", watch.fd);
        assert_string_equal(qom_error_message(twice), text);
    }
    QOM_AUTO_ERROR(closed);
    assert_null(loop_fd_add(loop, -1, LOOP_READ, on_event, &watch, &closed));
    assert_string_equal(qom_error_message(closed),
                        "Cannot watch file descriptor -1: Bad file descriptor");
    /* The refusals leave the good one alone. */
    assert_int_equal(eventfd_write(watch.fd, 1), 0);
    assert_true(loop_iterate(loop, true));
    assert_int_equal(watch.calls, 1);
    unwatch(&watch);
    loop_free(loop);
}

static void removed_descriptor_that_is_closed_is_closed_for_its_peer(void **state)
{
    int pair[2];
    char byte;
    Loop *loop = loop_new(NULL);
    Watch watch = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    watch.handler = loop_fd_add(loop, pair[0], LOOP_READ, on_event, &watch, NULL);
    assert_false(loop_iterate(loop, false)); /* by now it is watched */
    loop_fd_remove(watch.handler);
    close(pair[0]);
    assert_int_equal(recv(pair[1], &byte, 1, 0), 0);
    close(pair[1]);
    loop_free(loop);
}

static void removed_after_a_change_of_events_and_closed_is_closed_for_its_peer(void **state)
{
    Loop *loop = loop_new(NULL);
    int pair[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    Watch watch = {.fd = pair[0]};
    LoopFd *handler = loop_fd_add(loop, pair[0], LOOP_READ, on_event, &watch, NULL);
    loop_iterate(loop, false);
    assert_true(loop_fd_set_events(handler, LOOP_READ | LOOP_PRI, NULL));
    loop_fd_remove(handler);
    close(pair[0]);
    assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), 0);
    close(pair[1]);
    loop_free(loop);
}

static void every_one_of_many_ready_descriptors_gets_its_turn(void **state)
{
    enum { N = 200 };
    Loop *loop = loop_new(NULL);
    Watch watches[N] = {0};
    for (unsigned i = 0; i < N; i++) {
        watch_eventfd(&watches[i], loop, 1);
    }
    for (unsigned round = 0; round < 4; round++) {
        loop_iterate(loop, true);
    }
    for (unsigned i = 0; i < N; i++) {
        assert_true(watches[i].calls >= 1);
        unwatch(&watches[i]);
    }
    loop_free(loop);
}

static void loop_costs_at_most_three_descriptors_all_close_on_exec(void **state)
{
    int probe = dup(0);
    close(probe); /* the lowest free number */
    unsigned before = count_fds();
    Loop *loop = loop_new(NULL);
    unsigned used = count_fds() - before;
    assert_in_range(used, 1, 3);
    for (int fd = probe; used > 0; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0) {
            assert_true(flags & FD_CLOEXEC);
            used--;
        }
    }
    loop_free(loop);
}

static void thousand_loops_leave_no_descriptor_and_no_thread(void **state)
{
    unsigned fds = count_fds();
    unsigned threads = count_threads();
    for (unsigned i = 0; i < 1000; i++) {
        Loop *loop = loop_new(NULL);
        assert_non_null(loop);
        Watch watch = {0};
        watch_eventfd(&watch, loop, 1);
        loop_iterate(loop, false);
        close(watch.fd);
        loop_free(loop); /* the handler goes with it */
    }
    assert_int_equal(count_fds(), fds);
    assert_threads(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_descriptor_is_reported_again_until_it_is_read),
        cmocka_unit_test(handler_removed_in_another_callback_gets_no_callback),
        cmocka_unit_test(handler_parked_in_another_callback_gets_no_callback),
        cmocka_unit_test(handler_may_remove_itself),
        cmocka_unit_test(handler_removed_in_a_nested_iteration_stays_valid_for_the_outer_one),
        cmocka_unit_test(parked_handler_hears_nothing_and_can_be_woken_again),
        cmocka_unit_test(hang_up_brings_the_events_that_were_asked_for),
        cmocka_unit_test(regular_file_is_always_ready_and_the_loop_does_not_sleep),
        cmocka_unit_test(descriptor_that_cannot_be_watched_is_an_error),
        cmocka_unit_test(removed_descriptor_that_is_closed_is_closed_for_its_peer),
        cmocka_unit_test(removed_after_a_change_of_events_and_closed_is_closed_for_its_peer),
        cmocka_unit_test(every_one_of_many_ready_descriptors_gets_its_turn),
        cmocka_unit_test(loop_costs_at_most_three_descriptors_all_close_on_exec),
        cmocka_unit_test(thousand_loops_leave_no_descriptor_and_no_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
