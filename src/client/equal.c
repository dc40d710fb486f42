/* SPDX-License-Identifier: BSD-3-Clause */
/* See equal.h. The parser bounds the depth of both values. */
#include "client/equal.h"

#include <glib.h>
#include <string.h>

static bool equal_numbers(const JsonTape *a, JsonTok a_tok, const JsonTape *b, JsonTok b_tok)
{
    int64_t i;
    int64_t k;
    uint64_t m;
    uint64_t n;
    double x;
    double y;

    if (json_tok_int64(a, a_tok, &i) == JSON_NUMBER_OK &&
        json_tok_int64(b, b_tok, &k) == JSON_NUMBER_OK) {
        return i == k;
    }
    if (json_tok_uint64(a, a_tok, &m) == JSON_NUMBER_OK &&
        json_tok_uint64(b, b_tok, &n) == JSON_NUMBER_OK) {
        return m == n;
    }
    return json_tok_double(a, a_tok, &x) == JSON_NUMBER_OK &&
           json_tok_double(b, b_tok, &y) == JSON_NUMBER_OK && x == y;
}

static bool equal_members(const JsonTape *a, JsonTok a_tok, const JsonTape *b, JsonTok b_tok)
{
    for (JsonTok key = json_tape_first(a, a_tok); key != JSON_NONE;
         key = json_tape_next(a, a_tok, key)) {
        JsonTok other = json_tape_find(b, b_tok, json_tok_text(a, key, NULL));
        if (other == JSON_NONE || !equal_json(a, json_tape_value(a, key), b, other)) {
            return false;
        }
    }
    return true;
}

static gint compare_integers(gconstpointer a, gconstpointer b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The elements, each once, in ascending order; NULL: one of them is no integer. */
static GArray *sorted_integers(const JsonTape *tape, JsonTok list)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        int64_t value;
        if (json_tok_int64(tape, t, &value) != JSON_NUMBER_OK) {
            g_array_unref(out);
            return NULL;
        }
        g_array_append_val(out, value);
    }
    g_array_sort(out, compare_integers);
    guint kept = 0;
    for (guint i = 0; i < out->len; i++) {
        int64_t value = g_array_index(out, int64_t, i);
        if (kept == 0 || g_array_index(out, int64_t, kept - 1) != value) {
            g_array_index(out, int64_t, kept++) = value;
        }
    }
    g_array_set_size(out, kept);
    return out;
}

static bool equal_lists(const JsonTape *a, JsonTok a_tok, const JsonTape *b, JsonTok b_tok)
{
    g_autoptr(GArray) left = sorted_integers(a, a_tok);
    g_autoptr(GArray) right = sorted_integers(b, b_tok);
    JsonTok t;
    JsonTok u;

    if (left && right) {
        return left->len == right->len &&
               (left->len == 0 || !memcmp(left->data, right->data, left->len * sizeof(int64_t)));
    }
    for (t = json_tape_first(a, a_tok), u = json_tape_first(b, b_tok);
         t != JSON_NONE && u != JSON_NONE;
         t = json_tape_next(a, a_tok, t), u = json_tape_next(b, b_tok, u)) {
        if (!equal_json(a, t, b, u)) {
            return false;
        }
    }
    return t == u;
}

static bool is_number(JsonType type)
{
    return type == JSON_INTEGER || type == JSON_DOUBLE;
}

bool equal_json(const JsonTape *a, JsonTok a_tok, const JsonTape *b, JsonTok b_tok)
{
    JsonType type = json_tape_type(a, a_tok);
    JsonType other = json_tape_type(b, b_tok);

    if (is_number(type) && is_number(other)) {
        return equal_numbers(a, a_tok, b, b_tok);
    }
    if (type != other) {
        return false;
    }
    switch (type) {
    case JSON_BOOL: return json_tok_bool(a, a_tok) == json_tok_bool(b, b_tok);
    case JSON_STRING: return json_tok_equals(a, a_tok, json_tok_text(b, b_tok, NULL));
    case JSON_OBJECT: return equal_members(a, a_tok, b, b_tok);
    case JSON_ARRAY: return equal_lists(a, a_tok, b, b_tok);
    default: return type == JSON_NULL;
    }
}

bool equal_link(const char *wanted, const char *path)
{
    if (wanted[0] == '/' || !*wanted || !*path) {
        return !strcmp(wanted, path);
    }
    return g_str_has_suffix(path, wanted) && strlen(path) > strlen(wanted) &&
           path[strlen(path) - strlen(wanted) - 1] == '/';
}
