/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder with schema files, and what the front end says of them. */
#ifndef TESTS_QAPIC_UNIT_H
#define TESTS_QAPIC_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>

#include "qapic/diag.h"
#include "qapic/schema.h"

typedef struct Unit {
    char *folder;
    SchemaOptions options;
    bool warnings; /* switch all on */
    Schema *schema;
    char *messages;
    unsigned errors;
} Unit;

static inline void unit_forget(Unit *unit)
{
    schema_free(g_steal_pointer(&unit->schema));
    free(g_steal_pointer(&unit->messages));
}

static inline int unit_setup(void **state)
{
    Unit *unit = g_new0(Unit, 1);
    unit->folder = g_dir_make_tmp("qapic-XXXXXX", NULL);
    *state = unit;
    return unit->folder ? 0 : -1;
}

static inline int unit_teardown(void **state)
{
    Unit *unit = *state;
    GDir *dir = g_dir_open(unit->folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(unit->folder, name, NULL);
        unlink(path);
    }
    g_dir_close(dir);
    rmdir(unit->folder);
    unit_forget(unit);
    g_free(unit->folder);
    g_free(unit);
    return 0;
}

static inline void unit_write(Unit *unit, const char *name, const char *text, size_t len)
{
    g_autofree char *path = g_build_filename(unit->folder, name, NULL);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Loads the file called @name; the messages name files without the folder. */
static inline void unit_load(Unit *unit, const char *name)
{
    g_autofree char *path = g_build_filename(unit->folder, name, NULL);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    g_autoptr(Diag) diag = diag_new(out);
    for (int i = DIAG_WARN_UNUSED_TYPE; unit->warnings && i < DIAG_CODE_COUNT; i++) {
        diag_enable_warning(diag, (DiagCode)i, true);
    }
    unit_forget(unit);
    unit->schema = schema_load(path, &unit->options, diag);
    unit->errors = diag_errors(diag);
    fclose(out);
    g_autofree char *folder = g_strconcat(unit->folder, "/", NULL);
    g_auto(GStrv) parts = g_strsplit(text, folder, -1);
    g_autofree char *joined = g_strjoinv("", parts);
    unit->messages = strdup(joined);
    free(text);
}

static inline void unit_load_bytes(Unit *unit, const char *text, size_t len)
{
    unit_write(unit, "a.json", text, len);
    unit_load(unit, "a.json");
}

static inline void unit_load_text(Unit *unit, const char *text)
{
    unit_load_bytes(unit, text, strlen(text));
}

/* Loads @text, which must be right. */
static inline Schema *unit_accept(Unit *unit, const char *text)
{
    unit_load_text(unit, text);
    if (!unit->schema) {
        fail_msg("refused: %s", unit->messages);
    }
    return unit->schema;
}

/* Loads @text and compares the lines of its errors, without text: "LINE:COL CODE\n"... */
static inline void unit_reject(Unit *unit, const char *text, const char *expected)
{
    unit_load_text(unit, text);
    assert_null(unit->schema);
    g_autoptr(GString) found = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(unit->messages, "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *at = strstr(*line, ".json:");
        char *message = strstr(*line, ": error: ");
        const char *code = strrchr(*line, '[');
        if (at && message && code) {
            *message = '\0';
            g_string_append_printf(found, "%s %.*s\n", at + strlen(".json:"),
                                   (int)strlen(code + 1) - 1, code + 1);
        }
    }
    if (strcmp(found->str, expected) != 0) {
        fail_msg("expected:\n%sfound:\n%s\n%s", expected, found->str, unit->messages);
    }
}

#define schema_test(function) cmocka_unit_test_setup_teardown(function, unit_setup, unit_teardown)

#endif
