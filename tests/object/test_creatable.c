/* SPDX-License-Identifier: BSD-3-Clause */
/* object-add and object-del: rows 20 to 56 of the core sheet's section 4, the steps of section 5.
 */
#include "types.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "qom/json.h"
#include "qom/options.h"

#include <cmocka.h>

/* The message with which deletion fails, or "". */
static const char *del(const char *id)
{
    static char kept[512];
    QOM_AUTO_ERROR(err);
    bool ok = qom_object_del(id, &err);
    g_strlcpy(kept, ok ? "" : qom_error_message(err), sizeof(kept));
    return kept;
}

static void faults_are_told_in_the_order_of_the_sheet(void **state)
{
    static const char *const rows[][2] = {
        {"{}", "Parameter 'qom-type' is missing"},
        {"[]", "Invalid parameter type for '<anonymous>', expected: object"},
        {"{'qom-type':'nope'}", "Parameter 'qom-type' does not accept value 'nope'"},
        {"{'qom-type':'nope','id':'x'}", "Parameter 'qom-type' does not accept value 'nope'"},
        {"{'qom-type':5}", "Invalid parameter type for 'qom-type', expected: string"},
        {"{'qom-type':'container','id':'x'}",
         "Parameter 'qom-type' does not accept value 'container'"},
        {"{'qom-type':'test-memory','id':'x'}",
         "Parameter 'qom-type' does not accept value 'test-memory'"},
        {"{'qom-type':'user-creatable','id':'x'}",
         "Parameter 'qom-type' does not accept value 'user-creatable'"},
        {"{'qom-type':'test-unbuilt','id':'x'}", "invalid object type: test-unbuilt"},
        {"{'qom-type':'test-context','bogus':1}", "Parameter 'id' is missing"},
        {"{'qom-type':'test-context','id':7}", "Invalid parameter type for 'id', expected: string"},
        {"{'qom-type':'test-context','id':'x','bogus':1}", "Parameter 'bogus' is unexpected"},
        {"{'qom-type':'test-context','id':'x','props':{}}", "Parameter 'props' is unexpected"},
        {"{'qom-type':'test-ram','id':'1x','bogus':1}", "Parameter 'size' is missing"},
        {"{'qom-type':'test-ram','id':'1x','bogus':1,'size':1}", "Parameter 'bogus' is unexpected"},
        {"{'qom-type':'test-ram','id':'1x','size':1,'prealloc-threads':0}",
         "Parameter 'id' expects an identifier"},
        {"{'qom-type':'test-ram','id':'taken','size':1,'prealloc-threads':0}",
         "property 'prealloc-threads' doesn't take value '0'"},
        {"{'qom-type':'test-ram','id':'taken','size':1,'prealloc-context':'nope'}",
         "Device 'nope' not found"},
        {"{'qom-type':'test-ram','id':'taken','size':1}",
         "attempt to add duplicate property 'taken' to object (type 'container')"},
        {"{'qom-type':'test-context','id':'type'}",
         "attempt to add duplicate property 'type' to object (type 'container')"},
        {"{'qom-type':'test-ram','id':'x','size':'1M'}", "Parameter 'size' expects uint64"},
        {"{'qom-type':'test-ram','id':'x','size':-1}", "Parameter 'size' expects uint64"},
        {"{'qom-type':'test-ram','id':'x','size':0}",
         "property 'size' of test-ram doesn't take value '0'"},
        {"{'qom-type':'test-ram','id':'x','size':1,'prealloc-threads':4294967296}",
         "Parameter 'prealloc-threads' expects uint32_t"},
        {"{'qom-type':'test-ram','id':'x','size':1,'host-nodes':0}",
         "Invalid parameter type for 'host-nodes', expected: array"},
        {"{'qom-type':'test-ram','id':'x','size':1,'host-nodes':[70000]}",
         "Parameter 'host-nodes[0]' expects uint16_t"},
        {"{'qom-type':'test-ram','id':'x','size':1,'policy':'zzz'}",
         "Parameter 'policy' does not accept value 'zzz'"},
        {"{'qom-type':'test-ram','id':'x','size':1,'limits':{'iops-total':1,'bogus':1}}",
         "Parameter 'limits.bogus' is unexpected"},
        {"{'qom-type':'test-ram','id':'x','size':1,'opened':true}",
         "Property 'test-ram.opened' is not writable"},
        {"{'qom-type':'test-ram','id':'x','size':1,'label':'bad'}", "cannot map 'x'"},
    };
    add("{'qom-type':'test-context','id':'taken'}");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        assert_string_equal(add_error(rows[i][0]), rows[i][1]);
        assert_int_equal(qom_object_child_count(qom_objects()), 1);
        assert_null(qom_resolve_path("x", NULL, NULL));
    }
}

static void an_id_is_letters_digits_and_three_signs(void **state)
{
    static const char *const bad[] = {"0io", "", "a b", "a/b", "a[0]", "\303\251", "-a", "_a"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *json = g_strdup_printf("{'qom-type':'test-context','id':'%s'}", bad[i]);
        assert_string_equal(add_error(json), "Parameter 'id' expects an identifier");
    }
    add("{'qom-type':'test-context','id':'A9.b_c-d'}");
    g_autofree char *long_id = g_strnfill(300, 'x');
    g_autofree char *json = g_strdup_printf("{'qom-type':'test-context','id':'%s'}", long_id);
    add(json);
}

static void without_the_schema_names_types_are_refused_by_what_they_are(void **state)
{
    qom_creatable_set_names(NULL);
    assert_string_equal(add_error("{'qom-type':'nope','id':'x'}"), "invalid object type: nope");
    assert_string_equal(add_error("{'qom-type':'container','id':'x'}"),
                        "object type 'container' isn't supported by object-add");
    assert_string_equal(add_error("{'qom-type':'test-memory','id':'x','size':1}"),
                        "object type 'test-memory' is abstract");
}

static void the_schemas_and_the_registered_name_of_a_type_both_work(void **state)
{
    QomObject *a = add("{'qom-type':'test-listfile','id':'a'}");
    QomObject *b = add("{'qom-type':'test-list-file','id':'b'}");
    assert_string_equal(qom_object_type_name(a), "test-list-file");
    assert_string_equal(qom_object_type_name(b), "test-list-file");
}

static void policy_rejects_a_deprecated_type(void **state)
{
    QOM_AUTO_ERROR(err);
    QapiPolicy policy = {.deprecated_input = QAPI_INPUT_REJECT};
    assert_null(qom_object_add_json("{'qom-type':'test-cell','id':'x'}", &policy, &err));
    assert_string_equal(qom_error_message(err), "Deprecated value test-cell disabled by policy");
}

static void defaults_and_given_values_are_in_the_config(void **state)
{
    Mem *mem = (Mem *)add("{'qom-type':'test-ram','id':'m','size':4096,'host-nodes':[0,3],"
                          "'limits':{'iops-total':7},'label':'a'}");
    assert_true(mem->config.dump);
    assert_false(mem->config.has_dump);
    assert_int_equal(mem->config.prealloc_threads, 1);
    assert_int_equal(mem->config.size, 4096);
    assert_int_equal(mem->config.host_nodes.n, 2);
    assert_int_equal(mem->config.limits->iops_total, 7);
    assert_string_equal(mem->config.label, "a");
    assert_true(qom_object_is_completed(&mem->obj));
    QomObject *region = qom_object_child(&mem->obj, "region[0]");
    assert_non_null(region);
    g_autofree char *path = qom_object_path(region);
    assert_string_equal(path, "/objects/m/region[0]");
}

/* Adds from option text; returns the error's message, or "". */
static const char *add_options(const char *text)
{
    static const QapiOptionsHow how = {.implied_key = "qom-type"};
    static char kept[512];
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);
    tape = qapi_options_parse(text, &how, NULL, &err);
    bool ok = tape && qom_object_add(tape, JSON_ROOT, NULL, &err);
    g_strlcpy(kept, ok ? "" : qom_error_message(err), sizeof(kept));
    return kept;
}

static void option_text_takes_the_same_way(void **state)
{
    assert_string_equal(add_options("test-ram,id=old,id=m,size=1.5M,dump=off,host-nodes=0-2,"
                                    "limits.iops-total=3"),
                        "");
    Mem *mem = (Mem *)qom_resolve_path("/objects/m", NULL, NULL);
    assert_int_equal(mem->config.size, 3 << 19);
    assert_false(mem->config.dump);
    assert_int_equal(mem->config.host_nodes.n, 3);
    assert_int_equal(mem->config.limits->iops_total, 3);
    assert_string_equal(add_options("qom-type=nope,id=x"),
                        "Parameter 'qom-type' does not accept value 'nope'");
    assert_string_equal(add_options("test-ram,id=x"), "Parameter 'size' is missing");
    assert_string_equal(add_options("test-context"), "Parameter 'id' is missing");
    assert_string_equal(add_options("test-context,id=x,bogus=1"), "Invalid parameter 'bogus'");
    assert_int_equal(qom_object_child_count(qom_objects()), 1);
}

static QomCreation *begin(const char *json, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text(json, strlen(json), NULL);
    return qom_object_add_begin(tape, JSON_ROOT, NULL, errp);
}

static void an_id_is_reserved_but_unseen_until_finish(void **state)
{
    QomCreation *creation = begin("{'qom-type':'test-ram','id':'m','size':1001}", NULL);
    assert_true(qom_object_add_blocks(creation));
    assert_string_equal(qom_object_name(qom_creation_object(creation)), "m");
    assert_string_equal(add_error("{'qom-type':'test-context','id':'m'}"),
                        "attempt to add duplicate property 'm' to object (type 'container')");
    assert_null(qom_resolve_path("/objects/m", NULL, NULL));
    assert_null(qom_resolve_path("m", NULL, NULL));
    assert_string_equal(del("m"), "object 'm' not found");
    assert_true(qom_object_add_complete(creation, NULL));
    assert_null(qom_resolve_path("m", NULL, NULL));
    QomObject *obj = qom_object_add_finish(creation);
    assert_ptr_equal(qom_resolve_path("m", NULL, NULL), obj);
    assert_string_equal(del("m"), "");
}

static gpointer complete_in_thread(gpointer creation)
{
    return GINT_TO_POINTER(qom_object_add_complete(creation, NULL));
}

static void complete_runs_in_a_worker_while_the_tree_lives_on(void **state)
{
    QomCreation *creations[8];
    GThread *threads[8];
    for (size_t i = 0; i < G_N_ELEMENTS(creations); i++) {
        g_autofree char *json = g_strdup_printf(
            "{'qom-type':'test-ram','id':'m%zu','size':1,'label':'%s'}", i, i % 2 ? "bad" : "");
        creations[i] = begin(json, NULL);
        threads[i] = g_thread_new("complete", complete_in_thread, creations[i]);
        add(i % 2 ? "{'qom-type':'test-cell','id':'c'}" : "{'qom-type':'test-cell','id':'d'}");
        qom_object_del(i % 2 ? "c" : "d", NULL);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(creations); i++) {
        if (g_thread_join(threads[i])) {
            qom_object_add_finish(creations[i]);
        } else {
            qom_object_add_abort(creations[i]);
        }
    }
    assert_int_equal(qom_object_child_count(qom_objects()), 4);
}

static void abort_leaves_nothing_at_any_phase(void **state)
{
    add("{'qom-type':'test-context','id':'tc'}");
    const char *json = "{'qom-type':'test-ram','id':'m','size':1,'label':'bad',"
                       "'prealloc-context':'tc'}";
    for (int phase = 0; phase < 2; phase++) {
        QomCreation *creation = begin(json, NULL);
        assert_int_equal(mems_alive, 1);
        if (phase == 1) {
            assert_false(qom_object_add_complete(creation, NULL));
        }
        qom_object_add_abort(creation);
        assert_int_equal(mems_alive, 0);
        size_t n;
        QomUser *users = qom_object_users(qom_resolve_path("tc", NULL, NULL), &n);
        qom_users_free(users, n);
        assert_int_equal(n, 0);
    }
    add("{'qom-type':'test-ram','id':'m','size':1}");
}

static void deletion_knows_only_ids(void **state)
{
    static const char *const not_ids[] = {"nope", "", "type", "/objects/io0"};
    for (size_t i = 0; i < G_N_ELEMENTS(not_ids); i++) {
        g_autofree char *text = g_strdup_printf("object '%s' not found", not_ids[i]);
        assert_string_equal(del(not_ids[i]), text);
    }
}

static void a_type_may_refuse_deletion(void **state)
{
    add("{'qom-type':'test-guard','id':'g'}");
    assert_string_equal(del("g"), "object 'g' is in use, can not be deleted");
    assert_non_null(qom_resolve_path("g", NULL, NULL));
}

static void a_used_object_is_not_deleted_and_its_user_is_named(void **state)
{
    QomObject *tc = add("{'qom-type':'test-context','id':'tc'}");
    QomObject *cell = add("{'qom-type':'test-cell','id':'c'}");
    QomUse *use = qom_object_use(tc, cell, "memdev", "device");
    assert_string_equal(del("tc"),
                        "object 'tc' is in use, can not be deleted: used by /objects/c (memdev)");
    QomUse *second = qom_object_use_by(tc, "export e0", NULL, "export");
    assert_string_equal(del("tc"), "object 'tc' is in use, can not be deleted: used by "
                                   "/objects/c (memdev), export e0 (export)");
    size_t n;
    QomUser *users = qom_object_users(tc, &n);
    assert_int_equal(n, 2);
    assert_string_equal(users[1].path, "export e0");
    assert_true(users[1].blocks);
    qom_users_free(users, n);
    qom_object_unuse(second);
    assert_string_equal(del("c"), "");
    assert_string_equal(del("tc"), "object 'tc' is in use, can not be deleted");
    qom_object_unuse(use);
    assert_string_equal(del("tc"), "");
}

static void a_link_does_not_prevent_deletion_and_still_leads_to_the_nameless(void **state)
{
    QomObject *tc = add("{'qom-type':'test-context','id':'tc'}");
    QomObject *m = add("{'qom-type':'test-ram','id':'m','size':1,'prealloc-context':'tc'}");
    assert_string_equal(get(m, "prealloc-context"), "\"/objects/tc\"");
    size_t n;
    QomUser *users = qom_object_users(tc, &n);
    assert_int_equal(n, 1);
    assert_string_equal(users[0].path, "/objects/m");
    assert_string_equal(users[0].property, "prealloc-context");
    assert_false(users[0].blocks);
    qom_users_free(users, n);

    assert_string_equal(del("tc"), "");
    assert_string_equal(get(m, "prealloc-context"), "\"\"");
    assert_ptr_equal(qom_resolve_path("/objects/m/prealloc-context", NULL, NULL), tc);
    assert_ptr_equal(qom_resolve_path("prealloc-context", NULL, NULL), tc);
    QomObject *other = add("{'qom-type':'test-context','id':'tc'}");
    assert_ptr_not_equal(other, tc);
    assert_ptr_equal(qom_resolve_path("/objects/m/prealloc-context", NULL, NULL), tc);
    assert_string_equal(del("m"), "");
    assert_null(qom_resolve_path("prealloc-context", NULL, NULL));
}

static void clearing_objects_takes_users_before_what_they_use(void **state)
{
    QomObject *old = add("{'qom-type':'test-ram','id':'old','size':1}");
    add("{'qom-type':'test-ram','id':'young','size':1}");
    QomObject *young = qom_resolve_path("young", NULL, NULL);
    QomUse *use = qom_object_use(young, old, NULL, "test");
    qom_objects_clear();
    assert_int_equal(qom_object_child_count(qom_objects()), 0);
    qom_object_unuse(use);
    assert_int_equal(mems_alive, 0);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, setup_types, teardown_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(faults_are_told_in_the_order_of_the_sheet),
        ROW(an_id_is_letters_digits_and_three_signs),
        ROW(without_the_schema_names_types_are_refused_by_what_they_are),
        ROW(the_schemas_and_the_registered_name_of_a_type_both_work),
        ROW(policy_rejects_a_deprecated_type),
        ROW(defaults_and_given_values_are_in_the_config),
        ROW(option_text_takes_the_same_way),
        ROW(an_id_is_reserved_but_unseen_until_finish),
        ROW(complete_runs_in_a_worker_while_the_tree_lives_on),
        ROW(abort_leaves_nothing_at_any_phase),
        ROW(deletion_knows_only_ids),
        ROW(a_type_may_refuse_deletion),
        ROW(a_used_object_is_not_deleted_and_its_user_is_named),
        ROW(a_link_does_not_prevent_deletion_and_still_leads_to_the_nameless),
        ROW(clearing_objects_takes_users_before_what_they_use),
    };
    return cmocka_run_group_tests_name("creatable", tests, NULL, NULL);
}
