/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qapic gen`: C from a schema. For each schema file FOO.json a header P-FOO.h (types) and P-FOO.c
 * (their constant descriptors); for the whole schema P-commands.h and .c (prototypes of handlers,
 * call stubs), P-events.h and .c (senders), P-schema.h and .c (features and the table of all). P is
 * the prefix, `qapi` by default. What a type becomes in C is said in qom/qapi.h.
 *
 * gen_plan.c decides what stands in which header and in which order; the other rooms write.
 */
#ifndef QAPIC_GEN_H
#define QAPIC_GEN_H

#include "qapic/gen_text.h"
#include "qapic/schema.h"
#include "qom/error.h"

typedef struct GenOptions {
    char *out_dir;
    char *prefix;         /* of files, of constants of commands, events and the schema */
    char *handler_prefix; /* of the names of command handlers, `qmp_` */
    char *include;        /* header that all generated headers include first, or NULL */
    bool docs;            /* descriptors have documentation */
    bool handlers;        /* commands have functions, events have senders */
} GenOptions;

typedef struct GenModule GenModule;

/* A type that becomes C: an enum, struct, union or alternate of the schema, or the arguments of a
 * command or event that has them inline (then a struct). */
typedef struct GenType {
    const SchemaDef *def;
    SchemaKind kind;         /* SCHEMA_STRUCT for arguments */
    const char *name;        /* in C */
    const char *schema_name; /* as descriptors have it: `q_obj_qom-get-arg` for arguments */
    GenModule *module;
    bool listed; /* the schema uses [T] */
    bool placed; /* in its header already */
} GenType;

struct GenModule {
    unsigned index;
    const SchemaFile *file;
    const char *stem;   /* of the generated files: qapi-FOO */
    GPtrArray *types;   /* GenType *, in the schema's order */
    GenModule *home;    /* whose header holds the types: itself, or the first of a group of
                         * modules that can't do without each other */
    GPtrArray *needs;   /* GenModule *: headers to include */
    GPtrArray *forward; /* GenType * of other headers that need a forward declaration only */
};

/* What a type needs of another one. */
typedef enum GenNeed {
    GEN_NEED_NAME, /* a pointer to it */
    GEN_NEED_LIST, /* its list type in place */
    GEN_NEED_WHOLE /* it in place */
} GenNeed;

typedef struct GenFile {
    const char *name;
    GString *text;
} GenFile;

typedef struct Gen {
    const Schema *schema;
    const GenOptions *options;
    Arena *arena;       /* of all strings and structs here */
    GPtrArray *modules; /* GenModule *, in the order of schema->files */
    GPtrArray *types;   /* GenType *, in the schema's order */
    GHashTable *by_def; /* const SchemaDef * -> GenType * */
    GPtrArray *files;   /* GenFile *, what was generated */
} Gen;

/* --- gen_plan.c ------------------------------------------------------------------------------ */

/* Plans modules and types of @schema. Fails when two generated files would have one name. */
bool gen_plan(Gen *gen, QomError **errp);

/* Calls @visit for all types of the schema that @type mentions, once a mention. */
typedef void GenVisit(GenType *needed, GenNeed need, void *data);
void gen_visit_needs(const Gen *gen, const GenType *type, GenVisit *visit, void *data);

/* --- gen_names.c ----------------------------------------------------------------------------- */

/* printf() into the arena. */
const char *gen_fmt(const Gen *gen, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* names_to_c() and its upper and lower case forms, into the arena. */
const char *gen_c_name(const Gen *gen, const char *name);
const char *gen_c_member(const Gen *gen, const char *name);
const char *gen_c_upper(const Gen *gen, const char *name);
const char *gen_c_lower(const Gen *gen, const char *name);

/* The C constant of a value of the enum @def. */
const char *gen_enum_constant(const Gen *gen, const SchemaDef *def, const char *value);

/* The C type of @ref as a member, to be followed by a name: `char *`, `int64_t `, `FooList `. With
 * @in_place, structs, unions and alternates are no pointers. */
const char *gen_c_type(const Gen *gen, const SchemaTypeRef *ref, bool in_place);

/* The C name of the type @ref: `str`, `Foo`, `FooList`; of a descriptor behind `qapi_type_`. */
const char *gen_type_name(const Gen *gen, const SchemaTypeRef *ref);

/* Whether @ref is a pointer as a member, so that its absence is NULL. */
bool gen_is_pointer(const SchemaTypeRef *ref);

/* Whether @member comes with a `has_` flag. */
bool gen_has_flag(const SchemaMember *member);

/* The C type of the arguments of the command or event @def; NULL: it takes none. */
const GenType *gen_args_type(const Gen *gen, const SchemaDef *def);

/* Features as an expression: the bits of those in @features; NULL if it has none or if some are
 * conditional, see gen_features_lines(). */
const char *gen_features(const Gen *gen, const SchemaFeatures *features);

/* The same as lines `.features = ...` with #if, if some are conditional; else NULL. */
const char *gen_features_lines(const Gen *gen, const SchemaFeatures *features);

/* The default that @member's description names, as JSON; NULL if it names none that fits. */
const char *gen_default_json(const Gen *gen, const SchemaMember *member);

/* --- The files ------------------------------------------------------------------------------- */

/* A new generated file called @name, and its first lines. @source: what it was made from. */
GString *gen_new_file(Gen *gen, const char *name, const char *source);

/* The start and end of a header. */
void gen_header_start(const Gen *gen, GString *out, const char *name, const char *about);
void gen_header_end(GString *out);

void gen_module_header(Gen *gen, GenModule *module);
void gen_module_tables(Gen *gen, const GenModule *module);
void gen_commands(Gen *gen);
void gen_events(Gen *gen);
void gen_schema(Gen *gen);

/* The parameters of a handler or sender for the arguments of @def, each followed by `, `. */
char *gen_parameters(const Gen *gen, const SchemaDef *def);

/* The name of @member as a parameter: that of the member, unless it would hide one of ours. */
const char *gen_parameter_name(const Gen *gen, const SchemaMember *member);

/* Appends the fields of a descriptor: name and arguments of a command or event; features, if there
 * are any; the first paragraph of @text, if there is one and descriptors are documented. */
void gen_fill_name(const Gen *gen, GenFill *fill, const SchemaDef *def);
void gen_fill_features(const Gen *gen, GenFill *fill, const SchemaFeatures *features);
void gen_fill_doc(const Gen *gen, GenFill *fill, const char *text);

/* Appends `#include` lines for all headers with types. */
void gen_include_modules(const Gen *gen, GString *out);

/* The doc comment of @def as lines for a C comment: overview, what its members (if @members) and
 * features mean, and its sections. */
char *gen_doc_lines(const SchemaDef *def, bool members);

#endif
