/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the decoder share: decode.c (objects), scalar.c (all else), text.c (options).
 */
#ifndef QAPI_DECODE_H
#define QAPI_DECODE_H

#include "qapi/engine.h"

/* Key texts and rejected values are cut to this in error messages. */
#define DECODE_SHOWN_BYTES 1024

/* One decoding. */
typedef struct Decoder {
    QapiDecode how;
    const JsonTape *tape;
    JsonTok root;
    bool text; /* the tape is option text */
} Decoder;

/*
 * Where the decoder is: a chain on the stack, made into a path only for an error. Either a member
 * (name) or an element (index); NULL is the root.
 */
typedef struct Place {
    const struct Place *up;
    const char *name;
    size_t index;
} Place;

/* "a.b[0].c"; in option text "a.b.0.c". For g_free(). */
char *decode_path(const Decoder *d, const Place *place);

/* Decodes one value into zeroed room. What was built when it fails is for qapi_clear(). */
bool decode_value(Decoder *d, const QapiType *type, JsonTok tok, const Place *place, void *slot,
                  QomError **errp);

/* The same for a value of kind struct or union. */
bool decode_object(Decoder *d, const QapiType *type, JsonTok tok, const Place *place, void *object,
                   QomError **errp);

/* A scalar of option text, JSON_TEXT. */
bool decode_text_scalar(Decoder *d, const QapiType *type, JsonTok tok, const Place *place,
                        void *slot, QomError **errp);

/* A list of scalars from @n values of one key, which start at the key token @key; with ranges. */
bool decode_text_list(Decoder *d, const QapiType *type, JsonTok key, size_t n, const Place *place,
                      QapiList *list, QomError **errp);

/* True if the option text has dotted keys: chooses between the texts of the two forms. */
bool decode_text_is_dotted(const Decoder *d);

/* `any` of option text: the tree of strings as JSON; of a repeated key only the last value. */
void decode_text_any(const Decoder *d, JsonTok tok, JsonWriter *w);

bool decode_str(Decoder *d, JsonTok tok, const Place *place, char **slot, QomError **errp);
bool decode_enum(Decoder *d, const QapiType *type, JsonTok tok, const Place *place, int *slot,
                 QomError **errp);

/* Stores an integer into a slot of kind @kind, or false if it does not fit. */
bool decode_store_int64(QapiKind kind, int64_t value, void *slot);
bool decode_store_uint64(QapiKind kind, uint64_t value, void *slot);

/* Errors; they return false. */
bool decode_wrong_kind(const Decoder *d, const Place *place, const char *expected, QomError **errp);
bool decode_expects(const Decoder *d, const Place *place, const char *expected, QomError **errp);
bool decode_no_memory(QomError **errp);

/* Zeroed room from the arena or the heap; NULL with the error set if there is none. */
static inline void *decode_alloc(const Decoder *d, size_t size_bytes, QomError **errp)
{
    void *room = d->how.arena ? qapi_arena_try_alloc(d->how.arena, size_bytes)
                              : g_try_malloc0(MAX(size_bytes, 1));
    if (!room) {
        decode_no_memory(errp);
    }
    return room;
}

static inline JsonType tok_type(const Decoder *d, JsonTok tok)
{
    return (JsonType)d->tape->tokens[tok].type;
}

#endif
