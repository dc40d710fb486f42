/* SPDX-License-Identifier: BSD-3-Clause */
/* What a schema holds, as JSON. */
#ifndef QAPIC_DUMP_H
#define QAPIC_DUMP_H

#include "qapic/schema.h"

/* Appends the definitions as written and the doc comments: the output of `qapic dump --json`. */
void dump_json(const Schema *schema, GString *text);

/* Appends the reply to query-qmp-schema, with exactly the conditions true that the names in
 * @defined make true. @unmask: types keep their names. */
void introspect_json(const Schema *schema, GHashTable *defined, bool unmask, GString *text);

#endif
