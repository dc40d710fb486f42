/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query-qmp-schema from the descriptors; sheet on QAPI, section 10.
 *
 * Commands and events are written first. Naming a type queues it; the queue is worked off until it
 * is empty, so what nothing reaches is never written. Enums, objects and alternates are called by
 * numbers in order of first use (their names are nobody's business), built-in types and arrays by
 * their names, all integers `int`.
 */
#include "qapi/engine.h"

typedef struct Entry {
    char *name;           /* on the wire */
    const QapiType *type; /* NULL: the object without members */
    const QapiSchema *schema;
} Entry;

typedef struct Introspection {
    JsonWriter *w;
    uint64_t hidden; /* features whose bearers are left out */
    const QapiExtraBranch *extra;
    size_t n_extra;
    GPtrArray *entries;  /* of Entry: found so far, in order; doubles as the queue */
    GHashTable *by_type; /* QapiType -> Entry; NULL stands for the empty object */
    GHashTable *by_name; /* of built-in types and arrays */
    unsigned next_number;
    const QapiSchema *schema; /* that of what is being written */
} Introspection;

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_free(entry->name);
    g_free(entry);
}

/* --- Names ----------------------------------------------------------------------------------- */

static Entry *add_entry(Introspection *in, char *name, const QapiType *type)
{
    Entry *entry = g_new(Entry, 1);
    *entry = (Entry){.name = name, .type = type, .schema = in->schema};
    g_ptr_array_add(in->entries, entry);
    return entry;
}

/* The name of a type that is called by its own; NULL for the others. */
static char *plain_name(Introspection *in, const QapiType *type);

static const char *type_name(Introspection *in, const QapiType *type)
{
    Entry *entry = g_hash_table_lookup(in->by_type, type);
    if (entry) {
        return entry->name;
    }
    g_autofree char *plain = type ? plain_name(in, type) : NULL;
    entry = plain ? g_hash_table_lookup(in->by_name, plain) : NULL;
    if (!entry) {
        bool is_plain = plain != NULL;
        char *name = is_plain ? g_steal_pointer(&plain) : g_strdup_printf("%u", in->next_number++);
        entry = add_entry(in, name, type);
        if (is_plain) {
            g_hash_table_insert(in->by_name, entry->name, entry);
        }
    }
    g_hash_table_insert(in->by_type, (void *)type, entry);
    return entry->name;
}

static char *plain_name(Introspection *in, const QapiType *type)
{
    switch (type->kind) {
    case QAPI_KIND_ENUM:
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
    case QAPI_KIND_ALTERNATE: return NULL;
    case QAPI_KIND_LIST: return g_strdup_printf("[%s]", type_name(in, type->element));
    case QAPI_KIND_STR: return g_strdup("str");
    case QAPI_KIND_ANY: return g_strdup("any");
    case QAPI_KIND_NULL: return g_strdup("null");
    case QAPI_KIND_BOOL: return g_strdup("bool");
    case QAPI_KIND_NUMBER: return g_strdup("number");
    default: return g_strdup("int");
    }
}

static const char *json_type(QapiKind kind)
{
    switch (kind) {
    case QAPI_KIND_STR: return "string";
    case QAPI_KIND_ANY: return "value";
    case QAPI_KIND_NULL: return "null";
    case QAPI_KIND_BOOL: return "boolean";
    case QAPI_KIND_NUMBER: return "number";
    default: return "int";
    }
}

/* --- Pieces ---------------------------------------------------------------------------------- */

static void write_field(Introspection *in, const char *key, const char *value)
{
    json_writer_key(in->w, key);
    json_writer_string(in->w, value);
}

static void write_features(Introspection *in, uint64_t features)
{
    const QapiSchema *schema = in->schema;
    if (!features) {
        return;
    }
    json_writer_key(in->w, "features");
    json_writer_begin_array(in->w);
    for (uint32_t i = 0; i < schema->n_features && i < 64; i++) {
        if (features >> i & 1) {
            json_writer_string(in->w, schema->feature_names[i]);
        }
    }
    json_writer_end_array(in->w);
}

static void begin_entity(Introspection *in, const char *name, const char *meta_type)
{
    json_writer_begin_object(in->w);
    write_field(in, "name", name);
    write_field(in, "meta-type", meta_type);
}

static void end_entity(Introspection *in, uint64_t features)
{
    write_features(in, features);
    json_writer_end_object(in->w);
}

/* --- Enums ----------------------------------------------------------------------------------- */

static void write_value(Introspection *in, const char *name, uint64_t features)
{
    json_writer_begin_object(in->w);
    write_field(in, "name", name);
    end_entity(in, features);
}

/* The member `values` of SchemaInfoEnum is itself deprecated. */
static void write_enum(Introspection *in, const QapiType *type)
{
    json_writer_key(in->w, "members");
    json_writer_begin_array(in->w);
    for (uint32_t i = 0; i < type->n_values; i++) {
        write_value(in, type->values[i].name, type->values[i].features);
    }
    for (size_t i = 0; i < in->n_extra; i++) {
        if (in->extra[i].union_type->tag->type == type) {
            write_value(in, in->extra[i].name, in->extra[i].features);
        }
    }
    json_writer_end_array(in->w);
    if (in->hidden & QAPI_FEATURE_DEPRECATED) {
        return;
    }
    json_writer_key(in->w, "values");
    json_writer_begin_array(in->w);
    for (uint32_t i = 0; i < type->n_values; i++) {
        json_writer_string(in->w, type->values[i].name);
    }
    for (size_t i = 0; i < in->n_extra; i++) {
        if (in->extra[i].union_type->tag->type == type) {
            json_writer_string(in->w, in->extra[i].name);
        }
    }
    json_writer_end_array(in->w);
}

/* --- Objects --------------------------------------------------------------------------------- */

static void write_members(Introspection *in, const QapiType *type)
{
    if (type->base) {
        write_members(in, type->base);
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        const QapiMember *member = &type->members[i];
        if (member->features & in->hidden) {
            continue;
        }
        json_writer_begin_object(in->w);
        write_field(in, "name", member->name);
        write_field(in, "type", type_name(in, member->type));
        if (member->optional) {
            json_writer_key(in->w, "default");
            json_writer_null(in->w);
        }
        end_entity(in, member->features);
    }
}

static void write_variant(Introspection *in, const char *name, const QapiType *type)
{
    json_writer_begin_object(in->w);
    write_field(in, "case", name);
    write_field(in, "type", type_name(in, type));
    json_writer_end_object(in->w);
}

static void write_variants(Introspection *in, const QapiType *type)
{
    write_field(in, "tag", type->tag->name);
    json_writer_key(in->w, "variants");
    json_writer_begin_array(in->w);
    for (uint32_t i = 0; i < type->n_branches; i++) {
        write_variant(in, type->branches[i].name, type->branches[i].type);
    }
    for (size_t i = 0; i < in->n_extra; i++) {
        const QapiExtraBranch *extra = &in->extra[i];
        if (extra->union_type == type) {
            const QapiSchema *own = in->schema;
            in->schema = extra->schema ? extra->schema : own;
            write_variant(in, extra->name, extra->type);
            in->schema = own;
        }
    }
    json_writer_end_array(in->w);
}

static void write_object(Introspection *in, const QapiType *type)
{
    json_writer_key(in->w, "members");
    json_writer_begin_array(in->w);
    if (type) {
        write_members(in, type);
    }
    json_writer_end_array(in->w);
    if (type && type->kind == QAPI_KIND_UNION) {
        write_variants(in, type);
    }
}

static void write_alternate(Introspection *in, const QapiType *type)
{
    json_writer_key(in->w, "members");
    json_writer_begin_array(in->w);
    for (uint32_t i = 0; i < type->n_branches; i++) {
        json_writer_begin_object(in->w);
        write_field(in, "type", type_name(in, type->branches[i].type));
        json_writer_end_object(in->w);
    }
    json_writer_end_array(in->w);
}

/* --- Entities -------------------------------------------------------------------------------- */

static void write_entry(Introspection *in, const Entry *entry)
{
    const QapiType *type = entry->type;
    in->schema = entry->schema;
    switch (type ? type->kind : QAPI_KIND_STRUCT) {
    case QAPI_KIND_ENUM:
        begin_entity(in, entry->name, "enum");
        write_enum(in, type);
        break;
    case QAPI_KIND_LIST:
        begin_entity(in, entry->name, "array");
        write_field(in, "element-type", type_name(in, type->element));
        break;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
        begin_entity(in, entry->name, "object");
        write_object(in, type);
        break;
    case QAPI_KIND_ALTERNATE:
        begin_entity(in, entry->name, "alternate");
        write_alternate(in, type);
        break;
    default:
        begin_entity(in, entry->name, "builtin");
        write_field(in, "json-type", json_type(type->kind));
        break;
    }
    end_entity(in, type ? type->features : 0);
}

static void write_commands(Introspection *in, const QapiSchema *schema)
{
    in->schema = schema;
    for (uint32_t i = 0; i < schema->n_commands; i++) {
        const QapiCommand *command = schema->commands[i];
        if (command->features & in->hidden) {
            continue;
        }
        begin_entity(in, command->name, "command");
        write_field(in, "arg-type", type_name(in, command->args));
        write_field(in, "ret-type", type_name(in, command->ret));
        if (command->flags & QAPI_COMMAND_OOB) {
            json_writer_key(in->w, "allow-oob");
            json_writer_bool(in->w, true);
        }
        end_entity(in, command->features);
    }
}

static void write_events(Introspection *in, const QapiSchema *schema)
{
    in->schema = schema;
    for (uint32_t i = 0; i < schema->n_events; i++) {
        const QapiEvent *event = schema->events[i];
        if (event->features & in->hidden) {
            continue;
        }
        begin_entity(in, event->name, "event");
        write_field(in, "arg-type", type_name(in, event->args));
        end_entity(in, event->features);
    }
}

void qapi_introspect(const QapiSchema *const *schemas, size_t n, bool hide_deprecated,
                     const QapiExtraBranch *extra, size_t n_extra, JsonWriter *writer)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free);
    g_autoptr(GHashTable) by_type = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
    Introspection in = {.w = writer,
                        .hidden = hide_deprecated ? QAPI_FEATURE_DEPRECATED : 0,
                        .extra = extra,
                        .n_extra = n_extra,
                        .entries = entries,
                        .by_type = by_type,
                        .by_name = by_name};
    json_writer_begin_array(writer);
    for (size_t i = 0; i < n; i++) {
        write_commands(&in, schemas[i]);
    }
    for (size_t i = 0; i < n; i++) {
        write_events(&in, schemas[i]);
    }
    for (guint i = 0; i < entries->len; i++) {
        write_entry(&in, entries->pdata[i]);
    }
    json_writer_end_array(writer);
}
