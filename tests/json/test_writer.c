/* SPDX-License-Identifier: BSD-3-Clause */
/* The output style of QMP, byte by byte. */
#include <float.h>
#include <math.h>

#include "unit.h"
#include "json/writer.h"

#define assert_text(w, expected) assert_string_equal(json_writer_text(w, NULL), expected)

/* The id of the pretty sample: every kind of nesting. */
static void write_sample(JsonWriter *w)
{
    json_writer_begin_object(w);
    json_writer_key(w, "return");
    json_writer_begin_object(w);
    json_writer_end_object(w);
    json_writer_key(w, "id");
    json_writer_begin_array(w);
    json_writer_begin_array(w);
    json_writer_end_array(w);
    json_writer_int64(w, 1);
    json_writer_begin_object(w);
    json_writer_key(w, "a");
    json_writer_null(w);
    json_writer_key(w, "b");
    json_writer_bool(w, true);
    json_writer_end_object(w);
    json_writer_end_array(w);
    json_writer_end_object(w);
}

static void compact_style_is_comma_blank_and_colon_blank(void **state)
{
    JSON_AUTO_WRITER(w);

    w = json_writer_new(false);
    write_sample(w);
    json_writer_append(w, "\r\n", 2);
    assert_text(w, "{\"return\": {}, \"id\": [[], 1, {\"a\": null, \"b\": true}]}\r\n");
}

/* As QEMU 7.2 wrote it on a monitor with pretty=on. */
static void pretty_style_is_four_blanks_a_level_and_cr_lf(void **state)
{
    JSON_AUTO_WRITER(w);

    w = json_writer_new(true);
    write_sample(w);
    assert_text(w, "{\r\n"
                   "    \"return\": {\r\n"
                   "    },\r\n"
                   "    \"id\": [\r\n"
                   "        [\r\n"
                   "        ],\r\n"
                   "        1,\r\n"
                   "        {\r\n"
                   "            \"a\": null,\r\n"
                   "            \"b\": true\r\n"
                   "        }\r\n"
                   "    ]\r\n"
                   "}");
}

static void strings_are_ascii_with_upper_case_escapes(void **state)
{
    static const struct {
        Text text;
        const char *json;
    } cases[] = {
        {T(""), "\"\""},
        {T("plain / 'text' ~"), "\"plain / 'text' ~\""},
        {T("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
        {T("\x01\x1f\x7f"), "\"\\u0001\\u001F\\u007F\""},
        {T("a\0b\xc0\x80"), "\"a\\u0000b\\u0000\""},
        {T("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\\u00E9\\u20AC\\uD83D\\uDE00\""},
        {T("\xf4\x8f\xbf\xbd"), "\"\\uDBFF\\uDFFD\""},
        {T("a\xff"
           "b"),
         "\"a\\uFFFDb\""},
        {T("\xe2\x82z"), "\"\\uFFFDz\""},
        {T("\x80\x80"), "\"\\uFFFD\\uFFFD\""},
        {T("\xed\xa0\x80|\xc1\x81|\xf8\x88\x80\x80\x80|"), "\"\\uFFFD|\\uFFFD|\\uFFFD|\""},
        {T("\xef\xbf\xbf"), "\"\\uFFFD\""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        JSON_AUTO_WRITER(w);

        w = json_writer_new(false);
        json_writer_string_len(w, cases[i].text.data, cases[i].text.len);
        assert_text(w, cases[i].json);
    }
}

static void special_byte_is_found_at_every_place_of_a_string(void **state)
{
    static const char special[] = "\"\\\n\x7f\x01";

    for (size_t len = 1; len < 40; len++) {
        for (size_t at = 0; at < len; at++) {
            JSON_AUTO_WRITER(w);
            char text[40];
            JSON_AUTO_TAPE(tape);
            size_t n;

            memset(text, 'x', len);
            text[at] = special[(at + len) % 5];
            w = json_writer_new(false);
            json_writer_string_len(w, text, len);
            const char *json = json_writer_text(w, &n);
            assert_true(n > len + 2);
            tape = json_parse_text(json, n, NULL);
            assert_non_null(tape);
            const char *back = json_tok_text(tape, JSON_ROOT, &n);
            assert_int_equal(n, len);
            assert_memory_equal(back, text, len);
        }
    }
}

static void integers_are_written_in_full_range(void **state)
{
    JSON_AUTO_WRITER(w);

    w = json_writer_new(false);
    json_writer_begin_array(w);
    json_writer_int64(w, INT64_MIN);
    json_writer_int64(w, -1);
    json_writer_int64(w, 0);
    json_writer_int64(w, INT64_MAX);
    json_writer_uint64(w, UINT64_MAX);
    json_writer_end_array(w);
    assert_text(w, "[-9223372036854775808, -1, 0, 9223372036854775807, 18446744073709551615]");
}

static void doubles_read_back_equal(void **state)
{
    static const struct {
        double value;
        const char *json; /* NULL: whatever reads back */
    } cases[] = {
        {0.5, "0.5"},   {0.1, "0.1"},    {1.0, "1"},         {1e100, "1e+100"},
        {-2.5, "-2.5"}, {1.0 / 3, NULL}, {DBL_MAX, NULL},    {DBL_MIN, NULL},
        {5e-324, NULL}, {M_PI, NULL},    {1e15 + 0.3, NULL}, {0.1 + 0.2, NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        JSON_AUTO_WRITER(w);

        w = json_writer_new(false);
        assert_true(json_writer_double(w, cases[i].value));
        assert_true(g_ascii_strtod(json_writer_text(w, NULL), NULL) == cases[i].value);
        if (cases[i].json) {
            assert_text(w, cases[i].json);
        }
    }
}

static void infinity_and_nan_are_refused_and_write_nothing(void **state)
{
    JSON_AUTO_WRITER(w);

    w = json_writer_new(false);
    json_writer_begin_array(w);
    json_writer_int64(w, 1);
    assert_false(json_writer_double(w, INFINITY));
    assert_false(json_writer_double(w, -INFINITY));
    assert_false(json_writer_double(w, NAN));
    json_writer_end_array(w);
    assert_text(w, "[1]");
}

static void rollback_takes_back_what_followed_the_mark(void **state)
{
    JSON_AUTO_WRITER(w);

    w = json_writer_new(true);
    json_writer_begin_object(w);
    json_writer_key(w, "a");
    JsonWriterMark mark = json_writer_mark(w);
    json_writer_begin_array(w);
    json_writer_string(w, "half");
    json_writer_rollback(w, mark);
    json_writer_int64(w, 1);
    json_writer_end_object(w);
    assert_text(w, "{\r\n    \"a\": 1\r\n}");
}

static void reset_wipe_and_steal_leave_an_empty_writer(void **state)
{
    JSON_AUTO_WRITER(w);
    size_t len;

    w = json_writer_new(false);
    assert_text(w, "");
    g_autofree char *nothing = json_writer_steal(w, &len);
    assert_string_equal(nothing, "");
    json_writer_begin_array(w);
    json_writer_reset(w);
    json_writer_string(w, "letmein");
    const char *text = json_writer_text(w, &len);
    assert_int_equal(len, 9);
    json_writer_wipe(w);
    assert_int_equal(text[1], 0);
    assert_int_equal(text[7], 0);
    json_writer_bool(w, false);
    g_autofree char *stolen = json_writer_steal(w, &len);
    assert_string_equal(stolen, "false");
    json_writer_null(w);
    assert_text(w, "null");
}

static void raw_and_subtree_are_separated_like_values(void **state)
{
    JSON_AUTO_WRITER(w);
    JSON_AUTO_TAPE(tape);

    tape = json_parse_text("{'a':[1.0,{}]}", 14, NULL);
    w = json_writer_new(false);
    json_writer_begin_array(w);
    json_writer_raw(w, "{\"b\":1}", 7);
    json_writer_subtree(w, tape, JSON_ROOT);
    json_writer_subtree(w, tape, json_tape_find(tape, JSON_ROOT, "a"));
    json_writer_end_array(w);
    assert_text(w, "[{\"b\":1}, {\"a\": [1.0, {}]}, [1.0, {}]]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_style_is_comma_blank_and_colon_blank),
        cmocka_unit_test(pretty_style_is_four_blanks_a_level_and_cr_lf),
        cmocka_unit_test(strings_are_ascii_with_upper_case_escapes),
        cmocka_unit_test(special_byte_is_found_at_every_place_of_a_string),
        cmocka_unit_test(integers_are_written_in_full_range),
        cmocka_unit_test(doubles_read_back_equal),
        cmocka_unit_test(infinity_and_nan_are_refused_and_write_nothing),
        cmocka_unit_test(rollback_takes_back_what_followed_the_mark),
        cmocka_unit_test(reset_wipe_and_steal_leave_an_empty_writer),
        cmocka_unit_test(raw_and_subtree_are_separated_like_values),
    };

    return cmocka_run_group_tests_name("json-writer", tests, NULL, NULL);
}
