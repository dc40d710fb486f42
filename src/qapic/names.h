/* SPDX-License-Identifier: BSD-3-Clause */
/* Names: what the schema allows, and what becomes of them in C. All returned strings are new. */
#ifndef QAPIC_NAMES_H
#define QAPIC_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* @name as a C identifier: other characters become `_`. With @protect, keywords of C and C++, names
 * that systems define as macros, and names that start with a digit get `q_` in front. */
char *names_to_c(const char *name, bool protect);

/* @name (a type's) in upper case with `_` between its words: `NetFilterDirection` becomes
 * NET_FILTER_DIRECTION, `ENUMName` ENUM_NAME, `Enum24Name` ENUM24_NAME. */
char *names_to_upper(const char *name);

/* The C constant of the value @value of the enum @type, whose prefix is @prefix (NULL: from @type).
 */
char *names_to_enum_constant(const char *type, const char *prefix, const char *value);

/* The part of @name behind an optional `__RFQDN_` and an optional `x-`; NULL if @name is no valid
 * name at all or is reserved (`q_`). Points into @name. */
const char *names_stem(const char *name);

/* Whether @stem is CamelCase. */
bool names_is_camel(const char *stem);

/* Whether @text holds an upper case (lower case) letter. */
bool names_has_upper(const char *text);
bool names_has_lower(const char *text);

/* Whether @name may not be a member: `u`, `has-`..., `has_`... */
bool names_is_reserved_member(const char *name);

/* The one of the @count @candidates that looks most like @name, for "did you mean"; NULL if none is
 * near. */
const char *names_suggest(const char *name, const char *const *candidates, size_t count);

#endif
