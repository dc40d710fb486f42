/* SPDX-License-Identifier: BSD-3-Clause */
/* Option text: both grammars, sizes, ranges, hostile texts, help. */
#include "qom/options.h"
#include "types.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <glib.h>
#include <string.h>

static void assert_reads_as(const QapiType *type, const char *text, const char *json)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    QapiOptionsHow how = {.implied_key = "type"};
    _Alignas(max_align_t) char value[512];
    if (!qapi_decode_options(NULL, type, &how, text, value, &err)) {
        fail_msg("%s: %s", text, qom_error_message(err));
    }
    w = json_writer_new(false);
    assert_true(qapi_encode(type, value, NULL, w, &err));
    assert_string_equal(json_writer_text(w, NULL), json);
    qapi_clear(type, value);
}

static void assert_refused(const QapiType *type, const char *text, const char *message)
{
    QOM_AUTO_ERROR(err);
    QapiOptionsHow how = {.implied_key = "type"};
    _Alignas(max_align_t) char value[512];
    if (qapi_decode_options(NULL, type, &how, text, value, &err)) {
        fail_msg("%s is taken", text);
    }
    assert_string_equal(qom_error_message(err), message);
}

static void sizes_have_suffixes_and_fractions(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"4096", 4096},
        {"4096b", 4096},
        {"1k", 1024},
        {"1K", 1024},
        {"2M", 2u << 20},
        {"3g", UINT64_C(3) << 30},
        {"1T", UINT64_C(1) << 40},
        {"1p", UINT64_C(1) << 50},
        {"15E", UINT64_C(15) << 60},
        {"1.5M", 1572864},
        {".5M", 524288},
        {"1.M", 1 << 20},
        {"1.", 1},
        {"1.0", 1},
        {"1.000B", 1},
        {"010M", UINT64_C(10) << 20},
        {"0x1B", 27},
        {"0xFFFFFFFFFFFFFFFF", UINT64_MAX},
        {"18446744073709551615", UINT64_MAX},
        {" \t+5", 5},
        {"0.0004882812k", 0},     /* below half a byte */
        {"0.00048828125k", 1},    /* exactly half */
        {"1.0014648437k", 1025},  /* just below 1025.5 */
        {"1.00146484375k", 1026}, /* exactly */
        {"0.999999999999999999999999999999999999999k", 1024},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        uint64_t bytes = 99;
        if (!qapi_parse_size(good[i].text, &bytes)) {
            fail_msg("%s is refused", good[i].text);
        }
        assert_int_equal(bytes, good[i].bytes);
    }
}

static void what_is_no_size_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        ".",
        "M",
        ".M",
        "-1",
        "-0",
        "16E",
        "18446744073709551616",
        "1MB",
        "1e6",
        "1 M",
        "1M ",
        "0x",
        "0x1k",
        "0x-1",
        "1.5",
        "0.5B",
        "+",
        "+-5",
        "--5",
        "1..5",
        "1.5.",
        "1,5M",
        "k1",
        "0x1.8",
        "99999999999999999999999",
        "1Z",
        "\0011",
        "16777216T",
        "1.2.3k",
        "1KK",
        "inf",
        "nan",
        "0x10000000000000000",
        "15.9999999999999999999E",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        uint64_t bytes = 7;
        if (qapi_parse_size(bad[i], &bytes)) {
            fail_msg("%s is taken", bad[i]);
        }
        assert_int_equal(bytes, 7);
    }
}

static void integers_are_in_c_notation(void **state)
{
    int64_t i;
    uint64_t u;
    assert_true(qapi_parse_int64("0x10", &i) && i == 16);
    assert_true(qapi_parse_int64("010", &i) && i == 8);
    assert_true(qapi_parse_int64(" +7", &i) && i == 7);
    assert_true(qapi_parse_int64("-0x8000000000000000", &i) && i == INT64_MIN);
    assert_true(qapi_parse_int64("9223372036854775807", &i) && i == INT64_MAX);
    assert_true(qapi_parse_uint64("01777777777777777777777", &u) && u == UINT64_MAX);
    static const char *const bad[] = {"",
                                      " ",
                                      "x",
                                      "5 ",
                                      "0x",
                                      "08",
                                      "1.0",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "5k",
                                      "- 5",
                                      "1e3",
                                      "+-1",
                                      "0x-1"};
    for (size_t n = 0; n < G_N_ELEMENTS(bad); n++) {
        if (qapi_parse_int64(bad[n], &i)) {
            fail_msg("%s is taken", bad[n]);
        }
    }
    assert_false(qapi_parse_uint64("-1", &u));
    assert_false(qapi_parse_uint64("-0", &u));
    assert_false(qapi_parse_uint64("18446744073709551616", &u));
}

static void numbers_are_decimal_and_finite(void **state)
{
    double number = 5;
    assert_true(qapi_parse_number("-1.5e3", &number) && number == -1500);
    assert_true(qapi_parse_number(".5", &number) && number == 0.5);
    static const char *const bad[] = {"", "inf", "nan", "0x1p3", "1e999", "1.5x", "-", "e5", "1 "};
    for (size_t n = 0; n < G_N_ELEMENTS(bad); n++) {
        if (qapi_parse_number(bad[n], &number)) {
            fail_msg("%s is taken", bad[n]);
        }
    }
}

static void scalars_are_read_by_their_type(void **state)
{
    assert_reads_as(&type_Leaf, "name=a,,b=c,level=-0x10,bytes=1.5k,on=y,color=red,nodes=3",
                    "{\"name\": \"a,b=c\", \"level\": -16, \"bytes\": 1536, \"on\": true, "
                    "\"nodes\": [3], \"color\": \"red\"}");
    assert_reads_as(&type_Leaf, "name=", "{\"name\": \"\"}");
    assert_reads_as(&type_Leaf, "name=,,,", "{\"name\": \",\"}");
    assert_reads_as(&type_Leaf, "name=x,", "{\"name\": \"x\"}");
    assert_reads_as(&type_Leaf, "name=5,extra=5", "{\"name\": \"5\", \"extra\": \"5\"}");
    assert_reads_as(&type_Kinds, "number=2.5,uint8=0xff,int8=-0200",
                    "{\"number\": 2.5, \"int8\": -128, \"uint8\": 255}");
    static const char *const words[] = {"on", "yes", "true", "y", "off", "no", "false", "n"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *text = g_strdup_printf("bool=%s", words[i]);
        assert_reads_as(&type_Kinds, text, i < 4 ? "{\"bool\": true}" : "{\"bool\": false}");
    }
}

static void the_last_scalar_wins(void **state)
{
    assert_reads_as(&type_Leaf, "name=a,level=1,name=b,level=2", "{\"name\": \"b\", \"level\": 2}");
    assert_reads_as(&type_Tree, "leaf.name=a,leaf.name=b", "{\"leaf\": {\"name\": \"b\"}}");
    assert_reads_as(&type_Tree, "names.0=a,names.0=b", "{\"names\": [\"b\"]}");
    assert_reads_as(&type_Leaf, "name=n,extra.k=1,extra.k=2",
                    "{\"name\": \"n\", \"extra\": {\"k\": \"2\"}}");
}

static void lists_come_by_repetition_range_or_index(void **state)
{
    assert_reads_as(&type_Leaf, "name=n,nodes=0-3,nodes=8,nodes=2-2",
                    "{\"name\": \"n\", \"nodes\": [0, 1, 2, 3, 8, 2]}");
    assert_reads_as(&type_Leaf, "nodes=1,name=n,nodes=2", "{\"name\": \"n\", \"nodes\": [1, 2]}");
    assert_reads_as(&type_Tree, "names=a-b,names=c", "{\"names\": [\"a-b\", \"c\"]}");
    assert_reads_as(&type_Tree, "colors=red,colors=blue", "{\"colors\": [\"red\", \"blue\"]}");
    assert_reads_as(&type_Tree, "names.1=b,names.00=a,names.2=c",
                    "{\"names\": [\"a\", \"b\", \"c\"]}");
    assert_reads_as(&qapi_type_any, "a.1.x=2,a.0=1", "{\"a\": [\"1\", {\"x\": \"2\"}]}");
    GString *json = g_string_new("{\"name\": \"n\", \"nodes\": [0");
    for (int i = 1; i < 65536; i++) {
        g_string_append_printf(json, ", %d", i);
    }
    g_string_append(json, "]}");
    assert_reads_as(&type_Leaf, "name=n,nodes=0-65535", json->str);
    g_string_free(json, TRUE);
}

static void hostile_ranges_are_refused(void **state)
{
    static const char *const bad[] = {"1-65537",
                                      "0-18446744073709551615",
                                      "3-2",
                                      "1-",
                                      "-1",
                                      "1--2",
                                      "1-2-3",
                                      "1-2x",
                                      "x",
                                      "",
                                      "18446744073709551615-18446744073709551616"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strdup_printf("name=n,nodes=%s", bad[i]);
        assert_refused(&type_Leaf, text, "Parameter 'nodes' expects a uint64 value or range");
    }
    assert_refused(&type_Leaf, "name=n,nodes=65530-65540", "Parameter 'nodes' expects uint16_t");
    assert_refused(&type_Leaf, "name=n,nodes=18446744073709551615-18446744073709551615",
                   "Parameter 'nodes' expects uint16_t");
    GString *text = g_string_new("name=n");
    for (int i = 0; i < 17; i++) {
        g_string_append(text, ",nodes=0-65535");
    }
    assert_refused(&type_Leaf, text->str, "Parameter 'nodes' has more than 1048576 elements");
    g_string_free(text, TRUE);
    assert_reads_as(&qapi_type_any, "a=1-3", "{\"a\": \"1-3\"}");
}

static void dotted_keys_make_objects_and_lists(void **state)
{
    assert_reads_as(&type_Tree,
                    "addrs.1.type=none,addrs.0.type=deep,addrs.0.mode=slow,addrs.0.path=p",
                    "{\"addrs\": [{\"type\": \"deep\", \"mode\": \"slow\", \"path\": \"p\"}, "
                    "{\"type\": \"none\"}]}");
    assert_reads_as(&type_Tree, "alt.depth=0x7,leaf.name=n,leaf.nodes.0=1,leaf.on=off",
                    "{\"leaf\": {\"name\": \"n\", \"on\": false, \"nodes\": [1]}, "
                    "\"alt\": {\"depth\": 7}}");
    assert_reads_as(&type_Tree, "alt=7,alts.0.0=1", "{\"alt\": \"7\", \"alts\": [[1]]}");
}

static void flat_keys_reach_nested_structs(void **state)
{
    assert_reads_as(&type_Server, "unix,path=/p,device=d",
                    "{\"socket\": {\"type\": \"unix\", \"path\": \"/p\"}, \"device\": \"d\"}");
    assert_reads_as(&type_Server, "device=d,path=/p,mode=slow,type=deep,depth=3",
                    "{\"socket\": {\"type\": \"deep\", \"mode\": \"slow\", \"path\": \"/p\"}, "
                    "\"device\": \"d\", \"box\": {\"depth\": 3}}");
    assert_reads_as(&type_Server, "socket.type=none,device=d",
                    "{\"socket\": {\"type\": \"none\"}, \"device\": \"d\"}");
    assert_refused(&type_Server, "device=d", "Parameter 'socket' is missing");
    assert_refused(&type_Server, "unix,device=d", "Parameter 'path' is missing");
    assert_refused(&type_Server, "path=/p,device=d", "Parameter 'type' is missing");
    assert_refused(&type_Server, "none,path=/p,device=d", "Invalid parameter 'path'");
    assert_refused(&type_Server, "inet,host=h,port=p,ipv4=maybe,device=d",
                   "Parameter 'ipv4' expects 'on' or 'off'");
    /* the outer member of that name comes first */
    assert_reads_as(&type_Box, "depth=1,within.depth=2",
                    "{\"depth\": 1, \"within\": {\"depth\": 2}}");
    assert_reads_as(&type_Box, "depth=1", "{\"depth\": 1}");
}

typedef struct Shadow {
    Unix *within;
    char *path;
} Shadow;

static void an_outer_member_keeps_its_key_from_a_nested_one(void **state)
{
    static const QapiMember members[] = {
        {.name = "within",
         .type = &type_Unix,
         .offset = offsetof(Shadow, within),
         .flag_offset = QAPI_NO_FLAG},
        {.name = "path",
         .type = &qapi_type_str,
         .offset = offsetof(Shadow, path),
         .flag_offset = QAPI_NO_FLAG},
    };
    static const QapiType type = {.name = "Shadow",
                                  .kind = QAPI_KIND_STRUCT,
                                  .size = sizeof(Shadow),
                                  .members = members,
                                  .n_members = 2};
    assert_refused(&type, "path=/p", "Parameter 'within' is missing");
    assert_reads_as(&type, "path=/o,within.path=/i",
                    "{\"within\": {\"path\": \"/i\"}, \"path\": \"/o\"}");
}

static void each_form_has_its_error_texts(void **state)
{
    assert_refused(&type_Leaf, "name=n,nope=1", "Invalid parameter 'nope'");
    assert_refused(&type_Tree, "leaf.name=n,nope=1", "Parameter 'nope' is unexpected");
    assert_refused(&type_Tree, "leaf.name=n,leaf.nope=1", "Parameter 'leaf.nope' is unexpected");
    assert_refused(&type_Leaf, "name=n,level=x", "Parameter 'level' expects an int64 value");
    assert_refused(&type_Tree, "leaf.name=n,leaf.level=x",
                   "Parameter 'leaf.level' expects integer");
    assert_refused(&type_Leaf, "name=n,bytes=1MB", "Parameter 'bytes' expects a size value");
    assert_refused(&type_Tree, "leaf.name=n,leaf.bytes=-1", "Parameter 'leaf.bytes' expects size");
    assert_refused(&type_Leaf, "name=n,bytes=-1", "Parameter 'bytes' expects a size value");
    assert_refused(&type_Kinds, "uint32=-1", "Parameter 'uint32' expects a uint64 value");
    assert_refused(&type_Kinds, "uint32=4294967296", "Parameter 'uint32' expects uint32_t");
    assert_refused(&type_Kinds, "int8=128", "Parameter 'int8' expects int8_t");
    assert_refused(&type_Kinds, "bool=ON", "Parameter 'bool' expects 'on' or 'off'");
    assert_refused(&type_Kinds, "bool=", "Parameter 'bool' expects 'on' or 'off'");
    assert_refused(&type_Kinds, "number=1e999",
                   "Invalid parameter type for 'number', expected: number");
    assert_refused(&type_Kinds, "null=", "Invalid parameter type for 'null', expected: null");
    assert_refused(&type_Leaf, "name=n,color=Red", "Parameter 'color' does not accept value 'Red'");
    assert_refused(&type_Leaf, "level=1", "Parameter 'name' is missing");
    assert_refused(&type_Leaf, "", "Parameter 'name' is missing");
    assert_refused(&type_Leaf, "name.x=1", "Parameters 'name.*' are unexpected");
    assert_refused(&type_Leaf, "name=n,on.0=1", "Parameters 'on.*' are unexpected");
    assert_refused(&type_Tree, "names.0.x=1", "Parameters 'names.0.*' are unexpected");
    assert_refused(&type_Tree, "leaf=1", "Invalid parameter type for 'leaf', expected: object");
    assert_refused(&type_Tree, "addrs=1", "Invalid parameter type for 'addrs', expected: array");
    assert_refused(&type_Tree, "addrs.0.type=x",
                   "Parameter 'addrs.0.type' does not accept value 'x'");
    assert_refused(&type_Tree, "addrs.0.type=unix", "Parameter 'addrs.0.path' is missing");
}

static void malformed_text_is_refused(void **state)
{
    g_autofree char *long_name = g_strnfill(128, 'a');
    g_autofree char *just_right = g_strnfill(127, 'a');
    g_autofree char *too_long = g_strdup_printf("%s=1", long_name);
    g_autofree char *fits = g_strdup_printf("%s=1", just_right);
    g_autofree char *nested = g_strdup_printf("x.%s=1", long_name);
    g_autofree char *whole = g_strdup_printf("Parameter '%s' is too long", long_name);
    g_autofree char *part = g_strdup_printf("Parameter fragment '%s' is too long", long_name);
    g_autofree char *unknown = g_strdup_printf("Invalid parameter '%s'", just_right);
    assert_refused(&type_Tree, too_long, whole);
    assert_refused(&type_Tree, nested, part);
    assert_refused(&type_Tree, fits, unknown);

    assert_refused(&type_Tree, "=1", "Invalid parameter ''");
    assert_refused(&type_Tree, ",names=a", "Invalid parameter ''");
    assert_refused(&type_Tree, "names=a,=b", "Invalid parameter ''");
    assert_refused(&type_Tree, "0=1", "Invalid parameter '0'");
    assert_refused(&type_Tree, "-a=1", "Invalid parameter '-a'");
    assert_refused(&type_Tree, "a..b=1", "Invalid parameter 'a..b'");
    assert_refused(&type_Tree, "a.=1", "Invalid parameter 'a.'");
    assert_refused(&type_Tree, ".a=1", "Invalid parameter '.a'");
    assert_refused(&type_Tree, "a.0x=1", "Invalid parameter 'a.0x'");
    assert_refused(&type_Tree, "a.-1=1", "Invalid parameter 'a.-1'");
    assert_refused(&type_Tree, "a b=1", "Invalid parameter 'a b'");
    assert_refused(&type_Tree, "a=1,a.b=2", "Parameters 'a.*' used inconsistently");
    assert_refused(&type_Tree, "a.b=2,a=1", "Parameters 'a.*' used inconsistently");
    assert_refused(&type_Tree, "a.b=2,a.0=1", "Parameters 'a.*' used inconsistently");
    assert_refused(&type_Tree, "x.a.0=2,x.a.b.c=1", "Parameters 'x.a.*' used inconsistently");
    assert_refused(&type_Tree, "names.1=a", "Parameter 'names.0' missing");
    assert_refused(&type_Tree, "names.0=a,names.2=b", "Parameter 'names.1' missing");
    assert_refused(&type_Tree, "names.99999999999999999999=a", "Parameter 'names.0' missing");
    assert_refused(&type_Tree, "leaf.name=n,names", "Expected '=' after parameter 'names'");
    assert_refused(&type_Tree, "unix,help", "Help is not available for this option");
    GString *deep = g_string_new("a");
    for (int i = 0; i < 100000; i++) {
        g_string_append(deep, ".a");
    }
    g_string_append(deep, "=1");
    QOM_AUTO_ERROR(err);
    assert_null(qapi_options_parse(deep->str, NULL, NULL, &err));
    assert_true(strlen(qom_error_message(err)) < 2000);
    g_string_free(deep, TRUE);
}

static void text_with_a_brace_is_strict_json(void **state)
{
    assert_reads_as(&type_Leaf, "{'name': 'n', 'level': 5}", "{\"name\": \"n\", \"level\": 5}");
    assert_refused(&type_Leaf, "{'name': 'n', 'level': '5'}",
                   "Invalid parameter type for 'level', expected: integer");
    assert_refused(&type_Leaf, "{'name': 'n', 'nope': 1}", "Parameter 'nope' is unexpected");
    assert_refused(&type_Leaf, "{'name': 'n'} {}", "Expecting at most one JSON value");
    assert_refused(&type_Leaf, " {'name': 'n'}", "Parameter 'name' is missing");
}

static void count_warning(void *opaque, const char *message)
{
    g_ptr_array_add(opaque, g_strdup(message));
}

static void bare_flags_mean_on_or_off_with_a_warning(void **state)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    QapiOptionsHow how = {.implied_key = "name", .warn = count_warning, .opaque = warnings};
    Leaf leaf;
    assert_true(qapi_decode_options(NULL, &type_Leaf, &how, "n,on", &leaf, NULL));
    assert_true(leaf.has_on && leaf.on);
    qapi_clear(&type_Leaf, &leaf);
    assert_true(qapi_decode_options(NULL, &type_Leaf, &how, "n,noon", &leaf, NULL));
    assert_true(leaf.has_on && !leaf.on);
    qapi_clear(&type_Leaf, &leaf);
    assert_int_equal(warnings->len, 2);
    assert_string_equal(warnings->pdata[1],
                        "short-form boolean option 'noon' deprecated, please use on=off instead");
}

static void help_is_recognised_anywhere_but_not_as_a_value(void **state)
{
    QapiOptionsHow how = {.implied_key = "type"};
    static const struct {
        const char *text;
        bool help;
    } rows[] = {{"help", true},       {"?", true},    {"unix,help", true}, {"unix,path=p,?", true},
                {"type=help", false}, {"a=?", false}, {"helper", false},   {"a=b,,help", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        JSON_AUTO_TAPE(tape);
        bool help = !rows[i].help;
        tape = qapi_options_parse(rows[i].text, &how, &help, NULL);
        assert_non_null(tape);
        assert_int_equal(help, rows[i].help);
    }
}

static bool no_level(const QapiMember *member, QapiHelpItem *item, void *opaque)
{
    if (strcmp(member->name, "on") == 0) {
        *item = (QapiHelpItem){"switch", "false"};
    }
    return strcmp(member->name, "level") != 0;
}

static bool nothing(const QapiMember *member, QapiHelpItem *item, void *opaque)
{
    return false;
}

static void help_lists_the_wanted_options_sorted(void **state)
{
    g_autofree char *text = qapi_help_lines(&type_Leaf, "leaf", no_level, NULL);
    g_autofree char *none = qapi_help_lines(&type_Leaf, "leaf", nothing, NULL);
    assert_string_equal(text, "leaf options:\n"
                              "  bytes=<size>           - how many (default: 4096)\n"
                              "  color=<Color>          (default: blue)\n"
                              "  extra=<any>            (default: [1])\n"
                              "  name=<string>          - what it is called by people\n"
                              "  nodes=<int>\n"
                              "  on=<switch>            (default: off)\n");
    assert_string_equal(none, "There are no options for leaf.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_suffixes_and_fractions),
        cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(integers_are_in_c_notation),
        cmocka_unit_test(numbers_are_decimal_and_finite),
        cmocka_unit_test(scalars_are_read_by_their_type),
        cmocka_unit_test(the_last_scalar_wins),
        cmocka_unit_test(lists_come_by_repetition_range_or_index),
        cmocka_unit_test(hostile_ranges_are_refused),
        cmocka_unit_test(dotted_keys_make_objects_and_lists),
        cmocka_unit_test(flat_keys_reach_nested_structs),
        cmocka_unit_test(an_outer_member_keeps_its_key_from_a_nested_one),
        cmocka_unit_test(each_form_has_its_error_texts),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(text_with_a_brace_is_strict_json),
        cmocka_unit_test(bare_flags_mean_on_or_off_with_a_warning),
        cmocka_unit_test(help_is_recognised_anywhere_but_not_as_a_value),
        cmocka_unit_test(help_lists_the_wanted_options_sorted),
    };
    return cmocka_run_group_tests_name("qapi options", tests, NULL, NULL);
}
