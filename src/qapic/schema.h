/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A QAPI schema, read and checked. schema_load() runs the whole front end (lexer, parser, doc
 * comments, form and meaning of the definitions) and returns a model in which every reference is
 * resolved; the generators only read it. Everything in it belongs to the Schema and lives until
 * schema_free(). Order is always that of the text, files depth first.
 */
#ifndef QAPIC_SCHEMA_H
#define QAPIC_SCHEMA_H

#include "qapic/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Diag Diag;
typedef struct Schema Schema;
typedef struct SchemaCond SchemaCond;
typedef struct SchemaDef SchemaDef;
typedef struct SchemaDoc SchemaDoc;
typedef struct SchemaDocText SchemaDocText;
typedef struct SchemaFile SchemaFile;

/* A piece of schema text. Lines and columns count from 1, columns in bytes. */
typedef struct SchemaPlace {
    const SchemaFile *file; /* NULL: no place (built-in types) */
    uint32_t line;
    uint32_t col; /* 0: the whole line */
    uint32_t len; /* bytes on that line, to underline */
} SchemaPlace;

struct SchemaFile {
    const char *path;     /* the root as given, an include joined to its includer's folder */
    const char *rel_path; /* the same, relative to the root file's folder */
    const char *text;     /* UTF-8 without NUL, lines end in \n, also the last one */
    size_t len;
    SchemaPlace included_at; /* the first include of it; of the root: no place */
};

typedef enum SchemaCondKind {
    SCHEMA_COND_NAME,
    SCHEMA_COND_ALL,
    SCHEMA_COND_ANY,
    SCHEMA_COND_NOT,
} SchemaCondKind;

/* A condition (`if`). See cond.h for what can be done with it. NULL stands for "always". */
struct SchemaCond {
    SchemaCondKind kind;
    const char *name;            /* NAME */
    const SchemaCond **operands; /* ALL, ANY: one or more; NOT: one */
    unsigned n_operands;
};

typedef struct SchemaFeature {
    const char *name;
    SchemaPlace place;
    const SchemaCond *cond;
    const SchemaDocText *doc; /* NULL: not described */
} SchemaFeature;

typedef struct SchemaFeatures {
    SchemaFeature *list;
    unsigned count;
} SchemaFeatures;

/* A value of an enum. */
typedef struct SchemaValue {
    const char *name;
    SchemaPlace place;
    const SchemaCond *cond;
    SchemaFeatures features;
    const SchemaDocText *doc;
} SchemaValue;

/* A use of a type: 'T' or ['T']. */
typedef struct SchemaTypeRef {
    const char *name; /* of T; NULL: there is none */
    bool array;
    SchemaPlace place;
    SchemaDef *def; /* T */
} SchemaTypeRef;

/* A member of a struct or an inline base, or an argument. */
typedef struct SchemaMember {
    const char *name; /* without the `*` */
    SchemaPlace place;
    bool optional;
    SchemaTypeRef type;
    const SchemaCond *cond;
    SchemaFeatures features;
    const SchemaDocText *doc;
} SchemaMember;

/* A branch of a union, or an alternative of an alternate. */
typedef struct SchemaBranch {
    const char *name;
    SchemaPlace place;
    SchemaTypeRef type;       /* of an implied branch: no name, no members beside the base's */
    const SchemaCond *cond;   /* of an implied branch: that of the value */
    const SchemaValue *value; /* union: the tag's value that selects it */
    bool implied;             /* not written: the enum has the value, the union's data has not */
    const SchemaDocText *doc;
} SchemaBranch;

typedef enum SchemaKind {
    SCHEMA_BUILTIN,
    SCHEMA_ENUM,
    SCHEMA_STRUCT,
    SCHEMA_UNION,
    SCHEMA_ALTERNATE,
    SCHEMA_COMMAND,
    SCHEMA_EVENT,
} SchemaKind;

typedef enum SchemaBuiltin {
    SCHEMA_STR,
    SCHEMA_NUMBER,
    SCHEMA_INT,
    SCHEMA_INT8,
    SCHEMA_INT16,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_UINT8,
    SCHEMA_UINT16,
    SCHEMA_UINT32,
    SCHEMA_UINT64,
    SCHEMA_SIZE,
    SCHEMA_BOOL,
    SCHEMA_NULL,
    SCHEMA_ANY,
} SchemaBuiltin;

/* What kind of JSON value a type is on the wire; an alternate chooses by it. */
typedef enum SchemaJson {
    SCHEMA_JSON_STRING,
    SCHEMA_JSON_NUMBER,
    SCHEMA_JSON_BOOL,
    SCHEMA_JSON_NULL,
    SCHEMA_JSON_ARRAY,
    SCHEMA_JSON_OBJECT,
    SCHEMA_JSON_VALUE, /* anything: `any`, and alternates */
} SchemaJson;

/* One definition: a type, a command or an event. Fields that a kind does not have are zero. */
struct SchemaDef {
    SchemaKind kind;
    const char *name;
    SchemaPlace place;      /* its `{` */
    SchemaPlace name_place; /* its name */
    unsigned index;         /* in schema->defs (of built-in types: in schema->builtins) */
    const SchemaCond *cond;
    SchemaFeatures features;
    SchemaDoc *doc; /* NULL: no doc comment */

    /* built-in */
    SchemaBuiltin builtin;
    bool predefined; /* not of the schema's text: the built-in types and the enum QType */

    /* enum */
    const char *prefix; /* NULL: from the name */
    SchemaValue *values;
    unsigned n_values;

    /* struct, union: the base, if it has a name; otherwise it has none or (union) is inline */
    SchemaTypeRef base;
    /* struct: its own members; union: those of the inline base; command, event: inline arguments */
    SchemaMember *members;
    unsigned n_members;

    /* union */
    const char *discriminator;
    SchemaPlace discriminator_place;
    const SchemaMember *tag; /* the discriminator, a member of the base or of one of its bases */
    /* union: the written ones, then the implied ones in the enum's order; alternate: all written */
    SchemaBranch *branches;
    unsigned n_branches;

    /* command, event: the arguments' type, if it has a name */
    SchemaTypeRef data;
    bool boxed;
    /* command */
    SchemaTypeRef returns;
    bool gen;
    bool success_response;
    bool allow_oob;
    bool allow_preconfig;
    bool coroutine;

    /* Private to the checks. */
    bool broken;      /* reported already: be silent about what follows from it */
    bool doc_broken;  /* its doc comment was reported already */
    unsigned visited; /* marks of walks over the graph of types */
};

/* A piece of a doc comment: a description or a section. Text is reStructuredText, without the
 * indent that all its continuation lines share, without blank lines at the ends. */
struct SchemaDocText {
    const char *name; /* member or feature; "Returns", "Errors", "Since", "TODO" (--docs=lax: also
                         "Note"...); NULL: further paragraphs */
    const char *text;
    SchemaPlace place;
    bool used; /* private to the checks: what it describes is there */
};

typedef struct SchemaDocTexts {
    SchemaDocText *list;
    unsigned count;
} SchemaDocTexts;

struct SchemaDoc {
    SchemaPlace place;  /* the opening ## */
    const char *symbol; /* NULL: free-form */
    SchemaPlace symbol_place;
    SchemaDef *def;   /* what it documents; NULL: free-form */
    const char *body; /* the overview; of free-form text: all of it, headings as written */
    SchemaDocTexts args;
    SchemaDocTexts features;
    SchemaDocTexts sections;
};

/* The pragmas in force; sets of names are hash tables without values. */
typedef struct SchemaPragmas {
    bool doc_required;
    GHashTable *command_name_exceptions;
    GHashTable *command_returns_exceptions;
    GHashTable *documentation_exceptions;
    GHashTable *member_name_exceptions;
} SchemaPragmas;

struct Schema {
    Arena *arena;
    GPtrArray *files;    /* SchemaFile *, the root first, then by first include */
    GPtrArray *docs;     /* SchemaDoc *, all doc comments */
    GPtrArray *defs;     /* SchemaDef *, the written definitions */
    GPtrArray *builtins; /* SchemaDef *, the built-in types and QType */
    GPtrArray *features; /* const char *: `deprecated`, `unstable`, then others by first use */
    GHashTable *by_name; /* name -> SchemaDef *, all of both lists */
    SchemaPragmas pragmas;
};

typedef struct SchemaOptions {
    bool lax_docs; /* take the doc comments of QEMU 7.2 to 8.2 as well */
} SchemaOptions;

/* Reads the schema file at @path (and what it includes) and checks it. Errors go to @diag, all that
 * do not follow from each other. Returns the checked schema, or NULL if there was an error. */
Schema *schema_load(const char *path, const SchemaOptions *options, Diag *diag);

/* Frees @schema and everything it points to; NULL is fine. */
void schema_free(Schema *schema);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Schema, schema_free)

/* The definition of that name, or NULL. */
SchemaDef *schema_find(const Schema *schema, const char *name);

/* "enum", "struct", ... as the schema spells it; "built-in type" for those. */
const char *schema_kind_name(SchemaKind kind);

/* The same with its article: "an enum". */
const char *schema_a_kind(SchemaKind kind);

/* Whether @def is a type: no command, no event. */
bool schema_is_type(const SchemaDef *def);

/* The kind of JSON value that a T or [T] is. @type must be resolved. */
SchemaJson schema_json_kind(const SchemaTypeRef *type);

/* The members that every value of @def has, base first: of a struct or union its bases' and its own
 * common ones; of a command or event its arguments (without the branches, if the arguments are a
 * union). Returns an array of const SchemaMember *, which the caller frees. */
GPtrArray *schema_all_members(const SchemaDef *def);

/* The feature called @name in @features, or NULL. */
const SchemaFeature *schema_find_feature(const SchemaFeatures *features, const char *name);

#endif
