/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommand `qapic gen`. */
#include "qapic/gen.h"

#include "base/log.h"
#include "qapic/command.h"
#include "qapic/output.h"

#include <stdio.h>

typedef struct GenArguments {
    GenOptions options;
    SchemaOptions load;
    const char *schema;
    char *depfile;
    gboolean list;
} GenArguments;

static bool is_identifier(const char *name)
{
    if (!g_ascii_isalpha(name[0]) && name[0] != '_') {
        return false;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && *c != '_') {
            return false;
        }
    }
    return true;
}

static bool check_arguments(const GenArguments *args)
{
    if (args->options.out_dir == NULL && !args->list) {
        log_error("gen: expected -o DIR, where to write");
        return false;
    }
    if (!is_identifier(args->options.prefix) || !is_identifier(args->options.handler_prefix)) {
        log_error("gen: a prefix must be a name in C");
        return false;
    }
    return true;
}

static void set_default(char **option, const char *value)
{
    if (*option == NULL) {
        *option = g_strdup(value);
    }
}

/* False after a message about wrong usage. */
static bool parse_arguments(int argc, char **argv, GenArguments *args)
{
    GenOptions *options = &args->options;
    gboolean no_docs = FALSE;
    gboolean no_handlers = FALSE;
    const GOptionEntry entries[] = {
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options->out_dir,
         "Where to write; files that do not change are not touched", "DIR"},
        {"prefix", 0, 0, G_OPTION_ARG_STRING, &options->prefix,
         "Start of file names and of the constants of commands, events and the schema (qapi)",
         "NAME"},
        {"handler-prefix", 0, 0, G_OPTION_ARG_STRING, &options->handler_prefix,
         "Start of the names of command handlers (qmp_)", "NAME"},
        {"include", 0, 0, G_OPTION_ARG_STRING, &options->include,
         "Included first by all headers, for the macros of conditions", "HEADER"},
        {"no-docs", 0, 0, G_OPTION_ARG_NONE, &no_docs, "No documentation in descriptors", NULL},
        {"no-handlers", 0, 0, G_OPTION_ARG_NONE, &no_handlers,
         "Commands and events without functions, for programs that only describe them", NULL},
        {"depfile", 0, 0, G_OPTION_ARG_FILENAME, &args->depfile,
         "Write dependencies for make and ninja", "FILE"},
        {"list", 0, 0, G_OPTION_ARG_NONE, &args->list,
         "Print the names of the files instead of writing them", NULL},
        {NULL},
    };

    args->schema =
        command_parse(&argc, &argv, "Writes C for a QAPI schema.", "FILE", entries, &args->load);
    options->docs = !no_docs;
    options->handlers = !no_handlers;
    set_default(&options->prefix, "qapi");
    set_default(&options->handler_prefix, "qmp_");
    return args->schema != NULL && check_arguments(args);
}

static void free_arguments(GenArguments *args)
{
    g_free(args->options.out_dir);
    g_free(args->options.prefix);
    g_free(args->options.handler_prefix);
    g_free(args->options.include);
    g_free(args->depfile);
}

GString *gen_new_file(Gen *gen, const char *name, const char *source)
{
    GenFile *file = arena_new0(gen->arena, GenFile, 1);

    file->name = name;
    file->text = g_string_new(NULL);
    g_string_append_printf(file->text, "/* Made by `qapic gen` from %s: do not edit. */\n", source);
    g_ptr_array_add(gen->files, file);
    return file->text;
}

static bool generate(Gen *gen, QomError **errp)
{
    if (!gen_plan(gen, errp)) {
        return false;
    }
    for (guint i = 0; i < gen->modules->len; i++) {
        GenModule *module = g_ptr_array_index(gen->modules, i);
        gen_module_header(gen, module);
        gen_module_tables(gen, module);
    }
    gen_commands(gen);
    gen_events(gen);
    gen_schema(gen);
    return true;
}

static bool write_files(const Gen *gen, const GenArguments *args, QomError **errp)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    if (!args->list && !output_folder(gen->options->out_dir, errp)) {
        return false;
    }
    for (guint i = 0; i < gen->files->len; i++) {
        const GenFile *file = g_ptr_array_index(gen->files, i);
        g_ptr_array_add(names, (void *)file->name);
        if (args->list) {
            puts(file->name);
        } else if (!output_write(gen->options->out_dir, file->name, file->text, errp)) {
            return false;
        }
    }
    return args->depfile == NULL || args->list ||
           output_depfile(args->depfile, gen->options->out_dir, names, gen->schema, errp);
}

static void free_gen(Gen *gen)
{
    for (guint i = 0; i < gen->modules->len; i++) {
        GenModule *module = g_ptr_array_index(gen->modules, i);
        g_ptr_array_unref(module->types);
        g_ptr_array_unref(module->needs);
        g_ptr_array_unref(module->forward);
    }
    for (guint i = 0; i < gen->files->len; i++) {
        GenFile *file = g_ptr_array_index(gen->files, i);
        g_string_free(file->text, TRUE);
    }
    g_ptr_array_unref(gen->modules);
    g_ptr_array_unref(gen->types);
    g_ptr_array_unref(gen->files);
    g_hash_table_unref(gen->by_def);
    arena_free(gen->arena);
}

/* Returns the exit status. */
static int run(const GenArguments *args)
{
    g_autoptr(Schema) schema = command_load(args->schema, &args->load);
    QOM_AUTO_ERROR(error);
    int status = COMMAND_OK;
    Gen gen;

    if (schema == NULL) {
        return COMMAND_FAILED;
    }
    gen = (Gen){
        .schema = schema,
        .options = &args->options,
        .arena = arena_new(),
        .modules = g_ptr_array_new(),
        .types = g_ptr_array_new(),
        .files = g_ptr_array_new(),
        .by_def = g_hash_table_new(NULL, NULL),
    };
    if (!generate(&gen, &error) || !write_files(&gen, args, &error)) {
        log_error("gen: %s", qom_error_message(error));
        status = COMMAND_FAILED;
    }
    free_gen(&gen);
    return status;
}

int command_gen(int argc, char **argv)
{
    GenArguments args = {0};
    int status = parse_arguments(argc, argv, &args) ? run(&args) : COMMAND_USAGE;

    free_arguments(&args);
    return status;
}
