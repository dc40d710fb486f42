/* SPDX-License-Identifier: BSD-3-Clause */
/* The meaning of structs, unions, alternates, and of commands' and events' types. */
#include "qapic/check.h"
#include "qapic/names.h"

#include <string.h>

/* One character of a name's C form. */
static char c_char(char c)
{
    return g_ascii_isalnum(c) || !c ? c : '_';
}

static guint hash_c_name(gconstpointer name)
{
    guint hash = 5381;
    for (const char *p = name; *p; p++) {
        hash = hash * 33 + (unsigned char)c_char(*p);
    }
    return hash;
}

static gboolean equal_c_names(gconstpointer a, gconstpointer b)
{
    const char *p = a, *q = b;
    while (*p && c_char(*p) == c_char(*q)) {
        p++;
        q++;
    }
    return c_char(*p) == c_char(*q);
}

GHashTable *check_names_new(void)
{
    return g_hash_table_new(hash_c_name, equal_c_names);
}

void check_clash(Checker *checker, GHashTable *seen, const char *name, const SchemaPlace *place,
                 const char *what)
{
    gpointer first_name, first_place;
    if (!g_hash_table_lookup_extended(seen, name, &first_name, &first_place)) {
        g_hash_table_insert(seen, (gpointer)name, (gpointer)place);
        return;
    }
    if (!strcmp(first_name, name)) {
        check_error(checker, *place, DIAG_MEMBER_CLASH, "a second %s '%s'", what, name);
    } else {
        check_error(checker, *place, DIAG_MEMBER_CLASH, "%s '%s' is the same in C as '%s'", what,
                    name, (const char *)first_name);
    }
    diag_note(checker->diag, *(const SchemaPlace *)first_place, "the first one is here");
}

/* Enters the members of @def's bases, which don't clash among themselves. */
static void enter_bases(const SchemaDef *def, GHashTable *seen)
{
    for (const SchemaDef *base = def->base.def; base; base = base->base.def) {
        for (unsigned i = 0; i < base->n_members; i++) {
            g_hash_table_insert(seen, (gpointer)base->members[i].name, &base->members[i].place);
        }
    }
}

/* Returns the names of all common members. */
static GHashTable *check_own_members(Checker *checker)
{
    SchemaDef *def = checker->def;
    GHashTable *seen = check_names_new();
    enter_bases(def, seen);
    for (unsigned i = 0; i < def->n_members; i++) {
        check_clash(checker, seen, def->members[i].name, &def->members[i].place,
                    def->kind == SCHEMA_COMMAND || def->kind == SCHEMA_EVENT ? "argument"
                                                                             : "member");
    }
    return seen;
}

static void check_base(Checker *checker)
{
    SchemaDef *def = checker->def;
    if (!check_type(checker, &def->base)) {
        def->broken |= def->base.name != NULL;
        return;
    }
    SchemaDef *base = def->base.def;
    if (base->kind != SCHEMA_STRUCT) {
        check_error(checker, def->base.place, DIAG_BASE_KIND, "the base '%s' is %s, no struct",
                    base->name, schema_a_kind(base->kind));
        diag_note(checker->diag, base->name_place, "it is defined here");
        def->base.def = NULL;
        def->broken = true;
        return;
    }
    def->broken |= base->broken;
}

void check_struct(Checker *checker)
{
    check_base(checker);
    g_hash_table_unref(check_own_members(checker));
}

static const SchemaMember *find_member(const SchemaDef *def, const char *name)
{
    for (; def; def = def->base.def) {
        for (unsigned i = 0; i < def->n_members; i++) {
            if (!strcmp(def->members[i].name, name)) {
                return &def->members[i];
            }
        }
    }
    return NULL;
}

static void report_tag_missing(Checker *checker)
{
    SchemaDef *def = checker->def;
    check_error(checker, def->discriminator_place, DIAG_TAG_MISSING,
                "the discriminator '%s' is no member of the base", def->discriminator);
    g_autoptr(GPtrArray) members = schema_all_members(def);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < members->len; i++) {
        g_ptr_array_add(names, (gpointer)((const SchemaMember *)members->pdata[i])->name);
    }
    const char *like =
        names_suggest(def->discriminator, (const char *const *)names->pdata, names->len);
    if (like) {
        diag_hint(checker->diag, "did you mean '%s'?", like);
    }
}

/* Finds and checks the tag. Returns its enum; NULL if there is none to check the branches with. */
static SchemaDef *check_tag(Checker *checker)
{
    SchemaDef *def = checker->def;
    if (!def->discriminator) {
        return NULL;
    }
    const SchemaMember *tag = find_member(def, def->discriminator);
    if (!tag) {
        if (!def->broken) {
            report_tag_missing(checker);
        }
        return NULL;
    }
    def->tag = tag;
    if (!tag->type.name) {
        return NULL;
    }
    /* A base struct's members are resolved, as it was checked before. */
    const SchemaDef *type = schema_find(checker->schema, tag->type.name);
    if (!type || !schema_is_type(type)) {
        return NULL;
    }
    if (type->kind != SCHEMA_ENUM || tag->type.array) {
        check_error(checker, def->discriminator_place, DIAG_TAG_TYPE,
                    "the discriminator '%s' is no enum", tag->name);
        diag_note(checker->diag, tag->type.place, "its type is here");
        return NULL;
    }
    if (tag->optional) {
        check_error(checker, def->discriminator_place, DIAG_TAG_OPTIONAL,
                    "the discriminator '%s' is optional", tag->name);
        diag_note(checker->diag, tag->place, "it is defined here");
    }
    if (tag->cond) {
        check_error(checker, def->discriminator_place, DIAG_TAG_CONDITIONAL,
                    "the discriminator '%s' is conditional", tag->name);
        diag_note(checker->diag, tag->place, "it is defined here");
    }
    return (SchemaDef *)type;
}

static void report_branch_unknown(Checker *checker, const SchemaBranch *branch,
                                  const SchemaDef *tag_type)
{
    check_error(checker, branch->place, DIAG_BRANCH_UNKNOWN, "branch '%s' is no value of enum '%s'",
                branch->name, tag_type->name);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (unsigned i = 0; i < tag_type->n_values; i++) {
        g_ptr_array_add(names, (gpointer)tag_type->values[i].name);
    }
    const char *like = names_suggest(branch->name, (const char *const *)names->pdata, names->len);
    if (like) {
        diag_hint(checker->diag, "did you mean '%s'?", like);
    }
    diag_note(checker->diag, tag_type->name_place, "the enum is defined here");
}

/* Connects branches with values, and appends a branch for each value that has none. */
static void match_branches(Checker *checker, const SchemaDef *tag_type)
{
    SchemaDef *def = checker->def;
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < tag_type->n_values; i++) {
        g_hash_table_insert(by_name, (gpointer)tag_type->values[i].name, &tag_type->values[i]);
    }
    SchemaBranch *all = arena_new0(checker->schema->arena, SchemaBranch,
                                   (size_t)def->n_branches + tag_type->n_values);
    unsigned count = 0;
    for (; count < def->n_branches; count++) {
        all[count] = def->branches[count];
        all[count].value = g_hash_table_lookup(by_name, all[count].name);
        g_hash_table_remove(by_name, all[count].name);
        if (!all[count].value && !tag_type->broken) {
            report_branch_unknown(checker, &all[count], tag_type);
        }
    }
    for (unsigned i = 0; i < tag_type->n_values; i++) {
        const SchemaValue *value = &tag_type->values[i];
        if (g_hash_table_remove(by_name, value->name)) {
            all[count++] = (SchemaBranch){
                .name = value->name,
                .place = value->place,
                .cond = value->cond,
                .value = value,
                .implied = true,
            };
        }
    }
    def->branches = all;
    def->n_branches = count;
}

/* Reports members of the branch, at any depth, that clash with the union's common members. Each
 * type is looked at once, however many branches lead to it. */
static void check_branch_members(Checker *checker, const SchemaBranch *branch, GHashTable *common,
                                 GHashTable *done)
{
    g_autoptr(GPtrArray) todo = g_ptr_array_new();
    g_ptr_array_add(todo, branch->type.def);
    while (todo->len) {
        const SchemaDef *type = g_ptr_array_steal_index_fast(todo, todo->len - 1);
        if (!type || !g_hash_table_add(done, (gpointer)type)) {
            continue;
        }
        for (unsigned i = 0; i < type->n_members; i++) {
            const SchemaMember *member = &type->members[i];
            const SchemaPlace *first = g_hash_table_lookup(common, member->name);
            if (first) {
                check_error(checker, branch->place, DIAG_MEMBER_CLASH,
                            "branch '%s' has a member '%s' as the common ones have", branch->name,
                            member->name);
                diag_note(checker->diag, member->place, "the branch's member is here");
                diag_note(checker->diag, *first, "the common member is here");
            }
        }
        g_ptr_array_add(todo, type->base.def);
        for (unsigned i = 0; i < type->n_branches; i++) {
            g_ptr_array_add(todo, type->branches[i].type.def);
        }
    }
}

static bool check_branch_type(Checker *checker, SchemaBranch *branch)
{
    if (branch->implied || !check_type(checker, &branch->type)) {
        return false;
    }
    const SchemaDef *type = branch->type.def;
    if (type->kind == SCHEMA_STRUCT || type->kind == SCHEMA_UNION) {
        return true;
    }
    check_error(checker, branch->type.place, DIAG_BRANCH_KIND,
                "branch '%s': '%s' is %s, no struct or union", branch->name, type->name,
                schema_a_kind(type->kind));
    diag_note(checker->diag, type->name_place, "it is defined here");
    branch->type.def = NULL;
    return false;
}

void check_union(Checker *checker)
{
    SchemaDef *def = checker->def;
    check_base(checker);
    g_autoptr(GHashTable) common = check_own_members(checker);
    const SchemaDef *tag_type = check_tag(checker);
    if (tag_type && !tag_type->n_values && !tag_type->broken) {
        check_error(checker, def->discriminator_place, DIAG_UNION_EMPTY,
                    "it has no branches: enum '%s' has no values", tag_type->name);
        diag_note(checker->diag, tag_type->name_place, "the enum is defined here");
        tag_type = NULL;
    }
    if (tag_type) {
        match_branches(checker, tag_type);
    }
    g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);
    for (unsigned i = 0; i < def->n_branches; i++) {
        if (check_branch_type(checker, &def->branches[i])) {
            check_branch_members(checker, &def->branches[i], common, done);
        }
    }
}

/* The JSON kinds (a set of bits) that an alternative of that type takes. On the command line, where
 * everything is a string, some types of strings look like other kinds. */
static unsigned kinds_taken(const SchemaTypeRef *type)
{
    SchemaJson kind = schema_json_kind(type);
    unsigned taken = 1u << kind;
    if (kind != SCHEMA_JSON_STRING) {
        return taken;
    }
    const SchemaDef *def = type->def;
    if (def->kind != SCHEMA_ENUM) {
        return taken | 1u << SCHEMA_JSON_NUMBER | 1u << SCHEMA_JSON_BOOL;
    }
    for (unsigned i = 0; i < def->n_values; i++) {
        const char *name = def->values[i].name;
        if (!strcmp(name, "on") || !strcmp(name, "off")) {
            taken |= 1u << SCHEMA_JSON_BOOL;
        } else if (strchr("+-.0123456789", *name)) {
            taken |= 1u << SCHEMA_JSON_NUMBER;
        }
    }
    return taken;
}

static void check_alternative(Checker *checker, SchemaBranch *branch,
                              const SchemaBranch *seen[SCHEMA_JSON_VALUE])
{
    if (schema_json_kind(&branch->type) == SCHEMA_JSON_VALUE) {
        check_error(checker, branch->type.place, DIAG_BRANCH_KIND,
                    "alternative '%s' can't be of type '%s'", branch->name, branch->type.name);
        return;
    }
    unsigned taken = kinds_taken(&branch->type);
    for (unsigned kind = 0; kind < SCHEMA_JSON_VALUE; kind++) {
        if ((taken & 1u << kind) && seen[kind]) {
            check_error(checker, branch->place, DIAG_ALT_AMBIGUOUS,
                        "alternative '%s' can't be told from '%s'", branch->name, seen[kind]->name);
            diag_note(checker->diag, seen[kind]->place, "the other one is here");
            return;
        }
    }
    for (unsigned kind = 0; kind < SCHEMA_JSON_VALUE; kind++) {
        if (taken & 1u << kind) {
            seen[kind] = branch;
        }
    }
}

void check_alternate(Checker *checker)
{
    SchemaDef *def = checker->def;
    const SchemaBranch *seen[SCHEMA_JSON_VALUE] = {NULL};
    g_autoptr(GHashTable) names = check_names_new();
    for (unsigned i = 0; i < def->n_branches; i++) {
        SchemaBranch *branch = &def->branches[i];
        check_clash(checker, names, branch->name, &branch->place, "alternative");
        SchemaDef *type =
            branch->type.name ? schema_find(checker->schema, branch->type.name) : NULL;
        branch->type.def = type && schema_is_type(type) ? type : NULL;
        if (check_type(checker, &branch->type)) {
            check_alternative(checker, branch, seen);
        }
    }
}

static void resolve(Checker *checker, SchemaTypeRef *ref)
{
    SchemaDef *type = ref->name ? schema_find(checker->schema, ref->name) : NULL;
    ref->def = type && schema_is_type(type) ? type : NULL;
}

/* Reports the first conditional member that would become a separate argument. */
static void check_unconditional(Checker *checker)
{
    SchemaDef *def = checker->def;
    g_autoptr(GPtrArray) members = schema_all_members(def);
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = members->pdata[i];
        if (member->cond) {
            bool inlined = !def->data.name;
            check_error(checker, inlined ? member->place : def->data.place, DIAG_ARGS_CONDITIONAL,
                        "the argument '%s' is conditional: that needs 'boxed': true", member->name);
            if (!inlined) {
                diag_note(checker->diag, member->place, "the argument is defined here");
            }
            return;
        }
    }
}

void check_arguments(Checker *checker)
{
    SchemaDef *def = checker->def;
    g_hash_table_unref(check_own_members(checker));
    if (def->data.name) {
        resolve(checker, &def->data);
        if (!check_type(checker, &def->data)) {
            return;
        }
        const SchemaDef *type = def->data.def;
        if (type->kind != SCHEMA_STRUCT && type->kind != SCHEMA_UNION) {
            check_error(checker, def->data.place, DIAG_ARGS_KIND,
                        "the data '%s' is %s, no struct or union", type->name,
                        schema_a_kind(type->kind));
            diag_note(checker->diag, type->name_place, "it is defined here");
            def->data.def = NULL;
            return;
        }
        if (type->kind == SCHEMA_UNION && !def->boxed) {
            check_error(checker, def->data.place, DIAG_ARGS_BOXED,
                        "the data '%s' is a union: that needs 'boxed': true", type->name);
            return;
        }
    }
    if (!def->boxed) {
        check_unconditional(checker);
    }
}

void check_returns(Checker *checker)
{
    SchemaDef *def = checker->def;
    resolve(checker, &def->returns);
    if (!check_type(checker, &def->returns)) {
        return;
    }
    SchemaKind kind = def->returns.def->kind;
    GHashTable *exceptions = checker->schema->pragmas.command_returns_exceptions;
    if (kind != SCHEMA_STRUCT && kind != SCHEMA_UNION &&
        !g_hash_table_contains(exceptions, def->name)) {
        check_error(checker, def->returns.place, DIAG_RETURNS_KIND,
                    "it returns no struct, union or list of them but '%s'", def->returns.name);
        diag_hint(checker->diag, "the pragma command-returns-exceptions allows it");
    }
}
