/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Introspection: what the clients may know of a schema. Only commands, events and what they reach
 * are shown; types lose their names, integers their sizes, structs their bases. What a condition
 * guards is left out, and so are the types that only it used.
 */
#include "qapic/cond.h"
#include "qapic/dump.h"
#include "qapic/out.h"

#include <string.h>

/* An entry of the reply that something refers to. */
typedef struct Entry {
    const char *shown;
    const SchemaDef *def;  /* a type; or a command or event: its inline arguments; NULL: the empty
                              object */
    struct Entry *element; /* of an array; NULL: no array */
} Entry;

typedef struct Introspection {
    const Schema *schema;
    GHashTable *defined;
    bool unmask;
    Out out;
    GHashTable *entries; /* real name -> Entry */
    GPtrArray *queue;    /* Entry: those to be written, all that were ever used */
    unsigned numbers;
} Introspection;

static bool is_masked(const Introspection *in, const SchemaDef *def)
{
    return !in->unmask && !(def && def->kind == SCHEMA_BUILTIN);
}

/* Finds or makes the entry called @name in the schema. */
static Entry *use_entry(Introspection *in, const char *name, const SchemaDef *def, Entry *element)
{
    Entry *entry = g_hash_table_lookup(in->entries, name);
    if (entry) {
        return entry;
    }
    Arena *arena = in->schema->arena;
    g_autofree char *number = g_strdup_printf("%u", in->numbers);
    bool masked = !element && is_masked(in, def);
    entry = arena_new0(arena, Entry, 1);
    entry->shown = masked ? arena_strndup(arena, number, strlen(number))
                          : arena_strndup(arena, name, strlen(name));
    entry->def = def;
    entry->element = element;
    in->numbers += masked;
    g_hash_table_insert(in->entries, g_strdup(name), entry);
    g_ptr_array_add(in->queue, entry);
    return entry;
}

static Entry *use_empty(Introspection *in)
{
    return use_entry(in, "q_empty", NULL, NULL);
}

static bool is_integer(const SchemaDef *def)
{
    return def->kind == SCHEMA_BUILTIN && def->builtin >= SCHEMA_INT && def->builtin <= SCHEMA_SIZE;
}

/* The name under which a type is shown. */
static const char *use_type(Introspection *in, const SchemaTypeRef *ref)
{
    const SchemaDef *def = is_integer(ref->def) ? schema_find(in->schema, "int") : ref->def;
    Entry *entry = use_entry(in, def->name, def, NULL);
    if (ref->array) {
        g_autofree char *name = g_strconcat("[", entry->shown, "]", NULL);
        entry = use_entry(in, name, NULL, entry);
    }
    return entry->shown;
}

static const char *use_arguments(Introspection *in, const SchemaDef *def)
{
    if (def->data.def) {
        return use_type(in, &def->data);
    }
    if (!def->n_members) {
        return use_empty(in)->shown;
    }
    g_autofree char *name = g_strconcat("q_obj_", def->name, "-arg", NULL);
    return use_entry(in, name, def, NULL)->shown;
}

static void put_features(Introspection *in, const SchemaFeatures *features)
{
    bool any = false;
    for (unsigned i = 0; i < features->count; i++) {
        if (!cond_holds(features->list[i].cond, in->defined)) {
            continue;
        }
        if (!any) {
            out_begin(&in->out, "features", '[');
        }
        any = true;
        out_string(&in->out, NULL, features->list[i].name);
    }
    if (any) {
        out_end(&in->out, ']');
    }
}

static void put_command(Introspection *in, const SchemaDef *def)
{
    SchemaTypeRef returns = def->returns;
    out_string(&in->out, "meta-type", "command");
    out_string(&in->out, "arg-type", use_arguments(in, def));
    out_string(&in->out, "ret-type", returns.def ? use_type(in, &returns) : use_empty(in)->shown);
    if (def->allow_oob) {
        out_bool(&in->out, "allow-oob", true);
    }
}

static void put_root(Introspection *in, const SchemaDef *def)
{
    out_newline(&in->out);
    out_begin(&in->out, NULL, '{');
    out_string(&in->out, "name", def->name);
    if (def->kind == SCHEMA_COMMAND) {
        put_command(in, def);
    } else {
        out_string(&in->out, "meta-type", "event");
        out_string(&in->out, "arg-type", use_arguments(in, def));
    }
    put_features(in, &def->features);
    out_end(&in->out, '}');
}

static const char *json_type(const SchemaDef *def)
{
    switch (def->builtin) {
    case SCHEMA_STR: return "string";
    case SCHEMA_NUMBER: return "number";
    case SCHEMA_BOOL: return "boolean";
    case SCHEMA_NULL: return "null";
    case SCHEMA_ANY: return "value";
    default: return "int";
    }
}

static void put_enum(Introspection *in, const SchemaDef *def)
{
    out_string(&in->out, "meta-type", "enum");
    out_begin(&in->out, "members", '[');
    for (unsigned i = 0; i < def->n_values; i++) {
        if (cond_holds(def->values[i].cond, in->defined)) {
            out_begin(&in->out, NULL, '{');
            out_string(&in->out, "name", def->values[i].name);
            put_features(in, &def->values[i].features);
            out_end(&in->out, '}');
        }
    }
    out_end(&in->out, ']');
    out_begin(&in->out, "values", '[');
    for (unsigned i = 0; i < def->n_values; i++) {
        if (cond_holds(def->values[i].cond, in->defined)) {
            out_string(&in->out, NULL, def->values[i].name);
        }
    }
    out_end(&in->out, ']');
}

static void put_variants(Introspection *in, const SchemaDef *def)
{
    out_string(&in->out, "tag", def->tag->name);
    out_begin(&in->out, "variants", '[');
    for (unsigned i = 0; i < def->n_branches; i++) {
        const SchemaBranch *branch = &def->branches[i];
        if (!cond_holds(branch->cond, in->defined) ||
            !cond_holds(branch->value->cond, in->defined)) {
            continue;
        }
        out_begin(&in->out, NULL, '{');
        out_string(&in->out, "case", branch->name);
        out_string(&in->out, "type",
                   branch->type.def ? use_type(in, &branch->type) : use_empty(in)->shown);
        out_end(&in->out, '}');
    }
    out_end(&in->out, ']');
}

/* @def is NULL for the empty object. */
static void put_object(Introspection *in, const SchemaDef *def)
{
    out_string(&in->out, "meta-type", "object");
    out_begin(&in->out, "members", '[');
    g_autoptr(GPtrArray) members = def ? schema_all_members(def) : g_ptr_array_new();
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = members->pdata[i];
        if (!cond_holds(member->cond, in->defined)) {
            continue;
        }
        out_begin(&in->out, NULL, '{');
        out_string(&in->out, "name", member->name);
        out_string(&in->out, "type", use_type(in, &member->type));
        if (member->optional) {
            out_null(&in->out, "default");
        }
        put_features(in, &member->features);
        out_end(&in->out, '}');
    }
    out_end(&in->out, ']');
    if (def && def->kind == SCHEMA_UNION) {
        put_variants(in, def);
    }
}

static void put_alternate(Introspection *in, const SchemaDef *def)
{
    out_string(&in->out, "meta-type", "alternate");
    out_begin(&in->out, "members", '[');
    for (unsigned i = 0; i < def->n_branches; i++) {
        if (cond_holds(def->branches[i].cond, in->defined)) {
            out_begin(&in->out, NULL, '{');
            out_string(&in->out, "type", use_type(in, &def->branches[i].type));
            out_end(&in->out, '}');
        }
    }
    out_end(&in->out, ']');
}

static void put_type(Introspection *in, const SchemaDef *def)
{
    switch (def->kind) {
    case SCHEMA_BUILTIN:
        out_string(&in->out, "meta-type", "builtin");
        out_string(&in->out, "json-type", json_type(def));
        break;
    case SCHEMA_ENUM: put_enum(in, def); break;
    case SCHEMA_ALTERNATE: put_alternate(in, def); break;
    default: put_object(in, def); break;
    }
    if (schema_is_type(def)) {
        put_features(in, &def->features);
    }
}

static void put_entry(Introspection *in, const Entry *entry)
{
    out_newline(&in->out);
    out_begin(&in->out, NULL, '{');
    out_string(&in->out, "name", entry->shown);
    if (entry->element) {
        out_string(&in->out, "meta-type", "array");
        out_string(&in->out, "element-type", entry->element->shown);
    } else if (entry->def) {
        put_type(in, entry->def);
    } else {
        put_object(in, NULL);
    }
    out_end(&in->out, '}');
}

void introspect_json(const Schema *schema, GHashTable *defined, bool unmask, GString *text)
{
    g_autoptr(GHashTable) entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) queue = g_ptr_array_new();
    Introspection in = {
        .schema = schema,
        .defined = defined,
        .unmask = unmask,
        .out = {.text = text},
        .entries = entries,
        .queue = queue,
    };
    out_begin(&in.out, NULL, '[');
    for (guint i = 0; i < schema->defs->len; i++) {
        const SchemaDef *def = schema->defs->pdata[i];
        if (!schema_is_type(def) && cond_holds(def->cond, defined)) {
            put_root(&in, def);
        }
    }
    for (guint i = 0; i < queue->len; i++) { /* writing one may use others */
        put_entry(&in, queue->pdata[i]);
    }
    out_end(&in.out, ']');
    g_string_append_c(text, '\n');
}
