/* SPDX-License-Identifier: BSD-3-Clause */
#include "generate.h"

#include <string.h>

#define MAX_DEPTH 4

/* Few of each, so that one command names what another has made. */
static const char *const ids[] = {"a", "b", "c", "a", "s0"};
static const char *const objects[] = {"/objects", "/objects/a", "/objects/b", "a",
                                      "/",        "/chardevs",  "/chardevs/a"};
static const char *const files[] = {"/dev/urandom", "/dev/zero", "/dev/fdset/1", "/tmp", "x",
                                    "y/z",          "fifo",      "fifo"};
static const char *const properties[] = {"poll-max-ns", "size",  "type",     "file",    "share",
                                         "data",        "merge", "prealloc", "filename"};
static const char *const types[] = {"memory-backend-ram", "iothread", "secret",
                                    "rng-random",         "object",   "container",
                                    "memory-backend"};
static const char *const texts[] = {
    "unix", "YWJj",     "QEMU",         "MDEyMzQ1Njc4OWFiY2RlZg==",     "1", "",
    "0-3",  "readonly", "info version", "\\u00e9\\u0000\\ud83d\\ude00",
};

/* What strings are in members whose names end so. */
static const struct {
    const char *name;
    const char *const *list;
    uint32_t n;
} pools[] = {
    {"mem-path", files, G_N_ELEMENTS(files)}, {"filename", files, G_N_ELEMENTS(files)},
    {"file", files, G_N_ELEMENTS(files)},     {"out", files, G_N_ELEMENTS(files)},
    {"path", objects, G_N_ELEMENTS(objects)}, {"paths", objects, G_N_ELEMENTS(objects)},
    {"id", ids, G_N_ELEMENTS(ids)},           {"name", ids, G_N_ELEMENTS(ids)},
    {"device", ids, G_N_ELEMENTS(ids)},       {"property", properties, G_N_ELEMENTS(properties)},
    {"typename", types, G_N_ELEMENTS(types)}, {"implements", types, G_N_ELEMENTS(types)},
};
static const char *const numbers[] = {
    "0",
    "1",
    "2",
    "-1",
    "7",
    "255",
    "256",
    "4096",
    "8192",
    "2097152",
    "65535",
    "32768",
    "10000",
    "65536",
    "4294967",
    "2147483648",
    "18446744073709551615",
    "9223372036854775807",
    "-9223372036854775808",
};
static const char *const anything[] = {
    "null",   "true", "false", "0",     "1",         "4096", "\"a\"",
    "\"on\"", "[]",   "{}",    "[1,2]", "{\"a\":1}", "1.5",  "\"/objects/a\"",
};

#define PICK(dice, list) (list)[dice_roll(dice, G_N_ELEMENTS(list))]

Dice dice_new(unsigned seed)
{
    return (Dice){seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
}

uint32_t dice_roll(Dice *dice, uint32_t n)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    uint64_t mixed = dice->state * UINT64_C(0x2545f4914f6cdd1d);
    return n ? (uint32_t)(mixed >> 33) % n : 0;
}

static void generate(Dice *dice, const QapiType *type, const char *name, unsigned depth,
                     GString *out);

/* A string for the member called @name, without quotes. */
static const char *text_for(Dice *dice, const char *name)
{
    for (size_t i = 0; dice_roll(dice, 8) && i < G_N_ELEMENTS(pools); i++) {
        if (g_str_has_suffix(name, pools[i].name)) {
            return pools[i].list[dice_roll(dice, pools[i].n)];
        }
    }
    return dice_roll(dice, 3) ? PICK(dice, texts) : PICK(dice, objects);
}

static void member(Dice *dice, const QapiMember *m, const char *fixed, unsigned depth, GString *out)
{
    bool wanted = !m->optional || (depth < MAX_DEPTH && dice_roll(dice, 3) == 0);
    if (!fixed && !wanted) {
        return;
    }
    g_string_append_printf(out, "%s\"%s\":", out->str[out->len - 1] == '{' ? "" : ",", m->name);
    if (fixed) {
        g_string_append_printf(out, "\"%s\"", fixed);
    } else {
        generate(dice, m->type, m->name, depth, out);
    }
}

/* Members of @type and its bases; that called @tag is @value. */
static void members(Dice *dice, const QapiType *type, const char *tag, const char *value,
                    unsigned depth, GString *out)
{
    if (type->base) {
        members(dice, type->base, tag, value, depth, out);
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        const QapiMember *m = &type->members[i];
        bool is_tag = tag && strcmp(m->name, tag) == 0;
        member(dice, m, is_tag ? value : NULL, depth, out);
    }
}

static void object(Dice *dice, const QapiType *type, unsigned depth, GString *out)
{
    g_string_append_c(out, '{');
    if (type->kind == QAPI_KIND_UNION) {
        const QapiBranch *branch = &type->branches[dice_roll(dice, type->n_branches)];
        members(dice, type, type->tag->name, branch->name, depth, out);
        if (branch->type) {
            /* The branch may itself be a union, whose tag is then left to luck. */
            members(dice, branch->type, NULL, NULL, depth, out);
        }
    } else {
        members(dice, type, NULL, NULL, depth, out);
    }
    g_string_append_c(out, '}');
}

static void list(Dice *dice, const QapiType *type, const char *name, unsigned depth, GString *out)
{
    g_string_append_c(out, '[');
    for (uint32_t i = 0, n = depth < MAX_DEPTH ? dice_roll(dice, 4) : 0; i < n; i++) {
        g_string_append(out, i ? "," : "");
        generate(dice, type->element, name, depth, out);
    }
    g_string_append_c(out, ']');
}

static void generate(Dice *dice, const QapiType *type, const char *name, unsigned depth,
                     GString *out)
{
    if (dice_roll(dice, 30) == 0) {
        g_string_append(out, PICK(dice, anything));
        return;
    }
    switch (type->kind) {
    case QAPI_KIND_STR: g_string_append_printf(out, "\"%s\"", text_for(dice, name)); break;
    case QAPI_KIND_ANY: g_string_append(out, PICK(dice, anything)); break;
    case QAPI_KIND_NULL: g_string_append(out, "null"); break;
    case QAPI_KIND_BOOL: g_string_append(out, dice_roll(dice, 2) ? "true" : "false"); break;
    case QAPI_KIND_NUMBER:
        g_string_append_printf(out, "%s%s", PICK(dice, numbers), dice_roll(dice, 2) ? ".5" : "");
        break;
    case QAPI_KIND_ENUM:
        g_string_append_printf(out, "\"%s\"", type->values[dice_roll(dice, type->n_values)].name);
        break;
    case QAPI_KIND_LIST: list(dice, type, name, depth + 1, out); break;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION: object(dice, type, depth + 1, out); break;
    case QAPI_KIND_ALTERNATE:
        generate(dice, type->branches[dice_roll(dice, type->n_branches)].type, name, depth, out);
        break;
    default: g_string_append(out, PICK(dice, numbers)); break;
    }
}

void generate_value(Dice *dice, const QapiType *type, GString *out)
{
    generate(dice, type, type->name, 0, out);
}

void generate_command(Dice *dice, const QapiSchema *schema, GString *out)
{
    const QapiCommand *command = schema->commands[dice_roll(dice, schema->n_commands)];
    /* Without objects there is little to do: every second command is about them. */
    static const char *const frequent[] = {"object-add", "object-add", "object-del", "chardev-add",
                                           "qom-set",    "qom-get",    "qomd-apply", "qomd-watch"};
    if (dice_roll(dice, 2)) {
        const char *name = PICK(dice, frequent);
        const QapiCommand *often = qapi_find_command(schema, name, strlen(name));
        command = often ? often : command;
    }
    bool oob = (command->flags & QAPI_COMMAND_OOB) && dice_roll(dice, 2);
    g_string_append_printf(out, "{\"%s\":\"%s\"", oob ? "exec-oob" : "execute", command->name);
    if (command->args) {
        g_string_append(out, ",\"arguments\":");
        generate(dice, command->args, "arguments", 0, out);
    }
    if (dice_roll(dice, 4) == 0) {
        g_string_append_printf(out, ",\"id\":%s", PICK(dice, anything));
    }
    g_string_append(out, "}\n");
}
