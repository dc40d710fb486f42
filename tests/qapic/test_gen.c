/* SPDX-License-Identifier: BSD-3-Clause */
/* The C that `qapic gen` writes and the engine fit each other: values of every kind of type go
 * through decode, copy and encode; commands reach their handlers; events carry their arguments. */
#include "gentest-all.h"
#include "gentest-commands.h"
#include "gentest-events.h"
#include "gentest-schema.h"
#include "gentest-sub-circle.h"

#include "qom/json.h"
#include "qom/qmp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_MAYBE
#define MAYBE 1
#else
#define MAYBE 0
#endif
#if defined(HAVE_MAYBE) || defined(HAVE_OTHER)
#define ANY 1
#else
#define ANY 0
#endif

static char *encode(const QapiType *type, const void *value)
{
    JSON_AUTO_WRITER(writer);

    writer = json_writer_new(false);
    assert_true(qapi_encode(type, value, NULL, writer, NULL));
    return json_writer_steal(writer, NULL);
}

static void *decode(const QapiType *type, const char *text)
{
    QapiDecode how = {.arena = NULL};
    QOM_AUTO_ERROR(error);
    void *value = g_malloc0(type->size);

    if (!qapi_decode_json(&how, type, text, strlen(text), value, &error)) {
        fail_msg("%s: %s", text, qom_error_message(error));
    }
    return value;
}

static void free_value(const QapiType *type, void *value)
{
    qapi_clear(type, value);
    g_free(value);
}

/* @text, which is in schema order and our own style, comes back as it is, also from a copy. */
static void assert_round_trip(const QapiType *type, const char *text)
{
    void *value = decode(type, text);
    void *copy = g_malloc0(type->size);
    g_autofree char *first = encode(type, value);
    g_autofree char *second = NULL;

    qapi_copy(type, copy, value);
    assert_true(qapi_equal(type, copy, value));
    free_value(type, value);
    second = encode(type, copy);
    free_value(type, copy);
    assert_string_equal(first, text);
    assert_string_equal(second, text);
}

static void test_structs(void **state)
{
    assert_round_trip(&qapi_type_Nothing, "{}");
    assert_round_trip(&qapi_type_Perhaps, "{}");
    assert_round_trip(&qapi_type_Kinds, "{}");
    assert_round_trip(&qapi_type_Kinds,
                      "{\"str\": \"\", \"any\": {\"a\": [1]}, \"null\": null, \"bool\": true, "
                      "\"number\": 0.5, \"int\": -9223372036854775808, \"int8\": -128, "
                      "\"int16\": -32768, \"int32\": -2147483648, \"int64\": 9223372036854775807, "
                      "\"uint8\": 255, \"uint16\": 65535, \"uint32\": 4294967295, "
                      "\"uint64\": 18446744073709551615, \"size\": 1, \"qtype\": \"qdict\", "
                      "\"colour\": \"9p\"}");
    assert_round_trip(&qapi_type_Keywords,
                      "{\"if\": \"a\", \"class\": 1, \"unix\": true, \"default\": \"\", "
                      "\"a_b\": 2, \"UPPER\": \"b\", \"x-long-name\": 3}");
    assert_round_trip(&qapi_type_Tree, "{\"name\": \"a\", \"left\": {\"name\": \"b\", \"left\": "
                                       "{\"name\": \"c\"}}, \"children\": [{\"name\": \"d\", "
                                       "\"children\": []}, {\"name\": \"e\"}]}");
    assert_round_trip(&qapi_type_Point4, "{\"x\": 1, \"y\": 2, \"z\": 3, \"t\": 4.5, "
                                         "\"trace\": [{\"x\": 5}, {\"x\": 6, \"y\": 7}], "
                                         "\"hollow\": {}}");
}

static void test_lists(void **state)
{
    assert_round_trip(&qapi_type_Lists, "{\"str\": [], \"any\": []}");
    assert_round_trip(
        &qapi_type_Lists,
        "{\"str\": [\"a\", \"b\"], \"any\": [1, null], \"null\": [null], \"bool\": [true, false], "
        "\"number\": [1.5], \"int\": [1, 2, 3], \"uint16\": [0, 65535], \"size\": [1], "
        "\"qtype\": [\"none\", \"qbool\"], \"colour\": [\"red\", \"old\"], "
        "\"kinds\": [{}, {\"int\": 1}], \"shape\": [{\"colour\": \"9p\"}, "
        "{\"colour\": \"red\", \"after\": 1, \"x\": 2}], \"choice\": [\"flat\", 1, null, [\"b\"], "
        "{\"x\": 1}]}");
}

static void test_unions(void **state)
{
    assert_round_trip(&qapi_type_Shape, "{\"colour\": \"9p\", \"after\": 1}");
    assert_round_trip(&qapi_type_Shape,
                      "{\"colour\": \"red\", \"x\": 1, \"t\": 2.5, \"trace\": []}");
    assert_round_trip(&qapi_type_Shape, "{\"colour\": \"dark-green\", \"after\": 0, "
                                        "\"label\": \"a\", \"depth\": \"flat\"}");
    assert_round_trip(&qapi_type_Shape, "{\"colour\": \"dark-green\", \"depth\": \"deep\", "
                                        "\"x\": 1, \"z\": 2}");
    assert_round_trip(&qapi_type_Empty, "{\"depth\": \"deep\"}");
    assert_round_trip(&qapi_type_Circle, "{\"round\": \"very\", \"how\": \"hardly\", "
                                         "\"of\": [{\"round\": \"hardly\", \"x\": 1}]}");
#if MAYBE
    assert_round_trip(&qapi_type_Shape,
                      "{\"before\": \"a\", \"colour\": \"maybe\", \"name\": \"b\"}");
#endif
}

static void test_alternates(void **state)
{
    assert_round_trip(&qapi_type_Holder, "{\"choice\": \"flat\"}");
    assert_round_trip(&qapi_type_Holder, "{\"choice\": 1, \"maybe\": null, \"either\": \"deep\"}");
    assert_round_trip(&qapi_type_Holder,
                      "{\"choice\": [\"a\"], \"maybe\": {\"x\": 1}, "
                      "\"either\": {\"depth\": \"flat\"}, \"shared\": [{\"tree\": {\"name\": "
                      "\"a\"}, \"kinds\": {\"bool\": false}}]}");
}

static void test_enums(void **state)
{
    static const char *const names[] = {"red", "dark-green", "9p", "old"};

    assert_int_equal(COLOUR__MAX, 4 + MAYBE);
    assert_int_equal(qapi_type_Colour.n_values, COLOUR__MAX);
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        int value = qapi_enum_lookup(&qapi_type_Colour, names[i], strlen(names[i]));
        assert_true(value >= 0);
        assert_string_equal(Colour_name((Colour)value), names[i]);
    }
    assert_int_equal(qapi_enum_lookup(&qapi_type_Colour, "maybe", 5) >= 0, MAYBE);
    assert_int_equal(COLOUR_9P, 2);
    assert_int_equal(qapi_type_Colour.values[COLOUR_OLD].features, QAPI_FEATURE_DEPRECATED);
    assert_int_equal(qapi_type_Ghost.n_values, 2 * MAYBE);
    assert_int_equal(qapi_type_Upper.values[UPPER_SOME_VALUE].features, 0);
}

static const char *default_of(const char *name)
{
    const QapiMember *member = qapi_find_member(&qapi_type_Kinds, name);

    assert_non_null(member);
    return member->default_json == NULL ? "none" : member->default_json;
}

static void test_defaults(void **state)
{
    static const char *const expected[][2] = {
        {"str", "\"a \\\"b\\\"\""},
        {"bool", "true"},
        {"number", "2.5"},
        {"int", "-7"},
        {"int8", "none"},
        {"int16", "none"},
        {"int32", "0"},
        {"int64", "9"},
        {"uint16", "80"},
        {"uint32", "none"},
        {"size", "none"},
        {"uint64", "18446744073709551615"},
        {"any", "none"},
        {"null", "none"},
        {"colour", "\"dark-green\""},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        assert_string_equal(default_of(expected[i][0]), expected[i][1]);
    }
}

static void test_docs(void **state)
{
    const QapiMember *colour = qapi_find_member(&qapi_type_Kinds, "colour");

    assert_string_equal(qapi_type_Kinds.doc, "One member of each built-in type.");
    assert_string_equal(colour->doc, "a colour (default: dark-green)");
    assert_string_equal(qapi_type_Colour.values[COLOUR_RED].doc, "like a \"rose\"\\?");
    assert_string_equal(gentest_command_later.doc, "Answers later.");
}

static void test_features(void **state)
{
    const QapiMember *null = qapi_find_member(&qapi_type_Kinds, "null");
    uint64_t second = MAYBE ? GENTEST_FEATURE_SECOND : 0;

    assert_int_equal(null->features, QAPI_FEATURE_UNSTABLE);
    assert_int_equal(qapi_type_Kinds.features, GENTEST_FEATURE_FIRST | second);
    assert_int_equal(gentest_command_all_kinds.features, QAPI_FEATURE_DEPRECATED | second);
    for (unsigned i = 2; i < gentest_schema.n_features; i++) {
        bool first = strcmp(gentest_schema.feature_names[i], "first") == 0;
        assert_int_equal(UINT64_C(1) << i, first ? GENTEST_FEATURE_FIRST : GENTEST_FEATURE_SECOND);
    }
}

static void test_base(void **state)
{
    Point4 *point = decode(&qapi_type_Point4, "{\"x\": 1, \"y\": 2, \"z\": 3}");

    assert_int_equal(Point4_base(point)->z, 3);
    assert_int_equal(Point3_base(Point4_base(point))->x, 1);
    assert_true(Point3_base(Point4_base(point))->has_y);
    Point4_clear(point);
    g_free(point);
}

static void test_schema_is_sorted(void **state)
{
    const QapiSchema *schema = &gentest_schema;

    for (uint32_t i = 1; i < schema->n_commands; i++) {
        assert_true(strcmp(schema->commands[i - 1]->name, schema->commands[i]->name) < 0);
    }
    for (uint32_t i = 1; i < schema->n_types; i++) {
        assert_true(strcmp(schema->types[i - 1]->name, schema->types[i]->name) < 0);
    }
    assert_int_equal(schema->n_events, 3 + ANY);
    assert_int_equal(schema->n_commands, 12 + MAYBE);
    assert_ptr_equal(qapi_find_command(schema, "later", 5), &gentest_command_later);
    assert_int_equal(gentest_command_all_kinds.flags, QAPI_COMMAND_OOB | QAPI_COMMAND_PRECONFIG);
    assert_int_equal(gentest_command_raw.flags, QAPI_COMMAND_RAW | QAPI_COMMAND_NO_SUCCESS);
}

/* --- Commands -------------------------------------------------------------------------------- */

/* Runs a command and returns its result, or the error's text. */
static char *run(const QapiCommand *command, const char *args_text)
{
    void *args = command->args == NULL ? NULL : decode(command->args, args_text);
    void *ret = g_malloc0(command->ret == NULL ? 1 : command->ret->size);
    QOM_AUTO_ERROR(error);
    char *result;

    if (command->call(args, ret, &error)) {
        result = command->ret == NULL ? g_strdup("{}") : encode(command->ret, ret);
    } else {
        result = g_strdup(qom_error_message(error));
    }
    if (command->ret != NULL) {
        qapi_clear(command->ret, ret);
    }
    if (args != NULL) {
        free_value(command->args, args);
    }
    g_free(ret);
    return result;
}

static void assert_runs(const QapiCommand *command, const char *args, const char *result)
{
    g_autofree char *text = run(command, args);

    assert_string_equal(text, result);
}

bool gentest_nop(QomError **errp)
{
    return true;
}

bool gentest_all_kinds(const char *text, bool has_flag, bool flag, bool has_colour, Colour colour,
                       const Point *point, const PointList *points, const strList *names,
                       const Choice *choice, const char *any, bool has_ret, int64_t arg_ret,
                       Tree *ret, QomError **errp)
{
    if (strcmp(text, "fail") == 0) {
        return qom_error_set(errp, "As you wish");
    }
    ret->name = g_strdup_printf(
        "%s %d %s %d %zu %d %d %s %d", text, has_flag ? flag : -1,
        has_colour ? Colour_name(colour) : "-", point == NULL ? -1 : (int)point->x, points->n,
        names == NULL ? -1 : (int)names->n, choice == NULL ? -1 : (int)choice->type,
        any == NULL ? "-" : any, has_ret ? (int)arg_ret : -1);
    return true;
}

bool gentest_with_point(int64_t x, bool has_y, int64_t y, bool has_z, int64_t z, PointList *ret,
                        QomError **errp)
{
    ret->n = 2;
    ret->items = g_new0(Point, 2);
    ret->items[0] = (Point){.x = x, .has_y = has_y, .y = y};
    ret->items[1] = (Point){.x = has_z ? z : -1};
    return true;
}

bool gentest_boxed_shape(const Shape *arg, Shape *ret, QomError **errp)
{
    Shape_copy(ret, arg);
    return true;
}

bool gentest_get_any(char **ret, QomError **errp)
{
    *ret = g_strdup("[null]");
    return true;
}

bool gentest_get_text(char **ret, QomError **errp)
{
    *ret = g_strdup("text");
    return true;
}

bool gentest_get_texts(strList *ret, QomError **errp)
{
    ret->n = 1;
    ret->items = g_new0(char *, 1);
    ret->items[0] = g_strdup("text");
    return true;
}

bool gentest_get_number(int8_t n, int8_t *ret, QomError **errp)
{
    *ret = n;
    return true;
}

bool gentest_get_colour(Colour *ret, QomError **errp)
{
    *ret = COLOUR_OLD;
    return true;
}

static int64_t seen_delay;

void gentest_later(bool has_delay, int64_t delay, QmpCall *call)
{
    seen_delay = has_delay ? delay : -1;
}

void gentest_raw(const JsonTape *tape, uint32_t node, QmpCall *call)
{
}

bool gentest_thing_add(const ThingOptions *arg, QomError **errp)
{
    return qom_error_set(errp, "%s %s", ThingType_name(arg->qom_type), arg->id);
}

#if MAYBE
bool gentest_sometimes(const Conditional *arg, QomError **errp)
{
    return arg->a == 1;
}
#endif

static void test_commands(void **state)
{
    assert_runs(&gentest_command_nop, "{}", "{}");
    assert_null(gentest_command_nop.args);
    assert_runs(&gentest_command_all_kinds, "{\"text\": \"a\", \"points\": []}",
                "{\"name\": \"a -1 - -1 0 -1 -1 - -1\"}");
    assert_runs(&gentest_command_all_kinds,
                "{\"text\": \"a\", \"points\": [{\"x\": 1}], \"flag\": true, \"colour\": \"red\", "
                "\"point\": {\"x\": 7}, \"names\": [], \"choice\": 1, \"any\": 2, \"ret\": 3}",
                "{\"name\": \"a 1 red 7 1 0 2 2 3\"}");
    assert_runs(&gentest_command_all_kinds, "{\"text\": \"fail\", \"points\": []}", "As you wish");
    assert_runs(&gentest_command_with_point, "{\"x\": 1, \"y\": 2, \"z\": 3}",
                "[{\"x\": 1, \"y\": 2}, {\"x\": 3}]");
    assert_runs(&gentest_command_boxed_shape, "{\"x\": 1, \"colour\": \"red\"}",
                "{\"colour\": \"red\", \"x\": 1}");
    assert_runs(&gentest_command_get_any, "{}", "[null]");
    assert_runs(&gentest_command_get_text, "{}", "\"text\"");
    assert_runs(&gentest_command_get_texts, "{}", "[\"text\"]");
    assert_runs(&gentest_command_get_number, "{\"n\": -5}", "-5");
    assert_runs(&gentest_command_get_colour, "{}", "\"old\"");
    assert_runs(&gentest_command_thing_add, "{\"id\": \"a\", \"qom-type\": \"bare\"}", "bare a");
}

static void test_coroutine(void **state)
{
    void *args = decode(gentest_command_later.args, "{\"delay\": 5}");

    assert_null(gentest_command_later.call);
    gentest_command_later.call_async(args, NULL);
    assert_int_equal(seen_delay, 5);
    free_value(gentest_command_later.args, args);
    assert_ptr_equal(gentest_command_raw.call_raw, gentest_raw);
}

/* --- Events ---------------------------------------------------------------------------------- */

static char *sent;

void qmp_event_send(const QapiEvent *event, const void *args)
{
    g_autofree char *data = event->args == NULL ? g_strdup("-") : encode(event->args, args);

    g_free(sent);
    sent = g_strdup_printf("%s %s", event->name, data);
}

static void test_events(void **state)
{
    Point items[] = {{.x = 1}, {.x = 2, .has_y = true, .y = 3}};
    PointList points = {.n = 2, .items = items};
    char *texts[] = {(char *)"a"};
    strList names = {.n = 1, .items = texts};
    Shape shape = {.colour = COLOUR_9P, .has_after = true, .after = 4};

    gentest_event_send_simple();
    assert_string_equal(sent, "SIMPLE -");
    gentest_event_send_things_changed("n", false, false, &points, NULL, NULL, false, 0);
    assert_string_equal(sent, "THINGS_CHANGED {\"name\": \"n\", \"points\": [{\"x\": 1}, "
                              "{\"x\": 2, \"y\": 3}]}");
    gentest_event_send_things_changed("n", true, true, &points, &names, &items[0], true, 5);
    assert_string_equal(sent, "THINGS_CHANGED {\"name\": \"n\", \"flag\": true, \"points\": "
                              "[{\"x\": 1}, {\"x\": 2, \"y\": 3}], \"names\": [\"a\"], \"point\": "
                              "{\"x\": 1}, \"call\": 5}");
    gentest_event_send_shaped(&shape);
    assert_string_equal(sent, "SHAPED {\"colour\": \"9p\", \"after\": 4}");
    g_clear_pointer(&sent, g_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"structs of all kinds round-trip", test_structs, NULL, NULL, NULL},
        {"lists of all kinds round-trip", test_lists, NULL, NULL, NULL},
        {"unions with named, inline and nested bases round-trip", test_unions, NULL, NULL, NULL},
        {"alternates round-trip", test_alternates, NULL, NULL, NULL},
        {"enum names and constants fit", test_enums, NULL, NULL, NULL},
        {"defaults are taken from descriptions where they fit", test_defaults, NULL, NULL, NULL},
        {"descriptors have the first paragraph as plain text", test_docs, NULL, NULL, NULL},
        {"features are bits of the schema", test_features, NULL, NULL, NULL},
        {"a struct starts with its base", test_base, NULL, NULL, NULL},
        {"the schema's tables are complete and sorted", test_schema_is_sorted, NULL, NULL, NULL},
        {"stubs call handlers with the arguments apart", test_commands, NULL, NULL, NULL},
        {"coroutine and raw handlers are reached", test_coroutine, NULL, NULL, NULL},
        {"senders fill the event's arguments", test_events, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
