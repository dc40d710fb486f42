/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parser of a byte stream of QMP messages: bytes in, one tape or one error at a time out.
 *
 *     while (len > 0) {
 *         size_t used;
 *         switch (json_parser_feed(p, data, len, &used)) {
 *         case JSON_MORE: break;
 *         case JSON_MESSAGE: handle(json_parser_tape(p)); break;
 *         case JSON_ERROR: refuse(json_parser_error(p)); break;
 *         }
 *         data += used;
 *         len -= used;
 *     }
 *
 * A parser belongs to one thread at a time.
 */
#ifndef JSON_PARSER_H
#define JSON_PARSER_H

#include "json/tape.h"

typedef struct JsonParser JsonParser;

typedef enum JsonStatus {
    JSON_MORE,    /* everything was consumed and no message is complete */
    JSON_MESSAGE, /* one message is complete: json_parser_tape() or json_parser_take() */
    JSON_ERROR,   /* one message was refused: json_parser_error(); feeding may go on */
} JsonStatus;

/* Limits of one message. */
typedef struct JsonLimits {
    uint32_t max_depth;  /* open brackets: "JSON nesting depth limit exceeded" */
    uint32_t max_tokens; /* brackets, separators and scalars: "JSON token count limit exceeded" */
    uint32_t max_text_bytes; /* of tokens, blanks don't count: "JSON token size limit exceeded" */
} JsonLimits;

/* QMP's: 1,024 levels, 2,097,152 tokens, 64 MiB. */
extern const JsonLimits json_limits_default;

/* @limits is copied; NULL means json_limits_default. */
JsonParser *json_parser_new(const JsonLimits *limits);
/* Overwrites and frees everything that the parser holds; NULL is fine. */
void json_parser_free(JsonParser *p);

/*
 * Reads bytes up to the end of one message or error, @len at most; *consumed says how many: none if
 * the first byte is the delimiter that ends a number or keyword read before. No text is scanned
 * twice, however small the pieces are. Ends the life of what json_parser_tape() and
 * json_parser_error() returned before.
 */
JsonStatus json_parser_feed(JsonParser *p, const char *data, size_t len, size_t *consumed);

/*
 * The end of the input. JSON_MESSAGE if that completes a scalar, JSON_ERROR if a message is cut
 * off, JSON_MORE if nothing was pending. The parser is then as new.
 */
JsonStatus json_parser_finish(JsonParser *p);

/* Forgets a message in progress, and recovery, for example when the peer has gone. */
void json_parser_reset(JsonParser *p);

/* The message that was completed last; the parser's, valid until the next feed. */
JsonTape *json_parser_tape(JsonParser *p);

/* The same for the caller to keep: give it back with json_parser_recycle() on the parser's thread,
 * so that its memory serves the next messages, or free it with json_tape_free(). */
JsonTape *json_parser_take(JsonParser *p);

/* Takes back a tape from json_parser_take(); a few are kept, the others freed. */
void json_parser_recycle(JsonParser *p, JsonTape *tape);

/* The text of the last error (class GenericError); the parser's, valid until the next feed. */
const char *json_parser_error(const JsonParser *p);

/* Bytes of memory that the parser holds now, for statistics and tests. */
size_t json_parser_memory(const JsonParser *p);

#endif
