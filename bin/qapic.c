/* SPDX-License-Identifier: BSD-3-Clause */
/* qapic: the QAPI schema compiler. This file only finds the subcommand. */
#include "base/log.h"
#include "qapic/command.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"check", command_check, "check a schema: exit status 1 and messages if it has errors"},
    {"dump", command_dump, "print the definitions and doc comments as JSON"},
    {"introspect", command_introspect, "print the reply to query-qmp-schema"},
    {"gen", command_gen, "write C: types, descriptors, prototypes of handlers, event senders"},
    {"doc", command_doc, "write manual pages or Markdown"},
    {"explain", command_explain, "explain the code of an error or warning"},
};

static void print_help(FILE *out)
{
    fprintf(out, "Usage: qapic COMMAND [OPTION]... FILE\n\nThe QAPI schema compiler.\n\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].summary);
    }
    fprintf(out, "\n'qapic COMMAND --help' shows the options of a command, --version the version.\n"
                 "Exit status: 0, 1 with errors, 2 when called wrongly.\n");
}

int main(int argc, char **argv)
{
    log_set_program("qapic");
    if (argc < 2) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help(stdout);
        return COMMAND_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("qapic %s\n", QAPIC_VERSION);
        return COMMAND_OK;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!strcmp(argv[1], commands[i].name)) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    log_error("there is no command '%s'; see 'qapic --help'", argv[1]);
    return COMMAND_USAGE;
}
