/* SPDX-License-Identifier: BSD-3-Clause */
/* See schema.h. The answer is a server's and may be anything: each step looks at what is there. */
#include "client/schema.h"

#include <string.h>

struct Schema {
    JsonTape *tape;
    GHashTable *entries; /* name, the tape's -> token */
};

/* The member @name of what is at @tok if it is of @type, else JSON_NONE. */
static JsonTok member(const Schema *s, JsonTok tok, const char *name, JsonType type)
{
    if (!s || tok == JSON_NONE || json_tape_type(s->tape, tok) != JSON_OBJECT) {
        return JSON_NONE;
    }
    JsonTok found = json_tape_find(s->tape, tok, name);
    bool good = found != JSON_NONE && json_tape_type(s->tape, found) == type;
    return good ? found : JSON_NONE;
}

/* The string there, or "". */
static const char *text(const Schema *s, JsonTok tok, const char *name)
{
    JsonTok found = member(s, tok, name, JSON_STRING);
    return found == JSON_NONE ? "" : json_tok_text(s->tape, found, NULL);
}

static SchemaType lookup(const Schema *s, const char *name)
{
    gpointer value;
    bool found = s && g_hash_table_lookup_extended(s->entries, name, NULL, &value);
    return found ? GPOINTER_TO_UINT(value) : JSON_NONE;
}

Schema *schema_new(JsonTape *tape, JsonTok list)
{
    Schema *s = g_new0(Schema, 1);
    s->tape = tape;
    s->entries = g_hash_table_new(g_str_hash, g_str_equal);
    if (json_tape_type(tape, list) != JSON_ARRAY) {
        return s;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        const char *name = text(s, t, "name");
        if (*name) {
            g_hash_table_insert(s->entries, (gpointer)name, GUINT_TO_POINTER(t));
        }
    }
    return s;
}

void schema_free(Schema *s)
{
    if (s) {
        g_hash_table_destroy(s->entries);
        json_tape_free(s->tape);
        g_free(s);
    }
}

SchemaType schema_find(const Schema *s, const char *name)
{
    return lookup(s, name);
}

const char *schema_meta(const Schema *s, SchemaType entry)
{
    return text(s, entry, "meta-type");
}

SchemaType schema_part(const Schema *s, SchemaType entry, const char *part)
{
    return lookup(s, text(s, entry, part));
}

SchemaType schema_arguments(const Schema *s, const char *command)
{
    SchemaType type = lookup(s, command);
    return strcmp(schema_meta(s, type), "command") ? JSON_NONE : schema_part(s, type, "arg-type");
}

SchemaKind schema_kind(const Schema *s, SchemaType type)
{
    static const struct {
        const char *meta_type, *json_type;
        SchemaKind kind;
    } kinds[] = {
        {"enum", NULL, SCHEMA_STRING},        {"array", NULL, SCHEMA_LIST},
        {"object", NULL, SCHEMA_OBJECT},      {"alternate", NULL, SCHEMA_ALTERNATE},
        {"builtin", "string", SCHEMA_STRING}, {"builtin", "boolean", SCHEMA_BOOL},
        {"builtin", "int", SCHEMA_INTEGER},   {"builtin", "number", SCHEMA_NUMBER},
        {"builtin", "null", SCHEMA_NULL},
    };
    const char *meta_type = text(s, type, "meta-type");
    const char *json_type = text(s, type, "json-type");

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!strcmp(meta_type, kinds[i].meta_type) &&
            (!kinds[i].json_type || !strcmp(json_type, kinds[i].json_type))) {
            return kinds[i].kind;
        }
    }
    return SCHEMA_UNKNOWN;
}

SchemaType schema_element(const Schema *s, SchemaType type)
{
    return lookup(s, text(s, type, "element-type"));
}

const char *schema_tag(const Schema *s, SchemaType type)
{
    const char *tag = text(s, type, "tag");
    return *tag ? tag : NULL;
}

/* The type in the element of the array at @list whose member @key is @value. */
static SchemaType find_type(const Schema *s, JsonTok list, const char *key, const char *value)
{
    if (list == JSON_NONE) {
        return JSON_NONE;
    }
    for (JsonTok t = json_tape_first(s->tape, list); t != JSON_NONE;
         t = json_tape_next(s->tape, list, t)) {
        if (!strcmp(text(s, t, key), value)) {
            return lookup(s, text(s, t, "type"));
        }
    }
    return JSON_NONE;
}

SchemaType schema_member(const Schema *s, SchemaType type, const char *name, const char *tag)
{
    SchemaType found = find_type(s, member(s, type, "members", JSON_ARRAY), "name", name);
    if (found != JSON_NONE || !tag) {
        return found;
    }
    SchemaType branch = find_type(s, member(s, type, "variants", JSON_ARRAY), "case", tag);
    return find_type(s, member(s, branch, "members", JSON_ARRAY), "name", name);
}

SchemaType schema_alternative(const Schema *s, SchemaType type, SchemaKind kind)
{
    JsonTok list = member(s, type, "members", JSON_ARRAY);
    if (list == JSON_NONE) {
        return JSON_NONE;
    }
    for (JsonTok t = json_tape_first(s->tape, list); t != JSON_NONE;
         t = json_tape_next(s->tape, list, t)) {
        SchemaType found = lookup(s, text(s, t, "type"));
        if (schema_kind(s, found) == kind) {
            return found;
        }
    }
    return JSON_NONE;
}

/* --- To browse ------------------------------------------------------------------------------- */

static gint compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *schema_names(const Schema *s, const char *meta)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;
    gpointer tok;

    if (s) {
        g_hash_table_iter_init(&iter, s->entries);
        while (g_hash_table_iter_next(&iter, &name, &tok)) {
            if (!strcmp(schema_meta(s, GPOINTER_TO_UINT(tok)), meta)) {
                g_ptr_array_add(names, name);
            }
        }
    }
    g_ptr_array_sort(names, compare_strings);
    return names;
}

static void add_members(const Schema *s, SchemaType type, GArray *members)
{
    JsonTok list = member(s, type, "members", JSON_ARRAY);
    if (list == JSON_NONE) {
        return;
    }
    for (JsonTok t = json_tape_first(s->tape, list); t != JSON_NONE;
         t = json_tape_next(s->tape, list, t)) {
        SchemaMember m = {.name = text(s, t, "name"),
                          .type = lookup(s, text(s, t, "type")),
                          .entry = t,
                          .optional = json_tape_type(s->tape, t) == JSON_OBJECT &&
                                      json_tape_find(s->tape, t, "default") != JSON_NONE};
        g_array_append_val(members, m);
    }
}

GArray *schema_members(const Schema *s, SchemaType type, const char *tag)
{
    GArray *members = g_array_new(FALSE, FALSE, sizeof(SchemaMember));
    add_members(s, type, members);
    if (tag) {
        add_members(s, find_type(s, member(s, type, "variants", JSON_ARRAY), "case", tag), members);
    }
    return members;
}

GArray *schema_variants(const Schema *s, SchemaType type)
{
    GArray *variants = g_array_new(FALSE, FALSE, sizeof(SchemaMember));
    JsonTok list = member(s, type, "variants", JSON_ARRAY);
    if (list == JSON_NONE) {
        return variants;
    }
    for (JsonTok t = json_tape_first(s->tape, list); t != JSON_NONE;
         t = json_tape_next(s->tape, list, t)) {
        SchemaMember m = {
            .name = text(s, t, "case"), .type = lookup(s, text(s, t, "type")), .entry = t};
        g_array_append_val(variants, m);
    }
    return variants;
}

static void add_strings(const Schema *s, JsonTok list, GPtrArray *out)
{
    if (list == JSON_NONE) {
        return;
    }
    for (JsonTok t = json_tape_first(s->tape, list); t != JSON_NONE;
         t = json_tape_next(s->tape, list, t)) {
        if (json_tape_type(s->tape, t) == JSON_STRING) {
            g_ptr_array_add(out, (gpointer)json_tok_text(s->tape, t, NULL));
        }
    }
}

GPtrArray *schema_values(const Schema *s, SchemaType type)
{
    GPtrArray *values = g_ptr_array_new();
    if (!strcmp(schema_meta(s, type), "enum")) {
        add_strings(s, member(s, type, "values", JSON_ARRAY), values);
    }
    return values;
}

GPtrArray *schema_features(const Schema *s, SchemaType entry)
{
    GPtrArray *features = g_ptr_array_new();
    add_strings(s, member(s, entry, "features", JSON_ARRAY), features);
    return features;
}
