/* SPDX-License-Identifier: BSD-3-Clause */
/* Events: a sender with typed arguments and the constant QapiEvent of each. */
#include "qapic/gen.h"

#include "qapic/gen_text.h"

#include <string.h>

/* The sender's declaration up to the semicolon. */
static char *sender_prototype(const Gen *gen, const SchemaDef *def)
{
    g_autofree char *parameters = gen_parameters(gen, def);
    size_t len = strlen(parameters);

    if (len == 0) {
        g_free(parameters);
        parameters = g_strdup("void");
    } else {
        parameters[len - 2] = '\0'; /* the last comma */
    }
    return g_strdup_printf("void %s_event_send_%s(%s)", gen->options->prefix,
                           gen_c_lower(gen, def->name), parameters);
}

static void put_sender_prototype(const Gen *gen, GString *out, const SchemaDef *def,
                                 const char *end)
{
    g_autofree char *prototype = sender_prototype(gen, def);
    g_autofree char *line = g_strconcat(prototype, end, NULL);

    gen_code(out, 0, line);
}

/* Sets one member of the struct `args` from the parameters. The struct does not own what it points
 * to; its pointers just are not const. */
static void put_assignment(const Gen *gen, GString *out, const SchemaMember *member)
{
    const char *name = gen_c_member(gen, member->name);
    const char *flag = gen_c_name(gen, member->name);
    const char *parameter = gen_parameter_name(gen, member);

    if (member->type.array && member->optional) {
        g_string_append_printf(out,
                               "    if (%s != NULL) {\n        args.has_%s = true;\n"
                               "        args.%s = *%s;\n    }\n",
                               parameter, flag, name, parameter);
    } else if (member->type.array) {
        g_string_append_printf(out, "    args.%s = *%s;\n", name, parameter);
    } else if (gen_is_pointer(&member->type)) {
        g_string_append_printf(out, "    args.%s = (%s)%s;\n", name,
                               gen_c_type(gen, &member->type, false), parameter);
    } else {
        if (member->optional) {
            g_string_append_printf(out, "    args.has_%s = has_%s;\n", flag, flag);
        }
        g_string_append_printf(out, "    args.%s = %s;\n", name, parameter);
    }
}

static void put_sender(const Gen *gen, GString *out, const SchemaDef *def)
{
    const GenType *type = gen_args_type(gen, def);
    const char *event =
        gen_fmt(gen, "%s_event_%s", gen->options->prefix, gen_c_name(gen, def->name));
    g_autoptr(GPtrArray) members = NULL;

    put_sender_prototype(gen, out, def, "");
    g_string_append(out, "{\n");
    if (type == NULL || def->boxed) {
        g_string_append_printf(out, "    qmp_event_send(&%s, %s);\n}\n", event,
                               type == NULL ? "NULL" : "arg");
        return;
    }
    members = schema_all_members(def);
    g_string_append_printf(out, "    %s args;\n\n    memset(&args, 0, sizeof(args));\n",
                           type->name);
    for (guint i = 0; i < members->len; i++) {
        put_assignment(gen, out, g_ptr_array_index(members, i));
    }
    g_string_append_printf(out, "    qmp_event_send(&%s, &args);\n}\n", event);
}

static void put_event(const Gen *gen, GString *header, GString *code, const SchemaDef *def)
{
    const char *name =
        gen_fmt(gen, "%s_event_%s", gen->options->prefix, gen_c_name(gen, def->name));
    g_autofree char *doc = gen_doc_lines(def, true);
    GenFill fill;

    g_string_append_c(header, '\n');
    gen_if(header, def->cond);
    if (gen->options->handlers) {
        gen_comment(header, 0, doc);
        put_sender_prototype(gen, header, def, ";");
    }
    g_string_append_printf(header, "QOM_PUBLIC extern const QapiEvent %s;\n", name);
    gen_endif(header, def->cond);

    g_string_append_c(code, '\n');
    gen_if(code, def->cond);
    g_string_append_printf(code, "const QapiEvent %s = {\n", name);
    fill = gen_fill_start(code, "   ", 4);
    fill.empty = false;
    gen_fill_name(gen, &fill, def);
    gen_fill_features(gen, &fill, &def->features);
    gen_fill_doc(gen, &fill, def->doc == NULL ? NULL : def->doc->body);
    gen_fill_end(&fill, "\n};\n");
    if (gen->options->handlers) {
        g_string_append_c(code, '\n');
        put_sender(gen, code, def);
    }
    gen_endif(code, def->cond);
}

void gen_events(Gen *gen)
{
    const char *prefix = gen->options->prefix;
    const SchemaFile *root = g_ptr_array_index(gen->schema->files, 0);
    const char *stem = gen_fmt(gen, "%s-events", prefix);
    GString *header = gen_new_file(gen, gen_fmt(gen, "%s.h", stem), root->rel_path);
    GString *code = gen_new_file(gen, gen_fmt(gen, "%s.c", stem), root->rel_path);

    gen_header_start(gen, header, stem,
                     "Senders of the events. Any thread. Arguments stay the caller's; an absent "
                     "optional one is NULL\nif it is a pointer, others have a flag has_NAME.\n");
    gen_include_modules(gen, header);
    g_string_append(header, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    g_string_append_printf(code,
                           "#include \"%s.h\"\n#include \"%s-schema.h\"\n#include \"qom/qmp.h\"\n\n"
                           "#include <string.h>\n",
                           stem, prefix);
    for (guint i = 0; i < gen->schema->defs->len; i++) {
        const SchemaDef *def = g_ptr_array_index(gen->schema->defs, i);
        if (def->kind == SCHEMA_EVENT) {
            put_event(gen, header, code, def);
        }
    }
    gen_header_end(header);
}
