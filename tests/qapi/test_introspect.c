/* SPDX-License-Identifier: BSD-3-Clause */
/* What the descriptors say of themselves: complete, resolvable, minimal. */
#include "qom/json.h"
#include "types.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <glib.h>
#include <string.h>

static const QapiSchema *const schemas[] = {&test_schema};

static JsonTape *introspect(bool hide_deprecated, const QapiExtraBranch *extra, size_t n_extra)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    qapi_introspect(schemas, 1, hide_deprecated, extra, n_extra, w);
    size_t len;
    const char *text = json_writer_text(w, &len);
    JsonTape *tape = json_parse_text(text, len, NULL);
    assert_non_null(tape);
    return tape;
}

static const char *field(const JsonTape *tape, JsonTok object, const char *key)
{
    JsonTok value = json_tape_find(tape, object, key);
    return value == JSON_NONE ? NULL : json_tok_text(tape, value, NULL);
}

static JsonTok entity(const JsonTape *tape, const char *name)
{
    JsonTok found = JSON_NONE;
    for (JsonTok t = json_tape_first(tape, 0); t != JSON_NONE; t = json_tape_next(tape, 0, t)) {
        if (g_strcmp0(field(tape, t, "name"), name) == 0) {
            assert_int_equal(found, JSON_NONE); /* each name once */
            found = t;
        }
    }
    assert_int_not_equal(found, JSON_NONE);
    return found;
}

static JsonTok member(const JsonTape *tape, JsonTok object, const char *list, const char *key,
                      const char *name)
{
    JsonTok members = json_tape_find(tape, object, list);
    assert_int_not_equal(members, JSON_NONE);
    for (JsonTok t = json_tape_first(tape, members); t != JSON_NONE;
         t = json_tape_next(tape, members, t)) {
        if (g_strcmp0(field(tape, t, key), name) == 0) {
            return t;
        }
    }
    return JSON_NONE;
}

static JsonTok type_of(const JsonTape *tape, JsonTok object, const char *name)
{
    return entity(tape, field(tape, member(tape, object, "members", "name", name), "type"));
}

/* Adds the names that the value at @tok refers to. */
static void collect_references(const JsonTape *tape, JsonTok tok, GHashTable *names)
{
    if (json_tape_type(tape, tok) == JSON_ARRAY) {
        for (JsonTok t = json_tape_first(tape, tok); t != JSON_NONE;
             t = json_tape_next(tape, tok, t)) {
            collect_references(tape, t, names);
        }
        return;
    }
    if (json_tape_type(tape, tok) != JSON_OBJECT) {
        return;
    }
    for (JsonTok key = json_tape_first(tape, tok); key != JSON_NONE;
         key = json_tape_next(tape, tok, key)) {
        const char *name = json_tok_text(tape, key, NULL);
        JsonTok value = json_tape_value(tape, key);
        if (g_str_equal(name, "type") || g_str_equal(name, "arg-type") ||
            g_str_equal(name, "ret-type") || g_str_equal(name, "element-type")) {
            g_hash_table_add(names, (void *)json_tok_text(tape, value, NULL));
        }
        collect_references(tape, value, names);
    }
}

static void assert_sound(const JsonTape *tape)
{
    g_autoptr(GHashTable) references = g_hash_table_new(g_str_hash, g_str_equal);
    collect_references(tape, 0, references);
    for (JsonTok t = json_tape_first(tape, 0); t != JSON_NONE; t = json_tape_next(tape, 0, t)) {
        const char *name = field(tape, t, "name");
        const char *meta = field(tape, t, "meta-type");
        entity(tape, name);
        if (!g_str_equal(meta, "command") && !g_str_equal(meta, "event")) {
            assert_true(g_hash_table_remove(references, name)); /* reached by something */
        }
    }
    assert_int_equal(g_hash_table_size(references), 0); /* all resolve */
}

static void every_reference_resolves_and_nothing_is_superfluous(void **state)
{
    JSON_AUTO_TAPE(tape);
    tape = introspect(false, NULL, 0);
    assert_sound(tape);
    JSON_AUTO_TAPE(hidden);
    hidden = introspect(true, NULL, 0);
    assert_sound(hidden);
}

static void commands_and_events_are_those_of_the_schema(void **state)
{
    JSON_AUTO_TAPE(tape);
    tape = introspect(false, NULL, 0);
    JsonTok old = entity(tape, "old-one");
    JsonTok list = entity(tape, "list-addrs");
    assert_int_not_equal(json_tape_find(tape, old, "allow-oob"), JSON_NONE);
    assert_int_equal(json_tape_find(tape, list, "allow-oob"), JSON_NONE);
    assert_string_equal(field(tape, list, "meta-type"), "command");
    JsonTok features = json_tape_find(tape, list, "features");
    assert_string_equal(json_tok_text(tape, json_tape_first(tape, features), NULL), "fdset");
    /* nothing taken and nothing returned are one object without members */
    assert_string_equal(field(tape, old, "arg-type"), field(tape, old, "ret-type"));
    assert_string_equal(field(tape, old, "arg-type"),
                        field(tape, entity(tape, "get-tree"), "arg-type"));
    JsonTok nothing = entity(tape, field(tape, old, "arg-type"));
    assert_int_equal(json_tape_count(tape, json_tape_find(tape, nothing, "members")), 0);
    assert_string_equal(field(tape, entity(tape, "TREE_CHANGED"), "meta-type"), "event");
}

static void types_are_masked_flattened_and_integers_are_int(void **state)
{
    JSON_AUTO_TAPE(tape);
    tape = introspect(false, NULL, 0);
    JsonTok tree = entity(tape, field(tape, entity(tape, "get-tree"), "ret-type"));
    JsonTok leaf = type_of(tape, tree, "leaf");
    assert_true(g_ascii_isdigit(field(tape, leaf, "name")[0]));
    JsonTok first = json_tape_first(tape, json_tape_find(tape, leaf, "members"));
    assert_string_equal(field(tape, first, "name"), "name"); /* the base comes first */
    assert_int_equal(json_tape_find(tape, first, "default"), JSON_NONE);
    JsonTok level = member(tape, leaf, "members", "name", "level");
    assert_int_equal(json_tape_type(tape, json_tape_find(tape, level, "default")), JSON_NULL);
    assert_string_equal(field(tape, member(tape, leaf, "members", "name", "bytes"), "type"), "int");
    assert_string_equal(field(tape, member(tape, leaf, "members", "name", "nodes"), "type"),
                        "[int]");
    assert_string_equal(field(tape, entity(tape, "[int]"), "element-type"), "int");
    assert_string_equal(field(tape, entity(tape, "any"), "json-type"), "value");

    JsonTok addr = type_of(tape, tree, "addr");
    assert_string_equal(field(tape, addr, "tag"), "type");
    assert_int_equal(json_tape_count(tape, json_tape_find(tape, addr, "variants")), 4);
    JsonTok none = member(tape, addr, "variants", "case", "none");
    assert_string_equal(field(tape, none, "type"),
                        field(tape, entity(tape, "old-one"), "arg-type"));
    JsonTok deep = member(tape, addr, "variants", "case", "deep");
    assert_string_equal(field(tape, entity(tape, field(tape, deep, "type")), "tag"), "mode");
    assert_int_equal(
        json_tape_count(tape, json_tape_find(tape, type_of(tape, tree, "alt"), "members")), 6);
}

static void hiding_drops_deprecated_members_and_commands_but_not_values(void **state)
{
    JSON_AUTO_TAPE(tape);
    tape = introspect(true, NULL, 0);
    for (JsonTok t = json_tape_first(tape, 0); t != JSON_NONE; t = json_tape_next(tape, 0, t)) {
        assert_string_not_equal(field(tape, t, "name"), "old-one");
        assert_int_equal(json_tape_find(tape, t, "values"), JSON_NONE);
    }
    JsonTok tree = entity(tape, field(tape, entity(tape, "get-tree"), "ret-type"));
    assert_int_equal(member(tape, tree, "members", "name", "old"), JSON_NONE);
    assert_int_not_equal(member(tape, tree, "members", "name", "new"), JSON_NONE);
    JsonTok color = type_of(tape, type_of(tape, tree, "leaf"), "color");
    assert_int_not_equal(member(tape, color, "members", "name", "green"), JSON_NONE);
}

static void modules_add_branches_and_the_values_that_select_them(void **state)
{
    static const QapiType late = {.name = "Late", .kind = QAPI_KIND_STRUCT, .size = 1};
    const QapiExtraBranch extra[] = {
        {.union_type = &type_Addr, .name = "late", .type = &late},
        {.union_type = &type_Addr, .name = "bare", .features = QAPI_FEATURE_UNSTABLE},
    };
    JSON_AUTO_TAPE(tape);
    tape = introspect(false, extra, 2);
    assert_sound(tape);
    JsonTok server = entity(tape, field(tape, entity(tape, "TREE_CHANGED"), "arg-type"));
    JsonTok addr = type_of(tape, server, "socket");
    JsonTok kind = type_of(tape, addr, "type");
    assert_int_equal(json_tape_count(tape, json_tape_find(tape, addr, "variants")), 6);
    assert_int_equal(json_tape_count(tape, json_tape_find(tape, kind, "members")), 6);
    assert_int_equal(json_tape_count(tape, json_tape_find(tape, kind, "values")), 6);
    JsonTok bare = member(tape, kind, "members", "name", "bare");
    assert_int_equal(json_tape_count(tape, json_tape_find(tape, bare, "features")), 1);
}

/* A text of each JSON kind, by the name of the kind. */
static const char *const samples[][2] = {
    {"string", "\"x\""}, {"int", "1"},    {"number", "1.5"}, {"boolean", "true"},
    {"null", "null"},    {"array", "[]"}, {"object", "{}"},
};

static bool takes(const JsonTape *tape, JsonTok type, const char *sample_kind)
{
    const char *meta = field(tape, type, "meta-type");
    const char *json = field(tape, type, "json-type");
    if (g_str_equal(meta, "builtin")) {
        return g_str_equal(json, "value") || g_str_equal(json, sample_kind) ||
               (g_str_equal(json, "number") && g_str_equal(sample_kind, "int"));
    }
    return g_str_equal(meta, "array") && g_str_equal(sample_kind, "array");
}

static void each_scalar_member_takes_the_kinds_described_and_no_other(void **state)
{
    JSON_AUTO_TAPE(tape);
    tape = introspect(false, NULL, 0);
    JsonTok tree = entity(tape, field(tape, entity(tape, "get-tree"), "ret-type"));
    JsonTok kinds = type_of(tape, tree, "kinds");
    JsonTok members = json_tape_find(tape, kinds, "members");
    for (JsonTok t = json_tape_first(tape, members); t != JSON_NONE;
         t = json_tape_next(tape, members, t)) {
        JsonTok type = entity(tape, field(tape, t, "type"));
        for (size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
            Kinds value;
            g_autofree char *json =
                g_strdup_printf("{\"%s\": %s}", field(tape, t, "name"), samples[i][1]);
            bool taken = qapi_decode_json(NULL, &type_Kinds, json, strlen(json), &value, NULL);
            assert_int_equal(taken, takes(tape, type, samples[i][0]));
            if (taken) {
                qapi_clear(&type_Kinds, &value);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reference_resolves_and_nothing_is_superfluous),
        cmocka_unit_test(commands_and_events_are_those_of_the_schema),
        cmocka_unit_test(types_are_masked_flattened_and_integers_are_int),
        cmocka_unit_test(hiding_drops_deprecated_members_and_commands_but_not_values),
        cmocka_unit_test(modules_add_branches_and_the_values_that_select_them),
        cmocka_unit_test(each_scalar_member_takes_the_kinds_described_and_no_other),
    };
    return cmocka_run_group_tests_name("qapi introspect", tests, NULL, NULL);
}
