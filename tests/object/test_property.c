/* SPDX-License-Identifier: BSD-3-Clause */
/* Properties: what is shown, set, refused and rolled back; links and aliases. */
#include "types.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "qom/json.h"

#include <cmocka.h>

static QomObject *add_mem(void)
{
    return add("{'qom-type':'test-ram','id':'m','size':4096,'limits':{'iops-total':7}}");
}

static void reading_gives_the_value_in_the_config(void **state)
{
    QomObject *m = add_mem();
    assert_string_equal(get(m, "type"), "\"test-ram\"");
    assert_string_equal(get(m, "size"), "4096");
    assert_string_equal(get(m, "dump"), "true");
    assert_string_equal(get(m, "policy"), "\"default\"");
    assert_string_equal(get(m, "host-nodes"), "[]");
    assert_string_equal(get(m, "limits"), "{\"iops-total\": 7}");
    assert_string_equal(get(m, "label"), "\"\"");
    assert_string_equal(get(m, "prealloc-context"), "\"\"");
    assert_string_equal(get(m, "region[0]"), "\"/objects/m/region[0]\"");
    assert_string_equal(get(qom_root(), "objects"), "\"/objects\"");
    assert_string_equal(get(add("{'qom-type':'test-context','id':'tc'}"), "thread-id"), "42");
}

static void unknown_properties_are_named_with_the_type(void **state)
{
    QomObject *m = add_mem();
    assert_string_equal(get(qom_root(), "nope"), "Property 'container.nope' not found");
    assert_string_equal(get(m, ""), "Property 'test-ram.' not found");
    assert_string_equal(set_error(m, "nope", "1"), "Property 'test-ram.nope' not found");
}

static void what_is_not_writable_says_so(void **state)
{
    QomObject *m = add_mem();
    assert_string_equal(set_error(qom_root(), "type", "'x'"),
                        "Property 'container.type' is not writable");
    assert_string_equal(set_error(qom_root(), "objects", "'x'"),
                        "Property 'container.objects' is not writable");
    assert_string_equal(set_error(m, "opened", "true"),
                        "Property 'test-ram.opened' is not writable");
}

static void only_live_properties_change_after_completion(void **state)
{
    QomObject *m = add_mem();
    assert_string_equal(set_error(m, "size", "2"), "cannot change property size of test-ram ");
    assert_string_equal(get(m, "size"), "4096");
    assert_string_equal(set_error(m, "dump", "false"), "");
    assert_string_equal(get(m, "dump"), "false");
    assert_int_equal(((Mem *)m)->applied, 1);
    QomObject *c = add("{'qom-type':'test-cell','id':'c'}");
    assert_string_equal(set_error(c, "value", "1"), "Property 'value' can no longer be set");
}

static void before_completion_everything_writable_may_be_set(void **state)
{
    QOM_AUTO_UNREF QomObject *m = qom_object_new("test-ram");
    assert_string_equal(set_error(m, "size", "0"),
                        "property 'size' of test-ram doesn't take value '0'");
    assert_string_equal(set_error(m, "size", "5"), "");
    assert_string_equal(set_error(m, "dump", "false"), "");
    assert_int_equal(((Mem *)m)->applied, 0);
    assert_true(qom_object_complete(m, NULL));
    assert_string_equal(set_error(m, "size", "6"), "cannot change property size of test-ram ");
}

static void completing_from_c_wants_the_mandatory_members(void **state)
{
    QOM_AUTO_ERROR(err);
    QOM_AUTO_UNREF QomObject *m = qom_object_new("test-file");
    assert_false(qom_object_complete(m, &err));
    assert_string_equal(qom_error_message(err), "Parameter 'mem-path' is missing");
    assert_true(qom_property_set_str(m, "mem-path", "/dev/null", NULL));
    assert_true(qom_object_complete(m, NULL));
}

static void a_wrong_kind_is_told_with_the_full_name_and_changes_nothing(void **state)
{
    QomObject *m = add_mem();
    assert_string_equal(set_error(m, "dump", "7"),
                        "Invalid parameter type for 'dump', expected: boolean");
    assert_string_equal(set_error(m, "prealloc-threads", "7.0"),
                        "Parameter 'prealloc-threads' expects uint64");
    assert_string_equal(set_error(m, "limits", "{'iops-total':8,'x':1}"),
                        "Parameter 'limits.x' is unexpected");
    assert_string_equal(set_error(m, "limits", "{'iops-total':-1}"), "limits must not be negative");
    assert_string_equal(get(m, "limits"), "{\"iops-total\": 7}");
    assert_int_equal(((Mem *)m)->applied, 0);
}

static void a_failed_apply_puts_the_old_value_back(void **state)
{
    QomObject *m = add_mem();
    ((Mem *)m)->apply_fails = true;
    assert_string_equal(set_error(m, "limits", "{'iops-total':9}"), "madvise failed");
    assert_string_equal(get(m, "limits"), "{\"iops-total\": 7}");
    assert_string_equal(set_error(m, "dump", "false"), "madvise failed");
    assert_string_equal(get(m, "dump"), "true");
    assert_false(((Mem *)m)->config.has_dump);
}

static void sensitive_values_read_back_empty_and_writeonly_not_at_all(void **state)
{
    QomObject *s = add("{'qom-type':'test-secret','id':'s','size':1,'label':'pass'}");
    assert_string_equal(((Mem *)s)->config.label, "pass");
    assert_string_equal(get(s, "label"), "\"\"");
    assert_string_equal(set_error(s, "label", "'other'"), "");
    assert_string_equal(((Mem *)s)->config.label, "other");
    assert_string_equal(get(s, "dump"), "Property 'test-secret.dump' is not readable");
    assert_false(((Mem *)s)->config.dump); /* the rule's default, not the schema's */
}

static void a_blocking_change_keeps_the_object_and_excludes_others(void **state)
{
    QOM_AUTO_ERROR(err);
    QOM_AUTO_ERROR(second);
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text("8", 1, NULL);
    QomObject *m = add_mem();
    QomPropertyChange *change =
        qom_property_change_begin(m, "prealloc-threads", tape, JSON_ROOT, NULL);
    assert_true(qom_property_change_blocks(change));
    assert_string_equal(set_error(m, "dump", "false"),
                        "Property 'test-ram.dump' cannot be set while another change of the "
                        "object is under way");
    assert_false(qom_object_del("m", &err));
    assert_string_equal(qom_error_message(err), "object 'm' is in use, can not be deleted: used "
                                                "by /objects/m (prealloc-threads)");
    ((Mem *)m)->apply_fails = true;
    assert_false(qom_property_change_apply(change, &second));
    qom_property_change_end(change);
    assert_string_equal(get(m, "prealloc-threads"), "1");
    assert_true(qom_object_del("m", NULL));
}

/* --- Links ----------------------------------------------------------------------------------- */

static void link_errors_tell_absence_kind_and_ambiguity(void **state)
{
    QomObject *m = add_mem();
    QomObject *tc = add("{'qom-type':'test-context','id':'tc'}");
    assert_string_equal(set_error(m, "prealloc-context", "'nope'"), "Device 'nope' not found");
    assert_string_equal(set_error(m, "prealloc-context", "'/objects/m'"),
                        "Invalid parameter type for 'prealloc-context', expected: test-context");
    assert_string_equal(set_error(m, "prealloc-context", "null"),
                        "Invalid parameter type for 'prealloc-context', expected: string");
    assert_string_equal(set_error(m, "prealloc-context", "'tc'"), "");
    assert_ptr_equal(((Mem *)m)->context, tc);
    assert_string_equal(set_error(m, "prealloc-context", "'nope'"), "Device 'nope' not found");
    assert_ptr_equal(((Mem *)m)->context, tc);

    QOM_AUTO_UNREF QomObject *twin = qom_object_new("test-context");
    assert_true(qom_object_add_child(qom_chardevs(), "tc", twin, NULL));
    assert_string_equal(set_error(m, "prealloc-context", "'tc'"),
                        "Path 'tc' does not uniquely identify an object");
    assert_string_equal(set_error(m, "prealloc-context", "''"), "");
    assert_null(((Mem *)m)->context);
}

static void a_link_by_partial_path_is_unique_by_its_type(void **state)
{
    QomObject *m = add_mem();
    QomObject *tc = add("{'qom-type':'test-context','id':'x'}");
    QOM_AUTO_UNREF QomObject *cell = qom_object_new("test-cell");
    assert_true(qom_object_add_child(qom_chardevs(), "x", cell, NULL));
    assert_string_equal(set_error(m, "prealloc-context", "'x'"), "");
    assert_ptr_equal(((Mem *)m)->context, tc);
}

static bool any_target(QomObject *obj, const void *new_value, QomError **errp)
{
    return true;
}

static void a_weak_link_is_cleared_when_its_target_dies(void **state)
{
    QomObject *slot = NULL;
    QomObject *holder = add("{'qom-type':'test-context','id':'holder'}");
    QomObject *target = add("{'qom-type':'test-context','id':'target'}");
    assert_true(qom_object_property_add_link(holder, "peer", "test-context", &slot, any_target,
                                             QOM_PROPERTY_WEAK, NULL));
    assert_string_equal(set_error(holder, "peer", "'target'"), "");
    assert_ptr_equal(qom_resolve_path("peer", NULL, NULL), target);
    assert_true(qom_object_del("target", NULL));
    assert_null(slot);
    assert_null(qom_resolve_path("peer", NULL, NULL));
    assert_true(qom_object_property_remove(holder, "peer"));
    assert_string_equal(get(holder, "peer"), "Property 'test-context.peer' not found");
}

static void a_link_without_check_is_read_only(void **state)
{
    QomObject *holder = add("{'qom-type':'test-context','id':'holder'}");
    assert_true(qom_object_property_add_link(holder, "peer", "test-context", NULL, NULL, 0, NULL));
    assert_string_equal(set_error(holder, "peer", "'holder'"),
                        "Property 'test-context.peer' is not writable");
    qom_object_set_link(holder, "peer", qom_root());
    assert_string_equal(get(holder, "peer"), "\"/\"");
    qom_object_set_link(holder, "peer", NULL);
}

static void an_alias_reads_writes_and_leads_like_its_target(void **state)
{
    QomObject *m = add_mem();
    QomObject *holder = add("{'qom-type':'test-context','id':'holder'}");
    assert_true(qom_object_property_add_alias(holder, "d", m, "dump", NULL));
    assert_true(qom_object_property_add_alias(holder, "r", m, "region[0]", NULL));
    assert_true(qom_object_property_add_alias(holder, "c", m, "prealloc-context", NULL));
    assert_string_equal(get(holder, "d"), "true");
    assert_string_equal(set_error(holder, "d", "false"), "");
    assert_string_equal(get(m, "dump"), "false");
    QomPropertyView view;
    assert_true(qom_object_find_property(holder, "r", &view, NULL));
    assert_string_equal(view.type, "link<test-region>");
    assert_ptr_equal(qom_resolve_path("/objects/holder/r", NULL, NULL),
                     qom_object_child(m, "region[0]"));
    assert_null(qom_resolve_path("/objects/holder/d", NULL, NULL));
    assert_null(qom_resolve_path("c", NULL, NULL));
    assert_string_equal(set_error(holder, "c", "'holder'"), "");
    assert_ptr_equal(qom_resolve_path("c", NULL, NULL), holder);
    assert_ptr_equal(qom_resolve_path("/objects/holder/c/c/c", NULL, NULL), holder);
    assert_string_equal(set_error(holder, "c", "''"), "");
    assert_true(qom_object_del("m", NULL));
    assert_string_equal(get(holder, "d"), "Property 'test-context.d' is not readable");
    assert_string_equal(set_error(holder, "d", "true"),
                        "Property 'test-context.d' is not writable");
}

/* --- Dynamic ones and listing ------------------------------------------------------------------
 */

static void names_are_unique_over_all_kinds_of_property(void **state)
{
    QOM_AUTO_ERROR(err);
    QomObject *m = add_mem();
    QomProperty def = {.name = "size", .type = "int"};
    assert_false(qom_object_property_add(m, &def, &err));
    assert_string_equal(qom_error_message(err),
                        "attempt to add duplicate property 'size' to object (type 'test-ram')");
    def.name = "region[0]";
    assert_false(qom_object_property_add(m, &def, NULL));
    def.name = "own";
    assert_true(qom_object_property_add(m, &def, NULL));
    QOM_AUTO_UNREF QomObject *child = qom_object_new("test-cell");
    assert_false(qom_object_add_child(m, "own", child, NULL));
    assert_false(qom_object_add_child(m, "type", child, NULL));
    assert_true(qom_object_add_child(m, "other", child, NULL));
}

static bool note(const QomPropertyView *view, void *opaque)
{
    g_string_append_printf(opaque, "%s:%s ", view->name, view->type);
    return true;
}

static void listing_starts_with_type_and_keeps_the_order_of_declaration(void **state)
{
    g_autoptr(GString) list = g_string_new(NULL);
    qom_object_foreach_property(qom_root(), note, list);
    assert_string_equal(list->str, "type:string objects:child<container> "
                                   "chardevs:child<container> backend:child<container> "
                                   "machine:child<none-machine> ");
    g_string_truncate(list, 0);
    qom_object_foreach_property(add_mem(), note, list);
    assert_string_equal(list->str,
                        "type:string dump:bool host-nodes:int policy:Policy prealloc-threads:int "
                        "prealloc-context:link<test-context> limits:Limits label:string "
                        "opened:bool size:int region[0]:child<test-region> ");
}

static void typed_accessors_check_the_kind(void **state)
{
    QOM_AUTO_ERROR(err);
    QomObject *m = add_mem();
    bool on;
    int64_t i;
    uint64_t u;
    assert_true(qom_property_get_bool(m, "dump", &on, NULL) && on);
    assert_true(qom_property_get_int(m, "size", &i, NULL) && i == 4096);
    assert_true(qom_property_get_uint(m, "size", &u, NULL) && u == 4096);
    g_autofree char *policy = qom_property_get_str(m, "policy", NULL);
    assert_string_equal(policy, "default");
    assert_null(qom_property_get_str(m, "size", &err));
    assert_string_equal(qom_error_message(err),
                        "Invalid parameter type for 'size', expected: string");
    assert_true(qom_property_set_bool(m, "dump", false, NULL));
    assert_true(qom_property_set_uint(m, "prealloc-threads", 3, NULL));
    assert_true(qom_property_set_int(m, "prealloc-threads", 4, NULL));
    assert_string_equal(get(m, "prealloc-threads"), "4");
}

/* --- Listeners ------------------------------------------------------------------------------- */

static void heard_added(QomListener *self, QomObject *obj)
{
    g_autofree char *path = qom_object_path(obj);
    trace_add("+%s ", path);
}

static void heard_removed(QomListener *self, QomObject *obj)
{
    g_autofree char *path = qom_object_path(obj);
    trace_add("-%s ", path);
}

static void heard_changed(QomListener *self, QomObject *obj, const char *property)
{
    g_autofree char *path = qom_object_path(obj);
    trace_add("%s.%s ", path, property);
}

static void listeners_hear_of_all_that_is_connected(void **state)
{
    QomListener listener = {heard_added, heard_removed, heard_changed};
    QOM_AUTO_UNREF QomObject *apart = qom_object_new("container");
    QOM_AUTO_UNREF QomObject *child = qom_object_new("container");
    qom_listener_add(&listener);
    assert_true(qom_object_add_child(apart, "child", child, NULL));
    QomObject *m = add_mem();
    set_error(m, "dump", "false");
    ((Mem *)m)->apply_fails = true;
    set_error(m, "dump", "true");
    qom_object_notify(m, "thread-id");
    qom_object_del("m", NULL);
    qom_listener_remove(&listener);
    add_mem();
    assert_string_equal(trace, "+/objects/m +/objects/m/region[0] /objects/m.dump "
                               "/objects/m.thread-id -/objects/m mem ");
}

/* Removes itself and the one after it when told. */
static QomListener impatient, neighbour, patient;

static void heard_and_left(QomListener *self, QomObject *obj)
{
    trace_add("left ");
    qom_listener_remove(self);
    qom_listener_remove(&neighbour);
}

static void heard(QomListener *self, QomObject *obj)
{
    trace_add("%s ", self == &patient ? "patient" : "neighbour");
}

static void listeners_may_go_while_they_are_told(void **state)
{
    impatient.added = heard_and_left;
    neighbour.added = patient.added = heard;
    qom_listener_add(&impatient);
    qom_listener_add(&neighbour);
    qom_listener_add(&patient);
    add("{'qom-type':'test-cell','id':'a'}");
    add("{'qom-type':'test-cell','id':'b'}");
    qom_listener_remove(&patient);
    add("{'qom-type':'test-cell','id':'c'}");
    assert_string_equal(trace, "left patient patient ");
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, setup_types, teardown_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(reading_gives_the_value_in_the_config),
        ROW(unknown_properties_are_named_with_the_type),
        ROW(what_is_not_writable_says_so),
        ROW(only_live_properties_change_after_completion),
        ROW(before_completion_everything_writable_may_be_set),
        ROW(completing_from_c_wants_the_mandatory_members),
        ROW(a_wrong_kind_is_told_with_the_full_name_and_changes_nothing),
        ROW(a_failed_apply_puts_the_old_value_back),
        ROW(sensitive_values_read_back_empty_and_writeonly_not_at_all),
        ROW(a_blocking_change_keeps_the_object_and_excludes_others),
        ROW(link_errors_tell_absence_kind_and_ambiguity),
        ROW(a_link_by_partial_path_is_unique_by_its_type),
        ROW(a_weak_link_is_cleared_when_its_target_dies),
        ROW(a_link_without_check_is_read_only),
        ROW(an_alias_reads_writes_and_leads_like_its_target),
        ROW(names_are_unique_over_all_kinds_of_property),
        ROW(listing_starts_with_type_and_keeps_the_order_of_declaration),
        ROW(typed_accessors_check_the_kind),
        ROW(listeners_hear_of_all_that_is_connected),
        ROW(listeners_may_go_while_they_are_told),
    };
    return cmocka_run_group_tests_name("property", tests, NULL, NULL);
}
