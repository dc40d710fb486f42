/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/names.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* What can't be an identifier in C17 or C++20, or is a macro on some system. In strcmp() order. */
static const char *const reserved_words[] = {
    "_Alignas",
    "_Alignof",
    "_Atomic",
    "_Bool",
    "_Complex",
    "_Generic",
    "_Imaginary",
    "_Noreturn",
    "_Static_assert",
    "_Thread_local",
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "errno",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "i386",
    "if",
    "inline",
    "int",
    "linux",
    "long",
    "mips",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "sparc",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unix",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};

static int compare_words(const void *key, const void *word)
{
    return strcmp(key, *(const char *const *)word);
}

static bool is_reserved_word(const char *name)
{
    return bsearch(name, reserved_words, G_N_ELEMENTS(reserved_words), sizeof(*reserved_words),
                   compare_words);
}

char *names_to_c(const char *name, bool protect)
{
    size_t len = strlen(name);
    char *result = g_malloc(len + sizeof("q_"));
    char *out = result + 2;
    for (size_t i = 0; i <= len; i++) {
        out[i] = g_ascii_isalnum(name[i]) || !name[i] ? name[i] : '_';
    }
    if (protect && (g_ascii_isdigit(*out) || is_reserved_word(out))) {
        memcpy(result, "q_", 2);
    } else {
        memmove(result, out, len + 1);
    }
    return result;
}

/* A word begins with an upper case letter that comes after a lower case letter or digit, or that
 * ends a row of upper case letters ("ENUMName": the N), unless it is the second letter ("QCrypto"
 * is one word). */
static bool begins_word(const char *name, const char *p)
{
    if (p == name || !g_ascii_isupper(*p) || !g_ascii_isalnum(p[-1])) {
        return false;
    }
    if (!g_ascii_isupper(p[-1])) {
        return true;
    }
    return p - name >= 2 && p[1] && !g_ascii_isupper(p[1]);
}

char *names_to_upper(const char *name)
{
    GString *result = g_string_new(NULL);
    g_autofree char *c_name = names_to_c(name, false);
    const char *start = c_name + strspn(c_name, "_");
    for (const char *p = start; *p; p++) {
        if (begins_word(start, p)) {
            g_string_append_c(result, '_');
        }
        g_string_append_c(result, g_ascii_toupper(*p));
    }
    return g_string_free(result, FALSE);
}

char *names_to_enum_constant(const char *type, const char *prefix, const char *value)
{
    g_autofree char *upper = prefix ? g_strdup(prefix) : names_to_upper(type);
    g_autofree char *c_value = names_to_c(value, false);
    g_autofree char *upper_value = g_ascii_strup(c_value, -1);
    return g_strconcat(upper, "_", upper_value, NULL);
}

static const char *skip_rfqdn(const char *name)
{
    if (strncmp(name, "__", 2) != 0) {
        return name;
    }
    const char *p = name + 2;
    while (g_ascii_isalnum(*p) || *p == '-' || *p == '.') {
        p++;
    }
    return *p == '_' && p > name + 2 ? p + 1 : name;
}

const char *names_stem(const char *name)
{
    const char *stem = skip_rfqdn(name);
    if (g_ascii_tolower(*stem) == 'x' && stem[1] == '-' && g_ascii_isalpha(stem[2])) {
        stem += 2;
    }
    if (!g_ascii_isalpha(*stem)) {
        return NULL;
    }
    for (const char *p = stem; *p; p++) {
        if (!g_ascii_isalnum(*p) && *p != '-' && *p != '_') {
            return NULL;
        }
    }
    return *name == 'q' && (name[1] == '-' || name[1] == '_') ? NULL : stem;
}

bool names_has_upper(const char *text)
{
    for (; *text; text++) {
        if (g_ascii_isupper(*text)) {
            return true;
        }
    }
    return false;
}

bool names_has_lower(const char *text)
{
    for (; *text; text++) {
        if (g_ascii_islower(*text)) {
            return true;
        }
    }
    return false;
}

bool names_is_camel(const char *stem)
{
    return g_ascii_isupper(*stem) && names_has_lower(stem) && !strpbrk(stem, "-_");
}

bool names_is_reserved_member(const char *name)
{
    return !strcmp(name, "u") || g_str_has_prefix(name, "has-") || g_str_has_prefix(name, "has_");
}

/* The number of letters to change, insert or remove, or to swap with the next, between @a and @b:
 * the restricted Damerau-Levenshtein distance. Names longer than SUGGEST_MAX are not compared. */
enum { SUGGEST_MAX = 64 };

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][SUGGEST_MAX + 1];
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[j - 1]) ||
                        (strchr("-_", a[i - 1]) && strchr("-_", b[j - 1]));
            unsigned best = MIN(above[j], row[j - 1]) + 1;
            best = MIN(best, above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = MIN(best, above2[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

const char *names_suggest(const char *name, const char *const *candidates, size_t count)
{
    size_t len = strlen(name);
    if (!len || len > SUGGEST_MAX) {
        return NULL;
    }
    const char *found = NULL;
    unsigned nearest = MAX(len / 3, 1) + 1;
    for (size_t i = 0; i < count; i++) {
        size_t candidate_len = strlen(candidates[i]);
        size_t difference = candidate_len > len ? candidate_len - len : len - candidate_len;
        if (candidate_len > SUGGEST_MAX || difference >= nearest) {
            continue;
        }
        unsigned d = distance(name, len, candidates[i], candidate_len);
        if (d < nearest) {
            nearest = d;
            found = candidates[i];
        }
    }
    return found;
}
