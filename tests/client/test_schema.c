/* SPDX-License-Identifier: BSD-3-Clause */
/* The answer to query-qmp-schema as the client looks into it. */
#include "client/schema.h"

#include "unit.h"

static const char text[] =
    "[{'name': 'z-do', 'meta-type': 'command', 'arg-type': '1', 'ret-type': '2',"
    "  'features': ['unstable']},"
    " {'name': 'a-do', 'meta-type': 'command', 'arg-type': '9', 'ret-type': '2'},"
    " {'name': 'GONE', 'meta-type': 'event', 'arg-type': '2'},"
    " {'name': '1', 'meta-type': 'object', 'tag': 'kind',"
    "  'members': [{'name': 'kind', 'type': '3'}, {'name': 'n', 'type': 'int', 'default': null,"
    "               'features': ['deprecated']}],"
    "  'variants': [{'case': 'red', 'type': '4'}, {'case': 'blue', 'type': '2'}]},"
    " {'name': '2', 'meta-type': 'object', 'members': []},"
    " {'name': '3', 'meta-type': 'enum', 'values': ['red', 'blue']},"
    " {'name': '4', 'meta-type': 'object', 'members': [{'name': 'hue', 'type': 'int'}]},"
    " {'name': '5', 'meta-type': 'enum', 'values': [7, 'x']},"
    " {'name': '6', 'meta-type': 'object', 'members': [7]},"
    " {'name': 'int', 'meta-type': 'builtin', 'json-type': 'int'}]";

static Schema *make(void)
{
    return schema_new(unit_json(text), JSON_ROOT);
}

static void commands_and_events_are_listed_in_order(void **state)
{
    __attribute__((cleanup(schema_freep))) Schema *s = make();
    g_autoptr(GPtrArray) commands = schema_names(s, "command");
    g_autoptr(GPtrArray) events = schema_names(s, "event");

    assert_int_equal(commands->len, 2);
    assert_string_equal(commands->pdata[0], "a-do");
    assert_string_equal(commands->pdata[1], "z-do");
    assert_int_equal(events->len, 1);
    assert_string_equal(events->pdata[0], "GONE");
    assert_string_equal(schema_meta(s, schema_find(s, "3")), "enum");
    assert_true(schema_part(s, schema_find(s, "GONE"), "arg-type") == schema_find(s, "2"));
}

static void members_are_those_of_the_branch_too(void **state)
{
    __attribute__((cleanup(schema_freep))) Schema *s = make();
    SchemaType type = schema_arguments(s, "z-do");
    g_autoptr(GArray) common = schema_members(s, type, NULL);
    g_autoptr(GArray) red = schema_members(s, type, "red");
    g_autoptr(GArray) blue = schema_members(s, type, "blue");

    assert_int_equal(common->len, 2);
    assert_int_equal(red->len, 3);
    assert_int_equal(blue->len, 2);
    assert_string_equal(g_array_index(red, SchemaMember, 2).name, "hue");
    assert_false(g_array_index(red, SchemaMember, 0).optional);
    assert_true(g_array_index(red, SchemaMember, 1).optional);
    g_autoptr(GArray) variants = schema_variants(s, type);
    assert_int_equal(variants->len, 2);
    assert_string_equal(g_array_index(variants, SchemaMember, 1).name, "blue");
    assert_true(g_array_index(variants, SchemaMember, 1).type == schema_find(s, "2"));
    g_autoptr(GPtrArray) values = schema_values(s, g_array_index(red, SchemaMember, 0).type);
    assert_int_equal(values->len, 2);
    assert_string_equal(values->pdata[1], "blue");
}

static void features_are_those_of_commands_and_members(void **state)
{
    __attribute__((cleanup(schema_freep))) Schema *s = make();
    g_autoptr(GPtrArray) command = schema_features(s, schema_find(s, "z-do"));
    g_autoptr(GArray) members = schema_members(s, schema_arguments(s, "z-do"), NULL);
    g_autoptr(GPtrArray) member = schema_features(s, g_array_index(members, SchemaMember, 1).entry);

    assert_int_equal(command->len, 1);
    assert_string_equal(command->pdata[0], "unstable");
    assert_int_equal(member->len, 1);
    assert_string_equal(member->pdata[0], "deprecated");
}

static void what_is_missing_or_nonsense_is_empty(void **state)
{
    __attribute__((cleanup(schema_freep))) Schema *s = make();
    g_autoptr(GArray) none = schema_members(s, schema_arguments(s, "a-do"), "red");
    g_autoptr(GArray) odd = schema_members(s, schema_find(s, "6"), NULL);
    g_autoptr(GPtrArray) values = schema_values(s, schema_find(s, "5"));
    g_autoptr(GPtrArray) names = schema_names(NULL, "command");
    g_autoptr(GPtrArray) features = schema_features(NULL, JSON_NONE);
    g_autoptr(GArray) unknown = schema_members(NULL, JSON_NONE, "red");

    assert_int_equal(none->len, 0);
    assert_int_equal(odd->len, 1);
    assert_string_equal(g_array_index(odd, SchemaMember, 0).name, "");
    assert_int_equal(values->len, 1);
    assert_int_equal(names->len + features->len + unknown->len, 0);
    assert_string_equal(schema_meta(s, JSON_NONE), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_events_are_listed_in_order),
        cmocka_unit_test(members_are_those_of_the_branch_too),
        cmocka_unit_test(features_are_those_of_commands_and_members),
        cmocka_unit_test(what_is_missing_or_nonsense_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
