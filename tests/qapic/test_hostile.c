/* SPDX-License-Identifier: BSD-3-Clause */
/* Schema text that means harm, or is large. */
#include "unit.h"

#include <time.h>

#include "qapic/dump.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW_BUILD 1
#endif
#endif
#ifndef SLOW_BUILD
#define SLOW_BUILD 0
#endif

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void append_repeated(GString *text, const char *piece, int count)
{
    for (int i = 0; i < count; i++) {
        g_string_append(text, piece);
    }
}

static void deep_nesting_is_an_error_and_no_overflow(void **state)
{
    static const char *const pieces[] = {"[", "{ 'a': ", "{ 'not': ", "[ { 'x': "};
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autoptr(GString) text = g_string_new("{ 'command': 'go', 'if': ");
        append_repeated(text, pieces[i], 200000);
        unit_load_bytes(*state, text->str, text->len);
        Unit *unit = *state;
        assert_null(unit->schema);
        assert_int_equal(unit->errors, 1);
        assert_non_null(strstr(unit->messages, "[syntax]"));
    }
}

static void long_chains_of_bases_and_branches_are_walked_without_recursion(void **state)
{
    enum { BRANCHES = 2000, BASES = 50000 };
    g_autoptr(GString) text = g_string_new("{ 'enum': 'Ee', 'data': [ 'a' ] }\n");
    for (int i = 0; i < BRANCHES; i++) {
        g_string_append_printf(text,
                               "{ 'union': 'U%dx', 'base': { 't%d': 'Ee' },\n"
                               "  'discriminator': 't%d', 'data': { 'a': 'U%dx' } }\n",
                               i, i, i, i + 1);
    }
    g_string_append_printf(text, "{ 'struct': 'U%dx', 'data': {} }\n", BRANCHES);
    for (int i = 0; i < BASES; i++) {
        g_string_append_printf(text, "{ 'struct': 'S%dx', 'base': 'S%dx', 'data': {} }\n", i,
                               (i + 1) % BASES);
    }
    Unit *unit = *state;
    unit_load_bytes(unit, text->str, text->len);
    assert_null(unit->schema);
    assert_int_equal(unit->errors, 1);
    assert_non_null(strstr(unit->messages, "struct 'S0x': it contains itself [cycle]"));
}

static void branches_that_meet_again_are_looked_at_once(void **state)
{
    g_autoptr(GString) text = g_string_new("{ 'enum': 'Ee', 'data': [ 'a', 'b' ] }\n");
    for (int i = 0; i < 60; i++) {
        g_string_append_printf(text,
                               "{ 'union': 'U%dx', 'base': { 't%d': 'Ee' }, "
                               "'discriminator': 't%d', 'data': { 'a': 'U%dx', 'b': 'U%dx' } }\n",
                               i, i, i, i + 1, i + 1);
    }
    g_string_append(text, "{ 'struct': 'U60x', 'data': { 'end': 'int' } }\n");
    unit_accept(*state, text->str);
}

static void zero_bytes_and_bad_utf8_are_reported_where_they_are(void **state)
{
    Unit *unit = *state;
    static const char *const bad[] = {"\0", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GString) text = g_string_new("# one\n# t");
        g_string_append_len(text, bad[i], i == 0 ? 1 : (gssize)strlen(bad[i]));
        g_string_append(text, "\n{ 'command': 'go' }\n");
        unit_load_bytes(unit, text->str, text->len);
        assert_null(unit->schema);
        assert_int_equal(unit->errors, 1);
        assert_non_null(strstr(unit->messages, "a.json:2:4: error: "));
        assert_non_null(strstr(unit->messages, "[bad-char]"));
    }
}

static void nothing_and_blanks_are_an_empty_schema(void **state)
{
    static const char *const texts[] = {"", "\n", "\r", "  \t\f ", "#", "# x", "\n\n#\r\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        assert_int_equal(unit_accept(*state, texts[i])->defs->len, 0);
    }
}

static void one_carriage_return_ends_a_line(void **state)
{
    unit_reject(*state, "# one\r# two\r\n\r\n{ 'command': 'GO' }\r", "4:14 name-case\n");
}

static void long_lines_are_shown_around_the_fault(void **state)
{
    Unit *unit = *state;
    g_autoptr(GString) text = g_string_new("{ 'enum': 'Ee', 'data': [ ");
    append_repeated(text, "'\xc3\xa4', ", 1);
    append_repeated(text, "'abc', ", 20000);
    g_string_append(text, "-1 ] }");
    unit_load_bytes(unit, text->str, text->len);
    assert_true(strlen(unit->messages) < 1000);
}

static void many_errors_take_no_longer_than_many_lines(void **state)
{
    g_autoptr(GString) text = g_string_new(NULL);
    append_repeated(text, "{ 'command': 'go', 'data': { 'x': 'Nop', 'y': ; } }\n", 20000);
    unit_load_bytes(*state, text->str, text->len);
    assert_int_equal(((Unit *)*state)->errors, 20000);
}

static void includes_nest_only_so_deep(void **state)
{
    Unit *unit = *state;
    for (int i = 0; i < 300; i++) {
        g_autofree char *name = g_strdup_printf("%d.json", i);
        g_autofree char *text = g_strdup_printf("{ 'include': '%d.json' }", i + 1);
        unit_write(unit, name, text, strlen(text));
    }
    unit_load(unit, "0.json");
    assert_null(unit->schema);
    assert_int_equal(unit->errors, 1);
    assert_non_null(strstr(unit->messages, "[include-unreadable]"));
}

/* A small schema that has everything; changed at random it must never do harm. */
static const char seed_text[] =
    "{ 'pragma': { 'doc-required': false, 'member-name-exceptions': [ 'Ss' ] } }\n"
    "##\n# = Title\n#\n# Text.\n##\n\n"
    "##\n# @Ee:\n#\n# Overview.\n#\n# @a: first\n#     goes on\n#\n# @b: second\n#\n"
    "# Features:\n#\n# @ff: feature\n#\n# Since: 1.0\n#\n# .. note:: text\n##\n"
    "{ 'enum': 'Ee', 'prefix': 'E_E', 'data': [ 'a', { 'name': 'b', 'if': 'HAVE_B' } ],\n"
    "  'features': [ { 'name': 'ff', 'if': { 'any': [ 'A', { 'not': 'B' } ] } } ] }\n"
    "{ 'struct': 'Ss', 'data': { 'x': 'int', '*y': { 'type': [ 'str' ], 'if': 'A' } } }\n"
    "{ 'struct': 'Tt', 'base': 'Ss', 'data': { 'z': 'Ee' } }\n"
    "{ 'union': 'Uu', 'base': { 't': 'Ee' }, 'discriminator': 't', 'data': { 'a': 'Tt' } }\n"
    "{ 'alternate': 'Al', 'data': { 'o': 'Uu', 's': 'str', 'l': [ 'int' ] } }\n"
    "{ 'command': 'go', 'data': 'Uu', 'boxed': true, 'returns': [ 'Tt' ], 'allow-oob': true }\n"
    "{ 'event': 'GONE', 'data': { 'al': 'Al', 'n': 'null' } }\n";

static void random_changes_do_no_harm(void **state)
{
    static const char *const pieces[] = {
        "{",     "}",        "[",    "]",    "'",    ",",  ":",      "\n", "##\n",
        "# @a:", "'Uu'",     "'Tt'", "'Ee'", "true", "\\", "'if': ", "'*", "# Features:\n",
        "#",     "{ 'not': "};
    g_autoptr(GRand) random = g_rand_new_with_seed(4711);
    for (int round = 0; round < (SLOW_BUILD ? 1500 : 5000); round++) {
        g_autoptr(GString) text = g_string_new(seed_text);
        for (int i = g_rand_int_range(random, 1, 6); i > 0 && text->len; i--) {
            gssize at = g_rand_int_range(random, 0, text->len);
            gssize len = g_rand_int_range(random, 0, 12);
            len = MIN(len, (gssize)text->len - at);
            switch (g_rand_int_range(random, 0, 4)) {
            case 0: g_string_erase(text, at, len); break;
            case 1:
                g_string_insert(text, at,
                                pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))]);
                break;
            case 2: text->str[at] = (char)g_rand_int_range(random, 0, 256); break;
            default: {
                g_autofree char *copy = g_strndup(text->str + at, len);
                g_string_insert(text, g_rand_int_range(random, 0, text->len), copy);
                break;
            }
            }
        }
        Unit *unit = *state;
        unit->options.lax_docs = round % 2;
        unit->warnings = round % 3;
        unit_load_bytes(unit, text->str, text->len);
        assert_true(unit->schema || unit->errors);
        if (unit->schema) {
            g_autoptr(GString) out = g_string_new(NULL);
            dump_json(unit->schema, out);
            introspect_json(unit->schema, NULL, false, out);
        }
    }
}

static void append_definitions(GString *text, int i, int n)
{
    g_string_append_printf(text,
                           "##\n# @Enum%dx:\n#\n# Things.\n#\n# @one: the first\n#\n"
                           "# @two: the second\n#     in two lines\n#\n# Since: 8.2\n##\n"
                           "{ 'enum': 'Enum%dx', 'data': [ 'one', 'two' ] }\n\n",
                           i, i);
    g_string_append_printf(text,
                           "##\n# @Base%dx:\n#\n# @kind: what\n#\n# @name: its name\n#\n"
                           "# @size: in bytes\n#\n# @flags: others\n#\n# Since: 8.2\n##\n"
                           "{ 'struct': 'Base%dx', 'data': { 'kind': 'Enum%dx', 'name': 'str',\n"
                           "  '*size': 'size', '*flags': [ 'uint32' ] } }\n\n",
                           i, i, i);
    g_string_append_printf(text,
                           "##\n# @Sub%dx:\n#\n# @path: where\n#\n# @other: another\n#\n"
                           "# Since: 8.2\n##\n{ 'struct': 'Sub%dx', 'data': { 'path': 'str',\n"
                           "  '*other': { 'type': 'Sub%dx', 'if': 'CONFIG_A' } } }\n\n",
                           i, i, (i * 7) % n);
    g_string_append_printf(text,
                           "##\n# @Uni%dx:\n#\n# A choice.\n#\n# Since: 8.2\n##\n"
                           "{ 'union': 'Uni%dx', 'base': 'Base%dx', 'discriminator': 'kind',\n"
                           "  'data': { 'one': 'Sub%dx', 'two': 'Sub%dx' } }\n\n",
                           i, i, i, i, (i + 1) % n);
    g_string_append_printf(text,
                           "##\n# @do-%d:\n#\n# Does it.\n#\n# @what: to what\n#\n"
                           "# Returns: what came of it\n#\n# Since: 8.2\n##\n"
                           "{ 'command': 'do-%d', 'data': { 'what': 'Uni%dx' },\n"
                           "  'returns': [ 'Base%dx' ] }\n\n",
                           i, i, i, i);
}

static void a_thousand_definitions_take_less_than_50_ms(void **state)
{
    Unit *unit = *state;
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 200; i++) {
        append_definitions(text, i, 200);
    }
    unit_write(unit, "a.json", text->str, text->len);
    unit->warnings = true;
    double best = G_MAXDOUBLE;
    for (int i = 0; i < 5; i++) {
        double start = cpu_ms();
        unit_load(unit, "a.json");
        best = MIN(best, cpu_ms() - start);
    }
    assert_non_null(unit->schema);
    assert_int_equal(unit->schema->defs->len, 1000);
    print_message("# 1000 definitions, %zu bytes: %.2f ms\n", text->len, best);
    assert_true(SLOW_BUILD || best < 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        schema_test(deep_nesting_is_an_error_and_no_overflow),
        schema_test(long_chains_of_bases_and_branches_are_walked_without_recursion),
        schema_test(branches_that_meet_again_are_looked_at_once),
        schema_test(zero_bytes_and_bad_utf8_are_reported_where_they_are),
        schema_test(nothing_and_blanks_are_an_empty_schema),
        schema_test(one_carriage_return_ends_a_line),
        schema_test(long_lines_are_shown_around_the_fault),
        schema_test(many_errors_take_no_longer_than_many_lines),
        schema_test(includes_nest_only_so_deep),
        schema_test(random_changes_do_no_harm),
        schema_test(a_thousand_definitions_take_less_than_50_ms),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
