/* SPDX-License-Identifier: BSD-3-Clause */
/* The schema as a whole: bits of the features, and one constant that leads to all descriptors. */
#include "qapic/gen.h"

#include "qapic/gen_text.h"

#include <stdlib.h>
#include <string.h>

static int compare_defs(const void *a, const void *b)
{
    const SchemaDef *const *left = a;
    const SchemaDef *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

/* The definitions of a kind (SCHEMA_BUILTIN: all types) in strcmp() order. */
static GPtrArray *sorted_defs(const Gen *gen, SchemaKind kind)
{
    GPtrArray *sorted = g_ptr_array_new();

    for (guint i = 0; i < gen->schema->defs->len; i++) {
        SchemaDef *def = g_ptr_array_index(gen->schema->defs, i);
        if (kind == SCHEMA_BUILTIN ? schema_is_type(def) : def->kind == kind) {
            g_ptr_array_add(sorted, def);
        }
    }
    g_ptr_array_sort(sorted, compare_defs);
    return sorted;
}

/* A table of pointers to constants called @stem with the definitions' names behind it. It ends in
 * NULL, since conditions may drop all the others and C has no empty arrays. */
static void put_table(const Gen *gen, GString *out, const char *type, const char *field,
                      const char *stem, GPtrArray *defs)
{
    g_string_append_printf(out, "\nstatic const %s *const %s[] = {\n", type, field);
    for (guint i = 0; i < defs->len; i++) {
        const SchemaDef *def = g_ptr_array_index(defs, i);
        gen_if(out, def->cond);
        g_string_append_printf(out, "    &%s_%s,\n", stem, gen_c_name(gen, def->name));
        gen_endif(out, def->cond);
    }
    g_string_append(out, "    NULL,\n};\n");
}

static void put_features(const Gen *gen, GString *header, GString *code)
{
    const GPtrArray *features = gen->schema->features;
    const char *prefix = gen_c_upper(gen, gen->options->prefix);
    GenFill fill;

    g_string_append(code, "\nstatic const char *const feature_names[] = {\n");
    fill = gen_fill_start(code, "", 4);
    for (guint i = 0; i < features->len; i++) {
        const char *name = g_ptr_array_index(features, i);
        gen_fill(&fill, "\"%s\"", name);
        if (i >= 2) {
            g_string_append_printf(header, "#define %s_FEATURE_%s (UINT64_C(1) << %u)\n", prefix,
                                   gen_c_upper(gen, name), i);
        }
    }
    gen_fill_end(&fill, "\n};\n");
}

static void put_constant(const Gen *gen, GString *out)
{
    static const char *const fields[] = {"commands", "events", "types"};

    g_string_append_printf(out, "\nconst QapiSchema %s_schema = {\n",
                           gen_c_name(gen, gen->options->prefix));
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_string_append_printf(out, "    .%s = %s,\n    .n_%s = COUNT(%s) - 1,\n", fields[i],
                               fields[i], fields[i], fields[i]);
    }
    g_string_append(out, "    .feature_names = feature_names,\n"
                         "    .n_features = COUNT(feature_names),\n};\n");
}

void gen_schema(Gen *gen)
{
    const char *prefix = gen->options->prefix;
    const SchemaFile *root = g_ptr_array_index(gen->schema->files, 0);
    const char *stem = gen_fmt(gen, "%s-schema", prefix);
    GString *header = gen_new_file(gen, gen_fmt(gen, "%s.h", stem), root->rel_path);
    GString *code = gen_new_file(gen, gen_fmt(gen, "%s.c", stem), root->rel_path);
    g_autoptr(GPtrArray) commands = sorted_defs(gen, SCHEMA_COMMAND);
    g_autoptr(GPtrArray) events = sorted_defs(gen, SCHEMA_EVENT);
    g_autoptr(GPtrArray) types = sorted_defs(gen, SCHEMA_BUILTIN);

    gen_header_start(gen, header, stem, "The whole schema, and the bits of its features.\n");
    g_string_append(header, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    g_string_append_printf(code,
                           "#include \"%s.h\"\n#include \"%s-commands.h\"\n"
                           "#include \"%s-events.h\"\n\n"
                           "#define COUNT(table) (sizeof(table) / sizeof((table)[0]))\n",
                           stem, prefix, prefix);
    put_table(gen, code, "QapiCommand", "commands", gen_fmt(gen, "%s_command", prefix), commands);
    put_table(gen, code, "QapiEvent", "events", gen_fmt(gen, "%s_event", prefix), events);
    put_table(gen, code, "QapiType", "types", "qapi_type", types);
    put_features(gen, header, code);
    put_constant(gen, code);
    g_string_append_printf(header, "\nQOM_PUBLIC extern const QapiSchema %s_schema;\n", prefix);
    gen_header_end(header);
}
