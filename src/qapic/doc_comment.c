/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doc comments. Their text comes line by line; what a line at the left margin is depends on its
 * first word and on what was there before:
 *
 *     overview -> descriptions -> Features: and their descriptions -> sections and paragraphs
 *
 * Indented lines belong to the description or section above. After a fault the comment is read on
 * as if it had been meant, so that nothing else is reported because of it.
 */
#include "qapic/doc_comment.h"

#include <string.h>

typedef struct DocParser {
    Parse *parse;
    Lexer *lexer;
    SchemaDoc *doc;
    bool broken;

    /* The current line without "# "; NULL behind the last one. */
    const char *line;
    size_t len;
    SchemaPlace place;
    bool after_blank; /* an empty line stands before */

    /* The text that grows now, and where it goes. */
    GString *text;
    SchemaDocText *part; /* the body, a refused one, or an element of one of the arrays */
    SchemaDocText body, refused;

    GArray *args, *features, *sections; /* SchemaDocText */
    GPtrArray *empty;                   /* SchemaDocText copies: parts without text */
} DocParser;

typedef enum LineKind {
    LINE_TEXT,
    LINE_DESCRIPTION, /* @name: */
    LINE_FEATURES,
    LINE_TAG,
    LINE_HEADING,
} LineKind;

static const char *const tags[] = {"Returns", "Errors", "Since",   "TODO",
                                   "Note",    "Notes",  "Example", "Examples"};
enum { FIRST_OLD_TAG = 4 };

static void error(DocParser *p, SchemaPlace place, DiagCode code, const char *fmt, ...)
    QOM_PRINTF(4, 5);

static void error(DocParser *p, SchemaPlace place, DiagCode code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    diag_error(p->parse->diag, place, code, "%s", text);
}

/* Goes to the next line of the comment. */
static void next_line(DocParser *p)
{
    p->after_blank = p->line && !p->len;
    const char *text = lex_comment_line(p->lexer, &p->len, &p->place);
    p->line = NULL;
    if (!text) {
        if (!p->broken) {
            error(p, p->place, DIAG_DOC_UNTERMINATED,
                  "the doc comment does not end with a line '##'");
            diag_note(p->parse->diag, p->doc->place, "it begins here");
        }
        p->broken = true;
        return;
    }
    if (p->len >= 2 && text[1] == '#') {
        if (p->len > 2) {
            error(p, p->place, DIAG_DOC_JUNK, "'##' ends a doc comment and must stand alone");
        }
        return;
    }
    size_t skip = p->len > 1 ? 2 : 1;
    if (p->len > 1 && text[1] != ' ') {
        error(p, p->place, DIAG_DOC_NO_SPACE, "expected a blank after '#'");
        skip = 1;
    }
    p->line = text + skip;
    p->len -= skip;
}

static size_t indent_of(const DocParser *p)
{
    size_t indent = 0;
    while (indent < p->len && (p->line[indent] == ' ' || p->line[indent] == '\t')) {
        indent++;
    }
    return indent;
}

/* `@NAME:` at the start of the line. *@name_len: of NAME; the text behind begins at *@rest. */
static bool is_description(const DocParser *p, size_t *name_len, size_t *rest)
{
    if (!p->len || *p->line != '@') {
        return false;
    }
    const char *colon = memchr(p->line, ':', p->len);
    if (!colon) {
        return false;
    }
    *name_len = colon - p->line - 1;
    if (p->parse->lax_docs && memchr(p->line, ' ', *name_len + 1)) {
        return false;
    }
    *rest = *name_len + 2;
    while (*rest < p->len && p->line[*rest] == ' ') {
        ++*rest;
    }
    return true;
}

static bool is_tag(const DocParser *p, size_t *tag, size_t *rest)
{
    for (*tag = 0; *tag < G_N_ELEMENTS(tags); ++*tag) {
        size_t len = strlen(tags[*tag]);
        if (p->len > len && !memcmp(p->line, tags[*tag], len) && p->line[len] == ':' &&
            (p->len == len + 1 || p->line[len + 1] != ':')) {
            *rest = len + 1;
            while (*rest < p->len && p->line[*rest] == ' ') {
                ++*rest;
            }
            return true;
        }
    }
    return false;
}

static LineKind line_kind(const DocParser *p)
{
    size_t a, b;
    if (is_description(p, &a, &b)) {
        return LINE_DESCRIPTION;
    }
    if (p->len == 9 && !memcmp(p->line, "Features:", 9)) {
        return LINE_FEATURES;
    }
    if (is_tag(p, &a, &b)) {
        return LINE_TAG;
    }
    return p->len && *p->line == '=' ? LINE_HEADING : LINE_TEXT;
}

/* Stores the text that was collected, without empty lines at its ends. */
static void finish_part(DocParser *p)
{
    const char *start = p->text->str;
    size_t len = p->text->len;
    while (len && *start == '\n') {
        start++;
        len--;
    }
    while (len && start[len - 1] == '\n') {
        len--;
    }
    const char *text = arena_strndup(p->parse->schema->arena, start, len);
    p->part->text = text;
    if (p->part->name && p->part != &p->refused && !len) {
        g_ptr_array_add(p->empty, g_memdup2(p->part, sizeof(*p->part)));
    }
    g_string_truncate(p->text, 0);
}

static void begin_part(DocParser *p, GArray *array, const char *name, size_t name_len)
{
    finish_part(p);
    SchemaDocText part = {
        .name = name ? arena_strndup(p->parse->schema->arena, name, name_len) : NULL,
        .place = p->place,
    };
    g_array_append_val(array, part);
    p->part = &g_array_index(array, SchemaDocText, array->len - 1);
}

/* Adds the current line without its first @skip bytes, and goes to the next. */
static void take_line(DocParser *p, size_t skip)
{
    skip = MIN(skip, p->len);
    g_string_append_len(p->text, p->line + skip, p->len - skip);
    g_string_append_c(p->text, '\n');
    next_line(p);
}

/* A part's first line is followed by text at the left margin. Once that belonged to the part. */
static void take_unindented(DocParser *p)
{
    if (!p->line || p->after_blank || line_kind(p) != LINE_TEXT) {
        return;
    }
    if (!p->parse->lax_docs) {
        diag_warn(p->parse->diag, p->place, DIAG_WARN_DOC_INDENT,
                  "this line is not indented, so it does not belong to '%s'", p->part->name);
        return;
    }
    while (p->line && p->len && line_kind(p) == LINE_TEXT) {
        take_line(p, 0);
    }
}

/* Whether the current line, which is indented less than @indent, ends the part. */
static bool ends_part(DocParser *p, size_t indent)
{
    if (p->parse->lax_docs || p->after_blank || line_kind(p) == LINE_DESCRIPTION) {
        return true;
    }
    error(p, p->place, DIAG_DOC_DEINDENT, "expected an indent of %zu blanks at least", indent);
    diag_hint(p->parse->diag, "an empty line before it would make it a new paragraph");
    return false;
}

/* Takes the rest of a part: the lines that are indented at least as its first indented one. */
static void take_indented(DocParser *p)
{
    while (p->line && !p->len) {
        take_line(p, 0);
    }
    size_t indent = p->line ? indent_of(p) : 0;
    if (!indent) {
        take_unindented(p);
        return;
    }
    while (p->line) {
        if (p->len && indent_of(p) < indent && ends_part(p, indent)) {
            return;
        }
        take_line(p, MIN(indent, indent_of(p)));
    }
}

static const SchemaDocText *find_part(const GArray *array, const char *name, size_t len)
{
    for (guint i = 0; i < array->len; i++) {
        const SchemaDocText *part = &g_array_index(array, SchemaDocText, i);
        if (part->name && strlen(part->name) == len && !memcmp(part->name, name, len)) {
            return part;
        }
    }
    return NULL;
}

/* One `@name: text` with the lines that belong to it. */
static void take_description(DocParser *p, GArray *array)
{
    size_t len, rest;
    is_description(p, &len, &rest);
    const char *name = p->line + 1;
    if (!len) {
        error(p, p->place, DIAG_DOC_BAD_NAME, "a name is missing between '@' and ':'");
    }
    const SchemaDocText *first = len ? find_part(array, name, len) : NULL;
    if (first) {
        error(p, p->place, DIAG_DOC_DUP_NAME, "'%.*s' is described twice", (int)len, name);
        diag_note(p->parse->diag, first->place, "the first description is here");
    }
    if (len && !first) {
        begin_part(p, array, name, len);
    } else {
        finish_part(p);
        p->refused = (SchemaDocText){.name = "it"};
        p->part = &p->refused;
    }
    take_line(p, rest);
    take_indented(p);
}

static void take_descriptions(DocParser *p, GArray *array)
{
    while (p->line && line_kind(p) == LINE_DESCRIPTION) {
        take_description(p, array);
    }
}

static void take_features(DocParser *p)
{
    bool again = p->features->len;
    if (again && !p->parse->lax_docs) {
        error(p, p->place, DIAG_DOC_DUP_FEATURES, "a second line 'Features:'");
    }
    next_line(p);
    while (p->line && !p->len) {
        next_line(p);
    }
    if (p->line && line_kind(p) == LINE_DESCRIPTION) {
        take_descriptions(p, p->features);
    } else if (!again && !p->parse->lax_docs) {
        error(p, p->place, DIAG_DOC_EMPTY_FEATURES,
              "expected descriptions of features after 'Features:'");
    }
}

static bool may_repeat(size_t tag)
{
    return tag >= FIRST_OLD_TAG || !strcmp(tags[tag], "TODO");
}

static void take_section(DocParser *p)
{
    size_t tag, rest;
    is_tag(p, &tag, &rest);
    const SchemaDocText *first = find_part(p->sections, tags[tag], strlen(tags[tag]));
    if (tag >= FIRST_OLD_TAG && !p->parse->lax_docs) {
        error(p, p->place, DIAG_DOC_OLD_SECTION, "sections '%s:' are no more; write '.. %s::'",
              tags[tag], *tags[tag] == 'N' ? "note" : "qmp-example");
    } else if (first && !may_repeat(tag)) {
        error(p, p->place, DIAG_DOC_DUP_SECTION, "a second section '%s:'", tags[tag]);
        diag_note(p->parse->diag, first->place, "the first one is here");
    }
    begin_part(p, p->sections, tags[tag], strlen(tags[tag]));
    take_line(p, rest);
    take_indented(p);
    /* The old comments' examples begin at the margin. */
    while (p->parse->lax_docs && tag >= FIRST_OLD_TAG && p->line && line_kind(p) == LINE_TEXT) {
        take_line(p, 0);
    }
}

/* A paragraph of the body or of what follows the sections, with the empty lines behind it. */
static void take_paragraph(DocParser *p, bool in_body)
{
    if (!in_body && p->part->name) {
        begin_part(p, p->sections, NULL, 0);
    }
    do {
        if (*p->line == '=') {
            error(p, p->place, DIAG_DOC_HEADING, "a heading in the doc comment of a definition");
        }
        take_line(p, 0);
    } while (p->line && p->len && !(p->parse->lax_docs && line_kind(p) != LINE_TEXT));
}

static void parse_definition(DocParser *p)
{
    bool in_body = true;
    bool no_more_args = false;
    while (p->line) {
        if (!p->len) {
            take_line(p, 0);
            continue;
        }
        LineKind kind = line_kind(p);
        switch (kind) {
        case LINE_DESCRIPTION:
            if (no_more_args) {
                error(p, p->place, DIAG_DOC_ORDER,
                      "descriptions must not come after sections or other text");
            }
            take_descriptions(p, p->args);
            break;
        case LINE_FEATURES: take_features(p); break;
        case LINE_TAG: take_section(p); break;
        case LINE_HEADING:
        case LINE_TEXT: take_paragraph(p, in_body); continue;
        }
        in_body = false;
        no_more_args = true;
    }
}

static void parse_free_form(DocParser *p)
{
    for (bool first = !p->after_blank; p->line; first = false) {
        LineKind kind = line_kind(p);
        if (kind == LINE_DESCRIPTION) {
            error(p, p->place, DIAG_DOC_FREEFORM_ARG,
                  "free-form text can't describe a member: no line may begin with '@name:'");
        } else if (kind == LINE_HEADING && !first && !p->parse->lax_docs) {
            error(p, p->place, DIAG_DOC_HEADING, "a heading must be the first line");
        }
        take_line(p, 0);
    }
}

/* The first text line of a definition's doc comment. Returns false if it is none. */
static bool parse_symbol(DocParser *p)
{
    if (!p->line || !p->len || *p->line != '@') {
        return false;
    }
    p->doc->symbol_place = p->place;
    bool colon = p->line[p->len - 1] == ':';
    if (!colon) {
        error(p, p->place, DIAG_DOC_NO_COLON,
              "expected '@NAME:' and nothing else in the first line");
        p->broken = true;
    } else if (p->len == 2) {
        error(p, p->place, DIAG_DOC_NO_NAME, "expected the definition's name after '@'");
        p->broken = true;
    }
    p->doc->symbol = arena_strndup(p->parse->schema->arena, p->line + 1, p->len - (colon ? 2 : 1));
    next_line(p);
    return true;
}

static bool is_tag_name(const char *name, bool old)
{
    for (size_t i = old ? FIRST_OLD_TAG : 0; i < G_N_ELEMENTS(tags); i++) {
        if (!strcmp(tags[i], name)) {
            return true;
        }
    }
    return false;
}

/* Descriptions (names are never tags) may be empty in old comments; old sections were reported. */
static void report_empty(DocParser *p)
{
    for (guint i = 0; i < p->empty->len; i++) {
        const SchemaDocText *part = p->empty->pdata[i];
        if (p->parse->lax_docs ? is_tag_name(part->name, false) : !is_tag_name(part->name, true)) {
            error(p, part->place, DIAG_DOC_EMPTY_SECTION, "'%s' has no text", part->name);
        }
    }
}

static SchemaDocTexts to_texts(DocParser *p, GArray *array)
{
    SchemaDocTexts texts = {.count = array->len};
    texts.list = arena_new0(p->parse->schema->arena, SchemaDocText, array->len);
    if (array->len) {
        memcpy(texts.list, array->data, array->len * sizeof(SchemaDocText));
    }
    return texts;
}

/* The current token is the opening `##`. */
static void parse_comment(DocParser *p)
{
    size_t len;
    lex_comment_line(p->lexer, &len, &p->doc->place);
    if (len > 2) {
        error(p, p->doc->place, DIAG_DOC_JUNK, "'##' begins a doc comment and must stand alone");
        p->broken = true;
    }
    next_line(p);
    while (p->line && !p->len) {
        next_line(p);
    }
    if (parse_symbol(p)) {
        parse_definition(p);
    } else {
        parse_free_form(p);
    }
    finish_part(p);
    report_empty(p);
}

SchemaDoc *doc_comment_parse(Parse *parse, Lexer *lexer, bool *broken)
{
    DocParser p = {
        .parse = parse,
        .lexer = lexer,
        .doc = arena_new0(parse->schema->arena, SchemaDoc, 1),
        .text = g_string_new(NULL),
        .args = g_array_new(FALSE, FALSE, sizeof(SchemaDocText)),
        .features = g_array_new(FALSE, FALSE, sizeof(SchemaDocText)),
        .sections = g_array_new(FALSE, FALSE, sizeof(SchemaDocText)),
        .empty = g_ptr_array_new_with_free_func(g_free),
    };
    p.part = &p.body;
    parse_comment(&p);
    p.doc->body = p.body.text;
    p.doc->args = to_texts(&p, p.args);
    p.doc->features = to_texts(&p, p.features);
    p.doc->sections = to_texts(&p, p.sections);
    g_string_free(p.text, TRUE);
    g_array_free(p.args, TRUE);
    g_array_free(p.features, TRUE);
    g_array_free(p.sections, TRUE);
    g_ptr_array_free(p.empty, TRUE);
    *broken = p.broken;
    lex_next(lexer);
    return p.doc;
}

void doc_comment_skip(Lexer *lexer)
{
    size_t len;
    SchemaPlace place;
    lex_comment_line(lexer, &len, &place);
    for (const char *line; (line = lex_comment_line(lexer, &len, &place));) {
        if (len >= 2 && line[1] == '#') {
            break;
        }
    }
}
