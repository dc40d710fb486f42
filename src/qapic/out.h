/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing JSON text: calls nest as the values do, commas and keys are put as needed. @key is NULL
 * for elements of arrays and for the outermost value.
 */
#ifndef QAPIC_OUT_H
#define QAPIC_OUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Out {
    GString *text;
    bool comma; /* one is due before the next value */
} Out;

/* Opens an object ('{') or array ('['), and closes it. */
void out_begin(Out *out, const char *key, char bracket);
void out_end(Out *out, char bracket);

/* A string; NULL becomes null. */
void out_string(Out *out, const char *key, const char *value);
void out_bool(Out *out, const char *key, bool value);
void out_uint(Out *out, const char *key, uint64_t value);
void out_null(Out *out, const char *key);

/* A newline between two elements, for people. */
void out_newline(Out *out);

#endif
