/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about a schema, in the form that editors and people know from C compilers:
 *
 *     In file included from main.json:3:
 *     sub.json:7:12: error: ... [code]
 *         7 |   'data': { 'a': 'strr' } }
 *           |                  ^~~~~~
 *     main.json:1:1: note: ...
 */
#ifndef QAPIC_DIAG_H
#define QAPIC_DIAG_H

#include "qapic/codes.h"
#include "qapic/schema.h"
#include "qom/error.h"

#include <stdio.h>

/* A sink for messages on @out, which must live as long. Not thread-safe. */
Diag *diag_new(FILE *out);
void diag_free(Diag *diag);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Diag, diag_free)

/* Switches the colours on (only for a terminal). */
void diag_set_colour(Diag *diag, bool on);

/* To be called when the files that messages named so far may be gone. */
void diag_forget_files(Diag *diag);

/* How many errors (warnings) were reported so far. */
unsigned diag_errors(const Diag *diag);
unsigned diag_warnings(const Diag *diag);

/* Reports an error at @place. */
void diag_error(Diag *diag, SchemaPlace place, DiagCode code, const char *fmt, ...)
    QOM_PRINTF(4, 5);

/* Reports an error in a definition that starts at @def; the token at fault is at @token. The error
 * names the definition's line; the token gets the caret, on that line or in a note. */
void diag_error_in(Diag *diag, SchemaPlace def, SchemaPlace token, DiagCode code, const char *fmt,
                   ...) QOM_PRINTF(5, 6);

/* Reports an error that has no place in a file. */
void diag_error_nowhere(Diag *diag, DiagCode code, const char *fmt, ...) QOM_PRINTF(3, 4);

/* Adds a note to the message before; nothing if @place has no file. */
void diag_note(Diag *diag, SchemaPlace place, const char *fmt, ...) QOM_PRINTF(3, 4);

/* Adds a hint without a place to the message before. */
void diag_hint(Diag *diag, const char *fmt, ...) QOM_PRINTF(2, 3);

/* Switches the warnings of @code on; at first all are off. */
void diag_enable_warning(Diag *diag, DiagCode code, bool on);
bool diag_warning_enabled(const Diag *diag, DiagCode code);

/* Reports a warning at @place, if it is on; @code is one of the DIAG_WARN_ codes. */
void diag_warn(Diag *diag, SchemaPlace place, DiagCode code, const char *fmt, ...) QOM_PRINTF(4, 5);

#endif
