/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of reStructuredText. The text is cut into lines; a recursive walk over them looks at the
 * line at hand to tell what starts there, and takes all lines that are indented deeper as its
 * content. What is not known is a paragraph: no text is ever lost or refused.
 */
#include "qapic/doc_text.h"

#include <string.h>

typedef struct Parse {
    char **lines;
    GPtrArray *blocks;
} Parse;

static void parse_lines(Parse *parse, unsigned from, unsigned to, unsigned depth);

static void doc_block_free(void *data)
{
    DocBlock *block = data;

    g_free(block->label);
    g_free(block->text);
    g_free(block);
}

static void add_block(Parse *parse, DocBlockKind kind, unsigned depth, char *label, char *text)
{
    DocBlock *block = g_new0(DocBlock, 1);

    *block = (DocBlock){.kind = kind, .depth = depth, .label = label, .text = text};
    g_ptr_array_add(parse->blocks, block);
}

static unsigned indent_of(const char *line)
{
    return (unsigned)strspn(line, " \t");
}

static bool is_blank(const char *line)
{
    return line[indent_of(line)] == '\0';
}

/* The end of the lines from @from that are blank or indented by more than @indent, without the
 * blank ones at the end. */
static unsigned end_of_body(const Parse *parse, unsigned from, unsigned to, unsigned indent)
{
    unsigned end = from;

    for (unsigned i = from; i < to; i++) {
        if (is_blank(parse->lines[i])) {
            continue;
        }
        if (indent_of(parse->lines[i]) <= indent) {
            break;
        }
        end = i + 1;
    }
    return end;
}

static void add_literal(Parse *parse, unsigned from, unsigned to, unsigned depth)
{
    GString *text = g_string_new(NULL);
    unsigned indent = UINT_MAX;

    while (from < to && is_blank(parse->lines[from])) {
        from++;
    }
    for (unsigned i = from; i < to; i++) {
        if (!is_blank(parse->lines[i])) {
            indent = MIN(indent, indent_of(parse->lines[i]));
        }
    }
    for (unsigned i = from; i < to; i++) {
        const char *line = parse->lines[i];
        g_string_append_printf(text, "%s\n", is_blank(line) ? "" : line + indent);
    }
    if (text->len == 0) {
        g_string_free(text, TRUE);
        return;
    }
    add_block(parse, DOC_LITERAL, depth, NULL, g_string_free(text, FALSE));
}

/* The lines' words, one blank between lines. */
static char *join_lines(const Parse *parse, unsigned from, unsigned to, unsigned skip)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = from; i < to; i++) {
        g_autofree char *line = g_strdup(parse->lines[i] + (i == from ? skip : 0));
        g_strstrip(line);
        g_string_append_printf(text, "%s%s", i > from && text->len > 0 ? " " : "", line);
    }
    return g_string_free(text, FALSE);
}

/* The length of a list item's marker with the blanks behind it; 0: no marker. */
static unsigned marker_length(const char *text)
{
    unsigned len = 0;

    if (strchr("-*+", text[0]) != NULL && text[0] != '\0') {
        len = 1;
    } else {
        len = text[0] == '#' ? 1 : (unsigned)strspn(text, "0123456789");
        if (len == 0 || len > 3 || (text[len] != '.' && text[len] != ')')) {
            return 0;
        }
        len++;
    }
    if (text[len] != ' ') {
        return 0;
    }
    return len + (unsigned)strspn(text + len, " ");
}

/* A directive's name if @text is `.. name:: rest`; *@rest is what follows. */
static char *directive_name(const char *text, const char **rest)
{
    const char *end;

    if (!g_str_has_prefix(text, ".. ")) {
        return NULL;
    }
    text += 3 + strspn(text + 3, " ");
    end = strstr(text, "::");
    if (end == NULL || end == text || strcspn(text, " ") < (size_t)(end - text)) {
        return NULL;
    }
    *rest = end + 2 + strspn(end + 2, " ");
    return g_strndup(text, (gsize)(end - text));
}

static bool is_one_of(const char *name, const char *const *list)
{
    return name != NULL && g_strv_contains(list, name);
}

/* Options (`:title: Text`) stand at the top of a directive's body. Returns where they end. */
static unsigned skip_options(const Parse *parse, unsigned from, unsigned to, char **title)
{
    while (from < to) {
        const char *line = parse->lines[from] + indent_of(parse->lines[from]);
        if (line[0] != ':') {
            break;
        }
        if (g_str_has_prefix(line, ":title:")) {
            g_free(*title);
            *title = g_strstrip(g_strdup(line + strlen(":title:")));
        }
        from++;
    }
    return from;
}

/* `.. note::` and its like: a label, and the body one step deeper. */
static void parse_note(Parse *parse, unsigned at, unsigned end, unsigned depth, const char *name,
                       const char *rest)
{
    bool own_title = g_str_equal(name, "admonition");
    char *label = g_strdup(own_title && rest[0] != '\0' ? rest : name);

    if (!own_title) {
        label[0] = g_ascii_toupper(label[0]);
    }
    add_block(parse, DOC_NOTE, depth, label, NULL);
    if (!own_title && rest[0] != '\0') {
        unsigned next = at + 1;
        while (next < end && !is_blank(parse->lines[next])) {
            next++;
        }
        unsigned skip = (unsigned)(rest - parse->lines[at]);
        add_block(parse, DOC_PARAGRAPH, depth + 1, NULL, join_lines(parse, at, next, skip));
        at = next - 1;
    }
    parse_lines(parse, at + 1, end, depth + 1);
}

/* A line that starts with `.. `: a directive, or a comment or target, which readers never see.
 * Returns the line behind it. */
static unsigned parse_explicit(Parse *parse, unsigned at, unsigned to, unsigned depth)
{
    static const char *const notes[] = {"note",    "warning", "caution",    "important",
                                        "tip",     "hint",    "danger",     "attention",
                                        "seealso", "error",   "admonition", NULL};
    static const char *const literals[] = {"code-block", "code",           "highlight",
                                           "math",       "parsed-literal", NULL};
    unsigned indent = indent_of(parse->lines[at]);
    unsigned end = MAX(end_of_body(parse, at + 1, to, indent), at + 1);
    const char *rest = "";
    g_autofree char *name = directive_name(parse->lines[at] + indent, &rest);

    if (is_one_of(name, notes)) {
        parse_note(parse, at, end, depth, name, rest);
    } else if (is_one_of(name, literals)) {
        g_autofree char *title = NULL;
        add_literal(parse, skip_options(parse, at + 1, end, &title), end, depth);
    } else if (g_strcmp0(name, "qmp-example") == 0) {
        char *title = NULL;
        unsigned body = skip_options(parse, at + 1, end, &title);
        g_autofree char *label =
            title == NULL ? g_strdup("Example") : g_strconcat("Example: ", title, NULL);
        g_free(title);
        add_block(parse, DOC_NOTE, depth, g_steal_pointer(&label), NULL);
        add_literal(parse, body, end, depth + 1);
    }
    return end;
}

/* Returns the line behind the item. */
static unsigned parse_item(Parse *parse, unsigned at, unsigned to, unsigned depth, unsigned marker)
{
    const char *line = parse->lines[at];
    unsigned indent = indent_of(line);
    unsigned end = MAX(end_of_body(parse, at + 1, to, indent), at + 1);
    unsigned next = at + 1;
    g_autofree char *label = g_strstrip(g_strndup(line + indent, marker));

    if (strchr("*+", label[0]) != NULL) {
        label[0] = '-';
    }
    /* The item's first paragraph is its text; the rest of the body are blocks below it. */
    while (next < end && !is_blank(parse->lines[next]) &&
           marker_length(parse->lines[next] + indent_of(parse->lines[next])) == 0) {
        next++;
    }
    add_block(parse, DOC_ITEM, depth, g_steal_pointer(&label),
              join_lines(parse, at, next, indent + marker));
    parse_lines(parse, next, end, depth + 1);
    return end;
}

/* Lines that mean what they are: tables, line blocks, and bare QMP. */
static bool is_literal_line(const char *text)
{
    return g_str_has_prefix(text, "->") || g_str_has_prefix(text, "<-") ||
           g_str_has_prefix(text, "| ") || g_str_has_prefix(text, "+-") ||
           g_str_has_prefix(text, "+=") || g_str_has_prefix(text, "===");
}

/* The end of the paragraph at @at: the next blank line, or the next thing that is no paragraph. */
static unsigned end_of_paragraph(const Parse *parse, unsigned at, unsigned to)
{
    unsigned end = at + 1;

    while (end < to && !is_blank(parse->lines[end])) {
        const char *text = parse->lines[end] + indent_of(parse->lines[end]);
        if (g_str_has_prefix(text, ".. ") || is_literal_line(text)) {
            break;
        }
        end++;
    }
    return end;
}

/* Returns the line behind the paragraph, and behind the literal block that it announces. */
static unsigned parse_paragraph(Parse *parse, unsigned at, unsigned to, unsigned depth)
{
    unsigned indent = indent_of(parse->lines[at]);
    unsigned end = end_of_paragraph(parse, at, to);
    char *text;
    size_t len;

    if (end > at + 1 && indent_of(parse->lines[at + 1]) > indent) {
        end = end_of_body(parse, at + 1, to, indent);
        add_block(parse, DOC_TERM, depth, NULL, join_lines(parse, at, at + 1, 0));
        parse_lines(parse, at + 1, end, depth + 1);
        return end;
    }
    text = join_lines(parse, at, end, 0);
    len = strlen(text);
    if (!g_str_has_suffix(text, "::")) {
        add_block(parse, DOC_PARAGRAPH, depth, NULL, text);
        return end;
    }
    if (len == 2) {
        g_free(text);
    } else {
        text[len - 1] = '\0';
        add_block(parse, DOC_PARAGRAPH, depth, NULL, text);
    }
    to = MAX(end_of_body(parse, end, to, indent), end);
    add_literal(parse, end, to, depth + 1);
    return to;
}

/* `= Title`; returns the number of `=`, 0 for any other line. */
static unsigned heading_level(const char *line)
{
    unsigned level = (unsigned)strspn(line, "=");

    return level > 0 && level < 6 && line[level] == ' ' ? level : 0;
}

static void parse_lines(Parse *parse, unsigned from, unsigned to, unsigned depth)
{
    unsigned left = UINT_MAX;

    while (from < to) {
        const char *line = parse->lines[from];
        unsigned indent = indent_of(line);
        unsigned marker = marker_length(line + indent);

        if (is_blank(line)) {
            from++;
            continue;
        }
        left = MIN(left, indent);
        if (indent > left) {
            unsigned end = end_of_body(parse, from, to, left);
            parse_lines(parse, from, end, depth + 1);
            from = end;
        } else if (heading_level(line) > 0) {
            unsigned level = heading_level(line);
            add_block(parse, DOC_HEADING, level, NULL, g_strstrip(g_strdup(line + level)));
            from++;
        } else if (g_str_has_prefix(line + indent, ".. ")) {
            from = parse_explicit(parse, from, to, depth);
        } else if (is_literal_line(line + indent)) {
            unsigned end = from;
            while (end < to && !is_blank(parse->lines[end])) {
                end++;
            }
            add_literal(parse, from, end, depth);
            from = end;
        } else if (marker > 0) {
            from = parse_item(parse, from, to, depth, marker);
        } else {
            from = parse_paragraph(parse, from, to, depth);
        }
    }
}

GPtrArray *doc_parse(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text == NULL ? "" : text, "\n", -1);
    Parse parse = {.lines = lines, .blocks = g_ptr_array_new_with_free_func(doc_block_free)};

    parse_lines(&parse, 0, g_strv_length(lines), 0);
    return parse.blocks;
}

char *doc_first_paragraph(const char *text)
{
    g_autoptr(GPtrArray) blocks = doc_parse(text);

    for (guint i = 0; i < blocks->len; i++) {
        const DocBlock *block = g_ptr_array_index(blocks, i);
        if (block->kind == DOC_PARAGRAPH || block->kind == DOC_TERM) {
            GString *out = g_string_new(NULL);
            doc_inline(out, block->text, &doc_style_plain);
            return g_string_free(out, FALSE);
        }
    }
    return NULL;
}

void doc_plain_lines(GString *out, const char *text, unsigned width)
{
    g_autoptr(GPtrArray) blocks = doc_parse(text);

    for (guint i = 0; i < blocks->len; i++) {
        const DocBlock *block = g_ptr_array_index(blocks, i);
        const DocBlock *before = i > 0 ? g_ptr_array_index(blocks, i - 1) : NULL;
        g_autoptr(GString) run = g_string_new(NULL);
        unsigned indent = block->kind == DOC_HEADING ? 0 : block->depth * 2;
        g_autofree char *blanks = g_strnfill(indent, ' ');

        if (before != NULL && (block->kind != DOC_ITEM || before->kind != DOC_ITEM) &&
            before->kind != DOC_TERM && before->kind != DOC_NOTE) {
            g_string_append_c(out, '\n');
        }
        if (block->kind == DOC_LITERAL) {
            g_auto(GStrv) lines = g_strsplit(block->text, "\n", -1);
            for (unsigned k = 0; lines[k] != NULL && lines[k + 1] != NULL; k++) {
                g_string_append_printf(out, "%s%s\n", lines[k][0] == '\0' ? "" : blanks, lines[k]);
            }
            continue;
        }
        if (block->kind == DOC_NOTE) {
            g_string_append_printf(out, "%s%s:\n", blanks, block->label);
            continue;
        }
        doc_inline(run, block->text, &doc_style_plain);
        if (block->kind == DOC_ITEM) {
            g_autofree char *first = g_strdup_printf("%s%s ", blanks, block->label);
            doc_wrap(out, run->str, first, indent + (unsigned)strlen(block->label) + 1, width);
        } else {
            doc_wrap(out, run->str, blanks, indent, width);
        }
    }
}
