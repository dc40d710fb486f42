/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the schema compiler: lexer, parser, doc comments, all checks, and for what passes them the
 * dump, the introspection, the C and the documents.
 *
 * Must hold: it ends, says why it refuses, and leaves nothing behind; what is checked can be
 * written in each form.
 */
#include "confine.h"
#include "target.h"

#include "qapic/command.h"
#include "qapic/diag.h"
#include "qapic/schema.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Runs a subcommand with some of the @n arguments @args. */
static int run(int (*command)(int argc, char **argv), char **args, int n)
{
    char *argv[8];
    memcpy(argv, args, sizeof(argv[0]) * (size_t)n);
    argv[n] = NULL;
    return command(n, argv);
}

static void write_all(char *path, bool lax)
{
    char *docs = (char *)(lax ? "--docs=lax" : "--docs=strict");
    char *dir = (char *)confine_folder();
    char *dump[] = {(char *)"dump", docs, path};
    char *introspect[] = {(char *)"introspect", docs, path};
    char *gen[] = {(char *)"gen", docs, (char *)"--list", path};
    char *man[] = {(char *)"doc", docs, (char *)"--man", (char *)"-o", dir, path};
    char *markdown[] = {(char *)"doc", docs, (char *)"--markdown", (char *)"-o", dir, path};
    g_assert(run(command_dump, dump, 3) == COMMAND_OK);
    g_assert(run(command_introspect, introspect, 3) == COMMAND_OK);
    /* Two files or pages may want one name; that is refused. */
    g_assert(run(command_gen, gen, 4) != COMMAND_USAGE);
    g_assert(run(command_doc, man, 6) != COMMAND_USAGE);
    g_assert(run(command_doc, markdown, 6) != COMMAND_USAGE);
    confine_clear();
}

void target_input(const uint8_t *data, size_t size)
{
    /* Schemas are read by name; an include in the text finds nothing beside it. */
    int fd = memfd_create("schema", MFD_CLOEXEC);
    g_assert(write(fd, data, size) == (ssize_t)size);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    SchemaOptions options = {.lax_docs = size % 2};
    Diag *diag = diag_new(out);
    Schema *schema = schema_load(path, &options, diag);
    if (!schema) {
        fflush(out);
        g_assert(diag_errors(diag) > 0 && len > 0);
    }
    diag_free(diag);
    fclose(out);
    if (schema) {
        schema_free(schema);
        write_all(path, options.lax_docs);
    }
    close(fd);
}
