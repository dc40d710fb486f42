/* SPDX-License-Identifier: BSD-3-Clause */
/* How documents speak of types. All returned strings are new and have no markup. */
#ifndef QAPIC_DOC_TYPE_H
#define QAPIC_DOC_TYPE_H

#include "qapic/schema.h"

/* The type @ref for people: "string", "integer (uint16)", "list of Foo". */
char *doc_type_words(const SchemaTypeRef *ref);

/* The same in one word, as a place to fill in: STRING, NUMBER, on|off. */
char *doc_type_placeholder(const SchemaTypeRef *ref);

/* What is to be said of @member besides its text: type, "optional", conditions, features. */
char *doc_member_words(const SchemaMember *member);

/* The text of the section called @name ("Since") of @def's doc comment, or NULL. */
const char *doc_section(const SchemaDef *def, const char *name);

/* The overview of @def's doc comment, or NULL. */
const char *doc_overview(const SchemaDef *def);

/* The first sentence of @def's overview without markup; an empty string if there is none. */
char *doc_summary(const SchemaDef *def);

/* What @def's doc comment says of its feature @name, or NULL. */
const char *doc_of_feature(const SchemaDef *def, const char *name);

#endif
