/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the schema compiler: lexer, parser, doc comments, all checks, and for what passes them the
 * dump and the introspection. Must hold: it ends, says why it refuses, and leaves nothing behind.
 */
#include "qapic/diag.h"
#include "qapic/dump.h"
#include "qapic/schema.h"

#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
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
    if (schema) {
        g_autoptr(GString) json = g_string_new(NULL);
        dump_json(schema, json);
    } else {
        fflush(out);
        g_assert(diag_errors(diag) > 0 && len > 0);
    }
    schema_free(schema);
    diag_free(diag);
    fclose(out);
    close(fd);
    return 0;
}
