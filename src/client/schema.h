/* SPDX-License-Identifier: BSD-3-Clause */
/* The answer to query-qmp-schema, by name: what types the arguments of commands have. */
#ifndef CLIENT_SCHEMA_H
#define CLIENT_SCHEMA_H

#include "qom/json.h"

#include <glib.h>

typedef struct Schema Schema;

/* A type of the schema: the token of its entry, or JSON_NONE where none is known. */
typedef JsonTok SchemaType;

typedef enum SchemaKind {
    SCHEMA_UNKNOWN, /* also builtin `any` */
    SCHEMA_STRING,  /* also enums */
    SCHEMA_BOOL,
    SCHEMA_INTEGER,
    SCHEMA_NUMBER,
    SCHEMA_NULL,
    SCHEMA_LIST,
    SCHEMA_OBJECT,
    SCHEMA_ALTERNATE,
} SchemaKind;

/* @list: the array in the answer. Takes @tape. */
Schema *schema_new(JsonTape *tape, JsonTok list);
/* NULL is fine. */
void schema_free(Schema *schema);

/* The functions below take a NULL schema and JSON_NONE, of which nothing is known. */

/* The type of the arguments of @command. */
SchemaType schema_arguments(const Schema *schema, const char *command);
SchemaKind schema_kind(const Schema *schema, SchemaType type);
/* The type of a list's elements. */
SchemaType schema_element(const Schema *schema, SchemaType type);
/* The member of a union that selects its branch; NULL: @type is no union. */
const char *schema_tag(const Schema *schema, SchemaType type);
/* The type of the member @name of an object; @tag: the value of the tag, or NULL. */
SchemaType schema_member(const Schema *schema, SchemaType type, const char *name, const char *tag);
/* The alternative of @type that is of kind @kind. */
SchemaType schema_alternative(const Schema *schema, SchemaType type, SchemaKind kind);

static inline void schema_freep(Schema **schema)
{
    schema_free(*schema);
}

#endif
