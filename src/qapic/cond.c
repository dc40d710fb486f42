/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/cond.h"

#include <string.h>

/* Two to the power of this many combinations are tried at most by cond_implies(). */
enum { COND_IMPLIES_NAMES = 12 };

static void append_c(GString *out, const SchemaCond *cond, SchemaCondKind outer)
{
    switch (cond->kind) {
    case SCHEMA_COND_NAME: g_string_append_printf(out, "defined(%s)", cond->name); return;
    case SCHEMA_COND_NOT:
        g_string_append_c(out, '!');
        append_c(out, cond->operands[0], SCHEMA_COND_NOT);
        return;
    case SCHEMA_COND_ALL:
    case SCHEMA_COND_ANY: break;
    }
    bool brackets = cond->n_operands > 1 && outer != cond->kind;
    SchemaCondKind inner = cond->n_operands > 1 ? cond->kind : outer;
    if (brackets) {
        g_string_append_c(out, '(');
    }
    for (unsigned i = 0; i < cond->n_operands; i++) {
        if (i) {
            g_string_append(out, cond->kind == SCHEMA_COND_ALL ? " && " : " || ");
        }
        append_c(out, cond->operands[i], inner);
    }
    if (brackets) {
        g_string_append_c(out, ')');
    }
}

char *cond_to_c(const SchemaCond *cond)
{
    if (!cond) {
        return NULL;
    }
    GString *out = g_string_new(NULL);
    append_c(out, cond, cond->kind);
    return g_string_free(out, FALSE);
}

bool cond_holds(const SchemaCond *cond, GHashTable *defined)
{
    if (!cond) {
        return true;
    }
    switch (cond->kind) {
    case SCHEMA_COND_NAME: return defined && g_hash_table_contains(defined, cond->name);
    case SCHEMA_COND_NOT: return !cond_holds(cond->operands[0], defined);
    case SCHEMA_COND_ALL:
        for (unsigned i = 0; i < cond->n_operands; i++) {
            if (!cond_holds(cond->operands[i], defined)) {
                return false;
            }
        }
        return true;
    case SCHEMA_COND_ANY:
        for (unsigned i = 0; i < cond->n_operands; i++) {
            if (cond_holds(cond->operands[i], defined)) {
                return true;
            }
        }
        return false;
    }
    g_assert_not_reached();
}

bool cond_equal(const SchemaCond *a, const SchemaCond *b)
{
    if (a == b) {
        return true;
    }
    if (!a || !b || a->kind != b->kind || a->n_operands != b->n_operands) {
        return false;
    }
    if (a->kind == SCHEMA_COND_NAME) {
        return !strcmp(a->name, b->name);
    }
    for (unsigned i = 0; i < a->n_operands; i++) {
        if (!cond_equal(a->operands[i], b->operands[i])) {
            return false;
        }
    }
    return true;
}

static void collect_names(const SchemaCond *cond, GHashTable *names)
{
    if (!cond) {
        return;
    }
    if (cond->kind == SCHEMA_COND_NAME) {
        g_hash_table_add(names, (gpointer)cond->name);
    }
    for (unsigned i = 0; i < cond->n_operands; i++) {
        collect_names(cond->operands[i], names);
    }
}

bool cond_implies(const SchemaCond *a, const SchemaCond *b, const SchemaCond *c)
{
    if (!c || cond_equal(a, c) || cond_equal(b, c)) {
        return true;
    }
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    collect_names(a, names);
    collect_names(b, names);
    collect_names(c, names);
    guint count;
    g_autofree gpointer *name = g_hash_table_get_keys_as_array(names, &count);
    if (count > COND_IMPLIES_NAMES) {
        return true;
    }
    for (unsigned combination = 0; combination < 1u << count; combination++) {
        g_autoptr(GHashTable) defined = g_hash_table_new(g_str_hash, g_str_equal);
        for (guint i = 0; i < count; i++) {
            if (combination & 1u << i) {
                g_hash_table_add(defined, name[i]);
            }
        }
        if (cond_holds(a, defined) && cond_holds(b, defined) && !cond_holds(c, defined)) {
            return false;
        }
    }
    return true;
}

bool cond_is_name(const char *name)
{
    if (!g_ascii_isupper(*name)) {
        return false;
    }
    for (; *name; name++) {
        if (!g_ascii_isupper(*name) && !g_ascii_isdigit(*name) && *name != '_') {
            return false;
        }
    }
    return true;
}

bool cond_read_names(const char *path, GHashTable *defined, char **message)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &text, NULL, &error)) {
        *message = g_strdup(error->message);
        return false;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i]; i++) {
        char *comment = strchr(lines[i], '#');
        if (comment) {
            *comment = '\0';
        }
        g_strstrip(lines[i]);
        if (!*lines[i]) {
            continue;
        }
        if (!cond_is_name(lines[i])) {
            *message = g_strdup_printf("%s:%u: '%s' is no name of a condition ([A-Z][A-Z0-9_]*)",
                                       path, i + 1, lines[i]);
            return false;
        }
        g_hash_table_add(defined, g_strdup(lines[i]));
    }
    return true;
}
