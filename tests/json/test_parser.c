/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parser accepts, refuses and says, and how it gets back in step.
 *
 * The inputs of the four tables of cases were sent to QEMU 7.2 over a QMP socket: the number of
 * errors and messages and the texts of the errors are the same, except that QEMU
 * - takes 1e400 and -1.5e+309 (as infinities);
 * - refuses 0e-1, which RFC 8259 allows;
 * - shows the closing quote behind a \u escape that the string's end cuts off;
 * - repeats a refused token in full (test_limits.c), ours cuts it.
 * How an accepted value is written back was not compared: QEMU rewrites 1.50 as 1.5.
 */
#include "unit.h"

typedef struct Case {
    Text text;
    const char *verdicts;
} Case;

#define PE         "! JSON parse error, "
#define NOT_CHAR   " is not a valid Unicode character\n"
#define BAD_UTF8   PE "invalid UTF-8 sequence in string\n"
#define EXPECTING  PE "expecting value\n"
#define NOT_KEY    PE "key is not a string in object\n"
#define STRAY(txt) PE "stray '" txt "'\n"

static const Case values[] = {
    {T("{}"), "= {}\n"},
    {T("[]"), "= []\n"},
    {T(" \t\r\n[ 1 , 2 ]"), "= [1, 2]\n"},
    {T("{\"a\":{\"b\":[null,true,false]}}"), "= {\"a\": {\"b\": [null, true, false]}}\n"},
    {T("{}{}[]"), "= {}\n= {}\n= []\n"},
    {T("\"abc\""), "= \"abc\"\n"},
    {T("'a\\'b\"c'"), "= \"a'b\\\"c\"\n"},
    {T("\"a'b\""), "= \"a'b\"\n"},
    {T("[\"\\\"\\'\\\\\\/\\b\\f\\n\\r\\t\"]"), "= [\"\\\"'\\\\/\\b\\f\\n\\r\\t\"]\n"},
    {T("[\"\\u00e9\\uD83D\\ude00\\u0000\"]"), "= [\"\\u00E9\\uD83D\\uDE00\\u0000\"]\n"},
    {T("[\"\xc3\xa9\xf0\x9f\x98\x80\xc0\x80\x7f\"]"),
     "= [\"\\u00E9\\uD83D\\uDE00\\u0000\\u007F\"]\n"},
    {T("[\"%s\"]"), "= [\"%s\"]\n"},
    {T("[0,-0,1.50,-1e3,1E+2,0e-1]"), "= [0, 0, 1.50, -1e3, 1E+2, 0e-1]\n"},
    {T("[18446744073709551616,-9223372036854775809]"),
     "= [18446744073709551616, -9223372036854775809]\n"},
    /* A scalar on top is complete at the next delimiter, a string at its quote. */
    {T("1"), ""},
    {T("1 "), "= 1\n"},
    {T("1\n2\n"), "= 1\n= 2\n"},
    {T("true"), ""},
    {T("true[]"), "= true\n= []\n"},
};

static const Case lexical[] = {
    {T("\xff"), STRAY("\xff")},
    {T("\x01"), STRAY("\x01")},
    {T("\0"), STRAY("")},
    {T("%"), STRAY("%")},
    {T("X"), STRAY("X")},
    {T("+1 "), STRAY("+")},
    {T(".5 "), STRAY(".")},
    {T("1. "), STRAY("1. ")},
    {T("1.x "), STRAY("1.x")},
    {T("-x "), STRAY("-x")},
    {T("01 "), STRAY("01")},
    {T("-01 "), STRAY("-01")},
    {T("1e+ "), STRAY("1e+ ")},
    {T("1e "), STRAY("1e ")},
    {T("trueX\n"), "= true\n" STRAY("X")},
    {T("'a\x1f"), STRAY("'a\x1f")},
    {T("\"a\t"), STRAY("\"a\t")},
    {T("\"\\\n"), STRAY("\"\\\n")},
    {T("\"\\\xff"), STRAY("\"\\\xff")},
    {T("\"\xfe"), STRAY("\"\xfe")},
    {T("[\"\\q\"]"), PE "invalid escape sequence in string\n"},
    {T("[\"\\U0041\"]"), PE "invalid escape sequence in string\n"},
    {T("[\"\\u12zz\"]"), PE "\\u12zz" NOT_CHAR},
    {T("[\"\\u12\"]"), PE "\\u12" NOT_CHAR},
    {T("[\"\\uD800\"]"), PE "\\uD800" NOT_CHAR},
    {T("[\"\\uD800\\u0041\"]"), PE "\\uD800" NOT_CHAR},
    {T("[\"\\uD800\\uD800\"]"), PE "\\uD800" NOT_CHAR},
    {T("[\"\\uDC00\"]"), PE "\\uDC00" NOT_CHAR},
    {T("[\"\\uFDD0\"]"), PE "\\uFDD0" NOT_CHAR},
    {T("[\"\\uFDEF\"]"), PE "\\uFDEF" NOT_CHAR},
    {T("[\"\\uFFFE\"]"), PE "\\uFFFE" NOT_CHAR},
    {T("[\"\\uD83F\\uDFFE\"]"), PE "\\uD83F\\uDFFE" NOT_CHAR},
    {T("[\"\xef\xbf\xbe\"]"), BAD_UTF8},
    {T("[\"\xef\xb7\x90\"]"), BAD_UTF8},
    {T("[\"\xed\xa0\x80\"]"), BAD_UTF8},
    {T("[\"\xc1\x81\"]"), BAD_UTF8},
    {T("[\"\xe0\x80\x80\"]"), BAD_UTF8},
    {T("[\"\xf4\x90\x80\x80\"]"), BAD_UTF8},
    {T("[\"\x80\"]"), BAD_UTF8},
    {T("[\"\xc3\"]"), BAD_UTF8},
    {T("[\"\xe2\x82\"]"), BAD_UTF8},
    {T("[\"\xfb\"]"), BAD_UTF8},
    {T("[1e400]"), PE "number '1e400' is out of range\n"},
    {T("[-1.5e+309]"), PE "number '-1.5e+309' is out of range\n"},
};

static const Case grammar[] = {
    {T(","), EXPECTING},
    {T(":"), EXPECTING},
    {T("]"), EXPECTING},
    {T("}"), EXPECTING},
    {T("[}"), EXPECTING},
    {T("{]"), EXPECTING},
    {T("[1}]"), PE "expected separator in list\n" EXPECTING},
    {T("{[}]"), EXPECTING},
    {T("{,}"), EXPECTING},
    {T("{:}"), EXPECTING},
    {T("{1:2}"), NOT_KEY},
    {T("{true:2}"), NOT_KEY},
    {T("{[1]:2}"), NOT_KEY},
    {T("{{}:2}"), NOT_KEY},
    {T("{[1,]:2}"), EXPECTING},
    {T("{foo:2}"), PE "invalid keyword 'foo'\n"},
    {T("[nullx]"), PE "invalid keyword 'nullx'\n"},
    {T("{\"a\"}"), PE "missing : in object pair\n"},
    {T("{\"a\" 1}"), PE "missing : in object pair\n"},
    {T("{\"a\" []}"), PE "missing : in object pair\n"},
    {T("{\"a\":}"), EXPECTING},
    {T("{\"a\":,}"), EXPECTING},
    {T("{\"a\":1,}"), EXPECTING},
    {T("{\"a\":1 \"b\":2}"), PE "expected separator in dict\n"},
    {T("{\"a\":1:2}"), PE "expected separator in dict\n"},
    {T("{\"a\":1]}"), PE "expected separator in dict\n" EXPECTING},
    {T("[1 2]"), PE "expected separator in list\n"},
    {T("[1 nonsense]"), PE "expected separator in list\n"},
    {T("[1,]"), EXPECTING},
    {T("[,1]"), EXPECTING},
    {T("{\"a\":1,\"a\":2}"), PE "duplicate key\n"},
    {T("[{\"x\":[{\"a\":1,'a':2}]}]"), PE "duplicate key\n"},
    {T("{\"a\":1,\"\\u0061\":2}"), PE "duplicate key\n"},
    {T("{\"a\":1,\"a\":foo}"), PE "invalid keyword 'foo'\n"},
    {T("{\"a\":1,\"a\":2,}"), PE "duplicate key\n"},
    {T("{\"a\":1,\"a\":2 3}"), PE "duplicate key\n"},
    {T("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"), "= {\"a\": {\"a\": 1}, \"b\": {\"a\": 1}}\n"},
    /* One error a message, at its end, and nothing of it is left over. */
    {T("[1 2, 3 4, {[,]}]{}"), PE "expected separator in list\n= {}\n"},
};

static const Case recovery[] = {
    {T("X Y Z, {}"), STRAY("X") EXPECTING "= {}\n"},
    {T("X\t1 2\n{}"), STRAY("X") "= {}\n"},
    {T("X\t[1]"), STRAY("X") "= [1]\n"},
    {T("X Y\xff{}"), STRAY("X") STRAY("\xff") "= {}\n"},
    {T("abc\xff{}"), PE "invalid keyword 'abc'\n" STRAY("\xff") "= {}\n"},
    {T("{\"a\": \"abc\xff\"}{}"), STRAY("\"abc\xff") EXPECTING "= {}\n"},
    {T("{\"a\": \"abc\x01 x\n{}"), STRAY("\"abc\x01") "= {}\n"},
    {T("[[[[\xff{}"), STRAY("\xff") "= {}\n"},
    {T("[1 2 \x01{}"), STRAY("\x01") "= {}\n"},
    {T("[01]{}"), STRAY("01") EXPECTING "= {}\n"},
};

static const struct {
    const Case *cases;
    size_t n;
} groups[] = {
    {values, G_N_ELEMENTS(values)},
    {lexical, G_N_ELEMENTS(lexical)},
    {grammar, G_N_ELEMENTS(grammar)},
    {recovery, G_N_ELEMENTS(recovery)},
};

static void check_cases(const Case *cases, size_t n, size_t piece)
{
    for (size_t i = 0; i < n; i++) {
        JsonParser *p = json_parser_new(NULL);
        g_autoptr(GString) log = g_string_new(NULL);

        unit_feed(p, cases[i].text.data, cases[i].text.len, piece, log);
        assert_string_equal(log->str, cases[i].verdicts);
        json_parser_free(p);
    }
}

static void values_of_the_dialect_are_taken(void **state)
{
    check_cases(values, G_N_ELEMENTS(values), SIZE_MAX);
}

static void lexical_faults_are_refused_with_their_text(void **state)
{
    check_cases(lexical, G_N_ELEMENTS(lexical), SIZE_MAX);
}

static void grammar_faults_are_one_error_a_message(void **state)
{
    check_cases(grammar, G_N_ELEMENTS(grammar), SIZE_MAX);
}

static void parser_gets_back_in_step_after_garbage(void **state)
{
    check_cases(recovery, G_N_ELEMENTS(recovery), SIZE_MAX);
}

static void pieces_of_any_size_give_the_same_verdicts(void **state)
{
    for (size_t piece = 1; piece <= 9; piece++) {
        for (size_t g = 0; g < G_N_ELEMENTS(groups); g++) {
            check_cases(groups[g].cases, groups[g].n, piece);
        }
    }
}

static bool same_token(const JsonToken *a, const JsonToken *b)
{
    return a->type == b->type && a->flags == b->flags && a->offset == b->offset &&
           a->length == b->length && a->next == b->next;
}

static bool same_tape(const JsonTape *a, const JsonTape *b)
{
    if (a->count != b->count || a->text_len != b->text_len) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!same_token(&a->tokens[i], &b->tokens[i])) {
            return false;
        }
    }
    return a->text_len == 0 || memcmp(a->text, b->text, a->text_len) == 0;
}

/* Blanks between tokens, long strings with runs of every length, all kinds. */
static GString *sample_text(void)
{
    GString *text = g_string_new("{ ");

    for (int i = 0; i < 40; i++) {
        g_string_append_printf(text, "\"key%d\" :\t[%d, -%d.5e-%d, ", i, i, i, i);
        g_string_append_printf(text, "'%.*s\\n\xe2\x82\xac%.*s', {\"x\":%s}] , ", i,
                               "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", 40 - i,
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ",
                               i % 2 ? "null" : "true");
    }
    g_string_append(text, "\"last\":[[],{}]}");
    return text;
}

static void byte_by_byte_makes_the_same_tape_as_all_at_once(void **state)
{
    g_autoptr(GString) text = sample_text();
    JsonParser *whole = json_parser_new(NULL);
    JsonParser *cut = json_parser_new(NULL);
    size_t used;

    assert_int_equal(json_parser_feed(whole, text->str, text->len, &used), JSON_MESSAGE);
    assert_int_equal(used, text->len);
    for (size_t piece = 1; piece < 64; piece++) {
        JsonStatus status = JSON_MORE;
        for (size_t at = 0; at < text->len; at += used) {
            assert_int_equal(status, JSON_MORE);
            status = json_parser_feed(cut, text->str + at, MIN(piece, text->len - at), &used);
        }
        assert_int_equal(status, JSON_MESSAGE);
        assert_true(same_tape(json_parser_tape(whole), json_parser_tape(cut)));
    }
    json_parser_free(whole);
    json_parser_free(cut);
}

static void writing_and_parsing_again_gives_the_same_tape(void **state)
{
    g_autoptr(GString) text = sample_text();
    JSON_AUTO_TAPE(first);
    JSON_AUTO_TAPE(second);
    size_t len;

    first = json_parse_text(text->str, text->len, NULL);
    assert_non_null(first);
    g_autofree char *json = json_tape_copy_subtree(first, JSON_ROOT, &len);
    second = json_parse_text(json, len, NULL);
    assert_non_null(second);
    assert_true(same_tape(first, second));
}

static void end_of_input_completes_or_refuses_what_is_pending(void **state)
{
    static const struct {
        Text text;
        JsonStatus status;
        const char *error;
    } cases[] = {
        {T(""), JSON_MORE, NULL},
        {T(" "), JSON_MORE, NULL},
        {T("X 1"), JSON_MORE, NULL},
        {T("1"), JSON_MESSAGE, NULL},
        {T("0"), JSON_MESSAGE, NULL},
        {T("1.5e3"), JSON_MESSAGE, NULL},
        {T("null"), JSON_MESSAGE, NULL},
        {T("tru"), JSON_ERROR, "JSON parse error, invalid keyword 'tru'"},
        {T("-"), JSON_ERROR, "JSON parse error, stray '-'"},
        {T("1e"), JSON_ERROR, "JSON parse error, stray '1e'"},
        {T("{\"a"), JSON_ERROR, "JSON parse error, stray '\"a'"},
        {T("{'a\\"), JSON_ERROR, "JSON parse error, stray ''a\\'"},
        {T("{"), JSON_ERROR, "JSON parse error, premature EOI"},
        {T("[1"), JSON_ERROR, "JSON parse error, premature EOI"},
        {T("{\"a\":"), JSON_ERROR, "JSON parse error, premature EOI"},
        {T("{\"a\":tru"), JSON_ERROR, "JSON parse error, invalid keyword 'tru'"},
        {T("[1 2"), JSON_ERROR, "JSON parse error, expected separator in list"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        JsonParser *p = json_parser_new(NULL);
        size_t used;

        json_parser_feed(p, cases[i].text.data, cases[i].text.len, &used);
        assert_int_equal(json_parser_finish(p), cases[i].status);
        if (cases[i].error) {
            assert_string_equal(json_parser_error(p), cases[i].error);
        }
        assert_int_equal(json_parser_feed(p, "{}", 2, &used), JSON_MESSAGE);
        json_parser_free(p);
    }
}

static void whole_text_must_be_exactly_one_value(void **state)
{
    static const struct {
        Text text;
        const char *error; /* NULL: fine */
    } cases[] = {
        {T(""), "Expecting a JSON value"},
        {T(" \n"), "Expecting a JSON value"},
        {T(" 1 "), NULL},
        {T("{}"), NULL},
        {T("1 2"), "Expecting at most one JSON value"},
        {T("1x"), "Expecting at most one JSON value"},
        {T("{} x"), "Expecting at most one JSON value"},
        {T("{}]"), "Expecting at most one JSON value"},
        {T("1 X"), "Expecting at most one JSON value"},
        {T("X 1"), "JSON parse error, stray 'X'"},
        {T("[1}]"), "JSON parse error, expected separator in list"},
        {T("[1"), "JSON parse error, premature EOI"},
        {T("1\0"), "Expecting at most one JSON value"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QOM_AUTO_ERROR(error);
        JSON_AUTO_TAPE(tape);

        tape = json_parse_text(cases[i].text.data, cases[i].text.len, &error);
        if (cases[i].error) {
            assert_null(tape);
            assert_string_equal(qom_error_message(error), cases[i].error);
        } else {
            assert_non_null(tape);
            assert_null(error);
        }
    }
}

static void reset_forgets_a_message_in_progress(void **state)
{
    JsonParser *p = json_parser_new(NULL);
    size_t used;

    assert_int_equal(json_parser_feed(p, "[1, \"a", 6, &used), JSON_MORE);
    json_parser_reset(p);
    assert_int_equal(json_parser_feed(p, "{}", 2, &used), JSON_MESSAGE);
    assert_int_equal(json_tape_type(json_parser_tape(p), JSON_ROOT), JSON_OBJECT);
    json_parser_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_the_dialect_are_taken),
        cmocka_unit_test(lexical_faults_are_refused_with_their_text),
        cmocka_unit_test(grammar_faults_are_one_error_a_message),
        cmocka_unit_test(parser_gets_back_in_step_after_garbage),
        cmocka_unit_test(pieces_of_any_size_give_the_same_verdicts),
        cmocka_unit_test(byte_by_byte_makes_the_same_tape_as_all_at_once),
        cmocka_unit_test(writing_and_parsing_again_gives_the_same_tape),
        cmocka_unit_test(end_of_input_completes_or_refuses_what_is_pending),
        cmocka_unit_test(whole_text_must_be_exactly_one_value),
        cmocka_unit_test(reset_forgets_a_message_in_progress),
    };

    return cmocka_run_group_tests_name("json-parser", tests, NULL, NULL);
}
