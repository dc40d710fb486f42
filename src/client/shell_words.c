/* SPDX-License-Identifier: BSD-3-Clause */
/* See shell.h. The text is UTF-8; all that matters here is ASCII, so bytes are looked at. */
#include "client/shell.h"

#include <string.h>

typedef struct Splitter {
    ShellWords *to;
    const char *text;
    const char *p;
    GString *word;
} Splitter;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes a string inside of JSON, from its quote on, as it stands. */
static void take_json_string(Splitter *s)
{
    char quote = *s->p;
    g_string_append_c(s->word, *s->p++);
    while (*s->p && *s->p != quote) {
        if (*s->p == '\\' && s->p[1]) {
            g_string_append_c(s->word, *s->p++);
        }
        g_string_append_c(s->word, *s->p++);
    }
    if (!*s->p) {
        s->to->open = true;
        return;
    }
    g_string_append_c(s->word, *s->p++);
}

/* Takes a JSON object or array as it stands. Whether its brackets match is the parser's matter. */
static void take_json(Splitter *s)
{
    size_t depth = 0;
    do {
        if (*s->p == '"' || *s->p == '\'') {
            take_json_string(s);
            continue;
        }
        depth += *s->p == '{' || *s->p == '[';
        depth -= *s->p == '}' || *s->p == ']';
        g_string_append_c(s->word, *s->p++);
    } while (depth > 0 && *s->p);
    s->to->open = s->to->open || depth > 0;
}

static void take_quoted(Splitter *s)
{
    char quote = *s->p++;
    s->to->quoted = true;
    while (*s->p && *s->p != quote) {
        if (quote == '"' && *s->p == '\\' && (s->p[1] == '"' || s->p[1] == '\\')) {
            s->p++;
        }
        g_string_append_c(s->word, *s->p++);
    }
    if (!*s->p) {
        s->to->open = true;
        return;
    }
    s->p++;
}

static void take_word(Splitter *s)
{
    s->to->start = (size_t)(s->p - s->text);
    s->to->quoted = false;
    g_string_truncate(s->word, 0);
    while (*s->p && !is_blank(*s->p)) {
        bool begins = s->word->len == 0 || s->word->str[s->word->len - 1] == '=';
        if (begins && (*s->p == '{' || *s->p == '[')) {
            take_json(s);
        } else if (*s->p == '"' || *s->p == '\'') {
            take_quoted(s);
        } else {
            if (*s->p == '\\' && s->p[1]) {
                s->to->quoted = true;
                s->p++;
            }
            g_string_append_c(s->word, *s->p++);
        }
    }
    g_ptr_array_add(s->to->words, g_strdup(s->word->str));
}

void shell_split(ShellWords *words, const char *text)
{
    g_autoptr(GString) word = g_string_new(NULL);
    Splitter s = {words, text, text, word};

    *words = (ShellWords){.words = g_ptr_array_new_with_free_func(g_free)};
    for (;;) {
        while (is_blank(*s.p)) {
            s.p++;
        }
        if (!*s.p) {
            break;
        }
        take_word(&s);
    }
    if (s.p == text || is_blank(s.p[-1])) {
        words->start = (size_t)(s.p - text);
        words->quoted = false;
    }
}

void shell_words_clear(ShellWords *words)
{
    g_clear_pointer(&words->words, g_ptr_array_unref);
}
