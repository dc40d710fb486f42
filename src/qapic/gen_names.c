/* SPDX-License-Identifier: BSD-3-Clause */
/* What things of the schema are called in C. See qom/qapi.h for the rules. */
#include "qapic/gen.h"

#include "qapic/cond.h"
#include "qapic/names.h"

#include <string.h>

static const char *keep(const Gen *gen, char *text)
{
    const char *kept = arena_strndup(gen->arena, text, strlen(text));

    g_free(text);
    return kept;
}

const char *gen_fmt(const Gen *gen, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = g_strdup_vprintf(fmt, args);
    va_end(args);
    return keep(gen, text);
}

const char *gen_c_name(const Gen *gen, const char *name)
{
    return keep(gen, names_to_c(name, false));
}

const char *gen_c_member(const Gen *gen, const char *name)
{
    return keep(gen, names_to_c(name, true));
}

const char *gen_c_upper(const Gen *gen, const char *name)
{
    g_autofree char *c_name = names_to_c(name, false);

    return keep(gen, g_ascii_strup(c_name, -1));
}

const char *gen_c_lower(const Gen *gen, const char *name)
{
    g_autofree char *c_name = names_to_c(name, false);

    return keep(gen, g_ascii_strdown(c_name, -1));
}

const char *gen_enum_constant(const Gen *gen, const SchemaDef *def, const char *value)
{
    if (def->predefined) {
        return gen_fmt(gen, "QTYPE_%s", gen_c_upper(gen, value));
    }
    return keep(gen, names_to_enum_constant(def->name, def->prefix, value));
}

static const char *builtin_c_type(SchemaBuiltin builtin)
{
    switch (builtin) {
    case SCHEMA_STR: return "char *";
    case SCHEMA_ANY: return "char *";
    case SCHEMA_NULL: return "QapiNull ";
    case SCHEMA_BOOL: return "bool ";
    case SCHEMA_NUMBER: return "double ";
    case SCHEMA_INT8: return "int8_t ";
    case SCHEMA_INT16: return "int16_t ";
    case SCHEMA_INT32: return "int32_t ";
    case SCHEMA_INT:
    case SCHEMA_INT64: return "int64_t ";
    case SCHEMA_UINT8: return "uint8_t ";
    case SCHEMA_UINT16: return "uint16_t ";
    case SCHEMA_UINT32: return "uint32_t ";
    case SCHEMA_UINT64:
    case SCHEMA_SIZE: return "uint64_t ";
    }
    g_assert_not_reached();
}

const char *gen_c_type(const Gen *gen, const SchemaTypeRef *ref, bool in_place)
{
    if (!ref->array && ref->def->kind == SCHEMA_BUILTIN) {
        return builtin_c_type(ref->def->builtin);
    }
    if (ref->array || ref->def->kind == SCHEMA_ENUM || in_place) {
        return gen_fmt(gen, "%s ", gen_type_name(gen, ref));
    }
    return gen_fmt(gen, "%s *", gen_type_name(gen, ref));
}

const char *gen_type_name(const Gen *gen, const SchemaTypeRef *ref)
{
    return gen_fmt(gen, "%s%s", gen_c_name(gen, ref->name), ref->array ? "List" : "");
}

bool gen_is_pointer(const SchemaTypeRef *ref)
{
    if (ref->array) {
        return false;
    }
    if (ref->def->kind == SCHEMA_BUILTIN) {
        return ref->def->builtin == SCHEMA_STR || ref->def->builtin == SCHEMA_ANY;
    }
    return ref->def->kind != SCHEMA_ENUM;
}

bool gen_has_flag(const SchemaMember *member)
{
    return member->optional && !gen_is_pointer(&member->type);
}

const GenType *gen_args_type(const Gen *gen, const SchemaDef *def)
{
    return g_hash_table_lookup(gen->by_def, def->data.name == NULL ? def : def->data.def);
}

static const char *feature_bit(const Gen *gen, const char *name)
{
    if (g_str_equal(name, "deprecated") || g_str_equal(name, "unstable")) {
        return gen_fmt(gen, "QAPI_FEATURE_%s", gen_c_upper(gen, name));
    }
    return gen_fmt(gen, "%s_FEATURE_%s", gen_c_upper(gen, gen->options->prefix),
                   gen_c_upper(gen, name));
}

static bool any_conditional(const SchemaFeatures *features)
{
    for (unsigned i = 0; i < features->count; i++) {
        if (features->list[i].cond != NULL) {
            return true;
        }
    }
    return false;
}

const char *gen_features(const Gen *gen, const SchemaFeatures *features)
{
    g_autoptr(GString) bits = g_string_new(NULL);

    if (features->count == 0 || any_conditional(features)) {
        return NULL;
    }
    for (unsigned i = 0; i < features->count; i++) {
        g_string_append_printf(bits, "%s%s", i > 0 ? " | " : "",
                               feature_bit(gen, features->list[i].name));
    }
    return gen_fmt(gen, "%s", bits->str);
}

const char *gen_features_lines(const Gen *gen, const SchemaFeatures *features)
{
    g_autoptr(GString) lines = g_string_new("    .features = 0\n");

    if (!any_conditional(features)) {
        return NULL;
    }
    for (unsigned i = 0; i < features->count; i++) {
        const SchemaFeature *feature = &features->list[i];
        g_autofree char *cond = cond_to_c(feature->cond);
        if (cond != NULL) {
            g_string_append_printf(lines, "#if %s\n", cond);
        }
        g_string_append_printf(lines, "                | %s\n", feature_bit(gen, feature->name));
        if (cond != NULL) {
            g_string_append(lines, "#endif\n");
        }
    }
    g_string_append(lines, "    ,\n");
    return gen_fmt(gen, "%s", lines->str);
}
