/* SPDX-License-Identifier: BSD-3-Clause */
/* The header of a schema file: types for people to read and use. */
#include "qapic/gen.h"

#include "qapic/doc_text.h"
#include "qapic/gen_text.h"

#include <string.h>

void gen_header_start(const Gen *gen, GString *out, const char *name, const char *about)
{
    const char *guard = gen_fmt(gen, "%s_H", gen_c_upper(gen, name));

    gen_comment(out, 0, about);
    g_string_append_printf(out, "#ifndef %s\n#define %s\n\n", guard, guard);
    if (gen->options->include != NULL) {
        g_string_append_printf(out, "#include \"%s\"\n", gen->options->include);
    }
    g_string_append(out, "#include \"qom/qapi.h\"\n");
}

void gen_header_end(GString *out)
{
    g_string_append(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

static bool is_object(const GenType *type)
{
    return type->kind != SCHEMA_ENUM;
}

/* The arguments of a command or event; their text stands with the handler or sender. */
static bool is_args(const GenType *type)
{
    return type->def->kind == SCHEMA_COMMAND || type->def->kind == SCHEMA_EVENT;
}

/* --- Members --------------------------------------------------------------------------------- */

/* What a declaration can't say about @member, as a comment behind it. */
static const char *member_remark(const SchemaMember *member)
{
    bool pointer = member->optional && gen_is_pointer(&member->type);
    bool deprecated = schema_find_feature(&member->features, "deprecated") != NULL;
    bool unstable = schema_find_feature(&member->features, "unstable") != NULL;

    if (deprecated) {
        return pointer ? " /* optional; deprecated */" : " /* deprecated */";
    }
    if (unstable) {
        return pointer ? " /* optional; unstable */" : " /* unstable */";
    }
    return pointer ? " /* optional */" : "";
}

static void put_doc(GString *out, unsigned indent, const SchemaDocText *doc)
{
    g_autoptr(GString) lines = g_string_new(NULL);

    if (doc != NULL) {
        doc_plain_lines(lines, doc->text, GEN_WIDTH - indent - 6);
        gen_comment(out, indent, lines->str);
    }
}

static void put_member(const Gen *gen, GString *out, const SchemaMember *member, bool with_doc)
{
    const char *name = gen_c_member(gen, member->name);

    gen_if(out, member->cond);
    if (with_doc) {
        put_doc(out, 4, member->doc);
    }
    if (gen_has_flag(member)) {
        g_string_append_printf(out, "    bool has_%s;\n", gen_c_name(gen, member->name));
    }
    g_string_append_printf(out, "    %s%s;%s\n", gen_c_type(gen, &member->type, false), name,
                           member_remark(member));
    gen_endif(out, member->cond);
}

/* The common members of a struct or union; those of the base first, without their text. Returns
 * whether there is one under all conditions. */
static bool put_members(const Gen *gen, GString *out, const GenType *type)
{
    g_autoptr(GPtrArray) members = schema_all_members(type->def);
    guint n_inherited = members->len - type->def->n_members;
    bool certain = false;

    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = g_ptr_array_index(members, i);
        if (i == 0 && n_inherited > 0) {
            g_string_append_printf(out, "    /* Members of %s: */\n",
                                   gen_type_name(gen, &type->def->base));
        }
        if (i == n_inherited && i > 0) {
            g_string_append(out, "\n");
        }
        put_member(gen, out, member, i >= n_inherited && !is_args(type));
        certain = certain || member->cond == NULL;
    }
    return certain;
}

/* The branches of a union or alternate. A union without a member is not C. */
static void put_branches(const Gen *gen, GString *out, const GenType *type)
{
    const SchemaDef *def = type->def;
    bool certain = false;
    bool any = false;

    for (unsigned i = 0; i < def->n_branches; i++) {
        const SchemaBranch *branch = &def->branches[i];
        any = any || branch->type.name != NULL;
        certain = certain || (branch->type.name != NULL && branch->cond == NULL);
    }
    if (!any) {
        return;
    }
    g_string_append(out, "    union {\n");
    for (unsigned i = 0; i < def->n_branches; i++) {
        const SchemaBranch *branch = &def->branches[i];
        if (branch->type.name == NULL) {
            continue;
        }
        gen_if(out, branch->cond);
        put_doc(out, 8, branch->doc);
        g_string_append_printf(out, "        %s%s;\n", gen_c_type(gen, &branch->type, true),
                               gen_c_member(gen, branch->name));
        gen_endif(out, branch->cond);
    }
    if (!certain) {
        g_string_append(out, "        char q_unused;\n");
    }
    g_string_append(out, "    } u;\n");
}

/* --- Types ----------------------------------------------------------------------------------- */

static void put_type_doc(const Gen *gen, GString *out, const GenType *type)
{
    const SchemaDef *def = type->def;
    g_autofree char *lines = NULL;

    if (is_args(type)) {
        const char *about =
            gen_fmt(gen, "Arguments of the %s %s.\n", schema_kind_name(def->kind), def->name);
        gen_comment(out, 0, about);
        return;
    }
    lines = gen_doc_lines(def, false);
    gen_comment(out, 0, lines);
}

static void put_enum(const Gen *gen, GString *out, const GenType *type)
{
    const SchemaDef *def = type->def;

    put_type_doc(gen, out, type);
    g_string_append_printf(out, "typedef enum %s {\n", type->name);
    for (unsigned i = 0; i < def->n_values; i++) {
        gen_if(out, def->values[i].cond);
        put_doc(out, 4, def->values[i].doc);
        g_string_append_printf(out, "    %s,\n", gen_enum_constant(gen, def, def->values[i].name));
        gen_endif(out, def->values[i].cond);
    }
    g_string_append_printf(out, "    %s, /* how many there are */\n} %s;\n",
                           gen_enum_constant(gen, def, "-MAX"), type->name);
}

static void put_struct(const Gen *gen, GString *out, const GenType *type)
{
    put_type_doc(gen, out, type);
    g_string_append_printf(out, "struct %s {\n", type->name);
    if (type->kind == SCHEMA_ALTERNATE) {
        g_string_append(out, "    QType type; /* which of them it is */\n");
    } else if (!put_members(gen, out, type)) {
        g_string_append(out, "    char q_unused; /* C has no empty structs */\n");
    }
    put_branches(gen, out, type);
    g_string_append(out, "};\n");
}

/* A function of one line that is defined in the header. */
static void put_inline(GString *out, const char *prototype, const char *body)
{
    gen_code(out, 0, prototype);
    g_string_append_printf(out, "{\n    %s\n}\n", body);
}

/* The descriptor, and the engine's functions under the type's name. */
static void put_helpers(const Gen *gen, GString *out, const GenType *type)
{
    const char *name = type->name;

    g_string_append_printf(out, "QOM_PUBLIC extern const QapiType qapi_type_%s;\n", name);
    if (type->listed) {
        g_string_append_printf(out, "QOM_PUBLIC extern const QapiType qapi_type_%sList;\n", name);
    }
    if (is_args(type)) {
        return;
    }
    if (type->kind == SCHEMA_ENUM) {
        put_inline(out, gen_fmt(gen, "static inline const char *%s_name(%s value)", name, name),
                   gen_fmt(gen, "return qapi_enum_name(&qapi_type_%s, (int)value);", name));
        return;
    }
    put_inline(out, gen_fmt(gen, "static inline void %s_clear(%s *value)", name, name),
               gen_fmt(gen, "qapi_clear(&qapi_type_%s, value);", name));
    put_inline(out,
               gen_fmt(gen, "static inline void %s_copy(%s *to, const %s *from)", name, name, name),
               gen_fmt(gen, "qapi_copy(&qapi_type_%s, to, from);", name));
    if (type->def->base.name != NULL) {
        const char *base = gen_type_name(gen, &type->def->base);
        put_inline(out, gen_fmt(gen, "static inline %s *%s_base(%s *value)", base, name, name),
                   gen_fmt(gen, "return (%s *)value;", base));
    }
}

typedef struct Placing {
    const Gen *gen;
    GString *out;
    const GenModule *home;
} Placing;

static void place_type(GenType *type, GenNeed need, void *data);

/* Writes @type behind all that it needs in place. */
static void put_type(const Placing *placing, GenType *type)
{
    GString *out = placing->out;

    type->placed = true;
    gen_visit_needs(placing->gen, type, place_type, (void *)placing);
    g_string_append_c(out, '\n');
    gen_if(out, type->def->cond);
    if (type->kind == SCHEMA_ENUM) {
        put_enum(placing->gen, out, type);
        if (type->listed) {
            g_string_append_printf(out, "QAPI_DECLARE_LIST(%sList, %s);\n", type->name, type->name);
        }
    } else {
        put_struct(placing->gen, out, type);
    }
    put_helpers(placing->gen, out, type);
    gen_endif(out, type->def->cond);
}

static void place_type(GenType *type, GenNeed need, void *data)
{
    const Placing *placing = data;
    bool whole = need == GEN_NEED_WHOLE || (need == GEN_NEED_LIST && type->kind == SCHEMA_ENUM);

    if (whole && !type->placed && type->module->home == placing->home) {
        put_type(placing, type);
    }
}

/* --- The file -------------------------------------------------------------------------------- */

/* Names that may be used before their definition, and the lists of such types. */
static void put_forward(const Gen *gen, GString *out, const GenModule *home)
{
    g_string_append(out, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    for (guint i = 0; i < home->forward->len; i++) {
        const GenType *type = g_ptr_array_index(home->forward, i);
        g_string_append_printf(out, "typedef struct %s %s;\n", type->name, type->name);
    }
    for (guint i = 0; i < gen->types->len; i++) {
        const GenType *type = g_ptr_array_index(gen->types, i);
        if (type->module->home != home || !is_object(type)) {
            continue;
        }
        g_string_append_printf(out, "typedef struct %s %s;\n", type->name, type->name);
        if (type->listed) {
            g_string_append_printf(out, "QAPI_DECLARE_LIST(%sList, %s);\n", type->name, type->name);
        }
    }
}

static int compare_modules(const void *a, const void *b)
{
    const GenModule *const *left = a;
    const GenModule *const *right = b;

    return (int)(*left)->index - (int)(*right)->index;
}

static void put_includes(GString *out, GPtrArray *modules)
{
    g_ptr_array_sort(modules, compare_modules);
    if (modules->len > 0) {
        g_string_append_c(out, '\n');
    }
    for (guint i = 0; i < modules->len; i++) {
        const GenModule *module = g_ptr_array_index(modules, i);
        g_string_append_printf(out, "#include \"%s.h\"\n", module->stem);
    }
}

void gen_include_modules(const Gen *gen, GString *out)
{
    put_includes(out, gen->modules);
}

void gen_module_header(Gen *gen, GenModule *module)
{
    const char *name = gen_fmt(gen, "%s.h", module->stem);
    GString *out = gen_new_file(gen, name, module->file->rel_path);
    Placing placing = {gen, out, module};
    g_autoptr(GString) about = g_string_new(NULL);

    doc_wrap(about,
             gen_fmt(gen,
                     "Types of the schema file %s. See qom/qapi.h for how types look in C and for "
                     "what the engine does with them; the arguments of a command or event NAME "
                     "that has no named type for them are the struct q_obj_NAME_arg.",
                     module->file->rel_path),
             "", 0, GEN_WIDTH - 3);
    gen_header_start(gen, out, module->stem, about->str);
    put_includes(out, module->needs);
    put_forward(gen, out, module);
    for (guint i = 0; i < gen->types->len && module->home == module; i++) {
        GenType *type = g_ptr_array_index(gen->types, i);
        if (type->module->home == module && !type->placed) {
            put_type(&placing, type);
        }
    }
    gen_header_end(out);
}
