/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom shell`: line after line is run over one connection; see shell.h.
 *
 * A line is one of our own subcommands, or a QMP command with its arguments, or a QMP command as
 * JSON; all three end up as the words of a subcommand (`call` for QMP), so that they do here what
 * they do in another shell. What is not complete goes on in the next line.
 */
#include "client/shell.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Shell {
    Client *client;
    ShellReader *reader;
    bool terminal; /* a person is there: prompts, events, and errors do not end it */
    bool ended;
} Shell;

/* --- Running a line -------------------------------------------------------------------------- */

static int run_words(Shell *shell, GPtrArray *words)
{
    return client_run_words(shell->client, (char **)words->pdata, words->len);
}

/* `call COMMAND ARGUMENTS` for {"execute": COMMAND, "arguments": ARGUMENTS}. */
static int run_json(Shell *shell, const char *text)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

    tape = json_parse_text(text, strlen(text), &err);
    if (!tape) {
        return client_usage_error(shell->client, NULL, g_steal_pointer(&err));
    }
    const char *command = client_member(tape, JSON_ROOT, "execute");
    for (JsonTok key = json_tape_first(tape, JSON_ROOT); key != JSON_NONE;
         key = json_tape_next(tape, JSON_ROOT, key)) {
        const char *name = json_tok_text(tape, key, NULL);
        if (strcmp(name, "execute") != 0 && strcmp(name, "arguments") != 0 &&
            strcmp(name, "id") != 0) {
            return client_usage(shell->client, "a request may not have '%s' here", name);
        }
    }
    if (!*command) {
        return client_usage(shell->client, "expected {\"execute\": COMMAND, \"arguments\": {...}}");
    }
    g_ptr_array_add(words, g_strdup("call"));
    g_ptr_array_add(words, g_strdup("--"));
    g_ptr_array_add(words, g_strdup(command));
    JsonTok arguments = json_tape_find(tape, JSON_ROOT, "arguments");
    if (arguments != JSON_NONE) {
        g_ptr_array_add(words, json_tape_copy_subtree(tape, arguments, NULL));
    }
    return run_words(shell, words);
}

static void show_help(void)
{
    printf("A line is one of\n\n"
           "  COMMAND [KEY=VALUE]...   a QMP command; dots in KEY lead into structures and lists\n"
           "  COMMAND JSON             the same with its arguments as a JSON object\n"
           "  {\"execute\": ...}         the same as it goes over the wire\n"
           "  help [COMMAND]           this, or what a command takes\n"
           "  exit, Ctrl-D             the end of the shell (not of the server)\n\n"
           "or a subcommand of qom:\n\n");
    const ClientCommand *command;
    for (size_t i = 0; (command = client_command(i)); i++) {
        if (!command->alone) {
            printf("  %-8s %s\n", command->name, command->summary);
        }
    }
    printf("\nQuotes keep blanks together, a value in braces or brackets is JSON and may go on in\n"
           "the next lines, and Tab completes.\n");
}

/* Help on a subcommand, or else on a QMP command. */
static int help_on(Shell *shell, char *name)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    bool subcommand = client_find_command(name) != NULL;

    g_ptr_array_add(words, subcommand ? (char *)"help" : (char *)"schema");
    g_ptr_array_add(words, name);
    return run_words(shell, words);
}

static int run_split(Shell *shell, GPtrArray *words)
{
    char *name = words->pdata[0];
    const ClientCommand *command = client_find_command(name);

    if (!strcmp(name, "exit")) {
        shell->ended = true;
        return CLIENT_OK;
    }
    if (!strcmp(name, "help")) {
        if (words->len > 1) {
            return help_on(shell, words->pdata[1]);
        }
        show_help();
        return CLIENT_OK;
    }
    if (!strcmp(name, "quit")) {
        return client_usage(shell->client, "'exit' or Ctrl-D ends the shell; 'call quit' ends the "
                                           "server");
    }
    if (command && command->alone) {
        return client_usage(shell->client, "'qom %s' can not be run inside of the shell", name);
    }
    if (!command) {
        g_ptr_array_insert(words, 0, g_strdup("call"));
    }
    return run_words(shell, words);
}

/* Runs what one or more lines have said. */
static int run_text(Shell *shell, const char *text)
{
    __attribute__((cleanup(shell_words_clear))) ShellWords split = {0};
    const char *begin = text + strspn(text, " \t\r\n");

    if (*begin == '{') {
        return run_json(shell, begin);
    }
    shell_split(&split, begin);
    return split.words->len > 0 ? run_split(shell, split.words) : CLIENT_OK;
}

/* --- Reading lines --------------------------------------------------------------------------- */

static void handle_event(const JsonTape *event, void *opaque)
{
    const Shell *shell = opaque;
    g_autofree char *text = client_event_text(shell->client, event);
    shell->reader->print(shell->reader, text);
}

static bool is_open(const char *text)
{
    __attribute__((cleanup(shell_words_clear))) ShellWords split;
    shell_split(&split, text);
    return split.open;
}

static bool is_comment(const char *line)
{
    line += strspn(line, " \t");
    return *line == '#';
}

/* Adds lines to @text until it is complete. */
static ShellRead read_text(Shell *shell, GString *text, unsigned *line_number, QomError **errp)
{
    g_string_truncate(text, 0);
    for (;;) {
        g_autofree char *line = NULL;
        ShellRead result = shell->reader->next(shell->reader, text->str, &line, errp);
        if (result == SHELL_END && text->len > 0 && !*errp) {
            qom_error_set(errp, "the input ends inside of quotes, braces or brackets");
        }
        if (result != SHELL_LINE) {
            return result;
        }
        (*line_number)++;
        if (!g_utf8_validate(line, -1, NULL)) {
            qom_error_set(errp, "what was read is not valid UTF-8");
            return SHELL_END;
        }
        if (text->len == 0 && is_comment(line)) {
            return SHELL_LINE;
        }
        g_string_append(text, line);
        if (!is_open(text->str)) {
            return SHELL_LINE;
        }
        g_string_append_c(text, '\n');
    }
}

static int run_lines(Shell *shell)
{
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned line_number = 0;

    while (!shell->ended) {
        QOM_AUTO_ERROR(err);
        ShellRead result = read_text(shell, text, &line_number, &err);
        if (result == SHELL_GONE) {
            return client_fail(shell->client, NULL, g_steal_pointer(&err));
        }
        if (result == SHELL_END) {
            return err ? client_usage_error(shell->client, NULL, g_steal_pointer(&err)) : CLIENT_OK;
        }
        if (result == SHELL_CANCELLED) {
            continue;
        }
        int status = run_text(shell, text->str);
        if (text->len > 0) {
            shell->reader->remember(shell->reader, text->str);
        }
        fflush(stdout);
        if (connection_broken(shell->client->connection)) {
            return CLIENT_CONNECTION;
        }
        if (status != CLIENT_OK && !shell->terminal) {
            client_warn(shell->client, "line %u has failed; what follows is not run", line_number);
            return status;
        }
    }
    return CLIENT_OK;
}

int cmd_shell(Client *client, char **operands, size_t n)
{
    Shell shell = {.client = client};
    int status;

    if (!client_connect(client, &status)) {
        return status;
    }
    shell.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    shell.reader = shell.terminal ? shell_edit_new(client) : NULL;
    if (!shell.reader) {
        shell.reader = shell_plain_new(client, shell.terminal);
    }
    if (shell.terminal) {
        connection_on_event(client->connection, handle_event, &shell);
        printf("Tab completes, 'help' tells more, Ctrl-D ends.\n");
    }
    status = run_lines(&shell);
    connection_on_event(client->connection, NULL, NULL);
    shell.reader->free(shell.reader);
    return status;
}
