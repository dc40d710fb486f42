/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two halves of the parser share this: lexer.c cuts bytes into tokens, grammar.c puts tokens
 * onto the tape, frames messages and finds their faults.
 */
#ifndef JSON_PARSER_IMPL_H
#define JSON_PARSER_IMPL_H

#include "json/keyset.h"
#include "json/parser.h"

typedef enum LexState {
    LEX_START,
    LEX_STRING,
    LEX_ESCAPE, /* in a string, behind a backslash */
    LEX_KEYWORD,
    LEX_MINUS, /* from here to LEX_EXPONENT: in a number, behind what the name says */
    LEX_ZERO,
    LEX_DIGITS,
    LEX_POINT,
    LEX_FRACTION,
    LEX_E,
    LEX_E_SIGN,
    LEX_EXPONENT,
    LEX_RECOVERY, /* behind a lexical error: up to a byte that may start something */
    LEX_DISCARD,  /* behind a limit error: up to a byte that can't be inside a message */
} LexState;

/* What the grammar takes next. */
typedef enum Expect {
    EXPECT_VALUE,
    EXPECT_ELEMENT_OR_END,
    EXPECT_KEY,
    EXPECT_KEY_OR_END,
    EXPECT_COLON,
    EXPECT_DICT_SEPARATOR,
    EXPECT_LIST_SEPARATOR,
} Expect;

enum { SPARE_TAPES = 8, ERROR_SIZE = 384 };

struct JsonParser {
    JsonLimits limits;
    JsonTape *tape; /* of the message in progress or, if `done`, of the last one */
    bool done;      /* the last call ended a message: start afresh with the next byte */

    /* lexer */
    LexState lex;
    char quote;         /* of the string in progress */
    bool needs_decode;  /* it has escapes or bytes above 0x7F */
    size_t token_start; /* where the text of the token in progress starts in tape->text */

    /* grammar */
    Expect expect;
    JsonTok open;         /* innermost open container or JSON_NONE */
    int brackets, braces; /* open minus closed, counted apart, which is what frames a message */
    uint32_t tokens;      /* of this message, separators included */
    size_t text_bytes;    /* of its complete tokens */
    bool faulty;          /* `error` has its first fault; only framing goes on */
    bool no_memory;       /* and it is this: not even framing goes on */
    JsonKeySet keys;

    char error[ERROR_SIZE];
    JsonTape *spare[SPARE_TAPES];
    unsigned n_spare;
};

/* --- grammar.c: every function returns the status that json_parser_feed() has to report --- */

/* One of { } [ ] : , */
JsonStatus json_grammar_punctuation(JsonParser *p, char c);
/* A string, number or keyword whose text stands in tape->text from token_start to the end;
 * @extra_bytes more were read for it (the quotes). */
JsonStatus json_grammar_scalar(JsonParser *p, JsonType type, size_t extra_bytes);
JsonStatus json_grammar_keyword(JsonParser *p);
/* True if a token of @token_bytes would pass the size limit. */
bool json_grammar_too_large(const JsonParser *p, size_t token_bytes);
/* There is no memory for the message: the grammar refuses it. */
JsonStatus json_grammar_no_memory(JsonParser *p);
/* Refuses the message: the rest up to a safe byte is discarded. */
JsonStatus json_grammar_limit(JsonParser *p, const char *text);
/* Refuses the message for a lexical error: @bad is the byte that fits nowhere, -1 at the end of
 * the input. */
JsonStatus json_grammar_stray(JsonParser *p, int bad);
/* The input ends between two tokens. */
JsonStatus json_grammar_end(JsonParser *p);
/* Makes ready for the next message. */
void json_grammar_restart(JsonParser *p);

#endif
