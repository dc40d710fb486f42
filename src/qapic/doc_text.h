/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text of doc comments: the subset of reStructuredText that schemas use, taken apart into
 * blocks (paragraphs, list items, literal lines ...) and, within a block, into runs of plain,
 * literal, emphasised and bold text. Headers, tables and documents all start from here.
 */
#ifndef QAPIC_DOC_TEXT_H
#define QAPIC_DOC_TEXT_H

#include <glib.h>
#include <stdbool.h>

typedef enum DocBlockKind {
    DOC_PARAGRAPH,
    DOC_ITEM,    /* of a list; `label` is "-" or the number as written ("1.") */
    DOC_TERM,    /* what the deeper blocks that follow define */
    DOC_NOTE,    /* `label` ("Note") is the head of the deeper blocks that follow */
    DOC_LITERAL, /* lines to be kept as they are */
    DOC_HEADING, /* `= Title` of free-form text */
} DocBlockKind;

typedef struct DocBlock {
    DocBlockKind kind;
    unsigned depth; /* of nesting; 0 at the left; of a heading: its number of `=` */
    char *label;
    char *text; /* one line with its markup; of DOC_LITERAL: lines that end in \n */
} DocBlock;

/* The blocks of @text (may be NULL) as a new array of DocBlock *, which owns them. */
GPtrArray *doc_parse(const char *text);

/* How runs of text look in one kind of document. */
typedef struct DocStyle {
    const char *literal[2]; /* put before and after it */
    const char *emphasis[2];
    const char *strong[2];
    /* Appends @len bytes of @text so that they mean themselves; @literal: within a literal. */
    void (*escape)(GString *out, const char *text, size_t len, bool literal);
} DocStyle;

/* Text without any markup. */
extern const DocStyle doc_style_plain;

/* Appends the runs of @text, the text of one block, in @style. */
void doc_inline(GString *out, const char *text, const DocStyle *style);

/* Appends @text as plain lines of at most @width columns that end in \n; blocks are kept apart. */
void doc_plain_lines(GString *out, const char *text, unsigned width);

/* The first paragraph of @text as one plain line; NULL if there is none. Returns a new string. */
char *doc_first_paragraph(const char *text);

/* Appends the words of @text in lines of at most @width columns that end in \n; the first line gets
 * @first in front (which may be as wide as @indent at most), later ones @indent blanks. */
void doc_wrap(GString *out, const char *text, const char *first, unsigned indent, unsigned width);

#endif
