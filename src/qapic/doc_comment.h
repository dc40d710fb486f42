/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the front end: doc comments. */
#ifndef QAPIC_DOC_COMMENT_H
#define QAPIC_DOC_COMMENT_H

#include "qapic/ast.h"
#include "qapic/lex.h"

/* Reads the doc comment that the lexer's current token opens, and goes to the token behind it.
 * *@broken: its form is so wrong that what it documents, or where it ends, is unknown; reported. */
SchemaDoc *doc_comment_parse(Parse *parse, Lexer *lexer, bool *broken);

/* Goes behind the doc comment that the current token opens; the lexer has no token then. */
void doc_comment_skip(Lexer *lexer);

#endif
