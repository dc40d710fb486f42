/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "qapic/dump.h"
#include "qom/json.h"

static const char schema_text[] =
    "{ 'enum': 'Kind', 'data': [ 'a', { 'name': 'b', 'if': 'HAVE_B' },\n"
    "  { 'name': 'c', 'features': [ 'deprecated', { 'name': 'ff', 'if': 'HAVE_F' } ] } ] }\n"
    "{ 'struct': 'Base', 'data': { 'kind': 'Kind', '*list': [ 'uint8' ] } }\n"
    "{ 'struct': 'Sub', 'data': { 'x': 'int8', '*y': { 'type': 'Rare', 'if': 'HAVE_Y' } } }\n"
    "{ 'struct': 'Rare', 'data': { 'n': 'null' }, 'if': 'HAVE_Y' }\n"
    "{ 'enum': 'Kind2', 'data': [ 'p', 'q' ] }\n"
    "{ 'union': 'Inner', 'base': { 'kind2': 'Kind2' }, 'discriminator': 'kind2',\n"
    "  'data': { 'p': 'Sub' } }\n"
    "{ 'union': 'Uni', 'base': 'Base', 'discriminator': 'kind',\n"
    "  'data': { 'b': 'Sub', 'c': 'Inner' } }\n"
    "{ 'alternate': 'Alt', 'data': { 's': 'str', 'o': 'Uni', 'l': { 'type': [ 'Kind' ],\n"
    "  'if': 'HAVE_L' } } }\n"
    "{ 'struct': 'Unused', 'data': { 'x': 'size' } }\n"
    "{ 'command': 'one', 'data': { 'un': 'Uni', '*v': [ 'int64' ] }, 'returns': [ 'Sub' ],\n"
    "  'allow-oob': true, 'features': [ 'unstable' ] }\n"
    "{ 'command': 'two', 'data': 'Uni', 'boxed': true, 'gen': false }\n"
    "{ 'command': 'three', 'if': 'HAVE_THREE' }\n"
    "{ 'event': 'EVT', 'data': { 'alt': 'Alt', 'q': 'QType', 'any': [ 'any' ] } }\n"
    "{ 'event': 'EMPTY' }\n";

typedef struct Reply {
    JsonTape *tape;
    GHashTable *names; /* name -> index + 1 of the entry's token */
} Reply;

static Reply introspect(Unit *unit, const char *const *names, bool unmask)
{
    const Schema *schema = unit_accept(unit, schema_text);
    g_autoptr(GHashTable) defined = g_hash_table_new(g_str_hash, g_str_equal);
    for (; names && *names; names++) {
        g_hash_table_add(defined, (gpointer)*names);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    introspect_json(schema, defined, unmask, text);
    Reply reply = {
        .tape = json_parse_text(text->str, text->len, NULL),
        .names = g_hash_table_new(g_str_hash, g_str_equal),
    };
    assert_non_null(reply.tape);
    for (JsonTok t = json_tape_first(reply.tape, JSON_ROOT); t != JSON_NONE;
         t = json_tape_next(reply.tape, JSON_ROOT, t)) {
        const char *name = json_tok_text(reply.tape, json_tape_find(reply.tape, t, "name"), NULL);
        assert_true(g_hash_table_insert(reply.names, (gpointer)name, GUINT_TO_POINTER(t + 1)));
    }
    return reply;
}

static void reply_free(Reply *reply)
{
    g_hash_table_unref(reply->names);
    json_tape_free(reply->tape);
}

static JsonTok entry(const Reply *reply, const char *name)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(reply->names, name)) - 1;
}

static void assert_entry(const Reply *reply, const char *name, const char *expected)
{
    JsonTok tok = entry(reply, name);
    g_autofree char *text =
        tok == JSON_NONE ? g_strdup("nothing") : json_tape_copy_subtree(reply->tape, tok, NULL);
    assert_string_equal(text, expected);
}

/* Looks at every member that refers to a type, at any depth; marks what is referred to. */
static void follow(const Reply *reply, JsonTok tok, GHashTable *used)
{
    static const char *const refs[] = {"arg-type", "ret-type", "element-type", "type"};
    JsonType type = json_tape_type(reply->tape, tok);
    if (type != JSON_OBJECT && type != JSON_ARRAY) {
        return;
    }
    for (JsonTok t = json_tape_first(reply->tape, tok); t != JSON_NONE;
         t = json_tape_next(reply->tape, tok, t)) {
        if (type == JSON_ARRAY) {
            follow(reply, t, used);
            continue;
        }
        JsonTok value = json_tape_value(reply->tape, t);
        follow(reply, value, used);
        for (size_t i = 0; i < G_N_ELEMENTS(refs); i++) {
            if (json_tok_equals(reply->tape, t, refs[i])) {
                const char *name = json_tok_text(reply->tape, value, NULL);
                if (entry(reply, name) == JSON_NONE) {
                    fail_msg("'%s' is not there", name);
                }
                g_hash_table_add(used, (gpointer)name);
            }
        }
    }
}

static void every_reference_resolves_and_nothing_else_is_there(void **state)
{
    static const char *const sets[][8] = {
        {NULL},
        {"HAVE_B", NULL},
        {"HAVE_Y", "HAVE_L", NULL},
        {"HAVE_B", "HAVE_F", "HAVE_Y", "HAVE_L", "HAVE_THREE", NULL},
    };
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(sets); i++) {
        Reply reply = introspect(*state, sets[i / 2], i % 2);
        g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
        follow(&reply, JSON_ROOT, used);
        GHashTableIter iter;
        gpointer name, tok;
        g_hash_table_iter_init(&iter, reply.names);
        while (g_hash_table_iter_next(&iter, &name, &tok)) {
            JsonTok meta = json_tape_find(reply.tape, GPOINTER_TO_UINT(tok) - 1, "meta-type");
            bool root = json_tok_equals(reply.tape, meta, "command") ||
                        json_tok_equals(reply.tape, meta, "event");
            assert_true(root || g_hash_table_contains(used, name));
        }
        reply_free(&reply);
    }
}

static void entries_say_what_the_schema_says(void **state)
{
    const char *const all[] = {"HAVE_B", "HAVE_F", "HAVE_Y", "HAVE_L", "HAVE_THREE", NULL};
    Reply r = introspect(*state, all, true);
    assert_entry(&r, "one",
                 "{\"name\": \"one\", \"meta-type\": \"command\", \"arg-type\": \"q_obj_one-arg\", "
                 "\"ret-type\": \"[Sub]\", \"allow-oob\": true, \"features\": [\"unstable\"]}");
    assert_entry(&r, "two",
                 "{\"name\": \"two\", \"meta-type\": \"command\", \"arg-type\": \"Uni\", "
                 "\"ret-type\": \"q_empty\"}");
    assert_entry(&r, "EMPTY",
                 "{\"name\": \"EMPTY\", \"meta-type\": \"event\", \"arg-type\": \"q_empty\"}");
    assert_entry(&r, "q_empty",
                 "{\"name\": \"q_empty\", \"meta-type\": \"object\", \"members\": []}");
    assert_entry(
        &r, "Uni",
        "{\"name\": \"Uni\", \"meta-type\": \"object\", \"members\": "
        "[{\"name\": \"kind\", \"type\": \"Kind\"}, "
        "{\"name\": \"list\", \"type\": \"[int]\", \"default\": null}], "
        "\"tag\": \"kind\", \"variants\": [{\"case\": \"b\", \"type\": \"Sub\"}, "
        "{\"case\": \"c\", \"type\": \"Inner\"}, {\"case\": \"a\", \"type\": \"q_empty\"}]}");
    assert_entry(&r, "Kind",
                 "{\"name\": \"Kind\", \"meta-type\": \"enum\", \"members\": [{\"name\": \"a\"}, "
                 "{\"name\": \"b\"}, {\"name\": \"c\", \"features\": [\"deprecated\", \"ff\"]}], "
                 "\"values\": [\"a\", \"b\", \"c\"]}");
    assert_entry(&r, "Alt",
                 "{\"name\": \"Alt\", \"meta-type\": \"alternate\", \"members\": "
                 "[{\"type\": \"str\"}, {\"type\": \"Uni\"}, {\"type\": \"[Kind]\"}]}");
    assert_entry(&r, "[any]",
                 "{\"name\": \"[any]\", \"meta-type\": \"array\", \"element-type\": \"any\"}");
    assert_entry(&r, "any",
                 "{\"name\": \"any\", \"meta-type\": \"builtin\", \"json-type\": \"value\"}");
    assert_entry(&r, "null",
                 "{\"name\": \"null\", \"meta-type\": \"builtin\", \"json-type\": \"null\"}");
    assert_true(entry(&r, "int8") == JSON_NONE && entry(&r, "[int64]") == JSON_NONE);
    assert_true(entry(&r, "Unused") == JSON_NONE && entry(&r, "Base") == JSON_NONE);
    assert_true(entry(&r, "three") != JSON_NONE);
    reply_free(&r);
}

static void untrue_conditions_leave_out_what_they_guard(void **state)
{
    Reply r = introspect(*state, NULL, true);
    assert_true(entry(&r, "three") == JSON_NONE);
    assert_true(entry(&r, "Rare") == JSON_NONE);
    assert_true(entry(&r, "[Kind]") == JSON_NONE);
    assert_entry(&r, "Kind",
                 "{\"name\": \"Kind\", \"meta-type\": \"enum\", \"members\": [{\"name\": \"a\"}, "
                 "{\"name\": \"c\", \"features\": [\"deprecated\"]}], \"values\": [\"a\", \"c\"]}");
    assert_entry(&r, "Sub",
                 "{\"name\": \"Sub\", \"meta-type\": \"object\", \"members\": "
                 "[{\"name\": \"x\", \"type\": \"int\"}]}");
    g_autofree char *uni = json_tape_copy_subtree(r.tape, entry(&r, "Uni"), NULL);
    assert_non_null(
        strstr(uni, "\"variants\": [{\"case\": \"c\", \"type\": \"Inner\"}, {\"case\": \"a\""));
    reply_free(&r);
}

static void masked_names_are_numbers(void **state)
{
    Reply r = introspect(*state, NULL, false);
    static const char *const hidden[] = {"Kind", "Uni", "Sub", "Alt", "QType", "q_empty", "[Sub]"};
    for (size_t i = 0; i < G_N_ELEMENTS(hidden); i++) {
        assert_true(entry(&r, hidden[i]) == JSON_NONE);
    }
    assert_true(entry(&r, "0") != JSON_NONE && entry(&r, "str") != JSON_NONE);
    assert_true(entry(&r, "[any]") != JSON_NONE && entry(&r, "one") != JSON_NONE);
    reply_free(&r);
}

static void the_dump_is_json_and_has_every_definition(void **state)
{
    const Schema *schema = unit_accept(*state, schema_text);
    g_autoptr(GString) text = g_string_new(NULL);
    dump_json(schema, text);
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text(text->str, text->len, NULL);
    assert_non_null(tape);
    assert_int_equal(json_tape_count(tape, json_tape_find(tape, JSON_ROOT, "entities")),
                     schema->defs->len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        schema_test(every_reference_resolves_and_nothing_else_is_there),
        schema_test(entries_say_what_the_schema_says),
        schema_test(untrue_conditions_leave_out_what_they_guard),
        schema_test(masked_names_are_numbers),
        schema_test(the_dump_is_json_and_has_every_definition),
    };
    return cmocka_run_group_tests_name("introspect", tests, NULL, NULL);
}
