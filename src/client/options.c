/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line: options may stand anywhere, before or behind the subcommand; `--` ends them.
 * A minus and a digit is a number, so that `qom set PATH PROPERTY -1` needs nothing special.
 */
#include "client/client.h"

#include "qom/options.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    char letter;
    const char *value; /* NULL: a flag */
    const char *help;
} options[CLIENT_OPTIONS] = {
    [CLIENT_OPT_SOCKET] = {"socket", 's', "ADDRESS",
                           "the server: path of a Unix socket or HOST:PORT (default: $QMP_SOCKET)"},
    [CLIENT_OPT_JSON] = {"json", 0, NULL, "write JSON, for programs"},
    [CLIENT_OPT_TIMEOUT] = {"timeout", 0, "SECONDS", "how long to wait for each answer"},
    [CLIENT_OPT_COLOR] = {"color", 0, "WHEN", "always, never, or auto: on terminals (default)"},
    [CLIENT_OPT_HELP] = {"help", 'h', NULL, "show help and exit"},
    [CLIENT_OPT_VERSION] = {"version", 0, NULL, "show the version and exit"},
    [CLIENT_OPT_DEPTH] = {"depth", 'd', "LEVELS", "how far below PATH; 0 is PATH alone"},
    [CLIENT_OPT_NAMES] = {"names", 'n', NULL, "objects without their properties"},
    [CLIENT_OPT_PATH] = {"path", 'p', "PATH", "the operands are properties of this object"},
    [CLIENT_OPT_IMPLEMENTS] = {"implements", 0, "TYPE", "only types that are a TYPE"},
    [CLIENT_OPT_ABSTRACT] = {"abstract", 0, NULL, "abstract types too"},
    [CLIENT_OPT_COUNT] = {"count", 'c', "NUMBER", "end after so many"},
    [CLIENT_OPT_RECURSE] = {"recurse", 'r', NULL, "objects below too"},
    [CLIENT_OPT_INTERVAL] = {"interval", 'i', "MS", "show news every so many milliseconds"},
    [CLIENT_OPT_DRY_RUN] = {"dry-run", 0, NULL, "check and show, change nothing"},
    [CLIENT_OPT_PRUNE] = {"prune", 0, NULL, "delete what is not in the file"},
    [CLIENT_OPT_SEARCH] = {"search", 0, "WORD", "all whose name or text has WORD"},
    [CLIENT_OPT_DOT] = {"dot", 0, NULL, "in the language of graphviz"},
    [CLIENT_OPT_FOREGROUND] = {"foreground", 'f', NULL, "do not go into the background"},
    [CLIENT_OPT_ONCE] = {"once", 0, NULL, "show one picture and end"},
    [CLIENT_OPT_MOUNT] = {"options", 'o', "OPTIONS", "for FUSE, such as allow_other,ro"},
};

void client_help_options(unsigned set)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (!(set & (1u << i))) {
            continue;
        }
        char letter[] = {'-', options[i].letter, ',', 0};
        g_autofree char *left =
            g_strdup_printf("%s --%s%s%s", options[i].letter ? letter : "   ", options[i].name,
                            options[i].value ? " " : "", options[i].value ? options[i].value : "");
        printf("  %-24s  %s\n", left, options[i].help);
    }
}

const char *client_option_name(ClientOption option, bool *takes_value)
{
    *takes_value = options[option].value != NULL;
    return options[option].name;
}

int client_find_option(const char *arg, const char **value)
{
    *value = NULL;
    for (int i = 0; i < CLIENT_OPTIONS; i++) {
        size_t len = strlen(options[i].name);
        if (arg[1] == '-' && !strncmp(arg + 2, options[i].name, len) &&
            (!arg[2 + len] || arg[2 + len] == '=')) {
            *value = arg[2 + len] ? arg + 3 + len : NULL;
            return i;
        }
        if (arg[1] != '-' && arg[1] == options[i].letter) {
            *value = arg[2] ? arg + 2 : NULL;
            return i;
        }
    }
    return -1;
}

/* Takes argv[*i], and its value if that is the next argument. */
static bool take_option(Client *client, int argc, char **argv, int *i)
{
    const char *arg = argv[*i];
    const char *value;
    int option = client_find_option(arg, &value);
    if (option < 0) {
        client_usage(client, "there is no option '%s'", arg);
        return false;
    }
    if (!options[option].value) {
        if (value) {
            client_usage(client, "option '--%s' takes no value: '%s'", options[option].name, arg);
            return false;
        }
        client->option[option] = "";
        return true;
    }
    if (!value && *i + 1 == argc) {
        client_usage(client, "option '%s' needs a value: %s", arg, options[option].value);
        return false;
    }
    client->option[option] = value ? value : argv[++*i];
    return true;
}

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] && !g_ascii_isdigit(arg[1]) && arg[1] != '.';
}

bool client_parse(Client *client, int argc, char **argv)
{
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        if (!g_utf8_validate(argv[i], -1, NULL)) {
            client_usage(client, "argument %d is not valid UTF-8", i);
            return false;
        }
        if (!ended && !strcmp(argv[i], "--")) {
            ended = true;
        } else if (ended || !is_option(argv[i])) {
            g_ptr_array_add(client->operands, argv[i]);
        } else if (!take_option(client, argc, argv, &i)) {
            return false;
        }
    }
    for (int i = 0; i < CLIENT_OPTIONS; i++) {
        if (client->option[i] && !g_utf8_validate(client->option[i], -1, NULL)) {
            client_usage(client, "the value of --%s is not valid UTF-8", options[i].name);
            return false;
        }
    }
    return true;
}

bool client_check_options(const Client *client)
{
    for (int i = CLIENT_OPT_GLOBAL; i < CLIENT_OPTIONS; i++) {
        if (client->option[i] && !(client->command->options & (1u << i))) {
            client_usage(client, "'qom %s' has no option '--%s'", client->command->name,
                         options[i].name);
            return false;
        }
    }
    return true;
}

bool client_option_count(Client *client, uint64_t *count)
{
    const char *text = client->option[CLIENT_OPT_COUNT];
    *count = UINT64_MAX;
    if (text && (!qapi_parse_uint64(text, count) || *count == 0)) {
        client_usage(client, "option '--count' expects a number from 1 on, not '%s'", text);
        return false;
    }
    return true;
}

bool client_option_number(Client *client, ClientOption option, double max, double *value)
{
    const char *text = client->option[option];
    if (!text) {
        return true;
    }
    if (!qapi_parse_number(text, value) || *value < 0 || *value > max) {
        client_usage(client, "option '--%s' expects a number from 0 to %.0f, not '%s'",
                     options[option].name, max, text);
        return false;
    }
    return true;
}
