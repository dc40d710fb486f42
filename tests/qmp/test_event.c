/* SPDX-License-Identifier: BSD-3-Clause */
/* Events, and descriptors that come with messages. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void send_named(const QapiEvent *event, const char *name)
{
    qmp_event_send(event, &(const char *){name});
}

static void event_precedes_the_reply_of_its_command(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_ready(monitor), *other = client_ready(monitor);
    Client *new_one = client_new(monitor);
    say(client, "{'execute':'event','arguments':{'name':'n'},'id':1}");
    g_autofree char *event = g_strdup(hear(client));
    assert_true(g_str_has_prefix(event, "{\"event\": \"TEST\", \"data\": {\"name\": \"n\"}, "
                                        "\"timestamp\": {\"seconds\": "));
    expect(client, "{\"return\": {}, \"id\": 1}");
    expect(other, event);
    expect_silence(new_one);
    client_free(client);
    client_free(other);
    client_free(new_one);
}

static void event_does_not_split_a_reply(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    talk(client, "{'execute':'interrupted','id':1}", "{\"return\": [], \"id\": 1}");
    assert_non_null(strstr(hear(client), "\"in between\""));
    client_free(client);
}

static void *event_thread(void *opaque)
{
    send_named(&test_event, "thread");
    return NULL;
}

static void event_of_another_thread_arrives(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    pthread_t thread;
    pthread_create(&thread, NULL, event_thread, NULL);
    assert_non_null(strstr(hear(client), "\"thread\""));
    pthread_join(thread, NULL);
    client_free(client);
}

static void hidden_events_are_not_sent(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    qmp_event_send(&test_event_old, NULL);
    assert_true(g_str_has_prefix(hear(client), "{\"event\": \"TEST_OLD\", \"timestamp\": "));
    qmp_set_compat(&(QapiPolicy){.deprecated_output = QAPI_OUTPUT_HIDE});
    qmp_event_send(&test_event_old, NULL);
    expect_silence(client);
    client_free(client);
}

static void flood_is_cut_to_the_first_and_the_last_of_each_second(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    char name[2] = "0";
    int64_t begin = loop_now_ns();
    for (; name[0] <= '9'; name[0]++) {
        send_named(&test_event_limited, name);
    }
    assert_non_null(strstr(hear(client), "\"0\""));
    expect_silence(client);
    assert_non_null(strstr(hear(client), "\"9\""));
    int64_t first = loop_now_ns() - begin;
    assert_in_range(first, 950000000, 1500000000);
    send_named(&test_event_limited, "a");
    expect_silence(client);
    assert_non_null(strstr(hear(client), "\"a\""));
    run_ms(1100);
    send_named(&test_event_limited, "b");
    run_ms(5);
    assert_non_null(strstr(hear(client), "\"b\""));
    client_free(client);
}

static void sources_with_different_keys_do_not_limit_each_other(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    send_named(&test_event_keyed, "one");
    send_named(&test_event_keyed, "two");
    send_named(&test_event_keyed, "one");
    assert_non_null(strstr(hear(client), "\"one\""));
    assert_non_null(strstr(hear(client), "\"two\""));
    expect_silence(client);
    client_free(client);
}

/* --- Descriptors ----------------------------------------------------------------------------- */

static ino_t inode(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* How many of the process's descriptors lead to the pipe @ino. */
static unsigned count_open(ino_t ino)
{
    unsigned n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        n += inode(fd) == ino;
    }
    return n;
}

static void command_takes_the_first_descriptor_and_the_rest_is_closed(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    int a[2], b[2];
    assert_int_equal(pipe(a) | pipe(b), 0);
    ino_t ino_a = inode(a[0]), ino_b = inode(b[0]);
    say_fds(client, "{'execute':'take-fd'}", (int[]){a[0], b[0]}, 2);
    const char *line = hear(client);
    int fd = atoi(line + strlen("{\"return\": "));
    assert_int_equal(inode(fd), ino_a);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    assert_int_equal(count_open(ino_b), 2);
    talk(client, "{'execute':'take-fd'}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"No file descriptor supplied via "
         "SCM_RIGHTS\"}}");
    close(a[0]);
    close(a[1]);
    close(b[0]);
    close(b[1]);
    client_free(client);
}

static bool has_no_sessions(void *opaque)
{
    return ((QmpMonitor *)opaque)->n_sessions == 0;
}

static void set_that_nobody_takes_is_closed_by_the_next_or_the_end(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_ready(monitor);
    int a[2], b[2];
    assert_int_equal(pipe(a) | pipe(b), 0);
    ino_t ino_a = inode(a[0]), ino_b = inode(b[0]);
    say_fds(client, "{'execute':'plain'}", a, 1);
    hear(client);
    assert_int_equal(count_open(ino_a), 3);
    say_fds(client, "{'execute':'plain'}", b, 1);
    hear(client);
    assert_int_equal(count_open(ino_a), 2);
    assert_int_equal(count_open(ino_b), 3);
    client_free(client);
    assert_true(until(has_no_sessions, monitor));
    assert_int_equal(count_open(ino_b), 2);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void names_live_with_the_monitor(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL), *other_monitor = monitor_new(NULL);
    Client *client = client_ready(monitor);
    int a[2];
    assert_int_equal(pipe(a), 0);
    ino_t ino = inode(a[0]);
    talk(client, "{'execute':'getfd','arguments':{'name':'x'}}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"No file descriptor supplied via "
         "SCM_RIGHTS\"}}");
    say_fds(client, "{'execute':'getfd','arguments':{'name':'0x'}}", a, 1);
    expect(client, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Parameter 'fdname' "
                   "expects a name not starting with a digit\"}}");
    assert_int_equal(count_open(ino), 2);
    say_fds(client, "{'execute':'getfd','arguments':{'name':'x'}}", a, 1);
    expect(client, "{\"return\": {}}");
    say_fds(client, "{'execute':'getfd','arguments':{'name':'x'}}", a, 1);
    expect(client, "{\"return\": {}}");
    assert_int_equal(count_open(ino), 3);
    client_free(client);
    assert_true(until(has_no_sessions, monitor));
    assert_int_equal(count_open(ino), 3);
    Client *stranger = client_ready(other_monitor);
    talk(stranger, "{'execute':'closefd','arguments':{'name':'x'}}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"File descriptor named 'x' not "
         "found\"}}");
    client_free(stranger);
    client = client_ready(monitor);
    talk(client, "{'execute':'closefd','arguments':{'name':'x'}}", "{\"return\": {}}");
    assert_int_equal(count_open(ino), 2);
    client_free(client);
    close(a[0]);
    close(a[1]);
}

static void descriptor_comes_with_its_reply(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    char text[200] = {0}, control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {text, sizeof(text)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    say(client, "{'execute':'plain','id':1}{'execute':'give-fd','id':2}{'execute':'plain','id':3}");
    run_ms(20);
    ssize_t n = recvmsg(client->fd, &msg, 0);
    assert_true(n > 0);
    assert_non_null(strstr(text, "{\"return\": {}, \"id\": 2}\r\n"));
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    assert_non_null(cmsg);
    int fd;
    memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
    assert_int_equal(close(fd), 0);
    client_free(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(event_precedes_the_reply_of_its_command),
        TEST(event_does_not_split_a_reply),
        TEST(event_of_another_thread_arrives),
        TEST(hidden_events_are_not_sent),
        TEST(flood_is_cut_to_the_first_and_the_last_of_each_second),
        TEST(sources_with_different_keys_do_not_limit_each_other),
        TEST(command_takes_the_first_descriptor_and_the_rest_is_closed),
        TEST(set_that_nobody_takes_is_closed_by_the_next_or_the_end),
        TEST(names_live_with_the_monitor),
        TEST(descriptor_comes_with_its_reply),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
