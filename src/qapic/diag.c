/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/diag.h"

#include <glib.h>
#include <string.h>

/* Longer lines are shown in part, around the place. */
enum { DIAG_SHOWN_BYTES = 160 };

struct Diag {
    FILE *out;
    bool colour;
    unsigned errors;
    unsigned warnings;
    bool enabled[DIAG_CODE_COUNT]; /* warnings */

    /* The line shown last. */
    const SchemaFile *shown_file;
    const char *shown_start;
    uint32_t shown_line;
};

typedef enum Severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE } Severity;

static const struct {
    const char *name;
    const char *colour;
} severities[] = {
    [SEVERITY_ERROR] = {"error", "\033[1;31m"},
    [SEVERITY_WARNING] = {"warning", "\033[1;35m"},
    [SEVERITY_NOTE] = {"note", "\033[1;36m"},
};

Diag *diag_new(FILE *out)
{
    Diag *diag = g_new0(Diag, 1);
    diag->out = out;
    return diag;
}

void diag_free(Diag *diag)
{
    g_free(diag);
}

void diag_set_colour(Diag *diag, bool on)
{
    diag->colour = on;
}

void diag_forget_files(Diag *diag)
{
    diag->shown_file = NULL;
}

unsigned diag_errors(const Diag *diag)
{
    return diag->errors;
}

unsigned diag_warnings(const Diag *diag)
{
    return diag->warnings;
}

static void put_severity(Diag *diag, Severity severity)
{
    if (diag->colour) {
        fprintf(diag->out, "%s%s:\033[0m ", severities[severity].colour, severities[severity].name);
    } else {
        fprintf(diag->out, "%s: ", severities[severity].name);
    }
}

/* Outermost include first. A chain is as long as includes nest, which schema loading limits. */
static void put_include_chain(Diag *diag, const SchemaFile *file)
{
    if (!file->included_at.file) {
        return;
    }
    put_include_chain(diag, file->included_at.file);
    fprintf(diag->out, "In file included from %s:%u:\n", file->included_at.file->path,
            file->included_at.line);
}

/* Finds the line without its newline. Messages mostly go forward, so the search starts at the line
 * shown last. */
static const char *find_line(Diag *diag, const SchemaFile *file, uint32_t line, size_t *len)
{
    const char *end = file->text + file->len;
    if (diag->shown_file != file || line < diag->shown_line) {
        diag->shown_file = file;
        diag->shown_line = 1;
        diag->shown_start = file->text;
    }
    for (; diag->shown_line < line && diag->shown_start < end; diag->shown_line++) {
        const char *newline = memchr(diag->shown_start, '\n', end - diag->shown_start);
        diag->shown_start = newline ? newline + 1 : end;
    }
    const char *newline = memchr(diag->shown_start, '\n', end - diag->shown_start);
    *len = (newline ? newline : end) - diag->shown_start;
    return diag->shown_start;
}

static bool is_continuation_byte(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* One output column for each character; tabs stay, so that the caret line can repeat them. */
static void put_shown(Diag *diag, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = text[i];
        fputc(c == '\t' || (c >= ' ' && c != 127) ? c : '?', diag->out);
    }
}

static void put_caret(Diag *diag, const char *text, size_t len, size_t col, size_t width)
{
    for (size_t i = 0; i < col && i < len; i++) {
        if (!is_continuation_byte(text[i])) {
            fputc(text[i] == '\t' ? '\t' : ' ', diag->out);
        }
    }
    if (diag->colour) {
        fputs("\033[1;32m", diag->out);
    }
    fputc('^', diag->out);
    for (size_t i = col + 1; i < col + width && i < len; i++) {
        if (!is_continuation_byte(text[i])) {
            fputc('~', diag->out);
        }
    }
    fputs(diag->colour ? "\033[0m\n" : "\n", diag->out);
}

static void put_source(Diag *diag, SchemaPlace place)
{
    size_t len;
    const char *text = find_line(diag, place.file, place.line, &len);
    if (!len) {
        return;
    }
    size_t col = place.col ? place.col - 1 : 0;
    size_t skip = 0;
    if (len > DIAG_SHOWN_BYTES) {
        skip = col > DIAG_SHOWN_BYTES / 2 ? MIN(col - DIAG_SHOWN_BYTES / 2, len - DIAG_SHOWN_BYTES)
                                          : 0;
        while (skip && is_continuation_byte(text[skip])) {
            skip--;
        }
        len = MIN(len - skip, (size_t)DIAG_SHOWN_BYTES);
        text += skip;
        col -= skip;
    }
    fprintf(diag->out, "%5u | ", place.line);
    put_shown(diag, text, len);
    fputc('\n', diag->out);
    if (place.col) {
        fputs("      | ", diag->out);
        put_caret(diag, text, len, col, place.len);
    }
}

/* Message text may quote the schema, which may hold anything. */
static void put_text(Diag *diag, const char *fmt, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    for (char *p = text; *p; p++) {
        fputc((unsigned char)*p < ' ' || *p == 127 ? '?' : *p, diag->out);
    }
}

static void put_message(Diag *diag, Severity severity, SchemaPlace place, const char *code,
                        const char *fmt, va_list args)
{
    if (severity != SEVERITY_NOTE) {
        put_include_chain(diag, place.file);
    }
    fprintf(diag->out, "%s:%u:", place.file->path, place.line);
    if (place.col) {
        fprintf(diag->out, "%u:", place.col);
    }
    fputc(' ', diag->out);
    put_severity(diag, severity);
    put_text(diag, fmt, args);
    if (code) {
        fprintf(diag->out, " [%s]", code);
    }
    fputc('\n', diag->out);
    put_source(diag, place);
}

void diag_error(Diag *diag, SchemaPlace place, DiagCode code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put_message(diag, SEVERITY_ERROR, place, diag_code_name(code), fmt, args);
    va_end(args);
    diag->errors++;
}

void diag_error_in(Diag *diag, SchemaPlace def, SchemaPlace token, DiagCode code, const char *fmt,
                   ...)
{
    bool same_line = token.file == def.file && token.line == def.line;
    va_list args;
    va_start(args, fmt);
    put_message(diag, SEVERITY_ERROR, same_line ? token : def, diag_code_name(code), fmt, args);
    va_end(args);
    diag->errors++;
    if (!same_line) {
        diag_note(diag, token, "the fault is here");
    }
}

void diag_error_nowhere(Diag *diag, DiagCode code, const char *fmt, ...)
{
    put_severity(diag, SEVERITY_ERROR);
    va_list args;
    va_start(args, fmt);
    put_text(diag, fmt, args);
    va_end(args);
    fprintf(diag->out, " [%s]\n", diag_code_name(code));
    diag->errors++;
}

void diag_note(Diag *diag, SchemaPlace place, const char *fmt, ...)
{
    if (!place.file) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    put_message(diag, SEVERITY_NOTE, place, NULL, fmt, args);
    va_end(args);
}

void diag_hint(Diag *diag, const char *fmt, ...)
{
    fputs("      = ", diag->out);
    va_list args;
    va_start(args, fmt);
    put_text(diag, fmt, args);
    va_end(args);
    fputc('\n', diag->out);
}

void diag_enable_warning(Diag *diag, DiagCode code, bool on)
{
    diag->enabled[code] = on;
}

bool diag_warning_enabled(const Diag *diag, DiagCode code)
{
    return diag->enabled[code];
}

void diag_warn(Diag *diag, SchemaPlace place, DiagCode code, const char *fmt, ...)
{
    if (!diag->enabled[code]) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    put_message(diag, SEVERITY_WARNING, place, diag_code_name(code), fmt, args);
    va_end(args);
    diag->warnings++;
}
