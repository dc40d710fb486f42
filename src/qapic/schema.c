/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/schema.h"
#include "qapic/ast.h"

#include <string.h>

static const char *const kind_names[] = {
    [SCHEMA_BUILTIN] = "a built-in type", [SCHEMA_ENUM] = "an enum",
    [SCHEMA_STRUCT] = "a struct",         [SCHEMA_UNION] = "a union",
    [SCHEMA_ALTERNATE] = "an alternate",  [SCHEMA_COMMAND] = "a command",
    [SCHEMA_EVENT] = "an event",
};

static const char *const builtin_names[] = {
    [SCHEMA_STR] = "str",       [SCHEMA_NUMBER] = "number", [SCHEMA_INT] = "int",
    [SCHEMA_INT8] = "int8",     [SCHEMA_INT16] = "int16",   [SCHEMA_INT32] = "int32",
    [SCHEMA_INT64] = "int64",   [SCHEMA_UINT8] = "uint8",   [SCHEMA_UINT16] = "uint16",
    [SCHEMA_UINT32] = "uint32", [SCHEMA_UINT64] = "uint64", [SCHEMA_SIZE] = "size",
    [SCHEMA_BOOL] = "bool",     [SCHEMA_NULL] = "null",     [SCHEMA_ANY] = "any",
};

static const char *const qtype_values[] = {"none",  "qnull", "qnum", "qstring",
                                           "qdict", "qlist", "qbool"};

const char *schema_kind_name(SchemaKind kind)
{
    return strchr(kind_names[kind], ' ') + 1;
}

const char *schema_a_kind(SchemaKind kind)
{
    return kind_names[kind];
}

bool schema_is_type(const SchemaDef *def)
{
    return def->kind != SCHEMA_COMMAND && def->kind != SCHEMA_EVENT;
}

SchemaDef *schema_find(const Schema *schema, const char *name)
{
    return g_hash_table_lookup(schema->by_name, name);
}

static SchemaJson builtin_json_kind(SchemaBuiltin builtin)
{
    switch (builtin) {
    case SCHEMA_STR: return SCHEMA_JSON_STRING;
    case SCHEMA_BOOL: return SCHEMA_JSON_BOOL;
    case SCHEMA_NULL: return SCHEMA_JSON_NULL;
    case SCHEMA_ANY: return SCHEMA_JSON_VALUE;
    default: return SCHEMA_JSON_NUMBER;
    }
}

SchemaJson schema_json_kind(const SchemaTypeRef *type)
{
    if (type->array) {
        return SCHEMA_JSON_ARRAY;
    }
    switch (type->def->kind) {
    case SCHEMA_BUILTIN: return builtin_json_kind(type->def->builtin);
    case SCHEMA_ENUM: return SCHEMA_JSON_STRING;
    case SCHEMA_STRUCT:
    case SCHEMA_UNION: return SCHEMA_JSON_OBJECT;
    default: return SCHEMA_JSON_VALUE;
    }
}

GPtrArray *schema_all_members(const SchemaDef *def)
{
    g_autoptr(GPtrArray) chain = g_ptr_array_new();
    bool named_arguments = !schema_is_type(def) && def->data.name;
    for (const SchemaDef *d = named_arguments ? def->data.def : def; d; d = d->base.def) {
        g_ptr_array_add(chain, (gpointer)d);
    }
    GPtrArray *members = g_ptr_array_new();
    for (guint i = chain->len; i > 0; i--) {
        const SchemaDef *d = chain->pdata[i - 1];
        for (unsigned m = 0; m < d->n_members; m++) {
            g_ptr_array_add(members, &d->members[m]);
        }
    }
    return members;
}

const SchemaFeature *schema_find_feature(const SchemaFeatures *features, const char *name)
{
    for (unsigned i = 0; i < features->count; i++) {
        if (!strcmp(features->list[i].name, name)) {
            return &features->list[i];
        }
    }
    return NULL;
}

static SchemaDef *add_predefined(Schema *schema, SchemaKind kind, const char *name)
{
    SchemaDef *def = arena_new0(schema->arena, SchemaDef, 1);
    def->kind = kind;
    def->name = name;
    def->predefined = true;
    def->index = schema->builtins->len;
    g_ptr_array_add(schema->builtins, def);
    g_hash_table_insert(schema->by_name, (gpointer)name, def);
    return def;
}

static void add_builtins(Schema *schema)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(builtin_names); i++) {
        add_predefined(schema, SCHEMA_BUILTIN, builtin_names[i])->builtin = (SchemaBuiltin)i;
    }
    SchemaDef *qtype = add_predefined(schema, SCHEMA_ENUM, "QType");
    qtype->prefix = "QTYPE";
    qtype->n_values = G_N_ELEMENTS(qtype_values);
    qtype->values = arena_new0(schema->arena, SchemaValue, qtype->n_values);
    for (unsigned i = 0; i < qtype->n_values; i++) {
        qtype->values[i].name = qtype_values[i];
    }
}

static GHashTable *new_set(void)
{
    return g_hash_table_new(g_str_hash, g_str_equal);
}

static Schema *schema_new(void)
{
    Schema *schema = g_new0(Schema, 1);
    schema->arena = arena_new();
    schema->files = g_ptr_array_new();
    schema->docs = g_ptr_array_new();
    schema->defs = g_ptr_array_new();
    schema->builtins = g_ptr_array_new();
    schema->features = g_ptr_array_new();
    schema->by_name = new_set();
    schema->pragmas.command_name_exceptions = new_set();
    schema->pragmas.command_returns_exceptions = new_set();
    schema->pragmas.documentation_exceptions = new_set();
    schema->pragmas.member_name_exceptions = new_set();
    add_builtins(schema);
    return schema;
}

void schema_free(Schema *schema)
{
    if (!schema) {
        return;
    }
    g_ptr_array_unref(schema->files);
    g_ptr_array_unref(schema->docs);
    g_ptr_array_unref(schema->defs);
    g_ptr_array_unref(schema->builtins);
    g_ptr_array_unref(schema->features);
    g_hash_table_unref(schema->by_name);
    g_hash_table_unref(schema->pragmas.command_name_exceptions);
    g_hash_table_unref(schema->pragmas.command_returns_exceptions);
    g_hash_table_unref(schema->pragmas.documentation_exceptions);
    g_hash_table_unref(schema->pragmas.member_name_exceptions);
    arena_free(schema->arena);
    g_free(schema);
}

Schema *schema_load(const char *path, const SchemaOptions *options, Diag *diag)
{
    g_autoptr(Schema) schema = schema_new();
    g_autoptr(GArray) expressions = g_array_new(FALSE, FALSE, sizeof(Expression));
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) chain = g_ptr_array_new();
    Parse parse = {
        .schema = schema,
        .diag = diag,
        .lax_docs = options && options->lax_docs,
        .expressions = expressions,
        .seen = seen,
        .chain = chain,
    };
    diag_forget_files(diag);
    unsigned errors = diag_errors(diag);
    if (parse_schema(&parse, path)) {
        form_check(&parse);
        meaning_check(&parse);
    }
    return diag_errors(diag) == errors ? g_steal_pointer(&schema) : NULL;
}
