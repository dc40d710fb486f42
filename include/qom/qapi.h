/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QAPI at run time: constant descriptors of the types, commands and events of a schema, and the one
 * engine that works on them.
 *
 * `qapic gen` writes for each type of a schema a C struct (or enum) and a constant QapiType that
 * says where each member lives. The functions below decode, encode, copy, compare and free values
 * of any such type; there is no generated function per type and direction. The same tables serve as
 * the properties of objects, as help text and as introspection.
 *
 * How types look in C (the generator and the engine agree on this, and nothing else):
 *   str               char *          never NULL when present; NULL = absent optional
 *   any               char *          JSON text of one value; NULL = absent optional
 *   bool              bool
 *   number            double
 *   int, int64, ...   intN_t, uintN_t (`int` is int64_t, `size` is uint64_t)
 *   null              QapiNull
 *   enum E            enum E          (stored as int)
 *   struct, union S   S *             as a member (NULL = absent optional); S itself as an element
 *   alternate A       A *             likewise
 *   ['T']             TList           { size_t n; T *items; }, elements in place, NULL if n is 0
 *
 * An optional member of a kind that is no pointer (bool, numbers, null, enums, lists) is preceded
 * by `bool has_NAME`. A struct starts with the members of its base, so that a pointer to it is a
 * pointer to the base. A union is its base's members, then `union { Branch branch; ... } u` with
 * the branches in place. An alternate is `{ QType type; union { ... } u; }`, whose struct branches
 * are in place.
 *
 * Memory: values are made of g_malloc()ed pieces owned by the value and are freed by qapi_clear();
 * a decoder that was given an arena takes all pieces from there and qapi_clear() must not be
 * called.
 *
 * Threads: descriptors are constant; the functions have no state and may run in any thread.
 * Source: the sheet on QAPI, sections 11 and 12.
 */
#ifndef QOM_QAPI_H
#define QOM_QAPI_H

#include "qom/error.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct JsonTape JsonTape;
typedef struct JsonWriter JsonWriter;
typedef struct QapiType QapiType;

typedef enum QapiKind {
    QAPI_KIND_STR,
    QAPI_KIND_ANY,
    QAPI_KIND_NULL,
    QAPI_KIND_BOOL,
    QAPI_KIND_NUMBER,
    QAPI_KIND_INT8,
    QAPI_KIND_INT16,
    QAPI_KIND_INT32,
    QAPI_KIND_INT64,
    QAPI_KIND_UINT8,
    QAPI_KIND_UINT16,
    QAPI_KIND_UINT32,
    QAPI_KIND_UINT64,
    QAPI_KIND_SIZE,
    QAPI_KIND_ENUM,
    QAPI_KIND_LIST,
    QAPI_KIND_STRUCT,
    QAPI_KIND_UNION,
    QAPI_KIND_ALTERNATE,
} QapiKind;

/* The kinds of JSON value; the built-in enum QType, and the `type` of an alternate. */
typedef enum QType {
    QTYPE_NONE,
    QTYPE_QNULL,
    QTYPE_QNUM,
    QTYPE_QSTRING,
    QTYPE_QDICT,
    QTYPE_QLIST,
    QTYPE_QBOOL,
} QType;

/* The value of the built-in type `null`: carries nothing. */
typedef struct QapiNull {
    char unused;
} QapiNull;

/* Features, a bit each: the two that policy knows, then others as the schema numbers them. */
#define QAPI_FEATURE_DEPRECATED (UINT64_C(1) << 0)
#define QAPI_FEATURE_UNSTABLE   (UINT64_C(1) << 1)

typedef struct QapiEnumValue {
    const char *name;
    const char *doc; /* NULL if undocumented, or generated without documentation */
    uint64_t features;
} QapiEnumValue;

/* `flag_offset` of a member that has no `has_NAME`. */
#define QAPI_NO_FLAG UINT32_MAX

typedef struct QapiMember {
    const char *name;
    const QapiType *type;
    uint32_t offset;      /* of the value in the struct, in bytes */
    uint32_t flag_offset; /* of the bool `has_NAME`, or QAPI_NO_FLAG */
    bool optional;
    uint64_t features;
    /* The value that an absent member has, as JSON text; NULL if the schema names none. Taken from
     * a
     * "(default: VALUE)" in the member's description where VALUE fits the type. */
    const char *default_json;
    const char *doc; /* as in QapiEnumValue */
} QapiMember;

/* A branch of a union (in the order of the tag's enum; one for every value) or of an alternate. */
typedef struct QapiBranch {
    const char *name;
    const QapiType *type; /* NULL: an empty branch of a union */
    uint32_t offset;      /* of the branch in the union's or alternate's struct */
    uint64_t features;
} QapiBranch;

struct QapiType {
    const char *name; /* as in the schema; of a list "[T]" */
    QapiKind kind;
    uint32_t size; /* of the C type, in bytes (of a struct: the struct, not the pointer) */
    uint64_t features;
    const char *doc;

    /* struct, union */
    const QapiType *base;      /* whose members come first, or NULL */
    const QapiMember *members; /* own ones only */
    uint32_t n_members;

    /* union: `tag` is the discriminator (it may be found in the base). Alternate: branches only. */
    const QapiMember *tag;
    const QapiBranch *branches;
    uint32_t n_branches;

    /* enum; `names_sorted` lists the indexes of `values` in strcmp order of their names */
    const QapiEnumValue *values;
    const uint16_t *names_sorted;
    uint32_t n_values;

    /* list */
    const QapiType *element;
};

/* Built-in types; lists of them are called qapi_type_strList and so on. */
/* clang-format off */
#define QAPI_BUILTIN_TYPES(X)                                   \
    X(str) X(any) X(null) X(bool) X(number)                     \
    X(int) X(int8) X(int16) X(int32) X(int64)                   \
    X(uint8) X(uint16) X(uint32) X(uint64) X(size) X(QType)
/* clang-format on */
#define QAPI_DECLARE_BUILTIN(name)                     \
    QOM_PUBLIC extern const QapiType qapi_type_##name; \
    QOM_PUBLIC extern const QapiType qapi_type_##name##List;
QAPI_BUILTIN_TYPES(QAPI_DECLARE_BUILTIN)
#undef QAPI_DECLARE_BUILTIN

/* Lists of built-in types; all lists have this shape, whatever their element. */
#define QAPI_DECLARE_LIST(name, ctype) \
    typedef struct name {              \
        size_t n;                      \
        ctype *items;                  \
    } name
QAPI_DECLARE_LIST(strList, char *);
QAPI_DECLARE_LIST(anyList, char *);
QAPI_DECLARE_LIST(nullList, QapiNull);
QAPI_DECLARE_LIST(boolList, bool);
QAPI_DECLARE_LIST(numberList, double);
QAPI_DECLARE_LIST(intList, int64_t);
QAPI_DECLARE_LIST(int8List, int8_t);
QAPI_DECLARE_LIST(int16List, int16_t);
QAPI_DECLARE_LIST(int32List, int32_t);
QAPI_DECLARE_LIST(int64List, int64_t);
QAPI_DECLARE_LIST(uint8List, uint8_t);
QAPI_DECLARE_LIST(uint16List, uint16_t);
QAPI_DECLARE_LIST(uint32List, uint32_t);
QAPI_DECLARE_LIST(uint64List, uint64_t);
QAPI_DECLARE_LIST(sizeList, uint64_t);
QAPI_DECLARE_LIST(QTypeList, QType);

/* --- Commands and events ------------------------------------------------------------------- */

typedef enum QapiCommandFlags {
    QAPI_COMMAND_BOXED = 1 << 0,
    QAPI_COMMAND_RAW = 1 << 1,        /* gen: false */
    QAPI_COMMAND_NO_SUCCESS = 1 << 2, /* success-response: false */
    QAPI_COMMAND_OOB = 1 << 3,        /* allow-oob */
    QAPI_COMMAND_PRECONFIG = 1 << 4,  /* allow-preconfig */
    QAPI_COMMAND_COROUTINE = 1 << 5,  /* coroutine: may answer later, see qom/qmp.h */
} QapiCommandFlags;

typedef struct QmpCall QmpCall;
typedef struct QapiCommand QapiCommand;

struct QapiCommand {
    const char *name;
    const QapiType *args; /* struct or union; NULL: takes none */
    const QapiType *ret;  /* NULL: returns nothing */
    uint32_t flags;       /* QapiCommandFlags */
    uint64_t features;
    const char *doc;
    /* Exactly one of the three is set. @args points to a decoded value of type `args` (NULL if that
     * is NULL); @ret to zeroed room for a value of type `ret` (a pointer to `char *` for str and
     * any), which the caller clears. */
    bool (*call)(const void *args, void *ret, QomError **errp);
    /* coroutine: true. The handler ends the call now or later with qmp_call_return() or _fail(). */
    void (*call_async)(const void *args, QmpCall *call);
    /* gen: false. @node is the index in @tape of the arguments' object. */
    void (*call_raw)(const JsonTape *tape, uint32_t node, QmpCall *call);
};

typedef struct QapiEvent {
    const char *name;
    const QapiType *args; /* NULL: no data */
    uint64_t features;
    const char *doc;
} QapiEvent;

/* Everything of one schema; `qapic gen` writes one constant of it, PREFIX_schema. */
typedef struct QapiSchema {
    const QapiCommand *const *commands; /* in strcmp order of their names */
    uint32_t n_commands;
    const QapiEvent *const *events; /* likewise */
    uint32_t n_events;
    const QapiType *const *types; /* all defined types, likewise */
    uint32_t n_types;
    const char *const *feature_names; /* by bit number; [0] "deprecated", [1] "unstable" */
    uint32_t n_features;
} QapiSchema;

/* --- The engine ------------------------------------------------------------------------------ */

/* Grows by chunks, frees all at once. Not for use by two threads at a time. */
typedef struct QapiArena QapiArena;
QOM_PUBLIC QapiArena *qapi_arena_new(void);
/* Zeroed memory, aligned for any type; valid until the next reset. */
QOM_PUBLIC void *qapi_arena_alloc(QapiArena *arena, size_t size_bytes);
/* The same for sizes that a peer decides: NULL if there is no memory, where the other ends the
 * program. */
QOM_PUBLIC void *qapi_arena_try_alloc(QapiArena *arena, size_t size_bytes);
/* Wipes and gives back everything but the first chunk. */
QOM_PUBLIC void qapi_arena_reset(QapiArena *arena);
/* Wipes and frees; NULL is fine. */
QOM_PUBLIC void qapi_arena_free(QapiArena *arena);

typedef enum QapiPolicyInput {
    QAPI_INPUT_ACCEPT,
    QAPI_INPUT_REJECT,
    QAPI_INPUT_CRASH
} QapiPolicyInput;
typedef enum QapiPolicyOutput { QAPI_OUTPUT_ACCEPT, QAPI_OUTPUT_HIDE } QapiPolicyOutput;

/* What to do with deprecated and unstable interfaces (`-compat`). Zeroed: accept all. */
typedef struct QapiPolicy {
    QapiPolicyInput deprecated_input, unstable_input;
    QapiPolicyOutput deprecated_output, unstable_output;
} QapiPolicy;

typedef struct QapiDecode {
    QapiArena *arena;         /* NULL: pieces from g_malloc() */
    const QapiPolicy *policy; /* NULL: accept all */
    /* Path of the value itself in front of error texts' member names; NULL: it is the root */
    const char *path;
    /* Keys of the outermost object that are somebody else's business; NULL-terminated, or NULL */
    const char *const *ignore_keys;
} QapiDecode;

/*
 * Decodes the value at index @node of @tape into @out, room for a value of type @type (for struct,
 * union and alternate the struct itself; else the C type of the table above). Strict: see section
 * 12 of the sheet for the order of checks and the texts. Tapes made from option text (see
 * qom/options.h) are converted by the rules for text. On failure *@out is untouched and nothing
 * stays allocated.
 */
QOM_PUBLIC bool qapi_decode(const QapiDecode *how, const QapiType *type, const JsonTape *tape,
                            uint32_t node, void *out, QomError **errp);

/* The same from JSON text of @len bytes. */
QOM_PUBLIC bool qapi_decode_json(const QapiDecode *how, const QapiType *type, const char *text,
                                 size_t len, void *out, QomError **errp);

/* Appends the value as JSON. @policy hides members (NULL: none). Fails on NaN and infinities,
 * leaving @writer as it was. A mandatory string that is NULL is written as "". */
QOM_PUBLIC bool qapi_encode(const QapiType *type, const void *value, const QapiPolicy *policy,
                            JsonWriter *writer, QomError **errp);

/* Deep copy of *@from into @to (overwritten, not freed), all pieces from g_malloc(). */
QOM_PUBLIC void qapi_copy(const QapiType *type, void *to, const void *from);

/* Frees what *@value owns and zeroes it. Fine on zeroed and half-built values, and on NULL. Strings
 * are wiped. Not for values in an arena. */
QOM_PUBLIC void qapi_clear(const QapiType *type, void *value);

/* Presence counts; `any` is compared as text. */
QOM_PUBLIC bool qapi_equal(const QapiType *type, const void *a, const void *b);

/* Stores the default of each absent member that has one into the struct or union @value, pieces
 * from g_malloc(); `has_NAME` stays false. Members of nested structs are left alone. */
QOM_PUBLIC void qapi_set_defaults(const QapiType *type, void *value);

/* The member of @type or its bases called @name, or NULL. */
QOM_PUBLIC const QapiMember *qapi_find_member(const QapiType *type, const char *name);

/* The number of the enum value called @name (need not be NUL-terminated), or -1. */
QOM_PUBLIC int qapi_enum_lookup(const QapiType *type, const char *name, size_t len);

/* The name of enum value @value; "" if out of range. */
QOM_PUBLIC const char *qapi_enum_name(const QapiType *type, int value);

/* The command of @schema called @name, of @len bytes, or NULL. */
QOM_PUBLIC const QapiCommand *qapi_find_command(const QapiSchema *schema, const char *name,
                                                size_t len);

/* False, with class CommandNotFound, if @policy refuses @command; NULL accepts all. */
QOM_PUBLIC bool qapi_policy_command(const QapiPolicy *policy, const QapiCommand *command,
                                    QomError **errp);

/* True if @policy hides what bears @features (events and their members) from output. */
QOM_PUBLIC bool qapi_policy_hides(const QapiPolicy *policy, uint64_t features);

/* --- Introspection --------------------------------------------------------------------------- */

/* A branch that a module adds at run time to a union, and its name to the enum of the tag. */
typedef struct QapiExtraBranch {
    const QapiType *union_type;
    const char *name;
    const QapiType *type;     /* NULL: an empty branch */
    const QapiSchema *schema; /* whose feature names the branch's type uses; NULL: the union's */
    uint64_t features;        /* of the enum value; numbered by the union's schema */
} QapiExtraBranch;

/*
 * Appends the value of query-qmp-schema (sheet on QAPI, section 10): everything that the commands
 * and events of the @n schemas reach, types under numbers in order of first use. @hide_deprecated
 * leaves out deprecated commands, events and object members. @extra: @n_extra branches of modules.
 */
QOM_PUBLIC void qapi_introspect(const QapiSchema *const *schemas, size_t n, bool hide_deprecated,
                                const QapiExtraBranch *extra, size_t n_extra, JsonWriter *writer);

#ifdef __cplusplus
}
#endif
#endif
