/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client shows: names, values, tables. All text from a server is hostile: what could
 * steer a terminal or break a line is shown as an escape. */
#ifndef CLIENT_PRINT_H
#define CLIENT_PRINT_H

#include "qom/json.h"

#include <glib.h>

typedef struct Printer {
    bool terminal; /* stdout is one */
    bool colour;
    bool utf8; /* what stdout shows has more than ASCII: box drawing, letters */
} Printer;

typedef enum PrintStyle {
    PRINT_PLAIN,
    PRINT_CHILD,
    PRINT_LINK,
    PRINT_FAINT,
    PRINT_ADDED,
    PRINT_CHANGED,
    PRINT_REMOVED,
} PrintStyle;

/* Finds out about stdout. */
void print_init(Printer *p);

/* Writes @text, UTF-8, to @out. Control characters, and what reorders or hides text, as `\n` or
 * `\u001B`; also what is not ASCII if @ascii. */
void print_escaped(GString *out, const char *text, bool ascii);

/* The columns that UTF-8 text takes on a terminal. */
size_t print_width(const char *text);

/* The value at @tok: strings bare (but `""` for the empty one), all else as JSON; escaped. New
 * memory. */
char *print_value(const Printer *p, const JsonTape *tape, JsonTok tok);

/* The same for a program or a person that asked for this very value: to what is no terminal,
 * strings go out as they are. */
char *print_value_exact(const Printer *p, const JsonTape *tape, JsonTok tok);

/* Appends @text (escaped before) in colour. */
void print_styled(const Printer *p, GString *out, PrintStyle style, const char *text);

/* --- Tables ---------------------------------------------------------------------------------- */

enum { PRINT_COLUMNS = 4 };

/* Rows whose columns are aligned. The last column that a row has is not padded. */
typedef struct PrintTable {
    const Printer *printer;
    GArray *cells; /* of char *, PRINT_COLUMNS a row, NULL: nothing there */
    GArray *styles;
} PrintTable;

void print_table_init(PrintTable *table, const Printer *p);
void print_table_clear(PrintTable *table);

/* Adds a row; the cells are escaped, and taken over. */
void print_table_row(PrintTable *table, PrintStyle name_style, char *name, PrintStyle second_style,
                     char *second, char *third, char *fourth);

size_t print_table_rows(const PrintTable *table);

/* Appends row @row, without a newline; @widths from print_table_measure(). */
void print_table_line(const PrintTable *table, size_t row, const size_t *widths, GString *out);

/* The widths of the columns. A cell that is much wider than most shifts the rest of its row. */
void print_table_measure(const PrintTable *table, size_t widths[PRINT_COLUMNS]);

/* Writes the whole table to stdout. */
void print_table_show(const PrintTable *table);

/* --- JSON ------------------------------------------------------------------------------------ */

/* Writes the text of @w and a newline to stdout, empties @w. */
void print_json(JsonWriter *w);

/* The value over several lines, as a person likes it. */
void print_json_pretty(const JsonTape *tape, JsonTok tok);

#endif
