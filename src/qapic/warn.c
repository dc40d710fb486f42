/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/warn.h"
#include "qapic/cond.h"
#include "qapic/names.h"

#include <string.h>

typedef void TypeUse(const SchemaDef *user, const SchemaTypeRef *type, const SchemaCond *cond,
                     void *opaque);

/* Calls @use for each type that @def refers to, with the condition of the reference. */
static void each_use(const SchemaDef *def, TypeUse *use, void *opaque)
{
    const SchemaTypeRef *direct[] = {&def->base, &def->data, &def->returns};
    for (size_t i = 0; i < G_N_ELEMENTS(direct); i++) {
        if (direct[i]->def) {
            use(def, direct[i], NULL, opaque);
        }
    }
    for (unsigned i = 0; i < def->n_members; i++) {
        use(def, &def->members[i].type, def->members[i].cond, opaque);
    }
    for (unsigned i = 0; i < def->n_branches; i++) {
        if (def->branches[i].type.def) {
            use(def, &def->branches[i].type, def->branches[i].cond, opaque);
        }
    }
}

typedef struct Reached {
    GHashTable *seen; /* SchemaDef */
    GPtrArray *todo;
} Reached;

static void reach(const SchemaDef *user, const SchemaTypeRef *type, const SchemaCond *cond,
                  void *opaque)
{
    Reached *reached = opaque;
    if (g_hash_table_add(reached->seen, type->def)) {
        g_ptr_array_add(reached->todo, type->def);
    }
}

static void warn_unused(const Schema *schema, Diag *diag)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) todo = g_ptr_array_new();
    Reached reached = {.seen = seen, .todo = todo};
    for (guint i = 0; i < schema->defs->len; i++) {
        if (!schema_is_type(schema->defs->pdata[i])) {
            g_ptr_array_add(todo, schema->defs->pdata[i]);
        }
    }
    if (!todo->len) {
        return; /* a collection of types: somebody else uses them */
    }
    while (todo->len) {
        each_use(g_ptr_array_steal_index_fast(todo, todo->len - 1), reach, &reached);
    }
    for (guint i = 0; i < schema->defs->len; i++) {
        const SchemaDef *def = schema->defs->pdata[i];
        if (schema_is_type(def) && !g_hash_table_contains(seen, def)) {
            diag_warn(diag, def->name_place, DIAG_WARN_UNUSED_TYPE, "%s '%s' is never used",
                      schema_kind_name(def->kind), def->name);
        }
    }
}

static void warn_weak_use(const SchemaDef *user, const SchemaTypeRef *type, const SchemaCond *cond,
                          void *opaque)
{
    Diag *diag = opaque;
    if (cond_implies(user->cond, cond, type->def->cond)) {
        return;
    }
    g_autofree char *needed = cond_to_c(type->def->cond);
    diag_warn(diag, type->place, DIAG_WARN_WEAK_CONDITION, "'%s' is used here also without %s",
              type->name, needed);
    diag_note(diag, type->def->name_place, "'%s' is defined here", type->name);
}

/* Enters a C name; reports it if it is there. */
static void enter_constant(Diag *diag, GHashTable *seen, char *name, const SchemaPlace *place)
{
    const SchemaPlace *first = g_hash_table_lookup(seen, name);
    if (!first) {
        g_hash_table_insert(seen, name, (gpointer)place);
        return;
    }
    diag_warn(diag, *place, DIAG_WARN_CONSTANT_CLASH, "this becomes '%s' in C, as something else",
              name);
    diag_note(diag, *first, "the other one is here");
    g_free(name);
}

static void warn_constants(const Schema *schema, Diag *diag)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < schema->defs->len; i++) {
        const SchemaDef *def = schema->defs->pdata[i];
        g_autofree char *c_name = names_to_c(def->name, false);
        /* Types, commands and events don't meet in C. */
        enter_constant(diag, seen,
                       g_strconcat(schema_is_type(def) ? "" : schema_kind_name(def->kind),
                                   schema_is_type(def) ? "" : " ", c_name, NULL),
                       &def->name_place);
        for (unsigned v = 0; v < def->n_values; v++) {
            enter_constant(diag, seen,
                           names_to_enum_constant(def->name, def->prefix, def->values[v].name),
                           &def->values[v].place);
        }
    }
}

static void warn_branches(const SchemaDef *def, Diag *diag)
{
    for (unsigned i = 0; i < def->n_branches; i++) {
        if (def->branches[i].implied) {
            diag_warn(diag, def->discriminator_place, DIAG_WARN_NO_BRANCH,
                      "union '%s': value '%s' has no branch", def->name, def->branches[i].name);
            diag_note(diag, def->branches[i].place, "the value is here");
        }
    }
}

static void warn_since(const SchemaDef *def, Diag *diag)
{
    if (!def->doc) {
        return;
    }
    for (unsigned i = 0; i < def->doc->sections.count; i++) {
        if (!g_strcmp0(def->doc->sections.list[i].name, "Since")) {
            return;
        }
    }
    diag_warn(diag, def->doc->place, DIAG_WARN_NO_SINCE, "the doc comment of '%s' has no 'Since:'",
              def->name);
}

void warn_schema(Schema *schema, Diag *diag)
{
    for (guint i = 0; i < schema->defs->len; i++) {
        const SchemaDef *def = schema->defs->pdata[i];
        if (diag_warning_enabled(diag, DIAG_WARN_WEAK_CONDITION)) {
            each_use(def, warn_weak_use, diag);
        }
        if (diag_warning_enabled(diag, DIAG_WARN_NO_BRANCH)) {
            warn_branches(def, diag);
        }
        if (diag_warning_enabled(diag, DIAG_WARN_NO_SINCE)) {
            warn_since(def, diag);
        }
    }
    if (diag_warning_enabled(diag, DIAG_WARN_UNUSED_TYPE)) {
        warn_unused(schema, diag);
    }
    if (diag_warning_enabled(diag, DIAG_WARN_CONSTANT_CLASH)) {
        warn_constants(schema, diag);
    }
}
