/* SPDX-License-Identifier: BSD-3-Clause */
/* Text into values: client/values.h. */
#include "unit.h"

#include "client/values.h"

/* @want: the JSON text; NULL: refused. */
static void expect(ValueKind kind, const char *text, const char *want)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    bool ok = value_write(w, kind, text, &err);
    assert_int_equal(ok, want != NULL);
    assert_int_equal(err == NULL, want != NULL);
    if (want) {
        assert_string_equal(json_writer_text(w, NULL), want);
    }
}

static void integers_are_numbers_in_c_notation_or_sizes(void **state)
{
    expect(VALUE_INTEGER, "7", "7");
    expect(VALUE_INTEGER, "-7", "-7");
    expect(VALUE_INTEGER, "0x10", "16");
    expect(VALUE_INTEGER, "64k", "65536");
    expect(VALUE_INTEGER, "[1]", "[1]");
    expect(VALUE_INTEGER, "1.5G", "1610612736");
    expect(VALUE_INTEGER, "18446744073709551615", "18446744073709551615");
    expect(VALUE_INTEGER, "-9223372036854775808", "-9223372036854775808");
}

static void what_is_no_integer_is_refused(void **state)
{
    expect(VALUE_INTEGER, "", NULL);
    expect(VALUE_INTEGER, "abc", NULL);
    expect(VALUE_INTEGER, "{}", NULL);
    expect(VALUE_INTEGER, "7.5", NULL);
    expect(VALUE_INTEGER, "18446744073709551616", NULL);
    expect(VALUE_INTEGER, "1k2", NULL);
    expect(VALUE_INTEGER, "true", NULL);
}

static void booleans_are_words(void **state)
{
    expect(VALUE_BOOL, "on", "true");
    expect(VALUE_BOOL, "yes", "true");
    expect(VALUE_BOOL, "true", "true");
    expect(VALUE_BOOL, "off", "false");
    expect(VALUE_BOOL, "n", "false");
    expect(VALUE_BOOL, "1", NULL);
    expect(VALUE_BOOL, "", NULL);
}

static void strings_stay_strings_whatever_they_look_like(void **state)
{
    expect(VALUE_STRING, "7", "\"7\"");
    expect(VALUE_STRING, "true", "\"true\"");
    expect(VALUE_STRING, "{\"a\": 1}", "\"{\\\"a\\\": 1}\"");
    expect(VALUE_STRING, "", "\"\"");
}

static void lists_of_integers_take_ranges(void **state)
{
    expect(VALUE_INTEGERS, "0", "[0]");
    expect(VALUE_INTEGERS, "0-3,8", "[0, 1, 2, 3, 8]");
    expect(VALUE_INTEGERS, "[1,2]", "[1, 2]");
    expect(VALUE_INTEGERS, "[]", "[]");
    expect(VALUE_INTEGERS, "-2--1", "[-2, -1]");
    expect(VALUE_INTEGERS, "3-1", NULL);
    expect(VALUE_INTEGERS, "0-65536", NULL);
    expect(VALUE_INTEGERS, "-9223372036854775808-9223372036854775807", NULL);
    expect(VALUE_INTEGERS, "1,,2", NULL);
    expect(VALUE_INTEGERS, "{}", NULL);
}

static void the_unknown_is_json_or_else_a_string(void **state)
{
    expect(VALUE_ANY, "7", "7");
    expect(VALUE_ANY, "null", "null");
    expect(VALUE_ANY, "{\"a\": [true]}", "{\"a\": [true]}");
    expect(VALUE_ANY, "bind", "\"bind\"");
    expect(VALUE_ANY, "{", "\"{\"");
    expect(VALUE_ANY, "", "\"\"");
}

static void a_quoted_string_is_one_for_every_kind(void **state)
{
    expect(VALUE_INTEGER, "\"06.0\"", "\"06.0\"");
    expect(VALUE_BOOL, "\"auto\"", "\"auto\"");
    expect(VALUE_STRING, "\"x\"", "\"\\\"x\\\"\"");
}

static void structs_are_json_only(void **state)
{
    expect(VALUE_JSON, "{\"iops-total\": 5}", "{\"iops-total\": 5}");
    expect(VALUE_JSON, "iops-total=5", NULL);
}

static void numbers_have_fractions(void **state)
{
    expect(VALUE_NUMBER, "1.5", "1.5");
    expect(VALUE_NUMBER, "nan", NULL);
}

static void kind_is(const char *type, const char *current, ValueKind want)
{
    JSON_AUTO_TAPE(tape);
    tape = current ? unit_json(current) : NULL;
    assert_int_equal(value_kind(type, tape, JSON_ROOT), want);
}

static void the_type_tells_the_kind(void **state)
{
    kind_is("int", NULL, VALUE_INTEGER);
    kind_is("uint32", "1", VALUE_INTEGER);
    kind_is("int32_t", NULL, VALUE_INTEGER);
    kind_is("size", NULL, VALUE_INTEGER);
    kind_is("bool", NULL, VALUE_BOOL);
    kind_is("string", "\"7\"", VALUE_STRING);
    kind_is("str", NULL, VALUE_STRING);
    kind_is("link<thread-context>", "\"\"", VALUE_STRING);
    kind_is("interrupt", NULL, VALUE_ANY);
}

static void the_present_value_tells_what_the_type_leaves_open(void **state)
{
    kind_is("int", "[]", VALUE_INTEGERS);
    kind_is("string", "[]", VALUE_STRINGS);
    kind_is("HostMemPolicy", "\"default\"", VALUE_STRING);
    kind_is("ThrottleLimits", "{}", VALUE_JSON);
    kind_is("QAuthZListRule", "[{\"match\": \"x\"}]", VALUE_JSON);
    kind_is("QAuthZListRule", "[]", VALUE_JSON);
    kind_is("Unknown", "true", VALUE_BOOL);
    kind_is("Unknown", "null", VALUE_ANY);
    kind_is("Unknown", NULL, VALUE_ANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_numbers_in_c_notation_or_sizes),
        cmocka_unit_test(what_is_no_integer_is_refused),
        cmocka_unit_test(booleans_are_words),
        cmocka_unit_test(strings_stay_strings_whatever_they_look_like),
        cmocka_unit_test(lists_of_integers_take_ranges),
        cmocka_unit_test(the_unknown_is_json_or_else_a_string),
        cmocka_unit_test(a_quoted_string_is_one_for_every_kind),
        cmocka_unit_test(structs_are_json_only),
        cmocka_unit_test(numbers_have_fractions),
        cmocka_unit_test(the_type_tells_the_kind),
        cmocka_unit_test(the_present_value_tells_what_the_type_leaves_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
