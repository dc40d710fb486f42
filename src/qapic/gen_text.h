/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing C that people can read: comments, string literals, lists that fill the line. */
#ifndef QAPIC_GEN_TEXT_H
#define QAPIC_GEN_TEXT_H

#include "qapic/schema.h"

/* Generated lines are no wider than this, in columns. */
#define GEN_WIDTH 100

/* Appends the finished @lines (each ends in \n) as a C comment, indented by @indent blanks; nothing
 * if there are none. */
void gen_comment(GString *out, unsigned indent, const char *lines);

/* Appends @text as a C string literal without breaking it. */
void gen_string(GString *out, const char *text);

/* `#if` and `#endif` around what has the condition @cond; nothing if it always holds. */
void gen_if(GString *out, const SchemaCond *cond);
void gen_endif(GString *out, const SchemaCond *cond);

/* Appends a declaration or call, indented by @lead blanks. Where it is too wide it is broken behind
 * commas, and goes on below what follows its first parenthesis (or, if that is too far right, is
 * broken there). */
void gen_code(GString *out, unsigned lead, const char *line);

/* A comma-separated list that fills lines. Items are appended one by one; each is kept whole. */
typedef struct GenFill {
    GString *out;
    unsigned indent; /* of all lines but the first, in blanks */
    unsigned column;
    bool empty; /* nothing on this line yet */
} GenFill;

/* Starts a list behind the text @open, which begins a line; later lines are indented by @indent. */
GenFill gen_fill_start(GString *out, const char *open, unsigned indent);

/* Appends one item and its comma. */
void gen_fill(GenFill *fill, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Appends `NAME = "text"` and a comma on lines of its own, the literal in pieces that fit. */
void gen_fill_string(GenFill *fill, const char *name, const char *text);

/* Appends whole lines (which end in \n and may be preprocessor directives). */
void gen_fill_lines(GenFill *fill, const char *lines);

/* Ends the list and its line with @close. Drops the last comma if @close is on the same line. */
void gen_fill_end(GenFill *fill, const char *close);

#endif
