/* SPDX-License-Identifier: BSD-3-Clause */
/* What the conformance cases do not cover: several errors in one run, notes, hints, the model. */
#include "unit.h"

static void assert_says(const Unit *unit, const char *text)
{
    if (!strstr(unit->messages, text)) {
        fail_msg("'%s' is not in:\n%s", text, unit->messages);
    }
}

static void assert_silent_about(const Unit *unit, const char *text)
{
    if (strstr(unit->messages, text)) {
        fail_msg("'%s' is in:\n%s", text, unit->messages);
    }
}

static void all_independent_errors_show_in_one_run(void **state)
{
    unit_reject(*state,
                "{ 'struct': 'aa', 'data': { 'X': 'int', 'y': 'Nope' } }\n"
                "{ 'enum': 'Ee', 'data': [ 'a', 'a', '-' ] }\n"
                "{ 'command': 'go', 'data': 'Ee', 'returns': 'str', 'fast': true }\n"
                "{ 'command': 'go' }\n",
                "1:13 name-case\n1:29 name-case\n2:37 name-invalid\n3:52 key-unknown\n"
                "4:14 redefined\n1:46 type-unknown\n2:32 member-clash\n3:28 args-kind\n"
                "3:45 returns-kind\n");
}

static void after_a_syntax_error_the_next_definition_is_read(void **state)
{
    Unit *unit = *state;
    unit_reject(unit,
                "{ 'struct': 'Aa', 'data': { 'x': 12 } }\n"
                "{ 'struct': 'Bb' 'data': {} }\n"
                "  'more': 'of it'\n"
                "{ 'command': 'GO' }\n"
                "{ 'command': 'stop', 'data': { 'a': 'Aa' } }\n",
                "1:34 stray-token\n2:18 syntax\n4:14 name-case\n");
    /* Aa is not known, but nobody can say that there is none. */
    assert_silent_about(unit, "type-unknown");
}

static void a_missing_brace_spoils_one_definition_only(void **state)
{
    unit_reject(*state,
                "{ 'struct': 'Aa', 'data': { 'x': 'int' }\n"
                "{ 'command': 'GO' }\n",
                "2:1 syntax\n2:14 name-case\n");
}

static void nobody_misses_what_could_not_be_understood(void **state)
{
    unit_reject(*state, "{ 'strcut': 'Aa', 'data': {} }\n{ 'command': 'go', 'data': 'Aa' }\n",
                "1:1 kind\n");
    unit_reject(*state, "{ 'struct': [ 'Aa' ], 'data': {} }\n{ 'command': 'go', 'data': 'Aa' }\n",
                "1:13 name-type\n");
    unit_reject(*state, "{ 'include': 'none.json' }\n{ 'command': 'go', 'data': 'Aa' }\n",
                "1:14 include-unreadable\n");
}

static void every_bad_string_is_found(void **state)
{
    unit_reject(*state, "{ 'command': 'a\\b' }\n{ 'command': 'a\n{ 'command': 'a\x7f' }\n",
                "1:14 bad-escape\n2:14 unterminated-string\n3:14 bad-char\n");
}

static void a_fault_below_the_first_line_gets_a_note(void **state)
{
    Unit *unit = *state;
    unit_reject(unit,
                "{ 'struct': 'Aa',\n  'data': { 'x': 'Bbb' } }\n{ 'enum': 'Bbbb', 'data': [] }\n",
                "1:1 type-unknown\n");
    assert_says(unit, "a.json:2:18: note: the fault is here\n"
                      "    2 |   'data': { 'x': 'Bbb' } }\n"
                      "      |                  ^~~~~\n");
    assert_says(unit, "did you mean 'Bbbb'?");
    assert_says(unit, "a.json:3:11: note: 'Bbbb' is defined here");
}

static void similar_names_are_suggested(void **state)
{
    Unit *unit = *state;
    unit_load_text(unit, "{ 'strcut': 'Aa', 'data': {} }");
    assert_says(unit, "did you mean 'struct'?");
    unit_load_text(unit, "{ 'struct': 'Aa', 'data': {}, 'feature': [] }");
    assert_says(unit, "did you mean 'features'?");
    assert_says(unit, "valid keys are data, base, if, features");
    unit_load_text(unit, "{ 'pragma': { 'doc-requred': true } }");
    assert_says(unit, "did you mean 'doc-required'?");
    unit_load_text(unit, "{ 'enum': 'Ee', 'data': [ 'alpha' ] } { 'struct': 'Aa', 'data': {} }"
                         "{ 'union': 'Uu', 'base': { 'tag': 'Ee' }, 'discriminator': 'tga',"
                         "  'data': {} }"
                         "{ 'union': 'Vv', 'base': { 'tag': 'Ee' }, 'discriminator': 'tag',"
                         "  'data': { 'alhpa': 'Aa' } }");
    assert_says(unit, "did you mean 'tag'?");
    assert_says(unit, "did you mean 'alpha'?");
}

static void a_fault_in_an_include_names_the_way_to_it(void **state)
{
    Unit *unit = *state;
    unit_write(unit, "c.json", "{ 'command': 'GO' }", 19);
    unit_write(unit, "b.json", "\n{ 'include': 'c.json' }", 24);
    unit_load_text(unit, "{ 'include': 'b.json' }");
    assert_string_equal(
        unit->messages,
        "In file included from a.json:1:\n"
        "In file included from b.json:2:\n"
        "c.json:1:14: error: command 'GO': the name 'GO' of a command must not have "
        "upper case or '_' [name-case]\n"
        "    1 | { 'command': 'GO' }\n"
        "      |              ^~~~\n");
}

static void a_folder_as_include_is_unreadable(void **state)
{
    unit_reject(*state, "{ 'include': '.' }\n{ 'include': 'none.json' }\n{ 'command': 'GO' }",
                "1:14 include-unreadable\n2:14 include-unreadable\n3:14 name-case\n");
}

static void a_duplicate_key_is_found_in_small_and_large_objects(void **state)
{
    unit_reject(*state, "{ 'struct': 'Aa', 'data': { 'x': 'int', 'x': 'int' } }",
                "1:41 duplicate-key\n");
    g_autoptr(GString) text = g_string_new("{ 'struct': 'Aa', 'data': {\n");
    for (int i = 0; i < 1000; i++) {
        g_string_append_printf(text, "'m%d': 'int',\n", i);
    }
    g_string_append(text, "'m17': 'int', 'm999': 'int' } }");
    unit_reject(*state, text->str, "1002:1 duplicate-key\n1002:15 duplicate-key\n");
}

static void cycles_are_reported_once_and_cut(void **state)
{
    unit_reject(
        *state,
        "{ 'enum': 'Ee', 'data': [ 'a' ] }\n"
        "{ 'union': 'Uu', 'base': { 't': 'Ee' }, 'discriminator': 't', 'data': { 'a': 'Vv' } }\n"
        "{ 'union': 'Vv', 'base': { 's': 'Ee' }, 'discriminator': 's', 'data': { 'a': 'Uu' } }\n"
        "{ 'struct': 'Aa', 'base': 'Bb', 'data': {} }\n"
        "{ 'struct': 'Bb', 'base': 'Aa', 'data': {} }\n"
        "{ 'command': 'go', 'boxed': true, 'data': 'Uu', 'returns': 'Bb' }\n",
        "2:12 cycle\n4:13 cycle\n");
}

static void what_a_broken_base_lacks_is_not_missed(void **state)
{
    unit_reject(*state,
                "{ 'struct': 'Bb', 'data': { 't': 5 } }\n"
                "{ 'enum': 'Ee', 'data': [ 'a' ] }\n"
                "{ 'struct': 'Cc', 'base': 'Nope', 'data': {} }\n"
                "{ 'union': 'Uu', 'base': 'Bb', 'discriminator': 't', 'data': {} }\n"
                "{ 'union': 'Vv', 'base': 'Cc', 'discriminator': 't', 'data': {} }\n",
                "1:34 stray-token\n");
    unit_reject(*state,
                "{ 'enum': 'Ee', 'data': [ 'a' ] }\n"
                "{ 'struct': 'Cc', 'base': 'Nope', 'data': {} }\n"
                "{ 'union': 'Vv', 'base': 'Cc', 'discriminator': 't', 'data': {} }\n",
                "2:27 type-unknown\n");
}

static void clashes_in_nested_branches_are_found(void **state)
{
    unit_reject(
        *state,
        "{ 'enum': 'Ee', 'data': [ 'a' ] }\n"
        "{ 'struct': 'Ss', 'data': { 'deep': 'int' } }\n"
        "{ 'struct': 'Tt', 'base': 'Ss', 'data': {} }\n"
        "{ 'union': 'Uu', 'base': { 't': 'Ee' }, 'discriminator': 't', 'data': { 'a': 'Tt' } }\n"
        "{ 'union': 'Vv', 'base': { 's': 'Ee', 'deep': 'str' }, 'discriminator': 's',\n"
        "  'data': { 'a': 'Uu' } }\n",
        "5:1 member-clash\n");
}

static void sixty_four_features_are_enough(void **state)
{
    Unit *unit = *state;
    g_autoptr(GString) text = g_string_new("{ 'command': 'a', 'features': [ 'deprecated'");
    for (int i = 0; i < 62; i++) {
        g_string_append_printf(text, ", 'f%d'", i);
    }
    g_string_append(text, " ] }\n");
    assert_int_equal(unit_accept(unit, text->str)->features->len, 64);
    assert_string_equal(unit->schema->features->pdata[1], "unstable");
    g_string_append(text, "{ 'command': 'b', 'features': [ 'f1', 'one', 'two' ] }\n");
    unit_reject(unit, text->str, "2:39 feature-too-many\n");
}

static void references_are_resolved_forward_and_across_files(void **state)
{
    Unit *unit = *state;
    const char *b = "{ 'struct': 'Bb', 'base': 'Cc', 'data': { '*b': [ 'Aa' ] } }";
    unit_write(unit, "b.json", b, strlen(b));
    const Schema *s =
        unit_accept(unit, "{ 'struct': 'Aa', 'base': 'Bb', 'data': { 'a': 'int8' } }\n"
                          "{ 'include': 'b.json' }\n{ 'include': './b.json' }\n"
                          "{ 'struct': 'Cc', 'data': { 'c': 'Aa' } }\n");
    assert_int_equal(s->files->len, 2);
    assert_int_equal(s->defs->len, 3);
    const SchemaDef *aa = schema_find(s, "Aa"), *bb = schema_find(s, "Bb");
    assert_ptr_equal(aa->base.def, bb);
    assert_ptr_equal(bb->members[0].type.def, aa);
    assert_true(bb->members[0].optional);
    assert_true(bb->members[0].type.array);
    assert_string_equal(bb->place.file->rel_path, "b.json");
    g_autoptr(GPtrArray) all = schema_all_members(aa);
    assert_int_equal(all->len, 3);
    assert_string_equal(((const SchemaMember *)all->pdata[0])->name, "c");
    assert_string_equal(((const SchemaMember *)all->pdata[2])->name, "a");
    assert_int_equal(aa->members[0].type.def->builtin, SCHEMA_INT8);
}

static void implied_branches_stand_behind_the_written_ones(void **state)
{
    const Schema *s =
        unit_accept(*state, "{ 'struct': 'Bb', 'data': { 'tag': 'Ee' } }\n"
                            "{ 'struct': 'Ss', 'data': { 'x': 'int' } }\n"
                            "{ 'enum': 'Ee', 'data': [ { 'name': 'a', 'if': 'A' }, 'b', '3' ] }\n"
                            "{ 'union': 'Uu', 'base': 'Bb', 'discriminator': 'tag',\n"
                            "  'data': { '3': { 'type': 'Ss', 'if': 'C' } } }\n");
    const SchemaDef *uu = schema_find(s, "Uu"), *ee = schema_find(s, "Ee");
    assert_ptr_equal(uu->tag, &schema_find(s, "Bb")->members[0]);
    assert_int_equal(uu->n_branches, 3);
    assert_string_equal(uu->branches[0].name, "3");
    assert_false(uu->branches[0].implied);
    assert_ptr_equal(uu->branches[0].value, &ee->values[2]);
    assert_string_equal(uu->branches[0].cond->name, "C");
    assert_string_equal(uu->branches[1].name, "a");
    assert_true(uu->branches[1].implied);
    assert_null(uu->branches[1].type.def);
    assert_ptr_equal(uu->branches[1].cond, ee->values[0].cond);
    assert_string_equal(uu->branches[2].name, "b");
}

static void flags_have_their_effective_values(void **state)
{
    const Schema *s =
        unit_accept(*state, "{ 'command': 'a' }\n"
                            "{ 'command': 'b', 'gen': false, 'success-response': false,\n"
                            "  'allow-oob': true, 'allow-preconfig': true }\n"
                            "{ 'command': 'c', 'coroutine': true }\n");
    const SchemaDef *a = schema_find(s, "a"), *b = schema_find(s, "b"), *c = schema_find(s, "c");
    assert_true(a->gen && a->success_response);
    assert_false(a->allow_oob || a->allow_preconfig || a->coroutine || a->boxed);
    assert_false(b->gen || b->success_response);
    assert_true(b->allow_oob && b->allow_preconfig && c->coroutine);
    unit_reject(*state, "{ 'command': 'a', 'allow-oob': true, 'coroutine': true }",
                "1:38 flag-conflict\n");
}

static void warnings_are_off_until_asked_for(void **state)
{
    Unit *unit = *state;
    const char *text =
        "{ 'struct': 'Lone', 'data': { 'c': 'Cond' } }\n"
        "{ 'struct': 'Cond', 'data': {}, 'if': 'CC' }\n"
        "{ 'enum': 'Ee', 'data': [ 'a' ] }\n"
        "{ 'enum': 'EE2x', 'prefix': 'EE', 'data': [ 'a' ] }\n"
        "{ 'union': 'Uu', 'base': { 't': 'Ee', 'u2': 'EE2x' }, 'discriminator': 't',\n"
        "  'data': {} }\n"
        "{ 'command': 'go', 'data': 'Uu', 'boxed': true }\n"
        "{ 'command': 'other', 'data': { 'c': 'Cond' }, 'if': { 'all': [ 'CC', 'D' ] } }\n";
    unit_accept(unit, text);
    assert_string_equal(unit->messages, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        schema_test(all_independent_errors_show_in_one_run),
        schema_test(after_a_syntax_error_the_next_definition_is_read),
        schema_test(a_missing_brace_spoils_one_definition_only),
        schema_test(nobody_misses_what_could_not_be_understood),
        schema_test(every_bad_string_is_found),
        schema_test(a_fault_below_the_first_line_gets_a_note),
        schema_test(similar_names_are_suggested),
        schema_test(a_fault_in_an_include_names_the_way_to_it),
        schema_test(a_folder_as_include_is_unreadable),
        schema_test(a_duplicate_key_is_found_in_small_and_large_objects),
        schema_test(cycles_are_reported_once_and_cut),
        schema_test(what_a_broken_base_lacks_is_not_missed),
        schema_test(clashes_in_nested_branches_are_found),
        schema_test(sixty_four_features_are_enough),
        schema_test(references_are_resolved_forward_and_across_files),
        schema_test(implied_branches_stand_behind_the_written_ones),
        schema_test(flags_have_their_effective_values),
        schema_test(warnings_are_off_until_asked_for),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
