/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the command line. First all options are collected, then they are parsed stage by stage,
 * so that their order does not matter: -module may stand behind the -object that needs it.
 */
#include "daemon/option.h"

#include "base/log.h"
#include "qom/options.h"

#include <string.h>

void option_warn(void *opaque, const char *message)
{
    log_warn("%s", message);
}

char *option_context(const OptionUse *use)
{
    if (use->where) {
        return g_strdup(use->where);
    }
    return use->option->value ? g_strdup_printf("-%s %s", use->option->name, use->text)
                              : g_strdup_printf("-%s", use->option->name);
}

bool option_decode(const OptionUse *use, const char *implied_key, void *out, QomError **errp)
{
    QapiOptionsHow how = {.implied_key = implied_key, .warn = option_warn};
    return qapi_decode_options(&(QapiDecode){}, use->option->params, &how, use->text, out, errp);
}

static bool parse_use(Daemon *daemon, OptionUse *use)
{
    QOM_AUTO_ERROR(err);
    if (!use->option->parse || use->option->parse(daemon, use, &err)) {
        return true;
    }
    g_autofree char *context = option_context(use);
    log_report(context, err);
    return false;
}

static void use_free(void *opaque)
{
    OptionUse *use = opaque;
    if (use->where) {
        explicit_bzero(use->text, strlen(use->text));
        g_free(use->text);
    }
    g_free(use->where);
    g_free(use);
}

void option_use(Daemon *daemon, const Option *option, char *text, char *where)
{
    OptionUse *use = g_new0(OptionUse, 1);
    *use = (OptionUse){.option = option, .text = text, .where = where};
    g_ptr_array_add(daemon->uses, use);
}

/* Collects the options of @argv. */
static bool scan(Daemon *daemon, int argc, char **argv)
{
    for (int i = 1; i < argc && !daemon->done; i++) {
        const char *arg = argv[i];
        const char *name = arg + (g_str_has_prefix(arg, "--") ? 2 : 1);
        const Option *option = arg[0] == '-' ? option_find(name) : NULL;
        if (!option) {
            log_error("%s: invalid option", arg);
            return false;
        }
        if (option->value && i + 1 == argc) {
            log_error("%s: requires an argument", arg);
            return false;
        }
        option_use(daemon, option, option->value ? argv[++i] : NULL, NULL);
        OptionUse *use = g_ptr_array_index(daemon->uses, daemon->uses->len - 1);
        if (option->stage == STAGE_SCAN && !parse_use(daemon, use)) {
            return false;
        }
    }
    return true;
}

static bool parse_stages(Daemon *daemon)
{
    for (OptionStage stage = STAGE_FIRST; stage < STAGE_COUNT; stage++) {
        for (guint i = 0; i < daemon->uses->len && !daemon->done; i++) {
            OptionUse *use = g_ptr_array_index(daemon->uses, i);
            if (use->option->stage == stage && !parse_use(daemon, use)) {
                return false;
            }
        }
    }
    return daemon->done || option_check_plan(daemon);
}

bool options_parse(Daemon *daemon, int argc, char **argv)
{
    daemon->uses = g_ptr_array_new_with_free_func(use_free);
    bool ok = scan(daemon, argc, argv) && (daemon->done || parse_stages(daemon));
    g_clear_pointer(&daemon->uses, g_ptr_array_unref);
    return ok;
}
