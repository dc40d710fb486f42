/* SPDX-License-Identifier: BSD-3-Clause */
/* File I/O, by a ring or by the pool. */
#include "loop_test.h"

#include <fcntl.h>
#include <sys/mman.h>

typedef struct Answer {
    ssize_t result;
    unsigned calls;
    pid_t tid;
} Answer;

static void answered(void *opaque, ssize_t result)
{
    Answer *answer = opaque;
    answer->result = result;
    answer->calls++;
    answer->tid = gettid();
}

static int file_with(const char *text)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void run_until_answered(Loop *loop, const Answer *answer)
{
    while (!answer->calls) {
        loop_iterate(loop, true);
    }
}

static bool has_ring(Loop *loop)
{
    return loop_get_monitor(loop) == LOOP_MONITOR_IO_URING;
}

static void read_at_an_offset_and_at_the_files_position(void **state)
{
    Loop *loop = loop_new(NULL);
    char text[8] = "";
    int fd = file_with("0123456789");
    static const struct {
        int64_t offset;
        ssize_t result;
        const char *text;
    } cases[] = {
        {3, 4, "3456"}, {-1, 4, "0123"}, {-1, 4, "4567"}, {8, 2, "89"}, {10, 0, ""}, {-1, 2, "89"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Answer answer = {0};
        memset(text, 0, sizeof(text));
        assert_true(loop_file_read(loop, fd, text, 4, cases[i].offset, answered, &answer, NULL));
        assert_int_equal(answer.calls, 0);
        run_until_answered(loop, &answer);
        assert_int_equal(answer.result, cases[i].result);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(answer.tid, gettid());
    }
    close(fd);
    loop_free(loop);
}

static void write_and_sync(void **state)
{
    Loop *loop = loop_new(NULL);
    char text[16] = "";
    int fd = file_with("0123456789");
    Answer at_offset = {0}, at_position = {0}, sync = {0};
    assert_true(loop_file_write(loop, fd, "xyz", 3, 5, answered, &at_offset, NULL));
    run_until_answered(loop, &at_offset);
    assert_int_equal(at_offset.result, 3);
    assert_true(loop_file_write(loop, fd, "AB", 2, -1, answered, &at_position, NULL));
    run_until_answered(loop, &at_position);
    assert_true(loop_file_sync(loop, fd, answered, &sync, NULL));
    run_until_answered(loop, &sync);
    assert_int_equal(sync.result, 0);
    assert_int_equal(pread(fd, text, sizeof(text), 0), 10);
    assert_string_equal(text, "AB234xyz89");
    close(fd);
    loop_free(loop);
}

static void what_the_kernel_refuses_is_the_result(void **state)
{
    Loop *loop = loop_new(NULL);
    char byte = 0;
    Answer closed = {0}, read_only = {0};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(loop_file_read(loop, -1, &byte, 1, 0, answered, &closed, NULL));
    run_until_answered(loop, &closed);
    assert_int_equal(closed.result, -EBADF);
    assert_true(loop_file_write(loop, fd, &byte, 1, 0, answered, &read_only, NULL));
    run_until_answered(loop, &read_only);
    assert_int_equal(read_only.result, -EBADF);
    close(fd);
    loop_free(loop);
}

static void freeing_a_loop_answers_all_requests(void **state)
{
    enum { N = 200 };
    Loop *loop = loop_new(NULL);
    int fd = file_with("0123456789");
    char bytes[N];
    Answer answers[N] = {0};
    for (unsigned i = 0; i < N; i++) {
        assert_true(loop_file_read(loop, fd, &bytes[i], 1, i % 10, answered, &answers[i], NULL));
    }
    loop_free(loop);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(answers[i].calls, 1);
        assert_int_equal(answers[i].result, 1);
        assert_int_equal(bytes[i], '0' + i % 10);
    }
    close(fd);
}

typedef struct Job {
    int fd;
    char byte;
    Answer answer;
    atomic_bool asked;
} Job;

static void read_last_byte(void *opaque)
{
    Job *job = opaque;
    assert_true(
        loop_file_read(loop_current(), job->fd, &job->byte, 1, 9, answered, &job->answer, NULL));
    atomic_store(&job->asked, true);
    loop_stop(loop_current());
}

static void request_of_a_thread_that_ends_is_answered(void **state)
{
    for (unsigned i = 0; i < 20; i++) {
        Job job = {.fd = file_with("0123456789")};
        LoopThread *thread = loop_thread_new("io", NULL, NULL, NULL);
        loop_post(loop_thread_get_loop(thread), read_last_byte, &job);
        while (!atomic_load(&job.asked)) {
            sched_yield();
        }
        loop_thread_free(thread);
        assert_int_equal(job.answer.calls, 1);
        assert_int_equal(job.answer.result, 1);
        assert_int_equal(job.byte, '9');
        close(job.fd);
    }
}

/* Reads @n bytes with one request each, made in one go. */
static void read_bytes(Loop *loop, int fd, unsigned n)
{
    char bytes[64];
    Answer answers[64] = {0};
    for (unsigned i = 0; i < n; i++) {
        assert_true(loop_file_read(loop, fd, &bytes[i], 1, 0, answered, &answers[i], NULL));
    }
    assert_int_equal(stats_of(loop).file_queued, n);
    for (unsigned i = 0; i < n; i++) {
        run_until_answered(loop, &answers[i]);
    }
    assert_int_equal(stats_of(loop).file_queued, 0);
}

static void a_batch_is_what_aio_max_batch_says(void **state)
{
    static const struct {
        int64_t max_batch;
        unsigned requests, batches;
    } cases[] = {{0, 1, 1}, {0, 32, 1}, {0, 33, 2}, {4, 10, 3}, {1, 5, 5}, {INT64_MAX, 60, 1}};
    Loop *loop = loop_new(NULL);
    if (!has_ring(loop)) {
        loop_free(loop);
        skip();
    }
    int fd = file_with("0123456789");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        LoopStats before = stats_of(loop);
        assert_true(loop_set_aio_max_batch(loop, cases[i].max_batch, NULL));
        read_bytes(loop, fd, cases[i].requests);
        LoopStats after = stats_of(loop);
        assert_int_equal(after.file_requests - before.file_requests, cases[i].requests);
        assert_int_equal(after.file_batches - before.file_batches, cases[i].batches);
    }
    close(fd);
    loop_free(loop);
}

static void without_a_ring_the_pool_does_it(void **state)
{
    Loop *loop = loop_new(NULL);
    if (has_ring(loop)) {
        loop_free(loop);
        skip();
    }
    int fd = file_with("0123456789");
    Answer answer = {0};
    char byte;
    assert_true(loop_file_read(loop, fd, &byte, 1, 0, answered, &answer, NULL));
    assert_int_equal(stats_of(loop).pool_threads, 1);
    run_until_answered(loop, &answer);
    assert_int_equal(stats_of(loop).file_requests, 0);
    close(fd);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_at_an_offset_and_at_the_files_position),
        cmocka_unit_test(write_and_sync),
        cmocka_unit_test(what_the_kernel_refuses_is_the_result),
        cmocka_unit_test(freeing_a_loop_answers_all_requests),
        cmocka_unit_test(request_of_a_thread_that_ends_is_answered),
        cmocka_unit_test(a_batch_is_what_aio_max_batch_says),
        cmocka_unit_test(without_a_ring_the_pool_does_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
