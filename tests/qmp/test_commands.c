/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands themselves, with qomd's own schema and types. The table is section 4 of the sheet on
 * the core, as far as it needs no network, channel or privilege; texts as QEMU gives them.
 */
#include "core.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void the_seven_commands_answer_as_qemu_does(void **state)
{
    static const struct {
        const char *command, *arguments, *reply;
    } rows[] = {
        {"qom-list", "'path':'/'",
         RETURN("[{\"name\": \"type\", \"type\": \"string\"}, "
                "{\"name\": \"objects\", \"type\": \"child<container>\"}, "
                "{\"name\": \"chardevs\", \"type\": \"child<container>\"}, "
                "{\"name\": \"backend\", \"type\": \"child<container>\"}, "
                "{\"name\": \"machine\", \"type\": \"child<none-machine>\"}]")},
        {"qom-list", "'path':'/objects'", RETURN("[{\"name\": \"type\", \"type\": \"string\"}]")},
        {"qom-list", "'path':'//objects//'",
         RETURN("[{\"name\": \"type\", \"type\": \"string\"}]")},
        {"qom-list", "'path':'objects'", RETURN("[{\"name\": \"type\", \"type\": \"string\"}]")},
        {"qom-list", "'path':''", GE("Path '' is ambiguous")},
        {"qom-list", "'path':'/nope'", DNF("Device '/nope' not found")},
        {"qom-list", "'path':'nope'", DNF("Device 'nope' not found")},
        {"qom-list", "'path':'/objects/.'", DNF("Device '/objects/.' not found")},
        {"qom-list", "'path':' /objects'", DNF("Device ' /objects' not found")},
        {"qom-list", "", GE("Parameter 'path' is missing")},
        {"qom-list", "'path':1", GE("Invalid parameter type for 'path', expected: string")},
        {"qom-list", "'path':null", GE("Invalid parameter type for 'path', expected: string")},
        {"qom-list", "'path':'/','x':1", GE("Parameter 'x' is unexpected")},
        {"qom-get", "'path':'/','property':'type'", RETURN("\"container\"")},
        {"qom-get", "'path':'/','property':'objects'", RETURN("\"/objects\"")},
        {"qom-get", "'path':'/','property':'nope'", GE("Property 'container.nope' not found")},
        {"qom-get", "'path':'/nope','property':'nope'", DNF("Device '/nope' not found")},
        {"qom-get", "'path':'','property':'type'", DNF("Device '' not found")},
        {"qom-get", "'path':'/'", GE("Parameter 'property' is missing")},
        {"qom-set", "'path':'/objects','property':'type','value':'x'",
         GE("Property 'container.type' is not writable")},
        {"qom-set", "'path':'/','property':'objects','value':'x'",
         GE("Property 'container.objects' is not writable")},
        {"qom-set", "'path':'/','property':'type'", GE("Parameter 'value' is missing")},
        {"object-add", "'qom-type':'iothread','id':'io0'", OK},
        {"qom-list", "'path':'/objects/io0/type'", DNF("Device '/objects/io0/type' not found")},
        {"qom-get", "'path':'io0','property':''", GE("Property 'iothread.' not found")},
        {"qom-get", "'path':'/objects/io0','property':'poll-max-ns'", RETURN("32768")},
        {"qom-set", "'path':'io0','property':'poll-max-ns','value':'7'",
         GE("Invalid parameter type for 'poll-max-ns', expected: integer")},
        {"qom-set", "'path':'io0','property':'poll-max-ns','value':7.0",
         GE("Invalid parameter type for 'poll-max-ns', expected: integer")},
        {"qom-set", "'path':'io0','property':'poll-max-ns','value':null",
         GE("Invalid parameter type for 'poll-max-ns', expected: integer")},
        {"qom-set", "'path':'io0','property':'poll-max-ns','value':-7",
         GE("poll-max-ns value must be in range [0, 9223372036854775807]")},
        {"qom-set", "'path':'io0','property':'poll-max-ns','value':7", OK},
        {"qom-get", "'path':'io0','property':'poll-max-ns'", RETURN("7")},
        {"object-add", "'qom-type':'iothread','id':'io0'",
         GE("attempt to add duplicate property 'io0' to object (type 'container')")},
        {"object-add", "'qom-type':'iothread','id':'type'",
         GE("attempt to add duplicate property 'type' to object (type 'container')")},
        {"object-add", "'qom-type':'iothread','id':'0io'",
         GE("Parameter 'id' expects an identifier")},
        {"object-add", "'qom-type':'iothread','id':''", GE("Parameter 'id' expects an identifier")},
        {"object-add", "'qom-type':'iothread','id':'a[0]'",
         GE("Parameter 'id' expects an identifier")},
        {"object-add", "'qom-type':'iothread','id':'A9.b_c-d'", OK},
        {"object-add", "", GE("Parameter 'qom-type' is missing")},
        {"object-add", "'qom-type':'nope'",
         GE("Parameter 'qom-type' does not accept value 'nope'")},
        {"object-add", "'qom-type':5",
         GE("Invalid parameter type for 'qom-type', expected: string")},
        {"object-add", "'qom-type':'container','id':'c'",
         GE("Parameter 'qom-type' does not accept value 'container'")},
        {"object-add", "'qom-type':'iothread','bogus':1", GE("Parameter 'id' is missing")},
        {"object-add", "'qom-type':'iothread','id':'x','bogus':1",
         GE("Parameter 'bogus' is unexpected")},
        {"object-add", "'qom-type':'iothread','id':'x','props':{}",
         GE("Parameter 'props' is unexpected")},
        {"object-add", "'qom-type':'memory-backend-ram','id':'1x','bogus':1",
         GE("Parameter 'size' is missing")},
        {"object-add", "'qom-type':'memory-backend-ram','id':'1x','size':4096,'bogus':1",
         GE("Parameter 'bogus' is unexpected")},
        {"object-add", "'qom-type':'memory-backend-ram','id':'m','size':'1M'",
         GE("Parameter 'size' expects uint64")},
        {"object-add", "'qom-type':'memory-backend-ram','id':'m','size':0",
         GE("property 'size' of memory-backend-ram doesn't take value '0'")},
        {"object-add", "'qom-type':'memory-backend-ram','id':'m','size':4096,'prealloc-threads':-1",
         GE("Parameter 'prealloc-threads' expects uint32_t")},
        {"object-add", "'qom-type':'memory-backend-ram','id':'m','size':4096,'policy':'zzz'",
         GE("Parameter 'policy' does not accept value 'zzz'")},
        {"object-add", "'qom-type':'memory-backend-ram','id':'m','size':4096", OK},
        {"qom-set", "'path':'m','property':'prealloc-context','value':'nope'",
         DNF("Device 'nope' not found")},
        {"qom-set", "'path':'m','property':'size','value':2",
         GE("cannot change property size of memory-backend-ram ")},
        {"object-add", "'qom-type':'secret','id':'s'",
         GE("Either 'file' or 'data' must be provided")},
        {"object-del", "'id':'nope'", GE("object 'nope' not found")},
        {"object-del", "'id':''", GE("object '' not found")},
        {"object-del", "'id':'/objects/io0'", GE("object '/objects/io0' not found")},
        {"object-del", "", GE("Parameter 'id' is missing")},
        {"object-del", "'id':1", GE("Invalid parameter type for 'id', expected: string")},
        {"object-del", "'id':'io0'", OK},
        {"qom-list-types", "'implements':'nope'", RETURN("[]")},
        {"qom-list-types", "'implements':'iothread'",
         RETURN("[{\"name\": \"iothread\", \"parent\": \"event-loop-base\"}]")},
        {"qom-list-types", "'implements':'iothread','abstract':'yes'",
         GE("Invalid parameter type for 'abstract', expected: boolean")},
        {"qom-list-types", "'implements':'event-loop-base','abstract':true",
         RETURN("[{\"name\": \"event-loop-base\", \"abstract\": true, \"parent\": \"object\"}, "
                "{\"name\": \"iothread\", \"parent\": \"event-loop-base\"}, "
                "{\"name\": \"main-loop\", \"parent\": \"event-loop-base\"}]")},
        {"qom-list-properties", "'typename':'user-creatable'",
         GE("Parameter 'typename' expects a QOM type")},
        {"qom-list-properties", "'typename':'nope'", DNF("Class 'nope' not found")},
        {"qom-list-properties", "'typename':''", DNF("Class '' not found")},
    };
    Client *client = client_ready(monitor_new(NULL));

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        ask(client, rows[i].command, rows[i].arguments, rows[i].reply);
    }
    client_free(client);
}

static void negotiation_refuses_what_is_not_a_capability(void **state)
{
    Client *client = client_new(monitor_new(NULL));
    ask(client, "qmp_capabilities", "'enable':['zzz']",
        GE("Parameter 'enable[0]' does not accept value 'zzz'"));
    ask(client, "qmp_capabilities", "'enable':['oob']", OK);
    talk(client, "{'exec-oob':'query-yank','id':1}", "{\"return\": [], \"id\": 1}");
    talk(client, "{'exec-oob':'migrate-pause','id':2}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"migrate-pause is currently only "
         "supported during postcopy-active state\"}, \"id\": 2}");
    talk(client, "{'exec-oob':'query-version','id':1}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"The command query-version does not "
         "support OOB\"}, \"id\": 1}");
    client_free(client);
}

static void slow_object_add_lets_others_go_on(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("qmp-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "fifo", NULL);
    g_autofree char *arguments =
        g_strdup_printf("'qom-type':'secret','id':'slow','file':'%s'", path);
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_oob(monitor), *other = client_ready(monitor);

    assert_int_equal(mkfifo(path, 0600), 0);
    g_autofree char *request =
        g_strdup_printf("{'execute':'object-add','arguments':{%s},'id':1}", arguments);
    say(client, request);
    say(client, "{'execute':'query-version','id':2}");
    run_ms(50);
    ask(other, "qom-get", "'path':'/','property':'type'", RETURN("\"container\""));
    ask(other, "object-add", "'qom-type':'secret','id':'slow','data':'x'",
        GE("attempt to add duplicate property 'slow' to object (type 'container')"));
    talk(client, "{'exec-oob':'query-yank','id':3}", "{\"return\": [], \"id\": 3}");
    assert_false(object_exists((void *)"slow"));
    int fd = open(path, O_WRONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "geheim", 6), 6);
    close(fd);
    expect(client, "{\"return\": {}, \"id\": 1}");
    assert_true(object_exists((void *)"slow"));
    assert_non_null(strstr(hear(client), "\"id\": 2}"));
    g_unlink(path);
    g_rmdir(dir);
    client_free(client);
    client_free(other);
}

static void secrets_that_wait_leave_workers_to_others(void **state)
{
    enum { WAITING = 16, ALL = 20 };
    g_autofree char *dir = g_dir_make_tmp("qmp-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "fifo", NULL);
    QmpMonitor *monitor = monitor_new(NULL);
    Client *clients[ALL];

    assert_int_equal(mkfifo(path, 0600), 0);
    for (int i = 0; i < ALL; i++) {
        g_autofree char *request = g_strdup_printf(
            "{'execute':'object-add','arguments':{'qom-type':'secret','id':'s%d','file':'%s'}}", i,
            path);
        clients[i] = client_ready(monitor);
        say(clients[i], request);
        run_ms(5);
    }
    g_autofree char *refused =
        g_strdup_printf(GE("Unable to read %s: 16 secrets wait for their files already"), path);
    for (int i = WAITING; i < ALL; i++) {
        expect(clients[i], refused);
    }
    close(open(path, O_WRONLY | O_NONBLOCK));
    for (int i = 0; i < ALL; i++) {
        if (i < WAITING) {
            hear(clients[i]);
        }
        client_free(clients[i]);
    }
    g_unlink(path);
    g_rmdir(dir);
}

static void introspection_is_large_and_commands_are_sorted(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    say(client, "{'execute':'query-qmp-schema'}");
    g_autofree char *schema = g_strdup(hear(client));
    assert_non_null(strstr(schema, "\"name\": \"qom-get\""));
    assert_non_null(strstr(schema, "\"meta-type\": \"event\""));
    ask(client, "query-qmp-schema", "'x':1", GE("Parameter 'x' is unexpected"));
    say(client, "{'execute':'query-commands'}");
    const char *line = hear(client);
    assert_true(strstr(line, "\"add-fd\"") < strstr(line, "\"qom-get\""));
    client_free(client);
}

static void fdsets_are_served(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "add-fd", "", GE("No file descriptor supplied via SCM_RIGHTS"));
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    say_fds(client, "{'execute':'add-fd','arguments':{'fdset-id':-1}}", &fd, 1);
    expect(client, GE("Parameter 'fdset-id' expects a non-negative value"));
    say_fds(client, "{'execute':'add-fd','arguments':{'opaque':'o'}}", &fd, 1);
    const char *line = hear(client);
    assert_true(g_str_has_prefix(line, "{\"return\": {\"fdset-id\": 0, \"fd\": "));
    int there = atoi(line + strlen("{\"return\": {\"fdset-id\": 0, \"fd\": "));
    g_autofree char *sets = g_strdup_printf(
        RETURN("[{\"fdset-id\": 0, \"fds\": [{\"fd\": %d, \"opaque\": \"o\"}]}]"), there);
    ask(client, "query-fdsets", "", sets);
    ask(client, "remove-fd", "'fdset-id':7,'fd':9",
        GE("File descriptor named 'fdset-id:7, fd:9' not found"));
    ask(client, "remove-fd", "'fdset-id':0", OK);
    ask(client, "query-fdsets", "", RETURN("[]"));
    close(fd);
    client_free(client);
}

static void note_quit(void *opaque)
{
    *(bool *)opaque = true;
}

static bool is_set(void *opaque)
{
    return *(bool *)opaque;
}

static void quit_answers_first(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    bool quit = false;
    ask(client, "quit", "", GE("This program does not end by command"));
    qmp_set_quit(note_quit, &quit);
    say(client, "{'execute':'quit'}");
    assert_true(until(is_set, &quit));
    expect(client, OK);
    qmp_set_quit(NULL, NULL);
    client_free(client);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void listening_monitor_serves_many_and_yank_ends_them(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("qmp-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "qmp", NULL);
    QmpMonitor *monitor = qmp_listen_unix(path, NULL);
    assert_non_null(monitor);
    Client clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = (Client){.fd = connect_unix(path), .got = g_string_new(NULL)};
        hear(&clients[i]);
        ask(&clients[i], "qmp_capabilities", i == 2 ? "'enable':['oob']" : "", OK);
    }
    say(&clients[0], "{'execute':'qomd-query-monitors'}");
    g_autofree char *start = g_strdup_printf(
        "{\"return\": [{\"chardev\": \"compat_monitor0\", \"clients\": [{\"pid\": %d, \"uid\": %d, "
        "\"since\": ",
        (int)getpid(), (int)getuid());
    assert_true(g_str_has_prefix(hear(&clients[0]), start));
    ask(&clients[1], "query-yank", "",
        RETURN("[{\"type\": \"chardev\", \"id\": \"compat_monitor0\"}]"));
    ask(&clients[1], "yank", "'instances':[{'type':'chardev','id':'nope'}]",
        DNF("Instance not found"));
    ask(&clients[1], "chardev-remove", "'id':'compat_monitor0'",
        GE("Chardev 'compat_monitor0' is busy"));
    say(&clients[2], "{'exec-oob':'yank','arguments':{'instances':[{'type':'chardev','id':"
                     "'compat_monitor0'}]}}");
    for (int i = 0; i < 3; i++) {
        expect_end(&clients[i]);
        close(clients[i].fd);
        g_string_free(clients[i].got, TRUE);
    }
    run_ms(20);
    assert_int_equal(monitor->n_sessions, 0);
    Client again = {.fd = connect_unix(path), .got = g_string_new(NULL)};
    hear(&again);
    close(again.fd);
    g_string_free(again.got, TRUE);
    qmp_shutdown();
    chardev_cleanup(0);
    assert_int_equal(g_rmdir(dir), 0);
}

static void monitor_wants_a_free_chardev(void **state)
{
    QOM_AUTO_ERROR(error);
    assert_null(qmp_monitor_new(&(QmpMonitorOptions){.chardev = "nope"}, &error));
    assert_string_equal(qom_error_message(error), "chardev \"nope\" not found");
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "chardev-add", "'id':'r','backend':{'type':'ringbuf','data':{}}", OK);
    QmpMonitor *monitor = qmp_monitor_new(&(QmpMonitorOptions){.chardev = "r"}, NULL);
    assert_non_null(monitor);
    QOM_AUTO_ERROR(taken);
    assert_null(qmp_monitor_new(&(QmpMonitorOptions){.chardev = "r"}, &taken));
    assert_string_equal(qom_error_message(taken), "chardev 'r' is already in use");
    say(client, "{'execute':'ringbuf-read','arguments':{'device':'r','size':1000}}");
    assert_true(g_str_has_prefix(hear(client), "{\"return\": \"{\\\"QMP\\\": {\\\"version\\\""));
    qmp_monitor_free(monitor);
    ask(client, "chardev-remove", "'id':'r'", OK);
    client_free(client);
}

static void monitor_with_a_log_works_and_logs(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("qmp-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "qmp", NULL);
    g_autofree char *log = g_build_filename(dir, "log", NULL);
    g_autofree char *add = g_strdup_printf(
        "'id':'c','backend':{'type':'socket','data':{'server':true,'wait':false,'logfile':'%s',"
        "'addr':{'type':'unix','data':{'path':'%s'}}}}",
        log, path);
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "chardev-add", add, OK);
    assert_non_null(qmp_monitor_new(&(QmpMonitorOptions){.chardev = "c"}, NULL));
    Client logged = {.fd = connect_unix(path), .got = g_string_new(NULL)};
    hear(&logged);
    ask(&logged, "qmp_capabilities", "'enable':['oob']", OK);
    for (int i = 0; i < 200; i++) {
        say(&logged, "{'execute':'qom-get','arguments':{'path':'/','property':'type'}}");
    }
    for (int i = 0; i < 200; i++) {
        expect(&logged, RETURN("\"container\""));
    }
    talk(&logged, "{'exec-oob':'query-yank','id':1}",
         "{\"return\": [{\"type\": \"chardev\", \"id\": \"c\"}], \"id\": 1}");
    close(logged.fd);
    g_string_free(logged.got, TRUE);
    run_ms(20);
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(log, &text, NULL, NULL));
    assert_true(g_str_has_prefix(text, "{\"QMP\": "));
    assert_non_null(strstr(text, "\"id\": 1}\r\n"));
    client_free(client);
    qmp_shutdown();
    chardev_cleanup(0);
    g_unlink(log);
    g_rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_setup, core_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_seven_commands_answer_as_qemu_does),
        TEST(negotiation_refuses_what_is_not_a_capability),
        TEST(slow_object_add_lets_others_go_on),
        TEST(secrets_that_wait_leave_workers_to_others),
        TEST(introspection_is_large_and_commands_are_sorted),
        TEST(fdsets_are_served),
        TEST(quit_answers_first),
        TEST(listening_monitor_serves_many_and_yank_ends_them),
        TEST(monitor_wants_a_free_chardev),
        TEST(monitor_with_a_log_works_and_logs),
    };
    return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
