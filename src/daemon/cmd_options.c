/* SPDX-License-Identifier: BSD-3-Clause */
/* query-command-line-options: the table of options, as data. */
#include "daemon/option.h"

#include "qapi-commands.h"

#include <string.h>

static CommandLineParameterType parameter_type(const QapiType *type)
{
    switch (type->kind) {
    case QAPI_KIND_BOOL: return COMMAND_LINE_PARAMETER_TYPE_BOOLEAN;
    case QAPI_KIND_SIZE: return COMMAND_LINE_PARAMETER_TYPE_SIZE;
    case QAPI_KIND_STR:
    case QAPI_KIND_ANY:
    case QAPI_KIND_NULL:
    case QAPI_KIND_ENUM:
    case QAPI_KIND_LIST:
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
    case QAPI_KIND_ALTERNATE: return COMMAND_LINE_PARAMETER_TYPE_STRING;
    default: return COMMAND_LINE_PARAMETER_TYPE_NUMBER;
    }
}

/* A default in JSON as one would write it on the command line. */
static char *default_text(const char *json)
{
    size_t len = strlen(json);
    if (strcmp(json, "true") == 0) {
        return g_strdup("on");
    }
    if (strcmp(json, "false") == 0) {
        return g_strdup("off");
    }
    return *json == '"' && len >= 2 ? g_strndup(json + 1, len - 2) : g_strdup(json);
}

static void add_members(GArray *params, const QapiType *type)
{
    if (type->base) {
        add_members(params, type->base);
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        const QapiMember *member = &type->members[i];
        CommandLineParameterInfo info = {
            .name = g_strdup(member->name),
            .type = parameter_type(member->type),
            .help = g_strdup(member->doc),
            .q_default = member->default_json ? default_text(member->default_json) : NULL,
        };
        g_array_append_val(params, info);
    }
}

static void add_chardev_option(void *opaque, const char *name, const QapiType *type)
{
    CommandLineParameterInfo info = {.name = g_strdup(name), .type = parameter_type(type)};
    g_array_append_val((GArray *)opaque, info);
}

static void add_option(GArray *infos, const Option *option)
{
    GArray *params = g_array_new(false, true, sizeof(CommandLineParameterInfo));
    if (option->params) {
        add_members(params, option->params);
    } else if (option->parse == option_parse_chardev) {
        chardev_foreach_option(add_chardev_option, params);
    }
    CommandLineOptionInfo info = {.option = g_strdup(option->group)};
    info.parameters.n = params->len;
    info.parameters.items = (CommandLineParameterInfo *)(void *)g_array_free(params, false);
    g_array_append_val(infos, info);
}

bool qmp_query_command_line_options(const char *option, CommandLineOptionInfoList *ret,
                                    QomError **errp)
{
    size_t n;
    const Option *table = option_table(&n);
    if (option && !option_find_group(option)) {
        return qom_error_set(errp, "invalid option name: %s", option);
    }
    GArray *infos = g_array_new(false, true, sizeof(CommandLineOptionInfo));
    for (size_t i = 0; i < n; i++) {
        if (table[i].group && (!option || strcmp(table[i].group, option) == 0)) {
            add_option(infos, &table[i]);
        }
    }
    ret->n = infos->len;
    ret->items = (CommandLineOptionInfo *)(void *)g_array_free(infos, false);
    return true;
}
