/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths: the table of the core sheet's section 3 and rows 1 to 6, 13, 14, 68 of section 4. */
#include "types.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "qom/json.h"

#include <cmocka.h>

static QomObject *child_of(QomObject *parent, const char *name, const char *type)
{
    QomObject *obj = qom_object_new(type);
    assert_true(qom_object_add_child(parent, name, obj, NULL));
    qom_object_unref(obj);
    return obj;
}

static void absolute_paths_skip_empty_parts_and_know_no_dots(void **state)
{
    static const struct {
        const char *path, *where;
    } rows[] = {
        {"/", "/"},
        {"///", "/"},
        {"/objects", "/objects"},
        {"/objects/", "/objects"},
        {"//objects//", "/objects"},
        {"/machine/peripheral-anon", "/machine/peripheral-anon"},
        {"/nope", NULL},
        {"/objects/.", NULL},
        {"/objects/..", NULL},
        {"/Objects", NULL},
        {" /objects", NULL},
        {"/objects/type", NULL},
        {"/type", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        QomObject *obj = qom_resolve_path(rows[i].path, NULL, NULL);
        g_autofree char *path = obj ? qom_object_path(obj) : NULL;
        assert_true(g_strcmp0(path, rows[i].where) == 0);
    }
}

static void absolute_paths_too_obey_the_wanted_type(void **state)
{
    assert_non_null(qom_resolve_path("/objects", "container", NULL));
    assert_non_null(qom_resolve_path("/objects", "object", NULL));
    assert_null(qom_resolve_path("/objects", "machine", NULL));
    assert_null(qom_resolve_path("/objects", "no-such-type", NULL));
}

static void a_partial_path_must_match_from_one_place_only(void **state)
{
    bool ambiguous;
    QomObject *objects = qom_resolve_path("objects", NULL, &ambiguous);
    assert_ptr_equal(objects, qom_objects());
    assert_false(ambiguous);
    assert_ptr_equal(qom_resolve_path("objects/", NULL, NULL), objects);
    assert_non_null(qom_resolve_path("machine/peripheral", NULL, NULL));
    assert_null(qom_resolve_path("nope", NULL, &ambiguous));
    assert_false(ambiguous);

    QomObject *a = child_of(objects, "a", "container");
    QomObject *b = child_of(objects, "b", "container");
    QomObject *x = child_of(a, "x", "container");
    assert_ptr_equal(qom_resolve_path("x", NULL, NULL), x);
    QomObject *y = child_of(b, "x", "test-cell");
    assert_null(qom_resolve_path("x", NULL, &ambiguous));
    assert_true(ambiguous);
    assert_ptr_equal(qom_resolve_path("a/x", NULL, NULL), x);
    assert_ptr_equal(qom_resolve_path("b//x/", NULL, NULL), y);
    assert_ptr_equal(qom_resolve_path("x", "test-cell", &ambiguous), y);
    assert_false(ambiguous);
    qom_object_unparent(a);
    assert_ptr_equal(qom_resolve_path("x", NULL, NULL), y);
}

static void an_object_called_objects_makes_the_name_ambiguous(void **state)
{
    bool ambiguous;
    add("{'qom-type':'test-context','id':'objects'}");
    assert_null(qom_resolve_path("objects", NULL, &ambiguous));
    assert_true(ambiguous);
    assert_non_null(qom_resolve_path("objects/objects", NULL, NULL));
}

static void the_empty_path_matches_everywhere(void **state)
{
    bool ambiguous;
    assert_null(qom_resolve_path("", NULL, &ambiguous));
    assert_true(ambiguous);
    assert_null(qom_resolve_path("", "test-cell", &ambiguous));
    assert_false(ambiguous);
    QomObject *cell = child_of(qom_chardevs(), "c", "test-cell");
    assert_ptr_equal(qom_resolve_path("", "test-cell", NULL), cell);
}

static void only_qom_list_tells_ambiguity(void **state)
{
    QOM_AUTO_ERROR(list);
    QOM_AUTO_ERROR(other);
    QOM_AUTO_ERROR(absent);
    assert_null(qom_resolve_path_or_error("", true, &list));
    assert_string_equal(qom_error_message(list), "Path '' is ambiguous");
    assert_int_equal(qom_error_class(list), QOM_ERROR_GENERIC);
    assert_null(qom_resolve_path_or_error("", false, &other));
    assert_string_equal(qom_error_message(other), "Device '' not found");
    assert_int_equal(qom_error_class(other), QOM_ERROR_DEVICE_NOT_FOUND);
    assert_null(qom_resolve_path_or_error("/objects/.", true, &absent));
    assert_string_equal(qom_error_message(absent), "Device '/objects/.' not found");
}

static void links_are_followed_but_are_no_starting_points(void **state)
{
    bool ambiguous;
    QomObject *tc = add("{'qom-type':'test-context','id':'tc'}");
    QomObject *below = child_of(tc, "below", "container");
    add("{'qom-type':'test-ram','id':'m1','size':1,'prealloc-context':'tc'}");
    /* Walking m1's link would find `below` a second time. */
    assert_ptr_equal(qom_resolve_path("below", NULL, &ambiguous), below);
    assert_ptr_equal(qom_resolve_path("/objects/m1/prealloc-context/below", NULL, NULL), below);
    assert_ptr_equal(qom_resolve_path("prealloc-context/below", NULL, NULL), below);
    /* A second starting point makes it ambiguous, though both end at the same object. */
    add("{'qom-type':'test-ram','id':'m2','size':1,'prealloc-context':'tc'}");
    assert_null(qom_resolve_path("prealloc-context/below", NULL, &ambiguous));
    assert_true(ambiguous);
    assert_ptr_equal(qom_resolve_path("m2/prealloc-context", NULL, NULL), tc);
}

static void a_child_named_like_a_link_counts_beside_it(void **state)
{
    bool ambiguous;
    add("{'qom-type':'test-context','id':'tc'}");
    QomObject *child = add("{'qom-type':'test-context','id':'prealloc-context'}");
    assert_ptr_equal(qom_resolve_path("prealloc-context", NULL, NULL), child);
    QomObject *m = add("{'qom-type':'test-ram','id':'m','size':1,'prealloc-context':'tc'}");
    assert_null(qom_resolve_path("prealloc-context", NULL, &ambiguous));
    assert_true(ambiguous);
    assert_string_equal(set_error(m, "prealloc-context", "''"), "");
    assert_ptr_equal(qom_resolve_path("prealloc-context", NULL, NULL), child);
}

static void what_is_not_connected_has_no_path_and_is_not_found(void **state)
{
    QOM_AUTO_UNREF QomObject *apart = qom_object_new("container");
    QomObject *child = child_of(apart, "child", "container");
    assert_null(qom_object_path(child));
    assert_null(qom_resolve_path("child", NULL, NULL));
    assert_true(qom_object_add_child(qom_objects(), "apart", apart, NULL));
    g_autofree char *path = qom_object_path(child);
    assert_string_equal(path, "/objects/apart/child");
    assert_ptr_equal(qom_resolve_path("child", NULL, NULL), child);
    qom_object_unparent(apart);
    assert_null(qom_object_path(child));
    assert_null(qom_object_name(apart));
    assert_null(qom_resolve_path("child", NULL, NULL));
}

static void array_names_take_the_first_free_number(void **state)
{
    QomObject *parent = child_of(qom_objects(), "p", "container");
    for (int i = 0; i < 5; i++) {
        QomObject *obj = child_of(parent, "device[*]", "container");
        g_autofree char *name = g_strdup_printf("device[%d]", i);
        assert_string_equal(qom_object_name(obj), name);
    }
    qom_object_unparent(qom_object_child(parent, "device[1]"));
    qom_object_unparent(qom_object_child(parent, "device[3]"));
    assert_string_equal(qom_object_name(child_of(parent, "device[*]", "container")), "device[1]");
    assert_string_equal(qom_object_name(child_of(parent, "device[*]", "container")), "device[3]");
    assert_string_equal(qom_object_name(child_of(parent, "device[*]", "container")), "device[5]");
    assert_string_equal(qom_object_name(child_of(parent, "other[*]", "container")), "other[0]");
}

static void array_names_end_at_the_limit(void **state)
{
    QOM_AUTO_UNREF QomObject *parent = qom_object_new("container");
    for (int i = 0; i < 32767; i++) {
        child_of(parent, "d[*]", "container");
    }
    QOM_AUTO_UNREF QomObject *one_more = qom_object_new("container");
    assert_false(qom_object_add_child(parent, "d[*]", one_more, NULL));
}

static void children_keep_their_order_through_removals(void **state)
{
    QomObject *parent = child_of(qom_objects(), "p", "container");
    for (int i = 0; i < 30; i++) {
        g_autofree char *name = g_strdup_printf("c%d", i);
        child_of(parent, name, "container");
    }
    for (int i = 0; i < 30; i += 2) {
        g_autofree char *name = g_strdup_printf("c%d", i);
        qom_object_unparent(qom_object_child(parent, name));
        assert_null(qom_object_child(parent, name));
    }
    child_of(parent, "c0", "container");
    g_autoptr(GString) order = g_string_new(NULL);
    for (QomObject *c = qom_object_first_child(parent); c; c = qom_object_next_sibling(c)) {
        g_string_append_printf(order, "%s ", qom_object_name(c));
    }
    assert_string_equal(order->str, "c1 c3 c5 c7 c9 c11 c13 c15 c17 c19 c21 c23 c25 c27 c29 c0 ");
    assert_int_equal(qom_object_child_count(parent), 16);
}

/* --- Against trying from everywhere --------------------------------------------------------------
 */

static bool any_target(QomObject *obj, const void *new_value, QomError **errp)
{
    return true;
}

/* What the sheet says a partial path means, without any index. */
static unsigned count_matches(QomObject *from, char **parts, const char *type, QomObject **found)
{
    QomObject *obj = from;
    for (char **part = parts; obj && *part; part++) {
        obj = **part ? qom_object_resolve_component(obj, *part) : obj;
    }
    unsigned n = 0;
    if (obj && (!type || qom_object_is_a(obj, type))) {
        *found = obj;
        n = 1;
    }
    for (QomObject *c = qom_object_first_child(from); c; c = qom_object_next_sibling(c)) {
        n += count_matches(c, parts, type, found);
    }
    return n;
}

enum { PLACES = 24, NAMES = 4 };

/* One random change of the objects in @places, whose links are in @slots. */
static void random_change(GRand *rand, QomObject **places, QomObject *slots[][NAMES])
{
    static const char *const names[NAMES] = {"a", "b", "c", "peer"};
    int i = g_rand_int_range(rand, 0, PLACES);
    int k = g_rand_int_range(rand, 0, PLACES);
    int which = g_rand_int_range(rand, 0, NAMES);
    const char *name = names[which];
    switch (g_rand_int_range(rand, 0, 4)) {
    case 0: qom_object_unparent(places[i]); break;
    case 1:
        if (!qom_object_parent(places[i])) {
            bool above = false;
            for (QomObject *up = places[k]; up; up = qom_object_parent(up)) {
                above = above || up == places[i];
            }
            if (!above || k == 0) {
                qom_object_add_child(k && !above ? places[k] : qom_objects(), name, places[i],
                                     NULL);
            }
        }
        break;
    case 2:
        if (qom_object_property_add_link(places[i], name, "object", &slots[i][which], any_target,
                                         QOM_PROPERTY_WEAK, NULL)) {
            qom_object_set_link(places[i], name, places[k]);
        }
        break;
    default:
        for (size_t n = 0; n < NAMES; n++) {
            qom_object_property_remove(places[i], names[n]);
        }
        break;
    }
}

static void assert_path_is_what_trying_gives(const char *path, const char *type)
{
    bool ambiguous;
    QomObject *expected = NULL;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    unsigned n = count_matches(qom_root(), parts, type, &expected);
    QomObject *found = qom_resolve_path(path, type, &ambiguous);
    assert_ptr_equal(found, n == 1 ? expected : NULL);
    assert_int_equal(ambiguous, n > 1);
}

static void partial_paths_are_what_trying_from_every_object_gives(void **state)
{
    static const char *const paths[] = {"a", "b", "peer", "a/b", "peer/a", "a/peer/b", "", "c//a/"};
    static const char *const types[] = {NULL, "test-cell", "container"};
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    QomObject *places[PLACES], *slots[PLACES][NAMES] = {};
    for (int i = 0; i < PLACES; i++) {
        places[i] = qom_object_new(i % 3 ? "container" : "test-cell");
    }
    for (int step = 0; step < 20000; step++) {
        random_change(rand, places, slots);
        assert_path_is_what_trying_gives(paths[step % G_N_ELEMENTS(paths)],
                                         types[step % G_N_ELEMENTS(types)]);
    }
    for (int i = 0; i < PLACES; i++) {
        qom_object_unparent(places[i]);
    }
    for (int i = 0; i < PLACES; i++) {
        qom_object_unref(places[i]);
    }
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, setup_types, teardown_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(absolute_paths_skip_empty_parts_and_know_no_dots),
        ROW(absolute_paths_too_obey_the_wanted_type),
        ROW(a_partial_path_must_match_from_one_place_only),
        ROW(an_object_called_objects_makes_the_name_ambiguous),
        ROW(the_empty_path_matches_everywhere),
        ROW(only_qom_list_tells_ambiguity),
        ROW(links_are_followed_but_are_no_starting_points),
        ROW(a_child_named_like_a_link_counts_beside_it),
        ROW(what_is_not_connected_has_no_path_and_is_not_found),
        ROW(array_names_take_the_first_free_number),
        ROW(array_names_end_at_the_limit),
        ROW(children_keep_their_order_through_removals),
        ROW(partial_paths_are_what_trying_from_every_object_gives),
    };
    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
