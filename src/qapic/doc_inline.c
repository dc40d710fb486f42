/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs within a block of reStructuredText: ``literal``, *emphasis*, **strong**, :role:`text`,
 * `text <target>`_, @name; and the wrapping of plain text. */
#include "qapic/doc_text.h"

#include <string.h>

static void escape_plain(GString *out, const char *text, size_t len, bool literal)
{
    g_string_append_len(out, text, (gssize)len);
}

const DocStyle doc_style_plain = {
    .literal = {"", ""},
    .emphasis = {"", ""},
    .strong = {"", ""},
    .escape = escape_plain,
};

static bool is_name_char(char c)
{
    return g_ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
}

/* Markup starts only where no word is going on. */
static bool may_start(const char *text, const char *at)
{
    return at == text || !(g_ascii_isalnum(at[-1]) || at[-1] == '_');
}

static void append_run(GString *out, const char *const mark[2], const char *text, size_t len,
                       bool literal, const DocStyle *style)
{
    g_string_append(out, mark[0]);
    style->escape(out, text, len, literal);
    g_string_append(out, mark[1]);
}

/* `@name`: returns the length of the whole, 0 if it is none. The name is set like a literal. */
static size_t take_reference(GString *out, const char *at, const DocStyle *style)
{
    size_t len = 1;

    while (is_name_char(at[len])) {
        len++;
    }
    while (len > 1 && (at[len - 1] == '.' || at[len - 1] == '-')) {
        len--;
    }
    if (len == 1) {
        return 0;
    }
    append_run(out, style->literal, at + 1, len - 1, true, style);
    return len;
}

/* Text between @mark and @mark. Returns the length of the whole, 0 if it is none. */
static size_t take_delimited(GString *out, const char *at, const char *mark,
                             const char *const look[2], const DocStyle *style)
{
    size_t width = strlen(mark);
    bool literal = g_str_equal(mark, "``");
    const char *end;

    if (at[width] == '\0' || at[width] == ' ') {
        return 0;
    }
    for (end = strstr(at + width + 1, mark); end != NULL; end = strstr(end + 1, mark)) {
        if (end[-1] != ' ' && !g_ascii_isalnum(end[width])) {
            break;
        }
    }
    if (end == NULL) {
        return 0;
    }
    append_run(out, look, at + width, (size_t)(end - at) - width, literal, style);
    return (size_t)(end - at) + width;
}

/* `text`, `text <target>`_ and :role:`text <target>`: the text, and the target if it is an URL. */
static size_t take_interpreted(GString *out, const char *at, const DocStyle *style)
{
    const char *open = at;
    const char *close, *target;
    size_t len;

    if (at[0] == ':') {
        size_t role = 1;
        while (g_ascii_islower(at[role]) || at[role] == '-' || at[role] == ':') {
            role++;
        }
        if (role < 3 || at[role - 1] != ':' || at[role] != '`') {
            return 0;
        }
        open = at + role;
    }
    close = strchr(open + 1, '`');
    if (close == NULL || close == open + 1) {
        return 0;
    }
    len = (size_t)(close - open) - 1;
    target = g_strstr_len(open + 1, (gssize)len, " <");
    if (target != NULL && close[-1] == '>') {
        append_run(out, style->emphasis, open + 1, (size_t)(target - open) - 1, false, style);
        if (memchr(target, ':', (size_t)(close - target)) != NULL && at == open) {
            style->escape(out, " (", 2, false);
            style->escape(out, target + 2, (size_t)(close - target) - 3, false);
            style->escape(out, ")", 1, false);
        }
    } else {
        append_run(out, at == open ? style->emphasis : style->literal, open + 1, len, at != open,
                   style);
    }
    close++;
    return (size_t)(close - at) + strspn(close, "_");
}

static size_t take_markup(GString *out, const char *at, const DocStyle *style)
{
    size_t len = 0;

    switch (at[0]) {
    case '@': return take_reference(out, at, style);
    case '`':
        if (at[1] == '`') {
            len = take_delimited(out, at, "``", style->literal, style);
        }
        return len > 0 ? len : take_interpreted(out, at, style);
    case ':': return take_interpreted(out, at, style);
    case '*':
        if (at[1] == '*') {
            return take_delimited(out, at, "**", style->strong, style);
        }
        return take_delimited(out, at, "*", style->emphasis, style);
    default: return 0;
    }
}

void doc_inline(GString *out, const char *text, const DocStyle *style)
{
    const char *at = text;

    while (*at != '\0') {
        size_t len = strcspn(at, "@`:*\\");

        if (len > 0) {
            style->escape(out, at, len, false);
            at += len;
            continue;
        }
        if (*at == '\\') {
            at++;
            if (*at != '\0') {
                style->escape(out, at, 1, false);
                at++;
            }
            continue;
        }
        len = may_start(text, at) ? take_markup(out, at, style) : 0;
        if (len == 0) {
            style->escape(out, at, 1, false);
            len = 1;
        }
        at += len;
    }
}

void doc_wrap(GString *out, const char *text, const char *first, unsigned indent, unsigned width)
{
    unsigned column = (unsigned)g_utf8_strlen(first, -1);
    bool at_start = true;

    g_string_append(out, first);
    for (const char *word = text + strspn(text, " "); *word != '\0';) {
        size_t len = strcspn(word, " ");
        unsigned columns = (unsigned)g_utf8_strlen(word, (gssize)len);

        if (!at_start && column + 1 + columns > width) {
            g_string_append_printf(out, "\n%*s", (int)indent, "");
            column = indent;
            at_start = true;
        }
        if (!at_start) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append_len(out, word, (gssize)len);
        column += columns;
        at_start = false;
        word += len + strspn(word + len, " ");
    }
    g_string_append_c(out, '\n');
}
