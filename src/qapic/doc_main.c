/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommand `qapic doc`. */
#include "qapic/doc.h"

#include "base/log.h"
#include "qapic/command.h"
#include "qapic/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

typedef struct DocArguments {
    DocOptions options;
    SchemaOptions load;
    const char *schema;
    gboolean man;
    gboolean markdown;
} DocArguments;

/* False after a message about wrong usage. */
static bool parse_arguments(int argc, char **argv, DocArguments *args)
{
    DocOptions *options = &args->options;
    const GOptionEntry entries[] = {
        {"man", 0, 0, G_OPTION_ARG_NONE, &args->man,
         "A manual page for each command and each object type", NULL},
        {"markdown", 0, 0, G_OPTION_ARG_NONE, &args->markdown, "One file, qapi.md", NULL},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options->out_dir, "Where to write", "DIR"},
        {"extra", 0, 0, G_OPTION_ARG_FILENAME, &options->extra_dir,
         "Folder of hand-written parts of pages, PAGE.man: roff, or text for EXAMPLES", "DIR"},
        {"objects", 0, 0, G_OPTION_ARG_STRING, &options->object_union,
         "Whose branches are object types (ObjectOptions)", "UNION"},
        {"source", 0, 0, G_OPTION_ARG_STRING, &options->source,
         "Package and version at the foot of the pages", "TEXT"},
        {"date", 0, 0, G_OPTION_ARG_STRING, &options->date,
         "Of the pages ($SOURCE_DATE_EPOCH, or the last change of the schema)", "YYYY-MM-DD"},
        {NULL},
    };

    args->schema = command_parse(&argc, &argv, "Writes documents on a QAPI schema.", "FILE",
                                 entries, &args->load);
    if (args->schema == NULL) {
        return false;
    }
    if (options->out_dir == NULL || (!args->man && !args->markdown)) {
        log_error("doc: expected --man or --markdown, and -o DIR, where to write");
        return false;
    }
    if (options->object_union == NULL) {
        options->object_union = g_strdup("ObjectOptions");
    }
    if (options->source == NULL) {
        options->source = g_strdup("QAPI");
    }
    return true;
}

/* When the schema changed last, unless the environment says what to write. */
static char *page_date(const Schema *schema)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t when = epoch == NULL ? 0 : (time_t)g_ascii_strtoll(epoch, NULL, 10);
    char text[sizeof("YYYY-MM-DD") + 16];
    struct tm tm;

    for (guint i = 0; epoch == NULL && i < schema->files->len; i++) {
        const SchemaFile *file = g_ptr_array_index(schema->files, i);
        struct stat st;
        if (stat(file->path, &st) == 0) {
            when = MAX(when, st.st_mtime);
        }
    }
    if (gmtime_r(&when, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%d", &tm) == 0) {
        return g_strdup("1970-01-01");
    }
    return g_strdup(text);
}

/* Returns the exit status. */
static int run(DocArguments *args)
{
    g_autoptr(Schema) schema = command_load(args->schema, &args->load);
    QOM_AUTO_ERROR(error);

    if (schema == NULL) {
        return COMMAND_FAILED;
    }
    if (args->options.date == NULL) {
        args->options.date = page_date(schema);
    }
    if (!output_folder(args->options.out_dir, &error) ||
        (args->man && !doc_man(schema, &args->options, &error)) ||
        (args->markdown && !doc_markdown(schema, &args->options, &error))) {
        log_error("doc: %s", qom_error_message(error));
        return COMMAND_FAILED;
    }
    return COMMAND_OK;
}

int command_doc(int argc, char **argv)
{
    DocArguments args = {0};
    int status = parse_arguments(argc, argv, &args) ? run(&args) : COMMAND_USAGE;

    g_free(args.options.out_dir);
    g_free(args.options.extra_dir);
    g_free(args.options.object_union);
    g_free(args.options.source);
    g_free(args.options.date);
    return status;
}
