/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random values. Made from the descriptors alone: what a type describes is decoded, what is encoded
 * decodes to an equal value, and no damaged text makes the decoder leak or touch its target (run
 * with the sanitizers).
 */
#include "qom/json.h"
#include "qom/options.h"
#include "types.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <glib.h>
#include <string.h>

#define ROUNDS    3000
#define MAX_DEPTH 5

static GRand *dice; /* made with a fixed seed by each test */

static const QapiType *const types[] = {&type_Tree,  &type_Server, &type_AddrList,
                                        &type_Kinds, &type_Leaf,   &type_AltList};

static bool coin(void)
{
    return g_rand_boolean(dice);
}

static void random_value(const QapiType *type, int depth, JsonWriter *w);

static void random_members(const QapiType *type, int depth, JsonWriter *w)
{
    if (type->base) {
        random_members(type->base, depth, w);
    }
    int tag = -1;
    for (uint32_t i = 0; i < type->n_members; i++) {
        const QapiMember *member = &type->members[i];
        if (member->optional && (depth >= MAX_DEPTH || coin())) {
            continue;
        }
        json_writer_key(w, member->name);
        if (member == type->tag) {
            tag = g_rand_int_range(dice, 0, (gint32)type->n_branches);
            json_writer_string(w, qapi_enum_name(member->type, tag));
        } else {
            random_value(member->type, depth + 1, w);
        }
    }
    if (tag >= 0 && type->branches[tag].type) {
        random_members(type->branches[tag].type, depth, w);
    }
}

static void random_string(JsonWriter *w)
{
    static const char *const pieces[] = {
        "", "a", "\303\251", "\"", "\\", "\n", "\360\237\230\200", "'", "xyz", "\001", "/", "on"};
    GString *text = g_string_new(NULL);
    for (int n = g_rand_int_range(dice, 0, 5); n > 0; n--) {
        g_string_append(text, pieces[g_rand_int_range(dice, 0, G_N_ELEMENTS(pieces))]);
    }
    json_writer_string(w, text->str);
    g_string_free(text, TRUE);
}

static void random_scalar(const QapiType *type, JsonWriter *w)
{
    switch (type->kind) {
    case QAPI_KIND_STR: random_string(w); break;
    case QAPI_KIND_NULL: json_writer_null(w); break;
    case QAPI_KIND_BOOL: json_writer_bool(w, coin()); break;
    case QAPI_KIND_NUMBER: json_writer_double(w, g_rand_double_range(dice, -1e9, 1e9)); break;
    case QAPI_KIND_UINT64:
    case QAPI_KIND_SIZE:
        json_writer_uint64(w, (uint64_t)g_rand_int(dice) << 32 | g_rand_int(dice));
        break;
    case QAPI_KIND_INT64:
        json_writer_int64(w, (int64_t)((uint64_t)g_rand_int(dice) << 32 | g_rand_int(dice)));
        break;
    case QAPI_KIND_ENUM:
        json_writer_string(w,
                           qapi_enum_name(type, g_rand_int_range(dice, 0, (gint32)type->n_values)));
        break;
    default: json_writer_int64(w, g_rand_int_range(dice, 0, 128)); break;
    }
}

static void random_list(const QapiType *element, int depth, JsonWriter *w)
{
    json_writer_begin_array(w);
    for (int n = g_rand_int_range(dice, 0, 4); n > 0; n--) {
        random_value(element, depth + 1, w);
    }
    json_writer_end_array(w);
}

static void random_value(const QapiType *type, int depth, JsonWriter *w)
{
    switch (type->kind) {
    case QAPI_KIND_ANY: random_list(&qapi_type_str, depth, w); break;
    case QAPI_KIND_LIST: random_list(type->element, depth, w); break;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
        json_writer_begin_object(w);
        random_members(type, depth, w);
        json_writer_end_object(w);
        break;
    case QAPI_KIND_ALTERNATE:
        random_value(type->branches[g_rand_int_range(dice, 0, (gint32)type->n_branches)].type,
                     depth, w);
        break;
    default: random_scalar(type, w); break;
    }
}

static void what_types_describe_is_decoded_and_survives(void **state)
{
    dice = g_rand_new_with_seed(1);
    QapiArena *arena = qapi_arena_new();
    for (int i = 0; i < ROUNDS; i++) {
        const QapiType *type = types[i % G_N_ELEMENTS(types)];
        QOM_AUTO_ERROR(err);
        JSON_AUTO_WRITER(made);
        JSON_AUTO_WRITER(said);
        _Alignas(max_align_t) char value[512], copy[512], in_arena[512];
        QapiDecode how = {.arena = arena};
        size_t len;

        made = json_writer_new(false);
        said = json_writer_new(false);
        random_value(type, 0, made);
        const char *text = json_writer_text(made, &len);
        if (!qapi_decode_json(NULL, type, text, len, value, &err)) {
            fail_msg("%s: %s", text, qom_error_message(err));
        }
        assert_true(qapi_encode(type, value, NULL, said, NULL));
        assert_string_equal(json_writer_text(said, NULL), text);
        assert_true(qapi_decode_json(&how, type, text, len, in_arena, NULL));
        assert_true(qapi_equal(type, value, in_arena));
        qapi_copy(type, copy, in_arena);
        qapi_arena_reset(arena);
        assert_true(qapi_equal(type, value, copy));
        qapi_clear(type, value);
        qapi_clear(type, copy);
    }
    qapi_arena_free(arena);
    g_rand_free(dice);
}

static void damaged_text_is_refused_without_a_trace_or_means_something_else(void **state)
{
    dice = g_rand_new_with_seed(2);
    for (int i = 0; i < ROUNDS; i++) {
        const QapiType *type = types[i % G_N_ELEMENTS(types)];
        JSON_AUTO_WRITER(made);
        _Alignas(max_align_t) char value[512], before[512];
        made = json_writer_new(false);
        random_value(type, 0, made);
        size_t len;
        g_autofree char *text = json_writer_steal(made, &len);
        for (int n = g_rand_int_range(dice, 1, 4); n > 0; n--) {
            static const char wanted[] = "{}[]:,\"01-.etnua\\";
            text[g_rand_int_range(dice, 0, (gint32)len)] =
                wanted[g_rand_int_range(dice, 0, sizeof(wanted) - 1)];
        }
        memset(value, 0x5a, sizeof(value));
        memcpy(before, value, sizeof(value));
        QOM_AUTO_ERROR(err);
        if (qapi_decode_json(NULL, type, text, len, value, &err)) {
            qapi_clear(type, value);
        } else {
            assert_true(qom_error_message(err)[0] != '\0');
            assert_memory_equal(value, before, sizeof(value));
        }
    }
    g_rand_free(dice);
}

static void random_options_are_refused_without_a_trace_or_taken(void **state)
{
    static const char *const pieces[] = {
        "name",  "type", "addrs", "leaf", "socket", "path", "nodes", "0",    "1",     "00",
        ".",     ".",    ".",     "=",    "=",      "=",    "=",     ",",    ",",     ",",
        "unix",  "deep", "mode",  "slow", "device", "x",    "0-3",   "help", "names", "box",
        "depth", "5",    "-",     "on",   "noon",   "alts", "kinds", "any",  "size",  "1.5k",
    };
    dice = g_rand_new_with_seed(3);
    QapiOptionsHow how = {.implied_key = "type"};
    for (int i = 0; i < ROUNDS; i++) {
        const QapiType *type = types[i % G_N_ELEMENTS(types)];
        _Alignas(max_align_t) char value[512];
        GString *text = g_string_new(NULL);
        for (int n = g_rand_int_range(dice, 0, 24); n > 0; n--) {
            g_string_append(text, pieces[g_rand_int_range(dice, 0, G_N_ELEMENTS(pieces))]);
        }
        if (qapi_decode_options(NULL, type, &how, text->str, value, NULL)) {
            qapi_clear(type, value);
        }
        g_string_free(text, TRUE);
    }
    g_rand_free(dice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_types_describe_is_decoded_and_survives),
        cmocka_unit_test(damaged_text_is_refused_without_a_trace_or_means_something_else),
        cmocka_unit_test(random_options_are_refused_without_a_trace_or_taken),
    };
    return cmocka_run_group_tests_name("qapi property", tests, NULL, NULL);
}
