/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands: prototypes of the handlers, which people write; stubs that take a handler's arguments
 * out of the decoded struct; and the constant QapiCommand of each.
 */
#include "qapic/gen.h"

#include "qapic/gen_text.h"

#include <string.h>

/* --- Parameters, which commands and events share --------------------------------------------- */

const char *gen_parameter_name(const Gen *gen, const SchemaMember *member)
{
    static const char *const taken[] = {"ret", "errp", "call", "arg", "args", "tape", "node", NULL};
    const char *name = gen_c_member(gen, member->name);

    return g_strv_contains(taken, name) ? gen_fmt(gen, "arg_%s", name) : name;
}

static bool is_by_value(const SchemaTypeRef *ref)
{
    return !ref->array && !gen_is_pointer(ref);
}

char *gen_parameters(const Gen *gen, const SchemaDef *def)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GPtrArray) members = NULL;

    if (gen_args_type(gen, def) == NULL) {
        return g_strdup("");
    }
    if (def->boxed) {
        return g_strdup_printf("const %s *arg, ", gen_args_type(gen, def)->name);
    }
    members = schema_all_members(def);
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = g_ptr_array_index(members, i);
        const char *name = gen_parameter_name(gen, member);
        const char *type = gen_c_type(gen, &member->type, true);

        if (is_by_value(&member->type)) {
            if (member->optional) {
                g_string_append_printf(out, "bool has_%s, ", gen_c_name(gen, member->name));
            }
            g_string_append_printf(out, "%s%s, ", type, name);
        } else if (g_str_has_suffix(type, "*")) {
            g_string_append_printf(out, "const %s%s, ", type, name);
        } else {
            g_string_append_printf(out, "const %s*%s, ", type, name);
        }
    }
    return g_strdup(out->str);
}

/* The arguments of the call that fit gen_parameters(), out of the struct *arg. */
static char *call_arguments(const Gen *gen, const SchemaDef *def)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GPtrArray) members = NULL;

    if (gen_args_type(gen, def) == NULL) {
        return g_strdup("");
    }
    if (def->boxed) {
        return g_strdup("arg, ");
    }
    members = schema_all_members(def);
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = g_ptr_array_index(members, i);
        const char *name = gen_c_member(gen, member->name);
        const char *flag = gen_c_name(gen, member->name);

        if (member->type.array && member->optional) {
            g_string_append_printf(out, "arg->has_%s ? &arg->%s : NULL, ", flag, name);
        } else if (member->type.array) {
            g_string_append_printf(out, "&arg->%s, ", name);
        } else {
            if (gen_has_flag(member)) {
                g_string_append_printf(out, "arg->has_%s, ", flag);
            }
            g_string_append_printf(out, "arg->%s, ", name);
        }
    }
    return g_strdup(out->str);
}

/* --- Commands -------------------------------------------------------------------------------- */

static const char *handler_name(const Gen *gen, const SchemaDef *def)
{
    return gen_fmt(gen, "%s%s", gen->options->handler_prefix, gen_c_name(gen, def->name));
}

/* The handler's declaration up to the semicolon. */
static char *handler_prototype(const Gen *gen, const SchemaDef *def)
{
    const char *name = handler_name(gen, def);
    g_autofree char *parameters = NULL;

    if (!def->gen) {
        return g_strdup_printf("void %s(const JsonTape *tape, uint32_t node, QmpCall *call)", name);
    }
    parameters = gen_parameters(gen, def);
    if (def->coroutine) {
        return g_strdup_printf("void %s(%sQmpCall *call)", name, parameters);
    }
    if (def->returns.name != NULL) {
        return g_strdup_printf("bool %s(%s%s*ret, QomError **errp)", name, parameters,
                               gen_c_type(gen, &def->returns, true));
    }
    return g_strdup_printf("bool %s(%sQomError **errp)", name, parameters);
}

static void put_handler(const Gen *gen, GString *out, const SchemaDef *def)
{
    g_autofree char *doc = gen_doc_lines(def, true);
    g_autofree char *prototype = handler_prototype(gen, def);
    g_autofree char *line = g_strconcat(prototype, ";", NULL);

    g_string_append_c(out, '\n');
    gen_if(out, def->cond);
    if (gen->options->handlers) {
        gen_comment(out, 0, doc);
        gen_code(out, 0, line);
    }
    g_string_append_printf(out, "extern const QapiCommand %s_command_%s;\n", gen->options->prefix,
                           gen_c_name(gen, def->name));
    gen_endif(out, def->cond);
}

static void put_stub(const Gen *gen, GString *out, const SchemaDef *def)
{
    const GenType *type = gen_args_type(gen, def);
    const char *c_name = gen_c_name(gen, def->name);
    g_autofree char *arguments = call_arguments(gen, def);
    g_autofree char *call = NULL;
    bool uses_arg = arguments[0] != '\0';

    gen_code(out, 0,
             def->coroutine
                 ? gen_fmt(gen, "static void call_%s(const void *args, QmpCall *call)", c_name)
                 : gen_fmt(gen, "static bool call_%s(const void *args, void *ret, QomError **errp)",
                           c_name));
    g_string_append(out, "{\n");
    if (uses_arg) {
        g_string_append_printf(out, "    const %s *arg = args;\n\n", type->name);
    } else {
        g_string_append(out, "    (void)args;\n");
    }
    if (!def->coroutine && def->returns.name == NULL) {
        g_string_append(out, "    (void)ret;\n");
    }
    call = g_strdup_printf("%s%s(%s%s%s);", def->coroutine ? "" : "return ", handler_name(gen, def),
                           arguments, def->coroutine || def->returns.name == NULL ? "" : "ret, ",
                           def->coroutine ? "call" : "errp");
    gen_code(out, 4, call);
    g_string_append(out, "}\n\n");
}

static char *command_flags(const SchemaDef *def)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {def->boxed, "QAPI_COMMAND_BOXED"},
        {!def->gen, "QAPI_COMMAND_RAW"},
        {!def->success_response, "QAPI_COMMAND_NO_SUCCESS"},
        {def->allow_oob, "QAPI_COMMAND_OOB"},
        {def->allow_preconfig, "QAPI_COMMAND_PRECONFIG"},
        {def->coroutine, "QAPI_COMMAND_COROUTINE"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (flags[i].set) {
            g_string_append_printf(out, "%s%s", out->len > 0 ? " | " : "", flags[i].name);
        }
    }
    return g_strdup(out->str);
}

void gen_fill_name(const Gen *gen, GenFill *fill, const SchemaDef *def)
{
    const GenType *type = gen_args_type(gen, def);

    gen_fill(fill, ".name = \"%s\"", def->name);
    if (type != NULL) {
        gen_fill(fill, ".args = &qapi_type_%s", type->name);
    }
}

static void put_command(const Gen *gen, GString *out, const SchemaDef *def)
{
    const char *c_name = gen_c_name(gen, def->name);
    g_autofree char *flags = command_flags(def);
    GenFill fill;

    g_string_append_c(out, '\n');
    gen_if(out, def->cond);
    if (def->gen && gen->options->handlers) {
        put_stub(gen, out, def);
    }
    g_string_append_printf(out, "const QapiCommand %s_command_%s = {\n", gen->options->prefix,
                           c_name);
    fill = gen_fill_start(out, "   ", 4);
    fill.empty = false;
    gen_fill_name(gen, &fill, def);
    if (def->returns.name != NULL) {
        gen_fill(&fill, ".ret = &qapi_type_%s", gen_type_name(gen, &def->returns));
    }
    if (flags[0] != '\0') {
        gen_fill(&fill, ".flags = %s", flags);
    }
    if (gen->options->handlers && !def->gen) {
        gen_fill(&fill, ".call_raw = %s", handler_name(gen, def));
    } else if (gen->options->handlers) {
        gen_fill(&fill, ".%s = call_%s", def->coroutine ? "call_async" : "call", c_name);
    }
    gen_fill_features(gen, &fill, &def->features);
    gen_fill_doc(gen, &fill, def->doc == NULL ? NULL : def->doc->body);
    gen_fill_end(&fill, "\n};\n");
    gen_endif(out, def->cond);
}

void gen_commands(Gen *gen)
{
    const char *prefix = gen->options->prefix;
    const SchemaFile *root = g_ptr_array_index(gen->schema->files, 0);
    const char *stem = gen_fmt(gen, "%s-commands", prefix);
    GString *header = gen_new_file(gen, gen_fmt(gen, "%s.h", stem), root->rel_path);
    GString *code = gen_new_file(gen, gen_fmt(gen, "%s.c", stem), root->rel_path);

    gen_header_start(
        gen, header, stem,
        "Handlers of the commands, to be written by hand. A handler returns false and sets *errp "
        "when it\nfails. Arguments belong to the caller and live until the handler returns. An "
        "absent optional one\nis NULL if it is a pointer; others have a flag has_NAME. *ret is "
        "zeroed; what is put there is\nfreed by the caller. Handlers with a QmpCall end that "
        "themselves, see qom/qmp.h.\n");
    gen_include_modules(gen, header);
    g_string_append(header, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    g_string_append_printf(code, "#include \"%s.h\"\n#include \"%s-schema.h\"\n", stem, prefix);
    for (guint i = 0; i < gen->schema->defs->len; i++) {
        const SchemaDef *def = g_ptr_array_index(gen->schema->defs, i);
        if (def->kind == SCHEMA_COMMAND) {
            put_handler(gen, header, def);
            put_command(gen, code, def);
        }
    }
    gen_header_end(header);
}
