/* SPDX-License-Identifier: BSD-3-Clause */
/* What types say about themselves, and types whose code comes later. */
#include "types.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *names_of(const char *implements, bool with_abstract)
{
    size_t n;
    g_autofree const QomType **types = qom_type_list(implements, with_abstract, &n);
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        g_string_append_printf(text, "%s ", qom_type_name(types[i]));
    }
    return g_string_free(text, false);
}

static void assert_types(const char *implements, bool with_abstract, const char *expected)
{
    g_autofree char *names = names_of(implements, with_abstract);
    assert_string_equal(names, expected);
}

static void type_lists_are_sorted_and_filtered(void **state)
{
    assert_types("nope", false, "");
    assert_types("", true, "");
    assert_types("test-context", false, "test-context ");
    assert_types("test-memory", false, "test-file test-ram test-secret ");
    assert_types("test-memory", true, "test-file test-memory test-ram test-secret ");
    assert_types("machine", false, "none-machine ");
    assert_types("user-creatable", false,
                 "test-cell test-context test-file test-guard test-later test-list-file test-ram "
                 "test-secret ");
}

static void roots_have_no_parent_and_are_listed_with_the_abstract(void **state)
{
    g_autofree char *all = names_of(NULL, true);
    assert_non_null(strstr(all, "interface "));
    assert_non_null(strstr(all, " object "));
    g_autofree char *concrete = names_of(NULL, false);
    assert_null(strstr(concrete, "interface"));
    assert_null(strstr(concrete, "object "));
    assert_null(qom_type_parent(qom_type_find("object")));
    assert_null(qom_type_parent(qom_type_find("interface")));
}

static void properties_of_a_type_need_no_instance(void **state)
{
    size_t n;
    const QomProperty *const *all = qom_type_properties(qom_type_find("test-file"), &n);
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        g_string_append_printf(text, "%s:%s%s%s%s%s ", all[i]->name, all[i]->type,
                               qom_property_is_readable(all[i]) ? ",r" : "",
                               qom_property_is_writable(all[i]) ? ",w" : "",
                               qom_property_is_live(all[i]) ? ",live" : "",
                               qom_property_is_mandatory(all[i]) ? ",mandatory" : "");
    }
    assert_string_equal(
        text->str, "type:string,r dump:bool,r,w,live host-nodes:int,r,w policy:Policy,r,w "
                   "prealloc-threads:int,r,w,live prealloc-context:link<test-context>,r,w,live "
                   "limits:Limits,r,w,live label:string,r,w opened:bool,r size:int,r,w,mandatory "
                   "align:int,r,w mem-path:string,r,w,mandatory ");
    assert_int_equal(mems_alive, 0);
    const QomProperty *dump = qom_type_find_property(qom_type_find("test-file"), "dump");
    assert_string_equal(dump->default_json, "true");
    assert_string_equal(dump->description, "whether a dump contains the memory");
    assert_string_equal(qom_type_name(dump->owner), "test-memory");
    dump = qom_type_find_property(qom_type_find("test-secret"), "dump");
    assert_string_equal(dump->default_json, "false");
    assert_string_equal(
        qom_type_name(qom_type_find_property(qom_type_find("test-file"), "align")->owner),
        "test-file");
}

static void abstract_types_have_properties_interfaces_have_none(void **state)
{
    QOM_AUTO_ERROR(interface);
    QOM_AUTO_ERROR(nothing);
    assert_non_null(qom_type_find_for_properties("object", NULL));
    assert_non_null(qom_type_find_for_properties("test-memory", NULL));
    assert_null(qom_type_find_for_properties("user-creatable", &interface));
    assert_string_equal(qom_error_message(interface), "Parameter 'typename' expects a QOM type");
    assert_null(qom_type_find_for_properties("", &nothing));
    assert_string_equal(qom_error_message(nothing), "Class '' not found");
    assert_int_equal(qom_error_class(nothing), QOM_ERROR_DEVICE_NOT_FOUND);
}

static void aliases_are_accepted_but_not_listed(void **state)
{
    const QomType *type = qom_type_find("test-listfile");
    assert_string_equal(qom_type_name(type), "test-list-file");
    assert_true(qom_type_is_a(type, "test-listfile"));
    g_autofree char *all = names_of(NULL, true);
    assert_null(strstr(all, "test-listfile"));
    assert_int_equal(qom_type_features(type), 0);
    assert_int_equal(qom_type_features(qom_type_find("test-cell")), QAPI_FEATURE_DEPRECATED);
}

/* --- Declared types ----------------------------------------------------------------------------
 */

typedef struct Later {
    Mem mem;
    int own;
} Later;

static const QomInterfaceInfo later_interfaces[] = {{QOM_TYPE_USER_CREATABLE, NULL}};
static const QomProperty later_shown[] = {
    {.name = "state", .type = "string", .flags = QOM_PROPERTY_READONLY}};

/* A family of two in a module: the abstract parent and the type. */
static const QomTypeInfo backend_declared = {
    .name = "test-backend",
    .parent = QOM_TYPE_OBJECT,
    .abstract = true,
    .interfaces = later_interfaces,
    .n_interfaces = 1,
};
static const QomTypeInfo later_declared = {
    .name = "test-later",
    .parent = "test-backend",
    .config = &mem_props,
    .properties = later_shown,
    .n_properties = 1,
};

static bool get_state(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    return qom_error_set(errp, "no state");
}

static const QomProperty later_properties[] = {
    {.name = "state", .type = "string", .get = get_state}};
static const QomTypeInfo backend_code = {
    .name = "test-backend",
    .parent = QOM_TYPE_OBJECT,
    .abstract = true,
    .instance_size = sizeof(QomObject) + 8,
    .interfaces = later_interfaces,
    .n_interfaces = 1,
};
static const QomTypeInfo later_code = {
    .name = "test-later",
    .parent = "test-backend",
    .instance_size = sizeof(Later),
    .config = &mem_props,
    .config_offset = offsetof(Mem, config),
    .properties = later_properties,
    .n_properties = 1,
};

static unsigned loads;
static bool installed;

static bool load(const char *name, const char *package, void *opaque, QomError **errp)
{
    loads++;
    assert_string_equal(package, "qomd-later");
    if (!installed) {
        return false;
    }
    qom_type_register(strcmp(name, "test-later") ? &backend_code : &later_code);
    return true;
}

static int setup(void **state)
{
    static bool done;
    if (!done) {
        done = true;
        qom_type_declare(&later_declared, "qomd-later");
        qom_type_declare(&backend_declared, "qomd-later");
        qom_type_set_loader(load, NULL);
    }
    return setup_types(state);
}

static void a_declared_type_is_introspected_without_its_code(void **state)
{
    const QomType *type = qom_type_find("test-later");
    size_t n;
    const QomProperty *const *all = qom_type_properties(type, &n);
    assert_int_equal(n, 11);
    assert_string_equal(all[0]->name, "type");
    assert_string_equal(all[1]->name, "dump");
    assert_string_equal(all[10]->name, "state");
    assert_true(qom_property_is_readable(all[10]));
    assert_false(qom_property_is_writable(all[10]));
    assert_true(qom_type_is_creatable(type));
    assert_int_equal(loads, 0);
}

static void using_a_type_without_its_package_names_the_package(void **state)
{
    assert_string_equal(add_error("{'qom-type':'test-later','id':'l'}"),
                        "Parameter 'size' is missing");
    assert_int_equal(loads, 0);
    assert_string_equal(add_error("{'qom-type':'test-later','id':'l','size':1}"),
                        "type 'test-backend' is in package 'qomd-later', which is not installed");
    assert_int_equal(loads, 1);
}

static void the_first_use_loads_the_code(void **state)
{
    installed = true;
    QomObject *obj = add("{'qom-type':'test-later','id':'l','size':5}");
    assert_int_equal(loads, 3);
    assert_string_equal(get(obj, "size"), "5");
    assert_string_equal(get(obj, "state"), "no state");
    add("{'qom-type':'test-later','id':'m','size':5}");
    assert_int_equal(loads, 3);
}

static void foreign_types_are_refused_with_an_error_and_leave_nothing(void **state)
{
    QOM_AUTO_ERROR(orphan);
    QOM_AUTO_ERROR(taken);
    QOM_AUTO_ERROR(rule_error);
    static const QomPropertyRule rule = {.name = "nothing"};
    static const QomTypeInfo no_parent = {.name = "test-foreign", .parent = "test-nobody"};
    static const QomTypeInfo twice = {.name = "test-ram", .parent = QOM_TYPE_OBJECT};
    static const QomTypeInfo bad_rule = {
        .name = "test-foreign", .parent = "test-ram", .rules = &rule, .n_rules = 1};
    static const QomTypeInfo good = {.name = "test-foreign", .parent = "test-ram"};
    assert_false(qom_type_register_dynamic(&no_parent, &orphan));
    assert_string_equal(qom_error_message(orphan),
                        "type 'test-foreign': unknown parent 'test-nobody'");
    assert_false(qom_type_register_dynamic(&twice, &taken));
    assert_string_equal(qom_error_message(taken), "type 'test-ram': registered twice");
    assert_false(qom_type_register_dynamic(&bad_rule, &rule_error));
    assert_null(qom_type_find("test-foreign"));
    assert_true(qom_type_register_dynamic(&good, NULL));
    add("{'qom-type':'test-foreign','id':'f','size':1}");
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(type_lists_are_sorted_and_filtered),
        ROW(roots_have_no_parent_and_are_listed_with_the_abstract),
        ROW(properties_of_a_type_need_no_instance),
        ROW(abstract_types_have_properties_interfaces_have_none),
        ROW(aliases_are_accepted_but_not_listed),
        ROW(a_declared_type_is_introspected_without_its_code),
        ROW(using_a_type_without_its_package_names_the_package),
        ROW(the_first_use_loads_the_code),
        ROW(foreign_types_are_refused_with_an_error_and_leave_nothing),
    };
    return cmocka_run_group_tests_name("introspect", tests, NULL, NULL);
}
