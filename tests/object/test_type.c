/* SPDX-License-Identifier: BSD-3-Clause */
/* Types and classes, the order of birth and death, references. */
#include "types.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- A family with class functions and two interfaces --------------------------------------------
 */

typedef struct SoundVtable {
    const char *(*sound)(void);
} SoundVtable;

typedef struct AnimalClass {
    QomClass klass;
    int legs;
    const char *(*name)(void);
} AnimalClass;

static const char *say_woof(void)
{
    return "woof";
}

static const char *say_growl(void)
{
    return "growl";
}

static const char *animal_name(void)
{
    return "animal";
}

static void animal_class_init(QomClass *klass)
{
    ((AnimalClass *)klass)->legs = 4;
    ((AnimalClass *)klass)->name = animal_name;
}

static void bird_class_init(QomClass *klass)
{
    ((AnimalClass *)klass)->legs = 2;
}

#define TRACED(type)                             \
    static void type##_init(QomObject *obj)      \
    {                                            \
        trace_add("+" #type " ");                \
    }                                            \
    static void type##_post_init(QomObject *obj) \
    {                                            \
        trace_add("~" #type " ");                \
    }                                            \
    static void type##_finalize(QomObject *obj)  \
    {                                            \
        trace_add("-" #type " ");                \
    }
TRACED(animal)
TRACED(dog)

static void part_finalize(QomObject *obj)
{
    trace_add("-part ");
}

static void part_unparent(QomObject *obj)
{
    g_autofree char *path = qom_object_path(obj);
    trace_add("out(%s,%s) ", qom_object_name(obj), path ? path : "-");
}

static void part_class_init(QomClass *klass)
{
    klass->unparent = part_unparent;
}

static const SoundVtable woof = {say_woof}, growl = {say_growl};
static const QomInterfaceInfo dog_interfaces[] = {{"test-barks", &woof}};
static const QomInterfaceInfo wolf_interfaces[] = {{"test-barks", &growl}};
static const QomInterfaceInfo chimera_interfaces[] = {{"test-barks", &woof}, {"test-sings", &woof}};

typedef struct Holder {
    QomObject obj;
    QomObject *held;
} Holder;

static void holder_class_init(QomClass *klass)
{
    qom_class_property_add_link(klass, "held", QOM_TYPE_OBJECT, offsetof(Holder, held), NULL, 0,
                                "the object held");
}

static const QomTypeInfo infos[] = {
    {.name = "test-sounds", .parent = QOM_TYPE_INTERFACE, .abstract = true},
    {.name = "test-barks", .parent = "test-sounds", .abstract = true},
    {.name = "test-sings", .parent = "test-sounds", .abstract = true},
    {.name = "test-animal",
     .parent = QOM_TYPE_OBJECT,
     .class_size = sizeof(AnimalClass),
     .class_init = animal_class_init,
     .instance_init = animal_init,
     .instance_post_init = animal_post_init,
     .instance_finalize = animal_finalize,
     .abstract = true},
    {.name = "test-dog",
     .parent = "test-animal",
     .interfaces = dog_interfaces,
     .n_interfaces = 1,
     .instance_init = dog_init,
     .instance_post_init = dog_post_init,
     .instance_finalize = dog_finalize},
    {.name = "test-poodle", .parent = "test-dog"},
    {.name = "test-wolf", .parent = "test-dog", .interfaces = wolf_interfaces, .n_interfaces = 1},
    {.name = "test-bird", .parent = "test-animal", .class_init = bird_class_init},
    {.name = "test-chimera",
     .parent = "test-animal",
     .interfaces = chimera_interfaces,
     .n_interfaces = 2},
    {.name = "test-part",
     .parent = QOM_TYPE_OBJECT,
     .class_init = part_class_init,
     .instance_finalize = part_finalize},
    {.name = "test-holder",
     .parent = QOM_TYPE_OBJECT,
     .instance_size = sizeof(Holder),
     .class_init = holder_class_init},
};

static int setup(void **state)
{
    static bool done;
    if (!done) {
        done = true;
        for (size_t i = 0; i < G_N_ELEMENTS(infos); i++) {
            qom_type_register(&infos[i]);
        }
    }
    return setup_types(state);
}

static const AnimalClass *animal_class(const char *type)
{
    return (const AnimalClass *)qom_type_class(qom_type_find(type), NULL);
}

static void a_class_starts_as_a_copy_of_its_parents(void **state)
{
    assert_int_equal(animal_class("test-poodle")->legs, 4);
    assert_int_equal(animal_class("test-bird")->legs, 2);
    assert_ptr_equal(animal_class("test-bird")->name, animal_name);
    assert_ptr_equal(qom_type_find("test-bird"), animal_class("test-bird")->klass.type);
}

static void casts_go_to_ancestors_and_to_one_interface(void **state)
{
    assert_true(qom_type_is_a(qom_type_find("test-poodle"), "test-animal"));
    assert_true(qom_type_is_a(qom_type_find("test-poodle"), "object"));
    assert_true(qom_type_is_a(qom_type_find("test-poodle"), "test-barks"));
    assert_true(qom_type_is_a(qom_type_find("test-poodle"), "test-sounds"));
    assert_false(qom_type_is_a(qom_type_find("test-bird"), "test-barks"));
    assert_false(qom_type_is_a(qom_type_find("test-animal"), "test-dog"));
    assert_true(qom_type_is_a(qom_type_find("test-chimera"), "test-sings"));
    assert_false(qom_type_is_a(qom_type_find("test-chimera"), "test-sounds")); /* two candidates */
    assert_false(qom_type_is_a(qom_type_find("test-chimera"), "interface"));
    assert_true(qom_type_is_a(qom_type_find("test-barks"), "interface"));
}

static const char *sound_of(const char *type, const char *interface)
{
    QOM_AUTO_UNREF QomObject *obj = qom_object_new(type);
    const SoundVtable *vtable = qom_object_interface(obj, interface);
    return vtable ? vtable->sound() : "nothing";
}

static void interface_methods_are_inherited_and_overridden(void **state)
{
    assert_string_equal(sound_of("test-poodle", "test-barks"), "woof");
    assert_string_equal(sound_of("test-wolf", "test-barks"), "growl");
    assert_string_equal(sound_of("test-wolf", "test-sounds"), "growl");
    assert_string_equal(sound_of("test-bird", "test-barks"), "nothing");
    assert_string_equal(sound_of("test-chimera", "test-sounds"), "nothing");
}

/* Whether @mistake ends a process that has it, saying @text. */
static void assert_fatal(void (*mistake)(void), const char *text)
{
    int ends[2];
    char said[512] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        mistake();
        _exit(0);
    }
    close(ends[1]);
    for (size_t n = 0; n < sizeof(said) - 1;) {
        ssize_t got = read(ends[0], said + n, sizeof(said) - 1 - n);
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    close(ends[0]);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, text));
}

static void register_one(const char *name, const char *parent)
{
    QomTypeInfo info = {.name = name, .parent = parent};
    qom_type_register(&info);
    qom_type_check_all();
}

static void illegal_name(void)
{
    register_one("0x", QOM_TYPE_OBJECT);
}

static void short_name(void)
{
    register_one("x", QOM_TYPE_OBJECT);
}

static void double_registration(void)
{
    register_one("test-dog", QOM_TYPE_OBJECT);
}

static void unknown_parent(void)
{
    register_one("test-orphan", "test-nobody");
}

static void own_ancestor(void)
{
    register_one("test-ouroboros", "test-ouroboros");
}

static void abstract_instance(void)
{
    qom_object_new("test-animal");
}

static void unknown_rule(void)
{
    static const QomPropertyRule rule = {.name = "nothing"};
    QomTypeInfo info = {.name = "test-rule", .parent = "test-ram", .rules = &rule, .n_rules = 1};
    qom_type_register(&info);
    qom_type_check_all();
}

static void foreign_config(void)
{
    static const QapiType other = {.name = "Other", .kind = QAPI_KIND_STRUCT, .size = 1};
    QomTypeInfo info = {.name = "test-other",
                        .parent = "test-ram",
                        .config = &other,
                        .config_offset = offsetof(Mem, config)};
    qom_type_register(&info);
    qom_type_check_all();
}

static void covering_config(void)
{
    static const QapiType more = {
        .name = "More", .kind = QAPI_KIND_STRUCT, .size = sizeof(MemProps) + 8, .base = &mem_props};
    static const QomTypeInfo wide = {
        .name = "test-wide", .parent = "test-ram", .instance_size = sizeof(Mem) + 64};
    static const QomTypeInfo covers = {.name = "test-covers",
                                       .parent = "test-wide",
                                       .config = &more,
                                       .config_offset = offsetof(Mem, config)};
    qom_type_register(&wide);
    qom_type_register(&covers);
    qom_type_check_all();
}

static void taken_property(void)
{
    static const QomProperty property = {.name = "size", .type = "int"};
    QomTypeInfo info = {
        .name = "test-twice", .parent = "test-ram", .properties = &property, .n_properties = 1};
    qom_type_register(&info);
    qom_type_check_all();
}

static void mistakes_end_the_program_and_name_the_type(void **state)
{
    assert_fatal(illegal_name, "type '0x': illegal name");
    assert_fatal(short_name, "type 'x': illegal name");
    assert_fatal(double_registration, "type 'test-dog': registered twice");
    assert_fatal(unknown_parent, "type 'test-orphan': unknown parent 'test-nobody'");
    assert_fatal(own_ancestor, "type 'test-ouroboros': is its own ancestor");
    assert_fatal(abstract_instance, "type 'test-animal': is abstract");
    assert_fatal(unknown_rule, "type 'test-rule': rule for 'nothing'");
    assert_fatal(foreign_config, "type 'test-other': config 'Other' does not extend");
    assert_fatal(covering_config, "type 'test-covers': config 'More' covers");
    assert_fatal(taken_property, "type 'test-twice': property 'size' is there twice");
}

/* --- Birth, references, death --------------------------------------------------------------------
 */

static void init_goes_down_post_init_and_finalize_go_up(void **state)
{
    QomObject *dog = qom_object_new("test-poodle");
    assert_string_equal(trace, "+animal +dog ~dog ~animal ");
    trace[0] = 0;
    qom_object_unref(dog);
    assert_string_equal(trace, "-dog -animal ");
}

static void everything_is_released_before_finalize(void **state)
{
    QomObject *dog = qom_object_new("test-dog");
    for (int i = 0; i < 2; i++) {
        QomObject *part = qom_object_new("test-part");
        assert_true(qom_object_add_child(dog, i ? "b" : "a", part, NULL));
        qom_object_unref(part);
    }
    trace[0] = 0;
    qom_object_unref(dog);
    assert_string_equal(trace, "out(b,-) -part out(a,-) -part -dog -animal ");
}

static void unparenting_calls_the_hook_while_the_path_is_valid(void **state)
{
    QOM_AUTO_UNREF QomObject *part = qom_object_new("test-part");
    assert_true(qom_object_add_child(qom_objects(), "p", part, NULL));
    qom_object_unparent(part);
    assert_string_equal(trace, "out(p,/objects/p) ");
    assert_null(qom_object_parent(part));
    assert_null(qom_object_name(part));
}

static void an_object_lives_on_nameless_while_others_hold_it(void **state)
{
    QomObject *holder = qom_object_new("test-holder");
    QomObject *part = qom_object_new("test-part");
    assert_true(qom_object_add_child(qom_objects(), "p", part, NULL));
    qom_object_set_link(holder, "held", part);
    qom_object_unref(part);
    qom_object_unparent(part);
    trace[0] = 0;
    assert_string_equal(qom_object_type_name(part), "test-part");
    qom_object_unref(holder);
    assert_string_equal(trace, "-part ");
}

enum { DEEP = 300000 };

static void a_deep_chain_of_children_dies_without_recursion(void **state)
{
    QomObject *top = qom_object_new("container");
    for (int i = 0; i < DEEP; i++) {
        QomObject *outer = qom_object_new("container");
        assert_true(qom_object_add_child(outer, "inner", top, NULL));
        qom_object_unref(top);
        top = outer;
    }
    qom_object_unref(top);
}

static void a_deep_chain_of_links_dies_without_recursion(void **state)
{
    QomObject *top = qom_object_new("test-holder");
    for (int i = 0; i < DEEP; i++) {
        QomObject *outer = qom_object_new("test-holder");
        qom_object_set_link(outer, "held", top);
        qom_object_unref(top);
        top = outer;
    }
    qom_object_unref(top);
}

static gpointer ref_and_unref(gpointer obj)
{
    for (int i = 0; i < 100000; i++) {
        qom_object_unref(qom_object_ref(obj));
    }
    return NULL;
}

static void references_may_be_counted_in_any_thread(void **state)
{
    QomObject *dog = qom_object_new("test-dog");
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        threads[i] = g_thread_new("ref", ref_and_unref, dog);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_thread_join(threads[i]);
    }
    trace[0] = 0;
    qom_object_unref(dog);
    assert_string_equal(trace, "-dog -animal ");
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_class_starts_as_a_copy_of_its_parents),
        ROW(casts_go_to_ancestors_and_to_one_interface),
        ROW(interface_methods_are_inherited_and_overridden),
        ROW(mistakes_end_the_program_and_name_the_type),
        ROW(init_goes_down_post_init_and_finalize_go_up),
        ROW(everything_is_released_before_finalize),
        ROW(unparenting_calls_the_hook_while_the_path_is_valid),
        ROW(an_object_lives_on_nameless_while_others_hold_it),
        ROW(a_deep_chain_of_children_dies_without_recursion),
        ROW(a_deep_chain_of_links_dies_without_recursion),
        ROW(references_may_be_counted_in_any_thread),
    };
    return cmocka_run_group_tests_name("type", tests, NULL, NULL);
}
