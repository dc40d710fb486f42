/* SPDX-License-Identifier: BSD-3-Clause */
/* See print.h. */
#include "client/print.h"

#include "json/unicode.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A column is not made wider than this for the sake of a few long cells. */
enum { COLUMN_MAX = 40 };

void print_init(Printer *p)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    p->terminal = isatty(STDOUT_FILENO);
    p->colour = p->terminal && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
    p->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* What must not reach a terminal: C0, DEL, C1, and the invisible characters that reorder, join or
 * break lines (a name could look like another one). */
static bool is_unsafe(gunichar c)
{
    if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
        return true;
    }
    GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_FORMAT || type == G_UNICODE_LINE_SEPARATOR ||
           type == G_UNICODE_PARAGRAPH_SEPARATOR || type == G_UNICODE_UNASSIGNED ||
           type == G_UNICODE_PRIVATE_USE;
}

static void escape_one(GString *out, uint32_t c)
{
    switch (c) {
    case '\n': g_string_append(out, "\\n"); return;
    case '\r': g_string_append(out, "\\r"); return;
    case '\t': g_string_append(out, "\\t"); return;
    default: break;
    }
    if (c >= 0x10000) {
        g_string_append_printf(out, "\\U%08X", c);
    } else {
        g_string_append_printf(out, "\\u%04X", c);
    }
}

void print_escaped(GString *out, const char *text, bool ascii)
{
    const char *end = text + strlen(text);
    for (const char *p = text; p < end;) {
        const char *start = p;
        int32_t c = json_utf8_next(&p, end);
        if (c < 0) {
            escape_one(out, 0xFFFD);
        } else if (is_unsafe((gunichar)c) || (ascii && c > 0x7F)) {
            escape_one(out, (uint32_t)c);
        } else {
            g_string_append_len(out, start, p - start);
        }
    }
}

size_t print_width(const char *text)
{
    size_t width = 0;
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

char *print_value(const Printer *p, const JsonTape *tape, JsonTok tok)
{
    if (json_tape_type(tape, tok) != JSON_STRING) {
        return json_tape_copy_subtree(tape, tok, NULL);
    }
    const char *text = json_tok_text(tape, tok, NULL);
    GString *out = g_string_new(NULL);
    print_escaped(out, *text ? text : "\"\"", !p->utf8);
    return g_string_free(out, FALSE);
}

char *print_value_exact(const Printer *p, const JsonTape *tape, JsonTok tok)
{
    if (json_tape_type(tape, tok) != JSON_STRING) {
        return json_tape_copy_subtree(tape, tok, NULL);
    }
    const char *text = json_tok_text(tape, tok, NULL);
    if (!p->terminal) {
        return g_strdup(text);
    }
    GString *out = g_string_new(NULL);
    print_escaped(out, text, !p->utf8);
    return g_string_free(out, FALSE);
}

void print_styled(const Printer *p, GString *out, PrintStyle style, const char *text)
{
    static const char *const codes[] = {
        [PRINT_PLAIN] = "",          [PRINT_CHILD] = "\033[1;34m", [PRINT_LINK] = "\033[36m",
        [PRINT_FAINT] = "\033[2m",   [PRINT_ADDED] = "\033[32m",   [PRINT_CHANGED] = "\033[33m",
        [PRINT_REMOVED] = "\033[31m"};
    bool coloured = p->colour && style != PRINT_PLAIN && *text;

    g_string_append(out, coloured ? codes[style] : "");
    g_string_append(out, text);
    g_string_append(out, coloured ? "\033[0m" : "");
}

static void free_cell(gpointer cell)
{
    g_free(*(char **)cell);
}

void print_table_init(PrintTable *table, const Printer *p)
{
    table->printer = p;
    table->cells = g_array_new(FALSE, FALSE, sizeof(char *));
    table->styles = g_array_new(FALSE, FALSE, sizeof(PrintStyle));
    g_array_set_clear_func(table->cells, free_cell);
}

void print_table_clear(PrintTable *table)
{
    g_array_free(table->cells, TRUE);
    g_array_free(table->styles, TRUE);
}

void print_table_row(PrintTable *table, PrintStyle name_style, char *name, PrintStyle second_style,
                     char *second, char *third, char *fourth)
{
    char *cells[PRINT_COLUMNS] = {name, second, third, fourth};
    PrintStyle styles[PRINT_COLUMNS] = {name_style, second_style, PRINT_FAINT, PRINT_PLAIN};

    g_array_append_vals(table->cells, cells, PRINT_COLUMNS);
    g_array_append_vals(table->styles, styles, PRINT_COLUMNS);
}

size_t print_table_rows(const PrintTable *table)
{
    return table->cells->len / PRINT_COLUMNS;
}

static const char *cell_at(const PrintTable *table, size_t row, size_t column)
{
    return g_array_index(table->cells, char *, row *PRINT_COLUMNS + column);
}

/* The number of columns that a row has. */
static size_t row_columns(const PrintTable *table, size_t row)
{
    size_t n = PRINT_COLUMNS;
    while (n > 0 && !cell_at(table, row, n - 1)) {
        n--;
    }
    return n;
}

void print_table_measure(const PrintTable *table, size_t widths[PRINT_COLUMNS])
{
    memset(widths, 0, PRINT_COLUMNS * sizeof(*widths));
    for (size_t row = 0; row < print_table_rows(table); row++) {
        size_t n = row_columns(table, row);
        for (size_t column = 0; column + 1 < n; column++) {
            const char *cell = cell_at(table, row, column);
            size_t width = cell ? print_width(cell) : 0;
            if (width <= COLUMN_MAX) {
                widths[column] = MAX(widths[column], width);
            }
        }
    }
}

void print_table_line(const PrintTable *table, size_t row, const size_t *widths, GString *out)
{
    size_t n = row_columns(table, row);
    for (size_t column = 0; column < n; column++) {
        const char *cell = cell_at(table, row, column);
        PrintStyle style = g_array_index(table->styles, PrintStyle, row * PRINT_COLUMNS + column);
        cell = cell ? cell : "";
        print_styled(table->printer, out, style, cell);
        if (column + 1 < n) {
            size_t width = print_width(cell);
            size_t pad = 2 + (width < widths[column] ? widths[column] - width : 0);
            for (size_t i = 0; i < pad; i++) {
                g_string_append_c(out, ' ');
            }
        }
    }
}

void print_table_show(const PrintTable *table)
{
    size_t widths[PRINT_COLUMNS];
    g_autoptr(GString) line = g_string_new(NULL);

    print_table_measure(table, widths);
    for (size_t row = 0; row < print_table_rows(table); row++) {
        g_string_truncate(line, 0);
        print_table_line(table, row, widths, line);
        g_string_append_c(line, '\n');
        fputs(line->str, stdout);
    }
}

void print_json(JsonWriter *w)
{
    puts(json_writer_text(w, NULL));
    json_writer_reset(w);
}

void print_json_pretty(const JsonTape *tape, JsonTok tok)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(true);
    json_writer_subtree(w, tape, tok);
    /* The writer ends lines in CR LF as QMP does; inside of strings a CR is always escaped. */
    for (const char *p = json_writer_text(w, NULL); *p; p++) {
        if (*p != '\r') {
            putchar(*p);
        }
    }
    putchar('\n');
}
