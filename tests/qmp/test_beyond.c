/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands beyond QEMU's: bulk reads, watches, qomd-apply, dumps, descriptions. */
#include "core.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void list_get_gives_results_in_the_order_of_paths(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "qom-list-get", "'paths':['/objects','/machine/peripheral']",
        RETURN("[{\"properties\": [{\"name\": \"type\", \"type\": \"string\", \"value\": "
               "\"container\"}]}, {\"properties\": [{\"name\": \"type\", \"type\": \"string\", "
               "\"value\": \"container\"}]}]"));
    ask(client, "qom-list-get", "'paths':['/objects','/nope']", DNF("Device '/nope' not found"));
    ask(client, "qom-list-get", "'paths':['']", GE("Path '' is ambiguous"));
    ask(client, "qom-list-get", "'paths':[]", RETURN("[]"));
    client_free(client);
}

static void tree_get_obeys_depth_values_and_type(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "object-add", "'qom-type':'iothread','id':'io0'", OK);
    ask(client, "object-add", "'qom-type':'secret','id':'s','data':'x'", OK);
    ask(client, "qomd-tree-get", "'path':'/objects','depth':0,'values':false",
        RETURN("{\"path\": \"/objects\", \"type\": \"container\", \"properties\": [{\"name\": "
               "\"type\", \"type\": \"string\"}], \"children\": []}"));
    say(client, "{'execute':'qomd-tree-get','arguments':{'implements':'iothread'}}");
    g_autofree char *line = g_strdup(hear(client));
    assert_non_null(strstr(line, "\"path\": \"/objects/io0\", \"type\": \"iothread\""));
    assert_non_null(
        strstr(line, "{\"name\": \"poll-max-ns\", \"type\": \"int\", \"value\": 32768}"));
    assert_null(strstr(line, "/objects/s\""));
    assert_null(strstr(line, "/chardevs"));
    ask(client, "qomd-tree-get", "'path':'/nope'", DNF("Device '/nope' not found"));
    client_free(client);
}

static void tree_that_is_too_large_is_refused(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    for (int i = 0; i < 60000; i++) {
        QOM_AUTO_UNREF QomObject *obj = qom_object_new(QOM_TYPE_CONTAINER);
        QomObject *parent = i % 2 ? qom_objects() : qom_chardevs();
        assert_true(qom_object_add_child(parent, "child[*]", obj, NULL));
    }
    say(client, "{'execute':'qomd-tree-get','id':1}");
    assert_true(g_str_has_prefix(hear(client), "{\"error\": {\"class\": \"GenericError\", "
                                               "\"desc\": \"The answer is larger than 8388608 "
                                               "bytes ("));
    ask(client, "qom-get", "'path':'/','property':'type'", RETURN("\"container\""));
    client_free(client);
}

static void watch_reports_changes_of_an_interval_once(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_ready(monitor), *other = client_ready(monitor);
    ask(client, "qomd-watch", "'path':'/objects','recurse':true,'interval-ms':50",
        RETURN("{\"watch\": 1}"));
    ask(client, "qomd-watch", "'path':'/nope'", DNF("Device '/nope' not found"));
    ask(other, "object-add", "'qom-type':'iothread','id':'io0'", OK);
    assert_true(g_str_has_prefix(hear(client),
                                 "{\"event\": \"QOMD_ADDED\", \"data\": {\"watch\": 1, \"path\": "
                                 "\"/objects/io0\", \"type\": \"iothread\"}, \"timestamp\": "));
    for (int i = 1; i <= 20; i++) {
        g_autofree char *arguments =
            g_strdup_printf("'path':'io0','property':'poll-max-ns','value':%d", i);
        ask(other, "qom-set", arguments, OK);
    }
    assert_true(g_str_has_prefix(
        hear(client), "{\"event\": \"QOMD_CHANGED\", \"data\": {\"watch\": 1, \"changes\": "
                      "[{\"path\": \"/objects/io0\", \"property\": \"poll-max-ns\", \"value\": "
                      "20}]}, \"timestamp\": "));
    ask(other, "qom-set", "'path':'io0','property':'poll-max-ns','value':5", OK);
    ask(other, "object-del", "'id':'io0'", OK);
    assert_true(g_str_has_prefix(hear(client), "{\"event\": \"QOMD_REMOVED\", \"data\": "
                                               "{\"watch\": 1, \"path\": \"/objects/io0\"}"));
    run_ms(80);
    expect_silence(client);
    expect_silence(other);
    ask(client, "qomd-unwatch", "'watch':1", OK);
    ask(client, "qomd-unwatch", "'watch':1", GE("Watch 1 not found"));
    ask(other, "object-add", "'qom-type':'iothread','id':'io0'", OK);
    expect_silence(client);
    client_free(client);
    client_free(other);
}

/* Runs the loop until no more bytes come to a client that does not read. */
static void fill_up(Client *client)
{
    int before, now = 0;

    do {
        before = now;
        run_ms(100);
        assert_int_equal(ioctl(client->fd, FIONREAD, &now), 0);
    } while (now != before);
}

static void watch_counts_what_a_slow_reader_misses(void **state)
{
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_ready(monitor), *other = client_ready(monitor);
    ask(other, "object-add", "'qom-type':'iothread','id':'io0'", OK);
    ask(client, "qomd-watch", "'path':'io0','interval-ms':1", RETURN("{\"watch\": 1}"));
    for (int i = 0; i < 100; i++) {
        say(client, "{'execute':'query-qmp-schema'}");
    }
    fill_up(client);
    for (int i = 0; i < 3; i++) {
        g_autofree char *arguments =
            g_strdup_printf("'path':'io0','property':'poll-max-ns','value':%d", i);
        ask(other, "qom-set", arguments, OK);
        run_ms(20);
    }
    /* The event comes as soon as the client reads again, and that may be before the last reply. */
    int events = 0;
    for (int i = 0; i < 101; i++) {
        const char *line = hear(client);
        if (g_str_has_prefix(line, "{\"event\"")) {
            events++;
            assert_non_null(strstr(line, "\"QOMD_CHANGED\", \"data\": {\"watch\": 1, "
                                         "\"changes\": [], \"lost\": 3}, "));
        }
    }
    assert_int_equal(events, 1);
    client_free(client);
    client_free(other);
}

static void watch_of_one_property_ends_with_its_object(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "object-add", "'qom-type':'iothread','id':'io0'", OK);
    ask(client, "qomd-watch", "'path':'io0','property':'nope'",
        GE("Property 'iothread.nope' not found"));
    ask(client, "qomd-watch", "'path':'io0','property':'poll-grow','interval-ms':0",
        RETURN("{\"watch\": 1}"));
    ask(client, "qom-set", "'path':'io0','property':'poll-max-ns','value':5", OK);
    expect_silence(client);
    ask(client, "qom-set", "'path':'io0','property':'poll-grow','value':5", OK);
    assert_non_null(strstr(hear(client), "\"poll-grow\", \"value\": 5"));
    say(client, "{'execute':'object-del','arguments':{'id':'io0'}}");
    assert_non_null(strstr(hear(client), "QOMD_REMOVED"));
    expect(client, OK);
    client_free(client);
}

#define ADD(id) "{'type':'object-add','data':{'qom-type':'iothread','id':'" id "'}}"
#define DEL(id) "{'type':'object-del','data':{'id':'" id "'}}"

static void apply_does_all_or_nothing(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    const char *set = "{'type':'qom-set','data':{'path':'a','property':'poll-max-ns','value':11}}";
    g_autofree char *good =
        g_strdup_printf("'actions':[%s,%s,%s,%s]", ADD("a"), set, ADD("b"), DEL("b"));
    ask(client, "qomd-apply", good, RETURN("{\"done\": 4}"));
    ask(client, "qom-get", "'path':'/objects/a','property':'poll-max-ns'", RETURN("11"));
    assert_false(object_exists((void *)"b"));

    g_autofree char *bad = g_strdup_printf(
        "'actions':[%s,%s,%s,%s]", ADD("c"),
        "{'type':'qom-set','data':{'path':'a','property':'poll-max-ns','value':12}}", DEL("a"),
        ADD("c"));
    ask(client, "qomd-apply", bad,
        GE("action 3 (object-add): attempt to add duplicate property 'c' to object (type "
           "'container')"));
    ask(client, "qom-get", "'path':'/objects/a','property':'poll-max-ns'", RETURN("11"));
    assert_false(object_exists((void *)"c"));
    ask(client, "qomd-apply", "'actions':[]", RETURN("{\"done\": 0}"));
    client_free(client);
}

static void apply_checks_all_actions_before_the_first(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "qomd-apply",
        "'actions':[" ADD("a") ",{'type':'object-add','data':{'qom-type':'iothread','id':'b',"
                               "'bogus':1}}]",
        GE("action 1 (object-add): Parameter 'data.bogus' is unexpected"));
    ask(client, "qomd-apply", "'actions':[" ADD("a") ",{'type':'nope'}]",
        GE("action 1: Parameter 'type' does not accept value 'nope'"));
    ask(client, "qomd-apply", "'actions':1",
        GE("Invalid parameter type for 'actions', expected: array"));
    ask(client, "qomd-apply", "", GE("Parameter 'actions' is missing"));
    assert_false(object_exists((void *)"a"));
    client_free(client);
}

static void dry_run_changes_nothing_and_finds_wrong_references(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "qomd-apply", "'dry-run':true,'actions':[" ADD("a") "," DEL("a") "," ADD("a") "]",
        RETURN("{\"done\": 0}"));
    assert_false(object_exists((void *)"a"));
    ask(client, "qomd-apply", "'dry-run':true,'actions':[" ADD("a") "," ADD("a") "]",
        GE("action 1 (object-add): attempt to add duplicate property 'a' to object (type "
           "'container')"));
    ask(client, "qomd-apply", "'dry-run':true,'actions':[" DEL("a") "]",
        GE("action 0 (object-del): object 'a' not found"));
    ask(client, "qomd-apply",
        "'dry-run':true,'actions':[{'type':'object-add','data':{'qom-type':'memory-backend-ram',"
        "'id':'m','size':4096,'prealloc-context':'tc'}}]",
        DNF("action 0 (object-add): Device 'tc' not found"));
    ask(client, "qomd-apply",
        "'dry-run':true,'actions':[{'type':'object-add','data':{'qom-type':'thread-context','id':"
        "'tc'}},{'type':'object-add','data':{'qom-type':'memory-backend-ram','id':'m','size':4096,"
        "'prealloc-context':'tc'}}]",
        RETURN("{\"done\": 0}"));
    client_free(client);
}

#define RINGBUF(id) "'id':'" id "','backend':{'type':'ringbuf','data':{}}"

static void apply_holds_what_its_undo_needs_while_others_run(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("qmp-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "fifo", NULL);
    QmpMonitor *monitor = monitor_new(NULL);
    Client *client = client_ready(monitor), *other = client_ready(monitor);

    assert_int_equal(mkfifo(path, 0600), 0);
    ask(other, "object-add", "'qom-type':'iothread','id':'old','poll-max-ns':7", OK);
    ask(other, "chardev-add", RINGBUF("cr"), RETURN("{}"));
    g_autofree char *request = g_strdup_printf(
        "{'execute':'qomd-apply','arguments':{'actions':[%s,%s,{'type':'chardev-remove','data':"
        "{'id':'cr'}},{'type':'object-add','data':{'qom-type':'secret','id':'slow','file':'%s'}},"
        "%s]}}",
        DEL("old"), ADD("new"), path, DEL("nope"));
    say(client, request);
    run_ms(50);
    ask(other, "object-add", "'qom-type':'iothread','id':'old'",
        GE("attempt to add duplicate property 'old' to object (type 'container')"));
    ask(other, "object-del", "'id':'new'",
        GE("object 'new' is in use, can not be deleted: used by qomd-apply (under way)"));
    ask(other, "chardev-remove", "'id':'cr'", GE("Chardev 'cr' is busy"));
    int fd = -1;
    for (unsigned i = 0; i < 2000 && fd < 0; i++) {
        fd = open(path, O_WRONLY | O_NONBLOCK); /* works when the secret's worker reads */
        if (fd < 0) {
            run_ms(5);
        }
    }
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "geheim", 6), 6);
    close(fd);
    expect(client, GE("action 4 (object-del): object 'nope' not found"));
    ask(other, "qom-get", "'path':'/objects/old','property':'poll-max-ns'", RETURN("7"));
    assert_false(object_exists((void *)"new"));
    assert_false(object_exists((void *)"slow"));
    ask(other, "object-del", "'id':'old'", OK);
    ask(other, "object-add", "'qom-type':'iothread','id':'old'", OK);
    ask(other, "chardev-remove", "'id':'cr'", OK);
    g_unlink(path);
    g_rmdir(dir);
    client_free(client);
    client_free(other);
}

static void apply_removes_a_chardev_once(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "chardev-add", RINGBUF("cr"), RETURN("{}"));
    ask(client, "qomd-apply",
        "'actions':[{'type':'chardev-remove','data':{'id':'cr'}},"
        "{'type':'chardev-remove','data':{'id':'cr'}}]",
        GE("action 1 (chardev-remove): Chardev 'cr' not found"));
    ask(client, "chardev-remove", "'id':'cr'", OK);
    client_free(client);
}

static void dump_can_be_applied_again(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "object-add", "'qom-type':'memory-backend-ram','id':'m','size':4096", OK);
    ask(client, "object-add", "'qom-type':'thread-context','id':'tc','node-affinity':[0]", OK);
    ask(client, "object-add", "'qom-type':'secret','id':'s','data':'geheim'", OK);
    ask(client, "object-add",
        "'qom-type':'memory-backend-ram','id':'n','size':8192,'prealloc-context':'tc'", OK);
    say(client, "{'execute':'qomd-dump-config'}");
    g_autofree char *dump = g_strdup(hear(client));
    const char *expected =
        RETURN("[{\"type\": \"object-add\", \"data\": {\"qom-type\": \"memory-backend-ram\", "
               "\"id\": \"m\", \"size\": 4096}}, {\"type\": \"object-add\", \"data\": "
               "{\"qom-type\": \"thread-context\", \"id\": \"tc\", \"node-affinity\": [0]}}, "
               "{\"type\": \"object-add\", "
               "\"data\": {\"qom-type\": \"memory-backend-ram\", \"id\": \"n\", "
               "\"prealloc-context\": \"/objects/tc\", \"size\": 8192}}]");
    assert_string_equal(dump, expected);
    qom_objects_clear();
    size_t len = strlen(dump);
    g_autofree char *actions =
        g_strndup(dump + strlen("{\"return\": "), len - strlen("{\"return\": ") - 1);
    g_autofree char *arguments = g_strdup_printf("'actions':%s", actions);
    ask(client, "qomd-apply", arguments, RETURN("{\"done\": 3}"));
    ask(client, "qomd-dump-config", "", expected);
    client_free(client);
}

static void users_and_types_are_described(void **state)
{
    Client *client = client_ready(monitor_new(NULL));
    ask(client, "object-add", "'qom-type':'thread-context','id':'tc'", OK);
    ask(client, "object-add",
        "'qom-type':'memory-backend-ram','id':'n','size':8192,'prealloc-context':'tc'", OK);
    ask(client, "qomd-users", "'path':'tc'",
        RETURN("[{\"path\": \"/objects/n\", \"property\": \"prealloc-context\", \"role\": "
               "\"link\"}]"));
    ask(client, "qomd-users", "'path':'/nope'", DNF("Device '/nope' not found"));
    ask(client, "qomd-describe-type", "'typename':'nope'", DNF("Class 'nope' not found"));
    say(client, "{'execute':'qomd-describe-type','arguments':{'typename':'iothread'}}");
    g_autofree char *line = g_strdup(hear(client));
    assert_true(g_str_has_prefix(line, "{\"return\": {\"name\": \"iothread\", \"parents\": "
                                       "[\"event-loop-base\", \"object\"], \"interfaces\": "
                                       "[\"user-creatable\"], \"abstract\": false, "
                                       "\"creatable\": true, \"features\": [], \"properties\": "
                                       "[{\"name\": \"type\", "));
    assert_non_null(strstr(line, "{\"name\": \"poll-max-ns\", \"type\": \"int\", \"qapi-type\": "
                                 "\"int\", \"readable\": true, \"writable\": true, \"live\": "
                                 "true, \"mandatory\": false, \"default\": 32768, "));
    client_free(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_setup, core_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_get_gives_results_in_the_order_of_paths),
        TEST(tree_get_obeys_depth_values_and_type),
        TEST(tree_that_is_too_large_is_refused),
        TEST(watch_reports_changes_of_an_interval_once),
        TEST(watch_counts_what_a_slow_reader_misses),
        TEST(watch_of_one_property_ends_with_its_object),
        TEST(apply_does_all_or_nothing),
        TEST(apply_holds_what_its_undo_needs_while_others_run),
        TEST(apply_removes_a_chardev_once),
        TEST(apply_checks_all_actions_before_the_first),
        TEST(dry_run_changes_nothing_and_finds_wrong_references),
        TEST(dump_can_be_applied_again),
        TEST(users_and_types_are_described),
    };
    return cmocka_run_group_tests_name("beyond", tests, NULL, NULL);
}
