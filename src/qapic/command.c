/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/command.h"
#include "base/log.h"
#include "qapic/cond.h"
#include "qapic/dump.h"
#include "qapic/names.h"
#include "qapic/warn.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* On unless told otherwise. The others are matters of taste, or (types that only C code uses) need
 * not be faults at all. */
static const DiagCode default_warnings[] = {
    DIAG_WARN_WEAK_CONDITION,
    DIAG_WARN_CONSTANT_CLASH,
    DIAG_WARN_DOC_INDENT,
};

Diag *command_diag(void)
{
    Diag *diag = diag_new(stderr);
    diag_set_colour(diag, isatty(STDERR_FILENO) && !g_getenv("NO_COLOR"));
    return diag;
}

Schema *command_load(const char *path, const SchemaOptions *options)
{
    g_autoptr(Diag) diag = command_diag();
    return schema_load(path, options, diag);
}

int command_print(const GString *text)
{
    if (fwrite(text->str, 1, text->len, stdout) != text->len || fflush(stdout) != 0) {
        log_error("can't write the output: %s", g_strerror(errno));
        return COMMAND_FAILED;
    }
    return COMMAND_OK;
}

static bool parse_docs(const char *docs, SchemaOptions *options)
{
    if (!docs || !strcmp(docs, "strict")) {
        return true;
    }
    if (!strcmp(docs, "lax")) {
        options->lax_docs = true;
        return true;
    }
    log_error("--docs=%s: expected strict or lax", docs);
    return false;
}

const char *command_parse(int *argc, char ***argv, const char *summary, const char *operand,
                          const GOptionEntry *entries, SchemaOptions *options)
{
    g_autofree char *docs = NULL;
    const GOptionEntry docs_entry[] = {
        {"docs", 0, 0, G_OPTION_ARG_STRING, &docs,
         "the rules for doc comments: strict (QEMU 10.0, default), or lax (QEMU 7.2 and later)",
         "strict|lax"},
        G_OPTION_ENTRY_NULL,
    };
    g_autofree char *program = g_strconcat("qapic ", (*argv)[0], NULL);
    g_autoptr(GOptionContext) context = g_option_context_new(operand);
    g_autoptr(GError) error = NULL;
    g_set_prgname(program);
    g_option_context_set_summary(context, summary);
    if (entries) {
        g_option_context_add_main_entries(context, entries, NULL);
    }
    if (options) {
        g_option_context_add_main_entries(context, docs_entry, NULL);
    }
    if (!g_option_context_parse(context, argc, argv, &error)) {
        log_error("%s: %s", (*argv)[0], error->message);
        return NULL;
    }
    int first = *argc > 1 && !strcmp((*argv)[1], "--") ? 2 : 1;
    if (*argc != first + 1) {
        log_error("%s: expected one %s; see '%s --help'", (*argv)[0], operand, program);
        return NULL;
    }
    return !options || parse_docs(docs, options) ? (*argv)[first] : NULL;
}

static bool enable_warning(Diag *diag, const char *name)
{
    bool on = !g_str_has_prefix(name, "no-");
    DiagCode code;
    if (!strcmp(name, "all") || !strcmp(name, "none")) {
        for (int i = DIAG_WARN_UNUSED_TYPE; i < DIAG_CODE_COUNT; i++) {
            diag_enable_warning(diag, (DiagCode)i, !strcmp(name, "all"));
        }
        return true;
    }
    /* Some names themselves begin with "no-". */
    if (!diag_code_find(name, &code)) {
        if (on || !diag_code_find(name + 3, &code)) {
            return false;
        }
    } else {
        on = true;
    }
    diag_enable_warning(diag, code, on);
    return code >= DIAG_WARN_UNUSED_TYPE;
}

int command_check(int argc, char **argv)
{
    g_auto(GStrv) warnings = NULL;
    const GOptionEntry entries[] = {
        {"warning", 'W', 0, G_OPTION_ARG_STRING_ARRAY, &warnings,
         "switch a warning on or off: all, none; weak-condition, constant-clash, doc-indent (on), "
         "unused-type, no-branch, no-since (off)",
         "[no-]NAME"},
        G_OPTION_ENTRY_NULL,
    };
    SchemaOptions options = {0};
    const char *path =
        command_parse(&argc, &argv, "Checks a QAPI schema.", "FILE", entries, &options);
    if (!path) {
        return COMMAND_USAGE;
    }
    g_autoptr(Diag) diag = command_diag();
    for (size_t i = 0; i < G_N_ELEMENTS(default_warnings); i++) {
        diag_enable_warning(diag, default_warnings[i], true);
    }
    for (char **name = warnings; name && *name; name++) {
        if (!enable_warning(diag, *name)) {
            log_error("check: there is no warning '%s'", *name);
            return COMMAND_USAGE;
        }
    }
    g_autoptr(Schema) schema = schema_load(path, &options, diag);
    if (!schema) {
        return COMMAND_FAILED;
    }
    warn_schema(schema, diag);
    return COMMAND_OK;
}

int command_dump(int argc, char **argv)
{
    gboolean json;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "as JSON (there is no other form)", NULL},
        G_OPTION_ENTRY_NULL,
    };
    SchemaOptions options = {0};
    const char *path =
        command_parse(&argc, &argv, "Prints the definitions and doc comments of a QAPI schema.",
                      "FILE", entries, &options);
    if (!path) {
        return COMMAND_USAGE;
    }
    g_autoptr(Schema) schema = command_load(path, &options);
    if (!schema) {
        return COMMAND_FAILED;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    dump_json(schema, text);
    return command_print(text);
}

/* The set of names that are defined; NULL: reported. */
static GHashTable *read_conditions(char **names, const char *file)
{
    g_autoptr(GHashTable) defined = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (char **name = names; name && *name; name++) {
        if (!cond_is_name(*name)) {
            log_error("-D %s: expected a name that matches [A-Z][A-Z0-9_]*", *name);
            return NULL;
        }
        g_hash_table_add(defined, g_strdup(*name));
    }
    g_autofree char *message = NULL;
    if (file && !cond_read_names(file, defined, &message)) {
        log_error("--conds: %s", message);
        return NULL;
    }
    return g_steal_pointer(&defined);
}

int command_introspect(int argc, char **argv)
{
    gboolean json, unmask = FALSE;
    g_auto(GStrv) names = NULL;
    g_autofree char *file = NULL;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "as JSON (there is no other form)", NULL},
        {"unmask", 0, 0, G_OPTION_ARG_NONE, &unmask, "keep the names of the types", NULL},
        {"define", 'D', 0, G_OPTION_ARG_STRING_ARRAY, &names, "a name that is true in conditions",
         "NAME"},
        {"conds", 0, 0, G_OPTION_ARG_FILENAME, &file, "a file of such names, one a line", "FILE"},
        G_OPTION_ENTRY_NULL,
    };
    SchemaOptions options = {0};
    const char *path =
        command_parse(&argc, &argv, "Prints what query-qmp-schema replies for a QAPI schema.",
                      "FILE", entries, &options);
    g_autoptr(GHashTable) defined = path ? read_conditions(names, file) : NULL;
    if (!defined) {
        return COMMAND_USAGE;
    }
    g_autoptr(Schema) schema = command_load(path, &options);
    if (!schema) {
        return COMMAND_FAILED;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    introspect_json(schema, defined, unmask, text);
    return command_print(text);
}

/* Puts @text in lines of at most 78 characters. */
static void append_wrapped(GString *out, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    size_t column = 0;
    for (char **word = words; *word; word++) {
        size_t len = strlen(*word);
        bool fits = column + 1 + len <= 78;
        g_string_append(out, !column ? "" : fits ? " " : "\n");
        g_string_append(out, *word);
        column = column && fits ? column + 1 + len : len;
    }
    g_string_append_c(out, '\n');
}

static int explain_all(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < DIAG_CODE_COUNT; i++) {
        g_string_append_printf(text, "%s%s:\n", i ? "\n" : "", diag_code_name((DiagCode)i));
        append_wrapped(text, diag_code_rule((DiagCode)i));
    }
    return command_print(text);
}

int command_explain(int argc, char **argv)
{
    const char *name = command_parse(
        &argc, &argv, "Explains an error or warning; 'all': all of them.", "CODE", NULL, NULL);
    if (!name) {
        return COMMAND_USAGE;
    }
    if (!strcmp(name, "all")) {
        return explain_all();
    }
    DiagCode code;
    if (!diag_code_find(name, &code)) {
        const char *names[DIAG_CODE_COUNT];
        for (int i = 0; i < DIAG_CODE_COUNT; i++) {
            names[i] = diag_code_name((DiagCode)i);
        }
        const char *like = names_suggest(name, names, DIAG_CODE_COUNT);
        log_error("explain: there is no code '%s'%s%s%s", name, like ? "; did you mean '" : "",
                  like ? like : "", like ? "'?" : "");
        return COMMAND_USAGE;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    append_wrapped(text, diag_code_rule(code));
    return command_print(text);
}
