/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions: envelope, negotiation, order of checks, ids, framing, recovery, limits, flow. */
#include "fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GE(text) "{\"error\": {\"class\": \"GenericError\", \"desc\": \"" text "\"}}"
#define GE_ID(text, id) \
    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"" text "\"}, \"id\": " id "}"
#define CNF(text) "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"" text "\"}}"
#define OK        "{\"return\": {}}"

static void greeting_names_the_version_and_offers_oob(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_new(monitor);
    client_free(client);
    int fds[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    qmp_session_new(monitor, io_channel_new_socket(fds[0]), NULL);
    char buffer[1000] = {0};
    assert_true(recv(fds[1], buffer, sizeof(buffer) - 1, 0) > 0);
    assert_true(g_str_has_prefix(
        buffer, "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 8, \"minor\": 2, \"micro\": 0}, "
                "\"package\": \"qomd "));
    assert_true(g_str_has_suffix(buffer, "\"}, \"capabilities\": [\"oob\"]}}\r\n"));
    close(fds[1]);
}

static void nothing_but_negotiation_works_before_it(void **state)
{
    Client *client = client_new(monitor_new(NULL));
    const char *expecting = CNF("Expecting capabilities negotiation with 'qmp_capabilities'");
    talk(client, "{'execute':'plain'}", expecting);
    talk(client, "{'execute':'nope'}", expecting);
    talk(client, "{'exec-oob':'oob'}", GE("QMP input member 'exec-oob' is unexpected"));
    talk(client, "{'execute':'qmp_capabilities','arguments':{'enable':['zzz']}}",
         GE("Parameter 'enable[0]' does not accept value 'zzz'"));
    talk(client, "{'execute':'plain'}", expecting);
    talk(client, "{'execute':'qmp_capabilities'}", OK);
    talk(client, "{'execute':'plain'}", OK);
    talk(client, "{'execute':'qmp_capabilities'}",
         CNF("Capabilities negotiation is already complete, command ignored"));
    talk(client, "{'execute':'qmp_capabilities','arguments':{'x':1}}",
         GE("Parameter 'x' is unexpected"));
    talk(client, "{'exec-oob':'oob'}", GE("QMP input member 'exec-oob' is unexpected"));
    client_free(client);
}

static void wrong_envelopes_are_refused_with_their_id(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    talk(client, "[]", GE("QMP input must be a JSON object"));
    talk(client, "\"x\"\n", GE("QMP input must be a JSON object"));
    talk(client, "1 ", GE("QMP input must be a JSON object"));
    talk(client, "{}", GE("QMP input lacks member 'execute'"));
    talk(client, "{'id':7}", GE_ID("QMP input lacks member 'execute'", "7"));
    talk(client, "{'execute':5,'id':null}",
         GE_ID("QMP input member 'execute' must be a string", "null"));
    talk(client, "{'execute':'plain','arguments':[],'id':1}",
         GE_ID("QMP input member 'arguments' must be an object", "1"));
    talk(client, "{'execute':'plain','bogus':1}", GE("QMP input member 'bogus' is unexpected"));
    talk(client, "{'execute':'plain','arguments':{'x':1}}", GE("Parameter 'x' is unexpected"));
    talk(client, "{'execute':'nope'}", CNF("The command nope has not been found"));
    talk(client, "{'execute':'x\\u00e9y\\\"'}",
         CNF("The command x\\u00E9y\\\" has not been found"));
    talk(client, "{'execute':'fail','arguments':{'name':'a'}}",
         "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'a' not found\"}}");
    talk(client, "{'execute':'fail'}", GE("Parameter 'name' is missing"));
    client_free(client);
}

static void id_is_echoed_exactly(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    const char *const ids[] = {"null",
                               "0",
                               "18446744073709551615",
                               "0.1",
                               "1.50",
                               "\"x\"",
                               "{\"a\": [1, 2.5, null, true]}",
                               "false",
                               "\"\\u00E9\"",
                               "-9223372036854775808"};
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autofree char *request = g_strdup_printf("{'id':%s,'execute':'plain'}", ids[i]);
        g_autofree char *reply = g_strdup_printf("{\"return\": {}, \"id\": %s}", ids[i]);
        talk(client, request, reply);
    }
    client_free(client);
}

static void checks_come_in_their_order(void **state)
{
    static const char *const only_old[] = {"qmp_capabilities", "old", NULL};
    qmp_add_policy("only-old", only_old, NULL);
    Client *client = client_new(monitor_new(&(QmpMonitorOptions){.policy = "only-old"}));
    qmp_set_preconfig(true);
    talk(client, "{'execute':'qmp_capabilities'}", OK);
    talk(client, "{'execute':'nope','arguments':[]}",
         GE("QMP input member 'arguments' must be an object"));
    talk(client, "{'execute':'nope'}", CNF("The command nope has not been found"));
    talk(client, "{'execute':'plain','arguments':{'x':1}}",
         CNF("Command plain has been disabled: by monitor policy"));
    const char *phase = GE("The command 'old' is permitted only after machine initialization has "
                           "completed");
    talk(client, "{'execute':'old','arguments':{'x':1}}", phase);
    qmp_set_compat(&(QapiPolicy){.deprecated_input = QAPI_INPUT_REJECT});
    talk(client, "{'execute':'old'}", CNF("Deprecated command old disabled by policy"));
    qmp_set_compat(&(QapiPolicy){0});
    qmp_set_preconfig(false);
    talk(client, "{'execute':'old','arguments':{'x':1}}", GE("Parameter 'x' is unexpected"));
    talk(client, "{'execute':'old'}", OK);
    client_free(client);
}

static void readonly_monitor_only_looks(void **state)
{
    QOM_AUTO_ERROR(error);
    assert_null(qmp_monitor_new_bare(&(QmpMonitorOptions){.policy = "nope"}, &error));
    assert_string_equal(qom_error_message(error), "Monitor policy 'nope' not found");
    Client *client = client_ready(monitor_new(&(QmpMonitorOptions){.policy = "readonly"}));
    talk(client, "{'execute':'query-plain'}", OK);
    talk(client, "{'execute':'plain'}", CNF("Command plain has been disabled: by monitor policy"));
    assert_int_equal(commands.n_plain, 1);
    client_free(client);
}

static void any_value_and_any_separation_work(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    say(client, "{'execute':'echo','arguments':{'value':[1,'a',{'b':2.5}]}}{'execute':'plain'}\r\n"
                "\t \n{\"execute\":\"silent\"}{'execute':'async-now','id':3}");
    expect(client, "{\"return\": [1, \"a\", {\"b\": 2.5}]}");
    expect(client, OK);
    expect(client, "{\"return\": [1, 2], \"id\": 3}");
    say(client, "{'execute':'raw','arguments':{'any':[1]}}{'execute':'raw'}");
    expect(client, OK);
    expect(client, OK);
    assert_string_equal(commands.raw_arguments, "{}");
    client_free(client);
}

static void message_in_single_bytes_is_one_message(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    const char *request = "{'execute':'echo','arguments':{'value':'\\u0041'},'id':'k'}";
    for (const char *p = request; *p; p++) {
        say_bytes(client, p, 1);
        run_ms(1);
    }
    expect(client, "{\"return\": \"A\", \"id\": \"k\"}");
    client_free(client);
}

static void pretty_monitor_indents_with_crlf(void **state)
{
    Client *client = client_new(monitor_new(&(QmpMonitorOptions){.pretty = true}));
    while (strcmp(hear(client), "}") != 0) {
    }
    say(client, "{'execute':'qmp_capabilities','id':[1]}");
    expect(client, "{");
    expect(client, "    \"return\": {");
    expect(client, "    },");
    expect(client, "    \"id\": [");
    expect(client, "        1");
    expect(client, "    ]");
    expect(client, "}");
    qmp_event_send(&test_event, &(char *){(char *)"n"});
    expect(client, "{");
    expect(client, "    \"event\": \"TEST\",");
    expect(client, "    \"data\": {");
    client_free(client);
}

static void broken_text_is_reported_and_left_behind(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    talk(client, "}", GE("JSON parse error, expecting value"));
    talk(client, "{'a':1,'a':2}", GE("JSON parse error, duplicate key"));
    say(client, "{'execute':'pla\xff");
    const char *line = hear(client);
    assert_true(g_str_has_prefix(line, "{\"error\": {\"class\": \"GenericError\", \"desc\": "
                                       "\"JSON parse error, "));
    talk(client, "{'execute':'plain'}", OK);
    say(client, "{'half':\xff");
    hear(client);
    talk(client, "{'execute':'plain'}", OK);
    client_free(client);
}

static void limits_end_a_message_and_nothing_in_it_is_run(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    Client *other = client_ready(monitor_new(NULL));
    g_autoptr(GString) deep = g_string_new(NULL);
    for (int i = 0; i < 100000; i++) {
        g_string_append_c(deep, '[');
    }
    g_string_append(deep, "{'execute':'plain'}\n");
    say(client, deep->str);
    expect(client, GE("JSON nesting depth limit exceeded"));
    talk(client, "{'execute':'echo','arguments':{'value':1}}", "{\"return\": 1}");
    assert_int_equal(commands.n_plain, 0);

    g_autofree char *piece = g_strnfill(1 << 20, 'x');
    memcpy(piece + 1000, "'}{'execute':'plain'}{'a':'", 27);
    say(client, "{\"execute\":\"");
    for (int i = 0; i < 70; i++) {
        say_bytes(client, piece, 1 << 20);
        if (i % 10 == 0) {
            talk(other, "{'execute':'query-plain'}", OK);
        }
    }
    commands.n_plain = 0;
    expect(client, GE("JSON token size limit exceeded"));
    say(client, "\n{'execute':'echo','arguments':{'value':2}}");
    expect(client, "{\"return\": 2}");
    assert_int_equal(commands.n_plain, 0);
    assert_true(json_parser_memory(client->session->parser) < 1 << 20);
    client_free(client);
    client_free(other);
}

static bool is_busy(void *opaque)
{
    return commands.later != NULL;
}

static void call_that_takes_time_stops_its_session_only(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_ready(monitor), *other = client_ready(monitor);
    say(client, "{'execute':'later','id':1}{'execute':'plain','id':2}{'execute':'later','id':3}");
    assert_true(until(is_busy, NULL));
    talk(other, "{'execute':'query-plain'}", OK);
    expect_silence(client);
    assert_int_equal(commands.n_later, 1);
    QmpCall *call = commands.later;
    commands.later = NULL;
    qmp_call_return(call, &(int64_t){42});
    expect(client, "{\"return\": 42, \"id\": 1}");
    expect(client, "{\"return\": {}, \"id\": 2}");
    assert_true(until(is_busy, NULL));
    QomError *error = NULL;
    qom_error_set(&error, "too %s", "late");
    qmp_call_fail(commands.later, error);
    expect(client, GE_ID("too late", "3"));
    client_free(client);
    client_free(other);
}

static bool has_no_sessions(void *opaque)
{
    return ((QmpMonitor *)opaque)->n_sessions == 0;
}

static void running_command_completes_after_its_client_left(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_ready(monitor);
    say(client, "{'execute':'later'}{'execute':'plain'}");
    assert_true(until(is_busy, NULL));
    client_free(client);
    assert_true(until(has_no_sessions, monitor));
    qmp_call_return(commands.later, &(int64_t){1});
    run_ms(10);
    assert_int_equal(commands.n_plain, 0);
}

static void replies_reach_a_client_that_has_finished_sending(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_ready(monitor);
    say(client, "{'execute':'later','id':1}");
    shutdown(client->fd, SHUT_WR);
    assert_true(until(is_busy, NULL));
    run_ms(20);
    assert_int_equal(monitor->n_sessions, 1);
    qmp_call_return(commands.later, &(int64_t){5});
    expect(client, "{\"return\": 5, \"id\": 1}");
    expect_end(client);
    client_free(client);
}

static void client_that_never_reads_is_not_read(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *deaf = client_ready(monitor), *other = client_ready(monitor);
    g_autofree char *value = g_strnfill(10000, 'v');
    g_autofree char *request =
        g_strdup_printf("{'execute':'echo','arguments':{'value':'%s'}}", value);
    size_t sent = 0;
    for (int i = 0; i < 2000; i++) {
        ssize_t n = send(deaf->fd, request, strlen(request), MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        loop_iterate(loop_main(), false);
        if (i % 100 == 0) {
            int64_t begin = loop_now_ns();
            talk(other, "{'execute':'plain'}", OK);
            assert_true(loop_now_ns() - begin < 1000000000);
        }
    }
    assert_true(sent < 8u << 20);
    size_t unsent = qmp_session_unsent(deaf->session);
    assert_in_range(unsent, QMP_UNSENT_PAUSE, QMP_UNSENT_PAUSE + (1u << 20));
    client_free(deaf);
    client_free(other);
}

static void client_that_never_reads_events_is_dropped_at_the_limit(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *deaf = client_ready(monitor), *other = client_ready(monitor);
    g_autofree char *name = g_strnfill(100000, 'e');
    for (int i = 0; i < 900 && monitor->n_sessions == 2; i++) {
        qmp_event_send(&test_event, &name);
        loop_iterate(loop_main(), false);
        assert_true(strlen(hear(other)) > 100000);
    }
    assert_int_equal(monitor->n_sessions, 1);
    talk(other, "{'execute':'plain'}", OK);
    client_free(deaf);
    client_free(other);
}

static void memory_of_all_clients_is_bounded(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *clients[20];
    g_autofree char *piece = g_strnfill(1 << 20, 'x');
    for (int i = 0; i < 20; i++) {
        clients[i] = client_ready(monitor);
        say(clients[i], "{\"execute\":\"");
        for (int j = 0; j < 60; j++) {
            say_bytes(clients[i], piece, 1 << 20);
        }
        assert_true(qmp_server()->memory_bytes < QMP_MEMORY_MAX + (256u << 20));
    }
    assert_true(monitor->n_sessions < 20);
    Client *other = client_ready(monitor);
    talk(other, "{'execute':'plain'}", OK);
    client_free(other);
    for (int i = 0; i < 20; i++) {
        client_free(clients[i]);
    }
    assert_true(until(has_no_sessions, monitor));
    assert_int_equal(qmp_server()->memory_bytes, 0);
}

static void pipelined_commands_do_not_starve_others(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *busy = client_ready(monitor), *other = client_ready(monitor);
    for (int i = 0; i < 1000; i++) {
        say(busy, "{'execute':'plain'}");
    }
    commands.n_plain = 0;
    talk(other, "{'execute':'query-plain'}", OK);
    assert_true(commands.n_plain <= 4 * QMP_TURN_COMMANDS);
    for (int i = 0; i < 1000; i++) {
        expect(busy, OK);
    }
    client_free(busy);
    client_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(greeting_names_the_version_and_offers_oob),
        TEST(nothing_but_negotiation_works_before_it),
        TEST(wrong_envelopes_are_refused_with_their_id),
        TEST(id_is_echoed_exactly),
        TEST(checks_come_in_their_order),
        TEST(readonly_monitor_only_looks),
        TEST(any_value_and_any_separation_work),
        TEST(message_in_single_bytes_is_one_message),
        TEST(pretty_monitor_indents_with_crlf),
        TEST(broken_text_is_reported_and_left_behind),
        TEST(limits_end_a_message_and_nothing_in_it_is_run),
        TEST(call_that_takes_time_stops_its_session_only),
        TEST(running_command_completes_after_its_client_left),
        TEST(replies_reach_a_client_that_has_finished_sending),
        TEST(client_that_never_reads_is_not_read),
        TEST(client_that_never_reads_events_is_dropped_at_the_limit),
        TEST(memory_of_all_clients_is_bounded),
        TEST(pipelined_commands_do_not_starve_others),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
