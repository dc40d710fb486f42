/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Option text: what stands behind `-object`, `-chardev` and their like, as `key=value,key=value`.
 *
 * The text becomes a JsonTape whose scalars are of type JSON_TEXT; qapi_decode() converts them when
 * it knows the types. So there is one decoder, and one set of checks, for JSON and for options.
 *
 * One grammar takes both that exist in the field (sheet on QAPI, sections 12.4 and 12.5):
 *   dotted    socket.type=unix,rules.0.match=x    names make objects, indexes lists
 *   flat      type=unix,host-nodes=0-3,host-nodes=8
 *             members of a nested object without its name, where no outer member has theirs;
 *             lists of scalars by repetition, of integers also by ranges; a key without value
 *             means on, or off if it starts with "no" (with a warning)
 * `,,` in a value is a comma; a comma at the end is fine; the last value of a scalar wins. A text
 * that starts with `{` is JSON and is typed strictly.
 *
 * Where the two forms have different error texts, those of the dotted one are used if the text has
 * a dotted key, else those of the flat one. Only the flat form has keys without value.
 *
 * Threads: no state, any thread.
 */
#ifndef QOM_OPTIONS_H
#define QOM_OPTIONS_H

#include "qom/json.h"
#include "qom/qapi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct QapiOptionsHow {
    /* The key of a first element without `=`, for example "qom-type"; NULL: there is none. */
    const char *implied_key;
    /* Told of each use of deprecated syntax, one line without newline; NULL: nobody is. */
    void (*warn)(void *opaque, const char *message);
    void *opaque;
} QapiOptionsHow;

/*
 * Parses @text into a tape whose root is an object; the caller frees it with json_tape_free().
 * @how may be NULL. *help tells whether an element `help` or `?` was there; without @help such an
 * element is an error. Returns NULL and sets *errp (class GenericError) for malformed text.
 */
QOM_PUBLIC JsonTape *qapi_options_parse(const char *text, const QapiOptionsHow *how, bool *help,
                                        QomError **errp);

/*
 * Parses and decodes in one: @out as in qapi_decode(). Fails also where help is asked for.
 */
QOM_PUBLIC bool qapi_decode_options(const QapiDecode *how, const QapiType *type,
                                    const QapiOptionsHow *options, const char *text, void *out,
                                    QomError **errp);

/*
 * Scalars in text. Each returns false, leaving *value, unless the whole of @text is one.
 * Sizes: decimal with an optional fraction and one of the suffixes BKMGTPE (either case, powers of
 * 1024), rounded to the nearest byte, halves up; or hexadecimal without suffix. Integers: in C's
 * notation. Blanks and a sign may stand in front, but no minus where the type has none.
 */
QOM_PUBLIC bool qapi_parse_size(const char *text, uint64_t *value_bytes);
QOM_PUBLIC bool qapi_parse_int64(const char *text, int64_t *value);
QOM_PUBLIC bool qapi_parse_uint64(const char *text, uint64_t *value);
/* on, yes, true, y; off, no, false, n. */
QOM_PUBLIC bool qapi_parse_bool(const char *text, bool *value);
/* Decimal, finite. */
QOM_PUBLIC bool qapi_parse_number(const char *text, double *value);

/* What a line of help says of a member, besides its name and description. */
typedef struct QapiHelpItem {
    const char *type;         /* such as "bool" */
    const char *default_json; /* or NULL */
} QapiHelpItem;

/*
 * The options that set the members of @type (a struct; of a union the common ones) as lines of
 * text, sorted, for `-object TYPE,help`: a heading `@title options:`, then for each member
 * `  name=<type>` padded to 24 columns, ` - description`, ` (default: value)`. @want says which
 * members count (NULL: all) and may change what is said of them. Without any: `There are no options
 * for @title.` For g_free().
 */
QOM_PUBLIC char *qapi_help_lines(const QapiType *type, const char *title,
                                 bool (*want)(const QapiMember *member, QapiHelpItem *item,
                                              void *opaque),
                                 void *opaque);

#ifdef __cplusplus
}
#endif
#endif
