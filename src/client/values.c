/* SPDX-License-Identifier: BSD-3-Clause */
/* See values.h. */
#include "client/values.h"

#include "qom/options.h"

#include <glib.h>
#include <string.h>

/* At most this many elements from one range, as in QEMU's option text. */
enum { RANGE_MAX = 65536 };

/* int, uint32, int32_t, size ... */
static bool is_integer_type(const char *type)
{
    const char *p = type + (type[0] == 'u');
    if (!strcmp(type, "size")) {
        return true;
    }
    if (!g_str_has_prefix(p, "int")) {
        return false;
    }
    p += strlen("int");
    p += strspn(p, "0123456789");
    return !*p || !strcmp(p, "_t");
}

/* The kind of a list, by its first element. */
static ValueKind list_kind(const char *type, const JsonTape *tape, JsonTok tok)
{
    JsonTok first = json_tape_first(tape, tok);
    if (is_integer_type(type)) {
        return VALUE_INTEGERS;
    }
    if (!strcmp(type, "string") || !strcmp(type, "str")) {
        return VALUE_STRINGS;
    }
    if (first == JSON_NONE) {
        return VALUE_JSON;
    }
    switch (json_tape_type(tape, first)) {
    case JSON_INTEGER: return VALUE_INTEGERS;
    case JSON_STRING: return VALUE_STRINGS;
    default: return VALUE_JSON;
    }
}

/* What the present value tells. */
static ValueKind kind_of_value(const char *type, const JsonTape *tape, JsonTok tok)
{
    switch (json_tape_type(tape, tok)) {
    case JSON_BOOL: return VALUE_BOOL;
    case JSON_INTEGER: return VALUE_INTEGER;
    case JSON_DOUBLE: return VALUE_NUMBER;
    case JSON_STRING: return VALUE_STRING;
    case JSON_ARRAY: return list_kind(type, tape, tok);
    case JSON_OBJECT: return VALUE_JSON;
    case JSON_NULL:
    case JSON_TEXT: break;
    }
    return VALUE_ANY;
}

ValueKind value_kind(const char *type, const JsonTape *current, JsonTok tok)
{
    if (current && json_tape_type(current, tok) == JSON_ARRAY) {
        return list_kind(type, current, tok);
    }
    if (!strcmp(type, "string") || !strcmp(type, "str") || g_str_has_prefix(type, "link<") ||
        g_str_has_prefix(type, "child<")) {
        return VALUE_STRING;
    }
    if (!strcmp(type, "bool") || !strcmp(type, "boolean")) {
        return VALUE_BOOL;
    }
    if (!strcmp(type, "number") || !strcmp(type, "double")) {
        return VALUE_NUMBER;
    }
    if (is_integer_type(type)) {
        return VALUE_INTEGER;
    }
    return current ? kind_of_value(type, current, tok) : VALUE_ANY;
}

bool value_write_json(JsonWriter *w, JsonType want, const char *text, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text(text, strlen(text), errp);
    if (!tape) {
        qom_error_prefix(errp, "'%s': ", text);
        return false;
    }
    if (want != JSON_NULL && json_tape_type(tape, JSON_ROOT) != want) {
        return qom_error_set(errp, "expects a JSON %s, not '%s'", json_type_name(want), text);
    }
    json_writer_subtree(w, tape, JSON_ROOT);
    return true;
}

static bool write_integer(JsonWriter *w, const char *text, QomError **errp)
{
    int64_t number;
    uint64_t large;
    if (qapi_parse_int64(text, &number)) {
        json_writer_int64(w, number);
    } else if (qapi_parse_uint64(text, &large) || qapi_parse_size(text, &large)) {
        json_writer_uint64(w, large);
    } else {
        return qom_error_set(errp, "expects an integer or a size, not '%s'", text);
    }
    return true;
}

/* One element of a list, or a range. */
static bool write_range(JsonWriter *w, const char *text, QomError **errp)
{
    const char *dash = text[0] ? strchr(text + 1, '-') : NULL;
    if (!dash) {
        return write_integer(w, text, errp);
    }
    g_autofree char *head = g_strndup(text, (size_t)(dash - text));
    int64_t low;
    int64_t high;
    int64_t width;
    if (!qapi_parse_int64(head, &low) || !qapi_parse_int64(dash + 1, &high) || high < low ||
        __builtin_sub_overflow(high, low, &width) || width >= RANGE_MAX) {
        return qom_error_set(errp, "expects integers or ranges of at most %d, not '%s'", RANGE_MAX,
                             text);
    }
    for (int64_t i = 0; i <= width; i++) {
        json_writer_int64(w, low + i);
    }
    return true;
}

bool value_write_integers(JsonWriter *w, const char *text, QomError **errp)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    for (char **part = parts; *part; part++) {
        if (!write_range(w, *part, errp)) {
            return false;
        }
    }
    return true;
}

static bool write_list(JsonWriter *w, ValueKind kind, const char *text, QomError **errp)
{
    if (text[0] == '[') {
        return value_write_json(w, JSON_ARRAY, text, errp);
    }
    json_writer_begin_array(w);
    if (kind == VALUE_INTEGERS) {
        if (!value_write_integers(w, text, errp)) {
            return false;
        }
    } else {
        g_auto(GStrv) parts = g_strsplit(text, ",", -1);
        for (char **part = parts; *part; part++) {
            json_writer_string(w, *part);
        }
    }
    json_writer_end_array(w);
    return true;
}

static void write_any(JsonWriter *w, const char *text)
{
    if (!value_write_json(w, JSON_NULL, text, NULL)) {
        json_writer_string(w, text);
    }
}

/* A string in JSON's quotes is one for every kind: some integers of QEMU's devices take names too
 * (a PCI slot is `"06.0"`). */
static bool is_quoted(ValueKind kind, const char *text)
{
    return text[0] == '"' && kind != VALUE_STRING && kind != VALUE_STRINGS;
}

void value_begin(JsonWriter *w, const char *path, const char *property)
{
    json_writer_begin_object(w);
    json_writer_key(w, "path");
    json_writer_string(w, path);
    json_writer_key(w, "property");
    json_writer_string(w, property);
}

bool value_write(JsonWriter *w, ValueKind kind, const char *text, QomError **errp)
{
    bool flag;
    double number;

    if (is_quoted(kind, text)) {
        write_any(w, text);
        return true;
    }
    switch (kind) {
    case VALUE_ANY: write_any(w, text); return true;
    case VALUE_STRING: json_writer_string(w, text); return true;
    case VALUE_INTEGER:
        /* QEMU calls lists of integers int as well. */
        return text[0] == '[' ? value_write_json(w, JSON_ARRAY, text, errp)
                              : write_integer(w, text, errp);
    case VALUE_JSON: return value_write_json(w, JSON_NULL, text, errp);
    case VALUE_INTEGERS:
    case VALUE_STRINGS: return write_list(w, kind, text, errp);
    case VALUE_BOOL:
        if (!qapi_parse_bool(text, &flag)) {
            return qom_error_set(errp, "expects 'on' or 'off', not '%s'", text);
        }
        json_writer_bool(w, flag);
        return true;
    case VALUE_NUMBER:
        if (!qapi_parse_number(text, &number)) {
            return qom_error_set(errp, "expects a number, not '%s'", text);
        }
        return json_writer_double(w, number);
    }
    return qom_error_set(errp, "has a kind that is not known");
}
