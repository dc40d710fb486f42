/* SPDX-License-Identifier: BSD-3-Clause */
/* How `qom shell` takes a line apart, and what its history leaves out. */
#include "client/shell.h"
#include "unit.h"

/* The words joined by `|`, then `!` if something is open. */
static char *split(const char *text, size_t *start)
{
    ShellWords words;
    shell_split(&words, text);
    g_ptr_array_add(words.words, NULL);
    g_autofree char *joined = g_strjoinv("|", (char **)words.words->pdata);
    char *result = g_strconcat(joined, words.open ? "!" : "", NULL);
    if (start) {
        *start = words.start;
    }
    shell_words_clear(&words);
    return result;
}

static void words_are_separated_by_blanks_outside_of_quotes_and_json(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", ""},
        {" \t\n", ""},
        {"a b\tc\nd", "a|b|c|d"},
        {"a=1 b.0.c=x", "a=1|b.0.c=x"},
        {"a='b c' \"d  e\"", "a=b c|d  e"},
        {"\"a\\\"b\\\\c\\d\" 'a\\'", "a\"b\\c\\d|a\\"},
        {"a\\ b \\'c", "a b|'c"},
        {"''", ""},
        {"x '' y", "x||y"},
        {"a={\"b\": [1, 2]} c", "a={\"b\": [1, 2]}|c"},
        {"a={'b': '} \\' ]'} c", "a={'b': '} \\' ]'}|c"},
        {"x {\"a\":\n 1}", "x|{\"a\":\n 1}"},
        {"set x [1, 2]", "set|x|[1, 2]"},
        {"get /machine/device[0].a /b[1]", "get|/machine/device[0].a|/b[1]"},
        {"a=[1,\n", "a=[1,\n!"},
        {"a={\"b", "a={\"b!"},
        {"a='b", "a=b!"},
        {"a=\"b\\\"", "a=b\"!"},
        {"a={]", "a={]"},
        {"k='\"06.0\"'", "k=\"06.0\""},
        {"\\", "\\"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *words = split(cases[i].text, NULL);
        assert_string_equal(words, cases[i].words);
    }
}

static void the_last_word_is_where_completion_begins(void **state)
{
    static const struct {
        const char *text;
        size_t start;
    } cases[] = {
        {"", 0}, {"ab", 0}, {"ab cd", 3}, {"ab cd ", 6}, {"  ab", 2}, {"a={\"b\": 1", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        size_t start;
        g_free(split(cases[i].text, &start));
        assert_int_equal(start, cases[i].start);
    }
}

static void lines_that_may_hold_secrets_are_private(void **state)
{
    static const char *const kept[] = {
        "add secret s0 file=/run/key", "query-name", "get m0.discard-data",
        "add x y database=1",          "",           "set io0.poll-max-ns 5",
    };
    static const char *const private[] = {
        "add secret s0 data=x",
        "{\"data\": \"x\"}",
        "set s0.data x",
        "set s0 data x",
        "SET_PASSWORD protocol=vnc",
        "object-add password-secret=s0",
        "x Passphrase=1",
        "data",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        assert_false(shell_is_private(kept[i]));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(private); i++) {
        assert_true(shell_is_private(private[i]));
    }
}

static void what_can_not_stand_in_a_line_is_not_offered(void **state)
{
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);
    shell_offer(out, "a", "", "ab", " ");
    shell_offer(out, "a", "", "b", " ");
    shell_offer(out, "x/", "x/", "b", "");
    shell_offer(out, "", "", "a b", "");
    shell_offer(out, "", "", "a\"b", "");
    shell_offer(out, "", "", "a\033[2J", "");
    shell_offer(out, "", "", "a\xE2\x80\xAE", "");
    assert_int_equal(out->len, 2);
    assert_string_equal(out->pdata[0], "ab ");
    assert_string_equal(out->pdata[1], "x/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_separated_by_blanks_outside_of_quotes_and_json),
        cmocka_unit_test(the_last_word_is_where_completion_begins),
        cmocka_unit_test(lines_that_may_hold_secrets_are_private),
        cmocka_unit_test(what_can_not_stand_in_a_line_is_not_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
