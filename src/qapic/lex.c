/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/lex.h"

#include <string.h>

/* Reports the first byte that is no text, once for the file: everything behind it is unreliable. */
static bool check_encoding(Lexer *lexer)
{
    const char *bad;
    if (g_utf8_validate_len(lexer->p, lexer->end - lexer->p, &bad)) {
        return true;
    }
    SchemaPlace place = {.file = lexer->file, .line = 1, .len = 1};
    const char *line = lexer->p;
    for (const char *newline; (newline = memchr(line, '\n', bad - line)); line = newline + 1) {
        place.line++;
    }
    place.col = bad - line + 1;
    diag_error(lexer->diag, place, DIAG_BAD_CHAR, "byte 0x%02x: the file is not UTF-8 text",
               (unsigned char)*bad);
    return false;
}

void lex_init(Lexer *lexer, const SchemaFile *file, Arena *arena, Diag *diag)
{
    *lexer = (Lexer){
        .file = file,
        .arena = arena,
        .diag = diag,
        .p = file->text,
        .end = file->text + file->len,
        .line_start = file->text,
        .line = 1,
    };
    if (!check_encoding(lexer)) {
        lexer->end = lexer->p;
        lexer->token = TOKEN_BAD;
    }
}

static SchemaPlace place_at(const Lexer *lexer, const char *start, size_t len)
{
    return (SchemaPlace){
        .file = lexer->file,
        .line = lexer->line,
        .col = start - lexer->line_start + 1,
        .len = len,
    };
}

static void go_behind_newline(Lexer *lexer, const char *newline)
{
    lexer->p = newline + 1;
    lexer->line_start = lexer->p;
    lexer->line++;
}

/* Schema text ends in a newline, so there always is one. */
static const char *find_newline(const Lexer *lexer, const char *p)
{
    return memchr(p, '\n', lexer->end - p);
}

/* Goes to the first character of a token or doc comment. Returns false at the end of the text. */
static bool skip_blanks_and_comments(Lexer *lexer)
{
    while (lexer->p < lexer->end) {
        switch (*lexer->p) {
        case ' ':
        case '\t':
        case '\f': lexer->p++; break;
        case '\n': go_behind_newline(lexer, lexer->p); break;
        case '#':
            if (lexer->p[1] == '#') {
                return true;
            }
            lexer->p = find_newline(lexer, lexer->p);
            break;
        default: return true;
        }
    }
    return false;
}

static void bad_token(Lexer *lexer, const char *end)
{
    lexer->place.len = end - lexer->p;
    lexer->p = end;
    lexer->token = TOKEN_BAD;
}

/* Anything that is no token: up to the next structural character, blank or quote. */
static void lex_word(Lexer *lexer)
{
    size_t len = strcspn(lexer->p, "{}[]:,' \t\f\n");
    const char *end = lexer->p + len;
    bool is_true = len == 4 && !memcmp(lexer->p, "true", 4);
    bool is_false = len == 5 && !memcmp(lexer->p, "false", 5);
    if (is_true || is_false) {
        lexer->token = is_true ? TOKEN_TRUE : TOKEN_FALSE;
        lexer->place.len = len;
        lexer->p = end;
        return;
    }
    lexer->place.len = len;
    diag_error(lexer->diag, lexer->place, DIAG_STRAY_TOKEN, "stray '%.*s'", (int)MIN(len, 80),
               lexer->p);
    if (*lexer->p == '"') {
        diag_hint(lexer->diag, "strings are in single quotes");
    }
    bad_token(lexer, end);
}

/* Finds what is wrong first with the string that begins at @p: returns that place, or NULL if all
 * is well. *@end: behind its closing quote, or where to go on when it has none. */
static const char *find_fault(const char *p, const char **end, DiagCode *code)
{
    const char *fault = NULL;
    for (p++; *p != '\''; p++) {
        DiagCode found = DIAG_BAD_CHAR;
        if (*p == '\n') {
            *end = p;
            if (!fault) {
                *code = DIAG_UNTERMINATED_STRING;
            }
            return fault ? fault : p;
        }
        if (*p == '\\' && p[1] != '\n') {
            p++;
            if (*p == '\\') {
                continue;
            }
            found = DIAG_BAD_ESCAPE;
        } else if (*p >= 32 && *p < 127) {
            continue;
        }
        if (!fault) {
            *code = found;
            fault = p;
        }
    }
    *end = p + 1;
    return fault;
}

static void report_string(Lexer *lexer, DiagCode code, const char *at)
{
    if (code == DIAG_UNTERMINATED_STRING) {
        diag_error(lexer->diag, lexer->place, code, "the string does not end on its line");
    } else if (code == DIAG_BAD_ESCAPE) {
        diag_error(lexer->diag, lexer->place, code,
                   "unknown escape sequence '\\%c' in the string; only '\\\\' is known", *at);
    } else {
        diag_error(lexer->diag, lexer->place, code,
                   "byte 0x%02x in the string: only printable ASCII is allowed",
                   (unsigned char)*at);
    }
}

static void lex_string(Lexer *lexer)
{
    const char *end;
    DiagCode code = DIAG_BAD_CHAR;
    const char *fault = find_fault(lexer->p, &end, &code);
    lexer->place.len = end - lexer->p;
    if (fault) {
        report_string(lexer, code, fault);
        bad_token(lexer, end);
        return;
    }
    char *string = arena_strndup(lexer->arena, lexer->p + 1, end - lexer->p - 2);
    if (strchr(string, '\\')) {
        char *out = string;
        for (const char *in = string; *in; in++) {
            in += *in == '\\';
            *out++ = *in;
        }
        *out = '\0';
    }
    lexer->string = string;
    lexer->token = TOKEN_STRING;
    lexer->p = end;
}

/* One past the last character of the last line. */
static SchemaPlace place_of_end(const Lexer *lexer)
{
    const char *newline = lexer->file->text + lexer->file->len - 1;
    const char *start = newline;
    while (start > lexer->file->text && start[-1] != '\n') {
        start--;
    }
    return (SchemaPlace){
        .file = lexer->file,
        .line = lexer->line > 1 ? lexer->line - 1 : 1,
        .col = newline - start + 1,
        .len = 1,
    };
}

void lex_next(Lexer *lexer)
{
    if (!skip_blanks_and_comments(lexer)) {
        lexer->token = TOKEN_END;
        lexer->place = place_of_end(lexer);
        return;
    }
    lexer->place = place_at(lexer, lexer->p, 1);
    switch (*lexer->p) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',': lexer->token = (TokenKind)*lexer->p++; return;
    case '\'': lex_string(lexer); return;
    case '#': lexer->token = TOKEN_DOC; return;
    default: lex_word(lexer); return;
    }
}

void lex_recover(Lexer *lexer)
{
    bool at_begin = lexer->token == TOKEN_OPEN_BRACE && lexer->place.col == 1;
    if (lexer->token == TOKEN_END || at_begin) {
        return;
    }
    while (lexer->p < lexer->end) {
        if (lexer->p == lexer->line_start &&
            (*lexer->p == '{' || (*lexer->p == '#' && lexer->p[1] == '#'))) {
            break;
        }
        go_behind_newline(lexer, find_newline(lexer, lexer->p));
    }
    lex_next(lexer);
}

const char *lex_comment_line(Lexer *lexer, size_t *len, SchemaPlace *place)
{
    while (lexer->p < lexer->end && strchr(" \t\f\n", *lexer->p)) {
        if (*lexer->p == '\n') {
            go_behind_newline(lexer, lexer->p);
        } else {
            lexer->p++;
        }
    }
    if (lexer->p == lexer->end) {
        *place = place_of_end(lexer);
        return NULL;
    }
    if (*lexer->p != '#') {
        *place = place_at(lexer, lexer->p, 1);
        return NULL;
    }
    const char *text = lexer->p;
    const char *newline = find_newline(lexer, text);
    const char *end = newline;
    while (end > text && strchr(" \t\f", end[-1])) {
        end--;
    }
    *len = end - text;
    *place = place_at(lexer, text, *len);
    go_behind_newline(lexer, newline);
    return text;
}
