/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/out.h"

static void put_string(GString *text, const char *value)
{
    g_string_append_c(text, '"');
    for (const char *p = value; *p; p++) {
        unsigned char c = *p;
        if (c == '"' || c == '\\') {
            g_string_append_c(text, '\\');
            g_string_append_c(text, c);
        } else if (c == '\n') {
            g_string_append(text, "\\n");
        } else if (c < ' ' || c == 127) {
            g_string_append_printf(text, "\\u%04x", c);
        } else {
            g_string_append_c(text, c);
        }
    }
    g_string_append_c(text, '"');
}

static void put_key(Out *out, const char *key)
{
    if (out->comma) {
        g_string_append(out->text, ", ");
    }
    if (key) {
        put_string(out->text, key);
        g_string_append(out->text, ": ");
    }
    out->comma = true;
}

void out_begin(Out *out, const char *key, char bracket)
{
    put_key(out, key);
    g_string_append_c(out->text, bracket);
    out->comma = false;
}

void out_end(Out *out, char bracket)
{
    g_string_append_c(out->text, bracket);
    out->comma = true;
}

void out_string(Out *out, const char *key, const char *value)
{
    put_key(out, key);
    if (value) {
        put_string(out->text, value);
    } else {
        g_string_append(out->text, "null");
    }
}

void out_bool(Out *out, const char *key, bool value)
{
    put_key(out, key);
    g_string_append(out->text, value ? "true" : "false");
}

void out_uint(Out *out, const char *key, uint64_t value)
{
    put_key(out, key);
    g_string_append_printf(out->text, "%" G_GUINT64_FORMAT, value);
}

void out_null(Out *out, const char *key)
{
    out_string(out, key, NULL);
}

void out_newline(Out *out)
{
    g_string_append(out->text, out->comma ? ",\n" : "\n");
    out->comma = false;
}
