/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON as QMP speaks it: values are read from a token tape and written through a JsonWriter.
 *
 * A JsonTape is one parsed value: a flat array of tokens in text order, addressed by index. Token
 * JSON_ROOT is the value itself; an object's members are a key token followed by its value; every
 * token knows the index behind its subtree, so skipping is O(1). Strings are decoded; numbers stay
 * text until they are asked for. A tape does not change after it was made and may then be read from
 * any thread.
 *
 * The dialect: RFC 8259 plus strings in single quotes and the escape \'. Duplicate keys are errors.
 * U+0000 in a string is kept as the two bytes C0 80, so decoded strings never contain a zero byte.
 */
#ifndef QOM_JSON_H
#define QOM_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "qom/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct JsonTape JsonTape;
typedef struct JsonWriter JsonWriter;

/* The index of a token in its tape. */
typedef uint32_t JsonTok;

/* "No such token". Every function below that takes a token needs one that exists. */
#define JSON_NONE UINT32_MAX
/* The value that the whole tape is. */
#define JSON_ROOT 0u

typedef enum JsonType {
    JSON_NULL,
    JSON_BOOL,
    JSON_INTEGER, /* -?digits, of any size */
    JSON_DOUBLE,  /* a number with a fraction or an exponent */
    JSON_STRING,
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_TEXT, /* a scalar from option text: only its user knows the type; never made from JSON */
} JsonType;

/* What became of a number that was asked for as a C type. */
typedef enum JsonNumber {
    JSON_NUMBER_OK,
    JSON_NUMBER_KIND,  /* the token is no number, or a double where an integer is wanted */
    JSON_NUMBER_RANGE, /* an integer that the C type can't hold */
} JsonNumber;

/* --- Reading --------------------------------------------------------------------------------- */

/*
 * Parses @len bytes at @text, which must be exactly one value with blanks around it. The text is
 * copied. Returns NULL and sets *errp on a fault, for example `JSON parse error, premature EOI`,
 * `Expecting a JSON value` (nothing but blanks), `Expecting at most one JSON value`. The caller
 * frees the result with json_tape_free().
 */
QOM_PUBLIC JsonTape *json_parse_text(const char *text, size_t len, QomError **errp);

/* Overwrites everything that came from the text (for messages that carried secrets), then frees
 * nothing: the tape is still to be freed and holds one null. */
QOM_PUBLIC void json_tape_wipe(JsonTape *tape);

/* Frees @tape; NULL is fine. */
QOM_PUBLIC void json_tape_free(JsonTape *tape);

QOM_PUBLIC JsonType json_tape_type(const JsonTape *tape, JsonTok tok);

/* The kind as QMP's error texts name it: "null", "boolean", "integer", "number", "string",
 * "object", "array". */
QOM_PUBLIC const char *json_type_name(JsonType type);

/* The value of a JSON_BOOL. */
QOM_PUBLIC bool json_tok_bool(const JsonTape *tape, JsonTok tok);

/* Puts the number into *value; *value is untouched unless the result is JSON_NUMBER_OK. -0 is 0.
 * json_tok_double() takes both kinds of number and is never out of range. */
QOM_PUBLIC JsonNumber json_tok_int64(const JsonTape *tape, JsonTok tok, int64_t *value);
QOM_PUBLIC JsonNumber json_tok_uint64(const JsonTape *tape, JsonTok tok, uint64_t *value);
QOM_PUBLIC JsonNumber json_tok_double(const JsonTape *tape, JsonTok tok, double *value);

/*
 * The text of a scalar, zero-terminated and owned by the tape; *len (may be NULL) is its length in
 * bytes. Strings and keys decoded, numbers as written but -0 as 0, "" for null and booleans.
 */
QOM_PUBLIC const char *json_tok_text(const JsonTape *tape, JsonTok tok, size_t *len);

/* True if a string contains U+0000 (as C0 80 once decoded), which C code would take for its end. */
QOM_PUBLIC bool json_tok_has_nul(const JsonTape *tape, JsonTok tok);

/* True if a string is valid UTF-8. Strings from JSON always are; option text may be anything. */
QOM_PUBLIC bool json_tok_is_utf8(const JsonTape *tape, JsonTok tok);

/* A copy of the text of a scalar, zero-terminated, for g_free(); *len may be NULL. */
QOM_PUBLIC char *json_tape_dup_string(const JsonTape *tape, JsonTok tok, size_t *len);

/* True if the text of a string is @text. */
QOM_PUBLIC bool json_tok_equals(const JsonTape *tape, JsonTok tok, const char *text);

/* The number of an array's elements or an object's members. */
QOM_PUBLIC uint32_t json_tape_count(const JsonTape *tape, JsonTok container);

/*
 * Iteration, in text order; JSON_NONE ends it:
 *     for (JsonTok t = json_tape_first(tape, array); t != JSON_NONE;
 *          t = json_tape_next(tape, array, t)) ...                            elements
 *     for (JsonTok key = json_tape_first(tape, object); key != JSON_NONE;
 *          key = json_tape_next(tape, object, key)) ... json_tape_value(tape, key) ...  members
 */
QOM_PUBLIC JsonTok json_tape_first(const JsonTape *tape, JsonTok container);
QOM_PUBLIC JsonTok json_tape_next(const JsonTape *tape, JsonTok container, JsonTok child);
/* The value that belongs to the key token @key. */
QOM_PUBLIC JsonTok json_tape_value(const JsonTape *tape, JsonTok key);

/* The value of the member @key of an object, or JSON_NONE. Takes time in proportion to the number
 * of members. */
QOM_PUBLIC JsonTok json_tape_find(const JsonTape *tape, JsonTok object, const char *key);

/* --- Writing --------------------------------------------------------------------------------- */

/*
 * A JsonWriter appends values to a byte buffer in QMP's output style: ", " and ": " as separators,
 * ASCII only, \uXXXX in upper case. Several values one after the other are not separated. The
 * caller keeps begin/end and key/value in order; a writer belongs to one thread at a time.
 */

/* What json_writer_mark() remembers. */
typedef struct JsonWriterMark {
    size_t len;
    uint32_t depth;
    uint8_t state;
    bool failed;
} JsonWriterMark;

/* @pretty: members and elements on lines of their own, four blanks a level, newlines are CR LF. */
QOM_PUBLIC JsonWriter *json_writer_new(bool pretty);
/* Frees @w and its buffer; NULL is fine. */
QOM_PUBLIC void json_writer_free(JsonWriter *w);
/* For texts whose size a peer decides: when there is no memory the writer fails, instead of ending
 * the program. What was written before stays. */
QOM_PUBLIC void json_writer_soften(JsonWriter *w);
/* Whether it has failed; json_writer_rollback() to a place before that, or a reset, mends it. */
QOM_PUBLIC bool json_writer_failed(const JsonWriter *w);

/* Empties the writer for the next text; a buffer of moderate size is kept. */
QOM_PUBLIC void json_writer_reset(JsonWriter *w);
/* The same, overwriting what was written (secrets). */
QOM_PUBLIC void json_writer_wipe(JsonWriter *w);

/* The text so far and, in *len (may be NULL), its length; zero-terminated; valid until the next
 * call that changes @w. */
QOM_PUBLIC const char *json_writer_text(const JsonWriter *w, size_t *len);
/* Hands over the text, zero-terminated, for g_free(), and empties the writer. NULL if it has
 * failed. */
QOM_PUBLIC char *json_writer_steal(JsonWriter *w, size_t *len);

/* A place to return to with json_writer_rollback(), which takes back what was written since. */
QOM_PUBLIC JsonWriterMark json_writer_mark(const JsonWriter *w);
QOM_PUBLIC void json_writer_rollback(JsonWriter *w, JsonWriterMark mark);

QOM_PUBLIC void json_writer_begin_object(JsonWriter *w);
QOM_PUBLIC void json_writer_end_object(JsonWriter *w);
QOM_PUBLIC void json_writer_begin_array(JsonWriter *w);
QOM_PUBLIC void json_writer_end_array(JsonWriter *w);

/* The key of the next value inside an object. */
QOM_PUBLIC void json_writer_key(JsonWriter *w, const char *key);
QOM_PUBLIC void json_writer_key_len(JsonWriter *w, const char *key, size_t len);

/* A string of UTF-8. Invalid sequences are written as U+FFFD; a zero byte or C0 80 as \u0000. */
QOM_PUBLIC void json_writer_string(JsonWriter *w, const char *text);
QOM_PUBLIC void json_writer_string_len(JsonWriter *w, const char *text, size_t len);

QOM_PUBLIC void json_writer_int64(JsonWriter *w, int64_t value);
QOM_PUBLIC void json_writer_uint64(JsonWriter *w, uint64_t value);
/* At most 17 significant digits, and reads back equal. Returns false and writes nothing if @value
 * is infinite or no number, which JSON can't say. */
QOM_PUBLIC bool json_writer_double(JsonWriter *w, double value);
QOM_PUBLIC void json_writer_bool(JsonWriter *w, bool value);
QOM_PUBLIC void json_writer_null(JsonWriter *w);

/* One value that is JSON text already; it is not looked at. */
QOM_PUBLIC void json_writer_raw(JsonWriter *w, const char *json, size_t len);

/* The value at @tok and all below it. Numbers are written as they stood, JSON_TEXT as strings. */
QOM_PUBLIC void json_writer_subtree(JsonWriter *w, const JsonTape *tape, JsonTok tok);

/* Bytes between values, for example the CR LF behind a message. */
QOM_PUBLIC void json_writer_append(JsonWriter *w, const char *bytes, size_t len);

/* The value at @tok as compact JSON text, zero-terminated, for g_free(); *len may be NULL. */
QOM_PUBLIC char *json_tape_copy_subtree(const JsonTape *tape, JsonTok tok, size_t *len);

static inline void json_tape_freep(JsonTape **tape)
{
    json_tape_free(*tape);
}

static inline void json_writer_freep(JsonWriter **w)
{
    json_writer_free(*w);
}

/* `JSON_AUTO_TAPE(tape);` and `JSON_AUTO_WRITER(w);` declare pointers freed at the scope's end. */
#define JSON_AUTO_TAPE(name)   __attribute__((cleanup(json_tape_freep))) JsonTape *name = NULL
#define JSON_AUTO_WRITER(name) __attribute__((cleanup(json_writer_freep))) JsonWriter *name = NULL

#ifdef __cplusplus
}
#endif
#endif
