/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommands of qapic, and what they share. */
#ifndef QAPIC_COMMAND_H
#define QAPIC_COMMAND_H

#include "qapic/diag.h"
#include "qapic/schema.h"

/* The exit codes of qapic. */
enum {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1, /* errors in the schema, or in writing */
    COMMAND_USAGE = 2,
};

/* Each takes its arguments without the program's name, argv[0] being the subcommand, and returns
 * the exit code. */
int command_check(int argc, char **argv);
int command_dump(int argc, char **argv);
int command_introspect(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_gen(int argc, char **argv);
int command_doc(int argc, char **argv);

/* Parses the options of a subcommand (@entries, may be NULL) and `--docs`, which sets
 * options->lax_docs; @options may be NULL: no such option then. One argument must be left, called
 * @operand in the help: returns it, or NULL after telling on stderr what is wrong. */
const char *command_parse(int *argc, char ***argv, const char *summary, const char *operand,
                          const GOptionEntry *entries, SchemaOptions *options);

/* A Diag that writes to stderr, in colours if that is a terminal. */
Diag *command_diag(void);

/* Loads the schema at @path with messages on stderr; NULL if it has errors. */
Schema *command_load(const char *path, const SchemaOptions *options);

/* Writes @text to stdout. Returns the exit code. */
int command_print(const GString *text);

#endif
