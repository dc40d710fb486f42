/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that a person typed, made into the JSON value that a property or an argument takes. */
#ifndef CLIENT_VALUES_H
#define CLIENT_VALUES_H

#include "qom/json.h"

typedef enum ValueKind {
    VALUE_ANY,     /* not known: what is JSON is taken as that, all else as a string */
    VALUE_STRING,  /* also enums and links */
    VALUE_BOOL,    /* on, yes, true, y; off, no, false, n */
    VALUE_INTEGER, /* C's notation, or a size: 1.5G, 64k */
    VALUE_NUMBER,
    VALUE_INTEGERS, /* a list: 0-3,8 or JSON */
    VALUE_STRINGS,  /* a list: a,b,c or JSON */
    VALUE_JSON,     /* another list, or a struct: JSON only */
} ValueKind;

/*
 * The kind of value of a property, by its type as qom-list tells it. Lists of integers are `int`
 * there and enums and structs have names of their own, so the present value, at @tok of @current,
 * decides what the type leaves open; @current is NULL if it is not known.
 */
ValueKind value_kind(const char *type, const JsonTape *current, JsonTok tok);

/* Opens an object that tells of a property: its members `path` and `property`. The caller writes
 * the others and ends it. */
void value_begin(JsonWriter *w, const char *path, const char *property);

/* Writes @text as a value of @kind. `expects an integer, not 'abc'`, without a prefix. */
bool value_write(JsonWriter *w, ValueKind kind, const char *text, QomError **errp);

/* Writes the integers that @text lists (`0-3,8`) as elements of the array that is open. */
bool value_write_integers(JsonWriter *w, const char *text, QomError **errp);

/* Writes @text, which is JSON; @want: only of this type (JSON_OBJECT, JSON_ARRAY), JSON_NULL: any.
 */
bool value_write_json(JsonWriter *w, JsonType want, const char *text, QomError **errp);

#endif
