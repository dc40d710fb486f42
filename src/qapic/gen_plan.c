/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands in which header. Members are pointers to structs, so that most types only need each
 * other's names; list types, enums and the branches of unions are in place and need the definition
 * before. Headers include each other for that. Schema files may refer to each other in circles
 * where definitions can't: such files form a group, whose types all stand in the header of the
 * first one; the headers of the others include it.
 */
#include "qapic/gen.h"

#include "qapic/names.h"

#include <string.h>

/* FOO of sub/FOO.json becomes sub-FOO; of ../FOO.json, FOO. */
static const char *module_stem(const Gen *gen, const SchemaFile *file)
{
    g_autoptr(GString) stem = g_string_new(NULL);
    const char *path = file->rel_path;

    while (g_str_has_prefix(path, "../") || g_str_has_prefix(path, "./")) {
        path = strchr(path, '/') + 1;
    }
    g_string_append(stem, path);
    if (g_str_has_suffix(path, ".json")) {
        g_string_truncate(stem, stem->len - strlen(".json"));
    }
    for (char *c = stem->str; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && *c != '_' && *c != '.') {
            *c = '-';
        }
    }
    return gen_fmt(gen, "%s-%s", gen->options->prefix, stem->str);
}

/* Two files whose names differ in punctuation only would have one include guard. */
static bool take_stem(const Gen *gen, GHashTable *taken, const char *stem, const char *path,
                      QomError **errp)
{
    const char *key = gen_c_upper(gen, stem);
    const char *other = g_hash_table_lookup(taken, key);

    if (other != NULL) {
        return qom_error_set(errp, "%s and %s would both become %s.h: rename one", path, other,
                             stem);
    }
    g_hash_table_insert(taken, (void *)key, (void *)path);
    return true;
}

static bool plan_modules(Gen *gen, QomError **errp)
{
    static const char *const ours[] = {"commands", "events", "schema"};
    g_autoptr(GHashTable) taken = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < G_N_ELEMENTS(ours); i++) {
        const char *about = gen_fmt(gen, "what is made of all %s", ours[i]);
        take_stem(gen, taken, gen_fmt(gen, "%s-%s", gen->options->prefix, ours[i]), about, NULL);
    }
    for (guint i = 0; i < gen->schema->files->len; i++) {
        GenModule *module = arena_new0(gen->arena, GenModule, 1);

        module->index = i;
        module->file = g_ptr_array_index(gen->schema->files, i);
        module->stem = module_stem(gen, module->file);
        module->types = g_ptr_array_new();
        module->needs = g_ptr_array_new();
        module->forward = g_ptr_array_new();
        module->home = module;
        g_ptr_array_add(gen->modules, module);
        if (!take_stem(gen, taken, module->stem, module->file->path, errp)) {
            return false;
        }
    }
    return true;
}

static GenModule *module_of(const Gen *gen, const SchemaFile *file)
{
    for (guint i = 0; i < gen->modules->len; i++) {
        GenModule *module = g_ptr_array_index(gen->modules, i);
        if (module->file == file) {
            return module;
        }
    }
    g_assert_not_reached();
}

static void plan_type(Gen *gen, const SchemaDef *def)
{
    bool args = def->kind == SCHEMA_COMMAND || def->kind == SCHEMA_EVENT;
    GenType *type;

    if (args && (def->data.name != NULL || def->n_members == 0)) {
        return;
    }
    type = arena_new0(gen->arena, GenType, 1);
    type->def = def;
    type->kind = args ? SCHEMA_STRUCT : def->kind;
    type->schema_name = args ? gen_fmt(gen, "q_obj_%s-arg", def->name) : def->name;
    type->name = gen_c_name(gen, type->schema_name);
    type->module = module_of(gen, def->place.file);
    g_ptr_array_add(type->module->types, type);
    g_ptr_array_add(gen->types, type);
    g_hash_table_insert(gen->by_def, (void *)def, type);
}

static void visit_ref(const Gen *gen, const SchemaTypeRef *ref, bool in_place, GenVisit *visit,
                      void *data)
{
    GenType *needed = ref->name == NULL ? NULL : g_hash_table_lookup(gen->by_def, ref->def);

    if (needed == NULL) {
        return;
    }
    if (ref->array) {
        visit(needed, GEN_NEED_LIST, data);
    } else {
        bool whole = in_place || needed->kind == SCHEMA_ENUM;
        visit(needed, whole ? GEN_NEED_WHOLE : GEN_NEED_NAME, data);
    }
}

void gen_visit_needs(const Gen *gen, const GenType *type, GenVisit *visit, void *data)
{
    const SchemaDef *def = type->def;

    if (type->kind == SCHEMA_STRUCT || type->kind == SCHEMA_UNION) {
        g_autoptr(GPtrArray) members = schema_all_members(def);
        visit_ref(gen, &def->base, false, visit, data);
        for (guint i = 0; i < members->len; i++) {
            const SchemaMember *member = g_ptr_array_index(members, i);
            visit_ref(gen, &member->type, false, visit, data);
        }
    }
    for (unsigned i = 0; i < def->n_branches; i++) {
        visit_ref(gen, &def->branches[i].type, true, visit, data);
    }
}

static void mark_listed(GenType *needed, GenNeed need, void *data)
{
    needed->listed = needed->listed || need == GEN_NEED_LIST;
}

static void mark_lists(Gen *gen)
{
    for (guint i = 0; i < gen->types->len; i++) {
        gen_visit_needs(gen, g_ptr_array_index(gen->types, i), mark_listed, NULL);
    }
    for (guint i = 0; i < gen->schema->defs->len; i++) {
        const SchemaDef *def = g_ptr_array_index(gen->schema->defs, i);
        visit_ref(gen, &def->returns, false, mark_listed, NULL);
    }
}

/* --- Who includes whom ----------------------------------------------------------------------- */

static void add_need(GenModule *from, GenModule *to)
{
    if (from != to && !g_ptr_array_find(from->needs, to, NULL)) {
        g_ptr_array_add(from->needs, to);
    }
}

static void add_hard_need(GenType *needed, GenNeed need, void *data)
{
    if (need != GEN_NEED_NAME) {
        add_need(data, needed->module);
    }
}

/* Marks in @reached what @from includes, directly or not. */
static void walk_needs(const GenModule *from, bool *reached)
{
    for (guint i = 0; i < from->needs->len; i++) {
        const GenModule *to = g_ptr_array_index(from->needs, i);
        if (!reached[to->index]) {
            reached[to->index] = true;
            walk_needs(to, reached);
        }
    }
}

static bool *reached_from(const Gen *gen, const GenModule *from)
{
    bool *reached = g_new0(bool, gen->modules->len);

    walk_needs(from, reached);
    return reached;
}

/* Modules that reach each other get one home, the first of them. */
static void plan_homes(Gen *gen)
{
    guint n = gen->modules->len;
    bool **reached = g_new(bool *, n);

    for (guint i = 0; i < n; i++) {
        reached[i] = reached_from(gen, g_ptr_array_index(gen->modules, i));
    }
    for (guint i = 0; i < n; i++) {
        for (guint k = 0; k < i; k++) {
            if (reached[i][k] && reached[k][i]) {
                GenModule *module = g_ptr_array_index(gen->modules, i);
                module->home = g_ptr_array_index(gen->modules, k);
                break;
            }
        }
    }
    for (guint i = 0; i < n; i++) {
        g_free(reached[i]);
    }
    g_free(reached);
}

/* Needs between homes only; a module that is none includes its home and nothing else. */
static void move_needs_home(Gen *gen)
{
    for (guint i = 0; i < gen->modules->len; i++) {
        GenModule *module = g_ptr_array_index(gen->modules, i);
        g_autoptr(GPtrArray) old = g_steal_pointer(&module->needs);

        module->needs = g_ptr_array_new();
        for (guint k = 0; k < old->len; k++) {
            const GenModule *to = g_ptr_array_index(old, k);
            add_need(module->home, to->home);
        }
        if (module->home != module) {
            add_need(module, module->home);
        }
    }
}

typedef struct SoftNeed {
    const Gen *gen;
    GenModule *from;
} SoftNeed;

/* Where only a name is needed, the header is included for convenience, unless that made a circle;
 * then there is a forward declaration. */
static void add_soft_need(GenType *needed, GenNeed need, void *data)
{
    SoftNeed *soft = data;
    GenModule *to = needed->module->home;
    g_autofree bool *back = NULL;

    if (need != GEN_NEED_NAME || to == soft->from ||
        g_ptr_array_find(soft->from->needs, to, NULL)) {
        return;
    }
    back = reached_from(soft->gen, to);
    if (!back[soft->from->index]) {
        add_need(soft->from, to);
    } else if (!g_ptr_array_find(soft->from->forward, needed, NULL)) {
        g_ptr_array_add(soft->from->forward, needed);
    }
}

bool gen_plan(Gen *gen, QomError **errp)
{
    if (!plan_modules(gen, errp)) {
        return false;
    }
    for (guint i = 0; i < gen->schema->defs->len; i++) {
        plan_type(gen, g_ptr_array_index(gen->schema->defs, i));
    }
    mark_lists(gen);
    for (guint i = 0; i < gen->types->len; i++) {
        const GenType *type = g_ptr_array_index(gen->types, i);
        gen_visit_needs(gen, type, add_hard_need, type->module);
    }
    plan_homes(gen);
    move_needs_home(gen);
    for (guint i = 0; i < gen->types->len; i++) {
        const GenType *type = g_ptr_array_index(gen->types, i);
        SoftNeed soft = {gen, type->module->home};
        gen_visit_needs(gen, type, add_soft_need, &soft);
    }
    return true;
}
