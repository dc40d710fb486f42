/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The answer to query-qmp-schema: commands and events, and the types that they reach. Types have no
 * names there, only numbers; a type is told from its place.
 */
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

/* The entry of a command, an event, or a type, by its name; JSON_NONE: there is none. */
SchemaType schema_find(const Schema *schema, const char *name);
/* `command`, `event`, `object` ...; "" for JSON_NONE. */
const char *schema_meta(const Schema *schema, SchemaType entry);
/* The names of all commands (or all events), sorted. The strings are the schema's. */
GPtrArray *schema_names(const Schema *schema, const char *meta);
/* The type at `arg-type` or `ret-type` of a command or an event. */
SchemaType schema_part(const Schema *schema, SchemaType entry, const char *part);

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

typedef struct SchemaMember {
    const char *name; /* the schema's */
    SchemaType type;
    SchemaType entry; /* the member itself, for schema_features() */
    bool optional;
} SchemaMember;

/* The members of an object, with those of the branch for @tag (NULL: those common to all), as an
 * array of SchemaMember; the alternatives of an alternate likewise, without names. */
GArray *schema_members(const Schema *schema, SchemaType type, const char *tag);
/* The branches of a union: the value of its tag is the name. */
GArray *schema_variants(const Schema *schema, SchemaType type);
/* The values of an enum, as const char * of the schema; empty for all else. */
GPtrArray *schema_values(const Schema *schema, SchemaType type);
/* The features of an entry or a member, as const char * of the schema. */
GPtrArray *schema_features(const Schema *schema, SchemaType entry);

static inline void schema_freep(Schema **schema)
{
    schema_free(*schema);
}

#endif
