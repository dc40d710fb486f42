/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/doc_type.h"

#include "qapic/cond.h"
#include "qapic/doc_text.h"

#include <string.h>

static const char *builtin_words(SchemaBuiltin builtin)
{
    switch (builtin) {
    case SCHEMA_STR: return "string";
    case SCHEMA_NUMBER: return "number";
    case SCHEMA_INT:
    case SCHEMA_INT64: return "integer";
    case SCHEMA_INT8: return "integer, 8 bits";
    case SCHEMA_INT16: return "integer, 16 bits";
    case SCHEMA_INT32: return "integer, 32 bits";
    case SCHEMA_UINT8: return "unsigned integer, 8 bits";
    case SCHEMA_UINT16: return "unsigned integer, 16 bits";
    case SCHEMA_UINT32: return "unsigned integer, 32 bits";
    case SCHEMA_UINT64: return "unsigned integer";
    case SCHEMA_SIZE: return "size in bytes";
    case SCHEMA_BOOL: return "boolean";
    case SCHEMA_NULL: return "null";
    case SCHEMA_ANY: return "any value";
    }
    g_assert_not_reached();
}

char *doc_type_words(const SchemaTypeRef *ref)
{
    const char *name =
        ref->def->kind == SCHEMA_BUILTIN ? builtin_words(ref->def->builtin) : ref->def->name;

    return g_strconcat(ref->array ? "list of " : "", name, NULL);
}

static char *enum_placeholder(const SchemaDef *def)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (def->n_values > 4) {
        return g_strdup(def->name);
    }
    for (unsigned i = 0; i < def->n_values; i++) {
        g_string_append_printf(out, "%s%s", i > 0 ? "|" : "", def->values[i].name);
    }
    return g_strdup(out->str);
}

char *doc_type_placeholder(const SchemaTypeRef *ref)
{
    const SchemaDef *def = ref->def;

    if (ref->array) {
        return g_strdup("LIST");
    }
    if (def->kind == SCHEMA_ENUM) {
        return enum_placeholder(def);
    }
    if (def->kind != SCHEMA_BUILTIN) {
        return g_strdup(def->name);
    }
    switch (def->builtin) {
    case SCHEMA_STR: return g_strdup("STRING");
    case SCHEMA_BOOL: return g_strdup("on|off");
    case SCHEMA_SIZE: return g_strdup("SIZE");
    case SCHEMA_NULL: return g_strdup("null");
    case SCHEMA_ANY: return g_strdup("VALUE");
    default: return g_strdup("NUMBER");
    }
}

char *doc_member_words(const SchemaMember *member)
{
    g_autofree char *type = doc_type_words(&member->type);
    g_autofree char *cond = cond_to_c(member->cond);
    g_autoptr(GString) out = g_string_new(type);

    if (member->optional) {
        g_string_append(out, ", optional");
    }
    for (unsigned i = 0; i < member->features.count; i++) {
        g_string_append_printf(out, ", %s", member->features.list[i].name);
    }
    if (cond != NULL) {
        g_string_append_printf(out, "; if %s", cond);
    }
    return g_strdup(out->str);
}

const char *doc_section(const SchemaDef *def, const char *name)
{
    for (unsigned i = 0; def->doc != NULL && i < def->doc->sections.count; i++) {
        if (g_strcmp0(def->doc->sections.list[i].name, name) == 0) {
            return def->doc->sections.list[i].text;
        }
    }
    return NULL;
}

const char *doc_overview(const SchemaDef *def)
{
    return def->doc == NULL ? NULL : def->doc->body;
}

char *doc_summary(const SchemaDef *def)
{
    char *text = doc_first_paragraph(doc_overview(def));
    char *end;

    if (text == NULL) {
        return g_strdup("");
    }
    end = strstr(text, ". ");
    if (end != NULL) {
        *end = '\0';
    }
    if (g_str_has_suffix(text, ".")) {
        text[strlen(text) - 1] = '\0';
    }
    return text;
}

const char *doc_of_feature(const SchemaDef *def, const char *name)
{
    for (unsigned i = 0; def->doc != NULL && i < def->doc->features.count; i++) {
        if (g_str_equal(def->doc->features.list[i].name, name)) {
            return def->doc->features.list[i].text;
        }
    }
    return NULL;
}
