/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "qom/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct TestCommands commands;

/* --- Schema ---------------------------------------------------------------------------------- */

typedef struct OobEnumList {
    size_t n;
    int *items;
} OobEnumList;

typedef struct CapabilitiesArgs {
    bool has_enable;
    OobEnumList enable;
} CapabilitiesArgs;

typedef struct ValueArgs {
    char *value;
} ValueArgs;

typedef struct NameArgs {
    char *name;
} NameArgs;

static const QapiEnumValue capability_values[] = {{.name = "oob"}};
static const uint16_t capability_sorted[] = {0};
static const QapiType capability_type = {.name = "QMPCapability",
                                         .kind = QAPI_KIND_ENUM,
                                         .size = sizeof(int),
                                         .values = capability_values,
                                         .names_sorted = capability_sorted,
                                         .n_values = 1};
static const QapiType capability_list = {.name = "[QMPCapability]",
                                         .kind = QAPI_KIND_LIST,
                                         .size = sizeof(OobEnumList),
                                         .element = &capability_type};
static const QapiMember capabilities_members[] = {
    {.name = "enable",
     .type = &capability_list,
     .offset = offsetof(CapabilitiesArgs, enable),
     .flag_offset = offsetof(CapabilitiesArgs, has_enable),
     .optional = true},
};
static const QapiType capabilities_args = {.name = "q_obj_caps",
                                           .kind = QAPI_KIND_STRUCT,
                                           .size = sizeof(CapabilitiesArgs),
                                           .members = capabilities_members,
                                           .n_members = 1};
static const QapiMember value_members[] = {
    {.name = "value", .type = &qapi_type_any, .flag_offset = QAPI_NO_FLAG}};
static const QapiType value_args = {.name = "q_obj_value",
                                    .kind = QAPI_KIND_STRUCT,
                                    .size = sizeof(ValueArgs),
                                    .members = value_members,
                                    .n_members = 1};
static const QapiMember name_members[] = {
    {.name = "name", .type = &qapi_type_str, .flag_offset = QAPI_NO_FLAG}};
static const QapiType name_args = {.name = "q_obj_name",
                                   .kind = QAPI_KIND_STRUCT,
                                   .size = sizeof(NameArgs),
                                   .members = name_members,
                                   .n_members = 1};
static const QapiMember id_members[] = {
    {.name = "id", .type = &qapi_type_str, .flag_offset = QAPI_NO_FLAG}};
static const QapiType id_args = {.name = "q_obj_id",
                                 .kind = QAPI_KIND_STRUCT,
                                 .size = sizeof(NameArgs),
                                 .members = id_members,
                                 .n_members = 1};

const QapiEvent test_event = {.name = "TEST", .args = &name_args};
const QapiEvent test_event_old = {.name = "TEST_OLD", .features = QAPI_FEATURE_DEPRECATED};
const QapiEvent test_event_limited = {.name = "RTC_CHANGE", .args = &name_args};
const QapiEvent test_event_keyed = {.name = "VSERPORT_CHANGE", .args = &id_args};

static bool call_capabilities(const void *data, void *ret, QomError **errp)
{
    const CapabilitiesArgs *args = data;
    return qmp_session_negotiate(qmp_call_current()->session, args->enable.n > 0, errp);
}

static bool call_plain(const void *args, void *ret, QomError **errp)
{
    commands.n_plain++;
    return true;
}

static bool call_echo(const void *args, void *ret, QomError **errp)
{
    *(char **)ret = g_strdup(((const ValueArgs *)args)->value);
    return true;
}

static bool call_fail(const void *args, void *ret, QomError **errp)
{
    return qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found",
                               ((const NameArgs *)args)->name);
}

static void call_later(const void *args, QmpCall *call)
{
    commands.n_later++;
    commands.later = call;
}

static void call_async_now(const void *args, QmpCall *call)
{
    qmp_call_return_json(call, "[1, 2]", 6);
}

static void call_raw(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    g_free(commands.raw_arguments);
    commands.raw_arguments = json_tape_copy_subtree(tape, node, NULL);
    qmp_call_return(call, NULL);
}

static bool call_event(const void *args, void *ret, QomError **errp)
{
    qmp_event_send(&test_event, args);
    return true;
}

static void call_interrupted(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    JsonWriter *w = qmp_call_begin_return(call);
    json_writer_begin_array(w);
    qmp_event_send(&test_event, &(const char *){"in between"});
    json_writer_end_array(w);
    qmp_call_end_return(call);
}

static bool call_block(const void *args, void *ret, QomError **errp)
{
    char byte;
    struct pollfd p = {.fd = commands.release_fd, .events = POLLIN};
    poll(&p, 1, 10000);
    return read(commands.release_fd, &byte, 1) == 1;
}

static bool call_oob(const void *args, void *ret, QomError **errp)
{
    __atomic_add_fetch(&commands.n_oob, 1, __ATOMIC_RELAXED);
    return true;
}

static bool call_take_fd(const void *args, void *ret, QomError **errp)
{
    int fd = qmp_call_take_fd(qmp_call_current(), errp);
    if (fd < 0) {
        return false;
    }
    *(int64_t *)ret = fd;
    return true;
}

static bool call_give_fd(const void *args, void *ret, QomError **errp)
{
    return qmp_call_attach_fd(qmp_call_current(), open("/dev/null", O_RDONLY | O_CLOEXEC), errp);
}

static bool call_getfd(const void *args, void *ret, QomError **errp)
{
    return qmp_named_fd_store(qmp_call_current(), ((const NameArgs *)args)->name, errp);
}

static bool call_closefd(const void *args, void *ret, QomError **errp)
{
    return qmp_named_fd_close(qmp_call_current(), ((const NameArgs *)args)->name, errp);
}

#define COMMAND(id, ...) static const QapiCommand command_##id = {__VA_ARGS__}
COMMAND(async_now, .name = "async-now", .ret = &qapi_type_intList, .call_async = call_async_now);
COMMAND(block, .name = "block", .call = call_block);
COMMAND(closefd, .name = "closefd", .args = &name_args, .call = call_closefd);
COMMAND(echo, .name = "echo", .args = &value_args, .ret = &qapi_type_any, .call = call_echo);
COMMAND(event, .name = "event", .args = &name_args, .call = call_event);
COMMAND(fail, .name = "fail", .args = &name_args, .call = call_fail);
COMMAND(getfd, .name = "getfd", .args = &name_args, .call = call_getfd);
COMMAND(give_fd, .name = "give-fd", .call = call_give_fd);
COMMAND(interrupted, .name = "interrupted", .ret = &qapi_type_intList, .flags = QAPI_COMMAND_RAW,
        .call_raw = call_interrupted);
COMMAND(later, .name = "later", .ret = &qapi_type_int, .call_async = call_later);
COMMAND(old, .name = "old", .features = QAPI_FEATURE_DEPRECATED, .call = call_plain);
COMMAND(oob, .name = "oob", .flags = QAPI_COMMAND_OOB, .call = call_oob);
COMMAND(plain, .name = "plain", .call = call_plain);
COMMAND(capabilities, .name = "qmp_capabilities", .args = &capabilities_args,
        .flags = QAPI_COMMAND_PRECONFIG, .call = call_capabilities);
COMMAND(query, .name = "query-plain", .flags = QAPI_COMMAND_PRECONFIG, .call = call_plain);
COMMAND(raw, .name = "raw", .args = &name_args, .flags = QAPI_COMMAND_RAW, .call_raw = call_raw);
COMMAND(silent, .name = "silent", .flags = QAPI_COMMAND_NO_SUCCESS, .call = call_plain);
COMMAND(take_fd, .name = "take-fd", .ret = &qapi_type_int, .call = call_take_fd);

static const QapiCommand *const all_commands[] = {
    &command_async_now, &command_block,  &command_closefd, &command_echo,         &command_event,
    &command_fail,      &command_getfd,  &command_give_fd, &command_interrupted,  &command_later,
    &command_old,       &command_oob,    &command_plain,   &command_capabilities, &command_query,
    &command_raw,       &command_silent, &command_take_fd,
};

static const QapiSchema test_schema = {.commands = all_commands,
                                       .n_commands = G_N_ELEMENTS(all_commands)};

/* --- Server ---------------------------------------------------------------------------------- */

int server_setup(void **state)
{
    static bool added;
    if (!added) {
        qmp_add_schema(&test_schema);
        added = true;
    }
    loop_set_main(loop_new(NULL));
    return 0;
}

int server_teardown(void **state)
{
    qmp_shutdown();
    loop_free(loop_main());
    loop_set_main(NULL);
    g_clear_pointer(&commands.raw_arguments, g_free);
    memset(&commands, 0, sizeof(commands));
    qmp_set_compat(&(QapiPolicy){0});
    qmp_set_preconfig(false);
    return 0;
}

QmpMonitor *monitor_new(const QmpMonitorOptions *options)
{
    QmpMonitorOptions defaults = {.chardev = "m"};
    QmpMonitor *monitor = qmp_monitor_new_bare(options ? options : &defaults, NULL);
    assert_non_null(monitor);
    return monitor;
}

void run_ms(int ms)
{
    int64_t end = loop_now_ns() + (int64_t)ms * 1000000;
    while (loop_now_ns() < end) {
        if (!loop_iterate(loop_main(), false)) {
            g_usleep(200);
        }
    }
    /* On a busy machine the sleep may outlast the time: what became due in it must run, too. */
    for (int i = 0; i < 10 && loop_iterate(loop_main(), false); i++) {
    }
}

bool until(bool (*condition)(void *opaque), void *opaque)
{
    int64_t end = loop_now_ns() + INT64_C(10000000000);
    while (!condition(opaque)) {
        if (loop_now_ns() > end) {
            return false;
        }
        if (!loop_iterate(loop_main(), false)) {
            g_usleep(100);
        }
    }
    return true;
}

/* --- Clients --------------------------------------------------------------------------------- */

Client *client_new(QmpMonitor *monitor)
{
    Client *client = g_new0(Client, 1);
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    client->fd = fds[1];
    client->got = g_string_new(NULL);
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    client->session = qmp_session_new(monitor, io_channel_new_socket(fds[0]), NULL);
    assert_non_null(client->session);
    const char *greeting = hear(client);
    assert_true(strstr(greeting, "{\"QMP\": {\"version\": ") ==
                (monitor->pretty ? NULL : greeting));
    return client;
}

Client *client_ready(QmpMonitor *monitor)
{
    Client *client = client_new(monitor);
    talk(client, "{'execute':'qmp_capabilities'}", "{\"return\": {}}");
    return client;
}

Client *client_oob(QmpMonitor *monitor)
{
    Client *client = client_new(monitor);
    talk(client, "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}",
         "{\"return\": {}}");
    return client;
}

void client_free(Client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
    }
    g_string_free(client->got, TRUE);
    g_free(client);
}

typedef struct Sending {
    Client *client;
    const char *data;
    size_t len;
} Sending;

static bool sending_done(void *opaque)
{
    Sending *sending = opaque;
    ssize_t n = send(sending->client->fd, sending->data, sending->len, MSG_NOSIGNAL);
    if (n > 0) {
        sending->data += n;
        sending->len -= (size_t)n;
    }
    return sending->len == 0 || (n < 0 && errno != EAGAIN);
}

void say_bytes(Client *client, const void *data, size_t len)
{
    Sending sending = {client, data, len};
    assert_true(until(sending_done, &sending));
}

void say(Client *client, const char *text)
{
    say_bytes(client, text, strlen(text));
}

void say_fds(Client *client, const char *text, const int *fds, size_t n)
{
    char control[CMSG_SPACE(sizeof(int) * 16)] = {0};
    struct iovec iov = {(char *)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n);
    memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n);
    assert_int_equal(sendmsg(client->fd, &msg, 0), (ssize_t)iov.iov_len);
}

static bool client_receive(Client *client)
{
    char buffer[65536];
    ssize_t n = recv(client->fd, buffer, sizeof(buffer), 0);
    if (n > 0) {
        g_string_append_len(client->got, buffer, n);
    }
    return n > 0;
}

static bool line_is_there(void *opaque)
{
    Client *client = opaque;
    return strstr(client->got->str, "\r\n") ||
           (client_receive(client), strstr(client->got->str, "\r\n"));
}

const char *hear(Client *client)
{
    static char *line;

    if (!until(line_is_there, client)) {
        fail_msg("no line; so far: '%s'", client->got->str);
    }
    char *end = strstr(client->got->str, "\r\n");
    g_free(line);
    line = g_strndup(client->got->str, (gsize)(end - client->got->str));
    g_string_erase(client->got, 0, end + 2 - client->got->str);
    return line;
}

void expect(Client *client, const char *line)
{
    assert_string_equal(hear(client), line);
}

void talk(Client *client, const char *request, const char *reply)
{
    say(client, request);
    expect(client, reply);
}

void expect_silence(Client *client)
{
    run_ms(30);
    client_receive(client);
    assert_string_equal(client->got->str, "");
}

static bool is_at_end(void *opaque)
{
    Client *client = opaque;
    char buffer[65536];
    ssize_t n = recv(client->fd, buffer, sizeof(buffer), 0);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

void expect_end(Client *client)
{
    assert_true(until(is_at_end, client));
}
