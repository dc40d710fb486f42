/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The constant descriptors of a schema file's types. Conditions may drop any entry, so tables are
 * counted by the compiler, and enum values and branches are placed by the enum's own constants.
 */
#include "qapic/gen.h"

#include "qapic/cond.h"
#include "qapic/doc_text.h"
#include "qapic/gen_text.h"

#include <stdlib.h>
#include <string.h>

void gen_fill_doc(const Gen *gen, GenFill *fill, const char *text)
{
    g_autofree char *doc = gen->options->docs ? doc_first_paragraph(text) : NULL;

    if (doc != NULL && doc[0] != '\0') {
        gen_fill_string(fill, ".doc", doc);
    }
}

void gen_fill_features(const Gen *gen, GenFill *fill, const SchemaFeatures *features)
{
    const char *bits = gen_features(gen, features);
    const char *lines = gen_features_lines(gen, features);

    if (bits != NULL) {
        gen_fill(fill, ".features = %s", bits);
    } else if (lines != NULL) {
        gen_fill_lines(fill, lines);
    }
}

/* One of the macros that name a table and its length; @padded: behind the entries stands an empty
 * one. */
static void fill_table(GenFill *fill, const char *macro, const char *name, bool padded)
{
    gen_fill(fill, "%s(%s, %d)", macro, name, padded ? 1 : 0);
}

/* --- Members --------------------------------------------------------------------------------- */

static void put_member_fields(const Gen *gen, GenFill *fill, const char *struct_name,
                              const SchemaMember *member)
{
    const char *default_json = gen_default_json(gen, member);

    gen_fill(fill, ".name = \"%s\"", member->name);
    gen_fill(fill, ".type = &qapi_type_%s", gen_type_name(gen, &member->type));
    if (gen_has_flag(member)) {
        gen_fill(fill, "FLAGGED(%s, %s, has_%s)", struct_name, gen_c_member(gen, member->name),
                 gen_c_name(gen, member->name));
    } else {
        gen_fill(fill, "PLAIN(%s, %s)", struct_name, gen_c_member(gen, member->name));
        if (member->optional) {
            gen_fill(fill, ".optional = true");
        }
    }
    gen_fill_features(gen, fill, &member->features);
    if (default_json != NULL) {
        g_autoptr(GString) literal = g_string_new(NULL);
        gen_string(literal, default_json);
        gen_fill(fill, ".default_json = %s", literal->str);
    }
}

/* Returns whether the table ends in an empty entry: without one all could be dropped, and C has no
 * empty arrays. */
static bool put_member_table(const Gen *gen, GString *out, const GenType *type)
{
    const SchemaDef *def = type->def;
    bool padded = true;

    if (def->n_members == 0) {
        return false;
    }
    g_string_append_printf(out, "static const QapiMember %s_members[] = {\n", type->name);
    for (unsigned i = 0; i < def->n_members; i++) {
        GenFill fill;
        gen_if(out, def->members[i].cond);
        fill = gen_fill_start(out, "    {", 5);
        put_member_fields(gen, &fill, type->name, &def->members[i]);
        gen_fill_doc(gen, &fill, def->members[i].doc == NULL ? NULL : def->members[i].doc->text);
        gen_fill_end(&fill, "},\n");
        gen_endif(out, def->members[i].cond);
        padded = padded && def->members[i].cond != NULL;
    }
    g_string_append(out, padded ? "    {.name = NULL},\n};\n\n" : "};\n\n");
    return padded;
}

/* --- Branches -------------------------------------------------------------------------------- */

/* Whether @branch is there; a union has an entry for every value of its tag. */
static const SchemaCond *branch_cond(const SchemaBranch *branch)
{
    return branch->value == NULL ? branch->cond : branch->value->cond;
}

/* @start: "{", with the entry's place before it if that is given. */
static void put_branch(const Gen *gen, GString *out, const GenType *type,
                       const SchemaBranch *branch, const char *start)
{
    const SchemaCond *cond = branch_cond(branch);
    bool has_type = branch->type.name != NULL;
    bool own_cond = has_type && branch->cond != NULL && !cond_equal(cond, branch->cond);
    GenFill fill;

    gen_if(out, cond);
    fill = gen_fill_start(out, start, 8);
    gen_fill(&fill, ".name = \"%s\"", branch->name);
    if (own_cond) {
        g_autofree char *text = cond_to_c(branch->cond);
        gen_fill_lines(&fill, gen_fmt(gen, "#if %s\n", text));
    }
    if (has_type) {
        gen_fill(&fill, ".type = &qapi_type_%s", gen_type_name(gen, &branch->type));
        gen_fill(&fill, ".offset = offsetof(%s, u.%s)", type->name,
                 gen_c_member(gen, branch->name));
    }
    if (own_cond) {
        gen_fill_lines(&fill, "#endif\n    ");
    }
    gen_fill_end(&fill, "},\n");
    gen_endif(out, cond);
}

static const SchemaBranch *find_branch(const SchemaDef *def, const SchemaValue *value)
{
    for (unsigned i = 0; i < def->n_branches; i++) {
        if (def->branches[i].value == value) {
            return &def->branches[i];
        }
    }
    g_assert_not_reached();
}

static bool put_branch_table(const Gen *gen, GString *out, const GenType *type)
{
    const SchemaDef *def = type->def;
    const SchemaDef *tag = type->kind == SCHEMA_UNION ? def->tag->type.def : NULL;
    bool padded = true;

    if (def->n_branches == 0) {
        return false;
    }
    g_string_append_printf(out, "static const QapiBranch %s_branches[] = {\n", type->name);
    for (unsigned i = 0; i < def->n_branches; i++) {
        if (tag == NULL) {
            put_branch(gen, out, type, &def->branches[i], "    {");
        } else {
            const char *constant = gen_enum_constant(gen, tag, tag->values[i].name);
            put_branch(gen, out, type, find_branch(def, &tag->values[i]),
                       gen_fmt(gen, "    [%s] = {", constant));
        }
        padded = padded && branch_cond(&def->branches[i]) != NULL;
    }
    g_string_append(out, padded ? "    {.name = NULL},\n};\n\n" : "};\n\n");
    return padded;
}

/* The tag may be a member of the base, which is described in another file: a description of its
 * own. */
static void put_tag(const Gen *gen, GString *out, const GenType *type)
{
    GenFill fill;

    g_string_append_printf(out, "static const QapiMember %s_tag = {\n", type->name);
    fill = gen_fill_start(out, "   ", 4);
    fill.empty = false;
    put_member_fields(gen, &fill, type->name, type->def->tag);
    gen_fill_end(&fill, "\n};\n\n");
}

/* --- Enums ----------------------------------------------------------------------------------- */

static int compare_values(const void *a, const void *b)
{
    const SchemaValue *const *left = a;
    const SchemaValue *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static void put_sorted_names(const Gen *gen, GString *out, const GenType *type, bool padded)
{
    const SchemaDef *def = type->def;
    g_autofree const SchemaValue **sorted = g_new(const SchemaValue *, def->n_values);
    GenFill fill;

    for (unsigned i = 0; i < def->n_values; i++) {
        sorted[i] = &def->values[i];
    }
    qsort(sorted, def->n_values, sizeof(*sorted), compare_values);
    g_string_append_printf(out, "static const uint16_t %s_names_sorted[] = {\n", type->name);
    fill = gen_fill_start(out, "", 4);
    for (unsigned i = 0; i < def->n_values; i++) {
        const char *constant = gen_enum_constant(gen, def, sorted[i]->name);
        if (sorted[i]->cond != NULL) {
            g_autofree char *cond = cond_to_c(sorted[i]->cond);
            gen_fill_lines(&fill, gen_fmt(gen, "#if %s\n    %s,\n#endif\n", cond, constant));
        } else {
            gen_fill(&fill, "%s", constant);
        }
    }
    if (padded) {
        gen_fill(&fill, "0");
    }
    gen_fill_end(&fill, "\n};\n\n");
}

/* The entry of one value, which has more to it than a name, on lines of its own. */
static const char *value_lines(const Gen *gen, const SchemaValue *value, const char *start)
{
    g_autoptr(GString) out = g_string_new(NULL);
    GenFill fill;

    gen_if(out, value->cond);
    fill = gen_fill_start(out, gen_fmt(gen, "    %s", start), 8);
    gen_fill(&fill, ".name = \"%s\"", value->name);
    gen_fill_features(gen, &fill, &value->features);
    gen_fill_doc(gen, &fill, value->doc == NULL ? NULL : value->doc->text);
    gen_fill_end(&fill, "},\n");
    gen_endif(out, value->cond);
    return gen_fmt(gen, "%s", out->str);
}

/* Returns whether the table ends in an empty entry. */
static bool put_enum_tables(const Gen *gen, GString *out, const GenType *type)
{
    const SchemaDef *def = type->def;
    bool padded = true;
    GenFill fill;

    g_string_append_printf(out, "static const QapiEnumValue %s_values[] = {\n", type->name);
    fill = gen_fill_start(out, "", 4);
    for (unsigned i = 0; i < def->n_values; i++) {
        const SchemaValue *value = &def->values[i];
        const char *start = gen_fmt(gen, "[%s] = {", gen_enum_constant(gen, def, value->name));
        bool has_doc = gen->options->docs && value->doc != NULL;

        if (value->cond != NULL || value->features.count > 0 || has_doc) {
            gen_fill_lines(&fill, value_lines(gen, value, start));
        } else {
            gen_fill(&fill, "%s.name = \"%s\"}", start, value->name);
        }
        padded = padded && value->cond != NULL;
    }
    gen_fill_end(&fill, padded ? "    {.name = NULL},\n};\n\n" : "\n};\n\n");
    put_sorted_names(gen, out, type, padded);
    return padded;
}

/* --- Types ----------------------------------------------------------------------------------- */

static const char *kind_constant(SchemaKind kind)
{
    switch (kind) {
    case SCHEMA_ENUM: return "QAPI_KIND_ENUM";
    case SCHEMA_UNION: return "QAPI_KIND_UNION";
    case SCHEMA_ALTERNATE: return "QAPI_KIND_ALTERNATE";
    default: return "QAPI_KIND_STRUCT";
    }
}

static void put_type(const Gen *gen, GString *out, const GenType *type)
{
    const SchemaDef *def = type->def;
    bool args = def->kind == SCHEMA_COMMAND || def->kind == SCHEMA_EVENT;
    bool values_padded = false;
    bool members_padded, branches_padded;
    GenFill fill;

    g_string_append_c(out, '\n');
    gen_if(out, def->cond);
    if (type->kind == SCHEMA_ENUM && def->n_values > 0) {
        values_padded = put_enum_tables(gen, out, type);
    }
    members_padded = put_member_table(gen, out, type);
    branches_padded = put_branch_table(gen, out, type);
    if (type->kind == SCHEMA_UNION) {
        put_tag(gen, out, type);
    }
    g_string_append_printf(out, "const QapiType qapi_type_%s = {\n", type->name);
    fill = gen_fill_start(out, "   ", 4);
    fill.empty = false;
    gen_fill(&fill, ".name = \"%s\"", type->schema_name);
    gen_fill(&fill, ".kind = %s", kind_constant(type->kind));
    gen_fill(&fill, ".size = sizeof(%s)", type->name);
    if (!args) {
        gen_fill_features(gen, &fill, &def->features);
    }
    if (def->base.name != NULL) {
        gen_fill(&fill, ".base = &qapi_type_%s", gen_type_name(gen, &def->base));
    }
    if (def->n_members > 0) {
        fill_table(&fill, "MEMBERS", type->name, members_padded);
    }
    if (def->n_branches > 0) {
        fill_table(&fill, "BRANCHES", type->name, branches_padded);
    }
    if (type->kind == SCHEMA_UNION) {
        gen_fill(&fill, ".tag = &%s_tag", type->name);
    }
    if (type->kind == SCHEMA_ENUM && def->n_values > 0) {
        fill_table(&fill, "VALUES", type->name, values_padded);
    }
    if (!args) {
        gen_fill_doc(gen, &fill, def->doc == NULL ? NULL : def->doc->body);
    }
    gen_fill_end(&fill, "\n};\n");
    if (type->listed) {
        g_string_append_printf(out, "LIST(%s, \"[%s]\");\n", type->name, type->schema_name);
    }
    gen_endif(out, def->cond);
}

/* Descriptors refer to each other; types that the header only declares have theirs elsewhere. */
static void put_table_includes(const Gen *gen, GString *out, const GenModule *module)
{
    g_autoptr(GPtrArray) others = g_ptr_array_new();

    for (guint i = 0; i < module->home->forward->len; i++) {
        const GenType *type = g_ptr_array_index(module->home->forward, i);
        if (!g_ptr_array_find(others, type->module->home, NULL)) {
            g_ptr_array_add(others, type->module->home);
            g_string_append_printf(out, "#include \"%s.h\"\n", type->module->home->stem);
        }
    }
}

static const char table_macros[] =
    "\n"
    "#define COUNT(table) (sizeof(table) / sizeof((table)[0]))\n"
    "/* Tables and their lengths; @end entries at the end do not count. */\n"
    "#define MEMBERS(type, end) .members = type##_members, .n_members = COUNT(type##_members) - "
    "end\n"
    "#define BRANCHES(type, end) \\\n"
    "    .branches = type##_branches, .n_branches = COUNT(type##_branches) - end\n"
    "#define VALUES(type, end) \\\n"
    "    .values = type##_values, .n_values = COUNT(type##_values) - end, \\\n"
    "    .names_sorted = type##_names_sorted\n"
    "/* Where a member lives; FLAGGED: an optional one that comes with a has_ flag. */\n"
    "#define PLAIN(type, member) .offset = offsetof(type, member), .flag_offset = QAPI_NO_FLAG\n"
    "#define FLAGGED(type, member, flag) \\\n"
    "    .optional = true, .offset = offsetof(type, member), .flag_offset = offsetof(type, flag)\n"
    "#define LIST(type, list_name) \\\n"
    "    const QapiType qapi_type_##type##List = { \\\n"
    "        .name = list_name, .kind = QAPI_KIND_LIST, .size = sizeof(type##List), \\\n"
    "        .element = &qapi_type_##type, \\\n"
    "    }\n";

void gen_module_tables(Gen *gen, const GenModule *module)
{
    const char *name = gen_fmt(gen, "%s.c", module->stem);
    GString *out = gen_new_file(gen, name, module->file->rel_path);

    g_string_append_printf(out, "#include \"%s.h\"\n#include \"%s-schema.h\"\n", module->stem,
                           gen->options->prefix);
    put_table_includes(gen, out, module);
    g_string_append(out, table_macros);
    for (guint i = 0; i < module->types->len; i++) {
        put_type(gen, out, g_ptr_array_index(module->types, i));
    }
}
