/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a tape is made of, and the builder that makes one from other syntaxes (option text).
 * Most users need only qom/json.h.
 */
#ifndef JSON_TAPE_H
#define JSON_TAPE_H

#include "qom/json.h"

enum {
    JSON_FLAG_TRUE = 1, /* JSON_BOOL: the value */
    JSON_FLAG_KEY = 2,  /* string: a key, the next token is its value */
    JSON_FLAG_NUL = 4,  /* string: contains U+0000 */
    JSON_FLAG_UTF8 = 8, /* string: known to be valid UTF-8 */
};

typedef struct JsonToken {
    uint8_t type;    /* JsonType */
    uint8_t flags;   /* JSON_FLAG_* */
    uint32_t offset; /* scalar: where its text starts in JsonTape.text */
    uint32_t length; /* scalar: bytes of text; container: number of elements or members */
    uint32_t next;   /* index behind this token's subtree; of an open container: its parent */
} JsonToken;

/*
 * `text` holds the texts of numbers and strings only, decoded and each followed by a zero byte: the
 * memory of a message does not depend on the blanks in it, and every string is a C string as it
 * stands. It is overwritten before its memory is freed or used again, as messages carry secrets.
 */
struct JsonTape {
    JsonToken *tokens;
    char *text;
    uint32_t count, capacity;  /* tokens */
    size_t text_len, text_cap; /* bytes */
};

/* An empty tape: no token yet, so it may only go to a builder, a parser or json_tape_free(). */
JsonTape *json_tape_new(void);

/* Makes the tape empty. Memory beyond a moderate size is given back, the rest is kept for the next
 * message. */
void json_tape_reset(JsonTape *tape);

/* Appends a token with `next` right behind it and returns its index, or JSON_NONE: no memory. */
JsonTok json_tape_push(JsonTape *tape, JsonType type, unsigned flags);

/* Makes room for @len more bytes of text; the old place is overwritten if the text moves. False: no
 * memory. */
bool json_tape_reserve_text(JsonTape *tape, size_t len);

/*
 * The builder: calls in the order of the text, one value at the root. Not for checks: the caller
 * keeps the order (key before value inside an object) and the keys of an object apart. A builder
 * is a value on the caller's stack:
 *
 *     JsonTapeBuilder b;
 *     json_builder_init(&b);
 *     json_builder_begin_object(&b);
 *     json_builder_key(&b, "size", 4);
 *     json_builder_text(&b, "1G", 2);
 *     json_builder_end(&b);
 *     JsonTape *tape = json_builder_finish(&b);
 */
typedef struct JsonTapeBuilder {
    JsonTape *tape;
    JsonTok open; /* innermost open container or JSON_NONE */
} JsonTapeBuilder;

void json_builder_init(JsonTapeBuilder *b);
void json_builder_begin_object(JsonTapeBuilder *b);
void json_builder_begin_array(JsonTapeBuilder *b);
/* Ends the innermost object or array. */
void json_builder_end(JsonTapeBuilder *b);
void json_builder_key(JsonTapeBuilder *b, const char *key, size_t len);
/* Any bytes but zero. */
void json_builder_string(JsonTapeBuilder *b, const char *text, size_t len);
/* A scalar of option text, whose type the decoder chooses (JSON_TEXT). */
void json_builder_text(JsonTapeBuilder *b, const char *text, size_t len);
void json_builder_bool(JsonTapeBuilder *b, bool value);
void json_builder_int64(JsonTapeBuilder *b, int64_t value);
void json_builder_uint64(JsonTapeBuilder *b, uint64_t value);
void json_builder_null(JsonTapeBuilder *b);
/* A copy of the value at @tok of another tape. */
void json_builder_subtree(JsonTapeBuilder *b, const JsonTape *tape, JsonTok tok);
/* Hands over the tape, for json_tape_free(). */
JsonTape *json_builder_finish(JsonTapeBuilder *b);
/* Drops a tape that is not finished; fine after json_builder_finish(). */
void json_builder_clear(JsonTapeBuilder *b);

#endif
