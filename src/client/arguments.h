/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments of a command as a person types them: `size=1G limits.iops-total=5 host-nodes=0-3`.
 */
#ifndef CLIENT_ARGUMENTS_H
#define CLIENT_ARGUMENTS_H

#include "client/schema.h"

typedef struct Arguments Arguments;

Arguments *arguments_new(void);
/* NULL is fine. */
void arguments_free(Arguments *a);

/* Adds `KEY=VALUE`. Dots in the key lead into objects, numbers between them into lists. Fails if
 * the key has no form, or is both a value and something with members. */
bool arguments_add(Arguments *a, const char *text, QomError **errp);
/* Adds a value for a key without dots. */
void arguments_set(Arguments *a, const char *key, const char *value);
/* Whether a key without dots was given. */
bool arguments_has(const Arguments *a, const char *key);

/*
 * Writes all as a JSON object, each value as its type in the schema says; a key that comes again
 * adds to a list. What the schema does not know is taken as JSON if it is that, else as a string.
 */
bool arguments_write(const Arguments *a, const Schema *schema, SchemaType type, JsonWriter *w,
                     QomError **errp);

/* Writes the values of the keys without dots, each as a string. */
void arguments_write_strings(const Arguments *a, JsonWriter *w);

static inline void arguments_freep(Arguments **a)
{
    arguments_free(*a);
}

#endif
