/* SPDX-License-Identifier: BSD-3-Clause */
/* What a hostile peer can make the parser do: memory, time, and running parts of a message. */
#include "unit.h"

static const char depth_error[] = "! JSON nesting depth limit exceeded\n";
static const char size_error[] = "! JSON token size limit exceeded\n";
static const char count_error[] = "! JSON token count limit exceeded\n";

/* More than a parser at rest may hold. */
enum { AT_REST_BYTES = 256 * 1024 };

static void assert_verdicts(JsonParser *p, GString *text, const char *verdicts)
{
    g_autoptr(GString) log = g_string_new(NULL);

    unit_feed(p, text->str, text->len, 64 * 1024, log);
    assert_string_equal(log->str, verdicts);
}

static GString *repeat(const char *s, size_t n)
{
    GString *text = g_string_sized_new(strlen(s) * n + 64);

    while (n-- > 0) {
        g_string_append(text, s);
    }
    return text;
}

static void nesting_of_1024_is_taken_and_of_1025_refused(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    g_autoptr(GString) good = repeat("[", 1024);
    g_autoptr(GString) bad = repeat("[", 1025);
    g_autoptr(GString) mixed = repeat("{\"a\":[", 513);
    g_autoptr(GString) log = g_string_new(NULL);

    for (int i = 0; i < 1024; i++) {
        g_string_append_c(good, ']');
    }
    unit_feed(p, good->str, good->len, SIZE_MAX, log);
    assert_int_equal(log->str[0], '=');
    g_string_append(bad, "\n{}");
    assert_verdicts(p, bad, "! JSON nesting depth limit exceeded\n= {}\n");
    assert_verdicts(p, mixed, depth_error);
    json_parser_free(p);
}

static void nesting_of_100000_is_refused_in_bounded_memory(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    g_autoptr(GString) deep = repeat("[{\"a\":", 100000);

    assert_verdicts(p, deep, depth_error);
    assert_true(json_parser_memory(p) < AT_REST_BYTES);
    json_parser_free(p);
}

static void refused_message_is_never_run_from_inside(void **state)
{
    JsonLimits limits = {.max_depth = 4, .max_tokens = 20, .max_text_bytes = 100};
    JsonParser *p = json_parser_new(&limits);
    g_autoptr(GString) string = g_string_new("{\"a\":\"");
    g_autoptr(GString) deep = g_string_new("[[[[[{\"execute\":\"quit\"}\t{},{}\xff{}");

    for (int i = 0; i < 50; i++) {
        g_string_append(string, "\\\"}{\"execute\":\"quit\"}");
    }
    g_string_append(string, "\"}\n{\"b\":1}");
    assert_verdicts(p, string, "! JSON token size limit exceeded\n= {\"b\": 1}\n");
    assert_verdicts(p, deep,
                    "! JSON nesting depth limit exceeded\n"
                    "! JSON parse error, stray '\xff'\n"
                    "= {}\n");
    json_parser_free(p);
}

static void discarding_goes_on_across_pieces_up_to_a_control_byte(void **state)
{
    JsonLimits limits = {.max_depth = 2, .max_tokens = 20, .max_text_bytes = 100};
    JsonParser *p = json_parser_new(&limits);
    g_autoptr(GString) log = g_string_new(NULL);

    unit_feed(p, "[[[ {}{}[], \t{}\x01{}", 18, 1, log);
    assert_string_equal(log->str, "! JSON nesting depth limit exceeded\n"
                                  "! JSON parse error, stray '\x01'\n"
                                  "= {}\n");
    json_parser_free(p);
}

static void text_of_64_mib_is_refused_and_its_memory_released(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    g_autoptr(GString) text = g_string_sized_new(66 * 1024 * 1024);

    g_string_append(text, "{\"a\":\"");
    g_string_set_size(text, 64 * 1024 * 1024 + 100);
    memset(text->str + 6, 'x', text->len - 6);
    g_string_append(text, "\"}\n{}");
    assert_verdicts(p, text, "! JSON token size limit exceeded\n= {}\n");
    assert_true(json_parser_memory(p) < AT_REST_BYTES);
    json_parser_free(p);
}

static void blanks_do_not_count_as_text(void **state)
{
    JsonLimits limits = {.max_depth = 4, .max_tokens = 20, .max_text_bytes = 8};
    JsonParser *p = json_parser_new(&limits);
    g_autoptr(GString) blanks = repeat(" ", 1000);

    g_string_prepend(blanks, "[1,23");
    g_string_append(blanks, "]");
    assert_verdicts(p, blanks, "= [1, 23]\n");
    g_string_assign(blanks, "[1,2345]");
    assert_verdicts(p, blanks, size_error);
    json_parser_free(p);
}

static void many_small_texts_add_up_to_the_size_limit(void **state)
{
    JsonLimits limits = {.max_depth = 4, .max_tokens = 1000, .max_text_bytes = 100};
    JsonParser *p = json_parser_new(&limits);
    g_autoptr(GString) text = repeat("'abcdefgh',", 11);

    g_string_prepend(text, "[");
    assert_verdicts(p, text, size_error);
    json_parser_free(p);
}

static void tokens_up_to_2097152_are_taken_and_one_more_refused(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    g_autoptr(GString) text = repeat("1,", 1024 * 1024 - 2);
    size_t used;

    /* 1 + 2 * 1048574 + 1 tokens around the last element. */
    g_string_prepend(text, "[");
    g_string_append(text, "[]]");
    assert_int_equal(json_parser_feed(p, text->str, text->len, &used), JSON_MESSAGE);
    assert_int_equal(json_tape_count(json_parser_tape(p), JSON_ROOT), 1024 * 1024 - 1);
    g_string_truncate(text, text->len - 3);
    g_string_append(text, "[1]]");
    assert_verdicts(p, text, count_error);
    assert_true(json_parser_memory(p) < AT_REST_BYTES);
    json_parser_free(p);
}

static void huge_message_leaves_no_memory_behind(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    g_autoptr(GString) text = g_string_new("{\"k\":0");
    size_t used;

    for (int i = 0; i < 100000; i++) {
        g_string_append_printf(text, ",\"key%d\":\"value%d\"", i, i);
    }
    g_string_append(text, "}");
    assert_int_equal(json_parser_feed(p, text->str, text->len, &used), JSON_MESSAGE);
    assert_int_equal(json_parser_feed(p, "{}", 2, &used), JSON_MESSAGE);
    assert_true(json_parser_memory(p) < AT_REST_BYTES);
    json_parser_free(p);
}

static void duplicate_keys_are_found_at_every_object_size(void **state)
{
    JsonParser *p = json_parser_new(NULL);

    for (int n = 1; n < 40; n++) {
        for (int twin = 0; twin < n; twin++) {
            g_autoptr(GString) text = g_string_new("{");
            for (int i = 0; i < n; i++) {
                g_string_append_printf(text, "\"\\u006bey%d\":{\"key%d\":%d},", i, i, i);
            }
            g_string_append_printf(text, "\"key%d\":0}", twin);
            assert_verdicts(p, text, "! JSON parse error, duplicate key\n");
        }
    }
    json_parser_free(p);
}

static void many_keys_and_repeated_keys_cost_linear_time(void **state)
{
    g_autoptr(GString) text = g_string_new("{\"k\":0");
    gint64 start = g_get_monotonic_time();

    for (int i = 0; i < 500000; i++) {
        g_string_append_printf(text, ",\"%x\":0", i);
    }
    g_string_append(text, ",\"0\":0}");
    JsonParser *p = json_parser_new(NULL);
    assert_verdicts(p, text, "! JSON parse error, duplicate key\n");
    json_parser_free(p);
    /* Quadratic would be 10^11 comparisons: minutes. */
    assert_true(g_get_monotonic_time() - start < 20 * G_USEC_PER_SEC);
}

static void text_of_a_refused_token_is_cut_in_the_error(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    g_autoptr(GString) text = g_string_new("\"");
    size_t used;

    for (int i = 0; i < 100000; i++) {
        g_string_append(text, "\xe2\x82\xac");
    }
    g_string_append(text, "\x01");
    assert_int_equal(json_parser_feed(p, text->str, text->len, &used), JSON_ERROR);
    assert_true(strlen(json_parser_error(p)) < 400);
    assert_true(g_utf8_validate(json_parser_error(p), -1, NULL));
    json_parser_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_of_1024_is_taken_and_of_1025_refused),
        cmocka_unit_test(nesting_of_100000_is_refused_in_bounded_memory),
        cmocka_unit_test(refused_message_is_never_run_from_inside),
        cmocka_unit_test(discarding_goes_on_across_pieces_up_to_a_control_byte),
        cmocka_unit_test(text_of_64_mib_is_refused_and_its_memory_released),
        cmocka_unit_test(blanks_do_not_count_as_text),
        cmocka_unit_test(many_small_texts_add_up_to_the_size_limit),
        cmocka_unit_test(tokens_up_to_2097152_are_taken_and_one_more_refused),
        cmocka_unit_test(huge_message_leaves_no_memory_behind),
        cmocka_unit_test(duplicate_keys_are_found_at_every_object_size),
        cmocka_unit_test(many_keys_and_repeated_keys_cost_linear_time),
        cmocka_unit_test(text_of_a_refused_token_is_cut_in_the_error),
    };

    return cmocka_run_group_tests_name("json-limits", tests, NULL, NULL);
}
