/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * human-monitor-command: a few lines of the human monitor's language, for the scripts that use no
 * other. What a line prints is the command's result, its failure too.
 */
#include "daemon/option.h"

#include "qapi-commands.h"
#include "qom/object.h"
#include "qom/options.h"

#include <string.h>

/* What a line is made of. */
#define WORDS_MAX   4
#define SHOWN_BYTES 1024 /* of a command that is not known */

typedef struct HumanLine {
    char *words[WORDS_MAX + 1]; /* NULL-terminated; the last may hold the whole rest of the line */
    GString *out;
} HumanLine;

typedef struct HumanCommand {
    const char *name;
    unsigned min_words, max_words; /* behind the name */
    const char *usage;
    const char *help;
    bool (*run)(const HumanLine *line, QomError **errp);
} HumanCommand;

/* --- The tree -------------------------------------------------------------------------------- */

static void print_tree(const QomObject *obj, const char *path, unsigned depth, GString *out)
{
    g_string_append_printf(out, "%*s/%s (%s)\r\n", (int)(2 * depth), "", path,
                           qom_object_type_name(obj));
    for (QomObject *child = qom_object_first_child(obj); child;
         child = qom_object_next_sibling(child)) {
        print_tree(child, qom_object_name(child), depth + 1, out);
    }
}

static bool run_qom_tree(const HumanLine *line, QomError **errp)
{
    const char *path = line->words[0] ? line->words[0] : "/";
    QomObject *obj = qom_resolve_path_or_error(path, false, errp);
    if (!obj) {
        return false;
    }
    g_autofree char *whole = qom_object_path(obj);
    print_tree(obj, whole ? whole + 1 : "", 0, line->out);
    return true;
}

static bool print_property(const QomPropertyView *view, void *opaque)
{
    g_string_append_printf(opaque, "%s (%s)\r\n", view->name, view->type);
    return true;
}

static bool run_qom_list(const HumanLine *line, QomError **errp)
{
    if (!line->words[0]) {
        g_string_append(line->out, "/\r\n");
        return true;
    }
    QomObject *obj = qom_resolve_path_or_error(line->words[0], true, errp);
    if (!obj) {
        return false;
    }
    qom_object_foreach_property(obj, print_property, line->out);
    return true;
}

static bool run_qom_get(const HumanLine *line, QomError **errp)
{
    QomObject *obj = qom_resolve_path_or_error(line->words[0], false, errp);
    g_autofree char *json = obj ? qom_property_get_json(obj, line->words[1], errp) : NULL;
    if (!json) {
        return false;
    }
    g_string_append_printf(line->out, "%s\r\n", json);
    return true;
}

/* The value is text, as on the command line. */
static bool run_qom_set(const HumanLine *line, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    QomObject *obj = qom_resolve_path_or_error(line->words[0], false, errp);
    if (!obj) {
        return false;
    }
    g_auto(GStrv) parts = g_strsplit(line->words[2], ",", -1);
    g_autofree char *value = g_strjoinv(",,", parts);
    g_autofree char *text = g_strconcat("value=", value, NULL);
    tape = qapi_options_parse(text, NULL, NULL, errp);
    return tape && qom_property_set(obj, line->words[1], tape,
                                    json_tape_find(tape, JSON_ROOT, "value"), errp);
}

/* --- Objects --------------------------------------------------------------------------------- */

/* The answer can not come later, so what may block is left to the command that can. */
static bool add_object(const JsonTape *tape, QomError **errp)
{
    QomCreation *creation = qom_object_add_begin(tape, JSON_ROOT, NULL, errp);
    if (!creation) {
        return false;
    }
    bool ok = qom_object_add_blocks(creation)
                  ? qom_error_set(errp, "this may take long: use the command object-add")
                  : qom_object_add_complete(creation, errp);
    if (!ok) {
        qom_object_add_abort(creation);
        return false;
    }
    qom_object_add_finish(creation);
    return true;
}

static bool print_object_help(const JsonTape *tape, GString *out, QomError **errp)
{
    g_autofree char *help = option_object_help(tape, errp);
    if (!help) {
        return false;
    }
    g_string_append(out, help);
    g_string_replace(out, "\n", "\r\n", 0);
    return true;
}

static bool run_object_add(const HumanLine *line, QomError **errp)
{
    QapiOptionsHow how = {.implied_key = "qom-type"};
    bool help = false;
    JsonTape *tape = qapi_options_parse(line->words[0], &how, &help, errp);
    if (!tape) {
        return false;
    }
    bool ok = help ? print_object_help(tape, line->out, errp) : add_object(tape, errp);
    json_tape_wipe(tape);
    json_tape_free(tape);
    return ok;
}

static bool run_object_del(const HumanLine *line, QomError **errp)
{
    return qom_object_del(line->words[0], errp);
}

/* --- The program ----------------------------------------------------------------------------- */

static bool run_status(const HumanLine *line, QomError **errp)
{
    RunState state = daemon_current()->state;
    g_string_append_printf(line->out, "VM status: %s\r\n",
                           state == RUN_STATE_RUNNING  ? "running"
                           : state == RUN_STATE_PAUSED ? "paused"
                                                       : "paused (prelaunch)");
    return true;
}

static bool run_version(const HumanLine *line, QomError **errp)
{
    VersionInfo info = {};
    if (!qmp_query_version(&info, errp)) {
        return false;
    }
    g_string_append_printf(line->out,
                           "%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT "%s\r\n",
                           info.qemu->major, info.qemu->minor, info.qemu->micro, info.package);
    VersionInfo_clear(&info);
    return true;
}

static bool run_help(const HumanLine *line, QomError **errp);

static const HumanCommand commands[] = {
    {"help", 0, 1, " [command]", "show the help", run_help},
    {"info qom-tree", 0, 1, " [path]", "show the tree of objects", run_qom_tree},
    {"info status", 0, 0, "", "show the run state", run_status},
    {"info version", 0, 0, "", "show the version", run_version},
    {"object_add", 1, 1, " [qom-type=]type,id=str[,prop=value][,...]", "create an object",
     run_object_add},
    {"object_del", 1, 1, " id", "delete an object", run_object_del},
    {"qom-get", 2, 2, " path property", "print a property's value", run_qom_get},
    {"qom-list", 0, 1, " [path]", "list an object's properties", run_qom_list},
    {"qom-set", 3, 3, " path property value", "set a property", run_qom_set},
};

static bool run_help(const HumanLine *line, QomError **errp)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const HumanCommand *command = &commands[i];
        if (!line->words[0] || g_str_has_prefix(command->name, line->words[0])) {
            g_string_append_printf(line->out, "%s%s -- %s\r\n", command->name, command->usage,
                                   command->help);
        }
    }
    return true;
}

/* --- Reading a line -------------------------------------------------------------------------- */

/* Whether @text begins with the words @name; *rest is then what follows. */
static bool begins_with(const char *text, const char *name, const char **rest)
{
    while (*name) {
        if (*name == ' ' && *text == ' ') {
            text += strspn(text, " ");
            name++;
        } else if (*name++ != *text++) {
            return false;
        }
    }
    *rest = text + strspn(text, " ");
    return *text == '\0' || *text == ' ';
}

/* Cuts the word at *p, which may stand in double quotes; *p moves behind it. */
static char *cut_word(const char **p)
{
    const char *start = *p;
    const char *quote = *start == '"' ? strchr(start + 1, '"') : NULL;
    const char *end = quote ? quote + 1 : start + strcspn(start, " ");
    *p = end + strspn(end, " ");
    return quote ? g_strndup(start + 1, (size_t)(quote - start - 1))
                 : g_strndup(start, (size_t)(end - start));
}

/* Cuts @text into the words that @command takes. */
static bool cut_line(const HumanCommand *command, const char *text, HumanLine *line)
{
    unsigned n = 0;
    while (*text && n < command->max_words) {
        line->words[n++] = cut_word(&text);
    }
    return n >= command->min_words && !*text;
}

static void run_line(const HumanCommand *command, const char *arguments, GString *out)
{
    QOM_AUTO_ERROR(err);
    HumanLine line = {.out = out};
    if (!cut_line(command, arguments, &line)) {
        g_string_append_printf(out, "%s: expected:%s\r\nTry \"help %s\" for more information\r\n",
                               command->name, command->usage, command->name);
    } else if (!command->run(&line, &err)) {
        g_string_append_printf(out, "Error: %s\r\n", qom_error_message(err));
    }
    for (size_t i = 0; line.words[i]; i++) {
        explicit_bzero(line.words[i], strlen(line.words[i]));
        g_free(line.words[i]);
    }
}

bool qmp_human_monitor_command(const char *command_line, bool has_cpu_index, int64_t cpu_index,
                               char **ret, QomError **errp)
{
    if (has_cpu_index) {
        return qom_error_set(errp, "Parameter 'cpu-index' expects a CPU number");
    }
    GString *out = g_string_new(NULL);
    const char *text = command_line + strspn(command_line, " ");
    const HumanCommand *found = NULL;
    const char *arguments = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(commands) && !found; i++) {
        found = begins_with(text, commands[i].name, &arguments) ? &commands[i] : NULL;
    }
    if (found) {
        run_line(found, arguments, out);
    } else if (*text) {
        g_string_append_printf(out, "unknown command: '%.*s'\r\n", SHOWN_BYTES, text);
    }
    *ret = g_string_free(out, false);
    return true;
}
