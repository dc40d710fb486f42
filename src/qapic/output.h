/* SPDX-License-Identifier: BSD-3-Clause */
/* What `qapic gen` and `qapic doc` do alike: files that are only touched when they change. */
#ifndef QAPIC_OUTPUT_H
#define QAPIC_OUTPUT_H

#include "qapic/schema.h"
#include "qom/error.h"

/* Makes the folder @dir unless it is there. */
bool output_folder(const char *dir, QomError **errp);

/* Makes the file @name in the folder @dir hold @text. One that does so already is not touched. */
bool output_write(const char *dir, const char *name, const GString *text, QomError **errp);

/* Writes the file @path for make and ninja: all @names (const char *) in @dir depend on all files
 * of @schema. */
bool output_depfile(const char *path, const char *dir, const GPtrArray *names, const Schema *schema,
                    QomError **errp);

#endif
