/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop/internal.h"
#include "loop_test.h"

#include <poll.h>

typedef struct Note {
    LoopCall call;
    unsigned runs;
    struct Note *defers;
    struct Note *cancels;
} Note;

static void note_run(void *opaque)
{
    Note *note = opaque;
    note->runs++;
    assert_false(loop_call_scheduled(&note->call));
    if (note->defers) {
        loop_defer(loop_current(), &note->defers->call);
    }
    if (note->cancels) {
        loop_call_cancel(&note->cancels->call);
    }
}

static void note_init(Note *note)
{
    *note = (Note){0};
    loop_call_init(&note->call, note_run, note);
}

static void deferred_call_runs_once_and_not_at_once(void **state)
{
    Loop *loop = loop_new(NULL);
    Note note;
    note_init(&note);
    loop_defer(loop, &note.call);
    loop_defer(loop, &note.call);
    assert_true(loop_call_scheduled(&note.call));
    assert_int_equal(note.runs, 0);
    assert_true(loop_iterate(loop, true));
    assert_false(loop_iterate(loop, false));
    assert_int_equal(note.runs, 1);
    loop_free(loop);
}

static void call_deferred_by_a_call_runs_in_the_next_iteration(void **state)
{
    Loop *loop = loop_new(NULL);
    Note note;
    note_init(&note);
    note.defers = &note;
    loop_defer(loop, &note.call);
    loop_iterate(loop, true);
    assert_int_equal(note.runs, 1);
    loop_iterate(loop, true);
    assert_int_equal(note.runs, 2);
    loop_call_cancel(&note.call);
    loop_free(loop);
}

static void cancelled_call_does_not_run_even_from_a_call(void **state)
{
    Loop *loop = loop_new(NULL);
    Note a, b, c;
    note_init(&a);
    note_init(&b);
    note_init(&c);
    a.cancels = &b;
    loop_defer(loop, &c.call);
    loop_defer(loop, &a.call);
    loop_defer(loop, &b.call);
    loop_call_cancel(&c.call);
    loop_call_cancel(&c.call);
    loop_iterate(loop, true);
    assert_int_equal(a.runs, 1);
    assert_int_equal(b.runs, 0);
    assert_int_equal(c.runs, 0);
    assert_false(loop_iterate(loop, false));
    loop_free(loop);
}

static void on_event(void *opaque, unsigned revents)
{
    add_one(opaque);
}

static void descriptors_get_their_turn_among_many_calls(void **state)
{
    Loop *loop = loop_new(NULL);
    unsigned posted = 0, events = 0;
    int fd = eventfd(1, EFD_CLOEXEC);
    LoopFd *handler = loop_fd_add(loop, fd, LOOP_READ, on_event, &events, NULL);
    for (unsigned i = 0; i < 3 * LOOP_CALLS_PER_ITERATION; i++) {
        loop_post(loop, add_one, &posted);
    }
    assert_int_equal(stats_of(loop).calls_queued, 3 * LOOP_CALLS_PER_ITERATION);
    for (unsigned turn = 1; turn <= 3; turn++) {
        loop_iterate(loop, true);
        assert_int_equal(posted, turn * LOOP_CALLS_PER_ITERATION);
        assert_int_equal(events, turn);
    }
    assert_int_equal(stats_of(loop).calls_queued, 0);
    loop_fd_remove(handler);
    close(fd);
    loop_free(loop);
}

static void take_time(void *opaque)
{
    int64_t end_ns = loop_now_ns() + LOOP_CALLS_NS;
    while (loop_now_ns() < end_ns) {
    }
    ++*(unsigned *)opaque;
}

static void long_calls_end_the_iteration(void **state)
{
    Loop *loop = loop_new(NULL);
    LoopCall calls[3];
    unsigned ran = 0;
    for (int i = 0; i < 3; i++) {
        loop_call_init(&calls[i], take_time, &ran);
        loop_defer(loop, &calls[i]);
    }
    for (unsigned i = 1; i <= 3; i++) {
        loop_iterate(loop, false);
        assert_int_equal(ran, i);
    }
    loop_free(loop);
}

static void post_writes_the_eventfd_only_to_a_sleeper(void **state)
{
    Loop *loop = loop_new(NULL);
    unsigned runs = 0;
    struct pollfd wake = {.fd = loop->wake_fd, .events = POLLIN};
    loop_post(loop, add_one, &runs);
    assert_int_equal(poll(&wake, 1, 0), 0);
    assert_true(loop_iterate(loop, true));
    assert_int_equal(runs, 1);
    assert_int_equal(stats_of(loop).wakeups, 0);

    atomic_store(&loop->announced, true); /* as if it slept */
    loop_post(loop, add_one, &runs);
    loop_post(loop, add_one, &runs);
    uint64_t count = 0;
    assert_int_equal(read(loop->wake_fd, &count, sizeof(count)), sizeof(count));
    assert_int_equal(count, 1);
    assert_true(loop_iterate(loop, true));
    assert_int_equal(runs, 3);
    loop_free(loop);
}

enum { POSTERS = 4, POSTS = 100000 };

typedef struct Poster {
    Loop *loop;
    pthread_t thread;
    unsigned got;        /* in order so far */
    unsigned disordered; /* calls that came at the wrong place */
    atomic_uint *left;
} Poster;

typedef struct Letter {
    Poster *poster;
    unsigned number;
} Letter;

static void letter_read(void *opaque)
{
    g_autofree Letter *letter = opaque;
    Poster *poster = letter->poster;
    poster->disordered += letter->number != poster->got++;
    if (poster->got == POSTS && atomic_fetch_sub(poster->left, 1) == 1) {
        loop_stop(poster->loop);
    }
}

static void *poster_run(void *opaque)
{
    Poster *poster = opaque;
    for (unsigned i = 0; i < POSTS; i++) {
        Letter *letter = g_new(Letter, 1);
        *letter = (Letter){.poster = poster, .number = i};
        loop_post(poster->loop, letter_read, letter);
        if (i % 10000 == 0) {
            sleep_ns(MS); /* lets the loop fall asleep in between */
        }
    }
    return NULL;
}

static void posts_of_four_threads_arrive_once_and_in_order(void **state)
{
    Loop *loop = loop_new(NULL);
    Poster posters[POSTERS] = {0};
    atomic_uint left = POSTERS;
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i].loop = loop;
        posters[i].left = &left;
        assert_int_equal(pthread_create(&posters[i].thread, NULL, poster_run, &posters[i]), 0);
    }
    loop_run(loop);
    for (unsigned i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
    }
    assert_false(loop_iterate(loop, false));
    for (unsigned i = 0; i < POSTERS; i++) {
        assert_int_equal(posters[i].got, POSTS);
        assert_int_equal(posters[i].disordered, 0);
    }
    loop_free(loop);
}

typedef struct Where {
    pid_t tid;
    Loop *loop;
} Where;

static void where(void *opaque)
{
    Where *result = opaque;
    *result = (Where){.tid = gettid(), .loop = loop_current()};
}

static void sync_call_runs_in_the_other_thread_and_has_run_on_return(void **state)
{
    LoopThread *thread = loop_thread_new("t", NULL, NULL, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        Where result = {0};
        loop_call_sync(loop_thread_get_loop(thread), where, &result);
        assert_int_equal(result.tid, loop_thread_get_tid(thread));
        assert_ptr_equal(result.loop, loop_thread_get_loop(thread));
    }
    loop_thread_free(thread);
}

static void sync_to_self(void *opaque)
{
    loop_call_sync(loop_current(), where, opaque);
}

static void sync_call_to_the_own_loop_runs_at_once(void **state)
{
    LoopThread *thread = loop_thread_new("t", NULL, NULL, NULL);
    Where result = {0};
    loop_call_sync(loop_thread_get_loop(thread), sync_to_self, &result);
    assert_int_equal(result.tid, loop_thread_get_tid(thread));
    loop_thread_free(thread);
    assert_null(loop_current());
}

static void repost(void *opaque)
{
    unsigned *left = opaque;
    if (--*left > 0) {
        loop_post(loop_current(), repost, left);
    }
}

static void freeing_a_loop_runs_every_call_that_is_left(void **state)
{
    Loop *loop = loop_new(NULL);
    unsigned left = 500, runs = 0;
    Note note;
    note_init(&note);
    loop_defer(loop, &note.call);
    for (unsigned i = 0; i < 2 * LOOP_CALLS_PER_ITERATION; i++) {
        loop_post(loop, add_one, &runs);
    }
    loop_post(loop, repost, &left);
    loop_free(loop);
    assert_int_equal(note.runs, 1);
    assert_int_equal(runs, 2 * LOOP_CALLS_PER_ITERATION);
    assert_int_equal(left, 0);
}

static void stop_before_run_counts(void **state)
{
    Loop *loop = loop_new(NULL);
    loop_stop(loop);
    loop_run(loop);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deferred_call_runs_once_and_not_at_once),
        cmocka_unit_test(call_deferred_by_a_call_runs_in_the_next_iteration),
        cmocka_unit_test(cancelled_call_does_not_run_even_from_a_call),
        cmocka_unit_test(descriptors_get_their_turn_among_many_calls),
        cmocka_unit_test(long_calls_end_the_iteration),
        cmocka_unit_test(post_writes_the_eventfd_only_to_a_sleeper),
        cmocka_unit_test(posts_of_four_threads_arrive_once_and_in_order),
        cmocka_unit_test(sync_call_runs_in_the_other_thread_and_has_run_on_return),
        cmocka_unit_test(sync_call_to_the_own_loop_runs_at_once),
        cmocka_unit_test(freeing_a_loop_runs_every_call_that_is_left),
        cmocka_unit_test(stop_before_run_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
