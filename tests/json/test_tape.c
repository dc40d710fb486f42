/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a tape, its life, and building one without JSON text. */
#include <math.h>

#include "unit.h"

static JsonTape *parse(const char *text)
{
    JsonTape *tape = json_parse_text(text, strlen(text), NULL);

    assert_non_null(tape);
    return tape;
}

static void int64_takes_integers_of_its_range_only(void **state)
{
    static const struct {
        const char *text;
        JsonNumber result;
        int64_t value;
    } cases[] = {
        {"0", JSON_NUMBER_OK, 0},
        {"-0", JSON_NUMBER_OK, 0},
        {"-1", JSON_NUMBER_OK, -1},
        {"9223372036854775807", JSON_NUMBER_OK, INT64_MAX},
        {"9223372036854775808", JSON_NUMBER_RANGE, 77},
        {"-9223372036854775808", JSON_NUMBER_OK, INT64_MIN},
        {"-9223372036854775809", JSON_NUMBER_RANGE, 77},
        {"99999999999999999999999999", JSON_NUMBER_RANGE, 77},
        {"1.0", JSON_NUMBER_KIND, 77},
        {"1e3", JSON_NUMBER_KIND, 77},
        {"\"1\"", JSON_NUMBER_KIND, 77},
        {"true", JSON_NUMBER_KIND, 77},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        JSON_AUTO_TAPE(tape);
        int64_t value = 77;

        tape = parse(cases[i].text);
        assert_int_equal(json_tok_int64(tape, JSON_ROOT, &value), cases[i].result);
        assert_true(value == cases[i].value);
    }
}

static void uint64_takes_integers_of_its_range_only(void **state)
{
    static const struct {
        const char *text;
        JsonNumber result;
        uint64_t value;
    } cases[] = {
        {"0", JSON_NUMBER_OK, 0},
        {"-0", JSON_NUMBER_OK, 0},
        {"-1", JSON_NUMBER_RANGE, 77},
        {"18446744073709551615", JSON_NUMBER_OK, UINT64_MAX},
        {"18446744073709551616", JSON_NUMBER_RANGE, 77},
        {"18446744073709551620", JSON_NUMBER_RANGE, 77},
        {"-18446744073709551616", JSON_NUMBER_RANGE, 77},
        {"0.0", JSON_NUMBER_KIND, 77},
        {"null", JSON_NUMBER_KIND, 77},
        {"[]", JSON_NUMBER_KIND, 77},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        JSON_AUTO_TAPE(tape);
        uint64_t value = 77;

        tape = parse(cases[i].text);
        assert_int_equal(json_tok_uint64(tape, JSON_ROOT, &value), cases[i].result);
        assert_true(value == cases[i].value);
    }
}

static void double_takes_every_number(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0},
        {"1.5", 1.5},
        {"-2.5e-3", -2.5e-3},
        {"1E+2", 100},
        {"1e308", 1e308},
        {"1e-400", 0},
        {"18446744073709551616", 18446744073709551616.0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        JSON_AUTO_TAPE(tape);
        double value = 77;

        tape = parse(cases[i].text);
        assert_int_equal(json_tok_double(tape, JSON_ROOT, &value), JSON_NUMBER_OK);
        assert_true(value == cases[i].value);
    }
}

static void minus_zero_is_zero_as_an_integer_only(void **state)
{
    JSON_AUTO_TAPE(integer);
    JSON_AUTO_TAPE(fraction);
    double value;

    integer = parse("-0");
    fraction = parse("-0.0");
    assert_int_equal(json_tok_double(integer, JSON_ROOT, &value), JSON_NUMBER_OK);
    assert_false(signbit(value));
    assert_int_equal(json_tok_double(fraction, JSON_ROOT, &value), JSON_NUMBER_OK);
    assert_true(signbit(value));
    assert_int_equal(json_tok_double(integer, JSON_ROOT, &value), JSON_NUMBER_OK);
}

static void strings_are_decoded_and_zero_terminated(void **state)
{
    JSON_AUTO_TAPE(tape);
    size_t len;

    tape = parse("[\"a\\u0000b\\n\", 'plain', \"\\ud83d\\ude00\"]");
    JsonTok tok = json_tape_first(tape, JSON_ROOT);
    const char *text = json_tok_text(tape, tok, &len);
    assert_int_equal(len, 5);
    assert_memory_equal(text,
                        "a\xc0\x80"
                        "b\n",
                        6);
    assert_true(json_tok_has_nul(tape, tok));
    assert_true(json_tok_is_utf8(tape, tok));

    tok = json_tape_next(tape, JSON_ROOT, tok);
    assert_true(json_tok_equals(tape, tok, "plain"));
    assert_false(json_tok_equals(tape, tok, "plai"));
    assert_false(json_tok_equals(tape, tok, "plain1"));
    assert_false(json_tok_has_nul(tape, tok));

    tok = json_tape_next(tape, JSON_ROOT, tok);
    g_autofree char *copy = json_tape_dup_string(tape, tok, &len);
    assert_string_equal(copy, "\xf0\x9f\x98\x80");
    assert_int_equal(len, 4);
    assert_int_equal(json_tape_next(tape, JSON_ROOT, tok), JSON_NONE);
}

static void members_keep_their_order_and_are_found_by_decoded_key(void **state)
{
    JSON_AUTO_TAPE(tape);
    g_autoptr(GString) keys = g_string_new(NULL);

    tape = parse("{\"z\":{\"a\":[1,2,{}]},\"\\u0061\":true,\"m\":[],\"\":null}");
    assert_int_equal(json_tape_count(tape, JSON_ROOT), 4);
    for (JsonTok k = json_tape_first(tape, JSON_ROOT); k != JSON_NONE;
         k = json_tape_next(tape, JSON_ROOT, k)) {
        g_string_append_printf(keys, "%s:%s ", json_tok_text(tape, k, NULL),
                               json_type_name(json_tape_type(tape, json_tape_value(tape, k))));
    }
    assert_string_equal(keys->str, "z:object a:boolean m:array :null ");
    JsonTok a = json_tape_find(tape, JSON_ROOT, "a");
    assert_int_equal(json_tape_type(tape, a), JSON_BOOL);
    assert_true(json_tok_bool(tape, a));
    JsonTok inner = json_tape_find(tape, json_tape_find(tape, JSON_ROOT, "z"), "a");
    assert_int_equal(json_tape_count(tape, inner), 3);
    assert_int_equal(json_tape_find(tape, JSON_ROOT, "none"), JSON_NONE);
    assert_int_equal(json_tape_first(tape, json_tape_find(tape, JSON_ROOT, "m")), JSON_NONE);
}

static void taken_tape_outlives_the_next_messages(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    size_t used;

    json_parser_feed(p, "[\"first\"]", 9, &used);
    JsonTape *tape = json_parser_take(p);
    json_parser_feed(p, "[\"other\"]", 9, &used);
    assert_true(json_tok_equals(tape, 1, "first"));
    assert_true(json_tok_equals(json_parser_tape(p), 1, "other"));
    json_parser_recycle(p, tape);
    json_parser_free(p);
}

static void pipelined_messages_reuse_the_same_memory(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    size_t used, memory = 0;
    JsonTape *first = NULL;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(json_parser_feed(p, "{\"a\":\"text\"}", 12, &used), JSON_MESSAGE);
        JsonTape *tape = json_parser_take(p);
        assert_int_equal(json_parser_feed(p, "[1,2]", 5, &used), JSON_MESSAGE);
        json_parser_recycle(p, tape);
        if (i == 1) {
            first = tape;
            memory = json_parser_memory(p);
        }
        if (i > 1) {
            assert_ptr_equal(i % 2 ? tape : first, first);
            assert_int_equal(json_parser_memory(p), memory);
        }
    }
    json_parser_free(p);
}

static void wiped_tape_holds_nothing_of_the_message(void **state)
{
    JSON_AUTO_TAPE(tape);

    tape = parse("{\"data\":\"letmein\"}");
    json_tape_wipe(tape);
    assert_int_equal(json_tape_type(tape, JSON_ROOT), JSON_NULL);
    assert_null(tape->text);
    for (size_t i = 1; i < tape->capacity && i < 3; i++) {
        assert_int_equal(tape->tokens[i].length, 0);
    }
}

static void reset_overwrites_the_text_of_the_last_message(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    size_t used;

    json_parser_feed(p, "\"letmein\\n\"", 11, &used);
    const JsonTape *tape = json_parser_tape(p);
    const char *text = tape->text;
    assert_string_equal(text, "letmein\n");
    json_parser_feed(p, "[", 1, &used);
    assert_ptr_equal(tape->text, text);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(text[i], 0);
    }
    json_parser_free(p);
}

static void built_tape_reads_like_a_parsed_one(void **state)
{
    JsonTapeBuilder b;
    JSON_AUTO_TAPE(other);
    JSON_AUTO_TAPE(tape);

    other = parse("[{\"x\":[1,\"y\"]},2]");
    json_builder_init(&b);
    json_builder_begin_object(&b);
    json_builder_key(&b, "size", 4);
    json_builder_text(&b, "1G", 2);
    json_builder_key(&b, "list", 4);
    json_builder_begin_array(&b);
    json_builder_int64(&b, INT64_MIN);
    json_builder_uint64(&b, UINT64_MAX);
    json_builder_bool(&b, true);
    json_builder_null(&b);
    json_builder_string(&b, "back\\slash", 10);
    json_builder_string(&b, "", 0);
    json_builder_string(&b, "\xff", 1);
    json_builder_end(&b);
    json_builder_key(&b, "copy", 4);
    json_builder_subtree(&b, other, json_tape_first(other, JSON_ROOT));
    json_builder_key(&b, "none", 4);
    json_builder_begin_object(&b);
    json_builder_end(&b);
    json_builder_end(&b);
    tape = json_builder_finish(&b);

    g_autofree char *json = json_tape_copy_subtree(tape, JSON_ROOT, NULL);
    assert_string_equal(json, "{\"size\": \"1G\", \"list\": [-9223372036854775808, "
                              "18446744073709551615, true, null, \"back\\\\slash\", \"\", "
                              "\"\\uFFFD\"], \"copy\": {\"x\": [1, \"y\"]}, \"none\": {}}");
    JsonTok size = json_tape_find(tape, JSON_ROOT, "size");
    assert_int_equal(json_tape_type(tape, size), JSON_TEXT);
    assert_true(json_tok_is_utf8(tape, size));
    assert_true(json_tok_equals(tape, size, "1G"));
    JsonTok list = json_tape_find(tape, JSON_ROOT, "list");
    assert_int_equal(json_tape_count(tape, list), 7);
    assert_false(json_tok_is_utf8(tape, tape->tokens[list].next - 1));
}

static void builder_makes_a_scalar_at_the_root_and_can_be_dropped(void **state)
{
    JsonTapeBuilder b;
    JSON_AUTO_TAPE(tape);

    json_builder_init(&b);
    json_builder_text(&b, "on", 2);
    tape = json_builder_finish(&b);
    assert_true(json_tok_equals(tape, JSON_ROOT, "on"));
    json_builder_clear(&b);

    json_builder_init(&b);
    json_builder_begin_array(&b);
    json_builder_text(&b, "left", 4);
    json_builder_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int64_takes_integers_of_its_range_only),
        cmocka_unit_test(uint64_takes_integers_of_its_range_only),
        cmocka_unit_test(double_takes_every_number),
        cmocka_unit_test(minus_zero_is_zero_as_an_integer_only),
        cmocka_unit_test(strings_are_decoded_and_zero_terminated),
        cmocka_unit_test(members_keep_their_order_and_are_found_by_decoded_key),
        cmocka_unit_test(taken_tape_outlives_the_next_messages),
        cmocka_unit_test(pipelined_messages_reuse_the_same_memory),
        cmocka_unit_test(wiped_tape_holds_nothing_of_the_message),
        cmocka_unit_test(reset_overwrites_the_text_of_the_last_message),
        cmocka_unit_test(built_tape_reads_like_a_parsed_one),
        cmocka_unit_test(builder_makes_a_scalar_at_the_root_and_can_be_dropped),
    };

    return cmocka_run_group_tests_name("json-tape", tests, NULL, NULL);
}
