/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The meaning of definitions, in document order, but bases and branches before what consists of
 * them. That order is found by a walk with a stack of its own, as chains of bases may be long; it
 * also finds the cycles, and cuts them so that all later walks end.
 */
#include "qapic/check.h"
#include "qapic/names.h"

#include <string.h>

enum {
    CHECK_MAX_FEATURES = 64,
    CHECK_SUGGESTIONS = 50,
};

/* States of SchemaDef.visited. */
enum { VISIT_NEW, VISIT_ON_STACK, VISIT_DONE };

typedef struct Visit {
    SchemaDef *def;
    unsigned next; /* the part to look at: 0 the base, then the branches */
} Visit;

void check_error(Checker *checker, SchemaPlace token, DiagCode code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    SchemaDef *def = checker->def;
    diag_error_in(checker->diag, def->place, token, code, "%s '%s': %s",
                  schema_kind_name(def->kind), def->name, text);
}

static SchemaDef *find_type(const Schema *schema, const char *name)
{
    SchemaDef *def = schema_find(schema, name);
    return def && schema_is_type(def) ? def : NULL;
}

static void suggest_type(Checker *checker, const char *name)
{
    const Schema *schema = checker->schema;
    if (!checker->suggestions_left) {
        return;
    }
    checker->suggestions_left--;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GPtrArray *lists[] = {schema->builtins, schema->defs};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (guint j = 0; j < lists[i]->len; j++) {
            const SchemaDef *def = lists[i]->pdata[j];
            if (schema_is_type(def)) {
                g_ptr_array_add(names, (gpointer)def->name);
            }
        }
    }
    const char *like = names_suggest(name, (const char *const *)names->pdata, names->len);
    if (like) {
        diag_hint(checker->diag, "did you mean '%s'?", like);
        diag_note(checker->diag, schema_find(schema, like)->name_place, "'%s' is defined here",
                  like);
    }
}

bool check_type(Checker *checker, SchemaTypeRef *ref)
{
    if (!ref->name || ref->def) {
        return ref->def;
    }
    SchemaDef *found = schema_find(checker->schema, ref->name);
    if (found && !schema_is_type(found)) {
        check_error(checker, ref->place, DIAG_TYPE_UNKNOWN, "'%s' is %s, no type", ref->name,
                    schema_a_kind(found->kind));
        diag_note(checker->diag, found->name_place, "it is defined here");
    } else if (!found && !checker->parse->incomplete) {
        check_error(checker, ref->place, DIAG_TYPE_UNKNOWN, "there is no type '%s'", ref->name);
        suggest_type(checker, ref->name);
    }
    return false;
}

/* Members are no parts of their owner: their types may be anything, also the owner. */
static void resolve_members(Checker *checker)
{
    SchemaDef *def = checker->def;
    for (unsigned i = 0; i < def->n_members; i++) {
        SchemaTypeRef *type = &def->members[i].type;
        if (type->name) {
            type->def = find_type(checker->schema, type->name);
            check_type(checker, type);
        }
    }
}

static void check_enum(Checker *checker)
{
    SchemaDef *def = checker->def;
    g_autoptr(GHashTable) seen = check_names_new();
    for (unsigned i = 0; i < def->n_values; i++) {
        check_clash(checker, seen, def->values[i].name, &def->values[i].place, "value");
    }
}

static void check_definition(Checker *checker, SchemaDef *def)
{
    checker->def = def;
    check_features(checker);
    switch (def->kind) {
    case SCHEMA_ENUM: check_enum(checker); break;
    case SCHEMA_STRUCT:
        check_struct(checker);
        resolve_members(checker);
        break;
    case SCHEMA_UNION:
        resolve_members(checker); /* the tag's type is among them */
        check_union(checker);
        break;
    case SCHEMA_ALTERNATE: check_alternate(checker); break;
    case SCHEMA_COMMAND:
        resolve_members(checker);
        check_arguments(checker);
        check_returns(checker);
        break;
    case SCHEMA_EVENT:
        resolve_members(checker);
        check_arguments(checker);
        break;
    case SCHEMA_BUILTIN: break;
    }
    check_doc_complete(checker);
}

static void report_cycle(Checker *checker, const GArray *stack, SchemaDef *def)
{
    checker->def = def;
    check_error(checker, def->name_place, DIAG_CYCLE, "it contains itself");
    def->broken = true;
    guint i = stack->len;
    while (i > 0 && g_array_index(stack, Visit, i - 1).def != def) {
        i--;
    }
    for (guint n = 0; i < stack->len && n < 10; i++, n++) {
        const SchemaDef *inner = g_array_index(stack, Visit, i).def;
        diag_note(checker->diag, inner->name_place, "by '%s'", inner->name);
    }
}

/* The @n-th type that a struct or union consists of; NULL behind the last. */
static SchemaTypeRef *part_of(SchemaDef *def, unsigned n)
{
    if (n == 0) {
        return &def->base;
    }
    if (def->kind != SCHEMA_UNION || n > def->n_branches) {
        return NULL;
    }
    return &def->branches[n - 1].type;
}

static void push(GArray *stack, SchemaDef *def)
{
    Visit visit = {.def = def};
    def->visited = VISIT_ON_STACK;
    g_array_append_val(stack, visit);
}

static void visit_part(Checker *checker, GArray *stack, SchemaTypeRef *ref)
{
    if (!ref->name) {
        return;
    }
    SchemaDef *part = find_type(checker->schema, ref->name);
    if (part && part->visited == VISIT_ON_STACK) {
        report_cycle(checker, stack, part);
        return; /* ref->def stays NULL: the cycle is cut */
    }
    ref->def = part;
    if (part && part->visited == VISIT_NEW &&
        (part->kind == SCHEMA_STRUCT || part->kind == SCHEMA_UNION)) {
        push(stack, part);
    }
}

static void visit(Checker *checker, GArray *stack, SchemaDef *root)
{
    if (root->visited != VISIT_NEW) {
        return;
    }
    push(stack, root);
    while (stack->len) {
        Visit *top = &g_array_index(stack, Visit, stack->len - 1);
        SchemaDef *def = top->def;
        SchemaTypeRef *ref = part_of(def, top->next++);
        if (ref) {
            visit_part(checker, stack, ref);
            continue;
        }
        g_array_set_size(stack, stack->len - 1);
        def->visited = VISIT_DONE;
        check_definition(checker, def);
    }
}

/* Enters the features of one owner; @def is the first definition that has too many. */
static void count_features(Checker *checker, GHashTable *seen, const SchemaFeatures *features)
{
    for (unsigned i = 0; i < features->count; i++) {
        const SchemaFeature *feature = &features->list[i];
        if (!g_hash_table_add(seen, (gpointer)feature->name)) {
            continue;
        }
        g_ptr_array_add(checker->schema->features, (gpointer)feature->name);
        if (checker->schema->features->len == CHECK_MAX_FEATURES + 1) {
            check_error(checker, feature->place, DIAG_FEATURE_TOO_MANY,
                        "feature '%s' is one more than the %d that a schema may have",
                        feature->name, CHECK_MAX_FEATURES);
        }
    }
}

static void count_all_features(Checker *checker)
{
    Schema *schema = checker->schema;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const char *const special[] = {"deprecated", "unstable"};
    for (size_t i = 0; i < G_N_ELEMENTS(special); i++) {
        g_ptr_array_add(schema->features, (gpointer)special[i]);
        g_hash_table_add(seen, (gpointer)special[i]);
    }
    for (guint i = 0; i < schema->defs->len; i++) {
        SchemaDef *def = schema->defs->pdata[i];
        checker->def = def;
        count_features(checker, seen, &def->features);
        for (unsigned m = 0; m < def->n_members; m++) {
            count_features(checker, seen, &def->members[m].features);
        }
        for (unsigned v = 0; v < def->n_values; v++) {
            count_features(checker, seen, &def->values[v].features);
        }
    }
}

void meaning_check(Parse *parse)
{
    Schema *schema = parse->schema;
    Checker checker = {
        .parse = parse,
        .schema = schema,
        .diag = parse->diag,
        .suggestions_left = CHECK_SUGGESTIONS,
    };
    g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(Visit));
    for (guint i = 0; i < schema->defs->len; i++) {
        visit(&checker, stack, schema->defs->pdata[i]);
    }
    for (guint i = 0; i < schema->defs->len; i++) {
        checker.def = schema->defs->pdata[i];
        check_doc_unknown(&checker);
    }
    count_all_features(&checker);
}
