/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/gen_text.h"

#include "qapic/cond.h"

#include <string.h>

static void append_blanks(GString *out, unsigned count)
{
    static const char blanks[] = "                ";

    while (count > 0) {
        unsigned some = MIN(count, (unsigned)sizeof(blanks) - 1);
        g_string_append_len(out, blanks, some);
        count -= some;
    }
}

/* Appends a line of a comment so that it neither ends the comment nor starts another. */
static void append_comment_text(GString *out, const char *line)
{
    while (*line != '\0') {
        size_t len = strcspn(line, "*/");
        bool mark = (line[len] == '*' && line[len + 1] == '/') ||
                    (line[len] == '/' && line[len + 1] == '*');

        len += line[len] != '\0';
        g_string_append_len(out, line, (gssize)len);
        if (mark) {
            g_string_append_c(out, ' ');
        }
        line += len;
    }
}

void gen_comment(GString *out, unsigned indent, const char *lines)
{
    g_auto(GStrv) list = g_strsplit(lines, "\n", -1);
    unsigned count = g_strv_length(list);

    if (count < 2) {
        return;
    }
    count--; /* behind the last \n */
    if (count == 1 && indent + 6 + (size_t)g_utf8_strlen(list[0], -1) <= GEN_WIDTH) {
        append_blanks(out, indent);
        g_string_append(out, "/* ");
        append_comment_text(out, list[0]);
        g_string_append(out, " */\n");
        return;
    }
    append_blanks(out, indent);
    g_string_append(out, "/*\n");
    for (unsigned i = 0; i < count; i++) {
        append_blanks(out, indent);
        g_string_append(out, list[i][0] == '\0' ? " *" : " * ");
        append_comment_text(out, list[i]);
        g_string_append_c(out, '\n');
    }
    append_blanks(out, indent);
    g_string_append(out, " */\n");
}

/* Whether @c needs a backslash in front; `?` does so that no trigraph arises. */
static bool is_escaped(char c)
{
    return c == '"' || c == '\\' || c == '?';
}

/* The columns that the byte @c takes in a literal: UTF-8 is left as it is. */
static unsigned literal_columns(char c)
{
    if ((c & 0xc0) == 0x80) {
        return 0;
    }
    if (g_ascii_iscntrl(c)) {
        return 4;
    }
    return is_escaped(c) ? 2 : 1;
}

static void append_string(GString *out, const char *text, size_t len)
{
    const char *end = text + len;

    g_string_append_c(out, '"');
    while (text < end) {
        const char *plain = text;
        while (plain < end && !is_escaped(*plain) && !g_ascii_iscntrl(*plain)) {
            plain++;
        }
        g_string_append_len(out, text, plain - text);
        text = plain;
        if (text < end && g_ascii_iscntrl(*text)) {
            g_string_append_printf(out, "\\%03o", (unsigned char)*text++);
        } else if (text < end) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, *text++);
        }
    }
    g_string_append_c(out, '"');
}

void gen_string(GString *out, const char *text)
{
    append_string(out, text, strlen(text));
}

void gen_if(GString *out, const SchemaCond *cond)
{
    g_autofree char *text = cond_to_c(cond);

    if (text != NULL) {
        g_string_append_printf(out, "#if %s\n", text);
    }
}

void gen_endif(GString *out, const SchemaCond *cond)
{
    if (cond != NULL) {
        g_string_append(out, "#endif\n");
    }
}

/* The length of the longest of the parts between ", ", with its comma. */
static size_t longest_part(const char *line)
{
    size_t longest = 0;

    while (true) {
        const char *comma = strstr(line, ", ");
        size_t len = comma == NULL ? strlen(line) : (size_t)(comma - line) + 1;

        longest = MAX(longest, len);
        if (comma == NULL) {
            return longest;
        }
        line = comma + 2;
    }
}

void gen_code(GString *out, unsigned lead, const char *line)
{
    size_t open = strcspn(line, "(");
    unsigned indent = lead + (unsigned)open + 1;
    unsigned column = lead;
    bool fresh = true;

    append_blanks(out, lead);
    if (line[open] == '(' && lead + strlen(line) > GEN_WIDTH &&
        indent + longest_part(line + open + 1) > GEN_WIDTH) {
        indent = lead + 4;
        g_string_append_len(out, line, (gssize)open + 1);
        g_string_append_c(out, '\n');
        append_blanks(out, indent);
        line += open + 1;
        column = indent;
    }
    while (*line != '\0') {
        const char *comma = strstr(line, ", ");
        size_t len = comma == NULL ? strlen(line) : (size_t)(comma - line) + 1;

        if (!fresh && column + 1 + len > GEN_WIDTH) {
            g_string_append_c(out, '\n');
            append_blanks(out, indent);
            column = indent;
        } else if (!fresh) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append_len(out, line, (gssize)len);
        column += (unsigned)len;
        line += len + (comma == NULL ? 0 : 1);
        fresh = false;
    }
    g_string_append_c(out, '\n');
}

GenFill gen_fill_start(GString *out, const char *open, unsigned indent)
{
    g_string_append(out, open);
    return (GenFill){.out = out, .indent = indent, .column = (unsigned)strlen(open), .empty = true};
}

static void break_line(GenFill *fill)
{
    g_string_append_c(fill->out, '\n');
    append_blanks(fill->out, fill->indent);
    fill->column = fill->indent;
    fill->empty = true;
}

static void begin_item(GenFill *fill, unsigned columns)
{
    if (fill->column == 0) {
        append_blanks(fill->out, fill->indent);
        fill->column = fill->indent;
    } else if (!fill->empty && fill->column + 1 + columns > GEN_WIDTH) {
        break_line(fill);
    }
    if (!fill->empty) {
        g_string_append_c(fill->out, ' ');
        fill->column++;
    }
    fill->empty = false;
}

void gen_fill(GenFill *fill, const char *fmt, ...)
{
    g_autofree char *long_text = NULL;
    char short_text[128];
    const char *text = short_text;
    unsigned columns;
    va_list args;

    va_start(args, fmt);
    if (g_vsnprintf(short_text, sizeof(short_text), fmt, args) >= (int)sizeof(short_text)) {
        va_end(args);
        va_start(args, fmt);
        long_text = g_strdup_vprintf(fmt, args);
        text = long_text;
    }
    va_end(args);
    columns = (unsigned)g_utf8_strlen(text, -1);
    begin_item(fill, columns + 2); /* two for the comma and what may close the list */
    g_string_append(fill->out, text);
    g_string_append_c(fill->out, ',');
    fill->column += columns + 1;
}

/* How many bytes of @text make a piece of a literal of at most @room columns: whole words. */
static size_t take_piece(const char *text, unsigned room)
{
    unsigned columns = 0;
    size_t last_word = 0;

    for (size_t i = 0; text[i] != '\0'; i++) {
        columns += literal_columns(text[i]);
        if (columns > room && last_word > 0) {
            return last_word;
        }
        if (text[i] == ' ') {
            last_word = i + 1;
        }
    }
    return strlen(text);
}

void gen_fill_string(GenFill *fill, const char *name, const char *text)
{
    unsigned indent = fill->indent + (unsigned)strlen(name) + 3;
    unsigned room = GEN_WIDTH - indent - 5; /* quotes, the comma, what may close the list */
    size_t all = take_piece(text, room);

    if (!fill->empty && text[all] == '\0') {
        /* on this line, if it fits */
        begin_item(fill, (unsigned)(strlen(name) + 3 + all + 5));
    } else if (!fill->empty) {
        break_line(fill);
    } else {
        begin_item(fill, 0);
    }
    g_string_append(fill->out, name);
    g_string_append(fill->out, " = ");
    for (size_t len = all;; len = take_piece(text, room)) {
        append_string(fill->out, text, len);
        text += len;
        if (*text == '\0') {
            break;
        }
        g_string_append_c(fill->out, '\n');
        append_blanks(fill->out, indent);
    }
    g_string_append_c(fill->out, ',');
    fill->column = GEN_WIDTH;
    fill->empty = false;
}

void gen_fill_lines(GenFill *fill, const char *lines)
{
    if (fill->column > 0) {
        g_string_append_c(fill->out, '\n');
    }
    g_string_append(fill->out, lines);
    fill->column = 0;
    fill->empty = true;
}

void gen_fill_end(GenFill *fill, const char *close)
{
    bool same_line = close[0] != '\n' && fill->column > 0;

    if (same_line && !fill->empty) {
        g_string_truncate(fill->out, fill->out->len - 1);
    } else if (fill->column == 0 && close[0] == '\n') {
        close++;
    }
    g_string_append(fill->out, close);
}
