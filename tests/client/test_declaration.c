/* SPDX-License-Identifier: BSD-3-Clause */
/* Declarative files: their form, the order of what they say, and comparing values. */
#include "client/declaration.h"
#include "client/equal.h"

#include "unit.h"

static Config *parse(const char *text, QomError **errp)
{
    return config_new(unit_json(text), JSON_ROOT, errp);
}

static void both_forms_of_entries_are_understood(void **state)
{
    __attribute__((cleanup(config_freep))) Config *c =
        parse("[{'qom-type': 'iothread', 'id': 'a'},"
              " {'type': 'object-add', 'data': {'qom-type': 'secret', 'id': 'b'}},"
              " {'type': 'chardev-add', 'data': {'id': 'a', 'backend': {}}},"
              " {'type': 'qom-set', 'data': {'path': '/x', 'property': 'p', 'value': null}}]",
              NULL);
    assert_non_null(c);
    assert_int_equal(c->entries->len, 4);
    const Entry *e = (const Entry *)c->entries->data;
    assert_int_equal(e[0].kind, ENTRY_OBJECT);
    assert_string_equal(e[0].type, "iothread");
    assert_string_equal(e[1].id, "b");
    assert_int_equal(e[2].kind, ENTRY_CHARDEV);
    assert_string_equal(e[3].id, "/x");
    assert_string_equal(e[3].type, "p");
    assert_string_equal(entry_command(&e[2]), "chardev-add");
    assert_true(g_hash_table_lookup(c->objects, "a") == &e[0]);
    assert_true(g_hash_table_lookup(c->chardevs, "a") == &e[2]);
}

static void other_forms_are_refused_and_named(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "expected an array of objects, found object"},
        {"[7]", "element 0: expected an object, found integer"},
        {"[{}]", "element 0: expected members 'qom-type' and 'id', or 'type' and 'data'"},
        {"[{'qom-type': 'x'}]", "element 0: object-add needs 'id'"},
        {"[{'qom-type': 7, 'id': 'a'}]", "element 0: object-add needs 'qom-type'"},
        {"[{'type': 'object-del', 'data': {'id': 'a'}}]",
         "element 0: expected object-add, chardev-add or qom-set, not 'object-del'"},
        {"[{'type': 'qom-set', 'data': {'path': '/', 'property': 'p'}}]",
         "element 0: qom-set needs 'value'"},
        {"[{'qom-type': 'x', 'id': 'a'}, {'qom-type': 'y', 'id': 'a'}]",
         "element 1: object 'a' is there twice"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QOM_AUTO_ERROR(err);
        assert_null(parse(cases[i].text, &err));
        assert_string_equal(qom_error_message(err), cases[i].message);
    }
}

/* The ids in the order for making. */
static char *order_of(const char *text)
{
    __attribute__((cleanup(config_freep))) Config *c = parse(text, NULL);
    g_autoptr(GPtrArray) order = config_order(c);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < order->len; i++) {
        g_string_append_printf(out, "%s ", ((const Entry *)order->pdata[i])->id);
    }
    return g_string_free(out, FALSE);
}

static void assert_order(const char *text, const char *want)
{
    g_autofree char *got = order_of(text);
    assert_string_equal(got, want);
}

static void what_is_referred_to_comes_first(void **state)
{
    assert_order("[{'qom-type': 't', 'id': 'a', 'x': 'c'}, {'qom-type': 't', 'id': 'b'},"
                 " {'qom-type': 't', 'id': 'c', 'y': {'z': ['/objects/d']}},"
                 " {'qom-type': 't', 'id': 'd'}]",
                 "d c a b ");
    assert_order("[{'type': 'qom-set', 'data': {'path': '/objects/a/b', 'property': 'a',"
                 "  'value': 'a'}}, {'qom-type': 't', 'id': 'a', 'chardev': 'k'},"
                 " {'type': 'chardev-add', 'data': {'id': 'k', 'backend': {}}}]",
                 "k a /objects/a/b ");
}

static void a_circle_of_references_stays_as_it_stands(void **state)
{
    assert_order("[{'qom-type': 't', 'id': 'a', 'x': 'b'}, {'qom-type': 't', 'id': 'b', 'x': 'a'},"
                 " {'qom-type': 'c', 'id': 'c', 'x': 'c'}]",
                 "b a c ");
}

/* @n objects, each with a reference to the next @nested brackets deep. */
static void check_chain(guint n, gsize nested)
{
    g_autofree char *open = g_strnfill(nested, '[');
    g_autofree char *close = g_strnfill(nested, ']');
    g_autoptr(GString) text = g_string_new("[");
    for (guint i = 0; i < n; i++) {
        g_string_append_printf(text, "%s{'qom-type': 't', 'id': 'o%u', 'x': %s'o%u'%s}",
                               i ? "," : "", i, open, i + 1, close);
    }
    g_string_append_c(text, ']');
    __attribute__((cleanup(config_freep))) Config *c = parse(text->str, NULL);
    g_autoptr(GPtrArray) order = config_order(c);
    assert_int_equal(order->len, n);
}

static void a_long_chain_does_no_harm(void **state)
{
    check_chain(20000, 0);
    check_chain(1100, 600);
}

static bool equal(const char *a, const char *b)
{
    JSON_AUTO_TAPE(left);
    JSON_AUTO_TAPE(right);
    left = unit_json(a);
    right = unit_json(b);
    return equal_json(left, JSON_ROOT, right, JSON_ROOT);
}

static void values_are_compared_by_meaning(void **state)
{
    assert_true(equal("1", "1"));
    assert_true(equal("1", "1.0"));
    assert_true(equal("18446744073709551615", "18446744073709551615"));
    assert_false(equal("18446744073709551615", "-1"));
    assert_false(equal("1", "'1'"));
    assert_false(equal("true", "1"));
    assert_false(equal("true", "false"));
    assert_true(equal("null", "null"));
    assert_false(equal("'a'", "'b'"));
    assert_true(equal("[2, 1, 1]", "[1, 2]"));
    assert_false(equal("[1]", "[1, 2]"));
    assert_true(equal("[]", "[]"));
    assert_false(equal("['a', 'b']", "['b', 'a']"));
    assert_false(equal("['a']", "['a', 'b']"));
    assert_true(equal("{'a': 1, 'b': {}}", "{'b': {'c': 2}, 'a': 1, 'd': 3}"));
    assert_false(equal("{'a': 1}", "{'b': 1}"));
    assert_true(equal("[{'a': 1}]", "[{'a': 1, 'b': 2}]"));
}

static void links_may_be_told_by_the_end_of_a_path(void **state)
{
    assert_true(equal_link("/objects/a", "/objects/a"));
    assert_true(equal_link("a", "/objects/a"));
    assert_true(equal_link("objects/a", "/objects/a"));
    assert_true(equal_link("", ""));
    assert_false(equal_link("a", "/objects/ba"));
    assert_false(equal_link("", "/objects/a"));
    assert_false(equal_link("a", ""));
    assert_false(equal_link("/a", "/objects/a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_of_entries_are_understood),
        cmocka_unit_test(other_forms_are_refused_and_named),
        cmocka_unit_test(what_is_referred_to_comes_first),
        cmocka_unit_test(a_circle_of_references_stays_as_it_stands),
        cmocka_unit_test(a_long_chain_does_no_harm),
        cmocka_unit_test(values_are_compared_by_meaning),
        cmocka_unit_test(links_may_be_told_by_the_end_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
