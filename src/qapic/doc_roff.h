/* SPDX-License-Identifier: BSD-3-Clause */
/* Manual pages in the macros of man(7), as mandoc and groff both take them without a warning. */
#ifndef QAPIC_DOC_ROFF_H
#define QAPIC_DOC_ROFF_H

#include "qapic/doc_text.h"

typedef struct Roff {
    GString *out;
    bool fresh; /* just behind a heading or the start of an indent: no paragraph macro here */
    unsigned pending_indents; /* written with the first thing that is indented: none is empty */
} Roff;

/* The runs of @text in roff. Returns a new string. */
char *roff_inline(const char *text);

/* @text, which has no markup, in roff. Returns a new string. */
char *roff_escape(const char *text);

/* Appends whole lines of roff. */
void roff_lines(Roff *roff, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* `.SH` and `.SS`. */
void roff_section(Roff *roff, const char *title);
void roff_subsection(Roff *roff, const char *title);

/* Lines of running text, already in roff, in the current paragraph. */
void roff_text(Roff *roff, const char *text);

/* Starts a new paragraph. */
void roff_paragraph(Roff *roff);

/* Starts an entry of a list of terms; @term is in roff. The text that follows is its body. */
void roff_term(Roff *roff, const char *term);

/* What stands between is indented below the entry. */
void roff_indent(Roff *roff);
void roff_outdent(Roff *roff);

/* Lines to be kept as they are, without markup. */
void roff_literal(Roff *roff, const char *lines);

/* The blocks of @text (reStructuredText, may be NULL). In an entry of a list (@in_term), its first
 * paragraph goes behind the term and the others below. */
void roff_blocks(Roff *roff, const char *text, bool in_term);

#endif
