/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/gen_text.h"

#include "qapic/cond.h"

#include <string.h>

/* Appends a line of a comment so that it neither ends the comment nor starts another. */
static void append_comment_text(GString *out, const char *line)
{
    for (const char *c = line; *c != '\0'; c++) {
        g_string_append_c(out, *c);
        if ((c[0] == '*' && c[1] == '/') || (c[0] == '/' && c[1] == '*')) {
            g_string_append_c(out, ' ');
        }
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
        g_string_append_printf(out, "%*s/* ", (int)indent, "");
        append_comment_text(out, list[0]);
        g_string_append(out, " */\n");
        return;
    }
    g_string_append_printf(out, "%*s/*\n", (int)indent, "");
    for (unsigned i = 0; i < count; i++) {
        g_string_append_printf(out, "%*s *%s", (int)indent, "", list[i][0] == '\0' ? "" : " ");
        append_comment_text(out, list[i]);
        g_string_append_c(out, '\n');
    }
    g_string_append_printf(out, "%*s */\n", (int)indent, "");
}

/* The length of the C form of the character at @c, which is appended to @out unless that is NULL.
 * `?` is escaped so that no trigraph arises. */
static unsigned append_char(GString *out, char c)
{
    char buffer[5] = {c, '\0'};

    if (c == '"' || c == '\\' || c == '?') {
        buffer[0] = '\\';
        buffer[1] = c;
    } else if (c == '\n') {
        strcpy(buffer, "\\n");
    } else if (g_ascii_iscntrl(c)) {
        g_snprintf(buffer, sizeof(buffer), "\\%03o", (unsigned char)c);
    }
    if (out != NULL) {
        g_string_append(out, buffer);
    }
    return (unsigned)strlen(buffer);
}

void gen_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        append_char(out, *c);
    }
    g_string_append_c(out, '"');
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

void gen_code(GString *out, unsigned lead, const char *line)
{
    unsigned indent = lead + (unsigned)strcspn(line, "(") + 1;
    unsigned column = lead;

    g_string_append_printf(out, "%*s", (int)lead, "");
    while (*line != '\0') {
        const char *comma = strstr(line, ", ");
        size_t len = comma == NULL ? strlen(line) : (size_t)(comma - line) + 1;

        if (column > lead && column + 1 + len > GEN_WIDTH) {
            g_string_append_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > lead) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append_len(out, line, (gssize)len);
        column += (unsigned)len;
        line += len + (comma == NULL ? 0 : 1);
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
    g_string_append_printf(fill->out, "\n%*s", (int)fill->indent, "");
    fill->column = fill->indent;
    fill->empty = true;
}

static void begin_item(GenFill *fill, unsigned columns)
{
    if (fill->column == 0) {
        g_string_append_printf(fill->out, "%*s", (int)fill->indent, "");
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
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = g_strdup_vprintf(fmt, args);
    va_end(args);
    /* two columns for the comma and what may close the list */
    begin_item(fill, (unsigned)g_utf8_strlen(text, -1) + 2);
    g_string_append_printf(fill->out, "%s,", text);
    fill->column += (unsigned)g_utf8_strlen(text, -1) + 1;
}

/* How many bytes of @text make a piece of a literal of at most @room columns: whole words. */
static size_t take_piece(const char *text, unsigned room)
{
    unsigned columns = 0;
    size_t last_word = 0;

    for (size_t i = 0; text[i] != '\0'; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            columns += append_char(NULL, text[i]);
        }
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
    g_string_append_printf(fill->out, "%s = ", name);
    while (true) {
        size_t len = take_piece(text, room);
        g_autofree char *piece = g_strndup(text, len);
        gen_string(fill->out, piece);
        text += len;
        if (*text == '\0') {
            break;
        }
        g_string_append_printf(fill->out, "\n%*s", (int)indent, "");
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
