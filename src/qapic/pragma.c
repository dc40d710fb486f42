/* SPDX-License-Identifier: BSD-3-Clause */
/* Pragmas. They rule the whole schema, so they are obeyed before anything is checked. */
#include "qapic/ast.h"
#include "qapic/names.h"

#include <string.h>

static const char *const pragma_names[] = {
    "doc-required",
    "command-name-exceptions",
    "command-returns-exceptions",
    "documentation-exceptions",
    "member-name-exceptions",
};

static GHashTable **find_set(SchemaPragmas *pragmas, const char *name)
{
    GHashTable **sets[] = {
        NULL,
        &pragmas->command_name_exceptions,
        &pragmas->command_returns_exceptions,
        &pragmas->documentation_exceptions,
        &pragmas->member_name_exceptions,
    };
    for (size_t i = 1; i < G_N_ELEMENTS(sets); i++) {
        if (!strcmp(pragma_names[i], name)) {
            return sets[i];
        }
    }
    return NULL;
}

static void apply_list(Parse *parse, const Value *directive, const Value *value, GHashTable *set)
{
    if (value->kind != VALUE_LIST) {
        diag_error_in(parse->diag, directive->place, value->place, DIAG_PRAGMA_VALUE,
                      "pragma '%s' takes a list of strings", value->key);
        return;
    }
    g_hash_table_remove_all(set);
    for (const Value *v = value->first; v; v = v->next) {
        if (v->kind != VALUE_STRING) {
            diag_error_in(parse->diag, directive->place, v->place, DIAG_PRAGMA_VALUE,
                          "pragma '%s' takes a list of strings", value->key);
            return;
        }
        g_hash_table_add(set, (gpointer)v->string);
    }
}

static void apply_one(Parse *parse, const Value *directive, const Value *value)
{
    GHashTable **set = find_set(&parse->schema->pragmas, value->key);
    if (set) {
        apply_list(parse, directive, value, *set);
    } else if (!strcmp(value->key, "doc-required")) {
        if (value->kind != VALUE_BOOL) {
            diag_error_in(parse->diag, directive->place, value->place, DIAG_PRAGMA_VALUE,
                          "pragma 'doc-required' takes true or false");
            return;
        }
        parse->schema->pragmas.doc_required = value->boolean;
    } else {
        diag_error_in(parse->diag, directive->place, value->key_place, DIAG_PRAGMA_UNKNOWN,
                      "there is no pragma '%s'", value->key);
        const char *like = names_suggest(value->key, pragma_names, G_N_ELEMENTS(pragma_names));
        if (like) {
            diag_hint(parse->diag, "did you mean '%s'?", like);
        }
    }
}

void pragma_apply(Parse *parse, const Value *directive)
{
    const Value *pragmas = value_get(directive, "pragma");
    if (directive->count > 1) {
        const Value *extra = pragmas == directive->first ? pragmas->next : directive->first;
        diag_error_in(parse->diag, directive->place, extra->key_place, DIAG_PRAGMA_FORM,
                      "a pragma has no other keys: '%s'", extra->key);
    }
    if (pragmas->kind != VALUE_OBJECT) {
        diag_error_in(parse->diag, directive->place, pragmas->place, DIAG_PRAGMA_FORM,
                      "the value of 'pragma' is an object: { 'NAME': VALUE, ... }");
        return;
    }
    for (const Value *v = pragmas->first; v; v = v->next) {
        apply_one(parse, directive, v);
    }
}
