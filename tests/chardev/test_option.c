/* SPDX-License-Identifier: BSD-3-Clause */
/* Command line text: what becomes of it, and what it says when it is wrong. */
#include "harness.h"

#include "qapi-commands.h"
#include "qom/json.h"

#include <string.h>

static char *encode(const ChardevBackend *backend)
{
    JSON_AUTO_WRITER(writer);
    writer = json_writer_new(false);
    assert_true(qapi_encode(&qapi_type_ChardevBackend, backend, NULL, writer, NULL));
    return json_writer_steal(writer, NULL);
}

typedef struct Case {
    const char *text;
    const char *result; /* JSON, or "! " and the error */
} Case;

static void check(const Case *c, ChardevBackend *backend, QomError *error)
{
    g_autofree char *got =
        backend ? encode(backend) : g_strdup_printf("! %s", qom_error_message(error));
    if (strcmp(got, c->result)) {
        fail_msg("%s\n  gives    %s\n  expected %s", c->text, got, c->result);
    }
    chardev_backend_free(backend);
    qom_error_free(error);
}

static void long_form_becomes_the_backend_of_qmp(void **state)
{
    static const Case cases[] = {
        {"null,id=x", "{\"type\": \"null\", \"data\": {}}"},
        {"backend=null,id=x,mux=off", "{\"type\": \"null\", \"data\": {}}"},
        {"null,id=x,logfile=/a,,b,logappend=on",
         "{\"type\": \"null\", \"data\": {\"logfile\": \"/a,b\", \"logappend\": true}}"},
        {"stdio,id=x,signal=off", "{\"type\": \"stdio\", \"data\": {\"signal\": false}}"},
        {"file,id=x,path=o,input-path=i,append=yes",
         "{\"type\": \"file\", \"data\": {\"in\": \"i\", \"out\": \"o\", \"append\": true}}"},
        {"ringbuf,id=x,size=64k", "{\"type\": \"ringbuf\", \"data\": {\"size\": 65536}}"},
        {"memory,id=x", "{\"type\": \"memory\", \"data\": {}}"},
        {"socket,id=x,path=p",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"unix\", \"data\": {\"path\": "
         "\"p\"}}, \"server\": false}}"},
        {"socket,id=x,path=p,server=on",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"unix\", \"data\": {\"path\": "
         "\"p\"}}, \"server\": true, \"wait\": true}}"},
        {"socket,id=x,path=p,server,nowait",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"unix\", \"data\": {\"path\": "
         "\"p\"}}, \"server\": true, \"wait\": false}}"},
        {"socket,id=x,path=p,abstract=on,tight=off,telnet=off",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"unix\", \"data\": {\"path\": "
         "\"p\", \"abstract\": true, \"tight\": false}}, \"server\": false}}"},
        {"socket,id=x,host=h,port=1,to=9,ipv4=on,ipv6=off,nodelay=off,reconnect-ms=7",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"inet\", \"data\": {\"host\": "
         "\"h\", \"port\": \"1\", \"to\": 9, \"ipv4\": true, \"ipv6\": false}}, \"server\": false, "
         "\"nodelay\": false, \"reconnect-ms\": 7}}"},
        {"socket,id=x,port=0,server=on,wait=off,delay=on,reconnect=3",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"inet\", \"data\": {\"host\": "
         "\"\", \"port\": \"0\"}}, \"server\": true, \"wait\": false, \"nodelay\": false, "
         "\"reconnect\": 3}}"},
        {"socket,id=x,fd=3",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"fd\", \"data\": {\"str\": "
         "\"3\"}}, \"server\": false}}"},
        {"socket,id=x,cid=2,port=5",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"vsock\", \"data\": {\"cid\": "
         "\"2\", \"port\": \"5\"}}, \"server\": false}}"},
        {"{\"id\":\"x\",\"backend\":{\"type\":\"ringbuf\",\"data\":{\"size\":16}}}",
         "{\"type\": \"ringbuf\", \"data\": {\"size\": 16}}"},

        {"null", "! chardev: no id specified"},
        {"id=x", "! chardev: \"x\" missing backend"},
        {"foo,id=x", "! 'foo' is not a valid char driver name"},
        {"null,id=1x", "! Parameter 'id' expects an identifier"},
        {"{\"id\":\"1x\",\"backend\":{\"type\":\"null\",\"data\":{}}}",
         "! Parameter 'id' expects an identifier"},
        {"{\"id\":\"x\",\"backend\":{\"type\":\"null\"}}", "! Parameter 'backend.data' is missing"},
        {"null,id=x,foo=1", "! Invalid parameter 'foo'"},
        {"null,id=x,path=p", "! Invalid parameter 'path'"},
        {"socket,id=x,path=p,server=maybe", "! Parameter 'server' expects 'on' or 'off'"},
        {"socket,id=x,host=h,port=1,to=abc", "! Parameter 'to' expects a number"},
        {"socket,id=x,host=h,port=1,to=70000", "! Parameter 'to' expects uint16_t"},
        {"ringbuf,id=x,size=abc", "! Parameter 'size' expects a non-negative number below 2^64"},
        {"socket,id=x,path=p,host=h", "! None or one of 'path', 'fd' or 'host' option required."},
        {"socket,id=x,host=h", "! chardev: socket: no port given"},
        {"socket,id=x", "! chardev: socket: no path, host or fd given"},
        {"file,id=x", "! chardev: file: no filename given"},
        {"pty,id=x", "! Character device backend 'pty' is not supported by this version"},
        {"null,id=x,mux=on", "! Option 'mux' is not supported by this version"},
        {"socket,id=x,path=p,telnet=on", "! Option 'telnet' is not supported by this version"},
        {"socket,id=x,path=p,tls-creds=t", "! Option 'tls-creds' is not supported by this version"},
        {"null,id.a=x", "! Invalid parameter 'id'"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *id = NULL;
        QomError *error = NULL;
        bool help = true;
        ChardevBackend *backend = chardev_parse_option(cases[i].text, &id, &help, &error);
        assert_false(help);
        if (backend) {
            assert_string_equal(id, "x");
        }
        check(&cases[i], backend, error);
    }
    g_autofree char *id = NULL;
    QomError *error = NULL;
    bool help = false;
    assert_null(chardev_parse_option("help", &id, &help, &error));
    assert_true(help);
    assert_null(error);
}

static void short_form_becomes_the_backend_of_qmp(void **state)
{
    static const Case cases[] = {
        {"null", "{\"type\": \"null\", \"data\": {}}"},
        {"stdio", "{\"type\": \"stdio\", \"data\": {}}"},
        {"file:/a,b", "{\"type\": \"file\", \"data\": {\"out\": \"/a,b\"}}"},
        {"unix:/p,,q,server=on,wait=off",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"unix\", \"data\": {\"path\": "
         "\"/p,q\"}}, \"server\": true, \"wait\": false}}"},
        {"unix:/p",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"unix\", \"data\": {\"path\": "
         "\"/p\"}}, \"server\": false}}"},
        {"tcp::4444,server,nowait",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"inet\", \"data\": {\"host\": "
         "\"\", \"port\": \"4444\"}}, \"server\": true, \"wait\": false}}"},
        {"tcp:[::1]:7",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"inet\", \"data\": {\"host\": "
         "\"::1\", \"port\": \"7\"}}, \"server\": false}}"},
        {"fd:3,server=on,wait=off",
         "{\"type\": \"socket\", \"data\": {\"addr\": {\"type\": \"fd\", \"data\": {\"str\": "
         "\"3\"}}, \"server\": true, \"wait\": false}}"},
        {"foo", "! 'foo' is not a valid char driver"},
        {"foo:bar", "! 'foo:bar' is not a valid char driver"},
        {"", "! '' is not a valid char driver"},
        {"tcp:1", "! parse error: tcp:1"},
        {"tcp:h:", "! parse error: tcp:h:"},
        {"unix:/p,foo=1", "! Invalid parameter 'foo'"},
        {"unix:/p,append=on", "! Invalid parameter 'append'"},
        {"unix:/p,host=h,port=1", "! None or one of 'path', 'fd' or 'host' option required."},
        {"telnet::1,server=on", "! Character device 'telnet::1,server=on' is not supported by this "
                                "version"},
        {"pty", "! Character device 'pty' is not supported by this version"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QomError *error = NULL;
        ChardevBackend *backend = chardev_parse_short(cases[i].text, &error);
        check(&cases[i], backend, error);
    }
}

/* ---------------------------------------------------------------------------------- commands -- */

static void fails(bool ok, QomError **error, const char *text)
{
    assert_false(ok);
    assert_string_equal(qom_error_message(*error), text);
    qom_error_free(*error);
    *error = NULL;
}

static char *ring_read(int64_t size, bool base64)
{
    char *text = NULL;
    assert_true(qmp_ringbuf_read("r", size, true, base64 ? DATA_FORMAT_BASE64 : DATA_FORMAT_UTF8,
                                 &text, NULL));
    return text;
}

static void commands_of_ring_buffers_answer_as_the_reference(void **state)
{
    ChardevRingbuf options = {0};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_RINGBUF, .u.ringbuf.data = &options};
    make("r", &config);
    ChardevCommon common = {0};
    ChardevBackend null_config = {.type = CHARDEV_BACKEND_KIND_NULL, .u.null.data = &common};
    make("n", &null_config);
    QomError *error = NULL;
    char *text = NULL;
    fails(qmp_ringbuf_read("r", 0, false, 0, &text, &error), &error,
          "size must be greater than zero");
    fails(qmp_ringbuf_read("n", 1, false, 0, &text, &error), &error, "n is not a ringbuf device");
    fails(qmp_ringbuf_read("zz", 1, false, 0, &text, &error), &error, "Device 'zz' not found");
    fails(qmp_ringbuf_write("r", "!!", true, DATA_FORMAT_BASE64, &error), &error,
          "Base64 data contains invalid characters");
    assert_true(qmp_ringbuf_write("r", "YWJj\nZGVm", true, DATA_FORMAT_BASE64, NULL));
    g_autofree char *base64 = ring_read(INT64_MAX, true);
    assert_string_equal(base64, "YWJjZGVm");
    assert_true(qmp_ringbuf_write("r", "AP9h", true, DATA_FORMAT_BASE64, NULL));
    g_autofree char *replaced = ring_read(100, false);
    assert_string_equal(replaced, "\uFFFD\uFFFDa");
    g_autofree char *nothing = ring_read(100, false);
    assert_string_equal(nothing, "");
}

static void query_lists_chardevs_in_order(void **state)
{
    ChardevCommon common = {0};
    ChardevBackend config = {.type = CHARDEV_BACKEND_KIND_NULL, .u.null.data = &common};
    make("zebra", &config);
    make("ape", &config);
    ChardevInfoList list = {0};
    assert_true(qmp_query_chardev(&list, NULL));
    assert_int_equal(list.n, 2);
    assert_string_equal(list.items[0].label, "zebra");
    assert_string_equal(list.items[1].label, "ape");
    assert_string_equal(list.items[1].filename, "null");
    assert_false(list.items[1].frontend_open);
    qapi_clear(&qapi_type_ChardevInfoList, &list);
    ChardevBackendInfoList kinds = {0};
    assert_true(qmp_query_chardev_backends(&kinds, NULL));
    assert_int_equal(kinds.n, 6);
    qapi_clear(&qapi_type_ChardevBackendInfoList, &kinds);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(long_form_becomes_the_backend_of_qmp),
        T(short_form_becomes_the_backend_of_qmp),
        T(commands_of_ring_buffers_answer_as_the_reference),
        T(query_lists_chardevs_in_order),
    };
    return cmocka_run_group_tests_name("chardev option", tests, NULL, NULL);
}
