/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool write_file(const char *path, const GString *text, QomError **errp)
{
    g_autofree char *old = NULL;
    gsize len = 0;
    FILE *file;
    bool written;

    if (g_file_get_contents(path, &old, &len, NULL) && len == text->len &&
        memcmp(old, text->str, len) == 0) {
        return true;
    }
    file = fopen(path, "we");
    if (file == NULL) {
        return qom_error_set_errno(errp, errno, "Can't write %s", path);
    }
    written = fwrite(text->str, 1, text->len, file) == text->len;
    if (fclose(file) != 0 || !written) {
        return qom_error_set_errno(errp, errno, "Can't write %s", path);
    }
    return true;
}

bool output_folder(const char *dir, QomError **errp)
{
    if (g_mkdir_with_parents(dir, 0777) < 0) {
        return qom_error_set_errno(errp, errno, "Can't make the folder %s", dir);
    }
    return true;
}

bool output_write(const char *dir, const char *name, const GString *text, QomError **errp)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return write_file(path, text, errp);
}

static void append_path(GString *out, const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == ' ' || *c == '#') {
            g_string_append_c(out, '\\');
        } else if (*c == '$') {
            g_string_append_c(out, '$');
        }
        g_string_append_c(out, *c);
    }
}

bool output_depfile(const char *path, const char *dir, const GPtrArray *names, const Schema *schema,
                    QomError **errp)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *target = g_build_filename(dir, g_ptr_array_index(names, i), NULL);
        g_string_append(out, i > 0 ? " " : "");
        append_path(out, target);
    }
    g_string_append_c(out, ':');
    for (guint i = 0; i < schema->files->len; i++) {
        const SchemaFile *file = g_ptr_array_index(schema->files, i);
        g_string_append(out, " \\\n  ");
        append_path(out, file->path);
    }
    g_string_append_c(out, '\n');
    return write_file(path, out, errp);
}
