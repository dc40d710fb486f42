/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the front end: what the parser hands to the checks of form. */
#ifndef QAPIC_AST_H
#define QAPIC_AST_H

#include "qapic/diag.h"
#include "qapic/schema.h"

typedef enum ValueKind {
    VALUE_STRING,
    VALUE_BOOL,
    VALUE_LIST,
    VALUE_OBJECT,
} ValueKind;

/* A value as written. The elements of a list or object are chained by `next`. */
typedef struct Value Value;
struct Value {
    ValueKind kind;
    SchemaPlace place; /* its first token */
    const char *string;
    bool boolean;
    Value *first;
    unsigned count;
    Value *next;
    const char *key; /* as element of an object */
    SchemaPlace key_place;
};

/* A top-level expression that is no directive. */
typedef struct Expression {
    Value *value;
    SchemaDoc *doc;  /* the doc comment right before it */
    bool doc_broken; /* that was reported already */
} Expression;

/* All that the files hold. */
typedef struct Parse {
    Schema *schema; /* gets files, docs and pragmas */
    Diag *diag;
    bool lax_docs;
    bool incomplete;     /* some text could not be read: don't complain about what is missing */
    GArray *expressions; /* Expression */
    GHashTable *seen;    /* canonical path -> SchemaFile */
    GPtrArray *chain;    /* const char *: canonical paths of the files being read */
} Parse;

/* Reads the file at @path and what it includes. Errors go to parse->diag. Returns false if the
 * root can't be read. */
bool parse_schema(Parse *parse, const char *path);

/* Reads a whole file as schema text: line ends become \n. On failure returns NULL and sets *@why
 * to a new string. */
SchemaFile *source_read(Schema *schema, const char *path, char **why);

/* The value of @key in the object @object, or NULL. */
Value *value_get(const Value *object, const char *key);

/* Obeys the pragma in @value, the whole directive. */
void pragma_apply(Parse *parse, const Value *value);

/* Turns the expressions into definitions of the schema, checks their form, and enters their names.
 */
void form_check(Parse *parse);

/* Resolves all references and checks what the definitions mean. */
void meaning_check(Parse *parse);

#endif
