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

SchemaType schema_arguments(const Schema *s, const char *command)
{
    SchemaType type = lookup(s, command);
    bool is_command = !strcmp(text(s, type, "meta-type"), "command");
    return is_command ? lookup(s, text(s, type, "arg-type")) : JSON_NONE;
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
