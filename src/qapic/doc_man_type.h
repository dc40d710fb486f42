/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the manual pages: lists of members, with what their types consist of below. */
#ifndef QAPIC_DOC_MAN_TYPE_H
#define QAPIC_DOC_MAN_TYPE_H

#include "qapic/doc_roff.h"
#include "qapic/schema.h"

/* A page in the making. */
typedef struct ManPage {
    Roff roff;
    GHashTable *explained; /* const SchemaDef *: types whose parts the page has already */
} ManPage;

/* An entry for each of the members (const SchemaMember *). */
void man_members(ManPage *page, const GPtrArray *members);

/* An entry for each member of the type @def: all common ones, then the branches'. With @pages, the
 * branches have pages of their own and are only named. */
void man_type_members(ManPage *page, const SchemaDef *def, bool pages);

/* What the type @ref consists of (values, members, alternatives), indented; nothing if it is
 * built-in. */
void man_type_parts(ManPage *page, const SchemaTypeRef *ref);

/* An entry for each feature of @def. */
void man_features(ManPage *page, const SchemaDef *def);

#endif
