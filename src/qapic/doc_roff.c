/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/doc_roff.h"

#include <string.h>

/* Source lines are no longer than this, in columns. */
#define ROFF_WIDTH 80

/* roff would make typographic quotes and hyphens of these; in literals they are to be copied. */
static void escape_roff(GString *out, const char *text, size_t len, bool literal)
{
    for (size_t i = 0; i < len; i++) {
        const char *special = NULL;

        switch (text[i]) {
        case '\\': special = "\\e"; break;
        case '-': special = literal ? "\\-" : "-"; break;
        case '\'': special = "\\(aq"; break;
        case '`': special = "\\(ga"; break;
        case '^': special = "\\(ha"; break;
        case '~': special = "\\(ti"; break;
        case '"': special = "\\(dq"; break;
        default: break;
        }
        if (special != NULL) {
            g_string_append(out, special);
        } else {
            g_string_append_c(out, text[i]);
        }
    }
}

static const DocStyle style_roff = {
    .literal = {"\\fB", "\\fR"},
    .emphasis = {"\\fI", "\\fR"},
    .strong = {"\\fB", "\\fR"},
    .escape = escape_roff,
};

char *roff_inline(const char *text)
{
    GString *out = g_string_new(NULL);

    doc_inline(out, text, &style_roff);
    return g_string_free(out, FALSE);
}

char *roff_escape(const char *text)
{
    GString *out = g_string_new(NULL);

    escape_roff(out, text, strlen(text), true);
    return g_string_free(out, FALSE);
}

void roff_lines(Roff *roff, const char *fmt, ...)
{
    va_list args;

    for (; roff->pending_indents > 0; roff->pending_indents--) {
        g_string_append(roff->out, ".RS\n");
    }
    va_start(args, fmt);
    g_string_append_vprintf(roff->out, fmt, args);
    va_end(args);
}

void roff_section(Roff *roff, const char *title)
{
    roff_lines(roff, ".SH %s\n", title);
    roff->fresh = true;
}

void roff_subsection(Roff *roff, const char *title)
{
    roff_lines(roff, ".SS %s\n", title);
    roff->fresh = true;
}

void roff_text(Roff *roff, const char *text)
{
    g_autoptr(GString) wrapped = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;

    doc_wrap(wrapped, text, "", 0, ROFF_WIDTH);
    lines = g_strsplit(wrapped->str, "\n", -1);
    for (unsigned i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] != '\0') {
            /* A dot at the start of a line would be a macro's. */
            roff_lines(roff, "%s%s\n", lines[i][0] == '.' ? "\\&" : "", lines[i]);
        }
    }
    roff->fresh = false;
}

void roff_paragraph(Roff *roff)
{
    if (!roff->fresh) {
        roff_lines(roff, ".PP\n");
    }
    roff->fresh = true;
}

void roff_term(Roff *roff, const char *term)
{
    roff_lines(roff, ".TP\n%s\n", term);
    roff->fresh = true;
}

void roff_indent(Roff *roff)
{
    roff->pending_indents++;
    roff->fresh = true;
}

void roff_outdent(Roff *roff)
{
    if (roff->pending_indents > 0) {
        roff->pending_indents--;
    } else {
        roff_lines(roff, ".RE\n");
    }
    roff->fresh = false;
}

void roff_literal(Roff *roff, const char *lines)
{
    g_auto(GStrv) list = g_strsplit(lines, "\n", -1);
    unsigned count = g_strv_length(list);

    while (count > 0 && list[count - 1][0] == '\0') {
        count--;
    }
    if (count == 0) {
        return;
    }
    roff_paragraph(roff);
    roff_lines(roff, ".nf\n");
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *line = roff_escape(list[i]);
        roff_lines(roff, "%s%s\n", line[0] == '.' ? "\\&" : "", line);
    }
    roff_lines(roff, ".fi\n");
    roff->fresh = false;
}

static void put_block(Roff *roff, const DocBlock *block)
{
    g_autofree char *text =
        block->text == NULL || block->kind == DOC_LITERAL ? NULL : roff_inline(block->text);
    g_autofree char *label = block->label == NULL ? NULL : roff_escape(block->label);

    switch (block->kind) {
    case DOC_PARAGRAPH:
        roff_paragraph(roff);
        roff_text(roff, text);
        break;
    case DOC_ITEM:
        if (g_str_equal(block->label, "-")) {
            roff_lines(roff, ".IP \\(bu 2\n");
        } else {
            roff_lines(roff, ".IP %s 4\n", label);
        }
        roff_text(roff, text);
        break;
    case DOC_TERM:
        roff_paragraph(roff);
        roff_text(roff, text);
        break;
    case DOC_NOTE: {
        g_autofree char *head = g_strdup_printf("\\fI%s\\fR:", label);
        roff_paragraph(roff);
        roff_text(roff, head);
        break;
    }
    case DOC_LITERAL: roff_literal(roff, block->text); break;
    case DOC_HEADING: {
        g_autofree char *head = g_strdup_printf("\\fB%s\\fR", text);
        roff_paragraph(roff);
        roff_text(roff, head);
        break;
    }
    }
}

static void put_blocks(Roff *roff, const GPtrArray *blocks, guint from)
{
    unsigned depth = 0;

    for (guint i = from; i < blocks->len; i++) {
        const DocBlock *block = g_ptr_array_index(blocks, i);
        unsigned wanted = block->kind == DOC_HEADING ? 0 : block->depth;

        for (; depth < wanted; depth++) {
            roff_indent(roff);
        }
        for (; depth > wanted; depth--) {
            roff_outdent(roff);
        }
        put_block(roff, block);
    }
    for (; depth > 0; depth--) {
        roff_outdent(roff);
    }
}

void roff_blocks(Roff *roff, const char *text, bool in_term)
{
    g_autoptr(GPtrArray) blocks = doc_parse(text);
    guint from = 0;

    if (!in_term) {
        put_blocks(roff, blocks, 0);
        return;
    }
    if (blocks->len > 0) {
        const DocBlock *first = g_ptr_array_index(blocks, 0);
        if (first->kind == DOC_PARAGRAPH) {
            g_autofree char *run = roff_inline(first->text);
            roff_text(roff, run);
            from = 1;
        }
    }
    if (from < blocks->len) {
        roff_indent(roff);
        put_blocks(roff, blocks, from);
        roff_outdent(roff);
    }
}
