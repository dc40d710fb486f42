/* SPDX-License-Identifier: BSD-3-Clause */
/* The program `qom` from its arguments to its exit status; see client.h. */
#include "client/client.h"

#include "base/log.h"
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPT(name) (1u << CLIENT_OPT_##name)

enum { MANY = 65536 };

static const ClientCommand commands[] = {
    {"tree", cmd_tree, OPT(DEPTH) | OPT(NAMES), 0, 1, "[PATH]",
     "show objects and their properties"},
    {"list", cmd_list, 0, 0, 1, "[PATH]", "show the properties of one object"},
    {"get", cmd_get, OPT(PATH), 1, MANY, "PATH.PROPERTY... | PATH PROPERTY", "show values"},
    {"set", cmd_set, 0, 2, 3, "PATH PROPERTY VALUE | PATH.PROPERTY VALUE", "change a value"},
    {"add", cmd_add, 0, 1, MANY, "TYPE [id=]ID [KEY=VALUE]... | JSON", "create an object"},
    {"del", cmd_del, 0, 1, MANY, "ID...", "delete objects"},
    {"types", cmd_types, OPT(IMPLEMENTS) | OPT(ABSTRACT), 0, 0, "", "list types"},
    {"props", cmd_props, 0, 1, 1, "TYPE | PATH", "describe the properties of a type or an object"},
    {"call", cmd_call, 0, 1, MANY, "COMMAND [KEY=VALUE]... | COMMAND JSON",
     "run any QMP command, show what it returns"},
    {"apply", cmd_apply, OPT(DRY_RUN) | OPT(PRUNE), 1, 1, "FILE | -",
     "make the objects as a file says, all or nothing"},
    {"diff", cmd_diff, OPT(PRUNE), 1, 1, "FILE | -", "show what 'qom apply' would do"},
    {"dump", cmd_dump, 0, 0, 0, "", "write what was set up, for 'qom apply'"},
    {"schema", cmd_schema, OPT(SEARCH), 0, 1, "[NAME]",
     "show and search the documentation of commands, events and types"},
    {"graph", cmd_graph, OPT(DOT), 0, 1, "[PATH]", "draw objects with their links and users"},
    {"watch", cmd_watch, OPT(RECURSE) | OPT(INTERVAL) | OPT(COUNT), 1, 2,
     "PATH[.PROPERTY] | PATH PROPERTY", "show changes as they happen", true},
    {"events", cmd_events, OPT(COUNT), 0, MANY, "[NAME]...", "show events as they come", true},
    {"mount", cmd_mount, OPT(FOREGROUND) | OPT(MOUNT), 1, 1, "DIRECTORY",
     "show the objects as a file system", true},
    {"top", cmd_top, OPT(COUNT) | OPT(INTERVAL) | OPT(ONCE), 0, 0, "",
     "show what threads, clients and memory do", true},
    {"shell", cmd_shell, 0, 0, 0, "", "run commands as they are typed, or from a pipe", true},
};

const ClientCommand *client_find_command(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!strcmp(commands[i].name, name)) {
            return &commands[i];
        }
    }
    return NULL;
}

const ClientCommand *client_command(size_t i)
{
    return i < G_N_ELEMENTS(commands) ? &commands[i] : NULL;
}

static void print_help(const ClientCommand *command)
{
    unsigned global = (1u << CLIENT_OPT_GLOBAL) - 1;
    if (command) {
        printf("Usage: qom %s [OPTION]...%s%s\n\n%c%s.\n\n", command->name,
               *command->usage ? " " : "", command->usage, g_ascii_toupper(command->summary[0]),
               command->summary + 1);
        client_help_options(command->options | global);
        return;
    }
    printf("Usage: qom [OPTION]... COMMAND [OPERAND]...\n\n"
           "Shows and changes the objects of qomd or QEMU over QMP.\n\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    }
    printf("\n");
    client_help_options(global);
    printf(
        "\n'qom COMMAND --help' shows the operands and options of a command.\n"
        "Exit status: 0; 1 differences; 2 used wrongly; 3 no connection; errors of the server:\n"
        "4 GenericError, 5 CommandNotFound, 6 DeviceNotFound, 7 DeviceNotActive, 8 KVMMissingCap;\n"
        "9 the output can not be written.\n");
}

bool client_json(const Client *client)
{
    return client->option[CLIENT_OPT_JSON] != NULL;
}

bool client_connect(Client *client, int *status)
{
    const char *address = client->option[CLIENT_OPT_SOCKET];
    double seconds = -1;
    QOM_AUTO_ERROR(err);

    if (client->connection) {
        return true;
    }
    address = address ? address : getenv("QMP_SOCKET");
    if (!address || !*address) {
        *status = client_usage(client, "no server is given: use --socket or set QMP_SOCKET");
        return false;
    }
    if (!client_option_number(client, CLIENT_OPT_TIMEOUT, 1e6, &seconds)) {
        *status = CLIENT_USAGE;
        return false;
    }
    int64_t timeout_ms = seconds < 0 ? CONNECTION_FOREVER : (int64_t)(seconds * 1000);
    client->connection = connection_open(address, timeout_ms, &err);
    if (!client->connection) {
        *status = client_fail(client, NULL, g_steal_pointer(&err));
        return false;
    }
    return true;
}

bool client_split(const char *text, char **path, char **property)
{
    const char *slash = strrchr(text, '/');
    const char *dot = strrchr(slash ? slash : text, '.');
    if (!dot) {
        return false;
    }
    *path = g_strndup(text, (size_t)(dot - text));
    *property = g_strdup(dot + 1);
    return true;
}

const char *client_member(const JsonTape *tape, JsonTok tok, const char *name)
{
    if (json_tape_type(tape, tok) != JSON_OBJECT) {
        return "";
    }
    JsonTok member = json_tape_find(tape, tok, name);
    bool is_string = member != JSON_NONE && json_tape_type(tape, member) == JSON_STRING;
    return is_string ? json_tok_text(tape, member, NULL) : "";
}

bool client_flag(const JsonTape *tape, JsonTok tok, const char *name, bool otherwise)
{
    if (json_tape_type(tape, tok) != JSON_OBJECT) {
        return otherwise;
    }
    JsonTok member = json_tape_find(tape, tok, name);
    bool is_bool = member != JSON_NONE && json_tape_type(tape, member) == JSON_BOOL;
    return is_bool ? json_tok_bool(tape, member) : otherwise;
}

/* --color decides what print_init() has guessed. */
static bool set_colour(Client *client)
{
    const char *when = client->option[CLIENT_OPT_COLOR];
    if (!when || !strcmp(when, "auto")) {
        return true;
    }
    client->printer.colour = !strcmp(when, "always");
    if (!client->printer.colour && strcmp(when, "never") != 0) {
        client_usage(client, "option '--color' expects auto, always or never, not '%s'", when);
        return false;
    }
    return true;
}

/* Whether there are as many operands as the subcommand takes. */
static bool check_operands(const Client *client, size_t n)
{
    const ClientCommand *command = client->command;
    if (n < command->min || n > command->max) {
        client_usage(client, "usage: qom %s %s", command->name, command->usage);
        return false;
    }
    return true;
}

static int run(Client *client)
{
    char **operands = (char **)client->operands->pdata;
    size_t n = client->operands->len;
    bool help = client->option[CLIENT_OPT_HELP] || (n > 0 && !strcmp(operands[0], "help"));

    if (client->option[CLIENT_OPT_VERSION]) {
        printf("qom %s\n", QOM_VERSION);
        return CLIENT_OK;
    }
    if (help && n > 0 && !strcmp(operands[0], "help")) {
        operands++;
        n--;
    }
    if (n == 0 && !help) {
        return client_usage(client, "no command is given; see 'qom --help'");
    }
    client->command = n > 0 ? client_find_command(operands[0]) : NULL;
    if (n > 0 && !client->command) {
        return client_usage(client, "there is no command '%s'; see 'qom --help'", operands[0]);
    }
    if (help) {
        print_help(client->command);
        return CLIENT_OK;
    }
    if (client->inner &&
        (client->option[CLIENT_OPT_SOCKET] || client->option[CLIENT_OPT_TIMEOUT])) {
        return client_usage(client, "--socket and --timeout are options of the whole shell");
    }
    return client_check_options(client) && check_operands(client, n - 1)
               ? client->command->run(client, operands + 1, n - 1)
               : CLIENT_USAGE;
}

int client_run_words(Client *client, char **words, size_t n)
{
    Client inner = *client;
    g_autoptr(GPtrArray) operands = g_ptr_array_new();
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    memset(inner.option + CLIENT_OPT_GLOBAL, 0,
           sizeof(inner.option) - CLIENT_OPT_GLOBAL * sizeof(inner.option[0]));
    inner.option[CLIENT_OPT_SOCKET] = NULL;
    inner.option[CLIENT_OPT_TIMEOUT] = NULL;
    inner.inner = true;
    inner.operands = operands;
    g_ptr_array_add(argv, (char *)"qom");
    for (size_t i = 0; i < n; i++) {
        g_ptr_array_add(argv, words[i]);
    }
    bool fine = client_parse(&inner, (int)argv->len, (char **)argv->pdata) && set_colour(&inner);
    int status = fine ? run(&inner) : CLIENT_USAGE;
    client->connection = inner.connection;
    client->schema = inner.schema;
    client->present = inner.present;
    return status;
}

int client_main(int argc, char **argv)
{
    Client client = {.operands = g_ptr_array_new()};

    setlocale(LC_CTYPE, "");
    log_set_program("qom");
    print_init(&client.printer);
    bool complete = argc == 3 && !strcmp(argv[1], "__complete");
    bool fine = complete || (client_parse(&client, argc, argv) && set_colour(&client));
    int status = complete ? client_complete(&client, argv[2]) : fine ? run(&client) : CLIENT_USAGE;
    client_disconnect(&client);
    g_ptr_array_free(client.operands, TRUE);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CLIENT_OK) {
        log_error("can not write the output: %s", g_strerror(errno));
        status = CLIENT_OUTPUT;
    }
    return status;
}
