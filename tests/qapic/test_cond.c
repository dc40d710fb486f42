/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "qapic/cond.h"

/* The condition that is written as @text in a schema. */
static const SchemaCond *cond(Unit *unit, const char *text)
{
    g_autofree char *schema = g_strdup_printf("{ 'command': 'go', 'if': %s }", text);
    return schema_find(unit_accept(unit, schema), "go")->cond;
}

static void assert_c(Unit *unit, const char *text, const char *expected)
{
    g_autofree char *c = cond_to_c(cond(unit, text));
    assert_string_equal(c, expected);
}

static void conditions_become_c_with_the_brackets_they_need(void **state)
{
    Unit *unit = *state;
    assert_c(unit, "'A'", "defined(A)");
    assert_c(unit, "{ 'not': 'A' }", "!defined(A)");
    assert_c(unit, "{ 'all': [ 'A', 'B' ] }", "defined(A) && defined(B)");
    assert_c(unit, "{ 'not': { 'any': [ 'A', 'B' ] } }", "!(defined(A) || defined(B))");
    assert_c(unit, "{ 'all': [ 'A', { 'any': [ 'B', 'C' ] } ] }",
             "defined(A) && (defined(B) || defined(C))");
    assert_c(unit, "{ 'any': [ 'A', { 'any': [ 'B', 'C' ] } ] }",
             "defined(A) || defined(B) || defined(C)");
    assert_c(unit, "{ 'all': [ { 'any': [ 'A' ] }, { 'not': { 'not': 'B' } } ] }",
             "defined(A) && !!defined(B)");
    assert_c(unit, "{ 'not': { 'all': [ { 'any': [ 'A', 'B' ] } ] } }",
             "!(defined(A) || defined(B))");
    assert_null(cond_to_c(NULL));
}

static void define(GHashTable *defined, const char *name)
{
    g_hash_table_add(defined, (gpointer)name);
}

static void conditions_hold_by_what_is_defined(void **state)
{
    Unit *unit = *state;
    const SchemaCond *c =
        cond(unit, "{ 'all': [ 'A', { 'any': [ 'B', { 'not': { 'all': [ 'C', 'D' ] } } ] } ] }");
    g_autoptr(GHashTable) defined = g_hash_table_new(g_str_hash, g_str_equal);
    assert_false(cond_holds(c, defined));
    assert_false(cond_holds(c, NULL));
    define(defined, "A");
    assert_true(cond_holds(c, defined));
    define(defined, "C");
    assert_true(cond_holds(c, defined));
    define(defined, "D");
    assert_false(cond_holds(c, defined));
    define(defined, "B");
    assert_true(cond_holds(c, defined));
    assert_true(cond_holds(NULL, NULL));
}

static const SchemaCond *named_cond(const Schema *schema, const char *name)
{
    return schema_find(schema, name)->cond;
}

static void implication_is_found_by_trying(void **state)
{
    const Schema *s = unit_accept(*state, "{ 'command': 'a', 'if': 'A' }"
                                          "{ 'command': 'b', 'if': 'B' }"
                                          "{ 'command': 'ab', 'if': { 'all': [ 'A', 'B' ] } }"
                                          "{ 'command': 'ab2', 'if': { 'all': [ 'A', 'B' ] } }"
                                          "{ 'command': 'ba', 'if': { 'not': { 'any': ["
                                          "  { 'not': 'B' }, { 'not': 'A' } ] } } }");
    const SchemaCond *a = named_cond(s, "a"), *b = named_cond(s, "b"), *ab = named_cond(s, "ab");
    assert_true(cond_implies(ab, NULL, a));
    assert_false(cond_implies(a, NULL, ab));
    assert_true(cond_implies(a, b, ab));
    assert_true(cond_implies(ab, NULL, named_cond(s, "ba")));
    assert_true(cond_implies(named_cond(s, "ba"), NULL, ab));
    assert_true(cond_implies(NULL, NULL, NULL));
    assert_false(cond_implies(NULL, NULL, a));
    assert_true(cond_equal(ab, named_cond(s, "ab2")));
    assert_false(cond_equal(ab, named_cond(s, "ba")));
    assert_false(cond_equal(a, b));
    assert_false(cond_equal(a, NULL));
}

static void names_are_read_one_a_line(void **state)
{
    Unit *unit = *state;
    g_autofree char *path = g_build_filename(unit->folder, "conds", NULL);
    g_autoptr(GHashTable) defined = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *message = NULL;
    const char *good = "# all\nCONFIG_A  # one\n\n  HAVE_B2";
    unit_write(unit, "conds", good, strlen(good));
    assert_true(cond_read_names(path, defined, &message));
    assert_int_equal(g_hash_table_size(defined), 2);
    assert_true(g_hash_table_contains(defined, "CONFIG_A"));
    assert_true(g_hash_table_contains(defined, "HAVE_B2"));

    unit_write(unit, "conds", "A\nb=1\n", 6);
    assert_false(cond_read_names(path, defined, &message));
    assert_non_null(strstr(message, "conds:2: 'b=1'"));
    g_free(message);
    message = NULL;
    unlink(path);
    assert_false(cond_read_names(path, defined, &message));
    assert_non_null(strstr(message, "conds"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        schema_test(conditions_become_c_with_the_brackets_they_need),
        schema_test(conditions_hold_by_what_is_defined),
        schema_test(implication_is_found_by_trying),
        schema_test(names_are_read_one_a_line),
    };
    return cmocka_run_group_tests_name("cond", tests, NULL, NULL);
}
