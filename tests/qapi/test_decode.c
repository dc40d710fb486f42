/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON in and out: kinds, ranges, strictness, error texts, policy, arenas. */
#include "qom/json.h"
#include "types.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <glib.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef union Value {
    Tree tree;
    Kinds kinds;
    Leaf leaf;
    Addr addr;
    Alt alt;
    Server server;
    AddrList addrs;
    char *str;
    char bytes[512];
} Value;

static char *encode(const QapiType *type, const void *value, const QapiPolicy *policy)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    assert_true(qapi_encode(type, value, policy, w, &err));
    return json_writer_steal(w, NULL);
}

/* @json is taken, the copy equals it, and both say @expected. */
static void assert_reads_as(const QapiType *type, const char *json, const char *expected)
{
    QOM_AUTO_ERROR(err);
    Value value, copy, again;
    if (!qapi_decode_json(NULL, type, json, strlen(json), &value, &err)) {
        fail_msg("%s: %s", json, qom_error_message(err));
    }
    g_autofree char *text = encode(type, &value, NULL);
    assert_string_equal(text, expected);
    qapi_copy(type, &copy, &value);
    assert_true(qapi_equal(type, &copy, &value));
    qapi_clear(type, &value);
    assert_true(qapi_decode_json(NULL, type, text, strlen(text), &again, &err));
    assert_true(qapi_equal(type, &copy, &again));
    qapi_clear(type, &copy);
    qapi_clear(type, &again);
}

static void assert_stays(const QapiType *type, const char *json)
{
    assert_reads_as(type, json, json);
}

static void assert_refused_by(const QapiDecode *how, const QapiType *type, const char *json,
                              const char *message)
{
    QOM_AUTO_ERROR(err);
    Value value, before;
    memset(&value, 0x5a, sizeof(value));
    before = value;
    assert_false(qapi_decode_json(how, type, json, strlen(json), &value, &err));
    assert_string_equal(qom_error_message(err), message);
    assert_memory_equal(&value, &before, sizeof(value));
    QapiDecode in_arena = how ? *how : (QapiDecode){0};
    in_arena.arena = qapi_arena_new();
    assert_false(qapi_decode_json(&in_arena, type, json, strlen(json), &value, NULL));
    qapi_arena_free(in_arena.arena);
}

static void assert_refused(const QapiType *type, const char *json, const char *message)
{
    assert_refused_by(NULL, type, json, message);
}

static void each_integer_kind_takes_its_limits_and_no_more(void **state)
{
    static const struct {
        const char *name, *min, *max, *below, *above, *below_error, *above_error;
    } rows[] = {
        {"int8", "-128", "127", "-129", "128", "expects int8_t", "expects int8_t"},
        {"int16", "-32768", "32767", "-32769", "32768", "expects int16_t", "expects int16_t"},
        {"int32", "-2147483648", "2147483647", "-2147483649", "2147483648", "expects int32_t",
         "expects int32_t"},
        {"uint8", "0", "255", "-1", "256", "expects uint8_t", "expects uint8_t"},
        {"uint16", "0", "65535", "-1", "65536", "expects uint16_t", "expects uint16_t"},
        {"uint32", "0", "4294967295", "-1", "4294967296", "expects uint32_t", "expects uint32_t"},
        {"uint64", "0", "18446744073709551615", "-1", "18446744073709551616", "expects uint64",
         "expects uint64"},
        {"size", "0", "18446744073709551615", "-1", "18446744073709551616", "expects uint64",
         "expects uint64"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *low = g_strdup_printf("{\"%s\": %s}", rows[i].name, rows[i].min);
        g_autofree char *high = g_strdup_printf("{\"%s\": %s}", rows[i].name, rows[i].max);
        g_autofree char *below = g_strdup_printf("{\"%s\": %s}", rows[i].name, rows[i].below);
        g_autofree char *above = g_strdup_printf("{\"%s\": %s}", rows[i].name, rows[i].above);
        g_autofree char *e1 =
            g_strdup_printf("Parameter '%s' %s", rows[i].name, rows[i].below_error);
        g_autofree char *e2 =
            g_strdup_printf("Parameter '%s' %s", rows[i].name, rows[i].above_error);
        assert_stays(&type_Kinds, low);
        assert_stays(&type_Kinds, high);
        assert_refused(&type_Kinds, below, e1);
        assert_refused(&type_Kinds, above, e2);
    }
    assert_stays(&type_Kinds, "{\"int\": -9223372036854775808, \"int64\": 9223372036854775807}");
    assert_refused(&type_Kinds, "{\"int\": 9223372036854775808}",
                   "Invalid parameter type for 'int', expected: integer");
    assert_refused(&type_Kinds, "{\"int64\": -9223372036854775809}",
                   "Invalid parameter type for 'int64', expected: integer");
    assert_refused(&type_Kinds, "{\"int8\": 99999999999999999999}",
                   "Parameter 'int8' expects int8_t");
    assert_refused(&type_Kinds, "{\"uint8\": 99999999999999999999}",
                   "Parameter 'uint8' expects uint64");
}

static void integers_with_fraction_exponent_or_quotes_are_refused(void **state)
{
    static const char *const bad[] = {"5.0", "1e3", "\"5\"", "null", "true", "[5]", "{}"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *as_int = g_strdup_printf("{\"int\": %s}", bad[i]);
        g_autofree char *as_int8 = g_strdup_printf("{\"int8\": %s}", bad[i]);
        g_autofree char *as_uint16 = g_strdup_printf("{\"uint16\": %s}", bad[i]);
        g_autofree char *as_size = g_strdup_printf("{\"size\": %s}", bad[i]);
        assert_refused(&type_Kinds, as_int, "Invalid parameter type for 'int', expected: integer");
        assert_refused(&type_Kinds, as_int8,
                       "Invalid parameter type for 'int8', expected: integer");
        assert_refused(&type_Kinds, as_uint16, "Parameter 'uint16' expects uint64");
        assert_refused(&type_Kinds, as_size, "Parameter 'size' expects uint64");
    }
}

static void each_kind_survives_the_round_trip(void **state)
{
    assert_stays(&type_Kinds, "{}");
    assert_stays(&type_Kinds,
                 "{\"str\": \"a\\u00E9\\\"\\n\", \"any\": {\"x\": [1, null, 1.50, \"y\"]}, "
                 "\"null\": null, \"bool\": false, \"number\": -0.25, \"qtype\": \"qbool\"}");
    assert_reads_as(&type_Kinds, "{'number': 7, 'any': [ 1 , 2 ]}",
                    "{\"any\": [1, 2], \"number\": 7}");
    assert_stays(&type_Kinds, "{\"number\": 1.7976931348623157e+308}");
    assert_stays(&type_Kinds, "{\"str\": \"\"}");
    assert_reads_as(&type_Tree, "{'names': [], 'addrs': []}", "{\"addrs\": [], \"names\": []}");
}

static void wrong_kinds_name_the_path_and_the_kind(void **state)
{
    static const struct {
        const char *json, *path, *kind;
    } rows[] = {
        {"{'leaf': 1}", "leaf", "object"},
        {"{'leaf': null}", "leaf", "object"},
        {"{'leaf': {'name': 1}}", "leaf.name", "string"},
        {"{'leaf': {'name': 'n', 'on': 'yes'}}", "leaf.on", "boolean"},
        {"{'leaf': {'name': 'n', 'nodes': {}}}", "leaf.nodes", "array"},
        {"{'leaf': {'name': 'n', 'color': 1}}", "leaf.color", "string"},
        {"{'names': ['a', 'b', 3]}", "names[2]", "string"},
        {"{'names': 'a'}", "names", "array"},
        {"{'kinds': {'null': 0}}", "kinds.null", "null"},
        {"{'kinds': {'number': '1'}}", "kinds.number", "number"},
        {"{'addrs': [{'type': 'none'}, 7]}", "addrs[1]", "object"},
        {"{'addrs': [{'type': 'deep', 'mode': 'slow', 'path': []}]}", "addrs[0].path", "string"},
        {"{'alt': 1.5}", "alt", "integer"},
        {"{'alts': [{'within': {'within': []}}]}", "alts[0].within.within", "object"},
        {"{'alts': [[1, 'x']]}", "alts[0][1]", "integer"},
        {"[]", "<anonymous>", "object"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *message = g_strdup_printf("Invalid parameter type for '%s', expected: %s",
                                                   rows[i].path, rows[i].kind);
        assert_refused(&type_Tree, rows[i].json, message);
    }
}

static void missing_and_unexpected_members_are_named_by_path(void **state)
{
    assert_refused(&type_Leaf, "{}", "Parameter 'name' is missing");
    assert_refused(&type_Tree, "{'leaf': {}}", "Parameter 'leaf.name' is missing");
    assert_refused(&type_Tree, "{'addrs': [{'type': 'unix'}]}",
                   "Parameter 'addrs[0].path' is missing");
    assert_refused(&type_Tree, "{'addr': {'path': 'p'}}", "Parameter 'addr.type' is missing");
    assert_refused(&type_Tree, "{'Names': []}", "Parameter 'Names' is unexpected");
    assert_refused(&type_Tree, "{'addr': {'type': 'none', 'path': 'p'}}",
                   "Parameter 'addr.path' is unexpected");
    assert_refused(&type_Tree, "{'leaf': {'name': 'n', 'bites': 1}}",
                   "Parameter 'leaf.bites' is unexpected");
    assert_refused(&type_Tree, "{'addr': {'type': 'deep', 'mode': 'idle', 'host': 'h'}}",
                   "Parameter 'addr.host' is unexpected");
}

static void enum_and_range_errors_name_the_path(void **state)
{
    assert_refused(&type_Tree, "{'leaf': {'name': 'n', 'nodes': [1, 65536]}}",
                   "Parameter 'leaf.nodes[1]' expects uint16_t");
    assert_refused(&type_Tree, "{'colors': ['red', 'Red']}",
                   "Parameter 'colors[1]' does not accept value 'Red'");
    assert_refused(&type_Tree, "{'colors': ['']}",
                   "Parameter 'colors[0]' does not accept value ''");
    assert_refused(&type_Tree, "{'colors': ['red\\u0000']}",
                   "Parameter 'colors[0]' does not accept value 'red\300\200'");
    assert_refused(&type_Tree, "{'addr': {'type': 'redd'}}",
                   "Parameter 'addr.type' does not accept value 'redd'");
}

static void the_first_fault_in_schema_order_is_reported_and_unknown_keys_last(void **state)
{
    assert_refused(&type_Leaf, "{'zzz': 1, 'on': 1, 'level': 'x', 'name': 2}",
                   "Invalid parameter type for 'name', expected: string");
    assert_refused(&type_Leaf, "{'zzz': 1, 'on': 1, 'name': 'n'}",
                   "Invalid parameter type for 'on', expected: boolean");
    assert_refused(&type_Leaf, "{'zzz': 1, 'aaa': 1, 'name': 'n'}",
                   "Parameter 'zzz' is unexpected");
    assert_refused(&type_Tree, "{'zzz': 1, 'leaf': {'bad': 1, 'name': 'n'}}",
                   "Parameter 'leaf.bad' is unexpected");
}

static void a_likely_name_is_a_hint_and_not_in_the_message(void **state)
{
    QOM_AUTO_ERROR(err);
    Value value;
    const char *json = "{'name': 'n', 'colour': 'red'}";
    assert_false(qapi_decode_json(NULL, &type_Leaf, json, strlen(json), &value, &err));
    assert_string_equal(qom_error_message(err), "Parameter 'colour' is unexpected");
    assert_string_equal(qom_error_get_hint(err), "Did you mean 'color'?");
}

static void a_union_takes_its_tag_anywhere(void **state)
{
    assert_reads_as(&type_Addr, "{'port': 'p', 'host': 'h', 'type': 'inet'}",
                    "{\"type\": \"inet\", \"host\": \"h\", \"port\": \"p\"}");
    assert_reads_as(&type_Addr, "{'path': 'p', 'mode': 'slow', 'note': 'x', 'type': 'deep'}",
                    "{\"type\": \"deep\", \"note\": \"x\", \"mode\": \"slow\", \"path\": \"p\"}");
    assert_stays(&type_Addr, "{\"type\": \"none\"}");
    assert_refused(&type_Addr, "{'host': 'h', 'path': 'p', 'type': 'unix'}",
                   "Parameter 'host' is unexpected");
}

static void an_alternate_takes_each_of_its_kinds(void **state)
{
    assert_stays(&type_Tree, "{\"alt\": \"text\", \"alts\": [1, true, null, [1, 2], "
                             "{\"depth\": 255, \"within\": {}}, \"\", []]}");
    static const QapiBranch only_string = {.name = "s", .type = &qapi_type_str, .offset = 8};
    static const QapiType narrow = {.name = "Narrow",
                                    .kind = QAPI_KIND_ALTERNATE,
                                    .size = sizeof(Alt),
                                    .branches = &only_string,
                                    .n_branches = 1};
    assert_refused(&narrow, "5", "Invalid parameter type for '<anonymous>', expected: Narrow");
}

static void a_zero_byte_in_a_string_is_refused(void **state)
{
    assert_refused(&type_Leaf, "{'name': 'a\\u0000b'}",
                   "Parameter 'name' must not contain the character U+0000");
    assert_stays(&type_Kinds, "{\"any\": \"a\\u0000b\"}");
    assert_refused(&type_Kinds, "{'str\\u0000': 'x'}", "Parameter 'str\300\200' is unexpected");
}

static void objects_with_very_many_keys_are_read_and_refused_alike(void **state)
{
    GString *json = g_string_new("{");
    for (int i = 0; i < 20000; i++) {
        g_string_append_printf(json, "\"unknown-%d\": 0, ", i);
    }
    g_string_append(json, "\"path\": \"p\", \"type\": \"unix\"}");
    assert_refused(&type_Addr, json->str, "Parameter 'unknown-0' is unexpected");
    g_string_free(json, TRUE);
    assert_reads_as(
        &type_Kinds,
        "{'qtype':'none','size':1,'uint64':1,'uint32':1,'uint16':1,'uint8':1,'int64':1,'int32':1,"
        "'int16':1,'int8':1,'int':1,'number':1,'bool':true,'null':null,'any':1,'str':'s'}",
        "{\"str\": \"s\", \"any\": 1, \"null\": null, \"bool\": true, \"number\": 1, \"int\": 1, "
        "\"int8\": 1, \"int16\": 1, \"int32\": 1, \"int64\": 1, \"uint8\": 1, \"uint16\": 1, "
        "\"uint32\": 1, \"uint64\": 1, \"size\": 1, \"qtype\": \"none\"}");
}

static void the_deepest_nesting_json_allows_is_decoded_and_freed(void **state)
{
    GString *json = g_string_new(NULL);
    for (int i = 0; i < 1000; i++) {
        g_string_append(json, "{\"within\": ");
    }
    g_string_append(json, "{}");
    for (int i = 0; i < 1000; i++) {
        g_string_append_c(json, '}');
    }
    assert_stays(&type_Box, json->str);
    g_string_free(json, TRUE);
}

static void long_lists_of_structs_are_taken_whole_or_not_at_all(void **state)
{
    GString *json = g_string_new("[{\"type\": \"none\"}");
    for (int i = 1; i < 5000; i++) {
        g_string_append_printf(json, ", {\"type\": \"unix\", \"path\": \"%d\"}", i);
    }
    g_string_append_c(json, ']');
    assert_stays(&type_AddrList, json->str);
    QapiDecode how = {.arena = qapi_arena_new()};
    Value value;
    assert_true(qapi_decode_json(&how, &type_AddrList, json->str, json->len, &value, NULL));
    assert_int_equal(value.addrs.n, 5000);
    assert_string_equal(value.addrs.items[4999].u.unix_.path, "4999");
    qapi_arena_free(how.arena);
    g_string_truncate(json, json->len - 1);
    g_string_append(json, ", {\"type\": \"unix\"}]");
    assert_refused(&type_AddrList, json->str, "Parameter '<anonymous>[5000].path' is missing");
    g_string_free(json, TRUE);
}

static void path_and_ignored_keys_are_the_callers(void **state)
{
    static const char *const ignored[] = {"qom-type", "id", NULL};
    QapiDecode how = {.path = "limits", .ignore_keys = ignored};
    Value value;
    const char *json = "{'id': 'x', 'path': '/p', 'qom-type': 't'}";
    assert_true(qapi_decode_json(&how, &type_Unix, json, strlen(json), &value, NULL));
    qapi_clear(&type_Unix, &value);
    assert_refused_by(&how, &type_Unix, "{'path': 1}",
                      "Invalid parameter type for 'limits.path', expected: string");
    assert_refused_by(&how, &type_Unix, "1",
                      "Invalid parameter type for 'limits', expected: object");
    assert_refused_by(&how, &type_Tree, "{'leaf': {'name': 'n', 'id': 'x'}}",
                      "Parameter 'limits.leaf.id' is unexpected");
}

static void an_arena_holds_all_pieces_and_can_be_used_again(void **state)
{
    QapiArena *arena = qapi_arena_new();
    QapiDecode how = {.arena = arena};
    const char *json = "{'leaf': {'name': 'secret', 'nodes': [1,2,3], 'extra': {'a': 1}},"
                       "'addrs': [{'type': 'unix', 'path': 'p'}]}";
    for (int round = 0; round < 3; round++) {
        Value value;
        assert_true(qapi_decode_json(&how, &type_Tree, json, strlen(json), &value, NULL));
        assert_string_equal(value.tree.leaf->name, "secret");
        assert_string_equal(value.tree.leaf->extra, "{\"a\": 1}");
        const char *name = value.tree.leaf->name;
        qapi_arena_reset(arena);
        assert_int_equal(name[0], 0); /* wiped; the first chunk stays */
    }
    char *large = qapi_arena_alloc(arena, 10 << 20);
    assert_int_equal(large[0], 0);
    large[(10 << 20) - 1] = 1;
    qapi_arena_reset(arena);
    for (int i = 0; i < 1000; i++) {
        char *piece = qapi_arena_alloc(arena, (size_t)i);
        assert_true((uintptr_t)piece % _Alignof(max_align_t) == 0);
        for (int j = 0; j < i; j++) {
            assert_int_equal(piece[j], 0);
            piece[j] = 1;
        }
    }
    qapi_arena_free(arena);
}

static void policy_rejects_members_values_and_commands(void **state)
{
    QapiPolicy policy = {.deprecated_input = QAPI_INPUT_REJECT,
                         .unstable_input = QAPI_INPUT_REJECT};
    QapiDecode how = {.policy = &policy};
    QOM_AUTO_ERROR(err);
    assert_refused_by(&how, &type_Tree, "{'old': 'x'}",
                      "Deprecated parameter old disabled by policy");
    assert_refused_by(&how, &type_Tree, "{'new': 'x'}",
                      "Unstable parameter new disabled by policy");
    assert_refused_by(&how, &type_Tree, "{'colors': ['red', 'green']}",
                      "Deprecated value green disabled by policy");
    assert_refused_by(&how, &type_Tree, "{'leaf': {'name': 'n', 'color': 'blue'}}",
                      "Unstable value blue disabled by policy");
    assert_true(qapi_policy_command(&policy, qapi_find_command(&test_schema, "get-tree", 8), NULL));
    assert_false(qapi_policy_command(&policy, qapi_find_command(&test_schema, "old-one", 7), &err));
    assert_string_equal(qom_error_message(err), "Deprecated command old-one disabled by policy");
    assert_int_equal(qom_error_class(err), QOM_ERROR_COMMAND_NOT_FOUND);
    policy = (QapiPolicy){.unstable_input = QAPI_INPUT_REJECT};
    Value value;
    assert_true(qapi_decode_json(&how, &type_Tree, "{'old': 'x'}", 12, &value, NULL));
    qapi_clear(&type_Tree, &value);
}

static void policy_crash_ends_the_process(void **state)
{
    QapiPolicy policy = {.deprecated_input = QAPI_INPUT_CRASH};
    QapiDecode how = {.policy = &policy};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        Value value;
        fclose(stderr);
        signal(SIGABRT, SIG_DFL);
        qapi_decode_json(&how, &type_Tree, "{'old': 'x'}", 12, &value, NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void policy_hides_members_but_not_values(void **state)
{
    QapiPolicy policy = {.deprecated_output = QAPI_OUTPUT_HIDE};
    const char *json = "{\"old\": \"x\", \"new\": \"y\", \"colors\": [\"green\"]}";
    Value value;
    assert_true(qapi_decode_json(NULL, &type_Tree, json, strlen(json), &value, NULL));
    g_autofree char *all = encode(&type_Tree, &value, NULL);
    g_autofree char *some = encode(&type_Tree, &value, &policy);
    assert_string_equal(all, json);
    assert_string_equal(some, "{\"new\": \"y\", \"colors\": [\"green\"]}");
    assert_true(qapi_policy_hides(&policy, QAPI_FEATURE_DEPRECATED));
    assert_false(qapi_policy_hides(&policy, QAPI_FEATURE_UNSTABLE));
    qapi_clear(&type_Tree, &value);
}

static void numbers_json_can_not_say_are_errors_and_leave_the_writer(void **state)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    Kinds kinds = {.has_number = true, .number = NAN, .str = (char *)"before"};
    json_writer_begin_array(w);
    json_writer_int64(w, 1);
    assert_false(qapi_encode(&type_Kinds, &kinds, NULL, w, &err));
    kinds.number = -INFINITY;
    assert_false(qapi_encode(&type_Kinds, &kinds, NULL, w, NULL));
    json_writer_int64(w, 2);
    json_writer_end_array(w);
    assert_string_equal(json_writer_text(w, NULL), "[1, 2]");
}

static void what_a_handler_forgot_is_encoded_as_empty(void **state)
{
    Leaf leaf = {.has_color = true, .color = (Color)99};
    g_autofree char *text = encode(&type_Leaf, &leaf, NULL);
    assert_string_equal(text, "{\"name\": \"\", \"color\": \"\"}");
}

static void defaults_fill_absent_members_only(void **state)
{
    Leaf leaf = {.has_level = true, .level = 3};
    qapi_set_defaults(&type_Leaf, &leaf);
    assert_int_equal(leaf.level, 3);
    assert_int_equal(leaf.bytes, 4096);
    assert_false(leaf.has_bytes);
    assert_true(leaf.on);
    assert_int_equal(leaf.color, COLOR_BLUE);
    assert_string_equal(leaf.extra, "[1]");
    qapi_clear(&type_Leaf, &leaf);
    qapi_set_defaults(&type_Leaf, &leaf);
    assert_int_equal(leaf.level, -7);
    qapi_clear(&type_Leaf, &leaf);
}

static void equality_sees_every_difference(void **state)
{
    static const char *const different[] = {
        "{}",
        "{'leaf': {'name': 'a'}}",
        "{'leaf': {'name': 'b'}}",
        "{'leaf': {'name': 'a', 'level': 0}}",
        "{'leaf': {'name': 'a', 'nodes': []}}",
        "{'leaf': {'name': 'a', 'nodes': [0]}}",
        "{'leaf': {'name': 'a', 'nodes': [1]}}",
        "{'addr': {'type': 'none'}}",
        "{'addr': {'type': 'unix', 'path': 'a'}}",
        "{'addr': {'type': 'unix', 'path': 'b'}}",
        "{'addr': {'type': 'deep', 'mode': 'slow', 'path': 'b'}}",
        "{'alt': 0}",
        "{'alt': 1}",
        "{'alt': false}",
        "{'alt': [1]}",
        "{'kinds': {'number': 1}}",
        "{'kinds': {'number': 2}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(different); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(different); j++) {
            Tree a, b;
            assert_true(
                qapi_decode_json(NULL, &type_Tree, different[i], strlen(different[i]), &a, NULL));
            assert_true(
                qapi_decode_json(NULL, &type_Tree, different[j], strlen(different[j]), &b, NULL));
            assert_int_equal(qapi_equal(&type_Tree, &a, &b), i == j);
            qapi_clear(&type_Tree, &a);
            qapi_clear(&type_Tree, &b);
        }
    }
}

static void names_are_found_exactly(void **state)
{
    assert_int_equal(qapi_enum_lookup(&type_Color, "redder", 3), COLOR_RED);
    assert_int_equal(qapi_enum_lookup(&type_Color, "redder", 4), -1);
    assert_int_equal(qapi_enum_lookup(&type_Color, "re", 2), -1);
    assert_int_equal(qapi_enum_lookup(&type_Color, "", 0), -1);
    assert_int_equal(qapi_enum_lookup(&type_Color, "red\0x", 5), -1);
    assert_string_equal(qapi_enum_name(&type_Color, COLOR_BLUE), "blue");
    assert_string_equal(qapi_enum_name(&type_Color, -1), "");
    for (int i = 0; i < (int)qapi_type_QType.n_values; i++) {
        const char *name = qapi_enum_name(&qapi_type_QType, i);
        assert_int_equal(qapi_enum_lookup(&qapi_type_QType, name, strlen(name)), i);
    }
    assert_ptr_equal(qapi_find_command(&test_schema, "old-one", 7), test_schema.commands[2]);
    assert_null(qapi_find_command(&test_schema, "old-one", 6));
    assert_null(qapi_find_command(&test_schema, "zzz", 3));
    assert_ptr_equal(qapi_find_member(&type_Leaf, "level"), &type_Base.members[1]);
    assert_null(qapi_find_member(&type_Leaf, "leve"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_integer_kind_takes_its_limits_and_no_more),
        cmocka_unit_test(integers_with_fraction_exponent_or_quotes_are_refused),
        cmocka_unit_test(each_kind_survives_the_round_trip),
        cmocka_unit_test(wrong_kinds_name_the_path_and_the_kind),
        cmocka_unit_test(missing_and_unexpected_members_are_named_by_path),
        cmocka_unit_test(enum_and_range_errors_name_the_path),
        cmocka_unit_test(the_first_fault_in_schema_order_is_reported_and_unknown_keys_last),
        cmocka_unit_test(a_likely_name_is_a_hint_and_not_in_the_message),
        cmocka_unit_test(a_union_takes_its_tag_anywhere),
        cmocka_unit_test(an_alternate_takes_each_of_its_kinds),
        cmocka_unit_test(a_zero_byte_in_a_string_is_refused),
        cmocka_unit_test(objects_with_very_many_keys_are_read_and_refused_alike),
        cmocka_unit_test(the_deepest_nesting_json_allows_is_decoded_and_freed),
        cmocka_unit_test(long_lists_of_structs_are_taken_whole_or_not_at_all),
        cmocka_unit_test(path_and_ignored_keys_are_the_callers),
        cmocka_unit_test(an_arena_holds_all_pieces_and_can_be_used_again),
        cmocka_unit_test(policy_rejects_members_values_and_commands),
        cmocka_unit_test(policy_crash_ends_the_process),
        cmocka_unit_test(policy_hides_members_but_not_values),
        cmocka_unit_test(numbers_json_can_not_say_are_errors_and_leave_the_writer),
        cmocka_unit_test(what_a_handler_forgot_is_encoded_as_empty),
        cmocka_unit_test(defaults_fill_absent_members_only),
        cmocka_unit_test(equality_sees_every_difference),
        cmocka_unit_test(names_are_found_exactly),
    };
    return cmocka_run_group_tests_name("qapi decode", tests, NULL, NULL);
}
