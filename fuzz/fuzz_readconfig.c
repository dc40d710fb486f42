/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the command line of the daemon and the files of -readconfig, up to the plan of what would
 * be created. If the input starts with `-` its lines are the arguments of a command line, else it
 * is a file of -readconfig.
 *
 * Must hold: the plan is made or refused, nothing is created by it and nothing stays behind.
 */
#include "confine.h"
#include "target.h"

#include "base/log.h"
#include "daemon/option.h"

#include <string.h>

enum { MAX_ARGUMENTS = 64 };

void target_start(void)
{
    log_set_program("qomd");
    daemon_register_types();
}

static void parse(int argc, char **argv)
{
    Daemon daemon;
    daemon_init(&daemon);
    options_parse(&daemon, argc, argv);
    daemon_clear(&daemon);
    qmp_set_compat(&(QapiPolicy){0});
    log_set_timestamp(false);
}

/* -module would run what it loads. */
static bool is_harmless(char **argv, int argc)
{
    for (int i = 0; i < argc; i++) {
        if (g_str_has_suffix(argv[i], "-module")) {
            return false;
        }
    }
    return true;
}

static void parse_arguments(char *text)
{
    char *argv[MAX_ARGUMENTS + 2] = {(char *)"qomd"};
    int argc = 1;
    for (char *line = text; line && argc <= MAX_ARGUMENTS; argc++) {
        argv[argc] = line;
        line = strchr(line, '\n');
        if (line) {
            *line++ = '\0';
        }
    }
    if (is_harmless(argv, argc)) {
        parse(argc, argv);
    }
}

void target_input(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '-') {
        g_autofree char *text = g_strndup((const char *)data, size);
        parse_arguments(text);
    } else {
        char *argv[] = {(char *)"qomd", (char *)"-readconfig", (char *)"config", NULL};
        confine_file("config", data, size);
        parse(3, argv);
    }
}
