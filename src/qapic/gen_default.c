/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Defaults. The schema language has no word for the default of an optional member, but its authors
 * write "(default: VALUE)" or "(since 1.0; default: VALUE)" in the description, and that is where
 * we take it from, if VALUE is nothing but a value of the member's type: a number, on, off, true,
 * false, the name of an enum's value, a string in quotes. "(default: 2M)" or "(default 0: no
 * limit)" are for people only.
 */
#include "qapic/gen.h"

#include "qapic/gen_text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Whether the word at @at, within @text, starts a remark in parentheses or a part of one:
 * "(default: 1)", "(since 6.1; default: 1)". */
static bool starts_remark(const char *text, const char *at)
{
    if (at > text && at[-1] == '(') {
        return true;
    }
    return at > text + 1 && g_ascii_isspace(at[-1]) && strchr(";,", at[-2]) != NULL;
}

/* The text between "(default: " or "(default " and the end of that remark, or NULL. */
static char *find_default(const char *text)
{
    const char *at = strstr(text, "default");

    for (; at != NULL; at = strstr(at, "default")) {
        bool starts = starts_remark(text, at);
        char *value;

        at += strlen("default");
        if (!starts || (*at != ':' && !g_ascii_isspace(*at)) || strchr(at, ')') == NULL) {
            continue;
        }
        at += *at == ':' ? 1 : 0;
        at += strspn(at, " \n\t");
        value = g_strndup(at, strcspn(at, ";)"));
        if (value[0] != '\'' && value[0] != '"' && value[0] != '`') {
            value[strcspn(value, ",")] = '\0';
        }
        return g_strstrip(value);
    }
    return NULL;
}

/* Takes matching marks (``x``, 'x', "x") off @value. Returns whether there were any. */
static bool unquote(char *value)
{
    static const char *const marks[] = {"``", "'", "\""};

    for (unsigned i = 0; i < G_N_ELEMENTS(marks); i++) {
        size_t width = strlen(marks[i]);
        const char *end =
            g_str_has_prefix(value, marks[i]) ? strstr(value + width, marks[i]) : NULL;
        if (end != NULL && (end[width] == '\0' || end[width] == ',')) {
            size_t len = (size_t)(end - value) - width;
            memmove(value, value + width, len);
            value[len] = '\0';
            return true;
        }
    }
    return false;
}

typedef struct IntRange {
    int64_t min;
    uint64_t max;
} IntRange;

/* The range of an integer type; max is 0 for what is none. */
static IntRange range_of(SchemaBuiltin builtin)
{
    switch (builtin) {
    case SCHEMA_INT8: return (IntRange){INT8_MIN, INT8_MAX};
    case SCHEMA_INT16: return (IntRange){INT16_MIN, INT16_MAX};
    case SCHEMA_INT32: return (IntRange){INT32_MIN, INT32_MAX};
    case SCHEMA_INT:
    case SCHEMA_INT64: return (IntRange){INT64_MIN, INT64_MAX};
    case SCHEMA_UINT8: return (IntRange){0, UINT8_MAX};
    case SCHEMA_UINT16: return (IntRange){0, UINT16_MAX};
    case SCHEMA_UINT32: return (IntRange){0, UINT32_MAX};
    case SCHEMA_UINT64:
    case SCHEMA_SIZE: return (IntRange){0, UINT64_MAX};
    default: return (IntRange){0, 0};
    }
}

static bool is_integer(const char *value, IntRange range)
{
    bool negative = value[0] == '-';
    const char *digits = value + negative;
    size_t len = strspn(digits, "0123456789");

    if (len == 0 || digits[len] != '\0' || (digits[0] == '0' && (len > 1 || negative))) {
        return false;
    }
    errno = 0;
    if (negative) {
        int64_t number = g_ascii_strtoll(value, NULL, 10);
        return errno == 0 && number >= range.min;
    }
    return g_ascii_strtoull(value, NULL, 10) <= range.max && errno == 0;
}

/* A JSON number. */
static bool is_number(const char *value)
{
    const char *digits = value + (value[0] == '-');
    char *end;

    if (!g_ascii_isdigit(digits[0]) || (digits[0] == '0' && g_ascii_isdigit(digits[1])) ||
        strspn(value, "0123456789+-.eE") != strlen(value) || g_str_has_suffix(value, ".") ||
        strstr(value, ".e") != NULL) {
        return false;
    }
    return isfinite(g_ascii_strtod(value, &end)) && *end == '\0';
}

/* @value as a JSON string; the schema's strings need no escapes but these. */
static const char *json_string(const Gen *gen, const char *value)
{
    g_autoptr(GString) text = g_string_new("\"");

    for (const char *c = value; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c)) {
            return NULL;
        }
        if (*c == '"' || *c == '\\') {
            g_string_append_c(text, '\\');
        }
        g_string_append_c(text, *c);
    }
    return gen_fmt(gen, "%s\"", text->str);
}

static const char *enum_default(const Gen *gen, const SchemaDef *def, const char *value)
{
    value += value[0] == '@';
    for (unsigned i = 0; i < def->n_values; i++) {
        if (g_str_equal(def->values[i].name, value)) {
            return json_string(gen, value);
        }
    }
    return NULL;
}

const char *gen_default_json(const Gen *gen, const SchemaMember *member)
{
    const SchemaDef *def = member->type.def;
    g_autofree char *value = NULL;
    bool quoted;

    if (!member->optional || member->doc == NULL || member->type.array) {
        return NULL;
    }
    value = find_default(member->doc->text);
    if (value == NULL) {
        return NULL;
    }
    quoted = unquote(value);
    if (def->kind == SCHEMA_ENUM) {
        return enum_default(gen, def, value);
    }
    if (def->kind != SCHEMA_BUILTIN) {
        return NULL;
    }
    switch (def->builtin) {
    case SCHEMA_STR: return quoted ? json_string(gen, value) : NULL;
    case SCHEMA_BOOL:
        if (g_str_equal(value, "true") || g_str_equal(value, "on")) {
            return "true";
        }
        return g_str_equal(value, "false") || g_str_equal(value, "off") ? "false" : NULL;
    case SCHEMA_NUMBER: return is_number(value) ? gen_fmt(gen, "%s", value) : NULL;
    case SCHEMA_ANY:
    case SCHEMA_NULL: return NULL;
    default: return is_integer(value, range_of(def->builtin)) ? gen_fmt(gen, "%s", value) : NULL;
    }
}
