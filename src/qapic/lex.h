/* SPDX-License-Identifier: BSD-3-Clause */
/* The lexer: tokens of one schema file. */
#ifndef QAPIC_LEX_H
#define QAPIC_LEX_H

#include "qapic/diag.h"
#include "qapic/schema.h"

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_OPEN_BRACE = '{',
    TOKEN_CLOSE_BRACE = '}',
    TOKEN_OPEN_BRACKET = '[',
    TOKEN_CLOSE_BRACKET = ']',
    TOKEN_COLON = ':',
    TOKEN_COMMA = ',',
    TOKEN_STRING = '\'',
    TOKEN_DOC = '#', /* the line that opens a doc comment; the lexer stands behind that line */
    TOKEN_TRUE = 't',
    TOKEN_FALSE = 'f',
    TOKEN_BAD = '?', /* reported already */
} TokenKind;

typedef struct Lexer {
    const SchemaFile *file;
    Arena *arena;
    Diag *diag;
    const char *p, *end;
    const char *line_start;
    uint32_t line;

    /* The current token. */
    TokenKind token;
    SchemaPlace place;
    const char *string; /* of a STRING */
} Lexer;

/* Stands before the first token of @file: call lex_next(). */
void lex_init(Lexer *lexer, const SchemaFile *file, Arena *arena, Diag *diag);

/* Goes to the next token. */
void lex_next(Lexer *lexer);

/* Goes on, after a syntax error, to the next line that begins with `{` or with `##`: most likely
 * that is where a new expression begins. */
void lex_recover(Lexer *lexer);

/* For doc comments. Goes behind blanks and newlines, takes the rest of the line and goes behind its
 * newline. Returns the text without trailing blanks, or NULL at the end of the file or if the line
 * is no comment, and then stays there. *@place is that of the text or of what stands there. */
const char *lex_comment_line(Lexer *lexer, size_t *len, SchemaPlace *place);

#endif
