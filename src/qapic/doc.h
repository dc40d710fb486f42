/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qapic doc`: documents from a schema. `--man` makes a manual page of each command
 * (qmp-COMMAND.7) and of each object type (qom-type-TYPE.7), which are the branches of one union,
 * ObjectOptions by default; `--markdown` makes one file of everything.
 */
#ifndef QAPIC_DOC_H
#define QAPIC_DOC_H

#include "qapic/schema.h"
#include "qom/error.h"

typedef struct DocOptions {
    char *out_dir;
    char *extra_dir;    /* has hand-written parts, PAGE.man; or NULL */
    char *object_union; /* whose branches are object types */
    char *source;       /* of the pages: the package and its version */
    char *date;         /* of the pages, YYYY-MM-DD */
} DocOptions;

/* Writes all manual pages. */
bool doc_man(const Schema *schema, const DocOptions *options, QomError **errp);

/* Writes the one file qapi.md. */
bool doc_markdown(const Schema *schema, const DocOptions *options, QomError **errp);

#endif
