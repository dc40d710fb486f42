/* SPDX-License-Identifier: BSD-3-Clause */
/* What `qapic gen` and `qapic doc` do alike: files that are only touched when they change. */
#ifndef QAPIC_OUTPUT_H
#define QAPIC_OUTPUT_H

#include "qapic/schema.h"
#include "qom/error.h"

/* Makes @name in the folder @dir (made if need be) hold @text. A file that does so already keeps
 * its time of change. */
bool output_write(const char *dir, const char *name, const GString *text, QomError **errp);

/* Writes the file @path for make and ninja: all @names (const char *) in @dir depend on all files
 * of @schema. */
bool output_depfile(const char *path, const char *dir, const GPtrArray *names, const Schema *schema,
                    QomError **errp);

#endif
