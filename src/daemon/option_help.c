/* SPDX-License-Identifier: BSD-3-Clause */
/* -h and -version. */
#include "daemon/option.h"

#include "base/log.h"

#include "config.h"

#include <stdio.h>

/* Where the help texts begin. */
#define HELP_COLUMN 28

static void print_option(const Option *option)
{
    g_autofree char *left = option->value ? g_strdup_printf("-%s %s", option->name, option->value)
                                          : g_strdup_printf("-%s", option->name);
    if (strlen(left) < HELP_COLUMN) {
        printf("%-*s%s\n", HELP_COLUMN, left, option->help);
    } else {
        printf("%s\n%*s%s\n", left, HELP_COLUMN, "", option->help);
    }
}

bool option_parse_help(Daemon *daemon, OptionUse *use, QomError **errp)
{
    size_t n;
    const Option *table = option_table(&n);
    printf(
        "usage: %s [OPTION]...\n"
        "\n"
        "Serves objects of the QEMU Object Model over QMP. Options begin with one or two dashes\n"
        "and may stand in any order.\n"
        "\n",
        log_program());
    for (size_t i = 0; i < n; i++) {
        print_option(&table[i]);
    }
    daemon->done = true;
    return true;
}

bool option_parse_version(Daemon *daemon, OptionUse *use, QomError **errp)
{
    printf("qomd %s (QEMU 8.2.0 object interface)\n", QOM_VERSION);
    daemon->done = true;
    return true;
}
