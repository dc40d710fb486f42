/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "qapic/names.h"

static void assert_c(const char *name, const char *expected)
{
    g_autofree char *c = names_to_c(name, true);
    assert_string_equal(c, expected);
}

static void assert_upper(const char *name, const char *expected)
{
    g_autofree char *upper = names_to_upper(name);
    assert_string_equal(upper, expected);
}

static void other_characters_become_underscores(void **state)
{
    assert_c("a-b.c_d", "a_b_c_d");
    assert_c("__com.example-two_Kind", "__com_example_two_Kind");
    assert_c("", "");
}

static void words_that_c_or_systems_own_get_a_prefix(void **state)
{
    static const char *const words[] = {
        "auto",   "break",    "case",     "char",   "const",  "continue", "default", "do",
        "double", "else",     "enum",     "extern", "float",  "for",      "goto",    "if",
        "inline", "int",      "long",     "return", "short",  "signed",   "sizeof",  "static",
        "struct", "switch",   "typedef",  "union",  "void",   "volatile", "while",   "restrict",
        "_Bool",  "_Generic", "and",      "class",  "delete", "new",      "not",     "operator",
        "or",     "private",  "template", "this",   "xor",    "xor_eq",   "unix",    "linux",
        "errno",  "mips",     "sparc",    "i386",   "asm",    "register", "typeof",  "unsigned",
        "goto",   "bool",     "true",     "false",  "try",    "catch",    "using",   "wchar_t",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *expected = g_strconcat("q_", words[i], NULL);
        assert_c(words[i], expected);
        g_autofree char *bare = names_to_c(words[i], false);
        assert_string_equal(bare, words[i]);
    }
    assert_c("wchar-t", "q_wchar_t");
    assert_c("2-3", "q_2_3");
    assert_c("integer", "integer");
    assert_c("Unix", "Unix");
}

static void upper_case_names_part_the_words(void **state)
{
    assert_upper("MyEnum", "MY_ENUM");
    assert_upper("ENUMName", "ENUM_NAME");
    assert_upper("Enum24Name", "ENUM24_NAME");
    assert_upper("NetFilterDirection", "NET_FILTER_DIRECTION");
    assert_upper("QCryptoTLSCredsEndpoint", "QCRYPTO_TLS_CREDS_ENDPOINT");
    assert_upper("OnOffAuto", "ON_OFF_AUTO");
    assert_upper("IOThread", "IO_THREAD");
    assert_upper("QType", "QTYPE");
    assert_upper("X", "X");
    assert_upper("__com.example_MyKind", "COM_EXAMPLE_MY_KIND");
}

static void enum_constants_use_the_prefix(void **state)
{
    g_autofree char *own = names_to_enum_constant("OnOffAuto", NULL, "auto");
    assert_string_equal(own, "ON_OFF_AUTO_AUTO");
    g_autofree char *given = names_to_enum_constant("QType", "Q_X", "a-b.c");
    assert_string_equal(given, "Q_X_A_B_C");
}

static void stems_lie_behind_the_vendor_and_x(void **state)
{
    assert_string_equal(names_stem("abc"), "abc");
    assert_string_equal(names_stem("x-abc"), "abc");
    assert_string_equal(names_stem("__com.example_abc"), "abc");
    assert_string_equal(names_stem("__ORG.QEMU_X-EVENT"), "EVENT");
    assert_string_equal(names_stem("x-1"), "x-1");
    assert_string_equal(names_stem("x-"), "x-");
    static const char *const bad[] = {
        "",    "1a", "-a",   "a.b", "q_x", "q-x", "_a", "__com.example", "__com_a.b_c",
        "a b", "__", "___a", "a*"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_null(names_stem(bad[i]));
    }
}

static void camel_case_begins_high_and_has_both_cases(void **state)
{
    assert_true(names_is_camel("Ab"));
    assert_true(names_is_camel("A1b2"));
    assert_false(names_is_camel("AB"));
    assert_false(names_is_camel("aB"));
    assert_false(names_is_camel("A-b"));
    assert_false(names_is_camel("A_b"));
}

static void suggestions_are_near_or_none(void **state)
{
    static const char *const candidates[] = {"discriminator", "data", "base", "features", "if"};
    size_t n = G_N_ELEMENTS(candidates);
    assert_string_equal(names_suggest("discrimintor", candidates, n), "discriminator");
    assert_string_equal(names_suggest("dta", candidates, n), "data");
    assert_string_equal(names_suggest("feature", candidates, n), "features");
    assert_string_equal(names_suggest("fi", candidates, n), "if");
    assert_null(names_suggest("something", candidates, n));
    assert_null(names_suggest("", candidates, n));
    g_autofree char *longest = g_strnfill(10000, 'a');
    const char *long_candidates[] = {longest};
    assert_null(names_suggest(longest, candidates, n));
    assert_null(names_suggest("aaa", long_candidates, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_characters_become_underscores),
        cmocka_unit_test(words_that_c_or_systems_own_get_a_prefix),
        cmocka_unit_test(upper_case_names_part_the_words),
        cmocka_unit_test(enum_constants_use_the_prefix),
        cmocka_unit_test(stems_lie_behind_the_vendor_and_x),
        cmocka_unit_test(camel_case_begins_high_and_has_both_cases),
        cmocka_unit_test(suggestions_are_near_or_none),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
