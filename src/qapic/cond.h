/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be done with conditions. NULL is the condition that always holds. */
#ifndef QAPIC_COND_H
#define QAPIC_COND_H

#include "qapic/schema.h"

/* @cond as an expression of the C preprocessor: `defined(A) && (defined(B) || !defined(C))`.
 * Returns a new string, or NULL for the condition that always holds. */
char *cond_to_c(const SchemaCond *cond);

/* Whether @cond holds when exactly the names in @defined (a set; NULL: none) are defined. */
bool cond_holds(const SchemaCond *cond, GHashTable *defined);

/* Whether @a and @b are written alike. */
bool cond_equal(const SchemaCond *a, const SchemaCond *b);

/* Whether @a and @b together (either may be NULL) make @c true whatever names are defined. Tries
 * all combinations: if there are too many names for that, the answer is true. */
bool cond_implies(const SchemaCond *a, const SchemaCond *b, const SchemaCond *c);

/* Reads names, one a line, into the set @defined; `#` starts a comment. Returns false and sets
 * *@message (free it) if the file can't be read or a line is no condition's name. */
bool cond_read_names(const char *path, GHashTable *defined, char **message);

/* Whether @name may stand in a condition: [A-Z][A-Z0-9_]*. */
bool cond_is_name(const char *name);

#endif
