/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

static const SchemaDoc *first_doc(const Schema *schema)
{
    return schema->docs->pdata[0];
}

static void texts_lose_the_indent_that_their_lines_share(void **state)
{
    const Schema *s =
        unit_accept(*state, "##\n# @go:\n#\n# Goes\n# far.\n#\n#   indented\n#\n"
                            "# @x: one\n#     two\n#\n#       deeper\n#\n"
                            "# @y:\n#   below\n#\n#\n"
                            "# Since: 1.0\n##\n"
                            "{ 'command': 'go', 'data': { 'x': 'int', 'y': 'int' } }\n");
    const SchemaDoc *doc = first_doc(s);
    const SchemaDef *go = schema_find(s, "go");
    assert_ptr_equal(doc->def, go);
    assert_ptr_equal(go->doc, doc);
    assert_string_equal(doc->symbol, "go");
    assert_string_equal(doc->body, "Goes\nfar.\n\n  indented");
    assert_string_equal(doc->args.list[0].text, "one\ntwo\n\n  deeper");
    assert_string_equal(doc->args.list[1].text, "below");
    assert_ptr_equal(go->members[1].doc, &doc->args.list[1]);
    assert_int_equal(doc->sections.count, 1);
    assert_string_equal(doc->sections.list[0].name, "Since");
    assert_string_equal(doc->sections.list[0].text, "1.0");
    assert_int_equal(doc->place.line, 1);
}

static void paragraphs_after_sections_are_one_section(void **state)
{
    const Schema *s = unit_accept(*state, "##\n# @go:\n#\n# Since: 1\n#\n# One.\n#\n# Two.\n#\n"
                                          "# TODO: x\n#\n# Three.\n##\n{ 'command': 'go' }\n");
    const SchemaDoc *doc = first_doc(s);
    assert_string_equal(doc->body, "");
    assert_int_equal(doc->sections.count, 4);
    assert_null(doc->sections.list[1].name);
    assert_string_equal(doc->sections.list[1].text, "One.\n\nTwo.");
    assert_string_equal(doc->sections.list[3].text, "Three.");
}

static void features_of_members_are_described_with_the_definition(void **state)
{
    const Schema *s = unit_accept(
        *state, "##\n# @Ee:\n#\n# @a: text\n#\n# Features:\n#\n# @unstable: why\n# @ff: what\n##\n"
                "{ 'enum': 'Ee', 'data': [ { 'name': 'a', 'features': [ 'unstable' ] } ],\n"
                "  'features': [ 'ff' ] }\n");
    const SchemaDef *ee = schema_find(s, "Ee");
    assert_string_equal(ee->features.list[0].doc->text, "what");
    assert_string_equal(ee->values[0].features.list[0].doc->text, "why");
}

static void one_comment_may_hold_many_faults(void **state)
{
    unit_reject(*state,
                "##\n# @Aa:\n#\n#no blank\n#\n# = Heading\n#\n# @x: one\n#     two\n#   three\n#\n"
                "# @x: again\n#\n# @: nameless\n#\n# @empty:\n#\n"
                "# Since: 1\n#\n# Since: 2\n#\n# Note: old\n#\n# @z: too late\n#\n## end\n"
                "{ 'struct': 'Aa', 'data': { 'x': 'int', 'empty': 'int', 'z': 'int' } }\n",
                "4:1 doc-no-space\n6:1 doc-heading\n10:1 doc-deindent\n12:1 doc-dup-name\n"
                "14:1 doc-bad-name\n20:1 doc-dup-section\n22:1 doc-old-section\n24:1 doc-order\n"
                "26:1 doc-junk\n16:1 doc-empty-section\n");
}

static void a_broken_comment_is_not_missed_as_well(void **state)
{
    unit_reject(
        *state,
        "{ 'pragma': { 'doc-required': true } }\n"
        "##\n# @go\n#\n# @x: x\n##\n{ 'command': 'go', 'data': { 'x': 'int', 'y': 'int' } }\n"
        "##\n# @stop:\n{ 'command': 'stop' }\n",
        "3:1 doc-no-colon\n10:1 doc-unterminated\n");
}

static void exceptions_free_members_but_not_features(void **state)
{
    unit_reject(*state,
                "{ 'pragma': { 'documentation-exceptions': [ 'go' ] } }\n"
                "##\n# @go:\n##\n"
                "{ 'command': 'go', 'data': { 'x': 'int' }, 'features': [ 'ff' ] }\n",
                "5:58 doc-missing-feature\n");
}

static void a_definition_without_comment_is_free(void **state)
{
    unit_accept(*state, "{ 'command': 'go', 'data': { 'x': 'int' }, 'features': [ 'ff' ] }\n");
}

static void a_misspelt_description_is_suggested(void **state)
{
    Unit *unit = *state;
    unit_reject(
        unit,
        "##\n# @go:\n#\n# @firts: text\n##\n{ 'command': 'go', 'data': { 'first': 'int' } }\n",
        "6:30 doc-missing-member\n4:1 doc-unknown-member\n");
    assert_non_null(strstr(unit->messages, "did you mean 'first'?"));
}

static void old_comments_pass_when_lax(void **state)
{
    Unit *unit = *state;
    const char *old =
        "##\n# Some text\n#\n# = Heading\n##\n\n"
        "##\n# @go:\n#\n# Text\n# @x:\n# not indented\n# @y: one\n#\n#     two\n#   three\n"
        "#\n# @id : y is no description\n#\n# Returns: Nothing\n#\n# Note: x\n# y\n#\n"
        "# Notes:\n#\n# Example:\n#\n# -> { }\n# <- { }\n#\n# Since: 1\n##\n"
        "{ 'command': 'go', 'data': { 'x': 'int', 'y': 'int', 'z': 'int' } }\n";
    unit_load_text(unit, old);
    assert_null(unit->schema);
    unit->options.lax_docs = true;
    /* An empty section is wrong in any version. */
    unit_reject(unit, old, "25:1 doc-empty-section\n");
    g_auto(GStrv) parts = g_strsplit(old, "# Notes:\n#\n", 2);
    g_autofree char *without = g_strjoinv("", parts);
    const Schema *s = unit_accept(unit, without);
    const SchemaDoc *doc = s->docs->pdata[1];
    assert_string_equal(doc->args.list[0].text, "not indented");
    assert_string_equal(doc->args.list[1].name, "y");
    assert_string_equal(doc->sections.list[3].name, "Example");
    assert_string_equal(doc->sections.list[3].text, "-> { }\n<- { }");
}

static void a_line_that_should_be_indented_gets_a_warning(void **state)
{
    Unit *unit = *state;
    unit->warnings = true;
    unit_accept(unit, "##\n# @go:\n#\n# @x: one\n# two\n#\n# Since: 1\n##\n"
                      "{ 'command': 'go', 'data': { 'x': 'int' } }\n");
    assert_non_null(strstr(unit->messages, "a.json:5:1: warning: "));
    assert_non_null(strstr(unit->messages, "[doc-indent]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        schema_test(texts_lose_the_indent_that_their_lines_share),
        schema_test(paragraphs_after_sections_are_one_section),
        schema_test(features_of_members_are_described_with_the_definition),
        schema_test(one_comment_may_hold_many_faults),
        schema_test(a_broken_comment_is_not_missed_as_well),
        schema_test(exceptions_free_members_but_not_features),
        schema_test(a_definition_without_comment_is_free),
        schema_test(a_misspelt_description_is_suggested),
        schema_test(old_comments_pass_when_lax),
        schema_test(a_line_that_should_be_indented_gets_a_warning),
    };
    return cmocka_run_group_tests_name("docs", tests, NULL, NULL);
}
